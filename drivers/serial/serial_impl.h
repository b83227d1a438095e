/* Registers and state of a 16550A, shared by serial.c and line.c. */
#pragma once

#include <kern/types.h>
#include <lib/ringbuf/ringbuf.h>
#include <kernel/irq/irq.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/tty/tty.h>
#include <asm/io.h>

/* Offsets; with LCR_DLAB the first two are the divisor. */
enum {
	UART_DATA = 0,
	UART_IER = 1,
	UART_IIR = 2,
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7
};

#define IER_RX 0x01u
#define IER_TX 0x02u
#define IER_LINE 0x04u
#define IER_MODEM 0x08u
#define IIR_NONE 0x01u
#define FCR_ENABLE 0x01u
#define FCR_CLEAR 0x06u
#define FCR_TRIGGER_8 0x80u
#define LCR_BITS8 0x03u
#define LCR_STOP2 0x04u
#define LCR_PARITY 0x08u
#define LCR_EVEN 0x10u
#define LCR_STICK 0x20u
#define LCR_BREAK 0x40u
#define LCR_DLAB 0x80u
#define MCR_DTR 0x01u
#define MCR_RTS 0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u /* lets the interrupt through */
#define MCR_LOOP 0x10u
#define LSR_DATA 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_PARITY 0x04u
#define LSR_FRAME 0x08u
#define LSR_BREAK 0x10u
#define LSR_ERRORS 0x1eu
#define LSR_THRE 0x20u
#define LSR_IDLE 0x40u
#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI 0x40u
#define MSR_DCD 0x80u

#define UART_CLOCK 115200u /* bits per second at divisor 1 */
#define UART_FIFO 16u
#define UART_TX_SIZE 4096u

struct uart {
	struct tty tty;
	u16 base;	      /* [I] */
	u8 isa_irq;	      /* [I] */
	u8 index;	      /* [I] */
	bool is_console;      /* [I] once registered: shows kernel messages */
	struct spinlock lock; /* LK_CONSOLE: the registers and all of the following */
	u8 ier, lcr, mcr;
	bool held;	/* output stopped by the line discipline */
	bool throttled; /* no room for input: what comes waits in the device */
	int xchar;	/* to be sent first; -1: none */
	struct ringbuf tx;
	u8 tx_buf[UART_TX_SIZE];
	u64 overruns;
	struct irq_action irq;
	struct console console;
};

static inline u8 uart_in(const struct uart *u, u16 reg)
{
	return inb((u16)(u->base + reg));
}

static inline void uart_out(const struct uart *u, u16 reg, u8 v)
{
	outb(v, (u16)(u->base + reg));
}

static inline void uart_out_bytes(const struct uart *u, const void *from, size_t n)
{
	outsb((u16)(u->base + UART_DATA), from, n);
}

/* line.c: what the line looks like. */
void uart_set_termios(struct tty *tty, const struct termios2 *old);
int uart_get_modem(struct tty *tty);
int uart_set_modem(struct tty *tty, u32 set, u32 clear);
int uart_set_break(struct tty *tty, bool on);
long uart_ioctl(struct tty *tty, unsigned int cmd, unsigned long arg);

static inline struct uart *uart_of(struct tty *tty)
{
	return container_of(tty, struct uart, tty);
}

static inline const struct uart *uart_of_const(const struct tty *tty)
{
	return container_of(tty, const struct uart, tty);
}
