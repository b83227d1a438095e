/*
 * Device interrupts: lines, their handlers, and counts.
 *
 * A line is a number: a global system interrupt of the machine, or, above those, a
 * message-signalled one. Several handlers may share a line. Handlers run in interrupt context with
 * interrupts off on the CPU the line is routed to.
 */
#pragma once

#include <asm/cpumask.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct irq_msi;

#define IRQ_LINES 256u

/* Trigger and polarity; ISA devices take what the firmware says. */
#define IRQ_EDGE 0u
#define IRQ_LEVEL 1u
#define IRQ_ACTIVE_LOW 2u
#define IRQ_PCI (IRQ_LEVEL | IRQ_ACTIVE_LOW)

/* Embedded in the driver's device; the three first fields are set before the request. */
struct irq_action {
	/* True if the device had something to say. */
	bool (*handler)(void *ctx);
	void *ctx;
	const char *name; /* in /proc/interrupts */
	/* For a message, or NULL: from now on the device is to send this one, whose data is as
	 * before. Interrupts off. */
	void (*send)(const struct irq_msi *msi, void *sender);
	void *sender;
	unsigned int irq;	 /* [I] once requested */
	struct irq_action *next; /* the line's list; LK_IRQ for change */
};

void irq_init(void);

/* -EINVAL: no such line, or it is in use with another trigger; -ENOSPC: no vector left. May sleep.
 */
int irq_request_gsi(struct irq_action *a, unsigned int gsi, u32 flags) __must_check;
int irq_request_isa(struct irq_action *a, unsigned int isa_irq) __must_check;

struct irq_msi {
	u64 addr;
	u32 data;
};
/* A new line of its own; the device is to write @out->data to @out->addr. */
int irq_request_msi(struct irq_action *a, struct irq_msi *out) __must_check;

/*
 * The moments of interrupts, stirred together on each CPU, for the source of random numbers. @hook
 * takes them after IRQ_NOISE_MANY interrupts, or some in a second, with how many they are; in an
 * interrupt, interrupts off.
 */
#define IRQ_NOISE_WORDS 4u
#define IRQ_NOISE_MANY 1024u
void irq_set_noise_hook(void (*hook)(const u64 noise[IRQ_NOISE_WORDS], u32 count));
/* What is there now on this CPU: anything; interrupts off. */
u64 irq_noise_peek(void);

/* The handler does not run any more when this returns. May sleep. */
void irq_free(struct irq_action *a);

/* Where lines go: one CPU of those that are allowed. */
extern struct cpumask irq_default_cpus; /* of lines that are requested later; atomic */
/* -EINVAL: none of @cpus is online, no such line; -EIO: its message cannot be sent elsewhere. */
int irq_set_cpus(unsigned int irq, struct cpumask cpus) __must_check;

/* /proc/interrupts: lines in use. */
struct irq_info {
	const char *chip; /* "IO-APIC", "PCI-MSI" */
	unsigned int pin;
	bool level;
	const struct irq_action *actions; /* NULL: not in use, but the machine has it */
	struct cpumask cpus;		  /* allowed */
	unsigned int cpu;		  /* gets it */
	u64 handled, unhandled;		  /* by somebody; by none */
};
/* False: not in use. */
bool irq_info(unsigned int irq, struct irq_info *out);
/* The same for lines that every machine has, also while they are not in use. */
bool irq_info_any(unsigned int irq, struct irq_info *out);
/* Counts never go back, and none is ever reset. */
u64 irq_count(unsigned int irq, unsigned int cpu);
/* Per-CPU interrupts of the architecture, by index: "LOC" ...; NULL past the end.  @what NULL: one
 * number for the machine. */
const char *irq_arch_name(unsigned int index, const char **what);
u64 irq_arch_count(unsigned int index, unsigned int cpu);
