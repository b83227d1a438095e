/*
 * Kernel virtual memory outside the direct map.
 *
 * Areas are kept by address in a red-black tree and handed out first-fit from the lowest place
 * known to have a hole, each with an unmapped page behind it.  Tables of the kernel half are shared
 * by all address spaces from the root's entries down and are never freed.
 *
 * A freed area's frames go back at once, but its addresses wait until a batch of them has been
 * flushed from all translation caches by one shoot-down: nobody may use them, so nobody can see
 * stale ones until they are given out again.
 */
#include "vmap_impl.h"

#include <asm/irqflags.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/kasan/kasan.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/symbol/symbol.h>
#include <lib/rbtree/rbtree.h>

#define LAZY_MAX_AREAS 64u
#define LAZY_MAX_BYTES (32ul << 20)

struct vmap_area {
	struct rb_node node;
	unsigned long start, end; /* end: behind the guard page */
	size_t pages;		  /* mapped */
	bool is_device;
	u64 phys;	   /* of a device */
	const void *maker; /* who asked for it */
	const char *what;  /* frames are another's; or NULL */
	struct vmap_area *lazy_next;
};

struct spinlock vmap_lock = SPINLOCK_INIT(LK_VMAP);
static struct rb_root areas;
static unsigned long search_from = AREA_BASE; /* no hole below */
static struct vmap_area *lazy;
static size_t lazy_count, lazy_bytes;
static u64 used_bytes;

void vmap_init(void)
{
}

bool vmap_contains(const void *p)
{
	return (unsigned long)p - VMALLOC_BASE < VMALLOC_SIZE;
}

/* --- page tables --- */

pte_t *vmap_entry(unsigned long va, bool make)
{
	pte_t *table = kernel_pt_root;

	for (unsigned int level = PT_ROOT_LEVEL; level > 0; level--) {
		pte_t *e = &table[pt_index(level, va)];

		if (pte_none(pte_read(e))) {
			void *page = make ? frame_alloc_virt(0, GFP_ATOMIC | GFP_ZERO) : NULL;

			if (!page)
				return NULL;
			pte_write(e, pte_make_table(virt_to_phys(page), false));
		}
		table = pte_table(pte_read(e));
	}
	return &table[pt_index(0, va)];
}

void vmap_unback(unsigned long va, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		spin_lock(&vmap_lock);
		pte_t *e = vmap_entry(va + i * PAGE_SIZE, false);
		pte_t old = e ? pte_xchg(e, (pte_t){0}) : (pte_t){0};

		spin_unlock(&vmap_lock);
		if (pte_present(old))
			frame_put(pfn_to_frame(pte_pfn(old)));
	}
}

int vmap_back(unsigned long va, size_t n, unsigned int type)
{
	for (size_t i = 0; i < n; i++) {
		struct frame *f = frame_alloc(0, (enum frame_type)type, GFP_KERNEL | GFP_ZERO);
		pte_t *e = NULL;

		if (f) {
			spin_lock(&vmap_lock);
			e = vmap_entry(va + i * PAGE_SIZE, true);
			if (e)
				pte_write(e, pte_make(frame_to_phys(f), PGPROT_KERNEL));
			spin_unlock(&vmap_lock);
		}
		if (!e) {
			if (f)
				frame_put(f);
			vmap_unback(va, i);
			return -ENOMEM;
		}
	}
	return 0;
}

/* --- areas --- */

static struct vmap_area *area_of(struct rb_node *n)
{
	return rb_entry_safe(n, struct vmap_area, node);
}

/* First area that ends above @addr. */
static struct vmap_area *area_above(unsigned long addr)
{
	struct rb_node *n = areas.node;
	struct vmap_area *best = NULL;

	while (n) {
		struct vmap_area *a = area_of(n);

		if (a->end > addr) {
			best = a;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static void area_link(struct vmap_area *a)
{
	struct rb_node **link = &areas.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = a->start < area_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_link_node(&a->node, parent, link);
	rb_insert_color(&a->node, &areas);
}

/* vmap_lock held.  Chooses addresses for @bytes, the guard page included. */
static int area_place(struct vmap_area *a, size_t bytes)
{
	unsigned long at = search_from;
	struct vmap_area *next = area_above(at);

	while (next && next->start - at < bytes) {
		at = next->end;
		next = area_of(rb_next(&next->node));
	}
	if (at + bytes > AREA_END || at + bytes < at)
		return -ENOMEM;
	a->start = at;
	a->end = at + bytes;
	if (at == search_from)
		search_from = a->end;
	area_link(a);
	used_bytes += bytes;
	return 0;
}

/* Flushes the waiting areas; their addresses may be used again. */
static void purge(void)
{
	unsigned long lo = ~0ul, hi = 0;

	spin_lock(&vmap_lock);
	struct vmap_area *list = lazy;

	lazy = NULL;
	lazy_count = 0;
	lazy_bytes = 0;
	spin_unlock(&vmap_lock);
	for (struct vmap_area *a = list; a; a = a->lazy_next) {
		lo = min(lo, a->start);
		hi = max(hi, a->end);
	}
	if (!list)
		return;
	tlb_flush_kernel(lo, hi);
	while (list) {
		struct vmap_area *a = list;

		list = a->lazy_next;
		spin_lock(&vmap_lock);
		rb_erase(&a->node, &areas);
		search_from = min(search_from, a->start);
		used_bytes -= a->end - a->start;
		spin_unlock(&vmap_lock);
		kfree(a);
	}
}

static struct vmap_area *area_make(size_t bytes, const void *maker)
{
	struct vmap_area *a = kmalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->pages = 0;
	a->is_device = false;
	a->maker = maker;
	a->what = NULL;
	for (int try = 0; try < 2; try++) {
		spin_lock(&vmap_lock);
		int err = area_place(a, bytes);

		spin_unlock(&vmap_lock);
		if (!err)
			return a;
		purge();
	}
	kfree(a);
	return NULL;
}

static void area_retire(struct vmap_area *a)
{
	spin_lock(&vmap_lock);
	a->lazy_next = lazy;
	lazy = a;
	lazy_count++;
	lazy_bytes += a->end - a->start;
	bool full = lazy_count > LAZY_MAX_AREAS || lazy_bytes > LAZY_MAX_BYTES;

	spin_unlock(&vmap_lock);
	if (full && !irqs_are_off())
		purge();
}

void *vmalloc(size_t size)
{
	size_t bytes = (size + PAGE_SIZE - 1) & PAGE_MASK;

	if (!size || bytes < size || bytes > AREA_END - AREA_BASE - PAGE_SIZE)
		return NULL;
	struct vmap_area *a = area_make(bytes + PAGE_SIZE, __builtin_return_address(0));

	if (!a)
		return NULL;
	size_t n = bytes >> PAGE_SHIFT;

	if (kasan_populate((void *)a->start, bytes) || vmap_back(a->start, n, FRAME_VMAP)) {
		area_retire(a);
		return NULL;
	}
	a->pages = n;
	kasan_unpoison((void *)a->start, bytes);
	return (void *)a->start;
}

static struct vmap_area *area_exact(unsigned long start)
{
	spin_lock(&vmap_lock);
	struct vmap_area *a = area_above(start);

	spin_unlock(&vmap_lock);
	return a && a->start == start && a->pages ? a : NULL;
}

void vfree(const void *p)
{
	if (!p)
		return;
	struct vmap_area *a = area_exact((unsigned long)p);

	if (WARN_ON(!a || a->is_device || a->what))
		return;
	vmap_unback(a->start, a->pages);
	a->pages = 0;
	area_retire(a);
}

/* The mapping goes; what was mapped is another's. */
static void area_unmap(struct vmap_area *a)
{
	spin_lock(&vmap_lock);
	for (size_t i = 0; i < a->pages; i++) {
		pte_t *e = vmap_entry(a->start + i * PAGE_SIZE, false);

		if (e)
			pte_write(e, (pte_t){0});
	}
	spin_unlock(&vmap_lock);
	a->pages = 0;
	area_retire(a);
}

/* @bytes from @phys on, which are another's, where @a begins. False: no memory, and @a is gone. */
static bool area_map(struct vmap_area *a, u64 phys, size_t bytes, pgprot_t prot)
{
	if (kasan_populate((void *)a->start, bytes)) {
		area_retire(a);
		return false;
	}
	for (size_t at = 0; at < bytes; at += PAGE_SIZE) {
		spin_lock(&vmap_lock);
		pte_t *e = vmap_entry(a->start + at, true);

		if (e)
			pte_write(e, pte_make(phys + at, prot));
		spin_unlock(&vmap_lock);
		a->pages++;
		if (!e) {
			area_unmap(a);
			return false;
		}
	}
	kasan_unpoison((void *)a->start, bytes);
	return true;
}

void *ioremap(u64 phys, size_t size, enum vmap_cache cache)
{
	u64 offset = phys & ~PAGE_MASK;
	size_t bytes = (size + offset + PAGE_SIZE - 1) & PAGE_MASK;
	pgprot_t prot = PGPROT_KERNEL;

	if (!size || bytes < size || phys + size < phys)
		return NULL;
	if (cache == VMAP_UC)
		prot = pgprot_uncached(prot);
	else if (cache == VMAP_WC)
		prot = pgprot_write_combine(prot);
	struct vmap_area *a = area_make(bytes + PAGE_SIZE, __builtin_return_address(0));

	if (!a)
		return NULL;
	a->phys = phys & PAGE_MASK;
	a->is_device = true;
	return area_map(a, a->phys, bytes, prot) ? (void *)(a->start + offset) : NULL;
}

void iounmap(const void *p)
{
	if (!p)
		return;
	struct vmap_area *a = area_exact((unsigned long)p & PAGE_MASK);

	if (WARN_ON(!a || !a->is_device))
		return;
	area_unmap(a);
}

void *vmap_frames(struct frame *first, size_t n, const char *what)
{
	size_t bytes = n << PAGE_SHIFT;
	struct vmap_area *a = area_make(bytes + PAGE_SIZE, __builtin_return_address(0));

	if (!a)
		return NULL;
	a->what = what;
	return area_map(a, frame_to_phys(first), bytes, PGPROT_KERNEL) ? (void *)a->start : NULL;
}

void vmap_write_protect(void *p, size_t n)
{
	spin_lock(&vmap_lock);
	for (size_t i = 0; i < n; i++) {
		pte_t *e = vmap_entry((unsigned long)p + i * PAGE_SIZE, false);

		if (e)
			pte_set_wrprotect(e);
	}
	spin_unlock(&vmap_lock);
}

void vunmap_frames(const void *p)
{
	struct vmap_area *a = p ? area_exact((unsigned long)p) : NULL;

	if (WARN_ON(!a || !a->what))
		return;
	area_unmap(a);
}

/* No lock: it is asked for in a double fault.  Tables are never freed. */
bool vmap_is_guard(unsigned long addr)
{
	if (addr < VMALLOC_BASE || addr >= VMALLOC_BASE + VMALLOC_SIZE)
		return false;
	pte_t *e = vmap_entry(addr, false);

	return !e || !pte_present(pte_read(e));
}

void vmap_stats(struct vmap_stats *out)
{
	out->total = VMALLOC_SIZE;
	out->largest = AREA_END - search_from;
	spin_lock(&vmap_lock);
	out->used = used_bytes;
	spin_unlock(&vmap_lock);
}

/* vmap_lock held.  Addresses stay untold, as they are in Linux by default: sizes and users are. */
static void show_area(struct seq *s, const struct vmap_area *a)
{
	unsigned long from = a->start - VMALLOC_BASE, to = a->end - VMALLOC_BASE;
	char who[96];

	seq_printf(s, "0x%016lx-0x%016lx %7lu", from, to, to - from);
	if (!a->pages) {
		seq_puts(s, " unpurged vm_area\n");
		return;
	}
	symbol_format((unsigned long)a->maker, who, sizeof(who));
	seq_printf(s, " %s", who);
	if (a->is_device)
		seq_printf(s, " phys=0x%016llx ioremap\n", (unsigned long long)a->phys);
	else
		seq_printf(s, " pages=%zu %s N0=%zu\n", a->pages, a->what ? a->what : "vmalloc",
			   a->pages);
}

static int show_vmallocinfo(struct seq *s, void *v)
{
	(void)v;
	spin_lock(&vmap_lock);
	for (struct rb_node *n = rb_first(&areas); n; n = rb_next(n))
		show_area(s, area_of(n));
	spin_unlock(&vmap_lock);
	return 0;
}

PROC_FILE("vmallocinfo", 0400, show_vmallocinfo);
