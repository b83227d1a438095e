/*
 * The index of a file's contents and the life of folios.
 *
 * A folio's references are those of its head frame: one of the cache while it is in the tree, one for each
 * user mapping, one for each who found it.  Lookups run under RCU: take a reference if the frame still has
 * one, then look whether the folio is still this cache's; folios are in type-safe memory.
 */
#include <kernel/pagecache/pagecache_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/mm/mm.h>
#include <kernel/rcu/rcu.h>
#include <kernel/slab/slab.h>
#include <kernel/wait/wait.h>

static struct slab_cache *folio_cache, *node_cache;
static s64 total_pages, memory_pages;		/* atomic */

/* Waiters for a locked folio; few wait ever, so they share. */
#define LOCK_QUEUES 16
static struct wait_queue lock_queues[LOCK_QUEUES];

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

static const struct radix_ops tree_ops = {
	.alloc = node_alloc,
	.free = node_free,
	.retire = node_retire,
};

static void folio_release(struct frame *frame)
{
	struct folio *f = frame->owner;

	slab_free(folio_cache, f);
}

void pagecache_system_init(void)
{
	folio_cache = SLAB_CACHE_BOOT(folio, SLAB_TYPESAFE_RCU);
	node_cache = SLAB_CACHE_BOOT(radix_node, 0);
	for (unsigned int i = 0; i < LOCK_QUEUES; i++)
		wait_queue_init(&lock_queues[i]);
	frame_set_release(FRAME_FOLIO, folio_release);
}

void pagecache_init(struct pagecache *pc, struct inode *host, const struct pagecache_ops *ops, u32 flags)
{
	memset(pc, 0, sizeof(*pc));
	radix_init(&pc->tree, &tree_ops);
	spin_init(&pc->lock, LK_PAGECACHE);
	rwsem_init(&pc->invalidate, LK_PAGECACHE_INVALIDATE);
	rwsem_init(&pc->rmap_lock, LK_RMAP);
	list_init(&pc->vmas);
	pc->ops = ops;
	pc->inode = host;
	pc->flags = flags;
}

/* ---- folios ---- */

struct folio *folio_get(struct folio *f)
{
	frame_get(f->frame);
	return f;
}

void folio_put(struct folio *f)
{
	frame_put(f->frame);
}

static struct wait_queue *lock_queue(const struct folio *f)
{
	return &lock_queues[((unsigned long)f >> 7) % LOCK_QUEUES];
}

static bool folio_trylock(struct folio *f)
{
	return !(__atomic_fetch_or(&f->flags, FOLIO_LOCKED, __ATOMIC_ACQUIRE) & FOLIO_LOCKED);
}

void folio_lock(struct folio *f)
{
	if (!folio_trylock(f))
		wait_event(lock_queue(f), folio_trylock(f));
}

void folio_unlock(struct folio *f)
{
	__atomic_fetch_and(&f->flags, ~FOLIO_LOCKED, __ATOMIC_RELEASE);
	if (wait_queue_active(lock_queue(f)))
		wake_up_all(lock_queue(f));
}

static int folio_create(struct frame *frame, u64 index, u32 flags, struct folio **out)
{
	struct folio *f = slab_alloc(folio_cache, GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->frame = frame;
	f->cache = NULL;
	f->index = index;
	f->flags = flags;
	f->mapcount = 0;
	f->order = 0;
	list_init(&f->lru);
	f->private_data = NULL;
	frame->owner = f;
	*out = f;
	return 0;
}

static void count_pages(struct pagecache *pc, s64 n)
{
	pc->nr_pages += (u64)n;
	__atomic_fetch_add(&total_pages, n, __ATOMIC_RELAXED);
	if (pc->flags & PAGECACHE_MEMORY)
		__atomic_fetch_add(&memory_pages, n, __ATOMIC_RELAXED);
}

u64 pagecache_total_pages(void)
{
	return (u64)max_t(s64, READ_ONCE(total_pages), 0);
}

u64 pagecache_memory_pages(void)
{
	return (u64)max_t(s64, READ_ONCE(memory_pages), 0);
}

/* ---- lookups ---- */

struct folio *pagecache_find(struct pagecache *pc, u64 index)
{
	struct folio *f;

	rcu_read_lock();
	for (;;) {
		f = radix_find(&pc->tree, index);
		if (!f)
			break;
		struct frame *frame = READ_ONCE(f->frame);

		if (!frame_tryget(frame))
			continue;
		/* It may have left the cache, and even be another one by now. */
		if (likely(READ_ONCE(f->frame) == frame && READ_ONCE(f->cache) == pc &&
			   f->index == index))
			break;
		frame_put(frame);
	}
	rcu_read_unlock();
	return f;
}

/* Puts a new folio (reference of the caller: the cache's) into the tree.  -EEXIST: another was faster. */
static int folio_insert(struct pagecache *pc, struct folio *f)
{
	struct radix_reserve reserve = { NULL, 0 };
	int err;

	for (;;) {
		spin_lock_irq(&pc->lock);
		f->cache = pc;
		err = radix_insert(&pc->tree, f->index, 0, f, &reserve);
		if (!err)
			count_pages(pc, 1);
		else
			f->cache = NULL;
		spin_unlock_irq(&pc->lock);
		if (err != -ENOMEM || radix_reserve_fill(&reserve, &tree_ops))
			break;
	}
	radix_reserve_drop(&reserve, &tree_ops);
	return err;
}

static int charge(struct pagecache *pc)
{
	return pc->ops && pc->ops->charge ? pc->ops->charge(pc, 1) : 0;
}

static void uncharge(struct pagecache *pc, u64 n)
{
	if (n && pc->ops && pc->ops->uncharge)
		pc->ops->uncharge(pc, n);
}

static int add_frame(struct pagecache *pc, u64 index, struct frame *frame, struct folio **out)
{
	u32 flags = pc->flags & PAGECACHE_MEMORY ? FOLIO_UPTODATE | FOLIO_UNEVICTABLE : 0;
	struct folio *f;
	int err = folio_create(frame, index, flags, &f);

	if (err)
		return err;
	err = folio_insert(pc, f);
	if (err) {
		slab_free(folio_cache, f);
		return err;
	}
	*out = f;
	return 0;
}

/* Not there: makes it.  +1 for the caller. */
static int make(struct pagecache *pc, u64 index, struct folio **out)
{
	struct frame *frame;
	struct folio *f;
	int err = charge(pc);

	if (err)
		return err;
	frame = frame_alloc(0, FRAME_FOLIO, GFP_USER | GFP_ZERO);
	if (!frame) {
		uncharge(pc, 1);
		return -ENOMEM;
	}
	frame_get(frame);
	err = add_frame(pc, index, frame, &f);
	if (!err) {
		*out = f;
		return 0;
	}
	uncharge(pc, 1);
	/* Never was a folio: goes back as plain memory. */
	frame->type = FRAME_KERNEL;
	frame_put(frame);
	frame_put(frame);
	return err;
}

static int read_in(struct pagecache *pc, struct folio *f)
{
	int err = 0;

	folio_lock(f);
	if (!(READ_ONCE(f->flags) & FOLIO_UPTODATE) && pc->ops && pc->ops->read_folio)
		err = pc->ops->read_folio(pc, f);
	if (!err)
		__atomic_fetch_or(&f->flags, FOLIO_UPTODATE, __ATOMIC_RELEASE);
	folio_unlock(f);
	return err;
}

int pagecache_get(struct pagecache *pc, u64 index, bool for_write, struct folio **out)
{
	struct folio *f;

	(void)for_write;
	for (;;) {
		f = pagecache_find(pc, index);
		if (f)
			break;
		int err = make(pc, index, &f);

		if (!err)
			break;
		if (err != -EEXIST)
			return err;
	}
	if (unlikely(!(READ_ONCE(f->flags) & FOLIO_UPTODATE))) {
		int err = read_in(pc, f);

		if (err) {
			folio_put(f);
			return err;
		}
	}
	*out = f;
	return 0;
}

int pagecache_adopt(struct pagecache *pc, u64 index, struct frame *frame)
{
	struct folio *f;
	int err = charge(pc);

	if (err)
		return err;
	frame->type = FRAME_FOLIO;
	err = add_frame(pc, index, frame, &f);
	if (err) {
		uncharge(pc, 1);
		frame->type = FRAME_KERNEL;
		return err;
	}
	__atomic_fetch_or(&f->flags, FOLIO_UPTODATE, __ATOMIC_RELEASE);
	return 0;
}

/* ---- removal ---- */

void pagecache_drop(struct pagecache *pc, u64 first, u64 last)
{
	u64 index = first, gone = 0;

	for (;;) {
		spin_lock_irq(&pc->lock);
		struct folio *f = radix_find_next(&pc->tree, &index, last);

		if (f) {
			radix_erase(&pc->tree, index);
			WRITE_ONCE(f->cache, NULL);
			count_pages(pc, -1);
		}
		spin_unlock_irq(&pc->lock);
		if (!f)
			break;
		folio_put(f);
		gone++;
		if (index++ == last)
			break;
	}
	uncharge(pc, gone);
}

void pagecache_destroy(struct pagecache *pc)
{
	pagecache_drop(pc, 0, ~0ull);
	radix_destroy(&pc->tree);
}
