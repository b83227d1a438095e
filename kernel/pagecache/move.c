/*
 * Folios that change places: splitting a large one, collapsing and inserting ranges.
 *
 * While that goes on pc->moves is odd and pc->invalidate is held for writing.  Nobody else changes
 * the tree then: writers are kept out by the inode's lock, whoever wants to add a folio waits on
 * invalidate.  Lookups go on; one that meets a folio that is not in its place finds nothing, and
 * whoever would take that for a hole looks at pc->moves and waits too.
 * Mappings that were made meanwhile are zapped at the end, or undone by their fault, which looks at
 * the folio's place after it has made the entry.
 *
 * A range is moved by building the new tree beside the old one: memory may run out until it is
 * complete, and then nothing has happened.  No contents are copied.
 */
#include "pagecache_impl.h"

#include <asm/current.h>
#include <asm/pagemem.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>

#define FREEZE_TRIES 20
#define FREEZE_WAIT_NS (NSEC_PER_MSEC)

static void moves_step(struct pagecache *pc)
{
	unsigned long irq = spin_lock_irqsave(&pc->lock);

	__atomic_store_n(&pc->moves, pc->moves + 1, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&pc->lock, irq);
}

void pagecache_moves_begin(struct pagecache *pc)
{
	rwsem_write_lock(&pc->invalidate);
	moves_step(pc);
}

void pagecache_moves_end(struct pagecache *pc)
{
	moves_step(pc);
	rwsem_write_unlock(&pc->invalidate);
}

/* --- splitting --- */

struct parts {
	unsigned int count;
	struct folio *folio[];
};

static void parts_drop(struct parts *p)
{
	for (unsigned int i = 0; i < p->count; i++) {
		if (p->folio[i]->frame)
			folio_put(p->folio[i]);
		else
			folio_forget(p->folio[i]);
	}
	kvfree(p);
}

/* Our reference is the only one, and nobody can get another.  Brief ones are waited for. */
static bool freeze(struct frame *f)
{
	for (int i = 0; i < FREEZE_TRIES; i++) {
		u32 one = 1;

		if (__atomic_compare_exchange_n(&f->refs, &one, 0, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return true;
		(void)!sched_sleep_until(time_mono_ns() + FREEZE_WAIT_NS, TASK_UNINTERRUPTIBLE);
	}
	return false;
}

/* @f is frozen: its frames become those of the parts. */
static void cut(struct folio *f, struct parts *p)
{
	struct frame *head = f->frame;

	for (unsigned int i = 0; i < p->count; i++) {
		struct frame *fr = head + i;

		p->folio[i]->frame = fr;
		fr->order = 0;
		fr->flags = 0;
		fr->owner = p->folio[i];
		fr->type = FRAME_FOLIO;
		__atomic_store_n(&fr->refs, 1, __ATOMIC_RELEASE);
	}
}

/* Somebody keeps @f's memory (a pipe): the parts get copies. */
static int copy_parts(struct folio *f, struct parts *p)
{
	for (unsigned int i = 0; i < p->count; i++) {
		struct frame *fr = frame_alloc(0, FRAME_FOLIO, GFP_USER);

		if (!fr)
			return -ENOMEM;
		page_copy(frame_to_virt(fr), frame_to_virt(f->frame + i));
		fr->owner = p->folio[i];
		p->folio[i]->frame = fr;
	}
	return 0;
}

static struct parts *parts_for(const struct folio *f)
{
	struct parts *p = kvmalloc(sizeof(*p) + (sizeof(f) << f->order), GFP_KERNEL);

	if (!p)
		return NULL;
	for (p->count = 0; p->count < 1u << f->order; p->count++) {
		struct folio *part = folio_for(NULL);

		if (!part) {
			parts_drop(p);
			return NULL;
		}
		part->order = 0;
		part->flags = f->flags & (FOLIO_UPTODATE | FOLIO_UNEVICTABLE);
		p->folio[p->count] = part;
	}
	return p;
}

static void put_parts(struct pagecache *pc, struct folio *f, struct parts *p,
		      struct radix_reserve *r)
{
	u64 index = f->index;

	for (unsigned int i = 0; i < p->count; i++) {
		unsigned long irq = spin_lock_irqsave(&pc->lock);

		if (!i)
			radix_erase(&pc->tree, index);
		p->folio[i]->index = index + i;
		WRITE_ONCE(p->folio[i]->cache, pc);
		BUG_ON(radix_insert(&pc->tree, index + i, 0, p->folio[i], r));
		spin_unlock_irqrestore(&pc->lock, irq);
	}
}

/* Folios change places, @f is one of the tree.  -ENOMEM: it is as before. */
static int split(struct pagecache *pc, struct folio *f)
{
	struct radix_reserve r = {0};
	struct parts *p = parts_for(f);
	bool frozen;

	if (!p)
		return -ENOMEM;
	if (radix_reserve_fill(&r, &pagecache_tree_ops))
		goto nomem;
	WRITE_ONCE(f->cache, NULL);
	smp_mb();
	pagecache_unmap_range(pc, f->index, f->index + p->count - 1, false);
	frozen = freeze(f->frame);
	if (frozen)
		cut(f, p);
	else if (copy_parts(f, p))
		goto back;
	put_parts(pc, f, p, &r);
	radix_reserve_drop(&r, &pagecache_tree_ops);
	if (frozen)
		folio_forget(f);
	else
		folio_put(f);
	kvfree(p);
	return 0;
back:
	WRITE_ONCE(f->cache, pc);
nomem:
	radix_reserve_drop(&r, &pagecache_tree_ops);
	parts_drop(p);
	return -ENOMEM;
}

/* The large folio of which some is in front of @index and some is not. */
static struct folio *cut_by(struct pagecache *pc, u64 index)
{
	struct folio *f;

	rcu_read_lock();
	f = radix_find(&pc->tree, index);
	/* Only who holds the inode's lock takes large folios out: it stays. */
	if (f && (radix_is_value(f) || !READ_ONCE(f->order) || f->index == index))
		f = NULL;
	rcu_read_unlock();
	return f;
}

/* Without memory to split it, what goes of a folio becomes zeroes and stays. */
static void split_at(struct pagecache *pc, u64 index, u64 first, u64 last)
{
	struct folio *f = cut_by(pc, index);

	if (!f || !split(pc, f))
		return;
	u64 from = max(first, f->index), to = min(last, f->index + (1ul << f->order) - 1);

	pagecache_unmap_range(pc, from, to, false);
	pagecache_zero(pc, (loff_t)(from << PAGE_SHIFT), (loff_t)((to + 1) << PAGE_SHIFT));
}

void pagecache_split_edges(struct pagecache *pc, u64 first, u64 last)
{
	if (likely(!cut_by(pc, first) && (last == ~0ull || !cut_by(pc, last + 1))))
		return;
	pagecache_moves_begin(pc);
	split_at(pc, first, first, last);
	if (last != ~0ull)
		split_at(pc, last + 1, first, last);
	pagecache_moves_end(pc);
}

/* --- ranges --- */

struct shift {
	struct pagecache *pc;
	u64 first, pages; /* what goes, or the hole to come */
	bool down;
};

/* Where a folio at @index belongs afterwards; false: nowhere. */
static bool new_place(const struct shift *s, u64 index, u64 *out)
{
	*out = index;
	if (index < s->first)
		return true;
	if (s->down && index < s->first + s->pages)
		return false;
	*out = s->down ? index - s->pages : index + s->pages;
	return true;
}

/* Calls fn for each folio from @index on until it returns non-zero; fn may replace the folio. */
static int each_folio(struct shift *s, u64 index,
		      int (*fn)(struct shift *s, struct folio *f, void *ctx), void *ctx)
{
	struct folio *f;

	for (;;) {
		rcu_read_lock();
		f = radix_find_next(&s->pc->tree, &index, ~0ull);
		rcu_read_unlock();
		if (!f)
			return 0;
		u64 next = f->index + (1ul << f->order);
		int err = fn(s, f, ctx);

		if (err)
			return err;
		index = next;
	}
}

/* Large folios that the range cuts, or whose new place is not a multiple of their size. */
static int fit_one(struct shift *s, struct folio *f, void *ctx)
{
	u64 end = f->index + (1ul << f->order), place;

	(void)ctx;
	if (signal_fatal_pending(current))
		return -EINTR;
	if (!f->order)
		return 0;
	bool cut_here = (f->index < s->first && end > s->first) ||
			(s->down && f->index < s->first + s->pages && end > s->first + s->pages);

	if (!cut_here && (!new_place(s, f->index, &place) || !(place & ((1ul << f->order) - 1))))
		return 0;
	return split(s->pc, f);
}

static int build_one(struct shift *s, struct folio *f, void *ctx)
{
	u64 place;

	if (signal_fatal_pending(current))
		return -EINTR;
	if (!new_place(s, f->index, &place))
		return 0;
	return radix_insert(ctx, place, f->order, f, NULL);
}

/* Chains what goes by private_data, gives the rest its place. */
static int place_one(struct shift *s, struct folio *f, void *ctx)
{
	struct folio **gone = ctx;
	u64 place;

	if (new_place(s, f->index, &place)) {
		WRITE_ONCE(f->index, place);
		return 0;
	}
	WRITE_ONCE(f->cache, NULL);
	f->private_data = *gone;
	*gone = f;
	return 0;
}

/* The new tree takes the old one's place; readers may still be in the old nodes. */
static void swap_trees(struct pagecache *pc, struct radix_tree *new, u64 removed)
{
	struct radix_tree old;
	unsigned long irq = spin_lock_irqsave(&pc->lock);

	old = (struct radix_tree){.root = pc->tree.root, .ops = &pagecache_retire_ops};
	pc->tree.root_tags = new->root_tags;
	rcu_assign_pointer(pc->tree.root, new->root);
	pc->nr_pages -= removed;
	spin_unlock_irqrestore(&pc->lock, irq);
	radix_destroy(&old);
}

static void put_gone(struct folio *gone)
{
	while (gone) {
		struct folio *next = gone->private_data;

		folio_put(gone);
		gone = next;
	}
}

static int shift(struct shift *s)
{
	struct pagecache *pc = s->pc;
	struct radix_tree tree;
	struct folio *gone = NULL;
	u64 pages = 0;

	radix_init(&tree, &pagecache_build_ops);
	pagecache_moves_begin(pc);
	int err = each_folio(s, 0, fit_one, NULL);

	if (!err)
		err = each_folio(s, 0, build_one, &tree);
	if (err) {
		radix_destroy(&tree);
		pagecache_moves_end(pc);
		return err;
	}
	/* From here on nothing fails. */
	(void)!each_folio(s, s->first, place_one, &gone);
	for (struct folio *f = gone; f; f = f->private_data)
		pages += 1ul << f->order;
	swap_trees(pc, &tree, pages);
	smp_mb();
	pagecache_unmap_range(pc, s->first, ~0ull, false);
	pagecache_moves_end(pc);
	put_gone(gone);
	if (pages) {
		pagecache_count(pc, -(s64)pages);
		pagecache_uncharge(pc, pages);
	}
	return 0;
}

int pagecache_collapse(struct pagecache *pc, u64 first, u64 pages)
{
	struct shift s = {pc, first, pages, true};

	return shift(&s);
}

int pagecache_make_hole(struct pagecache *pc, u64 first, u64 pages)
{
	struct shift s = {pc, first, pages, false};

	return shift(&s);
}
