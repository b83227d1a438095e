/*
 * Physical frames: a 16-byte typed descriptor for each, and the allocator.
 *
 * Buddy lists per zone (below 4 GiB, above) with per-CPU lists for single frames.  A descriptor
 * says what the frame is used for; what belongs to that use lives in a separately allocated, typed
 * object that `owner` points to.  Descriptors form one virtual array at FRAME_MAP_BASE.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/atomic.h>
#include <kern/bit.h>
#include <asm/page.h>

enum frame_type {
	FRAME_RESERVED = 0, /* never given out: firmware, holes, kernel image */
	FRAME_FREE,	    /* head of a free block of 2^order */
	FRAME_FREE_TAIL,    /* inside a free block or in a per-CPU list */
	FRAME_KERNEL,	    /* plain kernel memory */
	FRAME_SLAB,	    /* owner: struct slab */
	FRAME_PGTABLE,	    /* owner: struct pgtable_page (lock, ...) */
	FRAME_STACK,	    /* kernel stack */
	FRAME_VMAP,	    /* backs vmalloc memory */
	FRAME_ANON,	    /* anonymous user memory; refs = mappings + pins */
	FRAME_FOLIO,	    /* page cache; owner: struct folio */
	FRAME_TAIL,	    /* not the first frame of an allocation; owner: head frame */
	FRAME_CMA,	    /* given out by kernel/cma; owner: struct cma_extent */
	FRAME_TYPES
};

struct frame {
	u32 refs;  /* atomic; 0: free */
	u8 type;   /* enum frame_type; changed only by the holder of all references */
	u8 order;  /* of the whole allocation, to a multiple of which it is aligned */
	u16 flags; /* atomic FRAME_F_* */
	union {
		void *owner; /* by type */
		struct {
			u32 next, prev; /* free lists, as frame numbers: LK_BUDDY */
		};
	};
};
_Static_assert(sizeof(struct frame) == 16, "frame descriptors are 16 bytes");

#define FRAME_F_PINNED 1u   /* long-term references from outside page tables exist */
#define FRAME_F_INITRD 2u   /* memory of the boot archive, adopted in place */
#define FRAME_F_CMA 4u	    /* of a region that was set aside: kernel/cma gets it back */
#define FRAME_F_POISONED 8u /* bad, or said to be: never given out again */
#define FRAME_ORDER_MAX 18  /* 1 GiB */

/* Allocation context: may it sleep and reclaim, and what it wants. */
#define GFP_KERNEL 0u /* may sleep, may reclaim */
#define GFP_ATOMIC 1u /* any context but NMI */
#define GFP_ZERO 2u
#define GFP_DMA32 4u /* below 4 GiB */
#define GFP_NOWARN 8u
#define GFP_USER 16u	/* for a user page: may not dip into the reserve, may kill (OOM) */
#define GFP_RESERVE 64u /* for an OOM victim: most of the reserve as well */
#define GFP_TRY 32u	/* a large block if one is at hand: no reclaim, no report */

#define frame_map ((struct frame *)FRAME_MAP_BASE)

static inline struct frame *pfn_to_frame(u64 pfn)
{
	return &frame_map[pfn];
}
static inline u64 frame_to_pfn(const struct frame *f)
{
	return (u64)(f - frame_map);
}
static inline u64 frame_to_phys(const struct frame *f)
{
	return frame_to_pfn(f) << PAGE_SHIFT;
}
static inline struct frame *phys_to_frame(u64 pa)
{
	return pfn_to_frame(pa >> PAGE_SHIFT);
}
static inline void *frame_to_virt(const struct frame *f)
{
	return phys_to_virt(frame_to_phys(f));
}
static inline struct frame *virt_to_frame(const void *va) /* direct map addresses only */
{
	return phys_to_frame(virt_to_phys(va));
}
bool pfn_valid(u64 pfn); /* has a descriptor */
u64 frame_pfn_end(void); /* behind the last one that has */

/* Reads boot_info: memory may be set aside from then on, until frame_init(). */
void frame_boot_map(void);
/*
 * Keeps @pages free frames of RAM at a multiple of @align in [@from, @to), in frame numbers, out of
 * the buddy, the highest place there is in one zone: -EINVAL: there is none.
 */
int frame_set_aside(u64 pages, u64 align, u64 from, u64 to, u64 *pfn) __must_check;
/* Builds the descriptor array and gives all free RAM to the buddy. */
void frame_init(void);
/* Gives [start, end) back: .init sections, consumed archives. */
void frame_free_range(u64 start_phys, u64 end_phys);

/* The order of a block that @bytes fit in. */
static inline unsigned int frame_order(size_t bytes)
{
	return order_base_2((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}
/* 2^order frames with one reference on the head, or NULL. */
struct frame *frame_alloc(unsigned int order, enum frame_type type, u32 gfp) __must_check;
static inline struct frame *frame_get(struct frame *f)
{
	__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}
bool frame_tryget(struct frame *f) __must_check; /* false if it was free */
/* Drops one reference; the last one frees by type (anon, kernel: to the buddy; folio: its owner).
 */
void frame_put(struct frame *f);
static inline u32 frame_refs(const struct frame *f)
{
	return __atomic_load_n(&f->refs, __ATOMIC_RELAXED);
}
/* Harmless on any frame at any time: what it finds may be gone, frame_tryget() tells. */
struct frame *frame_head(struct frame *f);
/*
 * Makes single frames, each with one reference, of an allocation of which the caller has the only
 * reference.  False if there are others.  frame_tryget() on the head fails meanwhile.
 */
bool frame_split(struct frame *f) __must_check;
/*
 * Whoever owns a type says how its frames die: called without references; ends in
 * frame_free_final().
 * @f is the frame whose count fell to zero.
 */
void frame_set_release(enum frame_type type, void (*release)(struct frame *f));
void frame_free_final(struct frame *f);
/* Drops one reference to each of @n frames (LRU-hot path of unmap). */
void frame_put_many(struct frame **f, unsigned int n);
/* A FRAME_RESERVED frame of RAM (boot archive) enters service with one reference. */
struct frame *frame_adopt(struct frame *f, enum frame_type type);
/*
 * Frames that were set aside have an owner of their own, who counts those that are free by
 * frame_aside_free(), brings them into use with one reference, and takes them back at none.
 */
void frame_aside_manage(u64 pfn, u64 pages);
void frame_aside_free(u64 pfn, s64 pages);
void frame_aside_start(struct frame *f, enum frame_type type);
void frame_aside_end(struct frame *f);
extern u64 frame_aside_count; /* atomic: free ones, in all */
/* Is ordinary memory the scarcer one? */
bool frame_aside_prefer(void);
/* Would an allocation be served now, without reclaim? */
bool frame_at_hand(unsigned int order, u32 gfp);
/* Convenience for kernel memory: address in the direct map or NULL. */
void *frame_alloc_virt(unsigned int order, u32 gfp) __must_check;
void frame_free_virt(void *va);

struct frame_stats {
	u64 total, free, reserved_low; /* frames */
	u64 aside, aside_free;	       /* of these: set aside, for movable contents only */
	u64 by_type[FRAME_TYPES];      /* frames in use */
	u64 min_free;		       /* reserve for GFP_ATOMIC */
	u64 allocs, frees;	       /* frames, since boot */
	u64 descriptors;	       /* frames of the array of struct frame, not in total */
};
void frame_stats(struct frame_stats *out);
/* Reclaim: rooms that hold memory they can give back.  Returns frames freed.  May not sleep on
 * locks that an allocation may be made under: use trylock. */
struct frame_shrinker {
	const char *name;
	u64 (*shrink)(u64 want);
	u64 (*size)(void); /* frames it could give at most; NULL: a small stock, always asked */
	bool last;	   /* asked when the others gave nothing: what it gives is missed at once */
	struct frame_shrinker *next;
};
void frame_register_shrinker(struct frame_shrinker *s);
u64 frame_shrink(u64 want);
/* vm.min_free_kbytes in frames; the marks of the background reclaimer follow. */
void frame_set_min_free(u64 frames);
bool frame_in_kswapd(void); /* current is the background reclaimer */
struct frame_reclaim_stats {
	u64 stalls, kswapd_runs; /* allocations that reclaimed themselves; times it woke */
	u64 min, low, high;	 /* marks, in frames */
};
void frame_reclaim_stats(struct frame_reclaim_stats *out);
/* Last resort of an allocation that may sleep: true if memory may come free, so that it tries
 * again. */
void frame_set_oom_hook(bool (*hook)(unsigned int order, u32 gfp));
