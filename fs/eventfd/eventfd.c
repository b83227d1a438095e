/*
 * eventfd(2).
 *
 * The counter's lock is a leaf; sleepers test the counter without it and then try again under it,
 * so a wake-up needs the lock only to change the counter.
 */
#include <fs/eventfd/eventfd.h>

#include <kern/errno.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/eventfd.h>

#define EVENTFD_MAX (U64_MAX - 1)

struct eventfd {
	struct spinlock lock; /* LK_IRQ_LEAF */
	u64 count;	      /* lock */
	bool semaphore;	      /* [I] */
	struct wait_queue wait;
};

/* Takes the value to be read; false if there is none. */
static bool eventfd_take(struct eventfd *e, u64 *out)
{
	unsigned long flags = spin_lock_irqsave(&e->lock);
	u64 n = e->semaphore && e->count ? 1 : e->count;

	WRITE_ONCE(e->count, e->count - n);
	spin_unlock_irqrestore(&e->lock, flags);
	*out = n;
	return n != 0;
}

static bool eventfd_add(struct eventfd *e, u64 n)
{
	unsigned long flags = spin_lock_irqsave(&e->lock);
	bool fits = EVENTFD_MAX - e->count >= n;

	if (fits)
		WRITE_ONCE(e->count, e->count + n);
	spin_unlock_irqrestore(&e->lock, flags);
	return fits;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct eventfd *e = f->private_data;
	u64 n;

	(void)pos;
	if (u->left < sizeof(n))
		return -EINVAL;
	while (!eventfd_take(e, &n)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait, READ_ONCE(e->count));
		if (err)
			return err;
	}
	if (wait_queue_active(&e->wait))
		wake_up_poll(&e->wait, EPOLLOUT);
	return uio_copy_to(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct eventfd *e = f->private_data;
	u64 n;

	(void)pos;
	if (u->left < sizeof(n))
		return -EINVAL;
	if (uio_copy_from(u, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	if (n == U64_MAX)
		return -EINVAL;
	while (!eventfd_add(e, n)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait, EVENTFD_MAX - READ_ONCE(e->count) >= n);
		if (err)
			return err;
	}
	if (n && wait_queue_active(&e->wait))
		wake_up_sync_poll(&e->wait, EPOLLIN);
	return sizeof(n);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private_data;
	u64 count;
	u32 mask = 0;

	poll_wait(pt, f, &e->wait);
	smp_rmb();
	count = READ_ONCE(e->count);
	if (count)
		mask |= EPOLLIN;
	if (count < EVENTFD_MAX)
		mask |= EPOLLOUT;
	return mask;
}

static void eventfd_release(struct file *f)
{
	kfree(f->private_data);
}

static void eventfd_fdinfo(struct file *f, struct seq *s)
{
	struct eventfd *e = f->private_data;

	seq_printf(s, "eventfd-count: %16llx\n", (unsigned long long)READ_ONCE(e->count));
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.lseek = noop_lseek,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.fdinfo = eventfd_fdinfo,
};

int eventfd_signal(struct file *f, u64 n)
{
	struct eventfd *e = f->private_data;

	if (f->ops != &eventfd_ops)
		return -EINVAL;
	if (!eventfd_add(e, n))
		return -EAGAIN;
	wake_up_poll(&e->wait, EPOLLIN);
	return 0;
}

long sys_eventfd2(unsigned int initval, int flags)
{
	struct eventfd *e;
	struct file *f;
	int fd, err;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	spin_init(&e->lock, LK_IRQ_LEAF);
	wait_queue_init(&e->wait);
	e->count = initval;
	e->semaphore = flags & EFD_SEMAPHORE;
	err = file_create_anon("[eventfd]", &eventfd_ops, e, O_RDWR | (flags & EFD_NONBLOCK), &f);
	if (err) {
		kfree(e);
		return err;
	}
	err = fd_install_new(f, flags & EFD_CLOEXEC, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	return fd;
}

long sys_eventfd(unsigned int initval)
{
	return sys_eventfd2(initval, 0);
}
