#include <kern/ktest.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>

struct rcu_item {
	struct rcu_head rcu;
	u64 alive;
};

#define ALIVE 0x616c697665ull
#define READERS 4
#define UPDATES 300

static struct rcu_item *shared;
static u32 stop, bad, freed, running; /* atomic */
static struct completion readers_done;

static void item_free(struct rcu_head *head)
{
	struct rcu_item *item = container_of(head, struct rcu_item, rcu);

	item->alive = 0;
	kfree(item);
	__atomic_add_fetch(&freed, 1, __ATOMIC_SEQ_CST);
}

static int reader_thread(void *ctx)
{
	(void)ctx;
	while (!READ_ONCE(stop)) {
		struct rcu_item *item;

		rcu_read_lock();
		item = rcu_dereference(shared);
		for (int i = 0; i < 100; i++) {
			if (READ_ONCE(item->alive) != ALIVE)
				__atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
		}
		rcu_read_unlock();
	}
	if (!__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST))
		completion_done(&readers_done);
	return 0;
}

/* Readers never see a freed object; all callbacks have run after the barrier. */
KTEST(rcu, readers_and_updates)
{
	struct task *task;
	unsigned int made = 0;

	stop = bad = freed = 0;
	running = READERS;
	completion_init(&readers_done);
	shared = kmalloc(sizeof(*shared));
	KTEST_REQUIRE(shared != NULL);
	shared->alive = ALIVE;
	for (int i = 0; i < READERS; i++)
		KTEST_REQUIRE(kthread_start(reader_thread, NULL, "rcureader", &task) == 0);
	for (int i = 0; i < UPDATES; i++) {
		struct rcu_item *new = kmalloc(sizeof(*new)), *old = shared;

		if (!new)
			break;
		new->alive = ALIVE;
		rcu_assign(shared, new);
		rcu_call(&old->rcu, item_free);
		made++;
		if (i % 32 == 31)
			rcu_synchronize();
		else
			sched_yield();
	}
	rcu_barrier();
	EXPECT_EQ(freed, made);
	WRITE_ONCE(stop, 1);
	completion_wait(&readers_done);
	EXPECT_EQ(bad, 0);
	kfree(shared);
}

/* A grace period is over soon although other CPUs idle or compute. */
KTEST(rcu, synchronize_is_quick)
{
	u64 begin = time_mono_ns();

	for (int i = 0; i < 20; i++)
		rcu_synchronize();
	EXPECT_LT(time_mono_ns() - begin, 5000000000ull);
}
