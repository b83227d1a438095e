/*
 * Address spaces: birth, copies, death, and which one a CPU has loaded.
 *
 * A copy shares private pages read-only and copies only the entries of pages that the process has
 * of its own: pages of files come back by (around-)faults.  All VMAs of the parent stay
 * write-locked until its stale writable translations are flushed.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/tlb.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/ns/ns.h>
#include <kernel/ns/user.h>
#include <kernel/panic/panic.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/rng/rng.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uffd/uffd.h>
#include <kernel/vfs/vfs.h>

#define STACK_RESERVE_MIN (128ull << 20)
#define MMAP_RANDOM_PAGES (1ull << 28)
#define ADDR_NO_RANDOMIZE 0x0040000u

static struct slab_cache *mm_cache;
struct frame *zero_frame;

static struct frame_shrinker stock_shrinker = {.name = "page tables", .shrink = pt_stock_shrink};

/* Below the stack and the room it may grow into. */
static u64 choose_mmap_base(void)
{
	u64 reserve = task_rlimit(RLIMIT_STACK);
	u64 shift = current->personality & ADDR_NO_RANDOMIZE ? 0 : rng_below(MMAP_RANDOM_PAGES);

	reserve = clamp_t(u64, reserve, STACK_RESERVE_MIN, USER_END_DEFAULT / 6 * 5);
	/* The stack itself is shifted by up to 16 GiB. */
	reserve += STACK_GUARD_GAP + (shift ? 16ull << 30 : 0);
	return page_down(USER_END_DEFAULT - min_t(u64, reserve, USER_END_DEFAULT / 6 * 5) -
			 (shift << PAGE_SHIFT));
}

static int mm_alloc(struct user_ns *user_ns, struct mm **out)
{
	struct mm *mm = slab_alloc(mm_cache, GFP_KERNEL | GFP_ZERO);

	if (!mm)
		return -ENOMEM;
	pte_t *root = pt_new_root();

	if (!root) {
		slab_free(mm_cache, mm);
		return -ENOMEM;
	}
	arch_mm_init(&mm->arch, root);
	btree_init(&mm->vmas, &vma_tree_ops);
	rwsem_init(&mm->lock, LK_MM);
	mm->users = 1;
	mm->refs = 1;
	mm->seq = 1; /* an empty cache has 0 */
	mm->task_size = USER_END;
	mm->dumpable = DUMP_USER;
	mm->user_ns = user_ns_get(user_ns);
	mm->coredump_filter = DUMP_FILTER_DEFAULT;
	spin_init(&mm->spare_lock, LK_PTE);
	list_init(&mm->huge_link);
	list_init(&mm->droppable_link);
	*out = mm;
	return 0;
}

int mm_suid_dumpable = DUMP_NONE;

int mm_create(struct mm **out)
{
	int err = mm_alloc(current->cred->user_ns, out);

	if (err)
		return err;
	(*out)->mmap_base = choose_mmap_base();
	(*out)->thp_disabled = current->mm && current->mm->thp_disabled;
	return 0;
}

struct mm *mm_get(struct mm *mm)
{
	__atomic_fetch_add(&mm->users, 1, __ATOMIC_RELAXED);
	return mm;
}

bool mm_tryget(struct mm *mm)
{
	return ref_tryget(&mm->users);
}

void mm_ref(struct mm *mm)
{
	__atomic_fetch_add(&mm->refs, 1, __ATOMIC_RELAXED);
}

void mm_unref(struct mm *mm)
{
	if (!__atomic_sub_fetch(&mm->refs, 1, __ATOMIC_ACQ_REL))
		slab_free(mm_cache, mm);
}

static void teardown(struct mm *mm)
{
	struct btree_iter it;
	struct vma *v, *prev = NULL;
	struct gather g;
	u64 accounted = 0;

	if (unlikely(!list_empty(&mm->huge_link)))
		khugepaged_leave(mm);
	if (unlikely(!list_empty(&mm->droppable_link)))
		droppable_leave(mm);
	/* No CPU has it from here on, so nothing needs to be flushed. */
	arch_mm_destroy(&mm->arch);
	gather_begin(&g, mm, true);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL))) {
		vma_detach(v);
		vma_rmap_del(v);
		pt_zap(&g, v, v->start, v->end, ZAP_ALL);
		if (v->flags & VM_ACCOUNT)
			accounted += vma_pages(v);
		if (vma_is_hugetlb(v))
			hugetlb_gone(v, v->start, v->end);
		if (prev)
			pt_free(&g, prev->start, prev->end, 0, v->start);
		prev = v;
	}
	if (prev)
		pt_free(&g, prev->start, prev->end, 0, USER_END);
	gather_end(&g);
	mm_uncommit(accounted);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL)))
		vma_release(v);
	btree_destroy(&mm->vmas);
	WARN_ON(mm->rss_anon || mm->hugetlb || mm->pgtable_bytes);
	pt_free_root(mm);
	if (mm->exe_file) {
		vfs_allow_write(mm->exe_file);
		file_put(mm->exe_file);
	}
	mm->exe_file = NULL;
	ns_put(mm->time_ns);
	mm->time_ns = NULL;
	user_ns_put(mm->user_ns);
	mm->user_ns = NULL;
	WRITE_ONCE(mm->oom_skip, true);
	smp_mb(); /* with kill() */
	if (unlikely(READ_ONCE(mm->oom_victim)))
		oom_gone(mm);
}

void mm_put(struct mm *mm)
{
	if (!mm || __atomic_sub_fetch(&mm->users, 1, __ATOMIC_ACQ_REL))
		return;
	teardown(mm);
	mm_unref(mm);
}

void mm_replace_current(struct mm *mm)
{
	struct task *t = current;
	struct mm *old = t->mm;

	spin_lock(&t->alloc_lock);
	unsigned long irq = irqs_save();

	t->mm = mm;
	t->active_mm = mm;
	memset(&t->vma_cache, 0, sizeof(t->vma_cache));
	if (mm)
		arch_mm_switch(&mm->arch);
	else
		arch_mm_leave();
	irqs_restore(irq);
	spin_unlock(&t->alloc_lock);
	mm_put(old);
}

/* Kernel threads run on what is loaded: it is unloaded everywhere before its tables go
 * (arch_mm_destroy). */
void mm_switch(struct mm *prev, struct mm *next, struct task *next_task)
{
	(void)prev;
	(void)next_task;
	if (next)
		arch_mm_switch(&next->arch);
}

/* --- fork --- */

static noinline int copy_mark(struct mm *to, u64 addr, pte_t e, bool told)
{
	pte_t mark = pte_for_child(e, told);

	if (pte_none(mark))
		return 0;
	pte_t *at = pt_make(to, addr);

	if (at)
		pte_write(at, mark);
	return at ? 0 : -ENOMEM;
}

/* The anonymous page that @e maps and that the child shares, or NULL. */
static __always_inline struct frame *page_to_share(pte_t e)
{
	if (!pte_present(e) || pte_special(e))
		return NULL;
	struct frame *f = pfn_to_frame(pte_pfn(e));

	if (likely(f->type == FRAME_ANON))
		return f;
	f = frame_head(f);
	return f->type == FRAME_ANON ? f : NULL;
}

/* The private pages of [v->start, v->end): shared from now on, writable by neither.  @told: the
 * child's monitor is told of writes as the parent's is. */
static int copy_entries(struct mm *to, struct vma *v, bool told, bool *protected)
{
	u64 next;
	s64 copied = 0;
	int err = 0;

	for (u64 addr = v->start; addr < v->end && !err; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, v->end, &next), *from, *dest = NULL;
		pte_t up = upper ? pte_read(upper) : (pte_t){0};

		if (unlikely(told && !pte_none(up) && !pte_is_table(up) && !vma_is_hugetlb(v))) {
			huge_split(v->mm, addr, upper);
			up = pte_read(upper);
		}
		if (pte_none(up))
			continue;
		if (unlikely(!pte_is_table(up))) {
			err = huge_copy(to, addr, upper, told, protected);
			continue;
		}
		from = pte_table(up) + pt_index(0, addr);
		for (; addr < next && !err; addr += PAGE_SIZE, from++) {
			pte_t e = pte_read(from), new;

			if (pte_none(e) && pt_line_empty(from)) {
				addr += (PT_LINE - 1) * PAGE_SIZE;
				from += PT_LINE - 1;
				continue;
			}
			struct frame *f = page_to_share(e);

			if (!f) {
				if (unlikely(told || pte_is_marker(e)))
					err = copy_mark(to, addr, e, told);
				continue;
			}
			if (unlikely(!dest)) {
				dest = pt_make(to, addr);
				if (!dest) {
					err = -ENOMEM;
					break;
				}
				dest -= pt_index(0, addr);
			}
			frame_get(f);
			if (pte_writable(e)) {
				pte_set_wrprotect(from);
				*protected = true;
			}
			new = pte_wrprotect(e);
			pte_write(&dest[pt_index(0, addr)],
				  likely(!told) ? pte_clear_uffd_wp(new) : new);
			copied++;
		}
	}
	__atomic_fetch_add(&to->rss_anon, copied, __ATOMIC_RELAXED);
	return err;
}

/* Whose are the faults of @n, the child's? */
static noinline int fork_uffd(struct mm *to, struct vma *n, struct uffd_fork **forks)
{
	struct uffd *parent = n->uffd, *child;
	int err = uffd_fork_add(forks, parent, to, &child);

	if (err)
		return err;
	if (!child) {
		vma_forget_uffd(n);
		return 0;
	}
	n->uffd = uffd_get(child);
	uffd_put(parent);
	to->uffd_used = true;
	/* Marks are copied, too. */
	if (n->flags & VM_UFFD_WP)
		n->has_anon = true;
	return 0;
}

/* @made: chain of the copies. */
static int copy_vma(struct mm *to, struct btree_edit *e, struct vma *v, struct vma **made,
		    bool *protected, struct uffd_fork **forks)
{
	struct vma *n;
	int err = 0;

	if (v->flags & VM_ACCOUNT)
		err = mm_commit(vma_pages(v));
	if (err)
		return err;
	err = vma_clone(v, &n);
	if (err)
		goto uncommit;
	n->mm = to;
	if (vma_is_hugetlb(n))
		hugetlb_forked(n);
	vma_set_flags(n, v->flags & ~(VM_LOCKED | VM_LOCKONFAULT));
	if (unlikely(n->uffd))
		err = fork_uffd(to, n, forks);
	if (v->flags & VM_WIPEONFORK)
		n->has_anon = false;
	/* Linux keeps these apart from new neighbours, for the sake of its reverse map; programs
	 * see it in maps. */
	if (n->has_anon)
		n->flags |= VM_FORKED;
	if (!err)
		err = btree_edit_insert(e, n->start, n->end, n);
	if (err) {
		vma_release(n);
		goto uncommit;
	}
	mm_stat_account(to, n->flags, (s64)vma_pages(n));
	to->vma_count++;
	n->chain = *made;
	*made = n;
	vma_rmap_add(n);
	__atomic_store_n(&n->attached, to, __ATOMIC_RELEASE);
	if (!n->has_anon && likely(!(n->flags & VM_UFFD_WP)))
		return 0;
	/* Truncation must not drop a private page while it is being shared. */
	if (v->cache)
		rwsem_write_lock(&v->cache->rmap_lock);
	err = copy_entries(to, v, n->flags & VM_UFFD_WP, protected);
	if (v->cache)
		rwsem_write_unlock(&v->cache->rmap_lock);
	return err;
uncommit:
	if (v->flags & VM_ACCOUNT)
		mm_uncommit(vma_pages(v));
	return err;
}

static void copy_figures(struct mm *to, const struct mm *from)
{
	to->mmap_base = from->mmap_base;
	to->task_size = from->task_size;
	to->start_code = from->start_code;
	to->end_code = from->end_code;
	to->start_data = from->start_data;
	to->end_data = from->end_data;
	to->start_brk = from->start_brk;
	to->brk = from->brk;
	to->start_stack = from->start_stack;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	memcpy(to->saved_auxv, from->saved_auxv, sizeof(to->saved_auxv));
	to->auxv_len = from->auxv_len;
	to->dumpable = from->dumpable;
	to->membarrier = READ_ONCE(from->membarrier);
	to->coredump_filter = from->coredump_filter;
	to->thp_disabled = from->thp_disabled;
	to->arch.vdso = from->arch.vdso;
	to->def_flags = from->def_flags & ~(u32)VM_LOCKED;
	if (from->exe_file && !vfs_deny_write(from->exe_file))
		to->exe_file = file_get(from->exe_file);
}

/* The tree of @mm was never published: its VMAs go by their chain. */
static void drop_copies(struct mm *mm, struct vma *made)
{
	struct gather g;

	gather_begin(&g, mm, true);
	while (made) {
		struct vma *n = made;

		made = n->chain;
		vma_detach(n);
		vma_rmap_del(n);
		pt_zap(&g, n, n->start, n->end, ZAP_ALL);
		/* From the highest down: what is above is gone. */
		pt_free(&g, n->start, n->end, made ? made->end : 0, USER_END);
		if (n->flags & VM_ACCOUNT)
			mm_uncommit(vma_pages(n));
		vma_release(n);
	}
	gather_end(&g);
	mm_put(mm);
}

int mm_fork(struct mm *from, struct mm **out)
{
	struct vma *made = NULL;
	struct btree_edit e;
	struct btree_iter it;
	struct vma *v;
	struct mm *mm;
	bool protected = false;
	struct uffd_fork *forks = NULL;
	int err = mm_alloc(from->user_ns, &mm);

	if (err)
		return err;
	rwsem_write_lock(&from->lock);
	copy_figures(mm, from);
	btree_edit_begin(&e, &mm->vmas);
	btree_iter_init(&it, &from->vmas, 0);
	while (!err && (v = btree_iter_next(&it, NULL))) {
		if (v->flags & VM_DONTCOPY)
			continue;
		vma_write_lock(v);
		err = copy_vma(mm, &e, v, &made, &protected, &forks);
		if (err) {
			vma_write_unlock(v);
			break;
		}
	}
	struct vma *stop = err ? v : NULL;

	if (protected)
		tlb_flush_mm_all(&from->arch);
	btree_iter_init(&it, &from->vmas, 0);
	while ((v = btree_iter_next(&it, NULL)) && v != stop) {
		if (!(v->flags & VM_DONTCOPY))
			vma_write_unlock(v);
	}
	if (err)
		btree_edit_abort(&e);
	else
		btree_edit_commit(&e);
	if (unlikely(!list_empty(&from->droppable_link)))
		droppable_enter(mm);
	rwsem_write_unlock(&from->lock);
	if (unlikely(forks))
		uffd_fork_tell(forks, !err);
	if (err) {
		drop_copies(mm, made);
		return err;
	}
	*out = mm;
	return 0;
}

/* --- truncation --- */

/* That writes are told, where the page goes.  Behind a new end there are no huge pages. */
static bool marks_stay(const struct vma *v, bool truncated)
{
	return v->flags & VM_UFFD_WP && !(truncated && vma_is_hugetlb(v));
}

static void unmap_file(struct pagecache *pc, u64 first, u64 last, bool even_cow)
{
	struct vma *v;

	rwsem_read_lock(&pc->rmap_lock);
	list_for_each_entry (v, &pc->vmas, rmap_link) {
		u64 vlast = v->pgoff + vma_pages(v) - 1;
		struct gather g;

		if (vlast < first || v->pgoff > last)
			continue;
		u64 from = max(first, v->pgoff) - v->pgoff;
		u64 to = min(last, vlast) - v->pgoff + 1;

		gather_begin(&g, v->mm, false);
		pt_zap(&g, v, v->start + (from << PAGE_SHIFT), v->start + (to << PAGE_SHIFT),
		       (!even_cow && vma_is_cow(v) ? ZAP_KEEP_COW : 0) |
			       (marks_stay(v, even_cow) ? ZAP_KEEP_WP : 0));
		gather_end(&g);
	}
	rwsem_read_unlock(&pc->rmap_lock);
}

void mm_system_init(void)
{
	vma_system_init();
	mm_cache = SLAB_CACHE_BOOT(mm, SLAB_ALIGN_CACHELINE);
	zero_frame = frame_alloc(0, FRAME_KERNEL, GFP_KERNEL | GFP_ZERO);
	if (!zero_frame)
		panic("no memory for the zero page");
	pagecache_set_unmap_hook(unmap_file);
	frame_register_shrinker(&stock_shrinker);
	huge_init();
	hugetlb_vma_init();
	droppable_init();
	account_init();
	oom_init();
}

/* --- figures --- */

static u64 positive(const s64 *n)
{
	s64 v = __atomic_load_n(n, __ATOMIC_RELAXED);

	return v > 0 ? (u64)v : 0;
}

void mm_usage(struct mm *mm, struct mm_usage *out)
{
	u64 anon = positive(&mm->rss_anon), file = positive(&mm->rss_file),
	    shmem = positive(&mm->rss_shmem);

	*out = (struct mm_usage){
		.size = mm->total_vm,
		.resident = anon + file + shmem,
		.shared = file + shmem,
		.text = (page_up(mm->end_code) - page_down(mm->start_code)) >> PAGE_SHIFT,
		.data = mm->data_vm + mm->stack_vm,
	};
	if (out->resident > mm->hiwater_rss)
		mm->hiwater_rss = out->resident;
}

void mm_events(struct mm_events *out)
{
	struct frame_stats fs;

	memset(out, 0, sizeof(*out));
	for (unsigned int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!cpumask_test(&cpu_possible_mask, cpu))
			continue;
		struct mm_events *e = per_cpu_ptr(mm_event, cpu);

		out->pgfault += READ_ONCE(e->pgfault);
		out->pgmajfault += READ_ONCE(e->pgmajfault);
		out->vmacache_calls += READ_ONCE(e->vmacache_calls);
		out->vmacache_hits += READ_ONCE(e->vmacache_hits);
		out->vmacache_flushes += READ_ONCE(e->vmacache_flushes);
		out->vmacache_cycles += READ_ONCE(e->vmacache_cycles);
		out->oom_kill += READ_ONCE(e->oom_kill);
		out->thp_fault_alloc += READ_ONCE(e->thp_fault_alloc);
		out->thp_fault_fallback += READ_ONCE(e->thp_fault_fallback);
		out->thp_collapse_alloc += READ_ONCE(e->thp_collapse_alloc);
		out->thp_collapse_alloc_failed += READ_ONCE(e->thp_collapse_alloc_failed);
		out->thp_split_page += READ_ONCE(e->thp_split_page);
		out->thp_split_page_failed += READ_ONCE(e->thp_split_page_failed);
		out->thp_split_pmd += READ_ONCE(e->thp_split_pmd);
		out->thp_zero_page_alloc += READ_ONCE(e->thp_zero_page_alloc);
		out->thp_zero_page_alloc_failed += READ_ONCE(e->thp_zero_page_alloc_failed);
	}
	frame_stats(&fs);
	out->pgalloc = fs.allocs;
	out->pgfree = fs.frees;
}
