/* The serial line: speed, format, modem signals.  A virtual machine's line has neither; the
 * registers are set anyway. */
#include <drivers/serial/serial_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/ioctls.h>
#include <linux/serial.h>

static u8 line_format(tcflag_t cflag)
{
	u8 lcr = (u8)((cflag & CSIZE) >> 4); /* CS5..CS8 are 0x00..0x30 */

	if (cflag & CSTOPB)
		lcr |= LCR_STOP2;
	if (cflag & PARENB)
		lcr |= LCR_PARITY;
	if (!(cflag & PARODD))
		lcr |= cflag & PARENB ? LCR_EVEN : 0;
	if (cflag & CMSPAR)
		lcr |= LCR_STICK;
	return lcr;
}

void uart_set_termios(struct tty *tty, const struct termios2 *old)
{
	const struct termios2 *t = &tty->n.termios;
	struct uart *u = uart_of(tty);
	u8 format = line_format(t->c_cflag);
	u32 divisor;

	if (t->c_cflag == old->c_cflag && t->c_ospeed == old->c_ospeed)
		return;
	divisor = t->c_ospeed ? UART_CLOCK / t->c_ospeed : 0;
	if (t->c_ospeed && !divisor)
		divisor = 1; /* faster than the line can: as fast as it can */
	spin_lock_irq(&u->lock);
	if (divisor && (t->c_ospeed != old->c_ospeed)) {
		uart_out(u, UART_LCR, format | LCR_DLAB);
		uart_out(u, UART_DATA, (u8)divisor);
		uart_out(u, UART_IER, (u8)(divisor >> 8));
	}
	u->lcr = format | (u->lcr & LCR_BREAK);
	uart_out(u, UART_LCR, u->lcr);
	/* B0: hang up. */
	if (!divisor != !old->c_ospeed) {
		u->mcr = divisor ? u->mcr | MCR_DTR | MCR_RTS : u->mcr & ~(MCR_DTR | MCR_RTS);
		uart_out(u, UART_MCR, u->mcr);
	}
	spin_unlock_irq(&u->lock);
}

static const struct {
	u32 tiocm;
	u8 mcr;
} outputs[] = {
	{TIOCM_DTR, MCR_DTR},	{TIOCM_RTS, MCR_RTS},	{TIOCM_OUT1, MCR_OUT1},
	{TIOCM_OUT2, MCR_OUT2}, {TIOCM_LOOP, MCR_LOOP},
};

static const struct {
	u32 tiocm;
	u8 msr;
} inputs[] = {
	{TIOCM_CTS, MSR_CTS},
	{TIOCM_DSR, MSR_DSR},
	{TIOCM_RI, MSR_RI},
	{TIOCM_CD, MSR_DCD},
};

int uart_get_modem(struct tty *tty)
{
	struct uart *u = uart_of(tty);
	u32 bits = 0;

	spin_lock_irq(&u->lock);
	u8 msr = uart_in(u, UART_MSR);

	for (unsigned int i = 0; i < ARRAY_SIZE(outputs); i++)
		bits |= u->mcr & outputs[i].mcr && outputs[i].tiocm != TIOCM_OUT2 ? outputs[i].tiocm
										  : 0;
	spin_unlock_irq(&u->lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(inputs); i++)
		bits |= msr & inputs[i].msr ? inputs[i].tiocm : 0;
	return (int)bits;
}

int uart_set_modem(struct tty *tty, u32 set, u32 clear)
{
	struct uart *u = uart_of(tty);

	spin_lock_irq(&u->lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(outputs); i++) {
		if (outputs[i].tiocm == TIOCM_OUT2)
			continue; /* ours: without it no interrupt comes */
		if (set & outputs[i].tiocm)
			u->mcr |= outputs[i].mcr;
		if (clear & outputs[i].tiocm)
			u->mcr &= (u8)~outputs[i].mcr;
	}
	uart_out(u, UART_MCR, u->mcr);
	spin_unlock_irq(&u->lock);
	return 0;
}

int uart_set_break(struct tty *tty, bool on)
{
	struct uart *u = uart_of(tty);

	spin_lock_irq(&u->lock);
	u->lcr = on ? u->lcr | LCR_BREAK : u->lcr & (u8)~LCR_BREAK;
	uart_out(u, UART_LCR, u->lcr);
	spin_unlock_irq(&u->lock);
	return 0;
}

long uart_ioctl(struct tty *tty, unsigned int cmd, unsigned long arg)
{
	struct uart *u = uart_of(tty);
	struct serial_struct s = {.type = PORT_16550A,
				  .line = u->index,
				  .port = u->base,
				  .irq = u->isa_irq,
				  .xmit_fifo_size = UART_FIFO,
				  .baud_base = UART_CLOCK,
				  .close_delay = 50,
				  .closing_wait = 3000,
				  .flags = (int)ASYNC_SKIP_TEST};

	if (cmd != TIOCGSERIAL)
		return -ENOIOCTLCMD;
	return copy_to_user((void __user *)arg, &s, sizeof(s)) ? -EFAULT : 0;
}
