/*
 * The line discipline of terminals, N_TTY: a state machine over bytes.
 *
 * Bytes from the device go in by ntty_receive(), which edits lines, echoes into a small ring and
 * stops at every byte that means something to the world outside (signals, flow control).  Programs
 * take lines or bytes by ntty_read(); what they write goes through ntty_output(), which follows the
 * cursor's column. Pure: no lock, no allocation, no clock.  The caller serialises all calls on one
 * struct ntty.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <asm/termbits.h>

#define NTTY_SIZE 4096u /* input: a line of 4095 bytes and its end */
#define NTTY_ECHO_SIZE 2048u

/* What came with a received byte. */
enum ntty_flag { NTTY_NORMAL, NTTY_BREAK, NTTY_PARITY, NTTY_FRAME, NTTY_OVERRUN };

struct ntty {
	struct termios2 termios;    /* changed by ntty_set_termios() only */
	u32 head, canon_head, tail; /* run freely; canon_head: end of the last complete line */
	u32 echo_head, echo_tail;
	u32 column, canon_column; /* of the cursor; where the line being edited begins */
	bool raw;		  /* no byte is special and none is echoed */
	bool lnext, erasing, pushed;
	bool stopped;		      /* output is held by STOP */
	bool held;		      /* output is held by TCOOFF */
	u64 special[256 / 64];	      /* bytes with a meaning */
	u64 line_end[NTTY_SIZE / 64]; /* input: this byte ends a line */
	u8 buf[NTTY_SIZE];
	u8 echo[NTTY_ECHO_SIZE];
};

/* What ntty_receive() stopped for. */
struct ntty_event {
	int signal;	  /* to the foreground group; 0: none */
	bool flush;	  /* input is gone; output that waits in the driver shall go too */
	bool start, stop; /* of the output */
};

void ntty_init(struct ntty *n, const struct termios2 *t);
/* Empty input, no echo pending, no half-done editing. */
void ntty_reset(struct ntty *n);
/* True: output that STOP held is to start again, as IXON is gone. */
bool ntty_set_termios(struct ntty *n, const struct termios2 *t);

/* How many bytes ntty_receive() takes now at least, of any value. */
u32 ntty_room(const struct ntty *n);
/*
 * Takes bytes until one causes an event or there is no room; returns how many.  @flags: one
 * ntty_flag a byte, or NULL.
 */
size_t ntty_receive(struct ntty *n, const u8 *in, const u8 *flags, size_t len,
		    struct ntty_event *ev);

/* Is there a line (canonical mode) or are there at least @min bytes? */
static inline bool ntty_readable(const struct ntty *n, u32 min)
{
	if ((n->termios.c_lflag & (ICANON | EXTPROC)) == ICANON)
		return n->canon_head != n->tail;
	return n->head - n->tail >= (min ? min : 1);
}
/*
 * Takes up to @len bytes; in canonical mode of one line.  *line_end: the line's end was taken
 * (which may be an EOF character, that is no byte).
 */
size_t ntty_read(struct ntty *n, u8 *out, size_t len, bool *line_end);
/* The reader's buffer is full: an EOF character that comes next belongs to what it has read. */
void ntty_skip_eof(struct ntty *n);
/* FIONREAD */
u32 ntty_pending(const struct ntty *n);
static inline u32 ntty_used(const struct ntty *n)
{
	return n->head - n->tail;
}

/*
 * Translates up to @len bytes of output into at most @room bytes at @out; returns the bytes made
 * and in *taken how many of @in they stand for.
 */
size_t ntty_output(struct ntty *n, const u8 *in, size_t len, u8 *out, size_t room, size_t *taken);

/* Echo that waits for the device, oldest first. */
size_t ntty_echo_peek(const struct ntty *n, u8 *out, size_t len);
static inline u32 ntty_echo_pending(const struct ntty *n)
{
	return n->echo_head - n->echo_tail;
}
static inline void ntty_echo_taken(struct ntty *n, size_t len)
{
	n->echo_tail += (u32)len;
}
