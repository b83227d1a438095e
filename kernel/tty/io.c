/*
 * Reading, writing, polling, and the way of a received byte.
 *
 * Bytes cross between user memory and the terminal in pieces on the stack, so that user memory is
 * never touched under the spinlock.  The spinlock is taken with interrupts off, as devices receive
 * in interrupt context; signals are sent and sleepers woken after it is released.
 */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uio/uio.h>
#include <linux/fcntl.h>

#define CHUNK 512u
#define XOFF_ROOM 128u /* IXOFF: ask to wait below this room, to go on below this use */
#define DECISECOND_NS 100000000ull

/* ---- received bytes ---- */

bool tty_echo_flush(struct tty *tty)
{
	u8 out[256];

	while (ntty_echo_pending(&tty->n)) {
		size_t room = tty->ops->room(tty);
		size_t n = ntty_echo_peek(&tty->n, out, min_t(size_t, room, sizeof(out)));

		if (!n)
			return false;
		n = tty->ops->write(tty, out, n);
		ntty_echo_taken(&tty->n, n);
		if (!n)
			return false;
	}
	return true;
}

/* Under tty->spin: what the line discipline stopped for. */
static void handle_event(struct tty *tty, const struct ntty_event *ev)
{
	if (ev->flush) {
		if (tty->ops->flush)
			tty->ops->flush(tty);
		if (tty->ops->input_flushed)
			tty->ops->input_flushed(tty, false);
	}
	if ((ev->start || ev->stop) && tty->ops->flow)
		tty->ops->flow(tty, ev->start);
}

/* Under tty->spin: the other side shall pause or go on; the character to send, or -1. */
static int xoff_judge(struct tty *tty)
{
	const struct termios2 *t = &tty->n.termios;

	if (!tty->xoff_sent && (t->c_iflag & IXOFF) && ntty_room(&tty->n) < XOFF_ROOM &&
	    ntty_readable(&tty->n, 1)) {
		tty->xoff_sent = true;
		return t->c_cc[VSTOP];
	}
	if (tty->xoff_sent && (!(t->c_iflag & IXOFF) || ntty_used(&tty->n) < XOFF_ROOM)) {
		tty->xoff_sent = false;
		return t->c_cc[VSTART];
	}
	return -1;
}

static void send_char(struct tty *tty, int c)
{
	if (c > 0 && tty->ops->send_char)
		tty->ops->send_char(tty, (u8)c);
}

size_t tty_receive(struct tty *tty, const u8 *buf, const u8 *flags, size_t len)
{
	bool wake_reader = false, wake_writer = false;
	struct ntty_event ev;
	size_t done = 0;

	while (done < len) {
		size_t part = min_t(size_t, len - done, CHUNK);
		unsigned long irq = spin_lock_irqsave(&tty->spin);
		size_t n =
			ntty_receive(&tty->n, buf + done, flags ? flags + done : NULL, part, &ev);
		struct pid *pgrp = ev.signal ? pid_get(tty->pgrp) : NULL;
		int xchar = xoff_judge(tty);

		handle_event(tty, &ev);
		(void)tty_echo_flush(tty);
		wake_reader |= ntty_readable(&tty->n, 1);
		wake_writer |= ev.flush | ev.start;
		spin_unlock_irqrestore(&tty->spin, irq);
		send_char(tty, xchar);
		if (pgrp) {
			(void)signal_send_pgrp(pgrp, ev.signal, true);
			pid_put(pgrp);
		}
		if (!n)
			break;
		done += n;
	}
	if (wake_reader && wait_queue_active(&tty->read_wait))
		wake_up_poll(&tty->read_wait, EPOLLIN | EPOLLRDNORM);
	if (wake_reader)
		fasync_notify(&tty->async, POLL_IN);
	if (wake_writer && wait_queue_active(&tty->write_wait))
		wake_up_poll(&tty->write_wait, EPOLLOUT | EPOLLWRNORM);
	return done;
}

u32 tty_input_room(struct tty *tty)
{
	unsigned long irq = spin_lock_irqsave(&tty->spin);
	u32 room = ntty_room(&tty->n);

	spin_unlock_irqrestore(&tty->spin, irq);
	return room;
}

void tty_output_room(struct tty *tty)
{
	if (ntty_echo_pending(&tty->n)) {
		unsigned long irq = spin_lock_irqsave(&tty->spin);

		(void)tty_echo_flush(tty);
		spin_unlock_irqrestore(&tty->spin, irq);
	}
	if (wait_queue_active(&tty->write_wait))
		wake_up_poll(&tty->write_wait, EPOLLOUT | EPOLLWRNORM);
	if (READ_ONCE(tty->async_wrote)) {
		WRITE_ONCE(tty->async_wrote, false);
		fasync_notify(&tty->async, POLL_OUT);
	}
}

void tty_wake_all(struct tty *tty)
{
	u32 all = EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP;

	wake_up_poll(&tty->read_wait, all);
	wake_up_poll(&tty->write_wait, all);
}

void tty_signal(struct tty *tty, int sig)
{
	unsigned long irq = spin_lock_irqsave(&tty->spin);
	struct pid *pgrp = pid_get(tty->pgrp);

	spin_unlock_irqrestore(&tty->spin, irq);
	if (pgrp) {
		(void)signal_send_pgrp(pgrp, sig, true);
		pid_put(pgrp);
	}
}

/* ---- reading ---- */

void tty_input_taken(struct tty *tty)
{
	if (unlikely(tty->xoff_sent)) {
		spin_lock_irq(&tty->spin);
		int c = xoff_judge(tty);

		spin_unlock_irq(&tty->spin);
		send_char(tty, c);
	}
	if (tty->ops->input_room)
		tty->ops->input_room(tty);
}

struct read_state {
	struct tty *tty;
	struct tty_file *tf;
	struct uio *u;
	size_t done;
	u32 min;	/* bytes that are enough */
	u64 deadline;	/* of the next wait */
	u64 between_ns; /* VTIME between bytes; 0: none */
	bool end;	/* of the line */
};

/* The four cases of VMIN and VTIME (termios(3)). */
static void read_begin(struct read_state *r)
{
	const struct termios2 *t = &r->tty->n.termios;
	u64 time_ns = t->c_cc[VTIME] * DECISECOND_NS;

	r->min = 1;
	r->deadline = WAIT_FOREVER;
	if (t->c_lflag & ICANON)
		return;
	if (t->c_cc[VMIN]) {
		r->min = t->c_cc[VMIN];
		r->between_ns = time_ns;
	} else {
		r->deadline = time_ns ? time_mono_ns() + time_ns : 0;
	}
}

/* Takes what is there: bytes taken, or -EFAULT. */
static ssize_t read_chunk(struct read_state *r)
{
	struct tty *tty = r->tty;
	u8 chunk[CHUNK];

	spin_lock_irq(&tty->spin);
	size_t n = ntty_read(&tty->n, chunk, min_t(size_t, r->u->left, sizeof(chunk)), &r->end);

	if (n == r->u->left && !r->end)
		ntty_skip_eof(&tty->n);
	spin_unlock_irq(&tty->spin);
	if (!n && !r->end)
		return 0;
	tty_input_taken(tty);
	size_t copied = uio_copy_to(r->u, chunk, n);

	r->done += copied;
	return copied == n ? (ssize_t)n : -EFAULT;
}

static bool read_ready(struct read_state *r)
{
	return ntty_readable(&r->tty->n, 1) || READ_ONCE(r->tf->hung);
}

/* 0: try again; 1: the read ends here. */
static int read_wait(struct read_state *r, struct file *f)
{
	int err;

	if (READ_ONCE(r->tf->hung) || r->deadline == 0)
		return 1;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	err = wait_event_deadline(&r->tty->read_wait, read_ready(r), r->deadline);
	return err == -ETIME ? 1 : err;
}

static int read_loop(struct read_state *r, struct file *f)
{
	for (;;) {
		ssize_t n = read_chunk(r);

		if (n < 0)
			return (int)n;
		if (r->end || !r->u->left || (n < (ssize_t)CHUNK && r->done >= r->min))
			return 0;
		if (n) {
			if (r->between_ns)
				r->deadline = time_mono_ns() + r->between_ns;
			continue;
		}
		int err = read_wait(r, f);

		if (err)
			return err < 0 ? err : 0;
	}
}

static int lock_for(struct mutex *m, struct file *f)
{
	if (mutex_trylock(m))
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return mutex_lock_interruptible(m) ? -ERESTARTSYS : 0;
}

ssize_t tty_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct tty_file *tf = f->private_data;
	struct read_state r = {.tty = tf->tty, .tf = tf, .u = u};
	int err;

	(void)pos;
	if (READ_ONCE(tf->hung) || !u->left)
		return 0;
	err = tf->is_console ? 0 : tty_job_check(tf->tty, SIGTTIN);
	if (!err)
		err = lock_for(&tf->tty->read_lock, f);
	if (err)
		return err;
	read_begin(&r);
	err = read_loop(&r, f);
	mutex_unlock(&tf->tty->read_lock);
	return r.done ? (ssize_t)r.done : err;
}

/* ---- writing ---- */

/* Under tty->spin: as much of the output as the device takes. */
static size_t push(struct tty *tty, const u8 *buf, size_t len)
{
	u8 out[CHUNK];
	size_t done = 0, taken;

	if (!tty_echo_flush(tty))
		return 0;
	while (done < len) {
		size_t room = min_t(size_t, tty->ops->room(tty), sizeof(out));
		size_t n = ntty_output(&tty->n, buf + done, len - done, out, room, &taken);

		if (n)
			tty->ops->write(tty, out, n);
		if (!taken)
			break;
		done += taken;
	}
	return done;
}

static size_t push_some(struct tty *tty, const u8 *buf, size_t len)
{
	spin_lock_irq(&tty->spin);
	size_t n = push(tty, buf, len);

	spin_unlock_irq(&tty->spin);
	return n;
}

/* All of a chunk, waiting for room; *out: how much it was. */
static int write_chunk(struct tty_file *tf, struct file *f, const u8 *buf, size_t len, size_t *out)
{
	struct tty *tty = tf->tty;
	size_t n;
	int err;

	for (*out = 0; *out < len;) {
		if (READ_ONCE(tf->hung))
			return -EIO;
		n = push_some(tty, buf + *out, len - *out);
		*out += n;
		if (*out == len)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&tty->write_wait,
					       (n = push_some(tty, buf + *out, len - *out)) ||
						       READ_ONCE(tf->hung));
		*out += n;
		if (err)
			return err;
	}
	return 0;
}

ssize_t tty_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct tty_file *tf = f->private_data;
	struct tty *tty = tf->tty;
	size_t done = 0, n;
	u8 chunk[CHUNK];
	int err = 0;

	(void)pos;
	if (READ_ONCE(tf->hung))
		return -EIO;
	if ((tty->n.termios.c_lflag & TOSTOP) && !tf->is_console)
		err = tty_job_check(tty, SIGTTOU);
	if (!err)
		err = lock_for(&tty->write_lock, f);
	if (err)
		return err;
	while (u->left && !err) {
		size_t want = min_t(size_t, u->left, sizeof(chunk));
		size_t got = uio_copy_from(u, chunk, want);

		err = write_chunk(tf, f, chunk, got, &n);
		done += n;
		uio_revert(u, got - n);
		if (!err && got != want)
			err = -EFAULT;
		if (!err && u->left && signal_pending(current))
			err = -ERESTARTSYS;
	}
	mutex_unlock(&tty->write_lock);
	if (done && unlikely(READ_ONCE(tty->async.first)))
		WRITE_ONCE(tty->async_wrote, true);
	if (wait_queue_active(&tty->write_wait) && (!tty->ops->pending || !tty->ops->pending(tty)))
		wake_up_poll(&tty->write_wait, EPOLLOUT | EPOLLWRNORM);
	return done ? (ssize_t)done : err;
}

int tty_drain(struct tty *tty)
{
	int err = 0;

	if (tty->ops->pending)
		err = wait_event_interruptible(&tty->write_wait,
					       !tty->ops->pending(tty) || tty->dead);
	if (!err && tty->ops->wait_sent)
		tty->ops->wait_sent(tty);
	return err;
}

/* ---- flushing ---- */

void tty_flush_input(struct tty *tty)
{
	spin_lock_irq(&tty->spin);
	struct ntty *n = &tty->n;

	n->tail = n->canon_head = n->head;
	n->lnext = n->erasing = n->pushed = false;
	memset(n->line_end, 0, sizeof(n->line_end));
	if (tty->ops->input_flushed)
		tty->ops->input_flushed(tty, true);
	spin_unlock_irq(&tty->spin);
	tty_input_taken(tty);
}

void tty_flush_output(struct tty *tty)
{
	spin_lock_irq(&tty->spin);
	ntty_echo_taken(&tty->n, ntty_echo_pending(&tty->n));
	if (tty->ops->flush)
		tty->ops->flush(tty);
	spin_unlock_irq(&tty->spin);
	tty_output_room(tty);
}

/* ---- poll ---- */

u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = f->private_data;
	struct tty *tty = tf->tty;
	const u8 *cc = tty->n.termios.c_cc;
	u32 mask = 0;

	if (READ_ONCE(tf->hung))
		return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
	poll_wait(pt, f, &tty->read_wait);
	poll_wait(pt, f, &tty->write_wait);
	smp_rmb();
	if (ntty_readable(&tty->n, cc[VTIME] ? 1 : cc[VMIN]))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(tf->hung))
		mask |= EPOLLHUP;
	spin_lock_irq(&tty->spin);
	if (!ntty_echo_pending(&tty->n) && tty->ops->room(tty))
		mask |= EPOLLOUT | EPOLLWRNORM;
	spin_unlock_irq(&tty->spin);
	return mask;
}
