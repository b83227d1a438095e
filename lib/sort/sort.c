/*
 * Heapsort: no recursion, no memory, no bad input. The sift goes down to a leaf along the larger
 * children first and then up to where the element belongs, which saves half of the comparisons.
 */
#include <lib/sort/sort.h>
#include <kern/string.h>

struct heap {
	u8 *base;
	size_t size;
	sort_cmp_fn *cmp;
	void *context;
};

static u8 *at(const struct heap *h, size_t i)
{
	return h->base + i * h->size;
}

static void exchange(const struct heap *h, size_t i, size_t k)
{
	u8 *a = at(h, i), *b = at(h, k);
	size_t n = h->size;

	for (; n >= 8; n -= 8, a += 8, b += 8) {
		u64 x, y;

		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		memcpy(a, &y, 8);
		memcpy(b, &x, 8);
	}
	for (; n; n--, a++, b++)
		swap(*a, *b);
}

/* Makes a heap of [@top, @n), where only the element at @top is out of order. */
static void sift(const struct heap *h, size_t top, size_t n)
{
	size_t leaf = top;

	while (leaf * 2 + 2 < n) {
		size_t child = leaf * 2 + 1;

		leaf = h->cmp(at(h, child), at(h, child + 1), h->context) < 0 ? child + 1 : child;
	}
	if (leaf * 2 + 1 < n)
		leaf = leaf * 2 + 1;
	while (leaf != top && h->cmp(at(h, leaf), at(h, top), h->context) < 0)
		leaf = (leaf - 1) / 2;
	/* The path from @top to @leaf moves up by one, the element goes to @leaf. */
	for (; leaf != top; leaf = (leaf - 1) / 2)
		exchange(h, top, leaf);
}

void sort(void *array, size_t n, size_t size, sort_cmp_fn *cmp, void *context)
{
	struct heap h = {array, size, cmp, context};

	for (size_t i = n / 2; i--;)
		sift(&h, i, n);
	while (n > 1) {
		exchange(&h, 0, --n);
		sift(&h, 0, n);
	}
}

size_t sort_lower_bound(const void *array, size_t n, size_t size, const void *key, sort_cmp_fn *cmp,
			void *context)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (cmp((const u8 *)array + mid * size, key, context) < 0)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}
