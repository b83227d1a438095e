/*
 * Bits: masks, counting, and bit arrays of unsigned long.
 *
 * set_bit, clear_bit and change_bit are atomic without ordering, test_and_* are atomic and full
 * barriers; the names that begin with __ are for bits that only one party writes.
 */
#pragma once

#include <kern/types.h>
#include <kern/align.h>

#define BITS_PER_BYTE 8
#define BITS_PER_LONG 64
#define BIT(n) (1ul << (n))
#define BIT_ULL(n) (1ull << (n))
#define GENMASK(hi, lo) ((~0ul << (lo)) & (~0ul >> (63 - (hi))))
#define GENMASK_ULL(hi, lo) ((~0ull << (lo)) & (~0ull >> (63 - (hi))))
#define BITS_TO_LONGS(n) DIV_ROUND_UP((n), BITS_PER_LONG)
#define BIT_WORD(nr) ((nr) / BITS_PER_LONG)
#define BIT_MASK(nr) (1ul << ((nr) % BITS_PER_LONG))
#define DECLARE_BITMAP(name, nbits) unsigned long name[BITS_TO_LONGS(nbits)]

/* The value of the field @mask of @reg, and the field with the value @val; @mask is a constant. */
#define FIELD_GET(mask, reg) (((reg) & (mask)) >> __builtin_ctzll(mask))
#define FIELD_PREP(mask, val) (((__typeof__(mask))(val) << __builtin_ctzll(mask)) & (mask))

/* Index of the lowest and the highest set bit; @x is not 0. */
static __always_inline unsigned int __ffs(u64 x)
{
	return (unsigned int)__builtin_ctzll(x);
}

static __always_inline unsigned int __fls(u64 x)
{
	return 63u - (unsigned int)__builtin_clzll(x);
}

/* The same, counted from 1, and 0 if no bit is set. */
static __always_inline unsigned int ffs64(u64 x)
{
	return x ? __ffs(x) + 1 : 0;
}

static __always_inline unsigned int fls64(u64 x)
{
	return x ? __fls(x) + 1 : 0;
}

#define fls(x) fls64((u32)(x))
#define ffz(x) __ffs(~(u64)(x))
#define ilog2(n) __fls(n)
#define order_base_2(n) ((n) > 1 ? __fls((n)-1) + 1 : 0)
#define hweight64(x) ((unsigned int)__builtin_popcountll(x))
#define hweight32(x) ((unsigned int)__builtin_popcount(x))
#define hweight8(x) hweight32((u8)(x))

static inline u32 rol32(u32 x, unsigned int n)
{
	return x << (n & 31) | x >> (-n & 31);
}

static inline u64 rol64(u64 x, unsigned int n)
{
	return x << (n & 63) | x >> (-n & 63);
}

static inline u32 ror32(u32 x, unsigned int n)
{
	return rol32(x, -n);
}

static inline u64 ror64(u64 x, unsigned int n)
{
	return rol64(x, -n);
}

/* Copies bit @bit of @v over all higher bits. */
static inline s64 sign_extend64(u64 v, unsigned int bit)
{
	return (s64)(v << (63 - bit)) >> (63 - bit);
}

static __always_inline bool test_bit(unsigned long nr, const unsigned long *map)
{
	return READ_ONCE(map[BIT_WORD(nr)]) >> (nr % BITS_PER_LONG) & 1;
}

static __always_inline bool test_bit_acquire(unsigned long nr, const unsigned long *map)
{
	return __atomic_load_n(&map[BIT_WORD(nr)], __ATOMIC_ACQUIRE) >> (nr % BITS_PER_LONG) & 1;
}

static __always_inline void set_bit(unsigned long nr, unsigned long *map)
{
	(void)__atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

static __always_inline void clear_bit(unsigned long nr, unsigned long *map)
{
	(void)__atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELAXED);
}

static __always_inline void clear_bit_unlock(unsigned long nr, unsigned long *map)
{
	(void)__atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELEASE);
}

static __always_inline void change_bit(unsigned long nr, unsigned long *map)
{
	(void)__atomic_fetch_xor(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

/* Return the bit's former value. */
static __always_inline bool test_and_set_bit(unsigned long nr, unsigned long *map)
{
	return __atomic_fetch_or(&map[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

static __always_inline bool test_and_clear_bit(unsigned long nr, unsigned long *map)
{
	return __atomic_fetch_and(&map[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_SEQ_CST) &
	       BIT_MASK(nr);
}

static __always_inline void __set_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static __always_inline void __clear_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

static __always_inline void __assign_bit(unsigned long nr, unsigned long *map, bool on)
{
	if (on)
		__set_bit(nr, map);
	else
		__clear_bit(nr, map);
}

static __always_inline bool __test_and_set_bit(unsigned long nr, unsigned long *map)
{
	bool old = map[BIT_WORD(nr)] & BIT_MASK(nr);

	__set_bit(nr, map);
	return old;
}

static __always_inline bool __test_and_clear_bit(unsigned long nr, unsigned long *map)
{
	bool old = map[BIT_WORD(nr)] & BIT_MASK(nr);

	__clear_bit(nr, map);
	return old;
}

/* Index of the next set (clear) bit at or after @from, or @nbits. In lib/bitmap. */
unsigned long find_next_bit(const unsigned long *map, unsigned long nbits, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nbits, unsigned long from);
/* Index of the last set bit, or @nbits. */
unsigned long find_last_bit(const unsigned long *map, unsigned long nbits);
#define find_first_bit(map, nbits) find_next_bit(map, nbits, 0)
#define find_first_zero_bit(map, nbits) find_next_zero_bit(map, nbits, 0)

#define for_each_set_bit(bit, map, nbits)                           \
	for ((bit) = find_next_bit(map, nbits, 0); (bit) < (nbits); \
	     (bit) = find_next_bit(map, nbits, (bit) + 1))
