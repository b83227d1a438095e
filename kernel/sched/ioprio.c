/*
 * ioprio_set(2), ioprio_get(2).  The value is kept and inherited; no device here queues by it, as
 * under Linux's "none" scheduler.
 */
#include <kernel/sched/sched_impl.h>
#include <kernel/cred/cred.h>
#include <generated/syscalls.h>
#include <linux/ioprio.h>

struct ioprio_walk {
	int which, who;
	bool set;
	u16 value;
	int best; /* most urgent value found */
	int err;  /* -ESRCH until one was found */
};

static int ioprio_check(int value)
{
	int level = value & 7, data = value & IOPRIO_PRIO_MASK;

	switch ((unsigned int)value >> IOPRIO_CLASS_SHIFT) {
	case IOPRIO_CLASS_NONE:
		return data ? -EINVAL : 0;
	case IOPRIO_CLASS_RT:
		if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
			return -EPERM;
		return data != level ? -EINVAL : 0;
	case IOPRIO_CLASS_BE:
		return data != level ? -EINVAL : 0;
	case IOPRIO_CLASS_IDLE:
		return 0;
	default:
		return -EINVAL;
	}
}

static bool ioprio_may_set(struct task *t)
{
	const struct cred *c = cred_of(t);
	bool same = c->uid == current_cred()->euid || c->uid == current_cred()->uid;

	cred_put(c);
	return same || capable(CAP_SYS_NICE);
}

static void ioprio_visit(struct ioprio_walk *w, struct task *t)
{
	int value = READ_ONCE(t->se.ioprio);

	if (w->set) {
		if (!ioprio_may_set(t)) {
			w->err = -EPERM;
			return;
		}
		WRITE_ONCE(t->se.ioprio, w->value);
		if (w->err == -ESRCH)
			w->err = 0;
		return;
	}
	/* A lower number is more urgent, but for 0: none. */
	if (w->err || (value && (!w->best || value < w->best)))
		w->best = value;
	w->err = 0;
}

static bool ioprio_matches(const struct ioprio_walk *w, struct process *p, struct task *t)
{
	const struct cred *c;
	bool match;

	if (w->which == IOPRIO_WHO_PGRP)
		return p->pgrp && pid_vnr(p->pgrp) == w->who;
	c = cred_of(t);
	match = c->uid == (u32)w->who;
	cred_put(c);
	return match;
}

static void ioprio_walk_processes(struct ioprio_walk *w)
{
	struct task *t;

	for (int nr = 1;; nr++) {
		struct process *p = process_next(nr);

		if (!p)
			return;
		nr = p->pid->nr;
		rcu_read_lock();
		list_for_each_entry_rcu(t, &p->threads, thread_link)
		{
			if (ioprio_matches(w, p, t))
				ioprio_visit(w, t);
		}
		rcu_read_unlock();
		process_put(p);
	}
}

static int ioprio_walk(struct ioprio_walk *w)
{
	struct task *t;

	w->err = -ESRCH;
	switch (w->which) {
	case IOPRIO_WHO_PROCESS:
		t = w->who ? task_find(w->who) : task_get(current);
		if (!t)
			return -ESRCH;
		ioprio_visit(w, t);
		task_put(t);
		return w->err;
	case IOPRIO_WHO_PGRP:
		if (!w->who)
			w->who = pid_vnr(current->process->pgrp);
		break;
	case IOPRIO_WHO_USER:
		break;
	default:
		return -EINVAL;
	}
	ioprio_walk_processes(w);
	return w->err;
}

long sys_ioprio_set(int which, int who, int ioprio)
{
	struct ioprio_walk w = {.which = which, .who = who, .set = true, .value = (u16)ioprio};
	int err = ioprio_check(ioprio);

	return err ? err : ioprio_walk(&w);
}

long sys_ioprio_get(int which, int who)
{
	struct ioprio_walk w = {.which = which, .who = who};
	int err = ioprio_walk(&w);

	return err ? err : w.best;
}
