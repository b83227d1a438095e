#include <kern/ktest.h>
#include <lib/hash/hash.h>

/* Reference values: appendix A of the SipHash paper and its first vectors. */
KTEST(hash, siphash_vectors)
{
	static const u64 want[] = {0x726fdb47dd0e0e31ull, 0x74f839c593dc67fdull,
				   0x0d6c8009d9a94f5aull, 0x85676696d7fb7e2dull};
	struct siphash_key key = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};
	u8 data[15];

	for (u8 i = 0; i < sizeof(data); i++)
		data[i] = i;
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++)
		EXPECT_EQ(siphash(data, i, &key), want[i]);
	EXPECT_EQ(siphash(data, 15, &key), 0xa129ca6149be45e5ull);
}

KTEST(hash, siphash_words_depend_on_all)
{
	struct siphash_key key = {{1, 2}}, other = {{1, 3}};

	EXPECT_NE(siphash_1word(5, &key), siphash_1word(6, &key));
	EXPECT_NE(siphash_1word(5, &key), siphash_1word(5, &other));
	EXPECT_NE(siphash_1word(5, &key), siphash_2words(5, 0, &key));
	EXPECT_NE(siphash_2words(5, 0, &key), siphash_2words(0, 5, &key));
}

KTEST(hash, component_equals_name)
{
	char path[64];
	size_t len;

	for (unsigned int n = 0; n < 30; n++) {
		for (unsigned int at = 0; at < 8; at++) {
			memset(path, 'z', sizeof(path));
			for (unsigned int i = 0; i < n; i++)
				path[at + i] = (char)('a' + i % 26 + (i & 1 ? 0x80 : 0));
			path[at + n] = at & 1 ? '/' : 0;
			path[63] = 0;
			EXPECT_EQ(hash_component(7, path + at, &len), hash_name(7, path + at, n));
			EXPECT_EQ(len, n);
		}
	}
	EXPECT_NE(hash_name(7, "abc", 3), hash_name(8, "abc", 3));
	EXPECT_NE(hash_name(7, "abc", 3), hash_name(7, "abd", 3));
}

KTEST(hash, component_at_end_of_page)
{
	char *two = ktest_alloc(3 * 4096);

	KTEST_REQUIRE(two);
	char *page = (char *)(((unsigned long)two + 4095) & ~4095ul);
	size_t len;

	memset(page, '#', 2 * 4096);
	for (unsigned int n = 0; n < 20; n++) {
		char *s = page + 4096 - n - 1;

		memcpy(s, "usr-share-locale-abcdefg", n);
		s[n] = 0;
		EXPECT_EQ(hash_component(0, s, &len), hash_name(0, s, n));
		EXPECT_EQ(len, n);
	}
	ktest_free(two);
}

KTEST(hash, names_spread)
{
	static u8 bucket[1024];
	unsigned int worst = 0;
	char name[16];

	memset(bucket, 0, sizeof(bucket));
	for (unsigned int i = 0; i < 4096; i++) {
		int n = snprintf(name, sizeof(name), "file%u.txt", i);
		u8 *b = &bucket[hash_name(0, name, (size_t)n) & 1023];

		worst = max(worst, (unsigned int)++*b);
	}
	EXPECT_LT(worst, 20);
}
