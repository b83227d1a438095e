/* ioctl(2) on terminals, but for settings (termios.c) and sessions (job.c).  ioctl_tty(2). */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <asm/ioctls.h>
#include <linux/tty.h>

#define BREAK_NS 250000000ull

bool tty_set_winsize(struct tty *tty, const struct winsize *ws)
{
	spin_lock_irq(&tty->spin);
	bool changed = memcmp(&tty->winsize, ws, sizeof(*ws)) != 0;

	tty->winsize = *ws;
	spin_unlock_irq(&tty->spin);
	if (changed)
		tty_signal(tty, SIGWINCH);
	return changed;
}

static long winsize_ioctl(struct tty *tty, unsigned int cmd, void __user *arg)
{
	struct winsize ws;

	if (cmd == TIOCSWINSZ) {
		if (copy_from_user(&ws, arg, sizeof(ws)))
			return -EFAULT;
		(void)tty_set_winsize(tty, &ws);
		return 0;
	}
	spin_lock_irq(&tty->spin);
	ws = tty->winsize;
	spin_unlock_irq(&tty->spin);
	return copy_to_user(arg, &ws, sizeof(ws)) ? -EFAULT : 0;
}

/* As if typed. */
static long sti(struct tty *tty, const char __user *arg)
{
	struct tty *mine = tty_of_current();
	u8 c;

	tty_put(mine);
	if (mine != tty && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(c, (const u8 __user *)arg))
		return -EFAULT;
	(void)tty_receive(tty, &c, NULL, 1);
	return 0;
}

static long flush_ioctl(struct tty *tty, unsigned long what)
{
	int err = tty_check_change(tty);

	if (err)
		return err;
	if (what != TCIFLUSH && what != TCOFLUSH && what != TCIOFLUSH)
		return -EINVAL;
	if (what != TCOFLUSH)
		tty_flush_input(tty);
	if (what != TCIFLUSH)
		tty_flush_output(tty);
	return 0;
}

static void set_held(struct tty *tty, bool held)
{
	spin_lock_irq(&tty->spin);
	bool change = tty->n.held != held;

	if (change) {
		tty->n.held = tty->n.stopped = held;
		if (tty->ops->flow)
			tty->ops->flow(tty, !held);
	}
	spin_unlock_irq(&tty->spin);
	if (change && !held)
		tty_output_room(tty);
}

static void send_flow_char(struct tty *tty, u8 c)
{
	if (tty->ops->send_char) {
		tty->ops->send_char(tty, c);
		return;
	}
	spin_lock_irq(&tty->spin);
	tty->ops->write(tty, &c, 1);
	spin_unlock_irq(&tty->spin);
}

static long flow_ioctl(struct tty *tty, unsigned long what)
{
	int err = tty_check_change(tty);
	u8 c;

	if (err)
		return err;
	switch (what) {
	case TCOOFF:
	case TCOON:
		set_held(tty, what == TCOOFF);
		return 0;
	case TCIOFF:
	case TCION:
		c = tty->n.termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			send_flow_char(tty, c);
		return 0;
	}
	return -EINVAL;
}

static long send_break(struct tty *tty, u64 duration_ns)
{
	int err;

	if (!tty->ops->set_break)
		return 0;
	err = tty->ops->set_break(tty, true);
	if (err)
		return err;
	sched_set_state(TASK_INTERRUPTIBLE);
	bool interrupted = sched_block(TASK_INTERRUPTIBLE, time_mono_ns() + duration_ns) != -ETIME;

	err = tty->ops->set_break(tty, false);
	return err ? err : interrupted ? -EINTR : 0;
}

static long break_ioctl(struct tty *tty, unsigned int cmd, unsigned long arg)
{
	int err = tty_check_change(tty);

	if (!err && cmd != TIOCCBRK && tty_drain(tty))
		err = -EINTR;
	if (err)
		return err;
	switch (cmd) {
	case TIOCSBRK:
	case TIOCCBRK:
		return tty->ops->set_break ? tty->ops->set_break(tty, cmd == TIOCSBRK) : 0;
	case TCSBRK:
		return arg ? 0 : send_break(tty, BREAK_NS);
	default:
		return send_break(tty, arg ? arg * 100000000ull : BREAK_NS);
	}
}

static long modem_ioctl(struct tty *tty, unsigned int cmd, int __user *arg)
{
	int v;

	if (!tty->ops->get_modem)
		return -ENOTTY;
	if (cmd == TIOCMGET) {
		v = tty->ops->get_modem(tty);
		return put_user(v, arg);
	}
	if (get_user(v, arg))
		return -EFAULT;
	u32 mine = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP;
	u32 bits = (u32)v & mine;

	switch (cmd) {
	case TIOCMBIS:
		return tty->ops->set_modem(tty, bits, 0);
	case TIOCMBIC:
		return tty->ops->set_modem(tty, 0, bits);
	default:
		return tty->ops->set_modem(tty, bits, mine & ~bits);
	}
}

static long count_ioctl(struct tty *tty, unsigned int cmd, int __user *arg)
{
	int v;

	spin_lock_irq(&tty->spin);
	if (cmd == TIOCINQ)
		v = (int)ntty_pending(&tty->n);
	else
		v = tty->ops->pending ? (int)tty->ops->pending(tty) : 0;
	spin_unlock_irq(&tty->spin);
	return put_user(v, arg);
}

static long discipline_ioctl(struct tty *tty, unsigned int cmd, int __user *arg)
{
	int v = N_TTY, err;

	if (cmd == TIOCGETD)
		return put_user(v, arg);
	if (get_user(v, arg))
		return -EFAULT;
	err = tty_check_change(tty);
	if (err)
		return err;
	return v == N_TTY ? 0 : -EINVAL;
}

static long exclusive_ioctl(struct tty *tty, unsigned int cmd, int __user *arg)
{
	int v = tty->exclusive;

	if (cmd == TIOCGEXCL)
		return put_user(v, arg);
	mutex_lock(&tty->lock);
	tty->exclusive = cmd == TIOCEXCL;
	mutex_unlock(&tty->lock);
	return 0;
}

long tty_ioctl_common(struct tty *tty, struct file *f, bool is_master, unsigned int cmd,
		      unsigned long arg)
{
	void __user *p = (void __user *)arg;
	u32 dev;
	long ret;

	switch (cmd) {
	case TIOCGWINSZ:
	case TIOCSWINSZ:
		return winsize_ioctl(tty, cmd, p);
	case TIOCSTI:
		return sti(tty, p);
	case TCFLSH:
		return flush_ioctl(tty, arg);
	case TCXONC:
		return flow_ioctl(tty, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return break_ioctl(tty, cmd, arg);
	case TIOCMGET:
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC:
		return modem_ioctl(tty, cmd, p);
	case TIOCOUTQ:
	case TIOCINQ:
		return count_ioctl(tty, cmd, p);
	case TIOCGETD:
	case TIOCSETD:
		return discipline_ioctl(tty, cmd, p);
	case TIOCEXCL:
	case TIOCNXCL:
	case TIOCGEXCL:
		return exclusive_ioctl(tty, cmd, p);
	case TIOCGDEV:
		dev = vfs_makedev(tty->major, tty->minor);
		return put_user(dev, (u32 __user *)p);
	case TIOCVHANGUP:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(tty);
		return 0;
	}
	ret = tty_termios_ioctl(tty, cmd, arg);
	if (ret == -ENOIOCTLCMD)
		ret = tty_job_ioctl(tty, f, is_master, cmd, arg);
	if (ret == -ENOIOCTLCMD && tty->ops->ioctl)
		ret = tty->ops->ioctl(tty, cmd, arg);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty_file *tf = f->private_data;

	if (READ_ONCE(tf->hung))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_ioctl_common(tf->tty, f, false, cmd, arg);
}
