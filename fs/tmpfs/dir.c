/* Directories of tmpfs: an entry is a pinned dentry, so that each operation is little more than
 * counting. */
#include "tmpfs_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/slab/slab.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

static void entry_added(struct inode *dir)
{
	dir->size += TMPFS_DIRENT_SIZE;
	inode_touch(dir, true, true);
}

static void entry_removed(struct inode *dir)
{
	dir->size -= TMPFS_DIRENT_SIZE;
	inode_touch(dir, true, true);
}

static int add(struct inode *dir, struct dentry *d, umode_t mode, u32 dev)
{
	struct inode *i;
	int err = tmpfs_inode_new(dir->super, dir, mode, dev, &i);

	if (err)
		return err;
	entry_added(dir);
	dentry_set_inode_pinned(d, i);
	return 0;
}

static int create(struct inode *dir, struct dentry *d, umode_t mode, bool excl)
{
	(void)excl;
	return add(dir, d, mode, 0);
}

static int mkdir(struct inode *dir, struct dentry *d, umode_t mode)
{
	int err = add(dir, d, mode, 0);

	if (!err)
		dir->nlink++;
	return err;
}

static int mknod(struct inode *dir, struct dentry *d, umode_t mode, u32 dev)
{
	return add(dir, d, mode, dev);
}

static int symlink(struct inode *dir, struct dentry *d, const char *target)
{
	struct inode *i;
	int err = tmpfs_inode_new(dir->super, dir, S_IFLNK | 0777, 0, &i);

	if (err)
		return err;
	i->link = kstrdup(target);
	if (!i->link) {
		inode_put(i);
		return -ENOMEM;
	}
	inode_set_size(i, (loff_t)strlen(target));
	entry_added(dir);
	dentry_set_inode_pinned(d, i);
	return 0;
}

/* A name costs as much as an inode: it cannot be reclaimed.  The first one of an O_TMPFILE file is
 * paid for already. */
static int link(struct inode *dir, struct dentry *d, struct inode *target)
{
	int err = target->nlink ? tmpfs_charge_inode(tmpfs_of(dir->super)) : 0;

	if (err)
		return err;
	target->nlink++;
	inode_touch(target, false, true);
	entry_added(dir);
	dentry_set_inode_pinned(d, inode_get(target));
	return 0;
}

static void lose_name(struct inode *i)
{
	if (i->nlink > 1)
		tmpfs_uncharge_inode(tmpfs_of(i->super));
	i->nlink--;
}

static int unlink(struct inode *dir, struct dentry *d)
{
	lose_name(d->inode);
	inode_touch(d->inode, false, true);
	entry_removed(dir);
	return 0;
}

static bool empty(struct dentry *d)
{
	return d->inode->size == TMPFS_DIR_EMPTY;
}

static int rmdir(struct inode *dir, struct dentry *d)
{
	if (!empty(d))
		return -ENOTEMPTY;
	d->inode->nlink = 0;
	inode_touch(d->inode, false, true);
	dir->nlink--;
	entry_removed(dir);
	return 0;
}

static void moved(struct inode *from, struct inode *to, const struct inode *what)
{
	if (from == to)
		return;
	from->size -= TMPFS_DIRENT_SIZE;
	to->size += TMPFS_DIRENT_SIZE;
	if (S_ISDIR(what->mode)) {
		from->nlink--;
		to->nlink++;
	}
}

static int rename(struct inode *olddir, struct dentry *old, struct inode *newdir,
		  struct dentry *new, u32 flags)
{
	struct inode *victim = new->inode;

	if (flags & RENAME_EXCHANGE) {
		moved(olddir, newdir, old->inode);
		moved(newdir, olddir, victim);
		inode_touch(victim, false, true);
	} else {
		if (victim) {
			if (S_ISDIR(victim->mode)) {
				if (!empty(new))
					return -ENOTEMPTY;
				victim->nlink = 0;
				newdir->nlink--;
			} else {
				lose_name(victim);
			}
			inode_touch(victim, false, true);
			newdir->size -= TMPFS_DIRENT_SIZE;
		}
		moved(olddir, newdir, old->inode);
	}
	inode_touch(old->inode, false, true);
	inode_touch(olddir, true, true);
	inode_touch(newdir, true, true);
	return 0;
}

static int tmpfile(struct inode *dir, struct inode **out, umode_t mode)
{
	int err = tmpfs_inode_new(dir->super, dir, (umode_t)((mode & 07777) | S_IFREG), 0, out);

	if (!err)
		(*out)->nlink = 0;
	return err;
}

const struct inode_ops tmpfs_dir_inode_ops = {
	.lookup = simple_lookup,
	.create = create,
	.link = link,
	.unlink = unlink,
	.symlink = symlink,
	.mkdir = mkdir,
	.rmdir = rmdir,
	.mknod = mknod,
	.rename = rename,
	.tmpfile = tmpfile,
	.setattr = tmpfs_setattr,
	.listxattr = tmpfs_listxattr,
	.getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr,
};
