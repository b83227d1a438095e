/* Other CPUs: starting, interrupting, calling them. */
#pragma once

#include <asm/cpumask.h>
#include <kern/types.h>

enum ipi {
	IPI_RESCHED, /* run the scheduler on the way out */
	IPI_CALL,    /* run the queued cross calls */
	IPI_STOP,    /* halt: panic or power-off */
	IPI_WAKE,    /* leave idle, nothing else */
	IPI_COUNT,
};

/* Starts every CPU the firmware lists, and returns when all are online or have timed out. */
void smp_boot_all(void);

/* CPUs found in the firmware tables, the boot CPU included. */
unsigned int smp_possible_count(void);

/* Local-APIC id of a CPU, for /proc/cpuinfo. */
u32 smp_hw_id(unsigned int cpu);

/* Lowest address of the stack that @cpu started on: the stack of its idle task. */
void *smp_idle_stack(unsigned int cpu);

void ipi_send(unsigned int cpu, enum ipi what);
void ipi_send_mask(struct cpumask mask, enum ipi what);

/*
 * Runs fn(arg) with interrupts off on every online CPU of @mask (this one too if in it); with @wait
 * returns after the last has finished. Interrupts must be on, and no lock may be held that an
 * interrupt handler takes.
 */
void smp_call(struct cpumask mask, void (*fn)(void *arg), void *arg, bool wait);

/*
 * Has each online CPU of @mask print a back trace, whether it takes interrupts or not, and waits a
 * moment for it. Any context; this CPU is left out.
 */
void smp_backtrace(struct cpumask mask);

/* Halts all others without waiting long for them; for panic. */
void smp_stop_others(void);
