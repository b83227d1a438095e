/*
 * sysfs: the file-system type and its tree.
 *
 * The tree is built whole when the type is mounted first and is shared by all mounts; its dentries
 * are the directories themselves, as in tmpfs, but nothing can be created or removed from outside.
 */
#include <fs/sys/sys_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/ns.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/magic.h>

#define SYS_TEXT_MAX 256

struct sysfs_file_data {
	const struct sysfs_attr *attr;
	void *ctx;
};

static struct super *sysfs_super;
static struct mutex sysfs_lock; /* LK_SYSFS: building, once */

/* ---- files ---- */

static int sysfs_show(struct seq *s, void *v)
{
	const struct sysfs_file_data *d = ((struct inode *)s->private_data)->fs_data;

	(void)v;
	return d->attr->show(s, d->ctx);
}

static int sysfs_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, sysfs_show, i);
}

static ssize_t sysfs_store(struct file *f, struct uio *u, loff_t *pos)
{
	const struct sysfs_file_data *d = f->inode->fs_data;
	char text[SYS_TEXT_MAX];
	size_t len = u->left;
	int err;

	(void)pos;
	if (!d->attr->store)
		return -EIO;
	if (len >= sizeof(text))
		return -EINVAL;
	if (uio_copy_from(u, text, len) < len)
		return -EFAULT;
	text[len] = 0;
	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	err = d->attr->store(text, d->ctx);
	return err ? err : (ssize_t)len;
}

static const struct file_ops sysfs_file_fops = {
	.open = sysfs_open,
	.read = seq_read,
	.write = sysfs_store,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* A file's length is a page, whatever its text: sysfs of Linux. */
static int sysfs_getattr(const struct path *p, struct kstat *st, u32 mask)
{
	(void)mask;
	inode_fill_stat(p->dentry->inode, st);
	st->size = PAGE_SIZE;
	return 0;
}

static const struct inode_ops sysfs_file_iops = {.getattr = sysfs_getattr};
static const struct inode_ops sysfs_dir_iops = {.lookup = simple_lookup};
static const struct inode_ops sysfs_link_iops = {.lookup = NULL};

/* ---- making entries ---- */

static int sysfs_make(struct dentry *parent, const char *name, umode_t mode, struct inode **inode,
		      struct dentry **out)
{
	u32 len = (u32)strlen(name);
	struct qstr q = {name, len, qstr_hash(parent, name, len)};
	int err = inode_alloc(parent->super, inode);

	if (err)
		return err;
	(*inode)->ino = inode_next_ino();
	(*inode)->mode = mode;
	err = dentry_alloc(parent, &q, out);
	if (err)
		inode_put(*inode);
	return err;
}

int sysfs_dir(struct dentry *parent, const char *name, struct dentry **out)
{
	struct inode *i;
	struct dentry *d;
	int err = sysfs_make(parent, name, S_IFDIR | 0755, &i, &d);

	if (err)
		return err;
	i->nlink = 2;
	i->ops = &sysfs_dir_iops;
	i->fops = &simple_dir_ops;
	parent->inode->nlink++;
	dentry_set_inode_pinned(d, i);
	*out = d;
	dentry_put(d); /* pinned: the tree keeps it */
	return 0;
}

int sysfs_find_dir(struct dentry *parent, const char *name, struct dentry **out)
{
	u32 len = (u32)strlen(name);
	struct qstr q = {name, len, qstr_hash(parent, name, len)};
	struct dentry *d = dentry_find(parent, &q);

	if (!d)
		return sysfs_dir(parent, name, out);
	*out = d;
	dentry_put(d);
	return 0;
}

int sysfs_file(struct dentry *parent, const struct sysfs_attr *attr, void *ctx)
{
	const char *slash = strrchr(attr->name, '/'), *name = slash ? slash + 1 : attr->name;
	struct sysfs_file_data *data = kmalloc(sizeof(*data));
	struct inode *i;
	struct dentry *d;
	int err;

	if (!data)
		return -ENOMEM;
	err = sysfs_make(parent, name, (umode_t)(S_IFREG | attr->mode), &i, &d);
	if (err) {
		kfree(data);
		return err;
	}
	*data = (struct sysfs_file_data){attr, ctx};
	i->ops = &sysfs_file_iops;
	i->fops = &sysfs_file_fops;
	i->fs_data = data;
	dentry_set_inode_pinned(d, i);
	dentry_put(d);
	return 0;
}

int sysfs_files(struct dentry *parent, const struct sysfs_attr *a, void *ctx)
{
	int err = 0;

	for (; a->name && !err; a++)
		err = sysfs_file(parent, a, ctx);
	return err;
}

int sysfs_link(struct dentry *parent, const char *name, const char *target)
{
	struct inode *i;
	struct dentry *d;
	char *text = kstrdup(target);
	int err;

	if (!text)
		return -ENOMEM;
	err = sysfs_make(parent, name, S_IFLNK | 0777, &i, &d);
	if (err) {
		kfree(text);
		return err;
	}
	i->ops = &sysfs_link_iops;
	i->link = text;
	i->size = (loff_t)strlen(text);
	dentry_set_inode_pinned(d, i);
	dentry_put(d);
	return 0;
}

/* ---- the type ---- */

static void sysfs_evict(struct inode *i)
{
	kfree(i->fs_data);
	i->fs_data = NULL;
}

static int sysfs_statfs(struct dentry *d, struct kstatfs *st)
{
	(void)d;
	st->type = SYSFS_MAGIC;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX_LEN;
	return 0;
}

static const struct super_ops sysfs_super_ops = {.evict = sysfs_evict, .statfs = sysfs_statfs};

static int sysfs_build(const struct fs_type *t, u32 ms_flags, struct super **out)
{
	struct super *sb;
	struct inode *root;
	int err = super_alloc(t, ms_flags, &sb);

	if (err)
		return err;
	/* Shared by all, whoever is the first. */
	user_ns_put(sb->owner);
	sb->owner = user_ns_get(&user_ns_init);
	sb->ops = &sysfs_super_ops;
	sb->magic = SYSFS_MAGIC;
	err = inode_alloc(sb, &root);
	if (!err) {
		root->ino = 1;
		root->mode = S_IFDIR | 0555;
		root->nlink = 2;
		root->ops = &sysfs_dir_iops;
		root->fops = &simple_dir_ops;
		err = dentry_alloc_root(sb, root, &sb->root);
	}
	if (!err)
		err = sysfs_populate(sb->root);
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static int sysfs_mount(const struct fs_type *t, u32 ms_flags, const char *source,
		       const char *options, struct super **out)
{
	int err = 0;

	(void)source;
	if (options && *options)
		return -EINVAL;
	guard(mutex)(&sysfs_lock);
	if (!sysfs_super)
		err = sysfs_build(t, ms_flags, &sysfs_super);
	if (err)
		return err;
	__atomic_fetch_add(&sysfs_super->refs, 1, __ATOMIC_RELAXED);
	*out = sysfs_super;
	return 0;
}

static struct ns_common *sysfs_shows(void)
{
	return current_ns(NS_NET);
}

static const struct fs_type sysfs_type = {
	.name = "sysfs",
	.flags = FS_NODEV | FS_USERNS | FS_VISIBLE,
	.mount = sysfs_mount,
	.shows = sysfs_shows,
};
FS_TYPE(sysfs_type);

static void sysfs_init(void)
{
	mutex_init(&sysfs_lock, LK_SYSFS);
}
INITCALL(sysfs_init);
