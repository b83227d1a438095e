/* Shared by the files of kernel/slab. */
#pragma once

#include <kernel/slab/slab.h>
#include <kern/list.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <asm/percpu.h>

#define SLAB_MAX_OBJS 512u

/* Free objects at hand on one CPU; interrupts off. */
struct slab_magazine {
	u32 count, cap;
	struct slab_cache *cache; /* while it is being given back, with what follows */
	struct slab_magazine *next;
	struct rcu_head rcu;
	void *obj[];
};

struct slab_cache {
	struct slab_magazine *cpu[NR_CPUS_MAX];
	u32 size;   /* asked for */
	u32 stride; /* distance between objects */
	u32 recip;  /* 2^32 / stride, rounded up */
	u16 offset; /* of the first object in a slab */
	u16 objs;   /* a slab */
	u8 order;   /* frames of a slab */
	bool header_inside;
	u16 magazine_cap;
	u32 flags;
	void (*ctor)(void *obj);
	const char *name;
	struct slab_cache *next;  /* all caches; list_lock */
	struct spinlock lock;	  /* LK_SLAB: what follows */
	struct list_head partial; /* slabs with a free object */
	u64 slabs, free_objs;	  /* free: not counting magazines */
	u32 empty;		  /* slabs on partial that are all free */
};

/* Descriptor of one slab, at its start or apart. */
struct slab {
	struct slab_cache *cache;
	struct list_head link; /* cache->partial; LK_SLAB */
	char *base;	       /* first object */
	u16 free;	       /* LK_SLAB */
	struct rcu_head rcu;
	u64 map[]; /* bit set: free; LK_SLAB */
};

int slab_cache_setup(struct slab_cache *c, const char *name, size_t size, size_t align, u32 flags,
		     void (*ctor)(void *obj)) __must_check;
struct slab_cache *slab_cache_of(const void *p); /* NULL: not from a slab */
/* c->lock held.  Slabs that became superfluous are put on @dead, for slab_discard_all(). */
void slab_give(struct slab_cache *c, void **from, unsigned int n, struct list_head *dead);
void slab_discard_all(struct list_head *dead);
void slab_shrink_init(void);
extern struct slab_cache *slab_caches; /* by next; for change: list_lock and slab_caches_lock */
extern struct mutex slab_caches_lock;  /* LK_SLAB_CACHES: no cache ends */

#ifdef CONFIG_KASAN
void slab_quarantine_empty(void); /* what waits to be reused is free now */
#else
static inline void slab_quarantine_empty(void)
{
}
#endif
