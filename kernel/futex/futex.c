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

struct futex_bucket {
	u32 waiters;	      /* atomic: counted before they look at the word */
	struct spinlock lock; /* LK_FUTEX; two of them by address */
	struct list_head list;
} __aligned(64);

struct futex_waiter {
	struct list_head link;
	struct task *task;
	struct mm_key key;
	u32 bitset;
	struct futex_bucket
		*bucket; /* where it hangs; NULL: woken.  Changed under that bucket's lock */
};

static struct futex_bucket buckets[1 << BUCKET_BITS];

void futex_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_init(&buckets[i].lock, LK_FUTEX);
		list_init(&buckets[i].list);
	}
	futex_pi_init();
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

static struct futex_bucket *bucket_of(const struct mm_key *key)
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

static void waiter_woken(struct futex_waiter *w)
{
	struct task *t = w->task;

	list_del(&w->link);
	__atomic_fetch_sub(&w->bucket->waiters, 1, __ATOMIC_RELAXED);
	smp_store_release(&w->bucket, NULL);
	sched_wake(t, TASK_NORMAL);
}

/* True: it was still queued. */
static bool waiter_remove(struct futex_waiter *w)
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

/* Queued and state set, or the reason why not. */
static int wait_setup(struct futex_waiter *w, u32 __user *uaddr, bool shared, u32 val)
{
	for (;;) {
		int err = futex_get_key(uaddr, shared, false, &w->key);
		u32 now;

		if (err)
			return err;
		struct futex_bucket *b = bucket_of(&w->key);

		__atomic_fetch_add(&b->waiters, 1, __ATOMIC_SEQ_CST);
		spin_lock(&b->lock);
		err = futex_read_word(uaddr, &now);
		if (!err && now == val) {
			w->bucket = b;
			list_add_tail(&w->link, &b->list);
			sched_set_state(TASK_INTERRUPTIBLE);
			spin_unlock(&b->lock);
			return 0;
		}
		spin_unlock(&b->lock);
		__atomic_fetch_sub(&b->waiters, 1, __ATOMIC_RELAXED);
		if (!err)
			return -EAGAIN;
		if (get_user(now, uaddr))
			return -EFAULT;
	}
}

static int wait_until(u32 __user *uaddr, bool shared, u32 val, u64 deadline, u32 bitset)
{
	struct futex_waiter w = {.task = current, .bitset = bitset};

	for (;;) {
		int err = wait_setup(&w, uaddr, shared, val);

		if (err)
			return err;
		err = sched_block(TASK_INTERRUPTIBLE, deadline);
		if (!waiter_remove(&w))
			return 0;
		if (err == -ETIME)
			return -ETIMEDOUT;
		if (err)
			return err;
	}
}

/* restart.arg: uaddr, val, deadline, bitset, shared */
static long wait_restart(struct task *t)
{
	u64 *a = t->restart.arg;
	int err = wait_until((u32 __user *)(unsigned long)a[0], a[4], (u32)a[1], a[2], (u32)a[3]);

	if (err != -ERESTARTSYS)
		return err;
	t->restart.fn = wait_restart;
	return -ERESTART_RESTARTBLOCK;
}

static int futex_wait(u32 __user *uaddr, bool shared, u32 val, u64 deadline, u32 bitset)
{
	struct task *t = current;

	if (!bitset)
		return -EINVAL;
	int err = wait_until(uaddr, shared, val, deadline, bitset);

	if (err != -ERESTARTSYS || deadline == WAIT_FOREVER)
		return err;
	t->restart.arg[0] = (u64)(unsigned long)uaddr;
	t->restart.arg[1] = val;
	t->restart.arg[2] = deadline;
	t->restart.arg[3] = bitset;
	t->restart.arg[4] = shared;
	t->restart.fn = wait_restart;
	return -ERESTART_RESTARTBLOCK;
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
		waiter_woken(w);
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
	struct futex_bucket *b = bucket_of(&key);

	if (nobody_waits(b))
		return 0;
	spin_lock(&b->lock);
	n = wake_in(b, &key, count, bitset);
	spin_unlock(&b->lock);
	return n;
}

int futex_wake_user(u32 __user *uaddr, int count)
{
	/* Waiters may use either kind of key: pthread_join waits with a shared one. */
	int n = futex_wake_key(uaddr, true, count, FUTEX_BITSET_MATCH_ANY);

	if (n >= 0 && n < count)
		n += max(futex_wake_key(uaddr, false, count - n, FUTEX_BITSET_MATCH_ANY), 0);
	return n;
}

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b)
		swap(a, b);
	spin_lock(&a->lock);
	if (a != b)
		spin_lock_nested(&b->lock, 1);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
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
	struct futex_bucket *b1 = bucket_of(&k1), *b2 = bucket_of(&k2);

	/* Counted in the target first, as a waiter would. */
	__atomic_fetch_add(&b2->waiters, 1, __ATOMIC_SEQ_CST);
	lock_two(b1, b2);
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
		if (done >= wake + requeue)
			break;
		if (done++ < wake) {
			waiter_woken(w);
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
	unlock_two(b1, b2);
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
		struct futex_bucket *b1 = bucket_of(&k1), *b2 = bucket_of(&k2);

		lock_two(b1, b2);
		uaccess_nofault_begin();
		err = arch_futex_op(uaddr2, op, arg, &old);
		uaccess_nofault_end();
		if (!err) {
			int n = wake_in(b1, &k1, wake1, FUTEX_BITSET_MATCH_ANY);
			int more = op_compare(encoded, old);

			if (more > 0)
				n += wake_in(b2, &k2, wake2, FUTEX_BITSET_MATCH_ANY);
			unlock_two(b1, b2);
			return more < 0 ? more : n;
		}
		unlock_two(b1, b2);
		if (err != -EFAULT)
			return err;
		/* Brings the page in, writable: an operation that changes nothing. */
		err = arch_futex_op(uaddr2, FUTEX_OP_OR, 0, &old);
		if (err)
			return err;
	}
}

/* ---- the call ---- */

/* Absolute CLOCK_MONOTONIC nanoseconds. */
static int get_deadline(int cmd, bool realtime, const struct __kernel_timespec __user *timeout,
			u64 *out)
{
	u64 ns;

	*out = WAIT_FOREVER;
	if (!timeout || (cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI &&
			 cmd != FUTEX_LOCK_PI2))
		return 0;
	realtime |= cmd == FUTEX_LOCK_PI;
	int err = timespec_from_user(timeout, &ns);

	if (err)
		return err;
	if (cmd == FUTEX_WAIT) {
		*out = deadline_after(time_mono_ns(), ns);
	} else if (realtime) {
		s64 offset = time_real_offset_ns();

		*out = (s64)ns > offset ? ns - (u64)offset : 0;
	} else {
		*out = ns;
	}
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
	u64 deadline;
	int err;

	if (realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI &&
	    cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAIT_BITSET:
		err = get_deadline(cmd, realtime, timeout, &deadline);
		return err ? err : futex_wait(uaddr, shared, val, deadline, val3);
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
		err = get_deadline(cmd, realtime, timeout, &deadline);
		return err ? err : futex_lock_pi(uaddr, shared, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(uaddr, shared, WAIT_FOREVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(uaddr, shared);
	}
	return -ENOSYS;
}
