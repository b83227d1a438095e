/* fcntl(2), but for record locks (kernel/vfs/locks.c). */
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file_impl.h>
#include <kernel/ns/user.h>
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

/* type: F_OWNER_*; nr 0 takes the owner away. */
static long set_owner(struct file *f, int type, int nr)
{
	struct pid *p = NULL, *old;

	if (nr) {
		p = pid_find(nr);
		if (!p)
			return -ESRCH;
	}
	spin_lock(&f->lock);
	old = f->owner.pid;
	f->owner.pid = p;
	f->owner.type = type;
	f->owner.uid = current_cred()->uid;
	f->owner.euid = current_cred()->euid;
	spin_unlock(&f->lock);
	if (old)
		pid_put(old);
	return 0;
}

static long set_owner_simple(struct file *f, int who)
{
	if (who == INT_MIN)
		return -EINVAL;
	return who < 0 ? set_owner(f, F_OWNER_PGRP, -who) : set_owner(f, F_OWNER_PID, who);
}

static long get_owner(struct file *f)
{
	long nr;

	spin_lock(&f->lock);
	nr = f->owner.pid ? pid_vnr(f->owner.pid) : 0;
	if (f->owner.type == F_OWNER_PGRP)
		nr = -nr;
	spin_unlock(&f->lock);
	return nr;
}

static long owner_ex(struct file *f, struct f_owner_ex __user *u, bool set)
{
	struct f_owner_ex ex;

	if (set) {
		if (copy_from_user(&ex, u, sizeof(ex)))
			return -EFAULT;
		if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
			return -EINVAL;
		return set_owner(f, ex.type, ex.pid);
	}
	spin_lock(&f->lock);
	ex.type = f->owner.pid ? f->owner.type : F_OWNER_PID;
	ex.pid = f->owner.pid ? pid_vnr(f->owner.pid) : 0;
	spin_unlock(&f->lock);
	return copy_to_user(u, &ex, sizeof(ex)) ? -EFAULT : 0;
}

void file_owner_get(struct file *f, struct file_owner *out)
{
	spin_lock(&f->lock);
	out->pid = f->owner.pid ? pid_get(f->owner.pid) : NULL;
	out->uid = f->owner.uid;
	out->euid = f->owner.euid;
	out->type = f->owner.type;
	spin_unlock(&f->lock);
}

static bool owner_may_signal(const struct file_owner *o, const struct task *t)
{
	const struct cred *c;

	guard(rcu)();
	c = rcu_dereference(t->cred);
	return !o->euid || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid ||
	       o->uid == c->uid;
}

static void signal_owner_group(const struct file_owner *o, int sig)
{
	struct process *p;

	guard(rcu)();
	list_for_each_entry_rcu(p, &o->pid->members[PID_PGRP], pgrp_link)
	{
		if (owner_may_signal(o, p->leader))
			(void)signal_send_process(p, sig, NULL);
	}
}

void file_owner_signal(struct file_owner *o, int sig)
{
	struct task *t;

	if (!o->pid)
		return;
	if (o->type == F_OWNER_PGRP) {
		signal_owner_group(o, sig);
	} else {
		t = task_of_pid(o->pid);
		if (t && owner_may_signal(o, t)) {
			if (o->type == F_OWNER_TID)
				(void)signal_send_task(t, sig, NULL);
			else
				(void)signal_send_process(t->process, sig, NULL);
		}
		if (t)
			task_put(t);
	}
	pid_put(o->pid);
	o->pid = NULL;
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
		return set_owner_simple(f, (int)arg);
	case F_GETOWN:
		return get_owner(f);
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return owner_ex(f, (struct f_owner_ex __user *)arg, cmd == F_SETOWN_EX);
	case F_SETSIG:
		if (arg > SIGNAL_COUNT)
			return -EINVAL;
		f->owner.signum = (int)arg;
		return 0;
	case F_GETSIG:
		return f->owner.signum;
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_of_file(f) ? pipe_fcntl(pipe_of_file(f), cmd, arg) : -EBADF;
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return f->inode && f->inode->super->ops && f->inode->super->ops->seals
			       ? f->inode->super->ops->seals(f, cmd, (u32)arg)
			       : -EINVAL;
	default:
		/* F_NOTIFY, leases and write hints are not supported. */
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
