// SPDX-License-Identifier: BSD-2-Clause
/*
 * org.freedesktop.DBus: the table of its methods, and those that are a line or two. Everything is
 * answered here, with at most one question to the kernel bus.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "driver_impl.h"

GVariant *driver_fail(struct driver_error *why, const char *name, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	why->name = name;
	why->text = g_strdup_vprintf(format, ap);
	va_end(ap);
	return NULL;
}

/* ---- methods */

static GVariant *hello(struct client *client, GDBusMessage *call, GVariant *args G_GNUC_UNUSED,
		       struct driver_error *why)
{
	const char *text = NULL;
	int r;

	if (client->state != CLIENT_SILENT)
		return driver_fail(why, DBUS_ERROR("Failed"), "Already handled an Hello message");
	r = client_say_hello(client, &text);
	if (r)
		return driver_fail(
			why, r == -EMFILE ? DBUS_ERROR("LimitsExceeded") : DBUS_ERROR("Failed"),
			"%s", text);
	message_send(client, message_reply(client, call, g_variant_new("(s)", client->unique)));
	if (client->state == CLIENT_ACTIVE)
		message_send(client,
			     message_signal(client, DBUS_NAME, "NameAcquired", client->unique,
					    g_variant_new("(s)", client->unique)));
	return NULL;
}

static GVariant *add_match(struct client *client, GDBusMessage *call G_GNUC_UNUSED, GVariant *args,
			   struct driver_error *why)
{
	const char *text;
	char *wrong = NULL;
	int r;

	g_variant_get(args, "(&s)", &text);
	r = rules_add(client, text, &wrong);
	if (!r)
		return NO_REPLY_BODY;
	why->name = r == -EINVAL ? DBUS_ERROR("MatchRuleInvalid") : DBUS_ERROR("LimitsExceeded");
	why->text = wrong;
	return NULL;
}

static GVariant *remove_match(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			      GVariant *args, struct driver_error *why)
{
	const char *text;
	char *wrong = NULL;
	int r;

	g_variant_get(args, "(&s)", &text);
	r = rules_remove(client, text, &wrong);
	if (!r)
		return NO_REPLY_BODY;
	why->name = r == -EINVAL ? DBUS_ERROR("MatchRuleInvalid") : DBUS_ERROR("MatchRuleNotFound");
	why->text = wrong;
	return NULL;
}

static GVariant *get_id(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			GVariant *args G_GNUC_UNUSED, struct driver_error *why G_GNUC_UNUSED)
{
	return g_variant_new("(s)", client->proxy->guid);
}

static GVariant *reload_config(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
			       GVariant *args G_GNUC_UNUSED, struct driver_error *why)
{
	g_autoptr(GError) error = NULL;

	if (proxy_reload(client->proxy, &error))
		return NO_REPLY_BODY;
	return driver_fail(why, DBUS_ERROR("Failed"), "%s", error->message);
}

static GVariant *update_environment(struct client *client, GDBusMessage *call G_GNUC_UNUSED,
				    GVariant *args, struct driver_error *why)
{
	g_autoptr(GVariantIter) iter = NULL;
	const char *name, *value;

	if (g_strcmp0(client->proxy->config->type, "session") != 0 && client->uid != geteuid())
		return driver_fail(why, DBUS_ERROR("AccessDenied"),
				   "Cannot change activation environment on a system bus");
	g_variant_get(args, "(a{ss})", &iter);
	while (g_variant_iter_next(iter, "{&s&s}", &name, &value))
		services_set_environment(client->proxy->services, name, value);
	return NO_REPLY_BODY;
}

/* ---- monitors */

static bool parse_rules(GVariant *args, GPtrArray *rules, struct driver_error *why)
{
	g_autoptr(GVariantIter) iter = NULL;
	const char *text;
	guint32 flags;
	char *wrong = NULL;

	g_variant_get(args, "(asu)", &iter, &flags);
	if (flags) {
		driver_fail(why, DBUS_ERROR("InvalidArgs"), "Flags must be 0, not %u", flags);
		return false;
	}
	while (g_variant_iter_next(iter, "&s", &text)) {
		struct match *match = match_parse(text, &wrong);

		if (!match) {
			why->name = DBUS_ERROR("MatchRuleInvalid");
			why->text = wrong;
			return false;
		}
		g_ptr_array_add(rules, match);
	}
	return true;
}

static void lose_names(struct client *client)
{
	g_auto(GStrv) names = client_names(client, false);
	char **name;

	for (name = names; *name && client->state == CLIENT_ACTIVE; name++)
		message_send(client, message_signal(client, DBUS_NAME, "NameLost", client->unique,
						    g_variant_new("(s)", *name)));
	if (client->state == CLIENT_ACTIVE)
		message_send(client, message_signal(client, DBUS_NAME, "NameLost", client->unique,
						    g_variant_new("(s)", client->unique)));
}

static GVariant *become_monitor(struct client *client, GDBusMessage *call, GVariant *args,
				struct driver_error *why)
{
	GPtrArray *rules = g_ptr_array_new_with_free_func((GDestroyNotify)match_free);
	int r;

	if (!parse_rules(args, rules, why)) {
		g_ptr_array_unref(rules);
		return NULL;
	}
	message_send(client, message_reply(client, call, NULL));
	lose_names(client);
	if (client->state != CLIENT_ACTIVE) {
		g_ptr_array_unref(rules);
		return NULL;
	}
	g_ptr_array_unref(client->rules);
	client->rules = rules;
	r = client_become_monitor(client);
	if (r) {
		g_warning("no monitor on the kernel bus: %s", g_strerror(-r));
		client_close(client);
	}
	return NULL;
}

/* ---- the table */

#define DBUS DBUS_NAME
#define STATS DBUS_NAME ".Debug.Stats"

const struct driver_method driver_methods[] = {
	{DBUS, "Hello", "()", "(s)", 0, hello},
	{DBUS, "RequestName", "(su)", "(u)", 0, driver_request_name},
	{DBUS, "ReleaseName", "(s)", "(u)", 0, driver_release_name},
	{DBUS, "StartServiceByName", "(su)", "(u)", 0, driver_start_service},
	{DBUS, "UpdateActivationEnvironment", "(a{ss})", "()", DRIVER_CANONICAL,
	 update_environment},
	{DBUS, "NameHasOwner", "(s)", "(b)", 0, driver_name_has_owner},
	{DBUS, "ListNames", "()", "(as)", 0, driver_list_names},
	{DBUS, "ListActivatableNames", "()", "(as)", 0, driver_list_activatable},
	{DBUS, "AddMatch", "(s)", "()", 0, add_match},
	{DBUS, "RemoveMatch", "(s)", "()", 0, remove_match},
	{DBUS, "GetNameOwner", "(s)", "(s)", 0, driver_get_name_owner},
	{DBUS, "ListQueuedOwners", "(s)", "(as)", 0, driver_list_queued_owners},
	{DBUS, "GetConnectionUnixUser", "(s)", "(u)", 0, driver_get_user},
	{DBUS, "GetConnectionUnixProcessID", "(s)", "(u)", 0, driver_get_process},
	{DBUS, "GetAdtAuditSessionData", "(s)", "(ay)", 0, driver_get_audit},
	{DBUS, "GetConnectionSELinuxSecurityContext", "(s)", "(ay)", 0, driver_get_selinux},
	{DBUS, "ReloadConfig", "()", "()", 0, reload_config},
	{DBUS, "GetId", "()", "(s)", 0, get_id},
	{DBUS, "GetConnectionCredentials", "(s)", "(a{sv})", 0, driver_get_credentials},
	{DBUS ".Properties", "Get", "(ss)", "(v)", DRIVER_CANONICAL, driver_get_property},
	{DBUS ".Properties", "GetAll", "(s)", "(a{sv})", DRIVER_CANONICAL, driver_get_properties},
	{DBUS ".Properties", "Set", "(ssv)", "()", DRIVER_CANONICAL, driver_set_property},
	{DBUS ".Introspectable", "Introspect", "()", "(s)", 0, driver_introspect},
	{DBUS ".Monitoring", "BecomeMonitor", "(asu)", "()", DRIVER_CANONICAL | DRIVER_PRIVILEGED,
	 become_monitor},
	{STATS, "GetStats", "()", "(a{sv})", DRIVER_CANONICAL, driver_get_stats},
	{STATS, "GetConnectionStats", "(s)", "(a{sv})", DRIVER_CANONICAL,
	 driver_get_connection_stats},
	{STATS, "GetAllMatchRules", "()", "(a{sas})", DRIVER_CANONICAL, driver_get_all_rules},
	{DBUS ".Peer", "Ping", "()", "()", 0, driver_ping},
	{DBUS ".Peer", "GetMachineId", "()", "(s)", 0, driver_machine_id},
	{NULL, NULL, NULL, NULL, 0, NULL},
};

/* ---- dispatch */

static const struct driver_method *find_method(GDBusMessage *call, struct driver_error *why)
{
	const char *interface = g_dbus_message_get_interface(call);
	const char *member = g_dbus_message_get_member(call);
	const struct driver_method *m;
	bool known = false;

	for (m = driver_methods; m->member; m++) {
		if (interface && strcmp(interface, m->interface) != 0)
			continue;
		known = true;
		if (g_strcmp0(member, m->member) == 0)
			return m;
	}
	if (interface && !known)
		driver_fail(why, DBUS_ERROR("UnknownInterface"),
			    "org.freedesktop.DBus does not understand interface %s", interface);
	else
		driver_fail(why, DBUS_ERROR("UnknownMethod"),
			    "org.freedesktop.DBus does not understand message %s", member);
	return NULL;
}

static bool is_privileged(const struct client *client)
{
	return client->uid == 0 || client->uid == geteuid();
}

static GVariant *call_method(struct client *client, GDBusMessage *call, struct driver_error *why)
{
	const struct driver_method *method = find_method(call, why);
	GVariant *body = g_dbus_message_get_body(call);
	const char *signature = g_dbus_message_get_signature(call);
	g_autoptr(GVariant) args = NULL;
	g_autofree char *wanted = NULL;

	if (!method)
		return NULL;
	if (method->flags & DRIVER_CANONICAL &&
	    g_strcmp0(g_dbus_message_get_path(call), DBUS_PATH) != 0)
		return driver_fail(why,
				   strcmp(method->interface, DBUS_NAME) == 0
					   ? DBUS_ERROR("AccessDenied")
					   : DBUS_ERROR("UnknownInterface"),
				   "Method \"%s\" is only available at the canonical object path "
				   "\"%s\"",
				   method->member, DBUS_PATH);
	if (method->flags & DRIVER_PRIVILEGED && !is_privileged(client))
		return driver_fail(why, DBUS_ERROR("AccessDenied"),
				   "The caller does not have the necessary privileges to call "
				   "method %s.%s",
				   method->interface, method->member);
	wanted = g_strndup(method->in + 1, strlen(method->in) - 2);
	if (strcmp(signature, wanted) != 0)
		return driver_fail(why, DBUS_ERROR("InvalidArgs"),
				   "Call to %s has wrong args (%s, expected %s)", method->member,
				   signature, wanted);
	args = body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
	return method->call(client, call, args, why);
}

static bool may_call(struct client *client, GDBusMessage *call)
{
	struct facts facts;

	if (client->state != CLIENT_ACTIVE || peer_policy_is_open(client->policy))
		return true;
	facts_of(&facts, call);
	return peer_may_send(client->policy, &facts, NULL);
}

void driver_call(struct client *client, GDBusMessage *message)
{
	struct driver_error why = {0};
	GVariant *body;

	if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		return; /* the bus waits for no reply and hears no signal */
	/* what happened on the bus before the call is told before its answer */
	if (client->state == CLIENT_ACTIVE)
		relay_show_monitors(client->proxy, message, client->unique);
	if (!may_call(client, message))
		body = driver_fail(&why, DBUS_ERROR("AccessDenied"),
				   "Rejected send message, sender=\"%s\" interface=\"%s\" "
				   "member=\"%s\" destination=\"%s\"",
				   client->unique, g_dbus_message_get_interface(message),
				   g_dbus_message_get_member(message), DBUS_NAME);
	else
		body = call_method(client, message, &why);
	if (client->conn)
		relay_from_bus(&client->bus_source, 0);
	if (body)
		g_variant_ref_sink(body);
	if (client->state != CLIENT_GONE && message_wants_reply(message)) {
		if (why.name)
			relay_fail(client, g_dbus_message_get_serial(message), why.name, why.text);
		else if (body)
			message_send(client, message_reply(client, message, body));
	}
	g_clear_pointer(&body, g_variant_unref);
	g_free(why.text);
}
