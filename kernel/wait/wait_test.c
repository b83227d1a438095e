#include <kern/ktest.h>
#include <kern/errno.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>

struct ping {
	struct wait_queue wq[2];
	u32 turn; /* atomic */
	struct completion done;
};

#define PINGS 5000

static int ping_thread(void *ctx)
{
	struct ping *p = ctx;

	for (int i = 0; i < PINGS; i++) {
		wait_event(&p->wq[1], READ_ONCE(p->turn) == 1);
		WRITE_ONCE(p->turn, 0);
		wake_up(&p->wq[0]);
	}
	completion_done(&p->done);
	return 0;
}

/* No wake-up is lost in many hand-overs, between whatever CPUs. */
KTEST(wait, ping_pong)
{
	static struct ping p;
	struct task *task;

	wait_queue_init(&p.wq[0]);
	wait_queue_init(&p.wq[1]);
	completion_init(&p.done);
	p.turn = 0;
	KTEST_REQUIRE(kthread_start(ping_thread, &p, "ping", &task) == 0);
	for (int i = 0; i < PINGS; i++) {
		WRITE_ONCE(p.turn, 1);
		wake_up_sync_poll(&p.wq[1], 0);
		wait_event(&p.wq[0], READ_ONCE(p.turn) == 0);
	}
	completion_wait(&p.done);
}

KTEST(wait, deadline_passes)
{
	struct wait_queue q;
	u64 begin = time_mono_ns(), end;

	wait_queue_init(&q);
	EXPECT_EQ(wait_event_deadline(&q, false, begin + 2000000), -ETIME);
	end = time_mono_ns();
	EXPECT_GE(end - begin, 2000000);
	EXPECT_TRUE(list_empty(&q.entries));
	EXPECT_EQ(wait_event_deadline(&q, true, begin), 0);
}

struct herd {
	struct wait_queue wq;
	u32 open, passed; /* atomic */
	struct completion done;
};

#define HERD 5

static int herd_thread(void *ctx)
{
	struct herd *h = ctx;

	(void)wait_event_full(&h->wq, READ_ONCE(h->open), TASK_UNINTERRUPTIBLE, true, WAIT_FOREVER);
	if (__atomic_add_fetch(&h->passed, 1, __ATOMIC_SEQ_CST) == HERD)
		completion_done(&h->done);
	else
		wake_up(&h->wq);
	return 0;
}

/* One wake-up wakes one exclusive waiter; each passes it on. */
KTEST(wait, exclusive_chain)
{
	static struct herd h;
	struct task *task;

	memset(&h, 0, sizeof(h));
	wait_queue_init(&h.wq);
	completion_init(&h.done);
	for (int i = 0; i < HERD; i++)
		KTEST_REQUIRE(kthread_start(herd_thread, &h, "herd", &task) == 0);
	if (sched_sleep_until(time_mono_ns() + 3000000, TASK_UNINTERRUPTIBLE))
		ktest_fail(t, __FILE__, __LINE__, "sleep was interrupted");
	WRITE_ONCE(h.open, 1);
	wake_up(&h.wq);
	completion_wait(&h.done);
	EXPECT_EQ(h.passed, HERD);
}
