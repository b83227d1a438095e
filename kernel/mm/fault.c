/*
 * Page faults.
 *
 * The short way: find the VMA without mm->lock, take its read lock, install an entry with one
 * compare-and-exchange. What does not fit (no VMA, a writer at work, a stack to grow) goes the long
 * way with mm->lock.
 *
 * Losing a race for an entry is never an error: the instruction is repeated and finds what the
 * winner put there.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/pagemem.h>
#include <asm/tlb.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kernel/arch_up.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uffd/uffd.h>
#include <kernel/vfs/vfs.h>

#define AROUND_PAGES 16u

DEFINE_PERCPU(struct mm_events, mm_event);

/* Puts @e into the empty entry; the reference it stands for stays the caller's on failure. */
static __always_inline bool install(pte_t *at, pte_t e)
{
	pte_t none = {0};

	return pte_cmpxchg(at, &none, e);
}

static __always_inline pte_t entry_for(const struct vma *vma, const struct frame *f)
{
	return pte_make(frame_to_phys(f), PGPROT(vma->pte_bits));
}

static __always_inline void rss_anon_inc(struct mm *mm)
{
	__atomic_fetch_add(&mm->rss_anon, 1, __ATOMIC_RELAXED);
}

static struct frame *anon_frame(struct vma *vma, u32 zero)
{
	struct frame *f = frame_alloc(0, FRAME_ANON, GFP_USER | zero);

	if (likely(f))
		vma_note_anon(vma);
	return f;
}

static int fault_anon(struct vma *vma, u64 addr, pte_t *at, u32 flags)
{
	(void)addr;
	if (!(flags & FAULT_WRITE)) {
		(void)install(at, pte_mk_special(pte_wrprotect(entry_for(vma, zero_frame))));
		return 0;
	}
	struct frame *f = anon_frame(vma, GFP_ZERO);

	if (unlikely(!f))
		return -ENOMEM;
	pte_t e = pte_mk_dirty(entry_for(vma, f));

	if (unlikely(!(vma->flags & VM_WRITE)))
		e = pte_wrprotect(e);
	if (likely(install(at, e)))
		rss_anon_inc(vma->mm);
	else
		frame_put(f);
	return 0;
}

/* --- files and shared memory --- */

/* What is beyond is no memory: SIGBUS. */
static u64 cache_pages(struct pagecache *pc)
{
	return pc->inode ? page_up((u64)inode_size(pc->inode)) >> PAGE_SHIFT : mm_shared_pages(pc);
}

bool mm_truncated(struct pagecache *pc, u64 index)
{
	return index >= cache_pages(pc);
}

/* The folio was taken out of the cache, or moved in it, while its entry was being made. */
static bool lost(struct pagecache *pc, const struct folio *folio, u64 index)
{
	smp_mb();
	return unlikely(READ_ONCE(folio->cache) != pc || !folio_covers(folio, index));
}

static void undo(struct vma *vma, u64 addr, pte_t *at, pte_t e)
{
	struct frame *f = frame_head(pfn_to_frame(pte_pfn(e)));
	u64 pfn = pte_pfn(e);

	/* The CPU may be setting its bits meanwhile. */
	while (pte_present(e) && pte_pfn(e) == pfn) {
		if (!pte_cmpxchg(at, &e, (pte_t){0}))
			continue;
		mm_rss_add(vma->mm, f, -1);
		tlb_flush_mm_range(&vma->mm->arch, addr, addr + PAGE_SIZE, false);
		frame_put(f);
		return;
	}
}

/*
 * May a page that was only read become writable at once?  Not if it is private, nor if clear_refs
 * wants to know of the first write.
 */
static __always_inline bool writes_unseen(const struct vma *vma)
{
	return (vma->flags & (VM_SHARED | VM_SOFTDIRTY)) == (VM_SHARED | VM_SOFTDIRTY);
}

/* Neighbours that are in the cache come along with a read. */
static void fault_around(struct vma *vma, u64 addr, pte_t *at)
{
	struct pagecache *pc = vma->cache;
	u64 window = addr & ~((u64)AROUND_PAGES * PAGE_SIZE - 1);
	u64 first = max(window, vma->start);
	u64 end = min(window + AROUND_PAGES * PAGE_SIZE, vma->end);
	u64 index = vma_index(vma, first);
	struct folio *folios[AROUND_PAGES];
	u64 pages = 0;

	at -= (addr - first) >> PAGE_SHIFT;
	unsigned int n = (unsigned int)((end - first) >> PAGE_SHIFT);
	u64 size = cache_pages(pc), last;

	if (size <= index)
		return;
	last = min(index + n, size) - 1;
	n = (unsigned int)(last - index + 1);
	pagecache_find_batch(pc, index, n, folios);
	for (unsigned int i = 0; i < n; i++, at++) {
		struct folio *folio = folios[i];

		if (!folio)
			continue;
		if (!pte_none(pte_read(at))) {
			folio_put(folio);
			continue;
		}
		pte_t e = pte_make(frame_to_phys(folio_frame(folio, index + i)),
				   PGPROT(vma->pte_bits));

		if (!writes_unseen(vma))
			e = pte_wrprotect(e);
		if (!install(at, e)) {
			folio_put(folio);
			continue;
		}
		pages++;
		if (lost(pc, folio, index + i))
			undo(vma, first + (u64)i * PAGE_SIZE, at, e);
	}
	if (pages)
		__atomic_fetch_add(pc->flags & PAGECACHE_MEMORY ? &vma->mm->rss_shmem
								: &vma->mm->rss_file,
				   (s64)pages, __ATOMIC_RELAXED);
}

static int cache_frame(struct vma *vma, u64 index, struct frame **out)
{
	struct pagecache *pc = vma->cache;
	struct folio *folio;

	if (mm_truncated(pc, index))
		return -ENXIO;
	int err = pagecache_get(pc, index, false, &folio);

	if (err)
		return err;
	*out = folio_frame(folio, index);
	return 0;
}

/* Private write to a page that is not there yet: a copy at once. */
static int fault_copy(struct vma *vma, pte_t *at, struct frame *from)
{
	struct frame *f = anon_frame(vma, 0);

	if (!f)
		return -ENOMEM;
	page_copy(frame_to_virt(f), frame_to_virt(from));
	pte_t e = pte_mk_dirty(entry_for(vma, f));

	if (!(vma->flags & VM_WRITE))
		e = pte_wrprotect(e);
	if (install(at, e))
		rss_anon_inc(vma->mm);
	else
		frame_put(f);
	return 0;
}

static int map_frame(struct vma *vma, u64 addr, pte_t *at, struct frame *f, u32 flags)
{
	bool shared = vma->flags & VM_SHARED;
	pte_t e = entry_for(vma, f);

	if (!shared)
		e = pte_wrprotect(e);
	else if (flags & FAULT_WRITE)
		e = pte_mk_dirty(e);
	else if (!writes_unseen(vma) || (vma->ops && vma->ops->page_mkwrite))
		e = pte_wrprotect(e);
	if (!install(at, e)) {
		frame_put(frame_head(f));
		return 0;
	}
	mm_rss_add(vma->mm, frame_head(f), 1);
	if (vma->cache) {
		struct folio *folio = frame_head(f)->owner;

		/* Both ends of a truncation: the folio leaves the cache, the size shrinks. */
		if (lost(vma->cache, folio, vma_index(vma, addr)) ||
		    mm_truncated(vma->cache, vma_index(vma, addr)))
			undo(vma, addr, at, e);
	}
	return 0;
}

/*
 * The file changes from now on: its times say so at the fault, as in Linux, for what the device or
 * file system does not judge itself.  The inode's lock is outside of ours; who reads the times
 * takes none.
 */
static void written_to(const struct vma *vma)
{
	if (vma->file && vma->cache && !(vma->ops && vma->ops->page_mkwrite))
		inode_touch(vma->file->inode, true, true);
}

static int fault_backed(struct vma *vma, u64 addr, pte_t *at, u32 flags)
{
	struct vma_fault vf = {
		.vma = vma, .addr = addr, .index = vma_index(vma, addr), .flags = flags};
	bool write = flags & FAULT_WRITE, cow = write && !(vma->flags & VM_SHARED);
	int err;

	/* Reads of cached files: the page itself is in the window. */
	if (likely(vma->cache && !write && !(vma->flags & (VM_UFFD_WP | VM_UFFD_MINOR)) &&
		   !(vma->ops && (vma->ops->fault || vma->ops->page_mkwrite)))) {
		fault_around(vma, addr, at);
		if (likely(!pte_none(pte_read(at))))
			return 0;
	}
	if (vma->ops && vma->ops->fault)
		err = vma->ops->fault(&vf);
	else
		err = cache_frame(vma, vf.index, &vf.frame);
	if (err)
		return err;
	if (vma->flags & VM_PFNMAP) {
		pte_t e = pte_mk_special(pte_make(vf.pfn << PAGE_SHIFT, PGPROT(vma->pte_bits)));

		(void)install(at, e);
		return 0;
	}
	if (cow) {
		err = fault_copy(vma, at, vf.frame);
		frame_put(frame_head(vf.frame));
		return err;
	}
	if (write && vma->ops && vma->ops->page_mkwrite) {
		err = vma->ops->page_mkwrite(&vf);
		if (err) {
			frame_put(frame_head(vf.frame));
			return err;
		}
	}
	err = map_frame(vma, addr, at, vf.frame, flags);
	if (write && !err)
		written_to(vma);
	return err;
}

/* --- places that are empty, but marked, and pages that somebody wants to know of --- */

int mm_userfault_reason(struct vma *vma, u64 addr)
{
	u64 index;

	if (!(vma->flags & (VM_UFFD_MISSING | VM_UFFD_MINOR)))
		return 0;
	if (!vma->cache)
		return vma->flags & VM_UFFD_MISSING ? USERFAULT_MISSING : 0;
	index = vma_index(vma, addr);
	if (mm_truncated(vma->cache, index))
		return 0;
	if (pagecache_has(vma->cache, index))
		return vma->flags & VM_UFFD_MINOR ? USERFAULT_MINOR : 0;
	return vma->flags & VM_UFFD_MISSING ? USERFAULT_MISSING : 0;
}

int mm_map_cached(struct vma *vma, u64 addr, pte_t *at, struct frame *f, bool wp)
{
	struct folio *folio = frame_head(f)->owner;
	pte_t old = pte_read(at), e = entry_for(vma, f);
	u64 index = vma_index(vma, addr);

	if (wp)
		e = pte_mk_uffd_wp(e);
	if (wp || !(vma->flags & VM_SHARED) || writes_unseen(vma))
		e = pte_wrprotect(e);
	if (!pte_is_vacant(old) || !pte_cmpxchg(at, &old, e))
		return -EEXIST;
	mm_rss_add(vma->mm, frame_head(f), 1);
	if (lost(vma->cache, folio, index) || mm_truncated(vma->cache, index))
		undo(vma, addr, at, e);
	return 0;
}

/* Write-protected before there was a page: what comes is so, too. */
static int fault_protected(struct vma *vma, u64 addr, pte_t *at, pte_t e)
{
	struct frame *f;

	if (!vma->cache) {
		(void)pte_cmpxchg(
			at, &e,
			pte_mk_uffd_wp(pte_mk_special(pte_wrprotect(entry_for(vma, zero_frame)))));
		return 0;
	}
	int err = cache_frame(vma, vma_index(vma, addr), &f);

	if (!err && mm_map_cached(vma, addr, at, f, true))
		frame_put(frame_head(f));
	return err;
}

static noinline int fault_marked(struct vma *vma, u64 addr, pte_t *at, pte_t e)
{
	if (pte_is_mark(e, MARK_POISON))
		return -EHWPOISON;
	if (!pte_is_mark(e, MARK_UFFD_WP))
		return -EFAULT;
	/* Nobody wants to know any more. */
	if (!(vma->flags & VM_UFFD_WP)) {
		(void)pte_cmpxchg(at, &e, (pte_t){0});
		return 0;
	}
	int reason = mm_userfault_reason(vma, addr);

	return reason ? reason : fault_protected(vma, addr, at, e);
}

noinline int mm_write_told(struct vma *vma, pte_t *at, pte_t *e)
{
	if (vma->flags & VM_UFFD_WP && !uffd_wants(vma->uffd, UFFD_FEATURE_WP_ASYNC))
		return USERFAULT_WP;
	pte_t clear = pte_clear_uffd_wp(*e);

	if (pte_cmpxchg(at, e, clear))
		*e = clear;
	return 0;
}

/* Is it still so as mm_fault_vma() has found it? */
static bool still_to_do(struct vma *vma, u64 addr, int reason)
{
	struct pt_spot spot;

	if (pt_find(vma->mm, addr, &spot))
		return reason == USERFAULT_WP && pte_uffd_wp(spot.raw);
	return reason != USERFAULT_WP && pte_none_mostly(spot.raw);
}

noinline int mm_userfault(struct mm *locked, struct vma *vma, u64 addr, u32 flags, int reason)
{
	u64 page = addr & ~(vma_page_size(vma) - 1);
	struct uffd_fault f;
	int err = uffd_fault_begin(vma->uffd, &f, addr, page, flags, reason);
	/* Who resolves it wakes whom it finds waiting afterwards. */
	bool wait = !err && still_to_do(vma, page, reason);

	if (locked)
		rwsem_read_unlock(&locked->lock);
	else
		vma_read_unlock(vma);
	return err ? err : uffd_fault_end(&f, wait);
}

/* --- writes to pages that are there, read-only --- */

static int write_shared(struct vma *vma, u64 addr, pte_t *at, pte_t e, u32 flags)
{
	struct vma_fault vf = {.vma = vma,
			       .addr = addr,
			       .index = vma_index(vma, addr),
			       .flags = flags,
			       .frame = pte_special(e) ? NULL : pfn_to_frame(pte_pfn(e))};

	if (vma->ops && vma->ops->page_mkwrite) {
		int err = vma->ops->page_mkwrite(&vf);

		if (err)
			return err;
	}
	(void)pte_cmpxchg(at, &e, pte_mk_young(pte_mk_dirty(pte_mk_write(e))));
	tlb_flush_local_page(addr);
	written_to(vma);
	return 0;
}

static int write_copy(struct vma *vma, u64 addr, pte_t *at, pte_t e, struct frame *old)
{
	bool zero = pte_special(e);
	struct frame *f;

	if (!zero) {
		if (!frame_tryget(old))
			return 0;
		if (pte_read(at).raw != e.raw) {
			frame_put(old);
			return 0;
		}
	}
	f = anon_frame(vma, zero ? GFP_ZERO : 0);
	if (!f) {
		if (!zero)
			frame_put(old);
		return -ENOMEM;
	}
	if (!zero)
		page_copy(frame_to_virt(f), frame_to_virt(pfn_to_frame(pte_pfn(e))));
	pte_t new = pte_mk_dirty(entry_for(vma, f));

	if (unlikely(!(vma->flags & VM_WRITE)))
		new = pte_wrprotect(new);
	bool won = pte_cmpxchg(at, &e, new);

	if (won) {
		tlb_flush_mm_range(&vma->mm->arch, addr, addr + PAGE_SIZE, false);
		if (zero || old->type != FRAME_ANON)
			rss_anon_inc(vma->mm);
		if (!zero) {
			if (old->type != FRAME_ANON)
				mm_rss_add(vma->mm, old, -1);
			frame_put(old); /* the entry's */
		}
	} else {
		frame_put(f);
	}
	if (!zero)
		frame_put(old);
	return 0;
}

static int fault_write(struct vma *vma, u64 addr, pte_t *at, pte_t e, u32 flags)
{
	if (unlikely(pte_uffd_wp(e))) {
		int err = mm_write_told(vma, at, &e);

		if (err || !pte_present(e) || pte_uffd_wp(e) || pte_writable(e))
			return err;
	}
	if (vma->flags & VM_SHARED)
		return vma->flags & VM_WRITE ? write_shared(vma, addr, at, e, flags) : -EFAULT;
	if (pte_special(e) && pte_pfn(e) != frame_to_pfn(zero_frame))
		return -EFAULT; /* device or vDSO page */

	struct frame *f = frame_head(pfn_to_frame(pte_pfn(e)));

	/* The last one who has it keeps it. */
	if (!pte_special(e) && f->type == FRAME_ANON && frame_refs(f) == 1) {
		if (!(vma->flags & VM_WRITE))
			return 0;
		(void)pte_cmpxchg(at, &e, pte_mk_young(pte_mk_dirty(pte_mk_write(e))));
		tlb_flush_local_page(addr);
		return 0;
	}
	return write_copy(vma, addr, at, e, f);
}

int mm_fault_vma(struct vma *vma, u64 addr, u32 flags)
{
	pte_t *at = pt_make_upper(vma->mm, addr), *table;

	if (unlikely(!at))
		return -ENOMEM;
	pte_t e = pte_read(at);

	if (likely(pte_is_table(e))) {
		table = pte_table(e);
	} else {
		int err = huge_fault(vma, addr, at, flags);

		if (err != HUGE_SMALL)
			return err;
		table = pt_make_table(vma->mm, addr, at);
		if (!table)
			return -ENOMEM;
	}
	at = &table[pt_index(0, addr)];
	e = pte_read(at);

	if (likely(pte_none(e))) {
		int reason = unlikely(vma->uffd) ? mm_userfault_reason(vma, addr) : 0;

		if (unlikely(reason))
			return reason;
		return vma_is_anon(vma) ? fault_anon(vma, addr, at, flags)
					: fault_backed(vma, addr, at, flags);
	}
	if (!pte_present(e))
		return fault_marked(vma, addr, at, e);
	if (flags & FAULT_WRITE && !pte_writable(e))
		return fault_write(vma, addr, at, e, flags);
	/* Somebody else has resolved it, or this CPU remembered an entry that had less. */
	tlb_flush_local_page(addr);
	return 0;
}

/* --- from the trap --- */

static __always_inline bool permitted(const struct vma *vma, u32 flags)
{
	if (flags & FAULT_WRITE)
		return vma->flags & VM_WRITE || (flags & FAULT_FORCE && vma->flags & VM_MAYWRITE);
	if (flags & FAULT_EXEC)
		return vma->flags & VM_EXEC;
	return vma->flags & VM_ACCESS || (flags & FAULT_FORCE && vma->flags & VM_MAYREAD);
}

int mm_grow_stack(struct mm *mm, u64 addr)
{
	u64 start = page_down(addr), pages;

	guard(write)(&mm->lock);
	struct vma *v = vma_find(mm, addr);

	if (!v)
		return -EFAULT;
	if (v->start <= addr)
		return 0;
	if (!(v->flags & VM_GROWSDOWN) || start < mm_mmap_min_addr)
		return -EFAULT;
	struct vma *prev = vma_prev(mm, v);

	if (prev && prev->flags & VM_ACCESS && !(prev->flags & VM_GROWSDOWN) &&
	    start - prev->end < STACK_GUARD_GAP)
		return -EFAULT;
	if (prev && start < prev->end)
		return -EFAULT;
	pages = (v->start - start) >> PAGE_SHIFT;
	if (v->end - start > task_rlimit(RLIMIT_STACK) || !mm_may_expand(mm, v->flags, pages))
		return -EFAULT;
	if (v->flags & VM_LOCKED && mm_may_lock(mm, pages))
		return -EFAULT;
	if (v->flags & VM_ACCOUNT && mm_commit(pages))
		return -ENOMEM;
	int err = vma_extend(v, start, v->end);

	if (err)
		mm_uncommit(v->flags & VM_ACCOUNT ? pages : 0);
	else
		mm_stat_account(mm, v->flags, (s64)pages);
	return err;
}

unsigned int mm_page_shift(struct mm *mm, u64 addr)
{
	guard(read)(&mm->lock);
	const struct vma *v = vma_at(mm, addr);

	return v ? (unsigned int)__ffs(vma_page_size(v)) : PAGE_SHIFT;
}

/* -EACCES: there is a mapping, but not for this; -EFAULT: there is none. */
static int fault_slow(struct mm *mm, u64 addr, u32 flags)
{
	for (int tries = 0;; tries++) {
		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find(mm, addr);
		int err = -EFAULT;

		if (v && v->start <= addr)
			err = permitted(v, flags) ? mm_fault_vma(v, page_down(addr), flags)
						  : -EACCES;
		if (unlikely(err > 0))
			return mm_userfault(mm, v, addr, flags, err);
		bool grow = v && v->start > addr && v->flags & VM_GROWSDOWN;

		rwsem_read_unlock(&mm->lock);
		if (!grow || tries)
			return err;
		err = mm_grow_stack(mm, addr);
		if (err)
			return err;
	}
}

static noinline int fault_failed(int err, int *sig, int *code)
{
	switch (err) {
	case -ENOMEM:
		/* The allocator has chosen a victim; when it is us, the signal is found on the way
		 * out. */
		if (!signal_fatal_pending(current)) {
			sched_yield();
			return 0;
		}
		*sig = SIGKILL;
		*code = SI_KERNEL;
		return err;
	case -EINTR: /* killed while it waited for somebody */
		*sig = SIGKILL;
		*code = SI_KERNEL;
		return err;
	case -EHWPOISON:
		*sig = SIGBUS;
		*code = BUS_MCEERR_AR;
		return err;
	case -EACCES:
		*sig = SIGSEGV;
		*code = SEGV_ACCERR;
		return err;
	case -EFAULT:
		*sig = SIGSEGV;
		*code = SEGV_MAPERR;
		return err;
	default:
		*sig = SIGBUS;
		*code = BUS_ADRERR;
		return err;
	}
}

int mm_fault(struct mm *mm, u64 addr, u32 flags, int *sig, int *code)
{
	int err;

	this_cpu_inc(mm_event.pgfault);
	current->min_flt++;
	rcu_read_lock();
	struct vma *v = vma_lookup(mm, addr);
	bool locked = vma_read_lock_found(v, mm, addr);

	rcu_read_unlock();
	if (likely(locked)) {
		err = likely(permitted(v, flags)) ? mm_fault_vma(v, page_down(addr), flags)
						  : -EACCES;
		if (unlikely(err > 0))
			err = mm_userfault(NULL, v, addr, flags, err);
		else
			vma_read_unlock(v);
	} else {
		err = addr < mm->task_size ? fault_slow(mm, addr, flags) : -EFAULT;
	}
	return likely(!err) ? 0 : fault_failed(err, sig, code);
}

int page_fault_up(struct regs *regs, unsigned long addr, u32 flags, int *sig, int *code)
{
	struct mm *mm = current->mm;

	(void)regs;
	if (likely(mm))
		return mm_fault(mm, addr, flags, sig, code);
	*sig = SIGSEGV;
	*code = SEGV_MAPERR;
	return -EFAULT;
}

int mm_fault_in(struct mm *mm, u64 addr, u32 flags)
{
	int err = fault_slow(mm, addr, flags);

	return err == -EACCES ? -EFAULT : err;
}
