#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/string/string.h>

static u8 buf[320], ref[320];

static void fill(void)
{
	for (unsigned int i = 0; i < sizeof(buf); i++) {
		buf[i] = (u8)(i * 7 + 3);
		ref[i] = buf[i];
	}
}

static bool same(void)
{
	for (unsigned int i = 0; i < sizeof(buf); i++) {
		if (buf[i] != ref[i])
			return false;
	}
	return true;
}

KTEST(string, memmove_all_overlaps)
{
	for (size_t n = 0; n < 90; n++) {
		for (size_t to = 100; to < 140; to += 3) {
			fill();
			u8 tmp[90];

			for (size_t i = 0; i < n; i++)
				tmp[i] = ref[120 + i];
			for (size_t i = 0; i < n; i++)
				ref[to + i] = tmp[i];
			EXPECT_EQ((memmove)(buf + to, buf + 120, n), buf + to);
			EXPECT_TRUE(same());
		}
	}
}

KTEST(string, memcpy_and_memset_lengths)
{
	for (size_t n = 0; n < 80; n++) {
		for (size_t at = 0; at < 9; at++) {
			fill();
			for (size_t i = 0; i < n; i++)
				ref[at + i] = ref[200 + i];
			(memcpy)(buf + at, buf + 200, n);
			EXPECT_TRUE(same());
			for (size_t i = 0; i < n; i++)
				ref[at + i] = 0xa5;
			(memset)(buf + at, 0x1a5, n);
			EXPECT_TRUE(same());
		}
	}
}

KTEST(string, memcmp_order)
{
	for (size_t n = 1; n < 40; n++) {
		for (size_t at = 0; at < n; at++) {
			fill();
			EXPECT_EQ((memcmp)(buf + 1, ref + 1, n), 0);
			buf[1 + at] ^= 0x80;
			int sign = buf[1 + at] > ref[1 + at] ? 1 : -1;

			EXPECT_GT((memcmp)(buf + 1, ref + 1, n) * sign, 0);
			EXPECT_LT((memcmp)(ref + 1, buf + 1, n) * sign, 0);
			EXPECT_NE(memcmp_secret(buf + 1, ref + 1, n), 0);
		}
	}
	EXPECT_EQ((memcmp)("a\xff", "a\x01", 2) > 0, 1);
}

KTEST(string, searches)
{
	char s[] = "a/bc/def";

	EXPECT_EQ(strchr(s, '/'), s + 1);
	EXPECT_EQ(strrchr(s, '/'), s + 4);
	EXPECT_EQ(strchr(s, 0), s + 8);
	EXPECT_NULL(strchr(s, 'z'));
	EXPECT_EQ(strchrnul(s, 'z'), s + 8);
	EXPECT_EQ(strstr(s, "de"), s + 5);
	EXPECT_EQ(strstr(s, ""), s);
	EXPECT_NULL(strstr(s, "dex"));
	EXPECT_NULL(strnstr(s, "def", 7));
	EXPECT_EQ(strnstr(s, "def", 8), s + 5);
	EXPECT_EQ(memchr(s, 'd', 5), NULL);
	EXPECT_EQ(memchr(s, 'd', 6), s + 5);
	EXPECT_EQ(strspn(s, "a/b"), 3);
	EXPECT_EQ(strcspn(s, "cd"), 3);
	EXPECT_EQ(strpbrk(s, "fe"), s + 6);
	memset(buf, 0, 40);
	EXPECT_NULL(memchr_inv(buf, 0, 40));
	buf[39] = 1;
	EXPECT_EQ(memchr_inv(buf, 0, 40), buf + 39);
}

KTEST(string, lengths_and_compare)
{
	for (size_t at = 0; at < 8; at++) {
		for (size_t n = 0; n < 30; n++) {
			memset(buf, 'x', sizeof(buf));
			buf[at + n] = 0;
			EXPECT_EQ((strlen)((char *)buf + at), n);
			EXPECT_EQ(strnlen((char *)buf + at, 10), n < 10 ? n : 10);
		}
	}
	char high[] = "\x80\xff\x01";

	EXPECT_EQ((strlen)(high), 3);
	EXPECT_EQ(strcmp("abc", "abc"), 0);
	EXPECT_LT(strcmp("ab", "abc"), 0);
	EXPECT_GT(strcmp("\x80", "a"), 0);
	EXPECT_EQ(strncmp("abc", "abd", 2), 0);
	EXPECT_LT(strncmp("abc", "abd", 3), 0);
	EXPECT_EQ(strcasecmp("HeLLo", "hEllO"), 0);
	EXPECT_LT(strncasecmp("A", "b", 1), 0);
	EXPECT_TRUE(str_has_prefix("console=ttyS0", "console="));
	EXPECT_FALSE(str_has_prefix("con", "console="));
}

KTEST(string, bounded_copies)
{
	char d[6];

	EXPECT_EQ(strscpy(d, "hello", sizeof(d)), 5);
	EXPECT_STREQ(d, "hello");
	EXPECT_EQ(strscpy(d, "hello!", sizeof(d)), -E2BIG);
	EXPECT_STREQ(d, "hello");
	EXPECT_EQ(strscpy(d, "x", 0), -E2BIG);
	EXPECT_EQ(strscpy(d, "ab", sizeof(d)), 2);
	EXPECT_EQ(strscat(d, "cd", sizeof(d)), 4);
	EXPECT_STREQ(d, "abcd");
	EXPECT_EQ(strscat(d, "efg", sizeof(d)), -E2BIG);
	EXPECT_STREQ(d, "abcde");
}

KTEST(string, split_and_strip)
{
	char s[] = "a,,b c", *p = s;
	char w[] = " \t x y \n";

	EXPECT_STREQ(strsep(&p, ", "), "a");
	EXPECT_STREQ(strsep(&p, ", "), "");
	EXPECT_STREQ(strsep(&p, ", "), "b");
	EXPECT_STREQ(strsep(&p, ", "), "c");
	EXPECT_NULL(strsep(&p, ", "));
	EXPECT_STREQ(strstrip(w), "x y");
}
