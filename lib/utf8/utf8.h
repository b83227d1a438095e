/* UTF-8, RFC 3629. */
#pragma once

#include <kern/types.h>

#define UTF8_MAX_BYTES 4

/* Not the first byte of a character: erasing a character takes these and one more. */
static inline bool utf8_is_continuation(u8 c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Decodes the character at @s; returns its length in bytes, -EILSEQ if it is malformed (overlong,
 * surrogate, above U+10FFFF), -EAGAIN if @len bytes are a beginning only (or none).
 */
int utf8_decode(const void *s, size_t len, u32 *out) __must_check;
/* Writes up to UTF8_MAX_BYTES; returns the length, or -EILSEQ if @c is no character. */
int utf8_encode(u32 c, u8 out[UTF8_MAX_BYTES]) __must_check;
/* Is all of it well-formed? */
bool utf8_valid(const void *s, size_t len);
