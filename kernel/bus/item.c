/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of items. */
#include "item_impl.h"

#include <kern/errno.h>
#include <kern/string.h>

#include "bus.h"

enum form {
	FORM_ANY,     /* what it must be depends on more than the item */
	FORM_EXACT,   /* .size bytes */
	FORM_LEAST,   /* .size bytes or more */
	FORM_ARRAY,   /* a multiple of .size */
	FORM_STRING,  /* terminated at the end and nowhere else */
	FORM_NODE,    /* name of a bus or endpoint */
};

struct item_form {
	u64 type;
	enum form form;
	u32 size;
};

/* clang-format off */
static const struct item_form forms[] = {
	{KDBUS_ITEM_NEGOTIATE, FORM_ARRAY, sizeof(u64)},
	{KDBUS_ITEM_PAYLOAD_VEC, FORM_EXACT, sizeof(struct kdbus_vec)},
	{KDBUS_ITEM_PAYLOAD_MEMFD, FORM_EXACT, sizeof(struct kdbus_memfd)},
	{KDBUS_ITEM_FDS, FORM_ARRAY, sizeof(int)},
	{KDBUS_ITEM_CANCEL_FD, FORM_EXACT, sizeof(int)},
	{KDBUS_ITEM_BLOOM_PARAMETER, FORM_EXACT, sizeof(struct kdbus_bloom_parameter)},
	{KDBUS_ITEM_BLOOM_FILTER, FORM_LEAST, sizeof(struct kdbus_bloom_filter)},
	{KDBUS_ITEM_CONN_DESCRIPTION, FORM_NODE, 0},
	{KDBUS_ITEM_MAKE_NAME, FORM_NODE, 0},
	{KDBUS_ITEM_ATTACH_FLAGS_SEND, FORM_EXACT, sizeof(u64)},
	{KDBUS_ITEM_ATTACH_FLAGS_RECV, FORM_EXACT, sizeof(u64)},
	{KDBUS_ITEM_ID, FORM_EXACT, sizeof(u64)},
	{KDBUS_ITEM_DST_ID, FORM_EXACT, sizeof(u64)},
	{KDBUS_ITEM_CREDS, FORM_EXACT, sizeof(struct kdbus_creds)},
	{KDBUS_ITEM_PIDS, FORM_EXACT, sizeof(struct kdbus_pids)},
	{KDBUS_ITEM_NAME, FORM_STRING, 0},
	{KDBUS_ITEM_DST_NAME, FORM_STRING, 0},
	{KDBUS_ITEM_SECLABEL, FORM_STRING, 0},
	{KDBUS_ITEM_POLICY_ACCESS, FORM_EXACT, sizeof(struct kdbus_policy_access)},
	{KDBUS_ITEM_NAME_ADD, FORM_LEAST, sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_NAME_REMOVE, FORM_LEAST, sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_NAME_CHANGE, FORM_LEAST, sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_ID_ADD, FORM_EXACT, sizeof(struct kdbus_notify_id_change)},
	{KDBUS_ITEM_ID_REMOVE, FORM_EXACT, sizeof(struct kdbus_notify_id_change)},
};
/* clang-format on */

static bool is_string(const char *s, u64 len)
{
	return len && memchr(s, 0, len) == s + len - 1;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters, digits and '_'; inside also '-' and '.'. */
static int judge_node_name(const char *s, u64 len)
{
	if (len < 2)
		return -EINVAL;
	if (len > BUS_NODE_NAME_MAX + 1)
		return -ENAMETOOLONG;
	if (!is_string(s, len))
		return -EINVAL;
	len--;
	for (u64 i = 0; i < len; i++) {
		bool inside = i > 0 && i + 1 < len;

		if (!is_alnum(s[i]) && s[i] != '_' && !(inside && (s[i] == '-' || s[i] == '.')))
			return -EINVAL;
	}
	return 0;
}

static int judge_form(const struct item_form *f, const struct kdbus_item *i)
{
	u64 len = bus_item_payload(i);

	switch (f->form) {
	case FORM_EXACT:
		return len == f->size ? 0 : -EINVAL;
	case FORM_LEAST:
		return len >= f->size ? 0 : -EINVAL;
	case FORM_ARRAY:
		return len % f->size ? -EINVAL : 0;
	case FORM_STRING:
		return is_string(i->str, len) ? 0 : -EINVAL;
	case FORM_NODE:
		return judge_node_name(i->str, len);
	default:
		return 0;
	}
}

/* What the form alone does not say. */
static int judge_values(const struct kdbus_item *i)
{
	u64 extra;

	switch (i->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		return i->vec.size ? 0 : -EINVAL;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		if (!i->memfd.size)
			return -EINVAL;
		return i->memfd.fd < 0 ? -EBADF : 0;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		extra = bus_item_payload(i) - sizeof(struct kdbus_notify_name_change);
		return !extra || is_string(i->name_change.name, extra) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

static int judge_item(const struct kdbus_item *i)
{
	for (u32 n = 0; n < ARRAY_SIZE(forms); n++) {
		int err;

		if (forms[n].type != i->type)
			continue;
		err = judge_form(&forms[n], i);
		return err ? err : judge_values(i);
	}
	return 0;
}

static int find_rule(u64 type, const struct bus_item_rule *rules, u32 n)
{
	for (u32 k = 0; k < n; k++) {
		if (rules[k].type == type)
			return (int)k;
	}
	return -1;
}

bool bus_items_known(u64 type, const struct bus_item_rule *rules, u32 n)
{
	return find_rule(type, rules, n) >= 0;
}

int bus_items_judge(const void *items, size_t size, const struct bus_item_rule *rules, u32 n,
		    struct kdbus_item **found)
{
	size_t at = 0;

	for (u32 k = 0; k < n; k++)
		found[k] = NULL;
	while (at < size) {
		struct kdbus_item *i = (void *)((uptr)items + at);
		int k, err;

		if (size - at < BUS_ITEM_HEAD || i->size < BUS_ITEM_HEAD || i->size > size - at)
			return -EINVAL;
		k = find_rule(i->type, rules, n);
		if (k < 0)
			return -EINVAL;
		err = judge_item(i);
		if (err)
			return err;
		if (found[k] && !rules[k].multiple)
			return -EINVAL;
		found[k] = i;
		at += BUS_ALIGN8((size_t)i->size);
	}
	return 0;
}

bool bus_items_complete(const struct bus_item_rule *rules, u32 n, struct kdbus_item *const *found)
{
	for (u32 k = 0; k < n; k++) {
		if (rules[k].mandatory && !found[k])
			return false;
	}
	return true;
}

void *bus_item_write(void *to, u64 type, const void *payload, size_t len)
{
	struct kdbus_item *i = to;
	size_t whole = BUS_ALIGN8(len);

	i->size = BUS_ITEM_HEAD + len;
	i->type = type;
	if (payload)
		memcpy(i->data, payload, len);
	memset(i->data + (payload ? len : 0), 0, whole - (payload ? len : 0));
	return i->data + whole;
}
