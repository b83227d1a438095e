/*
 * Sending: what a signal does before anybody handles it.
 *
 * The order of POSIX: stop and continue signals cancel one another; an ignored signal vanishes; the
 * rest is queued, and a thread that does not block it is woken.  A signal that ends the process
 * does so here already, by a SIGKILL for every thread.
 */
#include <kernel/signal/signal_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/time/time.h>

void signal_wake_task(struct task *t, bool kill)
{
	unsigned int states = TASK_INTERRUPTIBLE;

	/* A tracee that its tracer works on dies when that is done. */
	if (kill && !(t->stop_state & STOP_FROZEN))
		states |= TASK_WAKEKILL | TASK_STOPPED | TASK_TRACED;
	__atomic_fetch_or(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
	if (!sched_wake(t, states) && t != current)
		sched_kick(t);
}

unsigned int signal_kill_others(void)
{
	struct process *p = current->process;
	struct task *t;
	unsigned int n = 0;

	p->stop_count = 0;
	list_for_each_entry (t, &p->threads, thread_link) {
		stop_cancel(t, STOP_PENDING | STOP_TRAP_MASK);
		if (t == current)
			continue;
		n++;
		if (t->exit_state)
			continue;
		t->pending.mask |= SIGMASK(SIGKILL);
		signal_wake_task(t, true);
	}
	return n;
}

static bool ignored_by_handler(const struct task *t, int sig)
{
	u64 h = sig_handler(t, sig);

	return h == HANDLER_IGN || (h == HANDLER_DFL && sig_in(sig, SIGMASK_IGNORE_DFL));
}

static bool is_ignored(struct task *t, int sig, bool force)
{
	/* A blocked signal stays: the handler may change before it is unblocked. */
	if (sig_in(sig, t->blocked | t->wanted))
		return false;
	/* A tracer sees also what would be ignored. */
	if (t->ptrace_flags && sig != SIGKILL)
		return false;
	if ((t->process->group_flags & PROC_UNKILLABLE) && sig_handler(t, sig) == HANDLER_DFL &&
	    !(force && sig_in(sig, SIGMASK_KERNEL_ONLY)))
		return true;
	if (t->flags & TF_KTHREAD)
		return true;
	return ignored_by_handler(t, sig);
}

static void continue_process(struct task *t)
{
	struct process *p = t->process;
	struct task *m;
	u32 tell = 0;

	sigpending_remove(&p->pending, SIGMASK_STOP);
	list_for_each_entry (m, &p->threads, thread_link) {
		sigpending_remove(&m->pending, SIGMASK_STOP);
		stop_cancel(m, STOP_PENDING);
		if (likely(!(m->ptrace_flags & PT_SEIZED)))
			sched_wake(m, TASK_STOPPED);
		else
			signal_trap_notify(m);
	}
	if (p->group_flags & PROC_STOPPED)
		tell = PROC_TELL_CONTINUED | PROC_CONTINUED;
	else if (p->stop_count)
		tell = PROC_TELL_STOPPED | PROC_CONTINUED;
	if (tell) {
		p->group_flags &= ~(PROC_STOPPED | PROC_TELL_STOPPED | PROC_TELL_CONTINUED);
		p->group_flags |= tell;
		p->stop_count = 0;
		p->group_exit_code = 0;
	}
}

/* The cancelling effects; false: the signal goes no further. */
static bool prepare(struct task *t, int sig, bool force)
{
	struct process *p = t->process;
	struct task *m;

	if (p->group_flags & PROC_GROUP_EXIT)
		return p->coredump && sig == SIGKILL;
	if (sig_in(sig, SIGMASK_STOP)) {
		sigpending_remove(&p->pending, SIGMASK(SIGCONT));
		list_for_each_entry (m, &p->threads, thread_link)
			sigpending_remove(&m->pending, SIGMASK(SIGCONT));
	} else if (sig == SIGCONT) {
		continue_process(t);
	}
	return !is_ignored(t, sig, force);
}

static bool wants_signal(struct task *t, int sig)
{
	if (sig_in(sig, t->blocked) || (t->flags & TF_EXITING))
		return false;
	if (sig == SIGKILL)
		return true;
	if (READ_ONCE(t->state) & (TASK_STOPPED | TASK_TRACED))
		return false;
	return t == current || !(READ_ONCE(t->work) & WORK_SIGNAL);
}

static bool is_fatal(struct task *t, int sig)
{
	/* What dumps core does so in the thread that takes it, before the others are killed. */
	return !sig_in(sig, SIGMASK_IGNORE_DFL | SIGMASK_STOP | SIGMASK_CORE) &&
	       sig_handler(t, sig) == HANDLER_DFL &&
	       !(t->process->group_flags & PROC_UNKILLABLE && sig != SIGKILL);
}

static struct task *choose_thread(struct task *t, bool group, int sig)
{
	struct task *m;

	if (wants_signal(t, sig))
		return t;
	if (!group)
		return NULL;
	list_for_each_entry (m, &t->process->threads, thread_link) {
		if (m != t && wants_signal(m, sig))
			return m;
	}
	return NULL;
}

static void kill_process(struct process *p, int sig)
{
	struct task *m;

	p->group_flags = (p->group_flags & PROC_UNKILLABLE) | PROC_GROUP_EXIT;
	p->group_exit_code = sig;
	p->stop_count = 0;
	list_for_each_entry (m, &p->threads, thread_link) {
		stop_cancel(m, STOP_PENDING | STOP_TRAP_MASK);
		m->pending.mask |= SIGMASK(SIGKILL);
		signal_wake_task(m, true);
	}
}

static void complete(struct task *t, bool group, int sig)
{
	struct process *p = t->process;
	struct task *who = choose_thread(t, group, sig);

	if (!who)
		return; /* whoever unblocks it will see it */
	if (is_fatal(who, sig) && !sig_in(sig, who->wanted) &&
	    (sig == SIGKILL || !t->ptrace_flags)) {
		kill_process(p, sig);
		return;
	}
	signal_wake_task(who, sig == SIGKILL);
}

/* From the kernel's side of an interface, or by number alone: must get through without memory. */
static bool may_exceed_limit(int sig, const struct siginfo *info)
{
	return sig < SIGRTMIN && (!info || info->si_code >= 0);
}

int signal_send_locked(struct task *t, bool group, int sig, const struct siginfo *info, bool force)
{
	struct sigpending *pending = group ? &t->process->pending : &t->pending;
	struct sigqueue *q;

	if (!prepare(t, sig, force))
		return 0;
	/* Standard signals do not queue up. */
	if (sig < SIGRTMIN && (pending->mask & SIGMASK(sig)))
		return 0;
	if (sig != SIGKILL) {
		q = sigqueue_alloc(t, sig, may_exceed_limit(sig, info));
		if (q && info) {
			q->info = *info;
		} else if (q) {
			memset(&q->info, 0, sizeof(q->info));
			q->info.si_code = SI_KERNEL;
		} else if (sig >= SIGRTMIN && info && info->si_code != SI_USER) {
			return -EAGAIN;
		}
		if (q) {
			q->info.si_signo = sig;
			list_add_tail(&q->link, &pending->queue);
		}
	}
	pending->mask |= SIGMASK(sig);
	if (wait_queue_active(&t->process->signal_wait))
		wake_up_poll(&t->process->signal_wait, 0);
	complete(t, group, sig);
	return 0;
}

/* Does @info say who sent it? */
static bool names_sender(const struct siginfo *info)
{
	return info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL ||
	       info->si_code == SI_KERNEL;
}

/*
 * What @t, perhaps in other namespaces, is told about the sender. *force: even the init of a
 * namespace obeys, for it comes from the kernel or from outside.  Under RCU.
 */
static const struct siginfo *as_seen_by(struct task *t, const struct siginfo *info,
					struct siginfo *copy, bool *force)
{
	*force = !info || info->si_code == SI_KERNEL;
	if (!info || !names_sender(info))
		return info;
	if (likely(task_pid_ns(current) == task_pid_ns(t) &&
		   current->cred == rcu_dereference(t->cred)))
		return info;
	bool from_outside = !pid_nr_in(current->pid, task_pid_ns(t));
	const struct user_ns *mine = current->cred->user_ns;
	const struct user_ns *theirs = rcu_dereference(t->cred)->user_ns;

	if (likely(!from_outside && mine == theirs))
		return info;
	*copy = *info;
	copy->si_uid = user_ns_show_uid(theirs, user_ns_kuid(mine, info->si_uid));
	if (from_outside) {
		copy->si_pid = 0;
		*force = true;
	}
	return copy;
}

int signal_send_task(struct task *t, int sig, const struct siginfo *info)
{
	struct siginfo copy;
	unsigned long flags;
	int err = -ESRCH;
	bool force;

	rcu_read_lock();
	info = as_seen_by(t, info, &copy, &force);
	if (sighand_lock(t, &flags)) {
		err = signal_send_locked(t, false, sig, info, force);
		sighand_unlock(t, flags);
	}
	rcu_read_unlock();
	return err;
}

int signal_send_process(struct process *p, int sig, const struct siginfo *info)
{
	struct siginfo copy;
	unsigned long flags;
	int err = -ESRCH;
	bool force;

	rcu_read_lock();
	struct task *t = rcu_dereference(p->leader);

	if (t)
		info = as_seen_by(t, info, &copy, &force);
	/* A leader changes by exec of another thread; the handlers are then the same. */
	if (t && sighand_lock(t, &flags)) {
		err = signal_send_locked(t, true, sig, info, force);
		sighand_unlock(t, flags);
	}
	rcu_read_unlock();
	return err;
}

int signal_send_pgrp(struct pid *pgrp, int sig, bool from_kernel)
{
	struct siginfo info = {.si_signo = sig, .si_code = SI_USER};
	struct process *p;
	int err = -ESRCH;

	if (!from_kernel) {
		info.si_pid = task_tgid(current);
		info.si_uid = uid_to_user(current->cred->uid);
	}
	rcu_read_lock();
	list_for_each_entry_rcu(p, &pgrp->members[PID_PGRP], pgrp_link)
	{
		int e = signal_send_process(p, sig, from_kernel ? NULL : &info);

		if (err)
			err = e;
	}
	rcu_read_unlock();
	return err;
}

void signal_retarget(struct task *t, sigmask mask)
{
	struct process *p = t->process;
	sigmask rest = p->pending.mask & mask;
	struct task *m;

	if (!rest)
		return;
	list_for_each_entry (m, &p->threads, thread_link) {
		if (m == t || (m->flags & TF_EXITING) || !(rest & ~m->blocked))
			continue;
		rest &= m->blocked;
		if (!(READ_ONCE(m->work) & WORK_SIGNAL))
			signal_wake_task(m, false);
		if (!rest)
			break;
	}
}

void signal_exit_thread(struct task *t)
{
	bool stopped = false;

	spin_lock_irq(&t->sighand->lock);
	t->flags |= TF_EXITING;
	if (!(t->process->group_flags & PROC_GROUP_EXIT) && t->process->thread_count > 1) {
		if (t->work & WORK_SIGNAL)
			signal_retarget(t, ~t->blocked);
		if (t->stop_state & STOP_PENDING)
			stopped = stop_participate(t);
	}
	spin_unlock_irq(&t->sighand->lock);
	if (stopped) {
		spin_lock_irq(&tasklist_lock);
		signal_notify_parent(t->process, CLD_STOPPED);
		spin_unlock_irq(&tasklist_lock);
	}
}

/* ---- the parent is told ---- */

bool ptrace_reparented(const struct task *t)
{
	return t->tracer && t->tracer->process != t->process->parent;
}

/* Of a process, or of one thread of it for its tracer. */
static void child_info(struct task *t, bool thread, const struct task *to, struct siginfo *info)
{
	struct process *p = t->process;
	u64 utime, stime;

	memset(info, 0, sizeof(*info));
	task_times(t, &utime, &stime);
	info->si_pid = task_tid_in(t, task_pid_ns(to));
	info->si_uid = user_ns_show_uid(to->cred->user_ns, t->cred->uid);
	info->si_utime = (long)task_ns_to_ticks(utime + (thread ? 0 : p->utime_ns));
	info->si_stime = (long)task_ns_to_ticks(stime + (thread ? 0 : p->stime_ns));
}

static void notify_stop(struct task *t, bool thread, struct task *to, int why)
{
	struct siginfo info;
	unsigned long flags;

	if (!sighand_lock(to, &flags))
		return;
	const struct ksigaction *a = &to->sighand->action[SIGCHLD - 1];

	if (a->handler != HANDLER_IGN && !(a->flags & SA_NOCLDSTOP)) {
		child_info(t, thread, to, &info);
		info.si_signo = SIGCHLD;
		info.si_code = why;
		info.si_status = why == CLD_CONTINUED ? SIGCONT
				 : why == CLD_TRAPPED ? t->ptrace_code & 0x7f
						      : t->process->group_exit_code & 0x7f;
		(void)signal_send_locked(to, true, SIGCHLD, &info, false);
	}
	sighand_unlock(to, flags);
	wake_up_interruptible(&to->process->child_wait);
}

void signal_notify_parent(struct process *p, int why)
{
	if (p->parent)
		notify_stop(p->leader, false, p->parent->leader, why);
}

void signal_notify_tracer(struct task *t, int why)
{
	notify_stop(t, true, t->tracer, why);
}

static void exit_info(struct task *t, const struct task *to, int sig, struct siginfo *info)
{
	struct process *p = t->process;
	int st = p->group_flags & PROC_GROUP_EXIT ? p->group_exit_code : t->exit_code;

	child_info(t, false, to, info);
	info->si_signo = sig;
	info->si_code = st & 0x80 ? CLD_DUMPED : st & 0x7f ? CLD_KILLED : CLD_EXITED;
	info->si_status = st & 0x7f ? st & 0x7f : st >> 8;
}

bool signal_notify_exit(struct task *t, int sig)
{
	struct process *p = t->process;
	struct task *to = t->tracer ? t->tracer : p->parent ? p->parent->leader : NULL;
	bool autoreap = false;
	unsigned long flags;

	if (t == p->leader && wait_queue_active(&p->pid->exit_wait))
		wake_up_all(&p->pid->exit_wait);
	if (!to || !sighand_lock(to, &flags))
		return true;
	/* A parent that became another program expects the usual signal. */
	if (sig != SIGCHLD && !t->tracer && p->parent_exec_id != p->parent->exec_id)
		sig = SIGCHLD;
	const struct ksigaction *a = &to->sighand->action[SIGCHLD - 1];

	if (!t->tracer && sig == SIGCHLD &&
	    (a->handler == HANDLER_IGN || (a->flags & SA_NOCLDWAIT))) {
		/* The status is not wanted; without SIG_IGN the signal still comes. */
		autoreap = true;
		if (a->handler == HANDLER_IGN)
			sig = 0;
	}
	if (signal_valid(sig)) {
		struct siginfo info;

		exit_info(t, to, sig, &info);
		(void)signal_send_locked(to, true, sig, &info, false);
	}
	sighand_unlock(to, flags);
	if (wait_queue_active(&to->process->child_wait))
		wake_up_all(&to->process->child_wait);
	return autoreap;
}
