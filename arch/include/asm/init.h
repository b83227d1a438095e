/* Steps of start-up that portable code orders (kernel/init/main.c). */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* Interrupt controllers and this CPU's timer. Needs ioremap and slab; interrupts are off. */
int arch_init_irq(void) __must_check;

/* Maps what needs page tables from the allocator, makes the kernel's constants read-only. */
void arch_init_late(void);

/* Gives the pages of .init back (frame_free_range) and unmaps them. */
void arch_free_init(void);

/* One character to the first serial port, polled; for messages before there is a console. */
void arch_early_putc(char c);

/*
 * Maps [va, va + len) to @phys in the kernel's tables; all aligned to 4 KiB. @alloc returns the
 * physical address of a zeroed page, or 0. Large pages are used where alignment allows. For the
 * regions of <asm/page.h> before kernel/vmap works (the frame map, KASAN shadow).
 */
int arch_map_kernel(unsigned long va, u64 phys, u64 len, u64 prot_bits, u64 (*alloc)(void))
	__must_check;
