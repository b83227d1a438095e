/*
 * The real-time classes: a list for each priority and a bit map of those that are not empty.
 *
 * Unlike the fair class the running task stays in its list, at the head, so that it keeps its place
 * when something better preempts it (POSIX).  The end of a round-robin slice and sched_yield() move
 * it to the tail.
 *
 * A real-time task that never sleeps would shut out everything else, the shell that could kill it
 * too.  So these classes get 95 per cent of each second at most while other tasks wait, as on
 * Linux.
 */
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched_impl.h>
#include <kern/string.h>

#define RT_SLICE_DEFAULT_MS 100

int rt_period_us = 1000000, rt_runtime_us = 950000, rt_slice_ms = RT_SLICE_DEFAULT_MS;

static inline unsigned int rt_index(const struct sched_entity *se)
{
	return 99u - se->prio;
}

void rt_enqueue(struct runqueue *rq, struct sched_entity *se, bool at_head)
{
	unsigned int i = rt_index(se);

	if (at_head)
		list_add(&se->rt_link, &rq->rt[i]);
	else
		list_add_tail(&se->rt_link, &rq->rt[i]);
	rq->rt_bits[i / 64] |= 1ull << (i % 64);
	if (++rq->nr_rt == 2 && sched_smp)
		cpumask_set(&sched_rt_cpus, rq->cpu);
}

void rt_dequeue(struct runqueue *rq, struct sched_entity *se)
{
	unsigned int i = rt_index(se);

	list_del_init(&se->rt_link);
	if (list_empty(&rq->rt[i]))
		rq->rt_bits[i / 64] &= ~(1ull << (i % 64));
	if (--rq->nr_rt == 1 && sched_smp)
		cpumask_clear(&sched_rt_cpus, rq->cpu);
}

struct task *rt_pick(struct runqueue *rq)
{
	unsigned int i = rq->rt_bits[0] ? (unsigned int)__builtin_ctzll(rq->rt_bits[0])
					: 64 + (unsigned int)__builtin_ctzll(rq->rt_bits[1]);

	return list_first_entry(&rq->rt[i], struct task, se.rt_link);
}

void rt_yield(struct runqueue *rq, struct sched_entity *se)
{
	list_move_tail(&se->rt_link, &rq->rt[rt_index(se)]);
}

void rt_account(struct runqueue *rq, struct sched_entity *se, u64 delta)
{
	rq->rt_used_ns += delta;
	se->rt_run_ns += delta;
	if (se->policy != SCHED_RR)
		return;
	if (delta < se->rt_slice_left_ns) {
		se->rt_slice_left_ns -= (u32)delta;
		return;
	}
	se->rt_slice_left_ns = rt_slice_ns();
	/* One that blocks may be looked at until the switch is done. */
	if (likely(se->on_rq))
		rt_yield(rq, se);
}

bool rt_tick(struct runqueue *rq, u64 now)
{
	bool was = rq->rt_throttled;
	int runtime = READ_ONCE(rt_runtime_us);

	if (now - rq->rt_period_ns >= (u64)READ_ONCE(rt_period_us) * 1000) {
		rq->rt_period_ns = now;
		rq->rt_used_ns = 0;
		rq->rt_throttled = false;
	} else {
		rq->rt_throttled = runtime >= 0 && rq->rt_used_ns >= (u64)runtime * 1000;
	}
	return was != rq->rt_throttled;
}

/* --- /proc/sys/kernel --- */

static int show_slice(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", READ_ONCE(rt_slice_ms));
}

static int store_slice(const char *text)
{
	int ms;

	if (!proc_parse_int(text, &ms) || ms > 4000)
		return -EINVAL;
	WRITE_ONCE(rt_slice_ms, ms > 0 ? ms : RT_SLICE_DEFAULT_MS);
	return 0;
}

static int show_period(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", READ_ONCE(rt_period_us));
}

static int store_period(const char *text)
{
	int us;

	if (!proc_parse_int(text, &us) || us <= 0 || us < READ_ONCE(rt_runtime_us))
		return -EINVAL;
	WRITE_ONCE(rt_period_us, us);
	return 0;
}

static int show_runtime(char *buf, size_t size)
{
	return snprintf(buf, size, "%d", READ_ONCE(rt_runtime_us));
}

static int store_runtime(const char *text)
{
	int us;

	if (!proc_parse_int(text, &us) || us < -1 || us > READ_ONCE(rt_period_us))
		return -EINVAL;
	WRITE_ONCE(rt_runtime_us, us);
	return 0;
}

SYSCTL_TEXT("kernel/sched_rr_timeslice_ms", 0644, show_slice, store_slice);
SYSCTL_TEXT("kernel/sched_rt_period_us", 0644, show_period, store_period);
SYSCTL_TEXT("kernel/sched_rt_runtime_us", 0644, show_runtime, store_runtime);
