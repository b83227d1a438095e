/*
 * SipHash, and the word-at-a-time hash of names.
 *
 * hash_component reads 8 bytes at a time, also beyond the terminator, but never across a page
 * boundary: near the end of a page it reads bytes.
 */
#include <lib/hash/hash.h>
#include <kern/bit.h>
#include <kern/endian.h>

struct sip {
	u64 v0, v1, v2, v3;
};

static __always_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rol64(s->v1, 13) ^ s->v0;
	s->v0 = rol64(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rol64(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rol64(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rol64(s->v1, 17) ^ s->v2;
	s->v2 = rol64(s->v2, 32);
}

static __always_inline void sip_init(struct sip *s, const struct siphash_key *key)
{
	s->v0 = key->word[0] ^ 0x736f6d6570736575ull;
	s->v1 = key->word[1] ^ 0x646f72616e646f6dull;
	s->v2 = key->word[0] ^ 0x6c7967656e657261ull;
	s->v3 = key->word[1] ^ 0x7465646279746573ull;
}

static __always_inline void sip_word(struct sip *s, u64 m, unsigned int rounds)
{
	s->v3 ^= m;
	for (unsigned int i = 0; i < rounds; i++)
		sip_round(s);
	s->v0 ^= m;
}

static __always_inline u64 sip_final(struct sip *s, unsigned int rounds)
{
	s->v2 ^= 0xff;
	for (unsigned int i = 0; i < rounds; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

u64 siphash(const void *data, size_t len, const struct siphash_key *key)
{
	const u8 *p = data;
	struct sip s;
	u64 last = (u64)len << 56;

	sip_init(&s, key);
	for (size_t n = len / 8; n--; p += 8)
		sip_word(&s, le64_read(p), 2);
	for (unsigned int i = 0; i < len % 8; i++)
		last |= (u64)p[i] << 8 * i;
	sip_word(&s, last, 2);
	return sip_final(&s, 4);
}

u64 siphash_words(const u64 *words, size_t n, const struct siphash_key *key)
{
	struct sip s;

	sip_init(&s, key);
	for (size_t i = 0; i < n; i++)
		sip_word(&s, words[i], 1);
	sip_word(&s, (u64)n << 59, 1);
	return sip_final(&s, 3);
}

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull
#define PAGE_MASK_LOW 4095ul

static __always_inline u64 mix(u64 h, u64 word)
{
	h = (h ^ word) * HASH_GOLDEN_64;
	return h ^ h >> 32;
}

static __always_inline u32 finish(u64 h)
{
	return (u32)((h * 0xd6e8feb86659fd93ull) >> 32);
}

/* The first @n (below 8) bytes at @p as a little-endian number. */
static __always_inline u64 load_part(const char *p, size_t n)
{
	u64 word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (u64)(u8)p[i] << 8 * i;
	return word;
}

u32 hash_name(u64 seed, const char *name, size_t len)
{
	u64 h = seed;

	for (; len >= 8; len -= 8, name += 8)
		h = mix(h, le64_read(name));
	return finish(mix(h, load_part(name, len)));
}

/* Bytes up to the end of the string or 8. */
static u64 load_near_page_end(const char *p)
{
	u64 word = 0;

	for (unsigned int i = 0; i < 8 && p[i]; i++)
		word |= (u64)(u8)p[i] << 8 * i;
	return word;
}

static __always_inline __no_sanitize_address u64 load_word(const char *p)
{
	typedef u64 __attribute__((__may_alias__, __aligned__(1))) unaligned_t;

	if (unlikely(((unsigned long)p & PAGE_MASK_LOW) > PAGE_MASK_LOW - 7))
		return load_near_page_end(p);
	return *(const unaligned_t *)p;
}

__no_sanitize_address u32 hash_component(u64 seed, const char *s, size_t *len)
{
	const char *p = s;
	u64 h = seed;

	for (;; p += 8) {
		u64 word = load_word(p);
		u64 slashes = word ^ ONES * '/';
		u64 ends = ((word - ONES) & ~word & HIGHS) | ((slashes - ONES) & ~slashes & HIGHS);

		if (ends) {
			unsigned int bits = __ffs(ends) & ~7u;

			*len = (size_t)(p - s) + bits / 8;
			return finish(mix(h, word & (BIT_ULL(bits) - 1)));
		}
		h = mix(h, word);
	}
}
