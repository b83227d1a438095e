/* Who is who: process, parent, group and session numbers.  credentials(7). */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>

long sys_getpid(void)
{
	return current->process->pid->own_nr;
}

long sys_gettid(void)
{
	return current->pid->own_nr;
}

long sys_getppid(void)
{
	return READ_ONCE(current->process->parent_nr);
}

long sys_getpgrp(void)
{
	return task_pgrp_nr(current);
}

long sys_set_tid_address(int __user *tidptr)
{
	current->clear_child_tid = (u32 __user *)tidptr;
	return current->pid->own_nr;
}

/* +1 */
static struct process *process_or_self(int pid)
{
	if (!pid)
		return process_get(current->process);
	/* A thread's number names its process too, as on Linux. */
	struct task *t = task_find(pid);

	if (!t)
		return NULL;
	struct process *p = process_get(t->process);

	task_put(t);
	return p;
}

long sys_getpgid(int pid)
{
	struct process *p = process_or_self(pid);

	if (!p)
		return -ESRCH;
	rcu_read_lock();
	int nr = pid_vnr(rcu_dereference(p->pgrp));

	rcu_read_unlock();
	process_put(p);
	return nr;
}

long sys_getsid(int pid)
{
	struct process *p = process_or_self(pid);

	if (!p)
		return -ESRCH;
	rcu_read_lock();
	int nr = pid_vnr(rcu_dereference(p->session));

	rcu_read_unlock();
	process_put(p);
	return nr;
}

/* Under tasklist_lock. */
static void move_group(struct process *p, struct pid *to)
{
	struct pid *from = p->pgrp;

	if (from == to)
		return;
	pid_detach(from, &p->pgrp_link);
	p->pgrp = pid_get(to);
	pid_attach(to, PID_PGRP, &p->pgrp_link);
	pid_put(from);
}

static void move_session(struct process *p, struct pid *to)
{
	struct pid *from = p->session;

	if (from == to)
		return;
	pid_detach(from, &p->session_link);
	p->session = pid_get(to);
	pid_attach(to, PID_SESSION, &p->session_link);
	pid_put(from);
}

/* Under tasklist_lock. */
static int setpgid_judge(struct process *p, struct pid *target, bool own_group)
{
	struct process *me = current->process, *m;

	if (p != me) {
		if (p->parent != me)
			return -ESRCH;
		if (p->session != me->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	}
	if (p->session == p->pid)
		return -EPERM;
	if (own_group)
		return 0;
	if (!target)
		return -EPERM;
	m = list_first_entry_or_null(&target->members[PID_PGRP], struct process, pgrp_link);
	return m && m->session == me->session ? 0 : -EPERM;
}

long sys_setpgid(int pid, int pgid)
{
	struct process *me = current->process, *p;
	struct pid *target = NULL;
	int err;

	if (pgid < 0)
		return -EINVAL;
	if (pid && pid != me->pid->own_nr) {
		p = process_find(pid);
		if (!p) {
			/* The number of a thread that leads nothing. */
			struct task *t = task_find(pid);

			if (t)
				task_put(t);
			return t ? -EINVAL : -ESRCH;
		}
	} else {
		p = process_get(me);
	}
	if (pgid && pgid != pid_vnr(p->pid))
		target = pid_find(pgid);
	bool own = !pgid || pgid == pid_vnr(p->pid);

	spin_lock_irq(&tasklist_lock);
	if (!p->leader || p->leader->exit_state == EXIT_DEAD)
		err = -ESRCH;
	else
		err = setpgid_judge(p, target, own);
	if (!err)
		move_group(p, own ? p->pid : target);
	spin_unlock_irq(&tasklist_lock);
	pid_put(target);
	process_put(p);
	return err;
}

long sys_setsid(void)
{
	struct process *p = current->process;
	long ret = -EPERM;

	spin_lock_irq(&tasklist_lock);
	if (p->session != p->pid && list_empty(&p->pid->members[PID_PGRP])) {
		move_session(p, p->pid);
		move_group(p, p->pid);
		p->tty = NULL;
		ret = p->pid->own_nr;
	}
	spin_unlock_irq(&tasklist_lock);
	return ret;
}
