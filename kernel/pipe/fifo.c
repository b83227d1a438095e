/*
 * Named pipes: fifo(7).
 *
 * All opens of one inode share a pipe that the inode points to while files are open.  Opening one
 * end waits for the other: the opener counts itself, then waits until the other side's open counter
 * moves, so an end that opened and closed again in between still lets it through.
 */
#include <kernel/pipe/pipe_impl.h>

#include <kern/errno.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>

/* The inode's pipe with one more file counted. */
static int fifo_get_pipe(struct inode *inode, struct pipe **out)
{
	struct pipe *fresh, *p;
	int err = pipe_alloc(&fresh);

	if (err)
		return -ENOMEM;
	spin_lock(&inode->spin);
	p = inode->pipe;
	if (!p)
		p = inode->pipe = fresh;
	p->files++;
	spin_unlock(&inode->spin);
	if (p != fresh)
		pipe_free(fresh);
	*out = p;
	return 0;
}

static void fifo_count_end(struct pipe *p, u32 fmode)
{
	if (fmode & FMODE_READ) {
		p->readers++;
		WRITE_ONCE(p->reader_opens, p->reader_opens + 1);
	}
	if (fmode & FMODE_WRITE) {
		p->writers++;
		WRITE_ONCE(p->writer_opens, p->writer_opens + 1);
	}
}

/* Waits for the other end with p->lock held; drops it meanwhile. */
static int fifo_wait_peer(struct pipe *p, struct wait_queue *q, u32 *counter)
{
	u32 seen = *counter;
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(q, READ_ONCE(*counter) != seen);
	mutex_lock(&p->lock);
	return err;
}

static int fifo_open_locked(struct pipe *p, struct file *f)
{
	u32 rw = f->mode & (FMODE_READ | FMODE_WRITE);

	if (rw == FMODE_WRITE && (f->flags & O_NONBLOCK) && !p->readers && !p->nameless)
		return -ENXIO;
	fifo_count_end(p, rw);
	wake_up_all(&p->read_wait);
	wake_up_all(&p->write_wait);
	if (p->nameless)
		return 0;
	if (rw == FMODE_READ && !p->writers && !(f->flags & O_NONBLOCK))
		return fifo_wait_peer(p, &p->read_wait, &p->writer_opens);
	if (rw == FMODE_WRITE && !p->readers)
		return fifo_wait_peer(p, &p->write_wait, &p->reader_opens);
	return 0;
}

static int fifo_open(struct inode *inode, struct file *f)
{
	struct pipe *p;
	u32 counted = 0;
	int err = fifo_get_pipe(inode, &p);

	if (err)
		return err;
	mutex_lock(&p->lock);
	err = fifo_open_locked(p, f);
	if (err != -ENXIO)
		counted = f->mode & (FMODE_READ | FMODE_WRITE);
	mutex_unlock(&p->lock);
	if (err) {
		pipe_close_end(inode, p, counted);
		return err;
	}
	f->private_data = p;
	f->ops = &pipe_file_ops;
	return 0;
}

static const struct file_ops fifo_open_ops = {
	.open = fifo_open,
	.lseek = no_lseek,
};

void pipe_system_init(void)
{
	vfs_fifo_ops = &fifo_open_ops;
}
