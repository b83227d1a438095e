// SPDX-License-Identifier: BSD-2-Clause
/*
 * Match rules of a client and their image on the kernel bus. The kernel lets through what the bloom
 * masks let through, which is a little too much: rules_apply() has the last word.
 */
#include <errno.h>
#include <string.h>

#include "proxy.h"

#define COOKIE_OWN 1
#define BLOOM_WORDS_MAX 512

static int watch_broadcasts(struct client *client, const struct match *match)
{
	struct bus *bus = client->proxy->bus;
	struct bus_match m = {.kind = BUS_MATCH_BLOOM, .cookie = match->cookie};
	uint64_t mask[BLOOM_WORDS_MAX] = {0};

	if (match->destination || (match->type && match->type != G_DBUS_MESSAGE_TYPE_SIGNAL))
		return 0; /* such messages are not broadcast */
	if (match->sender && strcmp(match->sender, DBUS_NAME) == 0)
		return 0;
	if (match->sender && match->sender[0] == ':') {
		m.src_id = unique_id(match->sender);
		if (!m.src_id)
			return 0; /* nobody can have that name */
	} else {
		m.name = match->sender;
	}
	if (bloom_of_match(mask, bus_bloom_size(bus), bus_bloom_hashes(bus), match))
		m.mask = mask;
	return bus_match_add(client->conn, &m);
}

static int watch_owners(struct client *client, const struct match *match)
{
	struct bus_match names = {.kind = BUS_MATCH_NAME,
				  .cookie = match->cookie,
				  .old_id = BUS_ID_ANY,
				  .new_id = BUS_ID_ANY};
	struct bus_match ids = {
		.kind = BUS_MATCH_ID, .cookie = match->cookie, .src_id = BUS_ID_ANY};
	const char *name = match->arg[0];
	int r = 0;

	if (!match_wants_bus_signal(match, "NameOwnerChanged"))
		return 0;
	if (name && name[0] == ':') {
		ids.src_id = unique_id(name);
		return ids.src_id ? bus_match_add(client->conn, &ids) : 0;
	}
	names.name = name;
	r = bus_match_add(client->conn, &names);
	if (r || name || match->arg0_namespace)
		return r;
	return bus_match_add(client->conn, &ids);
}

/* What tells a client of its own names, whatever its rules are. */
int rules_install_own(struct client *client)
{
	struct bus_match mine = {.kind = BUS_MATCH_NAME, .cookie = COOKIE_OWN};
	int r;

	client->next_cookie = COOKIE_OWN + 1;
	mine.old_id = client->id;
	mine.new_id = BUS_ID_ANY;
	r = bus_match_add(client->conn, &mine);
	if (r)
		return r;
	mine.old_id = BUS_ID_ANY;
	mine.new_id = client->id;
	return bus_match_add(client->conn, &mine);
}

int rules_add(struct client *client, const char *text, char **why)
{
	struct match *match = match_parse(text, why);
	int r;

	if (!match)
		return -EINVAL;
	if (client->rules->len >= client->proxy->config->limits[LIMIT_RULES]) {
		match_free(match);
		*why = g_strdup("Connection is not allowed to add more match rules (increase "
				"limits in configuration file if required)");
		return -EMFILE;
	}
	match->cookie = client->next_cookie++;
	r = watch_broadcasts(client, match);
	if (!r)
		r = watch_owners(client, match);
	if (!r) {
		g_ptr_array_add(client->rules, match);
		return 0;
	}
	bus_match_remove(client->conn, match->cookie);
	match_free(match);
	*why = g_strdup_printf("The bus takes no more match rules: %s", g_strerror(-r));
	return -EMFILE;
}

int rules_remove(struct client *client, const char *text, char **why)
{
	struct match *match = match_parse(text, why);
	guint i;

	if (!match)
		return -EINVAL;
	for (i = client->rules->len; i-- > 0;) {
		struct match *old = g_ptr_array_index(client->rules, i);

		if (!match_equal(match, old))
			continue;
		bus_match_remove(client->conn, old->cookie);
		g_ptr_array_remove_index(client->rules, i);
		match_free(match);
		return 0;
	}
	match_free(match);
	*why = g_strdup("The given match rule wasn't found and can't be removed");
	return -ENOENT;
}

bool rules_apply(struct client *client, const struct facts *facts, GVariant *body)
{
	struct match_args args;
	guint i;

	match_args_of(&args, body);
	for (i = 0; i < client->rules->len; i++)
		if (match_applies(g_ptr_array_index(client->rules, i), facts, &args))
			return true;
	return false;
}
