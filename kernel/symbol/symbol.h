/*
 * Names of the kernel's functions, from the table that is linked into the image. Any context.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define SYMBOL_NAME_MAX 128

/*
 * The function that contains @addr: its name, how far into it @addr is and how long it is.
 * False when @addr lies outside the kernel's text.
 */
bool symbol_find(unsigned long addr, char name[SYMBOL_NAME_MAX], unsigned long *offset,
		 unsigned long *size);
/* "name+0x12/0x34", or the bare address; at most @size bytes with the terminator; the length. */
size_t symbol_format(unsigned long addr, char *buf, size_t size);
/* Address of the function @name; 0: there is none. Linear: not for hot paths. */
unsigned long symbol_address(const char *name);

/* Number of symbols, and the @i-th in order of address (for /proc/kallsyms). */
unsigned int symbol_count(void);
unsigned long symbol_get(unsigned int i, char name[SYMBOL_NAME_MAX]);
