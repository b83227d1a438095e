/*
 * Small integers with a pointer each: the lowest free number in a range, or the next one after the
 * last that was given (cyclic), as process ids are.
 *
 * Lookups take no lock (RCU, as lib/radix); changes exclude one another by the user's lock.
 */
#pragma once

#include <lib/radix/radix.h>

struct idr {
	struct radix_tree tree;
	u32 next;  /* cyclic: where to begin */
	u32 count; /* numbers in use */
};

static inline void idr_init(struct idr *idr, const struct radix_ops *ops)
{
	radix_init(&idr->tree, ops);
	idr->next = 0;
	idr->count = 0;
}

/*
 * Gives @ptr (aligned to 4, not NULL) the lowest free number in [@min, @max]. -ENOSPC if there is
 * none, -ENOMEM. @reserve may be NULL, see radix_insert.
 */
int idr_alloc(struct idr *idr, void *ptr, u32 min, u32 max, struct radix_reserve *reserve, u32 *out)
	__must_check;
/* The same beginning behind the last number given by it, and going on at @min after @max. */
int idr_alloc_cyclic(struct idr *idr, void *ptr, u32 min, u32 max, struct radix_reserve *reserve,
		     u32 *out) __must_check;
/* Gives @ptr this number. -EEXIST, -ENOMEM. */
int idr_alloc_at(struct idr *idr, void *ptr, u32 id, struct radix_reserve *reserve) __must_check;
/* Frees @id and returns its pointer, or NULL. */
void *idr_remove(struct idr *idr, u32 id);
/* Exchanges the pointer of @id; returns the old one, or NULL if @id is free. */
void *idr_replace(struct idr *idr, u32 id, void *ptr);

static inline void *idr_find(const struct idr *idr, u32 id)
{
	return radix_find(&idr->tree, id);
}

/* The first number >= *@id that is in use goes to *@id; returns its pointer, or NULL. */
static inline void *idr_next(const struct idr *idr, u32 *id)
{
	u64 index = *id;
	void *p = radix_find_next(&idr->tree, &index, ~0u);

	*id = (u32)index;
	return p;
}

/* Frees all nodes at once: nobody may look up any more. */
static inline void idr_destroy(struct idr *idr)
{
	radix_destroy(&idr->tree);
	idr->count = 0;
}
