/*
 * Reclaim of clean folios whose contents exist elsewhere: a second-chance queue.  Memory files are
 * not on it.
 */
#include "pagecache_impl.h"

#include <kern/list.h>

static struct spinlock lru_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static LIST_HEAD(lru);
static u64 lru_count;

void folio_lru_add(struct folio *f)
{
	if (f->flags & FOLIO_UNEVICTABLE)
		return;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	list_add_tail(&f->lru, &lru);
	lru_count++;
	spin_unlock_irqrestore(&lru_lock, irq);
}

void folio_lru_del(struct folio *f)
{
	if (f->flags & FOLIO_UNEVICTABLE)
		return;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	if (!list_empty(&f->lru)) {
		list_del_init(&f->lru);
		lru_count--;
	}
	spin_unlock_irqrestore(&lru_lock, irq);
}

static struct folio *oldest(void)
{
	struct folio *f = NULL;
	unsigned long irq = spin_lock_irqsave(&lru_lock);

	if (!list_empty(&lru)) {
		f = list_first_entry(&lru, struct folio, lru);
		list_del_init(&f->lru);
		lru_count--;
		/* A reference, so that it stays while it is looked at; a dying one is left to its
		 * killer. */
		if (!frame_tryget(f->frame))
			f = NULL;
	}
	spin_unlock_irqrestore(&lru_lock, irq);
	return f;
}

static u64 shrink(u64 want)
{
	u64 got = 0, scan = READ_ONCE(lru_count);

	while (got < want && scan--) {
		struct folio *f = oldest();

		if (!f)
			continue;
		bool again = __atomic_fetch_and(&f->flags, ~FOLIO_REFERENCED, __ATOMIC_RELAXED) &
			     FOLIO_REFERENCED;
		u64 pages = 1ul << f->order;

		/* Back first: who takes it out of the cache takes it off the queue as well. */
		if (again || frame_refs(f->frame) != 2) {
			folio_lru_add(f);
			folio_put(f);
			continue;
		}
		folio_put(f);
		if (pagecache_try_evict(f))
			got += pages;
	}
	return got;
}

static struct frame_shrinker shrinker = {.name = "pagecache", .shrink = shrink};

void pagecache_reclaim_init(void)
{
	frame_register_shrinker(&shrinker);
}
