// SPDX-License-Identifier: BSD-2-Clause
/* Methods of org.freedesktop.DBus that tell who is behind a name. */
#include <string.h>
#include <unistd.h>

#include "driver_impl.h"

/* What the bridge knows of @name; false with an error. The bus itself is this process. */
static bool find_peer(struct client *client, GVariant *args, struct bus_peer *peer,
		      struct driver_error *why)
{
	struct client *other;
	const char *name;
	uint64_t id;
	int r;

	g_variant_get(args, "(&s)", &name);
	memset(peer, 0, sizeof(*peer));
	if (strcmp(name, DBUS_NAME) == 0) {
		peer->has_creds = peer->has_pid = true;
		peer->uid = geteuid();
		peer->pid = getpid();
		return true;
	}
	id = name[0] == ':' ? unique_id(name) : 0;
	r = name[0] == ':' && !id ? -1 : bus_lookup(client->conn, id, id ? NULL : name, true, peer);
	if (r || peer->activator) {
		bus_peer_clear(peer);
		driver_fail(why, DBUS_ERROR("NameHasNoOwner"),
			    "Could not get credentials of name '%s': no such name", name);
		return false;
	}
	other = g_hash_table_lookup(client->proxy->clients, &peer->id);
	if (other) {
		/* the kernel has no place for groups of somebody else */
		g_free(peer->groups);
		peer->groups = g_memdup2(other->groups, other->group_count * sizeof(gid_t));
		peer->group_count = other->group_count;
	}
	return true;
}

GVariant *driver_get_user(struct client *client, GDBusMessage *call G_GNUC_UNUSED, GVariant *args,
			  struct driver_error *why)
{
	struct bus_peer peer;
	GVariant *body;

	if (!find_peer(client, args, &peer, why))
		return NULL;
	if (peer.has_creds)
		body = g_variant_new("(u)", (guint32)peer.uid);
	else
		body = driver_fail(why, DBUS_ERROR("Failed"), "Could not determine UID");
	bus_peer_clear(&peer);
	return body;
}

GVariant *driver_get_process(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			     GVariant *args, struct driver_error *why)
{
	struct bus_peer peer;
	GVariant *body;

	if (!find_peer(client, args, &peer, why))
		return NULL;
	if (peer.has_pid)
		body = g_variant_new("(u)", (guint32)peer.pid);
	else
		body = driver_fail(why, DBUS_ERROR("UnixProcessIdUnknown"),
				   "Could not determine PID");
	bus_peer_clear(&peer);
	return body;
}

static int compare_groups(gconstpointer a, gconstpointer b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted, each once. */
static GVariant *groups_variant(struct bus_peer *peer)
{
	GVariantBuilder groups;
	unsigned int i;

	g_variant_builder_init(&groups, G_VARIANT_TYPE("au"));
	qsort(peer->groups, peer->group_count, sizeof(gid_t), compare_groups);
	for (i = 0; i < peer->group_count; i++)
		if (!i || peer->groups[i] != peer->groups[i - 1])
			g_variant_builder_add(&groups, "u", (guint32)peer->groups[i]);
	return g_variant_builder_end(&groups);
}

GVariant *driver_get_credentials(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				 GVariant *args, struct driver_error *why)
{
	struct bus_peer peer;
	GVariantBuilder all;

	if (!find_peer(client, args, &peer, why))
		return NULL;
	g_variant_builder_init(&all, G_VARIANT_TYPE("a{sv}"));
	if (peer.has_creds)
		g_variant_builder_add(&all, "{sv}", "UnixUserID", g_variant_new_uint32(peer.uid));
	if (peer.has_pid)
		g_variant_builder_add(&all, "{sv}", "ProcessID",
				      g_variant_new_uint32((guint32)peer.pid));
	if (peer.group_count)
		g_variant_builder_add(&all, "{sv}", "UnixGroupIDs", groups_variant(&peer));
	if (peer.label)
		g_variant_builder_add(&all, "{sv}", "LinuxSecurityLabel",
				      g_variant_new_bytestring(peer.label));
	bus_peer_clear(&peer);
	return g_variant_new("(a{sv})", &all);
}

GVariant *driver_get_audit(struct client *client, GDBusMessage *call G_GNUC_UNUSED, GVariant *args,
			   struct driver_error *why)
{
	struct bus_peer peer;

	if (!find_peer(client, args, &peer, why))
		return NULL;
	bus_peer_clear(&peer);
	return driver_fail(why, DBUS_ERROR("AdtAuditDataUnknown"),
			   "Could not determine audit session data");
}

GVariant *driver_get_selinux(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			     GVariant *args, struct driver_error *why)
{
	struct bus_peer peer;

	if (!find_peer(client, args, &peer, why))
		return NULL;
	bus_peer_clear(&peer);
	return driver_fail(why, DBUS_ERROR("SELinuxSecurityContextUnknown"),
			   "Could not determine security context");
}
