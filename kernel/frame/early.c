/*
 * From the boot memory map to descriptors.
 *
 * Free RAM is the map minus the kernel image and the boot archives.  The descriptor array is made
 * of frames cut from the end of the largest free range below 4 GiB (which every early page table
 * reaches), mapped where RAM exists only, and zeroed, which types all frames FRAME_RESERVED.
 * The rest goes to the buddy without being touched.
 */
#include "frame_impl.h"

#include <asm/pgtable.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/panic/panic.h>

#define EARLY_MAX (BOOT_MEM_MAX + 2 * BOOT_INITRD_MAX + 4 + ASIDE_MAX)
#define LOW_RESERVED 0x100000ul /* firmware tables and the trampoline of other CPUs live here */

struct early_range {
	u64 start, end; /* frame numbers */
};

static struct early_range early[EARLY_MAX] __initdata;
static unsigned int early_count __initdata;
static struct early_range *early_pool __initdata; /* descriptors are cut from its end */

u64 frame_map_frames;
static struct early_range ram[BOOT_MEM_MAX]; /* [I] what has descriptors */
static unsigned int ram_count;

bool pfn_valid(u64 pfn)
{
	for (unsigned int i = 0; i < ram_count; i++) {
		if (pfn < ram[i].end)
			return pfn >= ram[i].start;
	}
	return false;
}

u64 frame_pfn_end(void)
{
	u64 end = 0;

	for (unsigned int i = 0; i < ram_count; i++)
		end = max(end, ram[i].end);
	return end;
}

static void __init early_cut(u64 start, u64 end)
{
	for (unsigned int i = 0; i < early_count; i++) {
		struct early_range *r = &early[i];

		if (end <= r->start || start >= r->end)
			continue;
		if (start <= r->start) {
			r->start = min(end, r->end);
		} else if (end >= r->end) {
			r->end = start;
		} else {
			if (early_count == EARLY_MAX)
				panic("memory map: too many ranges");
			early[early_count++] = (struct early_range){end, r->end};
			r->end = start;
		}
	}
}

void __init frame_boot_map(void)
{
	const struct boot_info *b = &boot_info;

	for (unsigned int i = 0; i < b->mem_count; i++) {
		if (b->mem[i].type != BOOT_MEM_RAM || b->mem[i].end <= b->mem[i].start)
			continue;
		struct early_range r = {b->mem[i].start >> PAGE_SHIFT, b->mem[i].end >> PAGE_SHIFT};

		early[early_count++] = r;
		ram[ram_count++] = r;
	}
	early_cut(0, LOW_RESERVED >> PAGE_SHIFT);
	early_cut(b->kernel_start >> PAGE_SHIFT, (b->kernel_end + PAGE_SIZE - 1) >> PAGE_SHIFT);
	for (unsigned int i = 0; i < b->initrd_count; i++)
		early_cut(b->initrd[i].start >> PAGE_SHIFT,
			  (b->initrd[i].end + PAGE_SIZE - 1) >> PAGE_SHIFT);
	/* A block never crosses the zone border. */
	for (unsigned int i = 0, n = early_count; i < n; i++) {
		if (early[i].start >= ZONE_HIGH_PFN || early[i].end <= ZONE_HIGH_PFN)
			continue;
		early[early_count++] = (struct early_range){ZONE_HIGH_PFN, early[i].end};
		early[i].end = ZONE_HIGH_PFN;
	}
}

int __init frame_set_aside(u64 pages, u64 align, u64 from, u64 to, u64 *pfn)
{
	u64 best = 0;

	if (!pages)
		return -EINVAL;
	for (unsigned int i = 0; i < early_count; i++) {
		u64 start = max(early[i].start, from), end = min(early[i].end, to);

		if (start >= end || end - start < pages)
			continue;
		u64 at = end - pages;

		at -= at % align;
		if (at >= start && at > best)
			best = at;
	}
	if (!best || early_count + 1 > EARLY_MAX)
		return -EINVAL;
	early_cut(best, best + pages);
	*pfn = best;
	return 0;
}

static void __init choose_pool(void)
{
	for (unsigned int i = 0; i < early_count; i++) {
		struct early_range *r = &early[i];

		if (r->start >= ZONE_HIGH_PFN)
			continue;
		if (!early_pool || r->end - r->start > early_pool->end - early_pool->start)
			early_pool = r;
	}
}

static u64 __init early_frame(void)
{
	if (!early_pool || early_pool->start == early_pool->end)
		panic("not enough memory for frame descriptors");
	u64 pa = --early_pool->end << PAGE_SHIFT;

	frame_map_frames++;
	memset(phys_to_virt(pa), 0, PAGE_SIZE);
	return pa;
}

static void __init early_map_page(unsigned long va)
{
	pte_t *table = kernel_pt_root;

	for (unsigned int level = PT_ROOT_LEVEL; level > 0; level--) {
		pte_t *e = &table[pt_index(level, va)];

		if (pte_none(*e))
			pte_write(e, pte_make_table(early_frame(), false));
		table = pte_table(*e);
	}
	pte_t *e = &table[pt_index(0, va)];

	if (pte_none(*e))
		pte_write(e, pte_make(early_frame(), PGPROT_KERNEL));
}

void __init frame_early_init(void)
{
	choose_pool();
	for (unsigned int i = 0; i < ram_count; i++) {
		unsigned long va = (unsigned long)pfn_to_frame(ram[i].start) & PAGE_MASK;
		unsigned long end = (unsigned long)pfn_to_frame(ram[i].end);

		for (; va < end; va += PAGE_SIZE)
			early_map_page(va);
	}
	for (unsigned int i = 0; i < early_count; i++) {
		frame_total += early[i].end - early[i].start;
		buddy_give_range(early[i].start, early[i].end);
	}
}
