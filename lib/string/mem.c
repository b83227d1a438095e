/*
 * Memory functions, a word at a time.
 *
 * Unaligned 8-byte loads and stores through __builtin_memcpy are single instructions on the
 * machines we run on. All are weak, for architectures that know better.
 */
#include <lib/string/string.h>

static __always_inline u64 load64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static __always_inline void store64(u8 *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

/* Right for any overlap with @d below @s: each block is read before it is written. */
static __always_inline void copy_up(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 32; n -= 32, d += 32, s += 32) {
		u64 a = load64(s), b = load64(s + 8), c = load64(s + 16), e = load64(s + 24);

		store64(d, a);
		store64(d + 8, b);
		store64(d + 16, c);
		store64(d + 24, e);
	}
	for (; n >= 8; n -= 8, d += 8, s += 8)
		store64(d, load64(s));
	while (n--)
		*d++ = *s++;
}

static __always_inline void copy_down(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 8; n -= 8)
		store64(d + n - 8, load64(s + n - 8));
	while (n--)
		d[n] = s[n];
}

__weak __no_loop_to_libcall void *(memcpy)(void *dst, const void *src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

__weak __no_loop_to_libcall void *(memmove)(void *dst, const void *src, size_t n)
{
	if ((unsigned long)dst - (unsigned long)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

__weak __no_loop_to_libcall void *(memset)(void *dst, int c, size_t n)
{
	u64 word = (u8)c * 0x0101010101010101ull;
	u8 *d = dst;

	for (; n >= 8; n -= 8, d += 8)
		store64(d, word);
	while (n--)
		*d++ = (u8)c;
	return dst;
}

__weak int(memcmp)(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n >= 8; n -= 8, x += 8, y += 8) {
		if (load64(x) != load64(y))
			break;
	}
	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++) {
		if (*p == (u8)c)
			return (void *)(unsigned long)p;
	}
	return NULL;
}

void *memchr_inv(const void *s, int c, size_t n)
{
	u64 word = (u8)c * 0x0101010101010101ull;
	const u8 *p = s;

	for (; n >= 8 && load64(p) == word; n -= 8)
		p += 8;
	for (; n; n--, p++) {
		if (*p != (u8)c)
			return (void *)(unsigned long)p;
	}
	return NULL;
}

void memzero_explicit(void *s, size_t n)
{
	memset(s, 0, n);
	__asm__ __volatile__("" : : "r"(s) : "memory");
}

int memcmp_secret(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;
	u8 diff = 0;

	while (n--) {
		diff |= *x++ ^ *y++;
		hide_var(diff);
	}
	return diff;
}
