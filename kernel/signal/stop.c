/*
 * Job-control stops.
 *
 * The thread that takes a stop signal marks all threads; each stops on its way to user mode and is
 * counted down; the last one makes the process stopped and tells the parent.  SIGCONT (send.c)
 * cancels all of it under the same lock.
 */
#include <kernel/signal/signal_impl.h>

#include <kernel/rcu/rcu.h>

void stop_cancel(struct task *t, u32 bits)
{
	if (bits & STOP_PENDING)
		bits |= STOP_CONSUME | STOP_DEQUEUED;
	t->stop_state &= ~bits;
	if (!(t->stop_state & (STOP_PENDING | STOP_TRAP_MASK)))
		stop_trapping_done(t);
}

bool stop_participate(struct task *t)
{
	struct process *p = t->process;
	bool counted = t->stop_state & STOP_CONSUME;

	t->stop_state &= ~(STOP_PENDING | STOP_CONSUME);
	if (!counted || !p->stop_count)
		return false;
	if (--p->stop_count || (p->group_flags & PROC_STOPPED))
		return false;
	p->group_flags &= ~PROC_CONTINUED;
	p->group_flags |= PROC_STOPPED;
	return true;
}

static bool mark(struct task *t, int sig)
{
	if ((t->flags & TF_EXITING) || sig_in(SIGKILL, t->pending.mask))
		return false;
	t->stop_state &= ~STOP_SIGNAL_MASK;
	t->stop_state |= STOP_PENDING | STOP_CONSUME | (u32)sig;
	return true;
}

static void begin(struct process *p, int sig)
{
	struct task *t;

	if (!(p->group_flags & PROC_STOPPED))
		p->group_exit_code = sig;
	p->stop_count = 0;
	if (mark(current, sig))
		p->stop_count++;
	list_for_each_entry (t, &p->threads, thread_link) {
		if (t == current || (READ_ONCE(t->state) & TASK_STOPPED))
			continue;
		if (mark(t, sig)) {
			p->stop_count++;
			if (likely(!(t->ptrace_flags & PT_SEIZED)))
				signal_wake_task(t, false);
			else
				signal_trap_notify(t);
		}
	}
}

bool stop_do(int sig)
{
	struct task *t = current;
	struct process *p = t->process;

	if (!(t->stop_state & STOP_PENDING)) {
		/* A SIGCONT or the end may have come while the lock was dropped. */
		if (!sig || !(t->stop_state & STOP_DEQUEUED) ||
		    (p->group_flags & PROC_GROUP_EXIT) || p->group_exec)
			return false;
		begin(p, sig);
		if (!(t->stop_state & STOP_PENDING))
			return false;
	}
	if (unlikely(t->ptrace_flags)) {
		/* Its part of the group stop is a trap. */
		signal_trap_pending(t, STOP_TRAP);
		return false;
	}
	bool last = stop_participate(t);

	/* Under the lock that SIGCONT takes: the wake-up cannot be missed. */
	sched_set_state(TASK_STOPPED | TASK_WAKEKILL);
	spin_unlock_irq(&t->sighand->lock);
	if (last) {
		spin_lock_irq(&tasklist_lock);
		signal_notify_parent(p, CLD_STOPPED);
		spin_unlock_irq(&tasklist_lock);
	}
	sched_schedule();
	return true;
}
