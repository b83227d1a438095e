#include "name_impl.h"

#include <abi/kdbus.h>
#include <kern/errno.h>

#include "test_impl.h"

#define USERS 4u

struct bed {
	struct bus_names r;
	struct bus_name_user user[USERS];
	struct bus_name_event last; /* without its text */
	char last_text[BUS_NAME_LEN_MAX + 1];
	u64 flags;
};

static u32 handovers, moves;

static void handover(struct bus_name *n, struct bus_name_claim *from, struct bus_name_claim *to,
		     bool move)
{
	(void)from;
	handovers++;
	moves += move;
	bus_name_set_owner(n, to);
}

static void begin(struct ktest_ctx *t, struct bed *b)
{
	memset(b, 0, sizeof(*b));
	handovers = 0;
	moves = 0;
	EXPECT_EQ(bus_names_init(&b->r, &test_mem, 7, handover), 0);
	for (u32 i = 0; i < USERS; i++)
		bus_name_user_init(&b->user[i], i + 1);
}

static void keep_event(struct bed *b, struct bus_name_event *e)
{
	memset(&b->last, 0, sizeof(b->last));
	b->last_text[0] = 0;
	if (!e)
		return;
	b->last = *e;
	memcpy(b->last_text, e->text, e->len + 1);
	bus_name_event_free(&b->r, e);
}

static int acquire(struct bed *b, u32 user, const char *name, u64 flags)
{
	struct bus_name_event *e = NULL;
	int err;

	b->flags = 0;
	err = bus_names_acquire(&b->r, &b->user[user], name, flags, &b->flags, &e);
	keep_event(b, e);
	return err;
}

static int release(struct bed *b, u32 user, const char *name)
{
	struct bus_name_event *e = NULL;
	int err = bus_names_release(&b->r, &b->user[user], name, &e);

	keep_event(b, e);
	return err;
}

/* Id of the owner, 0 if there is none. */
static u64 owner(struct bed *b, const char *name)
{
	struct bus_name_claim *c;

	return bus_name_find(&b->r, name, &c) ? c->user->id : 0;
}

static void end(struct ktest_ctx *t, struct bed *b)
{
	struct bus_name_event *e;

	for (u32 i = 0; i < USERS; i++) {
		while (bus_names_release_any(&b->r, &b->user[i], &e))
			keep_event(b, e);
		EXPECT_EQ(b->user[i].count, 0);
		EXPECT_EQ(b->user[i].owned, 0);
	}
	EXPECT_EQ(b->r.table.count, 0);
	bus_names_destroy(&b->r);
	EXPECT_EQ(test_mem_live, 0);
}

static void expect_event(struct ktest_ctx *t, struct bed *b, u64 type, u64 old, u64 new,
			 const char *name)
{
	EXPECT_EQ(b->last.type, type);
	EXPECT_EQ(b->last.old_id, old);
	EXPECT_EQ(b->last.new_id, new);
	EXPECT_STREQ(b->last_text, name);
}

KTEST(bus_name, valid)
{
	static const char *const good[] = {"a.b",   "foo.bar.baz", "_a._b",
					   "-a.b-", "a1.b2",	   "org.x-y.z_0"};
	static const char *const bad[] = {"",	  ".",	  "a",	 "a.",	  ".a.b",  "a..b", "a.1b",
					  "1a.b", "a.b*", "a.*", "a.*.b", "a.b c", "foo",  "a.b.*"};
	char longest[BUS_NAME_LEN_MAX + 2];

	for (u32 i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT_TRUE(bus_name_is_valid(good[i], false));
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_FALSE(bus_name_is_valid(bad[i], false));
	EXPECT_TRUE(bus_name_is_valid("a.*", true));
	EXPECT_TRUE(bus_name_is_valid("a.b.*", true));
	EXPECT_FALSE(bus_name_is_valid("*", true));
	EXPECT_FALSE(bus_name_is_valid(".example.*", true));
	EXPECT_FALSE(bus_name_is_valid("a.*.c", true));
	EXPECT_FALSE(bus_name_is_valid("a.b*", true));
	memset(longest, 'a', sizeof(longest));
	longest[1] = '.';
	longest[BUS_NAME_LEN_MAX + 1] = 0;
	EXPECT_FALSE(bus_name_is_valid(longest, false));
	longest[BUS_NAME_LEN_MAX] = 0;
	EXPECT_TRUE(bus_name_is_valid(longest, false));
}

KTEST(bus_name, acquire_release)
{
	struct bed b;

	begin(t, &b);
	EXPECT_EQ(acquire(&b, 0, "a.b", 0), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED);
	expect_event(t, &b, KDBUS_ITEM_NAME_ADD, 0, 1, "a.b");
	EXPECT_EQ(b.last.new_flags, KDBUS_NAME_PRIMARY);
	EXPECT_EQ(acquire(&b, 0, "a.b", 0), 0); /* has it */
	EXPECT_EQ(b.flags, KDBUS_NAME_PRIMARY);
	EXPECT_EQ(b.last.type, 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", 0), -EEXIST);
	EXPECT_EQ(acquire(&b, 1, "a.b", KDBUS_NAME_REPLACE_EXISTING), -EEXIST);
	EXPECT_EQ(release(&b, 1, "a.b"), -EADDRINUSE);
	EXPECT_EQ(release(&b, 1, "a.c"), -ESRCH);
	EXPECT_TRUE(bus_name_user_owns(&b.r, &b.user[0], "a.b"));
	EXPECT_FALSE(bus_name_user_owns(&b.r, &b.user[1], "a.b"));
	EXPECT_EQ(b.user[0].owned, 1);
	EXPECT_EQ(release(&b, 0, "a.b"), 0);
	expect_event(t, &b, KDBUS_ITEM_NAME_REMOVE, 1, 0, "a.b");
	EXPECT_EQ(release(&b, 0, "a.b"), -ESRCH);
	EXPECT_EQ(owner(&b, "a.b"), 0);
	end(t, &b);
}

KTEST(bus_name, queue)
{
	struct bed b;

	begin(t, &b);
	EXPECT_EQ(acquire(&b, 0, "a.b", 0), 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_QUEUE | KDBUS_NAME_IN_QUEUE | KDBUS_NAME_ACQUIRED);
	EXPECT_EQ(b.last.type, 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_QUEUE | KDBUS_NAME_IN_QUEUE);
	EXPECT_EQ(acquire(&b, 2, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(b.user[1].owned, 0);
	EXPECT_EQ(acquire(&b, 2, "a.b", 0), 0); /* out of the queue again */
	EXPECT_EQ(b.user[2].count, 0);
	EXPECT_EQ(acquire(&b, 2, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(release(&b, 0, "a.b"), 0);
	expect_event(t, &b, KDBUS_ITEM_NAME_CHANGE, 1, 2, "a.b");
	EXPECT_EQ(b.last.new_flags, KDBUS_NAME_PRIMARY | KDBUS_NAME_QUEUE);
	EXPECT_EQ(owner(&b, "a.b"), 2);
	EXPECT_EQ(release(&b, 2, "a.b"), 0); /* waits in vain */
	EXPECT_EQ(b.last.type, 0);
	EXPECT_EQ(release(&b, 1, "a.b"), 0);
	expect_event(t, &b, KDBUS_ITEM_NAME_REMOVE, 2, 0, "a.b");
	end(t, &b);
}

KTEST(bus_name, replace)
{
	struct bed b;

	begin(t, &b);
	EXPECT_EQ(acquire(&b, 0, "a.b", KDBUS_NAME_ALLOW_REPLACEMENT), 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", 0), -EEXIST);
	EXPECT_EQ(acquire(&b, 1, "a.b", KDBUS_NAME_REPLACE_EXISTING), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED);
	expect_event(t, &b, KDBUS_ITEM_NAME_CHANGE, 1, 2, "a.b");
	EXPECT_EQ(b.user[0].count, 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(acquire(&b, 2, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(acquire(&b, 3, "a.b", KDBUS_NAME_QUEUE | KDBUS_NAME_REPLACE_EXISTING), 0);
	EXPECT_EQ(owner(&b, "a.b"), 4);
	EXPECT_EQ(b.user[1].count, 1); /* goes on waiting, behind nobody */
	EXPECT_EQ(release(&b, 3, "a.b"), 0);
	EXPECT_EQ(owner(&b, "a.b"), 2);
	/* One that waits takes it. */
	EXPECT_EQ(acquire(&b, 2, "a.b", KDBUS_NAME_QUEUE | KDBUS_NAME_REPLACE_EXISTING), 0);
	EXPECT_EQ(owner(&b, "a.b"), 3);
	end(t, &b);
}

KTEST(bus_name, activator)
{
	struct bed b;

	begin(t, &b);
	EXPECT_EQ(acquire(&b, 0, "a.b", KDBUS_NAME_ACTIVATOR), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_ACTIVATOR | KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED);
	expect_event(t, &b, KDBUS_ITEM_NAME_ADD, 0, 1, "a.b");
	EXPECT_EQ(acquire(&b, 0, "a.b", 0), -EUCLEAN);
	EXPECT_EQ(acquire(&b, 0, "a.b", KDBUS_NAME_ACTIVATOR), -EALREADY);
	EXPECT_EQ(acquire(&b, 3, "a.b", KDBUS_NAME_ACTIVATOR), -EEXIST);
	EXPECT_EQ(moves, 0);
	EXPECT_EQ(acquire(&b, 1, "a.b", 0), 0);
	EXPECT_EQ(moves, 1);
	expect_event(t, &b, KDBUS_ITEM_NAME_CHANGE, 1, 2, "a.b");
	EXPECT_EQ(b.last.old_flags, KDBUS_NAME_ACTIVATOR | KDBUS_NAME_PRIMARY);
	EXPECT_EQ(b.user[0].owned, 0);
	EXPECT_EQ(release(&b, 1, "a.b"), 0);
	EXPECT_EQ(moves, 2);
	EXPECT_EQ(owner(&b, "a.b"), 1);
	EXPECT_EQ(acquire(&b, 1, "a.b", 0), 0);
	EXPECT_EQ(release(&b, 0, "a.b"), 0); /* the implementer keeps it */
	EXPECT_EQ(b.last.type, 0);
	EXPECT_EQ(owner(&b, "a.b"), 2);
	EXPECT_EQ(acquire(&b, 0, "a.b", KDBUS_NAME_ACTIVATOR), 0);
	EXPECT_EQ(b.flags, KDBUS_NAME_ACTIVATOR | KDBUS_NAME_IN_QUEUE | KDBUS_NAME_ACQUIRED);
	EXPECT_EQ(b.last.type, 0);
	end(t, &b);
}

KTEST(bus_name, limit)
{
	struct bed b;
	char name[] = "a.bXX";

	begin(t, &b);
	for (u32 i = 0; i < BUS_NAMES_PER_USER; i++) {
		name[3] = (char)('A' + i / 16);
		name[4] = (char)('A' + i % 16);
		EXPECT_EQ(acquire(&b, 0, name, 0), 0);
	}
	EXPECT_EQ(acquire(&b, 0, "a.c", 0), -E2BIG);
	EXPECT_EQ(owner(&b, "a.c"), 0);
	EXPECT_EQ(acquire(&b, 0, name, 0), 0);
	EXPECT_EQ(release(&b, 0, name), 0);
	EXPECT_EQ(acquire(&b, 0, "a.c", 0), 0);
	end(t, &b);
}

KTEST(bus_name, no_memory)
{
	struct bed b;

	begin(t, &b);
	for (int n = 0; n < 4; n++) {
		test_mem_left = n;
		EXPECT_EQ(acquire(&b, 0, "a.b", 0), -ENOMEM);
		EXPECT_EQ(owner(&b, "a.b"), 0);
		EXPECT_EQ(b.user[0].count, 0);
	}
	test_mem_left = 4;
	EXPECT_EQ(acquire(&b, 0, "a.b", 0), 0);
	EXPECT_EQ(release(&b, 0, "a.b"), 0); /* needs none */
	test_mem_left = -1;
	end(t, &b);
}

static bool see_b(void *ctx, const struct bus_name *n)
{
	(void)ctx;
	return !strcmp(n->text, "a.b");
}

KTEST(bus_name, list)
{
	struct bed b;
	u64 buf[64];
	struct kdbus_info *info = (struct kdbus_info *)buf;

	begin(t, &b);
	EXPECT_EQ(acquire(&b, 1, "a.b", 0), 0);
	EXPECT_EQ(acquire(&b, 0, "a.b", KDBUS_NAME_QUEUE), 0);
	EXPECT_EQ(acquire(&b, 0, "a.longer", 0), 0);
	EXPECT_EQ(bus_name_list(&b.user[2], 1, KDBUS_LIST_UNIQUE, NULL, NULL, buf), sizeof(*info));
	EXPECT_EQ(info->size, sizeof(*info));
	EXPECT_EQ(info->id, 3);
	EXPECT_EQ(info->flags, 1);
	EXPECT_EQ(bus_name_list(&b.user[2], 0, KDBUS_LIST_NAMES, NULL, NULL, NULL), 0);
	EXPECT_EQ(bus_name_list(&b.user[0], 0, KDBUS_LIST_NAMES, NULL, NULL, NULL), 64);
	EXPECT_EQ(bus_name_list(&b.user[0], 0, KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED, NULL, NULL,
				NULL),
		  56 + 64);
	memset(buf, 0xff, sizeof(buf));
	EXPECT_EQ(bus_name_list(&b.user[0], 2, KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED, see_b, NULL,
				buf),
		  56);
	EXPECT_EQ(info->size, 56);
	EXPECT_EQ(info->items[0].type, KDBUS_ITEM_OWNED_NAME);
	EXPECT_EQ(info->items[0].size, 16 + 8 + 4);
	EXPECT_EQ(info->items[0].name.flags, KDBUS_NAME_QUEUE | KDBUS_NAME_IN_QUEUE);
	EXPECT_STREQ((char *)buf + 48, "a.b");
	EXPECT_EQ(((u8 *)buf)[52], 0);
	EXPECT_EQ(((u8 *)buf)[55], 0);
	EXPECT_EQ(((u8 *)buf)[56], 0xff);
	/* Nothing that may be seen is not the same as nothing there. */
	EXPECT_EQ(bus_name_list(&b.user[0], 0, KDBUS_LIST_NAMES | KDBUS_LIST_UNIQUE, see_b, NULL,
				NULL),
		  0);
	EXPECT_EQ(bus_name_items(&b.user[0], NULL, 0), 40);
	EXPECT_EQ(bus_name_items(&b.user[0], buf, 39), 0);
	EXPECT_EQ(bus_name_items(&b.user[0], buf, 40), 40);
	end(t, &b);
}
