/*
 * The preemption count of this CPU. Layout of the word:
 *
 *	bits  0-7	preempt_disable() nesting
 *	bits  8-15	soft-interrupt (deferred work) nesting, for rooms that need it
 *	bits 16-19	hard-interrupt nesting
 *	bits 20-23	NMI nesting
 *	bit  31		inverted "reschedule wanted": clear = wanted
 *
 * so the word is zero exactly when preemption is allowed and wanted, and preempt_enable() is
 * one decrement and one branch. A switch happens at the same depth on both sides, so the word
 * belongs to the CPU and need not be saved.
 */
#pragma once

#include <asm/cpu.h>
#include <asm/percpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define PREEMPT_ONE 0x1u
#define PREEMPT_MASK 0xffu
#define SOFTIRQ_ONE 0x100u
#define SOFTIRQ_MASK 0xff00u
#define HARDIRQ_ONE 0x10000u
#define HARDIRQ_MASK 0xf0000u
#define NMI_ONE 0x100000u
#define NMI_MASK 0xf00000u
#define PREEMPT_NO_RESCHED 0x80000000u

DECLARE_PERCPU(u32, preempt_word);

/*
 * Scheduler's: called by preempt_enable() when the count is zero and a switch is wanted, and with
 * interrupts on at the end of an interrupt. Does nothing if interrupts are off.
 */
void sched_preempt(void);

/* Nesting depths without the reschedule bit; zero = may be preempted. */
static __always_inline u32 preempt_count(void)
{
	return this_cpu_read(preempt_word) & ~PREEMPT_NO_RESCHED;
}

static __always_inline void preempt_disable(void)
{
	asm volatile("incl " PERCPU_ARG(0) : : "i"(&preempt_word) : "memory", "cc");
}

static __always_inline void preempt_enable(void)
{
	asm goto("decl %%gs:%a0; jz %l1" : : "i"(&preempt_word) : "memory", "cc" : wanted);
	return;
wanted:
	sched_preempt();
}

/* For the scheduler: leaves without looking at the reschedule bit. */
static __always_inline void preempt_enable_no_resched(void)
{
	asm volatile("decl " PERCPU_ARG(0) : : "i"(&preempt_word) : "memory", "cc");
}

static __always_inline bool in_irq(void)
{
	return this_cpu_read(preempt_word) & (HARDIRQ_MASK | NMI_MASK);
}

static __always_inline bool in_nmi(void)
{
	return this_cpu_read(preempt_word) & NMI_MASK;
}

/* Hard-interrupt nesting; called by the entry code of the architecture around dispatch. */
static __always_inline void irq_enter(void)
{
	this_cpu_add(preempt_word, HARDIRQ_ONE);
}

static __always_inline void irq_exit(void)
{
	this_cpu_sub(preempt_word, HARDIRQ_ONE);
}

static __always_inline bool need_resched(void)
{
	return !(this_cpu_read(preempt_word) & PREEMPT_NO_RESCHED);
}

/*
 * Wants a switch on this CPU: sets the bit here and TASK_WORK_RESCHED of the running task, so the
 * exit to user mode tests one word. Interrupts off. For another CPU send IPI_RESCHED.
 */
void need_resched_set(void);

/* The scheduler's, with interrupts off, before it picks: clears both. */
void need_resched_clear(void);

/* True where sleeping is allowed as far as this CPU can tell. */
bool preempt_may_sleep(void);

#ifdef CONFIG_DEBUG
/* Debug builds report a caller that may sleep in atomic context. */
void might_sleep_check(const char *file, int line);
#define might_sleep() might_sleep_check(__FILE__, __LINE__)
#else
#define might_sleep() ((void)0)
#endif
