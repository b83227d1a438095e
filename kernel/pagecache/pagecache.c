/*
 * The index of a file's pages, and the life of a folio.
 *
 * Folios are found in a radix tree under RCU: load the entry, try to take a reference on its frame,
 * look again.  Neither the folio's memory (SLAB_TYPESAFE_RCU) nor the frame's descriptor ever goes
 * away, so the attempt is harmless on one that has just died.  The reference count is the frame's;
 * the last put frees both.
 *
 * Truncation takes folios out first and unmaps afterwards; a fault maps first and then looks
 * whether the folio is still in the cache (folio->cache), undoing what it did if not.  So neither
 * waits for the other.
 */
#include "pagecache_impl.h"

#include <asm/cpu.h>
#include <asm/pagemem.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/list.h>
#include <kern/string.h>
#include <kernel/cma/cma.h>
#include <kernel/rcu/rcu.h>
#include <asm/current.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/wait/wait.h>

#define WAIT_TABLE 32u

static struct slab_cache *folio_cache, *node_cache;
static u64 total_pages, memory_pages; /* atomic */
static s64 nr_shadows;		      /* atomic */
static struct wait_queue folio_waits[WAIT_TABLE];
static void (*huge_hook)(struct folio *f) __ro_after_init;
static void (*unmap_hook)(struct pagecache *pc, u64 first, u64 last, bool even_cow) __ro_after_init;

static struct radix_node *node_alloc(void)
{
	return slab_alloc(node_cache, GFP_ATOMIC);
}

static void node_free(struct radix_node *n)
{
	slab_free(node_cache, n);
}

static void node_free_rcu(struct rcu_head *head)
{
	node_free(container_of(head, struct radix_node, rcu));
}

static void node_retire(struct radix_node *n)
{
	rcu_call(&n->rcu, node_free_rcu);
}

static struct radix_node *node_alloc_sleeping(void)
{
	return slab_alloc(node_cache, GFP_KERNEL);
}

const struct radix_ops pagecache_tree_ops = {node_alloc, node_free, node_retire};
const struct radix_ops pagecache_build_ops = {node_alloc_sleeping, node_free, node_free};
const struct radix_ops pagecache_retire_ops = {node_alloc, node_retire, node_retire};

void folio_release(struct frame *f)
{
	struct folio *folio = f->owner;

	if (unlikely(folio && folio->flags & FOLIO_HUGETLB)) {
		huge_hook(folio);
		return;
	}
	if (likely(folio))
		folio_forget(folio);
	if (unlikely(f->flags & FRAME_F_CMA))
		cma_give(f);
	else
		frame_free_final(f);
}

void pagecache_set_huge_hook(void (*unused)(struct folio *f))
{
	huge_hook = unused;
}

static void folio_ctor(void *obj)
{
	memset(obj, 0, sizeof(struct folio));
}

void pagecache_system_init(void)
{
	if (slab_cache_create("folio", sizeof(struct folio), 8, SLAB_TYPESAFE_RCU, folio_ctor,
			      &folio_cache))
		BUG(); /* no file could be read */
	node_cache = slab_cache_create_boot("radix_node", sizeof(struct radix_node),
					    __alignof__(struct radix_node), SLAB_RECLAIM);
	for (unsigned int i = 0; i < WAIT_TABLE; i++)
		wait_queue_init(&folio_waits[i]);
	frame_set_release(FRAME_FOLIO, folio_release);
	pagecache_reclaim_init();
	pagecache_migrate_init();
}

void pagecache_init(struct pagecache *pc, struct inode *host, const struct pagecache_ops *ops,
		    u32 flags)
{
	memset(pc, 0, sizeof(*pc));
	radix_init(&pc->tree, &pagecache_tree_ops);
	spin_init(&pc->lock, LK_PAGECACHE);
	rwsem_init(&pc->invalidate, LK_PAGECACHE_INVALIDATE);
	rwsem_init(&pc->rmap_lock, LK_RMAP);
	list_init(&pc->vmas);
	pc->ops = ops;
	pc->inode = host;
	pc->flags = flags;
}

void pagecache_destroy(struct pagecache *pc)
{
	pagecache_remove_range(pc, 0, ~0ull);
	pagecache_wait_movers(pc);
	WARN_ON(!list_empty(&pc->vmas));
}

u64 pagecache_total_pages(void)
{
	return __atomic_load_n(&total_pages, __ATOMIC_RELAXED);
}

u64 pagecache_memory_pages(void)
{
	return __atomic_load_n(&memory_pages, __ATOMIC_RELAXED);
}

void pagecache_count(struct pagecache *pc, s64 n)
{
	if (unlikely(pc->flags & PAGECACHE_HUGETLB))
		return; /* memory of a pool, whose figures say so */
	__atomic_fetch_add(&total_pages, (u64)n, __ATOMIC_RELAXED);
	if (pc->flags & PAGECACHE_MEMORY)
		__atomic_fetch_add(&memory_pages, (u64)n, __ATOMIC_RELAXED);
}

/* --- folios --- */

struct folio *folio_get(struct folio *f)
{
	frame_get(f->frame);
	return f;
}

void folio_put(struct folio *f)
{
	if (f)
		frame_put(f->frame);
}

struct folio *folio_for(struct frame *frame)
{
	struct folio *f = slab_alloc(folio_cache, GFP_KERNEL);

	if (!f)
		return NULL;
	f->frame = frame;
	f->cache = NULL;
	f->index = 0;
	f->flags = 0;
	f->order = frame ? frame->order : 0;
	f->private_data = NULL;
	list_init(&f->lru);
	if (frame)
		__atomic_store_n(&frame->owner, (void *)f, __ATOMIC_RELEASE);
	return f;
}

void folio_forget(struct folio *f)
{
	slab_free(folio_cache, f);
}

/* Consumes the reference. */
static struct folio *folio_around(struct frame *frame)
{
	struct folio *f = folio_for(frame);

	if (unlikely(!f))
		frame_put(frame);
	return f;
}

/* From a contiguous region while ordinary memory is scarcer: single frames only. */
static noinline struct frame *frame_from_region(unsigned int order, u32 gfp, bool *refuse)
{
	struct frame *frame;

	if (!frame_aside_prefer())
		return NULL;
	*refuse = order > 0 && gfp & GFP_TRY;
	frame = order ? NULL : cma_take();
	if (frame && gfp & GFP_ZERO)
		page_clear(frame_to_virt(frame));
	return frame;
}

struct folio *folio_alloc_ordinary(unsigned int order, u32 gfp)
{
	struct frame *frame = frame_alloc(order, FRAME_FOLIO, gfp);

	return frame ? folio_around(frame) : NULL;
}

struct folio *folio_alloc(unsigned int order, u32 gfp)
{
	struct frame *frame = NULL;
	bool refuse = false;

	if (unlikely(READ_ONCE(frame_aside_count)))
		frame = frame_from_region(order, gfp, &refuse);
	if (unlikely(frame))
		return folio_around(frame);
	return refuse ? NULL : folio_alloc_ordinary(order, gfp);
}

struct folio *folio_new_huge(unsigned int order, u32 gfp)
{
	struct folio *f = folio_alloc_ordinary(order, gfp);

	if (f) {
		f->flags = FOLIO_HUGETLB;
		__atomic_store_n(&f->frame->refs, 0, __ATOMIC_RELEASE);
	}
	return f;
}

void folio_free_huge(struct folio *f)
{
	struct frame *frame = f->frame;

	folio_forget(f);
	frame_free_final(frame);
}

void folio_use_huge(struct folio *f)
{
	f->flags = FOLIO_HUGETLB | FOLIO_UPTODATE | FOLIO_UNEVICTABLE;
	__atomic_store_n(&f->frame->refs, 1, __ATOMIC_RELEASE);
}

static struct wait_queue *folio_wait(const struct folio *f)
{
	return &folio_waits[((unsigned long)f >> 7) % WAIT_TABLE];
}

static bool folio_trylock(struct folio *f)
{
	return !(__atomic_fetch_or(&f->flags, FOLIO_LOCKED, __ATOMIC_ACQUIRE) & FOLIO_LOCKED);
}

void folio_lock(struct folio *f)
{
	if (!folio_trylock(f))
		wait_event(folio_wait(f), folio_trylock(f));
}

void folio_unlock(struct folio *f)
{
	__atomic_fetch_and(&f->flags, ~FOLIO_LOCKED, __ATOMIC_RELEASE);
	if (wait_queue_active(folio_wait(f)))
		wake_up_all(folio_wait(f));
}

/* --- the index --- */

/* RCU.  +1 or NULL. */
static __always_inline struct folio *find(struct pagecache *pc, u64 index)
{
	for (;;) {
		struct folio *f = radix_find(&pc->tree, index);

		if (!f || unlikely(radix_is_value(f)))
			return NULL;
		struct frame *frame = READ_ONCE(f->frame);

		/* Is it still the folio of this place, and was the frame its frame? */
		if (likely(frame_tryget(frame))) {
			if (likely(READ_ONCE(f->cache) == pc && f->frame == frame &&
				   folio_covers(f, index)))
				return f;
			frame_put(frame);
		}
		if (unlikely(pagecache_is_moving(pc)))
			return NULL;
		cpu_relax();
	}
}

struct folio *pagecache_find(struct pagecache *pc, u64 index)
{
	rcu_read_lock();
	struct folio *f = find(pc, index);

	rcu_read_unlock();
	return f;
}

struct folio *pagecache_find_settled(struct pagecache *pc, u64 index)
{
	for (;;) {
		u32 moves = pagecache_moves(pc);

		rcu_read_lock();
		struct folio *f = find(pc, index);

		rcu_read_unlock();
		if (likely(f) || pagecache_stayed(pc, moves))
			return f;
		pagecache_wait_moves(pc);
	}
}

bool pagecache_has(struct pagecache *pc, u64 index)
{
	rcu_read_lock();
	const void *e = radix_find(&pc->tree, index);

	rcu_read_unlock();
	return e && !radix_is_value(e);
}

void pagecache_find_batch(struct pagecache *pc, u64 index, unsigned int n, struct folio **out)
{
	struct folio *last = NULL;

	rcu_read_lock();
	for (unsigned int i = 0; i < n; i++) {
		/* More of a large folio: one more reference is all it takes. */
		if (last && folio_covers(last, index + i)) {
			out[i] = folio_get(last);
			continue;
		}
		struct folio *f = find(pc, index + i);

		if (f &&
		    unlikely(!(__atomic_load_n(&f->flags, __ATOMIC_ACQUIRE) & FOLIO_UPTODATE))) {
			folio_put(f);
			f = NULL;
		}
		out[i] = f;
		last = f && f->order ? f : NULL;
	}
	rcu_read_unlock();
}

int pagecache_charge(struct pagecache *pc, u64 pages)
{
	return pc->ops && pc->ops->charge ? pc->ops->charge(pc, pages) : 0;
}

void pagecache_uncharge(struct pagecache *pc, u64 pages)
{
	if (pc->ops && pc->ops->uncharge)
		pc->ops->uncharge(pc, pages);
}

/* LK_PAGECACHE.  Shadows in the folio's place go; *shadow is one of them.  False: a folio is there.
 */
static bool clear_shadows(struct pagecache *pc, u64 index, unsigned int order, void **shadow)
{
	u64 at = index, last = index + (1ul << order) - 1;
	void *e;

	while (at <= last && (e = radix_find_next(&pc->tree, &at, last))) {
		if (!radix_is_value(e))
			return false;
		*shadow = e;
		radix_erase(&pc->tree, at);
		__atomic_fetch_sub(&nr_shadows, 1, __ATOMIC_RELAXED);
	}
	return true;
}

int pagecache_insert(struct pagecache *pc, u64 index, struct folio *f)
{
	void *shadow = NULL;
	struct radix_reserve r = {0};
	int err;

	f->index = index;
	frame_get(f->frame);
	if (pc->flags & PAGECACHE_MEMORY)
		f->flags |= FOLIO_UNEVICTABLE;
	for (;;) {
		unsigned long irq = spin_lock_irqsave(&pc->lock);

		WRITE_ONCE(f->cache, pc);
		err = unlikely(pc->moves & 1) ? -EAGAIN
					      : radix_insert(&pc->tree, index, f->order, f, &r);
		if (unlikely(err == -EEXIST) && clear_shadows(pc, index, f->order, &shadow))
			err = radix_insert(&pc->tree, index, f->order, f, &r);
		if (err)
			WRITE_ONCE(f->cache, NULL);
		else
			pc->nr_pages += 1ul << f->order;
		spin_unlock_irqrestore(&pc->lock, irq);
		if (unlikely(err == -EAGAIN)) {
			pagecache_wait_moves(pc);
			continue;
		}
		if (err != -ENOMEM)
			break;
		if (radix_reserve_fill(&r, &pagecache_tree_ops))
			break;
	}
	if (r.count)
		radix_reserve_drop(&r, &pagecache_tree_ops);
	if (err) {
		frame_put(f->frame);
		return err;
	}
	pagecache_count(pc, 1l << f->order);
	if (unlikely(shadow))
		shadow_refault(f, shadow);
	folio_lru_add(f);
	return 0;
}

static struct folio *take_out(struct pagecache *pc, u64 *index, u64 first, u64 last)
{
	unsigned long irq = spin_lock_irqsave(&pc->lock);
	struct folio *f = radix_find_next(&pc->tree, index, last);

	while (f &&
	       (radix_is_value(f) || f->index < first || f->index + (1ul << f->order) - 1 > last)) {
		if (radix_is_value(f)) {
			radix_erase(&pc->tree, *index);
			__atomic_fetch_sub(&nr_shadows, 1, __ATOMIC_RELAXED);
			++*index;
		} else {
			*index = f->index + (1ul << f->order);
		}
		f = *index && *index <= last ? radix_find_next(&pc->tree, index, last) : NULL;
	}
	if (f) {
		radix_erase(&pc->tree, f->index);
		WRITE_ONCE(f->cache, NULL);
		pc->nr_pages -= 1ul << f->order;
	}
	spin_unlock_irqrestore(&pc->lock, irq);
	return f;
}

void pagecache_remove_range(struct pagecache *pc, u64 first, u64 last)
{
	u64 removed = 0, index = first;
	struct folio *f;

	while (index <= last && !radix_empty(&pc->tree) &&
	       (f = take_out(pc, &index, first, last))) {
		u64 pages = 1ul << f->order;

		index = f->index + pages;
		removed += pages;
		folio_lru_del(f);
		folio_put(f);
		if (!index)
			break;
	}
	if (removed) {
		pagecache_count(pc, -(s64)removed);
		pagecache_uncharge(pc, removed);
	}
}

/*
 * LK_PAGECACHE.  An evicted folio goes and leaves a shadow, if there are not more of these than of
 * pages already: nodes of the tree are memory too.
 */
static void leave(struct pagecache *pc, struct folio *f)
{
	if (f->order || __atomic_load_n(&nr_shadows, __ATOMIC_RELAXED) > (s64)total_pages + 1024) {
		radix_erase(&pc->tree, f->index);
		return;
	}
	__atomic_fetch_add(&nr_shadows, 1, __ATOMIC_RELAXED);
	radix_replace(&pc->tree, f->index, shadow_make(f));
}

/* RCU.  Reclaim: takes @f out if only the cache refers to it and its contents exist elsewhere. */
bool pagecache_try_evict(struct folio *f)
{
	struct pagecache *pc = READ_ONCE(f->cache);
	u32 one = 1;

	if (!pc || f->flags & (FOLIO_UNEVICTABLE | FOLIO_DIRTY | FOLIO_LOCKED | FOLIO_WRITEBACK))
		return false;
	unsigned long irq = spin_lock_irqsave(&pc->lock);
	bool ours =
		f->cache == pc && __atomic_compare_exchange_n(&f->frame->refs, &one, 0, false,
							      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);

	if (ours) {
		leave(pc, f);
		f->cache = NULL;
		pc->nr_pages -= 1ul << f->order;
	}
	spin_unlock_irqrestore(&pc->lock, irq);
	if (!ours)
		return false;
	folio_lru_del(f);
	pagecache_count(pc, -(1l << f->order));
	pagecache_uncharge(pc, 1ul << f->order);
	folio_release(f->frame);
	return true;
}

/* --- making --- */

void pagecache_wait_moves(struct pagecache *pc)
{
	rwsem_read_lock(&pc->invalidate);
	rwsem_read_unlock(&pc->invalidate);
}

/* Reads @f in unless somebody has meanwhile.  Memory that was reserved only is zeroed now. */
static int read_in(struct pagecache *pc, struct folio *f)
{
	int err = 0;

	folio_lock(f);
	if (READ_ONCE(f->cache) != pc)
		err = -EAGAIN;
	else if (f->flags & FOLIO_UPTODATE)
		err = 0;
	else if (pc->ops && pc->ops->read_folio)
		err = pc->ops->read_folio(pc, f);
	else
		memset(frame_to_virt(f->frame), 0, PAGE_SIZE << f->order);
	if (!err)
		__atomic_fetch_or(&f->flags, FOLIO_UPTODATE, __ATOMIC_RELEASE);
	folio_unlock(f);
	return err;
}

static int make(struct pagecache *pc, u64 index, struct folio **out)
{
	bool read = pc->ops && pc->ops->read_folio;
	int err = pc->flags & PAGECACHE_HUGETLB ? -EINVAL : pagecache_charge(pc, 1);

	if (err)
		return err;
	struct folio *f = folio_alloc(0, GFP_USER | (read ? 0 : GFP_ZERO));

	if (!f) {
		pagecache_uncharge(pc, 1);
		return -ENOMEM;
	}
	if (!read)
		f->flags = FOLIO_UPTODATE;
	err = pagecache_insert(pc, index, f);
	if (err) {
		folio_put(f);
		pagecache_uncharge(pc, 1);
		return err;
	}
	*out = f;
	return 0;
}

int pagecache_get(struct pagecache *pc, u64 index, bool for_write, struct folio **out)
{
	(void)for_write;
	for (;;) {
		struct folio *f = pagecache_find(pc, index);
		int err = 0;

		if (!f)
			err = make(pc, index, &f);
		if (!err &&
		    unlikely(!(__atomic_load_n(&f->flags, __ATOMIC_ACQUIRE) & FOLIO_UPTODATE))) {
			err = read_in(pc, f);
			if (err)
				folio_put(f);
		}
		if (unlikely(err == -EEXIST || err == -EAGAIN)) {
			if (pagecache_is_moving(pc))
				pagecache_wait_moves(pc);
			continue;
		}
		if (!err)
			*out = f;
		return err;
	}
}

struct folio *pagecache_new(void)
{
	return folio_alloc(0, GFP_USER);
}

int pagecache_publish(struct pagecache *pc, u64 index, struct folio *f)
{
	int err = pagecache_charge(pc, 1);

	if (err)
		return err;
	f->flags = FOLIO_UPTODATE;
	err = pagecache_insert(pc, index, f);
	if (err)
		pagecache_uncharge(pc, 1);
	return err;
}

/* One folio of memory to come, as large as the place allows: pages, or -errno. */
static s64 reserve_one(struct pagecache *pc, u64 index, u64 pages)
{
	unsigned int order = 0;

	if (pc->flags & PAGECACHE_HUGE && pages > 1)
		order = min3(FOLIO_ORDER_MAX, (unsigned int)__fls(pages),
			     index ? (unsigned int)__ffs(index) : FOLIO_ORDER_MAX);
	for (;; order = 0) {
		int err = pagecache_charge(pc, 1ul << order);

		if (!err) {
			struct folio *f = folio_alloc(order, GFP_USER | (order ? GFP_TRY : 0));

			err = f ? pagecache_insert(pc, index, f) : -ENOMEM;
			folio_put(f);
			if (!err)
				return 1l << order;
			pagecache_uncharge(pc, 1ul << order);
		}
		if (!order)
			return err == -EEXIST ? 1 : err;
	}
}

int pagecache_reserve(struct pagecache *pc, u64 first, u64 last, u64 *done)
{
	for (*done = first; *done <= last;) {
		struct folio *f = pagecache_find(pc, *done);
		s64 n;

		if (f) {
			*done = f->index + (1ul << f->order);
			folio_put(f);
			continue;
		}
		n = signal_fatal_pending(current) ? -EINTR
						  : reserve_one(pc, *done, last - *done + 1);
		if (n < 0)
			return (int)n;
		*done += (u64)n;
	}
	return 0;
}

int pagecache_adopt(struct pagecache *pc, u64 index, struct frame *frame)
{
	int err = pagecache_charge(pc, 1);

	if (err)
		return err;
	if (frame->type == FRAME_RESERVED && !frame_adopt(frame, FRAME_FOLIO)) {
		pagecache_uncharge(pc, 1);
		return -EINVAL;
	}
	struct folio *f = folio_for(frame);

	if (!f) {
		pagecache_uncharge(pc, 1);
		return -ENOMEM;
	}
	f->flags = FOLIO_UPTODATE;
	err = pagecache_insert(pc, index, f);
	if (err)
		pagecache_uncharge(pc, 1);
	folio_put(f);
	return err;
}

/* --- unmapping --- */

void pagecache_set_unmap_hook(void (*hook)(struct pagecache *pc, u64 first, u64 last,
					   bool even_cow))
{
	unmap_hook = hook;
}

void pagecache_unmap_range(struct pagecache *pc, u64 first, u64 last, bool even_cow)
{
	if (unmap_hook && !list_empty(&pc->vmas))
		unmap_hook(pc, first, last, even_cow);
}

/* Zeroes [from, to), which lies in one folio, if there is something. */
static void zero_inside(struct pagecache *pc, struct folio *f, u64 from, u64 to)
{
	if (!(f->flags & FOLIO_UPTODATE))
		return;
	char *p = frame_to_virt(folio_frame(f, from >> PAGE_SHIFT));

	memset(p + (from & ~PAGE_MASK), 0, to - from);
	if (!(pc->flags & PAGECACHE_MEMORY))
		__atomic_fetch_or(&f->flags, FOLIO_DIRTY, __ATOMIC_RELAXED);
}

void pagecache_zero(struct pagecache *pc, loff_t start, loff_t end)
{
	u64 at = (u64)start, to = (u64)end;

	while (at < to) {
		u64 index = at >> PAGE_SHIFT;
		u32 moves = pagecache_moves(pc);

		rcu_read_lock();
		bool more = radix_find_next(&pc->tree, &index, (to - 1) >> PAGE_SHIFT);
		struct folio *f = more ? find(pc, index) : NULL;

		rcu_read_unlock();
		if (!more)
			return;
		at = max(at, index << PAGE_SHIFT);
		if (!f) {
			if (pagecache_stayed(pc, moves))
				at = (index + 1) << PAGE_SHIFT; /* just gone, or evicted */
			else
				pagecache_wait_moves(pc); /* not gone: on its way */
			continue;
		}
		u64 stop = min(to, (f->index + (1ul << f->order)) << PAGE_SHIFT);

		zero_inside(pc, f, at, stop);
		folio_put(f);
		at = stop;
	}
}

/* What a range leaves behind of folios that it cuts: zeroes. */
static void remove_pages(struct pagecache *pc, u64 first, u64 last, bool even_cow)
{
	pagecache_split_edges(pc, first, last);
	pagecache_remove_range(pc, first, last);
	pagecache_unmap_range(pc, first, last, even_cow);
}

void pagecache_truncate(struct pagecache *pc, loff_t new_size)
{
	u64 size = (u64)new_size, first = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	/* Who goes by the old size puts his page there before it is looked for. */
	if (pc->flags & PAGECACHE_MEMORY) {
		rwsem_write_lock(&pc->invalidate);
		rwsem_write_unlock(&pc->invalidate);
	}
	if (size & ~PAGE_MASK)
		pagecache_zero(pc, new_size, (loff_t)(first << PAGE_SHIFT));
	if (radix_empty(&pc->tree))
		return;
	remove_pages(pc, first, ~0ull, true);
}

void pagecache_punch(struct pagecache *pc, loff_t start, loff_t end)
{
	u64 s = (u64)start, e = (u64)end;

	if (s >= e)
		return;
	u64 first = (s + PAGE_SIZE - 1) >> PAGE_SHIFT, after = e >> PAGE_SHIFT;

	if (s & ~PAGE_MASK)
		pagecache_zero(pc, start, (loff_t)min(e, first << PAGE_SHIFT));
	if (e & ~PAGE_MASK && (s >> PAGE_SHIFT != after || !(s & ~PAGE_MASK)))
		pagecache_zero(pc, (loff_t)max(s, after << PAGE_SHIFT), end);
	if (first >= after)
		return;
	remove_pages(pc, first, after - 1, false);
}
