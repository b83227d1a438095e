/* Signals of a stopped tracee: the one it stops for, the queued ones, the blocked set. */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kernel/signal/signal.h>
#include <kernel/sched/sched.h>
#include <kernel/uaccess/uaccess.h>

int ptrace_siginfo_get(struct task *t, void __user *to)
{
	unsigned long flags;
	struct siginfo info;
	int err = -EINVAL;

	if (!sighand_lock(t, &flags))
		return -ESRCH;
	if (t->ptrace_info) {
		info = *t->ptrace_info;
		err = 0;
	}
	sighand_unlock(t, flags);
	if (err)
		return err;
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

int ptrace_siginfo_set(struct task *t, const void __user *from)
{
	unsigned long flags;
	struct siginfo info;
	int err = siginfo_from_user(&info, from, -1);

	if (err)
		return err;
	err = -EINVAL;
	if (!sighand_lock(t, &flags))
		return -ESRCH;
	if (t->ptrace_info) {
		*t->ptrace_info = info;
		err = 0;
	}
	sighand_unlock(t, flags);
	return err;
}

long ptrace_siginfo_peek(struct task *t, unsigned long uargs, unsigned long data)
{
	struct ptrace_peeksiginfo_args a;
	struct siginfo __user *to = (struct siginfo __user *)data;
	struct siginfo info;
	s32 done = 0;

	if (copy_from_user(&a, (const void __user *)uargs, sizeof(a)))
		return -EFAULT;
	if ((a.flags & ~(u32)PTRACE_PEEKSIGINFO_SHARED) || a.nr < 0)
		return -EINVAL;
	while (done < a.nr) {
		if (!signal_peek(t, a.flags & PTRACE_PEEKSIGINFO_SHARED, a.off + (u64)done, &info))
			break;
		if (copy_to_user(&to[done], &info, sizeof(info)))
			return done ? done : -EFAULT;
		done++;
		if (signal_pending(current))
			break;
		sched_cond_resched();
	}
	return done;
}

int ptrace_sigmask_get(struct task *t, unsigned long size, unsigned long to)
{
	sigmask mask = READ_ONCE(t->work) & WORK_RESTORE_MASK ? t->saved_mask : t->blocked;

	if (size != sizeof(mask))
		return -EINVAL;
	return copy_to_user((void __user *)to, &mask, sizeof(mask)) ? -EFAULT : 0;
}

int ptrace_sigmask_set(struct task *t, unsigned long size, unsigned long from)
{
	unsigned long flags;
	sigmask mask;

	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, (const void __user *)from, sizeof(mask)))
		return -EFAULT;
	/* The tracee looks at what is pending when it goes on. */
	if (sighand_lock(t, &flags)) {
		t->blocked = mask & ~SIGMASK_UNBLOCKABLE;
		task_work_clear(t, WORK_RESTORE_MASK);
		sighand_unlock(t, flags);
	}
	return 0;
}
