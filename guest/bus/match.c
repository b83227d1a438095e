// SPDX-License-Identifier: BSD-2-Clause
/* Which signals come in: match rules as D-Bus writes them, and the filters that they become. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bus_impl.h"

#define VALUE_MAX 1024
#define ARGS_MAX 64

/* How two connections that never met hash the same: part of the D-Bus bindings of kdbus. */
static const uint8_t bloom_keys[8][16] = {
	{0xb9, 0x66, 0x0b, 0xf0, 0x46, 0x70, 0x47, 0xc1, 0x88, 0x75, 0xc4, 0x9c, 0x54, 0xb9, 0xbd,
	 0x15},
	{0xaa, 0xa1, 0x54, 0xa2, 0xe0, 0x71, 0x4b, 0x39, 0xbf, 0xe1, 0xdd, 0x2e, 0x9f, 0xc5, 0x4a,
	 0x3b},
	{0x63, 0xfd, 0xae, 0xbe, 0xcd, 0x82, 0x48, 0x12, 0xa1, 0x6e, 0x41, 0x26, 0xcb, 0xfa, 0xa0,
	 0xc8},
	{0x23, 0xbe, 0x45, 0x29, 0x32, 0xd2, 0x46, 0x2d, 0x82, 0x03, 0x52, 0x28, 0xfe, 0x37, 0x17,
	 0xf5},
	{0x56, 0x3b, 0xbf, 0xee, 0x5a, 0x4f, 0x43, 0x39, 0xaf, 0xaa, 0x94, 0x08, 0xdf, 0xf0, 0xfc,
	 0x10},
	{0x31, 0x80, 0xc8, 0x73, 0xc7, 0xea, 0x46, 0xd3, 0xaa, 0x25, 0x75, 0x0f, 0x9e, 0x4c, 0x09,
	 0x29},
	{0x7d, 0xf7, 0x18, 0x4b, 0x7b, 0xa4, 0x44, 0xd5, 0x85, 0x3c, 0x06, 0xe0, 0x65, 0x53, 0x96,
	 0x6d},
	{0xf2, 0x77, 0xe9, 0x6f, 0x93, 0xb5, 0x4e, 0x71, 0x9a, 0x0c, 0x34, 0x88, 0x39, 0x25, 0xbf,
	 0x35},
};

/*
 * Each of the hashes is a number of as many bytes as it takes to say which bit. The bytes come from
 * SipHash with one key after the other.
 */
static void bloom_add_bytes(const struct cbus *bus, uint64_t *filter, const char *data, size_t size)
{
	uint64_t bits = bus->bloom_size * 8, hash = 0;
	unsigned int width = bits > 1 ? (70u - (unsigned int)__builtin_clzll(bits)) / 8 : 0;
	unsigned int left = 0, key = 0;

	for (uint64_t i = 0; i < bus->bloom_hashes; i++) {
		uint64_t bit = 0;

		for (unsigned int n = 0; n < width; n++, left--, hash >>= 8) {
			if (left == 0) {
				if (key == sizeof(bloom_keys) / sizeof(bloom_keys[0]))
					return;
				hash = bus_siphash(data, size, bloom_keys[key++]);
				left = 8;
			}
			bit = bit << 8 | (hash & 0xff);
		}
		bit &= bits - 1;
		filter[bit / 64] |= 1ull << bit % 64;
	}
}

/* "NAME:VALUE"; values that are too long to match are not in any filter. */
static int pair(char *text, size_t size, const char *name, const char *value)
{
	int n = snprintf(text, size, "%s:%s", name, value);

	return n < 0 || (size_t)n >= size ? -1 : n;
}

void bloom_add(const struct cbus *bus, uint64_t *filter, const char *name, const char *value)
{
	char text[VALUE_MAX];
	int n = pair(text, sizeof(text), name, value);

	if (n >= 0)
		bloom_add_bytes(bus, filter, text, (size_t)n);
}

void bloom_add_prefixes(const struct cbus *bus, uint64_t *filter, const char *name,
			const char *value, char separator)
{
	char text[VALUE_MAX];
	int n = pair(text, sizeof(text), name, value);
	size_t head = strlen(name) + 1;

	if (n < 0)
		return;
	bloom_add_bytes(bus, filter, text, (size_t)n);
	for (size_t i = head; i < (size_t)n; i++) {
		if (text[i] != separator)
			continue;
		bloom_add_bytes(bus, filter, text, i + 1);
		if (i > head)
			bloom_add_bytes(bus, filter, text, i);
	}
}

void bloom_add_topic(const struct cbus *bus, uint64_t *filter, const struct cbus_topic *topic)
{
	bloom_add(bus, filter, "message-type", "signal");
	if (topic->interface)
		bloom_add(bus, filter, "interface", topic->interface);
	if (topic->member)
		bloom_add(bus, filter, "member", topic->member);
	if (topic->path) {
		bloom_add(bus, filter, "path", topic->path);
		bloom_add_prefixes(bus, filter, "path-slash-prefix", topic->path, '/');
	}
	for (size_t i = 0; i < topic->arg_count && i < ARGS_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "arg%zu", i);
		bloom_add(bus, filter, name, topic->args[i]);
		snprintf(name, sizeof(name), "arg%zu-dot-prefix", i);
		bloom_add_prefixes(bus, filter, name, topic->args[i], '.');
		snprintf(name, sizeof(name), "arg%zu-slash-prefix", i);
		bloom_add_prefixes(bus, filter, name, topic->args[i], '/');
	}
}

/* A match under construction. */
struct rule {
	const struct cbus *bus;
	struct builder *b;
	uint64_t *mask; /* NULL: no string was asked for yet, which lets everything through */
};

static int mask_add(struct rule *rule, const char *name, const char *value)
{
	char text[VALUE_MAX];
	int n = pair(text, sizeof(text), name, value);

	if (n < 0)
		return -EINVAL;
	bloom_add_bytes(rule->bus, rule->mask, text, (size_t)n);
	return 0;
}

static int sender_add(struct rule *rule, const char *value)
{
	if (!strncmp(value, ":1.", 3)) {
		char *end;
		uint64_t id = strtoull(value + 3, &end, 10);

		if (end == value + 3 || *end)
			return -EINVAL;
		builder_add(rule->b, KDBUS_ITEM_ID, &id, sizeof(id));
	} else {
		builder_add_string(rule->b, KDBUS_ITEM_NAME, value);
	}
	return 0;
}

/* argN, argNpath, arg0namespace. */
static int arg_add(struct rule *rule, const char *key, const char *value)
{
	char name[32], *suffix;

	if (!isdigit((unsigned char)key[3]))
		return -EINVAL;
	unsigned long n = strtoul(key + 3, &suffix, 10);

	if (n >= ARGS_MAX)
		return -EINVAL;
	if (!strcmp(suffix, "namespace") && n == 0) {
		return mask_add(rule, "arg0-dot-prefix", value);
	} else if (!strcmp(suffix, "path")) {
		size_t length = strlen(value);

		/* /a/ is for what begins so; without the slash it is the one path. */
		snprintf(name, sizeof(name), "arg%lu%s", n,
			 length && value[length - 1] == '/' ? "-slash-prefix" : "");
		return mask_add(rule, name, value);
	} else if (*suffix) {
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "arg%lu", n);
	return mask_add(rule, name, value);
}

static int key_add(struct rule *rule, const char *key, const char *value)
{
	if (!strcmp(key, "type"))
		return strcmp(value, "signal") ? -EINVAL : 0;
	if (!strcmp(key, "sender"))
		return sender_add(rule, value);
	if (!strcmp(key, "path_namespace"))
		return mask_add(rule, "path-slash-prefix", value);
	if (!strcmp(key, "interface") || !strcmp(key, "member") || !strcmp(key, "path"))
		return mask_add(rule, key, value);
	if (!strncmp(key, "arg", 3))
		return arg_add(rule, key, value);
	return -EINVAL;
}

/* Cuts "KEY='VALUE'" off @text; what is behind its comma, or NULL when it is not one. */
static const char *cut(const char *text, char *key, char *value, size_t size)
{
	size_t n = strcspn(text, "=");
	const char *begin = text + n + 1, *end;

	if (text[n] != '=' || n == 0 || n >= size)
		return NULL;
	memcpy(key, text, n);
	key[n] = 0;
	if (*begin == '\'') {
		end = strchr(++begin, '\'');
		text = end ? end + 1 : NULL;
	} else {
		end = begin + strcspn(begin, ",'");
		text = end;
	}
	if (!end || (size_t)(end - begin) >= size || (*text && *text != ','))
		return NULL;
	memcpy(value, begin, (size_t)(end - begin));
	value[end - begin] = 0;
	return *text ? text + 1 : text;
}

static int rule_parse(struct rule *rule, const char *text)
{
	char key[VALUE_MAX], value[VALUE_MAX];

	while (*text) {
		text = cut(text, key, value, sizeof(key));
		if (!text)
			return -EINVAL;
		int r = key_add(rule, key, value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int match_command(struct cbus *bus, struct builder *b, uint64_t cookie, uint64_t flags)
{
	struct kdbus_cmd_match *cmd = (void *)b->base;

	cmd->size = b->used;
	cmd->cookie = cookie;
	cmd->flags = flags;
	int r = b->error ? b->error : bus_ioctl(bus->fd, KDBUS_CMD_MATCH_ADD, cmd);

	builder_end(b);
	return r;
}

int cbus_match_add(struct cbus *bus, uint64_t cookie, const char *text, bool replace)
{
	uint64_t mask[4096 / 8] = {0};
	struct builder b;
	struct rule rule = {bus, &b, mask};

	if (bus->bloom_size > sizeof(mask))
		return -EOPNOTSUPP;
	builder_begin(&b, sizeof(struct kdbus_cmd_match));
	int r = rule_parse(&rule, text);

	if (r < 0) {
		builder_end(&b);
		return r;
	}
	/* A mask of zeroes lets every signal in, and no notification. */
	builder_add(&b, KDBUS_ITEM_BLOOM_MASK, mask, bus->bloom_size);
	return match_command(bus, &b, cookie, replace ? KDBUS_MATCH_REPLACE : 0);
}

int cbus_match_notify(struct cbus *bus, uint64_t cookie, uint64_t kind, const char *name,
		      uint64_t id)
{
	struct builder b;

	builder_begin(&b, sizeof(struct kdbus_cmd_match));
	if (kind == KDBUS_ITEM_ID_ADD || kind == KDBUS_ITEM_ID_REMOVE) {
		const struct kdbus_notify_id_change change = {.id = id};

		builder_add(&b, kind, &change, sizeof(change));
	} else if (kind == KDBUS_ITEM_NAME_ADD || kind == KDBUS_ITEM_NAME_REMOVE ||
		   kind == KDBUS_ITEM_NAME_CHANGE) {
		const size_t head = sizeof(struct kdbus_notify_name_change);
		size_t length = name ? strlen(name) + 1 : 0;
		struct kdbus_notify_name_change *change =
			builder_add(&b, kind, NULL, head + length);

		if (change) {
			change->old_id.id = change->new_id.id = KDBUS_MATCH_ID_ANY;
			memcpy((uint8_t *)change + head, name ? name : "", length);
		}
	} else {
		b.error = -EINVAL;
	}
	return match_command(bus, &b, cookie, 0);
}

int cbus_match_remove(struct cbus *bus, uint64_t cookie)
{
	struct kdbus_cmd_match cmd = {.size = sizeof(cmd), .cookie = cookie};

	return bus_ioctl(bus->fd, KDBUS_CMD_MATCH_REMOVE, &cmd);
}
