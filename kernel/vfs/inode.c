/*
 * Inodes: life, sizes, times, owners.
 *
 * An inode lives as long as something refers to it: dentries, mostly.  The last inode_put() calls
 * the file system's evict, empties the page cache and frees the memory after a grace period, since
 * lock-free walks look at mode, owner and link text without a reference.
 */
#include <kernel/vfs/vfs_impl.h>
#include <kernel/device/device.h>
#include <linux/mount.h>

static struct slab_cache *inode_cache;
static u64 next_ino;

void inode_init_cache(void)
{
	inode_cache = SLAB_CACHE_BOOT(inode, SLAB_RECLAIM);
}

u64 inode_next_ino(void)
{
	return __atomic_add_fetch(&next_ino, 1, __ATOMIC_RELAXED);
}

struct timespec64 inode_now(void)
{
	return timespec64_from_ns(time_coarse_real_ns());
}

int inode_alloc(struct super *sb, struct inode **out)
{
	struct inode *i = slab_alloc(inode_cache, GFP_KERNEL);

	if (!i)
		return -ENOMEM;
	memset(i, 0, sizeof(*i));
	i->refs = 1;
	i->nlink = 1;
	i->super = sb;
	i->blkbits = PAGE_SHIFT;
	i->atime = i->mtime = i->ctime = i->btime = inode_now();
	spin_init(&i->spin, LK_SPIN_LEAF);
	rwsem_init(&i->lock, LK_INODE);
	list_init(&i->dentries);
	list_init(&i->super_link);
	*out = i;
	return 0;
}

struct inode *inode_get(struct inode *i)
{
	__atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED);
	return i;
}

static void inode_free_rcu(struct rcu_head *head)
{
	struct inode *i = container_of(head, struct inode, rcu);

	kfree(i->link);
	kfree(i->acl);
	kfree(i->default_acl);
	slab_free(inode_cache, i);
}

void inode_put(struct inode *i)
{
	if (!i || __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (i->super->ops && i->super->ops->evict)
		i->super->ops->evict(i);
	if (i->cache == &i->own_cache)
		pagecache_destroy(&i->own_cache);
	locks_inode_free(i);
	if (i->xattrs)
		simple_xattr_free(i);
	rcu_call(&i->rcu, inode_free_rcu);
}

loff_t inode_size(const struct inode *i)
{
	return READ_ONCE(i->size);
}

void inode_set_size(struct inode *i, loff_t size)
{
	WRITE_ONCE(i->size, size);
}

void inode_init_owner(struct inode *i, const struct inode *dir, umode_t mode)
{
	const struct cred *c = current_cred();

	i->uid = c->fsuid;
	i->gid = c->fsgid;
	if (dir && (dir->mode & S_ISGID)) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !cred_in_group(c, dir->gid) && !cred_inode_capable(c, dir, CAP_FSETID))
			mode &= ~S_ISGID;
	}
	i->mode = mode;
}

/* open(2) of a socket in the file system, or of a device that nobody drives. */
static int special_open_none(struct inode *inode, struct file *f)
{
	(void)f;
	return S_ISSOCK(inode->mode) ? -ENXIO : -ENODEV;
}

static const struct file_ops special_none_ops = {.open = special_open_none};

/* The driver is looked up at open: it may come after the node. */
static int special_open_device(struct inode *inode, struct file *f)
{
	enum device_kind kind = S_ISCHR(inode->mode) ? DEVICE_CHAR : DEVICE_BLOCK;
	struct device *d = device_find(kind, inode->rdev);

	if (!d || !d->ops)
		return -ENXIO;
	f->ops = d->ops;
	return d->ops->open ? d->ops->open(inode, f) : 0;
}

static const struct file_ops special_device_ops = {.open = special_open_device};

const struct file_ops *vfs_fifo_ops;

static int special_open_fifo(struct inode *inode, struct file *f)
{
	if (!vfs_fifo_ops)
		return -ENXIO;
	f->ops = vfs_fifo_ops;
	return f->ops->open ? f->ops->open(inode, f) : 0;
}

static const struct file_ops special_fifo_ops = {.open = special_open_fifo};

void inode_init_special(struct inode *i, umode_t mode, u32 dev)
{
	i->mode = mode;
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		i->rdev = dev;
		i->fops = &special_device_ops;
	} else if (S_ISFIFO(mode)) {
		i->fops = &special_fifo_ops;
	} else {
		i->fops = &special_none_ops;
	}
}

void inode_touch(struct inode *i, bool mtime, bool ctime)
{
	struct timespec64 now = inode_now();

	if (mtime)
		i->mtime = now;
	if (ctime)
		i->ctime = now;
	i->version++;
}

static inline bool ts_before(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* mount(8): relatime updates when atime is not later than mtime or ctime, or a day old. */
void inode_access(const struct path *p)
{
	struct inode *i = p->dentry->inode;
	u32 flags = p->mnt->flags;
	struct timespec64 now;

	if ((flags & MNT_NOATIME) || (i->flags & INODE_NOATIME) ||
	    ((flags & MNT_NODIRATIME) && S_ISDIR(i->mode)) || (flags & MNT_READONLY) ||
	    (i->super->flags & (MS_RDONLY | MS_NOATIME)))
		return;
	now = inode_now();
	if ((flags & MNT_RELATIME) && ts_before(&i->mtime, &i->atime) &&
	    ts_before(&i->ctime, &i->atime) && now.tv_sec - i->atime.tv_sec < 24 * 3600)
		return;
	if (ts_before(&i->atime, &now))
		i->atime = now;
}

int inode_get_writer(struct inode *i)
{
	s32 old = READ_ONCE(i->writers);

	do {
		if (old < 0)
			return -ETXTBSY;
	} while (!try_cmpxchg(&i->writers, &old, old + 1));
	return 0;
}

void inode_put_writer(struct inode *i)
{
	__atomic_sub_fetch(&i->writers, 1, __ATOMIC_RELEASE);
}

/* Execution: the reverse. */
static int inode_deny_writers(struct inode *i)
{
	s32 old = READ_ONCE(i->writers);

	do {
		if (old > 0)
			return -ETXTBSY;
	} while (!try_cmpxchg(&i->writers, &old, old - 1));
	return 0;
}

int vfs_deny_write(struct file *f)
{
	return inode_deny_writers(f->inode);
}

void vfs_allow_write(struct file *f)
{
	__atomic_add_fetch(&f->inode->writers, 1, __ATOMIC_RELEASE);
}
