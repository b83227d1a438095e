/*
 * Which CPU: placement at wake-up, pulling before idling, pushing from the tick.
 *
 * A woken task goes to an idle CPU, its last one if possible.  The exception is a synchronous
 * wake-up (the waker is about to block) between tasks that only run for moments: the wakee stays
 * with the waker, since an interrupt to another CPU costs more than the run.
 *
 * A CPU that runs out of work takes a queued task from one that has several.  A busy one moves a
 * task to an idle one at its tick, and to a clearly less loaded one from time to time.  Where the
 * tasks do not divide evenly, the surplus one is passed on ten times a second, so that it is not
 * always the same tasks that share a CPU. The masks are hints: nothing is lost when they are wrong
 * for a moment.
 *
 * Real-time tasks go where something less urgent runs: at wake-up; when a CPU turns to something
 * less urgent than what waits elsewhere it fetches that (balance_rt_pull); and when one preempts
 * another, a CPU that could fetch the loser is told to look (balance_rt_push).
 */
#include <kernel/sched/sched_impl.h>

#define BALANCE_TICKS 8
#define BALANCE_ROTATE_TICKS 25
#define BALANCE_SCAN_MAX 8
#define BALANCE_RT_SCAN_MAX 64

void balance_note_load(struct runqueue *rq)
{
	bool busy = rq->nr_running > 1;

	if (busy == cpumask_test(&sched_busy_cpus, rq->cpu))
		return;
	if (busy)
		cpumask_set(&sched_busy_cpus, rq->cpu);
	else
		cpumask_clear(&sched_busy_cpus, rq->cpu);
}

/* The CPU of @set with the shortest queue. */
static unsigned int balance_least_loaded(struct cpumask set)
{
	unsigned int cpu, best = cpumask_first(set), best_nr = ~0u;

	for_each_cpu (cpu, set) {
		unsigned int nr = READ_ONCE(rq_of(cpu)->nr_running);

		if (nr < best_nr) {
			best = cpu;
			best_nr = nr;
		}
	}
	return best;
}

/* The CPU of @set that runs the least urgent task, with @prev first among equals. */
static unsigned int balance_least_urgent(struct cpumask set, unsigned int prev, u8 *prio)
{
	unsigned int cpu, best = cpumask_first(set);

	if (cpumask_test(&set, prev))
		best = prev;
	*prio = READ_ONCE(READ_ONCE(rq_of(best)->curr)->se.prio);
	for_each_cpu (cpu, set) {
		u8 other = READ_ONCE(READ_ONCE(rq_of(cpu)->curr)->se.prio);

		if (other < *prio) {
			best = cpu;
			*prio = other;
		}
	}
	return best;
}

unsigned int balance_select_cpu(struct task *t, bool sync)
{
	struct cpumask set = cpumask_and(t->se.allowed, cpumask_read(&sched_cpus));
	unsigned int this = cpu_id(), prev = t->se.cpu;
	struct cpumask idle;
	u8 prio;

	if (unlikely(cpumask_empty(set)))
		set = cpumask_read(&sched_cpus);
	if (!(set.bits & (set.bits - 1)))
		return cpumask_first(set);
	if (sync && t->se.burst_ns < BURST_SHORT_NS && cpumask_test(&set, this) &&
	    rq_of(this)->nr_running == 1 && current->se.burst_ns < BURST_SHORT_NS)
		return this;
	idle = cpumask_and(set, cpumask_read(&sched_idle_cpus));
	if (!cpumask_empty(idle)) {
		unsigned int cpu = cpumask_test(&idle, prev)   ? prev
				   : cpumask_test(&idle, this) ? this
							       : cpumask_first(idle);

		/* The next waker shall choose another. */
		cpumask_clear(&sched_idle_cpus, cpu);
		return cpu;
	}
	if (se_is_rt(&t->se))
		return balance_least_urgent(set, prev, &prio);
	if (cpumask_test(&set, prev) && READ_ONCE(rq_of(prev)->nr_running) < 2)
		return prev;
	return balance_least_loaded(set);
}

/* A queued task of @from that may run on @to and has left its stack; both locked. */
static struct task *balance_candidate(struct runqueue *from, const struct runqueue *to)
{
	struct rb_node *n = rb_first(&from->tree);

	for (unsigned int i = 0; n && i < BALANCE_SCAN_MAX; i++, n = rb_next(n)) {
		struct task *t = se_task(rb_entry(n, struct sched_entity, node));

		/* One that the running task hands over to is as good as running. */
		if (t != from->handoff && cpumask_test(&t->se.allowed, to->cpu) &&
		    !smp_load_acquire(&t->se.on_cpu))
			return t;
	}
	for (unsigned int i = 0; from->nr_rt > 1 && i < RT_PRIO_COUNT; i++) {
		struct task *t;

		list_for_each_entry (t, &from->rt[i], se.rt_link) {
			if (t != from->curr && cpumask_test(&t->se.allowed, to->cpu) &&
			    !smp_load_acquire(&t->se.on_cpu))
				return t;
		}
	}
	return NULL;
}

static bool balance_move(struct runqueue *from, struct runqueue *to, u64 now)
{
	struct task *t = balance_candidate(from, to);
	u64 wait_start;

	if (!t)
		return false;
	wait_start = t->se.wait_start_ns;
	rq_dequeue(from, t, now);
	rq_enqueue(to, t, now);
	t->se.wait_start_ns = wait_start;
	return true;
}

bool balance_pull(struct runqueue *rq, u64 now)
{
	struct cpumask busy = cpumask_without(cpumask_read(&sched_busy_cpus), rq->cpu);
	unsigned int cpu;

	for_each_cpu (cpu, busy) {
		struct runqueue *from = rq_of(cpu);
		bool moved;

		if (!rq_trylock(from))
			continue;
		moved = from->nr_running > 1 && balance_move(from, rq, now);
		rq_unlock(from);
		if (moved)
			return true;
	}
	return false;
}

/* The most urgent that waits on @from, may run on a CPU of @set and is above @prio. */
static struct task *balance_rt_waiting(struct runqueue *from, const struct task *curr,
				       struct cpumask set, u8 prio)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < 99u - prio; i++) {
		struct task *t;

		list_for_each_entry (t, &from->rt[i], se.rt_link) {
			if (t != curr && !cpumask_empty(cpumask_and(t->se.allowed, set)))
				return t;
			if (++seen == BALANCE_RT_SCAN_MAX)
				return NULL;
		}
	}
	return NULL;
}

/* Locks @from beside @rq, whose lock may be let go for a moment. */
static void balance_lock_second(struct runqueue *rq, struct runqueue *from)
{
	if (rq_trylock(from))
		return;
	if (from->cpu > rq->cpu) {
		rq_lock_nested(from);
		return;
	}
	rq_unlock(rq);
	rq_lock(from);
	rq_lock_nested(rq);
}

static u8 balance_rt_top(const struct runqueue *rq)
{
	u64 low = READ_ONCE(rq->rt_bits[0]), high = READ_ONCE(rq->rt_bits[1]);

	if (low)
		return (u8)(99 - __builtin_ctzll(low));
	return high ? (u8)(35 - __builtin_ctzll(high)) : 0;
}

static void balance_rt_fetch(struct runqueue *rq, struct runqueue *from, u64 now)
{
	struct task *t =
		balance_rt_waiting(from, from->curr, CPUMASK_OF(rq->cpu), balance_rt_top(rq));
	u64 wait_start;

	if (!t || smp_load_acquire(&t->se.on_cpu))
		return;
	wait_start = t->se.wait_start_ns;
	rq_dequeue(from, t, now);
	rq_enqueue(rq, t, now);
	t->se.wait_start_ns = wait_start;
}

void balance_rt_pull(struct runqueue *rq, struct task *prev, u64 now)
{
	struct cpumask full = cpumask_without(cpumask_read(&sched_rt_cpus), rq->cpu);
	unsigned int cpu;

	/* Only when this CPU turns to something less urgent, or was told to look. */
	if (rq->rt_throttled ||
	    (!READ_ONCE(rq->rt_look) && READ_ONCE(prev->se.prio) <= balance_rt_top(rq)))
		return;
	WRITE_ONCE(rq->rt_look, false);
	for_each_cpu (cpu, full) {
		struct runqueue *from = rq_of(cpu);

		if (READ_ONCE(from->rt_throttled) || balance_rt_top(from) <= balance_rt_top(rq))
			continue;
		balance_lock_second(rq, from);
		balance_rt_fetch(rq, from, now);
		rq_unlock(from);
	}
}

void balance_rt_push(struct runqueue *rq, struct task *next)
{
	struct cpumask others = cpumask_without(cpumask_read(&sched_cpus), rq->cpu);
	struct task *t = rq->rt_throttled ? NULL : balance_rt_waiting(rq, next, others, 0);
	struct runqueue *to;
	unsigned int cpu;
	u8 prio;

	if (!t)
		return;
	cpu = balance_least_urgent(cpumask_and(others, t->se.allowed), t->se.cpu, &prio);
	to = rq_of(cpu);
	if (prio >= t->se.prio || READ_ONCE(to->rt_throttled))
		return;
	WRITE_ONCE(to->rt_look, true);
	ipi_send(cpu, IPI_RESCHED);
}

/* The next CPU in the ring with fewer tasks, so that the surplus goes round; this one if there is
 * none. */
static unsigned int balance_next_lighter(const struct runqueue *rq)
{
	struct cpumask cpus = cpumask_read(&sched_cpus);
	struct cpumask after = {cpus.bits & ~((2ull << rq->cpu) - 1)};
	unsigned int cpu;

	for_each_cpu (cpu, after) {
		if (READ_ONCE(rq_of(cpu)->nr_running) < rq->nr_running)
			return cpu;
	}
	for_each_cpu (cpu, cpus) {
		if (READ_ONCE(rq_of(cpu)->nr_running) < rq->nr_running)
			return cpu;
	}
	return rq->cpu;
}

/* Moves one task to @cpu if it has at least @margin tasks less. */
static void balance_push(struct runqueue *rq, unsigned int cpu, unsigned int margin)
{
	struct runqueue *to = rq_of(cpu);

	if (READ_ONCE(to->nr_running) + margin > rq->nr_running)
		return;
	rq_lock(rq);
	if (rq_trylock(to)) {
		if (to->nr_running + margin <= rq->nr_running &&
		    balance_move(rq, to, time_mono_ns()) && to->curr == to->idle)
			rq_kick(to);
		rq_unlock(to);
	}
	rq_unlock(rq);
}

void balance_tick(struct runqueue *rq)
{
	struct cpumask idle = cpumask_read(&sched_idle_cpus);

	rq->ticks++;
	if (rq->nr_running < 2)
		return;
	if (!cpumask_empty(idle))
		balance_push(rq, cpumask_first(idle), 2);
	else if (rq->ticks % BALANCE_ROTATE_TICKS == 0)
		balance_push(rq, balance_next_lighter(rq), 1);
	else if (rq->ticks % BALANCE_TICKS == 0)
		balance_push(rq, balance_least_loaded(cpumask_read(&sched_cpus)), 2);
}
