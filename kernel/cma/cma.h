/*
 * Contiguous memory: regions set aside at boot whose frames hold movable contents until somebody
 * wants a run of them.
 *
 * A region is of any number of pages at any page.  Its free frames are given to the page cache
 * only, one by one; a run is made by taking them off the free list, dropping what can be read
 * again and moving the rest elsewhere.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct cma;
struct frame;

#define CMA_NAME_MAX 64u

/* Boot, after frame_boot_map(): finds places for what the command line and the device tree want. */
void cma_reserve(void);
/* Boot, with slab caches: the regions begin to serve. */
void cma_init(void);

/* Regions by number; NULL behind the last one.  They stay. */
struct cma *cma_at(unsigned int i);
/* The one for who has none of his own; NULL. */
struct cma *cma_default(void);

/*
 * A run of @pages frames at a multiple of 2^@align_order (of the frame number): typed FRAME_CMA,
 * contents undefined, not mapped to anybody.  May sleep, for long.  -EINVAL; -ENOMEM: no run, or
 * too many frames that cannot be moved, or no place for their contents; -EINTR: being killed.
 */
int cma_alloc(struct cma *c, u64 pages, unsigned int align_order, u64 *pfn) __must_check;
/* Gives a run back, as a whole or its first @pages frames.  -EINVAL: it was not given out so. */
int cma_release(struct cma *c, u64 pfn, u64 pages) __must_check;
int cma_release_front(struct cma *c, u64 pfn, u64 pages) __must_check;

struct cma_info {
	const char *name;
	u64 pfn, pages;
	u64 free;	   /* frames on the free list */
	u64 used;	   /* given out */
	u64 max_chunk;	   /* the longest run that is not given out */
	u64 success, fail; /* pages */
};
void cma_info(struct cma *c, struct cma_info *out);
/* 32 bits, a page each, of what is given out: the bitmap's word @i; false behind its end. */
bool cma_word(struct cma *c, unsigned int i, u32 *out);
struct cma_events {
	u64 success, fail; /* calls of cma_alloc() */
};
void cma_events(struct cma_events *out);

/* --- for the page cache --- */

/* A free frame of a region, typed FRAME_FOLIO with one reference, or NULL.  Any context. */
struct frame *cma_take(void) __must_check;
/* The last reference to a frame with FRAME_F_CMA is gone.  Any context. */
void cma_give(struct frame *f);
/* How frames of [pfn, end) become free; both as well as they can, may sleep. */
struct cma_mover {
	void (*drop)(u64 pfn, u64 end); /* what can be had again */
	void (*move)(u64 pfn, u64 end);
};
void cma_set_mover(const struct cma_mover *m);
