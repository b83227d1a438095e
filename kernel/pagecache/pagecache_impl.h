/* Shared by the files of kernel/pagecache. */
#pragma once

#include <kernel/pagecache/pagecache.h>

/* A folio around a new frame, with the reference that the cache will hold.  Not uptodate, not in a
 * cache. */
struct folio *folio_alloc(unsigned int order, u32 gfp) __must_check;
/* @frame's descriptor; its reference stays the caller's on failure. */
struct folio *folio_for(struct frame *frame) __must_check;
int pagecache_charge(struct pagecache *pc, u64 pages) __must_check;
void pagecache_uncharge(struct pagecache *pc, u64 pages);
/* Nodes: for changes under the lock; for a tree nobody sees yet; for one that readers may be in. */
extern const struct radix_ops pagecache_tree_ops, pagecache_build_ops, pagecache_retire_ops;
/* The folio struct and nothing else. */
void folio_forget(struct folio *f);
void pagecache_count(struct pagecache *pc, s64 pages);
/* Waits until folios stay where they are. */
void pagecache_wait_moves(struct pagecache *pc);
/* Before something is looked up, and afterwards: has nothing moved, so that a hole is one? */
static inline u32 pagecache_moves(const struct pagecache *pc)
{
	return __atomic_load_n(&pc->moves, __ATOMIC_ACQUIRE);
}
static inline bool pagecache_stayed(const struct pagecache *pc, u32 moves)
{
	smp_rmb();
	return likely(!(moves & 1) && READ_ONCE(pc->moves) == moves);
}
static inline bool pagecache_is_moving(const struct pagecache *pc)
{
	return pagecache_moves(pc) & 1;
}
/* As pagecache_find(), but what it does not find is not there, nor just changing places.  May
 * sleep. */
struct folio *pagecache_find_settled(struct pagecache *pc, u64 index) __must_check;
/* Between them folios change places: pc->moves is odd, pc->invalidate held for writing. */
void pagecache_moves_begin(struct pagecache *pc);
void pagecache_moves_end(struct pagecache *pc);
/* Nobody who moves folios looks at @pc, which has none any more. */
void pagecache_wait_movers(struct pagecache *pc);
void pagecache_migrate_init(void);
/* As folio_alloc(), never in memory that is to be given out contiguously. */
struct folio *folio_alloc_ordinary(unsigned int order, u32 gfp) __must_check;
void folio_release(struct frame *f); /* without references */
/* Makes small folios of one that is cut by [first, last], so that the range ends where folios end.
 * Where that fails the folio stays as it is. */
void pagecache_split_edges(struct pagecache *pc, u64 first, u64 last);
/* Takes all folios in [first, last] out; not those that lie there only in part. */
void pagecache_remove_range(struct pagecache *pc, u64 first, u64 last);
void pagecache_reclaim_init(void);
bool pagecache_try_evict(struct folio *f);
void folio_lru_add(struct folio *f);
void folio_lru_del(struct folio *f);
void folio_accessed(struct folio *f);	  /* a read of a file that can be evicted */
void *shadow_make(const struct folio *f); /* what an evicted folio leaves in its slot */
/* @f, new, takes the place of one that left @shadow. */
void shadow_refault(struct folio *f, const void *shadow);
void reclaim_count_moves(u64 success, u64 fail); /* for pagecache_events() */
