/*
 * Pipes.
 *
 * A write appends to the last buffer while it has room in its frame, else takes a new frame; a read
 * consumes from the oldest.  Writes of at most PIPE_BUF bytes are atomic because they happen under
 * the lock and wait for a whole free slot when they do not fit in what is left of the last one.
 *
 * Wake-ups: a sleeper waits for "not empty" or "not full", so only the transitions wake: from empty
 * by a writer, from full by a reader.  Sleepers are exclusive; one that slept and leaves data (or
 * room) behind wakes the next.
 */
#include <kernel/pipe/pipe_impl.h>

#include <kern/align.h>
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kern/string.h>
#include <kernel/frame/frame.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <asm/ioctls.h>
#include <linux/limits.h>

static struct pipe_buf *pipe_slot(struct pipe *p, u32 n)
{
	return &p->ring[n & (p->slots - 1)];
}

int pipe_alloc(struct pipe **out)
{
	struct cred_user *user = current_cred()->user;
	struct pipe *p = kzalloc(sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	err = pipe_charge_new(user, &p->slots);
	if (err) {
		kfree(p);
		return err;
	}
	p->ring = alloc_array(p->slots, sizeof(*p->ring));
	if (!p->ring) {
		pipe_uncharge(user, p->slots);
		kfree(p);
		return -ENOMEM;
	}
	p->user = cred_user_get(user);
	mutex_init(&p->lock, LK_PIPE);
	wait_queue_init(&p->read_wait);
	wait_queue_init(&p->write_wait);
	*out = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	while (!pipe_empty(p))
		pipe_pop(p);
	for (unsigned int i = 0; i < ARRAY_SIZE(p->spare); i++)
		if (p->spare[i])
			frame_put(p->spare[i]);
	pipe_uncharge(p->user, p->slots);
	cred_user_put(p->user);
	kfree(p->ring);
	kfree(p);
}

/* ---- buffers ---- */

static struct frame *pipe_frame_get(struct pipe *p)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(p->spare); i++) {
		struct frame *f = p->spare[i];

		if (f) {
			p->spare[i] = NULL;
			return f;
		}
	}
	return frame_alloc(0, FRAME_KERNEL, GFP_USER);
}

static void pipe_frame_release(struct pipe *p, struct frame *f, u32 flags)
{
	if ((flags & PIPE_BUF_MERGE) && frame_refs(f) == 1) {
		for (unsigned int i = 0; i < ARRAY_SIZE(p->spare); i++) {
			if (!p->spare[i]) {
				p->spare[i] = f;
				return;
			}
		}
	}
	frame_put(f);
}

void pipe_pop(struct pipe *p)
{
	struct pipe_buf *b = pipe_slot(p, p->tail);

	pipe_frame_release(p, b->frame, b->flags);
	b->frame = NULL;
	WRITE_ONCE(p->tail, p->tail + 1);
}

void pipe_push(struct pipe *p, struct frame *f, u32 offset, u32 len, u32 flags)
{
	*pipe_slot(p, p->head) = (struct pipe_buf){frame_get(f), offset, len, flags};
	WRITE_ONCE(p->head, p->head + 1);
}

/* Keeps the contents; -EBUSY when they do not fit, as fcntl(2) F_SETPIPE_SZ. */
int pipe_resize(struct pipe *p, u32 slots)
{
	u32 used = p->head - p->tail;
	struct pipe_buf *ring;

	if (used > slots)
		return -EBUSY;
	ring = alloc_array(slots, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (u32 i = 0; i < used; i++)
		ring[i] = *pipe_slot(p, p->tail + i);
	kfree(p->ring);
	p->ring = ring;
	WRITE_ONCE(p->slots, slots);
	p->tail = 0;
	WRITE_ONCE(p->head, used);
	return 0;
}

/* ---- waiting ---- */

int pipe_wait_readable(struct pipe *p, bool nonblock)
{
	int slept = 0;

	mutex_lock(&p->lock);
	while (pipe_empty(p)) {
		int err;

		if (!p->writers) {
			mutex_unlock(&p->lock);
			return 0;
		}
		mutex_unlock(&p->lock);
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible_exclusive(&p->read_wait,
							 !pipe_empty(p) || !READ_ONCE(p->writers));
		if (err)
			return err;
		slept = 1;
		mutex_lock(&p->lock);
	}
	return 1 + slept;
}

static int pipe_broken(void)
{
	(void)signal_send_task(current, SIGPIPE, NULL);
	return -EPIPE;
}

int pipe_wait_writable(struct pipe *p, bool nonblock)
{
	mutex_lock(&p->lock);
	for (;;) {
		int err;

		if (!p->readers) {
			mutex_unlock(&p->lock);
			return pipe_broken();
		}
		if (!pipe_full(p))
			return 0;
		mutex_unlock(&p->lock);
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible_exclusive(&p->write_wait,
							 !pipe_full(p) || !READ_ONCE(p->readers));
		if (err)
			return err;
		mutex_lock(&p->lock);
	}
}

void pipe_filled(struct pipe *p, ssize_t n)
{
	if (n > 0) {
		wake_up_sync_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
		fasync_notify(&p->read_async, POLL_IN);
	}
	if (!pipe_full(p) && wait_queue_active(&p->write_wait))
		wake_up_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
}

void pipe_drained(struct pipe *p, ssize_t n)
{
	if (n > 0) {
		wake_up_sync_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
		fasync_notify(&p->write_async, POLL_OUT);
	}
	if (!pipe_empty(p) && wait_queue_active(&p->read_wait))
		wake_up_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
}

/* ---- read ---- */

/* Moves what is there under the lock; returns bytes or -EFAULT.  *packet_end: stop even if more is
 * wanted. */
static ssize_t pipe_drain(struct pipe *p, struct uio *u, bool *packet_end)
{
	ssize_t done = 0;

	while (u->left && !pipe_empty(p)) {
		struct pipe_buf *b = pipe_slot(p, p->tail);
		size_t want = min_t(size_t, u->left, b->len);
		size_t got = uio_copy_frame_to(u, b->frame, b->offset, want);

		done += (ssize_t)got;
		b->offset += (u32)got;
		b->len -= (u32)got;
		*packet_end = b->flags & PIPE_BUF_PACKET;
		if (got < want)
			return done ? done : -EFAULT;
		if (!b->len || *packet_end) /* the rest of a packet is lost: pipe(2) O_DIRECT */
			pipe_pop(p);
		if (*packet_end)
			break;
	}
	return done;
}

ssize_t pipe_read_some(struct pipe *p, struct uio *u, bool nonblock)
{
	bool was_full, next_reader, packet_end = false;
	ssize_t n;
	int err;

	if (!u->left)
		return 0;
	err = pipe_wait_readable(p, nonblock);
	if (err <= 0)
		return err;
	was_full = pipe_full(p);
	n = pipe_drain(p, u, &packet_end);
	was_full = was_full && !pipe_full(p);
	next_reader = err > 1 && !pipe_empty(p); /* an exclusive wake-up was ours alone */
	mutex_unlock(&p->lock);
	if (was_full)
		wake_up_sync_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
	if (next_reader && wait_queue_active(&p->read_wait))
		wake_up_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
	fasync_notify(&p->write_async, POLL_OUT);
	return n;
}

static ssize_t pipe_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)pos;
	return pipe_read_some(f->private_data, u, f->flags & O_NONBLOCK);
}

/* ---- write ---- */

/* Appends to the last buffer what fits there if all of a small write does. */
static ssize_t pipe_merge(struct pipe *p, struct uio *u)
{
	struct pipe_buf *b;
	u32 end;
	size_t chunk = u->left & (PAGE_SIZE - 1);

	if (pipe_empty(p) || !chunk)
		return 0;
	b = pipe_slot(p, p->head - 1);
	end = b->offset + b->len;
	if (!(b->flags & PIPE_BUF_MERGE) || end + chunk > PAGE_SIZE)
		return 0;
	if (uio_copy_frame_from(u, b->frame, end, chunk) < chunk)
		return -EFAULT; /* b->len is unchanged: nothing was written */
	b->len += (u32)chunk;
	return (ssize_t)chunk;
}

static ssize_t pipe_append(struct pipe *p, struct uio *u, u32 flags)
{
	struct frame *f = pipe_frame_get(p);
	size_t want = min_t(size_t, u->left, PAGE_SIZE), got;

	if (!f)
		return -ENOMEM;
	got = uio_copy_frame_from(u, f, 0, want);
	if (got < want && !got) {
		pipe_frame_release(p, f, PIPE_BUF_MERGE);
		return -EFAULT;
	}
	*pipe_slot(p, p->head) = (struct pipe_buf){f, 0, (u32)got, flags};
	WRITE_ONCE(p->head, p->head + 1);
	return (ssize_t)got;
}

/* Wakes readers after a write that found the pipe empty. */
static void pipe_wake_readers(struct pipe *p, bool was_empty)
{
	if (was_empty || READ_ONCE(p->polled))
		wake_up_sync_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
}

static ssize_t pipe_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pipe *p = f->private_data;
	bool packets = f->flags & O_DIRECT, slept = false, was_empty;
	u32 flags = packets ? PIPE_BUF_PACKET : PIPE_BUF_MERGE;
	ssize_t done = 0, n = 0;

	(void)pos;
	if (!u->left)
		return 0;
	mutex_lock(&p->lock);
	if (!p->readers) {
		mutex_unlock(&p->lock);
		return pipe_broken();
	}
	was_empty = pipe_empty(p);
	if (!packets && (n = pipe_merge(p, u)) > 0)
		done = n;
	while (n >= 0 && u->left) {
		if (!pipe_full(p)) {
			n = pipe_append(p, u, flags);
			done += n > 0 ? n : 0;
			continue;
		}
		mutex_unlock(&p->lock);
		pipe_wake_readers(p, was_empty);
		fasync_notify(&p->read_async, POLL_IN);
		n = pipe_wait_writable(p, f->flags & O_NONBLOCK);
		if (n)
			return done ? done : n;
		slept = true;
		was_empty = pipe_empty(p);
	}
	was_empty = was_empty && !pipe_empty(p);
	n = done ? done : n;
	slept = slept && !pipe_full(p);
	mutex_unlock(&p->lock);
	pipe_wake_readers(p, was_empty);
	fasync_notify(&p->read_async, POLL_IN);
	if (slept && wait_queue_active(&p->write_wait))
		wake_up_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
	return n;
}

/* ---- the other operations ---- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private_data;
	u32 mask = 0;

	WRITE_ONCE(p->polled, true);
	if (f->mode & FMODE_READ)
		poll_wait(pt, f, &p->read_wait);
	if (f->mode & FMODE_WRITE)
		poll_wait(pt, f, &p->write_wait);
	smp_rmb();
	if (f->mode & FMODE_READ) {
		if (!pipe_empty(p))
			mask |= EPOLLIN | EPOLLRDNORM;
		/* A FIFO reader that never had a writer is not hung up: poll(2) on fifo(7). */
		if (!READ_ONCE(p->writers) && READ_ONCE(p->writer_opens))
			mask |= EPOLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		if (!pipe_full(p))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= EPOLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pipe *p = f->private_data;
	int bytes = 0;

	if (cmd != FIONREAD)
		return -ENOIOCTLCMD;
	scoped_guard(mutex, &p->lock) for (u32 i = p->tail; i != p->head; i++) bytes +=
		(int)pipe_slot(p, i)->len;
	return put_user(bytes, (int __user *)arg);
}

void pipe_close_end(struct inode *inode, struct pipe *p, u32 fmode)
{
	bool last, half;

	mutex_lock(&p->lock);
	p->readers -= !!(fmode & FMODE_READ);
	p->writers -= !!(fmode & FMODE_WRITE);
	half = !p->readers != !p->writers;
	mutex_unlock(&p->lock);
	wake_up_all(&p->read_wait);
	wake_up_all(&p->write_wait);
	if (half) {
		fasync_notify(&p->read_async, POLL_IN);
		fasync_notify(&p->write_async, POLL_OUT);
	}
	spin_lock(&inode->spin);
	last = --p->files == 0;
	if (last)
		inode->pipe = NULL;
	spin_unlock(&inode->spin);
	if (last)
		pipe_free(p);
}

static void pipe_release(struct file *f)
{
	pipe_close_end(f->inode, f->private_data, f->mode);
}

static int pipe_fasync(struct file *f, int fd, bool on)
{
	struct pipe *p = f->private_data;
	int err = 0;

	if (f->mode & FMODE_READ)
		err = fasync_set(&p->read_async, f, fd, on);
	if (!err && (f->mode & FMODE_WRITE)) {
		err = fasync_set(&p->write_async, f, fd, on);
		if (err && (f->mode & FMODE_READ))
			fasync_remove(&p->read_async, f);
	}
	return err;
}

const struct file_ops pipe_file_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.lseek = no_lseek,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
	.fasync = pipe_fasync,
};

struct pipe *pipe_of_file(struct file *f)
{
	return f->ops->read == pipe_read ? f->private_data : NULL;
}

int pipe_create(u32 flags, struct file *out[2])
{
	struct inode *inode;
	struct pipe *p;
	int err = vfs_pseudo_inode(S_IFIFO | 0600, &inode);

	if (err)
		return err;
	err = pipe_alloc(&p);
	if (err)
		goto put_inode;
	p->readers = p->writers = p->reader_opens = p->writer_opens = 1;
	p->files = 2;
	p->nameless = true;
	inode->pipe = p;
	err = vfs_pseudo_open(inode, &pipe_file_ops, p, O_RDONLY | (flags & O_NONBLOCK), &out[0]);
	if (err)
		goto free_pipe;
	err = vfs_pseudo_open(inode, &pipe_file_ops, p,
			      O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &out[1]);
	if (err) {
		pipe_close_end(inode, p, FMODE_WRITE);
		file_put(out[0]); /* frees the pipe */
	}
	goto put_inode;

free_pipe:
	inode->pipe = NULL;
	pipe_free(p);
put_inode:
	inode_put(inode);
	return err;
}

/* ---- system calls ---- */

long sys_pipe2(int __user *fds, int flags)
{
	struct file *files[2];
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create((u32)flags, files);
	if (err)
		return err;
	err = fd_install_pair(files, (u32)flags & O_CLOEXEC, fds);
	if (err) {
		file_put(files[0]);
		file_put(files[1]);
	}
	return err;
}

long sys_pipe(int __user *fds)
{
	return sys_pipe2(fds, 0);
}
