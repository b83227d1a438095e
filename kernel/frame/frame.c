/*
 * Allocation and release of frames.
 *
 * Single frames come from a per-CPU stack of frame numbers, used with interrupts off, which is
 * refilled from and drained to the buddy in batches; larger blocks go to the buddy directly.  When
 * free memory falls below a reserve only GFP_ATOMIC goes on; others first ask the shrinkers,
 * then the out-of-memory hook, a bounded number of times.
 */
#include "frame_impl.h"

#include <asm/irqflags.h>
#include <asm/cpu.h>
#include <asm/pagemem.h>
#include <asm/patch.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <kernel/kasan/kasan.h>
#include <kernel/mm/mm.h>
#include <asm/cpumask.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>

DEFINE_PERCPU(struct frame_pcp, frame_pcp);
u64 frame_total, frame_min_free;
u32 frame_pcp_high = 32, frame_pcp_batch = 16;
static void (*frame_release[FRAME_TYPES])(struct frame *f) __ro_after_init;

void __init frame_init(void)
{
	for (unsigned int i = 0; i < ZONES; i++)
		spin_init(&frame_zones[i].lock, LK_BUDDY);
	frame_early_init();
	frame_min_free = clamp_t(u64, frame_total / 256, 32, 4096);
	frame_pcp_high = (u32)clamp_t(u64, frame_total / 256, 32, PCP_CAP);
	frame_pcp_batch = frame_pcp_high / 2;
}

void frame_free_range(u64 start_phys, u64 end_phys)
{
	u64 pfn = (start_phys + PAGE_SIZE - 1) >> PAGE_SHIFT;
	u64 end = end_phys >> PAGE_SHIFT;

	if (pfn >= end)
		return;
	for (u64 p = pfn; p < end; p++) {
		if (WARN_ON(!pfn_valid(p) || pfn_to_frame(p)->type != FRAME_RESERVED))
			return;
	}
	__atomic_fetch_add(&frame_total, end - pfn, __ATOMIC_RELAXED);
	buddy_give_range(pfn, end);
}

void frame_set_release(enum frame_type type, void (*release)(struct frame *f))
{
	frame_release[type] = release;
}

/* What must stay free for this request to be served. */
static u64 reserve_for(u32 gfp)
{
	if (gfp & GFP_ATOMIC)
		return 0;
	if (gfp & GFP_RESERVE)
		return frame_min_free / 4;
	return gfp & GFP_USER ? frame_min_free : frame_min_free / 2;
}

bool frame_at_hand(unsigned int order, u32 gfp)
{
	u32 orders = READ_ONCE(frame_zones[ZONE_LOW].orders);

	if (!(gfp & GFP_DMA32))
		orders |= READ_ONCE(frame_zones[ZONE_HIGH].orders);
	return orders >> order && frame_free_count() >= reserve_for(gfp) + (1ul << order);
}

static u64 take_block(unsigned int order, u32 gfp)
{
	if (frame_free_count() < reserve_for(gfp) + (1ul << order))
		return 0;
	for (int i = gfp & GFP_DMA32 ? ZONE_LOW : ZONE_HIGH; i >= ZONE_LOW; i--) {
		struct frame_zone *z = &frame_zones[i];

		if (!READ_ONCE(z->orders))
			continue;
		/* Whoever only tries does not pay for merging a handful of frames. */
		if (gfp & GFP_TRY && !(READ_ONCE(z->orders) >> order) &&
		    READ_ONCE(z->unmerged) < 2ul << order)
			continue;
		unsigned long flags = spin_lock_irqsave(&z->lock);
		u64 pfn = buddy_take(z, order);

		if (!pfn && order) {
			buddy_merge(z, gfp & GFP_TRY ? z->unmerged : ~0ul);
			pfn = buddy_take(z, order);
		}

		spin_unlock_irqrestore(&z->lock, flags);
		if (pfn)
			return pfn;
	}
	return 0;
}

/* zone->lock held.  Up to @want frames: single ones first, then a block is cut. */
static void refill_from(struct frame_pcp *p, struct frame_zone *z, u32 want)
{
	while (p->count < want) {
		u32 left = want - p->count;
		unsigned int order = z->orders & 1 ? 0 : 31 - (unsigned int)__builtin_clz(left);
		u64 pfn = buddy_take(z, order);

		while (!pfn && order)
			pfn = buddy_take(z, --order);
		if (!pfn)
			return;
		/* The lowest number on top: neighbours are handed out in ascending order. */
		for (u64 at = pfn + (1ul << order); at-- > pfn;) {
			pfn_to_frame(at)->type = FRAME_FREE_TAIL;
			pfn_to_frame(at)->refs = 0;
			p->pfn[p->count++] = (u32)at;
		}
	}
}

/* Interrupts off.  Fills the CPU's empty list; false if nothing may be taken. */
static bool pcp_refill(struct frame_pcp *p, u32 gfp)
{
	u32 want = frame_pcp_batch;

	if (frame_free_count() < reserve_for(gfp) + want)
		want = 1;
	if (frame_free_count() < reserve_for(gfp) + want)
		return false;
	for (int i = ZONE_HIGH; i >= ZONE_LOW && p->count < want; i--) {
		struct frame_zone *z = &frame_zones[i];

		if (!READ_ONCE(z->orders))
			continue;
		spin_lock(&z->lock);
		refill_from(p, z, want);
		spin_unlock(&z->lock);
	}
	return p->count > 0;
}

/* Interrupts off. */
static void pcp_drain(struct frame_pcp *p, u32 leave)
{
	while (p->count > leave) {
		struct frame_zone *z = frame_zone_of(p->pfn[p->count - 1]);

		spin_lock(&z->lock);
		while (p->count > leave && frame_zone_of(p->pfn[p->count - 1]) == z)
			buddy_give_single(z, p->pfn[--p->count]);
		spin_unlock(&z->lock);
	}
}

void frame_pcp_drain_local(void)
{
	unsigned long flags = irqs_save();

	pcp_drain(this_cpu_ptr(frame_pcp), 0);
	irqs_restore(flags);
}

static struct frame *frame_start(u64 pfn, unsigned int order, enum frame_type type, u32 gfp)
{
	struct frame *f = pfn_to_frame(pfn);

	ASSERT(f->type == FRAME_FREE_TAIL && !f->refs);
	f->type = (u8)type;
	f->order = (u8)order;
	f->flags = 0;
	f->owner = NULL;
	__atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
	kasan_unpoison_frames(f, order);
	if (static_key_unlikely(&frame_owner_key))
		frame_owner_set(pfn, gfp);
	if (gfp & GFP_ZERO) {
		if (likely(!order))
			page_clear(frame_to_virt(f));
		else
			memset(frame_to_virt(f), 0, PAGE_SIZE << order);
	}
	return f;
}

static void account(unsigned int order, enum frame_type type, bool alloc)
{
	unsigned long flags = irqs_save();
	struct frame_pcp *p = this_cpu_ptr(frame_pcp);
	s64 n = 1l << order;

	p->by_type[type] += alloc ? n : -n;
	*(alloc ? &p->allocs : &p->frees) += (u64)n;
	irqs_restore(flags);
}

static struct frame *alloc_block(unsigned int order, enum frame_type type, u32 gfp)
{
	u64 pfn = take_block(order, gfp);

	if (!pfn)
		return NULL;
	struct frame *f = pfn_to_frame(pfn);

	for (unsigned long i = 1; i < 1ul << order; i++) {
		f[i].type = FRAME_TAIL;
		f[i].order = (u8)order;
		f[i].flags = 0;
		f[i].refs = 0;
		f[i].owner = f;
	}
	account(order, type, true);
	return frame_start(pfn, order, type, gfp);
}

static struct frame *alloc_single(enum frame_type type, u32 gfp)
{
	unsigned long flags = irqs_save();
	struct frame_pcp *p = this_cpu_ptr(frame_pcp);
	bool low = false;

	if (unlikely(!p->count)) {
		if (!pcp_refill(p, gfp)) {
			irqs_restore(flags);
			return NULL;
		}
		low = frame_below_low();
	}
	u64 pfn = p->pfn[--p->count];

	p->allocs++;
	p->by_type[type]++;
	irqs_restore(flags);
	if (unlikely(low))
		frame_kick_kswapd(gfp);
	return frame_start(pfn, 0, type, gfp);
}

static noinline struct frame *alloc_slow(unsigned int order, enum frame_type type, u32 gfp)
{
	struct frame *f = NULL;

	if (!(gfp & GFP_ATOMIC) && oom_may_use_reserve())
		gfp |= GFP_RESERVE;
	for (unsigned int i = 0, more = 0; !f && i < RECLAIM_TRIES && more < PROGRESS_TRIES;) {
		enum frame_outcome o = frame_reclaim(order, gfp, i);

		if (o == FRAME_GIVE_UP)
			break;
		*(o == FRAME_PROGRESS ? &more : &i) += 1;
		f = order || gfp & GFP_DMA32 ? alloc_block(order, type, gfp)
					     : alloc_single(type, gfp);
	}
	if (!f && !(gfp & GFP_NOWARN))
		pr_warn_ratelimited("page allocation failure: order:%u, mode:%#x\n", order, gfp);
	return f;
}

struct frame *frame_alloc(unsigned int order, enum frame_type type, u32 gfp)
{
	struct frame *f;

	if (slab_should_fail())
		return NULL;
	if (likely(!order && !(gfp & GFP_DMA32)))
		f = alloc_single(type, gfp);
	else if (order <= FRAME_ORDER_MAX)
		f = alloc_block(order, type, gfp);
	else
		return NULL;
	return likely(f) || gfp & GFP_TRY ? f : alloc_slow(order, type, gfp);
}

static void frame_free(struct frame *f)
{
	unsigned int order = f->order;
	u64 pfn = frame_to_pfn(f);

	if (WARN_ON(f->type <= FRAME_FREE_TAIL || f->type == FRAME_TAIL))
		return;
	kasan_poison_frames(f, order);
	if (order) {
		struct frame_zone *z = frame_zone_of(pfn);

		account(order, f->type, false);
		f->type = FRAME_FREE_TAIL;
		unsigned long flags = spin_lock_irqsave(&z->lock);

		buddy_give(z, pfn, order);
		spin_unlock_irqrestore(&z->lock, flags);
		return;
	}
	unsigned long flags = irqs_save();
	struct frame_pcp *p = this_cpu_ptr(frame_pcp);

	p->by_type[f->type]--;
	p->frees++;
	f->type = FRAME_FREE_TAIL;
	if (unlikely(p->count >= frame_pcp_high))
		pcp_drain(p, frame_pcp_high - frame_pcp_batch);
	p->pfn[p->count++] = (u32)pfn;
	irqs_restore(flags);
}

void frame_free_final(struct frame *f)
{
	ASSERT(!frame_refs(f));
	frame_free(f);
}

bool frame_tryget(struct frame *f)
{
	u32 refs = frame_refs(f);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

void frame_put(struct frame *f)
{
	u32 refs = __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL);

	if (likely(refs && refs != U32_MAX))
		return;
	if (WARN_ON(refs == U32_MAX)) {
		f->refs = 0;
		return;
	}
	if (frame_release[f->type])
		frame_release[f->type](f);
	else
		frame_free(f);
}

void frame_put_many(struct frame **list, unsigned int n)
{
	unsigned long flags = irqs_save();
	struct frame_pcp *p = this_cpu_ptr(frame_pcp);

	for (unsigned int i = 0; i < n; i++) {
		struct frame *f = list[i];

		/* Plain anonymous memory is most of it; the rest has a life of its own. */
		if (f->type != FRAME_ANON || f->order || KASAN_REDZONE_SIZE) {
			irqs_restore(flags);
			frame_put(f);
			flags = irqs_save();
			p = this_cpu_ptr(frame_pcp);
			continue;
		}
		if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
			continue;
		f->type = FRAME_FREE_TAIL;
		p->by_type[FRAME_ANON]--;
		p->frees++;
		if (unlikely(p->count >= frame_pcp_high))
			pcp_drain(p, frame_pcp_high - frame_pcp_batch);
		p->pfn[p->count++] = (u32)frame_to_pfn(f);
	}
	irqs_restore(flags);
}

struct frame *frame_adopt(struct frame *f, enum frame_type type)
{
	if (WARN_ON(f->type != FRAME_RESERVED || f->refs))
		return NULL;
	__atomic_fetch_add(&frame_total, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&frame_zone_of(frame_to_pfn(f))->managed, 1, __ATOMIC_RELAXED);
	account(0, type, true);
	f->type = (u8)type;
	f->order = 0;
	f->flags = FRAME_F_INITRD;
	f->owner = NULL;
	__atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
	return f;
}

/* --- set aside --- */

u64 frame_aside_count;
static struct {
	u64 pfn, pages;
} aside[ASIDE_MAX]; /* written at boot */
static unsigned int aside_ranges;

bool frame_aside_range(unsigned int i, u64 *pfn, u64 *pages)
{
	if (i >= READ_ONCE(aside_ranges))
		return false;
	*pfn = aside[i].pfn;
	*pages = aside[i].pages;
	return true;
}

void frame_aside_manage(u64 pfn, u64 pages)
{
	struct frame_zone *z = frame_zone_of(pfn); /* all of it: frame_set_aside() */

	if (aside_ranges < ASIDE_MAX) {
		aside[aside_ranges].pfn = pfn;
		aside[aside_ranges++].pages = pages;
	}
	__atomic_fetch_add(&z->managed, pages, __ATOMIC_RELAXED);
	__atomic_fetch_add(&z->aside, pages, __ATOMIC_RELAXED);
	__atomic_fetch_add(&frame_total, pages, __ATOMIC_RELAXED);
	for (u64 end = pfn + pages; pfn < end; pfn++) {
		struct frame *f = pfn_to_frame(pfn);

		f->type = FRAME_FREE_TAIL;
		kasan_poison_frames(f, 0);
	}
}

void frame_aside_free(u64 pfn, s64 pages)
{
	__atomic_fetch_add(&frame_zone_of(pfn)->aside_free, (u64)pages, __ATOMIC_RELAXED);
	__atomic_fetch_add(&frame_aside_count, (u64)pages, __ATOMIC_RELAXED);
}

bool frame_aside_prefer(void)
{
	return READ_ONCE(frame_aside_count) > frame_free_count() || frame_below_low();
}

void frame_aside_start(struct frame *f, enum frame_type type)
{
	account(0, type, true);
	(void)frame_start(frame_to_pfn(f), 0, type, 0);
	f->flags = FRAME_F_CMA;
}

void frame_aside_end(struct frame *f)
{
	ASSERT(!frame_refs(f));
	kasan_poison_frames(f, 0);
	account(0, f->type, false);
	__atomic_store_n(&f->type, (u8)FRAME_FREE_TAIL, __ATOMIC_RELEASE);
}

/* By number, not by owner: right also for a frame that is just being freed. */
struct frame *frame_head(struct frame *f)
{
	if (READ_ONCE(f->type) != FRAME_TAIL)
		return f;
	return pfn_to_frame(frame_to_pfn(f) & ~((1ul << READ_ONCE(f->order)) - 1));
}

bool frame_split(struct frame *f)
{
	unsigned long n = 1ul << f->order;
	u32 one = 1;

	if (!__atomic_compare_exchange_n(&f->refs, &one, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	for (unsigned long i = 1; i < n; i++) {
		f[i].order = 0;
		f[i].flags = f->flags;
		f[i].type = f->type;
		__atomic_store_n(&f[i].refs, 1, __ATOMIC_RELEASE);
	}
	f->order = 0;
	__atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
	return true;
}

void *frame_alloc_virt(unsigned int order, u32 gfp)
{
	struct frame *f = frame_alloc(order, FRAME_KERNEL, gfp);

	return f ? frame_to_virt(f) : NULL;
}

void frame_free_virt(void *va)
{
	if (va)
		frame_put(virt_to_frame(va));
}

void frame_stats(struct frame_stats *out)
{
	memset(out, 0, sizeof(*out));
	out->total = READ_ONCE(frame_total);
	for (unsigned int i = 0; i < ZONES; i++) {
		out->aside += READ_ONCE(frame_zones[i].aside);
		out->aside_free += READ_ONCE(frame_zones[i].aside_free);
	}
	out->free = frame_free_count() + out->aside_free;
	out->min_free = frame_min_free;
	out->descriptors = frame_map_frames;
	for (unsigned int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!cpumask_test(&cpu_possible_mask, cpu))
			continue;
		struct frame_pcp *p = per_cpu_ptr(frame_pcp, cpu);

		out->free += READ_ONCE(p->count);
		out->allocs += READ_ONCE(p->allocs);
		out->frees += READ_ONCE(p->frees);
		for (unsigned int t = 0; t < FRAME_TYPES; t++)
			out->by_type[t] += (u64)READ_ONCE(p->by_type[t]);
	}
}
