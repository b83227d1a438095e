/* fallocate(2) as tmpfs has it: allocation and holes; the other modes are refused, as on Linux. */
#include "tmpfs_impl.h"

#include <kern/align.h>
#include <kern/errno.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>

static int punch(struct inode *i, loff_t off, loff_t end)
{
	if (tmpfs_seals(i) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	pagecache_punch(i->cache, off, end);
	inode_touch(i, true, true);
	return 0;
}

static int fill(struct inode *i, loff_t off, loff_t end)
{
	u64 first = (u64)off >> PAGE_SHIFT, last = ((u64)end - 1) >> PAGE_SHIFT;

	for (u64 n = first; n <= last; n++) {
		struct folio *f;
		int err = signal_fatal_pending(current) ? -EINTR
							: pagecache_get(i->cache, n, true, &f);

		if (err) {
			/* What this call put behind the end of the file goes again. */
			loff_t from = max_t(loff_t, off, ALIGN(i->size, (loff_t)PAGE_SIZE));

			if ((loff_t)(n << PAGE_SHIFT) > from)
				pagecache_punch(i->cache, from, (loff_t)(n << PAGE_SHIFT));
			return err;
		}
		folio_put(f);
	}
	return 0;
}

int tmpfs_fallocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *i = f->inode;
	loff_t end = off + len;
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	rwsem_write_lock(&i->lock);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		err = punch(i, off, end);
		goto out;
	}
	err = -EPERM;
	if (end > i->size && (tmpfs_seals(i) & F_SEAL_GROW))
		goto out;
	err = -EFBIG;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i->size && (u64)end > task_rlimit(RLIMIT_FSIZE))
		goto out;
	err = fill(i, off, end);
	if (err)
		goto out;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i->size)
		inode_set_size(i, end);
	inode_touch(i, false, true);
out:
	rwsem_write_unlock(&i->lock);
	return err;
}
