// SPDX-License-Identifier: BSD-2-Clause
/* The methods of org.freedesktop.DBus, by file. */
#ifndef DBUS_PROXY_DRIVER_IMPL_H
#define DBUS_PROXY_DRIVER_IMPL_H

#include "proxy.h"

/*
 * A method. Returns the body of the reply (floating), or NULL with @why->name set for an error, or
 * NULL with nothing set when the answer comes later or came already.
 */
struct driver_error {
	const char *name;
	char *text;
};
typedef GVariant *driver_fn(struct client *client, GDBusMessage *call, GVariant *args,
			    struct driver_error *why);

enum {
	DRIVER_CANONICAL = 1,  /* only at /org/freedesktop/DBus */
	DRIVER_PRIVILEGED = 2, /* only for root and the bus's own user */
};
struct driver_method {
	const char *interface, *member, *in, *out;
	unsigned int flags;
	driver_fn *call;
};

#define NO_REPLY_BODY g_variant_new("()")
GVariant *driver_fail(struct driver_error *why, const char *name, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* driver_names.c */
driver_fn driver_request_name, driver_release_name, driver_list_names, driver_list_activatable,
	driver_name_has_owner, driver_get_name_owner, driver_list_queued_owners,
	driver_start_service;
/* driver_peers.c */
driver_fn driver_get_user, driver_get_process, driver_get_credentials, driver_get_audit,
	driver_get_selinux;
/* driver_stats.c */
driver_fn driver_get_stats, driver_get_connection_stats, driver_get_all_rules;
/* driver_info.c */
driver_fn driver_introspect, driver_get_property, driver_get_properties, driver_set_property,
	driver_ping, driver_machine_id;
extern const struct driver_method driver_methods[];

#endif
