/*
 * VMAs: their memory, their locks, their tree.
 *
 * The tree (lib/btree) is replaced as a whole by each change, so a lookup under RCU sees one
 * consistent state.  A fault looks a VMA up, takes its read lock (a count that a writer has made
 * negative cannot be taken) and then checks that it still is what was looked for: `attached` and
 * the extent.  VMA memory stays VMA memory (SLAB_TYPESAFE_RCU) and the lock word survives reuse, so
 * the attempt is harmless on a VMA that has died meanwhile.
 *
 * A change of the tree holds mm->lock for writing, write-locks each VMA that it alters or removes,
 * which waits for the faults inside, commits, and bumps mm->seq, on which the per-thread caches
 * depend.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/atomic.h>
#include <kern/bug.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uffd/uffd.h>
#include <kernel/wait/wait.h>

#define WRITER (-(1 << 30))

static struct slab_cache *vma_cache, *node_cache;
static struct wait_queue writers = WAIT_QUEUE_INIT(writers);

/* --- memory --- */

static void vma_ctor(void *obj)
{
	memset(obj, 0, sizeof(struct vma));
}

static struct btree_node *node_alloc(void)
{
	return slab_alloc(node_cache, GFP_KERNEL);
}

static void node_free(struct btree_node *n)
{
	slab_free(node_cache, n);
}

static void node_free_rcu(struct rcu_head *head)
{
	node_free(container_of(head, struct btree_node, rcu));
}

static void node_retire(struct btree_node *n)
{
	rcu_call(&n->rcu, node_free_rcu);
}

const struct btree_ops vma_tree_ops = {node_alloc, node_free, node_retire};

void vma_system_init(void)
{
	if (slab_cache_create("vm_area_struct", sizeof(struct vma), 8, SLAB_TYPESAFE_RCU, vma_ctor,
			      &vma_cache))
		BUG(); /* nothing runs without address spaces */
	node_cache = SLAB_CACHE_BOOT(btree_node, SLAB_ALIGN_CACHELINE);
}

struct vma *vma_alloc(void)
{
	struct vma *v = slab_alloc(vma_cache, GFP_KERNEL);

	if (!v)
		return NULL;
	/* All but the lock word, which a late reader may be using. */
	memset(v, 0, offsetof(struct vma, readers));
	v->has_anon = false;
	v->policy = 0;
	list_init(&v->rmap_link);
	return v;
}

void vma_free(struct vma *v)
{
	slab_free(vma_cache, v);
}

void vma_set_flags(struct vma *v, u64 flags)
{
	pgprot_t p = pgprot_user((unsigned int)(flags & VM_ACCESS));

	v->flags = flags;
	v->pte_bits = p.bits;
}

/* --- writers of a file's pages: what sealing it against writes waits for --- */

static bool writes_cache(const struct vma *v)
{
	return v->cache && (v->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}

bool vma_count_writer(struct vma *v)
{
	return !writes_cache(v) || pagecache_count_writer(v->cache);
}

/* What was written through @v is written: its translations are gone. */
static void uncount_writer(struct vma *v)
{
	if (writes_cache(v))
		pagecache_uncount_writer(v->cache);
}

int vma_clone(const struct vma *v, struct vma **out)
{
	struct vma *n = vma_alloc();

	if (!n)
		return -ENOMEM;
	memcpy(n, v, offsetof(struct vma, readers));
	n->attached = NULL;
	n->has_anon = v->has_anon;
	n->policy = v->policy;
	list_init(&n->rmap_link);
	if (n->file)
		file_get(n->file);
	else if (n->cache)
		mm_shared_get(n->cache);
	/* @v counts, so that this is not the first. */
	if (writes_cache(n))
		__atomic_fetch_add(&n->cache->writable_maps, 1, __ATOMIC_RELAXED);
	if (n->uffd)
		uffd_get(n->uffd);
	if (n->ops && n->ops->open)
		n->ops->open(n);
	*out = n;
	return 0;
}

void vma_release(struct vma *v)
{
	if (v->ops && v->ops->close)
		v->ops->close(v);
	uncount_writer(v);
	if (v->file)
		file_put(v->file);
	else if (v->cache)
		mm_shared_put(v->cache);
	uffd_put(v->uffd);
	vma_free(v);
}

/* --- locks --- */

bool vma_read_trylock(struct vma *v)
{
	s32 n = __atomic_load_n(&v->readers, __ATOMIC_RELAXED);

	do {
		if (unlikely(n < 0))
			return false;
	} while (!__atomic_compare_exchange_n(&v->readers, &n, n + 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

void vma_read_unlock(struct vma *v)
{
	if (unlikely(__atomic_sub_fetch(&v->readers, 1, __ATOMIC_RELEASE) == WRITER))
		wake_up_all(&writers);
}

bool vma_write_trylock(struct vma *v)
{
	s32 free = 0;

	return __atomic_compare_exchange_n(&v->readers, &free, WRITER, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

void vma_write_lock(struct vma *v)
{
	if (likely(vma_write_trylock(v)))
		return;
	__atomic_fetch_add(&v->readers, WRITER, __ATOMIC_ACQ_REL);
	wait_event(&writers, __atomic_load_n(&v->readers, __ATOMIC_ACQUIRE) == WRITER);
}

void vma_write_unlock(struct vma *v)
{
	__atomic_fetch_sub(&v->readers, WRITER, __ATOMIC_RELEASE);
}

/* --- reverse map --- */

void vma_rmap_add(struct vma *v)
{
	struct pagecache *pc = v->cache;

	if (!pc)
		return;
	rwsem_write_lock(&pc->rmap_lock);
	list_add_tail(&v->rmap_link, &pc->vmas);
	rwsem_write_unlock(&pc->rmap_lock);
}

void vma_rmap_del(struct vma *v)
{
	struct pagecache *pc = v->cache;

	if (!pc || list_empty(&v->rmap_link))
		return;
	rwsem_write_lock(&pc->rmap_lock);
	list_del_init(&v->rmap_link);
	rwsem_write_unlock(&pc->rmap_lock);
}

/* --- lookup --- */

struct vma *vma_find(struct mm *mm, u64 addr)
{
	return btree_find(&mm->vmas, addr, NULL);
}

struct vma *vma_at(struct mm *mm, u64 addr)
{
	return btree_at(&mm->vmas, addr, NULL);
}

struct vma *vma_next(struct mm *mm, const struct vma *vma)
{
	return btree_find(&mm->vmas, vma->end, NULL);
}

struct vma *vma_prev(struct mm *mm, const struct vma *vma)
{
	return btree_before(&mm->vmas, vma->start, NULL);
}

/* --- merging --- */

/* Flags that do not keep neighbours apart. */
#define VM_MERGE_IGNORE VM_SOFTDIRTY

bool vma_can_merge(const struct vma *a, const struct vma *b)
{
	if (a->end != b->start || (a->flags ^ b->flags) & ~VM_MERGE_IGNORE)
		return false;
	if (a->file != b->file || a->cache != b->cache || a->ops != b->ops ||
	    a->private_data != b->private_data || a->policy != b->policy || a->uffd != b->uffd)
		return false;
	if (a->flags & VM_SPECIAL || (a->ops && (a->ops->close || a->ops->fault)))
		return false;
	/* Private memory without a file has no place in anything, so its offset does not matter. */
	return (!a->cache && !a->file) || a->pgoff + vma_pages(a) == b->pgoff;
}

/* Writers of extents of a mapped file's VMA keep rmap walkers out. */
void vma_set_extent(struct vma *v, u64 start, u64 end)
{
	struct pagecache *pc = v->cache;

	if (pc)
		rwsem_write_lock(&pc->rmap_lock);
	if (start < v->start)
		v->pgoff -= (v->start - start) >> PAGE_SHIFT;
	else
		v->pgoff += (start - v->start) >> PAGE_SHIFT;
	v->start = start;
	v->end = end;
	if (pc)
		rwsem_write_unlock(&pc->rmap_lock);
}

void vma_detach(struct vma *v)
{
	__atomic_store_n(&v->attached, NULL, __ATOMIC_RELAXED);
}

static void vma_attach(struct vma *v)
{
	__atomic_store_n(&v->attached, v->mm, __ATOMIC_RELEASE);
}

int vma_extend(struct vma *v, u64 start, u64 end)
{
	struct btree_edit e;

	btree_edit_begin(&e, &v->mm->vmas);
	int err = btree_edit_update(&e, v->start, (struct btree_range){start, end}, v);

	if (err) {
		btree_edit_abort(&e);
		return err;
	}
	vma_write_lock(v);
	btree_edit_commit(&e);
	mm_changed(v->mm);
	vma_set_extent(v, start, end);
	vma_write_unlock(v);
	return 0;
}

/* prev and next grow over [prev->end, ...): one survivor; the rest of the range is @v's or free. */
static int join(struct mm *mm, struct vma *prev, struct vma *v, struct vma *next, bool v_in_tree)
{
	struct btree_edit e;
	u64 end = next ? next->end : v->end;
	int err = 0;

	btree_edit_begin(&e, &mm->vmas);
	if (v_in_tree)
		err = btree_edit_erase(&e, v->start, NULL);
	if (!err && next && prev)
		err = btree_edit_erase(&e, next->start, NULL);
	if (!err && prev)
		err = btree_edit_update(&e, prev->start, (struct btree_range){prev->start, end},
					prev);
	else if (!err)
		err = btree_edit_update(&e, next->start, (struct btree_range){v->start, end}, next);
	if (err) {
		btree_edit_abort(&e);
		return err;
	}
	struct vma *keep = prev ? prev : next;
	struct vma *drop = prev ? next : NULL;

	vma_write_lock(keep);
	if (v_in_tree)
		vma_write_lock(v);
	if (drop)
		vma_write_lock(drop);
	btree_edit_commit(&e);
	mm_changed(mm);
	keep->has_anon |= v->has_anon || (drop && drop->has_anon);
	keep->flags |= (v->flags | (drop ? drop->flags : 0)) & VM_SOFTDIRTY;
	/* Who truncates the file finds its pages in two VMAs for a moment, but never in none. */
	vma_set_extent(keep, prev ? prev->start : v->start, end);
	if (v_in_tree) {
		vma_detach(v);
		vma_rmap_del(v);
		mm->vma_count--;
	}
	if (drop) {
		vma_detach(drop);
		vma_rmap_del(drop);
		mm->vma_count--;
	}
	vma_write_unlock(keep);
	if (v_in_tree) {
		vma_write_unlock(v);
		vma_release(v);
	}
	if (drop) {
		vma_write_unlock(drop);
		vma_release(drop);
	}
	return 0;
}

int vma_extend_to_next(struct vma *v, u64 end)
{
	struct vma *next = vma_next(v->mm, v);
	struct vma probe;

	memcpy(&probe, v, sizeof(probe));
	probe.end = end;
	return next && vma_can_merge(&probe, next) ? join(v->mm, v, v, next, false)
						   : vma_extend(v, v->start, end);
}

int vma_insert(struct mm *mm, struct vma *v, struct vma **out)
{
	struct vma *prev = btree_before(&mm->vmas, v->start, NULL);
	struct vma *next = vma_find(mm, v->end);
	bool with_prev = prev && vma_can_merge(prev, v);
	bool with_next = next && vma_can_merge(v, next);
	struct btree_edit e;
	int err;

	if (with_prev || with_next) {
		err = join(mm, with_prev ? prev : NULL, v, with_next ? next : NULL, false);
		if (err)
			return err;
		vma_release(v);
		*out = with_prev ? prev : next;
		return 0;
	}
	btree_edit_begin(&e, &mm->vmas);
	err = btree_edit_insert(&e, v->start, v->end, v);
	if (err) {
		btree_edit_abort(&e);
		return err;
	}
	v->mm = mm;
	vma_rmap_add(v);
	btree_edit_commit(&e);
	vma_attach(v);
	mm_changed(mm);
	mm->vma_count++;
	*out = v;
	return 0;
}

/* --- splitting and changing --- */

/* @v is write-locked or not in the tree. */
static void set_meaning(struct vma *v, u64 flags, struct uffd *uffd)
{
	struct uffd *old = v->uffd;

	vma_set_flags(v, flags);
	if (likely(old == uffd))
		return;
	v->uffd = uffd ? uffd_get(uffd) : NULL;
	uffd_put(old);
}

void vma_forget_uffd(struct vma *v)
{
	set_meaning(v, v->flags & ~VM_UFFD, NULL);
}

/*
 * @v becomes up to three VMAs, the middle one, [start, end), with @flags and @uffd.  The struct @v
 * stays with the lowest part that keeps the old flags, or is the middle if that is all there is.
 */
static int carve(struct vma *v, u64 start, u64 end, u64 flags, struct uffd *uffd, struct vma **out)
{
	struct vma *middle = NULL, *tail = NULL;
	struct mm *mm = v->mm;
	struct btree_edit e;
	bool head = start > v->start;

	if (mm->vma_count + 2 > mm_max_map_count)
		return -ENOMEM;
	if (!vma_may_cut(v, start) || !vma_may_cut(v, end))
		return -EINVAL;
	int err = head ? vma_clone(v, &middle) : 0;

	if (!err && end < v->end)
		err = vma_clone(v, &tail);
	if (err)
		goto drop;
	btree_edit_begin(&e, &mm->vmas);
	err = btree_edit_update(&e, v->start, (struct btree_range){v->start, head ? start : end},
				v);
	if (!err && middle)
		err = btree_edit_insert(&e, start, end, middle);
	if (!err && tail)
		err = btree_edit_insert(&e, end, v->end, tail);
	if (err) {
		btree_edit_abort(&e);
		goto drop;
	}
	vma_write_lock(v);
	btree_edit_commit(&e);
	mm_changed(mm);

	u64 v_start = v->start;

	if (vma_may_huge(v)) {
		huge_split_at(mm, start);
		huge_split_at(mm, end);
	}
	if (tail) {
		tail->pgoff += (end - v_start) >> PAGE_SHIFT;
		tail->start = end;
		vma_rmap_add(tail);
		vma_attach(tail);
		mm->vma_count++;
	}
	if (middle) {
		middle->pgoff += (start - v_start) >> PAGE_SHIFT;
		middle->start = start;
		middle->end = end;
		set_meaning(middle, flags, uffd);
		vma_rmap_add(middle);
		vma_attach(middle);
		mm->vma_count++;
	} else {
		set_meaning(v, flags, uffd);
	}
	vma_set_extent(v, v_start, head ? start : end);
	vma_write_unlock(v);
	*out = middle ? middle : v;
	return 0;
drop:
	if (middle)
		vma_release(middle);
	if (tail)
		vma_release(tail);
	return err;
}

int vma_split_at(struct mm *mm, u64 addr)
{
	struct vma *v = vma_at(mm, addr), *out;

	if (!v || v->start == addr)
		return 0;
	return carve(v, addr, v->end, v->flags, v->uffd, &out);
}

/* [start, end) moves from @v to its neighbour @to, with which it will be alike; @v keeps the rest.
 */
static int hand_over(struct vma *v, struct vma *to, u64 start, u64 end)
{
	struct mm *mm = v->mm;
	struct btree_edit e;
	bool to_is_prev = to->end == start;
	struct btree_range keep = {to_is_prev ? end : v->start, to_is_prev ? v->end : start};
	struct btree_range grown = {to_is_prev ? to->start : start, to_is_prev ? end : to->end};

	btree_edit_begin(&e, &mm->vmas);
	/* The one that shrinks first, so that they never overlap. */
	int err = btree_edit_update(&e, v->start, keep, v);

	if (!err)
		err = btree_edit_update(&e, to->start, grown, to);
	if (err) {
		btree_edit_abort(&e);
		return err;
	}
	vma_write_lock(v);
	vma_write_lock(to);
	btree_edit_commit(&e);
	mm_changed(mm);
	to->has_anon |= v->has_anon;
	to->flags |= v->flags & VM_SOFTDIRTY;
	if (vma_may_huge(v))
		huge_split_at(mm, to_is_prev ? end : start);
	/* In this order a truncation misses nothing, as in join(). */
	vma_set_extent(to, grown.start, grown.end);
	vma_set_extent(v, keep.start, keep.end);
	vma_write_unlock(to);
	vma_write_unlock(v);
	return 0;
}

int vma_change(struct vma *v, u64 start, u64 end, u64 flags, struct vma **out)
{
	return vma_change_uffd(v, start, end, flags, v->uffd, out);
}

int vma_change_uffd(struct vma *v, u64 start, u64 end, u64 flags, struct uffd *uffd,
		    struct vma **out)
{
	struct mm *mm = v->mm;
	struct vma *prev = start == v->start ? vma_prev(mm, v) : NULL;
	struct vma *next = end == v->end ? vma_next(mm, v) : NULL;
	/* What the range will look like, to compare with its neighbours. */
	struct vma probe;

	memcpy(&probe, v, sizeof(probe));
	probe.start = start;
	probe.end = end;
	probe.pgoff = v->pgoff + ((start - v->start) >> PAGE_SHIFT);
	probe.flags = flags;
	probe.uffd = uffd;

	bool with_prev = prev && vma_can_merge(prev, &probe);
	bool with_next = next && vma_can_merge(&probe, next);
	bool whole = start == v->start && end == v->end;

	if (v->flags == flags && v->uffd == uffd && whole && !with_prev && !with_next) {
		*out = v;
		return 0;
	}
	if (!with_prev && !with_next) {
		if (!whole)
			return carve(v, start, end, flags, uffd, out);
		vma_write_lock(v);
		set_meaning(v, flags, uffd);
		vma_write_unlock(v);
		*out = v;
		return 0;
	}
	int err = whole ? join(mm, with_prev ? prev : NULL, v, with_next ? next : NULL, true)
			: hand_over(v, with_prev ? prev : next, start, end);

	if (!err)
		*out = with_prev ? prev : next;
	return err;
}
