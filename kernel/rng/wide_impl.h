/*
 * ChaCha20, several blocks at a time: lane n of each vector belongs to block n. Included by the
 * files that say how many lanes there are: LANES, 4 or 8.
 */
#include <kernel/rng/rng_impl.h>

typedef u32 vec __attribute__((vector_size(4 * LANES)));
typedef u32 quad __attribute__((vector_size(16)));
typedef u32 quad_unaligned __attribute__((vector_size(16), aligned(4), may_alias));

/* Two shifts: byte shuffles would be fewer instructions on a CPU, but slow in emulators. */
static inline __attribute__((always_inline)) vec rotate(vec v, int n)
{
	return v << n | v >> (32 - n);
}

#define QUARTER(a, b, c, d)            \
	do {                           \
		a += b;                \
		d = rotate(d ^ a, 16); \
		c += d;                \
		b = rotate(b ^ c, 12); \
		a += b;                \
		d = rotate(d ^ a, 8);  \
		c += d;                \
		b = rotate(b ^ c, 7);  \
	} while (0)

#if LANES == 8
#define LANE_NUMBERS ((vec){0, 1, 2, 3, 4, 5, 6, 7})
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define FIRST(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define SECOND(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define LANE_NUMBERS ((vec){0, 1, 2, 3})
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define FIRST(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define SECOND(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#endif

/* @v: four words of block 0, and of block 4 behind them. */
static inline __attribute__((always_inline)) void store_words(u8 *out, vec v)
{
	*(quad_unaligned *)out = __builtin_shufflevector(v, v, 0, 1, 2, 3);
#if LANES == 8
	*(quad_unaligned *)(out + 4 * CHACHA_BLOCK_SIZE) =
		__builtin_shufflevector(v, v, 4, 5, 6, 7);
#endif
}

/* Rows of the same four words of all blocks: transposes and stores. */
static inline __attribute__((always_inline)) void store_rows(u8 *out, vec a, vec b, vec c, vec d)
{
	vec ab_low = LOW(a, b), ab_high = HIGH(a, b);
	vec cd_low = LOW(c, d), cd_high = HIGH(c, d);

	store_words(out, FIRST(ab_low, cd_low));
	store_words(out + CHACHA_BLOCK_SIZE, SECOND(ab_low, cd_low));
	store_words(out + 2 * CHACHA_BLOCK_SIZE, FIRST(ab_high, cd_high));
	store_words(out + 3 * CHACHA_BLOCK_SIZE, SECOND(ab_high, cd_high));
}

static inline __attribute__((always_inline)) void run_wide(u32 state[16], u8 *out, size_t count)
{
	vec in[16];

	for (int i = 0; i < 16; i++)
		in[i] = state[i] - (vec){};
	in[12] += LANE_NUMBERS;
	state[12] += (u32)count * LANES;
	for (; count; count--, out += LANES * CHACHA_BLOCK_SIZE) {
		vec x[16];

		for (int i = 0; i < 16; i++)
			x[i] = in[i];
		for (int i = 0; i < 10; i++) {
			QUARTER(x[0], x[4], x[8], x[12]);
			QUARTER(x[1], x[5], x[9], x[13]);
			QUARTER(x[2], x[6], x[10], x[14]);
			QUARTER(x[3], x[7], x[11], x[15]);
			QUARTER(x[0], x[5], x[10], x[15]);
			QUARTER(x[1], x[6], x[11], x[12]);
			QUARTER(x[2], x[7], x[8], x[13]);
			QUARTER(x[3], x[4], x[9], x[14]);
		}
		for (int i = 0; i < 16; i++)
			x[i] += in[i];
		in[12] += LANES;
		store_rows(out, x[0], x[1], x[2], x[3]);
		store_rows(out + 16, x[4], x[5], x[6], x[7]);
		store_rows(out + 32, x[8], x[9], x[10], x[11]);
		store_rows(out + 48, x[12], x[13], x[14], x[15]);
	}
	memzero_explicit(in, sizeof(in));
}
