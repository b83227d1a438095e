/*
 * The kernel command line: words, and NAME=VALUE. A value may be in double quotes. "-" and "_" in
 * names are the same; the last of several wins; what follows "--" is init's.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

/* Is there a word @name, alone or with a value? */
bool cmdline_has(const char *name);
/* The value of NAME=VALUE, cut to @size bytes with the terminator; false: it is not there. */
bool cmdline_value(const char *name, char *buf, size_t size);
/* Decimal, 0x or leading-0 octal; false: not there, or no number. */
bool cmdline_u64(const char *name, u64 *out);
/* The same with a suffix K, M, G or T. */
bool cmdline_size(const char *name, u64 *out);
/*
 * Walks the words in order: @pos starts at 0; returns false at the end. Quotes are removed; a word
 * that does not fit is cut. After "--" every word is init's (*for_init).
 */
bool cmdline_next(size_t *pos, char *word, size_t size, bool *for_init);
/* The same functions on another text, for tests and init. */
bool cmdline_next_of(const char *text, size_t *pos, char *word, size_t size, bool *for_init);
bool cmdline_value_of(const char *text, const char *name, char *buf, size_t size);
