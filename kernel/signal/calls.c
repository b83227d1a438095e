/* The system calls that send, wait for and describe signals. */
#include <kernel/signal/signal_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>

#define SA_KNOWN                                                                           \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
	 SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER)

static_assert(sizeof(struct ksigaction) == sizeof(struct sigaction), "the ABI's structure");

/* Lock held: an action that ignores @sig drops what is pending. */
static void drop_ignored(struct task *t, int sig, const struct ksigaction *a)
{
	struct task *m;

	if (a->handler != HANDLER_IGN &&
	    !(a->handler == HANDLER_DFL && sig_in(sig, SIGMASK_IGNORE_DFL)))
		return;
	sigpending_remove(&t->process->pending, SIGMASK(sig));
	list_for_each_entry (m, &t->process->threads, thread_link)
		sigpending_remove(&m->pending, SIGMASK(sig));
}

long sys_rt_sigaction(int sig, const struct sigaction __user *act, struct sigaction __user *oact,
		      size_t sigsetsize)
{
	struct task *t = current;
	struct ksigaction new, old;

	if (sigsetsize != sizeof(sigmask))
		return -EINVAL;
	if (act && copy_from_user(&new, act, sizeof(new)))
		return -EFAULT;
	if (!signal_valid(sig) || (act && sig_in(sig, SIGMASK_KERNEL_ONLY)))
		return -EINVAL;
	struct ksigaction *ka = &t->sighand->action[sig - 1];

	spin_lock_irq(&t->sighand->lock);
	if (unlikely(ka->flags & SA_IMMUTABLE)) {
		spin_unlock_irq(&t->sighand->lock);
		return -EINVAL;
	}
	old = *ka;
	if (act) {
		new.mask &= ~SIGMASK_UNBLOCKABLE;
		new.flags &= SA_KNOWN;
		*ka = new;
		drop_ignored(t, sig, &new);
	}
	spin_unlock_irq(&t->sighand->lock);
	return oact && copy_to_user(oact, &old, sizeof(old)) ? -EFAULT : 0;
}

/* ---- sending ---- */

int signal_may_send(struct task *t, int sig)
{
	const struct cred *me = current->cred, *c;
	int err = 0;

	if (sig < 0 || sig > SIGNAL_COUNT)
		return -EINVAL;
	if (t->process == current->process)
		return 0;
	rcu_read_lock();
	c = rcu_dereference(t->cred);
	if (me->euid != c->suid && me->euid != c->uid && me->uid != c->suid && me->uid != c->uid &&
	    !cred_ns_capable(me, c->user_ns, CAP_KILL)) {
		/* SIGCONT also within a session. */
		if (sig != SIGCONT || rcu_dereference(t->process->session) !=
					      rcu_dereference(current->process->session))
			err = -EPERM;
	}
	rcu_read_unlock();
	return err;
}

static void sender_info(struct siginfo *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = task_tgid(current);
	info->si_uid = uid_to_user(current->cred->uid);
}

int signal_may_send_process(struct process *p, int sig)
{
	rcu_read_lock();
	struct task *leader = rcu_dereference(p->leader);
	int err = leader ? signal_may_send(leader, sig) : -ESRCH;

	rcu_read_unlock();
	return err;
}

static int kill_one(struct process *p, int sig, const struct siginfo *info)
{
	int err = signal_may_send_process(p, sig);

	if (!err && sig)
		err = signal_send_process(p, sig, info);
	return err;
}

static int kill_pgrp(struct pid *pgrp, int sig, const struct siginfo *info)
{
	bool done = false;
	struct process *p;
	int err = -ESRCH;

	rcu_read_lock();
	list_for_each_entry_rcu(p, &pgrp->members[PID_PGRP], pgrp_link)
	{
		int e = kill_one(p, sig, info);

		done |= !e;
		err = e;
	}
	rcu_read_unlock();
	return done ? 0 : err;
}

/* kill(-1): everybody but init and the caller. */
static int kill_all(int sig, const struct siginfo *info)
{
	int err = -ESRCH, seen = 0;
	struct task *leader;

	rcu_read_lock();
	list_for_each_entry_rcu(leader, &tasklist, all_link)
	{
		struct process *p = leader->process;

		/* Those with a number here, but not the init. */
		if (pid_vnr(p->pid) <= 1 || p == current->process || (leader->flags & TF_KTHREAD))
			continue;
		int e = kill_one(p, sig, info);

		seen++;
		if (e != -EPERM)
			err = e;
	}
	rcu_read_unlock();
	return seen ? (err == -ESRCH ? -EPERM : err) : -ESRCH;
}

static int kill_number(int pid, int sig, const struct siginfo *info)
{
	struct pid *pgrp;
	int err;

	if (pid > 0) {
		struct task *t = task_find(pid);

		if (!t)
			return -ESRCH;
		err = kill_one(t->process, sig, info);
		task_put(t);
		return err;
	}
	if (pid == INT_MIN)
		return -ESRCH;
	if (pid == -1)
		return kill_all(sig, info);
	pgrp = pid ? pid_find(-pid) : pid_get(current->process->pgrp);
	if (!pgrp)
		return -ESRCH;
	err = kill_pgrp(pgrp, sig, info);
	pid_put(pgrp);
	return err;
}

long sys_kill(int pid, int sig)
{
	struct siginfo info;

	sender_info(&info, sig, SI_USER);
	return kill_number(pid, sig, &info);
}

static int send_thread(int tgid, int tid, int sig, const struct siginfo *info)
{
	struct task *t = task_find(tid);
	int err = -ESRCH;

	if (t && (tgid <= 0 || task_tgid(t) == tgid)) {
		err = signal_may_send(t, sig);
		if (!err && sig) {
			err = signal_send_task(t, sig, info);
			/* It ended between: as if it had been sent just before. */
			if (err == -ESRCH)
				err = 0;
		}
	}
	if (t)
		task_put(t);
	return err;
}

long sys_tkill(int tid, int sig)
{
	struct siginfo info;

	if (tid <= 0)
		return -EINVAL;
	sender_info(&info, sig, SI_TKILL);
	return send_thread(0, tid, sig, &info);
}

long sys_tgkill(int tgid, int tid, int sig)
{
	struct siginfo info;

	if (tid <= 0 || tgid <= 0)
		return -EINVAL;
	sender_info(&info, sig, SI_TKILL);
	return send_thread(tgid, tid, sig, &info);
}

/* The rest of the structure is for codes to come. */
#define SIGINFO_USED 48u

/* What each signal's own codes go up to. */
static bool code_known(int sig, int code)
{
	static const u8 last_code[SIGNAL_COUNT + 1] = {
		[SIGILL] = 11, [SIGFPE] = 15, [SIGSEGV] = 9, [SIGBUS] = 5,
		[SIGTRAP] = 6, [SIGCHLD] = 6, [SIGPOLL] = 6, [SIGSYS] = 2,
	};

	if (code == SI_KERNEL || code == SI_ASYNCNL)
		return true;
	if (code <= SI_USER)
		return code >= SI_DETHREAD;
	int most = sig >= 0 && sig <= SIGNAL_COUNT && last_code[sig] ? last_code[sig] : NSIGPOLL;

	return code <= most;
}

int siginfo_from_user(struct siginfo *info, const struct siginfo __user *uinfo, int sig)
{
	u8 *rest = (u8 *)info + SIGINFO_USED;
	u8 any = 0;

	if (copy_from_user(info, uinfo, sizeof(*info)))
		return -EFAULT;
	for (size_t i = 0; i < sizeof(*info) - SIGINFO_USED; i++)
		any |= rest[i];
	/* Nothing may hide behind a code that does not say what it carries. */
	if (any && !code_known(sig < 0 ? info->si_signo : sig, info->si_code))
		return -E2BIG;
	memset(rest, 0, sizeof(*info) - SIGINFO_USED);
	return 0;
}

static int info_from_user(struct siginfo *info, const struct siginfo __user *uinfo, int sig,
			  int pid)
{
	int err = siginfo_from_user(info, uinfo, sig);

	if (err)
		return err;
	info->si_signo = sig;
	/* Only the kernel and kill(2) may say that they are. */
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && task_tid(current) != pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(int pid, int sig, const struct siginfo __user *uinfo)
{
	struct siginfo info;
	int err = info_from_user(&info, uinfo, sig, pid);

	if (err)
		return err;
	if (pid <= 0)
		return -ESRCH;
	return kill_number(pid, sig, &info);
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, const struct siginfo __user *uinfo)
{
	struct siginfo info;
	int err = info_from_user(&info, uinfo, sig, tid);

	if (err && err != -EPERM)
		return err;
	if (tid <= 0 || tgid <= 0)
		return -EINVAL;
	return err ? err : send_thread(tgid, tid, sig, &info);
}

/* ---- sigtimedwait ---- */

static int take_wanted(sigmask want, u64 deadline, struct siginfo *info)
{
	struct task *t = current;
	int sig, err;

	spin_lock_irq(&t->sighand->lock);
	sig = signal_take(t, want, info);
	if (sig || !deadline) {
		spin_unlock_irq(&t->sighand->lock);
		return sig ? sig : -EAGAIN;
	}
	/* Wanted signals wake this thread although they stay blocked for delivery. */
	t->wanted = t->blocked;
	t->blocked &= ~want;
	signal_recalc();
	sched_set_state(TASK_INTERRUPTIBLE);
	spin_unlock_irq(&t->sighand->lock);
	err = sched_block(TASK_INTERRUPTIBLE, deadline);
	spin_lock_irq(&t->sighand->lock);
	t->blocked = t->wanted;
	t->wanted = 0;
	sig = signal_take(t, want, info);
	spin_unlock_irq(&t->sighand->lock);
	if (sig)
		return sig;
	return err == -ETIME ? -EAGAIN : -EINTR;
}

long sys_rt_sigtimedwait(const u64 __user *set, struct siginfo __user *uinfo,
			 const struct __kernel_timespec __user *timeout, size_t sigsetsize)
{
	u64 ns, deadline = WAIT_FOREVER;
	struct siginfo info;
	sigmask want;

	if (sigsetsize != sizeof(want))
		return -EINVAL;
	if (get_user(want, set))
		return -EFAULT;
	if (timeout) {
		int err = timespec_from_user(timeout, &ns);

		if (err)
			return err;
		deadline = ns ? deadline_after(time_mono_ns(), ns) : 0;
	}
	int sig = take_wanted(want & ~SIGMASK_UNBLOCKABLE, deadline, &info);

	if (sig > 0 && uinfo && copy_to_user(uinfo, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}
