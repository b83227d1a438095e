#include <kernel/vmap/vmap.h>

#include <asm/page.h>
#include <kern/ktest.h>

KTEST(vmap, areas_are_zeroed_writable_and_guarded)
{
	for (size_t size = 1; size < 600000; size = size * 3 + 5) {
		u8 *p = vmalloc(size);

		KTEST_REQUIRE(p);
		EXPECT_TRUE(vmap_contains(p));
		EXPECT_NULL(memchr_inv(p, 0, size));
		memset(p, 0xee, size);
		size_t bytes = (size + PAGE_SIZE - 1) & PAGE_MASK;

		EXPECT_FALSE(vmap_is_guard((unsigned long)p));
		EXPECT_TRUE(vmap_is_guard((unsigned long)p + bytes));
		vfree(p);
	}
	EXPECT_NULL(vmalloc(0));
	EXPECT_NULL(vmalloc(1ul << 60));
}

KTEST(vmap, addresses_are_reused)
{
	void *first = vmalloc(PAGE_SIZE);
	struct vmap_stats before, after;

	vfree(first);
	vmap_stats(&before);
	for (int i = 0; i < 500; i++)
		vfree(vmalloc(PAGE_SIZE));
	vmap_stats(&after);
	EXPECT_LT(after.used, before.used + 100 * 2 * PAGE_SIZE);
}

KTEST(vmap, stacks_have_guards_on_both_sides)
{
	void *s[8];

	for (int i = 0; i < 8; i++) {
		s[i] = vmap_stack_alloc();
		KTEST_REQUIRE(s[i]);
		memset(s[i], i, THREAD_SIZE);
		EXPECT_TRUE(vmap_is_guard((unsigned long)s[i] - 1));
		EXPECT_TRUE(vmap_is_guard((unsigned long)s[i] + THREAD_SIZE));
	}
	for (int i = 0; i < 8; i++) {
		EXPECT_NULL(memchr_inv(s[i], i, THREAD_SIZE));
		vmap_stack_free(s[i]);
	}
}
