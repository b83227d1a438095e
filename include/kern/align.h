/* Rounding. @a of ALIGN and its kin is a power of two. */
#pragma once

#include <kern/types.h>

#define __align_mask(x, a) ((__typeof__(x))(a)-1)
#define ALIGN(x, a) (((x) + __align_mask(x, a)) & ~__align_mask(x, a))
#define ALIGN_DOWN(x, a) ((x) & ~__align_mask(x, a))
#define IS_ALIGNED(x, a) (((x)&__align_mask(x, a)) == 0)
#define PTR_ALIGN(p, a) ((__typeof__(p))ALIGN((unsigned long)(p), (unsigned long)(a)))
#define round_up(x, a) ALIGN(x, a)
#define round_down(x, a) ALIGN_DOWN(x, a)

#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define DIV_ROUND_CLOSEST(n, d) (((n) + (d) / 2) / (d))
/* Rounds up to any multiple. */
#define roundup(x, m) (DIV_ROUND_UP(x, m) * (m))
#define rounddown(x, m) ((x) - (x) % (m))

#define is_power_of_2(n)                               \
	({                                             \
		__typeof__(n) __p2 = (n);              \
		__p2 != 0 && (__p2 & (__p2 - 1)) == 0; \
	})

/* The least power of two >= @n; @n from 1 to 2^63. */
static __always_inline u64 roundup_pow_of_two(u64 n)
{
	return n <= 1 ? 1 : 1ull << (64 - __builtin_clzll(n - 1));
}

/* The greatest power of two <= @n; @n > 0. */
static __always_inline u64 rounddown_pow_of_two(u64 n)
{
	return 1ull << (63 - __builtin_clzll(n));
}
