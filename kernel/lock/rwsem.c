/*
 * Readers/writer semaphore.
 *
 * Fast paths are one atomic operation on the count.  Once somebody waits (RWSEM_WAITERS) newcomers
 * of both kinds queue, so a stream of readers does not starve a writer.  The queue is granted in
 * order, by whoever releases or gives up, under wait_lock: the front writer alone, or all readers
 * up to the next writer.  A granted waiter owns the lock before it runs.
 */
#include <kern/errno.h>
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <asm/cpu.h>
#include <asm/cpumask.h>

#define RWSEM_WRITER 1ull
#define RWSEM_WAITERS 2ull
#define RWSEM_READER 4ull
#define RWSEM_SPIN_MAX 400

struct rwsem_waiter {
	struct list_head link;
	struct task *task;
	bool write;
	bool granted; /* wait_lock */
};

void rwsem_init(struct rwsem *s, enum lock_class class)
{
	s->count = 0;
	spin_init(&s->wait_lock, LK_SPIN_LEAF);
	list_init(&s->waiters);
	lock_debug_init(&s->debug, class);
}

static inline bool rwsem_take_read(struct rwsem *s)
{
	u64 c = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	while (!(c & (RWSEM_WRITER | RWSEM_WAITERS))) {
		if (likely(try_cmpxchg_acquire(&s->count, &c, c + RWSEM_READER)))
			return true;
	}
	return false;
}

static inline bool rwsem_take_write(struct rwsem *s)
{
	u64 free = 0;

	return try_cmpxchg_acquire(&s->count, &free, RWSEM_WRITER);
}

/* May the front waiter have the lock?  Takes it for it if so. */
static bool rwsem_grant_one(struct rwsem *s, bool write)
{
	u64 c = __atomic_load_n(&s->count, __ATOMIC_RELAXED);

	for (;;) {
		if (c & RWSEM_WRITER)
			return false;
		if (write && c >= RWSEM_READER)
			return false;
		if (try_cmpxchg(&s->count, &c, c + (write ? RWSEM_WRITER : RWSEM_READER)))
			return true;
	}
}

/* Under wait_lock: grants to the front of the queue as far as possible. */
static void rwsem_grant(struct rwsem *s)
{
	while (!list_empty(&s->waiters)) {
		struct rwsem_waiter *w = list_first_entry(&s->waiters, struct rwsem_waiter, link);

		if (!rwsem_grant_one(s, w->write))
			return;
		list_del(&w->link);
		w->granted = true;
		sched_wake(w->task, TASK_NORMAL);
		if (w->write)
			break;
	}
	if (list_empty(&s->waiters))
		__atomic_fetch_and(&s->count, ~RWSEM_WAITERS, __ATOMIC_RELAXED);
}

static noinline void rwsem_release_slow(struct rwsem *s)
{
	spin_lock(&s->wait_lock);
	rwsem_grant(s);
	spin_unlock(&s->wait_lock);
}

static bool rwsem_spin(struct rwsem *s, bool write)
{
	u64 cpus = cpumask_read(&cpu_online_mask).bits;

	if (!(cpus & (cpus - 1)))
		return false; /* nobody else runs */
	for (unsigned int i = 0; i < RWSEM_SPIN_MAX && !need_resched(); i++) {
		if (write ? rwsem_take_write(s) : rwsem_take_read(s))
			return true;
		if (__atomic_load_n(&s->count, __ATOMIC_RELAXED) & RWSEM_WAITERS)
			return false;
		cpu_relax();
	}
	return false;
}

static int noinline rwsem_wait(struct rwsem *s, bool write, unsigned int state)
{
	struct rwsem_waiter w = {.task = current, .write = write};
	int err = 0;

	if (rwsem_spin(s, write)) {
		lock_debug_waited(&s->debug, s, 0);
		return 0;
	}
	spin_lock(&s->wait_lock);
	list_add_tail(&w.link, &s->waiters);
	__atomic_fetch_or(&s->count, RWSEM_WAITERS, __ATOMIC_SEQ_CST);
	/* Whoever released before it could see the flag did not look at the queue. */
	rwsem_grant(s);
	while (!w.granted) {
		if ((state & TASK_WAKEKILL) && signal_fatal_pending(current)) {
			list_del(&w.link);
			if (list_empty(&s->waiters))
				__atomic_fetch_and(&s->count, ~RWSEM_WAITERS, __ATOMIC_RELAXED);
			rwsem_grant(s);
			err = -EINTR;
			break;
		}
		sched_set_state(state);
		spin_unlock(&s->wait_lock);
		sched_schedule();
		spin_lock(&s->wait_lock);
	}
	sched_set_state(TASK_RUNNING);
	spin_unlock(&s->wait_lock);
	lock_debug_waited(&s->debug, s, err);
	return err;
}

void rwsem_read_lock(struct rwsem *s)
{
	might_sleep();
	lock_debug_acquire(&s->debug, s, 0, true, false);
	if (unlikely(!rwsem_take_read(s)))
		(void)rwsem_wait(s, false, TASK_UNINTERRUPTIBLE);
}

bool rwsem_read_trylock(struct rwsem *s)
{
	if (!rwsem_take_read(s))
		return false;
	lock_debug_acquire(&s->debug, s, 0, true, true);
	return true;
}

int rwsem_read_lock_killable(struct rwsem *s)
{
	int err = 0;

	might_sleep();
	lock_debug_acquire(&s->debug, s, 0, true, false);
	if (unlikely(!rwsem_take_read(s)))
		err = rwsem_wait(s, false, TASK_KILLABLE);
	if (err)
		lock_debug_release(&s->debug, s);
	return err;
}

void rwsem_read_unlock(struct rwsem *s)
{
	u64 left;

	lock_debug_release(&s->debug, s);
	left = __atomic_sub_fetch(&s->count, RWSEM_READER, __ATOMIC_RELEASE);
	if (unlikely(left == RWSEM_WAITERS))
		rwsem_release_slow(s);
}

void rwsem_write_lock_nested(struct rwsem *s, unsigned int sub)
{
	might_sleep();
	lock_debug_acquire(&s->debug, s, sub, false, false);
	if (unlikely(!rwsem_take_write(s)))
		(void)rwsem_wait(s, true, TASK_UNINTERRUPTIBLE);
}

void rwsem_write_lock(struct rwsem *s)
{
	rwsem_write_lock_nested(s, 0);
}

bool rwsem_write_trylock(struct rwsem *s)
{
	if (!rwsem_take_write(s))
		return false;
	lock_debug_acquire(&s->debug, s, 0, false, true);
	return true;
}

int rwsem_write_lock_killable(struct rwsem *s)
{
	int err = 0;

	might_sleep();
	lock_debug_acquire(&s->debug, s, 0, false, false);
	if (unlikely(!rwsem_take_write(s)))
		err = rwsem_wait(s, true, TASK_KILLABLE);
	if (err)
		lock_debug_release(&s->debug, s);
	return err;
}

void rwsem_write_unlock(struct rwsem *s)
{
	u64 left;

	lock_debug_release(&s->debug, s);
	left = __atomic_sub_fetch(&s->count, RWSEM_WRITER, __ATOMIC_RELEASE);
	if (unlikely(left & RWSEM_WAITERS))
		rwsem_release_slow(s);
}

void rwsem_downgrade(struct rwsem *s)
{
	u64 left;

	lock_debug_release(&s->debug, s);
	lock_debug_acquire(&s->debug, s, 0, true, true);
	left = __atomic_add_fetch(&s->count, RWSEM_READER - RWSEM_WRITER, __ATOMIC_RELEASE);
	if (unlikely(left & RWSEM_WAITERS))
		rwsem_release_slow(s);
}

void rwsem_assert_write(const struct rwsem *s)
{
	ASSERT(s->count & RWSEM_WRITER);
	(void)s;
}
