/*
 * read(2), write(2) and their forms with vectors and positions; lseek(2); ioctl(2).
 */
#include <kern/errno.h>
#include <kern/limits.h>
#include <kernel/file/file_impl.h>
#include <kernel/notify/notify.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <asm/ioctls.h>

ssize_t vfs_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t ret;

	if (unlikely(!(f->mode & FMODE_READ)))
		return -EBADF;
	if (unlikely(!f->ops->read))
		return f->ops->readdir ? -EISDIR : -EINVAL;
	ret = f->ops->read(f, u, pos);
	if (ret > 0) {
		current->io_rchar += (u64)ret;
		notify_file(f, IN_ACCESS);
	}
	current->io_syscr++;
	return ret;
}

ssize_t vfs_write(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t ret;

	if (unlikely(!(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (unlikely(!f->ops->write))
		return -EINVAL;
	ret = f->ops->write(f, u, pos);
	if (ret > 0) {
		current->io_wchar += (u64)ret;
		notify_file(f, IN_MODIFY);
	}
	current->io_syscw++;
	return ret;
}

ssize_t vfs_read_kernel(struct file *f, void *buf, size_t len, loff_t pos)
{
	struct uio u;

	if (!f->ops->read)
		return -EINVAL;
	uio_init_kernel(&u, false, buf, len);
	return f->ops->read(f, &u, &pos);
}

ssize_t vfs_write_kernel(struct file *f, const void *buf, size_t len, loff_t pos)
{
	struct uio u;

	if (!f->ops->write)
		return -EINVAL;
	uio_init_kernel(&u, true, (void *)(unsigned long)buf, len);
	return f->ops->write(f, &u, &pos);
}

/* At the file's own position, which moves. */
static ssize_t at_position(struct fd_ref r, struct uio *u, bool write)
{
	struct file *f = r.file;
	loff_t pos, *p = NULL;
	ssize_t ret;

	if (!(f->mode & FMODE_STREAM)) {
		pos = f->pos;
		p = &pos;
	}
	ret = write ? vfs_write(f, u, p) : vfs_read(f, u, p);
	if (p && ret >= 0)
		f->pos = pos;
	return ret;
}

long sys_read(int fd, void __user *buf, size_t count)
{
	struct fd_ref r = fd_get_pos((unsigned int)fd);
	struct uio u;
	ssize_t ret = -EINVAL;

	if (unlikely(!r.file))
		return -EBADF;
	if (likely((ssize_t)count >= 0)) {
		uio_init_user(&u, false, buf, min_t(size_t, count, MAX_RW_COUNT));
		ret = at_position(r, &u, false);
	}
	fd_put(r);
	return ret;
}

long sys_write(int fd, const void __user *buf, size_t count)
{
	struct fd_ref r = fd_get_pos((unsigned int)fd);
	struct uio u;
	ssize_t ret = -EINVAL;

	if (unlikely(!r.file))
		return -EBADF;
	if (likely((ssize_t)count >= 0)) {
		uio_init_user(&u, true, (void __user *)(unsigned long)buf,
			      min_t(size_t, count, MAX_RW_COUNT));
		ret = at_position(r, &u, true);
	}
	fd_put(r);
	return ret;
}

static ssize_t at_offset(int fd, struct uio *u, s64 pos, bool write)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	ssize_t ret;

	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & (write ? FMODE_PWRITE : FMODE_PREAD)))
		ret = -ESPIPE;
	else
		ret = write ? vfs_write(r.file, u, &pos) : vfs_read(r.file, u, &pos);
	fd_put(r);
	return ret;
}

long sys_pread64(int fd, void __user *buf, size_t count, s64 pos)
{
	struct uio u;

	if (pos < 0 || (ssize_t)count < 0)
		return -EINVAL;
	uio_init_user(&u, false, buf, min_t(size_t, count, MAX_RW_COUNT));
	return at_offset(fd, &u, pos, false);
}

long sys_pwrite64(int fd, const void __user *buf, size_t count, s64 pos)
{
	struct uio u;

	if (pos < 0 || (ssize_t)count < 0)
		return -EINVAL;
	uio_init_user(&u, true, (void __user *)(unsigned long)buf,
		      min_t(size_t, count, MAX_RW_COUNT));
	return at_offset(fd, &u, pos, true);
}

/* RWF_*: what has no meaning here is accepted where it is a hint and refused where it is a promise.
 */
static int check_rwf(struct file *f, int flags, bool write)
{
	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	if ((flags & RWF_NOWAIT) && !(f->mode & FMODE_NOWAIT))
		return -EOPNOTSUPP;
	if ((flags & RWF_APPEND) && (!write || !f->inode || !S_ISREG(f->inode->mode)))
		return write ? -EOPNOTSUPP : 0;
	return 0;
}

/* RWF_APPEND: at the end, whatever the offset says; the file's position moves if it was asked for.
 */
static ssize_t write_append(struct file *f, struct uio *u, bool own_pos)
{
	loff_t pos = inode_size(f->inode);
	ssize_t n = generic_write_at_end(f, u, &pos);

	if (own_pos && n > 0)
		f->pos = pos;
	return n;
}

static ssize_t vector(int fd, const struct iovec __user *uvec, unsigned long n, s64 pos,
		      bool own_pos, int flags, bool write)
{
	struct iovec fast[UIO_FAST], *to_free = NULL;
	struct fd_ref r = own_pos ? fd_get_pos((unsigned int)fd) : fd_get((unsigned int)fd);
	struct uio u;
	ssize_t ret;

	if (!r.file)
		return -EBADF;
	ret = -ESPIPE;
	if (!own_pos && !(r.file->mode & (write ? FMODE_PWRITE : FMODE_PREAD)))
		goto out;
	ret = flags ? check_rwf(r.file, flags, write) : 0;
	if (!ret && !(r.file->mode & (write ? FMODE_WRITE : FMODE_READ)))
		ret = -EBADF;
	if (!ret)
		ret = uio_import(&u, write, uvec, n, fast, &to_free);
	if (ret)
		goto out;
	if (write && (flags & RWF_APPEND))
		ret = write_append(r.file, &u, own_pos);
	else if (own_pos)
		ret = at_position(r, &u, write);
	else
		ret = write ? vfs_write(r.file, &u, &pos) : vfs_read(r.file, &u, &pos);
	kfree(to_free);
out:
	fd_put(r);
	return ret;
}

long sys_readv(int fd, const struct iovec __user *vec, unsigned long n)
{
	return vector(fd, vec, n, 0, true, 0, false);
}

long sys_writev(int fd, const struct iovec __user *vec, unsigned long n)
{
	return vector(fd, vec, n, 0, true, 0, true);
}

/* On 64-bit machines the low word holds all of the position. */
long sys_preadv(int fd, const struct iovec __user *vec, unsigned long n, unsigned long lo,
		unsigned long hi)
{
	(void)hi;
	return (s64)lo < 0 ? -EINVAL : vector(fd, vec, n, (s64)lo, false, 0, false);
}

long sys_pwritev(int fd, const struct iovec __user *vec, unsigned long n, unsigned long lo,
		 unsigned long hi)
{
	(void)hi;
	return (s64)lo < 0 ? -EINVAL : vector(fd, vec, n, (s64)lo, false, 0, true);
}

long sys_preadv2(int fd, const struct iovec __user *vec, unsigned long n, unsigned long lo,
		 unsigned long hi, int flags)
{
	(void)hi;
	if ((s64)lo < -1)
		return -EINVAL;
	return vector(fd, vec, n, (s64)lo, (s64)lo == -1, flags, false);
}

long sys_pwritev2(int fd, const struct iovec __user *vec, unsigned long n, unsigned long lo,
		  unsigned long hi, int flags)
{
	(void)hi;
	if ((s64)lo < -1)
		return -EINVAL;
	return vector(fd, vec, n, (s64)lo, (s64)lo == -1, flags, true);
}

long sys_lseek(int fd, s64 off, int whence)
{
	struct fd_ref r = fd_get_pos((unsigned int)fd);
	loff_t out = 0;
	long ret;

	if (!r.file)
		return -EBADF;
	if (whence < 0 || whence > SEEK_HOLE)
		ret = -EINVAL;
	else if (!(r.file->mode & FMODE_LSEEK) || !r.file->ops->lseek)
		ret = -ESPIPE;
	else
		ret = r.file->ops->lseek(r.file, off, whence, &out);
	fd_put(r);
	return ret ? ret : out;
}

/* ---- ioctl ---- */

void fd_flags_set(unsigned int fd, bool cloexec);

static long set_flag(struct file *f, int __user *uarg, u32 flag)
{
	int on, err = get_user(on, uarg);

	if (err)
		return err;
	spin_lock(&f->lock);
	if (on)
		f->flags |= flag;
	else
		f->flags &= ~flag;
	spin_unlock(&f->lock);
	return 0;
}

static long set_async(struct file *f, unsigned int fd, int __user *uarg)
{
	int on, err = get_user(on, uarg);

	if (err)
		return err;
	if (!on == !(f->flags & FASYNC))
		return 0;
	if (!f->ops->fasync)
		return -ENOTTY;
	err = f->ops->fasync(f, (int)fd, on);
	if (err < 0)
		return err;
	spin_lock(&f->lock);
	f->flags = on ? f->flags | FASYNC : f->flags & ~(u32)FASYNC;
	spin_unlock(&f->lock);
	return 0;
}

static long regular_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	loff_t left;

	switch (cmd) {
	case FIONREAD:
		left = inode_size(f->inode) - f->pos;
		return put_user((int)left, (int __user *)arg);
	case FIOQSIZE:
		return put_user(inode_size(f->inode), (loff_t __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static long file_ioctl(struct file *f, unsigned int fd, unsigned int cmd, unsigned long arg)
{
	long ret = -ENOIOCTLCMD;

	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		fd_flags_set(fd, cmd == FIOCLEX);
		return 0;
	case FIONBIO:
		return set_flag(f, (int __user *)arg, O_NONBLOCK);
	case FIOASYNC:
		return set_async(f, fd, (int __user *)arg);
	case FIGETBSZ:
		if (!f->inode || !f->inode->super)
			return -EBADF;
		return put_user((int)f->inode->super->blksize, (int __user *)arg);
	default:
		break;
	}
	if (f->ops->ioctl)
		ret = f->ops->ioctl(f, cmd, arg);
	if (ret == -ENOIOCTLCMD && f->inode && S_ISREG(f->inode->mode))
		ret = regular_ioctl(f, cmd, arg);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

long sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	struct fd_ref r = fd_get((unsigned int)fd);
	long ret;

	if (!r.file)
		return -EBADF;
	ret = file_ioctl(r.file, (unsigned int)fd, cmd, arg);
	fd_put(r);
	return ret;
}
