/* Any matches, added and removed: the index finds whom a look at every match finds. */
#include <kern/errno.h>

#include "fuzz_impl.h"
#include "item_impl.h"
#include "match_index_impl.h"
#include "name_impl.h"

#define USERS 70u
#define WORDS 2u
#define BYTES 2048u

static struct bus_names names;
static struct bus_name_user source;
static struct bus_match_index index_;
static struct bus_match_user user[USERS];
static bool hits[USERS];

static u64 any_id(struct fuzz_input *in)
{
	u8 b = fuzz_byte(in);

	return b & 0x80 ? KDBUS_MATCH_ID_ANY : b & 3;
}

static const char *any_name(struct fuzz_input *in)
{
	static const char *const texts[] = {"a.b", "a.c", "b.a", "bad"};

	return texts[fuzz_below(in, ARRAY_SIZE(texts))];
}

static u64 any_bits(struct fuzz_input *in)
{
	u64 b = fuzz_byte(in);

	return b & 0x80 ? 0 : 1ull << (b & 63) | 1ull << (b >> 2 & 15);
}

static char *put_change(struct fuzz_input *in, char *to, u64 type)
{
	u64 payload[8] = {any_id(in), 0, any_id(in), 0};
	const char *text = any_name(in);
	size_t len = 32;

	if (fuzz_byte(in) & 1) {
		memcpy(&payload[4], text, strlen(text) + 1);
		len += strlen(text) + 1;
	}
	return bus_item_write(to, type, payload, len);
}

static char *put_rule(struct fuzz_input *in, char *to)
{
	static const u64 types[] = {
		KDBUS_ITEM_BLOOM_MASK, KDBUS_ITEM_BLOOM_MASK,  KDBUS_ITEM_BLOOM_MASK,
		KDBUS_ITEM_NAME,       KDBUS_ITEM_ID,	       KDBUS_ITEM_DST_ID,
		KDBUS_ITEM_NAME_ADD,   KDBUS_ITEM_NAME_REMOVE, KDBUS_ITEM_NAME_CHANGE,
		KDBUS_ITEM_ID_ADD,     KDBUS_ITEM_ID_REMOVE,   KDBUS_ITEM_NEGOTIATE};
	u64 type = types[fuzz_below(in, ARRAY_SIZE(types))], payload[40];
	size_t len = 8;

	if (type >= KDBUS_ITEM_NAME_ADD && type <= KDBUS_ITEM_NAME_CHANGE)
		return put_change(in, to, type);
	if (type == KDBUS_ITEM_NAME) {
		const char *text = any_name(in);

		return bus_item_write(to, type, text, strlen(text) + 1);
	}
	payload[0] = any_id(in);
	payload[1] = 0;
	if (type >= KDBUS_ITEM_ID_ADD)
		len = 16;
	if (type == KDBUS_ITEM_BLOOM_MASK) {
		u64 words = fuzz_below(in, ARRAY_SIZE(payload) + 1);

		for (u64 w = 0; w < words; w++)
			payload[w] = any_bits(in);
		len = words * 8;
	}
	return bus_item_write(to, type, payload, len);
}

static void add(struct fuzz_input *in, struct bus_match_user *u)
{
	static u64 list[BYTES / 8];
	char *end = (char *)list;
	u64 n = fuzz_below(in, 4), cookie = fuzz_below(in, 4);
	struct bus_match *m;
	int err;

	while (n--)
		end = put_rule(in, end);
	fuzz_memory(in);
	err = bus_match_parse(&index_, cookie, list, (size_t)(end - (char *)list), &m);
	if (!err) {
		err = bus_match_add(&index_, u, m, fuzz_byte(in) & 1);
		if (err)
			bus_match_free(&index_, m);
	}
	test_mem_left = -1;
}

static int hit(void *ctx, struct bus_match_user *u)
{
	(void)ctx;
	FUZZ_CHECK(!hits[u - user]);
	hits[u - user] = true;
	return 0;
}

static void ask(struct fuzz_input *in, struct bus_match_scan *s)
{
	u64 filter[WORDS];
	struct bus_match_message m = {.src_id = fuzz_below(in, 4),
				      .dst_id = KDBUS_DST_ID_BROADCAST,
				      .names = &names,
				      .src = &source,
				      .generation = fuzz_below(in, 30)};

	memset(hits, 0, sizeof(hits));
	for (u32 w = 0; w < WORDS; w++)
		filter[w] = any_bits(in) | any_bits(in);
	m.filter = fuzz_byte(in) < 0xf0 ? filter : NULL;
	FUZZ_CHECK(!bus_match_message(&index_, &m, s, hit, NULL));
	for (u32 i = 0; i < USERS; i++)
		FUZZ_CHECK(hits[i] == bus_match_user_wants(&index_, &user[i], &m));
}

static bool wants_notice(const struct bus_match_user *u, const struct bus_match_notice *n)
{
	const struct bus_match *m;

	rb_for_each_entry(m, &u->by_cookie, by_cookie)
	{
		if ((m->sort == MATCH_NOTICE || m->sort == MATCH_EVERY) && match_fits_notice(m, n))
			return true;
	}
	return false;
}

static void tell(struct fuzz_input *in, struct bus_match_scan *s)
{
	struct bus_match_notice n = {.type = KDBUS_ITEM_NAME_ADD + fuzz_below(in, 5),
				     .old_id = fuzz_below(in, 4),
				     .new_id = fuzz_below(in, 4)};

	if (n.type <= KDBUS_ITEM_NAME_CHANGE)
		n.name = any_name(in);
	memset(hits, 0, sizeof(hits));
	FUZZ_CHECK(!bus_match_notice(&index_, &n, s, hit, NULL));
	for (u32 i = 0; i < USERS; i++)
		FUZZ_CHECK(hits[i] == wants_notice(&user[i], &n));
}

static void change_name(struct fuzz_input *in)
{
	struct bus_name_event *e;
	const char *text = any_name(in);
	u64 flags;

	if (bus_names_release(&names, &source, text, &e) &&
	    bus_names_acquire(&names, &source, text, 0, &flags, &e))
		return;
	bus_name_event_free(&names, e);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct bus_match_scan scan;
	struct bus_name_event *e;

	FUZZ_CHECK(!bus_names_init(&names, &test_mem, 1, NULL));
	FUZZ_CHECK(!bus_match_index_init(&index_, &test_mem, WORDS * 8, 1));
	bus_name_user_init(&source, 1);
	for (u32 i = 0; i < USERS; i++)
		bus_match_user_init(&user[i]);
	bus_match_scan_init(&scan, &test_mem);
	while (in.left) {
		struct bus_match_user *u = &user[fuzz_below(&in, USERS)];
		u8 what = fuzz_byte(&in) % 16;

		if (what < 8)
			add(&in, u);
		else if (what < 10)
			(void)!bus_match_remove(&index_, u, fuzz_below(&in, 4));
		else if (what == 10)
			bus_match_clear(&index_, u);
		else if (what == 11)
			change_name(&in);
		else if (what < 14)
			ask(&in, &scan);
		else
			tell(&in, &scan);
	}
	for (u32 i = 0; i < USERS; i++)
		bus_match_clear(&index_, &user[i]);
	while (bus_names_release_any(&names, &source, &e))
		bus_name_event_free(&names, e);
	FUZZ_CHECK(!index_.count && !index_.by_key.count);
	bus_match_scan_destroy(&scan);
	bus_match_index_destroy(&index_);
	bus_names_destroy(&names);
	FUZZ_CHECK(!test_mem_live);
	return 0;
}
