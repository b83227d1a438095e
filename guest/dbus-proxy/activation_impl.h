// SPDX-License-Identifier: BSD-2-Clause
/* A service, its file and its process. */
#ifndef DBUS_PROXY_ACTIVATION_IMPL_H
#define DBUS_PROXY_ACTIVATION_IMPL_H

#include "proxy.h"

struct service {
	struct services *all;
	char *name, *exec, *user;
	bool seen; /* by the last look at the directories */
	struct bus_conn *activator;
	uint64_t id; /* of the activator */
	struct source source;
	uint64_t cookie; /* of the match that sees the name being taken */
	bool starting;
	pid_t pid; /* 0: no child that has not ended */
	struct timer timer;
	GQueue callers; /* struct caller, of StartServiceByName */
};

struct caller {
	struct client *client;
	guint32 serial;
	bool wants_reply;
};

struct services {
	struct proxy *proxy;
	GHashTable *by_name, *by_pid, *by_id;
	unsigned int pending;
	uint64_t next_cookie;
	char **environment;
};

/* activation.c */
void service_free(struct service *service);
/* service_file.c: NULL for a file that is none, which is said in the log. */
struct service *service_read(const char *file);
GPtrArray *service_directories(const struct config *config);
/* spawn.c: 0 with @error and @text set. */
pid_t service_spawn(struct service *service, const char **error, char **text);

#endif
