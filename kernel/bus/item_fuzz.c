/* Any bytes as a list of items: what has been judged can be walked, and strings end in it. */
#include "item_impl.h"

#include <kern/errno.h>

#include "fuzz_impl.h"

static const struct bus_item_rule rules[] = {
	{KDBUS_ITEM_NAME, .multiple = true},
	{KDBUS_ITEM_POLICY_ACCESS, .multiple = true},
	{KDBUS_ITEM_PAYLOAD_VEC, .multiple = true},
	{KDBUS_ITEM_PAYLOAD_MEMFD, .multiple = true},
	{KDBUS_ITEM_FDS},
	{KDBUS_ITEM_BLOOM_FILTER},
	{KDBUS_ITEM_BLOOM_MASK, .multiple = true},
	{KDBUS_ITEM_NAME_CHANGE, .multiple = true},
	{KDBUS_ITEM_MAKE_NAME, .mandatory = true},
	{KDBUS_ITEM_NEGOTIATE, .multiple = true},
	{KDBUS_ITEM_CREDS},
};

static void check_item(const struct kdbus_item *i, const u8 *list, size_t size)
{
	const u8 *p = (const u8 *)i;

	FUZZ_CHECK(p >= list && p + BUS_ITEM_HEAD <= list + size);
	FUZZ_CHECK(i->size >= BUS_ITEM_HEAD && i->size <= size - (size_t)(p - list));
	if (i->type == KDBUS_ITEM_NAME || i->type == KDBUS_ITEM_MAKE_NAME)
		FUZZ_CHECK(strlen(i->str) + 1 == bus_item_payload(i));
	if (i->type == KDBUS_ITEM_NAME_CHANGE && bus_item_payload(i) > 32)
		FUZZ_CHECK(strlen(i->name_change.name) + 33 == bus_item_payload(i));
	if (i->type == KDBUS_ITEM_CREDS)
		FUZZ_CHECK(bus_item_payload(i) == sizeof(i->creds));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct kdbus_item *found[ARRAY_SIZE(rules)], *i;
	u8 *list = test_alloc(size ? size : 1); /* aligned, and its end is watched */
	size_t n = 0;

	memcpy(list, data, size);
	/* Inputs are short: types and sizes of more than two bytes are for the head only. */
	if (!bus_items_judge(list, size, rules, ARRAY_SIZE(rules), found)) {
		bus_item_for_each(i, list, size)
		{
			check_item(i, list, size);
			FUZZ_CHECK(bus_items_known(i->type, rules, ARRAY_SIZE(rules)));
			FUZZ_CHECK(++n <= size / BUS_ITEM_HEAD);
		}
		FUZZ_CHECK(bus_items_complete(rules, ARRAY_SIZE(rules), found) == !!found[8]);
	}
	test_free(list);
	return 0;
}
