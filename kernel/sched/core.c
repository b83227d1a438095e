/*
 * Scheduler core: switching, blocking, waking.
 *
 * A task blocks by setting its state, testing its condition, and calling sched_schedule(), which
 * takes it off the queue if the state still says so.  A waker makes the condition true first and
 * then looks at the state, under the sleeper's pi_lock.  Both sides have a full barrier between
 * their store and their load, so one of them sees the other.
 *
 * on_rq says that the task counts as runnable, on_cpu that some CPU is on its stack.  A waker that
 * finds on_rq set only has to undo the state.  One that finds it clear waits for on_cpu to clear,
 * which the switch does as its last act on the old stack's behalf, and then queues the task
 * wherever it likes.
 *
 * The queue's lock is taken before the switch and released after it by the next task, so that
 * nobody can pick a task whose stack is still in use.
 */
#include <kernel/sched/sched_impl.h>
#include <kernel/arch_up.h>
#include <kernel/rcu/rcu.h>
#include <kernel/signal/signal.h>
#include <kern/string.h>

DEFINE_PERCPU(struct runqueue, runqueue);
struct cpumask sched_cpus, sched_idle_cpus, sched_busy_cpus, sched_rt_cpus;
bool sched_smp;

struct runqueue *rq_lock_task(struct task *t)
{
	for (;;) {
		struct runqueue *rq = rq_of(READ_ONCE(t->se.cpu));

		rq_lock(rq);
		if (likely(rq->cpu == t->se.cpu))
			return rq;
		rq_unlock(rq);
	}
}

void rq_update_curr(struct runqueue *rq, u64 now)
{
	struct task *curr = rq->curr;
	s64 delta = (s64)(now - curr->se.exec_start_ns);

	if (curr == rq->idle || delta <= 0)
		return;
	curr->se.exec_start_ns = now;
	curr->se.sum_exec_ns += (u64)delta;
	if (likely(!se_is_rt(&curr->se)))
		fair_account(rq, &curr->se, (u64)delta);
	else
		rt_account(rq, &curr->se, (u64)delta);
}

void rq_enqueue(struct runqueue *rq, struct task *t, u64 now)
{
	t->se.cpu = (u16)rq->cpu;
	t->se.on_rq = 1;
	t->se.wait_start_ns = now;
	rq->nr_running++;
	if (likely(!se_is_rt(&t->se)))
		fair_enqueue(rq, &t->se, now);
	else
		rt_enqueue(rq, &t->se, false);
	if (sched_smp)
		balance_note_load(rq);
}

void rq_dequeue(struct runqueue *rq, struct task *t, u64 now)
{
	rq->nr_running--;
	if (likely(!se_is_rt(&t->se)))
		fair_dequeue_queued(rq, &t->se, now);
	else
		rt_dequeue(rq, &t->se);
	if (sched_smp)
		balance_note_load(rq);
}

void rq_kick(struct runqueue *rq)
{
	if (rq->cpu == cpu_id()) {
		need_resched_set();
		return;
	}
	if (rq->kicked)
		return;
	rq->kicked = true;
	ipi_send(rq->cpu, IPI_RESCHED);
}

void rq_check_preempt(struct runqueue *rq, struct task *woken, bool sync)
{
	struct task *curr = rq->curr;

	if (curr == rq->idle) {
		rq_kick(rq);
	} else if (unlikely(se_is_rt(&woken->se))) {
		if (curr->se.prio < woken->se.prio)
			rq_kick(rq);
	} else if (!sync && likely(!se_is_rt(&curr->se))) {
		rq_update_curr(rq, woken->se.wait_start_ns);
		if (fair_wants_preempt(rq, &woken->se))
			rq_kick(rq);
	}
}

/* --- the switch --- */

/* The running task leaves the queue because its state says so. */
static void rq_block_curr(struct runqueue *rq, struct task *t, unsigned int state, u64 now)
{
	struct sched_entity *se = &t->se;
	u64 burst = se->sum_exec_ns - se->burst_start_exec_ns;

	se->burst_ns = (se->burst_ns * 3 + burst) / 4;
	se->on_rq = 0;
	rq->nr_running--;
	if (likely(!se_is_rt(se))) {
		fair_block(rq, se, now);
	} else {
		rt_dequeue(rq, se);
		se->rt_run_ns = 0;
		se->sleep_start_ns = now;
		if (unlikely(se->wake_prio))
			handoff_block(rq, se);
	}
	if (state & TASK_UNINTERRUPTIBLE)
		rq->nr_uninterruptible++;
	if (sched_smp)
		balance_note_load(rq);
}

enum wake_how {
	WAKE_ASYNC,
	WAKE_SYNC,    /* the waker blocks next */
	WAKE_HANDOFF, /* and what it waits for is done by the wakee */
};
static void wake_queue(struct task *t, unsigned int old_state, enum wake_how how);

static struct task *rq_pick(struct runqueue *rq, struct task *prev, u64 now)
{
	struct task *next;

	if (unlikely(!cpumask_empty(cpumask_read(&sched_rt_cpus))))
		balance_rt_pull(rq, prev, now);
	for (;;) {
		if (unlikely(rt_may_run(rq))) {
			/* A fair task that is preempted goes back to its tree. */
			if (prev->se.on_rq && prev != rq->idle && !se_is_rt(&prev->se))
				fair_insert(rq, &prev->se);
			return rt_pick(rq);
		}
		next = fair_pick(rq, prev->se.on_rq && prev != rq->idle && !se_is_rt(&prev->se)
					     ? prev
					     : NULL);
		if (likely(next))
			return next;
		if (!sched_smp || !balance_pull(rq, now))
			return rq->idle;
	}
}

/* @next gets the CPU. */
static __always_inline void rq_arrive(struct runqueue *rq, struct task *prev, struct task *next,
				      u64 now)
{
	next->se.exec_start_ns = now;
	next->se.on_cpu = 1;
	rq->curr = next;
	rq->switches++;
	if (next == rq->idle) {
		cpumask_set(&sched_idle_cpus, rq->cpu);
	} else {
		u64 waited = now - next->se.wait_start_ns;

		next->se.wait_sum_ns += waited;
		rq->wait_ns += waited;
		rq->arrivals++;
		if (prev == rq->idle) {
			cpumask_clear(&sched_idle_cpus, rq->cpu);
			time_tick_start(now);
		}
	}
}

/* The task that just left this CPU may not run here any more. */
static noinline void rq_migrate_away(struct runqueue *rq)
{
	struct task *t = rq->migrating;

	rq->migrating = NULL;
	spin_lock(&t->pi_lock);
	if (!t->se.on_rq) /* else somebody woke it meanwhile */
		wake_queue(t, 0, WAKE_ASYNC);
	spin_unlock(&t->pi_lock);
}

/* Takes the running task off the queue, to be queued elsewhere once its stack is free. */
static noinline void rq_start_migration(struct runqueue *rq, struct task *prev, u64 now)
{
	bool wanted = rq->migrate_curr == prev && prev->se.on_rq &&
		      !cpumask_test(&prev->se.allowed, rq->cpu);

	rq->migrate_curr = NULL;
	if (!wanted)
		return;
	rq_block_curr(rq, prev, TASK_RUNNING, now);
	rq->migrating = prev;
}

/* On the stack of the task that runs now: lets go of the one before. */
static __always_inline void sched_finish_switch(struct task *prev)
{
	struct runqueue *rq = this_cpu_ptr(runqueue);
	bool dead = READ_ONCE(prev->state) == TASK_DEAD;

	smp_store_release(&prev->se.on_cpu, 0);
	lock_debug_acquire(&rq->lock.debug, &rq->lock, 0, false, true);
	rq_unlock(rq);
	if (unlikely(rq->migrating))
		rq_migrate_away(rq);
	if (unlikely(dead)) {
		irqs_on();
		task_finish_dead(prev);
		irqs_off();
	}
}

/* Count first: once interrupts are on, the next one may preempt. */
static __always_inline void sched_leave(void)
{
	preempt_enable_no_resched();
	irqs_on();
}

void task_start_up(struct task *prev)
{
	sched_finish_switch(prev);
	sched_leave();
}

static inline bool sched_signal_wakes(struct task *t, unsigned int state)
{
	if (likely(!(READ_ONCE(t->work) & WORK_SIGNAL)))
		return false;
	if (state & TASK_INTERRUPTIBLE)
		return signal_pending(t);
	return (state & TASK_WAKEKILL) && signal_fatal_pending(t);
}

/*
 * One pass, with preemption count 1 and interrupts off before and after.  @preempted: the state
 * does not matter, the task stays runnable.
 */
static void sched_switch(bool preempted)
{
	struct runqueue *rq = this_cpu_ptr(runqueue);
	struct task *prev = current, *next;
	unsigned int state;
	u64 now;

	rcu_note_switch();
	rq_lock(rq);
	need_resched_clear();
	rq->kicked = false;
	now = time_mono_ns();
	rq_update_curr(rq, now);
	state = READ_ONCE(prev->state);
	if (!preempted && state) {
		if (unlikely(sched_signal_wakes(prev, state))) {
			WRITE_ONCE(prev->state, TASK_RUNNING);
		} else {
			rq_block_curr(rq, prev, state, now);
			prev->se.nvcsw++;
		}
	}
	if (unlikely(rq->migrate_curr))
		rq_start_migration(rq, prev, now);
	next = rq_pick(rq, prev, now);
	rq->yielding = false;
	if (unlikely(rq->nr_rt > 1) && sched_smp)
		balance_rt_push(rq, next);
	if (unlikely(next == prev)) {
		rq_unlock(rq);
		return;
	}
	if (prev->se.on_rq) {
		prev->se.nivcsw++;
		prev->se.wait_start_ns = now;
	}
	account_switch(rq, prev, now);
	if (prev->rseq)
		__atomic_fetch_or(&prev->work, WORK_RSEQ, __ATOMIC_RELAXED);
	rq_arrive(rq, prev, next, now);
	lock_debug_release(&rq->lock.debug, &rq->lock);
	if (next->mm)
		mm_switch(prev->mm, next->mm, next);
	sched_finish_switch(arch_switch(prev, next));
}

void sched_schedule(void)
{
	preempt_disable();
	irqs_off();
	sched_switch(false);
	sched_leave();
}

void sched_preempt(void)
{
	if (irqs_are_off() || preempt_count())
		return;
	preempt_disable();
	irqs_off();
	sched_switch(true);
	sched_leave();
}

void sched_preempt_irq(void)
{
	while (need_resched() && !preempt_count()) {
		preempt_disable();
		sched_switch(true);
		preempt_enable_no_resched();
	}
}

/* --- waking --- */

static bool wake_runnable(struct task *t)
{
	struct runqueue *rq = rq_lock_task(t);
	bool runnable = t->se.on_rq;

	if (runnable)
		WRITE_ONCE(t->state, TASK_RUNNING);
	rq_unlock(rq);
	return runnable;
}

/* Queues a task that is off all queues and CPUs; pi_lock held. */
static void wake_queue(struct task *t, unsigned int old_state, enum wake_how how)
{
	unsigned int cpu = 0;
	struct runqueue *rq;
	u64 now = time_mono_ns();

	if (sched_smp)
		cpu = how == WAKE_HANDOFF && cpumask_test(&t->se.allowed, cpu_id())
			      ? cpu_id()
			      : balance_select_cpu(t, how != WAKE_ASYNC);
	if (how == WAKE_HANDOFF)
		handoff_lend(t, now);
	rq = rq_of(cpu);
	t->se.burst_start_exec_ns = t->se.sum_exec_ns;
	rq_lock(rq);
	if (old_state & TASK_UNINTERRUPTIBLE)
		rq->nr_uninterruptible--;
	rq_enqueue(rq, t, now);
	if (how == WAKE_HANDOFF && cpu == cpu_id())
		handoff_queue(rq, t);
	else if (how == WAKE_HANDOFF)
		how = WAKE_ASYNC; /* it may not run here */
	rq_check_preempt(rq, t, how != WAKE_ASYNC);
	rq_unlock(rq);
}

static bool wake_task(struct task *t, unsigned int mask, enum wake_how how)
{
	unsigned long flags = spin_lock_irqsave(&t->pi_lock);
	unsigned int state;
	bool woken = false;

	smp_mb__after_atomic();
	state = READ_ONCE(t->state);
	if (!(state & mask))
		goto out;
	woken = true;
	smp_rmb();
	if (READ_ONCE(t->se.on_rq) && wake_runnable(t))
		goto out;
	WRITE_ONCE(t->state, TASK_RUNNING);
	while (unlikely(smp_load_acquire(&t->se.on_cpu)))
		cpu_relax();
	wake_queue(t, state, how);
out:
	spin_unlock_irqrestore(&t->pi_lock, flags);
	return woken;
}

bool sched_wake(struct task *t, unsigned int mask)
{
	return wake_task(t, mask, WAKE_ASYNC);
}

bool sched_wake_sync(struct task *t, unsigned int mask)
{
	return wake_task(t, mask, WAKE_SYNC);
}

bool sched_wake_handoff(struct task *t, unsigned int mask)
{
	return wake_task(t, mask, WAKE_HANDOFF);
}

void sched_kick(struct task *t)
{
	preempt_disable();
	if (t != current && READ_ONCE(t->se.on_cpu))
		ipi_send(READ_ONCE(t->se.cpu), IPI_WAKE);
	preempt_enable();
}

void sched_set_state(unsigned int state)
{
	struct task *t = current;

	if (state == TASK_RUNNING)
		WRITE_ONCE(t->state, state);
	else
		smp_store_mb(t->state, state);
}

/* --- birth and death --- */

void sched_fork(struct task *child)
{
	struct sched_entity *se = &child->se, *parent = &current->se;
	struct cpumask allowed = parent->allowed;
	u8 policy = parent->policy, rt_priority = parent->rt_priority;
	s8 nice = parent->nice;
	u16 ioprio = parent->ioprio;
	bool idle = current->flags & TF_IDLE;

	if (parent->reset_on_fork) {
		if (policy_is_rt(policy))
			policy = SCHED_NORMAL;
		rt_priority = 0;
		nice = nice < 0 || policy != parent->policy ? 0 : nice;
	}
	memset(se, 0, sizeof(*se));
	rb_clear(&se->node);
	list_init(&se->rt_link);
	se->policy = idle ? SCHED_NORMAL : policy;
	se->rt_priority = idle ? 0 : rt_priority;
	se->nice = idle ? 0 : nice;
	se->allowed = idle ? CPUMASK_ALL : allowed;
	se->cpu = (u16)cpu_id();
	se->rt_slice_left_ns = rt_slice_ns();
	se->prio = se_effective_prio(se);
	se->ioprio = ioprio;
	fair_set_weight(se);
	spin_init(&child->pi_lock, LK_TASK_PI);
	child->state = TASK_NEW;
}

void sched_start(struct task *child)
{
	unsigned long flags = spin_lock_irqsave(&child->pi_lock);

	WRITE_ONCE(child->state, TASK_RUNNING);
	child->se.sleep_start_ns = time_mono_ns();
	/* It may start on another CPU than the one its copied area names. */
	if (child->rseq)
		__atomic_fetch_or(&child->work, WORK_RSEQ, __ATOMIC_RELAXED);
	wake_queue(child, 0, WAKE_ASYNC);
	spin_unlock_irqrestore(&child->pi_lock, flags);
}

void sched_exit(void)
{
	lock_debug_exit_check();
	preempt_disable();
	irqs_off();
	WRITE_ONCE(current->state, TASK_DEAD);
	sched_switch(false);
	unreachable();
}

static void rq_init(unsigned int cpu, struct task *idle)
{
	struct runqueue *rq = rq_of(cpu);

	spin_init(&rq->lock, LK_RUNQUEUE);
	rq->cpu = cpu;
	rq->idle = idle;
	rq->curr = idle;
	rq->tree = RB_ROOT;
	for (unsigned int i = 0; i < RT_PRIO_COUNT; i++)
		list_init(&rq->rt[i]);
	rq->account_ns = time_mono_ns();
	idle->flags |= TF_IDLE | TF_KTHREAD;
	idle->state = TASK_RUNNING;
	idle->se.policy = SCHED_IDLE;
	idle->se.nice = 0;
	fair_set_weight(&idle->se);
	idle->se.allowed = CPUMASK_OF(cpu);
	idle->se.cpu = (u16)cpu;
	idle->se.on_cpu = 1;
	idle->se.on_rq = 1;
	spin_init(&idle->pi_lock, LK_TASK_PI);
}

void sched_init(void)
{
	rq_init(0, current);
	cpumask_set(&sched_cpus, 0);
}

void sched_init_cpu(unsigned int cpu)
{
	rq_init(cpu, current);
	cpumask_set(&sched_idle_cpus, cpu);
	cpumask_set(&sched_cpus, cpu);
	WRITE_ONCE(sched_smp, true);
}

void sched_idle_loop(void)
{
	preempt_disable();
	for (;;) {
		irqs_off();
		/* A waker that chose us may have lost its task to another CPU: be eligible again.
		 */
		if (!cpumask_test(&sched_idle_cpus, cpu_id()))
			cpumask_set(&sched_idle_cpus, cpu_id());
		while (!need_resched()) {
			rcu_note_idle(true);
			cpu_halt_irqs_on();
			irqs_off();
			rcu_note_idle(false);
		}
		sched_switch(true);
	}
}

/* --- blocking with a deadline --- */

struct sleeper {
	struct timer timer;
	struct task *task;
};

static void sleeper_expired(struct timer *timer)
{
	sched_wake(container_of(timer, struct sleeper, timer)->task, TASK_NORMAL);
}

/* Real-time tasks have none. */
static inline u64 sched_slack(u64 slack_ns)
{
	if (unlikely(se_is_rt(&current->se)))
		return 0;
	return slack_ns == SLACK_OF_TASK ? READ_ONCE(current->timer_slack_ns) : slack_ns;
}

u64 sched_poll_slack(u64 deadline_ns)
{
	u64 now = time_mono_ns(), part;

	if (deadline_ns == U64_MAX || deadline_ns <= now)
		return 0;
	part = (deadline_ns - now) / (current->se.nice > 0 ? 200 : 1000);
	return max(min(part, POLL_SLACK_MAX_NS), READ_ONCE(current->timer_slack_ns));
}

static void sched_block_until(u64 deadline_ns, u64 slack_ns)
{
	struct sleeper s = {.task = current};

	timer_init(&s.timer, sleeper_expired);
	timer_start_range(&s.timer, deadline_ns, sched_slack(slack_ns));
	sched_schedule();
	timer_cancel_sync(&s.timer);
}

int sched_block_slack(unsigned int state, u64 deadline_ns, u64 slack_ns)
{
	struct task *t = current;

	might_sleep();
	if (deadline_ns == U64_MAX)
		sched_schedule();
	else if (time_mono_ns() < deadline_ns)
		sched_block_until(deadline_ns, slack_ns);
	WRITE_ONCE(t->state, TASK_RUNNING);
	if (sched_signal_wakes(t, state))
		return -ERESTARTSYS;
	if (deadline_ns != U64_MAX && time_mono_ns() >= deadline_ns)
		return -ETIME;
	return 0;
}

int sched_sleep_until(u64 deadline_ns, unsigned int state)
{
	for (;;) {
		int err;

		sched_set_state(state);
		err = sched_block(state, deadline_ns);
		if (err)
			return err == -ETIME ? 0 : err;
	}
}

/* --- yield, tick --- */

void sched_yield(void)
{
	struct runqueue *rq;
	struct task *t = current;

	preempt_disable();
	rq = this_cpu_ptr(runqueue);
	if (READ_ONCE(rq->nr_running) < 2) {
		preempt_enable();
		return;
	}
	irqs_off();
	if (se_is_rt(&t->se)) {
		rq_lock(rq);
		rt_yield(rq, &t->se);
		rq_unlock(rq);
	}
	rq->yielding = true;
	sched_switch(true);
	sched_leave();
}

static void (*sched_tick_hook)(struct task *t) __ro_after_init;

void sched_set_tick_hook(void (*hook)(struct task *t))
{
	smp_store_release(&sched_tick_hook, hook);
}

static void (*sched_watch_hook)(u64 now_ns, bool from_user);

void sched_set_watch_hook(void (*hook)(u64 now_ns, bool from_user))
{
	smp_store_release(&sched_watch_hook, hook);
}

struct task *sched_cpu_task(unsigned int cpu)
{
	return READ_ONCE(rq_of(cpu)->curr);
}

bool sched_cpu_is_idle(unsigned int cpu)
{
	const struct runqueue *rq = rq_of(cpu);

	return READ_ONCE(rq->curr) == rq->idle;
}

u64 sched_tick(u64 now_ns, bool from_user)
{
	struct runqueue *rq = this_cpu_ptr(runqueue);
	struct task *curr = rq->curr;

	account_tick(rq, from_user, now_ns);
	account_load_tick(now_ns);
	if (curr == rq->idle)
		return 0;
	rq_lock(rq);
	rq_update_curr(rq, now_ns);
	if (unlikely(rt_tick(rq, now_ns)))
		need_resched_set();
	if (rq->nr_running > 1) {
		if (se_is_rt(&curr->se) ? rt_pick(rq) != curr
					: rt_may_run(rq) || fair_slice_over(rq, &curr->se))
			need_resched_set();
	}
	rq_unlock(rq);
	if (sched_smp)
		balance_tick(rq);
	if (sched_tick_hook)
		sched_tick_hook(curr);
	if (sched_watch_hook)
		sched_watch_hook(now_ns, from_user);
	return now_ns + SCHED_TICK_NS;
}

u64 sched_task_runtime_ns(struct task *t)
{
	unsigned long flags = irqs_save();
	struct runqueue *rq;
	u64 ns;

	preempt_disable();
	rq = rq_lock_task(t);
	if (rq->curr == t)
		rq_update_curr(rq, time_mono_ns());
	ns = t->se.sum_exec_ns;
	rq_unlock(rq);
	irqs_restore(flags);
	preempt_enable();
	return ns;
}
