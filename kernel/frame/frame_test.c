#include <kernel/frame/frame.h>

#include <kern/ktest.h>

#define BLOCKS 64

/*
 * Free frames, and those of kinds that other threads may take or give back meanwhile (shadow memory
 * of the sanitizer among them).
 */
static u64 free_now(void)
{
	struct frame_stats s;

	frame_stats(&s);
	return s.free + s.by_type[FRAME_SLAB] + s.by_type[FRAME_STACK] + s.by_type[FRAME_PGTABLE] +
	       s.by_type[FRAME_VMAP];
}

KTEST(frame, orders_are_aligned_and_come_back)
{
	u64 before = free_now();

	for (unsigned int order = 0; order <= 6; order++) {
		struct frame *f = frame_alloc(order, FRAME_KERNEL, GFP_KERNEL);

		KTEST_REQUIRE(f);
		EXPECT_EQ(frame_to_pfn(f) & ((1ul << order) - 1), 0);
		EXPECT_EQ(frame_refs(f), 1);
		if (order) {
			EXPECT_TRUE(frame_head(f + 1) == f);
			EXPECT_EQ(f[1].type, FRAME_TAIL);
		}
		frame_put(f);
	}
	EXPECT_GE(free_now(), before); /* earlier tests may give memory back late */
}

KTEST(frame, zeroed_when_asked)
{
	struct frame *f = frame_alloc(0, FRAME_KERNEL, GFP_KERNEL);

	KTEST_REQUIRE(f);
	memset(frame_to_virt(f), 0xa5, PAGE_SIZE);
	frame_put(f);
	for (int i = 0; i < 40; i++) {
		f = frame_alloc(0, FRAME_KERNEL, GFP_KERNEL | GFP_ZERO);
		KTEST_REQUIRE(f);
		EXPECT_NULL(memchr_inv(frame_to_virt(f), 0, PAGE_SIZE));
		frame_put(f);
	}
}

KTEST(frame, blocks_do_not_overlap)
{
	static struct frame *f[BLOCKS];
	u64 before = free_now();

	for (int i = 0; i < BLOCKS; i++) {
		f[i] = frame_alloc((unsigned int)i % 4, FRAME_KERNEL, GFP_KERNEL);
		KTEST_REQUIRE(f[i]);
		memset(frame_to_virt(f[i]), i, PAGE_SIZE << (i % 4));
	}
	for (int i = 0; i < BLOCKS; i++) {
		EXPECT_NULL(memchr_inv(frame_to_virt(f[i]), i, PAGE_SIZE << (i % 4)));
		frame_put(f[i]);
	}
	EXPECT_GE(free_now(), before); /* earlier tests may give memory back late */
}

KTEST(frame, references)
{
	struct frame *f = frame_alloc(0, FRAME_ANON, GFP_USER);

	KTEST_REQUIRE(f);
	EXPECT_TRUE(frame_tryget(f));
	EXPECT_EQ(frame_refs(frame_get(f)), 3);
	frame_put(f);
	frame_put(f);
	EXPECT_EQ(frame_refs(f), 1);
	frame_put(f);
	EXPECT_FALSE(frame_tryget(f));
}

KTEST(frame, too_large_is_refused)
{
	EXPECT_NULL(frame_alloc(FRAME_ORDER_MAX + 1, FRAME_KERNEL, GFP_KERNEL | GFP_NOWARN));
}
