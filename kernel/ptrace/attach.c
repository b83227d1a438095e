/* Beginning and end of tracing: who hangs on whom. */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <asm/regset.h>
#include <linux/sched.h>

#define OPTIONS_KNOWN                                                                             \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT |                      \
	 PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP)

/* Under tasklist_lock. What @tracer may do to @t is what @cred allows. */
static void link_to(struct task *t, struct task *tracer, const struct cred *cred, u32 flags)
{
	rcu_assign(t->tracer, tracer);
	rcu_assign(t->tracer_cred, cred_get(cred));
	list_add_tail(&t->traced_link, &tracer->tracees);
	tracer->process->tracees++;
	t->ptrace_flags = flags;
}

int ptrace_options_check(unsigned long options)
{
	if (options & ~(unsigned long)OPTIONS_KNOWN)
		return -EINVAL;
	if ((options & PTRACE_O_SUSPEND_SECCOMP) &&
	    (!capable(CAP_SYS_ADMIN) || current->work & WORK_SECCOMP || ptrace_suspends_seccomp()))
		return -EPERM;
	return 0;
}

/* ---- attach ---- */

static bool trapping(struct task *t)
{
	return READ_ONCE(t->stop_state) & STOP_TRAPPING;
}

/* Under tasklist_lock: a task that is stopped already becomes a traced one. */
static void stopped_to_traced(struct task *t)
{
	unsigned long flags;

	if (!sighand_lock(t, &flags))
		return;
	if (READ_ONCE(t->state) & TASK_STOPPED) {
		signal_trap_pending(t, STOP_TRAP | STOP_TRAPPING);
		if (trapping(t)) {
			task_work_set(t, WORK_SIGNAL);
			sched_wake(t, TASK_STOPPED);
		}
	}
	sighand_unlock(t, flags);
}

static int attach_locked(struct task *t, bool seize, u32 flags)
{
	spin_lock_irq(&tasklist_lock);
	if (t->exit_state || t->tracer) {
		spin_unlock_irq(&tasklist_lock);
		return -EPERM;
	}
	link_to(t, current, current->cred, flags);
	if (!seize)
		(void)signal_send_task(t, SIGSTOP, NULL);
	stopped_to_traced(t);
	spin_unlock_irq(&tasklist_lock);
	return 0;
}

int ptrace_attach(struct task *t, bool seize, unsigned long addr, unsigned long options)
{
	u32 flags = PT_TRACED;
	struct process *p = t->process;
	int err;

	if (seize) {
		if (addr || options & ~(unsigned long)OPTIONS_KNOWN)
			return -EIO;
		err = ptrace_options_check(options);
		if (err)
			return err;
		flags |= PT_SEIZED | PT_OPTION(options);
	}
	if ((t->flags & TF_KTHREAD) || p == current->process)
		return -EPERM;
	/* Not in the middle of an exec that gives rights. */
	if (mutex_lock_interruptible(&p->exec_lock))
		return -ERESTARTNOINTR;
	err = ptrace_may_access(t, PTRACE_MODE_ATTACH_REAL);
	if (!err)
		err = attach_locked(t, seize, flags);
	mutex_unlock(&p->exec_lock);
	if (!err)
		(void)!wait_event_killable(&signal_trapping_wait, !trapping(t));
	return err;
}

int ptrace_traceme(void)
{
	struct task *t = current, *parent;
	int err = -EPERM;

	spin_lock_irq(&tasklist_lock);
	parent = t->process->parent_thread;
	if (!t->tracer && parent) {
		const struct cred *c = parent->cred;
		const struct cred *mine = t->cred;

		/* Rights of two namespaces cannot be compared. */
		if (cred_ns_capable(c, mine->user_ns, CAP_SYS_PTRACE) ||
		    (c->user_ns == mine->user_ns && !(mine->cap_permitted & ~c->cap_permitted))) {
			err = 0;
			/* Who asks to be traced lends its tracer no right that it lacks itself. */
			if (!(parent->flags & TF_EXITING))
				link_to(t, parent, mine, PT_TRACED);
		}
	}
	spin_unlock_irq(&tasklist_lock);
	return err;
}

/* ---- the end of it ---- */

void ptrace_unlink(struct task *t)
{
	struct process *p = t->process;
	const struct cred *cred = t->tracer_cred;
	unsigned long flags;

	list_del_init(&t->traced_link);
	t->tracer->process->tracees--;
	rcu_assign(t->tracer, NULL);
	rcu_assign(t->tracer_cred, NULL);
	cred_put(cred);
	task_work_clear(t, WORK_TRACE | WORK_EMULATE);
	if (!sighand_lock(t, &flags))
		return;
	t->ptrace_flags = 0;
	t->stop_state &= ~STOP_TRAP_MASK;
	if (trapping(t)) {
		t->stop_state &= ~STOP_TRAPPING;
		wake_up_all(&signal_trapping_wait);
	}
	/* What the process does together holds for this thread again. */
	if (!(t->flags & TF_EXITING) && ((p->group_flags & PROC_STOPPED) || p->stop_count)) {
		t->stop_state |= STOP_PENDING;
		if (!(t->stop_state & STOP_SIGNAL_MASK))
			t->stop_state |= SIGSTOP;
	}
	if ((t->stop_state & STOP_PENDING) || (READ_ONCE(t->state) & TASK_TRACED))
		signal_trap_wake(t, true);
	sighand_unlock(t, flags);
}

static bool ignores_children(struct task *t)
{
	unsigned long flags;
	bool yes = false;

	if (sighand_lock(t, &flags)) {
		const struct ksigaction *a = &t->sighand->action[SIGCHLD - 1];

		yes = a->handler == (u64)(unsigned long)SIG_IGN || (a->flags & SA_NOCLDWAIT);
		sighand_unlock(t, flags);
	}
	return yes;
}

/* Under tasklist_lock.  True: a zombie that nobody waits for any more. */
static bool detach_locked(struct task *t, struct task *tracer)
{
	struct process *p = t->process;
	bool dead = false;

	ptrace_unlink(t);
	if (t->exit_state != EXIT_ZOMBIE)
		return false;
	if (t != p->leader) {
		dead = true;
	} else if (p->thread_count == 1) {
		if (p->parent != tracer->process) {
			dead = signal_notify_exit(t, t->exit_signal);
		} else if (ignores_children(tracer)) {
			wake_up_interruptible(&p->parent->child_wait);
			dead = true;
		}
	}
	if (dead)
		t->exit_state = EXIT_DEAD;
	return dead;
}

int ptrace_detach(struct task *t, unsigned long sig)
{
	unsigned long flags;

	if (sig > SIGNAL_COUNT)
		return -EIO;
	arch_step_disable(t);
	spin_lock_irq(&tasklist_lock);
	if (sighand_lock(t, &flags)) {
		t->ptrace_code = (int)sig;
		t->stop_state &= ~STOP_FROZEN;
		sighand_unlock(t, flags);
	}
	(void)detach_locked(t, current); /* stopped, so no zombie */
	spin_unlock_irq(&tasklist_lock);
	return 0;
}

void ptrace_exit_tracer(struct task *tracer, struct list_head *dead)
{
	struct task *t, *next;

	list_for_each_entry_safe (t, next, &tracer->tracees, traced_link) {
		if (t->ptrace_flags & PT_OPTION(PTRACE_O_EXITKILL))
			(void)signal_send_task(t, SIGKILL, NULL);
		if (detach_locked(t, tracer))
			list_add(&t->traced_link, dead);
	}
}

/* ---- fork and exec ---- */

int ptrace_fork_event_slow(u64 clone_flags, int exit_signal)
{
	int event = clone_flags & CLONE_VFORK ? PTRACE_EVENT_VFORK
		    : exit_signal != SIGCHLD  ? PTRACE_EVENT_CLONE
					      : PTRACE_EVENT_FORK;

	if (clone_flags & CLONE_UNTRACED)
		return 0;
	return ptrace_event_enabled(event) ? event : 0;
}

void ptrace_fork(struct task *t)
{
	struct task *me = current;

	if (!me->tracer)
		return;
	link_to(t, me->tracer, me->tracer_cred, me->ptrace_flags);
	if (t->ptrace_flags & PT_SEIZED)
		t->stop_state |= STOP_TRAP;
	else
		t->pending.mask |= SIGMASK(SIGSTOP);
	task_work_set(t, WORK_SIGNAL);
}

/* capabilities(7): under a tracer without CAP_SYS_PTRACE set-id bits and file rights are void. */
void ptrace_exec_cred(struct cred *c)
{
	const struct cred *old = current->cred;
	bool gains = c->euid != old->uid || c->egid != old->gid ||
		     (c->cap_permitted & ~old->cap_permitted);

	if (!gains || ptrace_tracer_capable(current, c->user_ns))
		return;
	if (!ns_capable(c->user_ns, CAP_SETUID) || current->no_new_privs) {
		c->euid = c->suid = c->fsuid = c->uid;
		c->egid = c->sgid = c->fsgid = c->gid;
	}
	c->cap_permitted &= old->cap_permitted;
	c->cap_effective &= c->cap_permitted;
}
