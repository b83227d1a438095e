/* Numbers: allocation, lookup, freeing; and what current says of itself. */
#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task_impl.h>
#include <kernel/time/time.h>

KTEST(task, pid_numbers)
{
	struct pid *a, *b;

	KTEST_REQUIRE(pid_alloc(&pid_ns_init, NULL, &a) == 0);
	KTEST_REQUIRE(pid_alloc(&pid_ns_init, NULL, &b) == 0);
	EXPECT_NE(a->nr, b->nr);
	struct pid *found = pid_find(a->nr);

	EXPECT_TRUE(found == a);
	pid_put(found);
	int nr = a->nr;

	pid_abandon(a);
	EXPECT_NULL(pid_find(nr));
	pid_abandon(b);
}

KTEST(task, pid_wanted)
{
	const struct pid_wanted wanted = {.count = 1, .nr = {30000}};
	struct pid *a, *b;

	KTEST_REQUIRE(pid_alloc(&pid_ns_init, &wanted, &a) == 0);
	EXPECT_EQ(pid_alloc(&pid_ns_init, &wanted, &b), -EEXIST);
	pid_abandon(a);
}

static int thread_end(void *ctx)
{
	struct completion *done = ctx;

	completion_done(done);
	return 0;
}

KTEST(task, kthread_runs_and_ends)
{
	struct completion done;

	completion_init(&done);
	KTEST_REQUIRE(kthread_start(thread_end, &done, "test", NULL) == 0);
	completion_wait(&done);
}

static u32 threads_done; /* atomic */

static int thread_count_up(void *ctx)
{
	(void)ctx;
	__atomic_fetch_add(&threads_done, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Many short lives on all CPUs; their numbers and memory come back. */
KTEST(task, kthreads_come_and_go)
{
	const u32 rounds = 300;
	u32 started = 0;

	threads_done = 0;
	for (u32 i = 0; i < rounds; i++)
		started += kthread_start(thread_count_up, NULL, "short", NULL) == 0;
	EXPECT_EQ(started, rounds);
	for (u32 i = 0; i < 1000 && READ_ONCE(threads_done) != rounds; i++)
		(void)!sched_sleep_until(time_mono_ns() + 10 * NSEC_PER_MSEC, TASK_UNINTERRUPTIBLE);
	EXPECT_EQ(threads_done, rounds);
}

KTEST(task, groups_of_init)
{
	struct process *p = process_find(1);

	KTEST_REQUIRE(p != NULL);
	EXPECT_TRUE(p == init_task->process);
	EXPECT_EQ(process_ppid(p), 0);
	EXPECT_TRUE(p->group_flags & PROC_UNKILLABLE);
	process_put(p);
	EXPECT_NULL(task_find(0));
}
