/* The interrupt mask of this CPU: DAIF. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define ARM_DAIF_I 0x80UL

static __always_inline unsigned long irqs_read_flags(void)
{
	unsigned long f;

	asm volatile("mrs %0, daif" : "=r"(f) : : "memory");
	return f;
}

static __always_inline void irqs_off(void)
{
	asm volatile("msr daifset, #2" ::: "memory");
}

static __always_inline void irqs_on(void)
{
	asm volatile("msr daifclr, #2" ::: "memory");
}

static __always_inline bool irqs_are_off(void)
{
	return irqs_read_flags() & ARM_DAIF_I;
}

static __always_inline unsigned long irqs_save(void)
{
	unsigned long f = irqs_read_flags();

	irqs_off();
	return f;
}

static __always_inline void irqs_restore(unsigned long f)
{
	if (!(f & ARM_DAIF_I))
		irqs_on();
}
