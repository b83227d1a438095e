/*
 * Huge pages of anonymous memory: entries of level 1 that map 2 MiB at once.
 *
 * An entry of level 1 is empty, leads to a table, is huge, or is on its way from huge to a table
 * (PTE_SPLITTING).  Faults, zaps and protection changes replace it by compare-and-exchange like any
 * other, except that only who put PTE_SPLITTING there replaces that.  The way:
 *
 *	empty -> huge		a fault (VMA read lock)
 *	empty -> table		a fault, fork and mremap on their own side
 *	huge -> empty		zap
 *	huge -> splitting -> table	anyone who wants small entries; with preemption off, so that
 *others may spin.  Translations are flushed in between: no CPU ever has the huge and a small
 *translation of one address.
 *	table -> huge		huge_collapse() only: mm->lock written and the VMA write-locked, so
 *				that nobody walks that table.
 *
 * A table is thus never freed under a walker, and a huge entry lies in one VMA as a whole: whoever
 * moves a border into one splits it first, with the VMA write-locked.  For each huge entry the
 * address space keeps an empty table (spare_tables), so that splitting cannot fail.
 *
 * The frames of a huge page are one allocation with one reference per huge entry; owner of the head
 * counts the entries.  Splitting makes single frames of it if the entry had the only reference;
 * else each small entry holds a reference of the head, and the frames stay together until all of
 * them are gone.
 */
#include "mm_impl.h"

#include <asm/cpu.h>
#include <asm/pagemem.h>
#include <asm/preempt.h>
#include <asm/tlb.h>
#include <kern/bug.h>

static s64 huge_pages;		/* atomic: huge pages that some entry maps as such */
static struct frame *huge_zero; /* atomic; one reference, others belong to entries */
static u32 backoff, skip;	/* attempts to leave out after failures; races only cost one */

bool mm_is_huge_zero(const struct frame *head)
{
	return head == __atomic_load_n(&huge_zero, __ATOMIC_RELAXED);
}

u64 mm_huge_pages(void)
{
	s64 n = __atomic_load_n(&huge_pages, __ATOMIC_RELAXED);

	return n > 0 ? (u64)n : 0;
}

static void huge_count(struct frame *head, s64 n)
{
	s64 now = __atomic_add_fetch((s64 *)&head->owner, n, __ATOMIC_RELAXED);

	if ((n > 0 && now == n) || (n < 0 && !now))
		__atomic_fetch_add(&huge_pages, n > 0 ? 1 : -1, __ATOMIC_RELAXED);
}

/* --- tables kept for splitting --- */

static void spare_put(struct mm *mm, struct frame *table)
{
	spin_lock(&mm->spare_lock);
	table->owner = mm->spare_tables;
	mm->spare_tables = table;
	spin_unlock(&mm->spare_lock);
	__atomic_fetch_add(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
}

static struct frame *spare_take(struct mm *mm)
{
	spin_lock(&mm->spare_lock);
	struct frame *f = mm->spare_tables;

	mm->spare_tables = f->owner;
	spin_unlock(&mm->spare_lock);
	f->owner = NULL;
	__atomic_fetch_sub(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
	return f;
}

/* --- making --- */

static void clear_huge(struct frame *f)
{
	for (unsigned int i = 0; i < HUGE_PAGES; i++)
		page_clear(frame_to_virt(f + i));
}

/* Whether to work for a block, as the file `defrag` says. */
static bool reclaim_for(const struct vma *v)
{
	if (huge_defrag == DEFRAG_ALWAYS)
		return true;
	return v->flags & VM_HUGEPAGE &&
	       (huge_defrag == DEFRAG_MADVISE || huge_defrag == DEFRAG_DEFER_MADVISE);
}

static struct frame *huge_alloc(bool reclaim, bool zero)
{
	u32 gfp = GFP_USER | GFP_NOWARN;
	struct frame *f;

	if (!reclaim) {
		u32 left = READ_ONCE(skip);

		gfp |= GFP_TRY;
		if (left) {
			WRITE_ONCE(skip, left - 1);
			return NULL;
		}
	}
	f = frame_alloc(HUGE_ORDER, FRAME_ANON, gfp);
	if (!f) {
		/* Looking for a block costs; memory in pieces rarely mends at once. */
		WRITE_ONCE(backoff, min(READ_ONCE(backoff) * 2 + 1, 63u));
		WRITE_ONCE(skip, READ_ONCE(backoff));
		return NULL;
	}
	WRITE_ONCE(backoff, 0);
	if (zero)
		clear_huge(f);
	return f;
}

bool huge_allowed(const struct vma *v, u64 start, bool forced)
{
	/* Who resolves faults of small pages does not expect that more comes along. */
	if (start < v->start || start + HUGE_SIZE > v->end || !vma_is_anon(v) || v->uffd ||
	    v->flags & (VM_NOHUGEPAGE | VM_SPECIAL) || v->mm->thp_disabled)
		return false;
	return forced || huge_mode == HUGE_ALWAYS ||
	       (huge_mode == HUGE_MADVISE && v->flags & VM_HUGEPAGE);
}

static pte_t huge_entry(const struct vma *v, struct frame *f)
{
	pte_t e = pte_mk_dirty(pte_make_huge(frame_to_phys(f), PGPROT(v->pte_bits)));

	return v->flags & VM_WRITE ? e : pte_wrprotect(e);
}

/* +1 or NULL. */
static struct frame *zero_get(void)
{
	for (;;) {
		struct frame *f = __atomic_load_n(&huge_zero, __ATOMIC_ACQUIRE);

		if (!f) {
			struct frame *n = frame_alloc(HUGE_ORDER, FRAME_KERNEL,
						      GFP_USER | GFP_NOWARN | GFP_TRY);

			if (!n) {
				this_cpu_inc(mm_event.thp_zero_page_alloc_failed);
				return NULL;
			}
			clear_huge(n);
			if (!__atomic_compare_exchange_n(&huge_zero, &f, n, false, __ATOMIC_RELEASE,
							 __ATOMIC_RELAXED))
				frame_put(n);
			else
				this_cpu_inc(mm_event.thp_zero_page_alloc);
			continue;
		}
		if (!frame_tryget(f))
			continue;
		if (__atomic_load_n(&huge_zero, __ATOMIC_ACQUIRE) == f)
			return f;
		frame_put(f);
	}
}

static u64 zero_shrink(u64 want)
{
	struct frame *f = __atomic_load_n(&huge_zero, __ATOMIC_ACQUIRE);

	(void)want;
	if (!f || frame_refs(f) != 1 ||
	    !__atomic_compare_exchange_n(&huge_zero, &f, NULL, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return 0;
	frame_put(f);
	return HUGE_PAGES;
}

static struct frame_shrinker zero_shrinker = {.name = "huge zero page", .shrink = zero_shrink};

/* A reference on @f and a spare table become the entry @e, unless *@at is taken meanwhile. */
static bool put_entry(struct mm *mm, pte_t *at, pte_t e, struct frame *f, struct frame *table)
{
	bool zero = pte_special(e);
	pte_t none = {0};

	/* Before the entry can be seen, and split or taken away, by others. */
	spare_put(mm, table);
	if (!zero) {
		huge_count(f, 1);
		__atomic_fetch_add(&mm->rss_anon, HUGE_PAGES, __ATOMIC_RELAXED);
	}
	if (likely(pte_cmpxchg(at, &none, e)))
		return true;
	pt_table_free(spare_take(mm));
	if (!zero) {
		huge_count(f, -1);
		__atomic_fetch_sub(&mm->rss_anon, HUGE_PAGES, __ATOMIC_RELAXED);
	}
	frame_put(f);
	return false;
}

static int fault_empty(struct vma *v, u64 start, pte_t *at, bool write)
{
	bool zero = !write && huge_use_zero;
	struct frame *table, *f;

	if (!huge_allowed(v, start, false))
		return HUGE_SMALL;
	if (unlikely(list_empty(&v->mm->huge_link)))
		khugepaged_enter(v->mm);
	table = pt_table_alloc();
	if (!table)
		return HUGE_SMALL;
	f = zero ? zero_get() : huge_alloc(reclaim_for(v), true);
	if (!f) {
		pt_table_free(table);
		this_cpu_inc(mm_event.thp_fault_fallback);
		return HUGE_SMALL;
	}
	if (zero) {
		pte_t e = pte_make_huge(frame_to_phys(f), PGPROT(v->pte_bits));

		(void)put_entry(v->mm, at, pte_mk_special(pte_wrprotect(e)), f, table);
		return 0;
	}
	vma_note_anon(v);
	if (put_entry(v->mm, at, huge_entry(v, f), f, table))
		this_cpu_inc(mm_event.thp_fault_alloc);
	return 0;
}

/* A write where the huge zero page is. */
static int replace_zero(struct vma *v, u64 start, pte_t *at, pte_t e)
{
	struct frame *f = huge_alloc(reclaim_for(v), true);

	if (!f) {
		this_cpu_inc(mm_event.thp_fault_fallback);
		huge_split(v->mm, start, at);
		return HUGE_SMALL;
	}
	struct frame *zero = pfn_to_frame(pte_pfn(e));

	vma_note_anon(v);
	huge_count(f, 1);
	if (!pte_cmpxchg(at, &e, huge_entry(v, f))) {
		huge_count(f, -1);
		frame_put(f);
		return 0;
	}
	__atomic_fetch_add(&v->mm->rss_anon, HUGE_PAGES, __ATOMIC_RELAXED);
	this_cpu_inc(mm_event.thp_fault_alloc);
	tlb_flush_mm_range(&v->mm->arch, start, start + HUGE_SIZE, false);
	frame_put(zero);
	return 0;
}

int huge_fault(struct vma *v, u64 addr, pte_t *at, u32 flags)
{
	u64 start = addr & HUGE_MASK;
	pte_t e = pte_read(at);

	if (vma_is_hugetlb(v))
		return hugetlb_fault(v, addr, at, flags);
	if (pte_none(e))
		return fault_empty(v, start, at, flags & FAULT_WRITE);
	if (pte_is_table(e))
		return HUGE_SMALL;
	if (pte_is_splitting(e)) {
		cpu_relax();
		return 0;
	}
	if (!(flags & FAULT_WRITE) || pte_writable(e)) {
		tlb_flush_local_page(addr);
		return 0;
	}
	/* A debugger writes, or somebody wants to know: of one small page. */
	if (!(v->flags & VM_WRITE) || pte_uffd_wp(e)) {
		huge_split(v->mm, start, at);
		return HUGE_SMALL;
	}
	if (pte_special(e))
		return replace_zero(v, start, at, e);
	if (frame_refs(pfn_to_frame(pte_pfn(e))) > 1) {
		huge_split(v->mm, start, at);
		return HUGE_SMALL;
	}
	(void)pte_cmpxchg(at, &e, pte_mk_young(pte_mk_dirty(pte_mk_write(e))));
	tlb_flush_local_page(addr);
	return 0;
}

/* --- splitting --- */

/* The huge entry @e, which is out of the table, as small ones. */
static void fill_table(pte_t *table, pte_t e)
{
	struct frame *head = pfn_to_frame(pte_pfn(e));

	if (pte_special(e)) {
		u64 zero = frame_to_phys(zero_frame);
		pte_t small = {(pte_huge_part(e, 0).raw & ~PTE_ADDR_MASK) | zero};

		for (unsigned int i = 0; i < HUGE_PAGES; i++)
			pte_write(&table[i], small);
		frame_put(head);
		return;
	}
	huge_count(head, -1);
	if (frame_split(head)) {
		this_cpu_inc(mm_event.thp_split_page);
	} else {
		__atomic_fetch_add(&head->refs, HUGE_PAGES - 1, __ATOMIC_RELAXED);
		this_cpu_inc(mm_event.thp_split_page_failed);
	}
	for (unsigned int i = 0; i < HUGE_PAGES; i++)
		pte_write(&table[i], pte_huge_part(e, i));
}

void huge_split(struct mm *mm, u64 addr, pte_t *at)
{
	u64 start = addr & HUGE_MASK;
	pte_t e = pte_read(at);
	bool won = false;

	preempt_disable();
	while (!won && !pte_none(e) && !pte_is_table(e)) {
		if (pte_is_splitting(e)) {
			cpu_relax();
			e = pte_read(at);
			continue;
		}
		won = pte_cmpxchg(at, &e, PTE_SPLITTING);
	}
	if (won) {
		struct frame *table = spare_take(mm);

		tlb_flush_mm_range(&mm->arch, start, start + HUGE_SIZE, false);
		fill_table(frame_to_virt(table), e);
		__atomic_fetch_add(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
		pte_write(at, pte_make_table(frame_to_phys(table), true));
		this_cpu_inc(mm_event.thp_split_pmd);
	}
	preempt_enable();
}

bool huge_splitting(struct mm *mm, u64 addr)
{
	u64 next;
	pte_t *at = pt_upper(mm, addr, addr + PAGE_SIZE, &next);

	return at && pte_is_splitting(pte_read(at));
}

void huge_split_at(struct mm *mm, u64 addr)
{
	u64 next;

	if (!(addr & ~HUGE_MASK))
		return;
	pte_t *at = pt_upper(mm, addr, addr + PAGE_SIZE, &next);
	pte_t e = at ? pte_read(at) : (pte_t){0};

	if (!pte_none(e) && !pte_is_table(e))
		huge_split(mm, addr, at);
}

/* --- taking away, protecting, copying, moving --- */

/* What is there now, not in the middle of a split. */
static pte_t settled(const pte_t *at)
{
	pte_t e = pte_read(at);

	while (pte_is_splitting(e)) {
		cpu_relax();
		e = pte_read(at);
	}
	return e;
}

/* A page of a pool, with no table kept for it: hugetlb.c. */
static bool is_hugetlb(pte_t e)
{
	return !pte_special(e) && frame_head(pfn_to_frame(pte_pfn(e)))->type == FRAME_FOLIO;
}

bool huge_test_clear_young(pte_t *at)
{
	pte_t e = pte_read(at);
	bool young = pte_young(e);

	/* While it is being split that is not the bit of a page. */
	if (pte_present(e) && !pte_is_table(e))
		(void)pte_cmpxchg(at, &e, pte_mk_old(e));
	return young;
}

/* What @keep leaves of @e: a mark, of files alone. */
static pte_t zap_leaves(pte_t e, unsigned int keep)
{
	bool told = pte_present(e) ? pte_uffd_wp(e) : pte_is_mark(e, MARK_UFFD_WP);

	return keep & ZAP_KEEP_WP && told ? pte_make_marker(MARK_UFFD_WP, 0) : (pte_t){0};
}

bool huge_zap(struct gather *g, pte_t *at, u64 addr, unsigned int keep)
{
	pte_t e;

	do {
		e = settled(at);
		if (pte_none(e) || pte_is_table(e))
			return false;
	} while (!pte_cmpxchg(at, &e, zap_leaves(e, keep)));
	if (unlikely(pte_is_marker(e)))
		return true;
	if (unlikely(is_hugetlb(e))) {
		hugetlb_zapped(g, addr, e);
		return true;
	}
	g->start = min(g->start, addr);
	g->end = max(g->end, addr + HUGE_SIZE);

	struct frame *head = pfn_to_frame(pte_pfn(e));

	if (!pte_special(e)) {
		g->anon += HUGE_PAGES;
		huge_count(head, -1);
	}
	pt_table_free(spare_take(g->mm));
	gather_frame(g, head);
	return true;
}

bool huge_protect(const struct vma *v, pte_t *at, bool *changed)
{
	pte_t e, new;

	do {
		e = settled(at);
		if (pte_none(e) || pte_is_table(e))
			return false;
		new = pte_present(e) ? pt_protected(v, e) : e;
	} while (new.raw != e.raw && !pte_cmpxchg(at, &e, new));
	*changed = new.raw != e.raw;
	return true;
}

/* The VMA of @from is write-locked, @to is new. */
int huge_copy(struct mm *to, u64 addr, pte_t *from, bool told, bool *protected)
{
	pte_t e = settled(from), *dest;
	struct frame *head = pfn_to_frame(pte_pfn(e)), *table;

	if (unlikely(pte_is_marker(e) || is_hugetlb(e)))
		return hugetlb_copy(to, addr, from, e, told, protected);
	/* Zeroes come back by a fault. */
	if (pte_special(e))
		return 0;
	dest = pt_make_upper(to, addr);
	table = dest ? pt_table_alloc() : NULL;
	if (!table)
		return -ENOMEM;
	frame_get(head);
	if (pte_writable(e)) {
		pte_set_wrprotect(from);
		*protected = true;
	}
	(void)put_entry(to, dest, pte_clear_uffd_wp(pte_wrprotect(e)), head, table);
	return 0;
}

/* Both VMAs are write-locked. */
int huge_move(struct mm *mm, pte_t *from, u64 to, bool keep_wp, bool *moved)
{
	pte_t e = settled(from), *dest;

	*moved = false;
	if (to & ~HUGE_MASK || pte_none(e) || pte_is_table(e))
		return 0;
	dest = pt_make_upper(mm, to);
	if (!dest)
		return -ENOMEM;
	if (!pte_none(pte_read(dest)))
		return 0;
	e = pte_xchg(from, (pte_t){0});
	pte_write(dest, keep_wp ? e : pte_not_told(e));
	*moved = true;
	return 0;
}

/* --- collapsing --- */

/* Could the small pages of @table be copied away?  *none: how many are missing. */
static int judge_table(const pte_t *table, unsigned int *none)
{
	*none = 0;
	for (unsigned int i = 0; i < HUGE_PAGES; i++) {
		pte_t e = pte_read(&table[i]);

		if (pte_none(e) || (pte_present(e) && pte_special(e))) {
			(*none)++;
			continue;
		}
		if (!pte_present(e))
			return -EINVAL;
		struct frame *f = pfn_to_frame(pte_pfn(e));

		/* Shared with a child, or pinned: the page must stay where it is. */
		if (f->type != FRAME_ANON || f->order || frame_refs(f) != 1)
			return -EAGAIN;
	}
	return 0;
}

bool huge_promising(const struct vma *v, u64 start, unsigned int max_none)
{
	bool young = false, writable = false;
	unsigned int none;
	u64 next;
	pte_t *at = pt_upper(v->mm, start, start + HUGE_SIZE, &next);
	pte_t e = at ? pte_read(at) : (pte_t){0};

	if (!pte_is_table(e) || judge_table(pte_table(e), &none) || none > max_none)
		return false;
	for (unsigned int i = 0; i < HUGE_PAGES && !(young && writable); i++) {
		pte_t small = pte_read(&pte_table(e)[i]);

		if (!pte_present(small))
			continue;
		young |= pte_young(small);
		writable |= pte_writable(small);
	}
	return young && writable;
}

/* Contents and references of the small pages go to @to. */
static void copy_small(struct gather *g, pte_t *table, struct frame *to)
{
	for (unsigned int i = 0; i < HUGE_PAGES; i++) {
		pte_t e = pte_read(&table[i]);

		pte_write(&table[i], (pte_t){0});
		if (pte_none(e) || pte_special(e)) {
			page_clear(frame_to_virt(to + i));
			continue;
		}
		struct frame *f = pfn_to_frame(pte_pfn(e));

		page_copy(frame_to_virt(to + i), frame_to_virt(f));
		g->anon++;
		gather_frame(g, f);
	}
}

int huge_collapse(struct vma *v, u64 start, unsigned int max_none, bool reclaim)
{
	struct mm *mm = v->mm;
	unsigned int none;
	struct gather g;
	u64 next;
	pte_t *at = pt_upper(mm, start, start + HUGE_SIZE, &next);
	pte_t e = at ? settled(at) : (pte_t){0};
	int err;

	if (at && !pte_none(e) && !pte_is_table(e))
		return 0; /* is huge */
	/* What has never been touched waits for its first fault. */
	if (pte_none(e))
		return -EINVAL;
	vma_write_lock(v);
	err = v->uffd ? -EINVAL : judge_table(pte_table(e), &none);
	if (!err && (none > max_none || none == HUGE_PAGES))
		err = -EINVAL;
	struct frame *f = err ? NULL : huge_alloc(reclaim, false);

	if (!err && !f) {
		this_cpu_inc(mm_event.thp_collapse_alloc_failed);
		err = -ENOMEM;
	}
	if (!err) {
		/* From here on no CPU can write to the small pages. */
		pte_write(at, (pte_t){0});
		tlb_flush_mm_range(&mm->arch, start, start + HUGE_SIZE, true);
		gather_begin(&g, mm, false);
		copy_small(&g, pte_table(e), f);
		__atomic_fetch_sub(&mm->pgtable_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
		v->has_anon = true;
		(void)put_entry(mm, at, huge_entry(v, f), f, virt_to_frame(pte_table(e)));
		gather_end(&g);
		this_cpu_inc(mm_event.thp_collapse_alloc);
	}
	vma_write_unlock(v);
	return err;
}

void huge_init(void)
{
	struct frame_stats s;

	frame_stats(&s);
	/* On a small machine the memory is worth more than the translations. */
	if (s.total < (512ull << 20) >> PAGE_SHIFT) {
		huge_mode = HUGE_NEVER;
		huge_defrag = DEFRAG_NEVER;
		huge_use_zero = false;
	}
	frame_register_shrinker(&zero_shrinker);
}
