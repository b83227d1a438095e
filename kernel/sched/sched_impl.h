/* The run queue and what the files of kernel/sched share. */
#pragma once

#include <kern/compiler.h>
#include <kern/errno.h>
#include <kern/list.h>
#include <kern/types.h>
#include <kernel/lock/lock.h>
#include <kernel/sched/sched.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <asm/cpu.h>
#include <asm/percpu.h>
#include <asm/smp.h>
#include <linux/sched.h>

#define RT_PRIO_COUNT 100
/* Of each period, what real-time tasks may take while others wait (runtime -1: all); sysctls. */
extern int rt_period_us, rt_runtime_us, rt_slice_ms;
static inline u32 rt_slice_ns(void)
{
	return (u32)READ_ONCE(rt_slice_ms) * 1000000u;
}
#define FAIR_SLICE_NS 3000000ull
/* A woken task preempts if it is further behind the running one than this (virtual time). */
#define FAIR_WAKE_GRAN_NS 500000
/* How far behind the others a sleeper may start: half a slice. */
#define FAIR_CREDIT_NS (-(s64)(FAIR_SLICE_NS / 2))
/* A task that blocks after runs shorter than this is not worth another CPU. */
#define BURST_SHORT_NS 50000ull
#define POLL_SLACK_MAX_NS 100000000ull
#define WEIGHT_NICE0 1024u
#define WEIGHT_IDLE 3u

struct runqueue {
	struct spinlock lock; /* LK_RUNQUEUE: all below but where said */
	u32 nr_running;	      /* runnable, the running one included, the idle task not */
	u32 nr_rt;	      /* of these, real-time */
	u32 cpu;	      /* [I] */
	bool kicked;	      /* an IPI is on its way; cleared by the schedule it causes */
	bool yielding;	      /* current gives way even if it would be picked */
	struct task *curr;
	struct task *idle;	   /* [I] */
	struct task *migrate_curr; /* must leave this CPU at the next switch */
	struct task *migrating;	   /* has left; queued elsewhere after the switch. This CPU only */

	struct rb_root tree;  /* queued fair tasks by virtual deadline, without curr */
	u64 min_vruntime;     /* only grows */
	u64 load;	      /* weights of all runnable fair tasks */
	struct task *handoff; /* in the tree: to be picked next; NULL: whoever is first */
	u64 handoff_ns;	      /* virtual: what its caller had left of a slice */

	u64 rt_bits[2];			    /* which lists of rt are not empty */
	struct list_head rt[RT_PRIO_COUNT]; /* runnable, curr included; index 99 - priority */
	u64 rt_period_ns, rt_used_ns;	    /* begin of the period, real-time run time in it */
	bool rt_throttled;		    /* used up: fair tasks go first until the period ends */
	bool rt_look; /* another CPU has a real-time task for this one; atomic */

	u64 switches;
	s64 nr_uninterruptible; /* may be negative here; the sum over CPUs counts */
	u32 ticks;		/* for the periodic balance */

	/* accounting; this CPU only, read without lock by /proc */
	u64 account_ns; /* time is accounted up to here */
	struct sched_cpu_times times;
	u64 wait_ns,
		arrivals; /* of tasks that were given the CPU: how long they waited, how many */
};

DECLARE_PERCPU(struct runqueue, runqueue);

extern struct cpumask sched_cpus;      /* atomic: CPUs whose run queue works */
extern struct cpumask sched_idle_cpus; /* atomic, a hint */
extern struct cpumask sched_busy_cpus; /* atomic, a hint: more than one runnable task */
extern struct cpumask sched_rt_cpus;   /* atomic, a hint: real-time tasks wait there */
extern bool sched_smp;		       /* more than one CPU */

static inline struct runqueue *rq_of(unsigned int cpu)
{
	return per_cpu_ptr(runqueue, cpu);
}

static inline bool policy_is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* By its own policy, or because somebody that waits for it lends it a priority. */
static inline bool se_is_rt(const struct sched_entity *se)
{
	return se->prio;
}

static inline u8 se_effective_prio(const struct sched_entity *se)
{
	u8 own = policy_is_rt(se->policy) ? se->rt_priority : 0;

	return max(max(own, se->lent_prio), max(se->call_prio, se->wake_prio));
}

static inline struct task *se_task(struct sched_entity *se)
{
	return container_of(se, struct task, se);
}

static __always_inline void rq_lock(struct runqueue *rq)
{
	lock_debug_acquire(&rq->lock.debug, &rq->lock, 0, false, false);
	spin_raw_lock(&rq->lock);
}

static __always_inline void rq_unlock(struct runqueue *rq)
{
	lock_debug_release(&rq->lock.debug, &rq->lock);
	spin_raw_unlock(&rq->lock);
}

/* A second one, of a higher CPU. */
static __always_inline void rq_lock_nested(struct runqueue *rq)
{
	lock_debug_acquire(&rq->lock.debug, &rq->lock, rq->cpu + 1, false, false);
	spin_raw_lock(&rq->lock);
}

static __always_inline bool rq_trylock(struct runqueue *rq)
{
	if (!spin_raw_trylock(&rq->lock))
		return false;
	lock_debug_acquire(&rq->lock.debug, &rq->lock, 1, false, true);
	return true;
}

/* Locks the queue that @t is on or was on last; pi_lock held, so the answer stays true. */
struct runqueue *rq_lock_task(struct task *t);

/* core.c: all with the queue locked, interrupts off. */
void rq_enqueue(struct runqueue *rq, struct task *t, u64 now);
/*
 * Takes @t, queued and not running, off to be queued again at once. on_rq stays set: a waker that
 * saw it clear would queue the task as well.
 */
void rq_dequeue(struct runqueue *rq, struct task *t, u64 now);
void rq_update_curr(struct runqueue *rq, u64 now);
/* Wants a switch on that CPU. */
void rq_kick(struct runqueue *rq);
void rq_check_preempt(struct runqueue *rq, struct task *woken, bool sync);

/* fair.c */
void fair_set_weight(struct sched_entity *se);
void fair_enqueue(struct runqueue *rq, struct sched_entity *se, u64 now);
void fair_dequeue_queued(struct runqueue *rq, struct sched_entity *se, u64 now);
void fair_account(struct runqueue *rq, struct sched_entity *se, u64 delta);
void fair_block(struct runqueue *rq, struct sched_entity *se, u64 now);
struct task *fair_pick(struct runqueue *rq, struct task *prev);
bool fair_wants_preempt(struct runqueue *rq, const struct sched_entity *woken);
bool fair_slice_over(struct runqueue *rq, struct sched_entity *curr);
void fair_insert(struct runqueue *rq, struct sched_entity *se);
/* @t, in the tree, is picked next, for what the running task has left. */
void fair_hand_off(struct runqueue *rq, struct task *t);

/* handoff.c */
/* @t, off all queues, is woken by a call of current; its pi_lock is held. */
void handoff_lend(struct task *t, u64 now);
/* @t, just queued on this CPU, runs next. */
void handoff_queue(struct runqueue *rq, struct task *t);
/* A task blocks, and is off the queue: what it was woken with ends. */
void handoff_block(struct runqueue *rq, struct sched_entity *se);

/* policy.c: changes a task, with its pi_lock and its queue locked. */
void policy_change(struct runqueue *rq, struct task *t, const struct sched_entity *to);

/* rt.c */
void rt_enqueue(struct runqueue *rq, struct sched_entity *se, bool at_head);
void rt_dequeue(struct runqueue *rq, struct sched_entity *se);
void rt_account(struct runqueue *rq, struct sched_entity *se, u64 delta);
struct task *rt_pick(struct runqueue *rq);
void rt_yield(struct runqueue *rq, struct sched_entity *se);
/* True if throttling began or ended. */
bool rt_tick(struct runqueue *rq, u64 now);
/* Do real-time tasks run now? */
static inline bool rt_may_run(const struct runqueue *rq)
{
	return rq->nr_rt && !(unlikely(rq->rt_throttled) && rq->nr_running > rq->nr_rt);
}

/* balance.c */
unsigned int balance_select_cpu(struct task *t, bool sync);
/* @rq is about to idle: takes a task from a busy CPU. Only tries locks. */
bool balance_pull(struct runqueue *rq, u64 now);
/*
 * Fetches real-time tasks that wait elsewhere and are more urgent than what @rq would run. Lets go
 * of its lock meanwhile.
 */
void balance_rt_pull(struct runqueue *rq, struct task *prev, u64 now);
/* Real-time tasks wait here while @next runs: tells a CPU that runs something less urgent. */
void balance_rt_push(struct runqueue *rq, struct task *next);
void balance_tick(struct runqueue *rq);
void balance_note_load(struct runqueue *rq);

/* account.c */
void account_switch(struct runqueue *rq, struct task *prev, u64 now);
void account_tick(struct runqueue *rq, bool from_user, u64 now);
void account_load_tick(u64 now);
