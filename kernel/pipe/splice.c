/*
 * splice and tee: moving buffers between pipes and files.
 *
 * From a file with a page cache the pipe gets references to the cache's frames; from any other file
 * it gets fresh frames that the file's read fills.  Into a file, buffers are written from their
 * frames.  Between two pipes the buffers themselves move.  The two locks of two pipes are taken in
 * the order of their addresses.
 */
#include <kernel/pipe/pipe_impl.h>

#include <kern/errno.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <abi/splice.h>

static struct pipe_buf *pipe_slot(struct pipe *p, u32 n)
{
	return &p->ring[n & (p->slots - 1)];
}

/* ---- file to pipe ---- */

/* Page-cache frames by reference; the pipe is locked and not full. */
static ssize_t splice_cached(struct file *in, loff_t *pos, struct pipe *p, size_t len)
{
	ssize_t done = 0;

	while (len && !pipe_full(p)) {
		loff_t size = inode_size(in->inode);
		u32 offset = (u32)*pos & (PAGE_SIZE - 1);
		struct folio *folio;
		size_t n;
		int err;

		if (*pos >= size)
			break;
		n = min_t(size_t, min_t(size_t, len, PAGE_SIZE - offset), (size_t)(size - *pos));
		err = pagecache_get(in->cache, (u64)*pos >> PAGE_SHIFT, false, &folio);
		if (err)
			return done ? done : err;
		offset += (u32)((folio_frame(folio, (u64)*pos >> PAGE_SHIFT) - folio->frame)
				<< PAGE_SHIFT);
		pipe_push(p, folio->frame, offset, (u32)n, 0);
		folio_put(folio);
		*pos += (loff_t)n;
		len -= n;
		done += (ssize_t)n;
	}
	return done;
}

#define SPLICE_BATCH 16u

/* Fresh frames filled by the file's read. */
static ssize_t splice_read_into(struct file *in, loff_t *pos, struct pipe *p, size_t len)
{
	struct uio_bvec v[SPLICE_BATCH];
	u32 slots = p->slots - (p->head - p->tail), n = 0;
	size_t room = 0;
	struct uio u;
	ssize_t got = -ENOMEM;

	while (n < min(slots, SPLICE_BATCH) && room < len) {
		struct frame *f = frame_alloc(0, FRAME_KERNEL, GFP_USER);

		if (!f)
			break;
		v[n++] = (struct uio_bvec){f, 0, PAGE_SIZE};
		room += PAGE_SIZE;
	}
	if (n) {
		uio_init_frames(&u, false, v, n, min(room, len));
		got = vfs_read(in, &u, pos);
	}
	for (u32 i = 0; i < n; i++) {
		ssize_t left = got - (ssize_t)((size_t)i * PAGE_SIZE);

		if (left > 0)
			pipe_push(p, v[i].frame, 0, (u32)min_t(size_t, (size_t)left, PAGE_SIZE), 0);
		frame_put(v[i].frame);
	}
	return got;
}

static ssize_t splice_file_to_pipe(struct file *in, loff_t *pos, struct pipe *p, size_t len,
				   bool nonblock)
{
	ssize_t n;
	int err = pipe_wait_writable(p, nonblock);

	if (err)
		return err;
	/*
	 * A read of a device or socket may block for ever: the pipe stays usable for its readers,
	 * who do not need the lock to be woken, only until data arrives; as in Linux, writers queue
	 * behind it.
	 */
	n = in->cache && !(in->cache->flags & PAGECACHE_HUGETLB)
		    ? splice_cached(in, pos, p, len)
		    : splice_read_into(in, pos, p, len);
	mutex_unlock(&p->lock);
	pipe_filled(p, n);
	return n;
}

/* ---- pipe to file ---- */

static ssize_t splice_pipe_to_file(struct pipe *p, struct file *out, loff_t *pos, size_t len,
				   bool nonblock)
{
	ssize_t done = 0, n = pipe_wait_readable(p, nonblock);

	if (n <= 0)
		return n;
	while (len && !pipe_empty(p)) {
		struct pipe_buf *b = pipe_slot(p, p->tail);
		struct uio_bvec v = {b->frame, b->offset, (u32)min_t(size_t, b->len, len)};
		struct uio u;

		uio_init_frames(&u, true, &v, 1, v.len);
		n = vfs_write(out, &u, pos);
		if (n <= 0)
			break;
		b->offset += (u32)n;
		b->len -= (u32)n;
		done += n;
		len -= (size_t)n;
		if (!b->len)
			pipe_pop(p);
	}
	mutex_unlock(&p->lock);
	pipe_drained(p, done);
	return done ? done : n;
}

/* ---- pipe to pipe ---- */

static void pipes_lock(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock_nested(a < b ? &b->lock : &a->lock, 1);
}

static void pipes_unlock(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* Moves or duplicates buffers; both locked. */
static ssize_t pipe_transfer(struct pipe *from, struct pipe *to, size_t len, bool duplicate)
{
	ssize_t done = 0;

	for (u32 i = from->tail; i != from->head && len && !pipe_full(to); i++) {
		struct pipe_buf *b = pipe_slot(from, i);
		u32 n = min_t(u32, b->len, (u32)min_t(size_t, len, U32_MAX));

		/* A shared frame must not be appended to: the copy loses MERGE, and so does the
		 * origin. */
		b->flags &= ~PIPE_BUF_MERGE;
		pipe_push(to, b->frame, b->offset, n, b->flags);
		done += n;
		len -= n;
		if (duplicate)
			continue;
		b->offset += n;
		b->len -= n;
		if (!b->len)
			pipe_pop(from);
	}
	return done;
}

static ssize_t splice_pipes(struct pipe *from, struct pipe *to, size_t len, bool nonblock,
			    bool duplicate)
{
	ssize_t n;

	if (from == to)
		return -EINVAL;
	for (;;) {
		n = pipe_wait_readable(from, nonblock);
		if (n <= 0)
			return n;
		mutex_unlock(&from->lock);
		n = pipe_wait_writable(to, nonblock);
		if (n) {
			pipe_drained(from, 0);
			return n;
		}
		mutex_unlock(&to->lock);
		pipes_lock(from, to);
		n = pipe_transfer(from, to, len, duplicate);
		pipes_unlock(from, to);
		if (!n)
			continue; /* somebody was faster */
		pipe_filled(to, n);
		pipe_drained(from, duplicate ? 0 : n);
		return n;
	}
}

/* ---- system calls ---- */

static int splice_load_offset(struct file *f, struct pipe *p, const s64 __user *uoff, loff_t *off)
{
	if (!uoff) {
		*off = f->pos;
		return 0;
	}
	if (p)
		return -ESPIPE;
	if (!(f->mode & FMODE_PREAD))
		return -EINVAL;
	if (copy_from_user(off, uoff, sizeof(*off)))
		return -EFAULT;
	return *off < 0 ? -EINVAL : 0;
}

static int splice_store_offset(struct file *f, s64 __user *uoff, loff_t off)
{
	if (!uoff) {
		f->pos = off;
		return 0;
	}
	return copy_to_user(uoff, &off, sizeof(off)) ? -EFAULT : 0;
}

static long splice_files(struct file *in, s64 __user *off_in, struct file *out, s64 __user *off_out,
			 size_t len, unsigned int flags)
{
	struct pipe *pin = pipe_of_file(in), *pout = pipe_of_file(out);
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	loff_t pos_in, pos_out;
	ssize_t n;
	int err;

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!pin && !pout)
		return -EINVAL;
	err = splice_load_offset(in, pin, off_in, &pos_in);
	if (!err)
		err = splice_load_offset(out, pout, off_out, &pos_out);
	if (err)
		return err;
	if (pin && pout)
		return splice_pipes(pin, pout, len,
				    nonblock || ((in->flags | out->flags) & O_NONBLOCK), false);
	if (pin) {
		if (out->flags & O_APPEND)
			return -EINVAL;
		n = splice_pipe_to_file(pin, out, out->mode & FMODE_STREAM ? NULL : &pos_out, len,
					nonblock || (in->flags & O_NONBLOCK));
		err = n >= 0 ? splice_store_offset(out, off_out, pos_out) : 0;
	} else {
		n = splice_file_to_pipe(in, in->mode & FMODE_STREAM ? NULL : &pos_in, pout, len,
					nonblock || (out->flags & O_NONBLOCK));
		err = n >= 0 ? splice_store_offset(in, off_in, pos_in) : 0;
	}
	return err ? err : n;
}

long sys_splice(int fd_in, s64 __user *off_in, int fd_out, s64 __user *off_out, size_t len,
		unsigned int flags)
{
	struct fd_ref in, out;
	long ret = -EBADF;

	if (!len)
		return 0;
	if (flags & ~SPLICE_VALID)
		return -EINVAL;
	in = fd_get((unsigned int)fd_in);
	out = fd_get((unsigned int)fd_out);
	if (in.file && out.file)
		ret = splice_files(in.file, off_in, out.file, off_out, len, flags);
	fd_put(out);
	fd_put(in);
	return ret;
}

static long tee_files(struct file *in, struct file *out, size_t len, unsigned int flags)
{
	struct pipe *pin = pipe_of_file(in), *pout = pipe_of_file(out);

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!pin || !pout)
		return -EINVAL;
	return splice_pipes(pin, pout, len,
			    (flags & SPLICE_F_NONBLOCK) || ((in->flags | out->flags) & O_NONBLOCK),
			    true);
}

long sys_tee(int fd_in, int fd_out, size_t len, unsigned int flags)
{
	struct fd_ref in, out;
	long ret = -EBADF;

	if (flags & ~SPLICE_VALID)
		return -EINVAL;
	if (!len)
		return 0;
	in = fd_get((unsigned int)fd_in);
	out = fd_get((unsigned int)fd_out);
	if (in.file && out.file)
		ret = tee_files(in.file, out.file, len, flags);
	fd_put(out);
	fd_put(in);
	return ret;
}
