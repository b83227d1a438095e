#include <kern/ktest.h>
#include <kern/errno.h>
#include <kernel/sched/sched.h>
#include <kernel/time/time.h>

struct probe {
	struct timer timer;
	u64 fired_ns;
	u32 count, rearm;
};

static void probe_fn(struct timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->fired_ns = time_mono_ns();
	p->count++;
	if (p->rearm) {
		p->rearm--;
		timer_start(timer, p->fired_ns + 100000);
	}
}

static void nap(u64 ns)
{
	if (sched_sleep_until(time_mono_ns() + ns, TASK_UNINTERRUPTIBLE))
		return;
}

KTEST(time, monotonic_does_not_go_back)
{
	u64 last = time_mono_ns();

	for (int i = 0; i < 10000; i++) {
		u64 now = time_mono_ns();

		if (now < last)
			ktest_fail(t, __FILE__, __LINE__, "went back by %llu", last - now);
		last = now;
	}
}

/* What may be late comes with what is punctual; it is in nobody's way before. */
KTEST(time, slack_shares_an_interrupt)
{
	static struct probe lazy, punctual;
	u64 now = time_mono_ns();

	memset(&lazy, 0, sizeof(lazy));
	memset(&punctual, 0, sizeof(punctual));
	preempt_disable(); /* both on one CPU */
	timer_init(&lazy.timer, probe_fn);
	timer_init(&punctual.timer, probe_fn);
	/* Its end is right behind the other, so that no third timer is between them. */
	timer_start_range(&lazy.timer, now + 100000, 2901000);
	EXPECT_EQ(lazy.timer.latest_ns, now + 3001000);
	timer_start(&punctual.timer, now + 3000000);
	while (!READ_ONCE(punctual.count))
		cpu_relax();
	EXPECT_EQ(lazy.count, 1);
	EXPECT_GE(lazy.fired_ns, now + 100000);
	preempt_enable();
	timer_cancel_sync(&lazy.timer);
}

KTEST(time, timers_fire_in_order_and_not_early)
{
	static struct probe p[8];
	u64 now = time_mono_ns();

	for (int i = 0; i < 8; i++) {
		memset(&p[i], 0, sizeof(p[i]));
		timer_init(&p[i].timer, probe_fn);
		timer_start(&p[i].timer, now + (u64)(8 - i) * 500000);
	}
	/* Each CPU's in order; this one may have changed CPUs meanwhile. */
	for (int i = 0; i < 8; i++) {
		while (!READ_ONCE(p[i].count))
			nap(1000000);
	}
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(p[i].count, 1);
		EXPECT_GE(p[i].fired_ns, now + (u64)(8 - i) * 500000);
		EXPECT_FALSE(timer_pending(&p[i].timer));
	}
}

KTEST(time, cancel_and_rearm)
{
	static struct probe p;

	memset(&p, 0, sizeof(p));
	timer_init(&p.timer, probe_fn);
	timer_start(&p.timer, time_mono_ns() + 3000000000ull);
	EXPECT_TRUE(timer_pending(&p.timer));
	EXPECT_TRUE(timer_cancel_sync(&p.timer));
	EXPECT_FALSE(timer_cancel(&p.timer));
	nap(4000000);
	EXPECT_EQ(p.count, 0);
	p.rearm = 3;
	timer_start(&p.timer, time_mono_ns() + 100000);
	while (READ_ONCE(p.count) < 4)
		nap(1000000);
	nap(1000000);
	EXPECT_EQ(p.count, 4);
	EXPECT_FALSE(timer_pending(&p.timer));
}

KTEST(time, wall_clock_can_be_set)
{
	u64 before = time_real_ns(), mono = time_mono_ns(), after;

	KTEST_REQUIRE(time_set_real(before + 5000000000ull) == 0);
	after = time_real_ns();
	EXPECT_GE(after - before, 5000000000ull);
	EXPECT_LT(after - before, 7000000000ull);
	EXPECT_EQ(time_set_real(1), -EINVAL);
	EXPECT_EQ(time_set_real(before + (time_mono_ns() - mono)), 0);
}
