// SPDX-License-Identifier: BSD-2-Clause
/* Methods of org.freedesktop.DBus about names. */
#include <errno.h>
#include <string.h>

#include "driver_impl.h"

enum { REQUEST_ALLOW = 1, REQUEST_REPLACE = 2, REQUEST_DO_NOT_QUEUE = 4 };
enum { REPLY_OWNER = 1, REPLY_IN_QUEUE = 2, REPLY_EXISTS = 3, REPLY_ALREADY = 4 };
enum { REPLY_RELEASED = 1, REPLY_NON_EXISTENT = 2, REPLY_NOT_OWNER = 3 };
enum { REPLY_STARTED = 1, REPLY_RUNNING = 2 };

/* A name that a client may ask for or give up; false with an error. */
static bool is_ownable(const char *name, struct driver_error *why)
{
	if (!g_dbus_is_name(name))
		driver_fail(why, DBUS_ERROR("InvalidArgs"),
			    "Requested bus name \"%s\" is not valid", name);
	else if (name[0] == ':')
		driver_fail(why, DBUS_ERROR("InvalidArgs"),
			    "Cannot acquire a service starting with ':' such as \"%s\"", name);
	else if (strcmp(name, DBUS_NAME) == 0)
		driver_fail(why, DBUS_ERROR("InvalidArgs"),
			    "\"%s\" is reserved and cannot be acquired or released", name);
	return !why->name;
}

static GVariant *name_taken(struct client *client, const char *name, guint32 flags,
			    enum bus_name_result result)
{
	int old = GPOINTER_TO_INT(g_hash_table_lookup(client->names, name));
	int state = flags & REQUEST_DO_NOT_QUEUE ? 0 : NAME_QUEUES;

	if (result != BUS_NAME_QUEUED)
		state |= NAME_OWNED;
	g_hash_table_replace(client->names, g_strdup(name), GINT_TO_POINTER(state));
	if (result == BUS_NAME_QUEUED)
		return g_variant_new("(u)", REPLY_IN_QUEUE);
	if (result == BUS_NAME_ALREADY && old & NAME_OWNED)
		return g_variant_new("(u)", REPLY_ALREADY);
	/* NameAcquired comes from the kernel, in the order of what happened on the bus */
	proxy_open_name(client->proxy, name);
	services_name_taken(client->proxy->services, name);
	return g_variant_new("(u)", REPLY_OWNER);
}

GVariant *driver_request_name(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			      GVariant *args, struct driver_error *why)
{
	enum bus_name_result result = BUS_NAME_ALREADY;
	const char *name;
	guint32 flags;
	int r;

	g_variant_get(args, "(&su)", &name, &flags);
	if (!is_ownable(name, why))
		return NULL;
	if (!peer_may_own(client->policy, name))
		return driver_fail(why, DBUS_ERROR("AccessDenied"),
				   "Connection \"%s\" is not allowed to own the service \"%s\" due "
				   "to security policies in the configuration file",
				   client->unique, name);
	if (!g_hash_table_contains(client->names, name) &&
	    g_hash_table_size(client->names) + 1 >= /* the unique name counts */
		    client->proxy->config->limits[LIMIT_NAMES])
		return driver_fail(
			why, DBUS_ERROR("LimitsExceeded"),
			"Connection \"%s\" is not allowed to own more services (increase "
			"limits in configuration file if required)",
			client->unique);
	r = bus_acquire(client->conn, name,
			(flags & REQUEST_ALLOW ? BUS_NAME_ALLOW : 0) |
				(flags & REQUEST_REPLACE ? BUS_NAME_REPLACE : 0) |
				(flags & REQUEST_DO_NOT_QUEUE ? 0 : BUS_NAME_QUEUE),
			&result);
	if (r == -EEXIST) {
		g_hash_table_remove(client->names, name);
		return g_variant_new("(u)", REPLY_EXISTS);
	}
	if (r)
		return driver_fail(
			why,
			r == -EPERM ? DBUS_ERROR("AccessDenied") : DBUS_ERROR("LimitsExceeded"),
			"The kernel bus refuses the name \"%s\": %s", name, g_strerror(-r));
	return name_taken(client, name, flags, result);
}

GVariant *driver_release_name(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			      GVariant *args, struct driver_error *why)
{
	const char *name;
	int r;

	g_variant_get(args, "(&s)", &name);
	if (!is_ownable(name, why))
		return NULL;
	r = bus_release(client->conn, name);
	if (r == -ESRCH)
		return g_variant_new("(u)", REPLY_NON_EXISTENT);
	if (r)
		return g_variant_new("(u)", REPLY_NOT_OWNER);
	/* NameLost and the like are told first */
	relay_from_bus(&client->bus_source, 0);
	if (client->state == CLIENT_ACTIVE)
		g_hash_table_remove(client->names, name);
	return g_variant_new("(u)", REPLY_RELEASED);
}

/* ---- lists */

struct listing {
	struct proxy *proxy;
	GVariantBuilder builder;
	const char *name; /* whose queue */
	bool found;
};

static void list_one(uint64_t id, const char *name, bool queued, bool hidden, void *arg)
{
	struct listing *listing = arg;
	char unique[24];

	if (hidden || queued || id == bus_id(listing->proxy->self))
		return;
	g_variant_builder_add(&listing->builder, "s", name ? name : unique_name(id, unique));
}

static GVariant *end_listing(struct listing *listing)
{
	return g_variant_new("(as)", &listing->builder);
}

static void begin_listing(struct listing *listing, struct client *client)
{
	memset(listing, 0, sizeof(*listing));
	listing->proxy = client->proxy;
	g_variant_builder_init(&listing->builder, G_VARIANT_TYPE("as"));
}

GVariant *driver_list_names(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			    GVariant *args G_GNUC_UNUSED, struct driver_error *why)
{
	struct listing listing;
	int r;

	begin_listing(&listing, client);
	g_variant_builder_add(&listing.builder, "s", DBUS_NAME);
	r = bus_list(client->conn, BUS_LIST_UNIQUE, list_one, &listing);
	if (!r)
		r = bus_list(client->conn, BUS_LIST_NAMES, list_one, &listing);
	if (!r)
		return end_listing(&listing);
	g_variant_builder_clear(&listing.builder);
	return driver_fail(why, DBUS_ERROR("Failed"), "The kernel bus gives no list: %s",
			   g_strerror(-r));
}

GVariant *driver_list_activatable(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				  GVariant *args G_GNUC_UNUSED,
				  struct driver_error *why G_GNUC_UNUSED)
{
	g_autoptr(GPtrArray) names = services_names(client->proxy->services);
	struct listing listing;
	guint i;

	begin_listing(&listing, client);
	g_variant_builder_add(&listing.builder, "s", DBUS_NAME);
	for (i = 0; i < names->len; i++)
		g_variant_builder_add(&listing.builder, "s", g_ptr_array_index(names, i));
	return end_listing(&listing);
}

static void list_owner(uint64_t id, const char *name, bool queued G_GNUC_UNUSED, bool hidden,
		       void *arg)
{
	struct listing *listing = arg;
	char unique[24];

	if (hidden || !name || strcmp(name, listing->name) != 0)
		return;
	listing->found = true;
	g_variant_builder_add(&listing->builder, "s", unique_name(id, unique));
}

static GVariant *no_owner(struct driver_error *why, const char *what, const char *name)
{
	return driver_fail(why, DBUS_ERROR("NameHasNoOwner"),
			   "Could not get %s of name '%s': no such name", what, name);
}

GVariant *driver_list_queued_owners(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				    GVariant *args, struct driver_error *why)
{
	struct listing listing;

	begin_listing(&listing, client);
	g_variant_get(args, "(&s)", &listing.name);
	if (strcmp(listing.name, DBUS_NAME) == 0) {
		g_variant_builder_add(&listing.builder, "s", DBUS_NAME);
		return end_listing(&listing);
	}
	bus_list(client->conn, BUS_LIST_NAMES, list_owner, &listing);
	bus_list(client->conn, BUS_LIST_QUEUED, list_owner, &listing);
	if (listing.found)
		return end_listing(&listing);
	g_variant_builder_clear(&listing.builder);
	return no_owner(why, "owners", listing.name);
}

/* ---- one name */

static uint64_t owner_of(struct client *client, const char *name)
{
	uint64_t id = name[0] == ':' ? unique_id(name) : 0;
	struct bus_peer peer = {0};

	if (!g_dbus_is_name(name) || (name[0] == ':' && !id))
		return 0;
	if (bus_lookup(client->conn, id, id ? NULL : name, false, &peer) || peer.activator)
		id = 0;
	else
		id = peer.id;
	bus_peer_clear(&peer);
	return id == bus_id(client->proxy->self) ? 0 : id;
}

GVariant *driver_name_has_owner(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				GVariant *args, struct driver_error *why G_GNUC_UNUSED)
{
	const char *name;

	g_variant_get(args, "(&s)", &name);
	return g_variant_new("(b)", strcmp(name, DBUS_NAME) == 0 || owner_of(client, name));
}

GVariant *driver_get_name_owner(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				GVariant *args, struct driver_error *why)
{
	const char *name;
	char unique[24];
	uint64_t id;

	g_variant_get(args, "(&s)", &name);
	if (strcmp(name, DBUS_NAME) == 0)
		return g_variant_new("(s)", DBUS_NAME);
	id = owner_of(client, name);
	if (!id)
		return no_owner(why, "owner", name);
	return g_variant_new("(s)", unique_name(id, unique));
}

GVariant *driver_start_service(struct client *client, GDBusMessage *call, GVariant *args,
			       struct driver_error *why)
{
	const char *name;
	guint32 flags;

	g_variant_get(args, "(&su)", &name, &flags);
	if (strcmp(name, DBUS_NAME) == 0 || owner_of(client, name))
		return g_variant_new("(u)", REPLY_RUNNING);
	services_start(client->proxy->services, name, client, call, &why->name, &why->text);
	return NULL; /* the answer comes when the name is there */
}
