#include <kern/ktest.h>
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <asm/context.h>

KTEST(rng, batches_differ)
{
	u8 a[64], b[64];

	rng_bytes(a, sizeof(a));
	rng_bytes(b, sizeof(b));
	EXPECT_NE(memcmp(a, b, sizeof(a)), 0);
	EXPECT_TRUE(memchr_inv(a, a[0], sizeof(a)) != NULL);
}

KTEST(rng, large_request_is_filled)
{
	static u8 big[4096 + 17];
	unsigned int zeros = 0;

	rng_bytes(big, sizeof(big));
	for (size_t i = 0; i < sizeof(big); i++)
		zeros += !big[i];
	EXPECT_LT(zeros, 60u);
}

KTEST(rng, below_is_below)
{
	for (int i = 0; i < 1000; i++)
		EXPECT_LT(rng_below(7), 7u);
	EXPECT_EQ(rng_below(1), 0);
	EXPECT_EQ(rng_below(0), 0);
}

/* The vector code makes the same key stream as lib/chacha. */
KTEST(rng, wide_matches_scalar)
{
	static u8 wide[2 * CHACHA_WIDE_SIZE], scalar[2 * CHACHA_WIDE_SIZE];
	u8 key[CHACHA_KEY_SIZE], nonce[CHACHA_NONCE_SIZE] = {1, 2, 3};
	struct chacha a, b;

	if (!CHACHA_HAS_WIDE)
		KTEST_SKIP("no vector code on this architecture");
	rng_bytes(key, sizeof(key));
	chacha_init(&a, key, 5, nonce);
	chacha_init(&b, key, 5, nonce);
	fpu_begin();
	chacha_wide(a.state, wide, 2);
	fpu_end();
	chacha_stream(&b, scalar, sizeof(scalar));
	EXPECT_MEMEQ(wide, scalar, sizeof(wide));
	EXPECT_MEMEQ(a.state, b.state, sizeof(a.state));
}
