#include <kern/ktest.h>
#include <kernel/cmdline/cmdline.h>

KTEST(cmdline, words_and_values)
{
	static const char text[] =
		"quiet root=/dev/vda  init=\"/bin/my init\" log-buf_len=1M a=1 a=2 "
		"-- a=3 x";
	char buf[32];

	EXPECT_TRUE(cmdline_value_of(text, "root", buf, sizeof(buf)));
	EXPECT_STREQ(buf, "/dev/vda");
	EXPECT_TRUE(cmdline_value_of(text, "init", buf, sizeof(buf)));
	EXPECT_STREQ(buf, "/bin/my init");
	EXPECT_TRUE(cmdline_value_of(text, "log_buf_len", buf, sizeof(buf)));
	EXPECT_STREQ(buf, "1M");
	EXPECT_TRUE(cmdline_value_of(text, "a", buf, sizeof(buf)));
	EXPECT_STREQ(buf, "2");
	EXPECT_FALSE(cmdline_value_of(text, "quiet", buf, sizeof(buf)));
	EXPECT_FALSE(cmdline_value_of(text, "roo", buf, sizeof(buf)));
	EXPECT_FALSE(cmdline_value_of("", "a", buf, sizeof(buf)));
}

KTEST(cmdline, arguments_of_init)
{
	char word[16];
	bool for_init;
	size_t pos = 0;
	int words = 0, inits = 0;

	while (cmdline_next_of("a b=\"c d\" -- -x e", &pos, word, sizeof(word), &for_init)) {
		words++;
		if (for_init && inits++ == 0)
			EXPECT_STREQ(word, "-x");
	}
	EXPECT_EQ(words, 4);
	EXPECT_EQ(inits, 2);
}
