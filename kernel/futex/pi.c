/*
 * Locks whose word says who owns them (FUTEX_LOCK_PI): the owner's thread id, FUTEX_WAITERS if the
 * kernel has to be asked to unlock, FUTEX_OWNER_DIED.
 *
 * A lock that somebody waits for has a struct pi_lock: its owner, and its waiters by priority. The
 * owner runs at least at the priority of the first of them, and if it waits for a lock itself, so
 * does that one's owner, and so on. The graph (tasks wait for at most one lock, a lock has at most
 * one owner) is under one spinlock: it is only entered when a lock is contended, and a chain may
 * lead anywhere.
 *
 * An unlock writes the next owner into the word before it wakes it. When an owner ends, the first
 * waiter becomes the owner at once and writes the word itself, as it may be of another address
 * space; until then what the kernel knows counts and not the word.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kern/hash.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/wait/wait.h>
#include <asm/uaccess.h>

#define PI_HASH_BITS 6
#define PI_CHAIN_MAX 1024 /* as on Linux */
/* EWOULDBLOCK for the caller, apart from "the word changed": EAGAIN has the same number. */
#define PI_WOULD_BLOCK (-EINPROGRESS)

struct pi_lock {
	struct list_head link; /* hash */
	struct mm_key key;
	struct task *owner; /* +0: it leaves when the task ends */
	struct rb_root waiters;
	struct rb_node owner_node; /* owner->pi_locks, by the first waiter */
	u8 prio;		   /* of the first waiter, as in that tree */
	u32 refs;		   /* waiters, and a new owner that has not written itself */
	u32 dead_tid;		   /* while one has not: who ended before it */
	bool fixing;
};

static struct spinlock pi_mutex = SPINLOCK_INIT(LK_SPIN_LEAF);
/* All under pi_mutex. */
static struct list_head pi_hash[1 << PI_HASH_BITS];
static u64 arrivals;

void futex_pi_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pi_hash); i++)
		list_init(&pi_hash[i]);
}

static struct list_head *hash_of(const struct mm_key *key)
{
	return &pi_hash[hash_64(key->object ^ (key->index << 12 | key->offset), PI_HASH_BITS)];
}

static struct pi_lock *lock_find(const struct mm_key *key)
{
	struct pi_lock *l;

	list_for_each_entry (l, hash_of(key), link) {
		if (futex_key_equal(&l->key, key))
			return l;
	}
	return NULL;
}

bool futex_pi_busy(const struct mm_key *key)
{
	bool busy;

	spin_lock(&pi_mutex);
	busy = lock_find(key);
	spin_unlock(&pi_mutex);
	return busy;
}

int pi_spare(struct pi_lock **out)
{
	*out = kzalloc(sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void pi_spare_free(struct pi_lock *l)
{
	kfree(l);
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

static int pi_fault_in(u32 __user *uaddr)
{
	u32 old;

	return arch_futex_op(uaddr, FUTEX_OP_OR, 0, &old);
}

/* ---- the graph; all with pi_mutex ---- */

static bool waiter_before(const struct rb_node *a, const struct rb_node *b)
{
	const struct pi_waiter *x = rb_entry(a, struct pi_waiter, node);
	const struct pi_waiter *y = rb_entry(b, struct pi_waiter, node);

	return x->prio != y->prio ? x->prio > y->prio : x->arrival < y->arrival;
}

static bool lock_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct pi_lock, owner_node)->prio >
	       rb_entry(b, struct pi_lock, owner_node)->prio;
}

static struct pi_waiter *first_waiter(const struct pi_lock *l)
{
	return rb_entry_safe(rb_first(&l->waiters), struct pi_waiter, node);
}

static u8 lent_to(const struct task *t)
{
	struct rb_node *n = rb_first(&t->pi_locks);

	return n ? rb_entry(n, struct pi_lock, owner_node)->prio : 0;
}

static void owner_link(struct pi_lock *l, struct task *owner)
{
	struct pi_waiter *w = first_waiter(l);

	l->owner = owner;
	l->prio = w ? w->prio : 0;
	rb_add(&l->owner_node, &owner->pi_locks, lock_before);
}

static void owner_unlink(struct pi_lock *l)
{
	if (l->owner)
		rb_erase(&l->owner_node, &l->owner->pi_locks);
	l->owner = NULL;
}

/*
 * What is lent to @t may have changed, or its own priority: passes that on to its owner, and so on.
 */
static void chain_adjust(struct task *t)
{
	for (int depth = 0; t && depth < PI_CHAIN_MAX; depth++) {
		struct pi_waiter *w;
		struct pi_lock *l;

		sched_lend(t, lent_to(t));
		w = t->pi_waits;
		if (!w || w->prio == t->se.prio)
			return;
		l = w->lock;
		rb_erase(&w->node, &l->waiters);
		w->prio = READ_ONCE(t->se.prio);
		rb_add(&w->node, &l->waiters, waiter_before);
		t = l->owner;
		if (!t || first_waiter(l)->prio == l->prio)
			return;
		owner_unlink(l);
		owner_link(l, t);
	}
}

/* Would @t wait for itself? */
static bool would_deadlock(const struct task *t, const struct task *owner)
{
	for (int depth = 0; owner; depth++) {
		const struct pi_waiter *w = owner->pi_waits;

		if (owner == t || depth >= PI_CHAIN_MAX)
			return true;
		owner = w ? w->lock->owner : NULL;
	}
	return false;
}

static void lock_put(struct pi_lock *l)
{
	struct task *owner = l->owner;

	if (--l->refs)
		return;
	owner_unlink(l);
	list_del(&l->link);
	__atomic_fetch_sub(&futex_bucket_of(&l->key)->waiters, 1, __ATOMIC_RELAXED);
	kfree(l);
	if (owner)
		chain_adjust(owner);
}

static void waiter_queue(struct pi_lock *l, struct pi_waiter *w)
{
	struct task *owner = l->owner;

	w->lock = l;
	w->arrival = arrivals++;
	/* Who changes the priority now does so before it looks whether the task waits. */
	WRITE_ONCE(w->task->pi_waits, w);
	smp_mb();
	w->prio = READ_ONCE(w->task->se.prio);
	l->refs++;
	rb_add(&w->node, &l->waiters, waiter_before);
	owner_unlink(l);
	owner_link(l, owner);
	chain_adjust(owner);
}

static void waiter_unqueue(struct pi_waiter *w)
{
	struct pi_lock *l = w->lock;
	struct task *owner = l->owner;

	rb_erase(&w->node, &l->waiters);
	w->lock = NULL;
	w->task->pi_waits = NULL;
	if (owner) {
		owner_unlink(l);
		owner_link(l, owner);
		chain_adjust(owner);
	}
	lock_put(l);
}

/* @w, the first, becomes owner. @fix: has to write the word itself. Its reference stays if so. */
static void grant(struct pi_lock *l, struct pi_waiter *w, bool fix)
{
	struct task *old = l->owner, *t = w->task;

	owner_unlink(l);
	rb_erase(&w->node, &l->waiters);
	w->granted = true;
	w->fix = fix;
	t->pi_waits = NULL;
	if (!fix)
		w->lock = NULL;
	owner_link(l, t);
	chain_adjust(t);
	if (old)
		chain_adjust(old);
	if (!fix)
		lock_put(l);
	sched_wake(t, TASK_NORMAL);
}

/* ---- taking ---- */

/* A lock's state made from @w->spare, owned by the thread @tid. */
static int lock_create(struct pi_waiter *w, u32 tid, struct pi_lock **out)
{
	struct task *owner = task_find((int)tid);
	struct pi_lock *l = w->spare;
	int err = 0;

	if (!owner)
		return -ESRCH;
	/* Under pi_mutex: an owner that is not marked yet will find the lock when it ends. */
	if (owner->flags & TF_KTHREAD)
		err = -EPERM;
	else if (READ_ONCE(owner->flags) & TF_EXITING)
		err = READ_ONCE(owner->exit_state) ? -ESRCH : -EBUSY;
	else if (would_deadlock(w->task, owner))
		err = -EDEADLK;
	if (!err) {
		w->spare = NULL;
		l->key = w->target;
		l->waiters = RB_ROOT;
		l->refs = 0;
		list_add(&l->link, hash_of(&l->key));
		__atomic_fetch_add(&futex_bucket_of(&l->key)->waiters, 1, __ATOMIC_SEQ_CST);
		owner_link(l, owner);
		*out = l;
	}
	task_put(owner);
	return err;
}

/* The word against what the kernel knows: -EINVAL if user space broke it. */
static int lock_check(const struct pi_lock *l, u32 word)
{
	u32 tid = word & FUTEX_TID_MASK;

	if (l->owner && tid == (u32)l->owner->pid->own_nr)
		return 0;
	/* The owner is ending, or has ended and the next one has not written itself. */
	if (!tid && (word & FUTEX_OWNER_DIED))
		return 0;
	return l->fixing && (!tid || tid == l->dead_tid) ? 0 : -EINVAL;
}

static int set_waiters_bit(u32 __user *uaddr, u32 *word)
{
	int err;

	if (*word & FUTEX_WAITERS)
		return 0;
	err = cmpxchg_word(uaddr, *word, *word | FUTEX_WAITERS);
	if (!err)
		*word |= FUTEX_WAITERS;
	return err;
}

/* The lock's state to queue on, its counts not changed. */
static int lock_get(struct pi_waiter *w, u32 __user *uaddr, u32 word, struct pi_lock **out)
{
	struct pi_lock *l = lock_find(&w->target);
	u32 now;
	int err = l ? lock_check(l, word) : 0;

	if (err)
		return err;
	err = set_waiters_bit(uaddr, &word);
	if (err)
		return err;
	if (l) {
		*out = l;
		return would_deadlock(w->task, l->owner) ? -EDEADLK : 0;
	}
	err = lock_create(w, word & FUTEX_TID_MASK, out);
	/* No such thread: unless the lock was given up meanwhile. */
	if (err == -ESRCH) {
		err = futex_read_word(uaddr, &now);
		if (!err)
			err = now == word ? -ESRCH : -EAGAIN;
	}
	return err;
}

static int acquire_locked(struct pi_waiter *w, u32 __user *uaddr, bool more, bool try_only)
{
	u32 me = (u32)w->task->pid->own_nr, word, new;
	struct pi_lock *l;
	int err = futex_read_word(uaddr, &word);

	if (err)
		return err;
	if ((word & FUTEX_TID_MASK) == me)
		return -EDEADLK;
	if (!(word & FUTEX_TID_MASK) && !lock_find(&w->target)) {
		new = me | (word & FUTEX_OWNER_DIED) | (more ? FUTEX_WAITERS : 0);
		err = cmpxchg_word(uaddr, word, new);
		return err ? err : 1;
	}
	err = lock_get(w, uaddr, word, &l);
	if (err)
		return err;
	if (try_only) {
		l->refs++;
		lock_put(l);
		return PI_WOULD_BLOCK;
	}
	waiter_queue(l, w);
	return 0;
}

int pi_acquire_for(struct pi_waiter *w, u32 __user *uaddr, bool more)
{
	int ret;

	spin_lock(&pi_mutex);
	ret = acquire_locked(w, uaddr, more, false);
	if (ret > 0)
		w->granted = true;
	spin_unlock(&pi_mutex);
	return ret;
}

/* ---- sleeping and after ---- */

/* 0 when it was granted. */
static int pi_sleep(struct pi_waiter *w, const struct futex_time *time)
{
	for (;;) {
		int err;

		sched_set_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(w->granted))
			break;
		err = sched_block(TASK_INTERRUPTIBLE, futex_deadline(time));
		if (READ_ONCE(w->granted))
			break;
		if (err)
			return err;
	}
	sched_set_state(TASK_RUNNING);
	return 0;
}

/* The owner before died: current writes itself into the word. */
static int fix_word(struct pi_waiter *w, u32 __user *uaddr)
{
	u32 word, found, me = (u32)current->pid->own_nr | FUTEX_OWNER_DIED | FUTEX_WAITERS;
	int err;

	do {
		err = get_user(word, uaddr);
		if (!err)
			err = arch_user_cmpxchg32(uaddr, word, me, &found);
	} while (!err && found != word);
	spin_lock(&pi_mutex);
	w->lock->fixing = false;
	lock_put(w->lock);
	w->lock = NULL;
	spin_unlock(&pi_mutex);
	return err ? -EFAULT : 0;
}

int pi_finish(struct pi_waiter *w, u32 __user *uaddr, const struct futex_time *time, int err)
{
	bool granted;

	if (!err)
		err = pi_sleep(w, time);
	spin_lock(&pi_mutex);
	granted = w->granted;
	if (!granted)
		waiter_unqueue(w);
	spin_unlock(&pi_mutex);
	if (granted)
		return w->fix ? fix_word(w, uaddr) : 0;
	return err == -ETIME ? -ETIMEDOUT : -ERESTARTNOINTR;
}

int pi_retry(u32 __user *uaddr, int err)
{
	switch (err) {
	case -EFAULT:
		return pi_fault_in(uaddr) ? -EFAULT : 0;
	case -EBUSY:
		/* The owner is on its way out: let it run, whatever the priorities. */
		if (sched_sleep_until(time_mono_ns() + 50000, TASK_KILLABLE))
			return -ERESTARTNOINTR;
		return 0;
	case -EAGAIN:
		sched_cond_resched();
		return signal_fatal_pending(current) ? -ERESTARTNOINTR : 0;
	}
	return err;
}

int futex_lock_pi(u32 __user *uaddr, bool shared, const struct futex_time *time, bool try_only)
{
	struct pi_waiter w = {.task = current, .real = time->real};
	int err = pi_spare(&w.spare), ret;

	while (!err) {
		err = futex_get_key(uaddr, shared, true, &w.target);
		if (err)
			break;
		spin_lock(&pi_mutex);
		ret = acquire_locked(&w, uaddr, false, try_only);
		spin_unlock(&pi_mutex);
		if (ret > 0)
			break;
		if (!ret) {
			err = pi_finish(&w, uaddr, time, 0);
			break;
		}
		/* A busy lock and a changed word have one number. */
		err = ret == PI_WOULD_BLOCK ? -EWOULDBLOCK : pi_retry(uaddr, ret);
	}
	pi_spare_free(w.spare);
	return err;
}

/* ---- giving up ---- */

static int unlock_locked(u32 __user *uaddr, u32 word, const struct mm_key *key)
{
	struct pi_lock *l = lock_find(key);
	struct pi_waiter *w = l ? first_waiter(l) : NULL;
	int err;

	if (!w)
		return cmpxchg_word(uaddr, word, 0);
	if (l->owner != current)
		return -EINVAL;
	err = cmpxchg_word(uaddr, word, (u32)w->task->pid->own_nr | FUTEX_WAITERS);
	if (!err)
		grant(l, w, false);
	return err;
}

int futex_unlock_pi(u32 __user *uaddr, bool shared)
{
	u32 me = (u32)current->pid->own_nr, word;
	struct mm_key key;
	int err;

	do {
		if (get_user(word, uaddr))
			return -EFAULT;
		if ((word & FUTEX_TID_MASK) != me)
			return -EPERM;
		err = futex_get_key(uaddr, shared, true, &key);
		if (err)
			return err;
		spin_lock(&pi_mutex);
		err = unlock_locked(uaddr, word, &key);
		spin_unlock(&pi_mutex);
		if (!err)
			return 0;
		err = pi_retry(uaddr, err);
	} while (!err);
	return err;
}

/* @t ends, or leaves its memory, with locks that others wait for: the first of each gets it. */
void futex_exit_pi(struct task *t)
{
	bool more = true;

	while (more) {
		spin_lock(&pi_mutex);
		struct rb_node *n = rb_first(&t->pi_locks);

		if (n) {
			struct pi_lock *l = rb_entry(n, struct pi_lock, owner_node);
			struct pi_waiter *w = first_waiter(l);

			l->dead_tid = (u32)t->pid->own_nr;
			l->fixing = true;
			if (w)
				grant(l, w, true);
			else
				owner_unlink(l);
		}
		more = n;
		spin_unlock(&pi_mutex);
	}
}

void futex_priority_changed(struct task *t)
{
	spin_lock(&pi_mutex);
	chain_adjust(t);
	spin_unlock(&pi_mutex);
}

void futex_pi_stepped(void)
{
	spin_lock(&pi_mutex);
	for (unsigned int i = 0; i < ARRAY_SIZE(pi_hash); i++) {
		struct pi_lock *l;

		list_for_each_entry (l, &pi_hash[i], link) {
			for (struct rb_node *n = rb_first(&l->waiters); n; n = rb_next(n)) {
				struct pi_waiter *w = rb_entry(n, struct pi_waiter, node);

				if (w->real)
					sched_wake(w->task, TASK_INTERRUPTIBLE);
			}
		}
	}
	spin_unlock(&pi_mutex);
}
