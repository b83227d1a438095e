/*
 * Where the time went: per CPU and per task, and the load average.
 *
 * A task's total is exact, from the cycle counter at each switch.  Its split into user and system
 * follows the ticks, as reading the counter at each entry and exit of the kernel would cost
 * more than most system calls.  A task that never met a tick is reckoned as user time, as on Linux.
 * The split moves with the ticks, but neither part of what was once told goes back.
 * CPU totals are brought up to date at ticks and switches.
 *
 * The load average is computed from what is runnable every five seconds.  Without a tick on idle
 * CPUs nobody may be there to do it: whoever comes next, tick or reader, catches up.
 */
#include <kernel/sched/sched_impl.h>
#include <kern/math64.h>

#define LOAD_PERIOD_NS (5 * NSEC_PER_SEC)
#define LOAD_FIXED_1 2048u

/* exp(-5 s / 1, 5, 15 min) with 11 fraction bits */
static const u32 load_decay[3] = {1884, 2014, 2037};
static u64 load_average[3];
static u64 load_next_ns;
static struct spinlock load_lock = SPINLOCK_INIT(LK_IRQ_LEAF);

static inline u64 account_elapsed(struct runqueue *rq, u64 now)
{
	s64 delta = (s64)(now - rq->account_ns);

	if (delta <= 0)
		return 0;
	rq->account_ns = now;
	return (u64)delta;
}

static inline void account_busy(struct runqueue *rq, struct task *t, bool user, u64 delta)
{
	if (!user)
		rq->times.system_ns += delta;
	else if (t->se.nice > 0)
		rq->times.nice_ns += delta;
	else
		rq->times.user_ns += delta;
}

void account_switch(struct runqueue *rq, struct task *prev, u64 now)
{
	u64 delta = account_elapsed(rq, now);

	if (prev == rq->idle)
		rq->times.idle_ns += delta;
	else
		account_busy(rq, prev, prev->mm && prev->utime_ns >= prev->stime_ns, delta);
}

void account_tick(struct runqueue *rq, bool from_user, u64 now)
{
	u64 delta = account_elapsed(rq, now);
	struct task *t = rq->curr;

	if (t == rq->idle) {
		rq->times.idle_ns += delta;
		return;
	}
	account_busy(rq, t, from_user, delta);
	if (from_user)
		t->utime_ns += delta;
	else
		t->stime_ns += delta;
}

void sched_task_times(struct task *t, u64 *utime_ns, u64 *stime_ns)
{
	struct sched_entity *se = &t->se;
	u64 user = READ_ONCE(t->utime_ns), system = READ_ONCE(t->stime_ns), total;
	unsigned long flags = irqs_save();
	struct runqueue *rq;

	preempt_disable();
	rq = rq_lock_task(t);
	if (rq->curr == t)
		rq_update_curr(rq, time_mono_ns());
	total = se->sum_exec_ns;
	if (system && user)
		user = mul_u64_u64_div_u64(total, user, user + system);
	else
		user = system ? 0 : total;
	/* Both told parts fit: their sum was a total once. */
	if (user < se->utime_told_ns)
		user = se->utime_told_ns;
	if (total - user < se->stime_told_ns)
		user = total - se->stime_told_ns;
	se->utime_told_ns = *utime_ns = user;
	se->stime_told_ns = *stime_ns = total - user;
	rq_unlock(rq);
	irqs_restore(flags);
	preempt_enable();
}

void sched_cpu_times(unsigned int cpu, struct sched_cpu_times *out)
{
	struct runqueue *rq = rq_of(cpu);
	u64 then = READ_ONCE(rq->account_ns), now = time_mono_ns();
	u64 delta = now > then ? now - then : 0;

	*out = rq->times;
	if (READ_ONCE(rq->curr) == rq->idle)
		out->idle_ns += delta;
	else
		out->system_ns += delta;
}

unsigned int sched_nr_running(void)
{
	unsigned int cpu, n = 0;

	for_each_cpu (cpu, cpumask_read(&sched_cpus))
		n += READ_ONCE(rq_of(cpu)->nr_running);
	return n;
}

u64 sched_nr_switches(void)
{
	unsigned int cpu;
	u64 n = 0;

	for_each_cpu (cpu, cpumask_read(&sched_cpus))
		n += READ_ONCE(rq_of(cpu)->switches);
	return n;
}

static u64 load_active(void)
{
	unsigned int cpu;
	s64 n = sched_nr_running();

	for_each_cpu (cpu, cpumask_read(&sched_cpus))
		n += READ_ONCE(rq_of(cpu)->nr_uninterruptible);
	return n > 0 ? (u64)n : 0;
}

static void load_step(u64 active)
{
	for (unsigned int i = 0; i < 3; i++) {
		u64 target = active * LOAD_FIXED_1;
		u64 sum = load_average[i] * load_decay[i] + target * (LOAD_FIXED_1 - load_decay[i]);

		if (target >= load_average[i])
			sum += LOAD_FIXED_1 - 1;
		load_average[i] = sum / LOAD_FIXED_1;
	}
}

static void load_catch_up(u64 now)
{
	u64 active = load_active();

	if (!load_next_ns)
		load_next_ns = now + LOAD_PERIOD_NS;
	/* After an hour of idling nothing is left of the past. */
	if (now > load_next_ns && now - load_next_ns > 3600 * NSEC_PER_SEC) {
		load_average[0] = load_average[1] = load_average[2] = 0;
		load_next_ns = now;
	}
	for (; load_next_ns <= now; load_next_ns += LOAD_PERIOD_NS)
		load_step(active);
}

void account_load_tick(u64 now)
{
	if (likely(now < READ_ONCE(load_next_ns)))
		return;
	spin_lock(&load_lock);
	load_catch_up(now);
	spin_unlock(&load_lock);
}

void sched_loadavg(u64 out[3])
{
	unsigned long flags = spin_lock_irqsave(&load_lock);

	load_catch_up(time_mono_ns());
	for (unsigned int i = 0; i < 3; i++)
		out[i] = load_average[i];
	spin_unlock_irqrestore(&load_lock, flags);
}
