/* Whole pages: clearing and copying. Page-aligned direct-map addresses. */
#pragma once

#include <asm/page.h>
#include <kern/compiler.h>

static __always_inline void page_clear(void *page)
{
	u64 *p = page;

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i += 2)
		asm volatile("stp xzr, xzr, [%0]" : : "r"(p + i) : "memory");
}

static __always_inline void page_copy(void *to, const void *from)
{
	u64 *d = to;
	const u64 *s = from;

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i += 2) {
		u64 a, b;

		asm volatile("ldp %0, %1, [%2]" : "=r"(a), "=r"(b) : "r"(s + i) : "memory");
		asm volatile("stp %0, %1, [%2]" : : "r"(a), "r"(b), "r"(d + i) : "memory");
	}
}
