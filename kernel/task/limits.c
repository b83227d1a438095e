/* Resource limits (getrlimit(2)) and nice values of groups of tasks (getpriority(2)). */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/file/file.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>

/*
 * alloc_lock of the leader guards the array; readers of single values do not lock.  NULL: the
 * process has gone.
 */
static struct task *rlimits_lock(struct process *p)
{
	rcu_read_lock();
	struct task *leader = rcu_dereference(p->leader);

	if (leader)
		spin_lock(&leader->alloc_lock);
	return leader;
}

static void rlimits_unlock(struct task *leader)
{
	if (leader)
		spin_unlock(&leader->alloc_lock);
	rcu_read_unlock();
}

static void rlimit_read(struct process *p, unsigned int what, struct rlimit64 *out)
{
	struct task *leader = rlimits_lock(p);

	*out = p->rlim[what];
	rlimits_unlock(leader);
}

static int rlimit_write(struct process *p, unsigned int what, const struct rlimit64 *new,
			struct rlimit64 *old)
{
	int err = 0;

	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (what == RLIMIT_NOFILE && new->rlim_max > READ_ONCE(fd_max))
		return -EPERM;
	bool may_raise = cred_capable(current->cred, CAP_SYS_RESOURCE);

	struct task *leader = rlimits_lock(p);

	*old = p->rlim[what];
	if (new->rlim_max > old->rlim_max && !may_raise)
		err = -EPERM;
	else
		p->rlim[what] = *new;
	rlimits_unlock(leader);
	return err;
}

static bool may_prlimit(struct task *t)
{
	const struct cred *me = current->cred;

	if (t->process == current->process)
		return true;
	const struct cred *c = cred_of(t);
	bool same = me->uid == c->euid && me->uid == c->suid && me->uid == c->uid &&
		    me->gid == c->egid && me->gid == c->sgid && me->gid == c->gid;

	same = same || ns_capable(c->user_ns, CAP_SYS_RESOURCE);
	cred_put(c);
	return same;
}

long sys_prlimit64(int pid, unsigned int resource, const struct rlimit64 __user *new_rlim,
		   struct rlimit64 __user *old_rlim)
{
	struct rlimit64 new, old;
	struct task *t;
	int err = 0;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (new_rlim && copy_from_user(&new, new_rlim, sizeof(new)))
		return -EFAULT;
	t = pid ? task_find(pid) : task_get(current);
	if (!t)
		return -ESRCH;
	if (!may_prlimit(t))
		err = -EPERM;
	else if (new_rlim)
		err = rlimit_write(t->process, resource, &new, &old);
	else
		rlimit_read(t->process, resource, &old);
	task_put(t);
	if (!err && old_rlim && copy_to_user(old_rlim, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

/* struct rlimit and struct rlimit64 are the same where long has 64 bits. */
static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "rlimit");

long sys_getrlimit(unsigned int resource, struct rlimit __user *rlim)
{
	struct rlimit64 r;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	rlimit_read(current->process, resource, &r);
	return copy_to_user(rlim, &r, sizeof(r)) ? -EFAULT : 0;
}

long sys_setrlimit(unsigned int resource, const struct rlimit __user *rlim)
{
	struct rlimit64 new, old;

	if (copy_from_user(&new, rlim, sizeof(new)))
		return -EFAULT;
	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	return rlimit_write(current->process, resource, &new, &old);
}

/* ---- nice ---- */

/* Calls fn for each task that (which, who) names; how many, or -EINVAL. */
static int for_each_prio_target(int which, int who, void (*fn)(struct task *t, void *ctx),
				void *ctx)
{
	struct process *p;
	struct task *t;
	int n = 0;

	switch (which) {
	case PRIO_PROCESS:
		t = who ? task_find(who) : task_get(current);
		if (t) {
			fn(t, ctx);
			task_put(t);
			n = 1;
		}
		return n;
	case PRIO_PGRP: {
		struct pid *pgrp = who ? pid_find(who) : pid_get(current->process->pgrp);

		if (!pgrp)
			return 0;
		rcu_read_lock();
		list_for_each_entry_rcu(p, &pgrp->members[PID_PGRP], pgrp_link)
		{
			list_for_each_entry_rcu(t, &p->threads, thread_link)
			{
				fn(t, ctx);
				n++;
			}
		}
		rcu_read_unlock();
		pid_put(pgrp);
		return n;
	}
	case PRIO_USER: {
		struct task *leader;
		u32 uid = who ? (u32)who : current->cred->uid;

		rcu_read_lock();
		list_for_each_entry_rcu(leader, &tasklist, all_link)
		{
			list_for_each_entry_rcu(t, &leader->process->threads, thread_link)
			{
				if (rcu_dereference(t->cred)->uid != uid)
					continue;
				fn(t, ctx);
				n++;
			}
		}
		rcu_read_unlock();
		return n;
	}
	}
	return -EINVAL;
}

struct prio_ctx {
	int nice, best, err;
};

static void nice_read(struct task *t, void *arg)
{
	struct prio_ctx *c = arg;

	if (c->best < 20 - t->se.nice)
		c->best = 20 - t->se.nice;
}

static void nice_write(struct task *t, void *arg)
{
	struct prio_ctx *c = arg;
	const struct cred *me = current->cred, *tc = cred_of(t);

	if (tc->uid != me->euid && tc->euid != me->euid && !ns_capable(tc->user_ns, CAP_SYS_NICE)) {
		c->err = -EPERM;
	} else if (c->nice < t->se.nice && !capable(CAP_SYS_NICE) &&
		   (u64)(20 - c->nice) > t->process->rlim[RLIMIT_NICE].rlim_cur) {
		c->err = -EACCES;
	} else {
		int err = sched_set_policy(t, t->se.policy, c->nice, t->se.rt_priority);

		if (c->err == -ESRCH)
			c->err = 0;
		if (err)
			c->err = err;
	}
	cred_put(tc);
}

/* The kernel's form is 20 - nice, so that it is never negative. */
long sys_getpriority(int which, int who)
{
	struct prio_ctx c = {.best = -ESRCH};
	int n = for_each_prio_target(which, who, nice_read, &c);

	return n < 0 ? n : c.best;
}

long sys_setpriority(int which, int who, int prio)
{
	struct prio_ctx c = {.nice = clamp(prio, -20, 19), .err = -ESRCH};
	int n = for_each_prio_target(which, who, nice_write, &c);

	return n < 0 ? n : c.err;
}
