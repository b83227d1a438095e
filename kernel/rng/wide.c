/*
 * ChaCha20, four blocks at a time: lane n of each vector belongs to block n. Compiled with SSE2,
 * which every x86-64 CPU has; callers hold the vector unit.
 */
#include <kernel/rng/rng_impl.h>

#if defined(__x86_64__)
typedef u32 vec __attribute__((vector_size(16)));
typedef u32 vec_unaligned __attribute__((vector_size(16), aligned(4), may_alias));

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

/* Rows of four words of four blocks: transposes and stores. */
static inline __attribute__((always_inline)) void store_rows(u8 *out, vec a, vec b, vec c, vec d)
{
	vec ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);
	vec ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
	vec cd_lo = __builtin_shufflevector(c, d, 0, 4, 1, 5);
	vec cd_hi = __builtin_shufflevector(c, d, 2, 6, 3, 7);

	*(vec_unaligned *)(out) = __builtin_shufflevector(ab_lo, cd_lo, 0, 1, 4, 5);
	*(vec_unaligned *)(out + 64) = __builtin_shufflevector(ab_lo, cd_lo, 2, 3, 6, 7);
	*(vec_unaligned *)(out + 128) = __builtin_shufflevector(ab_hi, cd_hi, 0, 1, 4, 5);
	*(vec_unaligned *)(out + 192) = __builtin_shufflevector(ab_hi, cd_hi, 2, 3, 6, 7);
}

void chacha_wide(u32 state[16], u8 *out, size_t count)
{
	for (; count; count--, out += CHACHA_WIDE_SIZE, state[12] += 4) {
		vec x[16], in[16];

		for (int i = 0; i < 16; i++)
			in[i] = (vec){state[i], state[i], state[i], state[i]};
		in[12] += (vec){0, 1, 2, 3};
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
		store_rows(out, x[0], x[1], x[2], x[3]);
		store_rows(out + 16, x[4], x[5], x[6], x[7]);
		store_rows(out + 32, x[8], x[9], x[10], x[11]);
		store_rows(out + 48, x[12], x[13], x[14], x[15]);
	}
}
#endif
