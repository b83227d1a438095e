// SPDX-License-Identifier: BSD-2-Clause
/* org.freedesktop.DBus about itself: introspection (from the table), properties, Peer. */
#include <string.h>

#include "driver_impl.h"

/* ---- introspection */

static const struct {
	const char *interface, *member, *args;
} signals[] = {
	{DBUS_NAME, "NameOwnerChanged", "(sss)"},
	{DBUS_NAME, "NameLost", "(s)"},
	{DBUS_NAME, "NameAcquired", "(s)"},
};

static void describe_args(GString *xml, const char *tuple, const char *direction)
{
	const GVariantType *type = G_VARIANT_TYPE(tuple), *arg;

	for (arg = g_variant_type_first(type); arg; arg = g_variant_type_next(arg)) {
		g_autofree char *text = g_variant_type_dup_string(arg);

		if (direction)
			g_string_append_printf(xml, "      <arg direction=\"%s\" type=\"%s\"/>\n",
					       direction, text);
		else
			g_string_append_printf(xml, "      <arg type=\"%s\"/>\n", text);
	}
}

static void describe_signals(GString *xml, const char *interface)
{
	unsigned int i;

	if (strcmp(interface, DBUS_NAME) != 0)
		return;
	for (i = 0; i < G_N_ELEMENTS(signals); i++) {
		g_string_append_printf(xml, "    <signal name=\"%s\">\n", signals[i].member);
		describe_args(xml, signals[i].args, NULL);
		g_string_append(xml, "    </signal>\n");
	}
	for (i = 0; i < 2; i++)
		g_string_append_printf(
			xml,
			"    <property name=\"%s\" type=\"as\" access=\"read\">\n      <annotation "
			"name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
			"value=\"const\"/>\n    </property>\n",
			i ? "Interfaces" : "Features");
}

GVariant *driver_introspect(struct client *client G_GNUC_UNUSED, GDBusMessage *call,
			    GVariant *args G_GNUC_UNUSED, struct driver_error *why G_GNUC_UNUSED)
{
	bool root = g_strcmp0(g_dbus_message_get_path(call), "/") == 0;
	const struct driver_method *m, *before = NULL;
	g_autoptr(GString) xml = g_string_new(
		"<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
		"\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n");

	for (m = driver_methods; m->member; before = m, m++) {
		if (!before || strcmp(before->interface, m->interface) != 0)
			g_string_append_printf(xml, "%s  <interface name=\"%s\">\n",
					       before ? "  </interface>\n" : "", m->interface);
		if (!before || strcmp(before->interface, m->interface) != 0)
			describe_signals(xml, m->interface);
		g_string_append_printf(xml, "    <method name=\"%s\">\n", m->member);
		describe_args(xml, m->in, "in");
		describe_args(xml, m->out, "out");
		g_string_append(xml, "    </method>\n");
	}
	g_string_append(xml, "  </interface>\n");
	if (root)
		g_string_append(xml, "  <node name=\"org/freedesktop/DBus\"/>\n");
	g_string_append(xml, "</node>\n");
	return g_variant_new("(s)", xml->str);
}

/* ---- properties */

static const char *const features[] = {"HeaderFiltering", NULL};
static const char *const interfaces[] = {DBUS_NAME ".Monitoring", DBUS_NAME ".Debug.Stats", NULL};

static GVariant *property(const char *name)
{
	if (strcmp(name, "Features") == 0)
		return g_variant_new_strv(features, -1);
	if (strcmp(name, "Interfaces") == 0)
		return g_variant_new_strv(interfaces, -1);
	return NULL;
}

static bool known_interface(const char *interface, struct driver_error *why)
{
	const struct driver_method *m;

	for (m = driver_methods; m->member; m++)
		if (strcmp(m->interface, interface) == 0)
			return true;
	driver_fail(why, DBUS_ERROR("UnknownInterface"), "Interface \"%s\" not found", interface);
	return false;
}

GVariant *driver_get_property(struct client *client G_GNUC_UNUSED, GDBusMessage *call G_GNUC_UNUSED,
			      GVariant *args, struct driver_error *why)
{
	const char *interface, *name;
	GVariant *value;

	g_variant_get(args, "(&s&s)", &interface, &name);
	if (!known_interface(interface, why))
		return NULL;
	value = strcmp(interface, DBUS_NAME) == 0 ? property(name) : NULL;
	if (!value)
		return driver_fail(why, DBUS_ERROR("UnknownProperty"),
				   "Property \"%s.%s\" not found", interface, name);
	return g_variant_new("(v)", value);
}

GVariant *driver_get_properties(struct client *client G_GNUC_UNUSED,
				GDBusMessage *call G_GNUC_UNUSED, GVariant *args,
				struct driver_error *why)
{
	GVariantBuilder all;
	const char *interface;

	g_variant_get(args, "(&s)", &interface);
	if (!known_interface(interface, why))
		return NULL;
	g_variant_builder_init(&all, G_VARIANT_TYPE("a{sv}"));
	if (strcmp(interface, DBUS_NAME) == 0) {
		g_variant_builder_add(&all, "{sv}", "Features", property("Features"));
		g_variant_builder_add(&all, "{sv}", "Interfaces", property("Interfaces"));
	}
	return g_variant_new("(a{sv})", &all);
}

GVariant *driver_set_property(struct client *client G_GNUC_UNUSED, GDBusMessage *call G_GNUC_UNUSED,
			      GVariant *args, struct driver_error *why)
{
	const char *interface, *name;
	g_autoptr(GVariant) value = NULL;

	g_variant_get(args, "(&s&sv)", &interface, &name, &value);
	if (!known_interface(interface, why))
		return NULL;
	if (strcmp(interface, DBUS_NAME) == 0 &&
	    (strcmp(name, "Features") == 0 || strcmp(name, "Interfaces") == 0))
		return driver_fail(why, DBUS_ERROR("PropertyReadOnly"),
				   "Property \"%s.%s\" cannot be set", interface, name);
	return driver_fail(why, DBUS_ERROR("UnknownProperty"), "Property \"%s.%s\" not found",
			   interface, name);
}

/* ---- Peer */

GVariant *driver_ping(struct client *client G_GNUC_UNUSED, GDBusMessage *call G_GNUC_UNUSED,
		      GVariant *args G_GNUC_UNUSED, struct driver_error *why G_GNUC_UNUSED)
{
	return NO_REPLY_BODY;
}

GVariant *driver_machine_id(struct client *client G_GNUC_UNUSED, GDBusMessage *call G_GNUC_UNUSED,
			    GVariant *args G_GNUC_UNUSED, struct driver_error *why)
{
	static const char *const files[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *id = NULL;

		if (!g_file_get_contents(files[i], &id, NULL, NULL))
			continue;
		g_strstrip(id);
		if (strlen(id) == 32)
			return g_variant_new("(s)", id);
	}
	return driver_fail(why, DBUS_ERROR("FileNotFound"), "This machine has no id: %s", files[0]);
}
