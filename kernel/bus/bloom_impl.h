/* Bloom filters of signals and masks of matches: arrays of u64. Pure. */
#pragma once

#include <kern/types.h>

#define BUS_BLOOM_SIZE_MIN 8u
#define BUS_BLOOM_SIZE_MAX 4096u

/* Of a bus: @size bytes, @n_hash functions (the user's business, but not 0). 0 or -EINVAL. */
int bus_bloom_check_parameter(u64 size, u64 n_hash) __must_check;
/* Are all bits of @mask in @filter? @words u64 each. */
bool bus_bloom_covers(const u64 *filter, const u64 *mask, u32 words);
/* Which of @masks masks one behind the other is for a filter of @generation. */
static inline u32 bus_bloom_pick(u64 generation, u32 masks)
{
	return generation < masks ? (u32)generation : masks - 1;
}
