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

/* Hooks. */
void rcu_note_switch(void);		/* sched: on every context switch, preemption off */
void rcu_note_idle(bool enter);		/* sched: around the idle halt */
void rcu_note_user(void);		/* irq: an interrupt found the CPU in user mode or quiescent */
