/*
 * Protection of kernel memory: read-only parts of the direct map, and writes through an alias.
 *
 * The alias lives in the user half of a root that no task has: nobody but the CPU that writes, with
 * interrupts off, has a translation of it, and it is taken out again before another root is loaded.
 */
#include <asm/protect.h>

#include <asm/irqflags.h>
#include <asm/tlb.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/lock/lock.h>
#include <kernel/panic/panic.h>

#include "x86_impl.h"

#define POKE_VA 0x0000200000000000UL

static struct spinlock direct_lock = SPINLOCK_INIT(LK_SPIN_LEAF); /* splitting the direct map */
static struct spinlock poke_lock = SPINLOCK_INIT(LK_IRQ_LEAF);	  /* the one alias */
static pte_t *poke_root __ro_after_init;
static pte_t *poke_entry __ro_after_init;

/* ---- the direct map ---- */

/* direct_lock held.  The same mapping in pages of the next smaller size. */
static int split(struct pt_leaf leaf)
{
	pte_t e = leaf.e, *table = frame_alloc_virt(0, GFP_ATOMIC);

	if (!table)
		return -ENOMEM;
	if (leaf.level == 1)
		e.raw &= ~PTE_HUGE;
	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		table[i] = (pte_t){e.raw + i * PT_SIZE(leaf.level - 1)};
	pte_write(leaf.at, pte_make_table(virt_to_phys(table), false));
	return 0;
}

/* direct_lock held.  No leaf reaches over @va. */
static int split_at(unsigned long va)
{
	struct pt_leaf leaf;
	int err = 0;

	while (!err && (leaf = paging_leaf(va)).at && va & (PT_SIZE(leaf.level) - 1))
		err = split(leaf);
	return err;
}

int arch_direct_protect(u64 phys, u64 len, bool writable)
{
	unsigned long va = DIRECT_MAP_BASE + phys, end = va + len;
	struct pt_leaf leaf;

	spin_lock(&direct_lock);
	int err = split_at(va);

	if (!err)
		err = split_at(end);
	for (unsigned long at = va; !err && at < end; at += PT_SIZE(leaf.level)) {
		leaf = paging_leaf(at);
		if (WARN_ON(!leaf.at))
			break;
		if (writable)
			pte_write(leaf.at, pte_mk_write(leaf.e));
		else
			pte_set_wrprotect(leaf.at);
	}
	spin_unlock(&direct_lock);
	if (!err)
		tlb_flush_kernel(va, end);
	return err;
}

/* ---- rare writes ---- */

/* While constants may still be written: the tables of the alias, which nothing needs before. */
void poke_init(void)
{
	pte_t *root = frame_alloc_virt(pt_root_order(), GFP_KERNEL | GFP_ZERO), *table = root;

	for (unsigned int level = PT_ROOT_LEVEL; table && level > 0; level--) {
		pte_t *next = frame_alloc_virt(0, GFP_KERNEL | GFP_ZERO);

		if (next)
			pte_write(&table[pt_index(level, POKE_VA)],
				  pte_make_table(virt_to_phys(next), false));
		table = next;
	}
	if (!table)
		panic("No memory for the tables of the code patcher");
	pt_root_init(root);
	poke_entry = &table[pt_index(0, POKE_VA)];
	poke_root = root;
}

static u64 read_cr3(void)
{
	u64 v;

	asm volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

/* Inside one page.  The copy is spelled out: the alias has no shadow of the sanitizer. */
static void poke_page(u64 phys, const void *from, size_t len)
{
	unsigned long to = POKE_VA + (phys & ~PAGE_MASK);
	unsigned long flags = spin_lock_irqsave(&poke_lock);
	u64 cr3 = read_cr3();

	pte_write(poke_entry,
		  pte_make(phys & PAGE_MASK,
			   PGPROT(PTE_PRESENT | PTE_WRITE | PTE_YOUNG | PTE_DIRTY | pte_nx_mask)));
	write_cr3(virt_to_phys(poke_root));
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	pte_write(poke_entry, (pte_t){0});
	asm volatile("invlpg (%0)" : : "r"(POKE_VA) : "memory");
	/* What was loaded has been told of every flush but those that wait for interrupts. */
	write_cr3(cr3 | (cpu_has(CPU_PCID) ? CR3_NO_FLUSH : 0));
	spin_unlock_irqrestore(&poke_lock, flags);
}

int arch_poke(void *to, const void *from, size_t len)
{
	unsigned long at = (unsigned long)to;

	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - (at & ~PAGE_MASK));
		u64 phys;

		if (!paging_phys(at, &phys))
			return -EFAULT;
		if (likely(poke_root))
			poke_page(phys, from, n);
		else
			memcpy(phys_to_virt(phys), from, n);
		at += n;
		from = (const char *)from + n;
		len -= n;
	}
	return 0;
}

bool arch_is_read_only(const void *p, size_t len)
{
	unsigned long at = (unsigned long)p & PAGE_MASK, last = (unsigned long)p + len - 1;

	if (!len || !addr_is_kernel(at) || last < (unsigned long)p)
		return false;
	for (; at <= last; at += PAGE_SIZE) {
		if (!paging_allows(at, false) || paging_allows(at, true))
			return false;
		if (at + PAGE_SIZE < at)
			break;
	}
	return true;
}

/* ---- at the end of start-up ---- */

void protect_image(void)
{
	u64 from = kernel_sym_to_phys(text_start) & PAGE_MASK;
	u64 to = kernel_sym_to_phys(rodata_end);

	if (arch_direct_protect(from, to - from, false))
		panic("No memory to protect the kernel image");
}
