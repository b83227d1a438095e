// SPDX-License-Identifier: BSD-2-Clause
/* A client's connection on the kernel bus: made at Hello, made anew for a monitor. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "proxy.h"

static int connect_client(struct client *client, enum bus_kind kind)
{
	struct proxy *proxy = client->proxy;
	struct bus_creds creds = {client->uid, client->gid, client->pid, client->label};
	struct bus_hello hello = {
		.kind = kind,
		.description = "dbus1-client",
		.creds = &creds,
		.accept_fds = client->sasl.fds,
		.want_creds = !peer_policy_is_open(client->policy),
	};
	int r;

	if (kind == BUS_MONITOR)
		hello.creds = NULL;
	r = bus_connect(proxy->bus, &hello, &client->conn);
	if (r) {
		client->conn = NULL;
		return r;
	}
	client->bus_source.ready = relay_from_bus;
	r = loop_add(proxy->bus_loop, &client->bus_source, bus_fd(client->conn), EPOLLIN);
	if (r) {
		bus_disconnect(client->conn);
		client->conn = NULL;
		return r;
	}
	client->id = bus_id(client->conn);
	return 0;
}

static const char *over_limit(struct client *client)
{
	struct proxy *proxy = client->proxy;
	const int64_t *limits = proxy->config->limits;
	int64_t uid = client->uid;

	if (proxy->complete >= limits[LIMIT_COMPLETED])
		return "The maximum number of active connections has been reached";
	if (GPOINTER_TO_UINT(g_hash_table_lookup(proxy->users, &uid)) >=
	    limits[LIMIT_USER_CONNECTIONS])
		return "The maximum number of active connections for this user has been reached";
	return NULL;
}

int client_say_hello(struct client *client, const char **why)
{
	struct proxy *proxy = client->proxy;
	int64_t uid = client->uid;
	guint n;
	int r;

	*why = over_limit(client);
	if (*why)
		return -EMFILE;
	r = connect_client(client, BUS_ORDINARY);
	if (!r)
		r = rules_install_own(client);
	if (r) {
		*why = g_strerror(-r);
		if (client->conn) {
			loop_remove(proxy->bus_loop, &client->bus_source);
			g_clear_pointer(&client->conn, bus_disconnect);
		}
		client->id = 0;
		return r;
	}
	unique_name(client->id, client->unique);
	client->state = CLIENT_ACTIVE;
	loop_stop_timer(proxy->loop, &client->timer);
	proxy->incomplete--;
	proxy->complete++;
	n = GPOINTER_TO_UINT(g_hash_table_lookup(proxy->users, &uid));
	g_hash_table_replace(proxy->users, g_memdup2(&uid, sizeof(uid)), GUINT_TO_POINTER(n + 1));
	g_hash_table_insert(proxy->clients, &client->id, client);
	return 0;
}

/* The unique name and all others go; what it is sent from here on is what others send. */
int client_become_monitor(struct client *client)
{
	struct proxy *proxy = client->proxy;
	struct bus_conn *old = client->conn;
	uint64_t old_id = client->id;
	int old_fd = client->bus_source.fd, r;

	loop_remove(proxy->bus_loop, &client->bus_source);
	r = connect_client(client, BUS_MONITOR);
	if (r) {
		client->conn = old;
		client->id = old_id;
		if (loop_add(proxy->bus_loop, &client->bus_source, old_fd, EPOLLIN))
			client_close(client);
		return r;
	}
	/* the table's key is the id in the client */
	client->id = old_id;
	g_hash_table_remove(proxy->clients, &client->id);
	services_forget(proxy->services, client);
	bus_disconnect(old);
	g_hash_table_remove_all(client->names);
	client->state = CLIENT_MONITOR;
	g_ptr_array_add(proxy->monitors, client);
	return 0;
}
