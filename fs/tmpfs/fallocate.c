/*
 * fallocate(2) in all its modes.
 *
 * Memory that is only allocated has no contents until it is touched, reads as zeroes and is a hole
 * to SEEK_DATA.  COLLAPSE_RANGE, INSERT_RANGE and ZERO_RANGE, which Linux does not have here,
 * follow the rules of ext4 and XFS: whole blocks, inside the file.
 */
#include "tmpfs_impl.h"

#include <kern/align.h>
#include <kern/errno.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>

#define SEALED (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* The inode is locked in all of these; @end is behind the range. */

/* May the file, or what is allocated for it, reach @end? */
static int may_grow(struct inode *i, loff_t end)
{
	if (end <= i->size)
		return 0;
	if ((u64)end > task_rlimit(RLIMIT_FSIZE)) {
		(void)signal_send_task(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	return tmpfs_seals(i) & F_SEAL_GROW ? -EPERM : 0;
}

static int fill(struct inode *i, loff_t off, loff_t end)
{
	const struct tmpfs *t = tmpfs_of(i->super);
	u64 first = (u64)off >> PAGE_SHIFT, last = ((u64)end - 1) >> PAGE_SHIFT, done;
	int err;

	/* What cannot be need not be tried. */
	if (READ_ONCE(t->max_pages) && last - first >= t->max_pages)
		return -ENOSPC;
	err = pagecache_reserve(i->cache, first, last, &done);
	if (err) {
		/* What this call put behind the end of the file goes again. */
		loff_t from = max_t(loff_t, off, ALIGN(i->size, (loff_t)PAGE_SIZE));

		pagecache_punch(i->cache, from, (loff_t)(done << PAGE_SHIFT));
	}
	return err;
}

static int allocate(struct inode *i, int mode, loff_t off, loff_t end)
{
	int err = may_grow(i, end);

	if (!err)
		err = fill(i, off, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size)
		inode_set_size(i, end);
	return err;
}

static int zero(struct inode *i, int mode, loff_t off, loff_t end)
{
	int err;

	if (tmpfs_seals(i) & SEALED)
		return -EPERM;
	err = allocate(i, mode, off, end);
	if (!err)
		pagecache_zero(i->cache, off, end);
	return err;
}

static int punch(struct inode *i, int mode, loff_t off, loff_t end)
{
	(void)mode;
	if (tmpfs_seals(i) & SEALED)
		return -EPERM;
	pagecache_punch(i->cache, off, end);
	return 0;
}

static bool in_blocks(loff_t off, loff_t end)
{
	return !((off | end) & ~(loff_t)PAGE_MASK);
}

static int collapse(struct inode *i, int mode, loff_t off, loff_t end)
{
	int err;

	(void)mode;
	if (tmpfs_seals(i) & (SEALED | F_SEAL_SHRINK))
		return -EPERM;
	/* Removing the end is a truncation, which this is not. */
	if (!in_blocks(off, end) || end >= i->size)
		return -EINVAL;
	err = pagecache_collapse(i->cache, (u64)off >> PAGE_SHIFT, (u64)(end - off) >> PAGE_SHIFT);
	if (!err)
		inode_set_size(i, i->size - (end - off));
	return err;
}

static int insert(struct inode *i, int mode, loff_t off, loff_t end)
{
	loff_t size;
	int err;

	(void)mode;
	if (tmpfs_seals(i) & (SEALED | F_SEAL_GROW))
		return -EPERM;
	if (!in_blocks(off, end))
		return -EINVAL;
	if (__builtin_add_overflow(i->size, end - off, &size) || size > i->super->max_bytes)
		return -EFBIG;
	if (off >= i->size)
		return -EINVAL;
	err = may_grow(i, size);
	if (err)
		return err;
	/* Pages allocated behind the end move too and must have where to go. */
	pagecache_truncate(i->cache, i->size);
	err = pagecache_make_hole(i->cache, (u64)off >> PAGE_SHIFT, (u64)(end - off) >> PAGE_SHIFT);
	if (!err)
		inode_set_size(i, size);
	return err;
}

static const struct {
	int flag;
	int (*run)(struct inode *i, int mode, loff_t off, loff_t end);
} modes[] = {
	{FALLOC_FL_PUNCH_HOLE, punch},
	{FALLOC_FL_ZERO_RANGE, zero},
	{FALLOC_FL_COLLAPSE_RANGE, collapse},
	{FALLOC_FL_INSERT_RANGE, insert},
	{0, allocate}, /* UNSHARE_RANGE too: nothing is ever shared */
};

int tmpfs_fallocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *i = f->inode;
	unsigned int n = 0;
	int err;

	while (modes[n].flag && !(mode & modes[n].flag))
		n++;
	rwsem_write_lock(&i->lock);
	err = modes[n].run(i, mode, off, off + len);
	if (!err)
		err = inode_modified(f->path.dentry);
	rwsem_write_unlock(&i->lock);
	return err;
}
