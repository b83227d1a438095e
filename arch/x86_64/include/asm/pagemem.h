/* Whole pages: clearing and copying.  Page-aligned direct-map addresses. */
#pragma once

#include <asm/page.h>

static __always_inline void page_clear(void *page)
{
	unsigned long n = PAGE_SIZE / 8;

	asm volatile("rep stosq" : "+D"(page), "+c"(n) : "a"(0ul) : "memory");
}

static __always_inline void page_copy(void *to, const void *from)
{
	unsigned long n = PAGE_SIZE / 8;

	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
