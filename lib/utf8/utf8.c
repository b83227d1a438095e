/* UTF-8: RFC 3629, section 4 (syntax of byte sequences). */
#include <lib/utf8/utf8.h>
#include <kern/errno.h>

int utf8_decode(const void *s, size_t len, u32 *out)
{
	/* Least character of each length: anything below is overlong. */
	static const u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	const u8 *p = s;

	if (!len)
		return -EAGAIN;
	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return -EILSEQ;
	unsigned int n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	u32 c = p[0] & (0x7fu >> n);

	for (unsigned int i = 1; i < n; i++) {
		if (i == len)
			return -EAGAIN;
		if (!utf8_is_continuation(p[i]))
			return -EILSEQ;
		c = c << 6 | (p[i] & 0x3f);
		/* The second byte tells overlong, surrogate and too large already. */
		if (i == 1 && n > 2) {
			u32 low = c << 6 * (n - 2);

			if (low + (1u << 6 * (n - 2)) <= least[n] || low > 0x10ffff ||
			    (low >= 0xd800 && low < 0xe000))
				return -EILSEQ;
		}
	}
	*out = c;
	return (int)n;
}

int utf8_encode(u32 c, u8 out[UTF8_MAX_BYTES])
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -EILSEQ;
	if (c < 0x80) {
		out[0] = (u8)c;
		return 1;
	}
	unsigned int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (unsigned int i = n; --i; c >>= 6)
		out[i] = (u8)(0x80 | (c & 0x3f));
	out[0] = (u8)(0xf00u >> n | c);
	return (int)n;
}

bool utf8_valid(const void *s, size_t len)
{
	const u8 *p = s;

	while (len) {
		u32 c;
		int n = utf8_decode(p, len, &c);

		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}
