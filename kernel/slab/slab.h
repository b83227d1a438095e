/*
 * Small kernel objects: typed caches with per-CPU magazines, and kmalloc over size classes.
 *
 * kmalloc() and slab_alloc() may sleep; the _atomic forms never do.  All return NULL when there is
 * no memory; in a debug kernel the n-th allocation can be made to fail (slab_fail_*).  Memory comes
 * back uninitialised but for kzalloc/GFP_ZERO.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/frame/frame.h>

struct slab_cache;

#define SLAB_TYPESAFE_RCU 1u /* memory stays of this type for a grace period */
#define SLAB_ALIGN_CACHELINE 2u
#define SLAB_RECLAIM 4u /* counted as SReclaimable */

/* @ctor runs once when the memory enters the cache, not at each allocation; may be NULL. */
int slab_cache_create(const char *name, size_t size, size_t align, u32 flags,
		      void (*ctor)(void *obj), struct slab_cache **out) __must_check;
/* All objects must have been freed. */
void slab_cache_destroy(struct slab_cache *c);
void *slab_alloc(struct slab_cache *c, u32 gfp) __must_check;
void slab_free(struct slab_cache *c, void *obj);

/* During boot a cache that cannot be made is fatal. */
struct slab_cache *slab_cache_create_boot(const char *name, size_t size, size_t align, u32 flags);
#define SLAB_CACHE_BOOT(type, flags) \
	slab_cache_create_boot(#type, sizeof(struct type), __alignof__(struct type), flags)

void slab_init(void);
void *kmalloc(size_t size) __must_check;
void *kzalloc(size_t size) __must_check;
void *kmalloc_gfp(size_t size, u32 gfp) __must_check;
static inline void *kmalloc_atomic(size_t size)
{
	return kmalloc_gfp(size, GFP_ATOMIC);
}
void *krealloc(void *p, size_t size) __must_check;
void *kmemdup(const void *src, size_t size) __must_check;
char *kstrdup(const char *s) __must_check;
char *kasprintf(const char *fmt, ...) __printf(1, 2) __must_check;
/* n objects of size bytes, zeroed; NULL also on overflow. */
void *alloc_array(size_t n, size_t size) __must_check;
void kfree(const void *p); /* slab or large; NULL is a no-op */
size_t ksize(const void *p);
/* kmalloc, falling back on vmalloc for large sizes. */
void *kvmalloc(size_t size, u32 gfp) __must_check;
void kvfree(const void *p);

/* /proc/slabinfo and /proc/meminfo. */
struct slab_info {
	const char *name;
	size_t object_size;
	u64 active, total, frames;
	u32 objs_per_slab, frames_per_slab, flags;
};
/*
 * Gives back what the caches hold in stock: free objects of all CPUs, empty slabs.  Frames that
 * come free.  May sleep; for when memory is short.
 */
u64 slab_shrink(u64 want);
/* Calls fn for each cache until it returns non-zero. */
int slab_for_each(int (*fn)(const struct slab_info *i, void *ctx), void *ctx);

#ifdef CONFIG_DEBUG_FAIL
/*
 * Fails allocations of the current task: after @after more, each @interval-th, @times at most (0:
 * off). Boot parameter slab_fail=AFTER,INTERVAL,TIMES: the same for all tasks together.
 */
void slab_fail_set(u64 after, u64 interval, u64 times);
void slab_fail_set_global(u64 after, u64 interval, u64 times);
void slab_fail_from_cmdline(void);
bool slab_should_fail(void);
#else
static inline void slab_fail_from_cmdline(void)
{
}
static inline bool slab_should_fail(void)
{
	return false;
}
#endif

#ifdef CONFIG_DEBUG
/* What was freed is free: readers of RCU have gone, and KASAN watches it no longer.  May sleep. */
void slab_settle(void);
/* Prints which caches grew since slab_report_begin(): at power-off. */
void slab_report_begin(void);
void slab_report_leaks(void);
#else
static inline void slab_settle(void)
{
}
static inline void slab_report_begin(void)
{
}
static inline void slab_report_leaks(void)
{
}
#endif
