/* Translation caches: broadcast by hardware, so no CPU is interrupted. Contracts: the x86-64
 * header. */
#pragma once

#include <asm/mm_arch.h>
#include <asm/pgtable.h>
#include <kern/types.h>

void arch_mm_init(struct arch_mm *am, pte_t *root);
void arch_mm_destroy(struct arch_mm *am);
void arch_mm_switch(struct arch_mm *next);
void arch_mm_leave(void);

static __always_inline void tlb_flush_local_page(unsigned long addr)
{
	asm volatile("dsb nshst; tlbi vaae1, %0; dsb nsh; isb" : : "r"(addr >> 12) : "memory");
}

static __always_inline void tlb_flush_local(void)
{
	asm volatile("dsb nshst; tlbi vmalle1; dsb nsh; isb" ::: "memory");
}

void tlb_flush_local_all(void);
void tlb_flush_mm_range(struct arch_mm *am, unsigned long start, unsigned long end,
			bool freed_tables);
void tlb_flush_mm_all(struct arch_mm *am);
void tlb_flush_kernel(unsigned long start, unsigned long end);

#define tlb_flush_range(mm, start, end) tlb_flush_mm_range(&(mm)->arch, start, end, false)
#define tlb_flush_mm(mm) tlb_flush_mm_all(&(mm)->arch)
