/* Checked and saturating arithmetic for sizes that come from outside. */
#pragma once

#include <kern/types.h>
#include <kern/limits.h>

static inline bool __must_check __must_check_overflow(bool overflow)
{
	return unlikely(overflow);
}

/* Return true if the mathematical result does not fit *@out (which then holds it truncated). */
#define check_add_overflow(a, b, out) __must_check_overflow(__builtin_add_overflow(a, b, out))
#define check_sub_overflow(a, b, out) __must_check_overflow(__builtin_sub_overflow(a, b, out))
#define check_mul_overflow(a, b, out) __must_check_overflow(__builtin_mul_overflow(a, b, out))

/* Saturate at SIZE_MAX, which every allocator refuses. */
static inline size_t size_add(size_t a, size_t b)
{
	size_t r;

	return check_add_overflow(a, b, &r) ? SIZE_MAX : r;
}

static inline size_t size_mul(size_t a, size_t b)
{
	size_t r;

	return check_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}

#define array_size(n, size) size_mul(n, size)
/* Bytes of *@p with @n elements in its flexible array @member. */
#define struct_size(p, member, n) size_add(sizeof(*(p)), size_mul((n), sizeof((p)->member[0])))
