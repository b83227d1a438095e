/* Numbers: allocation, lookup, freeing; what current says of itself; stacks that overflow. */
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/panic/panic.h>
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

/* --- a stack that is not enough --- */

static volatile unsigned int too_deep = 4 * THREAD_SIZE;

static noinline unsigned int descend(unsigned int n)
{
	volatile u8 frame[128];

	frame[0] = (u8)n;
	return n < too_deep ? descend(n + 1) + frame[0] : frame[0];
}

/* Interrupts are off: one that comes at the stack's end makes it its own fault, a panic. */
static int thread_descend(void *ctx)
{
	(void)ctx;
	irqs_off();
	return (int)descend(0);
}

/* As under a spinlock, whose count the end of the task has to put right. */
static int thread_descend_atomic(void *ctx)
{
	preempt_disable();
	return thread_descend(ctx);
}

static void overflow(struct ktest_ctx *t, int (*fn)(void *ctx))
{
	const unsigned long died = 1ul << TAINT_DIE;
	unsigned long before = __atomic_fetch_and(&panic_taint, ~died, __ATOMIC_RELAXED);
	struct task *task;

	KTEST_REQUIRE(kthread_start(fn, NULL, "overflow", &task) == 0);
	for (int i = 0; i < 1000 && READ_ONCE(task->exit_state) == EXIT_NONE; i++)
		(void)!sched_sleep_until(time_mono_ns() + 10 * NSEC_PER_MSEC, TASK_UNINTERRUPTIBLE);
	EXPECT_NE(task->exit_state, EXIT_NONE);
	EXPECT_TRUE(panic_taint & died);
	if (!(before & died))
		__atomic_fetch_and(&panic_taint, ~died, __ATOMIC_RELAXED);
	task_put(task);
}

/* More often than there are stacks kept mapped: the next owner of one finds it fit for use. */
KTEST(task, stack_overflow_is_the_end_of_its_task_only)
{
	for (int i = 0; i < 12; i++)
		overflow(t, thread_descend);
}

KTEST(task, stack_overflow_with_preemption_off)
{
	for (int i = 0; i < 4; i++)
		overflow(t, thread_descend_atomic);
}
