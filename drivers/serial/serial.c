/*
 * Serial ports of the PC: 16550A at the addresses of COM1 and COM2.
 *
 * Every access to a register leaves the virtual machine, so the transmitter is fed sixteen bytes
 * for one look at the line status.  A virtual UART is empty again at once; then everything goes out
 * in the writer's context and no transmit interrupt is used.  One that is slower keeps the rest in
 * a ring and interrupts when it is empty.
 *
 * What the line discipline has no room for stays in the device: receive interrupts are masked until
 * a reader has made room, and the other side is held back by the full FIFO.  No byte is lost.
 *
 * Order: tty->spin, then uart->lock.  The interrupt handler takes bytes under uart->lock, passes
 * them on without.
 */
#include <drivers/serial/serial_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/panic/panic.h>
#include <kernel/sched/sched.h>

#define SERIAL_MAJOR 4
#define SERIAL_MINOR 64
#define SPIN_LIMIT 100000u /* looks at the status before a character is given up */
#define IRQ_ROUNDS 64u

static struct uart uarts[] = {
	{.base = 0x3f8, .isa_irq = 4, .index = 0},
	{.base = 0x2f8, .isa_irq = 3, .index = 1},
};

/* ---- sending ---- */

/* Lock held. */
static void set_ier(struct uart *u, u8 ier)
{
	if (u->ier != ier) {
		u->ier = ier;
		uart_out(u, UART_IER, ier);
	}
}

/* Lock held: feeds the transmitter while it is empty; asks for an interrupt when bytes are left. */
static void transmit(struct uart *u)
{
	bool more;

	while ((more = u->xchar >= 0 || (!u->held && !ringbuf_empty(&u->tx)))) {
		u32 n;
		u8 *from;

		if (!(uart_in(u, UART_LSR) & LSR_THRE))
			break;
		if (u->xchar >= 0) {
			uart_out(u, UART_DATA, (u8)u->xchar);
			u->xchar = -1;
			continue;
		}
		n = min_t(u32, ringbuf_read_span(&u->tx, &from), UART_FIFO);
		uart_out_bytes(u, from, n);
		(void)ringbuf_skip(&u->tx, n);
	}
	set_ier(u, more ? u->ier | IER_TX : u->ier & (u8)~IER_TX);
}

static size_t uart_room(const struct tty *tty)
{
	return ringbuf_space(&uart_of_const(tty)->tx);
}

static size_t uart_pending(const struct tty *tty)
{
	return ringbuf_used(&uart_of_const(tty)->tx);
}

static size_t uart_write(struct tty *tty, const u8 *buf, size_t len)
{
	struct uart *u = uart_of(tty);

	spin_lock(&u->lock);
	len = ringbuf_write(&u->tx, buf, (u32)len);
	if (!(u->ier & IER_TX))
		transmit(u);
	spin_unlock(&u->lock);
	return len;
}

static void uart_flush(struct tty *tty)
{
	struct uart *u = uart_of(tty);

	spin_lock(&u->lock);
	(void)ringbuf_skip(&u->tx, UART_TX_SIZE);
	spin_unlock(&u->lock);
}

static void uart_flow(struct tty *tty, bool go)
{
	struct uart *u = uart_of(tty);

	spin_lock(&u->lock);
	u->held = !go;
	transmit(u);
	spin_unlock(&u->lock);
}

static void uart_send_char(struct tty *tty, u8 c)
{
	struct uart *u = uart_of(tty);
	unsigned long irq = spin_lock_irqsave(&u->lock);

	u->xchar = c;
	transmit(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

static void uart_wait_sent(struct tty *tty)
{
	struct uart *u = uart_of(tty);

	for (unsigned int i = 0; i < SPIN_LIMIT && !(uart_in(u, UART_LSR) & LSR_IDLE); i++)
		sched_cond_resched();
}

/* ---- receiving ---- */

static u8 flag_of(u8 lsr)
{
	if (lsr & LSR_BREAK)
		return NTTY_BREAK;
	if (lsr & LSR_PARITY)
		return NTTY_PARITY;
	if (lsr & LSR_FRAME)
		return NTTY_FRAME;
	return NTTY_NORMAL;
}

/* Takes what is there, at most a FIFO full and what the line discipline has room for. */
static bool receive(struct uart *u)
{
	u8 buf[UART_FIFO], flags[UART_FIFO], lsr;
	u32 room = tty_input_room(&u->tty), n = 0;
	bool damaged = false;

	spin_lock(&u->lock);
	while ((lsr = uart_in(u, UART_LSR)) & (LSR_DATA | LSR_BREAK)) {
		if (n == room || n == UART_FIFO)
			break;
		buf[n] = uart_in(u, UART_DATA);
		flags[n] = flag_of(lsr);
		damaged |= flags[n] != NTTY_NORMAL;
		u->overruns += !!(lsr & LSR_OVERRUN);
		n++;
	}
	if (!room) {
		u->throttled = true;
		set_ier(u, u->ier & (u8) ~(IER_RX | IER_LINE));
	}
	if (u->ier & IER_TX)
		transmit(u);
	spin_unlock(&u->lock);
	if (n && tty_receive(&u->tty, buf, damaged ? flags : NULL, n) < n)
		u->overruns++;
	return n != 0;
}

static void unthrottle(struct uart *u)
{
	unsigned long irq = spin_lock_irqsave(&u->lock);

	if (u->throttled) {
		u->throttled = false;
		set_ier(u, u->ier | IER_RX | IER_LINE);
	}
	spin_unlock_irqrestore(&u->lock, irq);
}

static void uart_input_room(struct tty *tty)
{
	struct uart *u = uart_of(tty);

	smp_mb();
	if (unlikely(READ_ONCE(u->throttled)))
		unthrottle(u);
}

static bool uart_interrupt(void *ctx)
{
	struct uart *u = ctx;
	bool mine = false;
	unsigned int i = 0;

	for (; i < IRQ_ROUNDS; i++) {
		bool sending = READ_ONCE(u->ier) & IER_TX;
		u8 iir = uart_in(u, UART_IIR);

		if (iir & IIR_NONE)
			break;
		mine = true;
		if ((iir & 0x0f) == 0)
			(void)uart_in(u, UART_MSR);
		if (!receive(u) && READ_ONCE(u->throttled)) {
			/* A reader that came between has not seen that we wait for it. */
			smp_mb();
			if (tty_input_room(&u->tty))
				unthrottle(u);
		}
		if (sending)
			tty_output_room(&u->tty);
	}
	if (unlikely(i == IRQ_ROUNDS)) {
		/* The line is still up, and only an edge interrupts: let it fall and rise. */
		spin_lock(&u->lock);
		uart_out(u, UART_IER, 0);
		uart_out(u, UART_IER, u->ier);
		spin_unlock(&u->lock);
	}
	return mine;
}

/* ---- opening ---- */

static int uart_open(struct tty *tty, struct file *f)
{
	struct uart *u = uart_of(tty);

	(void)f;
	if (tty->opens)
		return 0;
	spin_lock_irq(&u->lock);
	uart_out(u, UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_8);
	(void)uart_in(u, UART_LSR);
	(void)uart_in(u, UART_DATA);
	(void)uart_in(u, UART_MSR);
	u->mcr |= MCR_DTR | MCR_RTS | MCR_OUT2;
	uart_out(u, UART_MCR, u->mcr);
	u->throttled = u->held = false;
	set_ier(u, IER_RX | IER_LINE);
	spin_unlock_irq(&u->lock);
	return 0;
}

static void uart_close(struct tty *tty)
{
	struct uart *u = uart_of(tty);

	if (tty->opens)
		return;
	/* What cannot be sent soon (the line is held) is given up. */
	for (unsigned int i = 0; i < SPIN_LIMIT && uart_pending(tty) && !u->held; i++)
		sched_cond_resched();
	spin_lock_irq(&u->lock);
	(void)ringbuf_skip(&u->tx, UART_TX_SIZE);
	set_ier(u, 0);
	if ((tty->n.termios.c_cflag & HUPCL) && !u->is_console) {
		u->mcr &= (u8) ~(MCR_DTR | MCR_RTS);
		uart_out(u, UART_MCR, u->mcr);
	}
	spin_unlock_irq(&u->lock);
}

static const struct tty_ops uart_ops = {
	.open = uart_open,
	.close = uart_close,
	.room = uart_room,
	.write = uart_write,
	.pending = uart_pending,
	.flush = uart_flush,
	.flow = uart_flow,
	.input_room = uart_input_room,
	.set_termios = uart_set_termios,
	.send_char = uart_send_char,
	.wait_sent = uart_wait_sent,
	.get_modem = uart_get_modem,
	.set_modem = uart_set_modem,
	.set_break = uart_set_break,
	.ioctl = uart_ioctl,
};

/* ---- kernel messages ---- */

static void wait_empty(struct uart *u)
{
	for (unsigned int i = 0; i < SPIN_LIMIT && !(uart_in(u, UART_LSR) & LSR_THRE); i++)
		cpu_relax();
}

static void console_bytes(struct uart *u, const char *s, size_t len)
{
	u32 room = 0;

	for (size_t i = 0; i < len; i++) {
		if (room < 2) {
			wait_empty(u);
			room = UART_FIFO;
		}
		if (s[i] == '\n') {
			uart_out(u, UART_DATA, '\r');
			room--;
		}
		uart_out(u, UART_DATA, (u8)s[i]);
		room--;
	}
}

static void uart_console_write(struct console *c, const char *s, size_t len)
{
	struct uart *u = container_of(c, struct uart, console);
	unsigned long irq;

	if (panic_in_progress) {
		console_bytes(u, s, len);
		return;
	}
	irq = spin_lock_irqsave(&u->lock);
	console_bytes(u, s, len);
	spin_unlock_irqrestore(&u->lock, irq);
}

/* ---- start-up ---- */

/* A register that keeps what is written, and a FIFO. */
static bool uart_probe(struct uart *u)
{
	uart_out(u, UART_IER, 0);
	if (uart_in(u, UART_IER) != 0)
		return false;
	uart_out(u, UART_SCR, 0x5a);
	if (uart_in(u, UART_SCR) != 0x5a)
		return false;
	uart_out(u, UART_SCR, 0xa5);
	return uart_in(u, UART_SCR) == 0xa5;
}

/* The speed of "console=ttyS0,115200n8"; 9600 where nothing is said, as on Linux. */
static speed_t initial_speed(const struct uart *u, tcflag_t *code)
{
	char word[64], want[32];
	size_t pos = 0;
	bool for_init;
	u32 speed = 0;

	snprintf(want, sizeof(want), "console=ttyS%u,", u->index);
	while (cmdline_next(&pos, word, sizeof(word), &for_init)) {
		if (for_init || !str_has_prefix(word, want))
			continue;
		speed = 0;
		for (const char *s = word + strlen(want); *s >= '0' && *s <= '9' && speed < 1000000;
		     s++)
			speed = speed * 10 + (u32)(*s - '0');
	}
	*code = speed == 115200	 ? B115200
		: speed == 57600 ? B57600
		: speed == 38400 ? B38400
		: speed == 19200 ? B19200
				 : B9600;
	return *code == B9600 ? 9600 : speed;
}

static void uart_setup(struct uart *u)
{
	tcflag_t code;
	speed_t speed = initial_speed(u, &code);
	struct termios2 t = tty_initial_termios(code | CS8 | CREAD | HUPCL | CLOCAL, speed);
	struct termios2 none = {.c_ospeed = 1};

	spin_init(&u->lock, LK_CONSOLE);
	ringbuf_init(&u->tx, u->tx_buf, UART_TX_SIZE);
	u->xchar = -1;
	snprintf(u->tty.name, sizeof(u->tty.name), "ttyS%u", u->index);
	u->tty.major = SERIAL_MAJOR;
	u->tty.minor = SERIAL_MINOR + u->index;
	tty_setup(&u->tty, &uart_ops, &t);
	uart_out(u, UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_8);
	uart_set_termios(&u->tty, &none);
	u->mcr = MCR_DTR | MCR_RTS | MCR_OUT2;
	uart_out(u, UART_MCR, u->mcr);
}

static void uart_add(struct uart *u)
{
	int err;

	uart_setup(u);
	u->irq = (struct irq_action){.handler = uart_interrupt, .ctx = u, .name = u->tty.name};
	err = irq_request_isa(&u->irq, u->isa_irq);
	if (!err)
		err = tty_register(&u->tty, "serial");
	if (err) {
		pr_err("%s: cannot be used (error %d)\n", u->tty.name, err);
		return;
	}
	pr_info("%s at I/O 0x%x (irq = %u, base_baud = %u) is a 16550A\n", u->tty.name, u->base,
		u->isa_irq, UART_CLOCK);
	if (!tty_is_console(u->tty.name))
		return;
	u->is_console = true;
	u->console = (struct console){.name = u->tty.name, .write = uart_console_write};
	console_register(&u->console);
}

static void serial_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(uarts); i++) {
		if (uart_probe(&uarts[i]))
			uart_add(&uarts[i]);
	}
}
INITCALL(serial_init);
