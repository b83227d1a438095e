/*
 * Address sanitizer: what the allocators tell it.  Nothing in a kernel built without it.
 *
 * One shadow byte describes eight bytes of memory: 0 usable, 1..7 that many usable, else why not.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct frame;

#define KASAN_GRANULE 8u
#define KASAN_FREE_PAGE 0xffu
#define KASAN_REDZONE 0xfcu /* around and behind slab objects */
#define KASAN_FREED 0xfbu   /* freed slab object */
#define KASAN_VMALLOC 0xf8u /* hole in the vmalloc area */

#ifdef CONFIG_KASAN
#define KASAN_REDZONE_SIZE 16u
/* As soon as frames can be allocated: real shadow for the direct map. */
void kasan_init(void);
/* Real shadow for [va, va + len) of the vmalloc area; -ENOMEM. */
int kasan_populate(const void *va, size_t len) __must_check;
void kasan_poison(const void *p, size_t len, u8 why);
void kasan_unpoison(const void *p, size_t len);
void kasan_poison_frames(const struct frame *f, unsigned int order);
void kasan_unpoison_frames(const struct frame *f, unsigned int order);
/* True if the first byte of @p is usable. */
bool kasan_usable(const void *p);
void kasan_report(const void *p, size_t len, bool write, unsigned long ip);
/* Reports are counted, not printed, while a test plants a fault. */
void kasan_expect(bool on);
unsigned int kasan_expected_count(void);
#else
#define KASAN_REDZONE_SIZE 0u
static inline void kasan_init(void)
{
}
static inline int __must_check kasan_populate(const void *va, size_t len)
{
	(void)va;
	(void)len;
	return 0;
}
static inline void kasan_poison(const void *p, size_t len, u8 why)
{
	(void)p;
	(void)len;
	(void)why;
}
static inline void kasan_unpoison(const void *p, size_t len)
{
	(void)p;
	(void)len;
}
static inline void kasan_poison_frames(const struct frame *f, unsigned int order)
{
	(void)f;
	(void)order;
}
static inline void kasan_unpoison_frames(const struct frame *f, unsigned int order)
{
	(void)f;
	(void)order;
}
#endif
