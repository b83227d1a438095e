/*
 * Page tables under userfaultfd(2).
 *
 * Pages are put where nothing is by compare-and-exchange under the VMA's read lock, like those of a
 * fault; their contents are copied before that, with no lock held, some pages at a time.  Who fills
 * and who faults may race for an entry: the loser of a fill is told EEXIST.
 *
 * Write protection is a bit of the entry (PTE_UFFD_WP) and absence of PTE_WRITE, set and cleared in
 * one exchange.  Where there is no page yet, an entry that is neither empty nor present (a mark)
 * remembers it, or that the page is poisoned.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/tlb.h>
#include <kernel/mm/userfault.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/rcu/rcu.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uffd/uffd.h>

#define BATCH 16u

/* Memory is the only home of its pages, small ones or those of a pool. */
static bool is_shmem(const struct vma *v)
{
	return v->cache && v->cache->flags & PAGECACHE_MEMORY && !(v->ops && v->ops->fault);
}

static bool can_have(const struct vma *v, const struct uffd *u, u64 flags)
{
	if (v->flags & (VM_PFNMAP | VM_IO | VM_DROPPABLE))
		return false;
	/* Only marks writes, which any memory can. */
	if (flags == VM_UFFD_WP && uffd_wants(u, UFFD_FEATURE_WP_ASYNC))
		return vma_is_anon(v) || v->cache;
	if (flags & VM_UFFD_MINOR)
		return is_shmem(v);
	return vma_is_anon(v) || is_shmem(v);
}

/* --- write protection --- */

/* May the entry be written to at once when it is no longer protected? */
static bool is_own(const struct vma *v, pte_t e)
{
	if (!(v->flags & VM_WRITE) || v->flags & VM_SHARED || pte_special(e) || !pte_dirty(e) ||
	    !pte_soft_dirty(e))
		return false;
	struct frame *f = pfn_to_frame(pte_pfn(e));

	return f->type == FRAME_ANON && !f->order && frame_refs(f) == 1;
}

static pte_t protected(const struct vma *v, pte_t e, bool enable, bool mark)
{
	if (pte_present(e)) {
		if (enable)
			return pte_wrprotect(pte_mk_uffd_wp(e));
		if (!pte_uffd_wp(e))
			return e;
		e = pte_clear_uffd_wp(e);
		return is_own(v, e) ? pte_mk_write(e) : e;
	}
	if (enable)
		return mark && pte_none(e) ? pte_make_marker(MARK_UFFD_WP, 0) : e;
	return pte_is_mark(e, MARK_UFFD_WP) ? (pte_t){0} : e;
}

/* The entry and whether translations of it may have to go. */
static bool protect_one(const struct vma *v, pte_t *at, bool enable, bool mark)
{
	pte_t e = pte_read(at), new;

	do {
		new = protected(v, e, enable, mark);
		if (new.raw == e.raw)
			return false;
	} while (!pte_cmpxchg(at, &e, new));
	return pte_writable(e) && !pte_writable(new);
}

/* A huge entry as a whole; false: by small ones. */
static bool protect_huge(pte_t *at, bool enable, bool *flush)
{
	pte_t e = pte_read(at), new;

	do {
		if (!pte_present(e) || pte_is_table(e))
			return false;
		new = enable ? pte_wrprotect(pte_mk_uffd_wp(e)) : pte_clear_uffd_wp(e);
	} while (new.raw != e.raw && !pte_cmpxchg(at, &e, new));
	*flush |= pte_writable(e) && !pte_writable(new);
	return true;
}

/* Pages of a pool. */
static int protect_hugetlb(struct vma *v, u64 start, u64 end, bool enable, bool mark)
{
	bool flush = false;
	u64 next;

	for (u64 addr = start; addr < end; addr = next) {
		pte_t *at = pt_upper(v->mm, addr, end, &next);

		if (!at && mark) {
			next = pt_next(1, addr, end);
			at = pt_make_upper(v->mm, addr);
			if (!at)
				return -ENOMEM;
		}
		if (at)
			flush |= protect_one(v, at, enable, mark);
	}
	if (flush)
		tlb_flush_mm_range(&v->mm->arch, start, end, false);
	return 0;
}

/* The VMA is locked for reading, or written. */
static int protect_range(struct vma *v, u64 start, u64 end, bool enable)
{
	bool mark = enable && v->uffd &&
		    (!vma_is_anon(v) || uffd_wants(v->uffd, UFFD_FEATURE_WP_UNPOPULATED));
	bool flush = false;
	int err = 0;
	u64 next;

	if (mark)
		vma_note_anon(v);
	if (vma_is_hugetlb(v))
		return protect_hugetlb(v, start, end, enable, mark);
	for (u64 addr = start; addr < end && !err; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, end, &next), *table;

		if (upper && huge_whole(addr, next) && protect_huge(upper, enable, &flush))
			continue;
		table = upper ? pt_small(v->mm, addr, upper) : NULL;
		if (!table && mark) {
			next = pt_next(1, addr, end);
			table = pt_make(v->mm, addr);
			if (!table)
				err = -ENOMEM;
			else
				table -= pt_index(0, addr);
		}
		for (; table && addr < next; addr += PAGE_SIZE)
			flush |= protect_one(v, &table[pt_index(0, addr)], enable, mark);
	}
	if (flush)
		tlb_flush_mm_range(&v->mm->arch, start, end, false);
	return err;
}

int mm_uffd_protect_range(struct vma *v, u64 start, u64 end)
{
	return protect_range(v, start, end, true);
}

bool mm_uffd_protect_one(struct vma *v, pte_t *at)
{
	vma_note_anon(v);
	return protect_one(v, at, true, true);
}

static void unprotect_vma(struct vma *v, u64 start, u64 end)
{
	if (v->flags & VM_UFFD_WP)
		(void)!protect_range(v, start, end, false);
}

/* --- who is asked --- */

/* -ENOMEM, -EINVAL: there is nothing that could be registered. */
static int first_vma(struct mm *mm, u64 start, u64 end, struct vma **out)
{
	*out = vma_find(mm, start);
	if (!*out)
		return -ENOMEM;
	return (*out)->start >= end ? -EINVAL : 0;
}

/* [start, end), as far as it is in @v, is whole pages. */
static bool is_whole(const struct vma *v, u64 start, u64 end)
{
	return vma_may_cut(v, max(start, v->start)) && vma_may_cut(v, min(end, v->end));
}

static int check_register(struct vma *v, const struct uffd *u, u64 start, u64 end, u64 flags,
			  u64 *ioctls)
{
	struct mm *mm = v->mm;

	for (; v && v->start < end; v = vma_next(mm, v)) {
		if (!can_have(v, u, flags) || !is_whole(v, start, end))
			return -EINVAL;
		/* Otherwise pages would come into a file that may not be written. */
		if (!(v->flags & VM_MAYWRITE))
			return -EPERM;
		if (v->uffd && v->uffd != u)
			return -EBUSY;
		/* There are no huge pages of zeroes, and those of a pool are not moved. */
		if (vma_is_hugetlb(v))
			*ioctls &= ~(1ull << _UFFDIO_ZEROPAGE | 1ull << _UFFDIO_MOVE);
	}
	return 0;
}

static int register_locked(struct mm *mm, struct uffd *u, u64 start, u64 end, u64 flags,
			   u64 *ioctls)
{
	struct vma *v;
	int err = first_vma(mm, start, end, &v);

	if (!err)
		err = check_register(v, u, start, end, flags, ioctls);
	while (!err && v && v->start < end) {
		u64 from = max(start, v->start), to = min(end, v->end);

		if (v->uffd != u || (v->flags & flags) != flags) {
			if (v->uffd && !(flags & VM_UFFD_WP))
				unprotect_vma(v, from, to);
			mm->uffd_used = true;
			err = vma_change_uffd(v, from, to, (v->flags & ~VM_UFFD) | flags, u, &v);
		}
		if (!err)
			v = to < end ? vma_find(mm, to) : NULL;
	}
	return err;
}

int mm_uffd_register(struct mm *mm, struct uffd *u, u64 start, u64 end, u64 flags, u64 *ioctls)
{
	*ioctls = UFFD_API_RANGE_IOCTLS | 1ull << _UFFDIO_MOVE | 1ull << _UFFDIO_POISON;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	int err = register_locked(mm, u, start, end, flags, ioctls);

	rwsem_write_unlock(&mm->lock);
	if (err)
		return err;
	if (!(flags & VM_UFFD_WP))
		*ioctls &= ~(1ull << _UFFDIO_WRITEPROTECT);
	if (!(flags & VM_UFFD_MINOR))
		*ioctls &= ~(1ull << _UFFDIO_CONTINUE);
	return 0;
}

int mm_uffd_unregister(struct mm *mm, struct uffd *u, u64 start, u64 end)
{
	struct vma *v;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	int err = first_vma(mm, start, end, &v);

	for (struct vma *c = v; !err && c && c->start < end; c = vma_next(mm, c)) {
		if (!can_have(c, u, VM_UFFD_WP) || (c->uffd && c->uffd != u) ||
		    !is_whole(c, start, end))
			err = -EINVAL;
	}
	while (!err && v && v->start < end) {
		u64 from = max(start, v->start), to = min(end, v->end);

		if (v->uffd) {
			unprotect_vma(v, from, to);
			err = vma_change_uffd(v, from, to, v->flags & ~VM_UFFD, NULL, &v);
		}
		if (!err)
			v = to < end ? vma_find(mm, to) : NULL;
	}
	rwsem_write_unlock(&mm->lock);
	return err;
}

void mm_uffd_unregister_all(struct mm *mm, struct uffd *u)
{
	u64 at = 0;
	struct vma *v;

	guard(write)(&mm->lock);
	while ((v = vma_find(mm, at))) {
		at = v->end;
		if (v->uffd != u)
			continue;
		vma_write_lock(v);
		unprotect_vma(v, v->start, v->end);
		vma_forget_uffd(v);
		vma_write_unlock(v);
	}
}

int mm_gone_collect(struct mm *mm, u64 start, u64 end, struct uffd_gone **gone)
{
	int err = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start < end && !err; v = vma_next(mm, v))
		err = v->uffd ? uffd_gone_add(gone, v->uffd, start, end) : 0;
	return err;
}

/* --- places --- */

/* A VMA locked for reading in one of the two ways. */
struct place {
	struct mm *mm;
	struct vma *vma;
	bool by_mm;
};

static void unlock_place(struct place *p)
{
	if (p->by_mm)
		rwsem_read_unlock(&p->mm->lock);
	else
		vma_read_unlock(p->vma);
}

/* The VMA with a userfaultfd that has all of [start, end): -ENOENT. */
static int lock_place(struct mm *mm, u64 start, u64 end, struct place *p)
{
	rcu_read_lock();
	struct vma *v = vma_at_any(mm, start); /* another's is not for our cache */
	bool locked = vma_read_lock_found(v, mm, start);

	rcu_read_unlock();
	if (unlikely(!locked)) {
		rwsem_read_lock(&mm->lock);
		v = vma_at(mm, start);
	}
	*p = (struct place){.mm = mm, .vma = v, .by_mm = !locked};
	if (likely(v && end <= v->end && v->uffd))
		return 0;
	unlock_place(p);
	return -ENOENT;
}

/* The entry of a small page: -EEXIST: in a huge one, -ENOMEM. */
static int small_entry(struct mm *mm, u64 addr, pte_t **out)
{
	pte_t *upper = pt_make_upper(mm, addr), *table;

	if (!upper)
		return -ENOMEM;
	pte_t e = pte_read(upper);

	if (likely(pte_is_table(e))) {
		table = pte_table(e);
	} else {
		if (!pte_none(e))
			return -EEXIST;
		table = pt_make_table(mm, addr, upper);
		if (!table)
			return -ENOMEM;
	}
	*out = &table[pt_index(0, addr)];
	return 0;
}

/* --- filling --- */

static bool goes_to_cache(const struct vma *v)
{
	return v->cache && v->flags & VM_SHARED;
}

/* How a page gets there. */
enum { KIND_PRIVATE, KIND_SHARED, KIND_HUGETLB };

static u8 kind_of(const struct vma *v)
{
	if (vma_is_hugetlb(v))
		return KIND_HUGETLB;
	return goes_to_cache(v) ? KIND_SHARED : KIND_PRIVATE;
}

static int check_fill(const struct vma *v, const struct mm_uffd_fill *fill)
{
	if (uffd_is_changing(fill->uffd))
		return -EAGAIN;
	if (vma_is_hugetlb(v) &&
	    (fill->how == UFFD_FILL_ZERO || !is_whole(v, fill->start, fill->start + fill->len)))
		return -EINVAL;
	if (!vma_is_anon(v) && !is_shmem(v))
		return -EINVAL;
	if (fill->how == UFFD_FILL_CONTINUE && !is_shmem(v))
		return -EINVAL;
	return fill->wp && !(v->flags & VM_UFFD_WP) ? -EINVAL : 0;
}

static int put_private(struct vma *v, u64 addr, struct frame *f, bool wp)
{
	pte_t e = pte_mk_dirty(pte_make(frame_to_phys(f), PGPROT(v->pte_bits))), old;
	pte_t *at;
	int err = small_entry(v->mm, addr, &at);

	if (err)
		return err;
	if (wp)
		e = pte_mk_uffd_wp(e);
	if (wp || !(v->flags & VM_WRITE))
		e = pte_wrprotect(e);
	old = pte_read(at);
	if (!pte_is_vacant(old) || !pte_cmpxchg(at, &old, e))
		return -EEXIST;
	__atomic_fetch_add(&v->mm->rss_anon, 1, __ATOMIC_RELAXED);
	return 0;
}

/* @folio, filled and in no cache yet; its reference is the entry's afterwards. */
static int put_shared(struct vma *v, u64 addr, struct folio *folio, bool wp)
{
	u64 index = vma_index(v, addr);
	pte_t *at;
	int err = small_entry(v->mm, addr, &at);

	if (err)
		return err;
	/* A page must not come behind the end of a file that is becoming shorter: it would stay. */
	rwsem_read_lock(&v->cache->invalidate);
	if (mm_truncated(v->cache, index))
		err = -EFAULT;
	else if (!pte_is_vacant(pte_read(at)))
		err = -EEXIST;
	else
		err = pagecache_publish(v->cache, index, folio);
	rwsem_read_unlock(&v->cache->invalidate);
	return err ? err : mm_map_cached(v, addr, at, folio->frame, wp);
}

/* Pages that are filled, but nobody's yet: frames, or folios for a cache. */
struct load {
	unsigned int count, used;
	u8 kind;
	void *page[BATCH];
};

static struct frame *load_frame(const struct load *l, unsigned int i)
{
	return l->kind == KIND_SHARED ? ((struct folio *)l->page[i])->frame : l->page[i];
}

static void load_drop(struct load *l)
{
	for (; l->used < l->count; l->used++)
		frame_put(load_frame(l, l->used));
}

/* Copies up to @max pages; an error is that of the page behind those that were. */
static int load_user(struct load *l, const char __user *src, unsigned int max)
{
	for (l->count = l->used = 0; l->count < max; src += PAGE_SIZE) {
		void *p = l->kind == KIND_SHARED ? (void *)pagecache_new()
						 : (void *)frame_alloc(0, FRAME_ANON, GFP_USER);

		if (!p)
			return -ENOMEM;
		l->page[l->count++] = p;
		if (copy_from_user(frame_to_virt(load_frame(l, l->count - 1)), src, PAGE_SIZE)) {
			frame_put(load_frame(l, --l->count));
			return -EFAULT;
		}
	}
	return 0;
}

/* @addr and on.  -ESTALE: it is memory of another kind. */
static int load_put(struct mm *mm, const struct mm_uffd_fill *fill, struct load *l, u64 addr,
		    u8 *kind)
{
	struct place p;
	int err = lock_place(mm, addr, fill->start + fill->len, &p);

	if (err)
		return err;
	err = check_fill(p.vma, fill);
	*kind = err ? *kind : kind_of(p.vma);
	if (!err && l->kind != *kind)
		err = -ESTALE;
	if (!err && l->kind == KIND_PRIVATE)
		vma_note_anon(p.vma);
	for (; !err && l->used < l->count; addr += PAGE_SIZE) {
		void *page = l->page[l->used];

		err = l->kind == KIND_SHARED ? put_shared(p.vma, addr, page, fill->wp)
					     : put_private(p.vma, addr, page, fill->wp);
		l->used += !err;
	}
	unlock_place(&p);
	return err;
}

/* Some small pages. */
static int copy_small(struct mm *mm, const struct mm_uffd_fill *fill, u8 *kind, u64 *done)
{
	struct load l = {.kind = *kind};
	u64 left = (fill->len - *done) >> PAGE_SHIFT;
	int src_err = load_user(&l, fill->src + *done, (unsigned int)min_t(u64, left, BATCH));
	/* What is wrong with the place is said first. */
	int err = load_put(mm, fill, &l, fill->start + *done, kind);

	*done += (u64)l.used << PAGE_SHIFT;
	load_drop(&l);
	return err ? err : src_err;
}

static int bring_in(const char __user *src, u64 len)
{
	char c;

	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		if (get_user(c, src + at))
			return -EFAULT;
		if (signal_fatal_pending(current))
			return -EINTR;
	}
	return get_user(c, src + len - 1) ? -EFAULT : 0;
}

/* One huge page, or what it is to be copied from. */
static int copy_hugetlb(struct mm *mm, const struct mm_uffd_fill *fill, u8 *kind, u64 *done)
{
	u64 addr = fill->start + *done, copied, size;
	struct place p;
	int err = lock_place(mm, addr, fill->start + fill->len, &p);

	if (err)
		return err;
	err = check_fill(p.vma, fill);
	*kind = err ? *kind : kind_of(p.vma);
	if (!err && *kind != KIND_HUGETLB)
		err = -ESTALE;
	size = vma_page_size(p.vma);
	if (!err)
		err = hugetlb_fill(p.vma, addr, fill, &copied);
	unlock_place(&p);
	if (err == USERFAULT_MISSING)
		return bring_in(fill->src + *done + copied, size - copied);
	*done += err ? 0 : size;
	return err;
}

static s64 fill_copy(struct mm *mm, const struct mm_uffd_fill *fill)
{
	u8 kind = READ_ONCE(*fill->kind), guess = kind;
	u64 done = 0;
	int err = 0;

	while (done < fill->len && !err) {
		err = kind == KIND_HUGETLB ? copy_hugetlb(mm, fill, &kind, &done)
					   : copy_small(mm, fill, &kind, &done);
		if (err == -ESTALE)
			err = 0;
		if (!err && signal_fatal_pending(current))
			err = -EINTR;
	}
	if (kind != guess)
		WRITE_ONCE(*fill->kind, kind);
	return done ? (s64)done : err;
}

static int fill_zero(struct vma *v, u64 addr)
{
	if (goes_to_cache(v)) {
		struct folio *folio = pagecache_new();
		int err = -ENOMEM;

		if (folio) {
			memset(frame_to_virt(folio->frame), 0, PAGE_SIZE);
			err = put_shared(v, addr, folio, false);
		}
		if (err)
			folio_put(folio);
		return err;
	}
	pte_t e = pte_mk_special(
		pte_wrprotect(pte_make(frame_to_phys(zero_frame), PGPROT(v->pte_bits))));
	pte_t none = {0}, *at;
	int err = small_entry(v->mm, addr, &at);

	if (err)
		return err;
	return pte_cmpxchg(at, &none, e) ? 0 : -EEXIST;
}

static int fill_continue(struct vma *v, u64 addr, bool wp)
{
	u64 index = vma_index(v, addr);
	struct folio *folio;
	pte_t *at;

	if (mm_truncated(v->cache, index))
		return -EFAULT;
	if (!pagecache_has(v->cache, index))
		return -EFAULT;
	int err = small_entry(v->mm, addr, &at);

	/* May have been reserved only: then it is zeroed now. */
	if (!err)
		err = pagecache_get(v->cache, index, false, &folio);
	if (err)
		return err;
	err = mm_map_cached(v, addr, at, folio_frame(folio, index), wp);
	if (err)
		folio_put(folio);
	return err;
}

static int fill_poison(struct vma *v, u64 addr)
{
	pte_t none = {0}, *at;
	int err = small_entry(v->mm, addr, &at);

	if (err)
		return err;
	vma_note_anon(v);
	return pte_cmpxchg(at, &none, pte_make_marker(MARK_POISON, 0)) ? 0 : -EEXIST;
}

static int fill_one(struct vma *v, u64 addr, const struct mm_uffd_fill *fill)
{
	if (vma_is_hugetlb(v))
		return hugetlb_fill(v, addr, fill, NULL);
	switch (fill->how) {
	case UFFD_FILL_ZERO:
		return fill_zero(v, addr);
	case UFFD_FILL_CONTINUE:
		return fill_continue(v, addr, fill->wp);
	default:
		return fill_poison(v, addr);
	}
}

s64 mm_uffd_fill(struct mm *mm, const struct mm_uffd_fill *fill)
{
	struct place p;
	u64 done = 0, size;
	int err;

	if (fill->how == UFFD_FILL_COPY)
		return fill_copy(mm, fill);
	err = lock_place(mm, fill->start, fill->start + fill->len, &p);
	if (err)
		return err;
	err = check_fill(p.vma, fill);
	size = vma_page_size(p.vma);
	for (; !err && done < fill->len; done += err ? 0 : size) {
		err = fill_one(p.vma, fill->start + done, fill);
		if (!err && signal_fatal_pending(current))
			err = -EINTR;
	}
	unlock_place(&p);
	return done ? (s64)done : err;
}

int mm_uffd_protect(struct mm *mm, const struct uffd *u, u64 start, u64 len, bool enable)
{
	struct place p;
	int err = lock_place(mm, start, start + len, &p);

	if (err)
		return err;
	if (uffd_is_changing(u))
		err = -EAGAIN;
	else if (!(p.vma->flags & VM_UFFD_WP))
		err = -ENOENT;
	else if (!is_whole(p.vma, start, start + len))
		err = -EINVAL;
	else
		err = protect_range(p.vma, start, start + len, enable);
	unlock_place(&p);
	return err;
}

/* --- moving --- */

static int check_move(struct vma *src, struct vma *dst, const struct uffd *u)
{
	if (!vma_is_anon(src) || !vma_is_anon(dst) || (src->flags | dst->flags) & VM_SPECIAL ||
	    dst->uffd != u)
		return -EINVAL;
	if ((src->flags ^ dst->flags) & (VM_ACCESS | VM_LOCKED) || !(src->flags & VM_WRITE))
		return -EINVAL;
	return 0;
}

/* Both VMAs are write-locked: nobody else changes entries, and nobody takes new references. */
static int move_page(struct mm *mm, struct vma *dst, u64 to, u64 from, bool holes)
{
	u64 next;
	pte_t *src = pt_leaf(mm, from, from + PAGE_SIZE, &next), *at;
	int err;

	src = src ? &src[pt_index(0, from)] : NULL;
	pte_t e = src ? pte_read(src) : (pte_t){0}, new;

	if (!pte_present(e)) {
		if (pte_none(e))
			return holes ? 0 : -ENOENT;
		return pte_is_mark(e, MARK_POISON) ? -EHWPOISON : -ENOENT;
	}
	err = small_entry(mm, to, &at);
	if (err)
		return err;
	if (!pte_none(pte_read(at)))
		return -EEXIST;
	if (pte_special(e)) {
		pte_write(at, pte_clear_uffd_wp(e));
	} else {
		struct frame *f = pfn_to_frame(pte_pfn(e));

		if (f->type != FRAME_ANON || f->order || frame_refs(f) != 1)
			return -EBUSY;
		new = pte_mk_dirty(pte_make(frame_to_phys(f), PGPROT(dst->pte_bits)));
		pte_write(at, new);
	}
	(void)pte_xchg(src, (pte_t){0});
	return 0;
}

static s64 move_locked(struct mm *mm, struct uffd *u, u64 to, u64 from, u64 len, bool holes)
{
	struct vma *src = vma_at(mm, from), *dst = vma_at(mm, to);
	u64 done = 0;
	int err;

	if (!src || !dst)
		return -ENOENT;
	if (from + len > src->end || to + len > dst->end)
		return -EINVAL;
	err = check_move(src, dst, u);
	if (err)
		return err;
	vma_write_lock(src);
	if (dst != src)
		vma_write_lock(dst);
	dst->has_anon = true;
	for (; !err && done < len; done += err ? 0 : PAGE_SIZE) {
		err = signal_fatal_pending(current)
			      ? -EINTR
			      : move_page(mm, dst, to + done, from + done, holes);
	}
	if (done)
		tlb_flush_mm_range(&mm->arch, from, from + done, false);
	if (dst != src)
		vma_write_unlock(dst);
	vma_write_unlock(src);
	return done ? (s64)done : err;
}

s64 mm_uffd_move(struct mm *mm, struct uffd *u, u64 dst, u64 src, u64 len, bool holes)
{
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	s64 done = uffd_is_changing(u) ? -EAGAIN : move_locked(mm, u, dst, src, len, holes);

	rwsem_write_unlock(&mm->lock);
	return done;
}
