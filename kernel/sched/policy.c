/*
 * Changing how and where a task is scheduled.
 *
 * A queued task is taken off its queue, changed and put back.  A running one is changed in place;
 * if it may not stay on its CPU, the next switch there moves it (rq->migrate_curr).
 */
#include <kernel/futex/futex.h>
#include <kernel/sched/sched_impl.h>

static void policy_assign(struct sched_entity *se, const struct sched_entity *to)
{
	se->policy = to->policy;
	se->nice = to->nice;
	se->rt_priority = to->rt_priority;
	se->lent_prio = to->lent_prio;
	se->call_prio = to->call_prio;
	se->wake_prio = to->wake_prio;
	WRITE_ONCE(se->prio, se_effective_prio(se));
	fair_set_weight(se);
}

/* The running task: in no tree, in its real-time list if it has one. */
static void policy_change_running(struct runqueue *rq, struct task *t,
				  const struct sched_entity *to)
{
	struct sched_entity *se = &t->se;
	bool was_rt = se_is_rt(se);
	u64 now = time_mono_ns();

	rq_update_curr(rq, now);
	if (was_rt)
		rt_dequeue(rq, se);
	else
		rq->load -= se->weight;
	policy_assign(se, to);
	if (se_is_rt(se)) {
		rt_enqueue(rq, se, true);
	} else {
		rq->load += se->weight;
		if (was_rt)
			se->vruntime = rq->min_vruntime;
		se->deadline = se->vruntime; /* renewed at the next pick */
	}
	rq_kick(rq);
}

void policy_change(struct runqueue *rq, struct task *t, const struct sched_entity *to)
{
	struct sched_entity *se = &t->se;
	bool queued = se->on_rq;
	u64 now = time_mono_ns();

	if (rq->curr == t && queued) {
		policy_change_running(rq, t, to);
		return;
	}
	if (queued)
		rq_dequeue(rq, t, now);
	if (se_is_rt(se) != (se_effective_prio(to) != 0)) {
		se->vruntime = 0;
		se->sleep_start_ns = now;
	}
	policy_assign(se, to);
	if (queued) {
		rq_enqueue(rq, t, now);
		rq_check_preempt(rq, t, false);
		/* It may be more urgent than what another CPU runs. */
		if (unlikely(rq->nr_rt > 1))
			rq_kick(rq);
	}
}

int sched_set_policy(struct task *t, int policy, int nice, int rt_priority)
{
	struct sched_entity to = {
		.policy = (u8)policy, .nice = (s8)nice, .rt_priority = (u8)rt_priority};
	struct runqueue *rq;
	unsigned long flags;

	switch (policy) {
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
		if (rt_priority)
			return -EINVAL;
		break;
	case SCHED_FIFO:
	case SCHED_RR:
		if (rt_priority < 1 || rt_priority > 99)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (nice < -20 || nice > 19)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->pi_lock);
	rq = rq_lock_task(t);
	to.lent_prio = t->se.lent_prio;
	to.call_prio = t->se.call_prio;
	to.wake_prio = t->se.wake_prio;
	policy_change(rq, t, &to);
	rq_unlock(rq);
	spin_unlock_irqrestore(&t->pi_lock, flags);
	/* A waiter that reads its priority after it has said that it waits misses nothing. */
	smp_mb();
	if (unlikely(READ_ONCE(t->pi_waits)))
		futex_priority_changed(t);
	return 0;
}

void sched_lend(struct task *t, u8 prio)
{
	struct runqueue *rq;
	unsigned long flags;

	if (t->se.lent_prio == prio)
		return;
	flags = spin_lock_irqsave(&t->pi_lock);
	rq = rq_lock_task(t);
	struct sched_entity to = {.policy = t->se.policy,
				  .nice = t->se.nice,
				  .rt_priority = t->se.rt_priority,
				  .lent_prio = prio,
				  .call_prio = t->se.call_prio,
				  .wake_prio = t->se.wake_prio};

	if (se_effective_prio(&to) == t->se.prio)
		t->se.lent_prio = prio;
	else
		policy_change(rq, t, &to);
	rq_unlock(rq);
	spin_unlock_irqrestore(&t->pi_lock, flags);
}

/* Queue locked: moves a queued task to a CPU that it may use. The lock is released. */
static void affinity_move_queued(struct runqueue *rq, struct task *t)
{
	struct runqueue *to;
	u64 now = time_mono_ns();

	rq_dequeue(rq, t, now);
	rq_unlock(rq);
	to = rq_of(balance_select_cpu(t, false));
	rq_lock(to);
	rq_enqueue(to, t, now);
	rq_check_preempt(to, t, false);
	rq_unlock(to);
}

int sched_set_affinity(struct task *t, const struct cpumask *mask)
{
	struct cpumask possible = cpumask_and(*mask, cpumask_read(&sched_cpus));
	unsigned long flags;
	struct runqueue *rq;
	bool wait = false;

	if (cpumask_empty(possible))
		return -EINVAL;
	flags = spin_lock_irqsave(&t->pi_lock);
	rq = rq_lock_task(t);
	t->se.allowed = *mask;
	if (cpumask_test(mask, rq->cpu) || !t->se.on_rq) {
		rq_unlock(rq);
	} else if (READ_ONCE(t->se.on_cpu)) {
		rq->migrate_curr = t;
		rq_kick(rq);
		wait = true;
		rq_unlock(rq);
	} else {
		affinity_move_queued(rq, t);
	}
	spin_unlock_irqrestore(&t->pi_lock, flags);
	/* The caller may rely on it: not before the task has left the CPU. */
	while (wait && READ_ONCE(t->se.on_cpu) && !cpumask_test(&possible, READ_ONCE(t->se.cpu)))
		cpu_relax();
	return 0;
}
