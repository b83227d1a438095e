/*
 * Internet checksum. One's complement addition does not care about byte order or word size: 64-bit
 * words are added with end-around carry and folded later.
 */
#include <lib/checksum/checksum.h>
#include <kern/math64.h>
#include <kern/string.h>

static __always_inline u64 load64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static __always_inline u32 fold64(u64 sum)
{
	sum = (sum & U32_MAX) + (sum >> 32);
	return (u32)sum + (u32)(sum >> 32);
}

u32 inet_sum(u32 start, const void *data, size_t len)
{
	const u8 *p = data;
	u128 sum = start;

	for (; len >= 32; len -= 32, p += 32) {
		sum += load64(p);
		sum += load64(p + 8);
		sum += load64(p + 16);
		sum += load64(p + 24);
	}
	for (; len >= 8; len -= 8, p += 8)
		sum += load64(p);
	if (len) {
		u64 last = 0;

		memcpy(&last, p, len);
		sum += last;
	}
	u64 low = (u64)sum, high = (u64)(sum >> 64);

	low += high;
	return fold64(low + (low < high));
}

u32 inet_sum_pseudo4(be32 source, be32 dest, u8 protocol, u16 len)
{
	u32 sum = inet_sum_add(source.raw, dest.raw);

	sum = inet_sum_add(sum, be16_make(protocol).raw);
	return inet_sum_add(sum, be16_make(len).raw);
}

u32 inet_sum_pseudo6(const u8 source[16], const u8 dest[16], u8 protocol, u32 len)
{
	u32 sum = inet_sum(inet_sum(0, source, 16), dest, 16);

	sum = inet_sum_add(sum, be32_make(len).raw);
	return inet_sum_add(sum, be32_make(protocol).raw);
}

be16 inet_sum_replace16(be16 check, be16 from, be16 to)
{
	u32 sum = (u16)~check.raw;

	sum = inet_sum_add(sum, (u16)~from.raw);
	return inet_sum_finish(inet_sum_add(sum, to.raw));
}

be16 inet_sum_replace32(be16 check, be32 from, be32 to)
{
	u32 sum = (u16)~check.raw;

	sum = inet_sum_add(sum, ~from.raw);
	return inet_sum_finish(inet_sum_add(sum, to.raw));
}
