/*
 * What pools cost, in cycles: figures for test/bench/protected, not judged here but for the count
 * of flushes.  Where the counter counts instructions (-icount shift=0) they are exact.
 */
#include <kernel/pmalloc/pmalloc.h>

#include <asm/clock.h>
#include <asm/page.h>
#include <kern/ktest.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>

#define OBJECTS 1000u
#define WRITES 100u
#define MIB (1ul << 20)

static void say(const char *name, u64 cycles, u64 times)
{
	pr_notice("FIGURE %s %llu.%02llu\n", name, (unsigned long long)(cycles / times),
		  (unsigned long long)(cycles * 100 / times % 100));
}

static void **objects;

static u64 kmalloc_cycles(size_t size)
{
	u64 start = clock_cycles();

	for (unsigned int i = 0; i < OBJECTS; i++)
		objects[i] = kzalloc(size);
	u64 took = clock_cycles() - start;

	for (unsigned int i = 0; i < OBJECTS; i++)
		kfree(objects[i]);
	return took;
}

static u64 pmalloc_cycles(struct pmalloc_pool *pool, size_t size)
{
	u64 start = clock_cycles();

	for (unsigned int i = 0; i < OBJECTS; i++)
		objects[i] = pmalloc_alloc(pool, size);
	return clock_cycles() - start;
}

KTEST(pmalloc_figures, allocation)
{
	static const size_t sizes[] = {32, 128, 512};
	struct pmalloc_pool *pool;
	char name[32];

	objects = alloc_array(OBJECTS, sizeof(*objects));
	KTEST_REQUIRE(objects);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		/* Stocks of both as they are on a machine that runs. */
		(void)kmalloc_cycles(sizes[i]);
		KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
		snprintf(name, sizeof(name), "kzalloc_%zu", sizes[i]);
		say(name, kmalloc_cycles(sizes[i]), OBJECTS);
		snprintf(name, sizeof(name), "pmalloc_%zu", sizes[i]);
		say(name, pmalloc_cycles(pool, sizes[i]), OBJECTS);
		EXPECT_TRUE(objects[OBJECTS - 1]);
		pmalloc_destroy(pool);
	}
	kfree(objects);
}

KTEST(pmalloc_figures, protecting)
{
	static const size_t sizes[] = {MIB, 2 * PAGE_SIZE};
	struct pmalloc_stats st;
	struct pmalloc_pool *pool;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
		for (size_t at = 0; at < MIB; at += sizes[i])
			KTEST_REQUIRE(pmalloc_alloc(pool, sizes[i]));
		u64 start = clock_cycles();

		pmalloc_protect(pool);
		say(i ? "protect_1m_chunks" : "protect_1m", clock_cycles() - start, 1);
		pmalloc_stats(pool, &st);
		EXPECT_EQ(st.flushes, 1);
		EXPECT_EQ(st.size, MIB);
		pmalloc_destroy(pool);
	}
}

KTEST(pmalloc_figures, rare_write)
{
	struct pmalloc_pool *pool;
	int err = 0;

	KTEST_REQUIRE(!pmalloc_create(NULL, &pool));
	u64 *obj = pmalloc_alloc(pool, PAGE_SIZE);

	KTEST_REQUIRE(obj);
	pmalloc_protect(pool);
	u64 start = clock_cycles();

	for (u64 i = 0; i < WRITES; i++)
		err |= pmalloc_write(pool, &obj[i], &i, sizeof(i));
	say("write_8", clock_cycles() - start, WRITES);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(obj[WRITES - 1], WRITES - 1);
	pmalloc_destroy(pool);
}
