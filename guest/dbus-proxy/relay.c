// SPDX-License-Identifier: BSD-2-Clause
/*
 * From a client to the bus. The message is parsed, gets its SENDER, and travels as it is on the
 * wire; its serial is the kernel's cookie, so that replies find their calls by themselves. Sending
 * is judged here for messages with a destination, so that the caller gets its error at once;
 * broadcasts are judged where they arrive (deliver.c).
 */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <time.h>

#include "proxy.h"

#define BLOOM_WORDS_MAX 512
/* Kernel queues hold 256 messages of one user: clients are looked at before that many are sent. */
#define SENDS_BEFORE_DRAIN 32
#define DRAIN_TURNS_MAX 8
#define NO_TIMEOUT_MS (24LL * 3600 * 1000)
#define HEADER_LAST G_DBUS_MESSAGE_HEADER_FIELD_NUM_UNIX_FDS

void relay_drain(struct proxy *proxy)
{
	unsigned int i;

	proxy->sent = 0;
	proxy->drains++;
	for (i = 0; i < DRAIN_TURNS_MAX && loop_turn(proxy->bus_loop, true); i++)
		;
}

void relay_fail(struct client *client, guint32 serial, const char *error, const char *text)
{
	message_send(client, message_error(client, serial, error, text));
}

static const struct {
	int error;
	const char *name, *text;
} send_errors[] = {
	{EPERM, DBUS_ERROR("AccessDenied"), "The policy of the kernel bus forbids this message"},
	{ENOBUFS, DBUS_ERROR("LimitsExceeded"), "The queue of the receiver is full"},
	{EXFULL, DBUS_ERROR("LimitsExceeded"), "The receiver has no room for the message"},
	{EMFILE, DBUS_ERROR("LimitsExceeded"), "Too many descriptors are on their way"},
	{E2BIG, DBUS_ERROR("LimitsExceeded"), "The message is too large"},
	{EMSGSIZE, DBUS_ERROR("LimitsExceeded"), "The message is too large"},
	{EMLINK, DBUS_ERROR("LimitsExceeded"),
	 "The maximum number of pending replies per connection has been reached"},
	{ECOMM, DBUS_ERROR("NotSupported"),
	 "Tried to send message with Unix file descriptors to a client that doesn't support that."},
	{EOPNOTSUPP, DBUS_ERROR("NotSupported"),
	 "The kernel bus does not carry descriptors of this kind"},
	{ENOMEM, DBUS_ERROR("NoMemory"), "Out of memory"},
};

static void tell_no_owner(struct client *client, GDBusMessage *message)
{
	const char *name = g_dbus_message_get_destination(message);
	guint32 serial = g_dbus_message_get_serial(message);
	g_autofree char *text = NULL;

	if (g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_AUTO_START) {
		text = g_strdup_printf("Name \"%s\" does not exist", name);
		relay_fail(client, serial, DBUS_ERROR("NameHasNoOwner"), text);
		return;
	}
	text = g_strdup_printf("The name %s was not provided by any .service files", name);
	relay_fail(client, serial, DBUS_ERROR("ServiceUnknown"), text);
}

static void tell_failure(struct client *client, GDBusMessage *message, int r)
{
	unsigned int i;

	if (!message_wants_reply(message))
		return;
	if (r == -ESRCH || r == -ENXIO || r == -EADDRNOTAVAIL || r == -ESHUTDOWN) {
		tell_no_owner(client, message);
		return;
	}
	for (i = 0; i < G_N_ELEMENTS(send_errors); i++) {
		if (send_errors[i].error != -r)
			continue;
		relay_fail(client, g_dbus_message_get_serial(message), send_errors[i].name,
			   send_errors[i].text);
		return;
	}
	relay_fail(client, g_dbus_message_get_serial(message), DBUS_ERROR("Failed"),
		   g_strerror(-r));
}

static uint64_t reply_deadline(const struct proxy *proxy)
{
	int64_t ms = proxy->config->limits[LIMIT_REPLY_TIMEOUT];
	struct timespec now;

	if (ms < 0)
		ms = NO_TIMEOUT_MS;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec +
	       (uint64_t)MAX(ms, 1) * 1000000ULL;
}

/* Room may be what the bridge itself has not fetched yet. */
static int send_with_room(struct client *client, const struct bus_message *out)
{
	int r = bus_send(client->conn, out);

	if (r == -ENOBUFS || r == -EXFULL) {
		relay_drain(client->proxy);
		if (client->state != CLIENT_ACTIVE)
			return 0;
		r = bus_send(client->conn, out);
	}
	client->proxy->relayed += r == 0;
	if (++client->proxy->sent >= SENDS_BEFORE_DRAIN)
		relay_drain(client->proxy);
	return r;
}

static int send_blob(struct client *client, GDBusMessage *message, struct bus_message *out)
{
	GUnixFDList *fds = g_dbus_message_get_unix_fd_list(message);
	g_autoptr(GError) error = NULL;
	g_autofree guchar *blob = NULL;
	gint n = 0;

	blob = g_dbus_message_to_blob(message, &out->len, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING,
				      &error);
	if (!blob)
		return -EBADMSG;
	out->data = blob;
	if (fds)
		out->fds = g_unix_fd_list_peek_fds(fds, &n);
	out->fd_count = (unsigned int)n;
	out->cookie = g_dbus_message_get_serial(message);
	return send_with_room(client, out);
}

static void broadcast(struct client *client, GDBusMessage *message)
{
	struct bus_message out = {.dst_id = BUS_ID_BROADCAST};
	uint64_t filter[BLOOM_WORDS_MAX] = {0};
	struct bus *bus = client->proxy->bus;
	struct match_args args;
	struct facts facts;

	facts_of(&facts, message);
	if (facts.fd_count)
		return; /* the kernel bus has no broadcast of descriptors */
	match_args_of(&args, facts.body);
	bloom_of_message(filter, bus_bloom_size(bus), bus_bloom_hashes(bus), &facts, &args);
	out.bloom = filter;
	send_blob(client, message, &out);
}

static void deny(struct client *client, GDBusMessage *message, const char *who)
{
	g_autofree char *text = NULL;

	if (!message_wants_reply(message))
		return;
	text = g_strdup_printf("Rejected %s message, type=\"method_call\", sender=\"%s\" "
			       "interface=\"%s\" member=\"%s\" destination=\"%s\"",
			       who, client->unique, g_dbus_message_get_interface(message),
			       g_dbus_message_get_member(message),
			       g_dbus_message_get_destination(message));
	relay_fail(client, g_dbus_message_get_serial(message), DBUS_ERROR("AccessDenied"), text);
}

/* Does the receiver, one of the bridge's clients, take it? Names in a queue count as names. */
static bool may_receive(struct client *client, struct client *receiver, struct facts *facts)
{
	g_auto(GStrv) names = client_names(client, true);

	facts->sender_names = (const char *const *)names;
	return peer_may_receive(receiver->policy, facts);
}

/* Asks the policy; false when it has refused and said so. */
static bool may_send(struct client *client, GDBusMessage *message)
{
	const char *name = g_dbus_message_get_destination(message);
	g_auto(GStrv) queued = NULL;
	struct bus_peer peer = {0};
	struct client *receiver;
	struct facts facts;
	bool may;

	facts_of(&facts, message);
	/* nobody there: the kernel says so; the name that is asked for is judged as it is */
	bus_lookup(client->conn, unique_id(name), name[0] == ':' ? NULL : name, false, &peer);
	receiver = g_hash_table_lookup(client->proxy->clients, &peer.id);
	if (receiver)
		queued = client_names(receiver, true);
	may = peer_may_send(client->policy, &facts,
			    (const char *const *)(queued ? queued : peer.names));
	if (!may) {
		deny(client, message, "send");
	} else if (receiver && !may_receive(client, receiver, &facts)) {
		deny(client, message, "receive");
		may = false;
	}
	bus_peer_clear(&peer);
	return may;
}

static int send_call(struct client *client, GDBusMessage *message, struct bus_message *out)
{
	int r;

	/* counted first: the answer may come while the message is being sent */
	client->calls += out->expect_reply;
	r = send_blob(client, message, out);
	if (r)
		client->calls -= out->expect_reply;
	return r;
}

static void unicast(struct client *client, GDBusMessage *message)
{
	const char *name = g_dbus_message_get_destination(message);
	GDBusMessageFlags flags = g_dbus_message_get_flags(message);
	struct bus_message out = {
		.no_auto_start = flags & G_DBUS_MESSAGE_FLAGS_NO_AUTO_START,
		.expect_reply = message_wants_reply(message),
		.cookie_reply = g_dbus_message_get_reply_serial(message),
	};
	int r;

	if (out.expect_reply)
		out.timeout_ns = reply_deadline(client->proxy);
	if (!peer_policy_is_open(client->policy) && !may_send(client, message))
		return;
	if (name[0] == ':')
		out.dst_id = unique_id(name);
	else
		out.dst_name = name;
	if (name[0] == ':' && !out.dst_id)
		r = -ENXIO;
	else if (out.expect_reply && client->calls >= client->proxy->config->limits[LIMIT_REPLIES])
		r = -EMLINK;
	else
		r = send_call(client, message, &out);
	if (r && client->state == CLIENT_ACTIVE)
		tell_failure(client, message, r);
}

static bool is_local(GDBusMessage *message)
{
	return g_strcmp0(g_dbus_message_get_interface(message), DBUS_NAME ".Local") == 0 ||
	       g_strcmp0(g_dbus_message_get_path(message), DBUS_PATH "/Local") == 0;
}

/* The message gets its descriptors; false when it has fewer than it says. */
static bool attach_fds(struct client *client, GDBusMessage *message)
{
	guint n = g_dbus_message_get_num_unix_fds(message);
	g_autoptr(GUnixFDList) list = NULL;

	if (n > client->input_fds->len || n > client->proxy->config->limits[LIMIT_MESSAGE_FDS])
		return false;
	if (!n)
		return true;
	list = g_unix_fd_list_new_from_array((int *)(void *)client->input_fds->data, (gint)n);
	g_array_remove_range(client->input_fds, 0, n);
	g_dbus_message_set_unix_fd_list(message, list);
	return true;
}

/* Fields that this bus does not know are not passed on. */
static void filter_headers(GDBusMessage *message)
{
	g_autofree guchar *fields = g_dbus_message_get_header_fields(message);
	const guchar *f;

	for (f = fields; *f; f++)
		if (*f > HEADER_LAST)
			g_dbus_message_set_header(message, *f, NULL);
}

static bool is_hello(GDBusMessage *message)
{
	return g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
	       g_strcmp0(g_dbus_message_get_destination(message), DBUS_NAME) == 0 &&
	       g_strcmp0(g_dbus_message_get_interface(message), DBUS_NAME) == 0 &&
	       g_strcmp0(g_dbus_message_get_member(message), "Hello") == 0;
}

static void route(struct client *client, GDBusMessage *message)
{
	const char *destination = g_dbus_message_get_destination(message);

	if (destination && strcmp(destination, DBUS_NAME) == 0)
		driver_call(client, message);
	else if (destination)
		unicast(client, message);
	else if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL)
		broadcast(client, message);
	else if (g_strcmp0(g_dbus_message_get_interface(message), DBUS_NAME ".Peer") == 0)
		driver_call(client, message);
}

bool relay_from_client(struct client *client, const uint8_t *data, size_t len)
{
	g_autoptr(GDBusMessage) message = NULL;
	GDBusMessageType type;

	message = g_dbus_message_new_from_blob((guchar *)(uintptr_t)data, len,
					       G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
	if (!message || !g_dbus_message_get_serial(message) || is_local(message) ||
	    !attach_fds(client, message))
		return false;
	type = g_dbus_message_get_message_type(message);
	if (client->state == CLIENT_MONITOR)
		return false;
	if (client->state == CLIENT_SILENT && !is_hello(message)) {
		relay_fail(client, g_dbus_message_get_serial(message), DBUS_ERROR("AccessDenied"),
			   "Client tried to send a message other than Hello without being "
			   "registered");
		return false;
	}
	if (type > G_DBUS_MESSAGE_TYPE_SIGNAL)
		return true; /* of a later version of the protocol: to be ignored */
	filter_headers(message);
	if (client->state == CLIENT_ACTIVE)
		g_dbus_message_set_sender(message, client->unique);
	route(client, message);
	return true;
}
