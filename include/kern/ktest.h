/*
 * Unit tests that run on the host and inside the kernel.
 *
 *	KTEST(btree, insert_splits)
 *	{
 *		EXPECT_EQ(btree_insert(...), 0);
 *	}
 *
 * EXPECT_* report and go on; KTEST_REQUIRE ends the test if its condition is false. Each test is
 * placed in a linker section (`.ktest`; `ktest` on the host, where ld makes the bounds).
 */
#pragma once

#include <kern/types.h>
#include <kern/string.h>

struct ktest_ctx {
	unsigned int failures;
	const char *skipped; /* reason, or NULL */
};

struct ktest {
	const char *suite;
	const char *name;
	void (*fn)(struct ktest_ctx *t);
};

extern const struct ktest __start_ktest[], __stop_ktest[];

/* Counts a failure and prints where; the runner (test/host, kernel's test room) provides it. */
void ktest_fail(struct ktest_ctx *t, const char *file, int line, const char *fmt, ...)
	__printf(4, 5);
/* Memory for tests of pure code; NULL if there is none. */
void *ktest_alloc(size_t size);
void ktest_free(void *p);

#if KERN_HOST
#define __ktest_entry __linker_entry("ktest")
#else
#define __ktest_entry __linker_entry(".ktest")
#endif

#define KTEST(suite_, name_)                                                       \
	static void ktest_fn_##suite_##_##name_(struct ktest_ctx *t);              \
	static const struct ktest ktest_entry_##suite_##_##name_ __ktest_entry = { \
		#suite_, #name_, ktest_fn_##suite_##_##name_};                     \
	static void ktest_fn_##suite_##_##name_(struct ktest_ctx *t __maybe_unused)

/* For helpers of a test, which take the context as `struct ktest_ctx *t`. */
#define EXPECT_TRUE(c)                                               \
	do {                                                         \
		if (!(c))                                            \
			ktest_fail(t, __FILE__, __LINE__, "%s", #c); \
	} while (0)
#define EXPECT_FALSE(c) EXPECT_TRUE(!(c))

#define __EXPECT_OP(a, op, b)                                                                      \
	do {                                                                                       \
		long __a = (long)(a), __b = (long)(b);                                             \
		if (!(__a op __b))                                                                 \
			ktest_fail(t, __FILE__, __LINE__, "%s " #op " %s: %ld (%#lx), %ld (%#lx)", \
				   #a, #b, __a, (unsigned long)__a, __b, (unsigned long)__b);      \
	} while (0)
/* Integers (compared as 64-bit values) and pointers. */
#define EXPECT_EQ(a, b) __EXPECT_OP(a, ==, b)
#define EXPECT_NE(a, b) __EXPECT_OP(a, !=, b)
#define EXPECT_LT(a, b) __EXPECT_OP(a, <, b)
#define EXPECT_LE(a, b) __EXPECT_OP(a, <=, b)
#define EXPECT_GT(a, b) __EXPECT_OP(a, >, b)
#define EXPECT_GE(a, b) __EXPECT_OP(a, >=, b)
#define EXPECT_NULL(p) EXPECT_TRUE((p) == NULL)
#define EXPECT_NOT_NULL(p) EXPECT_TRUE((p) != NULL)
#define EXPECT_STREQ(a, b)                                                              \
	do {                                                                            \
		const char *__sa = (a), *__sb = (b);                                    \
		if (!__sa || !__sb || strcmp(__sa, __sb))                               \
			ktest_fail(t, __FILE__, __LINE__, "%s: \"%s\", %s: \"%s\"", #a, \
				   __sa ? __sa : "(null)", #b, __sb ? __sb : "(null)"); \
	} while (0)
#define EXPECT_MEMEQ(a, b, n) EXPECT_TRUE(memcmp((a), (b), (n)) == 0)

#define KTEST_REQUIRE(c)                                                       \
	do {                                                                   \
		if (!(c)) {                                                    \
			ktest_fail(t, __FILE__, __LINE__, "required: %s", #c); \
			return;                                                \
		}                                                              \
	} while (0)
#define KTEST_SKIP(reason)             \
	do {                           \
		t->skipped = (reason); \
		return;                \
	} while (0)
