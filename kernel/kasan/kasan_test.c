#include <kern/ktest.h>
#include <kernel/kasan/kasan.h>

#ifdef CONFIG_KASAN

#include <kernel/frame/frame.h>
#include <kernel/slab/slab.h>

/* Through volatile, so that gcc cannot see the fault and leave it out or warn. */
static noinline u8 read_at(volatile u8 *p, size_t i)
{
	return p[i];
}

KTEST(kasan, reports_read_behind_a_heap_object)
{
	u8 *p = kmalloc(40);

	KTEST_REQUIRE(p);
	p[39] = 1;
	kasan_expect(true);
	read_at(p, 39);
	EXPECT_EQ(kasan_expected_count(), 0u);
	read_at(p, 40);
	kasan_expect(false);
	EXPECT_EQ(kasan_expected_count(), 1u);
	kfree(p);
}

KTEST(kasan, reports_use_after_free)
{
	u8 *p = kmalloc(64);

	KTEST_REQUIRE(p);
	kfree(p);
	kasan_expect(true);
	read_at(p, 0);
	kasan_expect(false);
	EXPECT_EQ(kasan_expected_count(), 1u);
}

KTEST(kasan, reports_use_of_a_free_page)
{
	u8 *p = frame_alloc_virt(0, GFP_KERNEL);

	KTEST_REQUIRE(p);
	frame_free_virt(p);
	kasan_expect(true);
	read_at(p, 100);
	kasan_expect(false);
	EXPECT_GE(kasan_expected_count(), 1u);
}

KTEST(kasan, reports_stack_overrun)
{
	u8 array[24];

	memset(array, 0, sizeof(array));
	kasan_expect(true);
	read_at(array, sizeof(array) + 1);
	kasan_expect(false);
	EXPECT_EQ(kasan_expected_count(), 1u);
}

#else

KTEST(kasan, planted_faults)
{
	KTEST_SKIP("CONFIG_KASAN is off");
}

#endif
