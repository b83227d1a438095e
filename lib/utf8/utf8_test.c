#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/utf8/utf8.h>

KTEST(utf8, all_characters_come_back)
{
	u8 b[UTF8_MAX_BYTES];
	u32 c, got;

	for (c = 0; c < 0x110400; c++) {
		int n = utf8_encode(c, b);

		if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
			EXPECT_EQ(n, -EILSEQ);
			continue;
		}
		EXPECT_EQ(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
		EXPECT_EQ(utf8_decode(b, 4, &got), n);
		EXPECT_EQ(got, c);
		for (int cut = 0; cut < n; cut++)
			EXPECT_EQ(utf8_decode(b, (size_t)cut, &got), -EAGAIN);
	}
}

KTEST(utf8, malformed)
{
	static const char *const bad[] = {
		"\x80",		"\xc0\x80",	    "\xc1\xbf",	    "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xf5\x80",	    "\xff",	    "\xf4\x90\x80\x80",
		"\xc3\x28",	"\xf0\x8f\xbf\xbf", "\xe2\x28\xa1",
	};
	u32 c;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(utf8_decode(bad[i], strlen(bad[i]), &c), -EILSEQ);
		EXPECT_FALSE(utf8_valid(bad[i], strlen(bad[i])));
	}
	EXPECT_TRUE(utf8_valid("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 15));
	EXPECT_FALSE(utf8_valid("na\xc3", 3));
	EXPECT_TRUE(utf8_is_continuation(0xbf));
	EXPECT_FALSE(utf8_is_continuation(0xc3));
}
