/* Shared by ntty.c and output.c. */
#pragma once

#include <kernel/ntty/ntty.h>

#define DISABLED 0u /* _POSIX_VDISABLE: matches no byte; in the buffer: EOF */

static inline bool ntty_iscntrl(u8 c)
{
	return c < 0x20 || c == 0x7f;
}

/* A byte of an UTF-8 character that is not its first. */
static inline bool ntty_continues(const struct ntty *n, u8 c)
{
	return (n->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

/* The longest translation of one byte. */
#define NTTY_OUT_MAX 8u
/* Translates one byte at the cursor; returns how many it makes. */
u32 ntty_output_byte(struct ntty *n, u8 c, u8 out[NTTY_OUT_MAX]);

/* Echo: through the output translation; as ^X; bytes that move the cursor back. */
void ntty_echo_raw(struct ntty *n, u8 c);
void ntty_echo_char(struct ntty *n, u8 c);
void ntty_echo_bytes(struct ntty *n, const char *s, u32 len);
