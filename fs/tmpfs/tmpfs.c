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
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <lib/parse/parse.h>

/* ---- limits ---- */

static int charge(struct pagecache *pc, u64 pages)
{
	struct tmpfs *t = tmpfs_of(pc->inode->super);
	int err = 0;

	if (!t->max_pages)
		return 0;
	spin_lock(&t->lock);
	if (t->used_pages + pages > t->max_pages)
		err = -ENOSPC;
	else
		t->used_pages += pages;
	spin_unlock(&t->lock);
	return err;
}

static void uncharge(struct pagecache *pc, u64 pages)
{
	struct tmpfs *t = tmpfs_of(pc->inode->super);

	if (!t->max_pages)
		return;
	spin_lock(&t->lock);
	t->used_pages -= min(pages, t->used_pages);
	spin_unlock(&t->lock);
}

static const struct pagecache_ops cache_ops = {.charge = charge, .uncharge = uncharge};

static int charge_inode(struct tmpfs *t)
{
	int err = 0;

	if (!t->max_inodes)
		return 0;
	spin_lock(&t->lock);
	if (t->used_inodes >= t->max_inodes)
		err = -ENOSPC;
	else
		t->used_inodes++;
	spin_unlock(&t->lock);
	return err;
}

static void uncharge_inode(struct tmpfs *t)
{
	if (!t->max_inodes)
		return;
	spin_lock(&t->lock);
	t->used_inodes--;
	spin_unlock(&t->lock);
}

/* ---- inodes ---- */

int tmpfs_inode_new(struct super *sb, const struct inode *dir, umode_t mode, u32 dev,
		    struct inode **out)
{
	struct tmpfs *t = tmpfs_of(sb);
	struct inode *i;
	int err = charge_inode(t);

	if (err)
		return err;
	err = inode_alloc(sb, &i);
	if (err) {
		uncharge_inode(t);
		return err;
	}
	i->ino = __atomic_add_fetch(&t->next_ino, 1, __ATOMIC_RELAXED);
	inode_init_owner(i, dir, mode);
	switch (mode & S_IFMT) {
	case S_IFREG:
		pagecache_init(&i->own_cache, i, &cache_ops, PAGECACHE_MEMORY);
		i->cache = &i->own_cache;
		i->ops = &tmpfs_file_inode_ops;
		i->fops = &tmpfs_file_ops;
		tmpfs_seals_set(i, F_SEAL_SEAL);
		break;
	case S_IFDIR:
		i->nlink = 2;
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
	*out = i;
	return 0;
}

static void evict(struct inode *i)
{
	uncharge_inode(tmpfs_of(i->super));
}

int tmpfs_setattr(struct dentry *d, struct iattr *a)
{
	struct inode *i = d->inode;

	if (a->valid & ATTR_SIZE) {
		loff_t old = i->size;
		u32 seals;

		if (!S_ISREG(i->mode))
			return -EINVAL;
		seals = tmpfs_seals(i);
		if ((a->size < old && (seals & F_SEAL_SHRINK)) ||
		    (a->size > old && (seals & F_SEAL_GROW)))
			return -EPERM;
		if (a->size < old) {
			inode_set_size(i, a->size);
			pagecache_truncate(i->cache, a->size);
		} else {
			inode_set_size(i, a->size);
		}
	}
	inode_set_attr(i, a);
	return 0;
}

ssize_t tmpfs_listxattr(struct dentry *d, char *buf, size_t size)
{
	return simple_xattr_list(d->inode, buf, size);
}

ssize_t tmpfs_getxattr(struct dentry *d, const char *name, void *buf, size_t size)
{
	return simple_xattr_get(d->inode, name, buf, size);
}

int tmpfs_setxattr(struct dentry *d, const char *name, const void *v, size_t size, int flags)
{
	int err = simple_xattr_set(d->inode, name, v, size, flags);

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

/* F_SEAL_WRITE forbids all writes, F_SEAL_GROW those beyond the end. */
static ssize_t sealed_write(struct file *f, struct uio *u, loff_t *pos)
{
	u32 seals = tmpfs_seals(f->inode);

	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((seals & F_SEAL_GROW) && *pos + (loff_t)u->left > inode_size(f->inode)) {
		if (*pos >= inode_size(f->inode))
			return -EPERM;
		uio_truncate(u, (size_t)(inode_size(f->inode) - *pos));
	}
	return generic_write(f, u, pos);
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
	.write = sealed_write,
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
		st->bfree = st->bavail = t->max_pages - t->used_pages;
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

static u64 total_frames(void)
{
	struct frame_stats st;

	frame_stats(&st);
	return st.total;
}

/* "10m", "50%" in pages. */
static int option_size(const char *s, u64 *pages)
{
	const char *p = s;
	u64 v;
	int err;

	if (parse_digits(&p, 10, &v) && *p == '%') {
		*pages = total_frames() * v / 100;
		return p[1] ? -EINVAL : 0;
	}
	p = s;
	err = parse_size(&p, &v);
	if (err)
		return err;
	*pages = (v + PAGE_SIZE - 1) >> PAGE_SHIFT;
	return *p ? -EINVAL : 0;
}

static int option_number(const char *s, unsigned int base, u64 *out)
{
	return base == 8 ? parse_u64(s, 8, out) : parse_size(&s, out) ? -EINVAL : *s ? -EINVAL : 0;
}

static int set_option(struct tmpfs *t, const char *key, const char *value)
{
	u64 v;
	int err;

	if (!value)
		return !strcmp(key, "inode32") || !strcmp(key, "inode64") ? 0 : -EINVAL;
	if (!strcmp(key, "size")) {
		t->size_given = true;
		return option_size(value, &t->max_pages);
	}
	if (!strcmp(key, "huge") || !strcmp(key, "mpol"))
		return !strcmp(value, "never") || !strcmp(value, "default") ? 0 : -EINVAL;
	err = option_number(value, !strcmp(key, "mode") ? 8 : 10, &v);
	if (err)
		return err;
	if (!strcmp(key, "nr_blocks")) {
		t->size_given = true;
		t->max_pages = v;
	} else if (!strcmp(key, "nr_inodes")) {
		t->inodes_given = true;
		t->max_inodes = v;
	} else if (!strcmp(key, "mode")) {
		t->mode = v & 07777;
	} else if (!strcmp(key, "uid")) {
		t->uid = (u32)v;
	} else if (!strcmp(key, "gid")) {
		t->gid = (u32)v;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int parse_options(struct tmpfs *t, const char *options)
{
	char *copy, *rest, *key, *value;
	int err = 0;

	if (!options || !*options)
		return 0;
	copy = rest = kstrdup(options);
	if (!copy)
		return -ENOMEM;
	while (!err && parse_option(&rest, &key, &value))
		err = set_option(t, key, value);
	kfree(copy);
	return err;
}

static int tmpfs_remount(struct super *sb, u32 *flags, const char *options)
{
	struct tmpfs *t = tmpfs_of(sb), n = *t;
	int err = parse_options(&n, options);

	(void)flags;
	if (err)
		return err;
	spin_lock(&t->lock);
	/* A limit cannot be introduced later: what is there was not counted. */
	if ((!t->max_pages) != (!n.max_pages) || (!t->max_inodes) != (!n.max_inodes) ||
	    n.max_pages < t->used_pages || n.max_inodes < t->used_inodes) {
		err = -EINVAL;
	} else {
		t->max_pages = n.max_pages;
		t->max_inodes = n.max_inodes;
		t->size_given = n.size_given;
		t->inodes_given = n.inodes_given;
	}
	spin_unlock(&t->lock);
	return err;
}

static void show_options(struct super *sb, struct seq *s)
{
	struct tmpfs *t = tmpfs_of(sb);

	if (t->size_given)
		seq_printf(s, ",size=%lluk",
			   (unsigned long long)(t->max_pages << (PAGE_SHIFT - 10)));
	if (t->inodes_given)
		seq_printf(s, ",nr_inodes=%llu", (unsigned long long)t->max_inodes);
	if (t->mode != 01777)
		seq_printf(s, ",mode=%03o", t->mode);
	if (t->uid)
		seq_printf(s, ",uid=%u", t->uid);
	if (t->gid)
		seq_printf(s, ",gid=%u", t->gid);
}

static void put_super(struct super *sb)
{
	kfree(sb->fs_data);
}

static const struct super_ops tmpfs_super_ops = {
	.put_super = put_super,
	.evict = evict,
	.statfs = statfs,
	.remount = tmpfs_remount,
	.show_options = show_options,
	.seals = tmpfs_seals_fcntl,
};

static int make_super(const struct fs_type *type, u32 ms_flags, const char *options, bool limited,
		      struct super **out)
{
	struct tmpfs *t = kzalloc(sizeof(*t));
	struct super *sb;
	struct inode *root;
	int err = -ENOMEM;

	if (!t)
		return err;
	spin_init(&t->lock, LK_SPIN_LEAF);
	t->mode = 01777;
	t->uid = current_cred()->fsuid;
	t->gid = current_cred()->fsgid;
	if (limited)
		t->max_pages = t->max_inodes = total_frames() / 2;
	err = parse_options(t, options);
	if (!err)
		err = super_alloc(type, ms_flags, &sb);
	if (err) {
		kfree(t);
		return err;
	}
	sb->magic = TMPFS_MAGIC;
	sb->ops = &tmpfs_super_ops;
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

static const struct fs_type tmpfs_type = {
	.name = "tmpfs", .flags = FS_NODEV | FS_USERNS, .mount = tmpfs_mount};
FS_TYPE(tmpfs_type);
static const struct fs_type rootfs_type = {
	.name = "rootfs", .flags = FS_NODEV, .mount = rootfs_mount};
FS_TYPE(rootfs_type);
