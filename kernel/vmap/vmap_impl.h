/* Shared by the files of kernel/vmap. */
#pragma once

#include <kernel/vmap/vmap.h>
#include <kernel/lock/lock.h>
#include <asm/pgtable.h>

/* Kernel stacks live in slots of their own at the start of the area; the rest is vmalloc's. */
#define STACK_SLOT_SHIFT (THREAD_SHIFT + 1)
#define STACK_SLOTS (1ul << 18)
#define STACK_BASE VMALLOC_BASE
#define STACK_END (STACK_BASE + (STACK_SLOTS << STACK_SLOT_SHIFT))
#define AREA_BASE (STACK_END + PAGE_SIZE)
#define AREA_END (VMALLOC_BASE + VMALLOC_SIZE)

extern struct spinlock vmap_lock; /* LK_VMAP: kernel page tables of the area, areas, slots */

/* vmap_lock held.  The leaf entry of @va; tables are made if @make.  NULL: none, or no memory. */
pte_t *vmap_entry(unsigned long va, bool make);
/* Maps @n new zeroed frames at @va; on failure nothing is mapped. -ENOMEM. */
int vmap_back(unsigned long va, size_t n, unsigned int type) __must_check;
/* Unmaps and frees what vmap_back() mapped; translations stay until flushed. */
void vmap_unback(unsigned long va, size_t n);
