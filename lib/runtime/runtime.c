/*
 * What gcc calls for operations that the machine has no instruction for. Their names and
 * prototypes are libgcc's; nothing else calls them.
 */
#include <kern/types.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

int __popcountdi2(unsigned long x);
u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);
s128 __divti3(s128 n, s128 d);
s128 __modti3(s128 n, s128 d);

/* Sums of ever wider fields, then of all bytes by one multiplication. */
int __popcountdi2(unsigned long x)
{
	x -= (x >> 1) & 0x5555555555555555ul;
	x = (x & 0x3333333333333333ul) + ((x >> 2) & 0x3333333333333333ul);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0ful;
	return (int)((x * 0x0101010101010101ul) >> 56);
}

/* Shift and subtract: @d is not 0. The remainder goes to *@rem. */
static u128 divide(u128 n, u128 d, u128 *rem)
{
	u128 quotient = 0, rest = 0;

	for (int bit = 127; bit >= 0; bit--) {
		bool carry = (rest >> 127) != 0;

		rest = (rest << 1) | ((n >> bit) & 1);
		if (carry || rest >= d) {
			rest -= d;
			quotient |= (u128)1 << bit;
		}
	}
	*rem = rest;
	return quotient;
}

u128 __udivti3(u128 n, u128 d)
{
	u128 rem;

	if (!((u64)(n >> 64)) && !((u64)(d >> 64)))
		return (u64)n / (u64)d;
	return divide(n, d, &rem);
}

u128 __umodti3(u128 n, u128 d)
{
	u128 rem;

	if (!((u64)(n >> 64)) && !((u64)(d >> 64)))
		return (u64)n % (u64)d;
	divide(n, d, &rem);
	return rem;
}

/* Rounds towards zero; the remainder has the sign of @n. */
s128 __divti3(s128 n, s128 d)
{
	u128 q = __udivti3(n < 0 ? -(u128)n : (u128)n, d < 0 ? -(u128)d : (u128)d);

	return (n < 0) != (d < 0) ? -(s128)q : (s128)q;
}

s128 __modti3(s128 n, s128 d)
{
	u128 r = __umodti3(n < 0 ? -(u128)n : (u128)n, d < 0 ? -(u128)d : (u128)d);

	return n < 0 ? -(s128)r : (s128)r;
}
