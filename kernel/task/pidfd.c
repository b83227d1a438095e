/*
 * Descriptors of processes: pidfd_open(2).  The file holds the number; poll tells when the process
 * ends.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/poll/poll.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/pidfd.h>

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pid *pid = f->private_data;
	u32 mask = EPOLLIN | EPOLLRDNORM;

	poll_wait(pt, f, &pid->exit_wait);
	rcu_read_lock();
	struct process *p =
		list_first_entry_or_null(&pid->members[PID_PROCESS], struct process, pid_link);

	const struct task *leader = p ? READ_ONCE(p->leader) : NULL;

	if (leader && !(leader->exit_state && p->thread_count == 1))
		mask = 0;
	rcu_read_unlock();
	return mask;
}

static void pidfd_release(struct file *f)
{
	pid_put(f->private_data);
}

static void pidfd_fdinfo(struct file *f, struct seq *s)
{
	const struct pid *pid = f->private_data;
	const struct pid_ns *ns = proc_seq_ns(s);

	if (list_empty(&pid->members[PID_PROCESS])) {
		seq_printf(s, "Pid:\t-1\nNSpid:\t-1\n");
		return;
	}
	seq_printf(s, "Pid:\t%d\nNSpid:", pid_nr_in(pid, ns));
	for (u32 i = ns->level; pid_nr_in(pid, ns) && i <= pid->level; i++)
		seq_printf(s, "\t%d", pid->number[i].nr);
	seq_printf(s, "\n");
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.fdinfo = pidfd_fdinfo,
};

int pidfd_create(struct pid *pid, u32 flags, struct file **out)
{
	int err = file_create_anon("anon_inode:[pidfd]", &pidfd_ops, pid_get(pid), flags, out);

	if (err)
		pid_put(pid);
	return err;
}

struct pid *pidfd_pid(struct file *f)
{
	return f->ops == &pidfd_ops ? f->private_data : NULL;
}

int pidfd_get(unsigned int fd, struct pid **out, u32 *f_flags)
{
	struct fd_ref ref = fd_get(fd);
	struct pid *pid;

	if (!ref.file)
		return -EBADF;
	pid = pid_get(pidfd_pid(ref.file));
	*f_flags = ref.file->flags;
	fd_put(ref);
	if (!pid)
		return -EBADF;
	*out = pid;
	return 0;
}

/* pidfd_send_signal(2) takes an open /proc/PID as well. */
static int signal_target(unsigned int fd, struct pid **out)
{
	struct fd_ref ref = fd_get(fd);

	if (!ref.file)
		return -EBADF;
	struct pid *pid = pidfd_pid(ref.file);

	if (!pid)
		pid = proc_process_dir(ref.file);
	if (pid)
		*out = pid_get(pid);
	fd_put(ref);
	return pid ? 0 : -EBADF;
}

long sys_pidfd_open(int pid, unsigned int flags)
{
	struct file *f;
	struct pid *p;
	int fd, err;

	if (flags & ~PIDFD_NONBLOCK)
		return -EINVAL;
	if (pid <= 0)
		return -EINVAL;
	p = pid_find(pid);
	if (!p)
		return -ESRCH;
	if (list_empty(&p->members[PID_PROCESS])) {
		pid_put(p);
		return -EINVAL;
	}
	err = pidfd_create(p, O_RDWR | O_CLOEXEC | flags, &f);
	pid_put(p);
	if (err)
		return err;
	err = fd_install_new(f, O_CLOEXEC, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	return fd;
}

/* +1 or NULL */
static struct process *pid_to_process(struct pid *pid)
{
	struct process *p;

	rcu_read_lock();
	p = list_first_entry_or_null(&pid->members[PID_PROCESS], struct process, pid_link);
	if (p)
		process_get(p); /* listed, so its leader still holds it */
	rcu_read_unlock();
	return p;
}

static int queued_info(const struct siginfo __user *uinfo, int sig, struct pid *pid,
		       struct siginfo *info)
{
	int err = siginfo_from_user(info, uinfo, -1);

	if (err)
		return err;
	if (info->si_signo != sig)
		return -EINVAL;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != current->process->pid)
		return -EPERM;
	return 0;
}

long sys_pidfd_send_signal(int pidfd, int sig, const struct siginfo __user *uinfo,
			   unsigned int flags)
{
	struct siginfo info = {.si_signo = sig, .si_code = SI_USER};
	struct process *p;
	struct pid *pid;
	int err;

	if (flags)
		return -EINVAL;
	err = signal_target((unsigned int)pidfd, &pid);
	if (err)
		return err;
	/* Not to where one could not look, though a descriptor leads there. */
	if (!pid_vnr(pid)) {
		pid_put(pid);
		return -EINVAL;
	}
	if (uinfo) {
		err = queued_info(uinfo, sig, pid, &info);
	} else {
		info.si_pid = task_tgid(current);
		info.si_uid = uid_to_user(current->cred->uid);
	}
	p = err ? NULL : pid_to_process(pid);
	pid_put(pid);
	if (err)
		return err;
	if (!p)
		return -ESRCH;
	err = signal_may_send_process(p, sig);
	if (!err && sig)
		err = signal_send_process(p, sig, &info);
	process_put(p);
	return err;
}

/* A copy of another process's descriptor: as ptrace attach would be allowed. */
long sys_pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	struct task *t;
	struct pid *pid;
	u32 f_flags;
	int err, new_fd;

	if (flags)
		return -EINVAL;
	err = pidfd_get((unsigned int)pidfd, &pid, &f_flags);
	if (err)
		return err;
	t = task_of_pid(pid);
	pid_put(pid);
	if (!t)
		return -ESRCH;
	err = ptrace_access_begin(t, PTRACE_MODE_ATTACH_REAL);
	if (err) {
		task_put(t);
		return err;
	}
	struct files *files = task_files(t);
	unsigned int at = (unsigned int)fd;
	u32 cloexec;
	struct file *f = files ? files_next(files, &at, &cloexec) : NULL;

	ptrace_access_end(t);
	err = !files ? -ESRCH : f && at == (unsigned int)fd ? 0 : -EBADF;
	if (!err)
		err = fd_install_new(f, O_CLOEXEC, &new_fd);
	if (err && f)
		file_put(f);
	if (files)
		files_put(files);
	task_put(t);
	return err ? err : new_fd;
}
