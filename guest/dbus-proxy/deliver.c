// SPDX-License-Identifier: BSD-2-Clause
/*
 * From the bus to a client. Between two clients of this bridge whom no policy parts, bytes go from
 * the pool to the socket as they are. Everything else is parsed: what other connections on the
 * kernel bus send may be anything, and their SENDER is what the kernel says.
 */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proxy.h"

#define EVENTS_A_TURN 64

static void write_message(struct client *client, GDBusMessage *message, struct bus_event *event)
{
	g_autoptr(GUnixFDList) list = NULL;
	g_autofree guchar *blob = NULL;
	g_autofree int *fds = NULL;
	gint n = 0;
	gsize len;

	if (event->fd_count) {
		list = g_unix_fd_list_new_from_array(event->fds, (gint)event->fd_count);
		g_dbus_message_set_unix_fd_list(message, list);
		event->fd_count = 0;
	}
	blob = g_dbus_message_to_blob(message, &len, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
	if (!blob)
		return;
	if (list)
		fds = g_unix_fd_list_steal_fds(list, &n);
	client_write(client, blob, len, fds, (unsigned int)n);
}

/* ---- notifications of the kernel */

static struct facts bus_signal_facts(const char *member, GVariant *body)
{
	struct facts facts = {
		.type = G_DBUS_MESSAGE_TYPE_SIGNAL,
		.interface = DBUS_NAME,
		.member = member,
		.path = DBUS_PATH,
		.sender = DBUS_NAME,
		.body = body,
	};

	return facts;
}

static void tell_owner_changed(struct client *client, const char *name, uint64_t old_id,
			       uint64_t new_id)
{
	char old_name[24] = "", new_name[24] = "";
	g_autoptr(GVariant) body = NULL;
	struct facts facts;

	if (old_id)
		unique_name(old_id, old_name);
	if (new_id)
		unique_name(new_id, new_name);
	body = g_variant_ref_sink(g_variant_new("(sss)", name, old_name, new_name));
	facts = bus_signal_facts("NameOwnerChanged", body);
	if (client->state == CLIENT_MONITOR
		    ? client->rules->len && !rules_apply(client, &facts, body)
		    : !rules_apply(client, &facts, body))
		return;
	if (!peer_policy_is_open(client->policy) && !peer_may_receive(client->policy, &facts))
		return;
	message_send(client, message_signal(client, DBUS_NAME, "NameOwnerChanged", NULL, body));
}

static void tell_mine(struct client *client, const char *member, const char *name)
{
	message_send(client, message_signal(client, DBUS_NAME, member, client->unique,
					    g_variant_new("(s)", name)));
}

static void lose_name(struct client *client, const char *name)
{
	int state = GPOINTER_TO_INT(g_hash_table_lookup(client->names, name));

	if (state & NAME_QUEUES)
		g_hash_table_replace(client->names, g_strdup(name), GINT_TO_POINTER(NAME_QUEUES));
	else
		g_hash_table_remove(client->names, name);
}

static void on_name(struct client *client, const struct bus_event *event)
{
	bool mine = client->state == CLIENT_ACTIVE;

	if (services_is_activator(client->proxy->services, event->old_id) ||
	    services_is_activator(client->proxy->services, event->new_id)) {
		g_debug("a notification names an activator");
		return;
	}
	if (event->old_id == event->new_id)
		return;
	if (mine && event->old_id == client->id) {
		lose_name(client, event->name);
		tell_mine(client, "NameLost", event->name);
	}
	tell_owner_changed(client, event->name, event->old_id, event->new_id);
	if (mine && event->new_id == client->id) {
		int state = GPOINTER_TO_INT(g_hash_table_lookup(client->names, event->name));

		g_hash_table_replace(client->names, g_strdup(event->name),
				     GINT_TO_POINTER(state | NAME_OWNED));
		tell_mine(client, "NameAcquired", event->name);
	}
}

static void on_id(struct client *client, const struct bus_event *event)
{
	char name[24];

	unique_name(event->old_id ? event->old_id : event->new_id, name);
	tell_owner_changed(client, name, event->old_id, event->new_id);
}

static void on_no_reply(struct client *client, const struct bus_event *event)
{
	struct failure *failure = NULL;
	uint64_t cookie = event->cookie_reply;

	if (client->state != CLIENT_ACTIVE)
		return;
	if (client->failures)
		failure = g_hash_table_lookup(client->failures, &cookie);
	if (failure) {
		relay_fail(client, (guint32)cookie, failure->name, failure->text);
		g_hash_table_remove(client->failures, &cookie);
	} else if (event->timed_out) {
		relay_fail(client, (guint32)cookie, DBUS_ERROR("NoReply"),
			   "Message did not receive a reply (timeout by message bus)");
	} else {
		relay_fail(client, (guint32)cookie, DBUS_ERROR("NoReply"),
			   "Message recipient disconnected from message bus without replying");
	}
}

/* ---- messages */

/* An answer in the receiver's place to a call that cannot reach it. */
static void refuse(struct client *client, const struct bus_event *event, const char *error,
		   const char *text)
{
	g_autoptr(GDBusMessage) message = NULL;
	g_autofree guchar *blob = NULL;
	struct bus_message out = {.dst_id = event->src_id, .cookie_reply = event->cookie};
	char sender[24];

	if (!event->expect_reply)
		return;
	message = message_error(client, (guint32)event->cookie, error, text);
	g_dbus_message_set_destination(message, unique_name(event->src_id, sender));
	g_dbus_message_set_sender(message, client->unique);
	g_dbus_message_set_serial(message, G_MAXUINT32);
	blob = g_dbus_message_to_blob(message, &out.len, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	out.data = blob;
	out.cookie = G_MAXUINT32;
	if (blob)
		bus_send(client->conn, &out);
}

/* Makes the header say what the kernel knows. NULL for a message that is none. */
static GDBusMessage *parse_event(const struct bus_event *event)
{
	GDBusMessage *message;
	GDBusMessageType type;
	char sender[24];

	if (!event->data || event->payload_type != BUS_PAYLOAD_DBUS1 || event->len < 16)
		return NULL;
	message = g_dbus_message_new_from_blob((guchar *)(uintptr_t)event->data, event->len,
					       G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
	if (!message)
		return NULL;
	type = g_dbus_message_get_message_type(message);
	g_dbus_message_set_sender(message, unique_name(event->src_id, sender));
	if (!(guint32)event->cookie || type > G_DBUS_MESSAGE_TYPE_SIGNAL ||
	    (event->expect_reply && type != G_DBUS_MESSAGE_TYPE_METHOD_CALL) ||
	    (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR) !=
		    (event->cookie_reply != 0)) {
		g_object_unref(message);
		return NULL;
	}
	g_dbus_message_set_serial(message, (guint32)event->cookie);
	if (event->cookie_reply)
		g_dbus_message_set_reply_serial(message, (guint32)event->cookie_reply);
	return message;
}

/* Descriptors that came are those that the header counts, and none is missing. */
static bool fds_agree(const struct bus_event *event, GDBusMessage *message)
{
	return !event->fds_lost && g_dbus_message_get_num_unix_fds(message) == event->fd_count;
}

/* Both sides' rules, for a message whose sender was not asked here, or not about this receiver. */
static bool may_pass(struct client *client, const struct client *sender,
		     const struct bus_event *event, struct facts *facts)
{
	g_auto(GStrv) names = NULL;
	bool may;

	facts->sender_names = event->names;
	facts->src_id = event->src_id;
	if (peer_policy_is_open(client->policy) && (!sender || peer_policy_is_open(sender->policy)))
		return true;
	names = client_names(client, true);
	if (sender) {
		may = peer_may_send(sender->policy, facts, (const char *const *)names);
	} else {
		/* not one of the bridge's: the kernel says who it is, or it is nobody */
		struct peer_policy *policy = policy_for(client->proxy->config->policy,
							event->has_creds ? event->uid : (uid_t)-1,
							event->groups, event->group_count, false);

		may = peer_may_send(policy, facts, (const char *const *)names);
		peer_policy_free(policy);
	}
	return may && peer_may_receive(client->policy, facts);
}

static void deliver(struct client *client, struct bus_event *event)
{
	struct client *sender = g_hash_table_lookup(client->proxy->clients, &event->src_id);
	bool broadcast = event->dst_id == BUS_ID_BROADCAST;
	g_autoptr(GDBusMessage) message = NULL;
	struct facts facts;

	if (sender && !broadcast && !event->fds_lost && event->data &&
	    peer_policy_is_open(client->policy)) {
		client_write(client, event->data, event->len, event->fds, event->fd_count);
		event->fd_count = 0;
		return;
	}
	message = parse_event(event);
	if (!message || !fds_agree(event, message)) {
		refuse(client, event, DBUS_ERROR("NotSupported"),
		       "The message cannot be shown to a dbus1 client");
		return;
	}
	facts_of(&facts, message);
	if (!may_pass(client, sender, event, &facts)) {
		refuse(client, event, DBUS_ERROR("AccessDenied"), "Rejected by the bus's policy");
		return;
	}
	if (broadcast && !rules_apply(client, &facts, facts.body))
		return;
	if (!broadcast && !facts.destination)
		g_dbus_message_set_destination(message, client->unique);
	write_message(client, message, event);
}

/* A monitor sees everything, but no descriptors. */
static void show(struct client *client, struct bus_event *event)
{
	g_autoptr(GDBusMessage) message = parse_event(event);
	struct facts facts;

	if (!message)
		return;
	facts_of(&facts, message);
	facts.sender_names = event->names;
	if (client->rules->len && !rules_apply(client, &facts, facts.body))
		return;
	g_dbus_message_set_header(message, G_DBUS_MESSAGE_HEADER_FIELD_NUM_UNIX_FDS, NULL);
	for (unsigned int i = 0; i < event->fd_count; i++)
		if (event->fds[i] >= 0)
			close(event->fds[i]);
	event->fd_count = 0;
	write_message(client, message, event);
}

/* What the bridge itself answers does not pass through the kernel: monitors get it from here. */
void relay_show_monitors(struct proxy *proxy, GDBusMessage *message, const char *sender)
{
	g_autofree guchar *blob = NULL;
	struct facts facts;
	gsize len;
	guint i;

	if (!proxy->monitors->len)
		return;
	g_dbus_message_set_sender(message, sender);
	g_dbus_message_set_unix_fd_list(message, NULL);
	blob = g_dbus_message_to_blob(message, &len, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	facts_of(&facts, message);
	for (i = proxy->monitors->len; blob && i-- > 0;) {
		struct client *monitor = g_ptr_array_index(proxy->monitors, i);

		if (!monitor->rules->len || rules_apply(monitor, &facts, facts.body))
			client_write(monitor, blob, len, NULL, 0);
	}
}

static void take_event(struct client *client, struct bus_event *event)
{
	client->proxy->delivered++;
	if (event->cookie_reply && client->calls)
		client->calls--;
	switch (event->kind) {
	case BUS_EVENT_NAME:
		on_name(client, event);
		break;
	case BUS_EVENT_ID:
		on_id(client, event);
		break;
	case BUS_EVENT_REPLY:
		on_no_reply(client, event);
		break;
	case BUS_EVENT_MESSAGE:
		if (client->state == CLIENT_MONITOR)
			show(client, event);
		else
			deliver(client, event);
	}
}

void relay_from_bus(struct source *source, uint32_t events)
{
	struct client *client = (void *)((char *)source - offsetof(struct client, bus_source));
	struct bus_event event;
	unsigned int i;

	for (i = 0; i < EVENTS_A_TURN; i++) {
		struct bus_conn *conn = client->conn;
		int r;

		if (client_is_full(client)) {
			loop_change(client->proxy->bus_loop, source, 0);
			return;
		}
		r = bus_receive(conn, &event);
		client->proxy->lost += event.dropped;
		if (r == -EAGAIN)
			break;
		if (r) {
			client_close(client);
			return;
		}
		take_event(client, &event);
		/* a client that went has closed its connection, and with it its pool */
		bus_done(client->conn == conn ? conn : NULL, &event);
		if (client->conn != conn)
			return;
	}
	if (events & EPOLLHUP && i == 0)
		client_close(client);
}
