/*
 * Delivery: on the way to user mode with WORK_SIGNAL.
 *
 * Takes signals until one has a handler (a frame is built and the program continues there), one
 * ends or stops the process, or none is left.  An interrupted system call is then restarted or
 * answers EINTR, as signal(7) says.
 */
#include <kernel/signal/signal_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/coredump/coredump.h>
#include <kernel/mm/mm.h>
#include <kernel/syscall/syscall.h>
#include <asm/page.h>
#include <asm/regs.h>
#include <asm/regset.h>
#include <asm/sigframe.h>
#include <asm/unistd.h>

/* Lock held: tells the parent what a SIGCONT made pending; drops and retakes the lock. */
static void tell_parent(struct task *t)
{
	struct process *p = t->process;
	int why = p->group_flags & PROC_TELL_CONTINUED ? CLD_CONTINUED : CLD_STOPPED;

	p->group_flags &= ~(PROC_TELL_STOPPED | PROC_TELL_CONTINUED);
	spin_unlock_irq(&t->sighand->lock);
	spin_lock_irq(&tasklist_lock);
	signal_notify_parent(p, why);
	if (unlikely(ptrace_reparented(p->leader)))
		signal_notify_tracer(p->leader, why);
	spin_unlock_irq(&tasklist_lock);
	spin_lock_irq(&t->sighand->lock);
}

/* Lock held: a stop signal with default action.  True: look again, the lock was dropped. */
static bool default_stop(struct task *t, int sig)
{
	if (sig != SIGSTOP) {
		spin_unlock_irq(&t->sighand->lock);
		spin_lock_irq(&tasklist_lock);
		bool orphaned = pgrp_is_orphaned(t->process->pgrp);

		spin_unlock_irq(&tasklist_lock);
		spin_lock_irq(&t->sighand->lock);
		if (orphaned)
			return true;
	}
	if (!stop_do(sig))
		return true;
	spin_lock_irq(&t->sighand->lock);
	return true;
}

/* Lock held before and after, dropped meanwhile. */
static void stop_or_trap(struct task *t)
{
	if ((t->stop_state & STOP_PENDING) && stop_do(0))
		spin_lock_irq(&t->sighand->lock);
	else if (t->stop_state & STOP_TRAP_MASK)
		trap_group_stop(t);
}

static void die_of(struct task *t, int sig, const struct siginfo *info) __attribute__((noreturn));
static void die_of(struct task *t, int sig, const struct siginfo *info)
{
	/* Taken: what follows, a last report to the tracer too, is not cut short by it. */
	t->pending.mask &= ~SIGMASK(SIGKILL);
	signal_recalc();
	spin_unlock_irq(&t->sighand->lock);
	t->flags |= TF_SIGNALED;
	if (sig_in(sig, SIGMASK_CORE))
		coredump_write(info);
	process_exit_group(sig);
}

/*
 * The next signal with a handler: its number, *info and *act filled; 0 when there is none.  Called
 * and left without the lock.  Does not return when the process ends.
 */
static int next_handled(struct task *t, struct siginfo *info, struct ksigaction *act)
{
	struct process *p = t->process;
	int sig = 0;

	spin_lock_irq(&t->sighand->lock);
	for (;;) {
		if (unlikely(p->group_flags & (PROC_TELL_STOPPED | PROC_TELL_CONTINUED))) {
			tell_parent(t);
			continue;
		}
		if ((p->group_flags & PROC_GROUP_EXIT) || (p->group_exec && p->group_exec != t))
			die_of(t, SIGKILL, NULL);
		if (unlikely(t->stop_state & (STOP_PENDING | STOP_TRAP_MASK))) {
			stop_or_trap(t);
			continue;
		}
		sig = signal_take(t, ~t->blocked, info);
		if (!sig)
			break;
		if (unlikely(t->ptrace_flags) && sig != SIGKILL &&
		    !(t->sighand->action[sig - 1].flags & SA_IMMUTABLE)) {
			sig = trap_delivery(t, sig, info);
			if (!sig)
				continue;
		}
		struct ksigaction *ka = &t->sighand->action[sig - 1];

		if (ka->handler == HANDLER_IGN)
			continue;
		if (ka->handler != HANDLER_DFL) {
			*act = *ka;
			if (ka->flags & SA_ONESHOT)
				ka->handler = HANDLER_DFL;
			break;
		}
		if (sig_in(sig, SIGMASK_IGNORE_DFL))
			continue;
		/* Init does not die or stop by a signal that it has no handler for. */
		if ((p->group_flags & PROC_UNKILLABLE) && !sig_in(sig, SIGMASK_KERNEL_ONLY))
			continue;
		if (sig_in(sig, SIGMASK_STOP)) {
			default_stop(t, sig);
			continue;
		}
		die_of(t, sig, info);
	}
	spin_unlock_irq(&t->sighand->lock);
	return sig;
}

/* What an interrupted system call answers when a handler runs first. */
static void restart_with_handler(struct regs *regs, const struct ksigaction *act)
{
	if (regs_syscall_nr(regs) < 0)
		return;
	switch (regs_retval(regs)) {
	case -ERESTART_RESTARTBLOCK:
	case -ERESTARTNOHAND:
		regs_set_retval(regs, -EINTR);
		break;
	case -ERESTARTSYS:
		if (!(act->flags & SA_RESTART)) {
			regs_set_retval(regs, -EINTR);
			break;
		}
		fallthrough;
	case -ERESTARTNOINTR:
		regs_syscall_restart(regs);
		break;
	}
}

static void restart_without_handler(struct regs *regs)
{
	if (regs_syscall_nr(regs) < 0)
		return;
	switch (regs_retval(regs)) {
	case -ERESTARTNOHAND:
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
		regs_syscall_restart(regs);
		break;
	case -ERESTART_RESTARTBLOCK:
		regs_syscall_restart_as(regs, __NR_restart_syscall);
		break;
	}
}

static void handle(struct task *t, struct regs *regs, int sig, const struct siginfo *info,
		   const struct ksigaction *act)
{
	struct sigframe_setup s = {
		.sig = sig,
		.handler = (unsigned long)act->handler,
		.flags = (unsigned long)act->flags,
		.restorer = (unsigned long)act->restorer,
		.blocked = t->work & WORK_RESTORE_MASK ? t->saved_mask : t->blocked,
		.altstack_sp = (unsigned long)t->altstack_sp,
		.altstack_size = (size_t)t->altstack_size,
		.altstack_flags = (int)t->altstack_flags,
		.siginfo = info,
	};

	bool stepping = t->work & WORK_SINGLESTEP;

	restart_with_handler(regs, act);
	rseq_signal(regs);
	/* The flag must not be seen in the frame; the tracer steps on in the handler. */
	if (unlikely(stepping))
		arch_step_disable(t);
	if (arch_signal_setup_frame(regs, &s)) {
		/* No room on the stack.  If it was SIGSEGV's own handler, the default must end it.
		 */
		signal_force_fatal_if(SIGSEGV, sig == SIGSEGV);
		return;
	}
	if (t->altstack_flags & SS_AUTODISARM) {
		t->altstack_sp = t->altstack_size = 0;
		t->altstack_flags = SS_DISABLE;
	}
	sigmask mask = t->blocked | act->mask;

	if (!(act->flags & SA_NODEFER))
		mask |= SIGMASK(sig);
	task_work_clear(t, WORK_RESTORE_MASK);
	signal_set_blocked(mask);
	if (unlikely(stepping))
		(void)signal_trap(SIGTRAP, 0);
}

void signal_deliver(struct regs *regs)
{
	struct task *t = current;
	struct siginfo info;
	struct ksigaction act;
	int sig = 0;

	if (t->work & WORK_SIGNAL)
		sig = next_handled(t, &info, &act);
	if (sig) {
		handle(t, regs, sig, &info, &act);
		return;
	}
	restart_without_handler(regs);
	if (t->work & WORK_RESTORE_MASK) {
		task_work_clear(t, WORK_RESTORE_MASK);
		signal_set_blocked(t->saved_mask);
	}
}

/* ---- faults ---- */

/* Lock held. */
static void force_locked(struct task *t, const struct siginfo *info, enum signal_force how)
{
	int sig = info->si_signo;
	struct ksigaction *ka = &t->sighand->action[sig - 1];
	bool blocked = sig_in(sig, t->blocked);

	if (blocked || ka->handler == HANDLER_IGN || how != FORCE_HANDLER) {
		ka->handler = HANDLER_DFL;
		if (how == FORCE_EXIT)
			ka->flags |= SA_IMMUTABLE;
		if (blocked) {
			t->blocked &= ~SIGMASK(sig);
			signal_recalc();
		}
	}
	/* An unhandled fault ends init too: there is nothing to go on with.  Unless a debugger may
	 * mend it. */
	if (ka->handler == HANDLER_DFL && (!t->ptrace_flags || how == FORCE_EXIT))
		t->process->group_flags &= ~PROC_UNKILLABLE;
	(void)signal_send_locked(t, false, sig, info, true);
}

void signal_force_info(const struct siginfo *info, enum signal_force how)
{
	struct task *t = current;

	spin_lock_irq(&t->sighand->lock);
	force_locked(t, info, how);
	spin_unlock_irq(&t->sighand->lock);
}

void signal_force(int sig, int code, u64 addr, int trapno)
{
	struct siginfo info;

	(void)trapno;
	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = code;
	info.si_addr = (void *)(unsigned long)addr;
	if (sig == SIGBUS && code == BUS_MCEERR_AR)
		info.si_addr_lsb = (short)mm_page_shift(current->mm, addr); /* so much is lost */
	signal_force_info(&info, FORCE_HANDLER);
}

static void force_by_kernel(int sig, enum signal_force how)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = SI_KERNEL;
	signal_force_info(&info, how);
}

void signal_force_fatal_if(int sig, bool fatal)
{
	force_by_kernel(sig, fatal ? FORCE_DEFAULT : FORCE_HANDLER);
}

void signal_force_exit(int sig)
{
	force_by_kernel(sig, FORCE_EXIT);
}

void trap_user(struct regs *regs, int sig, int code, unsigned long addr)
{
	(void)regs;
	signal_force(sig, code, addr, 0);
}

/* ---- return from a handler ---- */

long sys_rt_sigreturn(void)
{
	struct regs *regs = task_regs(current);
	struct sigframe_return r;
	struct task *t = current;

	if (arch_sigreturn(regs, &r)) {
		signal_force_fatal_if(SIGSEGV, false);
		return 0;
	}
	signal_set_blocked(r.blocked);
	/* As if by sigaltstack(2); a bad one in the frame is ignored. */
	(void)!signal_altstack_restore(r.altstack_sp, r.altstack_size, r.altstack_flags,
				       regs_sp(regs));
	t->restart.fn = NULL;
	if (r.bad_segment)
		signal_force_fatal_if(SIGSEGV, false);
	return regs_retval(regs);
}

long sys_restart_syscall(void)
{
	struct task *t = current;
	long (*fn)(struct task * t) = t->restart.fn;

	return fn ? fn(t) : -EINTR;
}
