/*
 * Translation caches and the loaded address space. Cross-CPU flushes interrupt only CPUs that
 * have the address space loaded; they may be called with locks held but with interrupts on.
 *
 * Kernel threads run on whatever address space was loaded before (lazy); arch_mm_destroy()
 * makes every CPU let go of it before its tables are freed.
 */
#pragma once

#include <asm/mm_arch.h>
#include <asm/patch.h>
#include <asm/pgtable.h>
#include <kern/types.h>

/* Fills @am for an address space whose zeroed root page is @root; copies the kernel half. */
void arch_mm_init(struct arch_mm *am, pte_t *root);

/* Leaves the address space on every CPU; afterwards its tables may be freed. */
void arch_mm_destroy(struct arch_mm *am);

/* Loads @next on this CPU. Called by the switch with interrupts off; cheap when loaded already. */
void arch_mm_switch(struct arch_mm *next);

/* The kernel root instead of a user address space (a task that drops its mm). */
void arch_mm_leave(void);

/* In user mode's context of what is loaded, if it has one of its own (CPU_PTI_PCID). */
void tlb_flush_user_page(unsigned long addr);

/* This CPU only. */
static __always_inline void tlb_flush_local_page(unsigned long addr)
{
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
	if (cpu_has_unlikely(CPU_PTI_PCID))
		tlb_flush_user_page(addr);
}

/* Everything that is not global. */
static __always_inline void tlb_flush_local(void)
{
	unsigned long cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* Everything, global entries and all contexts too. */
void tlb_flush_local_all(void);

/*
 * All CPUs. On return no CPU uses a stale translation of [start, end); with @freed_tables also no
 * cached intermediate table.
 */
void tlb_flush_mm_range(struct arch_mm *am, unsigned long start, unsigned long end,
			bool freed_tables);
void tlb_flush_mm_all(struct arch_mm *am);
void tlb_flush_kernel(unsigned long start, unsigned long end);

/* The same by struct mm (needs <kernel/mm/mm.h> where used). */
#define tlb_flush_range(mm, start, end) tlb_flush_mm_range(&(mm)->arch, start, end, false)
#define tlb_flush_mm(mm) tlb_flush_mm_all(&(mm)->arch)
