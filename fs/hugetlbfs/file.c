/* Files of huge pages: mmap(2) more than anything else; no write(2). */
#include "hugetlbfs_impl.h"

#include <asm/current.h>
#include <kern/bit.h>
#include <kern/errno.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <abi/memfd.h>
#include <fs/tmpfs/tmpfs.h>
#include <linux/falloc.h>

#define SEALED (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static const struct hugetlb_size *size_of(const struct inode *i)
{
	return hugetlb_map_size(hugetlb_of(i)->map);
}

int hugetlbfs_init_file(struct inode *i)
{
	struct hugetlb_inode *h = kzalloc(sizeof(*h));
	const struct mounted *m = tmpfs_kind_data(i->super);
	int err;

	if (!h)
		return -ENOMEM;
	err = hugetlb_map_create(m->part, &h->map);
	if (err) {
		kfree(h);
		return err;
	}
	h->seals = F_SEAL_SEAL;
	spin_init(&h->lock, LK_SPIN_LEAF);
	i->fs_data = h;
	pagecache_init(&i->own_cache, i, NULL, PAGECACHE_MEMORY | PAGECACHE_HUGETLB);
	i->cache = &i->own_cache;
	i->ops = &hugetlbfs_inode_ops;
	i->fops = &hugetlbfs_file_ops;
	i->blkbits = PAGE_SHIFT + size_of(i)->order;
	return 0;
}

void hugetlbfs_drop_file(struct inode *i)
{
	struct hugetlb_inode *h = hugetlb_of(i);

	if (!h)
		return;
	pagecache_truncate(i->cache, 0);
	hugetlb_map_put(h->map);
	kfree(h);
	i->fs_data = NULL;
}

static void set_size(struct inode *i, loff_t size)
{
	guard(spin)(&hugetlb_of(i)->lock);
	inode_set_size(i, size);
}

void hugetlbfs_grow(struct inode *i, loff_t size)
{
	guard(spin)(&hugetlb_of(i)->lock);
	if (i->size < size)
		inode_set_size(i, size);
}

/* ---- attributes ---- */

static int resize(struct inode *i, loff_t size)
{
	struct hugetlb_inode *h = hugetlb_of(i);
	loff_t old = i->size;

	if (size & (loff_t)(hugetlb_bytes(size_of(i)) - 1))
		return -EINVAL;
	if ((size < old && h->seals & F_SEAL_SHRINK) || (size > old && h->seals & F_SEAL_GROW))
		return -EPERM;
	set_size(i, size);
	if (size < old) {
		pagecache_truncate(i->cache, size);
		/* Private copies may be all there is. */
		pagecache_unmap_range(i->cache, (u64)size >> PAGE_SHIFT, ~0ull, true);
		hugetlb_unreserve(h->map, (u64)size / hugetlb_bytes(size_of(i)), ~0ull);
	}
	return 0;
}

static int setattr(struct dentry *d, struct iattr *a)
{
	struct inode *i = d->inode;
	int err = 0;

	if (a->valid & ATTR_MODE && hugetlb_of(i)->seals & F_SEAL_EXEC &&
	    (a->mode ^ i->mode) & 0111)
		return -EPERM;
	if (a->valid & ATTR_SIZE)
		err = resize(i, a->size);
	if (!err)
		inode_set_attr(i, a);
	return err;
}

const struct inode_ops hugetlbfs_inode_ops = {.setattr = setattr};

/* ---- mmap ---- */

static int hugetlbfs_mmap(struct file *f, struct vma *v)
{
	struct inode *i = f->inode;
	struct hugetlb_inode *h = hugetlb_of(i);
	loff_t end = (loff_t)((v->pgoff << PAGE_SHIFT) + (v->end - v->start));
	int err;

	if (end < 0)
		return -EINVAL;
	if (h->seals & SEALED && v->flags & VM_SHARED) {
		if (v->flags & VM_WRITE)
			return -EPERM;
		v->flags &= ~VM_MAYWRITE;
	}
	err = hugetlb_map_vma(v, h->map);
	if (err)
		return err;
	v->cache = i->cache;
	/* A file becomes as long as what is mapped of it to write, unless it may not. */
	if (v->flags & VM_WRITE && !(READ_ONCE(h->seals) & F_SEAL_GROW))
		hugetlbfs_grow(i, end);
	if (!(f->flags & O_NOATIME))
		inode_access(&f->path);
	return 0;
}

/* ---- fallocate ---- */

/* The inode is locked. */
static int punch(struct inode *i, loff_t off, loff_t len)
{
	struct hugetlb_inode *h = hugetlb_of(i);
	loff_t unit = (loff_t)hugetlb_bytes(size_of(i)), end = off + len;
	loff_t from = (off + unit - 1) & -unit, to = end & -unit;

	if (h->seals & SEALED)
		return -EPERM;
	/* What is not whole is zeroed; pages go behind the end of the file, too. */
	if (off < from)
		pagecache_zero(i->cache, off, min(from, end));
	if (to < end && to >= from)
		pagecache_zero(i->cache, to, end);
	if (from >= to)
		return 0;
	pagecache_punch(i->cache, from, to);
	hugetlb_unreserve(h->map, (u64)(from / unit), (u64)(to / unit) - 1);
	return 0;
}

/* A page for @index if there is none. */
static int allocate_one(struct inode *i, u64 index)
{
	int err = 0;
	struct folio *f;

	/* The last page of the pool is enough for this and a fault. */
	hugetlb_lock_page(i->cache, index);
	f = pagecache_find(i->cache, index << size_of(i)->order);
	if (!f)
		err = hugetlb_add_page(i->cache, hugetlb_of(i)->map, index, &f);
	hugetlb_unlock_page(i->cache, index);
	if (!err)
		folio_put(f);
	return err;
}

static int allocate(struct inode *i, int mode, loff_t off, loff_t len)
{
	loff_t unit = (loff_t)hugetlb_bytes(size_of(i)), end = off + len;
	int err = 0;

	if (end > i->size) {
		if ((u64)end > task_rlimit(RLIMIT_FSIZE) && !(mode & FALLOC_FL_KEEP_SIZE)) {
			(void)signal_send_task(current, SIGXFSZ, NULL);
			return -EFBIG;
		}
		if (hugetlb_of(i)->seals & F_SEAL_GROW)
			return -EPERM;
	}
	for (u64 at = (u64)(off / unit); !err && (loff_t)at < (end + unit - 1) / unit; at++)
		err = signal_fatal_pending(current) ? -EINTR : allocate_one(i, at);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE))
		hugetlbfs_grow(i, end);
	return err;
}

static int hugetlbfs_fallocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *i = f->inode;
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	rwsem_write_lock(&i->lock);
	err = mode & FALLOC_FL_PUNCH_HOLE ? punch(i, off, len) : allocate(i, mode, off, len);
	if (!err)
		inode_touch(i, mode & FALLOC_FL_PUNCH_HOLE, true);
	rwsem_write_unlock(&i->lock);
	return err;
}

const struct file_ops hugetlbfs_file_ops = {
	.read = generic_read,
	.lseek = generic_lseek,
	.mmap = hugetlbfs_mmap,
	.fsync = generic_fsync_memory,
	.fallocate = hugetlbfs_fallocate,
};
