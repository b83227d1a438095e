#include <kern/ktest.h>
#include <kernel/sched/sched.h>
#include <kernel/wait/wait.h>
#include <kernel/work/work.h>

static u32 ran, inside; /* atomic */
static struct completion gate;

static void count_work(struct work *w)
{
	(void)w;
	if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) > 1)
		__atomic_add_fetch(&ran, 1000, __ATOMIC_SEQ_CST);
	sched_yield();
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

static void blocking_work(struct work *w)
{
	(void)w;
	completion_wait(&gate);
}

/* Runs at least once for each time it was queued while idle; never twice at once. */
KTEST(work, queue_and_flush)
{
	struct work w;
	unsigned int queued = 0;

	ran = inside = 0;
	work_init(&w, count_work);
	for (int i = 0; i < 200; i++) {
		queued += work_queue(&w);
		if (i % 8 == 0)
			sched_yield();
	}
	work_flush(&w);
	EXPECT_EQ(ran, queued);
	EXPECT_FALSE(w.state & 1);
}

/* Items that sleep do not hold the others up. */
KTEST(work, blocked_items_do_not_starve)
{
	struct work block[4], w;

	completion_init(&gate);
	ran = inside = 0;
	for (int i = 0; i < 4; i++) {
		work_init(&block[i], blocking_work);
		work_queue(&block[i]);
	}
	work_init(&w, count_work);
	work_queue(&w);
	work_flush(&w);
	EXPECT_EQ(ran, 1);
	completion_done_all(&gate);
	for (int i = 0; i < 4; i++)
		work_cancel_sync(&block[i]);
}

KTEST(work, delayed)
{
	struct work_delayed d;
	u64 begin = time_mono_ns();

	ran = inside = 0;
	work_delayed_init(&d, count_work);
	EXPECT_TRUE(work_queue_delayed(&d, 60000000000ull));
	EXPECT_FALSE(work_queue_delayed(&d, 1));
	work_delayed_cancel_sync(&d);
	begin = time_mono_ns();
	EXPECT_TRUE(work_queue_delayed(&d, 3000000));
	while (!READ_ONCE(ran) && time_mono_ns() - begin < 2000000000ull) {
		if (sched_sleep_until(time_mono_ns() + 500000, TASK_UNINTERRUPTIBLE))
			break;
	}
	EXPECT_EQ(ran, 1);
	EXPECT_GE(time_mono_ns() - begin, 3000000);
	EXPECT_TRUE(work_queue_delayed(&d, 60000000000ull));
	work_delayed_cancel_sync(&d);
	EXPECT_EQ(ran, 1);
}
