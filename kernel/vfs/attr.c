/*
 * Who may do what, and changes of attributes.
 *
 * The rules are those of path_resolution(7), chmod(2), chown(2), utimensat(2) and capabilities(7).
 */
#include <kernel/cred/filecaps.h>
#include <kernel/notify/notify.h>
#include <kernel/ns/user.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/mount.h>

static int mode_permission(const struct inode *i, int mask)
{
	const struct cred *c = current_cred();
	unsigned int mode = i->mode;

	if (c->fsuid == i->uid)
		mode >>= 6;
	else if (READ_ONCE(i->acl) && (mode & 0070))
		mode = acl_allows(i, c, mask) ? (unsigned int)mask : 0;
	else if ((mode & 0070) >> 3 != (mode & 0007) && cred_in_group(c, i->gid))
		mode >>= 3;
	if (!(mask & ~mode & (MAY_READ | MAY_WRITE | MAY_EXEC)))
		return 0;
	if (S_ISDIR(i->mode)) {
		if (!(mask & MAY_WRITE) && cred_inode_capable(c, i, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_inode_capable(c, i, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
	if (mask == MAY_READ && cred_inode_capable(c, i, CAP_DAC_READ_SEARCH))
		return 0;
	/* Nobody executes what has no execute bit at all. */
	if ((!(mask & MAY_EXEC) || (i->mode & 0111)) && cred_inode_capable(c, i, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *i, int mask)
{
	if (mask & MAY_WRITE) {
		if ((i->super->flags & MS_RDONLY) &&
		    (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
			return -EROFS;
		if (i->flags & INODE_IMMUTABLE)
			return -EPERM;
	}
	if (i->ops && i->ops->permission)
		return i->ops->permission(i, mask);
	return mode_permission(i, mask);
}

int vfs_permission(struct inode *inode, int mask)
{
	return inode_permission(inode, mask);
}

int generic_permission(struct inode *inode, int mask)
{
	return mode_permission(inode, mask);
}

int inode_may_create(struct inode *dir)
{
	const struct user_ns *u = dir->super->owner;

	if (dir->flags & INODE_DEAD)
		return -ENOENT;
	/* Who has no name where the file system was mounted could own nothing on it. */
	if (unlikely(u != &user_ns_init) && (user_ns_uid(u, current_cred()->fsuid) == ID_NONE ||
					     user_ns_gid(u, current_cred()->fsgid) == ID_NONE))
		return -EOVERFLOW;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

static bool sticky_denies(const struct inode *dir, const struct inode *i)
{
	const struct cred *c = current_cred();

	if (!(dir->mode & S_ISVTX) || c->fsuid == i->uid || c->fsuid == dir->uid)
		return false;
	return !cred_inode_capable(c, i, CAP_FOWNER);
}

int inode_may_delete(struct inode *dir, struct dentry *victim, bool is_dir)
{
	struct inode *i = victim->inode;
	int err;

	if (!i)
		return -ENOENT;
	err = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	if (dir->flags & INODE_APPEND)
		return -EPERM;
	if (sticky_denies(dir, i) || (i->flags & (INODE_APPEND | INODE_IMMUTABLE)))
		return -EPERM;
	if (is_dir) {
		if (!S_ISDIR(i->mode))
			return -ENOTDIR;
		if (victim->parent == victim)
			return -EBUSY;
	} else if (S_ISDIR(i->mode)) {
		return -EISDIR;
	}
	return dir->flags & INODE_DEAD ? -ENOENT : 0;
}

bool inode_owner_or_capable(const struct inode *i)
{
	const struct cred *c = current_cred();

	return c->fsuid == i->uid || cred_inode_capable(c, i, CAP_FOWNER);
}

/* chown(2): the owner may give the file to a group that he is in; CAP_CHOWN may do anything. */
static int may_chown(const struct inode *i, const struct iattr *a)
{
	const struct cred *c = current_cred();

	if (cred_inode_capable(c, i, CAP_CHOWN))
		return 0;
	if ((a->valid & ATTR_UID) && (c->fsuid != i->uid || a->uid != i->uid))
		return -EPERM;
	if ((a->valid & ATTR_GID) &&
	    (c->fsuid != i->uid || (a->gid != i->gid && !cred_in_group(c, a->gid))))
		return -EPERM;
	return 0;
}

static int may_setattr(struct inode *i, struct iattr *a)
{
	int err;

	if ((i->flags & (INODE_IMMUTABLE | INODE_APPEND)) &&
	    (a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME_SET | ATTR_MTIME_SET)))
		return -EPERM;
	if (a->valid & ATTR_FORCE)
		return 0;
	err = may_chown(i, a);
	if (err)
		return err;
	if (a->valid & ATTR_MODE) {
		u32 gid = a->valid & ATTR_GID ? a->gid : i->gid;

		if (!inode_owner_or_capable(i))
			return -EPERM;
		if (!cred_in_group(current_cred(), gid) && !inode_capable(i, CAP_FSETID))
			a->mode &= ~S_ISGID;
	}
	if ((a->valid & (ATTR_ATIME_SET | ATTR_MTIME_SET)) && !inode_owner_or_capable(i))
		return -EPERM;
	return 0;
}

void inode_set_attr(struct inode *i, const struct iattr *a)
{
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		i->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->mtime;
	if (a->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid &
	    (ATTR_UID | ATTR_GID | ATTR_MODE | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME | ATTR_SIZE))
		i->ctime = inode_now();
	i->version++;
}

/* ATTR_KILL_*: a write or chown takes set-id bits away; of setgid only where it means execution. */
static void kill_set_ids(const struct inode *i, struct iattr *a)
{
	umode_t mode = i->mode;

	if ((a->valid & ATTR_KILL_SUID) && (mode & S_ISUID))
		mode &= ~S_ISUID;
	if ((a->valid & ATTR_KILL_SGID) && (mode & S_ISGID) &&
	    ((mode & S_IXGRP) ||
	     (!cred_in_group(current_cred(), i->gid) && !inode_capable(i, CAP_FSETID))))
		mode &= ~S_ISGID;
	a->valid &= ~(ATTR_KILL_SUID | ATTR_KILL_SGID);
	if (mode != i->mode && !(a->valid & ATTR_MODE)) {
		a->valid |= ATTR_MODE;
		a->mode = mode;
	}
}

/* The inode is locked. */
static int setattr_locked(struct dentry *d, struct iattr *a)
{
	struct inode *i = d->inode;
	int err = may_setattr(i, a);

	if (err)
		return err;
	if (unlikely(i->xattrs) && !S_ISDIR(i->mode) &&
	    (a->valid & (ATTR_SIZE | ATTR_UID | ATTR_GID | ATTR_KILL_SUID))) {
		err = file_caps_drop(d);
		if (err)
			return err;
	}
	kill_set_ids(i, a);
	if (i->ops && i->ops->setattr)
		return i->ops->setattr(d, a);
	/* Text that a kernel file makes has no length to change: open(O_TRUNC) of a variable. */
	inode_set_attr(i, a);
	return 0;
}

/* What inotify calls a change of attributes. */
static u32 event_of(u32 valid)
{
	u32 times = valid & (ATTR_ATIME | ATTR_MTIME), mask = 0;

	if (valid & ATTR_SIZE)
		mask |= IN_MODIFY;
	else if (times == ATTR_ATIME)
		mask |= IN_ACCESS;
	else if (times == ATTR_MTIME)
		mask |= IN_MODIFY;
	else if (times)
		mask |= IN_ATTRIB;
	if (valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		mask |= IN_ATTRIB;
	return mask;
}

int vfs_setattr(struct dentry *d, struct iattr *a)
{
	struct inode *i = d->inode;
	int err;

	if (i->super->flags & MS_RDONLY)
		return -EROFS;
	rwsem_write_lock(&i->lock);
	err = setattr_locked(d, a);
	rwsem_write_unlock(&i->lock);
	if (!err && event_of(a->valid))
		notify_dentry(d, event_of(a->valid));
	return err;
}

int inode_remove_privs(struct dentry *d)
{
	struct inode *i = d->inode;
	struct iattr a = {.valid = ATTR_KILL_SUID | ATTR_KILL_SGID | ATTR_FORCE};

	if (likely(!(i->mode & (S_ISUID | S_ISGID)) && !i->xattrs) || !S_ISREG(i->mode))
		return 0;
	/* Capabilities go whoever writes. */
	if (!(i->mode & (S_ISUID | S_ISGID)) || inode_capable(i, CAP_FSETID))
		return i->xattrs ? file_caps_drop(d) : 0;
	return setattr_locked(d, &a);
}

int inode_modified(struct dentry *d)
{
	int err = inode_remove_privs(d);

	if (!err)
		inode_touch(d->inode, true, true);
	return err;
}

void inode_fill_stat(const struct inode *i, struct kstat *st)
{
	st->mode = i->mode;
	st->nlink = i->nlink;
	st->uid = i->uid;
	st->gid = i->gid;
	st->blksize = 1u << i->blkbits;
	st->ino = i->ino;
	st->dev = i->super->dev;
	st->rdev = i->rdev;
	st->size = inode_size(i);
	st->blocks = i->cache && (i->cache->flags & PAGECACHE_MEMORY)
			     ? READ_ONCE(i->cache->nr_pages) << (PAGE_SHIFT - 9)
			     : i->blocks;
	st->atime = i->atime;
	st->mtime = i->mtime;
	st->ctime = i->ctime;
	st->btime = i->btime;
}

int vfs_getattr(const struct path *p, struct kstat *st, u32 mask)
{
	struct inode *i = p->dentry->inode;

	st->mask = STATX_BASIC_STATS;
	st->attributes = st->attributes_mask = 0;
	st->mnt_id = (u64)p->mnt->id;
	if (i->ops && i->ops->getattr)
		return i->ops->getattr(p, st, mask);
	inode_fill_stat(i, st);
	return 0;
}

int vfs_truncate(struct file *f, const struct path *p, loff_t size)
{
	const struct path *at = f ? &f->path : p;
	struct inode *i = at->dentry->inode;
	struct iattr a = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_KILL_SUID |
				   ATTR_KILL_SGID | ATTR_FORCE,
			  .size = size,
			  .file = f};
	int err;

	if (size < 0)
		return -EINVAL;
	if (S_ISDIR(i->mode))
		return f ? -EINVAL : -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	err = mount_may_write(at);
	if (err)
		return err;
	if (i->flags & INODE_APPEND)
		return -EPERM;
	if (size > i->super->max_bytes)
		return -EFBIG;
	if (size > inode_size(i) && (u64)size > task_rlimit(RLIMIT_FSIZE)) {
		(void)signal_send_task(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	if (inode_capable(i, CAP_FSETID))
		a.valid &= ~(ATTR_KILL_SUID | ATTR_KILL_SGID);
	a.mtime = inode_now();
	return vfs_setattr(at->dentry, &a);
}
