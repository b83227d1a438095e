#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/idr/idr.h>

static unsigned int live;

static struct radix_node *node_alloc(void)
{
	live++;
	return ktest_alloc(sizeof(struct radix_node));
}

static void node_free(struct radix_node *n)
{
	live--;
	ktest_free(n);
}

static const struct radix_ops ops = {node_alloc, node_free, node_free};

static u32 things[512];

KTEST(idr, lowest_free)
{
	struct idr idr;
	u32 id;

	live = 0;
	idr_init(&idr, &ops);
	for (u32 i = 0; i < 300; i++) {
		EXPECT_EQ(idr_alloc(&idr, &things[i], 3, 1000, NULL, &id), 0);
		EXPECT_EQ(id, i + 3);
	}
	EXPECT_EQ(idr.count, 300);
	EXPECT_EQ(idr_remove(&idr, 100), &things[97]);
	EXPECT_NULL(idr_remove(&idr, 100));
	EXPECT_NULL(idr_find(&idr, 100));
	EXPECT_EQ(idr_replace(&idr, 101, &things[0]), &things[98]);
	EXPECT_EQ(idr_find(&idr, 101), &things[0]);
	EXPECT_EQ(idr_alloc(&idr, &things[0], 0, 1000, NULL, &id), 0);
	EXPECT_EQ(id, 0);
	EXPECT_EQ(idr_alloc(&idr, &things[0], 3, 1000, NULL, &id), 0);
	EXPECT_EQ(id, 100);
	EXPECT_EQ(idr_alloc(&idr, &things[0], 3, 302, NULL, &id), -ENOSPC);
	EXPECT_EQ(idr_alloc_at(&idr, &things[0], 302, NULL), -EEXIST);
	EXPECT_EQ(idr_alloc_at(&idr, &things[0], ~0u, NULL), 0);
	id = 303;
	EXPECT_EQ(idr_next(&idr, &id), &things[0]);
	EXPECT_EQ(id, ~0u);
	idr_destroy(&idr);
	EXPECT_EQ(live, 0);
}

KTEST(idr, cyclic)
{
	struct idr idr;
	u32 id;

	live = 0;
	idr_init(&idr, &ops);
	for (u32 i = 0; i < 10; i++) {
		EXPECT_EQ(idr_alloc_cyclic(&idr, &things[i], 2, 9, NULL, &id), i < 8 ? 0 : -ENOSPC);
		if (i < 8)
			EXPECT_EQ(id, i + 2);
	}
	idr_remove(&idr, 3);
	idr_remove(&idr, 6);
	EXPECT_EQ(idr_alloc_cyclic(&idr, &things[0], 2, 9, NULL, &id), 0);
	EXPECT_EQ(id, 3);
	idr_remove(&idr, 3);
	EXPECT_EQ(idr_alloc_cyclic(&idr, &things[0], 2, 9, NULL, &id), 0);
	EXPECT_EQ(id, 6);
	EXPECT_EQ(idr_alloc_cyclic(&idr, &things[0], 2, 9, NULL, &id), 0);
	EXPECT_EQ(id, 3);
	for (id = 0; idr_next(&idr, &id); id++)
		idr_remove(&idr, id);
	EXPECT_EQ(idr.count, 0);
	EXPECT_EQ(live, 0);
}
