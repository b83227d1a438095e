// SPDX-License-Identifier: BSD-2-Clause
/* Messages that the bridge makes as org.freedesktop.DBus, and names from numbers and back. */
#include <string.h>

#include "proxy.h"

#define UNIQUE_PREFIX ":1."

const char *unique_name(uint64_t id, char text[24])
{
	g_snprintf(text, 24, UNIQUE_PREFIX "%" G_GUINT64_FORMAT, id);
	return text;
}

uint64_t unique_id(const char *name)
{
	guint64 id;

	if (!g_str_has_prefix(name, UNIQUE_PREFIX) ||
	    !g_ascii_string_to_unsigned(name + strlen(UNIQUE_PREFIX), 10, 1, G_MAXUINT64 - 1, &id,
					NULL))
		return 0;
	return id;
}

bool message_wants_reply(GDBusMessage *message)
{
	return g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
	       !(g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
}

GDBusMessage *message_reply(struct client *client G_GNUC_UNUSED, GDBusMessage *call, GVariant *body)
{
	GDBusMessage *reply = g_dbus_message_new_method_reply(call);

	if (body)
		g_dbus_message_set_body(reply, body);
	return reply;
}

GDBusMessage *message_error(struct client *client G_GNUC_UNUSED, guint32 reply_serial,
			    const char *name, const char *text)
{
	GDBusMessage *error = g_dbus_message_new();

	g_dbus_message_set_message_type(error, G_DBUS_MESSAGE_TYPE_ERROR);
	g_dbus_message_set_flags(error, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
	g_dbus_message_set_reply_serial(error, reply_serial);
	g_dbus_message_set_error_name(error, name);
	g_dbus_message_set_body(error, g_variant_new("(s)", text));
	return error;
}

GDBusMessage *message_signal(struct client *client G_GNUC_UNUSED, const char *interface,
			     const char *member, const char *destination, GVariant *body)
{
	GDBusMessage *signal = g_dbus_message_new_signal(DBUS_PATH, interface, member);

	g_dbus_message_set_flags(signal, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
	g_dbus_message_set_destination(signal, destination);
	g_dbus_message_set_body(signal, body);
	return signal;
}

/* Takes @message over. */
void message_send(struct client *client, GDBusMessage *message)
{
	g_autoptr(GError) error = NULL;
	g_autofree guchar *blob = NULL;
	gsize len;

	if (!g_dbus_message_get_destination(message) && client->id &&
	    g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_SIGNAL)
		g_dbus_message_set_destination(message, client->unique);
	g_dbus_message_set_sender(message, DBUS_NAME);
	g_dbus_message_set_serial(message, ++client->serial ? client->serial : ++client->serial);
	blob = g_dbus_message_to_blob(message, &len, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
	if (!blob) {
		/* text of a client that is no UTF-8 can bring this about */
		g_warning("a message of the bus cannot be written: %s", error->message);
	} else {
		client_write(client, blob, len, NULL, 0);
		relay_show_monitors(client->proxy, message, DBUS_NAME);
	}
	g_object_unref(message);
}
