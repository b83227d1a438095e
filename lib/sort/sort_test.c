#include <kern/ktest.h>
#include <lib/sort/sort.h>

struct item {
	u32 key;
	u8 tail[9];
};

static struct item items[300];

static int by_key(const void *a, const void *b, void *context)
{
	u32 x = ((const struct item *)a)->key, y = ((const struct item *)b)->key;

	++*(u32 *)context;
	return x < y ? -1 : x > y;
}

KTEST(sort, sizes_and_patterns)
{
	for (u32 n = 0; n <= 300; n = n < 20 ? n + 1 : n + 70) {
		for (u32 pattern = 0; pattern < 5; pattern++) {
			u32 sum = 0, calls = 0;

			for (u32 i = 0; i < n; i++) {
				u32 keys[] = {i, n - i, 5, i * 2654435761u, i % 7};

				items[i].key = keys[pattern];
				memset(items[i].tail, (int)keys[pattern], sizeof(items[i].tail));
				sum += keys[pattern];
			}
			sort(items, n, sizeof(items[0]), by_key, &calls);
			for (u32 i = 0; i < n; i++) {
				EXPECT_TRUE(!i || items[i - 1].key <= items[i].key);
				EXPECT_EQ(items[i].tail[8], (u8)items[i].key);
				sum -= items[i].key;
			}
			EXPECT_EQ(sum, 0);
			EXPECT_LE(calls, 14 * n);
		}
	}
}

KTEST(sort, lower_bound)
{
	u32 calls = 0;

	for (u32 i = 0; i < 100; i++)
		items[i].key = i / 2 * 10;
	for (u32 k = 0; k <= 500; k++) {
		struct item key = {.key = k};
		size_t want = 0;

		while (want < 100 && items[want].key < k)
			want++;
		EXPECT_EQ(sort_lower_bound(items, 100, sizeof(key), &key, by_key, &calls), want);
	}
}
