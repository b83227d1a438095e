/*
 * Ready-made operations: positions, files over the page cache, directories whose dentries are the
 * entries.
 */
#include <kernel/mm/mm.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/fs.h>

/* ---- positions ---- */

int noop_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	(void)off;
	(void)whence;
	*out = f->pos;
	return 0;
}

int no_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	(void)f;
	(void)off;
	(void)whence;
	(void)out;
	return -ESPIPE;
}

static int seek_base(struct file *f, loff_t off, int whence, loff_t *base)
{
	loff_t size = inode_size(f->inode);

	switch (whence) {
	case SEEK_SET:
		*base = 0;
		return 0;
	case SEEK_CUR:
		*base = f->pos;
		return 0;
	case SEEK_END:
		*base = size;
		return 0;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		if (f->cache)
			return pagecache_seek(f->cache, off, size, whence == SEEK_DATA, base);
		*base = whence == SEEK_DATA ? off : size;
		return 0;
	default:
		return -EINVAL;
	}
}

int generic_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	loff_t base;
	int err = seek_base(f, off, whence, &base);

	if (err)
		return err;
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		off = 0;
	if (__builtin_add_overflow(base, off, &base))
		return -EINVAL;
	if (base < 0 || base > f->inode->super->max_bytes)
		return -EINVAL;
	if (base != f->pos)
		f->pos = base;
	*out = base;
	return 0;
}

/* ---- files over the page cache ---- */

ssize_t generic_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t ret;

	if (unlikely(*pos < 0))
		return -EINVAL;
	ret = pagecache_read(f->cache, inode_size(f->inode), u, pos);
	if (!(f->flags & O_NOATIME))
		inode_access(&f->path);
	return ret;
}

/* How much may be written at @pos: RLIMIT_FSIZE and the largest file. */
static int write_limit(struct file *f, struct uio *u, loff_t pos)
{
	u64 limit = task_rlimit(RLIMIT_FSIZE), max = (u64)f->inode->super->max_bytes;

	if (unlikely((u64)pos + u->left > limit)) {
		if ((u64)pos >= limit) {
			(void)signal_send_task(current, SIGXFSZ, NULL);
			return -EFBIG;
		}
		uio_truncate(u, limit - (u64)pos);
	}
	if (unlikely((u64)pos + u->left > max)) {
		if ((u64)pos >= max)
			return -EFBIG;
		uio_truncate(u, max - (u64)pos);
	}
	return 0;
}

static ssize_t write_locked(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	ssize_t ret;

	if (*pos < 0)
		return -EINVAL;
	ret = write_limit(f, u, *pos);
	if (!ret)
		ret = inode_remove_privs(f->path.dentry);
	if (!ret && unlikely(f->ops->write_check))
		ret = f->ops->write_check(f, u, *pos);
	if (ret)
		return ret;
	ret = pagecache_write(f->cache, u, pos);
	if (ret > 0) {
		if (*pos > i->size)
			inode_set_size(i, *pos);
		inode_touch(i, true, true);
	}
	return ret;
}

ssize_t generic_write_at_end(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	ssize_t ret;

	if (!f->cache || f->ops->write != generic_write)
		return -EOPNOTSUPP;
	if (!u->left)
		return 0;
	rwsem_write_lock(&i->lock);
	*pos = i->size;
	ret = write_locked(f, u, pos);
	rwsem_write_unlock(&i->lock);
	return ret;
}

ssize_t generic_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	ssize_t ret;

	if (!u->left)
		return 0;
	rwsem_write_lock(&i->lock);
	if (f->flags & O_APPEND)
		*pos = i->size;
	ret = write_locked(f, u, pos);
	rwsem_write_unlock(&i->lock);
	return ret;
}

int generic_mmap(struct file *f, struct vma *vma)
{
	if (!f->cache)
		return -ENODEV;
	vma->cache = f->cache;
	if (!(f->flags & O_NOATIME))
		inode_access(&f->path);
	return 0;
}

int generic_fsync_memory(struct file *f, loff_t start, loff_t end, bool data_only)
{
	(void)f;
	(void)start;
	(void)end;
	(void)data_only;
	return 0;
}

/* ---- directories in memory ---- */

/* Everything that exists is in the cache: what gets here does not. */
int simple_lookup(struct inode *dir, struct dentry *d)
{
	(void)dir;
	(void)d;
	return 0;
}

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
	struct dentry *d = f->path.dentry;

	if (ctx->pos == 0) {
		if (!dir_emit(ctx, ".", 1, d->inode->ino, S_IFDIR >> 12))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		u64 ino;

		spin_lock(&d->lock);
		ino = d->parent->inode->ino;
		spin_unlock(&d->lock);
		if (!dir_emit(ctx, "..", 2, ino, S_IFDIR >> 12))
			return false;
		ctx->pos = 2;
	}
	return true;
}

/*
 * The directory is locked, so the list changes only by dentries that die unhashed, which is why a
 * reference is held while the entry is copied out.  Positions are the children's cookies.
 */
static struct dentry *next_entry(struct dentry *dir, struct dentry *from, u64 pos)
{
	struct list_head *at;
	struct dentry *c, *found = NULL;

	spin_lock(&dir->lock);
	at = from && from->parent == dir && !list_empty(&from->sibling) ? from->sibling.next
									: dir->children.next;
	for (; at != &dir->children; at = at->next) {
		c = list_entry(at, struct dentry, sibling);
		if (c->cookie >= pos && c->inode && (c->flags & DENTRY_CACHED) &&
		    dentry_tryget(c)) {
			found = c;
			break;
		}
	}
	spin_unlock(&dir->lock);
	return found;
}

/* f->private_data: the last entry given out (+1), where the next call goes on. */
static int simple_readdir(struct file *f, struct dir_context *ctx)
{
	struct dentry *dir = f->path.dentry, *c = f->private_data, *next;

	if (!dir_emit_dots(f, ctx))
		return 0;
	f->private_data = NULL;
	if (c && c->cookie >= (u64)ctx->pos) {
		dentry_put(c);
		c = NULL;
	}
	while ((next = next_entry(dir, c, (u64)ctx->pos)) != NULL) {
		struct inode *i = next->inode;

		/* The name is stable: renames take the directory's lock for writing. */
		if (!dir_emit(ctx, next->name.name, next->name.len, i->ino,
			      (u8)mode_to_dt(i->mode))) {
			dentry_put(next);
			break;
		}
		ctx->pos = (loff_t)next->cookie + 1;
		dentry_put(c);
		c = next;
	}
	f->private_data = c;
	return 0;
}

static void simple_dir_release(struct file *f)
{
	dentry_put(f->private_data);
}

static int simple_dir_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	*out = off;
	return 0;
}

const struct file_ops simple_dir_ops = {
	.lseek = simple_dir_lseek,
	.readdir = simple_readdir,
	.release = simple_dir_release,
	.fsync = generic_fsync_memory,
};

const struct inode_ops simple_dir_inode_ops = {
	.lookup = simple_lookup,
};
