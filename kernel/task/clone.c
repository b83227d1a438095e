/* The system calls that make tasks: arguments judged, then one request. clone(2). */
#include <kernel/task/fork_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/ns/user.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task_impl.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>
#include <linux/sched.h>

#define CLONE_SHARE_MASK 0xffffff00ull

static int flags_check(u64 flags)
{
	if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
	    (flags & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && (current->process->group_flags & PROC_UNKILLABLE))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
		return -EINVAL;
	if ((flags & CLONE_THREAD) &&
	    current->nsproxy->of[NS_PID_CHILDREN] != &task_pid_ns(current)->ns)
		return -EINVAL;
	/* In another time namespace the shared vDSO would tell somebody the wrong time. */
	if ((flags & (CLONE_THREAD | CLONE_VM)) &&
	    current->nsproxy->of[NS_TIME] != current->nsproxy->of[NS_TIME_CHILDREN])
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD)))
		return -EINVAL;
	return 0;
}

long sys_fork(void)
{
	const struct fork_request r = {.exit_signal = SIGCHLD};

	return fork_user(&r);
}

long sys_vfork(void)
{
	const struct fork_request r = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

	return fork_user(&r);
}

long sys_clone(unsigned long flags, unsigned long newsp, int __user *parent_tid,
	       int __user *child_tid, unsigned long tls)
{
	const struct fork_request r = {
		.flags = (u32)flags & CLONE_SHARE_MASK,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = newsp,
		.tls = tls,
		.parent_tid = (u32 __user *)parent_tid,
		.child_tid = (u32 __user *)child_tid,
		.pidfd = parent_tid,
	};

	if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	int err = flags_check(r.flags);

	return err ? err : fork_user(&r);
}

static bool may_choose_pids(const struct pid_ns *ns)
{
	return ns_capable(ns->ns.owner, CAP_CHECKPOINT_RESTORE) ||
	       ns_capable(ns->ns.owner, CAP_SYS_ADMIN);
}

static int set_tid_read(const struct clone_args *a, struct pid_wanted *wanted)
{
	if (!a->set_tid != !a->set_tid_size || a->set_tid_size > PID_NS_LEVELS)
		return -EINVAL;
	wanted->count = (u32)a->set_tid_size;
	if (copy_from_user(wanted->nr, (const int __user *)(unsigned long)a->set_tid,
			   wanted->count * sizeof(wanted->nr[0])))
		return -EFAULT;
	return 0;
}

int pid_wanted_judge(const struct pid_wanted *wanted, const struct pid_ns *ns)
{
	if (wanted->count > ns->level + 1)
		return -EINVAL;
	for (u32 i = 0; i < wanted->count; i++, ns = ns->parent) {
		if (wanted->nr[i] < 1 || wanted->nr[i] >= pid_max)
			return -EINVAL;
		if (wanted->nr[i] != 1 && !ns->reaper)
			return -EINVAL;
		if (!may_choose_pids(ns))
			return -EPERM;
	}
	return 0;
}

static int clone3_check(const struct clone_args *a)
{
	if (a->flags & ~(0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP))
		return -EINVAL;
	if (a->flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME)))
		return -EINVAL;
	if ((a->flags & CLONE_SIGHAND) && (a->flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal)
		return -EINVAL;
	if (a->exit_signal > SIGNAL_COUNT)
		return -EINVAL;
	if (!a->stack != !a->stack_size)
		return -EINVAL;
	if (a->stack && !access_ok((const void __user *)(unsigned long)a->stack, a->stack_size))
		return -EINVAL;
	if (a->flags & CLONE_INTO_CGROUP)
		return -EBADF; /* no descriptor is a cgroup's */
	return 0;
}

long sys_clone3(const struct clone_args __user *args, size_t size)
{
	struct clone_args a;
	struct fork_request r;
	int err;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	err = copy_struct_from_user(&a, sizeof(a), args, size);
	if (err)
		return err;
	err = clone3_check(&a);
	if (err)
		return err;
	r = (struct fork_request){
		.flags = a.flags,
		.exit_signal = (int)a.exit_signal,
		.stack = a.stack + a.stack_size,
		.tls = a.tls,
		.parent_tid = (u32 __user *)(unsigned long)a.parent_tid,
		.child_tid = (u32 __user *)(unsigned long)a.child_tid,
		.pidfd = (int __user *)(unsigned long)a.pidfd,
	};
	err = flags_check(r.flags);
	if (!err)
		err = set_tid_read(&a, &r.wanted);
	return err ? err : fork_user(&r);
}
