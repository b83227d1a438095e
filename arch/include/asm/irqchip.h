/* The interrupt controllers, for kernel/irq. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct irq_msi;

/* Number of global system interrupts of the machine. */
unsigned int irqchip_gsi_count(void);
/* The line an ISA interrupt is wired to, and how (IRQ_LEVEL, IRQ_ACTIVE_LOW). */
unsigned int irqchip_isa_gsi(unsigned int isa_irq, u32 *flags);

/* Routes a line to @cpu and unmasks it. -ENOSPC: no vector left; -EINVAL: no such pin. */
int irqchip_enable_gsi(unsigned int irq, u32 flags, unsigned int cpu) __must_check;
void irqchip_disable_gsi(unsigned int irq);
/* A vector for a message-signalled line. */
int irqchip_enable_msi(unsigned int irq, unsigned int cpu, struct irq_msi *out) __must_check;
void irqchip_disable_msi(unsigned int irq);

/* An enabled line goes to @cpu from now on; of a message, @out is what its device is to send, with
 * the data as before. */
int irqchip_route_gsi(unsigned int irq, unsigned int cpu) __must_check;
void irqchip_route_msi(unsigned int irq, unsigned int cpu, struct irq_msi *out);

/* Interrupts that are not lines: timer, cross-CPU calls. @what NULL: one number for the machine. */
const char *irqchip_arch_name(unsigned int index, const char **what);
/* Adds @n to each of this CPU's counts. Interrupts off. */
void irqchip_count_from(u64 n);
u64 irqchip_arch_count(unsigned int index, unsigned int cpu);
