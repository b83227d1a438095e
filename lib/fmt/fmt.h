/*
 * Formatted text. snprintf and its kin are declared in <kern/string.h>; here is what others build
 *on.
 *
 * Conversions: d i u o x X c s %, flags "-+ #0", width and precision (also *), lengths hh h l ll z
 * t j. A pointer says how it is to be shown:
 *
 *	%px	the address itself, 16 digits
 *	%pS	symbol and offset, %ps symbol only (through fmt_symbol, else the address)
 *	%pI4	IPv4 address (4 bytes at the pointer), %pI6 IPv6 in full
 *	%pM	Ethernet address (6 bytes)
 *	%pU	UUID (16 bytes)
 *	%p	anything else: "(ptrval)", so that addresses do not leak by habit
 *
 * An unknown conversion ends the formatting: the rest of the format is copied as it is.
 */
#pragma once

#include <kern/string.h>

/*
 * Writes the name of @addr ("do_x+0x10/0x80") and returns its length, 0 if unknown. NULL here
 * and weak: the room that has the symbol table defines it.
 */
extern size_t (*fmt_symbol)(unsigned long addr, char *buf, size_t size);

/* Longest outputs of the next two. */
#define FMT_DEC_MAX 20
#define FMT_HEX_MAX 16

/* Decimal and lower-case hexadecimal digits of @v, not terminated; return their number. */
size_t fmt_dec(char buf[FMT_DEC_MAX], u64 v);
size_t fmt_hex(char buf[FMT_HEX_MAX], u64 v);
