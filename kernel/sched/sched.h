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

struct task;
struct regs;

/* Bits of task->state.  A task changes its own state; wakers compare under the pi lock. */
#define TASK_RUNNING 0u
#define TASK_INTERRUPTIBLE 1u
#define TASK_UNINTERRUPTIBLE 2u
#define TASK_STOPPED 4u
#define TASK_TRACED 8u
#define TASK_WAKEKILL 16u	/* fatal signals wake it */
#define TASK_DEAD 32u		/* past its last schedule */
#define TASK_NEW 64u
#define TASK_KILLABLE (TASK_UNINTERRUPTIBLE | TASK_WAKEKILL)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

/* Embedded in struct task; private to kernel/sched except where said. */
struct sched_entity {
	struct rb_node node;		/* in the run queue's tree */
	struct list_head rt_link;
	u64 vruntime, deadline, slice_ns, exec_start_ns;
	u64 sum_exec_ns;		/* CPU time so far; read by getrusage, /proc */
	u64 nvcsw, nivcsw;		/* voluntary and involuntary switches */
	u64 wait_start_ns, wait_sum_ns;	/* run-queue delay, /proc/PID/schedstat */
	u32 weight;
	s8 nice;			/* -20..19 */
	u8 policy;			/* SCHED_NORMAL, ... */
	u8 rt_priority;
	u8 on_rq, on_cpu;
	u16 cpu;			/* current or last CPU; public, read only */
	bool reset_on_fork;
	struct cpumask allowed;
};

void sched_init(void);			/* boot CPU, before the first switch */
void sched_init_cpu(unsigned int cpu);	/* on each secondary CPU: becomes its idle task */
void sched_idle_loop(void) __attribute__((noreturn));

/* Gives the CPU away if the state says so, or if a better task waits.  May not hold spinlocks. */
void sched_schedule(void);
/* Called by preempt_enable() and on return from interrupts when a switch is due. */
void sched_preempt(void);
/*
 * Blocks in @state (already set by wait_prepare()) until woken, signalled (when the state allows) or
 * past @deadline_ns (CLOCK_MONOTONIC).  Returns 0 when woken, -ERESTARTSYS, -ETIME; state is RUNNING.
 */
int sched_block(unsigned int state, u64 deadline_ns) __must_check;
/* Sleeps until the deadline without a queue; 0 when the time is over, -ERESTARTSYS. */
int sched_sleep_until(u64 deadline_ns, unsigned int state) __must_check;
void sched_set_state(unsigned int state);	/* with the barrier against a concurrent waker */
/* Makes @t runnable if its state is in @mask; returns whether it did.  Any context. */
bool sched_wake(struct task *t, unsigned int mask);
bool sched_wake_sync(struct task *t, unsigned int mask);
void sched_yield(void);
void sched_kick(struct task *t);		/* makes a running task pass through its exit work */

void sched_fork(struct task *child);		/* inherits policy, starts as TASK_NEW */
void sched_start(struct task *child);		/* first wake-up */
void sched_exit(void) __attribute__((noreturn));	/* last switch of current; stack freed by the next */
int sched_set_policy(struct task *t, int policy, int nice, int rt_priority) __must_check;
int sched_set_affinity(struct task *t, const struct cpumask *mask) __must_check;
u64 sched_task_runtime_ns(const struct task *t);	/* including the running slice */
void sched_account(bool user, u64 now_ns);	/* entry/exit hook for user and system time */

/* Tick-less: called by the timer interrupt when the running task's slice ends. */
void sched_slice_end(void);

/* /proc: load averages as fixed point with 11 fraction bits, counts. */
void sched_loadavg(u64 out[3]);
unsigned int sched_nr_running(void);
u64 sched_nr_switches(void);
struct sched_cpu_times {
	u64 user_ns, nice_ns, system_ns, idle_ns, iowait_ns, irq_ns;
};
void sched_cpu_times(unsigned int cpu, struct sched_cpu_times *out);
