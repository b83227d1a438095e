#include <kern/ktest.h>
#include <kern/limits.h>
#include <lib/fmt/fmt.h>

/* Formats are checked by the compiler in ordinary code; here some are wrong on purpose. */
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#ifdef __clang__
#pragma clang diagnostic ignored "-Wformat-extra-args"
#else
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#endif

static char buf[256];

#define CHECK(want, ...)                                          \
	do {                                                      \
		int n_ = snprintf(buf, sizeof(buf), __VA_ARGS__); \
		EXPECT_STREQ(buf, want);                          \
		EXPECT_EQ(n_, strlen(want));                      \
	} while (0)

KTEST(fmt, integers)
{
	CHECK("0 1 -1 10 99 100 12345", "%d %d %d %d %d %d %d", 0, 1, -1, 10, 99, 100, 12345);
	CHECK("-2147483648 4294967295", "%d %u", INT_MIN, UINT_MAX);
	CHECK("-9223372036854775808 18446744073709551615", "%lld %llu", (long long)S64_MIN,
	      (unsigned long long)U64_MAX);
	CHECK("ffffffffffffffff DEAD 0xbeef 0", "%lx %X %#x %#x", ~0ul, 0xdeadu, 0xbeefu, 0u);
	CHECK("17 017 0", "%o %#o %#o", 15u, 15u, 0u);
	CHECK("255 -1 65535 -1", "%hhu %hhd %hu %hd", 0x1ff, 0xff, 0x1ffff, 0xffff);
	CHECK("5 -5 7", "%zu %zd %td", (size_t)5, (ssize_t)-5, (ptrdiff_t)7);
}

KTEST(fmt, width_and_precision)
{
	CHECK("[   42] [42   ] [00042] [  042]", "[%5d] [%-5d] [%05d] [%5.3d]", 42, 42, 42, 42);
	CHECK("[+42] [ 42] [-0042] [+0042]", "[%+d] [% d] [%05d] [%+05d]", 42, 42, -42, 42);
	CHECK("[0x002a] [    0x2a] [0x2a    ]", "[%#06x] [%#8x] [%-#8x]", 42u, 42u, 42u);
	CHECK("[   42] [42   ]", "[%*d] [%*d]", 5, 42, -5, 42);
	CHECK("[] [     ]", "[%.0d] [%5.0d]", 0, 0);
	CHECK("[0000000042]", "[%.10d]", 42);
	CHECK("[   00042]", "[%08.5d]", 42);
}

KTEST(fmt, strings)
{
	static const char raw[3] = {'a', 'b', 'c'};

	CHECK("abc (null) x%", "%s %s %c%%", "abc", (char *)NULL, 'x');
	CHECK("[  abc] [abc  ] [ab] [   ab]", "[%5s] [%-5s] [%.2s] [%5.2s]", "abc", "abc", "abc",
	      "abc");
	CHECK("abc [ab]", "%.3s [%.*s]", raw, 2, raw);
	CHECK("[  x] [x  ]", "[%3c] [%-3c]", 'x', 'x');
	CHECK("", "%s", "");
}

static size_t a_symbol(unsigned long addr, char *to, size_t size)
{
	return addr == 0x1234 ? (size_t)scnprintf(to, size, "start_it+0x4/0x10") : 0;
}

KTEST(fmt, pointers)
{
	static const u8 bytes[16] = {192, 168, 0,  1,  0xfe, 0xff, 6,  7,
				     8,	  9,   10, 11, 12,   13,   14, 15};
	size_t (*before)(unsigned long addr, char *to, size_t size) = fmt_symbol;

	CHECK("(ptrval) ffff800000001234", "%p %px", bytes, (void *)0xffff800000001234ul);
	CHECK("192.168.0.1/ 192.168.0.1", "%pI4/%12pI4", bytes, bytes);
	CHECK("c0:a8:00:01:fe:ff", "%pM", bytes);
	CHECK("c0a80001-feff-0607-0809-0a0b0c0d0e0f", "%pU", bytes);
	CHECK("c0a8:0001:feff:0607:0809:0a0b:0c0d:0e0f", "%pI6", bytes);
	fmt_symbol = a_symbol;
	CHECK("start_it+0x4/0x10 start_it 0x99", "%pS %ps %pS", (void *)0x1234, (void *)0x1234,
	      (void *)0x99);
	fmt_symbol = before;
}

KTEST(fmt, bounds)
{
	char small[4] = "zzz";

	EXPECT_EQ(snprintf(small, 4, "abcdef"), 6);
	EXPECT_STREQ(small, "abc");
	EXPECT_EQ(snprintf(small, 1, "%d", 77), 2);
	EXPECT_STREQ(small, "");
	small[0] = 'k';
	EXPECT_EQ(snprintf(small, 0, "%d", 77), 2);
	EXPECT_EQ(small[0], 'k');
	EXPECT_EQ(snprintf(NULL, 0, "%100s", "x"), 100);
	EXPECT_EQ(scnprintf(small, 4, "%s", "abcdef"), 3);
	EXPECT_EQ(scnprintf(small, 0, "%s", "abcdef"), 0);
	EXPECT_EQ(scnprintf(small, 4, "ab"), 2);
	EXPECT_EQ(snprintf(small, 4, "%5d", 1), 5);
	EXPECT_STREQ(small, "   ");
}

KTEST(fmt, unknown_conversion_is_copied)
{
	CHECK("1 %q %d", "%d %q %d", 1, 2, 3);
	CHECK("%", "%");
	CHECK("ab%-", "ab%-");
}

KTEST(fmt, digits)
{
	char d[FMT_DEC_MAX];

	EXPECT_EQ(fmt_dec(d, 0), 1);
	EXPECT_EQ(d[0], '0');
	EXPECT_EQ(fmt_dec(d, U64_MAX), 20);
	EXPECT_MEMEQ(d, "18446744073709551615", 20);
	EXPECT_EQ(fmt_hex(d, 0), 1);
	EXPECT_EQ(fmt_hex(d, 0x1f0), 3);
	EXPECT_MEMEQ(d, "1f0", 3);
	EXPECT_EQ(fmt_hex(d, U64_MAX), 16);
}
