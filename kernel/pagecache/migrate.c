/*
 * Moving the contents of frames elsewhere, for kernel/cma.
 *
 * Nobody who moves a folio has anything to do with its file: a pagecache that is on somebody's way
 * is named by a `move` on a list, and pagecache_destroy() waits until none names it.  That the name
 * was written in time is known from the folio, which is still in the cache afterwards.
 *
 * The move itself: while pc->moves is odd (see move.c) the folio leaves lookups (cache is NULL, the
 * tree still has it) and all page tables.  When then the cache and we have the only references, to
 * which the count is compared and set to none, nobody can write to it, nor get another: contents
 * are copied and the tree's entry replaced, under the tree's lock.  Else somebody has it pinned,
 * for now or for long, and it goes back to where it was.  A truncation does not wait for any of
 * this: it takes out what the tree has, and a folio that the tree does not have is left alone.
 *
 * Only single frames are ever in regions, so only these are moved.
 */
#include "pagecache_impl.h"

#include <asm/pagemem.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kernel/cma/cma.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/slab/slab.h>
#include <kernel/wait/wait.h>

#define BATCH 192u /* taken out of page tables together */
#define OUT_TRIES 50

struct move {
	struct list_head link;
	struct pagecache *pc;
};

static struct spinlock moves_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct list_head moves = LIST_HEAD_INIT(moves);
static u32 move_count; /* atomic; changed under moves_lock */
static struct wait_queue moves_wait;

/* The cache that @f, to which we have a reference, is in stays until move_end(); false: none. */
static bool move_begin(struct move *m, const struct folio *f)
{
	spin_lock(&moves_lock);
	m->pc = READ_ONCE(f->cache);
	__atomic_fetch_add(&move_count, 1, __ATOMIC_RELAXED);
	list_add(&m->link, &moves);
	spin_unlock(&moves_lock);
	smp_mb(); /* with pagecache_wait_movers() */
	if (m->pc && READ_ONCE(f->cache) == m->pc)
		return true;
	m->pc = NULL;
	return false;
}

static void move_end(struct move *m)
{
	spin_lock(&moves_lock);
	list_del(&m->link);
	__atomic_fetch_sub(&move_count, 1, __ATOMIC_RELAXED);
	spin_unlock(&moves_lock);
	if (wait_queue_active(&moves_wait))
		wake_up_all(&moves_wait);
}

static bool is_named(const struct pagecache *pc)
{
	struct move *m;
	bool found = false;

	spin_lock(&moves_lock);
	list_for_each_entry (m, &moves, link)
		found = found || m->pc == pc;
	spin_unlock(&moves_lock);
	return found;
}

void pagecache_wait_movers(struct pagecache *pc)
{
	smp_mb(); /* folio->cache was cleared before we look */
	if (unlikely(__atomic_load_n(&move_count, __ATOMIC_RELAXED)))
		wait_event(&moves_wait, !is_named(pc));
}

/* --- one cache's folios --- */

struct batch {
	unsigned int count;
	struct folio **from; /* +1; NULL: not any more */
	struct folio **to;   /* ours */
};

static bool in_tree(struct pagecache *pc, const struct folio *f)
{
	return radix_find(&pc->tree, f->index) == f;
}

/* pc->lock.  Lookups do not find @f from now on. */
static bool hide(struct pagecache *pc, struct folio *f)
{
	if (READ_ONCE(f->cache) != pc || f->order || f->private_data ||
	    READ_ONCE(f->flags) & (FOLIO_LOCKED | FOLIO_WRITEBACK) || !in_tree(pc, f))
		return false;
	WRITE_ONCE(f->cache, NULL);
	return true;
}

/* pc->lock.  False: @from is pinned, or gone. */
static bool replace(struct pagecache *pc, struct folio *from, struct folio *to)
{
	u32 ours = 2; /* the cache's and the mover's */

	if (!in_tree(pc, from))
		return false;
	if (!__atomic_compare_exchange_n(&from->frame->refs, &ours, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED)) {
		WRITE_ONCE(from->cache, pc);
		return false;
	}
	page_copy(frame_to_virt(to->frame), frame_to_virt(from->frame));
	to->index = from->index;
	to->flags = from->flags;
	frame_get(to->frame);
	WRITE_ONCE(to->cache, pc);
	(void)radix_replace(&pc->tree, to->index, to);
	return true;
}

/* How many. */
static unsigned int put_elsewhere(struct pagecache *pc, struct batch *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->count; i++) {
		struct folio *from = b->from[i];

		if (!from)
			continue;
		unsigned long irq = spin_lock_irqsave(&pc->lock);
		bool done = replace(pc, from, b->to[i]);

		spin_unlock_irqrestore(&pc->lock, irq);
		if (!done) {
			folio_lru_add(from); /* left off by who looked at it while it was hidden */
			continue;
		}
		folio_lru_del(from);
		folio_lru_add(b->to[i]);
		folio_release(from->frame);
		folio_put(b->to[i]);
		b->from[i] = b->to[i] = NULL;
		n++;
	}
	return n;
}

/* Takes all of @b out of page tables, a stretch of the file at a time. */
static void unmap(struct pagecache *pc, const struct batch *b)
{
	for (unsigned int i = 0, next; i < b->count; i = next) {
		next = i + 1;
		if (!b->from[i])
			continue;
		u64 first = b->from[i]->index, last = first;

		while (next < b->count && b->from[next] && b->from[next]->index == last + 1) {
			last++;
			next++;
		}
		pagecache_unmap_range(pc, first, last, false);
	}
}

/* All of @b are, or were, of one cache. */
static void move_batch(struct batch *b)
{
	unsigned int hidden = 0, done = 0;
	struct move m;

	if (move_begin(&m, b->from[0])) {
		struct pagecache *pc = m.pc;

		pagecache_moves_begin(pc);
		unsigned long irq = spin_lock_irqsave(&pc->lock);

		for (unsigned int i = 0; i < b->count; i++) {
			if (hide(pc, b->from[i])) {
				hidden++;
				continue;
			}
			folio_put(b->from[i]);
			b->from[i] = NULL;
		}
		spin_unlock_irqrestore(&pc->lock, irq);
		smp_mb(); /* a fault looks at ->cache after it has made its entry */
		if (hidden) {
			unmap(pc, b);
			done = put_elsewhere(pc, b);
		}
		pagecache_moves_end(pc);
	}
	move_end(&m);
	reclaim_count_moves(done, b->count - done);
	for (unsigned int i = 0; i < b->count; i++) {
		folio_put(b->from[i]);
		folio_put(b->to[i]);
	}
	b->count = 0;
}

/* --- ranges of frames --- */

/* The page-cache folio in @frame, +1; NULL: there is none, or it is just being made. */
static struct folio *folio_in(struct frame *frame)
{
	if (READ_ONCE(frame->type) != FRAME_FOLIO || !frame_tryget(frame))
		return NULL;
	struct folio *f = frame->type == FRAME_FOLIO && !frame->order
				  ? __atomic_load_n(&frame->owner, __ATOMIC_ACQUIRE)
				  : NULL;

	if (f && f->frame == frame && READ_ONCE(f->cache))
		return f;
	frame_put(frame);
	return NULL;
}

static void move_all(u64 pfn, u64 end, struct batch *b)
{
	for (; pfn < end; pfn++) {
		struct folio *f = folio_in(pfn_to_frame(pfn));

		if (!f)
			continue;
		struct folio *to = folio_alloc(0, GFP_USER | GFP_NOWARN);

		if (!to) {
			folio_put(f);
			break;
		}
		if (b->count == BATCH ||
		    (b->count && READ_ONCE(b->from[0]->cache) != READ_ONCE(f->cache))) {
			move_batch(b);
			sched_cond_resched();
		}
		b->from[b->count] = f;
		b->to[b->count++] = to;
	}
	if (b->count)
		move_batch(b);
}

static void move_frames(u64 pfn, u64 end)
{
	struct folio **list = kmalloc(2 * BATCH * sizeof(*list));

	if (!list)
		return;
	struct batch b = {.from = list, .to = list + BATCH};

	move_all(pfn, end, &b);
	kfree(list);
}

static void drop_frames(u64 pfn, u64 end)
{
	for (; pfn < end; pfn++) {
		struct folio *f = folio_in(pfn_to_frame(pfn));

		if (!f)
			continue;
		rcu_read_lock(); /* the cache stays as long as the folio may be in it */
		folio_put(f);
		(void)pagecache_try_evict(f);
		rcu_read_unlock();
		if (!(pfn & 255))
			sched_cond_resched();
	}
}

int pagecache_move_out(struct frame *frame)
{
	for (int i = 0; i < OUT_TRIES; i++) {
		struct folio *f = folio_in(frame), *to;

		if (!f)
			return 0;
		to = folio_alloc_ordinary(0, GFP_USER);
		if (!to) {
			folio_put(f);
			return -ENOMEM;
		}
		struct batch b = {.count = 1, .from = &f, .to = &to};

		move_batch(&b);
		sched_yield();
	}
	return -EAGAIN;
}

void pagecache_migrate_init(void)
{
	static const struct cma_mover mover = {.drop = drop_frames, .move = move_frames};

	wait_queue_init(&moves_wait);
	cma_set_mover(&mover);
}
