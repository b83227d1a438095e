/*
 * Mutex.
 *
 * The word holds the owner and two flags.  Free is zero, so the fast paths are one compare-exchange
 * each.  A contender first spins while the owner runs on another CPU, since most sections are
 * shorter than two switches.  Then it queues, in order of arrival.  Unlock frees the word and wakes
 * the first waiter; newcomers may take the lock before that one runs, which saves a switch per
 * section.  A first waiter that lost once sets MUTEX_HANDOFF, and the next unlock gives the lock to
 * it by name, so nobody starves.
 */
#include <kern/errno.h>
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <asm/cpu.h>

#define MUTEX_WAITERS 1ul /* the list is not empty: unlock takes the slow path */
#define MUTEX_HANDOFF 2ul /* unlock must give the lock to the first waiter */
#define MUTEX_FLAGS 3ul
#define MUTEX_SPIN_MAX 4000

struct mutex_waiter {
	struct list_head link;
	struct task *task;
};

void mutex_init(struct mutex *m, enum lock_class class)
{
	m->owner = 0;
	spin_init(&m->wait_lock, LK_SPIN_LEAF);
	list_init(&m->waiters);
	lock_debug_init(&m->debug, class);
}

static inline bool mutex_take_free(struct mutex *m)
{
	unsigned long free = 0;

	return try_cmpxchg_acquire(&m->owner, &free, (unsigned long)current);
}

/* Takes the lock if it is free, or accepts it if it was handed to the caller. */
static bool mutex_take(struct mutex *m, bool first)
{
	unsigned long self = (unsigned long)current;
	unsigned long word = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

	for (;;) {
		unsigned long owner = word & ~MUTEX_FLAGS;

		if (owner && owner != self)
			return false;
		if (!owner && (word & MUTEX_HANDOFF) && !first)
			return false;
		if (try_cmpxchg_acquire(&m->owner, &word, (word & MUTEX_WAITERS) | self))
			return true;
	}
}

/* True when the lock was taken while spinning; false when spinning is of no use. */
static bool mutex_spin(struct mutex *m)
{
	bool taken = false;

	rcu_read_lock();
	for (unsigned int i = 0; i < MUTEX_SPIN_MAX && !need_resched(); i++) {
		unsigned long word = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
		struct task *owner = (struct task *)(word & ~MUTEX_FLAGS);

		if (!owner) {
			if (word & MUTEX_HANDOFF)
				break;
			taken = mutex_take(m, false);
			if (taken)
				break;
		} else if (!READ_ONCE(owner->se.on_cpu)) {
			break;
		}
		cpu_relax();
	}
	rcu_read_unlock();
	return taken;
}

static bool mutex_interrupted(unsigned int state)
{
	if (state & TASK_INTERRUPTIBLE)
		return signal_pending(current);
	return (state & TASK_WAKEKILL) && signal_fatal_pending(current);
}

static void mutex_leave_queue(struct mutex *m, struct mutex_waiter *w)
{
	list_del(&w->link);
	if (list_empty(&m->waiters))
		__atomic_fetch_and(&m->owner, ~MUTEX_FLAGS, __ATOMIC_RELAXED);
}

static int mutex_wait(struct mutex *m, unsigned int state)
{
	struct mutex_waiter w = {.task = current};
	int err = 0;

	spin_lock(&m->wait_lock);
	list_add_tail(&w.link, &m->waiters);
	__atomic_fetch_or(&m->owner, MUTEX_WAITERS, __ATOMIC_RELAXED);
	for (bool woken = false;; woken = true) {
		bool first = list_is_first(&w.link, &m->waiters);

		if (mutex_take(m, first))
			break;
		if (mutex_interrupted(state)) {
			err = -EINTR;
			break;
		}
		if (first && woken)
			__atomic_fetch_or(&m->owner, MUTEX_HANDOFF, __ATOMIC_RELAXED);
		sched_set_state(state);
		/* The owner may have unlocked before it could see our flags. */
		if (mutex_take(m, first))
			break;
		spin_unlock(&m->wait_lock);
		sched_schedule();
		spin_lock(&m->wait_lock);
	}
	sched_set_state(TASK_RUNNING);
	mutex_leave_queue(m, &w);
	spin_unlock(&m->wait_lock);
	return err;
}

static int noinline mutex_lock_slow(struct mutex *m, unsigned int state)
{
	int err = mutex_spin(m) ? 0 : mutex_wait(m, state);

	lock_debug_waited(&m->debug, m, err);
	return err;
}

static noinline void mutex_unlock_slow(struct mutex *m)
{
	unsigned long word = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
	struct mutex_waiter *first;

	while (!(word & MUTEX_HANDOFF)) {
		if (!try_cmpxchg_release(&m->owner, &word, word & MUTEX_FLAGS))
			continue;
		if (!(word & MUTEX_WAITERS))
			return;
		break;
	}
	spin_lock(&m->wait_lock);
	first = list_first_entry_or_null(&m->waiters, struct mutex_waiter, link);
	if (word & MUTEX_HANDOFF)
		smp_store_release(&m->owner,
				  first ? (unsigned long)first->task | MUTEX_WAITERS : 0);
	if (first)
		sched_wake(first->task, TASK_NORMAL);
	spin_unlock(&m->wait_lock);
}

void mutex_lock_nested(struct mutex *m, unsigned int sub)
{
	might_sleep();
	lock_debug_acquire(&m->debug, m, sub, false, false);
	if (unlikely(!mutex_take_free(m)))
		(void)mutex_lock_slow(m, TASK_UNINTERRUPTIBLE);
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	lock_debug_acquire(&m->debug, m, 0, false, false);
	if (unlikely(!mutex_take_free(m)))
		(void)mutex_lock_slow(m, TASK_UNINTERRUPTIBLE);
}

static int mutex_lock_state(struct mutex *m, unsigned int state)
{
	int err = 0;

	might_sleep();
	lock_debug_acquire(&m->debug, m, 0, false, false);
	if (unlikely(!mutex_take_free(m)))
		err = mutex_lock_slow(m, state);
	if (err)
		lock_debug_release(&m->debug, m);
	return err;
}

int mutex_lock_interruptible(struct mutex *m)
{
	return mutex_lock_state(m, TASK_INTERRUPTIBLE);
}

int mutex_lock_killable(struct mutex *m)
{
	return mutex_lock_state(m, TASK_KILLABLE);
}

bool mutex_trylock(struct mutex *m)
{
	if (!mutex_take_free(m))
		return false;
	lock_debug_acquire(&m->debug, m, 0, false, true);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	unsigned long self = (unsigned long)current;

	lock_debug_release(&m->debug, m);
	if (likely(try_cmpxchg_release(&m->owner, &self, 0)))
		return;
	if (WARN_ON((self & ~MUTEX_FLAGS) != (unsigned long)current))
		return;
	mutex_unlock_slow(m);
}

bool mutex_is_locked(const struct mutex *m)
{
	return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) & ~MUTEX_FLAGS;
}

void mutex_assert_held(const struct mutex *m)
{
	ASSERT((m->owner & ~MUTEX_FLAGS) == (unsigned long)current);
	(void)m;
}
