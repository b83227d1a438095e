#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/bitmap/bitmap.h>

#define NBITS 200

static DECLARE_BITMAP(map, NBITS);
static bool ref[NBITS];

static void check(struct ktest_ctx *t)
{
	unsigned long n = 0, last = NBITS;

	for (unsigned long i = 0; i < NBITS; i++) {
		EXPECT_EQ(test_bit(i, map), ref[i]);
		n += ref[i];
		if (ref[i])
			last = i;
	}
	EXPECT_EQ(bitmap_weight(map, NBITS), n);
	EXPECT_EQ(find_last_bit(map, NBITS), last);
	for (unsigned long from = 0; from < NBITS; from += 7) {
		unsigned long one = from, zero = from;

		while (one < NBITS && !ref[one])
			one++;
		while (zero < NBITS && ref[zero])
			zero++;
		EXPECT_EQ(find_next_bit(map, NBITS, from), one);
		EXPECT_EQ(find_next_zero_bit(map, NBITS, from), zero);
	}
}

KTEST(bitmap, set_clear_find)
{
	u64 seed = 9;

	memset(map, 0, sizeof(map));
	memset(ref, 0, sizeof(ref));
	for (unsigned int round = 0; round < 500; round++) {
		seed = seed * 6364136223846793005ull + 1;
		unsigned long first = (seed >> 33) % NBITS;
		unsigned long count = (seed >> 20) % (NBITS - first + 1);
		bool on = seed >> 63;

		if (on)
			bitmap_set(map, first, count);
		else
			bitmap_clear(map, first, count);
		memset(ref + first, on, count);
		EXPECT_EQ(on ? bitmap_all_set(map, first, count)
			     : bitmap_all_clear(map, first, count),
			  true);
		check(t);
	}
}

KTEST(bitmap, clear_runs)
{
	memset(map, 0xff, sizeof(map));
	bitmap_clear(map, 10, 3);
	bitmap_clear(map, 62, 5);
	bitmap_clear(map, 190, 10);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 0, 1), 10);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 0, 4), 62);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 63, 4), 63);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 64, 4), 190);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 0, 10), 190);
	EXPECT_EQ(bitmap_find_clear_run(map, NBITS, 0, 11), NBITS);
}

KTEST(bitmap, list_text)
{
	char buf[64];

	memset(map, 0, sizeof(map));
	EXPECT_EQ(bitmap_format_list(buf, sizeof(buf), map, NBITS), 0);
	EXPECT_STREQ(buf, "");
	bitmap_set(map, 0, 4);
	bitmap_set(map, 8, 1);
	bitmap_set(map, 198, 2);
	EXPECT_EQ(bitmap_format_list(buf, sizeof(buf), map, NBITS), 13);
	EXPECT_STREQ(buf, "0-3,8,198-199");
	EXPECT_EQ(bitmap_format_list(buf, 5, map, NBITS), 13);
	EXPECT_STREQ(buf, "0-3,");
	EXPECT_EQ(bitmap_parse_list("1,5-7,199\n", 10, map, NBITS), 0);
	EXPECT_EQ(bitmap_weight(map, NBITS), 5);
	EXPECT_TRUE(test_bit(6, map));
	EXPECT_EQ(bitmap_parse_list("200", 3, map, NBITS), -ERANGE);
	EXPECT_EQ(bitmap_parse_list("99999999999999999999999", 23, map, NBITS), -ERANGE);
	EXPECT_EQ(bitmap_parse_list("3-1", 3, map, NBITS), -EINVAL);
	EXPECT_EQ(bitmap_parse_list("3-", 2, map, NBITS), -EINVAL);
	EXPECT_EQ(bitmap_parse_list("x", 1, map, NBITS), -EINVAL);
	EXPECT_EQ(bitmap_parse_list("", 0, map, NBITS), 0);
	EXPECT_EQ(bitmap_weight(map, NBITS), 0);
}

KTEST(bitmap, mask_text)
{
	char buf[64];

	memset(map, 0, sizeof(map));
	bitmap_set(map, 0, 1);
	EXPECT_EQ(bitmap_format_mask(buf, sizeof(buf), map, 1), 1);
	EXPECT_STREQ(buf, "1");
	bitmap_set(map, 0, 40);
	EXPECT_EQ(bitmap_format_mask(buf, sizeof(buf), map, 40), 11);
	EXPECT_STREQ(buf, "ff,ffffffff");
	EXPECT_EQ(bitmap_format_mask(buf, sizeof(buf), map, 4), 1);
	EXPECT_STREQ(buf, "f");
}
