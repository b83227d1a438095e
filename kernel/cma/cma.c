/*
 * Regions, their free frames, and runs.
 *
 * A frame of a region is free and on the free list, free and captured (its bit in `owned` is set:
 * somebody collects it), in the page cache, or part of an extent.  Whoever wants a run sets its
 * bits first: from then on no other allocation chooses any of it, and what is freed there is
 * captured.  The free frames are taken off the list, the others emptied by the page cache in a few
 * passes.  A frame that stays busy is pinned: all that was captured goes back, and the search goes
 * on behind it.
 */
#include "cma_impl.h"

#include <asm/current.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/printk/printk.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <lib/bitmap/bitmap.h>

#define CAPTURED U32_MAX /* in next of a free frame that is on no list */
#define CHUNK 256u	 /* frames handled under the lock at a time */
#define PATIENCE 30u	 /* passes without a change before a frame counts as pinned */
#define WAIT_MAX_MS 10u	 /* between two: the first one, one more each time */

struct cma cma_regions[CMA_MAX];
unsigned int cma_count;
struct cma *cma_default_region;
static const struct cma_mover *mover;
static struct cma_events events; /* atomic counters */

struct cma *cma_at(unsigned int i)
{
	return i < cma_count ? &cma_regions[i] : NULL;
}

struct cma *cma_default(void)
{
	return cma_default_region;
}

void cma_set_mover(const struct cma_mover *m)
{
	mover = m;
}

void cma_events(struct cma_events *out)
{
	out->success = __atomic_load_n(&events.success, __ATOMIC_RELAXED);
	out->fail = __atomic_load_n(&events.fail, __ATOMIC_RELAXED);
}

static struct cma *region_of(u64 pfn)
{
	for (unsigned int i = 0; i < cma_count; i++) {
		if (pfn - cma_regions[i].pfn < cma_regions[i].pages)
			return &cma_regions[i];
	}
	return NULL;
}

/* --- the free list; lock --- */

static void link_free(struct cma *c, u64 pfn)
{
	struct frame *f = pfn_to_frame(pfn);

	f->next = c->head;
	f->prev = 0;
	if (c->head)
		pfn_to_frame(c->head)->prev = (u32)pfn;
	c->head = (u32)pfn;
	c->free++;
	frame_aside_free(pfn, 1);
}

static void unlink_free(struct cma *c, u64 pfn)
{
	struct frame *f = pfn_to_frame(pfn);

	if (f->next)
		pfn_to_frame(f->next)->prev = f->prev;
	if (f->prev)
		pfn_to_frame(f->prev)->next = f->next;
	else
		c->head = f->next;
	c->free--;
	frame_aside_free(pfn, -1);
}

static bool is_free(const struct frame *f)
{
	return __atomic_load_n(&f->type, __ATOMIC_ACQUIRE) == FRAME_FREE_TAIL;
}

struct frame *cma_take(void)
{
	for (unsigned int i = 0; i < cma_count; i++) {
		struct cma *c = &cma_regions[i];
		struct frame *f = NULL;

		if (!READ_ONCE(c->free))
			continue;
		unsigned long irq = spin_lock_irqsave(&c->lock);

		if (c->head) {
			f = pfn_to_frame(c->head);
			unlink_free(c, c->head);
			frame_aside_start(f, FRAME_FOLIO);
		}
		spin_unlock_irqrestore(&c->lock, irq);
		if (f)
			return f;
	}
	return NULL;
}

void cma_give(struct frame *f)
{
	u64 pfn = frame_to_pfn(f);
	struct cma *c = region_of(pfn);

	if (WARN_ON(!c))
		return;
	unsigned long irq = spin_lock_irqsave(&c->lock);

	/* Before the type: who collects the frame looks at that without the lock. */
	f->next = CAPTURED;
	frame_aside_end(f);
	if (!test_bit(pfn - c->pfn, c->owned))
		link_free(c, pfn);
	spin_unlock_irqrestore(&c->lock, irq);
}

/* --- runs --- */

/* lock.  The first run from frame @from of the region on that nobody owns; false: none. */
static bool find_run(struct cma *c, u64 from, u64 pages, u64 align, u64 *out)
{
	while (from + pages <= c->pages) {
		u64 at = bitmap_find_clear_run(c->owned, c->pages, from, pages);

		if (at >= c->pages)
			return false;
		u64 fit = ((c->pfn + at + align - 1) & ~(align - 1)) - c->pfn;

		if (fit == at ||
		    (fit + pages <= c->pages && bitmap_all_clear(c->owned, fit, pages))) {
			*out = fit;
			return true;
		}
		from = fit;
	}
	return false;
}

/* Frames [at, end) of the region are owned: the free ones leave the list. */
static void capture(struct cma *c, u64 at, u64 end)
{
	while (at < end) {
		u64 stop = min(end, at + CHUNK);
		unsigned long irq = spin_lock_irqsave(&c->lock);

		for (; at < stop; at++) {
			struct frame *f = pfn_to_frame(c->pfn + at);

			if (!is_free(f) || f->next == CAPTURED)
				continue;
			unlink_free(c, c->pfn + at);
			f->next = CAPTURED;
		}
		spin_unlock_irqrestore(&c->lock, irq);
	}
}

/* Nobody owns [at, end) any more: what is free can be taken again. */
static void let_go(struct cma *c, u64 at, u64 end)
{
	while (at < end) {
		/* From the end, so that the lowest frame is the first of the list. */
		u64 first = end - at > CHUNK ? end - CHUNK : at;
		unsigned long irq = spin_lock_irqsave(&c->lock);

		bitmap_clear(c->owned, first, end - first);
		while (end-- > first) {
			if (is_free(pfn_to_frame(c->pfn + end)))
				link_free(c, c->pfn + end);
		}
		end = first;
		spin_unlock_irqrestore(&c->lock, irq);
	}
}

/* Frames of [at, end) that are in use; *last is one behind which there is no other. */
static u64 count_busy(const struct cma *c, u64 at, u64 end, u64 *last)
{
	u64 busy = 0;

	for (; at < end; at++) {
		if (is_free(pfn_to_frame(c->pfn + at)))
			continue;
		busy++;
		*last = at;
	}
	return busy;
}

static void nap(unsigned int ms)
{
	(void)!sched_sleep_until(time_mono_ns() + ms * NSEC_PER_MSEC, TASK_UNINTERRUPTIBLE);
}

/* 0: all is captured.  -EBUSY: *@last is pinned and what is behind it was not. */
static int empty(struct cma *c, u64 at, u64 end, u64 *last)
{
	u64 busy = count_busy(c, at, end, last), before;

	if (busy && mover)
		mover->drop(c->pfn + at, c->pfn + end);
	for (unsigned int patience = PATIENCE; busy && patience; patience--) {
		if (signal_fatal_pending(current))
			return -EINTR;
		if (mover)
			mover->move(c->pfn + at, c->pfn + end);
		before = busy;
		busy = count_busy(c, at, end, last);
		if (busy < before)
			patience = PATIENCE + 1;
		if (busy)
			nap(min(PATIENCE + 1 - patience, WAIT_MAX_MS));
	}
	return busy ? -EBUSY : 0;
}

static void give_out(struct cma *c, struct cma_extent *e)
{
	for (u64 pfn = e->pfn; pfn < e->pfn + e->pages; pfn++) {
		struct frame *f = pfn_to_frame(pfn);

		frame_aside_start(f, FRAME_CMA);
		f->owner = e;
	}
	unsigned long irq = spin_lock_irqsave(&c->lock);

	c->used += e->pages;
	spin_unlock_irqrestore(&c->lock, irq);
}

/* Tries run after run. */
static int search(struct cma *c, u64 pages, u64 align, struct cma_extent *e)
{
	u64 from = 0, at = 0, last = 0;

	for (;;) {
		unsigned long irq = spin_lock_irqsave(&c->lock);
		bool found = find_run(c, from, pages, align, &at);

		if (found)
			bitmap_set(c->owned, at, pages);
		spin_unlock_irqrestore(&c->lock, irq);
		if (!found)
			return -ENOMEM;
		capture(c, at, at + pages);
		int err = empty(c, at, at + pages, &last);

		if (!err) {
			*e = (struct cma_extent){c->pfn + at, pages};
			give_out(c, e);
			return 0;
		}
		let_go(c, at, at + pages);
		if (err != -EBUSY)
			return err;
		from = last + 1;
	}
}

static void count(u64 *n, u64 by)
{
	__atomic_fetch_add(n, by, __ATOMIC_RELAXED);
}

int cma_alloc(struct cma *c, u64 pages, unsigned int align_order, u64 *pfn)
{
	if (!pages || align_order > 31)
		return -EINVAL;
	struct cma_extent *e = kmalloc(sizeof(*e));
	int err = !e || pages > c->pages ? -ENOMEM : mutex_lock_killable(&c->collect);

	if (!err) {
		err = search(c, pages, 1ul << align_order, e);
		mutex_unlock(&c->collect);
	}
	count(err ? &c->fail : &c->success, pages);
	count(err ? &events.fail : &events.success, 1);
	if (err)
		kfree(e);
	else
		*pfn = e->pfn;
	return err;
}

/* What was given out at @pfn, or NULL.  It is the caller's to know that nobody gives it back now.
 */
static struct cma_extent *extent_at(const struct cma *c, u64 pfn)
{
	if (pfn - c->pfn >= c->pages || pfn_to_frame(pfn)->type != FRAME_CMA)
		return NULL;
	struct cma_extent *e = pfn_to_frame(pfn)->owner;

	return e->pfn == pfn ? e : NULL;
}

static void take_back(struct cma *c, u64 pfn, u64 pages)
{
	for (u64 p = pfn; p < pfn + pages; p++) {
		struct frame *f = pfn_to_frame(p);

		WARN_ON(frame_refs(f) != 1);
		__atomic_store_n(&f->refs, 0, __ATOMIC_RELAXED);
		f->next = CAPTURED;
		frame_aside_end(f);
	}
	unsigned long irq = spin_lock_irqsave(&c->lock);

	c->used -= pages;
	spin_unlock_irqrestore(&c->lock, irq);
	let_go(c, pfn - c->pfn, pfn - c->pfn + pages);
}

int cma_release(struct cma *c, u64 pfn, u64 pages)
{
	struct cma_extent *e = extent_at(c, pfn);

	if (!e || e->pages != pages)
		return -EINVAL;
	take_back(c, pfn, pages);
	kfree(e);
	return 0;
}

int cma_release_front(struct cma *c, u64 pfn, u64 pages)
{
	struct cma_extent *e = extent_at(c, pfn);

	if (!e || !pages || pages > e->pages)
		return -EINVAL;
	if (pages == e->pages)
		return cma_release(c, pfn, pages);
	e->pfn += pages;
	e->pages -= pages;
	take_back(c, pfn, pages);
	return 0;
}

/* --- figures --- */

static u64 longest_clear(const struct cma *c)
{
	u64 best = 0, at = 0;

	while (at < c->pages) {
		u64 from = find_next_zero_bit(c->owned, c->pages, at);

		at = from < c->pages ? find_next_bit(c->owned, c->pages, from) : c->pages;
		best = max(best, at - min(from, at));
	}
	return best;
}

void cma_info(struct cma *c, struct cma_info *out)
{
	*out = (struct cma_info){.name = c->name,
				 .pfn = c->pfn,
				 .pages = c->pages,
				 .success = __atomic_load_n(&c->success, __ATOMIC_RELAXED),
				 .fail = __atomic_load_n(&c->fail, __ATOMIC_RELAXED)};
	unsigned long irq = spin_lock_irqsave(&c->lock);

	out->free = c->free;
	out->used = c->used;
	out->max_chunk = longest_clear(c);
	spin_unlock_irqrestore(&c->lock, irq);
}

bool cma_word(struct cma *c, unsigned int i, u32 *out)
{
	if ((u64)i * 32 >= c->pages)
		return false;
	unsigned long irq = spin_lock_irqsave(&c->lock);

	*out = (u32)(c->owned[i / 2] >> (i % 2 * 32));
	spin_unlock_irqrestore(&c->lock, irq);
	return true;
}

void cma_init(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < cma_count; i++) {
		struct cma *c = &cma_regions[kept], *from = &cma_regions[i];
		unsigned long *map = kvmalloc(BITS_TO_LONGS(from->pages) * sizeof(*map), GFP_ZERO);

		if (!map) {
			pr_err("cma: no memory to keep account of %s\n", from->name);
			continue;
		}
		if (cma_default_region == from)
			cma_default_region = c;
		if (c != from)
			*c = *from;
		kept++;
		spin_init(&c->lock, LK_CMA);
		mutex_init(&c->collect, LK_CMA_COLLECT);
		c->owned = map;
		bitmap_set(map, 0, c->pages);
		frame_aside_manage(c->pfn, c->pages);
		let_go(c, 0, c->pages);
	}
	cma_count = kept;
}
