/* Mixing of integers for hash tables. For keyed and string hashes see <lib/hash/hash.h>. */
#pragma once

#include <kern/types.h>

#define HASH_GOLDEN_64 0x9e3779b97f4a7c15ull

/* The top @bits (1 to 32) of a multiplicative hash. */
static __always_inline u32 hash_64(u64 x, unsigned int bits)
{
	return (u32)((x * HASH_GOLDEN_64) >> (64 - bits));
}

static __always_inline u32 hash_32(u32 x, unsigned int bits)
{
	return (x * 0x9e3779b1u) >> (32 - bits);
}

static __always_inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return hash_64((u64)(unsigned long)p, bits);
}

/* A bijective mixer with full avalanche (the finaliser of SplitMix64). */
static __always_inline u64 hash_mix64(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}
