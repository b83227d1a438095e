/*
 * Mappings of pages of a pool (kernel/hugetlb): VM_HUGETLB.
 *
 * Their entries of level 1 are huge and stay so: such a VMA begins and ends at multiples of its
 * page size, and so does every range that is changed in it.  What an entry maps is a folio of the
 * file's cache, or a private copy (FOLIO_COPY), which fork shares and the next write copies again.
 * One fault at a time makes the page of a place (`fault_locks`), so that the last page of a pool
 * that two threads touch is enough.
 *
 * Entries may also be marks, as small ones are: see userfault.c.
 */
#include "mm_impl.h"

#include <asm/pagemem.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kernel/file/file.h>
#include <kernel/hugetlb/hugetlb.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/mm/userfault.h>
#include <kernel/sched/sched.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uffd/uffd.h>
#include <kernel/vfs/vfs.h>

#define LOCKS 64u

static struct mutex fault_locks[LOCKS]; /* LK_HUGETLB */

static struct hugetlb_map *map_of(const struct vma *v)
{
	return v->private_data;
}

u64 hugetlb_vma_size(const struct vma *v)
{
	return hugetlb_bytes(hugetlb_map_size(map_of(v)));
}

static u64 map_index(const struct vma *v, u64 addr)
{
	return vma_index(v, addr) >> hugetlb_map_size(map_of(v))->order;
}

static bool is_private(const struct vma *v)
{
	return !(v->flags & VM_MAYSHARE);
}

/* The pages of a private mapping are promised to it, else to the file. */
static bool has_own_map(const struct vma *v)
{
	return is_private(v) && !map_of(v)->none;
}

static struct mutex *page_lock(const struct pagecache *pc, u64 index)
{
	u64 key = (u64)(unsigned long)pc ^ index;

	return &fault_locks[(key ^ key >> 7 ^ key >> 17) % LOCKS];
}

void hugetlb_lock_page(const struct pagecache *pc, u64 index)
{
	mutex_lock(page_lock(pc, index));
}

void hugetlb_unlock_page(const struct pagecache *pc, u64 index)
{
	mutex_unlock(page_lock(pc, index));
}

/* --- life of the VMAs --- */

static void open_vma(struct vma *v)
{
	if (has_own_map(v))
		(void)hugetlb_map_get(map_of(v));
}

static void close_vma(struct vma *v)
{
	if (has_own_map(v))
		hugetlb_map_put(map_of(v));
}

static const struct vma_ops hugetlb_vma_ops = {.open = open_vma, .close = close_vma};

int hugetlb_map_vma(struct vma *v, struct hugetlb_map *shared)
{
	struct hugetlb_map *m = shared;
	u64 order = hugetlb_map_size(shared)->order, first = v->pgoff >> order;
	int err = 0;

	if (v->pgoff & ((1ull << order) - 1))
		return -EINVAL;
	v->flags |= VM_HUGETLB | VM_DONTEXPAND;
	v->flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
	if (is_private(v)) {
		err = hugetlb_map_create(shared->part, &m);
		if (err)
			return err;
	}
	if (!(v->flags & VM_NORESERVE))
		err = hugetlb_reserve(m, first, first + (vma_pages(v) >> order) - 1);
	if (err) {
		if (m != shared)
			hugetlb_map_put(m);
		return err;
	}
	v->private_data = m;
	v->ops = &hugetlb_vma_ops;
	return 0;
}

void hugetlb_forked(struct vma *copy)
{
	struct hugetlb_map *m = map_of(copy);

	if (!has_own_map(copy))
		return;
	copy->private_data = hugetlb_no_map(m->part);
	hugetlb_map_put(m);
}

void hugetlb_gone(struct vma *v, u64 start, u64 end)
{
	if (has_own_map(v))
		hugetlb_unreserve(map_of(v), map_index(v, start), map_index(v, end) - 1);
}

/* --- entries --- */

static struct folio *folio_of(pte_t e)
{
	return frame_head(pfn_to_frame(pte_pfn(e)))->owner;
}

bool hugetlb_is_copy(pte_t e)
{
	return folio_of(e)->flags & FOLIO_COPY;
}

static pte_t entry(const struct vma *v, u64 addr, struct folio *f)
{
	u64 phys = frame_to_phys(f->frame) + (addr & (hugetlb_vma_size(v) - 1) & HUGE_MASK);

	return pte_make_huge(phys, PGPROT(v->pte_bits));
}

/* Takes the entry back that was put there, unless somebody has changed it. */
static void undo(struct vma *v, u64 addr, pte_t *at, pte_t e)
{
	u64 pfn = pte_pfn(e);

	while (pte_present(e) && pte_pfn(e) == pfn) {
		if (!pte_cmpxchg(at, &e, (pte_t){0}))
			continue;
		__atomic_fetch_sub(&v->mm->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
		tlb_flush_mm_range(&v->mm->arch, addr, addr + HUGE_SIZE, false);
		folio_put(folio_of(e));
		return;
	}
}

/* Only whole pages of the file are there. */
static bool truncated(const struct vma *v, u64 index)
{
	u64 order = hugetlb_map_size(map_of(v))->order;

	return index >> order >= (u64)inode_size(v->cache->inode) >> (PAGE_SHIFT + order);
}

/* A copy that nobody needs: what it was promised from is promised again. */
static void drop_copy(struct vma *v, u64 addr, struct folio *f, bool promised)
{
	hugetlb_untake(map_of(v), map_index(v, addr), f, promised);
}

/*
 * @e for @f takes the place of @old.  False: something else is there, and the reference on @f, a
 * copy that was @promised or a page of the file, is dropped.
 */
static bool put_entry(struct vma *v, u64 addr, pte_t *at, pte_t old, pte_t e, struct folio *f,
		      bool promised)
{
	bool copy = f->flags & FOLIO_COPY, put;

	(void)folio_get(f); /* the entry's may be gone at once */
	put = pte_cmpxchg(at, &old, e);
	if (put) {
		__atomic_fetch_add(&v->mm->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
		/* Both ends of a truncation: the size shrinks, the folio leaves the cache. */
		smp_mb();
		if (truncated(v, vma_index(v, addr)) || (!copy && READ_ONCE(f->cache) != v->cache))
			undo(v, addr, at, e);
	} else if (copy) {
		drop_copy(v, addr, f, promised);
	} else {
		folio_put(f);
	}
	folio_put(f);
	return put;
}

/* Consumes a reference on @f; a copy was @promised.  @old: nothing, or a mark. */
static void install(struct vma *v, u64 addr, pte_t *at, pte_t old, struct folio *f, u32 flags,
		    bool promised)
{
	bool copy = f->flags & FOLIO_COPY, shared = v->flags & VM_SHARED;
	pte_t e = entry(v, addr, f);

	if (!(v->flags & VM_WRITE) || (!shared && !copy))
		e = pte_wrprotect(e);
	else if (copy || flags & FAULT_WRITE)
		e = pte_mk_dirty(e);
	else if (!(v->flags & VM_SOFTDIRTY))
		e = pte_wrprotect(e);
	if (unlikely(pte_is_mark(old, MARK_UFFD_WP) && v->flags & VM_UFFD_WP))
		e = pte_wrprotect(pte_mk_uffd_wp(e));
	(void)put_entry(v, addr, at, old, e, f, promised);
}

/* --- pages --- */

static void fill(struct folio *f, const struct folio *from)
{
	for (u64 i = 0; i < 1ull << f->order; i++) {
		if (from)
			page_copy(frame_to_virt(f->frame + i), frame_to_virt(from->frame + i));
		else
			page_clear(frame_to_virt(f->frame + i));
		if (!(i & 63))
			sched_cond_resched();
	}
}

int hugetlb_add_page(struct pagecache *pc, struct hugetlb_map *m, u64 index, struct folio **out)
{
	struct folio *f;
	bool promised;
	int err = hugetlb_take(m, index, &f, &promised);

	if (err)
		return err;
	fill(f, NULL);
	err = pagecache_insert(pc, index << f->order, f);
	if (err == -EEXIST)
		folio_put(f); /* who was first has the place: it stays taken */
	else if (err)
		hugetlb_untake(m, index, f, promised);
	else
		*out = f;
	return err;
}

/* A private copy of @from, or of zeroes; was it promised? */
static int make_copy(struct vma *v, u64 addr, const struct folio *from, struct folio **out,
		     bool *promised)
{
	struct folio *f;
	int err = hugetlb_take(map_of(v), map_index(v, addr), &f, promised);

	if (err)
		return err;
	f->flags |= FOLIO_COPY;
	fill(f, from);
	vma_note_anon(v);
	*out = f;
	return 0;
}

/* A page for the file, which must not become shorter meanwhile: the page would be left there. */
static int add_inside(struct vma *v, u64 addr, struct folio **out)
{
	rwsem_read_lock(&v->cache->invalidate);
	int err = truncated(v, vma_index(v, addr))
			  ? -ENXIO
			  : hugetlb_add_page(v->cache, map_of(v), map_index(v, addr), out);

	rwsem_read_unlock(&v->cache->invalidate);
	return err;
}

/* @old: nothing, or a mark.  USERFAULT_*: its monitor is asked first. */
static int fault_missing(struct vma *v, u64 addr, pte_t *at, pte_t old, u32 flags)
{
	bool write = flags & FAULT_WRITE, promised = false;
	u64 index = vma_index(v, addr);
	struct folio *f, *copy;
	int err = 0;

	if (truncated(v, index))
		return -ENXIO;
	if (map_of(v)->lost)
		return -EIO;
	if (unlikely(v->uffd))
		err = mm_userfault_reason(v, addr);
	if (err)
		return err;
	f = pagecache_find(v->cache, index);
	if (!f && is_private(v)) {
		err = make_copy(v, addr, NULL, &f, &promised);
	} else if (!f) {
		err = add_inside(v, addr, &f);
	} else if (write && is_private(v)) {
		err = make_copy(v, addr, f, &copy, &promised);
		folio_put(f);
		f = copy;
	}
	if (!err)
		install(v, addr, at, old, f, flags, promised);
	return err;
}

/*
 * The pool is empty, and who was promised the page has it together with forked children: it goes
 * from them, who find out when they touch it.
 */
static void take_from_children(struct vma *v, u64 addr)
{
	u64 index = vma_index(v, addr), next;
	struct vma *w;

	rwsem_read_lock(&v->cache->rmap_lock);
	list_for_each_entry (w, &v->cache->vmas, rmap_link) {
		struct gather g;
		u64 there;
		pte_t *at;

		if (w == v || !is_private(w) || !map_of(w)->none || index < w->pgoff ||
		    index >= w->pgoff + vma_pages(w))
			continue;
		there = w->start + ((index - w->pgoff) << PAGE_SHIFT);
		WRITE_ONCE(w->private_data, hugetlb_lost_map(map_of(w)->part));
		gather_begin(&g, w->mm, false);
		at = pt_upper(w->mm, there, there + HUGE_SIZE, &next);
		if (at)
			(void)huge_zap(&g, at, there, ZAP_ALL);
		gather_end(&g);
	}
	rwsem_read_unlock(&v->cache->rmap_lock);
}

/* Somebody holds @old besides its entry. */
static int write_copy(struct vma *v, u64 addr, pte_t *at, pte_t e, struct folio *old)
{
	struct folio *f;
	bool promised;
	int err = make_copy(v, addr, old, &f, &promised);

	if (err == -ENOSPC && has_own_map(v) && old->flags & FOLIO_COPY &&
	    frame_refs(old->frame) > 2) {
		take_from_children(v, addr);
		return frame_refs(old->frame) > 2 ? err : 0;
	}
	if (err)
		return err;
	if (!pte_cmpxchg(at, &e, pte_mk_dirty(entry(v, addr, f)))) {
		drop_copy(v, addr, f, promised);
		return 0;
	}
	tlb_flush_mm_range(&v->mm->arch, addr, addr + HUGE_SIZE, false);
	folio_put(old);
	return 0;
}

static int fault_write(struct vma *v, u64 addr, pte_t *at, pte_t e)
{
	struct frame *head = frame_head(pfn_to_frame(pte_pfn(e)));
	int err = 0;

	if (!(v->flags & VM_WRITE))
		return -EFAULT; /* no forced writes here */
	if (unlikely(pte_uffd_wp(e))) {
		err = mm_write_told(v, at, &e);
		if (err || !pte_present(e) || pte_uffd_wp(e) || pte_writable(e))
			return err;
	}
	/* Truncation takes the entry and the page at any moment. */
	if (!frame_tryget(head))
		return 0;
	struct folio *f = pte_read(at).raw == e.raw ? head->owner : NULL;

	if (f && !(v->flags & VM_SHARED) && (!(f->flags & FOLIO_COPY) || frame_refs(head) > 2)) {
		err = write_copy(v, addr, at, e, f);
	} else if (f) {
		(void)pte_cmpxchg(at, &e, pte_mk_young(pte_mk_dirty(pte_mk_write(e))));
		tlb_flush_local_page(addr);
	}
	frame_put(head);
	return err;
}

int hugetlb_fault(struct vma *v, u64 addr, pte_t *at, u32 flags)
{
	struct mutex *lock;
	int err = 0;
	pte_t e;

	addr &= HUGE_MASK;
	lock = page_lock(v->cache, map_index(v, addr));
	mutex_lock(lock);
	e = pte_read(at);
	if (pte_is_mark(e, MARK_POISON))
		err = -EHWPOISON;
	else if (pte_is_vacant(e))
		err = fault_missing(v, addr, at, e, flags);
	else if (flags & FAULT_WRITE && !pte_writable(e))
		err = fault_write(v, addr, at, e);
	else
		tlb_flush_local_page(addr);
	mutex_unlock(lock);
	return err;
}

/* --- what huge.c does with entries of this kind --- */

void hugetlb_zapped(struct gather *g, u64 addr, pte_t e)
{
	g->start = min(g->start, addr);
	g->end = max(g->end, addr + HUGE_SIZE);
	__atomic_fetch_sub(&g->mm->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
	gather_frame(g, frame_head(pfn_to_frame(pte_pfn(e))));
}

int hugetlb_copy(struct mm *to, u64 addr, pte_t *from, pte_t e, bool told, bool *protected)
{
	struct folio *f = pte_present(e) ? folio_of(e) : NULL;
	bool copied = f && f->flags & FOLIO_COPY;
	pte_t *dest;

	/* Pages of the file come back by a fault. */
	e = copied ? e : pte_for_child(e, told);
	if (pte_none(e))
		return 0;
	dest = pt_make_upper(to, addr);
	if (!dest)
		return -ENOMEM;
	if (!copied) {
		pte_write(dest, e);
		return 0;
	}
	(void)folio_get(f);
	if (pte_writable(e)) {
		pte_set_wrprotect(from);
		*protected = true;
	}
	__atomic_fetch_add(&to->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
	pte_write(dest, pte_wrprotect(told ? e : pte_clear_uffd_wp(e)));
	return 0;
}

/* --- for userfaultfd(2) --- */

static int copy_from(struct folio *f, const char __user *src, u64 *copied)
{
	size_t left;

	for (u64 i = 0; i < 1ull << f->order; i++) {
		*copied = i << PAGE_SHIFT;
		/* The VMA is locked, and this place: no other fault may happen. */
		uaccess_nofault_begin();
		left = copy_from_user(frame_to_virt(f->frame + i), src + *copied, PAGE_SIZE);
		uaccess_nofault_end();
		if (left)
			return USERFAULT_MISSING;
		if (!(i & 63))
			sched_cond_resched();
	}
	return 0;
}

/* @f, filled, becomes the file's page. */
static int publish(struct vma *v, u64 addr, struct folio *f)
{
	u64 index = vma_index(v, addr);

	rwsem_read_lock(&v->cache->invalidate);
	int err = truncated(v, index) ? -EFAULT : pagecache_insert(v->cache, index, f);

	rwsem_read_unlock(&v->cache->invalidate);
	return err;
}

/* @wp: writes are told. */
static pte_t filled_entry(const struct vma *v, u64 addr, struct folio *f, bool wp)
{
	bool own = v->flags & VM_SHARED || f->flags & FOLIO_COPY;
	pte_t e = pte_mk_dirty(entry(v, addr, f));

	if (wp)
		e = pte_mk_uffd_wp(e);
	return wp || !own || !(v->flags & VM_WRITE) ? pte_wrprotect(e) : e;
}

static int fill_copy(struct vma *v, u64 addr, pte_t *at, const char __user *src, bool wp,
		     u64 *copied)
{
	pte_t old = pte_read(at);
	bool promised;
	struct folio *f;
	int err;

	if (!pte_is_vacant(old) || (!is_private(v) && pagecache_has(v->cache, vma_index(v, addr))))
		return -EEXIST;
	if (hugetlb_take(map_of(v), map_index(v, addr), &f, &promised))
		return truncated(v, vma_index(v, addr)) ? -EFAULT : -ENOMEM;
	err = copy_from(f, src, copied);
	if (!err && !is_private(v))
		err = publish(v, addr, f);
	if (err) {
		drop_copy(v, addr, f, promised);
		return err;
	}
	if (is_private(v)) {
		f->flags |= FOLIO_COPY;
		vma_note_anon(v);
	}
	return put_entry(v, addr, at, old, filled_entry(v, addr, f, wp), f, promised) ? 0 : -EEXIST;
}

static int fill_continue(struct vma *v, u64 addr, pte_t *at, bool wp)
{
	struct folio *f = pagecache_find(v->cache, vma_index(v, addr));
	pte_t old = pte_read(at);

	if (!f)
		return -EFAULT;
	if (!pte_is_vacant(old)) {
		folio_put(f);
		return -EEXIST;
	}
	return put_entry(v, addr, at, old, filled_entry(v, addr, f, wp), f, false) ? 0 : -EEXIST;
}

static int fill_poison(struct vma *v, pte_t *at)
{
	pte_t none = {0};

	vma_note_anon(v);
	return pte_cmpxchg(at, &none, pte_make_marker(MARK_POISON, 0)) ? 0 : -EEXIST;
}

int hugetlb_fill(struct vma *v, u64 addr, const struct mm_uffd_fill *fill, u64 *copied)
{
	u64 index = map_index(v, addr);
	pte_t *at = pt_make_upper(v->mm, addr);
	int err;

	if (!at)
		return -ENOMEM;
	hugetlb_lock_page(v->cache, index);
	if (fill->how == UFFD_FILL_COPY)
		err = fill_copy(v, addr, at, fill->src + (addr - fill->start), fill->wp, copied);
	else if (fill->how == UFFD_FILL_CONTINUE)
		err = fill_continue(v, addr, at, fill->wp);
	else
		err = fill_poison(v, at);
	hugetlb_unlock_page(v->cache, index);
	return err;
}

u64 hugetlb_file_size(const struct file *f)
{
	if (!f->cache || !(f->cache->flags & PAGECACHE_HUGETLB))
		return 0;
	return hugetlb_bytes(hugetlb_map_size(hugetlb_inode_map(f->cache->inode)));
}

int hugetlb_anon_file(u64 len, u32 flags, struct file **out)
{
	u32 log = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	if (!hugetlb_find_size(log) || !hugetlb_new_file)
		return -EINVAL;
	return hugetlb_new_file("anon_hugepage", len, log, 0600, false, out);
}

void hugetlb_vma_init(void)
{
	for (unsigned int i = 0; i < LOCKS; i++)
		mutex_init(&fault_locks[i], LK_HUGETLB);
}
