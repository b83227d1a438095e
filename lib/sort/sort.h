/* Sorting and searching of arrays. */
#pragma once

#include <kern/types.h>

/* <0, 0, >0 as *@a sorts before, like or behind *@b. */
typedef int sort_cmp_fn(const void *a, const void *b, void *context);

/* Sorts @n elements of @size bytes in place: O(n log n) always, no memory, not stable. */
void sort(void *array, size_t n, size_t size, sort_cmp_fn *cmp, void *context);
/* Index of the first element that does not sort before *@key, or @n; the array is sorted. */
size_t sort_lower_bound(const void *array, size_t n, size_t size, const void *key, sort_cmp_fn *cmp,
			void *context);
