/*
 * Scheduler: who runs where, and blocking and waking.
 *
 * Fair class over per-CPU queues ordered by virtual deadline, with idle and push balancing;
 * real-time classes above it.  Theory in fair.c.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <lib/rbtree/rbtree.h>
#include <asm/cpumask.h>
#include <asm/preempt.h>

struct task;
struct regs;

/* Bits of task->state.  A task changes its own state; wakers compare under the pi lock. */
#define TASK_RUNNING 0u
#define TASK_INTERRUPTIBLE 1u
#define TASK_UNINTERRUPTIBLE 2u
#define TASK_STOPPED 4u
#define TASK_TRACED 8u
#define TASK_WAKEKILL 16u /* fatal signals wake it */
#define TASK_DEAD 32u	  /* past its last schedule */
#define TASK_NEW 64u
#define TASK_KILLABLE (TASK_UNINTERRUPTIBLE | TASK_WAKEKILL)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

/* Embedded in struct task; private to kernel/sched except where said. */
struct sched_entity {
	struct rb_node node; /* in the run queue's tree */
	struct list_head rt_link;
	u64 vruntime, deadline, slice_ns, exec_start_ns;
	u64 sum_exec_ns;		  /* CPU time so far; read by getrusage, /proc */
	u64 utime_told_ns, stime_told_ns; /* as split last: neither goes back; LK_RUNQUEUE */
	u64 nvcsw, nivcsw;		  /* voluntary and involuntary switches */
	u64 wait_start_ns, wait_sum_ns;	  /* run-queue delay, /proc/PID/schedstat */
	u64 sleep_start_ns;		  /* when it blocked */
	u64 burst_ns;			  /* average run between two blocks */
	u64 burst_start_exec_ns;	  /* sum_exec_ns at the last wake-up */
	u64 inv_weight;			  /* 2^42 / weight */
	u64 rt_run_ns;			  /* real-time run time since it blocked: RLIMIT_RTTIME */
	u32 weight;
	u32 rt_slice_left_ns; /* SCHED_RR */
	s8 nice;	      /* -20..19 */
	u8 policy;	      /* SCHED_NORMAL, ... */
	u8 rt_priority;
	/* Real-time priority lent, 0: none. By who waits for a lock (futex), by who waits for an
	 * answer (.loans), by who woke it with a call, until it blocks. */
	u8 lent_prio, call_prio, wake_prio;
	u8 prio; /* effective: the highest of all; 0: runs in the fair class */
	u8 on_rq, on_cpu;
	u16 cpu; /* current or last CPU; public, read only */
	bool reset_on_fork;
	u16 ioprio;	      /* ioprio_set(2): kept for the programs; nothing queues by it */
	struct rb_root loans; /* of callers, most urgent first; pi_lock */
	struct cpumask allowed;
};

void sched_init(void);		       /* boot CPU, before the first switch */
void sched_init_cpu(unsigned int cpu); /* on each secondary CPU: becomes its idle task */
void sched_idle_loop(void) __attribute__((noreturn));

/* Gives the CPU away if the state says so, or if a better task waits.  May not hold spinlocks. */
void sched_schedule(void);
/* Called by preempt_enable() when a switch is due; does nothing while interrupts are off. */
void sched_preempt(void);
/* The same on return from an interrupt to kernel code: interrupts are off before and after. */
void sched_preempt_irq(void);
/*
 * Blocks in @state (already set by wait_prepare()) until woken, signalled (when the state allows)
 * or past @deadline_ns (CLOCK_MONOTONIC).  Returns 0 when woken, -ERESTARTSYS, -ETIME; state is
 * RUNNING.
 */
int sched_block_slack(unsigned int state, u64 deadline_ns, u64 slack_ns) __must_check;
/* @slack_ns: the deadline may be so much later, to share an interrupt. */
#define SLACK_OF_TASK U64_MAX /* as PR_SET_TIMERSLACK says */
static inline int __must_check sched_block(unsigned int state, u64 deadline_ns)
{
	return sched_block_slack(state, deadline_ns, SLACK_OF_TASK);
}
/* The slack of poll(2) and its like: a part of what is left. */
u64 sched_poll_slack(u64 deadline_ns);
/* Sleeps until the deadline without a queue; 0 when the time is over, -ERESTARTSYS. */
int sched_sleep_until(u64 deadline_ns, unsigned int state) __must_check;
void sched_set_state(unsigned int state); /* with the barrier against a concurrent waker */
/* Makes @t runnable if its state is in @mask; returns whether it did.  Any context. */
bool sched_wake(struct task *t, unsigned int mask);
bool sched_wake_sync(struct task *t, unsigned int mask);
/*
 * For a caller that blocks next until @t has done something for it (or, when @t has waited for
 * that, for the one who did it): @t is queued on this CPU and runs next here, with what is left of
 * current's slice; a real-time caller's priority is @t's until it blocks. Not from interrupts.
 */
bool sched_wake_handoff(struct task *t, unsigned int mask);
void sched_yield(void);
/* Long loops: switches if a switch is due. */
static inline void sched_cond_resched(void)
{
	if (unlikely(need_resched()))
		sched_preempt();
}
void sched_kick(struct task *t); /* makes a running task pass through its exit work */

void sched_fork(struct task *child);  /* inherits policy, starts as TASK_NEW */
void sched_start(struct task *child); /* first wake-up */
void sched_exit(void)
	__attribute__((noreturn)); /* last switch of current; stack freed by the next */
int sched_set_policy(struct task *t, int policy, int nice, int rt_priority) __must_check;
/* Priority inheritance: @t runs at real-time priority @prio at least; 0: at its own. */
void sched_lend(struct task *t, u8 prio);
/*
 * The priority of somebody who waits for an answer, lent to the task that works on it. Zeroed, or
 * ended: nothing is lent. Begin and end of one loan exclude each other by the caller's lock.
 */
struct sched_loan {
	struct rb_node node;
	struct task *to; /* +1; NULL: not lent */
	u8 prio;
};
/* @prio: sched_call_prio() of the lender, not 0. */
void sched_loan_begin(struct sched_loan *l, struct task *to, u8 prio);
void sched_loan_end(struct sched_loan *l);
/* What current has to lend: its effective real-time priority, 0 if it is not a real-time task. */
u8 sched_call_prio(void);
int sched_set_affinity(struct task *t, const struct cpumask *mask) __must_check;
u64 sched_task_runtime_ns(struct task *t); /* including the running slice */
/* CPU time split into user and system: the exact total, in the proportion that ticks found. */
void sched_task_times(struct task *t, u64 *utime_ns, u64 *stime_ns);

/*
 * A CPU that runs a task has a tick each SCHED_TICK_NS, an idle one has none. Called by the timer
 * interrupt, which it tells when to come next (0: not).
 */
#define SCHED_TICK_NS 4000000ull
u64 sched_tick(u64 now_ns, bool from_user);
/* Called in each tick of a running task, in interrupt context without locks (kernel/timers). */
void sched_set_tick_hook(void (*hook)(struct task *t));

/* Called in each tick of a CPU that runs a task, in interrupt context (kernel/watchdog). */
void sched_set_watch_hook(void (*hook)(u64 now_ns, bool from_user));
/* What @cpu runs, +0 under RCU; already out of date. */
struct task *sched_cpu_task(unsigned int cpu);
/* Does @cpu run its idle task? Already out of date. */
bool sched_cpu_is_idle(unsigned int cpu);

/* /proc: load averages as fixed point with 11 fraction bits, counts. */
void sched_loadavg(u64 out[3]);
unsigned int sched_nr_running(void);
u64 sched_nr_switches(void);
struct sched_cpu_times {
	u64 user_ns, nice_ns, system_ns, idle_ns, iowait_ns, irq_ns;
};
void sched_cpu_times(unsigned int cpu, struct sched_cpu_times *out);
