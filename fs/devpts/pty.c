/*
 * Pseudo terminals: the pair, seen from the slave.  pty(7).
 *
 * The slave is a terminal whose device is a ring that the master reads.  What the master writes
 * goes through the slave's line discipline at once, in the writer's context; what that has no room
 * for waits in a second ring until a reader of the slave has made room.  Both rings are guarded by
 * the slave's spinlock.
 */
#include <fs/devpts/devpts_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>

#define PTS_MAJOR 136

/* Under slave.spin. */
static void packet_event(struct pty *p, u8 set, u8 clear)
{
	if (!p->packet)
		return;
	p->packet_status = (u8)((p->packet_status & ~clear) | set);
	wake_up_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | EPOLLPRI);
}

/* ---- the slave's device ---- */

static size_t slave_room(const struct tty *tty)
{
	const struct pty *p = container_of(tty, const struct pty, slave);

	return tty->n.stopped ? 0 : ringbuf_space(&p->out);
}

static size_t slave_write(struct tty *tty, const u8 *buf, size_t len)
{
	struct pty *p = pty_of(tty);
	size_t n = ringbuf_write(&p->out, buf, (u32)len);

	if (n && wait_queue_active(&p->read_wait))
		wake_up_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
	return n;
}

void pty_flush_output(struct pty *p)
{
	(void)ringbuf_skip(&p->out, PTY_OUT_SIZE);
}

static void slave_flush(struct tty *tty)
{
	pty_flush_output(pty_of(tty));
	packet_event(pty_of(tty), TIOCPKT_FLUSHWRITE, 0);
}

static void slave_flow(struct tty *tty, bool go)
{
	if (go)
		packet_event(pty_of(tty), TIOCPKT_START, TIOCPKT_STOP);
	else
		packet_event(pty_of(tty), TIOCPKT_STOP, TIOCPKT_START);
}

static void slave_input_flushed(struct tty *tty, bool all)
{
	struct pty *p = pty_of(tty);

	if (all && p->in.buf) {
		(void)ringbuf_skip(&p->in, PTY_IN_SIZE);
		p->in_flushes++;
	}
	packet_event(p, TIOCPKT_FLUSHREAD, 0);
}

/* in_lock held: one piece of what waits; how many bytes were taken. */
static size_t push_piece(struct pty *p)
{
	u8 piece[256];

	spin_lock_irq(&p->slave.spin);
	u32 n = ringbuf_peek(&p->in, 0, piece, sizeof(piece)), flushes = p->in_flushes;

	spin_unlock_irq(&p->slave.spin);
	size_t taken = n ? tty_receive(&p->slave, piece, NULL, n) : 0;

	spin_lock_irq(&p->slave.spin);
	if (p->in_flushes == flushes)
		(void)ringbuf_skip(&p->in, (u32)taken);
	spin_unlock_irq(&p->slave.spin);
	return taken;
}

void pty_push_input(struct pty *p)
{
	if (!READ_ONCE(p->in.buf))
		return;
	mutex_lock_nested(&p->in_lock, 1);
	while (push_piece(p))
		;
	mutex_unlock(&p->in_lock);
	if (wait_queue_active(&p->write_wait))
		wake_up_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
}

static void slave_input_room(struct tty *tty)
{
	pty_push_input(pty_of(tty));
}

static bool usual_flow(const struct termios2 *t)
{
	return (t->c_iflag & IXON) && t->c_cc[VSTOP] == 023 && t->c_cc[VSTART] == 021;
}

static void slave_set_termios(struct tty *tty, const struct termios2 *old)
{
	struct termios2 *t = &tty->n.termios;
	bool before = usual_flow(old), now = usual_flow(t);

	spin_lock_irq(&tty->spin);
	t->c_cflag = (t->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
	if (before != now)
		packet_event(pty_of(tty), now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP,
			     TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
	if ((old->c_lflag | t->c_lflag) & EXTPROC)
		packet_event(pty_of(tty), TIOCPKT_IOCTL, 0);
	spin_unlock_irq(&tty->spin);
}

static int slave_open(struct tty *tty, struct file *f)
{
	struct pty *p = pty_of(tty);

	(void)f;
	spin_lock_irq(&tty->spin);
	bool refused = p->locked;

	if (!refused)
		p->slave_closed = false;
	spin_unlock_irq(&tty->spin);
	return refused ? -EIO : 0;
}

static void slave_gone(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	spin_lock_irq(&tty->spin);
	p->slave_closed = true;
	p->packet = false;
	spin_unlock_irq(&tty->spin);
	wake_up_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	wake_up_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM | EPOLLHUP);
}

static void slave_close(struct tty *tty)
{
	if (tty->opens <= 1)
		slave_gone(tty);
}

static void slave_free(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	devpts_release(p->super, p->index);
	super_put(p->super);
	kvfree(p->out.buf);
	kvfree(p->in.buf);
	kvfree(p);
}

static const struct tty_ops slave_ops = {
	.open = slave_open,
	.close = slave_close,
	.room = slave_room,
	.write = slave_write,
	.flush = slave_flush,
	.flow = slave_flow,
	.input_flushed = slave_input_flushed,
	.input_room = slave_input_room,
	.set_termios = slave_set_termios,
	.hangup = slave_gone,
	.free = slave_free,
};

/* ---- the pair ---- */

static void pty_setup(struct pty *p, struct super *sb, void *out)
{
	struct termios2 t = tty_initial_termios(B38400 | CS8 | CREAD, 38400);

	ringbuf_init(&p->out, out, PTY_OUT_SIZE);
	mutex_init(&p->in_lock, LK_TTY);
	mutex_init(&p->read_lock, LK_TTY);
	mutex_init(&p->write_lock, LK_TTY);
	wait_queue_init(&p->read_wait);
	wait_queue_init(&p->write_wait);
	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	p->super = sb;
	p->locked = true;
	snprintf(p->slave.name, sizeof(p->slave.name), "pts/%d", p->index);
	p->slave.major = PTS_MAJOR;
	p->slave.minor = (u32)p->index;
	p->slave.opens = 1;
	tty_setup(&p->slave, &slave_ops, &t);
}

int pty_create(struct super *sb, struct pty **out)
{
	struct pty *p = kvmalloc(sizeof(*p), GFP_KERNEL | GFP_ZERO);
	void *ring = kvmalloc(PTY_OUT_SIZE, GFP_KERNEL);
	int err = -ENOMEM;

	if (p && ring)
		err = devpts_reserve(sb, &p->index);
	if (err) {
		kvfree(ring);
		kvfree(p);
		return err;
	}
	pty_setup(p, sb, ring);
	err = devpts_add(sb, p, &p->node);
	if (err)
		tty_put(&p->slave);
	else
		*out = p;
	return err;
}

void pty_close_master(struct pty *p)
{
	struct tty *tty = &p->slave;

	devpts_remove(p->super, p->node);
	mutex_lock(&tty->lock);
	spin_lock_irq(&tty->spin);
	tty->dead = true;
	spin_unlock_irq(&tty->spin);
	tty->opens--;
	mutex_unlock(&tty->lock);
	tty_hangup(tty);
	tty_put(tty);
}

static struct device pts_device = {
	.name = "pts",
	.driver = "pts",
	.class_name = NULL,
	.kind = DEVICE_CHAR,
	.major = PTS_MAJOR,
	.minor = 0,
	.count = 1u << 20,
	.mode = 0600,
	.no_node = true,
	.ops = &tty_file_ops,
};
DEVICE(pts_device);
