#include <kern/ktest.h>
#include <kernel/ubsan/ubsan.h>

#ifdef CONFIG_UBSAN

/* Read through these, so that the compiler cannot see the faults coming. */
static int hidden_index = 5, hidden_shift = 40, hidden_zero;
static u8 hidden_bool = 7;

KTEST(ubsan, reports_planted_faults)
{
	/* What lies behind the array belongs to the struct: no fault for KASAN. */
	struct {
		int array[4], behind[4];
	} s = {{1, 2, 3, 4}, {0}};
	long sum = 0;

	ubsan_expect(true);
	sum += s.array[READ_ONCE(hidden_index)];
	EXPECT_EQ(ubsan_expected_count(), 1u);
	sum += 1 << READ_ONCE(hidden_shift);
	EXPECT_EQ(ubsan_expected_count(), 2u);
	sum += *(volatile bool *)&hidden_bool;
	EXPECT_EQ(ubsan_expected_count(), 3u);
	ubsan_expect(false);
	hidden_zero = (int)sum;
}

#else

KTEST(ubsan, reports_planted_faults)
{
	KTEST_SKIP("CONFIG_UBSAN is off");
}

#endif
