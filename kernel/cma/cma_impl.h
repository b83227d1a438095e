/* Shared by the files of kernel/cma. */
#pragma once

#include <kernel/cma/cma.h>
#include <kernel/lock/lock.h>

#define CMA_MAX 8u

struct cma {
	char name[CMA_NAME_MAX];
	u64 pfn, pages;
	struct mutex collect; /* LK_CMA_COLLECT: one run at a time is made */
	struct spinlock lock; /* LK_CMA */
	/* A bit for each frame that is given out or being emptied; its freed frames stay off the
	 * free list.  lock. */
	unsigned long *owned;
	u32 head;	   /* first free frame, linked through descriptors; 0: none.  lock */
	u64 free;	   /* on the list; lock, read without */
	u64 used;	   /* frames in extents; lock */
	u64 success, fail; /* atomic */
};

/* What owner of a FRAME_CMA frame points to. */
struct cma_extent {
	u64 pfn, pages;
};

extern struct cma cma_regions[CMA_MAX];
extern unsigned int cma_count; /* [I] after boot */
extern struct cma *cma_default_region;
