/*
 * What happens when free frames run short.
 *
 * Below the low mark kswapd, a kernel thread, asks the shrinkers until the high mark is reached.
 * Who finds less than its reserve asks them itself, then the out-of-memory hook.  One asks at a
 * time, others wait for it.  That runs in the context of the allocation, which may hold sleeping
 * locks; shrinkers only try-lock.
 *
 * Shrinkers that tell their size are asked in proportion to it; the others hold small stocks and
 * are asked first, those that are `last` when nobody else gave anything.
 */
#include "frame_impl.h"

#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <kernel/boot/boot.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>

#define BATCH 32u
#define WAIT_NS (2 * NSEC_PER_MSEC)
#define IDLE_NS (100 * NSEC_PER_MSEC)

static struct frame_shrinker *shrinkers;
static bool (*oom_hook)(unsigned int order, u32 gfp) __ro_after_init;
static struct task *shrinking; /* atomic: who asks the shrinkers */
static struct task *kswapd;
static struct wait_queue kswapd_wait;
static u64 low_mark, high_mark;
static struct frame_reclaim_stats stats; /* atomic counters */

void frame_register_shrinker(struct frame_shrinker *s)
{
	s->next = __atomic_load_n(&shrinkers, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&shrinkers, &s->next, s, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

void frame_set_oom_hook(bool (*hook)(unsigned int order, u32 gfp))
{
	__atomic_store_n(&oom_hook, hook, __ATOMIC_RELEASE);
}

static void count(u64 *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

void frame_reclaim_stats(struct frame_reclaim_stats *out)
{
	out->stalls = __atomic_load_n(&stats.stalls, __ATOMIC_RELAXED);
	out->kswapd_runs = __atomic_load_n(&stats.kswapd_runs, __ATOMIC_RELAXED);
	out->low = READ_ONCE(low_mark);
	out->high = READ_ONCE(high_mark);
	out->min = READ_ONCE(frame_min_free);
}

bool frame_in_kswapd(void)
{
	return current == READ_ONCE(kswapd);
}

/* Marks above the reserve, as far apart as Linux has them: a quarter of it, or 0.1 % of memory. */
void frame_set_min_free(u64 frames)
{
	u64 gap = max(frames / 4, READ_ONCE(frame_total) / 1000);

	WRITE_ONCE(frame_min_free, frames);
	WRITE_ONCE(low_mark, frames + gap);
	WRITE_ONCE(high_mark, frames + 2 * gap);
}

static u64 ask_all(u64 want)
{
	struct frame_shrinker *first = __atomic_load_n(&shrinkers, __ATOMIC_ACQUIRE), *s;
	u64 total = 0, got = 0;

	for (s = first; s; s = s->next) {
		if (s->size)
			total += s->size();
		else if (!s->last)
			got += s->shrink(want);
	}
	for (int pass = 0; pass < 2 && got < want && total; pass++) {
		for (s = first; s && got < want; s = s->next) {
			u64 size = s->size ? s->size() : 0;

			if (size)
				got += s->shrink(min(want - got, want * size / total + 1));
		}
	}
	for (s = first; s && !got; s = s->next) {
		if (s->last)
			got += s->shrink(want);
	}
	return got;
}

/* False: somebody else is at it. */
static bool shrink_begin(void)
{
	struct task *none = NULL;

	return __atomic_compare_exchange_n(&shrinking, &none, current, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static void shrink_end(void)
{
	__atomic_store_n(&shrinking, NULL, __ATOMIC_RELEASE);
}

u64 frame_shrink(u64 want)
{
	u64 got;

	if (!shrink_begin())
		return 0;
	got = ask_all(want);
	shrink_end();
	return got;
}

/* --- the allocation --- */

static void nap(u64 ns)
{
	(void)!sched_sleep_until(time_mono_ns() + ns, TASK_UNINTERRUPTIBLE);
}

enum frame_outcome frame_reclaim(unsigned int order, u32 gfp, unsigned int attempt)
{
	u64 want = (1ul << order) + BATCH;

	frame_pcp_drain_local();
	if (gfp & GFP_ATOMIC || preempt_count() || irqs_are_off())
		return attempt ? FRAME_GIVE_UP : FRAME_AGAIN;
	if (READ_ONCE(shrinking) == current)
		return FRAME_GIVE_UP; /* a shrinker's own */
	frame_kick_kswapd(gfp);
	count(&stats.stalls);
	if (!shrink_begin()) {
		nap(WAIT_NS);
		return attempt < RECLAIM_TRIES / 2 ? FRAME_PROGRESS : FRAME_AGAIN;
	}
	u64 got = ask_all(want);

	shrink_end();
	if (got) {
		/* Objects are given back after a grace period. */
		if (frame_free_count() < READ_ONCE(frame_min_free) + want)
			nap(WAIT_NS);
		return FRAME_PROGRESS;
	}
	if (attempt == 0)
		return FRAME_AGAIN; /* the drained list may be enough */
	bool (*hook)(unsigned int order, u32 gfp) = __atomic_load_n(&oom_hook, __ATOMIC_ACQUIRE);

	/* Large blocks fail rather than cost a process its life; their callers have a fallback. */
	if (!hook || order > 3 || gfp & GFP_NOWARN)
		return FRAME_GIVE_UP;
	return hook(order, gfp) ? FRAME_PROGRESS : FRAME_GIVE_UP;
}

/* --- in the background --- */

bool frame_below_low(void)
{
	return frame_free_count() < READ_ONCE(low_mark);
}

void frame_kick_kswapd(u32 gfp)
{
	if (gfp & GFP_ATOMIC || preempt_count() || irqs_are_off() || !READ_ONCE(kswapd))
		return;
	if (wait_queue_active(&kswapd_wait))
		wake_up_all(&kswapd_wait);
}

static void balance(void)
{
	count(&stats.kswapd_runs);
	while (frame_free_count() < READ_ONCE(high_mark)) {
		u64 got = 0;

		if (shrink_begin()) {
			got = ask_all(BATCH * 4);
			shrink_end();
		}
		if (!got) {
			/* Nothing to have: those who allocate see to it, by the last resort. */
			nap(IDLE_NS);
			return;
		}
		rcu_synchronize();
		sched_cond_resched();
	}
}

static int kswapd_main(void *ctx)
{
	(void)ctx;
	for (;;) {
		(void)wait_event_interruptible(&kswapd_wait, frame_below_low());
		balance();
	}
	return 0;
}

static void kswapd_start(void)
{
	struct task *t;

	wait_queue_init(&kswapd_wait);
	frame_set_min_free(frame_min_free);
	if (!kthread_start(kswapd_main, NULL, "kswapd0", &t))
		WRITE_ONCE(kswapd, t);
}
INITCALL(kswapd_start);
