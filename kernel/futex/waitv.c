/*
 * futex_waitv(2): waits on up to 128 words at once.
 *
 * All entries are queued, with the state already set, before the first sleep; any waker takes its
 * one off and wakes the task. Then all are taken off, and the last one found gone is the answer.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/wait/wait.h>

struct waitv_entry {
	struct futex_waiter w;
	u32 __user *uaddr;
	u32 val;
	bool shared;
};

static int parse(struct waitv_entry *e, const struct futex_waitv __user *uw, bool real)
{
	struct futex_waitv one;

	if (copy_from_user(&one, uw, sizeof(one)))
		return -EFAULT;
	if ((one.flags & ~(u32)(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || one.__reserved ||
	    !(one.flags & FUTEX_32))
		return -EINVAL;
	e->w.task = current;
	e->w.bitset = FUTEX_BITSET_MATCH_ANY;
	e->w.real = real;
	e->uaddr = (u32 __user *)(unsigned long)one.uaddr;
	e->val = (u32)one.val;
	e->shared = !(one.flags & FUTEX_PRIVATE_FLAG);
	return 0;
}

/* Takes the first @n off; the last that had been woken, or -1. */
static int remove_all(struct waitv_entry *e, unsigned int n)
{
	int woken = -1;

	for (unsigned int i = 0; i < n; i++) {
		if (!futex_waiter_remove(&e[i].w))
			woken = (int)i;
	}
	return woken;
}

/* 0 when all are queued; *woken >= 0: one was woken already. */
static int queue_all(struct waitv_entry *e, unsigned int n, int *woken)
{
	for (unsigned int i = 0; i < n; i++) {
		int err = futex_wait_setup(&e[i].w, e[i].uaddr, e[i].shared, e[i].val);

		if (!err)
			continue;
		*woken = remove_all(e, i);
		sched_set_state(TASK_RUNNING);
		return err;
	}
	return 0;
}

static bool any_woken(const struct waitv_entry *e, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!READ_ONCE(e[i].w.bucket))
			return true;
	}
	return false;
}

static int wait_any(struct waitv_entry *e, unsigned int n, const struct futex_time *time)
{
	int woken = -1, err = queue_all(e, n, &woken);

	if (err)
		return woken >= 0 ? woken : err;
	for (;;) {
		/* Queueing a later word may have slept in a fault: the state is not sure. */
		sched_set_state(TASK_INTERRUPTIBLE);
		if (any_woken(e, n))
			break;
		err = sched_block(TASK_INTERRUPTIBLE, futex_deadline(time));
		if (err)
			break;
	}
	sched_set_state(TASK_RUNNING);
	woken = remove_all(e, n);
	if (woken >= 0)
		return woken;
	return err == -ETIME ? -ETIMEDOUT : err;
}

long sys_futex_waitv(const struct futex_waitv __user *waiters, unsigned int nr, unsigned int flags,
		     const struct __kernel_timespec __user *timeout, int clock)
{
	struct futex_time time = {.ns = WAIT_FOREVER};
	struct waitv_entry *e;
	int ret = 0;

	if (flags || !nr || nr > FUTEX_WAITV_MAX || !waiters)
		return -EINVAL;
	if (timeout) {
		if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
			return -EINVAL;
		time.real = clock == CLOCK_REALTIME;
		ret = timespec_from_user(timeout, &time.ns);
		if (ret)
			return ret;
		time.ns = time_ns_to_host(clock, time.ns);
	}
	e = kzalloc(nr * sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr && !ret; i++)
		ret = parse(&e[i], waiters + i, time.real);
	if (!ret)
		ret = wait_any(e, nr, &time);
	kfree(e);
	return ret;
}
