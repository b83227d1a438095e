// SPDX-License-Identifier: BSD-2-Clause
/* The bridge's beginning and end. */
#ifndef DBUS_PROXY_PROXY_IMPL_H
#define DBUS_PROXY_PROXY_IMPL_H

#include "proxy.h"

struct proxy_options {
	const char *config_file, *bus, *kernel_root;
	struct config *config; /* of the file; becomes the bridge's */
};

/* proxy.c */
struct proxy *proxy_create(const struct proxy_options *options, GError **error);
bool proxy_start(struct proxy *proxy, const char *address, GError **error);
void proxy_run(struct proxy *proxy);
void proxy_destroy(struct proxy *proxy);

/* listen.c */
bool listen_at(struct proxy *proxy, const char *address, GError **error);
void listen_while(struct proxy *proxy); /* not while too many have not said who they are */
void listen_end(struct proxy *proxy);

#endif
