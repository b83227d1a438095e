/*
 * Reclaim of clean folios whose contents exist elsewhere.  Memory files are not on the lists.
 *
 * Two lists: what was read once is inactive and goes first, what is read again is active.  A folio
 * that is evicted leaves a number in its slot, the count of evictions and activations so far; when
 * it is read again, the difference is how many more inactive folios it would have taken to keep it.
 * If that is no more than are active, it belongs to the working set and comes back active, so that
 * the active list, which a single pass over a large file never enters, gives way to a new one.
 *
 * A folio that is mapped is not evicted.
 */
#include "pagecache_impl.h"

#include <kern/list.h>
#include <kern/math64.h>
#include <kernel/rcu/rcu.h>

#define SHADOW_BITS 61
#define REFILL_BATCH 32u

static struct spinlock lru_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static struct list_head lists[2] = {LIST_HEAD_INIT(lists[0]), LIST_HEAD_INIT(lists[1])};
static u64 pages[2];		       /* lru_lock; [1] is active */
static u64 age;			       /* atomic: evictions and activations */
static struct pagecache_events events; /* atomic counters */

static void add_event(u64 *n, u64 by)
{
	__atomic_fetch_add(n, by, __ATOMIC_RELAXED);
}

void reclaim_count_moves(u64 success, u64 fail)
{
	add_event(&events.migrate_success, success);
	add_event(&events.migrate_fail, fail);
}

void pagecache_events(struct pagecache_events *out)
{
	for (size_t i = 0; i < sizeof(*out) / sizeof(u64); i++)
		((u64 *)out)[i] = __atomic_load_n(&((u64 *)&events)[i], __ATOMIC_RELAXED);
	out->nr_inactive = READ_ONCE(pages[0]);
	out->nr_active = READ_ONCE(pages[1]);
}

static unsigned int list_of(const struct folio *f)
{
	return f->flags & FOLIO_ACTIVE ? 1 : 0;
}

/* lru_lock held. */
static void put_on(struct folio *f, unsigned int list)
{
	list_add_tail(&f->lru, &lists[list]);
	pages[list] += 1ul << f->order;
}

static void take_off(struct folio *f, unsigned int list)
{
	list_del_init(&f->lru);
	pages[list] -= 1ul << f->order;
}

void folio_lru_add(struct folio *f)
{
	if (f->flags & FOLIO_UNEVICTABLE)
		return;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	/* Who took it out of the cache meanwhile has not found it here. */
	if (READ_ONCE(f->cache) && list_empty(&f->lru))
		put_on(f, list_of(f));
	spin_unlock_irqrestore(&lru_lock, irq);
}

void folio_lru_del(struct folio *f)
{
	if (f->flags & FOLIO_UNEVICTABLE)
		return;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	if (!list_empty(&f->lru))
		take_off(f, list_of(f));
	spin_unlock_irqrestore(&lru_lock, irq);
}

void folio_accessed(struct folio *f)
{
	u32 flags = READ_ONCE(f->flags);

	if (!(flags & FOLIO_REFERENCED)) {
		__atomic_fetch_or(&f->flags, FOLIO_REFERENCED, __ATOMIC_RELAXED);
		return;
	}
	if (flags & (FOLIO_ACTIVE | FOLIO_UNEVICTABLE))
		return;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	if (!list_empty(&f->lru) && !(f->flags & FOLIO_ACTIVE)) {
		take_off(f, 0);
		__atomic_fetch_or(&f->flags, FOLIO_ACTIVE, __ATOMIC_RELAXED);
		__atomic_fetch_and(&f->flags, ~FOLIO_REFERENCED, __ATOMIC_RELAXED);
		put_on(f, 1);
		add_event(&events.activate, 1ul << f->order);
		add_event(&age, 1ul << f->order);
	}
	spin_unlock_irqrestore(&lru_lock, irq);
}

/* --- what is left of the evicted --- */

void *shadow_make(const struct folio *f)
{
	u64 now = __atomic_add_fetch(&age, 1ul << f->order, __ATOMIC_RELAXED);

	return radix_value((now & ((1ull << SHADOW_BITS) - 1)) << 1 |
			   !!(f->flags & FOLIO_WORKINGSET));
}

void shadow_refault(struct folio *f, const void *shadow)
{
	u64 v = radix_to_value(shadow), mask = (1ull << SHADOW_BITS) - 1;
	u64 distance = (__atomic_load_n(&age, __ATOMIC_RELAXED) - (v >> 1)) & mask;

	add_event(&events.refault, 1ul << f->order);
	if (distance > READ_ONCE(pages[1]) + READ_ONCE(pages[0]) / 2)
		return;
	f->flags |= FOLIO_ACTIVE;
	add_event(&age, 1ul << f->order);
	add_event(&events.workingset_activate, 1ul << f->order);
	if (v & 1) {
		f->flags |= FOLIO_WORKINGSET;
		add_event(&events.restore, 1ul << f->order);
	}
}

/* --- the scan --- */

/* The oldest of a list, off it, +1; NULL if there is none or it is just dying. */
static struct folio *oldest(unsigned int list)
{
	struct folio *f = NULL;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	if (!list_empty(&lists[list])) {
		f = list_first_entry(&lists[list], struct folio, lru);
		take_off(f, list);
		/* A dying one is left to its killer. */
		if (!frame_tryget(f->frame))
			f = NULL;
	}
	spin_unlock_irqrestore(&lru_lock, irq);
	return f;
}

/* As many inactive as active up to 1 GiB, then fewer: 3 to 1 at 1 GiB, 10 to 1 at 10 GiB. */
static bool inactive_is_low(void)
{
	u64 inactive = READ_ONCE(pages[0]), active = READ_ONCE(pages[1]);
	u64 gib = (inactive + active) >> (30 - PAGE_SHIFT), ratio = 1;

	while ((ratio + 1) * (ratio + 1) <= 10 * gib)
		ratio++;
	return inactive * ratio < active;
}

static void refill_inactive(void)
{
	for (unsigned int i = 0; i < REFILL_BATCH && inactive_is_low(); i++) {
		struct folio *f = oldest(1);

		if (!f)
			return;
		add_event(&events.refill, 1ul << f->order);
		if (!(__atomic_fetch_and(&f->flags, ~FOLIO_REFERENCED, __ATOMIC_RELAXED) &
		      FOLIO_REFERENCED)) {
			__atomic_fetch_and(&f->flags, ~FOLIO_ACTIVE, __ATOMIC_RELAXED);
			__atomic_fetch_or(&f->flags, FOLIO_WORKINGSET, __ATOMIC_RELAXED);
			add_event(&events.deactivate, 1ul << f->order);
		}
		folio_lru_add(f);
		folio_put(f);
	}
}

/*
 * Takes the oldest inactive folio out if it can be: frames freed.  Those of contiguous regions are
 * of no use to who is short of memory.
 */
static u64 evict_oldest(bool background, bool spare_regions)
{
	struct folio *f = oldest(0);

	if (!f)
		return 0;
	u64 n = 1ul << f->order, got = 0;
	const struct frame *frame = f->frame;

	add_event(background ? &events.scan_kswapd : &events.scan_direct, n);
	/* Back first: who takes it out of the cache takes it off the list as well. */
	folio_lru_add(f);
	rcu_read_lock(); /* the cache stays as long as the folio may be in it */
	folio_put(f);
	if (!(spare_regions && frame->flags & FRAME_F_CMA) && pagecache_try_evict(f))
		got = n;
	rcu_read_unlock();
	add_event(background ? &events.steal_kswapd : &events.steal_direct, got);
	return got;
}

u64 pagecache_shrink(u64 want)
{
	u64 got = 0, scan = READ_ONCE(pages[0]) + READ_ONCE(pages[1]);
	bool background = frame_in_kswapd();

	while (got < want && scan--) {
		if (inactive_is_low())
			refill_inactive();
		got += evict_oldest(background, true);
	}
	return got;
}

static u64 size(void)
{
	return READ_ONCE(pages[0]) + READ_ONCE(pages[1]);
}

void pagecache_drop_clean(void)
{
	u64 scan = READ_ONCE(pages[1]);
	struct folio *f;

	while (scan-- && (f = oldest(1))) {
		__atomic_fetch_and(&f->flags, ~FOLIO_ACTIVE, __ATOMIC_RELAXED);
		folio_lru_add(f);
		folio_put(f);
	}
	scan = READ_ONCE(pages[0]);
	while (scan--)
		(void)evict_oldest(false, false);
}

static struct frame_shrinker shrinker = {
	.name = "pagecache", .shrink = pagecache_shrink, .size = size};

void pagecache_reclaim_init(void)
{
	frame_register_shrinker(&shrinker);
}
