/* Bloom filters: what is to be computed about them here; how they are filled is the programs'. */
#include "bloom_impl.h"

#include <kern/errno.h>

int bus_bloom_check_parameter(u64 size, u64 n_hash)
{
	if (size < BUS_BLOOM_SIZE_MIN || size > BUS_BLOOM_SIZE_MAX || size % 8 || !n_hash)
		return -EINVAL;
	return 0;
}

bool bus_bloom_covers(const u64 *filter, const u64 *mask, u32 words)
{
	for (u32 i = 0; i < words; i++) {
		if (mask[i] & ~filter[i])
			return false;
	}
	return true;
}
