/* Numbers: allocation, lookup, freeing; and what current says of itself. */
#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/task/task_impl.h>

KTEST(task, pid_numbers)
{
	struct pid *a, *b;

	KTEST_REQUIRE(pid_alloc(0, &a) == 0);
	KTEST_REQUIRE(pid_alloc(0, &b) == 0);
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
	struct pid *a, *b;

	KTEST_REQUIRE(pid_alloc(30000, &a) == 0);
	EXPECT_EQ(pid_alloc(30000, &b), -EEXIST);
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
