// SPDX-License-Identifier: BSD-2-Clause
/* Addresses of D-Bus servers and the sockets behind them: AF_UNIX, and those handed over. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy_impl.h"

#define HANDED_FIRST 3
#define TRIES 8

struct listener {
	struct proxy *proxy;
	struct source source;
	char *path; /* to be removed in the end */
};

static void on_listener(struct source *source, uint32_t events G_GNUC_UNUSED)
{
	struct listener *l = (void *)((char *)source - offsetof(struct listener, source));
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		client_accept(l->proxy, fd);
	else if (errno == EMFILE || errno == ENFILE)
		g_warning("no descriptor for another client");
}

static bool complain(GError **error, const char *address, const char *what)
{
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: %s", address, what);
	return false;
}

static bool add_listener(struct proxy *proxy, int fd, const char *path, const char *address)
{
	struct listener *l = g_new0(struct listener, 1);

	l->proxy = proxy;
	l->path = g_strdup(path);
	l->source.ready = on_listener;
	if (loop_add(proxy->loop, &l->source, fd, EPOLLIN)) {
		g_free(l->path);
		g_free(l);
		return false;
	}
	g_ptr_array_add(proxy->listeners, l);
	if (!proxy->address)
		proxy->address = g_strdup_printf("%s,guid=%s", address, proxy->guid);
	return true;
}

/* A listening socket, or a negative errno. */
static int bind_to(const char *name, bool abstract)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(name), start = abstract ? 1 : 0;
	struct stat st;
	int fd, r;

	if (len + start >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path + start, name, len);
	if (!abstract && lstat(name, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(name); /* of a bus that is no more */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	len += offsetof(struct sockaddr_un, sun_path) + start + (abstract ? 0 : 1);
	if (bind(fd, (struct sockaddr *)&to, (socklen_t)len) || listen(fd, SOMAXCONN) ||
	    (!abstract && chmod(name, 0777))) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static bool listen_named(struct proxy *proxy, const char *address, const char *name, bool abstract,
			 GError **error)
{
	g_autofree char *escaped = g_uri_escape_string(name, "/_-.", FALSE);
	g_autofree char *real =
		g_strdup_printf("unix:%s=%s", abstract ? "abstract" : "path", escaped);
	int fd = bind_to(name, abstract);

	if (fd < 0)
		return complain(error, address, g_strerror(-fd));
	return add_listener(proxy, fd, abstract ? NULL : name, real);
}

/* A socket of a new name in @dir. */
static bool listen_in(struct proxy *proxy, const char *address, const char *dir, GError **error)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		g_autofree char *name =
			g_strdup_printf("%s/dbus-%08x%08x", dir, g_random_int(), g_random_int());

		if (access(name, F_OK) == 0)
			continue;
		return listen_named(proxy, address, name, false, error);
	}
	return complain(error, address, "no new name is free");
}

static bool listen_handed(struct proxy *proxy, const char *address, GError **error)
{
	const char *pid = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
	struct sockaddr_un at = {0};
	socklen_t len;
	int i, n = count ? atoi(count) : 0;

	if (!pid || atoi(pid) != getpid() || n <= 0)
		return complain(error, address, "no sockets were handed over");
	for (i = HANDED_FIRST; i < HANDED_FIRST + n; i++) {
		g_autofree char *real = NULL;

		len = sizeof(at);
		if (getsockname(i, (struct sockaddr *)&at, &len) || at.sun_family != AF_UNIX)
			return complain(error, address,
					"a socket that was handed over is not "
					"AF_UNIX");
		real = g_strdup_printf("unix:%s=%s", at.sun_path[0] ? "path" : "abstract",
				       at.sun_path[0] ? at.sun_path : at.sun_path + 1);
		if (!add_listener(proxy, i, NULL, real))
			return complain(error, address, "cannot wait for clients");
	}
	return true;
}

static bool listen_unix(struct proxy *proxy, const char *address, const char *key,
			const char *value, GError **error)
{
	if (strcmp(key, "path") == 0 || strcmp(key, "abstract") == 0)
		return listen_named(proxy, address, value, key[0] == 'a', error);
	if (strcmp(key, "tmpdir") == 0 || strcmp(key, "dir") == 0)
		return listen_in(proxy, address, value, error);
	if (strcmp(key, "runtime") == 0 && strcmp(value, "yes") == 0) {
		g_autofree char *path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);

		return listen_named(proxy, address, path, false, error);
	}
	return complain(error, address, "this kind of unix address is not known");
}

static bool listen_one(struct proxy *proxy, const char *address, GError **error)
{
	g_auto(GStrv) pair = NULL;
	g_autofree char *value = NULL;

	if (strcmp(address, "systemd:") == 0)
		return listen_handed(proxy, address, error);
	if (!g_str_has_prefix(address, "unix:"))
		return complain(error, address, "only AF_UNIX sockets are served");
	pair = g_strsplit(address + strlen("unix:"), "=", 2);
	if (!pair[0] || !pair[1])
		return complain(error, address, "no key=value");
	g_strdelimit(pair[1], ",", '\0');
	value = g_uri_unescape_string(pair[1], NULL);
	if (!value)
		return complain(error, address, "wrong escape");
	return listen_unix(proxy, address, pair[0], value, error);
}

bool listen_at(struct proxy *proxy, const char *address, GError **error)
{
	g_auto(GStrv) each = g_strsplit(address, ";", -1);
	char **one;

	for (one = each; *one; one++)
		if ((*one)[0] && !listen_one(proxy, *one, error))
			return false;
	return true;
}

void listen_while(struct proxy *proxy)
{
	bool more = proxy->incomplete < proxy->config->limits[LIMIT_INCOMPLETE];
	guint i;

	for (i = 0; i < proxy->listeners->len; i++) {
		struct listener *l = g_ptr_array_index(proxy->listeners, i);

		loop_change(proxy->loop, &l->source, more ? EPOLLIN : 0);
	}
}

void listen_end(struct proxy *proxy)
{
	guint i;

	for (i = 0; i < proxy->listeners->len; i++) {
		struct listener *l = g_ptr_array_index(proxy->listeners, i);
		int fd = l->source.fd;

		loop_remove(proxy->loop, &l->source);
		close(fd);
		if (l->path)
			unlink(l->path);
		g_free(l->path);
		g_free(l);
	}
	g_ptr_array_unref(proxy->listeners);
}
