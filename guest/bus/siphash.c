// SPDX-License-Identifier: BSD-2-Clause
/* SipHash-2-4 (Aumasson, Bernstein, 2012), for programs outside of the kernel. */
#include <string.h>
#include "bus_impl.h"

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* Little-endian, as the processors are that this runs on. */
static uint64_t load(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	memcpy(&x, p, n);
	return x;
}

uint64_t bus_siphash(const void *data, size_t size, const uint8_t key[16])
{
	const uint8_t *p = data;
	uint64_t k0 = load(key, 8), k1 = load(key + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
			 k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};
	uint64_t last = (uint64_t)size << 56;

	for (size_t left = size; left >= 8; left -= 8, p += 8) {
		uint64_t word = load(p, 8);

		v[3] ^= word;
		rounds(v, 2);
		v[0] ^= word;
	}
	last |= load(p, size & 7);
	v[3] ^= last;
	rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
