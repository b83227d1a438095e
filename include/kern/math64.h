/* Arithmetic with a 128-bit intermediate, without calls into a compiler runtime. */
#pragma once

#include <kern/types.h>

typedef unsigned __int128 u128;

/* @a * @mul >> @shift without losing the high part; @shift <= 64. Truncates to 64 bits. */
static __always_inline u64 mul_u64_u64_shr(u64 a, u64 mul, unsigned int shift)
{
	return (u64)(((u128)a * mul) >> shift);
}

static __always_inline u64 mul_u64_u32_shr(u64 a, u32 mul, unsigned int shift)
{
	return (u64)(((u128)a * mul) >> shift);
}

/* @a * @b / @d, saturating at the largest u64; @d is not 0. */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 d)
{
	u128 n = (u128)a * b;

	if ((u64)(n >> 64) >= d)
		return ~0ull;
#if defined(__x86_64__)
	u64 q, r;

	__asm__("divq %4" : "=a"(q), "=d"(r) : "a"((u64)n), "d"((u64)(n >> 64)), "r"(d) : "cc");
	return q;
#else
	u64 q = 0, r = (u64)(n >> 64), lo = (u64)n;

	for (int i = 0; i < 64; i++) {
		bool carry = r >> 63;

		r = r << 1 | lo >> 63;
		lo <<= 1;
		q <<= 1;
		if (carry || r >= d) {
			r -= d;
			q |= 1;
		}
	}
	return q;
#endif
}

static inline u64 div_u64_rem(u64 n, u32 d, u32 *rem)
{
	*rem = (u32)(n % d);
	return n / d;
}

#define div_u64(n, d) ((u64)(n) / (u32)(d))
#define div64_u64(n, d) ((u64)(n) / (u64)(d))
#define div64_s64(n, d) ((s64)(n) / (s64)(d))
#define abs(x)                              \
	({                                  \
		__typeof__(x) __abs = (x);  \
		__abs < 0 ? -__abs : __abs; \
	})
