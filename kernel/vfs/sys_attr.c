/* chmod, chown, utime families, truncate, xattr calls. */
#include <kernel/notify/notify.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/falloc.h>
#include <linux/inotify.h>
#include <linux/utime.h>

/* utimensat(2): in no UAPI header. */
#define UTIME_NOW ((1l << 30) - 1l)
#define UTIME_OMIT ((1l << 30) - 2l)

/* ---- chmod ---- */

static int chmod_path(const struct path *p, unsigned int mode)
{
	struct iattr a = {.valid = ATTR_MODE | ATTR_CTIME, .mode = (umode_t)(mode & 07777)};
	int err = mount_may_write(p);

	if (!err && S_ISLNK(p->dentry->inode->mode))
		err = -EOPNOTSUPP;
	return err ? err : vfs_setattr(p->dentry, &a);
}

long sys_fchmodat(int dfd, const char __user *path, unsigned int mode)
{
	struct path p;
	int err = path_lookup_user(dfd, path, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = chmod_path(&p, mode);
	path_put(&p);
	return err;
}

long sys_chmod(const char __user *path, unsigned int mode)
{
	return sys_fchmodat(AT_FDCWD, path, mode);
}

long sys_fchmod(int fd, unsigned int mode)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = chmod_path(&r.file->path, mode);
	fd_put(r);
	return err;
}

/* ---- chown ---- */

static int chown_path(const struct path *p, unsigned int uid, unsigned int gid)
{
	struct inode *i = p->dentry->inode;
	struct iattr a = {.valid = ATTR_CTIME};
	int err = mount_may_write(p);

	if (err)
		return err;
	if (uid != ~0u) {
		a.valid |= ATTR_UID;
		a.uid = uid_from_user(uid);
		if (a.uid == ID_NONE)
			return -EINVAL;
	}
	if (gid != ~0u) {
		a.valid |= ATTR_GID;
		a.gid = gid_from_user(gid);
		if (a.gid == ID_NONE)
			return -EINVAL;
	}
	if (!S_ISDIR(i->mode))
		a.valid |= ATTR_KILL_SUID | ATTR_KILL_SGID;
	return vfs_setattr(p->dentry, &a);
}

long sys_fchownat(int dfd, const char __user *path, unsigned int uid, unsigned int gid, int flags)
{
	struct path p;
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup_user(dfd, path, lookup, &p);
	if (err)
		return err;
	err = chown_path(&p, uid, gid);
	path_put(&p);
	return err;
}

long sys_chown(const char __user *path, unsigned int uid, unsigned int gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(const char __user *path, unsigned int uid, unsigned int gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, unsigned int uid, unsigned int gid)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = chown_path(&r.file->path, uid, gid);
	fd_put(r);
	return err;
}

/* ---- times ---- */

static int utimes_path(const struct path *p, const struct timespec64 t[2])
{
	struct inode *i = p->dentry->inode;
	struct timespec64 now = inode_now();
	struct iattr a = {
		.valid = ATTR_CTIME | ATTR_ATIME | ATTR_MTIME, .atime = now, .mtime = now};
	int err = mount_may_write(p);

	if (err)
		return err;
	if (t && t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW)
		t = NULL;
	if (t) {
		if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
			return 0;
		if (t[0].tv_nsec == UTIME_OMIT)
			a.valid &= ~ATTR_ATIME;
		else if (t[0].tv_nsec != UTIME_NOW)
			a.atime = t[0];
		if (t[1].tv_nsec == UTIME_OMIT)
			a.valid &= ~ATTR_MTIME;
		else if (t[1].tv_nsec != UTIME_NOW)
			a.mtime = t[1];
		/* Anything but "both now" is for the owner. */
		a.valid |= ATTR_ATIME_SET | ATTR_MTIME_SET;
	} else if (!inode_owner_or_capable(i)) {
		if (i->flags & INODE_IMMUTABLE)
			return -EPERM;
		err = inode_permission(i, MAY_WRITE);
		if (err)
			return err;
	}
	return vfs_setattr(p->dentry, &a);
}

static int utimes_at(int dfd, const char __user *path, const struct timespec64 *t, int flags)
{
	struct path p;
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!path && dfd != AT_FDCWD) {
		struct fd_ref r;

		if (flags)
			return -EINVAL;
		r = fd_get((unsigned int)dfd);
		if (!r.file)
			return -EBADF;
		err = utimes_path(&r.file->path, t);
		fd_put(r);
		return err;
	}
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup_user(dfd, path, lookup, &p);
	if (err)
		return err;
	err = utimes_path(&p, t);
	path_put(&p);
	return err;
}

static bool nsec_ok(long ns)
{
	return ns == UTIME_NOW || ns == UTIME_OMIT || (ns >= 0 && ns < 1000000000);
}

long sys_utimensat(int dfd, const char __user *path, const struct __kernel_timespec __user *utimes,
		   int flags)
{
	struct __kernel_timespec u[2];
	struct timespec64 t[2];

	if (!utimes)
		return utimes_at(dfd, path, NULL, flags);
	if (copy_from_user(u, utimes, sizeof(u)))
		return -EFAULT;
	/* Nothing to do: not even the path is looked at. */
	if (u[0].tv_nsec == UTIME_OMIT && u[1].tv_nsec == UTIME_OMIT)
		return 0;
	for (int n = 0; n < 2; n++) {
		if (!nsec_ok((long)u[n].tv_nsec))
			return -EINVAL;
		t[n].tv_sec = u[n].tv_sec;
		t[n].tv_nsec = (long)u[n].tv_nsec;
	}
	return utimes_at(dfd, path, t, flags);
}

static long utimes_tv(int dfd, const char __user *path,
		      const struct __kernel_old_timeval __user *utimes)
{
	struct __kernel_old_timeval u[2];
	struct timespec64 t[2];

	if (!utimes)
		return utimes_at(dfd, path, NULL, 0);
	if (copy_from_user(u, utimes, sizeof(u)))
		return -EFAULT;
	for (int n = 0; n < 2; n++) {
		if (u[n].tv_usec < 0 || u[n].tv_usec >= 1000000)
			return -EINVAL;
		t[n].tv_sec = u[n].tv_sec;
		t[n].tv_nsec = (long)u[n].tv_usec * 1000;
	}
	return utimes_at(dfd, path, t, 0);
}

long sys_futimesat(int dfd, const char __user *path, const struct __kernel_old_timeval __user *t)
{
	return utimes_tv(dfd, path, t);
}

long sys_utimes(const char __user *path, const struct __kernel_old_timeval __user *t)
{
	return utimes_tv(AT_FDCWD, path, t);
}

long sys_utime(const char __user *path, const struct utimbuf __user *ut)
{
	struct utimbuf u;
	struct timespec64 t[2] = {{0, 0}, {0, 0}};

	if (!ut)
		return utimes_at(AT_FDCWD, path, NULL, 0);
	if (copy_from_user(&u, ut, sizeof(u)))
		return -EFAULT;
	t[0].tv_sec = u.actime;
	t[1].tv_sec = u.modtime;
	return utimes_at(AT_FDCWD, path, t, 0);
}

/* ---- sizes ---- */

long sys_truncate(const char __user *path, s64 length)
{
	struct path p;
	struct inode *i;
	int err;

	if (length < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	i = p.dentry->inode;
	err = S_ISDIR(i->mode) ? -EISDIR : S_ISREG(i->mode) ? 0 : -EINVAL;
	if (!err)
		err = mount_may_write(&p);
	if (!err)
		err = inode_permission(i, MAY_WRITE);
	if (!err)
		err = inode_get_writer(i);
	if (!err) {
		err = vfs_truncate(NULL, &p, length);
		inode_put_writer(i);
	}
	path_put(&p);
	return err;
}

long sys_ftruncate(int fd, s64 length)
{
	struct fd_ref r;
	int err;

	if (length < 0)
		return -EINVAL;
	r = fd_get((unsigned int)fd);
	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FMODE_WRITE) || !S_ISREG(r.file->inode->mode))
		err = -EINVAL;
	else
		err = vfs_truncate(r.file, NULL, length);
	fd_put(r);
	return err;
}

/* Which combinations of fallocate(2) modes there are. */
static int fallocate_mode(int mode)
{
	static const struct {
		int flag, with; /* what may stand beside it */
	} alone[] = {
		{FALLOC_FL_COLLAPSE_RANGE, 0},
		{FALLOC_FL_INSERT_RANGE, 0},
		{FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_KEEP_SIZE},
	};
	const int all = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
			FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
	const int punch_zero = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;

	if (mode & ~all || (mode & punch_zero) == punch_zero)
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		if ((mode & alone[i].flag) && (mode & ~(alone[i].flag | alone[i].with)))
			return -EINVAL;
	}
	return 0;
}

static int fallocate_file(struct file *f, int mode, s64 off, s64 len)
{
	const struct inode *i = f->inode;
	s64 end;
	int err;

	if (off < 0 || len <= 0)
		return -EINVAL;
	err = fallocate_mode(mode);
	if (err)
		return err;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if ((mode & ~FALLOC_FL_KEEP_SIZE) && (i->flags & INODE_APPEND))
		return -EPERM;
	if (i->flags & INODE_IMMUTABLE)
		return -EPERM;
	if (S_ISFIFO(i->mode))
		return -ESPIPE;
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode) && !S_ISBLK(i->mode))
		return -ENODEV;
	if (__builtin_add_overflow(off, len, &end) || end > i->super->max_bytes)
		return -EFBIG;
	return f->ops->fallocate ? f->ops->fallocate(f, mode, off, len) : -EOPNOTSUPP;
}

long sys_fallocate(int fd, int mode, s64 off, s64 len)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = fallocate_file(r.file, mode, off, len);
	if (!err)
		notify_file(r.file, IN_MODIFY);
	fd_put(r);
	return err;
}
