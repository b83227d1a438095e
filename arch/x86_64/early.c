/* Output before there is a console: the first serial port, polled. Harmless where there is none. */
#include <asm/init.h>
#include <asm/io.h>

#include "x86_impl.h"

#define COM1 0x3f8
#define UART_LSR 5
#define UART_LSR_THRE 0x20

void arch_early_putc(char c)
{
	if (c == '\n')
		arch_early_putc('\r');
	for (unsigned int i = 0; i < 10000 && !(inb(COM1 + UART_LSR) & UART_LSR_THRE); i++)
		cpu_relax();
	outb((u8)c, COM1);
}

void early_puts(const char *text)
{
	while (*text)
		arch_early_putc(*text++);
}

void early_put_hex(u64 v)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		arch_early_putc("0123456789abcdef"[(v >> shift) & 15]);
}

void early_fatal(const char *text)
{
	early_puts("corbel: cannot boot: ");
	early_puts(text);
	early_puts("\n");
	for (;;)
		asm volatile("cli; hlt");
}
