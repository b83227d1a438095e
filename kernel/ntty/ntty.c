/*
 * Input of the line discipline.
 *
 * The buffer holds whole lines from tail to canon_head and the line being edited from there to
 * head; a bit for each byte tells the ends of lines, since an end need not be a newline.  An EOF
 * character is kept as a zero byte with that bit.  While there is no complete line a full buffer
 * still takes bytes: each replaces the last, so that the line's end always gets in (termios(3):
 * lines of at most 4095 characters).
 *
 * Without canonical mode canon_head has no meaning; going in and out of it with input pending keeps
 * the input readable: what is there becomes one line ("pushed").
 */
#include <kernel/ntty/ntty_impl.h>

#include <kern/string.h>
#include <linux/signal.h>

static bool bit_get(const u64 *map, u32 i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static void bit_set(u64 *map, u32 i)
{
	map[i / 64] |= 1ull << (i % 64);
}

static u8 at(const struct ntty *n, u32 pos)
{
	return n->buf[pos % NTTY_SIZE];
}

static bool is_canonical(const struct ntty *n)
{
	return (n->termios.c_lflag & (ICANON | EXTPROC)) == ICANON;
}

/* ---- settings ---- */

static void map_add(struct ntty *n, unsigned int which)
{
	bit_set(n->special, n->termios.c_cc[which]);
}

static void map_build(struct ntty *n)
{
	tcflag_t i = n->termios.c_iflag, l = n->termios.c_lflag;

	memset(n->special, 0, sizeof(n->special));
	n->raw = !(i & (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)) &&
		 !(l & (ICANON | ISIG | ECHO));
	if (i & (IGNCR | ICRNL))
		bit_set(n->special, '\r');
	if (i & INLCR)
		bit_set(n->special, '\n');
	if (l & ICANON) {
		bit_set(n->special, '\n');
		map_add(n, VERASE);
		map_add(n, VKILL);
		map_add(n, VEOF);
		map_add(n, VEOL);
		if (l & IEXTEN) {
			map_add(n, VWERASE);
			map_add(n, VLNEXT);
			map_add(n, VEOL2);
			if (l & ECHO)
				map_add(n, VREPRINT);
		}
	}
	if (i & IXON) {
		map_add(n, VSTART);
		map_add(n, VSTOP);
	}
	if (l & ISIG) {
		map_add(n, VINTR);
		map_add(n, VQUIT);
		map_add(n, VSUSP);
	}
	n->special[0] &= ~1ull; /* DISABLED */
}

void ntty_reset(struct ntty *n)
{
	n->head = n->canon_head = n->tail = 0;
	n->echo_head = n->echo_tail = 0;
	n->lnext = n->erasing = n->pushed = false;
	memset(n->line_end, 0, sizeof(n->line_end));
}

void ntty_init(struct ntty *n, const struct termios2 *t)
{
	memset(n, 0, offsetof(struct ntty, buf));
	n->termios = *t;
	map_build(n);
}

/* The mode of lines changed: what is in the buffer becomes a line, or is no lines any more. */
static void change_mode(struct ntty *n)
{
	memset(n->line_end, 0, sizeof(n->line_end));
	n->pushed = false;
	if (!(n->termios.c_lflag & ICANON) || n->head == n->tail) {
		n->canon_head = n->tail;
	} else {
		bit_set(n->line_end, (n->head - 1) % NTTY_SIZE);
		n->canon_head = n->head;
		n->pushed = true;
	}
	n->erasing = n->lnext = false;
}

bool ntty_set_termios(struct ntty *n, const struct termios2 *t)
{
	tcflag_t old_l = n->termios.c_lflag, old_i = n->termios.c_iflag;

	n->termios = *t;
	map_build(n);
	if ((old_l ^ t->c_lflag) & (ICANON | EXTPROC))
		change_mode(n);
	if (!(t->c_iflag & IXON) && (old_i & IXON) && n->stopped && !n->held) {
		n->stopped = false;
		return true;
	}
	return false;
}

/* ---- storing ---- */

u32 ntty_room(const struct ntty *n)
{
	u32 room = NTTY_SIZE - ntty_used(n);

	if (n->termios.c_iflag & PARMRK)
		room = (room + 2) / 3;
	room = room ? room - 1 : 0;
	if (!room && is_canonical(n) && n->canon_head == n->tail)
		return 1;
	return room;
}

static void put(struct ntty *n, u8 c)
{
	if (ntty_used(n) == NTTY_SIZE)
		n->head--;
	n->buf[n->head++ % NTTY_SIZE] = c;
}

static void put_marked(struct ntty *n, u8 c)
{
	if (c == 0377 && (n->termios.c_iflag & PARMRK))
		put(n, c);
	put(n, c);
}

static void end_line(struct ntty *n, u8 c)
{
	put(n, c);
	bit_set(n->line_end, (n->head - 1) % NTTY_SIZE);
	n->canon_head = n->head;
}

/* ---- echo ---- */

static bool echoes(const struct ntty *n)
{
	return n->termios.c_lflag & ECHO;
}

static void finish_erasing(struct ntty *n)
{
	if (n->erasing) {
		ntty_echo_raw(n, '/');
		n->erasing = false;
	}
}

/* Echo of a byte that becomes part of the line. */
static void echo_input(struct ntty *n, u8 c)
{
	if (n->canon_head == n->head)
		n->canon_column = n->column;
	ntty_echo_char(n, c);
}

/* ---- erasing ---- */

static void erase_columns(struct ntty *n, u32 columns)
{
	for (; columns; columns--) {
		ntty_echo_raw(n, '\b');
		ntty_echo_raw(n, ' ');
		ntty_echo_raw(n, '\b');
	}
}

/* Moves the cursor back over a tab that stood at head: to where the text before it ends. */
static void erase_tab(struct ntty *n)
{
	u32 columns = 0, pos = n->head;
	bool after_tab = false;

	while (pos != n->canon_head && !after_tab) {
		u8 c = at(n, --pos);

		if (c == '\t')
			after_tab = true;
		else if (ntty_iscntrl(c))
			columns += n->termios.c_lflag & ECHOCTL ? 2 : 0;
		else if (!ntty_continues(n, c))
			columns++;
	}
	/* After a tab the count begins at a multiple of 8. */
	if (!after_tab)
		columns += n->canon_column;
	for (u32 back = 8 - (columns & 7); back; back--)
		ntty_echo_raw(n, '\b');
}

/* The character of @count bytes that stood at head, its first byte @c, vanishes from the screen. */
static void echo_erased(struct ntty *n, u8 c, u32 count, bool one)
{
	tcflag_t l = n->termios.c_lflag;

	if (l & ECHOPRT) {
		if (!n->erasing) {
			ntty_echo_raw(n, '\\');
			n->erasing = true;
		}
		ntty_echo_char(n, c);
		for (u32 i = 1; i < count; i++)
			ntty_echo_raw(n, at(n, n->head + i));
	} else if (one && !(l & ECHOE)) {
		ntty_echo_char(n, n->termios.c_cc[VERASE]);
	} else if (c == '\t') {
		erase_tab(n);
	} else if (ntty_iscntrl(c)) {
		erase_columns(n, l & ECHOCTL ? 2 : 0);
	} else {
		erase_columns(n, 1);
	}
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0xc0;
}

/* KILL where the screen cannot show it by erasing. */
static bool kill_plain(struct ntty *n)
{
	tcflag_t l = n->termios.c_lflag, all = ECHOK | ECHOKE | ECHOE;

	if ((l & ECHO) && (l & all) == all)
		return false;
	n->head = n->canon_head;
	if (l & ECHO) {
		finish_erasing(n);
		ntty_echo_char(n, n->termios.c_cc[VKILL]);
		if (l & ECHOK)
			ntty_echo_raw(n, '\n');
	}
	return true;
}

static void erase(struct ntty *n, unsigned int what)
{
	bool seen_word = false;

	if (n->head == n->canon_head || (what == VKILL && kill_plain(n)))
		return;
	while (n->head != n->canon_head) {
		u32 pos = n->head;
		u8 c;

		do {
			c = at(n, --pos);
		} while (ntty_continues(n, c) && pos != n->canon_head);
		if (ntty_continues(n, c))
			break;
		if (what == VWERASE) {
			if (is_word(c))
				seen_word = true;
			else if (seen_word)
				break;
		}
		u32 count = n->head - pos;

		n->head = pos;
		if (echoes(n))
			echo_erased(n, c, count, what == VERASE);
		if (what == VERASE)
			break;
	}
	if (n->head == n->canon_head && echoes(n))
		finish_erasing(n);
}

static void reprint(struct ntty *n, u8 c)
{
	finish_erasing(n);
	ntty_echo_char(n, c);
	ntty_echo_raw(n, '\n');
	for (u32 pos = n->canon_head; pos != n->head; pos++)
		ntty_echo_char(n, at(n, pos));
}

/* ---- receiving ---- */

static bool is_cc(const struct ntty *n, unsigned int which, u8 c)
{
	return c == n->termios.c_cc[which] && c != DISABLED;
}

/* IXANY: any byte starts the output again. */
static void start_any(struct ntty *n, struct ntty_event *ev)
{
	if (n->stopped && !n->held && (n->termios.c_iflag & (IXON | IXANY)) == (IXON | IXANY)) {
		n->stopped = false;
		ev->start = true;
	}
}

static void receive_plain(struct ntty *n, u8 c, struct ntty_event *ev)
{
	start_any(n, ev);
	if (echoes(n)) {
		finish_erasing(n);
		echo_input(n, c);
	}
	put_marked(n, c);
}

static void raise_signal(struct ntty *n, int sig, struct ntty_event *ev)
{
	ev->signal = sig;
	if (!(n->termios.c_lflag & NOFLSH)) {
		ntty_reset(n);
		ev->flush = true;
	}
}

/* INTR, QUIT, SUSP, START, STOP: true when @c was one. */
static bool receive_control(struct ntty *n, u8 c, struct ntty_event *ev)
{
	int sig;

	if (n->termios.c_iflag & IXON) {
		if (is_cc(n, VSTART, c)) {
			ev->start = n->stopped && !n->held;
			n->stopped = n->held;
			return true;
		}
		if (is_cc(n, VSTOP, c)) {
			ev->stop = !n->stopped;
			n->stopped = true;
			return true;
		}
	}
	if (!(n->termios.c_lflag & ISIG))
		return false;
	sig = is_cc(n, VINTR, c)   ? SIGINT
	      : is_cc(n, VQUIT, c) ? SIGQUIT
	      : is_cc(n, VSUSP, c) ? SIGTSTP
				   : 0;
	if (!sig)
		return false;
	raise_signal(n, sig, ev);
	if ((n->termios.c_iflag & IXON) && n->stopped && !n->held) {
		n->stopped = false;
		ev->start = true;
	}
	if (echoes(n))
		ntty_echo_char(n, c);
	return true;
}

static void receive_lnext(struct ntty *n)
{
	n->lnext = true;
	if (!echoes(n))
		return;
	finish_erasing(n);
	if (n->termios.c_lflag & ECHOCTL) {
		ntty_echo_raw(n, '^');
		ntty_echo_raw(n, '\b');
	}
}

/* Line editing: true when @c was part of it. */
static bool receive_editing(struct ntty *n, u8 c)
{
	tcflag_t l = n->termios.c_lflag;
	bool extended = l & IEXTEN;

	if (is_cc(n, VERASE, c)) {
		erase(n, VERASE);
	} else if (is_cc(n, VKILL, c)) {
		erase(n, VKILL);
	} else if (extended && is_cc(n, VWERASE, c)) {
		erase(n, VWERASE);
	} else if (extended && is_cc(n, VLNEXT, c)) {
		receive_lnext(n);
	} else if (extended && (l & ECHO) && is_cc(n, VREPRINT, c)) {
		reprint(n, c);
	} else if (c == '\n') {
		if (l & (ECHO | ECHONL))
			ntty_echo_raw(n, '\n');
		end_line(n, c);
	} else if (is_cc(n, VEOF, c)) {
		end_line(n, DISABLED);
	} else if (is_cc(n, VEOL, c) || (extended && is_cc(n, VEOL2, c))) {
		if (l & ECHO)
			echo_input(n, c);
		if (c == 0377 && (n->termios.c_iflag & PARMRK))
			put(n, c);
		end_line(n, c);
	} else {
		return false;
	}
	return true;
}

static void receive_special(struct ntty *n, u8 c, struct ntty_event *ev)
{
	tcflag_t i = n->termios.c_iflag;

	if (receive_control(n, c, ev))
		return;
	start_any(n, ev);
	if (c == '\r') {
		if (i & IGNCR)
			return;
		if (i & ICRNL)
			c = '\n';
	} else if (c == '\n' && (i & INLCR)) {
		c = '\r';
	}
	if ((n->termios.c_lflag & ICANON) && receive_editing(n, c))
		return;
	if (echoes(n)) {
		finish_erasing(n);
		if (c == '\n')
			ntty_echo_raw(n, '\n');
		else
			echo_input(n, c);
	}
	put_marked(n, c);
}

/* A byte that came damaged, or a break. */
static void receive_flagged(struct ntty *n, u8 c, u8 flag, struct ntty_event *ev)
{
	tcflag_t i = n->termios.c_iflag;

	if (flag == NTTY_OVERRUN)
		return;
	if (flag == NTTY_BREAK) {
		if (i & IGNBRK)
			return;
		if (i & BRKINT) {
			raise_signal(n, SIGINT, ev);
			return;
		}
		c = 0;
	} else if (!(i & INPCK)) {
		receive_plain(n, c, ev);
		return;
	} else if (i & IGNPAR) {
		return;
	}
	if (i & PARMRK) {
		put(n, 0377);
		put(n, 0);
		put(n, flag == NTTY_BREAK ? 0 : c);
	} else {
		put(n, 0);
	}
}

static u8 fold(const struct ntty *n, u8 c)
{
	tcflag_t i = n->termios.c_iflag;

	if (i & ISTRIP)
		c &= 0x7f;
	if ((i & IUCLC) && (n->termios.c_lflag & IEXTEN) && c >= 'A' && c <= 'Z')
		c = (u8)(c - 'A' + 'a');
	return c;
}

static void receive_byte(struct ntty *n, u8 c, u8 flag, struct ntty_event *ev)
{
	if (unlikely(flag != NTTY_NORMAL)) {
		n->lnext = false;
		receive_flagged(n, c, flag, ev);
		return;
	}
	c = fold(n, c);
	if (n->lnext) {
		n->lnext = false;
		receive_plain(n, c, ev);
	} else if (n->termios.c_lflag & EXTPROC) {
		put(n, c);
	} else if (bit_get(n->special, c)) {
		receive_special(n, c, ev);
	} else {
		receive_plain(n, c, ev);
	}
}

/* No byte means anything: as a copy into the ring. */
static size_t receive_raw(struct ntty *n, const u8 *in, size_t len)
{
	size_t room = ntty_room(n), done = 0;

	if (len > room)
		len = room;
	while (done < len) {
		u32 pos = n->head % NTTY_SIZE;
		size_t part = len - done < NTTY_SIZE - pos ? len - done : NTTY_SIZE - pos;

		memcpy(n->buf + pos, in + done, part);
		n->head += (u32)part;
		done += part;
	}
	return len;
}

size_t ntty_receive(struct ntty *n, const u8 *in, const u8 *flags, size_t len,
		    struct ntty_event *ev)
{
	size_t i = 0;

	memset(ev, 0, sizeof(*ev));
	if (n->raw && !flags)
		return receive_raw(n, in, len);
	while (i < len && ntty_room(n)) {
		receive_byte(n, in[i], flags ? flags[i] : NTTY_NORMAL, ev);
		i++;
		if (ev->signal || ev->start || ev->stop)
			break;
	}
	return i;
}

/* ---- reading ---- */

static size_t read_bytes(struct ntty *n, u8 *out, size_t len)
{
	size_t done = 0;

	if (len > ntty_used(n))
		len = ntty_used(n);
	while (done < len) {
		u32 pos = n->tail % NTTY_SIZE;
		size_t part = len - done < NTTY_SIZE - pos ? len - done : NTTY_SIZE - pos;

		memcpy(out + done, n->buf + pos, part);
		n->tail += (u32)part;
		done += part;
	}
	return len;
}

static bool is_eof(const struct ntty *n, u32 pos)
{
	return at(n, pos) == DISABLED && bit_get(n->line_end, pos % NTTY_SIZE);
}

size_t ntty_read(struct ntty *n, u8 *out, size_t len, bool *line_end)
{
	size_t done = 0;

	*line_end = false;
	if (!is_canonical(n))
		return read_bytes(n, out, len);
	while (n->tail != n->canon_head) {
		u32 pos = n->tail % NTTY_SIZE;
		bool end = bit_get(n->line_end, pos);

		if (!(end && n->buf[pos] == DISABLED && !n->pushed)) {
			if (done == len)
				break;
			out[done++] = n->buf[pos];
		}
		n->tail++;
		if (end) {
			n->line_end[pos / 64] &= ~(1ull << (pos % 64));
			n->pushed = false;
			*line_end = true;
			break;
		}
	}
	return done;
}

void ntty_skip_eof(struct ntty *n)
{
	if (!is_canonical(n) || n->tail == n->canon_head || n->pushed || !is_eof(n, n->tail))
		return;
	n->line_end[n->tail % NTTY_SIZE / 64] &= ~(1ull << (n->tail % 64));
	n->tail++;
}

u32 ntty_pending(const struct ntty *n)
{
	u32 count;

	if (!is_canonical(n))
		return ntty_used(n);
	count = n->canon_head - n->tail;
	for (u32 pos = n->tail; pos != n->canon_head; pos++)
		count -= is_eof(n, pos);
	return count;
}
