#include <kern/ktest.h>

typedef unsigned __int128 u128;

/* Volatile: the operations must be carried out, by the functions under test. */
KTEST(runtime, divides_wide_numbers)
{
	volatile u128 n = ((u128)0x123456789abcdef0ull << 64) | 0xfedcba9876543210ull;
	volatile u128 d = 1000000007;
	u128 q = n / d, r = n % d;

	EXPECT_TRUE(q * d + r == n);
	EXPECT_TRUE(r < d);
	d = ((u128)7 << 64) | 5;
	q = n / d;
	r = n % d;
	EXPECT_TRUE(q * d + r == n);
	EXPECT_TRUE(r < d);
	n = ~(u128)0;
	d = ~(u128)0 - 1;
	EXPECT_EQ((u64)(n / d), 1ul);
	EXPECT_EQ((u64)(n % d), 1ul);
}

KTEST(runtime, counts_bits)
{
	volatile unsigned long x = 0;

	EXPECT_EQ(__builtin_popcountl(x), 0);
	x = ~0ul;
	EXPECT_EQ(__builtin_popcountl(x), 64);
	x = 0x8000000000000101ul;
	EXPECT_EQ(__builtin_popcountl(x), 3);
}
