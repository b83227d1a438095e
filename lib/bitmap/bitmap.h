/*
 * Operations on arrays of bits beyond those of <kern/bit.h> (whose find_* are implemented here).
 * Not atomic. Bits of the last word beyond the length may have any value and are not changed by
 * bitmap_set and bitmap_clear.
 */
#pragma once

#include <kern/bit.h>

/* Set (clear) @count bits from @first. */
void bitmap_set(unsigned long *map, unsigned long first, unsigned long count);
void bitmap_clear(unsigned long *map, unsigned long first, unsigned long count);
/* Are the @count bits from @first all set (all clear)? */
bool bitmap_all_set(const unsigned long *map, unsigned long first, unsigned long count);
bool bitmap_all_clear(const unsigned long *map, unsigned long first, unsigned long count);
unsigned long bitmap_weight(const unsigned long *map, unsigned long nbits);
/* Index of the first run of @count clear bits in [@from, @nbits), or @nbits. */
unsigned long bitmap_find_clear_run(const unsigned long *map, unsigned long nbits,
				    unsigned long from, unsigned long count);
/* Do @a and @b have a common bit? */
bool bitmap_intersects(const unsigned long *a, const unsigned long *b, unsigned long nbits);
bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned long nbits);

/*
 * Writes the set bits as "0-3,8,10-11" (/sys cpulist). Returns the length it has in full; @buf is
 * terminated if @size > 0.
 */
int bitmap_format_list(char *buf, size_t size, const unsigned long *map, unsigned long nbits);
/* The reverse. -EINVAL for a syntax error, -ERANGE for a bit beyond @nbits; @map is overwritten. */
int bitmap_parse_list(const char *s, size_t len, unsigned long *map, unsigned long nbits)
	__must_check;
/* Writes 32-bit groups of hexadecimal digits, "ff,ffffffff" (/proc cpumasks). */
int bitmap_format_mask(char *buf, size_t size, const unsigned long *map, unsigned long nbits);
