/*
 * vmsplice(2): memory of the caller into a pipe, and out of it.
 *
 * Into a pipe go references to the caller's pages: what it writes there before they are read is
 * read, as on Linux.  SPLICE_F_GIFT says that it will not, which changes nothing here: the pages
 * are not taken away from it.  Out of a pipe bytes are copied.
 */
#include <kernel/pipe/pipe_impl.h>

#include <kern/errno.h>
#include <kernel/frame/frame.h>
#include <kernel/mm/mm.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <abi/splice.h>

#define BATCH 16u

/* The next bytes of @u that lie together; there are some. */
static size_t next_range(const struct uio *u, u64 *addr)
{
	const struct iovec *v = u->user;
	size_t offset = u->offset;

	for (; v->iov_len == offset; v++)
		offset = 0;
	*addr = (u64)(unsigned long)v->iov_base + offset;
	return min(v->iov_len - offset, u->left);
}

/* The next pages of @u; pipe locked, @slots of it free.  Bytes, 0: the pipe is full, or -EFAULT. */
static ssize_t push_pages(struct pipe *p, struct uio *u, u32 slots)
{
	struct frame *frames[BATCH];
	u64 addr;
	size_t len = next_range(u, &addr), done = 0;
	u32 offset = (u32)addr & (PAGE_SIZE - 1);
	size_t want =
		min_t(size_t, (offset + len + PAGE_SIZE - 1) >> PAGE_SHIFT, min(slots, BATCH));
	ssize_t pages = want ? mm_pin(current->mm, addr, want, false, frames) : 0;

	for (ssize_t i = 0; i < pages; i++) {
		struct frame *head = frame_head(frames[i]);
		u32 n = (u32)min_t(size_t, PAGE_SIZE - offset, len - done);

		pipe_push(p, head, offset + (u32)((frames[i] - head) << PAGE_SHIFT), n, 0);
		frame_put(head);
		done += n;
		offset = 0;
	}
	uio_advance(u, done);
	return pages < 0 ? pages : (ssize_t)done;
}

/* What the pipe has room for now; waits for room for the first page only. */
static ssize_t from_user(struct pipe *p, struct uio *u, bool nonblock)
{
	ssize_t n = pipe_wait_writable(p, nonblock), done = 0;

	if (n)
		return n;
	while (u->left && !pipe_full(p)) {
		n = push_pages(p, u, p->slots - (p->head - p->tail));
		if (n <= 0)
			break;
		done += n;
	}
	mutex_unlock(&p->lock);
	pipe_filled(p, done);
	return done ? done : n;
}

long sys_vmsplice(int fd, const struct iovec __user *uiov, unsigned long nr_segs,
		  unsigned int flags)
{
	struct iovec fast[UIO_FAST], *to_free = NULL;
	struct fd_ref ref;
	struct uio u;
	long ret;

	if (flags & ~SPLICE_VALID)
		return -EINVAL;
	ref = fd_get((unsigned int)fd);
	if (!ref.file)
		return -EBADF;
	struct pipe *p = pipe_of_file(ref.file);
	bool in = ref.file->mode & FMODE_WRITE, nonblock = flags & SPLICE_F_NONBLOCK;

	ret = ref.file->mode & (FMODE_READ | FMODE_WRITE)
		      ? uio_import(&u, in, uiov, nr_segs, fast, &to_free)
		      : -EBADF;
	if (!ret && u.left)
		ret = !p   ? -EBADF
		      : in ? from_user(p, &u, nonblock)
			   : pipe_read_some(p, &u, nonblock);
	kfree(to_free);
	fd_put(ref);
	return ret;
}
