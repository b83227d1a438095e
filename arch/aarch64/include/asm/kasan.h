/* Shadow memory of the address sanitizer. */
#pragma once

#include <asm/page.h>
#include <kern/types.h>

#define KASAN_SHADOW_OFFSET 0xdffffc0000000000UL

static inline u8 *kasan_shadow_of(const void *p)
{
	return (u8 *)(((unsigned long)p >> 3) + KASAN_SHADOW_OFFSET);
}

#ifdef CONFIG_KASAN
int kasan_arch_populate(unsigned long start, unsigned long len, u64 (*alloc)(void)) __must_check;
#endif
