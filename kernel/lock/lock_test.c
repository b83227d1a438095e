#include <kern/ktest.h>
#include <kernel/lock/check_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <asm/cpumask.h>

#define THREADS 6
#define ROUNDS 3000

struct contest {
	struct spinlock spin;
	struct mutex mutex;
	struct rwsem rwsem;
	u64 spin_count, mutex_count, write_count;
	u32 readers_inside, errors; /* atomic */
	u32 running;		    /* atomic */
	struct completion done;
};

static struct contest contest;

static void contest_round(struct contest *c, unsigned int i)
{
	spin_lock(&c->spin);
	c->spin_count++;
	spin_unlock(&c->spin);

	mutex_lock(&c->mutex);
	c->mutex_count++;
	if (i % 64 == 0)
		sched_yield();
	mutex_unlock(&c->mutex);

	if (i % 4) {
		u64 before;

		rwsem_read_lock(&c->rwsem);
		__atomic_add_fetch(&c->readers_inside, 1, __ATOMIC_SEQ_CST);
		before = c->write_count;
		if (i % 32 == 1)
			sched_yield();
		if (READ_ONCE(c->write_count) != before)
			__atomic_add_fetch(&c->errors, 1, __ATOMIC_SEQ_CST);
		__atomic_sub_fetch(&c->readers_inside, 1, __ATOMIC_SEQ_CST);
		rwsem_read_unlock(&c->rwsem);
	} else {
		rwsem_write_lock(&c->rwsem);
		if (__atomic_load_n(&c->readers_inside, __ATOMIC_SEQ_CST))
			__atomic_add_fetch(&c->errors, 1, __ATOMIC_SEQ_CST);
		c->write_count++;
		rwsem_write_unlock(&c->rwsem);
	}
}

static int contest_thread(void *ctx)
{
	struct contest *c = ctx;

	for (unsigned int i = 0; i < ROUNDS; i++)
		contest_round(c, i);
	if (!__atomic_sub_fetch(&c->running, 1, __ATOMIC_SEQ_CST))
		completion_done(&c->done);
	return 0;
}

/* Counters under each kind of lock come out exact, whoever contends. */
KTEST(lock, contention)
{
	struct contest *c = &contest;
	struct task *task;

	memset(c, 0, sizeof(*c));
	spin_init(&c->spin, LK_SPIN_LEAF);
	mutex_init(&c->mutex, LK_SLEEP_LEAF);
	rwsem_init(&c->rwsem, LK_SLEEP_LEAF);
	completion_init(&c->done);
	c->running = THREADS;
	for (int i = 0; i < THREADS; i++)
		KTEST_REQUIRE(kthread_start(contest_thread, c, "contest", &task) == 0);
	completion_wait(&c->done);
	EXPECT_EQ(c->spin_count, THREADS * ROUNDS);
	EXPECT_EQ(c->mutex_count, THREADS * ROUNDS);
	EXPECT_EQ(c->write_count, THREADS * (ROUNDS / 4));
	EXPECT_EQ(c->errors, 0);
	EXPECT_FALSE(mutex_is_locked(&c->mutex));
	EXPECT_FALSE(spin_is_locked(&c->spin));
}

KTEST(lock, try_and_downgrade)
{
	struct mutex m;
	struct rwsem s;
	struct spinlock l;

	mutex_init(&m, LK_SLEEP_LEAF);
	EXPECT_TRUE(mutex_trylock(&m));
	EXPECT_TRUE(mutex_is_locked(&m));
	mutex_unlock(&m);
	EXPECT_FALSE(mutex_is_locked(&m));

	spin_init(&l, LK_SPIN_LEAF);
	EXPECT_TRUE(spin_trylock(&l));
	EXPECT_TRUE(spin_is_locked(&l));
	spin_unlock(&l);

	rwsem_init(&s, LK_SLEEP_LEAF);
	rwsem_write_lock(&s);
	rwsem_downgrade(&s);
	rwsem_read_unlock(&s);
	EXPECT_TRUE(rwsem_write_trylock(&s));
	rwsem_write_unlock(&s);
}

KTEST(lock, guards_release)
{
	struct mutex m;

	mutex_init(&m, LK_SLEEP_LEAF);
	{
		guard(mutex)(&m);
		EXPECT_TRUE(mutex_is_locked(&m));
	}
	EXPECT_FALSE(mutex_is_locked(&m));
	scoped_guard(mutex, &m) EXPECT_TRUE(mutex_is_locked(&m));
	EXPECT_FALSE(mutex_is_locked(&m));
}

KTEST(lock, seqcount_reader_retries)
{
	struct seqcount s = {0};
	u32 start = seq_read_begin(&s);

	EXPECT_FALSE(seq_read_retry(&s, start));
	seq_write_begin(&s);
	seq_write_end(&s);
	EXPECT_TRUE(seq_read_retry(&s, start));
}

#ifdef CONFIG_DEBUG_LOCKS
static unsigned int reports;
static const char *last_report;

static void count_report(const char *what, enum lock_class class)
{
	(void)class;
	reports++;
	last_report = what;
}

/* Planted faults: each must be reported, once, where it is made. */
KTEST(lock, checker_reports_wrong_order)
{
	struct spinlock outer, inner;

	spin_init(&outer, LK_DENTRY);
	spin_init(&inner, LK_SPIN_LEAF);
	reports = 0;
	lock_debug_hook = count_report;
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock(&outer);
	EXPECT_EQ(reports, 0);
	spin_lock(&inner);
	spin_lock(&outer);
	spin_unlock(&outer);
	spin_unlock(&inner);
	lock_debug_hook = NULL;
	EXPECT_EQ(reports, 1);
	EXPECT_STREQ(last_report, "wrong lock order");
}

KTEST(lock, checker_reports_same_class_and_context)
{
	struct spinlock a, b, irq;
	struct mutex m;

	spin_init(&a, LK_SPIN_LEAF);
	spin_init(&b, LK_SPIN_LEAF);
	spin_init(&irq, LK_IRQ_LEAF);
	mutex_init(&m, LK_SLEEP_LEAF);
	reports = 0;
	lock_debug_hook = count_report;
	spin_lock(&a);
	spin_lock_nested(&b, 1);
	spin_unlock(&b);
	EXPECT_EQ(reports, 0);
	spin_lock(&b);
	spin_unlock(&b);
	EXPECT_EQ(reports, 1);
	spin_unlock(&a);

	spin_lock(&irq);
	spin_unlock(&irq);
	EXPECT_EQ(reports, 2);
	EXPECT_STREQ(last_report, "interrupt-safe lock taken with interrupts on");

	preempt_disable();
	mutex_lock(&m);
	mutex_unlock(&m);
	preempt_enable();
	lock_debug_hook = NULL;
	EXPECT_GE(reports, 3);
}

struct irq_taker {
	struct timer timer;
	struct spinlock lock;
	u32 done; /* atomic */
};

static void take_in_irq(struct timer *t)
{
	struct irq_taker *i = container_of(t, struct irq_taker, timer);

	spin_lock(&i->lock);
	spin_unlock(&i->lock);
	__atomic_store_n(&i->done, 1, __ATOMIC_RELEASE);
}

/* An interrupt may take what it likes over a plain lock, as long as nobody takes them the other
 * way. */
KTEST(lock, checker_knows_what_interrupts_take)
{
	static struct irq_taker taker;
	struct spinlock plain;
	unsigned long flags;

	memset(&taker, 0, sizeof(taker));
	timer_init(&taker.timer, take_in_irq);
	spin_init(&taker.lock, LK_TIMERS_POSIX);
	spin_init(&plain, LK_SPIN_LEAF);
	reports = 0;
	lock_debug_hook = count_report;
	spin_lock(&plain);
	timer_start(&taker.timer, time_mono_ns());
	while (!__atomic_load_n(&taker.done, __ATOMIC_ACQUIRE))
		cpu_relax();
	spin_unlock(&plain);
	EXPECT_EQ(reports, 0);

	flags = spin_lock_irqsave(&taker.lock);
	spin_lock(&plain);
	spin_unlock(&plain);
	spin_unlock_irqrestore(&taker.lock, flags);
	lock_debug_hook = NULL;
	timer_cancel_sync(&taker.timer);
	EXPECT_EQ(reports, 1);
	EXPECT_STREQ(last_report,
		     "lock that is not interrupt-safe taken under one that interrupts take");
}

static struct mutex stat_mutex;

static int stat_thread(void *ctx)
{
	(void)ctx;
	mutex_lock(&stat_mutex);
	mutex_unlock(&stat_mutex);
	completion_done(&contest.done);
	return 0;
}

static bool is_waited_for(struct mutex *m)
{
	guard(spin)(&m->wait_lock);
	return !list_empty(&m->waiters);
}

/* A lock that is held while another thread asks for it: both times are in /proc/lock_stat. */
KTEST(lock, statistics_of_a_contended_lock)
{
	const u64 held_ns = 20 * NSEC_PER_MSEC;
	struct lock_stat st;
	struct task *task;

	/* No other lock of this class exists while the tests run. */
	mutex_init(&stat_mutex, LK_SYSFS);
	completion_init(&contest.done);
	lock_stat_reset();
	lock_stat_read(LK_SYSFS, false, &st);
	EXPECT_EQ(st.hold.nr, 0);
	mutex_lock(&stat_mutex);
	KTEST_REQUIRE(kthread_start(stat_thread, NULL, "stat", &task) == 0);
	/* However long the thread takes to get here. */
	do {
		EXPECT_EQ(sched_sleep_until(time_mono_ns() + held_ns, TASK_UNINTERRUPTIBLE), 0);
	} while (!is_waited_for(&stat_mutex));
	mutex_unlock(&stat_mutex);
	completion_wait(&contest.done);
	lock_stat_read(LK_SYSFS, false, &st);
	EXPECT_EQ(st.hold.nr, 2);
	EXPECT_EQ(st.wait.nr, 1);
	EXPECT_GE(st.hold.max, held_ns - NSEC_PER_MSEC);
	EXPECT_GE(st.hold.total, st.hold.min + st.hold.max);
	EXPECT_GT(st.wait.total, 0);
	lock_stat_reset();
	lock_stat_read(LK_SYSFS, false, &st);
	EXPECT_EQ(st.hold.nr + st.wait.nr, 0);
}
#endif
