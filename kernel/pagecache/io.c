/* File contents over the cache: read, write, truncate, holes. */
#include <kernel/pagecache/pagecache_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/mm/mm.h>
#include <kernel/uio/uio.h>

ssize_t pagecache_read(struct pagecache *pc, loff_t size, struct uio *u, loff_t *pos)
{
	size_t done = 0;

	while (u->left && *pos < size) {
		size_t off = (size_t)*pos & (PAGE_SIZE - 1);
		size_t want = min_t(u64, min_t(u64, PAGE_SIZE - off, u->left), (u64)(size - *pos));
		u64 index = (u64)*pos >> PAGE_SHIFT;
		struct folio *f = pagecache_find(pc, index);
		size_t n;

		if (!f && !(pc->flags & PAGECACHE_MEMORY)) {
			int err = pagecache_get(pc, index, false, &f);

			if (err)
				return done ? (ssize_t)done : err;
		}
		if (f) {
			n = uio_copy_frame_to(u, folio_frame(f, index), off, want);
			folio_put(f);
		} else {
			n = uio_zero(u, want);		/* a hole of a memory file */
		}
		*pos += (loff_t)n;
		done += n;
		if (n < want)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

ssize_t pagecache_write(struct pagecache *pc, struct uio *u, loff_t *pos)
{
	size_t done = 0;

	while (u->left) {
		size_t off = (size_t)*pos & (PAGE_SIZE - 1);
		size_t want = min_t(size_t, PAGE_SIZE - off, u->left);
		u64 index = (u64)*pos >> PAGE_SHIFT;
		struct folio *f;
		int err = pagecache_get(pc, index, true, &f);

		if (err)
			return done ? (ssize_t)done : err;
		size_t n = uio_copy_frame_from(u, folio_frame(f, index), off, want);

		if (n)
			__atomic_fetch_or(&f->flags, FOLIO_DIRTY, __ATOMIC_RELAXED);
		folio_put(f);
		*pos += (loff_t)n;
		done += n;
		if (n < want)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

static void zero_part(struct pagecache *pc, u64 index, size_t from, size_t to)
{
	struct folio *f = pagecache_find(pc, index);

	if (!f)
		return;
	memset((u8 *)frame_to_virt(folio_frame(f, index)) + from, 0, to - from);
	folio_put(f);
}

void pagecache_punch(struct pagecache *pc, loff_t start, loff_t end)
{
	u64 first = ((u64)start + PAGE_SIZE - 1) >> PAGE_SHIFT, last = (u64)end >> PAGE_SHIFT;
	size_t head = (size_t)start & (PAGE_SIZE - 1), tail = (size_t)end & (PAGE_SIZE - 1);

	rwsem_write_lock(&pc->invalidate);
	if (head && (u64)start >> PAGE_SHIFT == last) {
		zero_part(pc, last, head, tail);
	} else {
		if (head)
			zero_part(pc, (u64)start >> PAGE_SHIFT, head, PAGE_SIZE);
		if (tail)
			zero_part(pc, last, 0, tail);
		if (first < last) {
			pagecache_unmap_range(pc, first, last - 1, true);
			pagecache_drop(pc, first, last - 1);
		}
	}
	rwsem_write_unlock(&pc->invalidate);
}

void pagecache_truncate(struct pagecache *pc, loff_t new_size)
{
	u64 first = ((u64)new_size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	size_t head = (size_t)new_size & (PAGE_SIZE - 1);

	rwsem_write_lock(&pc->invalidate);
	if (head)
		zero_part(pc, (u64)new_size >> PAGE_SHIFT, head, PAGE_SIZE);
	pagecache_unmap_range(pc, first, ~0ull >> PAGE_SHIFT, true);
	pagecache_drop(pc, first, ~0ull);
	rwsem_write_unlock(&pc->invalidate);
}

int pagecache_seek(struct pagecache *pc, loff_t from, loff_t size, bool data, loff_t *out)
{
	u64 index = (u64)from >> PAGE_SHIFT, last = (u64)(size - 1) >> PAGE_SHIFT, at = index;
	bool found;

	if (from < 0 || from >= size)
		return -ENXIO;
	spin_lock_irq(&pc->lock);
	if (data)
		found = radix_find_next(&pc->tree, &at, last) != NULL;
	else
		found = radix_find_hole(&pc->tree, index, last, &at);
	spin_unlock_irq(&pc->lock);
	if (data && !found)
		return -ENXIO;
	if (!found)
		*out = size;
	else
		*out = at == index ? from : (loff_t)(at << PAGE_SHIFT);
	return 0;
}
