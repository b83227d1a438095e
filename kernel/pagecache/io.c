/*
 * Reading and writing over the cache.
 *
 * Reads take a reference, no lock.  A page that a write makes is filled before it enters the cache,
 * so that nobody sees it half-written and a fault on the source buffer cannot meet a lock; contents
 * that only part of the page gets are zeroes (memory) or are read in first.
 */
#include "pagecache_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/rcu/rcu.h>
#include <kernel/uio/uio.h>

/* read_folio fails where there is nothing to read: memory has holes. */
static bool is_hole(struct pagecache *pc)
{
	return !(pc->ops && pc->ops->read_folio);
}

ssize_t pagecache_read(struct pagecache *pc, loff_t size, struct uio *u, loff_t *pos)
{
	u64 at = (u64)*pos, end = (u64)size;
	ssize_t done = 0;
	int err = 0;

	while (at < end && u->left) {
		size_t offset = at & ~PAGE_MASK;
		size_t want = min(PAGE_SIZE - offset, min((size_t)(end - at), u->left));
		u64 index = at >> PAGE_SHIFT;
		struct folio *f = pagecache_find(pc, index);
		size_t got;

		if (unlikely(!f || !(f->flags & FOLIO_UPTODATE)) && !(is_hole(pc) && !f)) {
			folio_put(f);
			err = pagecache_get(pc, index, false, &f);
			if (err)
				break;
		}
		if (likely(f)) {
			got = uio_copy_frame_to(u, folio_frame(f, index), offset, want);
			folio_put(f);
		} else {
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

/* Makes the page of @index out of @want bytes at @offset; *got is what came.  -EEXIST: use the
 * cached one. */
static int write_new(struct pagecache *pc, u64 index, struct uio *u, size_t offset, size_t want,
		     size_t *got)
{
	int err = pagecache_charge(pc, 1);

	if (err)
		return err;
	struct folio *f = folio_alloc(GFP_USER);

	if (!f) {
		pagecache_uncharge(pc, 1);
		return -ENOMEM;
	}
	char *p = frame_to_virt(f->frame);
	size_t n = uio_copy_from(u, p + offset, want);

	if (offset)
		memset(p, 0, offset);
	if (offset + n < PAGE_SIZE)
		memset(p + offset + n, 0, PAGE_SIZE - offset - n);
	f->flags = FOLIO_UPTODATE | (pc->flags & PAGECACHE_MEMORY ? 0 : FOLIO_DIRTY);
	err = n ? pagecache_insert(pc, index, f) : -EFAULT;
	if (err) {
		uio_revert(u, n);
		pagecache_uncharge(pc, 1);
	}
	folio_put(f);
	*got = n;
	return err;
}

static int write_old(struct pagecache *pc, struct folio *f, u64 index, struct uio *u, size_t offset,
		     size_t want, size_t *got)
{
	*got = uio_copy_frame_from(u, folio_frame(f, index), offset, want);
	if (!(pc->flags & PAGECACHE_MEMORY) && !(f->flags & FOLIO_DIRTY))
		__atomic_fetch_or(&f->flags, FOLIO_DIRTY, __ATOMIC_RELAXED);
	folio_put(f);
	return *got ? 0 : -EFAULT;
}

static int write_page(struct pagecache *pc, u64 index, struct uio *u, size_t offset, size_t want,
		      size_t *got)
{
	for (;;) {
		struct folio *f = pagecache_find(pc, index);
		int err;

		if (!f && (is_hole(pc) || want == PAGE_SIZE)) {
			err = write_new(pc, index, u, offset, want, got);
			if (err == -EEXIST)
				continue;
			return err;
		}
		if (!f || !(f->flags & FOLIO_UPTODATE)) {
			folio_put(f);
			err = pagecache_get(pc, index, true, &f);
			if (err)
				return err;
		}
		return write_old(pc, f, index, u, offset, want, got);
	}
}

ssize_t pagecache_write(struct pagecache *pc, struct uio *u, loff_t *pos)
{
	u64 at = (u64)*pos;
	ssize_t done = 0;
	int err = 0;

	while (u->left) {
		size_t offset = at & ~PAGE_MASK;
		size_t want = min(PAGE_SIZE - offset, u->left);
		size_t got = 0;

		err = write_page(pc, at >> PAGE_SHIFT, u, offset, want, &got);
		if (err)
			break;
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

int pagecache_seek(struct pagecache *pc, loff_t from, loff_t size, bool data, loff_t *out)
{
	u64 index = (u64)from >> PAGE_SHIFT, last = ((u64)size - 1) >> PAGE_SHIFT, hole;
	bool found;

	if (from < 0 || from >= size)
		return -ENXIO;
	if (!is_hole(pc)) {
		*out = data ? from : size;
		return 0;
	}
	rcu_read_lock();
	if (data) {
		found = radix_find_next(&pc->tree, &index, last) != NULL;
	} else {
		found = radix_find_hole(&pc->tree, index, last, &hole);
		index = hole;
	}
	rcu_read_unlock();
	if (!found && data)
		return -ENXIO;
	if (!found)
		*out = size;
	else
		*out = max(from, (loff_t)(index << PAGE_SHIFT));
	return 0;
}
