/* The preemption count of this CPU; the layout is that of the x86-64 header. */
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

void sched_preempt(void);

static __always_inline u32 preempt_count(void)
{
	return this_cpu_read(preempt_word) & ~PREEMPT_NO_RESCHED;
}

static __always_inline void preempt_disable(void)
{
	this_cpu_inc(preempt_word);
	barrier();
}

static __always_inline void preempt_enable(void)
{
	barrier();
	this_cpu_dec(preempt_word);
	if (unlikely(!this_cpu_read(preempt_word)))
		sched_preempt();
}

static __always_inline void preempt_enable_no_resched(void)
{
	barrier();
	this_cpu_dec(preempt_word);
}

static __always_inline bool in_irq(void)
{
	return this_cpu_read(preempt_word) & (HARDIRQ_MASK | NMI_MASK);
}

static __always_inline bool in_nmi(void)
{
	return this_cpu_read(preempt_word) & NMI_MASK;
}

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

void need_resched_set(void);
void need_resched_clear(void);
bool preempt_may_sleep(void);

#ifdef CONFIG_DEBUG
void might_sleep_check(const char *file, int line);
#define might_sleep() might_sleep_check(__FILE__, __LINE__)
#else
#define might_sleep() ((void)0)
#endif
