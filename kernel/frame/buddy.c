/*
 * Buddy lists.
 *
 * A free block of 2^order frames, aligned to its size, is described by its first frame: type
 * FRAME_FREE, its order, and links by frame number.  Descriptors inside a free block are not
 * touched, so giving or taking a gigabyte costs the same as a page.  Frame 0 is never free, which
 * makes 0 the end of a list.
 *
 * Single frames that come back from per-CPU lists are not merged: they are wanted again as single
 * frames most of the time.  A request for a larger block that finds none merges them all first.
 */
#include "frame_impl.h"

#include <kern/bug.h>

struct frame_zone frame_zones[ZONES];

static void list_push(struct frame_zone *z, u64 pfn, unsigned int order)
{
	struct frame *f = pfn_to_frame(pfn);
	u32 head = z->heads[order];

	f->type = FRAME_FREE;
	f->order = (u8)order;
	f->next = head;
	f->prev = 0;
	if (head)
		pfn_to_frame(head)->prev = (u32)pfn;
	z->heads[order] = (u32)pfn;
	z->orders |= 1u << order;
	z->blocks[order]++;
}

static void list_remove(struct frame_zone *z, struct frame *f, unsigned int order)
{
	if (f->next)
		pfn_to_frame(f->next)->prev = f->prev;
	if (f->prev)
		pfn_to_frame(f->prev)->next = f->next;
	else
		z->heads[order] = f->next;
	z->blocks[order]--;
	if (!z->heads[order])
		z->orders &= ~(1u << order);
	f->type = FRAME_FREE_TAIL;
}

u64 buddy_take(struct frame_zone *z, unsigned int order)
{
	u32 fit = z->orders >> order;

	if (!fit)
		return 0;
	unsigned int have = order + (unsigned int)__builtin_ctz(fit);
	u64 pfn = z->heads[have];

	list_remove(z, pfn_to_frame(pfn), have);
	while (have > order) {
		have--;
		list_push(z, pfn + (1ul << have), have);
	}
	WRITE_ONCE(z->free, z->free - (1ul << order));
	return pfn;
}

/* The descriptor of a buddy is in the same page as ours up to 256 frames; beyond, it may not exist.
 */
static bool buddy_exists(u64 buddy, unsigned int order)
{
	return order < 8 || pfn_valid(buddy);
}

void buddy_give(struct frame_zone *z, u64 pfn, unsigned int order)
{
	WRITE_ONCE(z->free, z->free + (1ul << order));
	while (order < FRAME_ORDER_MAX) {
		u64 buddy = pfn ^ (1ul << order);

		if (!buddy_exists(buddy, order))
			break;
		struct frame *b = pfn_to_frame(buddy);

		if (b->type != FRAME_FREE || b->order != order)
			break;
		list_remove(z, b, order);
		pfn &= ~(1ul << order);
		order++;
	}
	list_push(z, pfn, order);
}

void buddy_give_single(struct frame_zone *z, u64 pfn)
{
	WRITE_ONCE(z->free, z->free + 1);
	WRITE_ONCE(z->unmerged, z->unmerged + 1);
	list_push(z, pfn, 0);
}

void buddy_merge(struct frame_zone *z, u64 scan)
{
	u64 next;

	WRITE_ONCE(z->unmerged, 0);
	for (u64 pfn = z->heads[0]; pfn && scan; pfn = next, scan--) {
		struct frame *f = pfn_to_frame(pfn), *b = pfn_to_frame(pfn ^ 1);

		next = f->next;
		if (b->type != FRAME_FREE || b->order)
			continue;
		if (next == (pfn ^ 1))
			next = b->next;
		list_remove(z, f, 0);
		WRITE_ONCE(z->free, z->free - 1);
		buddy_give(z, pfn, 0);
	}
}

void buddy_give_range(u64 pfn, u64 end)
{
	while (pfn < end) {
		unsigned int order = FRAME_ORDER_MAX;

		if (pfn)
			order = min_t(unsigned int, order, (unsigned int)__builtin_ctzl(pfn));
		while (pfn + (1ul << order) > end)
			order--;

		struct frame_zone *z = frame_zone_of(pfn);
		unsigned long flags = spin_lock_irqsave(&z->lock);

		buddy_give(z, pfn, order);
		__atomic_fetch_add(&z->managed, 1ul << order, __ATOMIC_RELAXED);
		spin_unlock_irqrestore(&z->lock, flags);
		pfn += 1ul << order;
	}
}
