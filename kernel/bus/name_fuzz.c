/* Any order of claims: what is told is what changed, and counts are right. */
#include "name_impl.h"

#include <kern/errno.h>

#include "fuzz_impl.h"

#define USERS 5u
#define NAMES 4u

static const char *const texts[NAMES] = {"a.b", "a.c", "b.a", "a.b.c"};
static struct bus_names names;
static struct bus_name_user user[USERS];

static u64 owner_of(const char *text)
{
	struct bus_name_claim *c;

	return bus_name_find(&names, text, &c) ? c->user->id : 0;
}

static void check_told(struct bus_name_event *e, const char *text, u64 before)
{
	u64 now = owner_of(text);

	if (before == now) {
		FUZZ_CHECK(!e);
		return;
	}
	FUZZ_CHECK(e && e->old_id == before && e->new_id == now && !strcmp(e->text, text));
	FUZZ_CHECK(e->type == (!before ? (u64)KDBUS_ITEM_NAME_ADD
			       : now   ? (u64)KDBUS_ITEM_NAME_CHANGE
				       : (u64)KDBUS_ITEM_NAME_REMOVE));
}

static void check_user(const struct bus_name_user *u)
{
	const struct bus_name_claim *c;
	u32 count = 0, owned = 0;

	bus_name_for_each_claim(c, u)
	{
		bool owns = bus_name_is_owner(c->name, u);

		count++;
		owned += owns;
		FUZZ_CHECK(owns == !(c->flags & KDBUS_NAME_IN_QUEUE));
		FUZZ_CHECK(owns == !!(c->flags & KDBUS_NAME_PRIMARY));
		FUZZ_CHECK(owns == bus_name_user_owns(&names, u, c->name->text));
	}
	FUZZ_CHECK(count == u->count && owned == u->owned);
}

static void step(struct fuzz_input *in)
{
	struct bus_name_event *e = NULL;
	struct bus_name_user *u = &user[fuzz_below(in, USERS)];
	const char *text = texts[fuzz_below(in, NAMES)];
	u64 before = owner_of(text), returned, flags = fuzz_byte(in);
	int err;

	fuzz_memory(in);
	if (flags & 0x80) {
		err = bus_names_release(&names, u, text, &e);
		FUZZ_CHECK(err != -ENOMEM);
	} else {
		flags &= KDBUS_NAME_REPLACE_EXISTING | KDBUS_NAME_ALLOW_REPLACEMENT |
			 KDBUS_NAME_QUEUE | KDBUS_NAME_ACTIVATOR;
		err = bus_names_acquire(&names, u, text, flags, &returned, &e);
	}
	test_mem_left = -1;
	check_told(err ? NULL : e, text, before);
	if (!err)
		bus_name_event_free(&names, e);
	for (u32 i = 0; i < USERS; i++)
		check_user(&user[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct bus_name_event *e;

	FUZZ_CHECK(!bus_names_init(&names, &test_mem, 1, NULL));
	for (u32 i = 0; i < USERS; i++)
		bus_name_user_init(&user[i], i + 1);
	while (in.left)
		step(&in);
	for (u32 i = 0; i < USERS; i++) {
		while (bus_names_release_any(&names, &user[i], &e))
			bus_name_event_free(&names, e);
		check_user(&user[i]);
	}
	FUZZ_CHECK(!names.table.count);
	bus_names_destroy(&names);
	FUZZ_CHECK(!test_mem_live);

	/* And any bytes as a name. */
	char text[300];
	size_t len = size < sizeof(text) ? size : sizeof(text) - 1;

	memcpy(text, data, len);
	text[len] = 0;
	if (bus_name_is_valid(text, false))
		FUZZ_CHECK(bus_name_is_valid(text, true) && strlen(text) <= BUS_NAME_LEN_MAX);
	return 0;
}
