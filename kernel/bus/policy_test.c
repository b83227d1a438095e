#include "policy_impl.h"

#include <abi/kdbus.h>
#include <kern/errno.h>

#include "name_impl.h"
#include "test_impl.h"

/* A list of items. */
struct list {
	u64 word[256];
	size_t size;
};

static struct kdbus_item *add(struct list *l, u64 type, size_t payload)
{
	struct kdbus_item *i = (struct kdbus_item *)((char *)l->word + l->size);

	memset(i, 0, (16 + payload + 7) & ~7ul);
	i->size = 16 + payload;
	i->type = type;
	l->size += (i->size + 7) & ~7ul;
	return i;
}

static void name(struct list *l, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(add(l, KDBUS_ITEM_NAME, len)->str, text, len);
}

static void allow(struct list *l, u64 type, u64 id, u64 access)
{
	add(l, KDBUS_ITEM_POLICY_ACCESS, sizeof(struct kdbus_policy_access))->policy_access =
		(struct kdbus_policy_access){.type = type, .id = id, .access = access};
}

/* Ids are 1000 more inside; from 100 on there are none. */
static u32 map_id(void *ctx, u64 id)
{
	(void)ctx;
	return id < 100 ? (u32)id + 1000 : U32_MAX;
}

static const struct bus_policy_ids ids = {.uid = map_id, .gid = map_id};
static struct list list_; /* too large for a stack */

static int set(struct bus_policy *p, struct bus_policy_holder *h)
{
	struct bus_policy_set *s;
	int err = bus_policy_parse(p, list_.word, list_.size, 0, true, &ids, &s);

	list_.size = 0;
	if (err)
		return err;
	err = bus_policy_replace(p, h, s);
	if (err)
		bus_policy_set_free(p, s);
	return err;
}

static int ask(const struct bus_policy *p, u32 uid, u32 gid, const char *text)
{
	static const u32 groups[] = {1020, 1021, 1030};
	struct bus_policy_who who = {.uid = uid + 1000,
				     .gid = gid + 1000,
				     .groups = groups,
				     .group_count = uid == 9 ? 3 : 0};

	return bus_policy_query(p, &who, text);
}

KTEST(bus_policy, access)
{
	struct bus_policy p;
	struct bus_policy_holder h = {NULL};

	EXPECT_EQ(bus_policy_init(&p, &test_mem, 1), 0);
	EXPECT_EQ(ask(&p, 1, 1, "a.b"), BUS_POLICY_NONE);
	name(&list_, "a.b");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_SEE);
	allow(&list_, KDBUS_POLICY_ACCESS_USER, 1, KDBUS_POLICY_OWN);
	allow(&list_, KDBUS_POLICY_ACCESS_GROUP, 21, KDBUS_POLICY_TALK);
	name(&list_, "a.c");
	EXPECT_EQ(set(&p, &h), 0);
	EXPECT_EQ(ask(&p, 1, 1, "a.b"), KDBUS_POLICY_OWN);
	EXPECT_EQ(ask(&p, 2, 1, "a.b"), KDBUS_POLICY_SEE);
	EXPECT_EQ(ask(&p, 2, 21, "a.b"), KDBUS_POLICY_TALK);
	EXPECT_EQ(ask(&p, 9, 1, "a.b"), KDBUS_POLICY_TALK);
	EXPECT_EQ(ask(&p, 21, 1, "a.b"), KDBUS_POLICY_SEE);
	EXPECT_EQ(ask(&p, 1, 1, "a.c"), BUS_POLICY_NONE);
	EXPECT_EQ(ask(&p, 1, 1, "a.b.c"), BUS_POLICY_NONE);
	EXPECT_EQ(set(&p, &h), 0); /* none: taken away */
	EXPECT_EQ(ask(&p, 1, 1, "a.b"), BUS_POLICY_NONE);
	EXPECT_EQ(p.table.count, 0);
	bus_policy_clear(&p, &h);
	bus_policy_destroy(&p);
	EXPECT_EQ(test_mem_live, 0);
}

KTEST(bus_policy, wildcards)
{
	struct bus_policy p;
	struct bus_policy_holder h = {NULL};

	EXPECT_EQ(bus_policy_init(&p, &test_mem, 1), 0);
	name(&list_, "a.b.*");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_OWN);
	name(&list_, "a.b.c");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_SEE);
	name(&list_, "a.b");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_TALK);
	EXPECT_EQ(set(&p, &h), 0);
	EXPECT_EQ(ask(&p, 1, 1, "a.b.d"), KDBUS_POLICY_OWN);
	EXPECT_EQ(ask(&p, 1, 1, "a.b.c"), KDBUS_POLICY_SEE);
	EXPECT_EQ(ask(&p, 1, 1, "a.b"), KDBUS_POLICY_TALK);
	EXPECT_EQ(ask(&p, 1, 1, "a.b.d.e"), BUS_POLICY_NONE);
	EXPECT_EQ(ask(&p, 1, 1, "a.x"), BUS_POLICY_NONE);
	bus_policy_clear(&p, &h);
	bus_policy_destroy(&p);
}

KTEST(bus_policy, conflicts)
{
	struct bus_policy p;
	struct bus_policy_holder one = {NULL}, two = {NULL};

	EXPECT_EQ(bus_policy_init(&p, &test_mem, 1), 0);
	name(&list_, "a.b");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_SEE);
	EXPECT_EQ(set(&p, &one), 0);
	name(&list_, "x.y");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_SEE);
	EXPECT_EQ(set(&p, &two), 0);
	name(&list_, "x.z");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_OWN);
	name(&list_, "a.b");
	EXPECT_EQ(set(&p, &two), -EEXIST);
	EXPECT_EQ(ask(&p, 1, 1, "x.y"), KDBUS_POLICY_SEE); /* as it was */
	EXPECT_EQ(ask(&p, 1, 1, "x.z"), BUS_POLICY_NONE);
	name(&list_, "x.z");
	name(&list_, "x.z");
	EXPECT_EQ(set(&p, &two), -EEXIST);
	name(&list_, "a.*");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_TALK);
	name(&list_, "x.y");
	EXPECT_EQ(set(&p, &two), 0);
	EXPECT_EQ(ask(&p, 1, 1, "a.q"), KDBUS_POLICY_TALK);
	name(&list_, "a.*");
	EXPECT_EQ(set(&p, &one), -EEXIST);
	name(&list_, "a.b"); /* its own */
	EXPECT_EQ(set(&p, &one), 0);
	EXPECT_EQ(ask(&p, 1, 1, "a.b"), BUS_POLICY_NONE);
	bus_policy_clear(&p, &one);
	bus_policy_clear(&p, &two);
	EXPECT_EQ(p.table.count, 0);
	bus_policy_destroy(&p);
	EXPECT_EQ(test_mem_live, 0);
}

static int parse(struct bus_policy *p, u32 max, bool wildcards)
{
	struct bus_policy_set *s;
	int err = bus_policy_parse(p, list_.word, list_.size, max, wildcards, &ids, &s);

	list_.size = 0;
	if (!err)
		bus_policy_set_free(p, s);
	return err;
}

KTEST(bus_policy, refusals)
{
	struct bus_policy p;

	EXPECT_EQ(bus_policy_init(&p, &test_mem, 1), 0);
	name(&list_, "example");
	EXPECT_EQ(parse(&p, 0, true), -EINVAL);
	name(&list_, ".example.*");
	EXPECT_EQ(parse(&p, 0, true), -EINVAL);
	name(&list_, "a.*");
	EXPECT_EQ(parse(&p, 0, false), -EINVAL);
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_SEE);
	EXPECT_EQ(parse(&p, 0, true), -EINVAL);
	for (u64 bad = 0; bad < 4; bad++) {
		name(&list_, "a.b");
		allow(&list_,
		      bad == 0	 ? 0
		      : bad == 1 ? 4
				 : KDBUS_POLICY_ACCESS_USER,
		      bad == 2 ? 100 : 1, bad == 3 ? 3 : 0);
		EXPECT_EQ(parse(&p, 0, true), -EINVAL);
	}
	name(&list_, "a.b");
	add(&list_, KDBUS_ITEM_POLICY_ACCESS, 16);
	EXPECT_EQ(parse(&p, 0, true), -EINVAL);
	name(&list_, "a.b");
	name(&list_, "a.c");
	EXPECT_EQ(parse(&p, 1, true), -E2BIG);
	name(&list_, "a.b");
	add(&list_, KDBUS_ITEM_NEGOTIATE, 8);
	name(&list_, "a.c");
	EXPECT_EQ(parse(&p, 2, true), 0);
	for (int n = 0; n < 3; n++) {
		test_mem_left = n;
		name(&list_, "a.b");
		name(&list_, "a.c");
		EXPECT_EQ(parse(&p, 2, true), -ENOMEM);
	}
	test_mem_left = -1;
	bus_policy_destroy(&p);
	EXPECT_EQ(test_mem_live, 0);
}

KTEST(bus_policy, of_a_users_names)
{
	struct bus_names r;
	struct bus_policy p;
	struct bus_policy_holder h = {NULL};
	struct bus_name_user u, other;
	struct bus_policy_who who = {.uid = 1001};
	struct bus_name_event *e;
	u64 flags;

	EXPECT_EQ(bus_names_init(&r, &test_mem, 1, NULL), 0);
	EXPECT_EQ(bus_policy_init(&p, &test_mem, 1), 0);
	bus_name_user_init(&u, 1);
	bus_name_user_init(&other, 2);
	name(&list_, "a.b");
	allow(&list_, KDBUS_POLICY_ACCESS_WORLD, 0, KDBUS_POLICY_TALK);
	EXPECT_EQ(set(&p, &h), 0);
	EXPECT_FALSE(bus_policy_query_user(&p, &who, &u, KDBUS_POLICY_SEE));
	EXPECT_EQ(bus_names_acquire(&r, &u, "a.x", 0, &flags, &e), 0);
	bus_name_event_free(&r, e);
	EXPECT_EQ(bus_names_acquire(&r, &other, "a.b", 0, &flags, &e), 0);
	bus_name_event_free(&r, e);
	EXPECT_EQ(bus_names_acquire(&r, &u, "a.b", KDBUS_NAME_QUEUE, &flags, &e), 0);
	EXPECT_FALSE(bus_policy_query_user(&p, &who, &u, KDBUS_POLICY_SEE)); /* waits for it */
	EXPECT_EQ(bus_names_release(&r, &other, "a.b", &e), 0);
	bus_name_event_free(&r, e);
	EXPECT_TRUE(bus_policy_query_user(&p, &who, &u, KDBUS_POLICY_TALK));
	EXPECT_FALSE(bus_policy_query_user(&p, &who, &u, KDBUS_POLICY_OWN));
	while (bus_names_release_any(&r, &u, &e))
		bus_name_event_free(&r, e);
	bus_policy_clear(&p, &h);
	bus_policy_destroy(&p);
	bus_names_destroy(&r);
	EXPECT_EQ(test_mem_live, 0);
}
