/*
 * Assertions.
 *
 * ASSERT(c)   internal precondition, debug kernels and host tests only; no side effects in @c.
 * WARN_ON(c)  broken invariant that can be survived: reports once per place, returns @c.
 * WARN(c, fmt, ...) the same with a message.
 * BUG_ON(c)   only where going on would corrupt memory or storage.
 *
 * What comes from disk, network, firmware or the user is never asserted.
 */
#pragma once

#include <kern/compiler.h>

/* Provided by kernel/panic in the kernel and by test/host on the host (where both abort). */
void bug_warn(const char *file, int line, const char *expr) __cold;
void bug_warn_fmt(const char *file, int line, const char *expr, const char *fmt, ...) __printf(4, 5)
	__cold;
void bug_fatal(const char *file, int line, const char *expr) __noreturn __cold;

#define WARN_ON(c)                                        \
	({                                                \
		static bool __warned;                     \
		bool __bad = !!(c);                       \
		if (unlikely(__bad) && !__warned) {       \
			__warned = true;                  \
			bug_warn(__FILE__, __LINE__, #c); \
		}                                         \
		unlikely(__bad);                          \
	})
#define WARN_ON_ONCE(c) WARN_ON(c)
#define WARN(c, fmt, ...)                                                         \
	({                                                                        \
		static bool __warned;                                             \
		bool __bad = !!(c);                                               \
		if (unlikely(__bad) && !__warned) {                               \
			__warned = true;                                          \
			bug_warn_fmt(__FILE__, __LINE__, #c, fmt, ##__VA_ARGS__); \
		}                                                                 \
		unlikely(__bad);                                                  \
	})
#define WARN_ONCE(c, fmt, ...) WARN(c, fmt, ##__VA_ARGS__)

#define BUG_ON(c)                                          \
	do {                                               \
		if (unlikely(c))                           \
			bug_fatal(__FILE__, __LINE__, #c); \
	} while (0)
#define BUG() bug_fatal(__FILE__, __LINE__, "reached")

#if KERN_HOST || defined(CONFIG_DEBUG)
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c) ((void)sizeof(!(c)))
#endif
