#include "table_impl.h"
#include "test_impl.h"

#define NODES 5000u

struct number {
	struct bus_table_node node;
	u32 value;
};

static bool is_value(const struct bus_table_node *n, const void *key)
{
	return container_of(n, const struct number, node)->value == *(const u32 *)key;
}

static bool has(const struct bus_table *t, u32 value, u32 hash)
{
	return bus_table_find(t, hash, is_value, &value);
}

/* Few hashes, so that equal ones meet. */
static u32 hash_of(u32 value)
{
	return (value % 977) * 0x9e3779b1u;
}

KTEST(bus_table, grows_and_finds)
{
	struct number *n = ktest_alloc(NODES * sizeof(*n));
	struct bus_table t_;
	u32 same = 0;

	KTEST_REQUIRE(n);
	EXPECT_EQ(bus_table_init(&t_, &test_mem), 0);
	for (u32 i = 0; i < NODES; i++) {
		n[i].value = i;
		bus_table_add(&t_, &n[i].node, hash_of(i));
	}
	EXPECT_TRUE(t_.heads->bits >= 10);
	for (u32 i = 0; i < NODES; i++)
		EXPECT_TRUE(has(&t_, i, hash_of(i)));
	EXPECT_FALSE(has(&t_, NODES, hash_of(NODES)));
	EXPECT_FALSE(has(&t_, 1, hash_of(2)));
	struct number *pos;

	bus_table_for_each(pos, &t_, hash_of(5), node) same += pos->value % 977 == 5;
	EXPECT_EQ(same, (NODES - 5 + 976) / 977);
	for (u32 i = 0; i < NODES; i += 2)
		bus_table_remove(&t_, &n[i].node);
	for (u32 i = 0; i < NODES; i++)
		EXPECT_EQ(has(&t_, i, hash_of(i)), i % 2 == 1);
	EXPECT_EQ(t_.count, NODES / 2);
	bus_table_destroy(&t_);
	ktest_free(n);
	EXPECT_EQ(test_mem_live, 0);
}

KTEST(bus_table, cannot_grow)
{
	static struct number n[64];
	struct bus_table t_;

	test_mem_left = 1;
	EXPECT_EQ(bus_table_init(&t_, &test_mem), 0);
	for (u32 i = 0; i < 64; i++) {
		n[i].value = i;
		bus_table_add(&t_, &n[i].node, hash_of(i));
	}
	for (u32 i = 0; i < 64; i++)
		EXPECT_TRUE(has(&t_, i, hash_of(i)));
	test_mem_left = 0;
	bus_table_destroy(&t_);
	EXPECT_NE(bus_table_init(&t_, &test_mem), 0);
	test_mem_left = -1;
}
