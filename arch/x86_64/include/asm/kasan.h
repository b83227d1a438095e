/* Shadow memory of the address sanitizer; only in a kernel built with it. */
#pragma once

#include <asm/page.h>
#include <kern/types.h>

/* Matches -fasan-shadow-offset of the debug build. */
#define KASAN_SHADOW_OFFSET 0xdffffc0000000000UL

static inline u8 *kasan_shadow_of(const void *p)
{
	return (u8 *)(((unsigned long)p >> 3) + KASAN_SHADOW_OFFSET);
}

#ifdef CONFIG_KASAN
/* Gives the shadow of [start, start + len) its own zeroed memory; before that it is shared. */
int kasan_arch_populate(unsigned long start, unsigned long len);
#endif
