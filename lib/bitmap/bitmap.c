/* Arrays of bits, a word at a time. */
#include <lib/bitmap/bitmap.h>
#include <kern/errno.h>
#include <kern/string.h>

/* The next bit of map ^ invert, word by word. */
static inline unsigned long find_next(const unsigned long *map, unsigned long nbits,
				      unsigned long from, unsigned long invert)
{
	if (from >= nbits)
		return nbits;
	unsigned long i = BIT_WORD(from);
	unsigned long word = (READ_ONCE(map[i]) ^ invert) & (~0ul << from % BITS_PER_LONG);

	while (!word) {
		if (++i * BITS_PER_LONG >= nbits)
			return nbits;
		word = READ_ONCE(map[i]) ^ invert;
	}
	return min(i * BITS_PER_LONG + __ffs(word), nbits);
}

unsigned long find_next_bit(const unsigned long *map, unsigned long nbits, unsigned long from)
{
	return find_next(map, nbits, from, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nbits, unsigned long from)
{
	return find_next(map, nbits, from, ~0ul);
}

/* The bits of word @i that lie below @nbits. */
static inline unsigned long valid_mask(unsigned long i, unsigned long nbits)
{
	unsigned long left = nbits - i * BITS_PER_LONG;

	return left >= BITS_PER_LONG ? ~0ul : BIT(left) - 1;
}

unsigned long find_last_bit(const unsigned long *map, unsigned long nbits)
{
	for (unsigned long i = BITS_TO_LONGS(nbits); i--;) {
		unsigned long word = READ_ONCE(map[i]) & valid_mask(i, nbits);

		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return nbits;
}

/* The part of the @count bits from *@first that lies in one word; moves on behind it. */
static inline unsigned long next_part(unsigned long *first, unsigned long *count)
{
	unsigned long off = *first % BITS_PER_LONG;
	unsigned long n = min(*count, BITS_PER_LONG - off);

	*first += n;
	*count -= n;
	return (n == BITS_PER_LONG ? ~0ul : BIT(n) - 1) << off;
}

void bitmap_set(unsigned long *map, unsigned long first, unsigned long count)
{
	while (count) {
		unsigned long *word = &map[BIT_WORD(first)];

		*word |= next_part(&first, &count);
	}
}

void bitmap_clear(unsigned long *map, unsigned long first, unsigned long count)
{
	while (count) {
		unsigned long *word = &map[BIT_WORD(first)];

		*word &= ~next_part(&first, &count);
	}
}

bool bitmap_all_set(const unsigned long *map, unsigned long first, unsigned long count)
{
	return find_next_zero_bit(map, first + count, first) == first + count;
}

bool bitmap_all_clear(const unsigned long *map, unsigned long first, unsigned long count)
{
	return find_next_bit(map, first + count, first) == first + count;
}

unsigned long bitmap_weight(const unsigned long *map, unsigned long nbits)
{
	unsigned long n = 0;

	for (unsigned long i = 0; i < BITS_TO_LONGS(nbits); i++)
		n += hweight64(map[i] & valid_mask(i, nbits));
	return n;
}

unsigned long bitmap_find_clear_run(const unsigned long *map, unsigned long nbits,
				    unsigned long from, unsigned long count)
{
	while (from < nbits) {
		unsigned long start = find_next_zero_bit(map, nbits, from);

		if (start >= nbits || nbits - start < count)
			break;
		from = find_next_bit(map, start + count, start);
		if (from == start + count)
			return start;
	}
	return nbits;
}

bool bitmap_intersects(const unsigned long *a, const unsigned long *b, unsigned long nbits)
{
	for (unsigned long i = 0; i < BITS_TO_LONGS(nbits); i++) {
		if (a[i] & b[i] & valid_mask(i, nbits))
			return true;
	}
	return false;
}

bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned long nbits)
{
	for (unsigned long i = 0; i < BITS_TO_LONGS(nbits); i++) {
		if ((a[i] ^ b[i]) & valid_mask(i, nbits))
			return false;
	}
	return true;
}

int bitmap_format_list(char *buf, size_t size, const unsigned long *map, unsigned long nbits)
{
	unsigned long end, start = find_next_bit(map, nbits, 0);
	size_t len = 0;

	if (size)
		buf[0] = 0;
	for (; start < nbits; start = find_next_bit(map, nbits, end)) {
		char *to = buf ? buf + min(len, size) : NULL;
		size_t room = len < size ? size - len : 0;
		const char *comma = len ? "," : "";

		end = find_next_zero_bit(map, nbits, start);
		if (end - start == 1)
			len += (size_t)snprintf(to, room, "%s%lu", comma, start);
		else
			len += (size_t)snprintf(to, room, "%s%lu-%lu", comma, start, end - 1);
	}
	return (int)len;
}

/* Reads a decimal number at *@s; false if there is none. */
static bool take_number(const char **s, const char *end, unsigned long *out)
{
	const char *p = *s;
	unsigned long v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		v = min(v * 10 + (unsigned long)(*p - '0'), 1ul << 32);
	*out = v;
	bool any = p != *s;

	*s = p;
	return any;
}

int bitmap_parse_list(const char *s, size_t len, unsigned long *map, unsigned long nbits)
{
	const char *end = s + len;

	while (end > s && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	memset(map, 0, BITS_TO_LONGS(nbits) * sizeof(*map));
	while (s < end) {
		unsigned long first, last;

		if (!take_number(&s, end, &first))
			return -EINVAL;
		last = first;
		if (s < end && *s == '-') {
			s++;
			if (!take_number(&s, end, &last))
				return -EINVAL;
		}
		if (last < first)
			return -EINVAL;
		if (last >= nbits)
			return -ERANGE;
		bitmap_set(map, first, last - first + 1);
		if (s < end && *s++ != ',')
			return -EINVAL;
	}
	return 0;
}

int bitmap_format_mask(char *buf, size_t size, const unsigned long *map, unsigned long nbits)
{
	unsigned long groups = DIV_ROUND_UP(nbits, 32ul);
	size_t len = 0;

	for (unsigned long i = groups; i--;) {
		unsigned int digits =
			i == groups - 1 && nbits % 32 ? (unsigned int)(nbits % 32 + 3) / 4 : 8;
		u32 v = (u32)(map[i / 2] >> i % 2 * 32);

		if (nbits % 32 && i == groups - 1)
			v &= (u32)BIT(nbits % 32) - 1;
		len += (size_t)snprintf(buf ? buf + min(len, size) : NULL,
					len < size ? size - len : 0, "%s%0*x", len ? "," : "",
					(int)digits, v);
	}
	return (int)len;
}
