/* Each kind of hang, on purpose, with short thresholds. */
#include <kern/ktest.h>
#include <kernel/rcu/rcu.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <kernel/watchdog/watchdog_impl.h>
#include <asm/cpu.h>
#include <asm/smp.h>

#define SHORT_NS (100 * NSEC_PER_MSEC)

static void spin_for(u64 ns)
{
	u64 end = time_mono_ns() + ns;

	while (time_mono_ns() < end)
		cpu_relax();
}

KTEST(watchdog, soft_lockup)
{
	u64 old = watchdog_thresh_ns;
	u32 before;

	spin_for(10 * NSEC_PER_MSEC); /* a tick has come since this CPU was idle */
	before = watchdog_soft_count;
	WRITE_ONCE(watchdog_thresh_ns, SHORT_NS);
	preempt_disable();
	spin_for(4 * SHORT_NS);
	preempt_enable();
	EXPECT_EQ(watchdog_soft_count, before + 1);
	/* The same with preemption is no lock-up. */
	spin_for(4 * SHORT_NS);
	EXPECT_EQ(watchdog_soft_count, before + 1);
	WRITE_ONCE(watchdog_thresh_ns, old);
}

struct stuck {
	u64 ns;
	u32 began;
	struct completion done;
};

static int stuck_without_interrupts(void *ctx)
{
	struct stuck *s = ctx;

	spin_for(20 * NSEC_PER_MSEC);
	irqs_off();
	WRITE_ONCE(s->began, 1);
	spin_for(s->ns);
	irqs_on();
	completion_done(&s->done);
	return 0;
}

static unsigned int other_cpu(void)
{
	return cpumask_first(cpumask_without(cpumask_read(&cpu_online_mask), cpu_id()));
}

KTEST(watchdog, hard_lockup)
{
	static struct stuck s;
	u64 old = watchdog_thresh_ns;
	u32 before = watchdog_hard_count;
	struct cpumask mine = CPUMASK_OF(0);

	if (smp_possible_count() != 2)
		return; /* with more, the neighbour that watches may be idle */
	KTEST_REQUIRE(sched_set_affinity(current, &mine) == 0);
	completion_init(&s.done);
	s.ns = 6 * SHORT_NS;
	s.began = 0;
	WRITE_ONCE(watchdog_thresh_ns, SHORT_NS);
	KTEST_REQUIRE(kthread_start_on(other_cpu(), stuck_without_interrupts, &s, "stuck", NULL) ==
		      0);
	spin_for(6 * SHORT_NS);
	completion_wait(&s.done);
	EXPECT_GE(watchdog_hard_count, before + 1);
	WRITE_ONCE(watchdog_thresh_ns, old);
	mine = CPUMASK_ALL;
	EXPECT_EQ(sched_set_affinity(current, &mine), 0);
}

static int blocked(void *ctx)
{
	struct stuck *s = ctx;

	completion_wait(&s->done);
	WRITE_ONCE(s->began, 1);
	return 0;
}

KTEST(watchdog, hung_task)
{
	static struct stuck s;

	completion_init(&s.done);
	s.began = 0;
	KTEST_REQUIRE(kthread_start(blocked, &s, "blocked", NULL) == 0);
	if (sched_sleep_until(time_mono_ns() + 2 * SHORT_NS, TASK_UNINTERRUPTIBLE))
		return;
	EXPECT_GE(hung_scan(SHORT_NS), 1);
	EXPECT_EQ(hung_scan(3600 * NSEC_PER_SEC), 0);
	completion_done(&s.done);
	while (!READ_ONCE(s.began))
		sched_yield();
}

static int reader(void *ctx)
{
	struct stuck *s = ctx;

	rcu_read_lock();
	WRITE_ONCE(s->began, 1);
	spin_for(s->ns);
	rcu_read_unlock();
	completion_done(&s->done);
	return 0;
}

KTEST(watchdog, rcu_stall)
{
	static struct stuck s;
	u64 old = rcu_stall_ns;
	u32 before = rcu_stall_count;

	if (smp_possible_count() < 2)
		return;
	completion_init(&s.done);
	s.ns = 4 * SHORT_NS;
	s.began = 0;
	WRITE_ONCE(rcu_stall_ns, SHORT_NS);
	KTEST_REQUIRE(kthread_start_on(other_cpu(), reader, &s, "reader", NULL) == 0);
	while (!READ_ONCE(s.began))
		cpu_relax();
	rcu_synchronize();
	completion_wait(&s.done);
	EXPECT_GE(rcu_stall_count, before + 1);
	WRITE_ONCE(rcu_stall_ns, old);
}
