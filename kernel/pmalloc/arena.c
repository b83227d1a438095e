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

#define BLOCK_ORDER_MAX 9u
#define BLOCK_SHARE 256ul /* of all memory, at most: small machines have smaller blocks */

struct arena_block {
	struct list_head link; /* arena_lock */
	struct frame *first;   /* [I] */
	unsigned int order;    /* [I] */
	size_t used;	       /* frames; arena_lock */
	u64 map[];	       /* a bit for each frame; arena_lock */
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

static bool bit(const struct arena_block *b, size_t i)
{
	return b->map[i / 64] >> (i % 64) & 1;
}

static void set_bits(struct arena_block *b, size_t from, size_t n, bool on)
{
	for (size_t i = from; i < from + n; i++) {
		if (on)
			b->map[i / 64] |= 1ull << (i % 64);
		else
			b->map[i / 64] &= ~(1ull << (i % 64));
	}
	b->used += on ? n : -n;
}

/* First-fit. */
static bool find_run(const struct arena_block *b, size_t n, size_t *at)
{
	size_t run = 0, frames = 1ul << b->order;

	if (frames - b->used < n)
		return false;
	for (size_t i = 0; i < frames; i++) {
		run = bit(b, i) ? 0 : run + 1;
		if (run == n) {
			*at = i + 1 - n;
			return true;
		}
	}
	return false;
}

static int make_block(unsigned int order, u32 gfp, struct arena_block **out)
{
	size_t words = ((1ul << order) + 63) / 64;
	struct arena_block *b = kzalloc(sizeof(*b) + words * sizeof(b->map[0]));

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
	unsigned int least = 0;

	while (1ul << least < n)
		least++;
	if (least < usual_order && !make_block(usual_order, GFP_TRY | GFP_NOWARN, out))
		return 0;
	return least > FRAME_ORDER_MAX ? -ENOMEM : make_block(least, GFP_KERNEL, out);
}

int arena_take(size_t n, struct arena_block **block, struct frame **out)
{
	struct arena_block *b;
	size_t at = 0;
	int err = 0;

	guard(mutex)(&arena_lock);
	list_for_each_entry (b, &blocks, link) {
		if (find_run(b, n, &at))
			goto found;
	}
	err = new_block(n, &b);
	if (err)
		return err;
found:
	set_bits(b, at, n, true);
	*block = b;
	*out = b->first + at;
	return 0;
}

void arena_give(struct arena_block *b, struct frame *f, size_t n)
{
	guard(mutex)(&arena_lock);
	set_bits(b, (size_t)(f - b->first), n, false);
	if (b->used || list_is_singular(&blocks))
		return;
	list_del(&b->link);
	/* Its large pages were split, if they had to be, when it was made read-only. */
	WARN_ON(arch_direct_protect(frame_to_phys(b->first), PAGE_SIZE << b->order, true));
	frame_put(b->first);
	kfree(b);
}
