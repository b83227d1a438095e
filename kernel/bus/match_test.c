#include "match_impl.h"

#include <abi/kdbus.h>
#include <kern/errno.h>
#include <kern/hash.h>

#include "name_impl.h"
#include "test_impl.h"

#define WORDS 8u
#define USERS 1200u

static struct {
	u64 word[1024];
	size_t size;
} list;

static struct bus_names names;
static struct bus_match_index index_;
static struct bus_match_scan scan;
static struct bus_match_user *users; /* USERS */
static u8 *hits;		     /* by user */
static u32 hit_count;

static void begin(struct ktest_ctx *t)
{
	list.size = 0;
	EXPECT_EQ(bus_names_init(&names, &test_mem, 3, NULL), 0);
	EXPECT_EQ(bus_match_index_init(&index_, &test_mem, WORDS * 8, 5), 0);
	bus_match_scan_init(&scan, &test_mem);
	users = ktest_alloc(USERS * sizeof(*users));
	hits = ktest_alloc(USERS);
	for (u32 i = 0; users && i < USERS; i++)
		bus_match_user_init(&users[i]);
}

static void end(struct ktest_ctx *t)
{
	for (u32 i = 0; i < USERS; i++) {
		bus_match_clear(&index_, &users[i]);
		EXPECT_EQ(users[i].count, 0);
	}
	EXPECT_EQ(index_.count, 0);
	EXPECT_EQ(index_.by_key.count, 0);
	for (u32 i = 0; i < index_.buckets; i++)
		EXPECT_EQ(index_.crowd[i], 0);
	EXPECT_TRUE(hlist_empty(&index_.any) && hlist_empty(&index_.every));
	bus_match_index_destroy(&index_);
	bus_match_scan_destroy(&scan);
	bus_names_destroy(&names);
	ktest_free(users);
	ktest_free(hits);
	EXPECT_EQ(test_mem_live, 0);
}

static struct kdbus_item *add(u64 type, size_t payload)
{
	struct kdbus_item *i = (struct kdbus_item *)((char *)list.word + list.size);

	memset(i, 0, (16 + payload + 7) & ~7ul);
	i->size = 16 + payload;
	i->type = type;
	list.size += (i->size + 7) & ~7ul;
	return i;
}

static void add_id(u64 type, u64 id)
{
	add(type, 8)->id = id;
}

static void add_name(const char *text)
{
	memcpy(add(KDBUS_ITEM_NAME, strlen(text) + 1)->str, text, strlen(text) + 1);
}

static void add_change(u64 type, u64 old, u64 new, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;
	struct kdbus_item *i = add(type, sizeof(i->name_change) + len);

	i->name_change.old_id.id = old;
	i->name_change.new_id.id = new;
	if (text)
		memcpy(i->name_change.name, text, len);
}

/* A mask for each argument but the last, which is 0: bit number + 1. */
static void add_mask(u32 a, u32 b)
{
	struct kdbus_item *i = add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8 * (b ? 2 : 1));

	if (a > 1)
		i->data64[(a - 1) / 64] |= 1ull << (a - 1) % 64;
	if (b > 1)
		i->data64[WORDS + (b - 1) / 64] |= 1ull << (b - 1) % 64;
}

static int commit(u32 user, u64 cookie, bool replace)
{
	struct bus_match *m;
	int err = bus_match_parse(&index_, cookie, list.word, list.size, &m);

	list.size = 0;
	if (err)
		return err;
	err = bus_match_add(&index_, &users[user], m, replace);
	if (err)
		bus_match_free(&index_, m);
	return err;
}

static int hit(void *ctx, struct bus_match_user *u)
{
	(void)ctx;
	hits[u - users]++;
	hit_count++;
	return 0;
}

static u32 ask(struct ktest_ctx *t, const struct bus_match_message *m)
{
	struct bus_match_message msg = *m;

	msg.names = &names;
	memset(hits, 0, USERS);
	hit_count = 0;
	scan.looked = 0;
	EXPECT_EQ(bus_match_message(&index_, &msg, &scan, hit, NULL), 0);
	for (u32 i = 0; i < USERS; i++) {
		EXPECT_TRUE(hits[i] <= 1);
		if (m->dst_id == KDBUS_DST_ID_BROADCAST)
			EXPECT_EQ(bus_match_user_wants(&index_, &users[i], &msg), hits[i]);
	}
	return hit_count;
}

static u32 tell(struct ktest_ctx *t, u64 type, u64 old, u64 new, const char *name)
{
	struct bus_match_notice n = {.type = type, .old_id = old, .new_id = new, .name = name};

	memset(hits, 0, USERS);
	hit_count = 0;
	scan.looked = 0;
	EXPECT_EQ(bus_match_notice(&index_, &n, &scan, hit, NULL), 0);
	for (u32 i = 0; i < USERS; i++)
		EXPECT_TRUE(hits[i] <= 1);
	return hit_count;
}

#define ALL KDBUS_DST_ID_BROADCAST
#define ANY KDBUS_MATCH_ID_ANY

KTEST(bus_match, ids_and_names)
{
	struct bus_name_user src;
	struct bus_name_event *e;
	u64 flags;

	begin(t);
	KTEST_REQUIRE(users && hits);
	bus_name_user_init(&src, 7);
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL, .src = &src};

	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(0, 1, false), 0);
	add_id(KDBUS_ITEM_ID, 8);
	EXPECT_EQ(commit(1, 1, false), 0);
	add_id(KDBUS_ITEM_ID, ANY);
	EXPECT_EQ(commit(2, 1, false), 0);
	add_name("a.b");
	EXPECT_EQ(commit(3, 1, false), 0);
	add_id(KDBUS_ITEM_DST_ID, 9);
	EXPECT_EQ(commit(4, 1, false), 0);
	EXPECT_EQ(commit(5, 1, false), 0); /* no rule */
	add_id(KDBUS_ITEM_ID, 7);
	add_name("a.b");
	EXPECT_EQ(commit(6, 1, false), 0);
	add_id(KDBUS_ITEM_ID, 7);
	add_change(KDBUS_ITEM_NAME_ADD, ANY, ANY, NULL);
	EXPECT_EQ(commit(7, 1, false), 0); /* never */
	EXPECT_EQ(ask(t, &m), 3);
	EXPECT_TRUE(hits[0] && hits[2] && hits[5]);
	EXPECT_EQ(bus_names_acquire(&names, &src, "a.b", 0, &flags, &e), 0);
	bus_name_event_free(&names, e);
	EXPECT_EQ(ask(t, &m), 5);
	EXPECT_TRUE(hits[3] && hits[6]);
	m.dst_id = 9;
	m.names = &names;
	EXPECT_TRUE(bus_match_user_wants(&index_, &users[4], &m));
	EXPECT_TRUE(bus_match_user_wants(&index_, &users[0], &m));
	EXPECT_FALSE(bus_match_user_wants(&index_, &users[1], &m));
	EXPECT_FALSE(bus_match_user_wants(&index_, &users[7], &m));
	EXPECT_FALSE(bus_match_user_wants(&index_, &users[8], &m));
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_ADD, 0, 7, "x.y"), 1); /* the one without rules */
	EXPECT_EQ(bus_names_release(&names, &src, "a.b", &e), 0);
	bus_name_event_free(&names, e);
	end(t);
}

KTEST(bus_match, bloom)
{
	u64 filter[WORDS] = {0};

	begin(t);
	KTEST_REQUIRE(users && hits);
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL, .filter = filter};

	add_mask(5 + 1, 0);
	EXPECT_EQ(commit(0, 1, false), 0);
	add_mask(5 + 1, 300 + 1);
	EXPECT_EQ(commit(1, 1, false), 0);
	add_mask(1, 0); /* no bit: everything */
	EXPECT_EQ(commit(2, 1, false), 0);
	add_mask(1, 400 + 1); /* everything of generation 0 */
	EXPECT_EQ(commit(3, 1, false), 0);
	add_mask(5 + 1, 0);
	add_mask(6 + 1, 0);
	EXPECT_EQ(commit(4, 1, false), 0);
	EXPECT_EQ(ask(t, &m), 2);
	EXPECT_TRUE(hits[2] && hits[3]);
	filter[0] = 1ull << 5;
	EXPECT_EQ(ask(t, &m), 4);
	filter[0] = 1ull << 5 | 1ull << 6 | 1ull << 50;
	EXPECT_EQ(ask(t, &m), 5);
	m.generation = 1;
	EXPECT_EQ(ask(t, &m), 3);
	EXPECT_TRUE(hits[0] && hits[2] && hits[4]);
	filter[300 / 64] |= 1ull << 300 % 64;
	m.generation = 77;
	EXPECT_EQ(ask(t, &m), 4);
	filter[400 / 64] |= 1ull << 400 % 64;
	EXPECT_EQ(ask(t, &m), 5);
	m.filter = NULL;
	EXPECT_EQ(ask(t, &m), 0);
	end(t);
}

/* More generations than places, and a mask of the wrong length. */
KTEST(bus_match, many_generations)
{
	u64 filter[WORDS] = {1};
	struct kdbus_item *i;

	begin(t);
	KTEST_REQUIRE(users && hits);
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL, .filter = filter};

	i = add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8 * 20);
	for (u32 g = 0; g < 20; g++)
		i->data64[g * WORDS] = g == 13 ? 1 : 2;
	EXPECT_EQ(commit(0, 1, false), 0);
	for (m.generation = 0; m.generation < 30; m.generation++)
		EXPECT_EQ(ask(t, &m), m.generation == 13);
	add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8 - 8);
	EXPECT_EQ(commit(0, 2, false), -EDOM);
	add(KDBUS_ITEM_BLOOM_MASK, 0);
	EXPECT_EQ(commit(0, 2, false), -EDOM);
	add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8 + 4);
	EXPECT_EQ(commit(0, 2, false), -EDOM);
	end(t);
}

KTEST(bus_match, notices)
{
	struct kdbus_item *i;

	begin(t);
	KTEST_REQUIRE(users && hits);
	add_change(KDBUS_ITEM_NAME_ADD, ANY, ANY, "a.b");
	EXPECT_EQ(commit(0, 1, false), 0);
	add_change(KDBUS_ITEM_NAME_CHANGE, 3, ANY, NULL);
	EXPECT_EQ(commit(1, 1, false), 0);
	add_change(KDBUS_ITEM_NAME_CHANGE, ANY, 4, NULL);
	EXPECT_EQ(commit(2, 1, false), 0);
	add_change(KDBUS_ITEM_NAME_CHANGE, ANY, ANY, NULL);
	EXPECT_EQ(commit(3, 1, false), 0);
	i = add(KDBUS_ITEM_ID_ADD, 16);
	i->id_change.id = ANY;
	EXPECT_EQ(commit(4, 1, false), 0);
	i = add(KDBUS_ITEM_ID_REMOVE, 16);
	i->id_change.id = 12;
	EXPECT_EQ(commit(5, 1, false), 0);
	add_change(KDBUS_ITEM_NAME_ADD, ANY, ANY, "a.b");
	add_change(KDBUS_ITEM_NAME_ADD, ANY, 5, NULL);
	EXPECT_EQ(commit(6, 1, false), 0);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_ADD, 0, 4, "a.b"), 1);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_ADD, 0, 5, "a.b"), 2);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_ADD, 0, 5, "a.c"), 0);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_CHANGE, 3, 4, "q.q"), 3);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_CHANGE, 4, 3, "q.q"), 1);
	EXPECT_EQ(tell(t, KDBUS_ITEM_NAME_REMOVE, 3, 0, "a.b"), 0);
	EXPECT_EQ(tell(t, KDBUS_ITEM_ID_ADD, 0, 12, NULL), 1);
	EXPECT_EQ(tell(t, KDBUS_ITEM_ID_REMOVE, 12, 0, NULL), 1);
	EXPECT_EQ(tell(t, KDBUS_ITEM_ID_REMOVE, 13, 0, NULL), 0);
	add(KDBUS_ITEM_ID_ADD, 8);
	EXPECT_EQ(commit(0, 2, false), -EINVAL);
	add(KDBUS_ITEM_NAME_ADD, 24);
	EXPECT_EQ(commit(0, 2, false), -EINVAL);
	add_name("nodot");
	EXPECT_EQ(commit(0, 2, false), -EINVAL);
	end(t);
}

KTEST(bus_match, cookies)
{
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL};

	begin(t);
	KTEST_REQUIRE(users && hits);
	for (u32 n = 0; n < BUS_MATCHES_PER_USER; n++) {
		add_id(KDBUS_ITEM_ID, n);
		EXPECT_EQ(commit(0, n / 2, false), 0);
	}
	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(0, 1ull << 60, false), -EMFILE);
	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(0, 1ull << 60, true), -EMFILE);
	EXPECT_EQ(ask(t, &m), 1);
	add_id(KDBUS_ITEM_ID, 70000);
	EXPECT_EQ(commit(0, 3, true), 0); /* 6 and 7 went */
	EXPECT_EQ(users[0].count, BUS_MATCHES_PER_USER - 1);
	EXPECT_EQ(ask(t, &m), 0);
	EXPECT_EQ(bus_match_remove(&index_, &users[0], 1ull << 60), -EBADSLT);
	EXPECT_EQ(bus_match_remove(&index_, &users[1], 3), -EBADSLT);
	EXPECT_EQ(bus_match_remove(&index_, &users[0], 2), 0);
	EXPECT_EQ(bus_match_remove(&index_, &users[0], 2), -EBADSLT);
	EXPECT_EQ(users[0].count, BUS_MATCHES_PER_USER - 3);
	/* The only one of a user in its own place. */
	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(1, 5, true), 0);
	add_id(KDBUS_ITEM_ID, 8);
	EXPECT_EQ(commit(1, 5, true), 0);
	EXPECT_EQ(users[1].count, 1);
	end(t);
}

static void set_bits(u64 *to, u64 what)
{
	for (u32 k = 0; k < 8; k++) {
		u64 bit = hash_mix64(what * 8 + k) % (WORDS * 64);

		to[bit / 64] |= 1ull << bit % 64;
	}
}

/*
 * A thousand receivers, ten matches each, for an interface of their own and for one that few
 * share: what is looked at grows with those that match, not with all.
 */
KTEST(bus_match, looks_at_few)
{
	u64 filter[WORDS] = {0};
	u32 before = 0;

	begin(t);
	KTEST_REQUIRE(users && hits);
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL, .filter = filter};

	for (u32 u = 0; u < 1000; u++) {
		for (u32 n = 0; n < 10; n++) {
			struct kdbus_item *i = add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8);

			set_bits(i->data64, n || u >= 20 ? 1000 + u * 10 + n : 1);
			EXPECT_EQ(commit(u, n, false), 0);
		}
	}
	EXPECT_EQ(index_.count, 10000);
	set_bits(filter, 1);
	u32 found = ask(t, &m);

	/* 8 of 512 bits: one match in 64 stands under them, and those that fit. */
	EXPECT_TRUE(found >= 20 && found < 30);
	EXPECT_TRUE(scan.looked < 10000 / 64 * 2 + 2 * found);
	before = (u32)scan.looked;
	for (u32 u = 1000; u < USERS; u++) {
		struct kdbus_item *i = add(KDBUS_ITEM_BLOOM_MASK, WORDS * 8);

		set_bits(i->data64, 500000 + u);
		EXPECT_EQ(commit(u, 0, false), 0);
	}
	EXPECT_EQ(ask(t, &m), found);
	EXPECT_TRUE(scan.looked <= before + 20);
	/* By id it is only those. */
	filter[0] = 0;
	memset(filter, 0, sizeof(filter));
	for (u32 u = 0; u < 1000; u++) {
		add_id(KDBUS_ITEM_ID, 5000 + u / 10);
		EXPECT_EQ(commit(u, 77, false), 0);
	}
	m.src_id = 5003;
	EXPECT_EQ(ask(t, &m), 10);
	EXPECT_EQ(scan.looked, 10);
	end(t);
}

KTEST(bus_match, no_memory)
{
	struct bus_match_message m = {.src_id = 7, .dst_id = ALL};

	for (int n = 0; n < 4; n++) {
		test_mem_left = n;
		EXPECT_EQ(bus_match_index_init(&index_, &test_mem, 64, 1), -ENOMEM);
		EXPECT_EQ(test_mem_live, 0);
	}
	test_mem_left = -1;
	begin(t);
	KTEST_REQUIRE(users && hits);
	test_mem_left = 0;
	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(0, 1, false), -ENOMEM);
	test_mem_left = 1;
	add_id(KDBUS_ITEM_ID, 7);
	EXPECT_EQ(commit(0, 1, false), -ENOMEM); /* a number for the user */
	test_mem_left = -1;
	for (u32 i = 0; i < USERS; i++) {
		add_id(KDBUS_ITEM_ID, 7);
		EXPECT_EQ(commit(i, 1, false), 0);
	}
	test_mem_left = 0;
	m.names = &names;
	EXPECT_EQ(bus_match_message(&index_, &m, &scan, hit, NULL), -ENOMEM);
	test_mem_left = -1;
	EXPECT_EQ(ask(t, &m), USERS);
	end(t);
}
