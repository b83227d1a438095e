/*
 * The kernel's page tables, looked at: as text for people, and for pages that should not be.
 *
 * Neighbours with the same permissions and size are one line; the text is that of Linux's
 * page_tables/kernel.
 */
#include <asm/protect.h>

#include <kern/bug.h>
#include <kernel/file/file.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>

#include "x86_impl.h"

#define KERNEL_HALF (-(1UL << (PT_SHIFT(PT_ROOT_LEVEL) + 8))) /* where it begins */
#define SHOWN (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_PWT | PTE_PCD | PTE_GLOBAL | PTE_NX)

struct pt_visitor {
	/* An entry that maps, or has nothing below it, in order of address. */
	void (*leaf)(struct pt_visitor *v, unsigned long va, unsigned int level, pte_t e);
};

/* The tables change meanwhile only by becoming finer; none is freed. */
static void visit_kernel(struct pt_visitor *v)
{
	unsigned long va = 0;

	do {
		const pte_t *table = kernel_pt_root;
		unsigned int level = PT_ROOT_LEVEL;
		pte_t e = pte_read(&table[pt_index(level, va)]);

		while (level && pte_is_table(e) && !kasan_arch_shares(level, &e)) {
			level--;
			e = pte_read(&pte_table(e)[pt_index(level, va)]);
		}
		v->leaf(v, va, level, e);
		va += PT_SIZE(level);
		if (va == -KERNEL_HALF) /* behind the lower half */
			va = KERNEL_HALF;
	} while (va);
}

/* ---- the text ---- */

static const struct {
	unsigned long start; /* 1: of the kernel's half, which depends on the levels */
	const char *name;
} marks[] = {
	{0, "User Space"},
	{1, "Kernel Space"},
	{DIRECT_MAP_BASE, "Low Kernel Mapping"},
	{VMALLOC_BASE, "vmalloc() Area"},
	{FRAME_MAP_BASE, "Vmemmap"},
	{KASAN_SHADOW_BASE, "KASAN shadow start"},
	{KERNEL_IMAGE_BASE, "High Kernel Mapping"},
	{MODULE_BASE, "Modules"},
	{MODULE_BASE + MODULE_SIZE, "End Modules"},
};

struct dump {
	struct pt_visitor visitor;
	struct seq *s;
	unsigned long start; /* of the run */
	u64 bits;
	unsigned int level, mark;
	bool huge, any;
};

static unsigned long mark_start(unsigned int mark)
{
	return marks[mark].start == 1 ? KERNEL_HALF : marks[mark].start;
}

static const char *level_name(unsigned int level)
{
	static const char *const names[] = {"pte", "pmd", "pud", "p4d"};

	return level == PT_ROOT_LEVEL ? "pgd" : names[level];
}

static void put_bits(struct seq *s, u64 bits, bool huge)
{
	if (!(bits & PTE_PRESENT)) {
		seq_printf(s, "%30s", "");
		return;
	}
	seq_puts(s, bits & PTE_USER ? "USR " : "    ");
	seq_puts(s, bits & PTE_WRITE ? "RW " : "ro ");
	seq_puts(s, bits & PTE_PWT ? "PWT " : "    ");
	seq_puts(s, bits & PTE_PCD ? "PCD " : "    ");
	seq_puts(s, huge ? "PSE " : "    ");
	seq_puts(s, bits & PTE_GLOBAL ? "GLB " : "    ");
	seq_puts(s, bits & PTE_NX ? "NX " : "x  ");
}

static void put_run(struct dump *d, unsigned long end)
{
	static const char units[] = "KMGTPE";
	unsigned long size = (end - d->start) >> 10;
	const char *unit = units;

	for (; !(size & 1023) && unit[1]; unit++)
		size >>= 10;
	seq_printf(d->s, "0x%016lx-0x%016lx   %9lu%c ", d->start, end, size, *unit);
	put_bits(d->s, d->bits, d->huge);
	seq_printf(d->s, "%s\n", level_name(d->level));
}

static void dump_leaf(struct pt_visitor *v, unsigned long va, unsigned int level, pte_t e)
{
	struct dump *d = container_of(v, struct dump, visitor);
	u64 bits = e.raw & PTE_PRESENT ? e.raw & SHOWN : 0;
	bool huge = bits && level && pte_huge(e);
	bool mark = d->mark < ARRAY_SIZE(marks) && va >= mark_start(d->mark);

	if (d->any && bits == d->bits && level == d->level && huge == d->huge && !mark)
		return;
	if (d->any)
		put_run(d, va);
	for (; d->mark < ARRAY_SIZE(marks) && va >= mark_start(d->mark); d->mark++)
		seq_printf(d->s, "---[ %s ]---\n", marks[d->mark].name);
	d->any = true;
	d->start = va;
	d->bits = bits;
	d->level = level;
	d->huge = huge;
}

static int show_kernel(struct seq *s, void *ctx)
{
	struct dump d = {.visitor = {dump_leaf}, .s = s};

	(void)ctx;
	visit_kernel(&d.visitor);
	put_run(&d, 0);
	return 0;
}

DEBUGFS_FILE("kernel_page_tables", 0400, show_kernel, NULL, NULL);
DEBUGFS_FILE("page_tables/kernel", 0400, show_kernel, NULL, NULL);
DEBUGFS_FILE("page_tables/current_kernel", 0400, show_kernel, NULL, NULL);

/* ---- what should not be ---- */

struct wx {
	struct pt_visitor visitor;
	unsigned long pages, first;
};

static void wx_leaf(struct pt_visitor *v, unsigned long va, unsigned int level, pte_t e)
{
	struct wx *w = container_of(v, struct wx, visitor);

	if (!(e.raw & PTE_PRESENT) || !(e.raw & PTE_WRITE) || e.raw & PTE_NX)
		return;
	if (!w->pages)
		w->first = va;
	w->pages += PT_SIZE(level) >> PAGE_SHIFT;
}

void arch_check_wx(void)
{
	struct wx w = {.visitor = {wx_leaf}};

	if (!pte_nx_mask)
		return; /* every page may be run */
	visit_kernel(&w.visitor);
	if (WARN(w.pages, "x86/mm: Found insecure W+X mapping at address %px", (void *)w.first))
		pr_info("x86/mm: Checked W+X mappings: FAILED, %lu W+X pages found.\n", w.pages);
	else
		pr_info("x86/mm: Checked W+X mappings: passed, no W+X pages found.\n");
}

struct alias {
	struct pt_visitor visitor;
	u64 phys;
	unsigned long found;
};

static void alias_leaf(struct pt_visitor *v, unsigned long va, unsigned int level, pte_t e)
{
	struct alias *a = container_of(v, struct alias, visitor);

	if (!a->found && e.raw & PTE_PRESENT && e.raw & PTE_WRITE &&
	    a->phys - pte_phys(e) < PT_SIZE(level))
		a->found = va + (unsigned long)(a->phys - pte_phys(e));
}

unsigned long arch_writable_alias(u64 phys)
{
	struct alias a = {.visitor = {alias_leaf}, .phys = phys};

	visit_kernel(&a.visitor);
	return a.found;
}
