// SPDX-License-Identifier: BSD-2-Clause
/* The server's side of authentication: EXTERNAL, judged by the credentials of the socket. Pure. */
#ifndef DBUS_PROXY_SASL_H
#define DBUS_PROXY_SASL_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

enum sasl_state { SASL_NUL, SASL_AUTH, SASL_DATA, SASL_BEGIN, SASL_DONE, SASL_FAILED };

struct sasl {
	enum sasl_state state;
	uid_t uid; /* of the socket's peer */
	const char *guid;
	unsigned int rejections;
	bool external; /* the mechanism is offered */
	bool fds;      /* both sides pass descriptors */
};

/*
 * Takes what it can of @data, appends answers to @reply; how many bytes it took. The rest, once the
 * state is SASL_DONE, is messages.
 */
size_t sasl_feed(struct sasl *sasl, const char *data, size_t len, GString *reply);

#endif
