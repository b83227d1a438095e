/* wait4(2), waitid(2): what has become of the children. */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/wait.h>

struct wait_request {
	int type; /* P_ALL, P_PID, P_PGID */
	struct pid *pid;
	int options;
	/* results */
	int found;	  /* number of the child, 0: none yet */
	int code, status; /* CLD_*; for siginfo */
	int wait_status;  /* for wait4 */
	u32 uid;
	struct rusage *usage; /* NULL: not wanted */
	bool any;	      /* there are children to wait for */
	struct task *reap;
};

static bool wants(const struct wait_request *w, const struct process *p)
{
	if (w->type == P_PID && p->pid != w->pid)
		return false;
	if (w->type == P_PGID && p->pgrp != w->pid)
		return false;
	if (w->options & __WALL)
		return true;
	return (p->leader->exit_signal != SIGCHLD) == !!(w->options & __WCLONE);
}

static void fill_exit_status(struct wait_request *w, int st)
{
	w->wait_status = st;
	if (st & 0x7f) {
		w->code = st & 0x80 ? CLD_DUMPED : CLD_KILLED;
		w->status = st & 0x7f;
	} else {
		w->code = CLD_EXITED;
		w->status = st >> 8;
	}
}

static void fill_child(struct wait_request *w, struct process *p)
{
	w->found = p->pid->nr;
	w->uid = p->leader->cred->uid;
	if (w->usage)
		usage_get(p, p->leader, USAGE_BOTH, w->usage);
}

static bool look_zombie(struct wait_request *w, struct process *p)
{
	struct task *leader = p->leader;

	if (!(w->options & WEXITED))
		return false;
	int st = p->group_flags & PROC_GROUP_EXIT ? p->group_exit_code : leader->exit_code;

	fill_child(w, p);
	fill_exit_status(w, st);
	if (!(w->options & WNOWAIT)) {
		leader->exit_state = EXIT_DEAD;
		usage_fold_child(current->process, p);
		w->reap = task_get(leader);
	}
	return true;
}

/* Stopped or continued: the flags belong to the child's handlers' lock. */
static bool look_stopped(struct wait_request *w, struct process *p)
{
	unsigned long flags;
	bool hit = false;

	if (!(w->options & (WSTOPPED | WCONTINUED)) || !sighand_lock(p->leader, &flags))
		return false;
	if ((w->options & WSTOPPED) && (p->group_flags & PROC_STOPPED) && p->group_exit_code) {
		w->code = CLD_STOPPED;
		w->status = p->group_exit_code;
		w->wait_status = p->group_exit_code << 8 | 0x7f;
		if (!(w->options & WNOWAIT))
			p->group_exit_code = 0;
		hit = true;
	} else if ((w->options & WCONTINUED) && (p->group_flags & PROC_CONTINUED)) {
		w->code = CLD_CONTINUED;
		w->status = SIGCONT;
		w->wait_status = 0xffff;
		if (!(w->options & WNOWAIT))
			p->group_flags &= ~PROC_CONTINUED;
		hit = true;
	}
	sighand_unlock(p->leader, flags);
	if (hit)
		fill_child(w, p);
	return hit;
}

/* One look at all children; true: found. */
static bool look(struct wait_request *w)
{
	struct process *me = current->process, *p;
	bool hit = false;

	w->any = false;
	spin_lock_irq(&tasklist_lock);
	list_for_each_entry (p, &me->children, sibling) {
		if (!wants(w, p) || p->leader->exit_state == EXIT_DEAD)
			continue;
		w->any = true;
		if (p->leader->exit_state == EXIT_ZOMBIE && p->thread_count == 1)
			hit = look_zombie(w, p);
		else
			hit = look_stopped(w, p);
		if (hit)
			break;
	}
	spin_unlock_irq(&tasklist_lock);
	return hit;
}

/* 0 with w->found, or 0 without (WNOHANG); -ECHILD, -ERESTARTSYS. */
static int wait_do(struct wait_request *w)
{
	struct wait_queue *q = &current->process->child_wait;
	struct wait_entry e;
	int err = 0;

	if (look(w))
		goto found;
	if (!w->any)
		return -ECHILD;
	if (w->options & WNOHANG)
		return 0;
	wait_entry_init(&e, wait_wake_task);
	for (;;) {
		wait_prepare(q, &e, TASK_INTERRUPTIBLE);
		if (look(w))
			break;
		if (!w->any) {
			err = -ECHILD;
			break;
		}
		err = sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER);
		if (err)
			break;
	}
	wait_finish(q, &e);
	if (err)
		return err;
found:
	if (w->reap) {
		task_release(w->reap);
		task_put(w->reap);
	}
	return 0;
}

long sys_wait4(int pid, int __user *status, int options, struct rusage __user *rusage)
{
	struct rusage usage;
	struct wait_request w = {
		.type = P_ALL,
		.options = options | WEXITED,
		.usage = rusage ? &usage : NULL,
	};

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT_MIN)
		return -ESRCH;
	if (pid > 0 || pid < -1) {
		w.type = pid > 0 ? P_PID : P_PGID;
		w.pid = pid_find(pid > 0 ? pid : -pid);
		if (!w.pid)
			return -ECHILD;
	} else if (!pid) {
		w.type = P_PGID;
		w.pid = pid_get(current->process->pgrp);
	}
	int err = wait_do(&w);

	pid_put(w.pid);
	if (err)
		return err;
	if (w.found && status && put_user(w.wait_status, status))
		return -EFAULT;
	if (w.found && rusage && copy_to_user(rusage, &usage, sizeof(usage)))
		return -EFAULT;
	return w.found;
}

static int waitid_target(struct wait_request *w, int which, int id, bool *nonblock)
{
	u32 f_flags;
	int err;

	*nonblock = false;
	switch (which) {
	case P_ALL:
		w->type = P_ALL;
		return 0;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		w->type = P_PID;
		w->pid = pid_find(id);
		return 0;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		w->type = P_PGID;
		w->pid = id ? pid_find(id) : pid_get(current->process->pgrp);
		return 0;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		err = pidfd_get((unsigned int)id, &w->pid, &f_flags);
		if (err)
			return err;
		w->type = P_PID;
		if (f_flags & O_NONBLOCK) {
			*nonblock = !(w->options & WNOHANG);
			w->options |= WNOHANG;
		}
		return 0;
	}
	return -EINVAL;
}

static int put_waitid_info(struct siginfo __user *uinfo, const struct wait_request *w)
{
	/* Only these fields are written: the rest of the caller's structure stays as it is. */
	if (put_user(w->found ? SIGCHLD : 0, &uinfo->si_signo) || put_user(0, &uinfo->si_errno) ||
	    put_user(w->code, &uinfo->si_code) || put_user(w->found, &uinfo->si_pid) ||
	    put_user(w->uid, &uinfo->si_uid) || put_user(w->status, &uinfo->si_status))
		return -EFAULT;
	return 0;
}

long sys_waitid(int which, int pid, struct siginfo __user *info, int options,
		struct rusage __user *rusage)
{
	struct rusage usage;
	struct wait_request w = {.options = options, .usage = rusage ? &usage : NULL};
	bool nonblock;
	int err;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			__WCLONE | __WALL))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	err = waitid_target(&w, which, pid, &nonblock);
	if (err)
		return err;
	err = w.type != P_ALL && !w.pid ? -ECHILD : wait_do(&w);
	pid_put(w.pid);
	if (!err && !w.found && nonblock)
		err = -EAGAIN;
	if (err && err != -EAGAIN)
		return err;
	if (w.found && rusage && copy_to_user(rusage, &usage, sizeof(usage)))
		return -EFAULT;
	if (info && !err && put_waitid_info(info, &w))
		return -EFAULT;
	return err;
}
