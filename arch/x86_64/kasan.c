/*
 * Shadow memory's page tables.
 *
 * First the whole shadow is one zero page, "all usable", through one shared table per level; the
 * image, with the boot stack in it, has real shadow from the start, as instrumented functions write
 * the shadow of their stack. kasan_arch_populate() gives a range tables and pages of its own.
 */
#include <asm/kasan.h>

#include <asm/tlb.h>
#include <kern/errno.h>
#include <kern/string.h>

#include "x86_impl.h"

/* What an entry of that level points to while it is shared: [0] is the zero page, the rest tables.
 */
static u64 shared[PT_ROOT_LEVEL + 1];

void kasan_arch_early(void)
{
	shared[0] = early_page_alloc();
	for (unsigned int level = 0; level < PT_ROOT_LEVEL; level++) {
		u64 table = early_page_alloc();
		pte_t e = level ? pte_make_table(shared[level], false)
				: pte_make(shared[0], PGPROT_KERNEL_RO);

		for (unsigned int i = 0; i < PT_ENTRIES; i++)
			((pte_t *)phys_to_virt(table))[i] = e;
		shared[level + 1] = table;
	}
	unsigned long first = (unsigned long)kasan_shadow_of((void *)0xffff800000000000);

	for (unsigned int i = 0; i < 32; i++)
		kernel_pt_root[pt_index(PT_ROOT_LEVEL, first) + i] =
			pte_make_table(shared[PT_ROOT_LEVEL], false);
	if (kasan_arch_populate((unsigned long)image_start,
				(unsigned long)(image_end - image_start), early_page_alloc))
		early_fatal("shadow of the image");
}

/* The entry's table or page, made its own if it is the shared one of @level. */
static int own(pte_t *at, unsigned int level, u64 (*alloc)(void))
{
	if (pte_phys(*at) != shared[level])
		return 0;
	u64 page = alloc();

	if (!page)
		return -ENOMEM;
	if (!level) {
		pte_write(at, pte_make(page, PGPROT_KERNEL));
		return 0;
	}
	memcpy(phys_to_virt(page), phys_to_virt(shared[level]), PAGE_SIZE);
	pte_write(at, pte_make_table(page, false));
	return 0;
}

int kasan_arch_populate(unsigned long start, unsigned long len, u64 (*alloc)(void))
{
	unsigned long at = (unsigned long)kasan_shadow_of((void *)start) & PAGE_MASK;
	unsigned long end = (unsigned long)kasan_shadow_of((void *)(start + len - 1)) + 1;

	for (; at < end; at += PAGE_SIZE) {
		pte_t *table = kernel_pt_root;

		for (unsigned int level = PT_ROOT_LEVEL;; level--) {
			pte_t *e = &table[pt_index(level, at)];
			int err = own(e, level, alloc);

			if (err)
				return err;
			if (!level)
				break;
			table = pte_table(*e);
		}
		tlb_flush_local_page(at);
	}
	return 0;
}
