/*
 * Page cache: the memory of a file's contents, in folios of 2^order frames.
 *
 * One cache for tmpfs, memfd, shared anonymous memory and disk files.  Lookups take no lock (RCU
 * radix tree). A folio in the cache holds one reference of its own; each user mapping holds one.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/lock/lock.h>
#include <kernel/frame/frame.h>
#include <kern/list.h>
#include <lib/radix/radix.h>

struct inode;
struct pagecache;
struct uio;
struct vma;
struct mm;

#define FOLIO_UPTODATE 1u
#define FOLIO_DIRTY 2u
#define FOLIO_LOCKED 4u
#define FOLIO_WRITEBACK 8u
#define FOLIO_REFERENCED 16u
#define FOLIO_ACTIVE 32u
#define FOLIO_UNEVICTABLE 64u /* memory is its only home: tmpfs */
#define FOLIO_WORKINGSET 128u /* has been active */
#define FOLIO_HUGETLB 256u    /* of a pool of kernel/hugetlb, which its last put goes to */
#define FOLIO_COPY 512u	      /* of such: a private copy, in no cache */

/* Typed descriptor of page-cache frames; the head frame's owner points here. */
struct folio {
	struct frame *frame;	 /* head */
	struct pagecache *cache; /* NULL once truncated; LK_FOLIO bit lock */
	u64 index;		 /* in pages */
	u32 flags;		 /* atomic FOLIO_* */
	u8 order;
	struct list_head lru;
	void *private_data; /* file system's */
};

struct pagecache_ops {
	/* Fills a locked, not uptodate folio; NULL: holes are zeroes (memory file systems).  May
	 * sleep. */
	int (*read_folio)(struct pagecache *pc, struct folio *f);
	int (*write_folio)(struct pagecache *pc, struct folio *f);
	/* Space for a new folio may be used (tmpfs size limit): -ENOSPC; and given back. */
	int (*charge)(struct pagecache *pc, u64 pages);
	void (*uncharge)(struct pagecache *pc, u64 pages);
};

struct pagecache {
	struct radix_tree tree; /* index -> folio; LK_PAGECACHE for change */
	struct spinlock lock;
	u64 nr_pages;		 /* LK_PAGECACHE */
	struct rwsem invalidate; /* LK_PAGECACHE_INVALIDATE: held while folios change places, and
				    by who puts one below the end of a file by himself */
	struct rwsem rmap_lock;	 /* LK_RMAP */
	struct list_head vmas;	 /* that map it; LK_RMAP (interval tree when it matters) */
	s32 writable_maps;	 /* atomic: shared writable VMAs and other writers; negative: denied
				    (seals) */
	const struct pagecache_ops *ops;
	struct inode *inode; /* host */
	u32 flags;
	u32 moves; /* odd while folios change places: invalidate and LK_PAGECACHE */
};

#define PAGECACHE_MEMORY 1u  /* contents live here only */
#define PAGECACHE_HUGE 2u    /* allocates in advance in folios as large as fit */
#define PAGECACHE_HUGETLB 4u /* of pages of a pool, that others put in */
#define FOLIO_ORDER_MAX 9u

void pagecache_system_init(void);
void pagecache_init(struct pagecache *pc, struct inode *host, const struct pagecache_ops *ops,
		    u32 flags);
/* Drops all folios; no users may be left. */
void pagecache_destroy(struct pagecache *pc);

/* +1 reference or NULL: it is not there, or just changing places.  No lock, no sleep. */
struct folio *pagecache_find(struct pagecache *pc, u64 index) __must_check;
/* Is there a folio?  Also of one that is on its way to another frame. */
bool pagecache_has(struct pagecache *pc, u64 index);
/* The same for @n consecutive pages in one go, only what is uptodate: NULL elsewhere. */
void pagecache_find_batch(struct pagecache *pc, u64 index, unsigned int n, struct folio **out);
/* Finds or makes, reads it in if needed; +1 reference.  -ENOMEM, -ENOSPC, -EIO. */
int pagecache_get(struct pagecache *pc, u64 index, bool for_write, struct folio **out) __must_check;
/* Adopts frames that already hold the contents (boot archive); consumes the reference on @frame. */
int pagecache_adopt(struct pagecache *pc, u64 index, struct frame *frame) __must_check;
/* A page for contents to come, in no cache yet, with one reference; NULL: no memory. */
struct folio *pagecache_new(void) __must_check;
/* Once filled, @f becomes what is at @index; the reference stays the caller's.  -EEXIST, -ENOMEM,
 * -ENOSPC: nobody has seen it. */
int pagecache_publish(struct pagecache *pc, u64 index, struct folio *f) __must_check;
/* Puts @f, which is in no cache, at @index; +1 for the cache.  Waits while folios change places.
 * -EEXIST, -ENOMEM. */
int pagecache_insert(struct pagecache *pc, u64 index, struct folio *f) __must_check;
/*
 * Folios of kernel/hugetlb, which has them for life: made without references, and given back to the
 * machine.  @unused: has lost its last reference.
 */
struct folio *folio_new_huge(unsigned int order, u32 gfp) __must_check;
void folio_free_huge(struct folio *f);
void folio_use_huge(struct folio *f); /* from none to one reference */
void pagecache_set_huge_hook(void (*unused)(struct folio *f));
/* Somebody writes to the pages of @pc by himself: a mapping, a device; false: a seal forbids it. */
static inline bool pagecache_count_writer(struct pagecache *pc)
{
	s32 n = READ_ONCE(pc->writable_maps);

	do {
		if (n < 0)
			return false;
	} while (!try_cmpxchg(&pc->writable_maps, &n, n + 1));
	return true;
}
static inline void pagecache_uncount_writer(struct pagecache *pc)
{
	__atomic_fetch_sub(&pc->writable_maps, 1, __ATOMIC_RELEASE);
}
struct folio *folio_get(struct folio *f);
void folio_put(struct folio *f);
void folio_lock(struct folio *f);
void folio_unlock(struct folio *f);
/* Folios lie at multiples of their size, also after they have changed places. */
static inline struct frame *folio_frame(const struct folio *f, u64 index)
{
	return f->frame + (index & ((1ul << f->order) - 1));
}
static inline bool folio_covers(const struct folio *f, u64 index)
{
	return index - READ_ONCE(f->index) < 1ul << f->order;
}

/* File I/O over the cache.  The caller holds the inode lock for writes.  Return bytes or -errno. */
ssize_t pagecache_read(struct pagecache *pc, loff_t size, struct uio *u, loff_t *pos) __must_check;
ssize_t pagecache_write(struct pagecache *pc, struct uio *u, loff_t *pos) __must_check;
/* Removes pages from mappings and the cache; edges are zeroed.  The caller holds the inode lock. */
void pagecache_truncate(struct pagecache *pc, loff_t new_size);
void pagecache_punch(struct pagecache *pc, loff_t start, loff_t end);
/* Memory for all of [first, last] without contents yet (they read as zeroes): -ENOSPC, -ENOMEM,
 * -EINTR.  *@done is where it stopped. */
int pagecache_reserve(struct pagecache *pc, u64 first, u64 last, u64 *done) __must_check;
/* Zeroes what there is in [start, end) without giving memory back. */
void pagecache_zero(struct pagecache *pc, loff_t start, loff_t end);
/*
 * fallocate(2): takes @pages out from @first on and moves what follows down, or moves it up to make
 * a hole.  Memory files, the inode lock held; all or nothing: -ENOMEM, -EINTR.
 */
int pagecache_collapse(struct pagecache *pc, u64 first, u64 pages) __must_check;
int pagecache_make_hole(struct pagecache *pc, u64 first, u64 pages) __must_check;
/* SEEK_DATA / SEEK_HOLE below @size: -ENXIO. */
int pagecache_seek(struct pagecache *pc, loff_t from, loff_t size, bool data, loff_t *out)
	__must_check;
/* Unmaps pages of the file from all address spaces (even_cow: private copies too). */
void pagecache_unmap_range(struct pagecache *pc, u64 first, u64 last, bool even_cow);
/* kernel/mm says how. */
void pagecache_set_unmap_hook(void (*hook)(struct pagecache *pc, u64 first, u64 last,
					   bool even_cow));
/*
 * What is in @frame, one of a contiguous region, goes to ordinary memory, so that it can be pinned
 * for long.  The caller has no reference.  0: it is not there any more; -ENOMEM; -EAGAIN: somebody
 * else has it.
 */
int pagecache_move_out(struct frame *frame) __must_check;
/* Reclaim, /proc/vmstat; all in pages. */
struct pagecache_events {
	u64 scan_kswapd, scan_direct, steal_kswapd, steal_direct;
	u64 activate, deactivate, refill;
	u64 refault, workingset_activate, restore;
	u64 migrate_success, migrate_fail; /* moved; found in use */
	u64 nr_inactive, nr_active; /* now */
};
void pagecache_events(struct pagecache_events *out);
u64 pagecache_shrink(u64 want);	  /* evicts what was not used for longest: pages */
void pagecache_drop_clean(void);  /* all that can be read again */
u64 pagecache_total_pages(void);  /* in all caches: Cached */
u64 pagecache_memory_pages(void); /* of memory file systems: Shmem */
