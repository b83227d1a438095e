/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kdbusfs: where message buses are found. Each mount is a domain of its own: a file "control" that
 * makes buses, a directory for each bus with its endpoints and "stats" in it.
 *
 * Directories are dentries, as in tmpfs; entries come and go with the objects, never by mkdir(2) or
 * unlink(2). An inode refers to its object, so who has looked up a path keeps the memory of what it
 * led to, but not its life.
 */
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/bus/bus.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/task/task.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/vfs.h>
#include <abi/kdbus.h>

static const struct inode_ops dir_inode_ops = {.lookup = simple_lookup};
static const struct inode_ops file_inode_ops = {.lookup = NULL};

/* ---- inodes ---- */

static int new_inode(struct super *sb, umode_t mode, u32 uid, u32 gid, struct inode **out)
{
	struct inode *i;
	int err = inode_alloc(sb, &i);

	if (err)
		return err;
	i->ino = inode_next_ino();
	i->mode = mode;
	i->uid = uid;
	i->gid = gid;
	i->ops = &file_inode_ops;
	if (S_ISDIR(mode)) {
		i->nlink = 2;
		i->ops = &dir_inode_ops;
		i->fops = &simple_dir_ops;
	}
	*out = i;
	return 0;
}

/* The inode of a file of @n, to which it refers. */
static int new_file(struct super *sb, umode_t mode, const struct file_ops *ops, struct bus_node *n,
		    struct inode **out)
{
	int err = new_inode(sb, S_IFREG | mode, n->uid, n->gid, out);

	if (err)
		return err;
	(*out)->fops = ops;
	(*out)->fs_data = n;
	bus_node_get(n);
	return 0;
}

/* What a file refers to; that of "control" is the super's. */
static void kdbusfs_evict(struct inode *i)
{
	if (S_ISREG(i->mode) && i->fops != &bus_control_ops && i->fs_data)
		bus_node_put(i->fs_data);
	i->fs_data = NULL;
}

/* Enters @i (consumed) in @dir as @name: -EEXIST, -ENOMEM. *@out: +1. */
static int enter(struct dentry *dir, const char *name, struct inode *i, struct dentry **out)
{
	u32 len = (u32)strlen(name);
	struct qstr q = {name, len, qstr_hash(dir, name, len)};
	struct dentry *d;
	int err = 0;

	rwsem_write_lock(&dir->inode->lock);
	d = dentry_find(dir, &q);
	if (d && d->inode)
		err = -EEXIST;
	else if (!d)
		err = dentry_alloc(dir, &q, &d);
	if (!err) {
		if (S_ISDIR(i->mode))
			dir->inode->nlink++;
		dentry_set_inode_pinned(d, i);
		inode_touch(dir->inode, true, true);
	}
	rwsem_write_unlock(&dir->inode->lock);
	if (err) {
		inode_put(i);
		if (err == -EEXIST)
			dentry_put(d);
		return err;
	}
	*out = d;
	return 0;
}

/* ---- for the bus ---- */

static int add_bus(struct super *sb, struct bus_node *n)
{
	struct dentry *dir, *stats;
	struct inode *i;
	int err = new_inode(sb, S_IFDIR | n->mode, n->uid, n->gid, &i);

	if (!err)
		err = enter(sb->root, n->name, i, &dir);
	if (err)
		return err;
	n->dentry = dir;
	/* Losses are nobody's secret who may enter the directory. */
	err = new_file(sb, n->mode & 0444, &bus_stats_ops, n, &i);
	if (!err)
		err = enter(dir, "stats", i, &stats);
	if (!err)
		dentry_put(stats);
	return err;
}

static int add_endpoint(struct super *sb, struct bus_node *parent, struct bus_node *n)
{
	struct inode *i;
	int err = new_file(sb, n->mode, &bus_endpoint_ops, n, &i);

	return err ? err : enter(parent->dentry, n->name, i, &n->dentry);
}

static void kdbusfs_remove(void *tree, struct bus_node *n)
{
	struct dentry *d = n->dentry, *parent;

	(void)tree;
	if (!d)
		return;
	n->dentry = NULL;
	parent = d->parent;
	rwsem_write_lock(&parent->inode->lock);
	d->inode->nlink = 0;
	if (S_ISDIR(d->inode->mode))
		parent->inode->nlink--;
	dentry_drop(d);
	inode_touch(parent->inode, true, true);
	rwsem_write_unlock(&parent->inode->lock);
	if (S_ISDIR(d->inode->mode))
		dentry_drop_tree(d);
	dentry_put(d);
}

static int kdbusfs_add(void *tree, struct bus_node *parent, struct bus_node *n)
{
	int err = parent ? add_endpoint(tree, parent, n) : add_bus(tree, n);

	if (err)
		kdbusfs_remove(tree, n);
	return err;
}

static const struct bus_tree_ops tree_ops = {.add = kdbusfs_add, .remove = kdbusfs_remove};

/* ---- mounts ---- */

static void kdbusfs_put_super(struct super *sb)
{
	bus_domain_put(sb->fs_data);
}

static int kdbusfs_statfs(struct dentry *d, struct kstatfs *st)
{
	(void)d;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX_LEN;
	return 0;
}

static const struct super_ops kdbusfs_super_ops = {
	.put_super = kdbusfs_put_super,
	.evict = kdbusfs_evict,
	.statfs = kdbusfs_statfs,
};

static int fill(struct super *sb)
{
	const struct cred *c = current_cred();
	struct dentry *control;
	struct inode *i;
	int err = new_inode(sb, S_IFDIR | 0555, c->fsuid, c->fsgid, &i);

	if (!err)
		err = dentry_alloc_root(sb, i, &sb->root);
	if (!err)
		err = new_inode(sb, S_IFREG | 0666, c->fsuid, c->fsgid, &i);
	if (err)
		return err;
	i->fops = &bus_control_ops;
	i->fs_data = sb->fs_data;
	err = enter(sb->root, "control", i, &control);
	if (!err)
		dentry_put(control);
	return err;
}

static int kdbusfs_mount(const struct fs_type *t, u32 ms_flags, const char *source,
			 const char *options, struct super **out)
{
	struct super *sb;
	struct bus_domain *d;
	int err;

	(void)source;
	if (options && *options)
		return -EINVAL;
	err = super_alloc(t, ms_flags, &sb);
	if (err)
		return err;
	sb->magic = KDBUS_SUPER_MAGIC;
	sb->ops = &kdbusfs_super_ops;
	err = bus_domain_create(&tree_ops, sb, &d);
	if (!err) {
		sb->fs_data = d;
		err = fill(sb);
	}
	if (err)
		super_put(sb);
	else
		*out = sb;
	return err;
}

static const struct fs_type kdbusfs_type = {
	.name = "kdbusfs",
	.flags = FS_NODEV | FS_USERNS,
	.mount = kdbusfs_mount,
};
FS_TYPE(kdbusfs_type);

/* Where it is mounted. */
static int make_mount_point(struct sysfs_builder *b)
{
	return b->dir(b, "fs/kdbus");
}
SYSFS_BUILD(make_mount_point);
