/* Holding a tracee still for a request, and letting it go on. */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/time/time.h>
#include <asm/regset.h>

#define OFF_CPU_POLL_NS 100000u

static bool freeze_locked(struct task *t)
{
	unsigned long flags;
	bool ok = false;

	if (!sighand_lock(t, &flags))
		return false;
	if ((READ_ONCE(t->state) & TASK_TRACED) && !(t->stop_state & STOP_LISTENING) &&
	    !(t->pending.mask & SIGMASK(SIGKILL))) {
		t->stop_state |= STOP_FROZEN;
		ok = true;
	}
	sighand_unlock(t, flags);
	return ok;
}

/* It is on its way from the state to its last switch, or was preempted there. */
static bool wait_off_cpu(struct task *t)
{
	while (READ_ONCE(t->se.on_cpu) || READ_ONCE(t->se.on_rq)) {
		if (!(READ_ONCE(t->state) & TASK_TRACED))
			return false; /* killed on that way */
		if (READ_ONCE(t->se.on_cpu))
			cpu_relax();
		else
			(void)!sched_sleep_until(time_mono_ns() + OFF_CPU_POLL_NS,
						 TASK_UNINTERRUPTIBLE);
	}
	smp_rmb();
	return READ_ONCE(t->state) & TASK_TRACED;
}

int ptrace_freeze(struct task *t)
{
	bool mine;

	spin_lock_irq(&tasklist_lock);
	mine = t->tracer == current && freeze_locked(t);
	spin_unlock_irq(&tasklist_lock);
	if (!mine)
		return -ESRCH;
	if (wait_off_cpu(t))
		return 0;
	ptrace_thaw(t);
	return -ESRCH;
}

void ptrace_thaw(struct task *t)
{
	unsigned long flags;

	if (!sighand_lock(t, &flags))
		return;
	if (t->stop_state & STOP_FROZEN) {
		t->stop_state &= ~STOP_FROZEN;
		if (t->pending.mask & SIGMASK(SIGKILL))
			sched_wake(t, TASK_TRACED);
	}
	sighand_unlock(t, flags);
}

static void work_set_if(struct task *t, u32 bit, bool on)
{
	if (on)
		task_work_set(t, bit);
	else
		task_work_clear(t, bit);
}

int ptrace_resume(struct task *t, long request, unsigned long sig)
{
	bool emulate = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
	unsigned long flags;

	if (sig > SIGNAL_COUNT)
		return -EIO;
	work_set_if(t, WORK_TRACE, request == PTRACE_SYSCALL);
	work_set_if(t, WORK_EMULATE, emulate);
	if (request == PTRACE_SINGLEBLOCK)
		arch_block_step_enable(t);
	else if (request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP)
		arch_step_enable(t);
	else
		arch_step_disable(t);
	/* With the lock: a wait() in between must not see the signal as a report. */
	if (sighand_lock(t, &flags)) {
		t->ptrace_code = (int)sig;
		t->stop_state &= ~STOP_FROZEN;
		sched_wake(t, TASK_TRACED);
		sighand_unlock(t, flags);
	}
	return 0;
}
