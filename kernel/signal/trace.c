/*
 * Stops of traced threads: ptrace(2), "Stopped states".
 *
 * A traced thread stops in TASK_TRACED with its report in ptrace_code, ptrace_info and
 * ptrace_message; the tracer's wait() takes the code away, and a request of the tracer puts
 * there the signal to go on with and wakes it.  All of that is under LK_SIGHAND of the tracee.
 */
#include <kernel/signal/signal_impl.h>

#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/wait/wait.h>
#include <linux/ptrace.h>

/* PTRACE_ATTACH waits here for a stopped task to become a traced one. */
struct wait_queue signal_trapping_wait = WAIT_QUEUE_INIT(signal_trapping_wait);

void stop_trapping_done(struct task *t)
{
	if (!(t->stop_state & STOP_TRAPPING))
		return;
	t->stop_state &= ~STOP_TRAPPING;
	wake_up_all(&signal_trapping_wait);
}

void signal_trap_pending(struct task *t, u32 bits)
{
	if ((t->flags & TF_EXITING) || sig_in(SIGKILL, t->pending.mask))
		return;
	t->stop_state |= bits;
}

void signal_trap_wake(struct task *t, bool resume)
{
	__atomic_fetch_or(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
	if (!sched_wake(t, TASK_INTERRUPTIBLE | (resume ? TASK_TRACED : 0)) && t != current)
		sched_kick(t);
}

void signal_trap_notify(struct task *t)
{
	signal_trap_pending(t, STOP_NOTIFY);
	signal_trap_wake(t, t->stop_state & STOP_LISTENING);
}

/* Lock dropped: the tracer, and for the end of a group stop the parent too, if that is another. */
static void tell_stop(struct task *t, int why, bool group_done)
{
	spin_lock_irq(&tasklist_lock);
	if (t->tracer)
		signal_notify_tracer(t, why);
	if (group_done && (!t->tracer || ptrace_reparented(t)))
		signal_notify_parent(t->process, why);
	spin_unlock_irq(&tasklist_lock);
}

int signal_trap_stop(int code, int why, u64 message, struct siginfo *info)
{
	struct task *t = current;
	bool group_done = false;

	/* Whoever kills it looks at the state under this lock. */
	if (!t->ptrace_flags || sig_in(SIGKILL, t->pending.mask))
		return code;
	sched_set_state(TASK_TRACED | TASK_WAKEKILL);
	t->ptrace_message = message;
	t->ptrace_info = info;
	t->ptrace_code = code;
	if (why == CLD_STOPPED && (t->stop_state & STOP_PENDING))
		group_done = stop_participate(t);
	t->stop_state &= ~STOP_TRAP;
	if (info && info->si_code >> 8 == PTRACE_EVENT_STOP)
		t->stop_state &= ~STOP_NOTIFY;
	stop_trapping_done(t);
	spin_unlock_irq(&t->sighand->lock);
	tell_stop(t, why, group_done);
	sched_schedule();
	sched_set_state(TASK_RUNNING);
	spin_lock_irq(&t->sighand->lock);
	code = t->ptrace_code;
	t->ptrace_info = NULL;
	t->ptrace_message = 0;
	t->ptrace_code = 0;
	t->stop_state &= ~(STOP_LISTENING | STOP_FROZEN);
	signal_recalc();
	return code;
}

static int trap_with_info(int sig, int code, int why, u64 message)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = code;
	info.si_pid = task_tid(current);
	info.si_uid = uid_to_user(current->cred->uid);
	return signal_trap_stop(code, why, message, &info);
}

int signal_trap(int code, u64 message)
{
	struct task *t = current;

	spin_lock_irq(&t->sighand->lock);
	int sig = trap_with_info(SIGTRAP, code, CLD_TRAPPED, message);

	spin_unlock_irq(&t->sighand->lock);
	return sig;
}

void trap_group_stop(struct task *t)
{
	struct process *p = t->process;
	int sig = (int)(t->stop_state & STOP_SIGNAL_MASK);

	if (!(t->ptrace_flags & PT_SEIZED)) {
		(void)signal_trap_stop(sig, CLD_STOPPED, 0, NULL);
		return;
	}
	if (!p->stop_count && !(p->group_flags & PROC_STOPPED))
		sig = SIGTRAP;
	(void)trap_with_info(sig, sig | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0);
}

/* The tracer gave another signal than the one it saw. */
static void info_of_tracer(struct siginfo *info, int sig)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = SI_USER;
	rcu_read_lock();
	struct task *tracer = rcu_dereference(current->tracer);

	if (tracer) {
		info->si_pid = task_tid(tracer);
		info->si_uid = uid_to_user(rcu_dereference(tracer->cred)->uid);
	}
	rcu_read_unlock();
}

int trap_delivery(struct task *t, int sig, struct siginfo *info)
{
	/* As if a stop signal had been taken: a SIGCONT while it stops here cancels the stop. */
	t->stop_state |= STOP_DEQUEUED;
	sig = signal_trap_stop(sig, CLD_TRAPPED, 0, info);
	if (!sig)
		return 0;
	if (sig != info->si_signo)
		info_of_tracer(info, sig);
	if (sig_in(sig, t->blocked) || sig_in(SIGKILL, t->pending.mask)) {
		(void)signal_send_locked(t, false, sig, info, false);
		return 0;
	}
	return sig;
}
