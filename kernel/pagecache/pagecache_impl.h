/* Shared by the files of kernel/pagecache. */
#pragma once

#include <kernel/pagecache/pagecache.h>

/* A folio around a new frame, with the reference that the cache will hold.  Not uptodate, not in a
 * cache. */
struct folio *folio_alloc(u32 gfp) __must_check;
void folio_free_unused(struct folio *f); /* nobody has seen it */
/* @f is in no cache: puts it in, +1 reference for the cache.  -EEXIST, -ENOMEM. */
int pagecache_insert(struct pagecache *pc, u64 index, struct folio *f) __must_check;
int pagecache_charge(struct pagecache *pc, u64 pages) __must_check;
void pagecache_uncharge(struct pagecache *pc, u64 pages);
/* Takes all folios in [first, last] out. */
void pagecache_remove_range(struct pagecache *pc, u64 first, u64 last);
void pagecache_reclaim_init(void);
bool pagecache_try_evict(struct folio *f);
void folio_lru_add(struct folio *f);
void folio_lru_del(struct folio *f);
