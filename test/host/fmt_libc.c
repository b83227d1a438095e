/* lib/fmt against libc: the same numbers through the same formats. */
#include "host.h"
#include <kern/ktest.h>

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static unsigned long state = 88172645463325252ul;

static unsigned long next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A format with one conversion of a long. */
static void make_format(char *to)
{
	static const char flags[] = "-+ #0";
	static const char convs[] = "diuoxX";
	unsigned long r = next();
	size_t n = 0;

	to[n++] = '<';
	to[n++] = '%';
	for (unsigned int i = 0; i < 5; i++, r >>= 1) {
		if (r & 1)
			to[n++] = flags[i];
	}
	if (r & 1)
		to[n++] = (char)('1' + (r >> 8) % 9);
	if (r & 2) {
		to[n++] = '.';
		to[n++] = (char)('0' + (r >> 16) % 10);
	}
	to[n++] = 'l';
	to[n++] = convs[(r >> 24) % 6];
	to[n++] = '>';
	to[n] = 0;
}

KTEST(fmt, same_as_libc)
{
	for (unsigned int i = 0; i < 20000; i++) {
		char format[32], ours[64], theirs[64];
		unsigned long v = next() >> (next() & 63);

		make_format(format);
		int a = snprintf(ours, sizeof(ours), format, v);
		int b = host_snprintf(theirs, sizeof(theirs), format, v);

		EXPECT_EQ(a, b);
		if (strcmp(ours, theirs))
			ktest_fail(t, __FILE__, __LINE__, "%s of %lx: \"%s\", libc \"%s\"", format,
				   v, ours, theirs);
	}
}
