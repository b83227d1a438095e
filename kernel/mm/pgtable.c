/*
 * Page tables of user address spaces.
 *
 * No lock guards an entry: every change is one exchange or compare-and-exchange, and who replaced
 * an entry owns what the old one held.  What keeps a table from being freed is the VMA above it:
 * tables go only when no VMA is left in their range, and whoever walks holds mm->lock, a VMA's read
 * lock or, through pagecache->rmap_lock, a VMA's place on the list.
 *
 * Tables that fall free have been emptied entry by entry and are kept, zero as they are, in a small
 * per-CPU stock; a root also keeps its kernel half.
 */
#include "mm_impl.h"

#include <asm/irqflags.h>
#include <asm/percpu.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>

#define STOCK 24u

struct pt_stock {
	u32 tables, roots;
	struct frame *table[STOCK], *root[4];
};

static DEFINE_PERCPU(struct pt_stock, pt_stock);

struct frame *pt_table_alloc(void)
{
	struct frame *f = NULL;

	if (slab_should_fail())
		return NULL;
	unsigned long irq = irqs_save();
	struct pt_stock *s = this_cpu_ptr(pt_stock);

	if (s->tables)
		f = s->table[--s->tables];
	irqs_restore(irq);
	return f ? f : frame_alloc(0, FRAME_PGTABLE, GFP_KERNEL | GFP_ZERO);
}

void pt_table_free(struct frame *f)
{
	unsigned long irq = irqs_save();
	struct pt_stock *s = this_cpu_ptr(pt_stock);
	bool kept = s->tables < STOCK;

	if (kept)
		s->table[s->tables++] = f;
	irqs_restore(irq);
	if (!kept)
		frame_put(f);
}

pte_t *pt_new_root(void)
{
	struct frame *f = NULL;
	unsigned long irq = irqs_save();
	struct pt_stock *s = this_cpu_ptr(pt_stock);

	if (s->roots)
		f = s->root[--s->roots];
	irqs_restore(irq);
	if (!f)
		f = frame_alloc(pt_root_order(), FRAME_PGTABLE, GFP_KERNEL | GFP_ZERO);
	return f ? frame_to_virt(f) : NULL;
}

void pt_free_root(struct mm *mm)
{
	struct frame *f = phys_to_frame(mm->arch.root_phys);
	unsigned long irq = irqs_save();
	struct pt_stock *s = this_cpu_ptr(pt_stock);
	bool kept = s->roots < ARRAY_SIZE(s->root);

	if (kept)
		s->root[s->roots++] = f;
	irqs_restore(irq);
	if (!kept)
		frame_put(f);
}

u64 pt_stock_shrink(u64 want)
{
	struct frame *f[STOCK];
	unsigned long irq = irqs_save();
	struct pt_stock *s = this_cpu_ptr(pt_stock);
	u32 n = s->tables;

	(void)want;

	for (u32 i = 0; i < n; i++)
		f[i] = s->table[i];
	s->tables = 0;
	irqs_restore(irq);
	frame_put_many(f, n);
	return n;
}

/* --- walking --- */

static noinline pte_t *table_make(struct mm *mm, pte_t *at, unsigned int level)
{
	struct frame *f = pt_table_alloc();
	pte_t old = {0};
	bool linked;

	if (!f)
		return NULL;
	if (level == PT_ROOT_LEVEL)
		linked = pt_root_link(at, &old, frame_to_phys(f));
	else
		linked = pte_cmpxchg(at, &old, pte_make_table(frame_to_phys(f), true));
	if (!linked) {
		pt_table_free(f);
		return pte_table(old);
	}
	__atomic_fetch_add(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
	return frame_to_virt(f);
}

/* The table below @table at @addr, made if there is none. */
static __always_inline pte_t *step_make(struct mm *mm, pte_t *table, unsigned int level, u64 addr)
{
	pte_t *at = &table[pt_index(level, addr)];
	pte_t e = pte_read(at);

	return likely(!pte_none(e)) ? pte_table(e) : table_make(mm, at, level);
}

pte_t *pt_make_upper(struct mm *mm, u64 addr)
{
	pte_t *table = phys_to_virt(mm->arch.root_phys);

	if (pt_has_five()) {
		table = step_make(mm, table, PT_TOP_LEVEL + 1, addr);
		if (unlikely(!table))
			return NULL;
	}
	for (unsigned int level = PT_TOP_LEVEL; level > 1; level--) {
		table = step_make(mm, table, level, addr);
		if (unlikely(!table))
			return NULL;
	}
	return &table[pt_index(1, addr)];
}

pte_t *pt_make_table(struct mm *mm, u64 addr, pte_t *at)
{
	for (;;) {
		pte_t *table = pt_small(mm, addr, at);
		struct frame *f;
		pte_t none = {0};

		if (table)
			return table;
		f = pt_table_alloc();
		if (!f)
			return NULL;
		if (pte_cmpxchg(at, &none, pte_make_table(frame_to_phys(f), true))) {
			__atomic_fetch_add(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
			return frame_to_virt(f);
		}
		pt_table_free(f);
	}
}

pte_t *pt_make(struct mm *mm, u64 addr)
{
	pte_t *at = pt_make_upper(mm, addr);
	pte_t *table = at ? pt_make_table(mm, addr, at) : NULL;

	return table ? &table[pt_index(0, addr)] : NULL;
}

pte_t *pt_upper(struct mm *mm, u64 addr, u64 end, u64 *next)
{
	pte_t *table = phys_to_virt(mm->arch.root_phys);

	if (pt_has_five()) {
		pte_t e = pte_read(&table[pt_index(PT_TOP_LEVEL + 1, addr)]);

		if (pte_none(e)) {
			*next = pt_next(PT_TOP_LEVEL + 1, addr, end);
			return NULL;
		}
		table = pte_table(e);
	}
	for (unsigned int level = PT_TOP_LEVEL; level > 1; level--) {
		pte_t e = pte_read(&table[pt_index(level, addr)]);

		if (pte_none(e)) {
			*next = pt_next(level, addr, end);
			return NULL;
		}
		table = pte_table(e);
	}
	*next = pt_next(1, addr, end);
	return &table[pt_index(1, addr)];
}

pte_t *pt_small(struct mm *mm, u64 addr, pte_t *at)
{
	for (;;) {
		pte_t e = pte_read(at);

		if (likely(pte_is_table(e)))
			return pte_table(e);
		if (likely(pte_none(e)))
			return NULL;
		huge_split(mm, addr, at);
	}
}

pte_t *pt_leaf(struct mm *mm, u64 addr, u64 end, u64 *next)
{
	pte_t *at = pt_upper(mm, addr, end, next);

	return at ? pt_small(mm, addr, at) : NULL;
}

bool pt_find(struct mm *mm, u64 addr, struct pt_spot *out)
{
	u64 next;
	pte_t *at = pt_upper(mm, addr, addr + PAGE_SIZE, &next);
	pte_t e = at ? pte_read(at) : (pte_t){0};

	if (pte_is_table(e)) {
		out->at = &pte_table(e)[pt_index(0, addr)];
		out->raw = out->e = pte_read(out->at);
		return pte_present(out->e);
	}
	out->at = at;
	out->raw = out->e = e;
	if (!pte_present(e))
		return false;
	out->e = pte_huge_part(e, pt_index(0, addr));
	/* The huge zero page is special, as the small one is. */
	if (pte_special(e))
		out->e = pte_mk_special(
			pte_wrprotect(pte_make(frame_to_phys(zero_frame), pgprot_user(PROT_READ))));
	return true;
}

/* --- accounting --- */

s64 *mm_rss(struct mm *mm, const struct frame *f)
{
	if (f->type == FRAME_ANON)
		return &mm->rss_anon;
	if (f->type == FRAME_FOLIO && ((struct folio *)f->owner)->flags & FOLIO_UNEVICTABLE)
		return &mm->rss_shmem;
	return &mm->rss_file;
}

void mm_rss_add(struct mm *mm, const struct frame *f, s64 n)
{
	__atomic_fetch_add(mm_rss(mm, f), n, __ATOMIC_RELAXED);
}

/* --- gather --- */

void gather_begin(struct gather *g, struct mm *mm, bool full)
{
	g->mm = mm;
	g->start = ~0ull;
	g->end = 0;
	g->full = full;
	g->freed_tables = false;
	g->count = 0;
	g->max = GATHER_INLINE;
	g->list = g->inline_list;
	g->tables = NULL;
	g->anon = 0;
	g->file = 0;
	g->shmem = 0;
}

static void gather_flush(struct gather *g)
{
	if (!g->full && g->start < g->end)
		tlb_flush_mm_range(&g->mm->arch, g->start, g->end, g->freed_tables);
	frame_put_many(g->list, g->count);
	g->count = 0;
	while (g->tables) {
		struct frame *f = g->tables;

		g->tables = f->owner;
		f->owner = NULL;
		pt_table_free(f);
	}
	g->start = ~0ull;
	g->end = 0;
	g->freed_tables = false;
}

void gather_end(struct gather *g)
{
	gather_flush(g);
	if (g->list != g->inline_list)
		frame_free_virt(g->list);
	if (g->anon)
		__atomic_fetch_sub(&g->mm->rss_anon, g->anon, __ATOMIC_RELAXED);
	if (g->file)
		__atomic_fetch_sub(&g->mm->rss_file, g->file, __ATOMIC_RELAXED);
	if (g->shmem)
		__atomic_fetch_sub(&g->mm->rss_shmem, g->shmem, __ATOMIC_RELAXED);
}

static noinline void gather_more(struct gather *g)
{
	if (g->list == g->inline_list) {
		struct frame **page = frame_alloc_virt(0, GFP_ATOMIC | GFP_NOWARN);

		if (page) {
			for (unsigned int i = 0; i < g->count; i++)
				page[i] = g->inline_list[i];
			g->list = page;
			g->max = PAGE_SIZE / sizeof(*page);
			return;
		}
	}
	gather_flush(g);
}

void gather_frame(struct gather *g, struct frame *f)
{
	g->list[g->count++] = f;
	if (unlikely(g->count == g->max))
		gather_more(g);
}

/* --- zap --- */

static __always_inline void zap_one(struct gather *g, pte_t *at, u64 addr, pte_t e, pte_t left)
{
	/* Alone with the tables, nobody can change the entry meanwhile. */
	if (g->full)
		pte_write(at, left);
	else
		e = pte_xchg(at, left);
	if (unlikely(!pte_present(e)))
		return;
	g->start = min(g->start, addr);
	g->end = max(g->end, addr + PAGE_SIZE);
	if (pte_special(e))
		return;

	struct frame *f = pfn_to_frame(pte_pfn(e));

	if (likely(f->type == FRAME_ANON)) {
		g->anon++;
	} else {
		struct folio *folio;

		f = frame_head(f);
		if (f->type == FRAME_ANON) { /* a huge page that was split while shared */
			g->anon++;
			gather_frame(g, f);
			return;
		}
		folio = f->owner;
		if (pte_dirty(e) && !(folio->flags & FOLIO_DIRTY))
			__atomic_fetch_or(&folio->flags, FOLIO_DIRTY, __ATOMIC_RELAXED);
		if (folio->flags & FOLIO_UNEVICTABLE)
			g->shmem++;
		else
			g->file++;
	}
	gather_frame(g, f);
}

/* Has the entry been seen to? */
static noinline bool zap_kept(struct gather *g, pte_t *at, u64 addr, pte_t e, unsigned int keep)
{
	if (!pte_present(e))
		return keep & ZAP_KEEP_WP && pte_is_mark(e, MARK_UFFD_WP);
	if (keep & ZAP_KEEP_COW && !pte_special(e) &&
	    frame_head(pfn_to_frame(pte_pfn(e)))->type == FRAME_ANON)
		return true;
	if (!(keep & ZAP_KEEP_WP) || !pte_uffd_wp(e))
		return false;
	zap_one(g, at, addr, e, pte_make_marker(MARK_UFFD_WP, 0));
	return true;
}

void pt_zap(struct gather *g, struct vma *vma, u64 start, u64 end, unsigned int keep)
{
	u64 next;

	for (u64 addr = start; addr < end; addr = next) {
		pte_t *upper = pt_upper(g->mm, addr, end, &next);

		if (!upper || (huge_whole(addr, next) && !pte_is_table(pte_read(upper)) &&
			       huge_zap(g, upper, addr, keep)))
			continue;
		pte_t *table = pt_small(g->mm, addr, upper), *at;

		if (!table)
			continue;
		at = &table[pt_index(0, addr)];
		for (; addr < next; addr += PAGE_SIZE, at++) {
			pte_t e = pte_read(at);

			if (pte_none(e)) {
				if (pt_line_empty(at)) {
					addr += (PT_LINE - 1) * PAGE_SIZE;
					at += PT_LINE - 1;
				}
				continue;
			}
			if (unlikely(keep) && zap_kept(g, at, addr, e, keep))
				continue;
			zap_one(g, at, addr, e, (pte_t){0});
		}
	}
	(void)vma;
}

static void free_level(struct gather *g, pte_t *table, unsigned int level, u64 start, u64 end,
		       u64 floor, u64 ceiling)
{
	u64 next;

	for (u64 addr = start; addr < end; addr = next) {
		pte_t *at = &table[pt_index(level, addr)];
		u64 base = addr & ~(PT_SIZE(level) - 1);

		pte_t e = pte_read(at);

		if (pte_none(e)) {
			next = base + (pt_line_empty(at) ? PT_LINE : 1) * PT_SIZE(level);
			next = min(next, end);
			continue;
		}
		next = pt_next(level, addr, end);
		if (level > 1)
			free_level(g, pte_table(e), level - 1, addr, next, floor, ceiling);
		if (base < floor || base + PT_SIZE(level) > ceiling)
			continue;
		if (level == PT_ROOT_LEVEL)
			pt_root_unlink(at);
		else
			pte_write(at, (pte_t){0});
		struct frame *f = virt_to_frame(pte_table(e));

		f->owner = g->tables;
		g->tables = f;
		g->freed_tables = true;
		g->start = min(g->start, base);
		g->end = max(g->end, min(base + PT_SIZE(level), (u64)USER_END));
		__atomic_fetch_sub(&g->mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
	}
}

void pt_free(struct gather *g, u64 start, u64 end, u64 floor, u64 ceiling)
{
	/* The last table of user space may be freed although USER_END is not aligned. */
	if (ceiling >= USER_END)
		ceiling = PT_SIZE(PT_ROOT_LEVEL) * PT_ROOT_USER_ENTRIES;
	free_level(g, phys_to_virt(g->mm->arch.root_phys), PT_ROOT_LEVEL, start, end, floor,
		   ceiling);
}

void pt_free_hole(struct gather *g, u64 start, u64 end)
{
	struct mm *mm = g->mm;
	struct vma *before = btree_before(&mm->vmas, start, NULL), *after = vma_find(mm, end);

	pt_free(g, start, end, before ? before->end : 0, after ? after->start : USER_END);
}

void pt_free_empty(struct mm *mm, u64 start, u64 end)
{
	struct gather g;

	gather_begin(&g, mm, false);
	pt_free_hole(&g, start, end);
	gather_end(&g);
}

/* --- protection --- */

pte_t pt_protected(const struct vma *vma, pte_t e)
{
	pgprot_t prot = PGPROT(vma->pte_bits);
	bool was_writable = pte_writable(e);

	e = pte_modify(e, prot);
	/* Write permission comes back by a fault, which knows whether the page is shared; it stays
	 * where it was. */
	if (!was_writable)
		e = pte_wrprotect(e);
	return e;
}

void pt_protect(struct vma *vma, u64 start, u64 end)
{
	u64 next, lo = ~0ull, hi = 0;

	for (u64 addr = start; addr < end; addr = next) {
		pte_t *upper = pt_upper(vma->mm, addr, end, &next);
		bool changed = false;

		if (upper && huge_whole(addr, next) && !pte_is_table(pte_read(upper)) &&
		    huge_protect(vma, upper, &changed)) {
			lo = changed ? min(lo, addr) : lo;
			hi = changed ? next : hi;
			continue;
		}
		pte_t *table = upper ? pt_small(vma->mm, addr, upper) : NULL, *at;

		if (!table)
			continue;
		at = &table[pt_index(0, addr)];
		for (; addr < next; addr += PAGE_SIZE, at++) {
			pte_t e = pte_read(at), new;

			do {
				if (!pte_present(e))
					break;
				new = pt_protected(vma, e);
			} while (new.raw != e.raw && !pte_cmpxchg(at, &e, new));
			if (!pte_present(e) || new.raw == e.raw)
				continue;
			lo = min(lo, addr);
			hi = addr + PAGE_SIZE;
		}
	}
	if (lo < hi)
		tlb_flush_mm_range(&vma->mm->arch, lo, hi, false);
}
