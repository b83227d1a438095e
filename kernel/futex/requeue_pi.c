/*
 * Condition variables over locks with owners: FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI.
 *
 * The waiter sleeps on the condition's word with the lock it wants to end up with. A broadcast
 * takes the lock for the first one and queues the others on it, all without waking anybody but the
 * new owner, so that priority is lent from the first moment.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kernel/task/task.h>

/* After the sleep. */
static int requeued_or_not(struct futex_waiter *w, u32 __user *uaddr2,
			   const struct futex_time *time, int err)
{
	if (!futex_waiter_remove(w)) {
		err = pi_finish(w->pi, uaddr2, time, err);
		/* The first word has changed by now: starting over would answer this. */
		return err == -ERESTARTNOINTR ? -EWOULDBLOCK : err;
	}
	if (err == -ETIME)
		return -ETIMEDOUT;
	return err ? -ERESTARTNOINTR : -EWOULDBLOCK;
}

int futex_wait_requeue_pi(u32 __user *uaddr, bool shared, u32 val, const struct futex_time *time,
			  u32 bitset, u32 __user *uaddr2)
{
	struct pi_waiter p = {.task = current, .real = time->real};
	struct futex_waiter w = {.task = current, .bitset = bitset, .real = time->real, .pi = &p};
	int err;

	if (uaddr == uaddr2 || !bitset)
		return -EINVAL;
	err = pi_spare(&p.spare);
	if (!err)
		err = futex_get_key(uaddr2, shared, true, &p.target);
	if (!err)
		err = futex_wait_setup(&w, uaddr, shared, val);
	if (!err && futex_key_equal(&w.key, &p.target)) {
		(void)futex_waiter_remove(&w);
		sched_set_state(TASK_RUNNING);
		err = -EINVAL;
	} else if (!err) {
		err = requeued_or_not(&w, uaddr2, time, futex_sleep(&w, time));
	}
	pi_spare_free(p.spare);
	return err;
}

/* Both buckets locked: moves or wakes until @left is used up; how many, or the first error. */
static int requeue_locked(struct futex_bucket *b1, const struct mm_key *k1, const struct mm_key *k2,
			  u32 __user *uaddr2, int left, bool more)
{
	struct futex_waiter *w, *n;
	int done = 0;

	list_for_each_entry_safe (w, n, &b1->list, link) {
		int ret;

		if (!futex_key_equal(&w->key, k1))
			continue;
		if (done >= left)
			break;
		/* Somebody waits for something else: the caller is confused. */
		if (!w->pi || !futex_key_equal(&w->pi->target, k2))
			return done ? done : -EINVAL;
		ret = pi_acquire_for(w->pi, uaddr2, more);
		if (ret < 0)
			return done ? done : ret;
		done++;
		if (ret)
			futex_waiter_woken(w);
		else
			futex_waiter_off(w);
	}
	return done;
}

int futex_cmp_requeue_pi(u32 __user *uaddr, u32 __user *uaddr2, bool shared, int wake, int requeue,
			 u32 expected)
{
	struct mm_key k1, k2;
	u32 now;
	int ret;

	if (uaddr == uaddr2 || wake != 1 || requeue < 0)
		return -EINVAL;
	do {
		u32 __user *at = uaddr;

		ret = futex_get_key(uaddr, shared, false, &k1);
		if (!ret)
			ret = futex_get_key(uaddr2, shared, true, &k2);
		if (!ret && futex_key_equal(&k1, &k2))
			ret = -EINVAL;
		if (ret)
			return ret;
		struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);

		futex_lock_two(b1, b2);
		ret = futex_read_word(uaddr, &now);
		if (!ret && now != expected) {
			futex_unlock_two(b1, b2);
			return -EAGAIN;
		}
		if (!ret) {
			at = uaddr2;
			ret = requeue_locked(b1, &k1, &k2, uaddr2,
					     requeue > 0x7ffffffe ? requeue : 1 + requeue,
					     requeue > 0);
		}
		futex_unlock_two(b1, b2);
		if (ret >= 0)
			return ret;
		ret = pi_retry(at, ret);
	} while (!ret);
	return ret;
}
