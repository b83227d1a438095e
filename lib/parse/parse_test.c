#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/parse/parse.h>

KTEST(parse, unsigned_numbers)
{
	static const struct {
		const char *s;
		unsigned int base;
		int err;
		u64 v;
	} cases[] = {
		{"0", 0, 0, 0},
		{"42\n", 10, 0, 42},
		{"+42", 10, 0, 42},
		{"0x1F", 0, 0, 31},
		{"0x1F", 16, 0, 31},
		{"1f", 16, 0, 31},
		{"017", 0, 0, 15},
		{"18446744073709551615", 10, 0, U64_MAX},
		{"18446744073709551616", 10, -ERANGE, 0},
		{"99999999999999999999999999", 10, -ERANGE, 0},
		{"", 10, -EINVAL, 0},
		{"-1", 10, -EINVAL, 0},
		{"1 ", 10, -EINVAL, 0},
		{" 1", 10, -EINVAL, 0},
		{"1\n\n", 10, -EINVAL, 0},
		{"0x", 0, -EINVAL, 0},
		{"08", 0, -EINVAL, 0},
		{"12a", 10, -EINVAL, 0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 v = 0;

		EXPECT_EQ(parse_u64(cases[i].s, cases[i].base, &v), cases[i].err);
		EXPECT_EQ(v, cases[i].v);
	}
}

KTEST(parse, signed_and_narrow)
{
	s64 v;
	s32 n;
	u32 u;

	EXPECT_EQ(parse_s64("-9223372036854775808", 10, &v), 0);
	EXPECT_EQ(v, S64_MIN);
	EXPECT_EQ(parse_s64("9223372036854775807", 10, &v), 0);
	EXPECT_EQ(v, S64_MAX);
	EXPECT_EQ(parse_s64("9223372036854775808", 10, &v), -ERANGE);
	EXPECT_EQ(parse_s64("-9223372036854775809", 10, &v), -ERANGE);
	EXPECT_EQ(parse_s64("--1", 10, &v), -EINVAL);
	EXPECT_EQ(parse_s32("-2147483648", 0, &n), 0);
	EXPECT_EQ(n, S32_MIN);
	EXPECT_EQ(parse_s32("2147483648", 0, &n), -ERANGE);
	EXPECT_EQ(parse_u32("4294967295", 0, &u), 0);
	EXPECT_EQ(parse_u32("4294967296", 0, &u), -ERANGE);
}

KTEST(parse, booleans_and_sizes)
{
	const char *s = "0x10M,rest";
	bool b = false;
	u64 v;

	EXPECT_EQ(parse_bool("on", &b), 0);
	EXPECT_TRUE(b);
	EXPECT_EQ(parse_bool("off\n", &b), 0);
	EXPECT_FALSE(b);
	EXPECT_EQ(parse_bool("Y", &b), 0);
	EXPECT_TRUE(b);
	EXPECT_EQ(parse_bool("oops", &b), -EINVAL);
	EXPECT_EQ(parse_bool("", &b), -EINVAL);
	EXPECT_EQ(parse_size(&s, &v), 0);
	EXPECT_EQ(v, 16 << 20);
	EXPECT_STREQ(s, ",rest");
	s = "12k";
	EXPECT_EQ(parse_size(&s, &v), 0);
	EXPECT_EQ(v, 12288);
	s = "16E";
	EXPECT_EQ(parse_size(&s, &v), -ERANGE);
	s = "M";
	EXPECT_EQ(parse_size(&s, &v), -EINVAL);
	s = "123abc";
	EXPECT_TRUE(parse_digits(&s, 10, &v));
	EXPECT_STREQ(s, "abc");
	EXPECT_FALSE(parse_digits(&s, 10, &v));
}

KTEST(parse, command_line)
{
	char line[] = " root=/dev/vda  quiet init=\"/bin/sh -x\" \"a b=c d\" k=\t--  x=y=z \"";
	char *p = line, *key, *value;
	static const struct {
		const char *key, *value;
	} want[] = {
		{"root", "/dev/vda"}, {"quiet", NULL}, {"init", "/bin/sh -x"},
		{"a b", "c d"},	      {"k", ""},       {"--", NULL},
		{"x", "y=z"},	      {"", NULL},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		KTEST_REQUIRE(parse_word(&p, &key, &value));
		EXPECT_STREQ(key, want[i].key);
		if (want[i].value)
			EXPECT_STREQ(value, want[i].value);
		else
			EXPECT_NULL(value);
	}
	EXPECT_FALSE(parse_word(&p, &key, &value));
	EXPECT_TRUE(parse_key_is("panic-on_warn", "panic_on-warn"));
	EXPECT_FALSE(parse_key_is("panic", "panic_on_warn"));
}

KTEST(parse, mount_options)
{
	char text[] = "mode=755,,size=10m,ro,x=";
	char *p = text, *key, *value;

	EXPECT_TRUE(parse_option(&p, &key, &value));
	EXPECT_STREQ(key, "mode");
	EXPECT_STREQ(value, "755");
	EXPECT_TRUE(parse_option(&p, &key, &value));
	EXPECT_STREQ(key, "size");
	EXPECT_TRUE(parse_option(&p, &key, &value));
	EXPECT_STREQ(key, "ro");
	EXPECT_NULL(value);
	EXPECT_TRUE(parse_option(&p, &key, &value));
	EXPECT_STREQ(value, "");
	EXPECT_FALSE(parse_option(&p, &key, &value));
}
