#include "slab_impl.h"

#include <asm/cpumask.h>
#include <asm/smp.h>

#include <kern/ktest.h>

#define COUNT 600

struct sample {
	u64 a, b, c;
};

static void **table;

static int find_active(const struct slab_info *i, void *ctx)
{
	if (strcmp(i->name, "test_sample"))
		return 0;
	*(u64 *)ctx = i->active;
	return 1;
}

KTEST(slab, objects_are_distinct_and_counted)
{
	struct slab_cache *c;
	u64 active = 0;

	KTEST_REQUIRE(!slab_cache_create("test_sample", sizeof(struct sample), 8, 0, NULL, &c));
	table = alloc_array(COUNT, sizeof(void *));
	KTEST_REQUIRE(table);
	for (u64 i = 0; i < COUNT; i++) {
		struct sample *s = slab_alloc(c, GFP_KERNEL | GFP_ZERO);

		KTEST_REQUIRE(s);
		EXPECT_EQ(s->c, 0);
		*s = (struct sample){i, i * 3, ~i};
		table[i] = s;
	}
	slab_for_each(find_active, &active);
	EXPECT_EQ(active, COUNT);
	for (u64 i = 0; i < COUNT; i++) {
		struct sample *s = table[i];

		EXPECT_EQ(s->a, i);
		EXPECT_EQ(s->c, ~i);
		slab_free(c, s);
	}
	slab_cache_destroy(c);
	kvfree(table);
}

KTEST(slab, kmalloc_sizes)
{
	for (size_t n = 1; n <= 40000; n += n / 3 + 1) {
		u8 *p = kmalloc(n);

		KTEST_REQUIRE(p);
		EXPECT_EQ((unsigned long)p & 7, 0);
		memset(p, 0x5a, n);
		EXPECT_GE(ksize(p), n);
		if (!(n & (n - 1)) && n <= PAGE_SIZE)
			EXPECT_EQ((unsigned long)p & (n - 1), 0);
		kfree(p);
	}
	kfree(NULL);
}

KTEST(slab, realloc_keeps_contents)
{
	char *p = kstrdup("twelve bytes");

	KTEST_REQUIRE(p);
	p = krealloc(p, 5000);
	KTEST_REQUIRE(p);
	EXPECT_STREQ(p, "twelve bytes");
	p = krealloc(p, 16);
	KTEST_REQUIRE(p);
	EXPECT_STREQ(p, "twelve bytes");
	kfree(p);
	p = kasprintf("%s-%d", "name", 42);
	EXPECT_STREQ(p, "name-42");
	kfree(p);
}

KTEST(slab, arrays_check_overflow)
{
	EXPECT_NULL(alloc_array(1ul << 40, 1ul << 30));
}

static void ctor(void *obj)
{
	*(u64 *)obj = 0x1234;
}

KTEST(slab, constructor_runs_once)
{
	struct slab_cache *c;

	KTEST_REQUIRE(!slab_cache_create("test_ctor", 64, 8, SLAB_TYPESAFE_RCU, ctor, &c));
	u64 *p = slab_alloc(c, GFP_KERNEL);

	KTEST_REQUIRE(p);
	EXPECT_EQ(*p, 0x1234);
	*p = 77;
	slab_free(c, p);
	EXPECT_EQ(*(volatile u64 *)p, 77);
	slab_cache_destroy(c);
}

static u64 frames_of_sample;

static int find_frames(const struct slab_info *i, void *ctx)
{
	(void)ctx;
	if (strcmp(i->name, "test_stock"))
		return 0;
	frames_of_sample = i->frames;
	return 1;
}

/* On each CPU: objects that its magazine keeps. */
static void fill_stock(void *arg)
{
	struct slab_cache *c = arg;
	void *obj[40];
	unsigned int n = 0;

	while (n < ARRAY_SIZE(obj) && (obj[n] = slab_alloc(c, GFP_ATOMIC)))
		n++;
	while (n)
		slab_free(c, obj[--n]);
}

KTEST(slab, stocks_are_given_back)
{
	struct slab_cache *c;

	KTEST_REQUIRE(!slab_cache_create("test_stock", 256, 8, 0, NULL, &c));
	void *kept = slab_alloc(c, GFP_KERNEL);

	KTEST_REQUIRE(kept);
	memset(kept, 0x77, 256);
	for (unsigned int turn = 0; turn < 3; turn++) {
		smp_call(cpumask_read(&cpu_online_mask), fill_stock, c, true);
		slab_quarantine_empty();
		slab_for_each(find_frames, NULL);
		EXPECT_GT(frames_of_sample, 1);
		EXPECT_GE(slab_shrink(1), 1);
		slab_for_each(find_frames, NULL);
		EXPECT_EQ(frames_of_sample, 1);
	}
	EXPECT_EQ(((u8 *)kept)[255], 0x77);
	slab_free(c, kept);
	slab_quarantine_empty();
	(void)slab_shrink(1);
	slab_for_each(find_frames, NULL);
	EXPECT_EQ(frames_of_sample, 0);
	slab_cache_destroy(c);
}

#ifdef CONFIG_DEBUG_FAIL
KTEST(slab, planted_failure_is_seen)
{
	/* The first allocation may need others for its magazine, which would count. */
	void *warm = kmalloc(10);

	slab_fail_set(1, 1, 2);
	void *a = kmalloc(10), *b = kmalloc(10), *c = kmalloc(10), *d = kmalloc(10);

	EXPECT_NOT_NULL(a);
	EXPECT_NULL(b);
	EXPECT_NULL(c);
	EXPECT_NOT_NULL(d);
	slab_fail_set(0, 0, 0);
	kfree(a);
	kfree(d);
	kfree(warm);
}
#endif
