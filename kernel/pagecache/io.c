/*
 * Reading and writing over the cache.
 *
 * Reads take a reference, no lock.  A page that a write makes is filled before it enters the cache,
 * so that nobody sees it half-written and a fault on the source buffer cannot meet a lock; contents
 * that only part of the page gets are zeroes (memory) or are read in first.
 */
#include "pagecache_impl.h"

#include <kern/bit.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/rcu/rcu.h>
#include <kernel/uio/uio.h>

/* read_folio fails where there is nothing to read: memory has holes. */
static bool is_hole(struct pagecache *pc)
{
	return !(pc->ops && pc->ops->read_folio);
}

/* The folio of @index with contents, or NULL for a hole. */
static int read_folio_at(struct pagecache *pc, u64 index, struct folio **out)
{
	struct folio *f = pagecache_find_settled(pc, index);

	*out = f;
	if (likely(f) && likely(__atomic_load_n(&f->flags, __ATOMIC_ACQUIRE) & FOLIO_UPTODATE))
		return 0;
	folio_put(f); /* reserved, never written; or not read yet */
	if (!is_hole(pc))
		return pagecache_get(pc, index, false, out);
	*out = NULL;
	return 0;
}

/* Bytes of @f from @at on, at most @most. */
static size_t in_folio(const struct folio *f, u64 at, size_t most)
{
	size_t size = PAGE_SIZE << f->order;

	return min(size - (at & (size - 1)), most);
}

ssize_t pagecache_read(struct pagecache *pc, loff_t size, struct uio *u, loff_t *pos)
{
	u64 at = (u64)*pos, end = (u64)size;
	ssize_t done = 0;
	int err = 0;

	while (at < end && u->left) {
		size_t offset = at & ~PAGE_MASK;
		size_t want = min((size_t)(end - at), u->left);
		u64 index = at >> PAGE_SHIFT;
		struct folio *f;
		size_t got;

		err = read_folio_at(pc, index, &f);
		if (unlikely(err))
			break;
		if (likely(f)) {
			if (unlikely(!(pc->flags & PAGECACHE_MEMORY)))
				folio_accessed(f);
			want = in_folio(f, at, want);
			got = uio_copy_frame_to(u, folio_frame(f, index), offset, want);
			folio_put(f);
		} else {
			want = min(PAGE_SIZE - offset, want);
			got = uio_zero(u, want);
		}
		at += got;
		done += (ssize_t)got;
		if (got < want) {
			err = -EFAULT;
			break;
		}
	}
	*pos = (loff_t)at;
	return done ? done : err;
}

/* How large a folio may be that the next @want bytes from page @index on fill. */
static unsigned int order_for(u64 index, size_t offset, size_t want)
{
	size_t pages = want >> PAGE_SHIFT;

	if (offset || pages < 2)
		return 0;
	return min3(FOLIO_ORDER_MAX, (unsigned int)__fls(pages),
		    index ? (unsigned int)__ffs(index) : FOLIO_ORDER_MAX);
}

/*
 * Makes a folio of 2^@order pages at @index out of @want bytes at @offset; *got is what came.
 * -EEXIST: something is there.  Large ones are all or nothing, without trying hard.
 */
static int write_new(struct pagecache *pc, u64 index, unsigned int order, struct uio *u,
		     size_t offset, size_t want, size_t *got)
{
	size_t size = PAGE_SIZE << order;
	int err = pagecache_charge(pc, 1ul << order);

	if (err)
		return err;
	struct folio *f = folio_alloc(order, GFP_USER | (order ? GFP_TRY : 0));

	if (!f) {
		pagecache_uncharge(pc, 1ul << order);
		return -ENOMEM;
	}
	char *p = frame_to_virt(f->frame);
	size_t n = uio_copy_from(u, p + offset, want);

	if (offset)
		memset(p, 0, offset);
	if (offset + n < size)
		memset(p + offset + n, 0, size - offset - n);
	f->flags = FOLIO_UPTODATE | (pc->flags & PAGECACHE_MEMORY ? 0 : FOLIO_DIRTY);
	err = n && (!order || n == size) ? pagecache_insert(pc, index, f) : -EFAULT;
	if (err) {
		uio_revert(u, n);
		pagecache_uncharge(pc, 1ul << order);
	}
	folio_put(f);
	*got = n;
	return err;
}

static int write_old(struct pagecache *pc, struct folio *f, u64 at, struct uio *u, size_t want,
		     size_t *got)
{
	want = in_folio(f, at, want);
	*got = uio_copy_frame_from(u, folio_frame(f, at >> PAGE_SHIFT), at & ~PAGE_MASK, want);
	if (!(pc->flags & PAGECACHE_MEMORY) && !(f->flags & FOLIO_DIRTY))
		__atomic_fetch_or(&f->flags, FOLIO_DIRTY, __ATOMIC_RELAXED);
	folio_put(f);
	return *got == want ? 0 : -EFAULT;
}

/* One folio's worth; *got is what came, also with -EFAULT. */
static int write_folio(struct pagecache *pc, u64 at, struct uio *u, size_t left, size_t *got)
{
	u64 index = at >> PAGE_SHIFT;
	size_t offset = at & ~PAGE_MASK, want = min(PAGE_SIZE - offset, left);
	unsigned int order = order_for(index, offset, left);

	for (;;) {
		struct folio *f = pagecache_find(pc, index);
		int err;

		if (!f && (is_hole(pc) || want == PAGE_SIZE)) {
			err = write_new(pc, index, order, u, offset,
					order ? PAGE_SIZE << order : want, got);
			if (!err)
				return order || *got == want ? 0 : -EFAULT;
			if (order) {
				/* Neighbours in the way, fragmented memory, the last few pages. */
				order = err == -EEXIST || order < 4 ? 0 : order - 3;
				continue;
			}
			if (err == -EEXIST)
				continue;
			*got = 0;
			return err;
		}
		if (!f || !(f->flags & FOLIO_UPTODATE)) {
			folio_put(f);
			err = pagecache_get(pc, index, true, &f);
			if (err)
				return err;
		}
		return write_old(pc, f, at, u, left, got);
	}
}

ssize_t pagecache_write(struct pagecache *pc, struct uio *u, loff_t *pos)
{
	u64 at = (u64)*pos;
	ssize_t done = 0;
	int err = 0;

	while (u->left && !err) {
		size_t got = 0;

		err = write_folio(pc, at, u, u->left, &got);
		at += got;
		done += (ssize_t)got;
	}
	*pos = (loff_t)at;
	return done ? done : err;
}

/* Memory that is there and was written, from *@index on. */
static bool next_data(struct pagecache *pc, u64 *index, u64 last)
{
	struct folio *f;

	while ((f = radix_find_next(&pc->tree, index, last))) {
		if (READ_ONCE(f->flags) & FOLIO_UPTODATE)
			return true;
		*index = (*index | ((1ul << READ_ONCE(f->order)) - 1)) + 1;
		if (*index > last)
			break;
	}
	return false;
}

static bool next_hole(struct pagecache *pc, u64 *index, u64 last)
{
	for (; *index <= last; (*index)++) {
		struct folio *f = radix_find(&pc->tree, *index);

		if (!f || !(READ_ONCE(f->flags) & FOLIO_UPTODATE))
			return true;
		*index |= (1ul << READ_ONCE(f->order)) - 1;
	}
	return false;
}

int pagecache_seek(struct pagecache *pc, loff_t from, loff_t size, bool data, loff_t *out)
{
	u64 index, last = ((u64)size - 1) >> PAGE_SHIFT;
	bool found;

	if (from < 0 || from >= size)
		return -ENXIO;
	if (!is_hole(pc)) {
		*out = data ? from : size;
		return 0;
	}
	for (;;) {
		u32 moves = pagecache_moves(pc);

		index = (u64)from >> PAGE_SHIFT;
		rcu_read_lock();
		found = data ? next_data(pc, &index, last) : next_hole(pc, &index, last);
		rcu_read_unlock();
		if (pagecache_stayed(pc, moves))
			break;
		pagecache_wait_moves(pc);
	}
	if (!found && data)
		return -ENXIO;
	if (!found)
		*out = size;
	else
		*out = max(from, (loff_t)(index << PAGE_SHIFT));
	return 0;
}
