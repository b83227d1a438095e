/*
 * rename(2).
 *
 * One cross-directory rename per superblock at a time (LK_RENAME), which keeps "is an ancestor of"
 * true while the two directories are locked, ancestor first.  Then the inodes that lose or change a
 * name.
 */
#include <kernel/notify/notify.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/fs.h>
#include <linux/inotify.h>

struct rename_side {
	struct nameidata nd;
	struct path dir;
	struct dentry *dentry;
};

static void lock_dirs(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		rwsem_write_lock(&a->inode->lock);
		return;
	}
	mutex_lock(&a->super->rename_lock);
	/* An ancestor first; unrelated ones in any order, since only one such pair is locked at a
	 * time. */
	if (dentry_is_below(a, b))
		swap(a, b);
	rwsem_write_lock(&a->inode->lock);
	rwsem_write_lock_nested(&b->inode->lock, 1);
}

static void unlock_dirs(struct dentry *a, struct dentry *b)
{
	rwsem_write_unlock(&a->inode->lock);
	if (a == b)
		return;
	rwsem_write_unlock(&b->inode->lock);
	mutex_unlock(&a->super->rename_lock);
}

/* 1: there is nothing to do. */
static int check(struct rename_side *o, struct rename_side *n, u32 flags)
{
	struct inode *from = o->dentry->inode, *to = n->dentry->inode;
	bool is_dir;
	int err;

	if (!from)
		return -ENOENT;
	is_dir = S_ISDIR(from->mode);
	if ((flags & RENAME_NOREPLACE) && to)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!to)
			return -ENOENT;
		if (!S_ISDIR(to->mode) && n->nd.last_slash)
			return -ENOTDIR;
	}
	if (!is_dir && (o->nd.last_slash || (!(flags & RENAME_EXCHANGE) && n->nd.last_slash)))
		return -ENOTDIR;
	if (dentry_is_below(n->dir.dentry, o->dentry))
		return -EINVAL;
	if (to && dentry_is_below(o->dir.dentry, n->dentry))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (from == to)
		return 1;
	err = inode_may_delete(o->dir.dentry->inode, o->dentry, is_dir);
	if (err)
		return err;
	if (!to)
		err = inode_may_create(n->dir.dentry->inode);
	else
		err = inode_may_delete(n->dir.dentry->inode, n->dentry,
				       flags & RENAME_EXCHANGE ? S_ISDIR(to->mode) : is_dir);
	if (err)
		return err;
	/* ".." changes. */
	if (o->dir.dentry != n->dir.dentry) {
		if (is_dir)
			err = inode_permission(from, MAY_WRITE);
		if (!err && (flags & RENAME_EXCHANGE) && S_ISDIR(to->mode))
			err = inode_permission(to, MAY_WRITE);
	}
	return err;
}

/*
 * RENAME_WHITEOUT: a character device 0:0 takes the old name's place.  It is made first, so that
 * nothing can fail afterwards; until the old dentry moves away both have the name, and a lookup
 * finds either.
 */
static int whiteout_make(struct rename_side *o, struct dentry **out)
{
	struct inode *di = o->dir.dentry->inode;
	struct qstr q = {o->nd.last, o->nd.last_len, o->nd.last_hash};
	int err;

	/* Only where dentries are the directory is a second one of the same name possible. */
	if (!di->ops->mknod || di->ops->lookup != simple_lookup)
		return -EINVAL;
	err = dentry_alloc(o->dir.dentry, &q, out);
	if (err)
		return err;
	err = di->ops->mknod(di, *out, S_IFCHR, 0);
	if (err)
		dentry_put(*out);
	return err;
}

static void whiteout_end(struct rename_side *o, struct dentry *w, bool keep)
{
	struct inode *di = o->dir.dentry->inode;

	if (!keep && !di->ops->unlink(di, w))
		dentry_drop(w);
	dentry_put(w);
}

/* The directories are still locked, so that events come in the order of what happened. */
static void tell_moved(struct rename_side *o, struct rename_side *n, struct inode *moved,
		       struct inode *replaced)
{
	struct qstr from = {o->nd.last, o->nd.last_len, 0}, to = {n->nd.last, n->nd.last_len, 0};
	u32 cookie = notify_new_cookie();

	if (o->dir.dentry == n->dir.dentry)
		notify_name_slow(o->dir.dentry->inode, NOTIFY_RENAME, &from, moved, 0);
	notify_name_slow(o->dir.dentry->inode, IN_MOVED_FROM, &from, moved, cookie);
	notify_name_slow(n->dir.dentry->inode, IN_MOVED_TO, &to, moved, cookie);
	if (replaced)
		notify_inode(replaced, IN_ATTRIB);
	notify_inode(moved, IN_MOVE_SELF);
}

static int rename_locked(struct rename_side *o, struct rename_side *n, u32 flags)
{
	struct inode *from = o->dentry->inode, *to = n->dentry->inode;
	struct inode *di = o->dir.dentry->inode, *first, *second;
	struct dentry *whiteout = NULL;
	int err;

	err = check(o, n, flags);
	if (err)
		return err > 0 ? 0 : err;
	if (!di->ops->rename)
		return -EPERM;
	if (flags & RENAME_WHITEOUT) {
		err = whiteout_make(o, &whiteout);
		if (err)
			return err;
	}
	/* Two inodes of the same kind by address; directories come first in the lock order. */
	first = from;
	second = to;
	if (to &&
	    (S_ISDIR(from->mode) == S_ISDIR(to->mode) ? (unsigned long)from > (unsigned long)to
						      : S_ISDIR(to->mode)))
		swap(first, second);
	inode_get(from);
	rwsem_write_lock_nested(&first->lock, 2);
	if (second) {
		inode_get(to);
		rwsem_write_lock_nested(&second->lock, 3);
	}
	if (mount_is_local_mountpoint(o->dentry) || mount_is_local_mountpoint(n->dentry))
		err = -EBUSY;
	else
		err = di->ops->rename(di, o->dentry, n->dir.dentry->inode, n->dentry, flags);
	if (!err && to && !(flags & RENAME_EXCHANGE) && S_ISDIR(to->mode))
		to->flags |= INODE_DEAD;
	if (!err && (flags & RENAME_EXCHANGE))
		dentry_exchange(o->dentry, n->dentry);
	else if (!err)
		dentry_move(o->dentry, n->dentry);
	if (second)
		rwsem_write_unlock(&second->lock);
	rwsem_write_unlock(&first->lock);
	if (whiteout)
		whiteout_end(o, whiteout, !err);
	if (!err && unlikely(READ_ONCE(notify_watches))) {
		tell_moved(o, n, from, flags & RENAME_EXCHANGE ? NULL : to);
		if (flags & RENAME_EXCHANGE)
			tell_moved(n, o, to, NULL);
	}
	inode_put(from);
	if (to)
		inode_put(to);
	return err;
}

static int side_begin(struct rename_side *s, int dfd, const struct pathname *pn, u32 flags)
{
	int err;

	nd_init(&s->nd, dfd, NULL, pn->text, pn->len, 0);
	err = nd_walk_parent(&s->nd);
	if (err)
		return err;
	s->dir = s->nd.path;
	if (s->nd.last_type != LAST_NORM) {
		nd_end(&s->nd);
		path_put(&s->dir);
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	}
	return 0;
}

static void side_end(struct rename_side *s)
{
	nd_end(&s->nd);
	path_put(&s->dir);
}

static int side_lookup(struct rename_side *s)
{
	struct qstr q = {s->nd.last, s->nd.last_len, s->nd.last_hash};

	return vfs_lookup_child(s->dir.dentry, &q, true, &s->dentry);
}

static int rename_at(int olddfd, const struct pathname *old, int newdfd, const struct pathname *new,
		     u32 flags)
{
	struct rename_side o __uninit, n __uninit;
	struct dentry *gone = NULL;
	bool replaces = false;
	int err = side_begin(&o, olddfd, old, 0);

	if (err)
		return err;
	err = side_begin(&n, newdfd, new, flags);
	if (err)
		goto end_old;
	err = -EXDEV;
	if (o.dir.mnt != n.dir.mnt)
		goto end_new;
	err = mount_may_write(&o.dir);
	if (err)
		goto end_new;
	lock_dirs(o.dir.dentry, n.dir.dentry);
	err = side_lookup(&o);
	if (!err) {
		err = side_lookup(&n);
		if (!err) {
			replaces = o.dentry->inode != n.dentry->inode && !(flags & RENAME_EXCHANGE);
			err = rename_locked(&o, &n, flags);
			gone = n.dentry;
		}
		dentry_put(o.dentry);
	}
	unlock_dirs(o.dir.dentry, n.dir.dentry);
	/* What was replaced; another namespace may have had something on it. */
	if (gone && !err && replaces)
		mount_detach_at(gone);
	dentry_put(gone);
end_new:
	side_end(&n);
end_old:
	side_end(&o);
	return err;
}

long sys_renameat2(int olddfd, const char __user *oldpath, int newdfd, const char __user *newpath,
		   unsigned int flags)
{
	struct pathname old __uninit, new __uninit;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	err = pathname_get(&old, oldpath, false);
	if (err)
		return err;
	err = pathname_get(&new, newpath, false);
	if (!err) {
		err = rename_at(olddfd, &old, newdfd, &new, flags);
		pathname_put(&new);
	}
	pathname_put(&old);
	return err;
}

long sys_renameat(int olddfd, const char __user *oldpath, int newdfd, const char __user *newpath)
{
	return sys_renameat2(olddfd, oldpath, newdfd, newpath, 0);
}

long sys_rename(const char __user *oldpath, const char __user *newpath)
{
	return sys_renameat2(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}
