#include <kern/ktest.h>
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <asm/context.h>
#include <asm/irqflags.h>

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

/* Vector code makes the same key stream as lib/chacha, also where a counter wraps in a word. */
static void compare_wide(struct ktest_ctx *t, const struct chacha_wide *w, u32 counter, u32 steps)
{
	static u8 wide[3 * CHACHA_WIDE_MAX + 1], scalar[3 * CHACHA_WIDE_MAX];
	u8 key[CHACHA_KEY_SIZE], nonce[CHACHA_NONCE_SIZE] = {1, 2, 3};
	struct chacha a, b;
	size_t len = steps * w->size;

	rng_bytes(key, sizeof(key));
	chacha_init(&a, key, counter, nonce);
	chacha_init(&b, key, counter, nonce);
	wide[len] = 77;
	fpu_begin();
	w->run(a.state, wide, steps);
	fpu_end();
	chacha_stream(&b, scalar, len);
	EXPECT_MEMEQ(wide, scalar, len);
	EXPECT_MEMEQ(a.state, b.state, sizeof(a.state));
	EXPECT_EQ(wide[len], 77);
}

static void compare_all(struct ktest_ctx *t, const struct chacha_wide *w)
{
	for (u32 steps = 0; steps <= 3; steps++) {
		compare_wide(t, w, 0, steps);
		compare_wide(t, w, 5, steps);
		compare_wide(t, w, U32_MAX - 8 * steps, steps);
	}
}

KTEST(rng, chosen_path_matches_scalar)
{
	if (!chacha_wide)
		KTEST_SKIP("no vector code on this architecture");
	compare_all(t, chacha_wide);
}

#if defined(__x86_64__)
KTEST(rng, sse2_matches_scalar)
{
	compare_all(t, &chacha_sse2);
}
#endif

static bool holds(const u8 *in, size_t size, const u8 *what, size_t len)
{
	for (size_t i = 0; i + len <= size; i++) {
		if (!memcmp(in + i, what, len))
			return true;
	}
	return false;
}

/* Who reads this CPU's state after a call finds neither what it gave nor the key that made it. */
KTEST(rng, state_forgets_what_it_gave)
{
	u8 given[16], key[CHACHA_KEY_SIZE];
	unsigned long flags = irqs_save();
	struct rng_cpu *rc = this_cpu_ptr(rng_cpu);
	bool given_there = false, key_there = false;

	for (int i = 0; i < 100; i++) {
		memcpy(key, rc->key, sizeof(key));
		u32 left = rc->left;

		rng_bytes(given, sizeof(given));
		given_there |= holds((u8 *)rc, sizeof(*rc), given, sizeof(given));
		if (rc->left > left)
			key_there |= holds((u8 *)rc, sizeof(*rc), key, sizeof(key));
	}
	irqs_restore(flags);
	EXPECT_FALSE(given_there);
	EXPECT_FALSE(key_there);
}

/* Two copies of a machine: the same state gives the same, unless it is told. */
KTEST(rng, restored_snapshot_does_not_repeat)
{
	static struct rng_cpu saved;
	static u8 first[1024], again[1024], told[1024];
	u8 small[3][32];
	unsigned long flags = irqs_save();
	struct rng_cpu *rc = this_cpu_ptr(rng_cpu);
	struct rng_stream s, copy;

	rng_bytes(small[0], 1); /* there is a batch of this generation now, with room */
	rc->left = 128;
	saved = *rc;
	rng_bytes(small[0], 32);
	*rc = saved;
	rng_bytes(small[1], 32);
	*rc = saved;
	rng_stream_begin(&s);
	copy = s;
	rng_stream_read(&s, first, sizeof(first));
	s = copy;
	rng_stream_read(&s, again, sizeof(again));
	s = copy;
	*rc = saved;
	rng_snapshot_restored("other copy", 10);
	rng_bytes(small[2], 32);
	rng_stream_read(&s, told, sizeof(told)); /* in the middle of a request */
	irqs_restore(flags);
	EXPECT_MEMEQ(small[0], small[1], 32);
	EXPECT_NE(memcmp(small[0], small[2], 32), 0);
	EXPECT_MEMEQ(first, again, sizeof(first));
	EXPECT_FALSE(holds(first, sizeof(first), told, 16));
	memzero_explicit(&saved, sizeof(saved));
}

KTEST(rng, reseed_changes_keys)
{
	unsigned long flags = irqs_save();
	struct rng_cpu *rc = this_cpu_ptr(rng_cpu);
	u64 generation, next;
	u8 b;

	rng_bytes(&b, 1);
	generation = rc->generation;
	rng_bytes(&b, 1);
	EXPECT_EQ(rc->generation, generation);
	rng_reseed();
	rng_bytes(&b, 1);
	next = rc->generation;
	irqs_restore(flags);
	EXPECT_GT(next, generation);
}

static u32 count_good(u64 (*sample)(u32 i), u32 n, bool *failed)
{
	struct rng_health h = {0};
	u32 good = 0;

	for (u32 i = 0; i < n; i++)
		good += rng_health_sample(&h, sample(i));
	*failed = h.failed;
	return good;
}

static u64 still(u32 i)
{
	(void)i;
	return 5;
}
static u64 even(u32 i)
{
	return i * 100ull;
}
static u64 faster(u32 i)
{
	return (u64)i * i;
}
static u64 coarse(u32 i)
{
	return i / 600 * 1000ull;
}
static u64 noisy(u32 i)
{
	static u64 t;

	t += 100 + rng_below(16);
	return t + 0 * i;
}

/* A counter that stands, runs evenly or moves seldom is no source; one with noise is. */
KTEST(rng, jitter_is_judged)
{
	bool failed;

	EXPECT_LT(count_good(still, 2000, &failed), 4u);
	EXPECT_TRUE(failed);
	EXPECT_LT(count_good(even, 2000, &failed), 4u);
	EXPECT_TRUE(failed);
	EXPECT_LT(count_good(faster, 2000, &failed), 4u);
	EXPECT_LT(count_good(coarse, 6000, &failed), 40u);
	EXPECT_TRUE(failed);
	EXPECT_GT(count_good(noisy, 2000, &failed), 1500u);
	EXPECT_FALSE(failed);
}

KTEST(rng, accounts_add_up)
{
	struct rng_account all[RNG_SOURCES];
	struct rng_readiness ready;
	u64 bits = 0, before;

	rng_accounts(all, &ready);
	before = all[RNG_USER].bytes;
	rng_add_source(RNG_USER, "some input", 10, 1000);
	rng_accounts(all, &ready);
	EXPECT_EQ(all[RNG_USER].bytes, before + 10);
	for (unsigned int i = 0; i < RNG_SOURCES; i++)
		bits += all[i].bits;
	EXPECT_LE(bits, (u64)RNG_READY_BITS);
	EXPECT_EQ(all[RNG_VMGENID].bits, 0);
	if (ready.at_ns)
		EXPECT_EQ(bits, ready.bits);
}
