/* Shared by the files of kernel/mm. */
#pragma once

#include <kernel/mm/mm.h>
#include <kern/errno.h>
#include <kernel/frame/frame.h>
#include <kernel/task/task.h>
#include <asm/current.h>
#include <asm/percpu.h>
#include <asm/pgtable.h>

struct inode;

#define STACK_GUARD_GAP (256ul << PAGE_SHIFT)
#define VM_ACCESS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_SPECIAL (VM_IO | VM_PFNMAP | VM_DONTEXPAND)

static inline u64 page_up(u64 v)
{
	return (v + PAGE_SIZE - 1) & PAGE_MASK;
}
static inline u64 page_down(u64 v)
{
	return v & PAGE_MASK;
}
static inline u64 vma_pages(const struct vma *v)
{
	return (v->end - v->start) >> PAGE_SHIFT;
}
static inline bool vma_is_anon(const struct vma *v)
{
	return !v->cache && !(v->ops && v->ops->fault);
}
static inline bool vma_is_cow(const struct vma *v)
{
	return (v->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}
/* Private pages, or marks, are about to be there.  Not written when it is known. */
static __always_inline void vma_note_anon(struct vma *v)
{
	if (unlikely(!v->has_anon))
		v->has_anon = true;
}
static inline u64 vma_index(const struct vma *v, u64 addr)
{
	return ((addr - v->start) >> PAGE_SHIFT) + v->pgoff;
}

#define HUGE_ORDER 9u
#define HUGE_PAGES (1u << HUGE_ORDER)
#define HUGE_SIZE PT_SIZE(1)
#define HUGE_MASK (~(HUGE_SIZE - 1))

/* --- pgtable.c --- */
pte_t *pt_new_root(void);
struct frame *pt_table_alloc(void);  /* empty; NULL: no memory */
void pt_table_free(struct frame *f); /* empty again */
/* Entry of @addr at level 1 or 0; the tables above it are made.  NULL: no memory. */
pte_t *pt_make_upper(struct mm *mm, u64 addr);
pte_t *pt_make(struct mm *mm, u64 addr);
/* The table below *@at, an entry of level 1, made if there is none.  NULL: no memory. */
pte_t *pt_make_table(struct mm *mm, u64 addr, pte_t *at);
/*
 * Entry of @addr at level 1, or NULL where there is no table for it; *next is where the next such
 * entry (or the hole's end) begins, at most @end.
 */
pte_t *pt_upper(struct mm *mm, u64 addr, u64 end, u64 *next);
/* Leaf table below @at, an entry of level 1, or NULL.  A huge page is split. */
pte_t *pt_small(struct mm *mm, u64 addr, pte_t *at);
/* Both: the leaf table that covers @addr. */
pte_t *pt_leaf(struct mm *mm, u64 addr, u64 end, u64 *next);

/* What maps an address: a small page's own entry, or one of a huge page. */
struct pt_spot {
	pte_t *at;
	pte_t raw; /* as found there */
	pte_t e;   /* the same as a small page's: its frame is that of the address */
};
/*
 * False: nothing is mapped there (->e is empty or a mark), or a huge page is just being split.
 */
bool pt_find(struct mm *mm, u64 addr, struct pt_spot *out);
static inline bool pt_unchanged(const struct pt_spot *s)
{
	return pte_read(s->at).raw == s->raw.raw;
}

/*
 * At the start of a cache line of eight entries that are all empty?  Sparse tables are walked a
 * line at a time by this.
 */
#define PT_LINE 8u
static inline bool pt_line_empty(const pte_t *at)
{
	const u64 *p = &at->raw;

	/* Plain loads: an entry that appears meanwhile is the business of who put it there. */
	return !((unsigned long)at & (PT_LINE * sizeof(*at) - 1)) &&
	       !(p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]);
}

#define GATHER_INLINE 48u

/* Frames and tables that may be freed only after translations are flushed. */
struct gather {
	struct mm *mm;
	u64 start, end; /* range to flush */
	bool full;	/* the address space is dying: nobody has it loaded */
	bool freed_tables;
	unsigned int count, max;
	struct frame **list;
	struct frame *tables;  /* linked by owner */
	s64 anon, file, shmem; /* rss taken away */
	struct frame *inline_list[GATHER_INLINE];
};
void gather_begin(struct gather *g, struct mm *mm, bool full);
void gather_end(struct gather *g);
/* Clears the entries of [start, end) in @vma, but for what @keep says. */
void pt_zap(struct gather *g, struct vma *vma, u64 start, u64 end, unsigned int keep);
#define ZAP_ALL 0u
#define ZAP_KEEP_COW 1u /* private copies: truncation that spares them */
#define ZAP_KEEP_WP 2u	/* that writes are told, as a mark */
/* Frees tables under [start, end) that lie wholly in [floor, ceiling), where no VMA is left. */
void pt_free(struct gather *g, u64 start, u64 end, u64 floor, u64 ceiling);
/* Where no VMA is: no table is left that lies wholly there, or between its neighbours.  mm->lock
 * written. */
void pt_free_hole(struct gather *g, u64 start, u64 end);
void pt_free_empty(struct mm *mm, u64 start, u64 end);
void pt_free_root(struct mm *mm);
u64 pt_stock_shrink(u64 want); /* this CPU's stock of empty tables */
/* New protection for the present entries; COW pages stay read-only.  Flushes. */
void pt_protect(struct vma *vma, u64 start, u64 end);
pte_t pt_protected(const struct vma *vma, pte_t e);
/* Adds a frame to be put after the flush. */
void gather_frame(struct gather *g, struct frame *f);
/* Which counter a frame belongs to. */
s64 *mm_rss(struct mm *mm, const struct frame *f);
void mm_rss_add(struct mm *mm, const struct frame *f, s64 n);
extern struct frame *zero_frame; /* mapped by read faults, PTE_SPECIAL */

/* --- huge.c: entries of level 1 that map 2 MiB of anonymous memory --- */

/* Could huge entries be in @v?  Also what is left to see when a border is moved into one. */
static inline bool vma_may_huge(const struct vma *v)
{
	return ((v->start + HUGE_SIZE - 1) & HUGE_MASK) + HUGE_SIZE <= v->end && vma_is_anon(v);
}
static inline bool huge_whole(u64 addr, u64 next)
{
	return !(addr & ~HUGE_MASK) && next - addr == HUGE_SIZE;
}
#define HUGE_SMALL 100 /* go on with small pages; others are USERFAULT_* */
/* A fault where *@at, an entry of level 1, leads to no table.  0: done, or try again. */
int huge_fault(struct vma *vma, u64 addr, pte_t *at, u32 flags) __must_check;
/* Afterwards *@at is not huge (but may become so again, unless the VMA is write-locked). */
void huge_split(struct mm *mm, u64 addr, pte_t *at);
bool huge_splitting(struct mm *mm, u64 addr); /* just now */
bool huge_test_clear_young(pte_t *at);	      /* unless it is being split, or changes */
/* No huge entry spans @addr, where a border will be.  The VMA is write-locked. */
void huge_split_at(struct mm *mm, u64 addr);
/* Whole entries; false: it is not huge (any more). */
bool huge_zap(struct gather *g, pte_t *at, u64 addr, unsigned int keep);
bool huge_protect(const struct vma *vma, pte_t *at, bool *changed);
/* @told: the child's monitor is told of writes as the parent's is. */
int huge_copy(struct mm *to, u64 addr, pte_t *from, bool told, bool *protected) __must_check;
/* To @to, another place of the same address space; false: goes by small pages. -ENOMEM. */
int huge_move(struct mm *mm, pte_t *from, u64 to, bool keep_wp, bool *moved) __must_check;
/*
 * Makes a huge page of the small ones of [@start, +2 MiB) in @vma.  mm->lock held for writing.
 * -EINVAL: cannot be, -EAGAIN: somebody else has a page, -ENOMEM: no block.  @max_none: how many
 * may be missing; @reclaim: give up others' memory for a block.
 */
int huge_collapse(struct vma *vma, u64 start, unsigned int max_none, bool reclaim) __must_check;
/* Looks as if that would succeed, and be worth it.  mm->lock held. */
bool huge_promising(const struct vma *vma, u64 start, unsigned int max_none);
/* May [@start, +2 MiB) be huge?  @forced: whatever the mode of the machine is. */
bool huge_allowed(const struct vma *vma, u64 start, bool forced);
bool mm_is_huge_zero(const struct frame *head);
void huge_init(void);
/* thp.c: what the files of /sys say */
enum huge_mode { HUGE_ALWAYS, HUGE_MADVISE, HUGE_NEVER };
enum huge_defrag {
	DEFRAG_ALWAYS,
	DEFRAG_DEFER,
	DEFRAG_DEFER_MADVISE,
	DEFRAG_MADVISE,
	DEFRAG_NEVER
};
extern enum huge_mode huge_mode;
extern enum huge_defrag huge_defrag;
extern bool huge_use_zero;
void khugepaged_enter(struct mm *mm); /* has something that could be huge */
void khugepaged_leave(struct mm *mm); /* is going away */

/* --- droppable.c --- */
void droppable_init(void);
void droppable_enter(struct mm *mm); /* has droppable memory from now on */
void droppable_leave(struct mm *mm); /* is going away */

/* --- hugetlb.c: VM_HUGETLB --- */
void hugetlb_vma_init(void);
/* The file behind MAP_ANONYMOUS | MAP_HUGETLB. -EINVAL, -ENOMEM. */
int hugetlb_anon_file(u64 len, u32 flags, struct file **out) __must_check;
u64 hugetlb_vma_size(const struct vma *v);	      /* bytes of a page */
void hugetlb_forked(struct vma *copy);		      /* is promised nothing */
void hugetlb_gone(struct vma *v, u64 start, u64 end); /* that part of it is being unmapped */
int hugetlb_fault(struct vma *v, u64 addr, pte_t *at, u32 flags) __must_check;
/* For huge.c, which has taken @e out, respectively found it at @from. */
void hugetlb_zapped(struct gather *g, u64 addr, pte_t e);
int hugetlb_copy(struct mm *to, u64 addr, pte_t *from, pte_t e, bool told, bool *protected)
	__must_check;
/*
 * The page at @addr as mm_uffd_fill() has it, the VMA locked.  COPY only: USERFAULT_MISSING: the
 * source has to be brought in first, from *@copied bytes of this page on.
 */
struct mm_uffd_fill;
bool hugetlb_is_copy(pte_t e); /* a private one, in no file */
int hugetlb_fill(struct vma *v, u64 addr, const struct mm_uffd_fill *fill, u64 *copied)
	__must_check;
static inline bool vma_is_hugetlb(const struct vma *v)
{
	return unlikely(v->flags & VM_HUGETLB);
}
/* Bytes of a page of @v. */
static inline u64 vma_page_size(const struct vma *v)
{
	return vma_is_hugetlb(v) ? hugetlb_vma_size(v) : PAGE_SIZE;
}
/* May a border be at @addr? */
static inline bool vma_may_cut(const struct vma *v, u64 addr)
{
	return !vma_is_hugetlb(v) || !(addr & (hugetlb_vma_size(v) - 1));
}

/* --- vma.c --- */
struct vma *vma_alloc(void);
void vma_free(struct vma *v);		      /* the memory only */
void vma_set_flags(struct vma *v, u64 flags); /* and what derives from them */
void vma_forget_uffd(struct vma *v);	      /* write-locked or not in the tree */
bool vma_read_trylock(struct vma *v);
void vma_read_unlock(struct vma *v);
/* @v was found at @addr of @mm, RCU is held: read-locked afterwards, if it still is there. */
static __always_inline bool vma_read_lock_found(struct vma *v, const struct mm *mm, u64 addr)
{
	if (unlikely(!v) || unlikely(!vma_read_trylock(v)))
		return false;
	if (likely(__atomic_load_n(&v->attached, __ATOMIC_ACQUIRE) == mm && addr >= v->start &&
		   addr < v->end))
		return true;
	vma_read_unlock(v);
	return false;
}
/* mm->lock held for writing.  Waits for faults in it; or does not. */
bool vma_write_trylock(struct vma *v) __must_check;
void vma_write_lock(struct vma *v);
void vma_write_unlock(struct vma *v);
/* A copy of @v, with references, not in the tree.  vma_release() undoes it. */
int vma_clone(const struct vma *v, struct vma **out) __must_check;
void vma_release(struct vma *v);
/*
 * A new VMA, complete, that may write to a file's pages counts as a writer until vma_release().
 * False: the file is sealed against writing.
 */
bool vma_count_writer(struct vma *v) __must_check;
/* Into and out of pagecache->vmas. */
void vma_rmap_add(struct vma *v);
void vma_rmap_del(struct vma *v);
bool vma_can_merge(const struct vma *a, const struct vma *b); /* a ends where b starts */
extern const struct btree_ops vma_tree_ops;

/*
 * Changes [start, end) of @v, which it contains, to @flags and nothing else; splits and merges.
 * mm->lock held for writing.  On success *out is the VMA that now contains the range.
 */
int vma_change(struct vma *v, u64 start, u64 end, u64 flags, struct vma **out) __must_check;
/* The same; its user faults are @uffd's from then on (+0; NULL: nobody's). */
int vma_change_uffd(struct vma *v, u64 start, u64 end, u64 flags, struct uffd *uffd,
		    struct vma **out) __must_check;
/* Cuts at @addr if a VMA spans it. */
int vma_split_at(struct mm *mm, u64 addr) __must_check;
/* Publishes @v (fields complete) in the tree; merges with neighbours if it can, then @v is released
 * and *out the survivor. */
int vma_insert(struct mm *mm, struct vma *v, struct vma **out) __must_check;
/* Moves one end of @v.  The range in between is free (growth). */
int vma_extend(struct vma *v, u64 start, u64 end) __must_check;
/* The same upwards; it becomes one with the VMA at @end if they are alike. */
int vma_extend_to_next(struct vma *v, u64 end) __must_check;

void vma_detach(struct vma *v);
void vma_set_extent(struct vma *v, u64 start, u64 end); /* write-locked */
void vma_system_init(void);

/* --- lookup.c --- */
/* The VMA at @addr of current's own address space, by current's cache.  RCU, or mm->lock held. */
struct vma *vma_lookup(struct mm *mm, u64 addr);
/* As vma_at(): the same where @mm is current's, the tree where it is another's.  RCU, or mm->lock
 * held. */
static inline struct vma *vma_at_any(struct mm *mm, u64 addr)
{
	return mm == current->mm ? vma_lookup(mm, addr) : vma_at(mm, addr);
}
/* As vma_find(), likewise; for what does not change the tree. */
static inline struct vma *vma_find_any(struct mm *mm, u64 addr)
{
	struct vma *v = mm == current->mm ? vma_lookup(mm, addr) : NULL;

	return v ? v : vma_find(mm, addr);
}
void mm_changed(struct mm *mm); /* after a commit: caches in front of the tree are stale */

/* --- shared.c: the pages of a shared anonymous mapping --- */
int mm_shared_create(u64 pages, struct pagecache **out) __must_check;
void mm_shared_get(struct pagecache *pc);
/* How much memory there is in it. */
u64 mm_shared_pages(const struct pagecache *pc);
void mm_shared_put(struct pagecache *pc);

/* --- map.c --- */
int mm_unmap_locked(struct mm *mm, u64 start, u64 end) __must_check;
bool mm_range_free(struct mm *mm, u64 start, u64 end);
int mm_find_gap(struct mm *mm, u64 len, u64 hint, u32 flags, u64 *out) __must_check;
u64 mm_prot_flags(u32 prot);
void mm_populate(struct mm *mm, u64 start, u64 end); /* best effort, mm->lock not held */
/* As MADV_POPULATE_READ. */
int mm_populate_read(struct mm *mm, u64 start, u64 end) __must_check;
/* MADV_HWPOISON: -EPERM, -EFAULT, -EBUSY: a page that cannot be taken away; -EINTR. */
int mm_poison(struct mm *mm, u64 start, u64 end) __must_check;
void mm_stat_account(struct mm *mm, u64 flags, s64 pages);
bool mm_may_expand(struct mm *mm, u64 flags, u64 pages);
int mm_may_lock(struct mm *mm, u64 pages) __must_check; /* -EPERM, -EAGAIN */

/* --- account.c --- */
void account_init(void);
bool vma_accountable(u64 flags, bool is_file);

/* --- userfault.c --- */
struct uffd_fork;
struct uffd_gone;
/* Writes to [start, end), or to the page of *@at, are told from now on; mm->lock or VMA lock held.
 * -ENOMEM; true: translations have to be flushed. */
int mm_uffd_protect_range(struct vma *v, u64 start, u64 end) __must_check;
bool mm_uffd_protect_one(struct vma *v, pte_t *at);
/* Monitors that want to know that [start, end) is unmapped.  mm->lock held for writing; -ENOMEM. */
int mm_gone_collect(struct mm *mm, u64 start, u64 end, struct uffd_gone **gone) __must_check;
static inline int __must_check mm_gone_prepare(struct mm *mm, u64 start, u64 end,
					       struct uffd_gone **gone)
{
	return unlikely(mm->uffd_used) ? mm_gone_collect(mm, start, end, gone) : 0;
}
/* What an entry says that is neither empty nor maps anything. */
#define MARK_UFFD_WP 1u /* write-protected before there was a page */
#define MARK_POISON 2u	/* no access, as if the memory had failed */
static inline bool pte_is_mark(pte_t e, unsigned int type)
{
	return pte_is_marker(e) && pte_marker_type(e) == type;
}
/* What a child has where it gets no page, of @e: nothing, mostly.  @told: of writes. */
static inline pte_t pte_for_child(pte_t e, bool told)
{
	if (pte_is_mark(e, MARK_POISON) || (told && pte_is_mark(e, MARK_UFFD_WP)))
		return e;
	return told && pte_present(e) && pte_uffd_wp(e) ? pte_make_marker(MARK_UFFD_WP, 0)
							: (pte_t){0};
}
/* What was told of is told of no more: nobody is there to whom. */
static inline pte_t pte_not_told(pte_t e)
{
	if (pte_present(e))
		return pte_clear_uffd_wp(e);
	return pte_is_mark(e, MARK_UFFD_WP) ? (pte_t){0} : e;
}
/* Nothing is mapped, and something may be. */
static inline bool pte_none_mostly(pte_t e)
{
	return pte_none(e) || pte_is_mark(e, MARK_UFFD_WP);
}

/* A page may be put there, also over a mark. */
static inline bool pte_is_vacant(pte_t e)
{
	return pte_none(e) || pte_is_marker(e);
}

/* --- fault.c --- */
bool mm_truncated(struct pagecache *pc, u64 index); /* beyond the end of the file */
/*
 * One fault in @vma, locked for reading in one of the two ways.  0 or -errno; -EAGAIN: try again;
 * USERFAULT_*: vma->uffd has to do something first, see mm_userfault().
 */
int mm_fault_vma(struct vma *vma, u64 addr, u32 flags) __must_check;
/*
 * After @reason, USERFAULT_*, of mm_fault_vma(), under the same lock, which it releases: that of
 * @locked, or (NULL) of @vma.  Waits for who handles faults.  0: look again; -errno as of a fault,
 * -EINTR: current is being killed.
 */
int mm_userfault(struct mm *locked, struct vma *vma, u64 addr, u32 flags, int reason) __must_check;
/* A write to *@e, which is write-protected for vma->uffd: 0 if that is over, *@e says how it is
 * now. */
int mm_write_told(struct vma *vma, pte_t *at, pte_t *e) __must_check;
/* Whom to ask before something comes into an empty place: USERFAULT_*, 0 nobody. */
int mm_userfault_reason(struct vma *vma, u64 addr);
/*
 * A page of the cache, +1 on its head, takes the place of nothing or of a mark.  -EEXIST: there is
 * something, and the reference stays the caller's.  @wp: writes are told.
 */
int mm_map_cached(struct vma *vma, u64 addr, pte_t *at, struct frame *f, bool wp) __must_check;
int mm_grow_stack(struct mm *mm, u64 addr);
/* Makes @addr present as @flags say, by mm->lock.  -EFAULT, -ENOMEM, -EIO. */
int mm_fault_in(struct mm *mm, u64 addr, u32 flags) __must_check;

/* --- policy.c --- */
#define POLICY_MODE 7u /* MPOL_*; MPOL_MODE_FLAGS are as they are */

/* --- show.c --- */
enum { PSS_ANON, PSS_FILE, PSS_SHMEM, PSS_KINDS };
/* What smaps tells of a VMA, or of many together; bytes. */
struct smaps {
	u64 size, rss, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anon,
		huge, hugetlb_shared, hugetlb_private;
	/* in 4096ths of a byte, so that shares of many pages add up */
	u64 pss[PSS_KINDS], pss_dirty, pss_locked;
};
/* mm->lock held; @buf is a page for the name. */
void vma_show(struct vma *v, struct seq *s, char *buf);
void vma_show_smaps(struct vma *v, struct seq *s, char *buf);
void vma_add_smaps(struct vma *v, u64 from, struct smaps *sum); /* what is at @from and above */
void smaps_show_rollup(struct seq *s, u64 start, u64 end, const struct smaps *sum);
/* --- maps.c --- */
/* For files of /proc/PID: that address space with a reference to the struct, or NULL if it has
 * none.  -EACCES, -ESRCH, -EINTR. */
int mm_of_proc_file(const struct inode *i, struct mm **out) __must_check;
/* --- scan.c --- */
long pagemap_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
/* --- inspect.c --- */
void vma_show_numa(struct vma *v, u16 policy, struct seq *s, char *buf);
bool vma_is_heap(const struct vma *v);
bool vma_is_stack(const struct vma *v);
/* How many entries lead to @head, as far as references tell: pins and looks count too. */
u64 mm_frame_maps(const struct frame *head);
/* Of files with a word for each page: any place may be gone to. */
int mm_page_file_lseek(struct file *f, loff_t off, int whence, loff_t *out);

/* --- oom.c --- */
#define OOM_ADJ_NEVER (-1000)
#define OOM_ADJ_MAX 1000
void oom_init(void);
bool oom_kill(unsigned int order, u32 gfp);
void oom_gone(struct mm *mm);		 /* its memory is free */
bool mm_is_leaving(const struct mm *mm); /* all processes that have it are on their way out */

DECLARE_PERCPU(struct mm_events, mm_event);
