/* Sets of any items replace one another; answers are those of a plain search in what counts. */
#include "policy_impl.h"

#include <kern/errno.h>

#include "fuzz_impl.h"
#include "item_impl.h"
#include "name_impl.h"

#define HOLDERS 3u
#define BYTES 512u

static const struct bus_item_rule rules[] = {
	{KDBUS_ITEM_NAME, .multiple = true},
	{KDBUS_ITEM_POLICY_ACCESS, .multiple = true},
};

struct set_copy {
	u64 word[BYTES / 8];
	size_t size;
};

static struct bus_policy policy;
static struct bus_policy_holder holder[HOLDERS];
static struct set_copy copy[HOLDERS];

static u32 map_id(void *ctx, u64 id)
{
	(void)ctx;
	return id < 8 ? (u32)id : U32_MAX;
}

static const struct bus_policy_ids ids = {.uid = map_id, .gid = map_id};
static const char *const texts[] = {"a.b", "a.c", "a.b.c", "a.*", "a.b.*", "bad", "b.*"};

static void put_item(struct fuzz_input *in, struct set_copy *s)
{
	u8 kind = fuzz_byte(in);
	const char *text = texts[kind % ARRAY_SIZE(texts)];
	struct kdbus_policy_access a = {
		.type = kind >> 2 & 3, .access = kind >> 4 & 3, .id = fuzz_below(in, 9)};
	char *to = (char *)s->word + s->size, *end;

	if (s->size + 64 > BYTES)
		return;
	if (kind & 0x80)
		end = bus_item_write(to, KDBUS_ITEM_NAME, text, strlen(text) + 1);
	else
		end = bus_item_write(to, KDBUS_ITEM_POLICY_ACCESS, &a, sizeof(a));
	s->size = (size_t)(end - (char *)s->word);
}

/* Access by entries of @text, a name or a wildcard; *@any: there is one. */
static int search(const struct set_copy *s, const char *text, const struct bus_policy_who *who,
		  bool *any)
{
	const struct kdbus_item *i;
	bool counts = false;
	int best = BUS_POLICY_NONE;

	bus_item_for_each(i, s->word, s->size)
	{
		const struct kdbus_policy_access *a = &i->policy_access;

		if (i->type == KDBUS_ITEM_NAME) {
			counts = !strcmp(i->str, text);
			*any |= counts;
			continue;
		}
		if (!counts || (int)a->access <= best)
			continue;
		if (a->type == KDBUS_POLICY_ACCESS_WORLD ||
		    (a->type == KDBUS_POLICY_ACCESS_USER && a->id == who->uid) ||
		    (a->type == KDBUS_POLICY_ACCESS_GROUP &&
		     (a->id == who->gid || a->id == who->groups[0])))
			best = (int)a->access;
	}
	return best;
}

static int expect(const char *name, const struct bus_policy_who *who)
{
	char wild[16];
	bool any = false;
	int best = BUS_POLICY_NONE;

	memcpy(wild, name, strlen(name) + 1);
	memcpy(strrchr(wild, '.') + 1, "*", 2);
	for (int pass = 0; pass < 2 && !any; pass++) {
		for (u32 h = 0; h < HOLDERS; h++) {
			int a = search(&copy[h], pass ? wild : name, who, &any);

			best = a > best ? a : best;
		}
	}
	return best;
}

static void replace(struct fuzz_input *in, u32 h)
{
	static struct set_copy fresh;
	struct kdbus_item *found[ARRAY_SIZE(rules)];
	struct bus_policy_set *s;
	u32 items = fuzz_byte(in) % 12;
	int err;

	fresh.size = 0;
	while (items--)
		put_item(in, &fresh);
	FUZZ_CHECK(!bus_items_judge(fresh.word, fresh.size, rules, ARRAY_SIZE(rules), found));
	fuzz_memory(in);
	err = bus_policy_parse(&policy, fresh.word, fresh.size, fuzz_below(in, 4), true, &ids, &s);
	if (!err) {
		err = bus_policy_replace(&policy, &holder[h], s);
		if (err)
			bus_policy_set_free(&policy, s);
		else
			copy[h] = fresh;
	}
	test_mem_left = -1;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const names[] = {"a.b", "a.c", "a.b.c", "a.d", "b.x", "c.c"};
	struct fuzz_input in = {data, size};
	u32 groups[1];

	memset(copy, 0, sizeof(copy));
	FUZZ_CHECK(!bus_policy_init(&policy, &test_mem, 1));
	while (in.left) {
		u32 h = (u32)fuzz_below(&in, HOLDERS);
		struct bus_policy_who who = {
			.uid = h, .gid = h + 1, .groups = groups, .group_count = 1};

		groups[0] = (u32)fuzz_below(&in, 8);
		if (fuzz_byte(&in) < 0x20) {
			bus_policy_clear(&policy, &holder[h]);
			copy[h].size = 0;
		} else {
			replace(&in, h);
		}
		for (u32 n = 0; n < ARRAY_SIZE(names); n++)
			FUZZ_CHECK(bus_policy_query(&policy, &who, names[n]) ==
				   expect(names[n], &who));
	}
	for (u32 h = 0; h < HOLDERS; h++)
		bus_policy_clear(&policy, &holder[h]);
	FUZZ_CHECK(!policy.table.count);
	bus_policy_destroy(&policy);
	FUZZ_CHECK(!test_mem_live);
	return 0;
}
