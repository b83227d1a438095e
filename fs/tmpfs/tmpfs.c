/*
 * tmpfs: files whose contents live in the page cache and nowhere else, directories that live in the
 * dentry cache.
 *
 * Limits: pages are charged when they enter a file's cache, inodes when they are made; both given
 * back when they go. Inode numbers count up per mount, from 1 for the root.
 */
#include <fs/tmpfs/tmpfs.h>
#include "tmpfs_impl.h"

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/task/task.h>
#include <kernel/frame/frame.h>
#include <kernel/mm/mm.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/fs_type.h>
#include <abi/memfd.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/xattr.h>

/* ---- limits ---- */

static int charge(struct pagecache *pc, u64 pages)
{
	struct tmpfs *t = tmpfs_of(pc->inode->super);
	int err = 0;

	spin_lock(&t->lock);
	if (t->max_pages && t->used_pages + pages > t->max_pages)
		err = -ENOSPC;
	else
		t->used_pages += pages;
	spin_unlock(&t->lock);
	return err;
}

static void uncharge(struct pagecache *pc, u64 pages)
{
	struct tmpfs *t = tmpfs_of(pc->inode->super);

	spin_lock(&t->lock);
	t->used_pages -= pages;
	spin_unlock(&t->lock);
}

static const struct pagecache_ops cache_ops = {.charge = charge, .uncharge = uncharge};

int tmpfs_charge_inode(struct tmpfs *t)
{
	int err = 0;

	spin_lock(&t->lock);
	if (t->max_inodes && t->used_inodes >= t->max_inodes)
		err = -ENOSPC;
	else
		t->used_inodes++;
	spin_unlock(&t->lock);
	return err;
}

void tmpfs_uncharge_inode(struct tmpfs *t)
{
	spin_lock(&t->lock);
	t->used_inodes--;
	spin_unlock(&t->lock);
}

/* ---- inodes ---- */

/* With inode32 numbers wrap at 32 bits and leave out 0. */
static u64 next_ino(struct tmpfs *t)
{
	u64 ino = __atomic_add_fetch(&t->next_ino, 1, __ATOMIC_RELAXED);

	if (likely(!READ_ONCE(t->inode32)))
		return ino;
	while (!(u32)ino)
		ino = __atomic_add_fetch(&t->next_ino, 1, __ATOMIC_RELAXED);
	return (u32)ino;
}

int tmpfs_inode_new(struct super *sb, const struct inode *dir, umode_t mode, u32 dev,
		    struct inode **out)
{
	struct tmpfs *t = tmpfs_of(sb);
	struct inode *i;
	int err = tmpfs_charge_inode(t);

	if (err)
		return err;
	err = inode_alloc(sb, &i);
	if (err) {
		tmpfs_uncharge_inode(t);
		return err;
	}
	i->ino = next_ino(t);
	inode_init_owner(i, dir, mode);
	err = acl_inherit(i, dir);
	if (err) {
		inode_put(i); /* gives the charge back */
		return err;
	}
	switch (mode & S_IFMT) {
	case S_IFREG:
		err = t->kind->init_file(i);
		break;
	case S_IFDIR:
		i->nlink = 2;
		i->size = TMPFS_DIR_EMPTY;
		i->ops = &tmpfs_dir_inode_ops;
		i->fops = &simple_dir_ops;
		break;
	case S_IFLNK:
		i->ops = &tmpfs_link_inode_ops;
		break;
	default:
		i->ops = &tmpfs_special_inode_ops;
		inode_init_special(i, i->mode, dev);
	}
	if (err)
		inode_put(i);
	else
		*out = i;
	return err;
}

static int init_file(struct inode *i)
{
	bool huge = tmpfs_of(i->super)->huge != TMPFS_HUGE_NEVER;

	pagecache_init(&i->own_cache, i, &cache_ops,
		       PAGECACHE_MEMORY | (huge ? PAGECACHE_HUGE : 0));
	i->cache = &i->own_cache;
	i->ops = &tmpfs_file_inode_ops;
	i->fops = &tmpfs_file_ops;
	tmpfs_seals_set(i, F_SEAL_SEAL);
	return 0;
}

void tmpfs_kind_evict(struct inode *i)
{
	tmpfs_uncharge_inode(tmpfs_of(i->super));
}

static bool exec_sealed(const struct inode *i)
{
	return S_ISREG(i->mode) && tmpfs_seals(i) & F_SEAL_EXEC;
}

int tmpfs_setattr(struct dentry *d, struct iattr *a)
{
	struct inode *i = d->inode;

	if (a->valid & ATTR_MODE && exec_sealed(i) && (a->mode ^ i->mode) & 0111)
		return -EPERM;
	if (a->valid & ATTR_SIZE) {
		loff_t old = i->size;
		u32 seals;

		if (!S_ISREG(i->mode))
			return -EINVAL;
		seals = tmpfs_seals(i);
		if ((a->size < old && (seals & F_SEAL_SHRINK)) ||
		    (a->size > old && (seals & F_SEAL_GROW)))
			return -EPERM;
	}
	if (a->valid & ATTR_MODE) {
		int err = acl_chmod(i, a->mode);

		if (err)
			return err;
	}
	if (a->valid & ATTR_SIZE) {
		loff_t old = i->size;

		inode_set_size(i, a->size);
		if (a->size < old)
			pagecache_truncate(i->cache, a->size);
	}
	inode_set_attr(i, a);
	return 0;
}

ssize_t tmpfs_listxattr(struct dentry *d, char *buf, size_t size)
{
	return simple_xattr_list(d->inode, buf, size);
}

/* What is kept: trusted.*, security.*, ACLs.  As on Linux 6.1, user.* is not. */
static bool supported(const char *name)
{
	return str_has_prefix(name, XATTR_TRUSTED_PREFIX) ||
	       str_has_prefix(name, XATTR_SECURITY_PREFIX);
}

ssize_t tmpfs_getxattr(struct dentry *d, const char *name, void *buf, size_t size)
{
	if (acl_is_xattr(name))
		return acl_xattr_get(d->inode, name, buf, size);
	if (!supported(name))
		return -EOPNOTSUPP;
	return simple_xattr_get(d->inode, name, buf, size);
}

int tmpfs_setxattr(struct dentry *d, const char *name, const void *v, size_t size, int flags)
{
	int err;

	/* A list can give execution, which Linux overlooks. */
	if (acl_is_xattr(name))
		return exec_sealed(d->inode) ? -EPERM : acl_xattr_set(d->inode, name, v, size);
	if (!supported(name))
		return -EOPNOTSUPP;
	err = simple_xattr_set(d->inode, name, v, size, flags);
	if (!err)
		inode_touch(d->inode, false, true);
	return err;
}

#define XATTR_OPS                                                                           \
	.setattr = tmpfs_setattr, .listxattr = tmpfs_listxattr, .getxattr = tmpfs_getxattr, \
	.setxattr = tmpfs_setxattr

const struct inode_ops tmpfs_file_inode_ops = {XATTR_OPS};
const struct inode_ops tmpfs_link_inode_ops = {XATTR_OPS};
const struct inode_ops tmpfs_special_inode_ops = {XATTR_OPS};

/* ---- files ---- */

/*
 * F_SEAL_WRITE forbids all writes; F_SEAL_GROW the page in which a write would pass the end: what
 * is before it gets written.
 */
static int check_seals(struct file *f, struct uio *u, loff_t pos)
{
	u32 seals = tmpfs_seals(f->inode);
	loff_t whole = inode_size(f->inode) & ~(loff_t)(PAGE_SIZE - 1);

	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(seals & F_SEAL_GROW) || (u64)pos + u->left <= (u64)inode_size(f->inode))
		return 0;
	if (pos >= whole)
		return -EPERM;
	uio_truncate(u, (size_t)(whole - pos));
	return 0;
}

static int tmpfs_mmap(struct file *f, struct vma *vma)
{
	u32 seals = tmpfs_seals(f->inode);

	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) && (vma->flags & VM_SHARED)) {
		if (vma->flags & VM_WRITE)
			return -EPERM;
		vma->flags &= ~VM_MAYWRITE;
	}
	return generic_mmap(f, vma);
}

const struct file_ops tmpfs_file_ops = {
	.read = generic_read,
	.write = generic_write,
	.lseek = generic_lseek,
	.mmap = generic_mmap,
	.fsync = generic_fsync_memory,
	.fallocate = tmpfs_fallocate,
};

/* Of files that may have been sealed: memfd_create(2) with MFD_ALLOW_SEALING. */
const struct file_ops tmpfs_sealable_ops = {
	.read = generic_read,
	.write = generic_write,
	.write_check = check_seals,
	.lseek = generic_lseek,
	.mmap = tmpfs_mmap,
	.fsync = generic_fsync_memory,
	.fallocate = tmpfs_fallocate,
};

/* ---- mounts ---- */

static int rootfs_mount(const struct fs_type *type, u32 ms_flags, const char *source,
			const char *options, struct super **out);

static int statfs(struct dentry *d, struct kstatfs *st)
{
	struct tmpfs *t = tmpfs_of(d->super);

	st->bsize = PAGE_SIZE;
	spin_lock(&t->lock);
	if (t->max_pages) {
		st->blocks = t->max_pages;
		st->bfree = st->bavail = t->max_pages - min(t->used_pages, t->max_pages);
	}
	if (t->max_inodes) {
		st->files = t->max_inodes;
		st->ffree = t->max_inodes - t->used_inodes;
	}
	spin_unlock(&t->lock);
	/* The first root has no limit of its own, but programs want to know whether their files
	 * fit. */
	if (d->super->type->mount == rootfs_mount) {
		struct frame_stats fs;

		frame_stats(&fs);
		st->blocks = fs.total;
		st->bfree = st->bavail = fs.free;
		st->files = fs.total;
		st->ffree = fs.free;
	}
	return 0;
}

void tmpfs_kind_free(struct super *sb)
{
	kfree(sb->fs_data);
}

static const struct super_ops tmpfs_super_ops = {
	.put_super = tmpfs_kind_free,
	.evict = tmpfs_kind_evict,
	.statfs = statfs,
	.remount = tmpfs_remount,
	.show_options = tmpfs_show_options,
	.acls = true,
	.seals = tmpfs_seals_fcntl,
};

static const struct tmpfs_kind tmpfs_itself = {
	.magic = TMPFS_MAGIC,
	.ops = &tmpfs_super_ops,
	.init_file = init_file,
};

static struct tmpfs *new_tmpfs(const struct tmpfs_kind *kind)
{
	struct tmpfs *t = kzalloc(sizeof(*t));

	if (t) {
		spin_init(&t->lock, LK_SPIN_LEAF);
		t->kind = kind;
	}
	return t;
}

/* A super of @t, which is its own, and gone after an error. */
static int make_super_of(struct tmpfs *t, const struct fs_type *type, u32 ms_flags,
			 struct super **out)
{
	struct super *sb;
	struct inode *root;
	int err = super_alloc(type, ms_flags, &sb);

	if (err) {
		kfree(t);
		return err;
	}
	sb->magic = t->kind->magic;
	sb->ops = t->kind->ops;
	sb->fs_data = t;
	err = tmpfs_inode_new(sb, NULL, S_IFDIR | t->mode, 0, &root);
	if (!err) {
		root->uid = t->uid;
		root->gid = t->gid;
		err = dentry_alloc_root(sb, root, &sb->root);
	}
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

static int make_super(const struct fs_type *type, u32 ms_flags, const char *options, bool limited,
		      struct super **out)
{
	struct tmpfs *t = new_tmpfs(&tmpfs_itself);
	int err;

	if (!t)
		return -ENOMEM;
	t->mode = 01777;
	t->uid = current_cred()->fsuid;
	t->gid = current_cred()->fsgid;
	if (limited) {
		t->max_pages = tmpfs_default_pages();
		t->max_inodes = tmpfs_default_inodes();
	}
	err = tmpfs_parse_options(t, options);
	if (err) {
		kfree(t);
		return err;
	}
	return make_super_of(t, type, ms_flags, out);
}

static int tmpfs_mount(const struct fs_type *type, u32 ms_flags, const char *source,
		       const char *options, struct super **out)
{
	(void)source;
	return make_super(type, ms_flags, options, true, out);
}

/* The first root: the boot archive must fit if it fits in memory. */
static int rootfs_mount(const struct fs_type *type, u32 ms_flags, const char *source,
			const char *options, struct super **out)
{
	(void)source;
	(void)options;
	return make_super(type, ms_flags, "mode=755", false, out);
}

int tmpfs_create_super(const struct fs_type *type, u32 ms_flags, const char *options,
		       struct super **out)
{
	return make_super(type, ms_flags, options, true, out);
}

/* Mounted nowhere: for memfd_create(2). */
int tmpfs_make_internal(struct super **out)
{
	static const struct fs_type type = {.name = "tmpfs", .flags = FS_NODEV};

	return make_super(&type, 0, NULL, false, out);
}

/* ---- others with the same directories ---- */

int tmpfs_create_kind(const struct fs_type *type, u32 ms_flags, const struct tmpfs_kind *kind,
		      const struct tmpfs_root *r, struct super **out)
{
	struct tmpfs *t = new_tmpfs(kind);
	int err;

	if (!t)
		return -ENOMEM;
	t->mode = r->mode;
	t->uid = r->uid;
	t->gid = r->gid;
	t->max_inodes = r->max_inodes;
	err = make_super_of(t, type, ms_flags, out);
	/* The data is the super's only from here on. */
	if (!err)
		t->kind_data = r->data;
	return err;
}

void *tmpfs_kind_data(const struct super *sb)
{
	return tmpfs_of(sb)->kind_data;
}

void tmpfs_kind_inodes(const struct super *sb, u64 *max, u64 *used)
{
	struct tmpfs *t = tmpfs_of(sb);

	guard(spin)(&t->lock);
	*max = t->max_inodes;
	*used = t->used_inodes;
}

int tmpfs_kind_file(struct super *sb, umode_t mode, struct inode **out)
{
	return tmpfs_inode_new(sb, NULL, S_IFREG | mode, 0, out);
}

static const struct fs_param tmpfs_params[] = {
	{"size", FS_PARAM_SIZE},
	{"nr_blocks", FS_PARAM_SIZE},
	{"nr_inodes", FS_PARAM_SIZE},
	{"mode", FS_PARAM_OCTAL},
	{"uid", FS_PARAM_NUMBER},
	{"gid", FS_PARAM_NUMBER},
	{"huge", FS_PARAM_TEXT},
	{"mpol", FS_PARAM_TEXT},
	{"inode32", FS_PARAM_FLAG},
	{"inode64", FS_PARAM_FLAG},
	{.name = NULL},
};
static const struct fs_type tmpfs_type = {.name = "tmpfs",
					  .flags = FS_NODEV | FS_USERNS,
					  .mount = tmpfs_mount,
					  .params = tmpfs_params};
FS_TYPE(tmpfs_type);
static const struct fs_type rootfs_type = {
	.name = "rootfs", .flags = FS_NODEV, .mount = rootfs_mount};
FS_TYPE(rootfs_type);
