/*
 * New names and their removal: mkdir, mknod, link, symlink, unlink, rmdir.
 *
 * The directory is locked for writing from the lookup of the name to the end of the operation; the
 * victim of a removal is locked too, so that its link count changes once at a time and a directory
 * that is being removed gains no entries.
 */
#include <kernel/notify/notify.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/inotify.h>

int create_begin(int dfd, const char *name, size_t len, bool is_dir, struct create_ctx *c)
{
	struct nameidata nd __uninit;
	struct qstr q;
	int err;

	nd_init(&nd, dfd, NULL, name, len, 0);
	err = nd_walk_parent(&nd);
	if (err)
		return err;
	c->dir = nd.path;
	q = (struct qstr){nd.last, nd.last_len, nd.last_hash};
	err = -EEXIST;
	if (nd.last_type != LAST_NORM)
		goto put;
	rwsem_write_lock(&c->dir.dentry->inode->lock);
	err = vfs_lookup_child(c->dir.dentry, &q, true, &c->dentry);
	if (err)
		goto unlock;
	err = -EEXIST;
	if (c->dentry->inode)
		goto put_child;
	err = -ENOENT;
	if (nd.last_slash && !is_dir)
		goto put_child;
	err = mount_may_write(&c->dir);
	if (!err)
		err = inode_may_create(c->dir.dentry->inode);
	if (err)
		goto put_child;
	nd_end(&nd);
	return 0;
put_child:
	dentry_put(c->dentry);
unlock:
	rwsem_write_unlock(&c->dir.dentry->inode->lock);
put:
	nd_end(&nd);
	path_put(&c->dir);
	return err;
}

int create_end(struct create_ctx *c, int err)
{
	if (!err)
		notify_name(c->dir.dentry->inode, IN_CREATE, &c->dentry->name, c->dentry->inode);
	dentry_put(c->dentry);
	rwsem_write_unlock(&c->dir.dentry->inode->lock);
	path_put(&c->dir);
	return err;
}

int vfs_create_at(struct inode *dir, struct dentry *d, umode_t mode, bool excl)
{
	int err = inode_may_create(dir);

	if (err)
		return err;
	if (!dir->ops->create)
		return -EACCES;
	return dir->ops->create(dir, d, (umode_t)((mode & 07777) | S_IFREG), excl);
}

static int mkdir_at(int dfd, const char *name, size_t len, umode_t mode)
{
	struct create_ctx c;
	struct inode *dir;
	int err = create_begin(dfd, name, len, true, &c);

	if (err)
		return err;
	dir = c.dir.dentry->inode;
	mode = vfs_create_mode(dir, (umode_t)(mode & (07777 & ~(S_ISUID | S_ISGID))));
	err = dir->ops->mkdir ? dir->ops->mkdir(dir, c.dentry, mode | S_IFDIR) : -EPERM;
	return create_end(&c, err);
}

static int mknod_at(int dfd, const char *name, size_t len, umode_t mode, u32 dev)
{
	struct create_ctx c;
	struct inode *dir;
	int err;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!(S_ISCHR(mode) && !dev) && !capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	err = create_begin(dfd, name, len, false, &c);
	if (err)
		return err;
	dir = c.dir.dentry->inode;
	mode = vfs_create_mode(dir, mode);
	if (S_ISREG(mode))
		err = vfs_create_at(dir, c.dentry, mode, true);
	else
		err = dir->ops->mknod ? dir->ops->mknod(dir, c.dentry, mode, dev) : -EPERM;
	return create_end(&c, err);
}

static int symlink_at(const char *target, int dfd, const char *name, size_t len)
{
	struct create_ctx c;
	struct inode *dir;
	int err = create_begin(dfd, name, len, false, &c);

	if (err)
		return err;
	dir = c.dir.dentry->inode;
	err = dir->ops->symlink ? dir->ops->symlink(dir, c.dentry, target) : -EPERM;
	return create_end(&c, err);
}

static int link_locked(const struct path *old, struct create_ctx *c)
{
	struct inode *i = old->dentry->inode, *dir = c->dir.dentry->inode;
	int err;

	if (old->mnt != c->dir.mnt)
		return -EXDEV;
	err = may_link_to(i);
	if (err)
		return err;
	if (i->flags & (INODE_APPEND | INODE_IMMUTABLE))
		return -EPERM;
	if (!dir->ops->link || S_ISDIR(i->mode))
		return -EPERM;
	rwsem_write_lock_nested(&i->lock, 1);
	if (!i->nlink && !(i->flags & INODE_LINKABLE))
		err = -ENOENT;
	if (!err)
		err = dir->ops->link(dir, c->dentry, i);
	if (!err)
		i->flags &= ~INODE_LINKABLE;
	rwsem_write_unlock(&i->lock);
	if (!err)
		notify_inode(i, IN_ATTRIB);
	return err;
}

static int link_at(const struct path *old, int dfd, const char *name, size_t len)
{
	struct create_ctx c;
	int err = create_begin(dfd, name, len, false, &c);

	return err ? err : create_end(&c, link_locked(old, &c));
}

/* The end of what nobody else uses is told before the end of its name; else it comes with the last
 * user. */
static void tell_removed(struct inode *dir, struct dentry *d, struct inode *i)
{
	if (likely(!READ_ONCE(notify_watches)))
		return;
	if (!i->nlink && READ_ONCE(d->refs) == 1)
		notify_deleted(i);
	notify_name(dir, IN_DELETE, &d->name, i);
}

static int remove_locked(const struct path *dir, struct dentry *d, bool is_dir)
{
	struct inode *di = dir->dentry->inode, *i = d->inode;
	int err = mount_may_write(dir);

	if (!err)
		err = inode_may_delete(di, d, is_dir);
	if (err)
		return err;
	if (!(is_dir ? di->ops->rmdir : di->ops->unlink))
		return -EPERM;
	inode_get(i);
	rwsem_write_lock_nested(&i->lock, 1);
	if (mount_is_local_mountpoint(d))
		err = -EBUSY;
	else
		err = is_dir ? di->ops->rmdir(di, d) : di->ops->unlink(di, d);
	if (!err && is_dir)
		i->flags |= INODE_DEAD;
	/* While the inode is locked, so that nothing is mounted on it from here on. */
	if (!err)
		dentry_drop(d);
	rwsem_write_unlock(&i->lock);
	if (!err && !is_dir)
		notify_inode(i, IN_ATTRIB);
	if (!err)
		tell_removed(di, d, i);
	inode_put(i);
	return err;
}

static int slash_error(const struct dentry *d)
{
	if (!d->inode)
		return -ENOENT;
	return S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
}

static int remove_at(int dfd, const char *name, size_t len, bool is_dir)
{
	static const s8 dir_errors[] = {
		[LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
	struct nameidata nd __uninit;
	struct dentry *d = NULL;
	struct inode *di;
	struct path dir;
	struct qstr q;
	int err;

	nd_init(&nd, dfd, NULL, name, len, 0);
	err = nd_walk_parent(&nd);
	if (err)
		return err;
	dir = nd.path;
	di = dir.dentry->inode;
	if (nd.last_type != LAST_NORM) {
		err = is_dir ? dir_errors[nd.last_type] : -EISDIR;
		goto put;
	}
	q = (struct qstr){nd.last, nd.last_len, nd.last_hash};
	rwsem_write_lock(&di->lock);
	d = dentry_find(dir.dentry, &q);
	if (!d || (d->flags & DENTRY_REVALIDATE)) {
		dentry_put(d);
		d = NULL;
		if (dir.dentry->flags & DENTRY_COMPLETE)
			err = -ENOENT;
		else
			err = vfs_lookup_child(dir.dentry, &q, true, &d);
	}
	if (!err) {
		if (nd.last_slash && !is_dir)
			err = slash_error(d);
		else
			err = remove_locked(&dir, d, is_dir);
	}
	rwsem_write_unlock(&di->lock);
	if (!err)
		mount_detach_at(d);
	dentry_put(d);
put:
	nd_end(&nd);
	path_put(&dir);
	return err;
}

/* ---- for the kernel ---- */

int vfs_mkdir(const char *path, umode_t mode)
{
	return mkdir_at(AT_FDCWD, path, strlen(path), mode);
}

int vfs_mknod(const char *path, umode_t mode, u32 dev)
{
	return mknod_at(AT_FDCWD, path, strlen(path), mode, dev);
}

int vfs_symlink(const char *target, const char *path)
{
	return symlink_at(target, AT_FDCWD, path, strlen(path));
}

int vfs_unlink(const char *path)
{
	return remove_at(AT_FDCWD, path, strlen(path), false);
}

int vfs_rmdir(const char *path)
{
	return remove_at(AT_FDCWD, path, strlen(path), true);
}

int vfs_link(const char *old, const char *new_path)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, old, 0, &p);

	if (err)
		return err;
	err = link_at(&p, AT_FDCWD, new_path, strlen(new_path));
	path_put(&p);
	return err;
}

/* ---- system calls ---- */

long sys_mkdirat(int dfd, const char __user *path, unsigned int mode)
{
	struct pathname pn __uninit;
	int err = pathname_get(&pn, path, false);

	if (err)
		return err;
	err = mkdir_at(dfd, pn.text, pn.len, (umode_t)mode);
	pathname_put(&pn);
	return err;
}

long sys_mkdir(const char __user *path, unsigned int mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int dfd, const char __user *path, unsigned int mode, unsigned int dev)
{
	struct pathname pn __uninit;
	int err = pathname_get(&pn, path, false);

	if (err)
		return err;
	err = mknod_at(dfd, pn.text, pn.len, (umode_t)mode, dev);
	pathname_put(&pn);
	return err;
}

long sys_mknod(const char __user *path, unsigned int mode, unsigned int dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}

static long remove_user(int dfd, const char __user *path, bool is_dir)
{
	struct pathname pn __uninit;
	int err = pathname_get(&pn, path, false);

	if (err)
		return err;
	err = remove_at(dfd, pn.text, pn.len, is_dir);
	pathname_put(&pn);
	return err;
}

long sys_unlink(const char __user *path)
{
	return remove_user(AT_FDCWD, path, false);
}

long sys_rmdir(const char __user *path)
{
	return remove_user(AT_FDCWD, path, true);
}

long sys_unlinkat(int dfd, const char __user *path, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return remove_user(dfd, path, flags & AT_REMOVEDIR);
}

long sys_symlinkat(const char __user *utarget, int dfd, const char __user *path)
{
	struct pathname pn __uninit;
	char *target;
	int err = vfs_getname(utarget, &target);

	if (err)
		return err;
	err = *target ? pathname_get(&pn, path, false) : -ENOENT;
	if (!err) {
		err = symlink_at(target, dfd, pn.text, pn.len);
		pathname_put(&pn);
	}
	vfs_putname(target);
	return err;
}

long sys_symlink(const char __user *target, const char __user *path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

long sys_linkat(int olddfd, const char __user *oldpath, int newdfd, const char __user *newpath,
		int flags)
{
	struct pathname pn __uninit;
	struct path old;
	u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		if (!capable(CAP_DAC_READ_SEARCH))
			return -ENOENT;
		lookup |= LOOKUP_EMPTY;
	}
	err = path_lookup_user(olddfd, oldpath, lookup, &old);
	if (err)
		return err;
	err = pathname_get(&pn, newpath, false);
	if (!err) {
		err = link_at(&old, newdfd, pn.text, pn.len);
		pathname_put(&pn);
	}
	path_put(&old);
	return err;
}

long sys_link(const char __user *oldpath, const char __user *newpath)
{
	return sys_linkat(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}
