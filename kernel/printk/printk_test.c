#include <kern/ktest.h>
#include <kern/errno.h>
#include <kernel/printk/printk.h>
#include <kernel/printk/printk_impl.h>

KTEST(printk, record_round_trip)
{
	u64 seq = printk_next_seq();
	struct printk_record rec;
	char text[64];

	printk(KERN_DEBUG "ktest %d %s\n", 42, "apples");
	KTEST_REQUIRE(printk_read(seq, &rec, text, sizeof(text)) == 0);
	EXPECT_EQ(rec.seq, seq);
	EXPECT_EQ(rec.level, 7);
	EXPECT_EQ(rec.len, 15);
	EXPECT_MEMEQ(text, "ktest 42 apples", 15);
	printk_user(5, 3, "from user", 9);
	KTEST_REQUIRE(printk_read(seq + 1, &rec, text, 4) == 0);
	EXPECT_EQ(rec.facility, 3);
	EXPECT_EQ(rec.level, 5);
	EXPECT_EQ(rec.len, 9);
	EXPECT_MEMEQ(text, "from", 4);
}

KTEST(printk, nothing_beyond_the_end)
{
	struct printk_record rec;
	char text[8];

	EXPECT_EQ(printk_read(printk_next_seq() + 5, &rec, text, sizeof(text)), -ENOENT);
	EXPECT_LE(printk_first_seq(), printk_next_seq());
}

KTEST(printk, time_format)
{
	char buf[32];

	EXPECT_EQ(printk_format_time(buf, sizeof(buf), 1234567890ull), 15);
	EXPECT_STREQ(buf, "[    1.234567] ");
}

KTEST(printk, ratelimit_stops_after_ten)
{
	struct printk_ratelimit rl = {0};
	int passed = 0;

	for (int i = 0; i < 50; i++)
		passed += printk_ratelimit(&rl);
	EXPECT_EQ(passed, 10);
	EXPECT_EQ(rl.missed, 40);
}
