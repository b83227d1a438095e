// SPDX-License-Identifier: BSD-2-Clause
/* org.freedesktop.DBus.Debug.Stats: what the bridge has in memory, for tests and people. */
#include "driver_impl.h"

static void add(GVariantBuilder *all, const char *name, guint64 value)
{
	g_variant_builder_add(all, "{sv}", name,
			      g_variant_new_uint32((guint32)MIN(value, G_MAXUINT32)));
}

static void add64(GVariantBuilder *all, const char *name, guint64 value)
{
	g_variant_builder_add(all, "{sv}", name, g_variant_new_uint64(value));
}

GVariant *driver_get_stats(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			   GVariant *args G_GNUC_UNUSED, struct driver_error *why G_GNUC_UNUSED)
{
	struct proxy *proxy = client->proxy;
	guint64 rules = 0, names = 0, bytes = 0, calls = 0;
	GHashTableIter iter;
	GVariantBuilder all;
	gpointer value;

	g_hash_table_iter_init(&iter, proxy->clients);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct client *c = value;

		rules += c->rules->len;
		names += g_hash_table_size(c->names) + 1;
		bytes += c->output_bytes;
		calls += c->calls;
	}
	g_variant_builder_init(&all, G_VARIANT_TYPE("a{sv}"));
	add(&all, "Serial", client->serial);
	add(&all, "ActiveConnections", proxy->complete);
	add(&all, "IncompleteConnections", proxy->incomplete);
	add(&all, "MatchRules", rules);
	add(&all, "BusNames", names);
	add(&all, "PendingActivations", services_pending(proxy->services));
	add(&all, "net.corbel.CallsWaiting", calls);
	add64(&all, "net.corbel.OutgoingBytes", bytes);
	add64(&all, "net.corbel.SentToKernel", proxy->relayed);
	add64(&all, "net.corbel.ReceivedFromKernel", proxy->delivered);
	add64(&all, "net.corbel.LostInKernel", proxy->lost);
	return g_variant_new("(a{sv})", &all);
}

GVariant *driver_get_connection_stats(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				      GVariant *args, struct driver_error *why)
{
	struct bus_peer peer = {0};
	struct client *other = NULL;
	GVariantBuilder all;
	const char *name;
	uint64_t id;

	g_variant_get(args, "(&s)", &name);
	id = name[0] == ':' ? unique_id(name) : 0;
	if ((id || name[0] != ':') &&
	    bus_lookup(client->conn, id, id ? NULL : name, false, &peer) == 0)
		other = g_hash_table_lookup(client->proxy->clients, &peer.id);
	bus_peer_clear(&peer);
	if (!other)
		return driver_fail(why, DBUS_ERROR("NameHasNoOwner"),
				   "\"%s\" is no client of this bridge", name);
	g_variant_builder_init(&all, G_VARIANT_TYPE("a{sv}"));
	g_variant_builder_add(&all, "{sv}", "UniqueName", g_variant_new_string(other->unique));
	add(&all, "MatchRules", other->rules->len);
	add(&all, "BusNames", g_hash_table_size(other->names) + 1);
	add(&all, "IncomingBytes", other->input->len);
	add(&all, "IncomingFDs", other->input_fds->len);
	add(&all, "OutgoingBytes", other->output_bytes);
	add(&all, "OutgoingFDs", other->output_fds);
	return g_variant_new("(a{sv})", &all);
}

GVariant *driver_get_all_rules(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			       GVariant *args G_GNUC_UNUSED, struct driver_error *why G_GNUC_UNUSED)
{
	GHashTableIter iter;
	GVariantBuilder all;
	gpointer value;
	guint i;

	g_variant_builder_init(&all, G_VARIANT_TYPE("a{sas}"));
	g_hash_table_iter_init(&iter, client->proxy->clients);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct client *c = value;

		g_variant_builder_open(&all, G_VARIANT_TYPE("{sas}"));
		g_variant_builder_add(&all, "s", c->unique);
		g_variant_builder_open(&all, G_VARIANT_TYPE("as"));
		for (i = 0; i < c->rules->len; i++) {
			g_autofree char *text = match_text(g_ptr_array_index(c->rules, i));

			g_variant_builder_add(&all, "s", text);
		}
		g_variant_builder_close(&all);
		g_variant_builder_close(&all);
	}
	return g_variant_new("(a{sas})", &all);
}
