/*
 * Locks whose word says who owns them (FUTEX_LOCK_PI): the owner's thread id, FUTEX_WAITERS if the
 * kernel has to be asked to unlock, FUTEX_OWNER_DIED.
 *
 * Waiters hang in a bucket in the order of their priority, and on the list of the owner they wait
 * for, so that an owner that ends can wake them: the first to look then takes the word over in its
 * own context.  An unlock writes the next owner into the word before it wakes it.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kern/hash.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/uaccess.h>

#define PI_BUCKET_BITS 6

struct pi_bucket {
	struct spinlock lock; /* LK_FUTEX */
	struct list_head list;
} __aligned(64);

struct pi_waiter {
	struct list_head link;	     /* bucket's lock */
	struct list_head owner_link; /* owner->pi_owned; owner_lock */
	struct task *task;
	struct mm_key key;
	u32 dead_owner; /* its thread id, once it has ended; owner_lock */
	bool granted;	/* bucket's lock */
};

static struct pi_bucket buckets[1 << PI_BUCKET_BITS];
static struct spinlock owner_lock = SPINLOCK_INIT(LK_SPIN_LEAF);

void futex_pi_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_init(&buckets[i].lock, LK_FUTEX);
		list_init(&buckets[i].list);
	}
}

static struct pi_bucket *bucket_of(const struct mm_key *key)
{
	return &buckets[hash_64(key->object ^ (key->index << 12 | key->offset), PI_BUCKET_BITS)];
}

static int cmpxchg_word(u32 __user *uaddr, u32 old, u32 new)
{
	u32 found;
	int err;

	uaccess_nofault_begin();
	err = arch_user_cmpxchg32(uaddr, old, new, &found);
	uaccess_nofault_end();
	if (err)
		return err;
	return found == old ? 0 : -EAGAIN;
}

static int fault_in(u32 __user *uaddr)
{
	u32 old;

	return arch_futex_op(uaddr, FUTEX_OP_OR, 0, &old);
}

/* Lock held. */
static struct pi_waiter *first_waiter(struct pi_bucket *b, const struct mm_key *key)
{
	struct pi_waiter *w;

	list_for_each_entry (w, &b->list, link) {
		if (futex_key_equal(&w->key, key))
			return w;
	}
	return NULL;
}

static void enqueue(struct pi_bucket *b, struct pi_waiter *w)
{
	struct pi_waiter *at;

	list_for_each_entry (at, &b->list, link) {
		if (futex_key_equal(&at->key, &w->key) &&
		    at->task->se.rt_priority < w->task->se.rt_priority)
			break;
	}
	list_add_tail(&w->link, &at->link);
}

/* -EAGAIN: it is ending, look again; -ESRCH, -EPERM. */
static int hang_on_owner(struct pi_waiter *w, u32 tid)
{
	struct task *owner = task_find((int)tid);
	int err = 0;

	if (!owner)
		return -ESRCH;
	spin_lock(&owner_lock);
	if (owner->flags & TF_KTHREAD)
		err = -EPERM;
	else if (owner->flags & TF_EXITING)
		err = owner->exit_state ? -ESRCH : -EAGAIN;
	else
		list_add_tail(&w->owner_link, &owner->pi_owned);
	spin_unlock(&owner_lock);
	task_put(owner);
	return err;
}

static void leave_owner(struct pi_waiter *w)
{
	spin_lock(&owner_lock);
	if (!list_empty(&w->owner_link))
		list_del_init(&w->owner_link);
	spin_unlock(&owner_lock);
}

/*
 * Lock held. 0: taken. -EINPROGRESS: queued, state set.  -EAGAIN: the word changed, look again.
 */
static int try_lock(struct pi_bucket *b, struct pi_waiter *w, u32 __user *uaddr, bool try_only)
{
	u32 me = (u32)current->pid->own_nr, word, tid;
	int err = futex_read_word(uaddr, &word);

	if (err)
		return err;
	tid = word & FUTEX_TID_MASK;
	if (tid == me)
		return -EDEADLK;
	if (!tid || (w->dead_owner && tid == w->dead_owner)) {
		u32 new = me | (word & FUTEX_OWNER_DIED);

		if (tid)
			new |= FUTEX_OWNER_DIED;
		if (first_waiter(b, &w->key))
			new |= FUTEX_WAITERS;
		return cmpxchg_word(uaddr, word, new);
	}
	if (try_only)
		return -EBUSY;
	if (!(word & FUTEX_WAITERS)) {
		err = cmpxchg_word(uaddr, word, word | FUTEX_WAITERS);
		if (err)
			return err;
	}
	err = hang_on_owner(w, tid);
	if (err)
		return err;
	enqueue(b, w);
	sched_set_state(TASK_INTERRUPTIBLE);
	return -EINPROGRESS;
}

/* After a sleep: 0 when it was handed the lock. */
static int after_sleep(struct pi_bucket *b, struct pi_waiter *w, int err)
{
	spin_lock(&b->lock);
	if (!w->granted)
		list_del(&w->link);
	spin_unlock(&b->lock);
	leave_owner(w);
	if (w->granted)
		return 0;
	if (err == -ETIME)
		return -ETIMEDOUT;
	return err ? -ERESTARTNOINTR : -EAGAIN;
}

int futex_lock_pi(u32 __user *uaddr, bool shared, u64 deadline, bool try_only)
{
	struct pi_waiter w = {.task = current};

	list_init(&w.owner_link);
	for (;;) {
		int err = futex_get_key(uaddr, shared, true, &w.key);

		if (err)
			return err;
		struct pi_bucket *b = bucket_of(&w.key);

		spin_lock(&b->lock);
		err = try_lock(b, &w, uaddr, try_only);
		spin_unlock(&b->lock);
		if (err == -EINPROGRESS)
			err = after_sleep(b, &w, sched_block(TASK_INTERRUPTIBLE, deadline));
		if (err == -EBUSY)
			return -EWOULDBLOCK;
		if (err == -EFAULT)
			err = fault_in(uaddr) ? -EFAULT : -EAGAIN;
		if (err != -EAGAIN)
			return err;
		if (signal_fatal_pending(current))
			return -ERESTARTNOINTR;
		sched_yield();
	}
}

/* Lock held. -EAGAIN: the word changed. */
static int hand_over(struct pi_bucket *b, u32 __user *uaddr, u32 word, const struct mm_key *key)
{
	struct pi_waiter *w = first_waiter(b, key);

	if (!w)
		return cmpxchg_word(uaddr, word, 0);
	int err = cmpxchg_word(uaddr, word, (u32)w->task->pid->own_nr | FUTEX_WAITERS);

	if (err)
		return err;
	struct task *t = w->task, *me = current;
	struct pi_waiter *o, *n;

	list_del(&w->link);
	/* The others of this lock wait for its new owner now. */
	spin_lock(&owner_lock);
	list_del_init(&w->owner_link);
	list_for_each_entry_safe (o, n, &me->pi_owned, owner_link) {
		if (futex_key_equal(&o->key, key))
			list_move_tail(&o->owner_link, &t->pi_owned);
	}
	spin_unlock(&owner_lock);
	w->granted = true;
	sched_wake(t, TASK_NORMAL);
	return 0;
}

int futex_unlock_pi(u32 __user *uaddr, bool shared)
{
	u32 me = (u32)current->pid->own_nr, word;
	struct mm_key key;

	for (;;) {
		if (get_user(word, uaddr))
			return -EFAULT;
		if ((word & FUTEX_TID_MASK) != me)
			return -EPERM;
		int err = futex_get_key(uaddr, shared, true, &key);

		if (err)
			return err;
		struct pi_bucket *b = bucket_of(&key);

		spin_lock(&b->lock);
		err = hand_over(b, uaddr, word, &key);
		spin_unlock(&b->lock);
		if (err == -EFAULT && !fault_in(uaddr))
			err = -EAGAIN;
		if (err != -EAGAIN)
			return err;
	}
}

/* @t ends with locks that others wait for: they look for themselves. */
void futex_exit_pi(struct task *t)
{
	spin_lock(&owner_lock);
	while (!list_empty(&t->pi_owned)) {
		struct pi_waiter *w = list_first_entry(&t->pi_owned, struct pi_waiter, owner_link);

		list_del_init(&w->owner_link);
		w->dead_owner = (u32)t->pid->own_nr;
		sched_wake(w->task, TASK_NORMAL);
	}
	spin_unlock(&owner_lock);
}
