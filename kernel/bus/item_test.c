#include "item_impl.h"

#include <kern/errno.h>

#include "bus.h"
#include "test_impl.h"

static u64 list[512];
static size_t size;

static struct kdbus_item *put(u64 type, const void *payload, size_t len)
{
	struct kdbus_item *i = (struct kdbus_item *)((char *)list + size);

	size = (size_t)((char *)bus_item_write(i, type, payload, len) - (char *)list);
	return i;
}

static int judge_one(u64 type, const void *payload, size_t len)
{
	const struct bus_item_rule rule = {type, .multiple = true};
	struct kdbus_item *found;

	size = 0;
	put(type, payload, len);
	return bus_items_judge(list, size, &rule, 1, &found);
}

KTEST(bus_item, write)
{
	struct kdbus_item *i;

	memset(list, 0xff, sizeof(list));
	size = 0;
	i = put(KDBUS_ITEM_NAME, "abc", 4);
	EXPECT_EQ(i->size, 20);
	EXPECT_EQ(size, 24);
	EXPECT_EQ(i->data64[0], 0x636261);
	i = put(KDBUS_ITEM_FDS, NULL, 9);
	EXPECT_EQ(size, 24 + 32);
	EXPECT_EQ(i->data64[0] | i->data64[1], 0);
	EXPECT_EQ(list[7], ~0ull);
}

KTEST(bus_item, judge)
{
	static const struct bus_item_rule rules[] = {
		{KDBUS_ITEM_NAME, .mandatory = true},
		{KDBUS_ITEM_ID, .multiple = true},
	};
	struct kdbus_item *found[2], *i;
	u64 id = 5;

	size = 0;
	EXPECT_EQ(bus_items_judge(list, 0, rules, 2, found), 0);
	EXPECT_FALSE(bus_items_complete(rules, 2, found));
	put(KDBUS_ITEM_ID, &id, 8);
	put(KDBUS_ITEM_ID, &id, 8);
	i = put(KDBUS_ITEM_NAME, "a.b", 4);
	EXPECT_EQ(bus_items_judge(list, size, rules, 2, found), 0);
	EXPECT_TRUE(bus_items_complete(rules, 2, found));
	EXPECT_EQ(found[0], i);
	EXPECT_EQ(found[1], (void *)&list[3]);
	EXPECT_EQ(bus_items_judge(list, size - 4, rules, 2, found), 0); /* without padding */
	EXPECT_EQ(bus_items_judge(list, size - 5, rules, 2, found), -EINVAL);
	EXPECT_EQ(bus_items_judge(list, 8, rules, 2, found), -EINVAL);
	EXPECT_EQ(bus_items_judge(list, size, rules, 1, found), -EINVAL); /* unknown */
	put(KDBUS_ITEM_NAME, "a.c", 4);
	EXPECT_NE(bus_items_judge(list, size, rules, 2, found), 0); /* twice */
	static const u64 bad_sizes[] = {0, 15, 25, 1ull << 63, ~0ull, ~0ull - 7};

	for (u32 n = 0; n < ARRAY_SIZE(bad_sizes); n++) {
		list[0] = bad_sizes[n];
		EXPECT_EQ(bus_items_judge(list, 24, rules, 2, found), -EINVAL);
	}
}

KTEST(bus_item, forms)
{
	static const char longest[BUS_NODE_NAME_MAX + 3] = {[0 ... BUS_NODE_NAME_MAX + 1] = 'a'};
	struct kdbus_vec vec = {.size = 0};
	struct kdbus_memfd memfd = {.size = 1, .fd = -1};
	u64 change[6] = {0};

	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME, "a.b", 3), -EINVAL); /* no end */
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME, "a\0b", 4), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME, "", 0), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME, "a.b", 4), 0);
	EXPECT_EQ(judge_one(KDBUS_ITEM_MAKE_NAME, "0-a.b", 6), 0);
	EXPECT_EQ(judge_one(KDBUS_ITEM_MAKE_NAME, "0-a@b", 6), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_MAKE_NAME, "0-blah-", 8), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_MAKE_NAME, "-blah", 6), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_MAKE_NAME, longest, sizeof(longest)), -ENAMETOOLONG);
	EXPECT_EQ(judge_one(KDBUS_ITEM_ID, change, 7), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_ID, change, 16), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_FDS, change, 6), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_FDS, change, 12), 0);
	EXPECT_EQ(judge_one(KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec)), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd)), -EBADF);
	memfd.size = 0;
	memfd.fd = 1;
	EXPECT_EQ(judge_one(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd)), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME_ADD, change, 32), 0);
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME_ADD, change, 24), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME_ADD, change, 33), 0); /* "" */
	EXPECT_EQ(judge_one(KDBUS_ITEM_NAME_ADD, change, 34), -EINVAL);
	EXPECT_EQ(judge_one(KDBUS_ITEM_CREDS, change, 40), -EINVAL);
}
