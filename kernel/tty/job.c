/*
 * Sessions and job control: POSIX.1 chapter 11, setsid(2), tcsetpgrp(3), credentials(7).
 *
 * A session has at most one terminal and a terminal at most one session.  process->tty is a plain
 * pointer: the terminal clears it in all processes of its session, under tasklist_lock, before it
 * loses the session or goes.
 */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/rcu/rcu.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/ioctls.h>

struct tty *tty_of_current(void)
{
	spin_lock_irq(&tasklist_lock);
	struct tty *tty = current->process->tty;

	if (tty)
		tty_get(tty);
	spin_unlock_irq(&tasklist_lock);
	return tty;
}

/* Under tasklist_lock: consumes the references. */
static void set_owner(struct tty *tty, struct pid *session, struct pid *pgrp)
{
	spin_lock(&tty->spin);
	struct pid *old_session = tty->session, *old_pgrp = tty->pgrp;

	tty->session = session;
	tty->pgrp = pgrp;
	spin_unlock(&tty->spin);
	pid_put(old_session);
	pid_put(old_pgrp);
}

/* Under tasklist_lock: nobody in the terminal's session has it any more. */
static void forget_session(struct tty *tty)
{
	struct process *p;

	if (!tty->session)
		return;
	list_for_each_entry (p, &tty->session->members[PID_SESSION], session_link) {
		if (p->tty == tty)
			p->tty = NULL;
	}
}

void tty_clear_session(struct tty *tty)
{
	spin_lock_irq(&tasklist_lock);
	forget_session(tty);
	set_owner(tty, NULL, NULL);
	spin_unlock_irq(&tasklist_lock);
}

/* Under tasklist_lock. */
static void take_terminal(struct tty *tty)
{
	struct process *me = current->process;

	me->tty = tty;
	set_owner(tty, pid_get(me->session), pid_get(me->pgrp));
}

static bool is_session_leader(const struct process *p)
{
	return p->session == p->pid;
}

void tty_open_set_session(struct tty *tty, struct file *f)
{
	struct process *me = current->process;

	if (!(f->mode & FMODE_READ) || !is_session_leader(me) || me->tty || tty->session)
		return;
	spin_lock_irq(&tasklist_lock);
	if (!me->tty && !tty->session && !tty->dead)
		take_terminal(tty);
	spin_unlock_irq(&tasklist_lock);
}

/* ---- the background ---- */

static bool signal_is_ignored(int sig)
{
	struct task *t = current;

	return (t->blocked & SIGMASK(sig)) ||
	       t->sighand->action[sig - 1].handler == (u64)(unsigned long)SIG_IGN;
}

int tty_job_check(struct tty *tty, int sig)
{
	struct process *me = current->process;

	if (READ_ONCE(me->tty) != tty)
		return 0;
	rcu_read_lock();
	struct pid *mine = rcu_dereference(me->pgrp), *front = READ_ONCE(tty->pgrp);

	if (likely(!front || mine == front)) {
		rcu_read_unlock();
		return 0;
	}
	if (signal_is_ignored(sig)) {
		rcu_read_unlock();
		return sig == SIGTTIN ? -EIO : 0;
	}
	if (pgrp_is_orphaned(mine)) {
		rcu_read_unlock();
		return -EIO;
	}
	(void)signal_send_pgrp(mine, sig, true);
	rcu_read_unlock();
	return -ERESTARTSYS;
}

/* ---- ioctls ---- */

static int set_session_locked(struct tty *tty, struct file *f, bool steal)
{
	struct process *me = current->process;

	if (is_session_leader(me) && tty->session == me->session)
		return 0;
	if (!is_session_leader(me) || me->tty)
		return -EPERM;
	if (tty->dead)
		return -EIO;
	if (tty->session) {
		if (!steal)
			return -EPERM;
		forget_session(tty);
	}
	if (!(f->mode & FMODE_READ) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	take_terminal(tty);
	return 0;
}

static long set_session(struct tty *tty, struct file *f, unsigned long arg)
{
	bool steal = arg == 1 && capable(CAP_SYS_ADMIN);

	spin_lock_irq(&tasklist_lock);
	int err = set_session_locked(tty, f, steal);

	spin_unlock_irq(&tasklist_lock);
	return err;
}

/* The session's leader gives its terminal up; @exits: by ending. */
static void give_up_terminal(bool exits)
{
	struct process *me = current->process;
	struct pid *front = NULL;

	spin_lock_irq(&tasklist_lock);
	struct tty *tty = me->tty;

	if (tty) {
		front = pid_get(tty->pgrp);
		if (tty->session == me->session) {
			forget_session(tty);
			set_owner(tty, NULL, NULL);
		}
		me->tty = NULL;
	} else if (exits) {
		/* The terminal went first: its last foreground group is told now. */
		front = me->tty_old_pgrp;
		me->tty_old_pgrp = NULL;
	}
	spin_unlock_irq(&tasklist_lock);
	if (!front)
		return;
	(void)signal_send_pgrp(front, SIGHUP, true);
	if (!exits || !tty)
		(void)signal_send_pgrp(front, SIGCONT, true);
	pid_put(front);
}

static long no_terminal(struct tty *tty)
{
	struct process *me = current->process;

	if (READ_ONCE(me->tty) != tty)
		return -ENOTTY;
	if (is_session_leader(me)) {
		give_up_terminal(false);
		return 0;
	}
	spin_lock_irq(&tasklist_lock);
	me->tty = NULL;
	spin_unlock_irq(&tasklist_lock);
	return 0;
}

/* Under tasklist_lock: the session of a group, NULL for an empty one. */
static struct pid *session_of(struct pid *pgrp)
{
	struct process *p =
		list_first_entry_or_null(&pgrp->members[PID_PGRP], struct process, pgrp_link);

	return p ? p->session : NULL;
}

static int set_front_locked(struct tty *tty, struct pid *pgrp)
{
	struct process *me = current->process;

	if (me->tty != tty || tty->session != me->session)
		return -ENOTTY;
	if (!pgrp)
		return -ESRCH;
	if (session_of(pgrp) != me->session)
		return -EPERM;
	spin_lock(&tty->spin);
	struct pid *old = tty->pgrp;

	tty->pgrp = pid_get(pgrp);
	spin_unlock(&tty->spin);
	pid_put(old);
	return 0;
}

static long set_front(struct tty *tty, const int __user *arg)
{
	int nr, err = tty_check_change(tty);

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (get_user(nr, arg))
		return -EFAULT;
	if (nr < 0)
		return -EINVAL;
	struct pid *pgrp = pid_find(nr);

	spin_lock_irq(&tasklist_lock);
	err = set_front_locked(tty, pgrp);
	spin_unlock_irq(&tasklist_lock);
	pid_put(pgrp);
	return err;
}

static long get_owner(struct tty *tty, bool is_master, bool session, int __user *arg)
{
	int nr = 0;

	if (!is_master && READ_ONCE(current->process->tty) != tty)
		return -ENOTTY;
	spin_lock_irq(&tty->spin);
	struct pid *pid = session ? tty->session : tty->pgrp;

	if (pid)
		nr = pid_vnr(pid);
	spin_unlock_irq(&tty->spin);
	if (session && !nr)
		return -ENOTTY;
	return put_user(nr, arg);
}

long tty_job_ioctl(struct tty *tty, struct file *f, bool is_master, unsigned int cmd,
		   unsigned long arg)
{
	switch (cmd) {
	case TIOCSCTTY:
		return set_session(tty, f, arg);
	case TIOCNOTTY:
		return is_master ? -ENOTTY : no_terminal(tty);
	case TIOCSPGRP:
		return set_front(tty, (const int __user *)arg);
	case TIOCGPGRP:
	case TIOCGSID:
		return get_owner(tty, is_master, cmd == TIOCGSID, (int __user *)arg);
	}
	return -ENOIOCTLCMD;
}

/* ---- hangup ---- */

/* Under tasklist_lock. */
static void hangup_leader(struct tty *tty, struct process *leader)
{
	(void)signal_send_process(leader, SIGHUP, NULL);
	(void)signal_send_process(leader, SIGCONT, NULL);
	pid_put(leader->tty_old_pgrp);
	leader->tty_old_pgrp = pid_get(tty->pgrp);
}

static void hangup_processes(struct tty *tty, bool leader_exits)
{
	struct process *p;

	spin_lock_irq(&tasklist_lock);
	if (tty->session) {
		list_for_each_entry (p, &tty->session->members[PID_SESSION], session_link) {
			if (p->tty == tty)
				p->tty = NULL;
			if (is_session_leader(p))
				hangup_leader(tty, p);
		}
		if (leader_exits && tty->pgrp)
			(void)signal_send_pgrp(tty->pgrp, SIGHUP, true);
	}
	set_owner(tty, NULL, NULL);
	spin_unlock_irq(&tasklist_lock);
}

void tty_hangup_session(struct tty *tty, bool leader_exits)
{
	struct tty_file *tf;

	mutex_lock(&tty->lock);
	hangup_processes(tty, leader_exits);
	spin_lock_irq(&tty->spin);
	list_for_each_entry (tf, &tty->files, link) {
		if (!tf->is_console)
			WRITE_ONCE(tf->hung, true);
	}
	ntty_reset(&tty->n);
	tty->n.stopped = tty->n.held = tty->xoff_sent = false;
	if (tty->ops->flow)
		tty->ops->flow(tty, true);
	spin_unlock_irq(&tty->spin);
	if (tty->ops->hangup)
		tty->ops->hangup(tty);
	mutex_unlock(&tty->lock);
	tty_wake_all(tty);
}

void tty_hangup(struct tty *tty)
{
	tty_hangup_session(tty, false);
}

long sys_vhangup(void)
{
	struct tty *tty;

	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty = tty_of_current();
	if (tty) {
		tty_hangup(tty);
		tty_put(tty);
	}
	return 0;
}

/* The leader of a session ends: real lines are hung up, pseudo terminals only lose their session.
 */
static void session_exit(struct process *p)
{
	struct tty *tty = tty_of_current();

	if (tty && !tty->ops->free)
		tty_hangup_session(tty, true);
	else
		give_up_terminal(true);
	tty_put(tty);
	pid_put(p->tty_old_pgrp);
	p->tty_old_pgrp = NULL;
}

static const struct task_hook tty_hook = {.session_exit = session_exit};
TASK_HOOK(tty_hook);
