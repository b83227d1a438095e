/* Memory for the tests of the pure parts: the host's or the kernel's, and it can be made to fail.
 */
#pragma once

#include <kern/ktest.h>

#include "mem_impl.h"

static int test_mem_left = -1; /* allocations until one fails; negative: none does */
static int test_mem_live;

static void *test_alloc(size_t size)
{
	void *p;

	if (!test_mem_left)
		return NULL;
	if (test_mem_left > 0)
		test_mem_left--;
	p = ktest_alloc(size);
	if (p) {
		memset(p, 0, size);
		test_mem_live++;
	}
	return p;
}

static void test_free(void *p)
{
	if (p)
		test_mem_live--;
	ktest_free(p);
}

/* Tests have one thread: no reader is left behind. */
static void test_free_late(struct rcu_head *head, void *p)
{
	(void)head;
	test_free(p);
}

static void test_wait_readers(void)
{
}

static const struct bus_mem test_mem = {test_alloc, test_free, test_free_late, test_wait_readers};
