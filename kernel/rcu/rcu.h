/*
 * Read-copy-update: readers never wait, memory is freed after all of them have gone.
 *
 * A read section disables preemption; a CPU is quiescent when it switches tasks, idles or runs
 * user code.  A grace period pokes the CPUs that have not passed with an IPI, so no timer tick is
 * needed.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/rcuhead.h>
#include <asm/percpu.h>
#include <asm/preempt.h>

static inline void rcu_read_lock(void)
{
	preempt_disable();
}

static inline void rcu_read_unlock(void)
{
	preempt_enable();
}

#define rcu_assign(p, v) rcu_assign_pointer(p, v)
DEFINE_GUARD_VOID(rcu, rcu_read_lock, rcu_read_unlock)

void rcu_init(void);
/* Calls fn(head) after a grace period, in a kernel thread (may not sleep long).  Any context. */
void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head));
/* kfree()s @ptr after a grace period; @head lies in the object.  Any context. */
void rcu_kfree(struct rcu_head *head, void *ptr);
/* Waits for a grace period; may sleep. */
void rcu_synchronize(void);
/* Waits until all rcu_call()s made so far have run; may sleep. */
void rcu_barrier(void);

/* A grace period that takes longer than this is reported; how many were. */
extern u64 rcu_stall_ns;
extern u32 rcu_stall_count;
/* From the tick: reports if this CPU is what a grace period has been waiting for. */
void rcu_stall_check(u64 now_ns);

/* Hooks. */

/* Odd while the CPU may be in a read section, even while it is known not to be (idle); atomic. */
DECLARE_PERCPU(u32, rcu_idle_count);
DECLARE_PERCPU(u32, rcu_switches); /* quiescent points; this CPU writes, others read */
DECLARE_PERCPU(u8, rcu_idle_irq);  /* an interrupt of the idle halt is being handled */
DECLARE_PERCPU(u8, rcu_from_user); /* the interrupt being handled came from user mode */

/* sched: on every context switch, preemption off */
static __always_inline void rcu_note_switch(void)
{
	this_cpu_inc(rcu_switches);
}

/* irq: an interrupt found the CPU in user mode; before its handler runs */
static __always_inline void rcu_note_user(void)
{
	this_cpu_inc(rcu_switches);
	this_cpu_write(rcu_from_user, 1);
}

/* Did the interrupt being handled come from user mode? */
static __always_inline bool rcu_irq_was_user(void)
{
	return this_cpu_read(rcu_from_user);
}

void rcu_note_idle(bool enter); /* sched: around the idle halt, interrupts off */
/* Interrupt entry and exit of the architecture: the halt in the idle loop may be interrupted. */
void rcu_irq_from_idle(bool enter);
static __always_inline void rcu_irq_enter(void)
{
	if (unlikely(!(this_cpu_read(rcu_idle_count) & 1)))
		rcu_irq_from_idle(true);
}
static __always_inline void rcu_irq_exit(void)
{
	this_cpu_write(rcu_from_user, 0);
	if (unlikely(this_cpu_read(rcu_idle_irq)))
		rcu_irq_from_idle(false);
}
u64 rcu_grace_periods(void); /* since boot */
