/* What the tests of AF_UNIX have in common. */
#pragma once

#include "test.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline socklen_t abstract(struct sockaddr_un *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path + 1, text);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
}
