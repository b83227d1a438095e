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
/*
 * Gives the shadow of [start, start + len) its own memory, zeroed as far as it was shared before
 * (one read-only zero page, "all usable"). @alloc returns the physical address of a zeroed page, or
 * 0. -ENOMEM. Callers serialise. A page may keep its old translation on other CPUs until it is
 * written.
 */
int kasan_arch_populate(unsigned long start, unsigned long len, u64 (*alloc)(void)) __must_check;
#endif
