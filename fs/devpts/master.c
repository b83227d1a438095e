/*
 * Pseudo terminals: the master, /dev/ptmx.
 *
 * Every open makes a new pair.  In packet mode (ioctl_tty(2), TIOCPKT) each read begins with a byte
 * that is zero before data and else says what happened at the slave.
 */
#include <fs/devpts/devpts_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/device/device.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <asm/ioctls.h>

#define CHUNK 512u

static int lock_for(struct mutex *m, struct file *f)
{
	if (mutex_trylock(m))
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return mutex_lock_interruptible(m) ? -ERESTARTSYS : 0;
}

/* ---- reading ---- */

static bool readable(struct pty *p)
{
	return !ringbuf_empty(&p->out) || (READ_ONCE(p->packet) && READ_ONCE(p->packet_status));
}

/* One piece; *status: the byte in front of it in packet mode, or -1.  *last: nothing may follow. */
static u32 take(struct pty *p, u8 *chunk, u32 len, bool first, int *status, bool *last)
{
	u32 n = 0;

	*status = -1;
	spin_lock_irq(&p->slave.spin);
	if (p->packet && p->packet_status) {
		*last = true;
		if (first) {
			*status = p->packet_status;
			p->packet_status = 0;
		}
	} else if (!p->packet || !first) {
		n = ringbuf_read(&p->out, chunk, len);
	} else if (!ringbuf_empty(&p->out)) {
		*status = TIOCPKT_DATA;
		n = ringbuf_read(&p->out, chunk, len - 1);
	}
	spin_unlock_irq(&p->slave.spin);
	if (n)
		tty_output_room(&p->slave);
	return n;
}

static ssize_t read_available(struct pty *p, struct uio *u)
{
	size_t done = 0;
	u8 chunk[CHUNK];
	bool last = false;
	int status;

	while (u->left && !last) {
		u32 want = (u32)min_t(size_t, u->left, sizeof(chunk));
		u32 n = take(p, chunk, want, !done, &status, &last);
		u8 head = (u8)status;

		if (status >= 0) {
			if (!uio_copy_to(u, &head, 1))
				return -EFAULT;
			done++;
		}
		size_t copied = uio_copy_to(u, chunk, n);

		done += copied;
		if (copied != n)
			return done ? (ssize_t)done : -EFAULT;
		if (n < want)
			break;
	}
	return (ssize_t)done;
}

static ssize_t master_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct pty *p = f->private_data;
	ssize_t n;

	(void)pos;
	if (!u->left)
		return 0;
	n = lock_for(&p->read_lock, f);
	if (n)
		return n;
	for (;;) {
		n = read_available(p, u);
		if (n)
			break;
		if (READ_ONCE(p->slave_closed)) {
			/* It may have written just before it went. */
			n = read_available(p, u);
			n = n ? n : -EIO;
			break;
		}
		if (f->flags & O_NONBLOCK) {
			n = -EAGAIN;
			break;
		}
		n = wait_event_interruptible(&p->read_wait,
					     readable(p) || READ_ONCE(p->slave_closed));
		if (n)
			break;
	}
	mutex_unlock(&p->read_lock);
	return n;
}

/* ---- writing ---- */

static int need_ring(struct pty *p)
{
	void *buf;

	if (p->in.buf)
		return 0;
	buf = kvmalloc(PTY_IN_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	spin_lock_irq(&p->slave.spin);
	ringbuf_init(&p->in, buf, PTY_IN_SIZE);
	spin_unlock_irq(&p->slave.spin);
	return 0;
}

/* in_lock held: how many bytes were taken. */
static ssize_t deliver_locked(struct pty *p, const u8 *buf, size_t len)
{
	size_t done = 0;
	int err;

	if (!p->in.buf || ringbuf_empty(&p->in))
		done = tty_receive(&p->slave, buf, NULL, len);
	if (done == len)
		return (ssize_t)done;
	err = need_ring(p);
	if (err)
		return done ? (ssize_t)done : err;
	spin_lock_irq(&p->slave.spin);
	done += ringbuf_write(&p->in, buf + done, (u32)(len - done));
	spin_unlock_irq(&p->slave.spin);
	return (ssize_t)done;
}

static ssize_t deliver(struct pty *p, const u8 *buf, size_t len)
{
	mutex_lock_nested(&p->in_lock, 1);
	ssize_t n = deliver_locked(p, buf, len);

	mutex_unlock(&p->in_lock);
	/* A reader that made room meanwhile has not seen what we put behind. */
	if (p->in.buf && !ringbuf_empty(&p->in))
		pty_push_input(p);
	return n;
}

static bool input_space(struct pty *p)
{
	return !p->in.buf || ringbuf_space(&p->in) != 0;
}

static int write_chunk(struct pty *p, struct file *f, const u8 *buf, size_t len, size_t *done)
{
	for (*done = 0; *done < len;) {
		ssize_t n = deliver(p, buf + *done, len - *done);
		int err;

		if (n < 0)
			return (int)n;
		*done += (size_t)n;
		if (*done == len)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->write_wait, input_space(p));
		if (err)
			return err;
	}
	return 0;
}

static ssize_t master_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pty *p = f->private_data;
	size_t total = 0, n;
	u8 chunk[CHUNK];
	int err = lock_for(&p->write_lock, f);

	(void)pos;
	if (err)
		return err;
	while (u->left && !err) {
		size_t want = min_t(size_t, u->left, sizeof(chunk));
		size_t got = uio_copy_from(u, chunk, want);

		err = write_chunk(p, f, chunk, got, &n);
		total += n;
		uio_revert(u, got - n);
		if (!err && got != want)
			err = -EFAULT;
		if (!err && u->left && signal_pending(current))
			err = -ERESTARTSYS;
	}
	mutex_unlock(&p->write_lock);
	return total ? (ssize_t)total : err;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private_data;
	u32 mask = 0;

	poll_wait(pt, f, &p->read_wait);
	poll_wait(pt, f, &p->write_wait);
	smp_rmb();
	if (readable(p))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(p->packet) && READ_ONCE(p->packet_status))
		mask |= EPOLLPRI;
	if (READ_ONCE(p->slave_closed))
		mask |= EPOLLHUP;
	if (input_space(p))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

/* ---- ioctls ---- */

static long open_peer(struct pty *p, struct file *f, unsigned long flags)
{
	struct path root, slave;
	int fd, err = devpts_root(f, &root);

	if (err)
		return err;
	if (root.dentry->super != p->super) {
		path_put(&root);
		return -ENOENT;
	}
	slave = (struct path){root.mnt, p->node};
	fd = vfs_open_path_fd(&slave, (int)flags);
	path_put(&root);
	return fd;
}

static long send_signal(struct pty *p, unsigned long sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal(&p->slave, (int)sig);
	return 0;
}

static long set_packet(struct pty *p, bool on)
{
	spin_lock_irq(&p->slave.spin);
	if (on && !p->packet)
		p->packet_status = 0;
	p->packet = on;
	spin_unlock_irq(&p->slave.spin);
	return 0;
}

/* What the master means by its own input and output is the other way round for the slave. */
static long flush(struct pty *p, unsigned long what)
{
	if (what != TCIFLUSH && what != TCOFLUSH && what != TCIOFLUSH)
		return -EINVAL;
	spin_lock_irq(&p->slave.spin);
	if (what != TCOFLUSH)
		pty_flush_output(p);
	if (what != TCIFLUSH && p->in.buf) {
		(void)ringbuf_skip(&p->in, PTY_IN_SIZE);
		p->in_flushes++;
	}
	spin_unlock_irq(&p->slave.spin);
	tty_output_room(&p->slave);
	wake_up_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

static long master_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pty *p = f->private_data;
	int __user *u = (int __user *)arg;
	int v;

	switch (cmd) {
	case TIOCSPTLCK:
	case TIOCPKT:
		if (get_user(v, u))
			return -EFAULT;
		if (cmd == TIOCPKT)
			return set_packet(p, v != 0);
		WRITE_ONCE(p->locked, v != 0);
		return 0;
	case TIOCGPTLCK:
		v = p->locked;
		return put_user(v, u);
	case TIOCGPKT:
		v = p->packet;
		return put_user(v, u);
	case TIOCGPTN:
		return put_user((unsigned int)p->index, (unsigned int __user *)u);
	case TIOCGPTPEER:
		return open_peer(p, f, arg);
	case TIOCSIG:
		return send_signal(p, arg);
	case TIOCINQ:
		v = (int)ringbuf_used(&p->out);
		return put_user(v, u);
	case TIOCOUTQ:
		v = p->in.buf ? (int)ringbuf_used(&p->in) : 0;
		return put_user(v, u);
	case TCFLSH:
		return flush(p, arg);
	case TIOCSTI:
	case TIOCVHANGUP:
	case TCXONC:
		return -ENOTTY;
	}
	return tty_ioctl_common(&p->slave, f, true, cmd, arg);
}

/* ---- open ---- */

static int ptmx_open(struct inode *inode, struct file *f)
{
	struct path root;
	struct pty *p;
	int err = devpts_root(f, &root);

	(void)inode;
	if (err)
		return err;
	err = pty_create(root.dentry->super, &p);
	path_put(&root);
	if (err)
		return err;
	f->private_data = p;
	f->mode =
		(f->mode & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_POS)) | FMODE_STREAM;
	return 0;
}

static void master_release(struct file *f)
{
	if (f->private_data)
		pty_close_master(f->private_data);
}

static const struct file_ops ptmx_ops = {
	.read = master_read,
	.write = master_write,
	.lseek = no_lseek,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.open = ptmx_open,
	.release = master_release,
};

static struct device ptmx = {
	.name = "ptmx",
	.driver = "/dev/ptmx",
	.class_name = "tty",
	.kind = DEVICE_CHAR,
	.major = 5,
	.minor = 2,
	.count = 1,
	.mode = 0666,
	.ops = &ptmx_ops,
};
DEVICE(ptmx);
