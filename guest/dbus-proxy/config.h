// SPDX-License-Identifier: BSD-2-Clause
/* Configuration files of a message bus, dbus-daemon(1): read, judged, and nothing done yet. */
#ifndef DBUS_PROXY_CONFIG_H
#define DBUS_PROXY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "policy.h"

enum limit {
	LIMIT_INCOMING_BYTES,
	LIMIT_INCOMING_FDS,
	LIMIT_OUTGOING_BYTES,
	LIMIT_OUTGOING_FDS,
	LIMIT_MESSAGE_BYTES,
	LIMIT_MESSAGE_FDS,
	LIMIT_START_TIMEOUT,
	LIMIT_AUTH_TIMEOUT,
	LIMIT_PENDING_FD_TIMEOUT,
	LIMIT_REPLY_TIMEOUT,
	LIMIT_COMPLETED,
	LIMIT_INCOMPLETE,
	LIMIT_USER_CONNECTIONS,
	LIMIT_PENDING_STARTS,
	LIMIT_NAMES,
	LIMIT_RULES,
	LIMIT_REPLIES,
	LIMIT_CONTAINERS,
	LIMIT_USER_CONTAINERS,
	LIMIT_CONTAINER_CONNECTIONS,
	LIMIT_CONTAINER_METADATA,
	LIMIT_COUNT,
};

struct config {
	char *type; /* "system", "session", or something else */
	char *user, *pidfile;
	GPtrArray *listen, *auth, *service_dirs;
	bool fork, syslog, keep_umask, allow_anonymous;
	bool standard_session_dirs, standard_system_dirs;
	int64_t limits[LIMIT_COUNT]; /* -1: none (times only) */
	struct policy *policy;
};

/* Reads @file and what it includes. NULL with @error set. */
struct config *config_read(const char *file, GError **error);
void config_free(struct config *config);

#endif
