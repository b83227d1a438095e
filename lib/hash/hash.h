/*
 * Hash functions beyond the integer mixers of <kern/hash.h>.
 *
 * SipHash is for tables whose keys an attacker chooses: with a secret key he cannot make them
 * collide. The name hash is for path components: fast, seeded per table, not secret-keyed.
 */
#pragma once

#include <kern/hash.h>

struct siphash_key {
	u64 word[2]; /* random */
};

/* SipHash-2-4 of @len bytes (Aumasson, Bernstein, 2012). */
u64 siphash(const void *data, size_t len, const struct siphash_key *key);
/* SipHash-1-3 of a few 64-bit words: for hash tables. */
u64 siphash_words(const u64 *words, size_t n, const struct siphash_key *key);

static inline u64 siphash_1word(u64 a, const struct siphash_key *key)
{
	return siphash_words(&a, 1, key);
}

static inline u64 siphash_2words(u64 a, u64 b, const struct siphash_key *key)
{
	u64 w[2] = {a, b};

	return siphash_words(w, 2, key);
}

/* Hash of the @len bytes of a name; @seed tells tables or parent directories apart. */
u32 hash_name(u64 seed, const char *name, size_t len);
/*
 * The same for the path component that begins at @s and ends before '/' or the terminator; its
 * length goes to *@len. Reads aligned words or bytes only up to the end's page.
 */
u32 hash_component(u64 seed, const char *s, size_t *len);
