/*
 * Address sanitizer: the shadow, and the checks that the compiler calls before each access.
 *
 * Each byte of shadow tells how much of eight bytes may be used: 0 all, 1 to 7 that many from the
 * front, from 0x80 on nothing, and why. Instrumented code calls a function for each access
 * (outline instrumentation: half the code size, and the functions can refuse addresses that have
 * no shadow). The prologue of a function with arrays on its stack writes red zones into the shadow
 * of the stack itself.
 *
 * Until kasan_init() the direct map has one shared, read-only zero page as shadow: nothing can be
 * poisoned, and the checks look at nothing (the first code runs before there are page tables for
 * the shadow). This file must not be instrumented.
 */
#include <kernel/kasan/kasan.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <asm/cpu.h>
#include <asm/kasan.h>
#include <asm/page.h>
#include <asm/preempt.h>
#include <kernel/boot/boot.h>
#include <kernel/frame/frame.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/symbol/symbol.h>

#define KERNEL_HALF 0xffff800000000000ul
#define SHOWN_ROWS 2 /* rows of shadow before and behind the bad address in a report */
#define ROW_BYTES 16ul

static bool ready;     /* set once, at boot */
static bool reporting; /* atomic: one report at a time; what happens in it is not checked */
static bool expecting; /* a test plants a fault */
static u32 expected;   /* atomic */
static u32 populating; /* atomic: serialises kasan_arch_populate() */

/* Own loop: memset is instrumented, and would ask for the shadow of the shadow. */
static void shadow_fill(const void *p, size_t len, u8 value)
{
	u8 *at = kasan_shadow_of(p), *end = kasan_shadow_of((const char *)p + len);
	u64 pattern = 0x0101010101010101ul * value;

	for (; at < end && ((unsigned long)at & 7); at++)
		*at = value;
	for (; at + 8 <= end; at += 8)
		*(u64 *)(void *)at = pattern;
	for (; at < end; at++)
		*at = value;
}

static bool has_shadow(const void *p)
{
	return (unsigned long)p >= KERNEL_HALF;
}

void kasan_poison(const void *p, size_t len, u8 why)
{
	unsigned long start = ((unsigned long)p + KASAN_GRANULE - 1) & ~(KASAN_GRANULE - 1ul);
	unsigned long end = ((unsigned long)p + len) & ~(KASAN_GRANULE - 1ul);

	if (ready && end > start && has_shadow(p))
		shadow_fill((const void *)start, end - start, why);
}

void kasan_unpoison(const void *p, size_t len)
{
	if (!ready || !len || !has_shadow(p))
		return;
	shadow_fill(p, len & ~(KASAN_GRANULE - 1ul), 0);
	if (len % KASAN_GRANULE)
		*kasan_shadow_of((const char *)p + len) = (u8)(len % KASAN_GRANULE);
}

void kasan_poison_frames(const struct frame *f, unsigned int order)
{
	kasan_poison(frame_to_virt(f), PAGE_SIZE << order, KASAN_FREE_PAGE);
}

void kasan_unpoison_frames(const struct frame *f, unsigned int order)
{
	kasan_unpoison(frame_to_virt(f), PAGE_SIZE << order);
}

static u64 shadow_page_alloc(void)
{
	struct frame *f = frame_alloc(0, FRAME_VMAP, GFP_ATOMIC | GFP_ZERO);

	return f ? frame_to_phys(f) : 0;
}

int kasan_populate(const void *va, size_t len)
{
	int err;

	if (!ready)
		return -ENOMEM;
	preempt_disable();
	while (__atomic_exchange_n(&populating, 1u, __ATOMIC_ACQUIRE))
		cpu_relax();
	err = kasan_arch_populate((unsigned long)va, len, shadow_page_alloc);
	__atomic_store_n(&populating, 0u, __ATOMIC_RELEASE);
	preempt_enable();
	return err;
}

void kasan_init(void)
{
	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->type != BOOT_MEM_RAM)
			continue;
		if (kasan_arch_populate((unsigned long)phys_to_virt(m->start), m->end - m->start,
					shadow_page_alloc))
			panic("KASAN: no memory for the shadow, an eighth of RAM");
	}
	ready = true;
	pr_info("KASAN: on\n");
}

void kasan_expect(bool on)
{
	if (on)
		__atomic_store_n(&expected, 0u, __ATOMIC_RELAXED);
	__atomic_store_n(&expecting, on, __ATOMIC_SEQ_CST);
}

unsigned int kasan_expected_count(void)
{
	return __atomic_load_n(&expected, __ATOMIC_RELAXED);
}

/* --- reports --- */

static const char *why_of(u8 shadow)
{
	switch (shadow) {
	case KASAN_FREE_PAGE:
		return "use of a free page";
	case KASAN_FREED:
		return "use after free";
	case KASAN_REDZONE:
		return "out of bounds of a heap object";
	case KASAN_VMALLOC:
		return "out of bounds of a vmalloc area";
	case 0xf1: /* gcc: left, middle, right red zone and partial one, of a stack frame */
	case 0xf2:
	case 0xf3:
	case 0xf4:
		return "out of bounds of a stack variable";
	default:
		return shadow < KASAN_GRANULE ? "out of bounds" : "wild access";
	}
}

static void print_shadow(const void *p)
{
	unsigned long row_span = ROW_BYTES * KASAN_GRANULE;
	unsigned long at = (unsigned long)p & ~(row_span - 1);
	char line[ROW_BYTES * 3 + 1];

	for (int row = -SHOWN_ROWS; row <= SHOWN_ROWS; row++) {
		const char *start = (const char *)at + row * (long)row_span;
		size_t used = 0;

		if (!has_shadow(start))
			continue;
		for (unsigned int i = 0; i < ROW_BYTES; i++)
			used += (size_t)scnprintf(line + used, sizeof(line) - used, " %02x",
						  *kasan_shadow_of(start + i * KASAN_GRANULE));
		pr_err("KASAN: %s%#lx:%s\n", row ? " " : ">", (unsigned long)start, line);
	}
}

void kasan_report(const void *p, size_t len, bool write, unsigned long ip)
{
	char where[SYMBOL_NAME_MAX];
	const char *why = "access to user memory";
	const char *bad = p;

	if (__atomic_load_n(&expecting, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
		return;
	}
	if (panic_in_progress || __atomic_exchange_n(&reporting, true, __ATOMIC_ACQUIRE))
		return;
	if (has_shadow(p)) {
		while (bad + 1 < (const char *)p + len && *kasan_shadow_of(bad) == 0)
			bad++;
		why = why_of(*kasan_shadow_of(bad));
		/* A half-used granule: the next one knows what lies behind. */
		if (*kasan_shadow_of(bad) < KASAN_GRANULE)
			why = why_of(*kasan_shadow_of(bad + KASAN_GRANULE));
	}
	symbol_format(ip, where, sizeof(where));
	pr_err("KASAN: %s: %s of %zu bytes at %#lx in %s\n", why,
	       !len ? "free" : (write ? "write" : "read"), len, (unsigned long)p, where);
	if (has_shadow(p))
		print_shadow(bad);
	bug_warn_fmt("kasan", 0, "bad access", "%s in %s", why, where);
	__atomic_store_n(&reporting, false, __ATOMIC_RELEASE);
}

bool kasan_usable(const void *p)
{
	s8 shadow;

	if (!ready)
		return true;
	if (!has_shadow(p))
		return false;
	shadow = (s8)*kasan_shadow_of(p);
	return shadow == 0 || (s8)((unsigned long)p & 7) < shadow;
}

/* --- what the compiler calls --- */

/* A range is usable if each of its granules is, as far as the range reaches into it. */
static bool range_ok(unsigned long addr, size_t len)
{
	unsigned long last = addr + len - 1;

	if (addr < KERNEL_HALF || last < addr)
		return false;
	for (unsigned long at = addr & ~7ul; at < (last & ~7ul); at += 8)
		if (*kasan_shadow_of((void *)at))
			return false;
	return kasan_usable((void *)last);
}

static __always_inline void check(unsigned long addr, size_t len, bool write, unsigned long ip)
{
	if (unlikely(ready && len && !range_ok(addr, len)))
		kasan_report((void *)addr, len, write, ip);
}

#define CALLER ((unsigned long)__builtin_return_address(0))

#define DEFINE_ACCESS(size)                                    \
	void __asan_load##size##_noabort(unsigned long addr);  \
	void __asan_load##size##_noabort(unsigned long addr)   \
	{                                                      \
		check(addr, size, false, CALLER);              \
	}                                                      \
	void __asan_store##size##_noabort(unsigned long addr); \
	void __asan_store##size##_noabort(unsigned long addr)  \
	{                                                      \
		check(addr, size, true, CALLER);               \
	}

DEFINE_ACCESS(1)
DEFINE_ACCESS(2)
DEFINE_ACCESS(4)
DEFINE_ACCESS(8)
DEFINE_ACCESS(16)

void __asan_loadN_noabort(unsigned long addr, size_t len);
void __asan_storeN_noabort(unsigned long addr, size_t len);
void __asan_handle_no_return(void);

void __asan_loadN_noabort(unsigned long addr, size_t len)
{
	check(addr, len, false, CALLER);
}

void __asan_storeN_noabort(unsigned long addr, size_t len)
{
	check(addr, len, true, CALLER);
}

/* The frames above this call are left without their epilogues: their red zones go. */
void __asan_handle_no_return(void)
{
	unsigned long sp = (unsigned long)__builtin_frame_address(0);
	unsigned long top = (sp | (THREAD_SIZE - 1)) + 1;

	sp &= ~(KASAN_GRANULE - 1ul);
	kasan_unpoison((void *)sp, top - sp);
}
