/*
 * devtmpfs: /dev as the kernel knows it.
 *
 * One tmpfs, made at boot and shared by all mounts of the type; a node is made for each device that
 * registers and removed when it goes.  User space may add, remove and change nodes as in any tmpfs.
 */
#include <fs/tmpfs/tmpfs.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/device/device.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <linux/mount.h>

static struct super *devtmpfs_super;

static int devtmpfs_mount(const struct fs_type *t, u32 ms_flags, const char *source,
			  const char *options, struct super **out)
{
	(void)t;
	(void)ms_flags;
	(void)source;
	(void)options;
	if (!devtmpfs_super)
		return -ENODEV;
	__atomic_fetch_add(&devtmpfs_super->refs, 1, __ATOMIC_RELAXED);
	*out = devtmpfs_super;
	return 0;
}

static const struct fs_type devtmpfs_type = {
	.name = "devtmpfs",
	.flags = FS_NODEV,
	.mount = devtmpfs_mount,
};
FS_TYPE(devtmpfs_type);

/* The child @name of @dir: made by @make if it is missing; +1. */
static int devtmpfs_child(struct dentry *dir, const char *name, u32 len, umode_t mode, u32 dev,
			  struct dentry **out)
{
	struct qstr q = {name, len, qstr_hash(dir, name, len)};
	struct inode *inode = dir->inode;
	struct dentry *d;
	int err;

	guard(write)(&inode->lock);
	d = dentry_find(dir, &q);
	if (d && d->inode) {
		*out = d;
		return 0;
	}
	if (!d) {
		err = dentry_alloc(dir, &q, &d);
		if (err)
			return err;
	}
	err = S_ISDIR(mode) ? inode->ops->mkdir(inode, d, mode)
			    : inode->ops->mknod(inode, d, mode, dev);
	if (err)
		dentry_put(d);
	else
		*out = d;
	return err;
}

/* Directories on the way to @name are made; *last is its final component. */
static int devtmpfs_parent(const char *name, struct dentry **out, const char **last)
{
	struct dentry *dir = dentry_get(devtmpfs_super->root);
	const char *slash;

	while ((slash = strchr(name, '/'))) {
		struct dentry *next;
		int err = devtmpfs_child(dir, name, (u32)(slash - name), S_IFDIR | 0755, 0, &next);

		dentry_put(dir);
		if (err)
			return err;
		dir = next;
		name = slash + 1;
	}
	*out = dir;
	*last = name;
	return 0;
}

static void devtmpfs_added(struct device *d)
{
	umode_t mode = (umode_t)(d->mode | (d->kind == DEVICE_BLOCK ? S_IFBLK : S_IFCHR));
	struct dentry *dir, *node;
	const char *last;
	int err = devtmpfs_parent(d->name, &dir, &last);

	if (!err) {
		err = devtmpfs_child(dir, last, (u32)strlen(last), mode,
				     vfs_makedev(d->major, d->minor), &node);
		dentry_put(dir);
	}
	if (err) {
		pr_warn("devtmpfs: no node for %s: error %d\n", d->name, err);
		return;
	}
	/* mknod applied a umask: devices say their permissions themselves. */
	node->inode->mode = mode;
	dentry_put(node);
}

static void devtmpfs_removed(struct device *d)
{
	struct dentry *dir, *node;
	const char *last;
	struct qstr q;

	if (devtmpfs_parent(d->name, &dir, &last))
		return;
	q = (struct qstr){last, (u32)strlen(last), qstr_hash(dir, last, (u32)strlen(last))};
	rwsem_write_lock(&dir->inode->lock);
	node = dentry_find(dir, &q);
	if (node && node->inode && node->inode->rdev == vfs_makedev(d->major, d->minor) &&
	    !dir->inode->ops->unlink(dir->inode, node))
		dentry_drop(node);
	dentry_put(node);
	rwsem_write_unlock(&dir->inode->lock);
	dentry_put(dir);
}

static int devtmpfs_add_existing(struct device *d, void *ctx)
{
	(void)ctx;
	if (!d->no_node)
		devtmpfs_added(d);
	return 0;
}

static void devtmpfs_init(void)
{
	static const struct device_listener listener = {devtmpfs_added, devtmpfs_removed};
	int err = tmpfs_create_super(&devtmpfs_type, 0, "mode=0755", &devtmpfs_super);

	if (err) {
		pr_err("devtmpfs: cannot be made: error %d\n", err);
		return;
	}
	device_set_listener(&listener);
	(void)device_for_each(devtmpfs_add_existing, NULL);
}
INITCALL(devtmpfs_init);
