/*
 * futex(2): sleep while a word of user memory has a value; wake who sleeps there.
 *
 * Waiters hang in a hash table by the identity of the word.  The order that makes a wake-up
 *certain:
 *
 *	waiter: counts itself in the bucket, locks it, reads the word, queues, unlocks, sleeps
 *	waker:  (user) changes the word, full barrier, reads the count, locks the bucket, walks it
 *
 * so the waker sees the count, or the waiter sees the new value.  A waiter's entry is on its own
 *stack: the waker's last access to it is the release store that clears w->bucket, and the wake-up
 *after it is safe because tasks are freed by RCU and the waker is in a read section.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kern/hash.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/uaccess.h>

#define BUCKET_BITS 9

static struct futex_bucket buckets[1 << BUCKET_BITS];

static void futex_clock_stepped(struct clock_notifier *n);

void futex_init(void)
{
	static struct clock_notifier notifier = {.fn = futex_clock_stepped};

	for (unsigned int i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_init(&buckets[i].lock, LK_FUTEX);
		list_init(&buckets[i].list);
	}
	futex_pi_init();
	time_register_step(&notifier);
}

int futex_get_key(u32 __user *uaddr, bool shared, bool write, struct mm_key *key)
{
	unsigned long addr = (unsigned long)uaddr;

	if (addr & 3)
		return -EINVAL;
	if (!access_ok(uaddr, sizeof(u32)))
		return -EFAULT;
	if (shared)
		return mm_futex_key(current->mm, addr, true, write, key);
	*key = (struct mm_key){
		.object = (u64)(unsigned long)current->mm,
		.index = addr >> PAGE_SHIFT,
		.offset = (u32)(addr & (PAGE_SIZE - 1)),
	};
	return 0;
}

bool futex_key_equal(const struct mm_key *a, const struct mm_key *b)
{
	return a->object == b->object && a->index == b->index && a->offset == b->offset &&
	       a->shared == b->shared;
}

struct futex_bucket *futex_bucket_of(const struct mm_key *key)
{
	return &buckets[hash_64(key->object ^ (key->index << 12 | key->offset), BUCKET_BITS)];
}

/* Reads the word with a bucket locked: -EFAULT if the page is not there right now. */
int futex_read_word(u32 __user *uaddr, u32 *out)
{
	int err;

	uaccess_nofault_begin();
	err = get_user(*out, uaddr);
	uaccess_nofault_end();
	return err;
}

void futex_waiter_off(struct futex_waiter *w)
{
	list_del(&w->link);
	__atomic_fetch_sub(&w->bucket->waiters, 1, __ATOMIC_RELAXED);
	smp_store_release(&w->bucket, NULL);
}

void futex_waiter_woken(struct futex_waiter *w)
{
	struct task *t = w->task;

	futex_waiter_off(w);
	sched_wake(t, TASK_NORMAL);
}

bool futex_waiter_remove(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);

		if (!b)
			return false;
		spin_lock(&b->lock);
		if (b == w->bucket) { /* not requeued meanwhile */
			list_del(&w->link);
			w->bucket = NULL;
			__atomic_fetch_sub(&b->waiters, 1, __ATOMIC_RELAXED);
			spin_unlock(&b->lock);
			return true;
		}
		spin_unlock(&b->lock);
	}
}

/* Real-time tasks first, by priority; the others in the order of their arrival. */
static void waiter_queue(struct futex_bucket *b, struct futex_waiter *w)
{
	struct futex_waiter *at;
	u8 prio = w->task->se.prio;

	if (likely(!prio)) {
		list_add_tail(&w->link, &b->list);
		return;
	}
	list_for_each_entry (at, &b->list, link) {
		if (at->task->se.prio < prio)
			break;
	}
	list_add_tail(&w->link, &at->link);
}

int futex_wait_setup(struct futex_waiter *w, u32 __user *uaddr, bool shared, u32 val)
{
	for (;;) {
		int err = futex_get_key(uaddr, shared, false, &w->key);
		u32 now;

		if (err)
			return err;
		struct futex_bucket *b = futex_bucket_of(&w->key);

		__atomic_fetch_add(&b->waiters, 1, __ATOMIC_SEQ_CST);
		spin_lock(&b->lock);
		err = futex_read_word(uaddr, &now);
		if (!err && now == val) {
			w->bucket = b;
			waiter_queue(b, w);
			sched_set_state(TASK_INTERRUPTIBLE);
			spin_unlock(&b->lock);
			return 0;
		}
		spin_unlock(&b->lock);
		__atomic_fetch_sub(&b->waiters, 1, __ATOMIC_RELAXED);
		if (!err)
			return -EAGAIN;
		sched_set_state(TASK_RUNNING);
		if (get_user(now, uaddr))
			return -EFAULT;
	}
}

u64 futex_deadline(const struct futex_time *t)
{
	return likely(!t->real || t->ns == WAIT_FOREVER) ? t->ns : time_real_to_mono(t->ns);
}

/*
 * The state is set before the deadline is reckoned: a step of the clock in between wakes the task,
 * which looks again. It keeps its place in the queue.
 */
int futex_sleep(struct futex_waiter *w, const struct futex_time *time)
{
	for (;;) {
		int err = sched_block(TASK_INTERRUPTIBLE, futex_deadline(time));

		if (!READ_ONCE(w->bucket) || err)
			return err;
		if (unlikely(w->pi) && READ_ONCE(w->pi->granted))
			return 0;
		sched_set_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(w->bucket) || (unlikely(w->pi) && READ_ONCE(w->pi->granted))) {
			sched_set_state(TASK_RUNNING);
			return 0;
		}
	}
}

static int wait_until(u32 __user *uaddr, bool shared, u32 val, const struct futex_time *time,
		      u32 bitset)
{
	struct futex_waiter w = {.task = current, .bitset = bitset, .real = time->real};
	int err = futex_wait_setup(&w, uaddr, shared, val);

	if (err)
		return err;
	err = futex_sleep(&w, time);
	if (!futex_waiter_remove(&w))
		return 0;
	return err == -ETIME ? -ETIMEDOUT : err;
}

/* restart.arg: uaddr, val, deadline, bitset, shared, real */
static long wait_restart(struct task *t)
{
	u64 *a = t->restart.arg;
	const struct futex_time time = {.ns = a[2], .real = a[5]};
	int err = wait_until((u32 __user *)(unsigned long)a[0], a[4], (u32)a[1], &time, (u32)a[3]);

	if (err != -ERESTARTSYS)
		return err;
	t->restart.fn = wait_restart;
	return -ERESTART_RESTARTBLOCK;
}

static int futex_wait(u32 __user *uaddr, bool shared, u32 val, const struct futex_time *time,
		      u32 bitset)
{
	struct task *t = current;

	if (!bitset)
		return -EINVAL;
	int err = wait_until(uaddr, shared, val, time, bitset);

	if (err != -ERESTARTSYS || time->ns == WAIT_FOREVER)
		return err;
	t->restart.arg[0] = (u64)(unsigned long)uaddr;
	t->restart.arg[1] = val;
	t->restart.arg[2] = time->ns;
	t->restart.arg[3] = bitset;
	t->restart.arg[4] = shared;
	t->restart.arg[5] = time->real;
	t->restart.fn = wait_restart;
	return -ERESTART_RESTARTBLOCK;
}

/* The wall clock was stepped: who waits by it looks again. Rare, so all buckets are walked. */
static void futex_clock_stepped(struct clock_notifier *n)
{
	(void)n;
	for (unsigned int i = 0; i < ARRAY_SIZE(buckets); i++) {
		struct futex_waiter *w;

		if (!READ_ONCE(buckets[i].waiters))
			continue;
		spin_lock(&buckets[i].lock);
		list_for_each_entry (w, &buckets[i].list, link) {
			if (w->real)
				sched_wake(w->task, TASK_INTERRUPTIBLE);
		}
		spin_unlock(&buckets[i].lock);
	}
	futex_pi_stepped();
}

/* ---- wake ---- */

static bool nobody_waits(struct futex_bucket *b)
{
	smp_mb();
	return !READ_ONCE(b->waiters);
}

/* Lock held. */
static int wake_in(struct futex_bucket *b, const struct mm_key *key, int count, u32 bitset)
{
	struct futex_waiter *w, *n;
	int woken = 0;

	list_for_each_entry_safe (w, n, &b->list, link) {
		if (!(w->bitset & bitset) || !futex_key_equal(&w->key, key))
			continue;
		if (unlikely(w->pi))
			return -EINVAL; /* only FUTEX_CMP_REQUEUE_PI gets it out */
		futex_waiter_woken(w);
		if (++woken >= count)
			break;
	}
	return woken;
}

int futex_wake_key(u32 __user *uaddr, bool shared, int count, u32 bitset)
{
	struct mm_key key;
	int n;

	if (!bitset)
		return -EINVAL;
	int err = futex_get_key(uaddr, shared, false, &key);

	if (err)
		return err;
	struct futex_bucket *b = futex_bucket_of(&key);

	if (nobody_waits(b))
		return 0;
	spin_lock(&b->lock);
	n = wake_in(b, &key, count, bitset);
	spin_unlock(&b->lock);
	/* A lock with an owner is not woken but given up. */
	return unlikely(!n) && futex_pi_busy(&key) ? -EINVAL : n;
}

int futex_wake_user(u32 __user *uaddr, int count)
{
	/* Waiters may use either kind of key: pthread_join waits with a shared one. */
	int n = futex_wake_key(uaddr, true, count, FUTEX_BITSET_MATCH_ANY);

	if (n >= 0 && n < count)
		n += max(futex_wake_key(uaddr, false, count - n, FUTEX_BITSET_MATCH_ANY), 0);
	return n;
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b)
		swap(a, b);
	spin_lock(&a->lock);
	if (a != b)
		spin_lock_nested(&b->lock, 1);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

static int futex_requeue(u32 __user *uaddr1, u32 __user *uaddr2, bool shared, int wake, int requeue,
			 const u32 *expected)
{
	struct mm_key k1, k2;
	struct futex_waiter *w, *n;
	int done = 0;
	u32 now;

	if (wake < 0 || requeue < 0)
		return -EINVAL;
again:;
	int err = futex_get_key(uaddr1, shared, false, &k1);

	if (!err)
		err = futex_get_key(uaddr2, shared, false, &k2);
	if (err)
		return err;
	struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);

	/* Counted in the target first, as a waiter would. */
	__atomic_fetch_add(&b2->waiters, 1, __ATOMIC_SEQ_CST);
	futex_lock_two(b1, b2);
	if (expected) {
		err = futex_read_word(uaddr1, &now);
		if (!err && now != *expected)
			err = -EAGAIN;
		if (err)
			goto out;
	}
	list_for_each_entry_safe (w, n, &b1->list, link) {
		if (!futex_key_equal(&w->key, &k1))
			continue;
		if (done - wake >= requeue)
			break;
		if (unlikely(w->pi)) {
			err = -EINVAL;
			break;
		}
		if (done++ < wake) {
			futex_waiter_woken(w);
			continue;
		}
		w->key = k2;
		if (b1 != b2) {
			list_move_tail(&w->link, &b2->list);
			__atomic_fetch_sub(&b1->waiters, 1, __ATOMIC_RELAXED);
			__atomic_fetch_add(&b2->waiters, 1, __ATOMIC_RELAXED);
			smp_store_release(&w->bucket, b2);
		}
	}
out:
	futex_unlock_two(b1, b2);
	__atomic_fetch_sub(&b2->waiters, 1, __ATOMIC_RELAXED);
	if (err == -EFAULT && !get_user(now, uaddr1)) {
		err = 0;
		goto again;
	}
	return err ? err : done;
}

/* ---- FUTEX_WAKE_OP ---- */

static int op_argument(u32 encoded, int *op, u32 *arg)
{
	s32 oparg = (s32)(encoded << 8) >> 20;

	*op = (encoded >> 28) & 7;
	if (encoded & ((u32)FUTEX_OP_OPARG_SHIFT << 28)) {
		/* Linux masks a shift that is out of range and goes on. */
		oparg = (s32)(1u << (oparg & 31));
	}
	*arg = (u32)oparg;
	return *op > FUTEX_OP_XOR ? -ENOSYS : 0;
}

static int op_compare(u32 encoded, u32 old_word)
{
	s32 old = (s32)old_word, arg = (s32)(encoded << 20) >> 20;

	switch ((encoded >> 24) & 15) {
	case FUTEX_OP_CMP_EQ:
		return old == arg;
	case FUTEX_OP_CMP_NE:
		return old != arg;
	case FUTEX_OP_CMP_LT:
		return old < arg;
	case FUTEX_OP_CMP_GE:
		return old >= arg;
	case FUTEX_OP_CMP_LE:
		return old <= arg;
	case FUTEX_OP_CMP_GT:
		return old > arg;
	}
	return -ENOSYS;
}

static int futex_wake_op(u32 __user *uaddr1, u32 __user *uaddr2, bool shared, int wake1, int wake2,
			 u32 encoded)
{
	struct mm_key k1, k2;
	u32 old, arg;
	int op, err = op_argument(encoded, &op, &arg);

	if (err)
		return err;
	for (;;) {
		err = futex_get_key(uaddr1, shared, false, &k1);
		if (!err)
			err = futex_get_key(uaddr2, shared, true, &k2);
		if (err)
			return err;
		struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);

		futex_lock_two(b1, b2);
		uaccess_nofault_begin();
		err = arch_futex_op(uaddr2, op, arg, &old);
		uaccess_nofault_end();
		if (!err) {
			int n = wake_in(b1, &k1, wake1, FUTEX_BITSET_MATCH_ANY);
			int more = n < 0 ? n : op_compare(encoded, old);

			if (more > 0) {
				more = wake_in(b2, &k2, wake2, FUTEX_BITSET_MATCH_ANY);
				n += more;
			}
			futex_unlock_two(b1, b2);
			return more < 0 ? more : n;
		}
		futex_unlock_two(b1, b2);
		if (err != -EFAULT)
			return err;
		/* Brings the page in, writable: an operation that changes nothing. */
		err = arch_futex_op(uaddr2, FUTEX_OP_OR, 0, &old);
		if (err)
			return err;
	}
}

/* ---- the call ---- */

static bool has_timeout(int cmd)
{
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
		return true;
	}
	return false;
}

static int get_time(int cmd, bool realtime, const struct __kernel_timespec __user *timeout,
		    struct futex_time *out)
{
	int err;

	out->ns = WAIT_FOREVER;
	out->real = false;
	if (!timeout || !has_timeout(cmd))
		return 0;
	err = timespec_from_user(timeout, &out->ns);
	if (err)
		return err;
	if (cmd == FUTEX_WAIT)
		out->ns = deadline_after(time_mono_ns(), out->ns);
	else
		out->real = realtime || cmd == FUTEX_LOCK_PI;
	if (cmd != FUTEX_WAIT && !out->real)
		out->ns = time_ns_to_host(CLOCK_MONOTONIC, out->ns);
	return 0;
}

long sys_futex(u32 __user *uaddr, int op, unsigned int val,
	       const struct __kernel_timespec __user *timeout, u32 __user *uaddr2,
	       unsigned int val3)
{
	int cmd = op & FUTEX_CMD_MASK;
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;
	/* These commands take a number in place of the time. */
	int val2 = (int)(unsigned long)timeout;
	struct futex_time time;
	int err;

	if (realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI &&
	    cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	err = get_time(cmd, realtime, timeout, &time);
	if (err)
		return err;
	switch (cmd) {
	case FUTEX_WAIT:
		val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAIT_BITSET:
		return futex_wait(uaddr, shared, val, &time, val3);
	case FUTEX_WAKE:
		val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAKE_BITSET:
		return futex_wake_key(uaddr, shared, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, shared, (int)val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, shared, (int)val, val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, shared, (int)val, val2, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(uaddr, shared, &time, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(uaddr, shared, &time, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(uaddr, shared);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(uaddr, shared, val, &time, FUTEX_BITSET_MATCH_ANY,
					     uaddr2);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_cmp_requeue_pi(uaddr, uaddr2, shared, (int)val, val2, val3);
	}
	return -ENOSYS;
}
