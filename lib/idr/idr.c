/*
 * Numbers over a radix tree. A free number is a hole; the search for one goes a word of 64 at a
 * time, and full nodes below the range's start are never looked at.
 *
 * A search for the lowest number passes all full leaves in front of it: n/64 steps. Users with many
 * numbers (process ids) allocate cyclically and find theirs at once.
 */
#include <lib/idr/idr.h>
#include <kern/errno.h>

static int take(struct idr *idr, void *ptr, u64 id, struct radix_reserve *reserve)
{
	int err = radix_insert(&idr->tree, id, 0, ptr, reserve);

	if (!err)
		idr->count++;
	return err;
}

int idr_alloc_at(struct idr *idr, void *ptr, u32 id, struct radix_reserve *reserve)
{
	return take(idr, ptr, id, reserve);
}

int idr_alloc(struct idr *idr, void *ptr, u32 min, u32 max, struct radix_reserve *reserve, u32 *out)
{
	u64 id;

	if (min > max || !radix_find_hole(&idr->tree, min, max, &id))
		return -ENOSPC;
	int err = take(idr, ptr, id, reserve);

	if (!err)
		*out = (u32)id;
	return err;
}

int idr_alloc_cyclic(struct idr *idr, void *ptr, u32 min, u32 max, struct radix_reserve *reserve,
		     u32 *out)
{
	u32 from = idr->next < min || idr->next > max ? min : idr->next;
	u32 id;
	int err = idr_alloc(idr, ptr, from, max, reserve, &id);

	if (err == -ENOSPC && from > min)
		err = idr_alloc(idr, ptr, min, from - 1, reserve, &id);
	if (err)
		return err;
	idr->next = id + 1;
	*out = id;
	return 0;
}

void *idr_remove(struct idr *idr, u32 id)
{
	void *p = radix_erase(&idr->tree, id);

	if (p)
		idr->count--;
	return p;
}

void *idr_replace(struct idr *idr, u32 id, void *ptr)
{
	return radix_replace(&idr->tree, id, ptr);
}
