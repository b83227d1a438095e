/* Settings: the termios, termio and termios2 forms, speeds. */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/ioctls.h>

static const speed_t speeds[] = {0,   50,   75,	  110,	134,  150,  200,   300,
				 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
static const speed_t speeds_extended[] = {57600,   115200,  230400,  460800,  500000,
					  576000,  921600,  1000000, 1152000, 1500000,
					  2000000, 2500000, 3000000, 3500000, 4000000};

/* @code: the bits of CBAUD; 0 for one that means nothing. */
static speed_t speed_of(tcflag_t code)
{
	if (!(code & CBAUDEX))
		return speeds[code & 15];
	code = (code & ~(tcflag_t)CBAUDEX) - 1;
	return code < ARRAY_SIZE(speeds_extended) ? speeds_extended[code] : 0;
}

static void fix_speeds(struct termios2 *t)
{
	tcflag_t out = t->c_cflag & CBAUD, in = t->c_cflag >> IBSHIFT & CBAUD;

	if (out != BOTHER)
		t->c_ospeed = speed_of(out);
	if (in == B0)
		t->c_ispeed = out == BOTHER && t->c_ispeed ? t->c_ispeed : t->c_ospeed;
	else if (in != BOTHER)
		t->c_ispeed = speed_of(in);
}

struct termios2 tty_initial_termios(tcflag_t cflag, speed_t speed)
{
	return (struct termios2){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = cflag,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_cc = {[VINTR] = 003,
			 [VQUIT] = 034,
			 [VERASE] = 0177,
			 [VKILL] = 025,
			 [VEOF] = 004,
			 [VMIN] = 1,
			 [VSTART] = 021,
			 [VSTOP] = 023,
			 [VSUSP] = 032,
			 [VREPRINT] = 022,
			 [VDISCARD] = 017,
			 [VWERASE] = 027,
			 [VLNEXT] = 026},
		.c_ispeed = speed,
		.c_ospeed = speed,
	};
}

/* ---- to and from user memory ---- */

static struct termios2 current_settings(struct tty *tty)
{
	spin_lock_irq(&tty->spin);
	struct termios2 t = tty->n.termios;

	spin_unlock_irq(&tty->spin);
	return t;
}

static int get_settings(struct tty *tty, unsigned int cmd, void __user *arg)
{
	struct termios2 t = current_settings(tty);
	struct termio old = {.c_iflag = (u16)t.c_iflag,
			     .c_oflag = (u16)t.c_oflag,
			     .c_cflag = (u16)t.c_cflag,
			     .c_lflag = (u16)t.c_lflag,
			     .c_line = t.c_line};

	if (cmd == TCGETS)
		return copy_to_user(arg, &t, sizeof(struct termios)) ? -EFAULT : 0;
	if (cmd == TCGETS2)
		return copy_to_user(arg, &t, sizeof(t)) ? -EFAULT : 0;
	memcpy(old.c_cc, t.c_cc, NCC);
	return copy_to_user(arg, &old, sizeof(old)) ? -EFAULT : 0;
}

static_assert(offsetof(struct termios2, c_ispeed) == sizeof(struct termios),
	      "termios begins termios2");

static int read_settings(struct tty *tty, unsigned int cmd, const void __user *arg,
			 struct termios2 *t)
{
	struct termio old;

	*t = current_settings(tty);
	switch (cmd) {
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		if (copy_from_user(t, arg, sizeof(*t)))
			return -EFAULT;
		break;
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		if (copy_from_user(&old, arg, sizeof(old)))
			return -EFAULT;
		t->c_iflag = (t->c_iflag & 0xffff0000u) | old.c_iflag;
		t->c_oflag = (t->c_oflag & 0xffff0000u) | old.c_oflag;
		t->c_cflag = (t->c_cflag & 0xffff0000u) | old.c_cflag;
		t->c_lflag = (t->c_lflag & 0xffff0000u) | old.c_lflag;
		t->c_line = old.c_line;
		memcpy(t->c_cc, old.c_cc, NCC);
		break;
	default:
		if (copy_from_user(t, arg, sizeof(struct termios)))
			return -EFAULT;
	}
	fix_speeds(t);
	return 0;
}

/* ---- settings that nobody may change ---- */

static void keep(tcflag_t *now, tcflag_t old, tcflag_t locked)
{
	*now = (*now & ~locked) | (old & locked);
}

/* tty->lock held: what is locked in @t stays as it was in @old. */
static void keep_locked(const struct tty *tty, struct termios2 *t, const struct termios2 *old)
{
	const struct termios2 *locked = &tty->locked;

	keep(&t->c_iflag, old->c_iflag, locked->c_iflag);
	keep(&t->c_oflag, old->c_oflag, locked->c_oflag);
	keep(&t->c_cflag, old->c_cflag, locked->c_cflag);
	keep(&t->c_lflag, old->c_lflag, locked->c_lflag);
	if (locked->c_line)
		t->c_line = old->c_line;
	for (unsigned int i = 0; i < NCCS; i++) {
		if (locked->c_cc[i])
			t->c_cc[i] = old->c_cc[i];
	}
}

/* The two pass struct termios, without speeds. */
static long locked_ioctl(struct tty *tty, unsigned int cmd, void __user *arg)
{
	struct termios2 t;

	if (cmd == TIOCSLCKTRMIOS && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&tty->lock);
	t = tty->locked;
	mutex_unlock(&tty->lock);
	if (cmd == TIOCGLCKTRMIOS)
		return copy_to_user(arg, &t, sizeof(struct termios)) ? -EFAULT : 0;
	if (copy_from_user(&t, arg, sizeof(struct termios)))
		return -EFAULT;
	mutex_lock(&tty->lock);
	tty->locked = t;
	mutex_unlock(&tty->lock);
	return 0;
}

/* ---- setting ---- */

/* @forced: also what is locked. */
static void apply(struct tty *tty, struct termios2 *t, bool forced)
{
	struct termios2 old;

	mutex_lock(&tty->lock);
	spin_lock_irq(&tty->spin);
	old = tty->n.termios;
	if (!forced)
		keep_locked(tty, t, &old);
	if (ntty_set_termios(&tty->n, t) && tty->ops->flow)
		tty->ops->flow(tty, true);
	(void)tty_echo_flush(tty);
	spin_unlock_irq(&tty->spin);
	if (tty->ops->set_termios)
		tty->ops->set_termios(tty, &old);
	mutex_unlock(&tty->lock);
	/* What is ready depends on the settings. */
	wake_up_poll(&tty->read_wait, EPOLLIN | EPOLLRDNORM);
	wake_up_poll(&tty->write_wait, EPOLLOUT | EPOLLWRNORM);
}

static int set_settings(struct tty *tty, unsigned int cmd, const void __user *arg, bool wait,
			bool flush)
{
	struct termios2 t;
	int err = tty_check_change(tty);

	if (!err)
		err = read_settings(tty, cmd, arg, &t);
	if (err)
		return err;
	if (flush)
		tty_flush_input(tty);
	if (wait) {
		err = tty_drain(tty);
		if (err)
			return err;
	}
	apply(tty, &t, false);
	return 0;
}

long tty_termios_ioctl(struct tty *tty, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;
	struct termios2 t;
	int v;

	switch (cmd) {
	case TCGETS:
	case TCGETS2:
	case TCGETA:
		return get_settings(tty, cmd, p);
	case TCSETS:
	case TCSETS2:
	case TCSETA:
		return set_settings(tty, cmd, p, false, false);
	case TCSETSW:
	case TCSETSW2:
	case TCSETAW:
		return set_settings(tty, cmd, p, true, false);
	case TCSETSF:
	case TCSETSF2:
	case TCSETAF:
		return set_settings(tty, cmd, p, true, true);
	case TIOCGSOFTCAR:
		v = !!(tty->n.termios.c_cflag & CLOCAL);
		return put_user(v, (int __user *)p);
	case TIOCSSOFTCAR:
		if (get_user(v, (int __user *)p))
			return -EFAULT;
		t = current_settings(tty);
		t.c_cflag = v ? t.c_cflag | CLOCAL : t.c_cflag & ~(tcflag_t)CLOCAL;
		apply(tty, &t, true);
		return 0;
	case TIOCGLCKTRMIOS:
	case TIOCSLCKTRMIOS:
		return locked_ioctl(tty, cmd, p);
	}
	return -ENOIOCTLCMD;
}
