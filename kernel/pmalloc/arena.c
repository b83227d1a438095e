/*
 * Where the frames of all pools come from.
 *
 * Blocks of up to 2 MiB are taken from the buddy and made read-only in the direct map as a whole,
 * so that it keeps its large pages where it can, and protecting a pool later is a matter of the
 * pool's own mapping.  A block goes back, writable, when it is empty and not the only one.
 */
#include "pmalloc_impl.h"

#include <asm/protect.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kernel/frame/frame.h>
#include <kernel/slab/slab.h>
#include <lib/bitmap/bitmap.h>

#define BLOCK_ORDER_MAX 9u
#define BLOCK_SHARE 256ul /* of all memory, at most: small machines have smaller blocks */

struct arena_block {
	struct list_head link; /* arena_lock */
	struct frame *first;   /* [I] */
	unsigned int order;    /* [I] */
	size_t used;	       /* frames; arena_lock */
	unsigned long map[];   /* a bit for each frame; arena_lock */
};

static struct mutex arena_lock; /* LK_PMALLOC_ARENA */
static LIST_HEAD(blocks);
static unsigned int usual_order __ro_after_init;

void arena_init(void)
{
	struct frame_stats st;

	mutex_init(&arena_lock, LK_PMALLOC_ARENA);
	frame_stats(&st);
	while (usual_order < BLOCK_ORDER_MAX && BLOCK_SHARE << (usual_order + 1) <= st.total)
		usual_order++;
}

static int make_block(unsigned int order, u32 gfp, struct arena_block **out)
{
	struct arena_block *b =
		kzalloc(sizeof(*b) + BITS_TO_LONGS(1ul << order) * sizeof(b->map[0]));

	if (!b)
		return -ENOMEM;
	b->order = order;
	b->first = frame_alloc(order, FRAME_KERNEL, gfp);
	if (!b->first || arch_direct_protect(frame_to_phys(b->first), PAGE_SIZE << order, false)) {
		if (b->first)
			frame_put(b->first);
		kfree(b);
		return -ENOMEM;
	}
	list_add(&b->link, &blocks);
	*out = b;
	return 0;
}

/* arena_lock held. */
static int new_block(size_t n, struct arena_block **out)
{
	unsigned int least = order_base_2(n);

	if (least < usual_order && !make_block(usual_order, GFP_TRY | GFP_NOWARN, out))
		return 0;
	return least > FRAME_ORDER_MAX ? -ENOMEM : make_block(least, GFP_KERNEL, out);
}

/* arena_lock held.  First-fit. */
static bool take_run(struct arena_block *b, size_t n, struct frame **out)
{
	size_t frames = 1ul << b->order;
	size_t at = frames - b->used < n ? frames : bitmap_find_clear_run(b->map, frames, 0, n);

	if (at == frames)
		return false;
	bitmap_set(b->map, at, n);
	b->used += n;
	*out = b->first + at;
	return true;
}

int arena_take(size_t n, struct arena_block **block, struct frame **out)
{
	struct arena_block *b;

	guard(mutex)(&arena_lock);
	list_for_each_entry (b, &blocks, link) {
		if (take_run(b, n, out)) {
			*block = b;
			return 0;
		}
	}
	int err = new_block(n, block);

	if (!err)
		(void)take_run(*block, n, out);
	return err;
}

void arena_give(struct arena_block *b, struct frame *f, size_t n)
{
	guard(mutex)(&arena_lock);
	bitmap_clear(b->map, (size_t)(f - b->first), n);
	b->used -= n;
	if (b->used || list_is_singular(&blocks))
		return;
	list_del(&b->link);
	/* Its large pages were split, if they had to be, when it was made read-only. */
	WARN_ON(arch_direct_protect(frame_to_phys(b->first), PAGE_SIZE << b->order, true));
	frame_put(b->first);
	kfree(b);
}
