/*
 * sendfile(2) and copy_file_range(2): data from one file to another inside the kernel.
 *
 * From a file with a page cache, the cache's frames are the source of the write: one copy in all.
 * From others a buffer of a few pages is between.
 */
#include <kern/errno.h>
#include <kern/limits.h>
#include <kernel/file/file_impl.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>

#define BATCH 16u
#define BUFFER (4 * PAGE_SIZE)

/* Up to BATCH pages of @in from *ipos on, written to @out. */
static ssize_t copy_cached(struct file *in, loff_t *ipos, struct file *out, loff_t *opos,
			   size_t len)
{
	struct uio_bvec v[BATCH];
	struct folio *folios[BATCH];
	loff_t size = inode_size(in->inode), at = *ipos;
	size_t total = 0;
	ssize_t ret = 0;
	struct uio u;
	u32 n = 0;

	while (n < BATCH && total < len && at < size) {
		u64 index = (u64)at >> PAGE_SHIFT;
		u32 offset = (u32)at & (PAGE_SIZE - 1);
		size_t part = min_t(size_t, PAGE_SIZE - offset,
				    min_t(u64, len - total, (u64)(size - at)));

		ret = pagecache_get(in->cache, index, false, &folios[n]);
		if (ret)
			break;
		v[n] = (struct uio_bvec){folio_frame(folios[n], index), offset, (u32)part};
		n++;
		total += part;
		at += (loff_t)part;
	}
	if (n) {
		uio_init_frames(&u, true, v, n, total);
		ret = vfs_write(out, &u, opos);
	}
	while (n)
		folio_put(folios[--n]);
	if (ret > 0)
		*ipos += ret;
	return ret;
}

static ssize_t copy_buffered(struct file *in, loff_t *ipos, struct file *out, loff_t *opos,
			     size_t len, void *buf)
{
	loff_t pos = ipos ? *ipos : 0;
	ssize_t got, put;
	struct uio u;

	uio_init_kernel(&u, false, buf, min_t(size_t, len, BUFFER));
	got = vfs_read(in, &u, ipos ? &pos : NULL);
	if (got <= 0)
		return got;
	uio_init_kernel(&u, true, buf, (size_t)got);
	put = vfs_write(out, &u, opos);
	if (put > 0 && ipos)
		*ipos += put;
	return put;
}

/* @once: a single read, whatever it brings. */
static ssize_t copy_loop(struct file *in, loff_t *ipos, struct file *out, loff_t *opos, size_t len,
			 bool once)
{
	bool cached = in->cache && S_ISREG(in->inode->mode) && in->ops->read == generic_read;
	void *buf = cached ? NULL : kmalloc(BUFFER);
	ssize_t done = 0, n = 0;

	if (!cached && !buf)
		return -ENOMEM;
	while (len) {
		n = cached ? copy_cached(in, ipos, out, opos, len)
			   : copy_buffered(in, ipos, out, opos, len, buf);
		if (n <= 0)
			break;
		done += n;
		len -= (size_t)n;
		if (once)
			break;
		if (signal_pending(current)) {
			n = -ERESTARTSYS;
			break;
		}
	}
	kfree(buf);
	return done ? done : n;
}

/* The file's position in @local, or NULL for a stream. */
static loff_t *position(struct file *f, loff_t *local)
{
	if (f->mode & FMODE_STREAM)
		return NULL;
	*local = f->pos;
	return local;
}

/* No position passes the largest one; streams have none. */
static bool range_fits(const loff_t *pos, size_t count)
{
	return !pos || count <= (u64)(S64_MAX - *pos);
}

/* @upos: the caller's position, which moves on; NULL: that of the file. */
static ssize_t send_file(int out_fd, int in_fd, loff_t *upos, size_t count)
{
	struct fd_ref in, out;
	loff_t ipos = 0, opos, *ip, *op;
	bool stream = false;
	ssize_t ret;

	in = upos ? fd_get((unsigned int)in_fd) : fd_get_pos((unsigned int)in_fd);
	if (!in.file)
		return -EBADF;
	out = (struct fd_ref){NULL, false, false};
	ret = -EBADF;
	if (!(in.file->mode & FMODE_READ))
		goto put_in;
	ret = -ESPIPE;
	if (upos && !(in.file->mode & FMODE_PREAD))
		goto put_in;
	ret = -EINVAL;
	if ((ssize_t)count < 0 || (upos && *upos < 0))
		goto put_in;
	/* Not both position locks: the same file may be on both sides. */
	out = fd_get((unsigned int)out_fd);
	ret = -EBADF;
	if (!out.file || !(out.file->mode & FMODE_WRITE))
		goto put_both;
	ret = -EINVAL;
	if ((out.file->flags & O_APPEND) || !out.file->ops->write)
		goto put_both;
	ip = upos ? upos : position(in.file, &ipos);
	op = position(out.file, &opos);
	if (!range_fits(ip, count) || !range_fits(op, count))
		goto put_both;
	/* From a stream only into a pipe, and then one read: a loop would swallow a terminal's end
	 * of file. */
	if (!S_ISREG(in.file->inode->mode) && !S_ISBLK(in.file->inode->mode)) {
		if (!S_ISFIFO(out.file->inode->mode))
			goto put_both;
		count = min_t(size_t, count, BUFFER);
		stream = true;
	}
	ret = copy_loop(in.file, ip, out.file, op, min_t(size_t, count, MAX_RW_COUNT), stream);
	if (ret > 0) {
		if (ip && !upos)
			in.file->pos = ipos;
		if (op)
			out.file->pos = opos;
	}
put_both:
	if (out.file)
		fd_put(out);
put_in:
	fd_put(in);
	return ret;
}

long sys_sendfile(int out_fd, int in_fd, s64 __user *uoff, size_t count)
{
	loff_t pos;
	ssize_t ret;

	if (!uoff)
		return send_file(out_fd, in_fd, NULL, count);
	if (get_user(pos, uoff))
		return -EFAULT;
	ret = send_file(out_fd, in_fd, &pos, count);
	/* Written back even where nothing moved. */
	return put_user(pos, uoff) ? -EFAULT : ret;
}

static ssize_t check_range(struct file *in, struct file *out, loff_t ipos, loff_t opos, size_t *len)
{
	loff_t size;

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE) || (out->flags & O_APPEND))
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (ipos < 0 || opos < 0 || ipos + (loff_t)*len < 0 || opos + (loff_t)*len < 0)
		return ipos < 0 || opos < 0 ? -EINVAL : -EOVERFLOW;
	if (in->inode->super != out->inode->super &&
	    in->inode->super->type != out->inode->super->type)
		return -EXDEV;
	size = inode_size(in->inode);
	*len = ipos >= size ? 0 : min_t(size_t, *len, (size_t)(size - ipos));
	if (in->inode == out->inode && ipos < opos + (loff_t)*len && opos < ipos + (loff_t)*len)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(int fd_in, s64 __user *uin, int fd_out, s64 __user *uout, size_t len,
			 unsigned int flags)
{
	struct fd_ref in, out;
	loff_t ipos, opos;
	ssize_t ret;

	if (flags)
		return -EINVAL;
	in = fd_get((unsigned int)fd_in);
	if (!in.file)
		return -EBADF;
	out = fd_get((unsigned int)fd_out);
	if (!out.file) {
		fd_put(in);
		return -EBADF;
	}
	ipos = in.file->pos;
	opos = out.file->pos;
	ret = -EFAULT;
	if ((uin && get_user(ipos, uin)) || (uout && get_user(opos, uout)))
		goto out;
	len = min_t(size_t, len, MAX_RW_COUNT);
	ret = check_range(in.file, out.file, ipos, opos, &len);
	if (ret || !len)
		goto out;
	ret = copy_loop(in.file, &ipos, out.file, &opos, len, false);
	if (ret <= 0)
		goto out;
	if (uin) {
		if (put_user(ipos, uin))
			ret = -EFAULT;
	} else {
		in.file->pos = ipos;
	}
	if (uout) {
		if (put_user(opos, uout))
			ret = -EFAULT;
	} else {
		out.file->pos = opos;
	}
out:
	fd_put(out);
	fd_put(in);
	return ret;
}
