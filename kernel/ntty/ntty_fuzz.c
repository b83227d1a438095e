/* Settings, typed bytes, reads and output in any order: positions stay in order, and no more comes
 * out than went in. */
#include <kernel/ntty/ntty.h>

#include <kern/string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct ntty n;

static void check(void)
{
	u32 used = ntty_used(&n);

	if (used > NTTY_SIZE || ntty_echo_pending(&n) > NTTY_ECHO_SIZE)
		__builtin_trap();
	if ((n.termios.c_lflag & (ICANON | EXTPROC)) == ICANON && n.canon_head - n.tail > used)
		__builtin_trap();
	if (ntty_pending(&n) > used)
		__builtin_trap();
}

static void settings(const u8 *d)
{
	struct termios2 t = n.termios;

	t.c_iflag = d[0] | (tcflag_t)d[1] << 8;
	t.c_lflag = d[2] | (tcflag_t)d[3] << 8;
	t.c_oflag = d[4] | (tcflag_t)d[5] << 8;
	t.c_cc[d[6] % NCCS] = d[7];
	(void)ntty_set_termios(&n, &t);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct termios2 sane = {
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_cc = {3, 034, 0177, 025, 4, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026},
	};
	struct ntty_event ev;
	u8 out[300];
	size_t taken;
	bool end;

	ntty_init(&n, &sane);
	while (size >= 9) {
		size_t len = size - 1 < 200 ? size - 1 : 200;
		u8 op = *data++;

		size--;
		switch (op % 6) {
		case 0:
			settings(data);
			data += 8;
			size -= 8;
			break;
		case 1:
		case 2:
			len = ntty_receive(&n, data, op & 64 ? data : NULL, len, &ev);
			data += len;
			size -= len;
			break;
		case 3:
			if (ntty_read(&n, out, op, &end) > op)
				__builtin_trap();
			break;
		case 4:
			if (ntty_output(&n, data, len, out, op, &taken) > op || taken > len)
				__builtin_trap();
			break;
		default:
			ntty_echo_taken(&n, ntty_echo_peek(&n, out, op));
			if (op & 128)
				ntty_skip_eof(&n);
		}
		check();
	}
	return 0;
}
