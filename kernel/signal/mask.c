/* The blocked set, alone and for the time of one system call; the alternate stack. */
#include <kernel/signal/signal_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/elf_arch.h>
#include <asm/regs.h>

void signal_set_blocked(sigmask mask)
{
	struct task *t = current;

	mask &= ~SIGMASK_UNBLOCKABLE;
	if (mask == t->blocked)
		return;
	spin_lock_irq(&t->sighand->lock);
	/* What other threads do not block either is theirs to take now. */
	if ((t->work & WORK_SIGNAL) && t->process->thread_count > 1)
		signal_retarget(t, mask & ~t->blocked);
	t->blocked = mask;
	signal_recalc();
	spin_unlock_irq(&t->sighand->lock);
}

void signal_set_mask(sigmask mask)
{
	struct task *t = current;

	t->saved_mask = t->blocked;
	task_work_set(t, WORK_RESTORE_MASK);
	signal_set_blocked(mask);
}

int signal_set_user_mask(const void __user *umask, size_t sigsetsize)
{
	sigmask mask;

	if (!umask)
		return 0;
	if (sigsetsize != sizeof(mask))
		return -EINVAL;
	if (get_user(mask, (const u64 __user *)umask))
		return -EFAULT;
	signal_set_mask(mask);
	return 0;
}

void signal_restore_saved_mask_unless(bool interrupted)
{
	struct task *t = current;

	/* Interrupted: delivery needs the temporary mask; it restores. */
	if (interrupted || !(t->work & WORK_RESTORE_MASK))
		return;
	task_work_clear(t, WORK_RESTORE_MASK);
	signal_set_blocked(t->saved_mask);
}

long sys_rt_sigprocmask(int how, const u64 __user *set, u64 __user *oset, size_t sigsetsize)
{
	struct task *t = current;
	sigmask old = t->blocked, new;

	if (sigsetsize != sizeof(sigmask))
		return -EINVAL;
	if (set) {
		if (get_user(new, set))
			return -EFAULT;
		new &= ~SIGMASK_UNBLOCKABLE;
		switch (how) {
		case SIG_BLOCK:
			new |= old;
			break;
		case SIG_UNBLOCK:
			new = old & ~new;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(new);
	}
	if (oset && put_user(old, oset))
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(u64 __user *set, size_t sigsetsize)
{
	struct task *t = current;

	if (sigsetsize > sizeof(sigmask))
		return -EINVAL;
	spin_lock_irq(&t->sighand->lock);
	sigmask pending = (t->pending.mask | t->process->pending.mask) & t->blocked;

	spin_unlock_irq(&t->sighand->lock);
	return copy_to_user(set, &pending, sigsetsize) ? -EFAULT : 0;
}

long sys_rt_sigsuspend(const u64 __user *set, size_t sigsetsize)
{
	sigmask mask;

	if (sigsetsize != sizeof(mask))
		return -EINVAL;
	if (get_user(mask, set))
		return -EFAULT;
	signal_set_mask(mask);
	for (;;) {
		sched_set_state(TASK_INTERRUPTIBLE);
		if (sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER))
			return -ERESTARTNOHAND;
	}
}

long sys_pause(void)
{
	for (;;) {
		sched_set_state(TASK_INTERRUPTIBLE);
		if (sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER))
			return -ERESTARTNOHAND;
	}
}

/* ---- sigaltstack(2) ---- */

static bool on_altstack(const struct task *t, u64 sp)
{
	if (t->altstack_flags & SS_AUTODISARM)
		return false;
	return sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

int signal_altstack_restore(u64 sp, u64 size, int flags, u64 user_sp)
{
	struct task *t = current;
	int mode = flags & ~SS_FLAG_BITS;

	if (on_altstack(t, user_sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (t->altstack_sp == sp && t->altstack_size == size && t->altstack_flags == (u32)flags)
		return 0;
	if (mode == SS_DISABLE) {
		sp = 0;
		size = 0;
	} else if (size < MINSIGSTKSZ) {
		return -ENOMEM;
	}
	t->altstack_sp = sp;
	t->altstack_size = size;
	t->altstack_flags = (u32)flags;
	return 0;
}

long sys_sigaltstack(const struct sigaltstack __user *ss, struct sigaltstack __user *oss)
{
	struct task *t = current;
	u64 user_sp = regs_sp(task_regs(t));
	struct sigaltstack new, old;

	if (ss && copy_from_user(&new, ss, sizeof(new)))
		return -EFAULT;
	memset(&old, 0, sizeof(old));
	old.ss_sp = (void *)(unsigned long)t->altstack_sp;
	old.ss_size = (size_t)t->altstack_size;
	old.ss_flags = !t->altstack_size ? SS_DISABLE : on_altstack(t, user_sp) ? SS_ONSTACK : 0;
	old.ss_flags |= (int)(t->altstack_flags & SS_FLAG_BITS);
	if (ss) {
		int err = signal_altstack_restore((u64)(unsigned long)new.ss_sp, new.ss_size,
						  new.ss_flags, user_sp);

		if (err)
			return err;
	}
	return oss && copy_to_user(oss, &old, sizeof(old)) ? -EFAULT : 0;
}
