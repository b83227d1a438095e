/* fcntl(2), but for record locks (kernel/vfs/locks.c). */
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file_impl.h>
#include <kernel/ns/user.h>
#include <kernel/notify/notify.h>
#include <kernel/pipe/pipe.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>

int fd_flags_get(unsigned int fd);
void fd_flags_set(unsigned int fd, bool cloexec);

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static long set_flags(struct file *f, unsigned int fd, u32 arg)
{
	int err;

	if (((arg ^ f->flags) & O_APPEND) && (f->inode->flags & INODE_APPEND))
		return -EPERM;
	if ((arg & O_NOATIME) && !(f->flags & O_NOATIME) &&
	    current_cred()->fsuid != f->inode->uid && !inode_capable(f->inode, CAP_FOWNER))
		return -EPERM;
	if ((arg & O_DIRECT) && !S_ISFIFO(f->inode->mode))
		return -EINVAL;
	if (((arg ^ f->flags) & FASYNC) && f->ops->fasync) {
		err = f->ops->fasync(f, (int)fd, arg & FASYNC);
		if (err < 0)
			return err;
		spin_lock(&f->lock);
		f->flags = (f->flags & ~(u32)FASYNC) | (arg & FASYNC);
		spin_unlock(&f->lock);
	}
	spin_lock(&f->lock);
	f->flags = (f->flags & ~(u32)SETFL_MASK) | (arg & SETFL_MASK);
	spin_unlock(&f->lock);
	return 0;
}

static long dup_fd(struct file *f, unsigned long from, u32 cloexec)
{
	int fd, err;

	if (from >= task_rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	err = fd_reserve((unsigned int)from, cloexec, &fd);
	if (err)
		return err;
	fd_install(fd, file_get(f));
	return fd;
}

static long owner_ex(struct file *f, struct f_owner_ex __user *u, bool set)
{
	struct f_owner_ex ex;

	if (set) {
		if (copy_from_user(&ex, u, sizeof(ex)))
			return -EFAULT;
		if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
			return -EINVAL;
		return file_set_owner(f, ex.type, ex.pid);
	}
	file_get_owner(f, &ex.type, &ex.pid);
	return copy_to_user(u, &ex, sizeof(ex)) ? -EFAULT : 0;
}

/* How long what is written will live: a word of the inode. */
static long write_hint(struct file *f, u64 __user *u, bool set)
{
	u64 hint = READ_ONCE(f->inode->write_hint);

	if (!set)
		return copy_to_user(u, &hint, sizeof(hint)) ? -EFAULT : 0;
	if (copy_from_user(&hint, u, sizeof(hint)))
		return -EFAULT;
	if (hint > RWH_WRITE_LIFE_EXTREME)
		return -EINVAL;
	WRITE_ONCE(f->inode->write_hint, (u8)hint);
	return 0;
}

static long path_fcntl(struct file *f, unsigned int fd, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
		return dup_fd(f, arg, 0);
	case F_DUPFD_CLOEXEC:
		return dup_fd(f, arg, O_CLOEXEC);
	case F_GETFD:
		return fd_flags_get(fd);
	case F_SETFD:
		fd_flags_set(fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return f->flags;
	default:
		return -EBADF;
	}
}

static long do_fcntl(struct file *f, unsigned int fd, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
		return path_fcntl(f, fd, cmd, arg);
	case F_SETFL:
		return set_flags(f, fd, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return locks_fcntl(f, fd, cmd, (struct flock __user *)arg);
	case F_SETOWN:
		return file_set_owner_signed(f, (int)arg);
	case F_GETOWN:
		return file_get_owner_signed(f);
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return owner_ex(f, (struct f_owner_ex __user *)arg, cmd == F_SETOWN_EX);
	case F_SETSIG:
		if (arg > SIGNAL_COUNT)
			return -EINVAL;
		return file_set_signal(f, (int)arg);
	case F_GETSIG:
		return file_get_signal(f);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_of_file(f) ? pipe_fcntl(pipe_of_file(f), cmd, arg) : -EBADF;
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return f->inode && f->inode->super->ops && f->inode->super->ops->seals
			       ? f->inode->super->ops->seals(f, cmd, (u32)arg)
			       : -EINVAL;
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return write_hint(f, (u64 __user *)arg, cmd == F_SET_RW_HINT);
	case F_NOTIFY:
		return dnotify_fcntl(f, fd, (u32)arg);
	default:
		/* Leases are not supported. */
		return -EINVAL;
	}
}

long sys_fcntl(int fd, unsigned int cmd, unsigned long arg)
{
	struct fd_ref r = fd_get_path((unsigned int)fd);
	long ret;

	if (!r.file)
		return -EBADF;
	if (unlikely(r.file->mode & FMODE_PATH))
		ret = path_fcntl(r.file, (unsigned int)fd, cmd, arg);
	else
		ret = do_fcntl(r.file, (unsigned int)fd, cmd, arg);
	fd_put(r);
	return ret;
}
