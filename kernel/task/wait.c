/* wait4(2), waitid(2): what has become of the children. */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/ptrace/ptrace.h>
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

static bool wants(const struct wait_request *w, const struct task *t, bool traced)
{
	if (w->type == P_PID && t->pid != w->pid)
		return false;
	if (w->type == P_PGID && t->process->pgrp != w->pid)
		return false;
	if (traced || (w->options & __WALL))
		return true;
	return (t->exit_signal != SIGCHLD) == !!(w->options & __WCLONE);
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

static void fill_child(struct wait_request *w, struct task *t)
{
	w->found = pid_vnr(t->pid);
	w->uid = uid_to_user(t->cred->uid);
	if (w->usage)
		usage_get(t->process, t, USAGE_BOTH, w->usage);
}

/* Takes the status of a zombie: it can go, unless the debugger has it first and its parent next. */
static void take_zombie(struct wait_request *w, struct task *t)
{
	struct process *p = t->process;

	if (t == p->leader && ptrace_reparented(t)) {
		ptrace_unlink(t);
		if (!signal_notify_exit(t, t->exit_signal))
			return;
	} else if (t == p->leader) {
		usage_fold_child(current->process, p);
	}
	t->exit_state = EXIT_DEAD;
	w->reap = task_get(t);
}

static bool look_zombie(struct wait_request *w, struct task *t)
{
	struct process *p = t->process;

	if (!(w->options & WEXITED))
		return false;
	fill_child(w, t);
	fill_exit_status(w, p->group_flags & PROC_GROUP_EXIT ? p->group_exit_code : t->exit_code);
	if (!(w->options & WNOWAIT))
		take_zombie(w, t);
	return true;
}

/* Lock held. The stop of a tracee, or of a whole process; false: none that has not been taken. */
static bool take_stop(struct wait_request *w, struct task *t, bool traced)
{
	struct process *p = t->process;
	int *code = &p->group_exit_code;

	if (traced) {
		if (!(READ_ONCE(t->state) & TASK_TRACED) || (t->stop_state & STOP_LISTENING))
			return false;
		code = &t->ptrace_code;
	} else if (!(p->group_flags & PROC_STOPPED)) {
		return false;
	}
	if (!*code)
		return false;
	w->code = traced ? CLD_TRAPPED : CLD_STOPPED;
	w->status = *code;
	w->wait_status = *code << 8 | 0x7f;
	if (!(w->options & WNOWAIT))
		*code = 0;
	return true;
}

static bool take_continue(struct wait_request *w, struct process *p)
{
	if (!(p->group_flags & PROC_CONTINUED))
		return false;
	w->code = CLD_CONTINUED;
	w->status = SIGCONT;
	w->wait_status = 0xffff;
	if (!(w->options & WNOWAIT))
		p->group_flags &= ~PROC_CONTINUED;
	return true;
}

/* Stopped or continued: the flags belong to the child's handlers' lock. */
static bool look_stopped(struct wait_request *w, struct task *t, bool traced)
{
	unsigned long flags;
	bool hit = false;

	if (!traced && !(w->options & (WSTOPPED | WCONTINUED)))
		return false;
	if (!sighand_lock(t, &flags))
		return false;
	/* Stops of tracees are seen whatever was asked for. */
	if (traced || (w->options & WSTOPPED))
		hit = take_stop(w, t, traced);
	if (!hit && (w->options & WCONTINUED))
		hit = take_continue(w, t->process);
	sighand_unlock(t, flags);
	if (hit)
		fill_child(w, t);
	return hit;
}

/* One that is no plain zombie, or traced. */
static noinline bool consider_more(struct wait_request *w, struct task *t, bool traced)
{
	/* Traced by its parent: its own stops hide those of the process. */
	if (unlikely(t->tracer) && !ptrace_reparented(t))
		traced = true;
	if (t->exit_state == EXIT_ZOMBIE) {
		bool whole = t != t->process->leader || t->process->thread_count == 1;

		if (whole && (traced || !t->tracer))
			return look_zombie(w, t);
		if (!traced || (w->options & (WCONTINUED | WEXITED)))
			w->any = true;
	} else {
		w->any = true;
	}
	return look_stopped(w, t, traced);
}

/* One child, or one tracee (@traced) that may be anybody's child; true: that is the answer. */
static inline bool consider(struct wait_request *w, struct task *t, bool traced)
{
	if (t->exit_state == EXIT_DEAD || !wants(w, t, traced))
		return false;
	if (likely(t->exit_state == EXIT_ZOMBIE && !t->tracer && t == t->process->leader &&
		   t->process->thread_count == 1))
		return look_zombie(w, t);
	return consider_more(w, t, traced);
}

static bool consider_child(struct wait_request *w, struct process *p)
{
	if ((w->options & __WNOTHREAD) && p->parent_thread != current)
		return false;
	return consider(w, p->leader, false);
}

static bool look_tracees(struct wait_request *w)
{
	struct task *tracer, *t;

	list_for_each_entry (tracer, &current->process->threads, thread_link) {
		if ((w->options & __WNOTHREAD) && tracer != current)
			continue;
		list_for_each_entry (t, &tracer->tracees, traced_link) {
			if (consider(w, t, true))
				return true;
		}
	}
	return false;
}

static bool look_all(struct wait_request *w)
{
	struct process *me = current->process, *p;

	list_for_each_entry (p, &me->children, sibling) {
		if (consider_child(w, p))
			return true;
	}
	return unlikely(me->tracees) && look_tracees(w);
}

static bool look_pid(struct wait_request *w)
{
	struct process *me = current->process, *p;
	struct task *t;

	p = list_first_entry_or_null(&w->pid->members[PID_PROCESS], struct process, pid_link);
	if (p && p->parent == me && consider_child(w, p))
		return true;
	t = list_first_entry_or_null(&w->pid->members[PID_TASK], struct task, pid_link);
	if (!t || !t->tracer || t->tracer->process != me ||
	    ((w->options & __WNOTHREAD) && t->tracer != current))
		return false;
	return consider(w, t, true);
}

/* One look at all children and tracees; true: found. */
static bool look(struct wait_request *w)
{
	w->any = false;
	spin_lock_irq(&tasklist_lock);
	bool hit = w->type == P_PID ? look_pid(w) : look_all(w);

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
		if (look(w)) {
			err = 0;
			break;
		}
		if (!w->any) {
			err = -ECHILD;
			break;
		}
		/* What a signal tells of may be what is waited for: one more look. */
		if (err)
			break;
		err = sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER);
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

void wait_for_all_children(void)
{
	struct wait_request w = {.type = P_ALL, .options = WEXITED | __WALL};

	for (;;) {
		bool hit = false;

		wait_event(&current->process->child_wait, (hit = look(&w)) || !w.any);
		if (!hit)
			return;
		if (w.reap) {
			task_release(w.reap);
			task_put(w.reap);
		}
		w.reap = NULL;
	}
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
