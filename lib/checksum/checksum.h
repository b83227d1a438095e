/*
 * Checksums: CRCs of disk formats, and the Internet checksum.
 *
 * The CRC functions work on the raw register, so that a sum can go on over several pieces: start
 * with all ones and invert the end result for the usual CRC-32 and CRC-32C (ext4 uses CRC-32C
 * without the inversion; its CRC-16 starts with all ones, too).
 */
#pragma once

#include <kern/types.h>
#include <kern/endian.h>

u32 crc32(u32 crc, const void *data, size_t len);  /* IEEE 802.3: gzip, GPT, zip */
u32 crc32c(u32 crc, const void *data, size_t len); /* Castagnoli: ext4, iSCSI */
u16 crc16(u16 crc, const void *data, size_t len);  /* CRC-16/ARC: ext4 group descriptors */

/*
 * Internet checksum, RFC 1071. Sums are partial: 32 bits, in the byte order of the data, to be
 * added up and folded at the end. A piece at an odd offset of the packet is added with
 * inet_sum_block.
 */
u32 inet_sum(u32 sum, const void *data, size_t len);

static inline u32 inet_sum_add(u32 a, u32 b)
{
	a += b;
	return a + (a < b);
}

static inline u16 inet_sum_fold16(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16));
}

/* Adds the sum @piece of data that begins @offset bytes into the whole. */
static inline u32 inet_sum_block(u32 sum, u32 piece, size_t offset)
{
	return inet_sum_add(sum, offset & 1 ? piece >> 8 | piece << 24 : piece);
}

/* The checksum field's value: as it stands in the packet. */
static inline be16 inet_sum_finish(u32 sum)
{
	return (be16){(u16)~inet_sum_fold16(sum)};
}

/* The pseudo header of TCP and UDP over IPv4 (RFC 793) and IPv6 (RFC 8200); addresses as sent. */
u32 inet_sum_pseudo4(be32 source, be32 dest, u8 protocol, u16 len);
u32 inet_sum_pseudo6(const u8 source[16], const u8 dest[16], u8 protocol, u32 len);
/* The field @check after one 16-bit (32-bit) word of what it covers changed: RFC 1624. */
be16 inet_sum_replace16(be16 check, be16 from, be16 to);
be16 inet_sum_replace32(be16 check, be32 from, be32 to);
