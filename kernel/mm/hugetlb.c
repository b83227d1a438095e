/*
 * Mappings of pages of a pool (kernel/hugetlb): VM_HUGETLB.
 *
 * Their entries of level 1 are huge and stay so: such a VMA begins and ends at multiples of its
 * page size, and so does every range that is changed in it.  What an entry maps is a folio of the
 * file's cache, or a private copy (FOLIO_COPY), which fork shares and the next write copies again.
 * One fault at a time makes the page of a place (`fault_locks`), so that the last page of a pool
 * that two threads touch is enough.
 *
 * Whoever wants to be asked for missing pages, or told of present ones that are not mapped, does so
 * in fault_missing(): before and after the cache was looked at.
 */
#include "mm_impl.h"

#include <asm/pagemem.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kernel/file/file.h>
#include <kernel/hugetlb/hugetlb.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/sched/sched.h>
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

static struct mutex *fault_lock(const struct vma *v, u64 addr)
{
	u64 key = is_private(v) ? (u64)(unsigned long)v->mm ^ addr >> PT_SHIFT(1)
				: (u64)(unsigned long)v->cache ^ map_index(v, addr);

	return &fault_locks[(key ^ key >> 7 ^ key >> 17) % LOCKS];
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

/* Consumes a reference on @f; a copy was @promised. */
static int install(struct vma *v, u64 addr, pte_t *at, struct folio *f, u32 flags, bool promised)
{
	u64 index = vma_index(v, addr);
	bool copy = f->flags & FOLIO_COPY, shared = v->flags & VM_SHARED;
	pte_t none = {0}, e = entry(v, addr, f);

	if (!(v->flags & VM_WRITE) || (!shared && !copy))
		e = pte_wrprotect(e);
	else if (copy || flags & FAULT_WRITE)
		e = pte_mk_dirty(e);
	else if (!(v->flags & VM_SOFTDIRTY))
		e = pte_wrprotect(e);
	if (!pte_cmpxchg(at, &none, e)) {
		if (copy)
			drop_copy(v, addr, f, promised);
		else
			folio_put(f);
		return 0;
	}
	__atomic_fetch_add(&v->mm->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
	/* Both ends of a truncation: the size shrinks, the folio leaves the cache. */
	smp_mb();
	if (truncated(v, index) || (!copy && READ_ONCE(f->cache) != v->cache))
		undo(v, addr, at, e);
	return 0;
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

static int fault_missing(struct vma *v, u64 addr, pte_t *at, u32 flags)
{
	bool write = flags & FAULT_WRITE, promised = false;
	u64 index = vma_index(v, addr);
	struct folio *f, *copy;
	int err = 0;

	if (truncated(v, index))
		return -ENXIO;
	if (map_of(v)->lost)
		return -EIO;
	f = pagecache_find(v->cache, index);
	if (!f && is_private(v)) {
		err = make_copy(v, addr, NULL, &f, &promised);
	} else if (!f) {
		err = hugetlb_add_page(v->cache, map_of(v), map_index(v, addr), &f);
	} else if (write && is_private(v)) {
		err = make_copy(v, addr, f, &copy, &promised);
		folio_put(f);
		f = copy;
	}
	if (err)
		return err == -EEXIST ? 0 : err; /* fallocate(2) was first: look again */
	return install(v, addr, at, f, flags, promised);
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
			(void)huge_zap(&g, at, there);
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
	struct mutex *lock = fault_lock(v, addr & HUGE_MASK);
	int err = 0;
	pte_t e;

	addr &= HUGE_MASK;
	mutex_lock(lock);
	e = pte_read(at);
	if (pte_none(e))
		err = fault_missing(v, addr, at, flags);
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

int hugetlb_copy(struct mm *to, u64 addr, pte_t *from, pte_t e, bool *protected)
{
	struct folio *f = folio_of(e);
	pte_t *dest;

	/* Pages of the file come back by a fault. */
	if (!(f->flags & FOLIO_COPY))
		return 0;
	dest = pt_make_upper(to, addr);
	if (!dest)
		return -ENOMEM;
	(void)folio_get(f);
	if (pte_writable(e)) {
		pte_set_wrprotect(from);
		*protected = true;
	}
	__atomic_fetch_add(&to->hugetlb, HUGE_PAGES, __ATOMIC_RELAXED);
	pte_write(dest, pte_wrprotect(e));
	return 0;
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
