#include "pmalloc_impl.h"

#include <asm/page.h>
#include <asm/protect.h>
#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/frame/frame.h>

static struct pmalloc_pool *pool;

/* The frame behind an object: known through the only mapping that may write it. */
static bool aliases_allow_write(const void *obj)
{
	return !arch_is_read_only(obj, 1);
}

KTEST(pmalloc, objects_are_zeroed_aligned_and_apart)
{
	u64 *last = NULL;

	KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
	for (size_t size = 1; size < 40000; size += size / 2 + 1) {
		u64 *obj = pmalloc_alloc(pool, size);

		KTEST_REQUIRE(obj);
		EXPECT_EQ((unsigned long)obj & 15, 0);
		EXPECT_NULL(memchr_inv(obj, 0, size));
		memset(obj, 0x5a, size);
		EXPECT_NE(obj, last);
		last = obj;
	}
	EXPECT_NULL(pmalloc_alloc(pool, 0));
	EXPECT_NULL(pmalloc_array(pool, 1ul << 40, 1ul << 40));
	EXPECT_STREQ(pmalloc_strdup(pool, "name"), "name");
	pmalloc_destroy(pool);
	pmalloc_destroy(NULL);
}

KTEST(pmalloc, protection_is_for_good_and_for_what_is_there)
{
	struct pmalloc_stats st;

	KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
	u64 *a = pmalloc_alloc(pool, 8);

	KTEST_REQUIRE(a);
	*a = 7;
	EXPECT_FALSE(pmalloc_is_protected(a, 8));
	pmalloc_protect(pool);
	EXPECT_TRUE(pmalloc_is_protected(a, 8));
	EXPECT_FALSE(aliases_allow_write(a));
	EXPECT_EQ(*a, 7);
	pmalloc_protect(pool);
	pmalloc_stats(pool, &st);
	EXPECT_EQ(st.flushes, 1);
	EXPECT_EQ(st.avail, 0);

	/* What comes later is writable, and in a chunk of its own. */
	u64 *b = pmalloc_alloc(pool, 8);

	KTEST_REQUIRE(b);
	EXPECT_NE((unsigned long)a & PAGE_MASK, (unsigned long)b & PAGE_MASK);
	*b = 8;
	EXPECT_FALSE(pmalloc_is_protected(b, 8));
	EXPECT_TRUE(pmalloc_is_protected(a, 8));
	pmalloc_stats(pool, &st);
	EXPECT_EQ(st.chunks, 2);
	pmalloc_destroy(pool);
}

KTEST(pmalloc, no_alias_lets_a_write_through)
{
	struct arena_block *block;
	struct frame *f;

	/* A frame of the arena, before any pool maps it. */
	KTEST_REQUIRE(!arena_take(3, &block, &f));
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(arch_writable_alias(frame_to_phys(f + i)), 0);
		EXPECT_TRUE(arch_is_read_only(frame_to_virt(f + i), PAGE_SIZE));
	}
	arena_give(block, f, 3);
	/* An ordinary frame has one: the search finds what there is. */
	void *page = frame_alloc_virt(0, GFP_KERNEL);

	KTEST_REQUIRE(page);
	EXPECT_EQ(arch_writable_alias(virt_to_phys(page)), (unsigned long)page);
	frame_free_virt(page);
}

KTEST(pmalloc, one_flush_for_a_mebibyte)
{
	struct pmalloc_stats st;

	KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
	for (unsigned int i = 0; i < 256; i++)
		KTEST_REQUIRE(pmalloc_alloc(pool, PAGE_SIZE));
	pmalloc_protect(pool);
	pmalloc_stats(pool, &st);
	EXPECT_EQ(st.flushes, 1);
	EXPECT_GE(st.size, 1ul << 20);
	pmalloc_destroy(pool);
}

KTEST(pmalloc, rare_writes)
{
	u8 bytes[40];
	u64 v = 0x1122334455667788;

	memset(bytes, 0x33, sizeof(bytes));
	KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
	u64 *obj = pmalloc_alloc(pool, 3 * PAGE_SIZE);

	KTEST_REQUIRE(obj);
	EXPECT_EQ(pmalloc_write(pool, obj, &v, 8), -EINVAL); /* not protected yet */
	pmalloc_protect(pool);
	EXPECT_EQ(pmalloc_write(pool, obj, &v, 8), 0);
	EXPECT_EQ(READ_ONCE(*obj), v);
	/* Over the border of two pages. */
	u8 *across = (u8 *)obj + PAGE_SIZE - 20;

	EXPECT_EQ(pmalloc_write(pool, across, bytes, sizeof(bytes)), 0);
	EXPECT_NULL(memchr_inv(across, 0x33, sizeof(bytes)));
	EXPECT_EQ(across[-1], 0);
	EXPECT_EQ(across[sizeof(bytes)], 0);
	EXPECT_TRUE(pmalloc_is_protected(obj, 3 * PAGE_SIZE));
	EXPECT_EQ(pmalloc_write(pool, bytes, bytes, 8), -EINVAL);
	EXPECT_EQ(pmalloc_write(pool, (u8 *)obj + 3 * PAGE_SIZE - 4, &v, 8), -EINVAL);
	EXPECT_EQ(pmalloc_write(pool, obj, &v, 0), -EINVAL);
	pmalloc_destroy(pool);
}
