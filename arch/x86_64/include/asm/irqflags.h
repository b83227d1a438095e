/* The interrupt-enable flag of this CPU. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define X86_FLAGS_IF 0x200UL

static __always_inline unsigned long irqs_read_flags(void)
{
	unsigned long f;

	asm volatile("pushfq; popq %0" : "=rm"(f) : : "memory");
	return f;
}

static __always_inline void irqs_off(void)
{
	asm volatile("cli" ::: "memory");
}

static __always_inline void irqs_on(void)
{
	asm volatile("sti" ::: "memory");
}

static __always_inline bool irqs_are_off(void)
{
	return !(irqs_read_flags() & X86_FLAGS_IF);
}

/* Disables interrupts and returns the previous state for irqs_restore(). */
static __always_inline unsigned long irqs_save(void)
{
	unsigned long f = irqs_read_flags();

	irqs_off();
	return f;
}

static __always_inline void irqs_restore(unsigned long f)
{
	if (f & X86_FLAGS_IF)
		irqs_on();
}
