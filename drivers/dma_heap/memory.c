/*
 * The memory of a heap's buffer: a run of a region, or blocks of ordinary memory as large as come
 * easily.
 */
#include "heap_impl.h"

#include <asm/current.h>
#include <asm/pagemem.h>
#include <kern/bit.h>
#include <kern/errno.h>
#include <kernel/cma/cma.h>
#include <kernel/dmabuf/dmabuf.h>
#include <kernel/frame/frame.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>

#define ALIGN_ORDER_MAX 8u

struct run {
	struct cma *region;
	u64 pfn, pages;
};

static u64 run_pfn(void *ctx, u64 index)
{
	return ((struct run *)ctx)->pfn + index;
}

static void run_release(void *ctx)
{
	struct run *r = ctx;

	(void)!cma_release(r->region, r->pfn, r->pages);
	kfree(r);
}

static const struct dmabuf_ops run_ops = {.pfn = run_pfn, .release = run_release};

static int clear_run(const struct run *r)
{
	for (u64 i = 0; i < r->pages; i++) {
		page_clear(frame_to_virt(pfn_to_frame(r->pfn + i)));
		if (i % 64)
			continue;
		if (signal_fatal_pending(current))
			return -EINTR;
		sched_cond_resched();
	}
	return 0;
}

/* To its size, if the region has such a place at all. */
static unsigned int alignment(struct cma *region, u64 pages)
{
	unsigned int order = pages > 1 ? (unsigned int)__fls(pages - 1) + 1 : 0;
	struct cma_info i;

	cma_info(region, &i);
	order = min(order, ALIGN_ORDER_MAX);
	u64 first = (i.pfn + (1ul << order) - 1) & ~((1ul << order) - 1);

	return first + pages <= i.pfn + i.pages ? order : 0;
}

static int run_buffer(const struct heap *h, u64 pages, u32 flags, struct file **out)
{
	struct run *r = kmalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct run){.region = h->region, .pages = pages};
	int err = cma_alloc(h->region, pages, alignment(h->region, pages), &r->pfn);

	if (err) {
		kfree(r);
		return err;
	}
	err = clear_run(r);
	if (!err)
		err = dmabuf_create(&run_ops, r, h->name, pages << PAGE_SHIFT, flags, out);
	if (err)
		run_release(r);
	return err;
}

/* Frame numbers by page; a block is known by its first frame. */
struct blocks {
	u64 pages;
	u32 pfn[];
};

static u64 blocks_pfn(void *ctx, u64 index)
{
	return ((struct blocks *)ctx)->pfn[index];
}

static void blocks_release(void *ctx)
{
	struct blocks *b = ctx;

	for (u64 i = 0; i < b->pages;) {
		struct frame *f = pfn_to_frame(b->pfn[i]);

		i += 1ul << f->order;
		frame_put(f);
	}
	kvfree(b);
}

static const struct dmabuf_ops blocks_ops = {.pfn = blocks_pfn, .release = blocks_release};

static struct frame *take_block(u64 left)
{
	static const unsigned int orders[] = {8, 4, 0};
	struct frame *f = NULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(orders) && !f; i++) {
		if (left >> orders[i])
			f = frame_alloc(orders[i], FRAME_KERNEL,
					GFP_USER | GFP_ZERO | (orders[i] ? GFP_TRY : 0));
	}
	return f;
}

static int fill_blocks(struct blocks *b, u64 pages)
{
	while (b->pages < pages) {
		if (signal_fatal_pending(current))
			return -EINTR;
		struct frame *f = take_block(pages - b->pages);

		if (!f)
			return -ENOMEM;
		u64 pfn = frame_to_pfn(f);

		for (u64 end = pfn + (1ul << f->order); pfn < end; pfn++)
			b->pfn[b->pages++] = (u32)pfn;
		sched_cond_resched();
	}
	return 0;
}

static int blocks_buffer(const struct heap *h, u64 pages, u32 flags, struct file **out)
{
	struct frame_stats s;

	frame_stats(&s);
	if (pages > s.total)
		return -ENOMEM;
	struct blocks *b = kvmalloc(sizeof(*b) + pages * sizeof(u32), GFP_USER);

	if (!b)
		return -ENOMEM;
	b->pages = 0;
	int err = fill_blocks(b, pages);

	if (!err)
		err = dmabuf_create(&blocks_ops, b, h->name, pages << PAGE_SHIFT, flags, out);
	if (err)
		blocks_release(b);
	return err;
}

int heap_buffer(const struct heap *h, u64 pages, u32 flags, struct file **out)
{
	return h->region ? run_buffer(h, pages, flags, out) : blocks_buffer(h, pages, flags, out);
}
