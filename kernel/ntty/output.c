/*
 * Output of the line discipline: OPOST translation, the cursor's column, the echo ring.
 *
 * Echo is translated when it is made, so that the column is right for the erasing that follows; the
 * bytes wait in a ring until the device takes them.  A full ring drops what is new.
 */
#include <kernel/ntty/ntty_impl.h>

#include <kern/string.h>

static u32 newline(struct ntty *n, tcflag_t oflag, u8 out[NTTY_OUT_MAX])
{
	if (oflag & ONLRET)
		n->column = 0;
	if (oflag & ONLCR) {
		n->canon_column = n->column = 0;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	}
	n->canon_column = n->column;
	out[0] = '\n';
	return 1;
}

static u32 carriage_return(struct ntty *n, tcflag_t oflag, u8 out[NTTY_OUT_MAX])
{
	if ((oflag & ONOCR) && !n->column)
		return 0;
	if (oflag & OCRNL) {
		if (oflag & ONLRET)
			n->canon_column = n->column = 0;
		out[0] = '\n';
		return 1;
	}
	n->canon_column = n->column = 0;
	out[0] = '\r';
	return 1;
}

static u32 tab(struct ntty *n, tcflag_t oflag, u8 out[NTTY_OUT_MAX])
{
	u32 spaces = 8 - (n->column & 7);

	n->column += spaces;
	if ((oflag & TABDLY) != XTABS) {
		out[0] = '\t';
		return 1;
	}
	memset(out, ' ', spaces);
	return spaces;
}

u32 ntty_output_byte(struct ntty *n, u8 c, u8 out[NTTY_OUT_MAX])
{
	tcflag_t oflag = n->termios.c_oflag;

	switch (c) {
	case '\n':
		return newline(n, oflag, out);
	case '\r':
		return carriage_return(n, oflag, out);
	case '\t':
		return tab(n, oflag, out);
	case '\b':
		if (n->column)
			n->column--;
		break;
	default:
		if (ntty_iscntrl(c))
			break;
		if ((oflag & OLCUC) && c >= 'a' && c <= 'z')
			c = (u8)(c - 'a' + 'A');
		if (!ntty_continues(n, c))
			n->column++;
	}
	out[0] = c;
	return 1;
}

size_t ntty_output(struct ntty *n, const u8 *in, size_t len, u8 *out, size_t room, size_t *taken)
{
	u8 bytes[NTTY_OUT_MAX];
	size_t made = 0, i = 0;

	if (!(n->termios.c_oflag & OPOST)) {
		made = len < room ? len : room;
		memcpy(out, in, made);
		*taken = made;
		return made;
	}
	for (; i < len && made < room; i++) {
		u32 column = n->column, canon = n->canon_column;
		u32 k = ntty_output_byte(n, in[i], bytes);

		if (k > room - made) {
			n->column = column;
			n->canon_column = canon;
			break;
		}
		for (u32 j = 0; j < k; j++)
			out[made++] = bytes[j];
	}
	*taken = i;
	return made;
}

void ntty_echo_bytes(struct ntty *n, const char *s, u32 len)
{
	if (NTTY_ECHO_SIZE - ntty_echo_pending(n) < len)
		return;
	for (u32 i = 0; i < len; i++)
		n->echo[n->echo_head++ % NTTY_ECHO_SIZE] = (u8)s[i];
}

void ntty_echo_raw(struct ntty *n, u8 c)
{
	u8 out[NTTY_OUT_MAX] = {c};
	u32 k = n->termios.c_oflag & OPOST ? ntty_output_byte(n, c, out) : 1;

	ntty_echo_bytes(n, (const char *)out, k);
}

void ntty_echo_char(struct ntty *n, u8 c)
{
	if ((n->termios.c_lflag & ECHOCTL) && ntty_iscntrl(c) && c != '\t') {
		char text[2] = {'^', (char)(c ^ 0100)};

		ntty_echo_bytes(n, text, 2);
		n->column += 2;
		return;
	}
	ntty_echo_raw(n, c);
}

size_t ntty_echo_peek(const struct ntty *n, u8 *out, size_t len)
{
	u32 pending = ntty_echo_pending(n);

	if (len > pending)
		len = pending;
	for (u32 i = 0; i < len; i++)
		out[i] = n->echo[(n->echo_tail + i) % NTTY_ECHO_SIZE];
	return len;
}
