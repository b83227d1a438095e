/*
 * The stat family, access, readlink.
 *
 * On file systems without a getattr of their own, stat(2) reads the attributes in RCU mode at the
 * end of the walk: no reference, no lock.
 */
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <asm/stat.h>
#include <linux/securebits.h>

static int stat_rcu(struct nameidata *nd, struct kstat *st)
{
	const struct inode *i = nd->inode;

	if (i->ops && i->ops->getattr) {
		if (!nd_end_rcu(nd))
			return -ECHILD;
		return -ECHILD;
	}
	st->mask = STATX_BASIC_STATS;
	st->attributes = st->attributes_mask = 0;
	st->mnt_id = (u64)nd->path.mnt->id;
	inode_fill_stat(i, st);
	return nd_end_rcu(nd) ? 0 : -ECHILD;
}

/* By name, which is not empty. */
static int stat_name(int dfd, const struct pathname *pn, u32 lookup, struct kstat *st, u32 mask,
		     bool *mnt_root)
{
	struct nameidata nd __uninit;
	int err;

	nd_init(&nd, dfd, NULL, pn->text, pn->len, lookup);
	err = nd_walk_rcu(&nd);
	if (likely(!err)) {
		if (mnt_root)
			*mnt_root = nd.path.dentry == nd.path.mnt->root;
		err = stat_rcu(&nd, st);
	}
	if (likely(err != -ECHILD))
		return err;
	err = nd_walk(&nd);
	if (err)
		return err;
	if (mnt_root)
		*mnt_root = nd.path.dentry == nd.path.mnt->root;
	err = vfs_getattr(&nd.path, st, mask);
	path_put(&nd.path);
	nd_end(&nd);
	return err;
}

static int stat_fd(int fd, struct kstat *st, u32 mask)
{
	struct fd_ref r = fd_get_path((unsigned int)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = vfs_getattr(&r.file->path, st, mask);
	fd_put(r);
	return err;
}

static int stat_at(int dfd, const char __user *path, int flags, struct kstat *st, u32 mask,
		   bool *mnt_root)
{
	struct pathname pn __uninit;
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	int err;

	err = pathname_get(&pn, path, flags & AT_EMPTY_PATH);
	if (unlikely(err))
		return err;
	if (unlikely(!pn.len && dfd >= 0))
		err = stat_fd(dfd, st, mask);
	else
		err = stat_name(dfd, &pn, lookup, st, mask, mnt_root);
	pathname_put(&pn);
	return err;
}

static int copy_stat(const struct kstat *k, struct stat __user *ubuf)
{
	struct stat s;

	memset(&s, 0, sizeof(s));
	s.st_dev = k->dev;
	s.st_ino = k->ino;
	s.st_nlink = k->nlink;
	s.st_mode = k->mode;
	s.st_uid = uid_to_user(k->uid);
	s.st_gid = gid_to_user(k->gid);
	s.st_rdev = k->rdev;
	s.st_size = (long)k->size;
	s.st_blksize = (long)k->blksize;
	s.st_blocks = (long)k->blocks;
	s.st_atime = (unsigned long)k->atime.tv_sec;
	s.st_atime_nsec = (unsigned long)k->atime.tv_nsec;
	s.st_mtime = (unsigned long)k->mtime.tv_sec;
	s.st_mtime_nsec = (unsigned long)k->mtime.tv_nsec;
	s.st_ctime = (unsigned long)k->ctime.tv_sec;
	s.st_ctime_nsec = (unsigned long)k->ctime.tv_nsec;
	return copy_to_user(ubuf, &s, sizeof(s)) ? -EFAULT : 0;
}

static long stat_common(int dfd, const char __user *path, struct stat __user *buf, int flags)
{
	struct kstat st __uninit;
	int err = stat_at(dfd, path, flags, &st, STATX_BASIC_STATS, NULL);

	return err ? err : copy_stat(&st, buf);
}

long sys_stat(const char __user *path, struct stat __user *buf)
{
	return stat_common(AT_FDCWD, path, buf, 0);
}

long sys_lstat(const char __user *path, struct stat __user *buf)
{
	return stat_common(AT_FDCWD, path, buf, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int fd, struct stat __user *buf)
{
	struct kstat st __uninit;
	int err = stat_fd(fd, &st, STATX_BASIC_STATS);

	return err ? err : copy_stat(&st, buf);
}

long sys_newfstatat(int dfd, const char __user *path, struct stat __user *buf, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	return stat_common(dfd, path, buf, flags);
}

static struct statx_timestamp statx_time(const struct timespec64 *t)
{
	return (struct statx_timestamp){.tv_sec = t->tv_sec, .tv_nsec = (u32)t->tv_nsec};
}

long sys_statx(int dfd, const char __user *path, int flags, unsigned int mask,
	       struct statx __user *buf)
{
	struct kstat k;
	struct statx s;
	bool mnt_root = false;
	int err;

	if (mask & STATX__RESERVED)
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	memset(&k, 0, sizeof(k));
	err = stat_at(dfd, path, flags, &k, mask, &mnt_root);
	if (err)
		return err;
	memset(&s, 0, sizeof(s));
	s.stx_mask = k.mask | STATX_MNT_ID;
	if (k.btime.tv_sec || k.btime.tv_nsec) {
		s.stx_mask |= STATX_BTIME;
		s.stx_btime = statx_time(&k.btime);
	}
	s.stx_blksize = k.blksize;
	s.stx_attributes = k.attributes | (mnt_root ? STATX_ATTR_MOUNT_ROOT : 0);
	/* There is neither of the first two; Linux knows them of every file system. */
	s.stx_attributes_mask =
		k.attributes_mask | STATX_ATTR_AUTOMOUNT | STATX_ATTR_DAX | STATX_ATTR_MOUNT_ROOT;
	s.stx_nlink = k.nlink;
	s.stx_uid = uid_to_user(k.uid);
	s.stx_gid = gid_to_user(k.gid);
	s.stx_mode = (u16)k.mode;
	s.stx_ino = k.ino;
	s.stx_size = (u64)k.size;
	s.stx_blocks = k.blocks;
	s.stx_atime = statx_time(&k.atime);
	s.stx_ctime = statx_time(&k.ctime);
	s.stx_mtime = statx_time(&k.mtime);
	s.stx_rdev_major = vfs_major((u32)k.rdev);
	s.stx_rdev_minor = vfs_minor((u32)k.rdev);
	s.stx_dev_major = vfs_major((u32)k.dev);
	s.stx_dev_minor = vfs_minor((u32)k.dev);
	s.stx_mnt_id = k.mnt_id;
	return copy_to_user(buf, &s, sizeof(s)) ? -EFAULT : 0;
}

/* ---- readlink ---- */

static ssize_t link_text(const struct path *p, char *buf, size_t size)
{
	struct inode *i = p->dentry->inode;
	struct path to;
	char *text;
	size_t len;
	int err;

	if (i->ops && i->ops->readlink && !i->link)
		return i->ops->readlink(i, p->dentry, buf, size);
	if (i->link) {
		len = strlen(i->link);
		memcpy(buf, i->link, min(len, size));
		return (ssize_t)min(len, size);
	}
	if (!i->ops || !i->ops->get_path)
		return -EINVAL;
	err = i->ops->get_path(p->dentry, &to);
	if (err)
		return err;
	err = path_format(&to, buf, size, &text);
	path_put(&to);
	if (err)
		return err;
	len = strlen(text);
	memmove(buf, text, len);
	return (ssize_t)len;
}

long sys_readlinkat(int dfd, const char __user *path, void __user *ubuf, int size)
{
	struct path p;
	char *buf;
	ssize_t len;
	int err;

	if (size <= 0)
		return -EINVAL;
	err = path_lookup_user(dfd, path, LOOKUP_EMPTY, &p);
	if (err)
		return err;
	err = -EINVAL;
	if (!S_ISLNK(p.dentry->inode->mode)) {
		char c;

		/* An empty path names the link that dfd is. */
		if (!get_user(c, path) && !c)
			err = -ENOENT;
		goto put;
	}
	err = -ENOMEM;
	buf = kmalloc(PATH_MAX_LEN);
	if (!buf)
		goto put;
	len = link_text(&p, buf, PATH_MAX_LEN);
	if (len >= 0) {
		len = min_t(ssize_t, len, size);
		inode_access(&p);
		if (copy_to_user(ubuf, buf, (size_t)len))
			len = -EFAULT;
	}
	kfree(buf);
	path_put(&p);
	return len;
put:
	path_put(&p);
	return err;
}

long sys_readlink(const char __user *path, void __user *buf, int size)
{
	return sys_readlinkat(AT_FDCWD, path, buf, size);
}

/* ---- access ---- */

static int access_check(const struct path *p, int mode)
{
	struct inode *i = p->dentry->inode;
	int err;

	if ((mode & MAY_EXEC) && S_ISREG(i->mode) && (p->mnt->flags & MNT_NOEXEC))
		return -EACCES;
	err = inode_permission(i, mode | MAY_ACCESS);
	if (err || !(mode & MAY_WRITE))
		return err;
	if (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode))
		return mount_may_write(p);
	return 0;
}

/* access(2) asks for the real user; without AT_EACCESS the walk uses its rights as well. */
static int access_as_real(const struct cred **saved)
{
	const struct cred *c = current_cred();
	struct cred *n;
	int err;

	*saved = NULL;
	/* Whose capabilities do not follow his ids keeps them. */
	bool fixed = c->securebits & SECBIT_NO_SETUID_FIXUP;
	u64 caps = fixed				   ? c->cap_effective
		   : c->uid == user_ns_kuid(c->user_ns, 0) ? c->cap_permitted
							   : 0;

	if (c->fsuid == c->uid && c->fsgid == c->gid && c->cap_effective == caps)
		return 0;
	err = cred_prepare(&n);
	if (err)
		return err;
	n->fsuid = n->uid;
	n->fsgid = n->gid;
	n->cap_effective = caps;
	*saved = cred_get(c);
	cred_commit(n);
	return 0;
}

static void access_restore(const struct cred *saved)
{
	const struct cred *tmp = current->cred;

	if (!saved)
		return;
	rcu_assign_pointer(current->cred, saved);
	cred_put(tmp);
}

static long access_common(int dfd, const char __user *path, int mode, int flags)
{
	const struct cred *saved = NULL;
	struct path p;
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	int err;

	if (mode & ~7)
		return -EINVAL;
	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	if (!(flags & AT_EACCESS)) {
		err = access_as_real(&saved);
		if (err)
			return err;
	}
	err = path_lookup_user(dfd, path, lookup, &p);
	if (!err) {
		if (mode)
			err = access_check(&p, mode);
		path_put(&p);
	}
	access_restore(saved);
	return err;
}

long sys_access(const char __user *path, int mode)
{
	return access_common(AT_FDCWD, path, mode, 0);
}

long sys_faccessat(int dfd, const char __user *path, int mode)
{
	return access_common(dfd, path, mode, 0);
}

long sys_faccessat2(int dfd, const char __user *path, int mode, int flags)
{
	return access_common(dfd, path, mode, flags);
}
