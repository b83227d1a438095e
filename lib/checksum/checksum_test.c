#include <kern/ktest.h>
#include <lib/checksum/checksum.h>

/* Check values: the catalogue of parametrised CRC algorithms (input "123456789"). */
KTEST(checksum, crc_check_values)
{
	const char *s = "123456789";
	u32 crc = crc32(~0u, s, 4);

	EXPECT_EQ(~crc32(~0u, s, 9), 0xcbf43926u);
	EXPECT_EQ(~crc32(crc, s + 4, 5), 0xcbf43926u);
	EXPECT_EQ(~crc32c(~0u, s, 9), 0xe3069283u);
	EXPECT_EQ(crc16(0, s, 9), 0xbb3d);
}

static u16 slow_sum(const u8 *p, size_t len)
{
	u32 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

KTEST(checksum, inet_any_length_and_split)
{
	u8 data[131];

	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 89 + 200);
	for (size_t n = 0; n < 120; n++) {
		for (size_t at = 0; at < 9; at++) {
			u16 want = slow_sum(data + at, n);

			EXPECT_EQ(be16_get(inet_sum_finish(inet_sum(0, data + at, n))), want);
			size_t cut = n / 3;
			u32 sum = inet_sum(0, data + at, cut);

			sum = inet_sum_block(sum, inet_sum(0, data + at + cut, n - cut), cut);
			EXPECT_EQ(be16_get(inet_sum_finish(sum)), want);
		}
	}
	memset(data, 0xff, sizeof(data));
	EXPECT_EQ(inet_sum_finish(inet_sum(~0u, data, 128)).raw, 0);
}

KTEST(checksum, inet_headers)
{
	/* An IPv4 header whose sum is known, RFC 1071 style. */
	u8 ip[20] = {0x45, 0, 0,    0x73, 0, 0, 0x40, 0,    0x40, 0x11,
		     0,	   0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,	  0xc7};
	be16 check = inet_sum_finish(inet_sum(0, ip, 20));

	EXPECT_EQ(be16_get(check), 0xb861);
	memcpy(ip + 10, &check, 2);
	EXPECT_EQ(inet_sum_finish(inet_sum(0, ip, 20)).raw, 0);
	/* One hop less, by update. */
	be16 from = {0}, to = {0};

	memcpy(&from, ip + 8, 2);
	ip[8]--;
	memcpy(&to, ip + 8, 2);
	check = inet_sum_replace16(check, from, to);
	be32 old = be32_make(0xc0a80001), new = be32_make(0x0a00020f);

	memcpy(ip + 12, &new, 4);
	check = inet_sum_replace32(check, old, new);
	memcpy(ip + 10, &check, 2);
	EXPECT_EQ(inet_sum_finish(inet_sum(0, ip, 20)).raw, 0);

	u8 pseudo[12] = {0xc0, 0xa8, 0, 1, 0x0a, 0, 2, 15, 0, 6, 0x12, 0x34};

	EXPECT_EQ(inet_sum_finish(
			  inet_sum_pseudo4(be32_make(0xc0a80001), be32_make(0x0a00020f), 6, 0x1234))
			  .raw,
		  inet_sum_finish(inet_sum(0, pseudo, 12)).raw);
	u8 p6[40] = {[0] = 0xfe, [1] = 0x80, [15] = 1, [16] = 0xff, [17] = 2,
		     [31] = 2,	 [34] = 1,   [35] = 4, [39] = 17};

	EXPECT_EQ(inet_sum_finish(inet_sum_pseudo6(p6, p6 + 16, 17, 0x104)).raw,
		  inet_sum_finish(inet_sum(0, p6, 40)).raw);
}
