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
static pte_t shared_page[PT_ROOT_LEVEL + 1][PT_ENTRIES] __section(".bss.page_aligned")
	__aligned(4096);

static u64 shared_phys(unsigned int level)
{
	return kernel_sym_to_phys(shared_page[level]);
}

static void share_root(pte_t *root)
{
	unsigned long first = (unsigned long)kasan_shadow_of((void *)0xffff800000000000);

	for (unsigned int i = 0; i < 32; i++)
		root[pt_index(PT_ROOT_LEVEL, first) + i] =
			pte_make_table(shared_phys(PT_ROOT_LEVEL), false);
}

void kasan_arch_boot(void)
{
	for (unsigned int level = 0; level < PT_ROOT_LEVEL; level++) {
		/* No NX: whether the CPU has it is not known yet. */
		pte_t e = level ? pte_make_table(shared_phys(level), false)
				: pte_make(shared_phys(0), PGPROT(PTE_PRESENT | PTE_YOUNG));

		for (unsigned int i = 0; i < PT_ENTRIES; i++)
			shared_page[level + 1][i] = e;
	}
	share_root(boot_pgd);
}

void kasan_arch_early(void)
{
	share_root(kernel_pt_root);
	if (kasan_arch_populate((unsigned long)image_start,
				(unsigned long)(image_end - image_start), early_page_alloc))
		early_fatal("shadow of the image");
}

bool kasan_arch_shares(unsigned int level, pte_t *e)
{
	if (pte_phys(*e) != shared_phys(level))
		return false;
	*e = shared_page[1][0];
	return true;
}

/* The entry's table or page, made its own if it is the shared one of @level. */
static int own(pte_t *at, unsigned int level, u64 (*alloc)(void))
{
	if (pte_phys(*at) != shared_phys(level))
		return 0;
	u64 page = alloc();

	if (!page)
		return -ENOMEM;
	if (!level) {
		pte_write(at, pte_make(page, PGPROT_KERNEL));
		return 0;
	}
	memcpy(phys_to_virt(page), shared_page[level], PAGE_SIZE);
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
