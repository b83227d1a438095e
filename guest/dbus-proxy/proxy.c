// SPDX-License-Identifier: BSD-2-Clause
/* The bridge as a whole: its kernel bus, its sockets, its configuration, its end. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proxy_impl.h"

#define KERNEL_ROOT "/sys/fs/kdbus"

/* ---- the kernel bus */

static bool is_system(const struct proxy *proxy)
{
	return g_strcmp0(proxy->config->type, "system") == 0;
}

static void on_bus(struct source *source, uint32_t events G_GNUC_UNUSED)
{
	struct proxy *proxy = (void *)((char *)source - offsetof(struct proxy, bus_source));

	loop_turn(proxy->bus_loop, true);
}

/* Names that are taken while their services start. */
static void on_self(struct source *source, uint32_t events G_GNUC_UNUSED)
{
	struct proxy *proxy = (void *)((char *)source - offsetof(struct proxy, self_source));
	struct bus_event event;
	int r;

	while ((r = bus_receive(proxy->self, &event)) == 0) {
		if (event.kind == BUS_EVENT_NAME && event.new_id &&
		    !services_is_activator(proxy->services, event.new_id))
			services_name_taken(proxy->services, event.name);
		bus_done(proxy->self, &event);
	}
	if (r == -EAGAIN)
		return;
	g_warning("the kernel bus is gone: %s", g_strerror(-r));
	proxy->quit = true;
}

/*
 * The bus that is asked for is joined, or made. Without a name it is that of the type; a session
 * bus that is there belongs to another session, so that a new one gets a name of its own.
 */
static int open_bus(struct proxy *proxy, const char *root, const char *name)
{
	g_autofree char *full = NULL;
	bool world = is_system(proxy);
	const char *kind = name ? name : world ? "system" : "user";
	int r;

	full = g_strdup_printf("%u-%s", (unsigned int)geteuid(), kind);
	r = bus_open(root, full, true, world, &proxy->bus);
	if (r != -EEXIST)
		return r;
	if (name || world)
		return bus_open(root, full, false, world, &proxy->bus);
	g_free(full);
	full = g_strdup_printf("%u-%s-%d", (unsigned int)geteuid(), kind, (int)getpid());
	return bus_open(root, full, true, world, &proxy->bus);
}

static int join_bus(struct proxy *proxy)
{
	struct bus_hello hello = {.kind = BUS_ORDINARY, .description = "dbus1-bridge"};
	int r = bus_connect(proxy->bus, &hello, &proxy->self);

	if (r)
		return r;
	bus_guid(proxy->bus, proxy->guid);
	proxy->self_source.ready = on_self;
	return loop_add(proxy->bus_loop, &proxy->self_source, bus_fd(proxy->self), EPOLLIN);
}

/* On a system bus the kernel forbids what is not allowed; the XML policy is the bridge's to ask. */
void proxy_allow(struct proxy *proxy, struct bus_conn *holder, const char *name, const char *owner)
{
	struct bus_access access[2] = {{.who = BUS_WORLD, .what = BUS_TALK}};
	struct passwd *user = owner ? getpwnam(owner) : NULL;
	size_t n = 1;
	int r;

	if (!is_system(proxy))
		return;
	if (user)
		access[n++] = (struct bus_access){BUS_USER, BUS_OWN, user->pw_uid};
	r = bus_allow(holder, name, access, n);
	if (r)
		g_debug("policy of %s: %s", name, g_strerror(-r));
}

void proxy_open_name(struct proxy *proxy, const char *name)
{
	struct bus_hello hello = {
		.kind = BUS_POLICY_HOLDER, .name = name, .description = "dbus1-policy"};
	struct bus_conn *holder;

	if (!is_system(proxy) || g_hash_table_contains(proxy->holders, name) ||
	    services_knows(proxy->services, name))
		return;
	if (bus_connect(proxy->bus, &hello, &holder))
		return; /* somebody else holds the policy of this name */
	proxy_allow(proxy, holder, name, NULL);
	g_hash_table_insert(proxy->holders, g_strdup(name), holder);
}

/* ---- configuration */

bool proxy_reload(struct proxy *proxy, GError **error)
{
	struct config *config = config_read(proxy->config_file, error);
	GHashTableIter iter;
	gpointer client;

	if (!config)
		return false;
	loop_free_later(proxy->loop, (GDestroyNotify)config_free, proxy->config);
	proxy->config = config;
	g_hash_table_iter_init(&iter, proxy->everyone);
	while (g_hash_table_iter_next(&iter, &client, NULL))
		client_new_policy(client);
	services_reload(proxy->services);
	return true;
}

/* ---- life */

struct proxy *proxy_create(const struct proxy_options *options, GError **error)
{
	struct proxy *proxy = g_new0(struct proxy, 1);
	const char *root = options->kernel_root ? options->kernel_root : KERNEL_ROOT;
	int r;

	proxy->config_file = g_strdup(options->config_file);
	proxy->config = options->config;
	proxy->loop = loop_create();
	proxy->bus_loop = loop_create();
	proxy->bus_source.ready = on_bus;
	proxy->clients = g_hash_table_new(g_int64_hash, g_int64_equal);
	proxy->users = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	proxy->everyone = g_hash_table_new(NULL, NULL);
	proxy->monitors = g_ptr_array_new();
	proxy->listeners = g_ptr_array_new();
	proxy->holders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       (GDestroyNotify)bus_disconnect);
	proxy->bus_source.fd = proxy->self_source.fd = -1;
	loop_add(proxy->loop, &proxy->bus_source, loop_fd(proxy->bus_loop), EPOLLIN);
	r = open_bus(proxy, root, options->bus);
	if (!r)
		r = join_bus(proxy);
	if (r) {
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-r),
			    "The kernel bus below %s: %s", root, g_strerror(-r));
		return NULL;
	}
	return proxy;
}

bool proxy_start(struct proxy *proxy, const char *address, GError **error)
{
	guint i;

	if (address && !listen_at(proxy, address, error))
		return false;
	for (i = 0; !address && i < proxy->config->listen->len; i++)
		if (!listen_at(proxy, g_ptr_array_index(proxy->config->listen, i), error))
			return false;
	if (!proxy->address) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "no address to listen at");
		return false;
	}
	proxy->services = services_create(proxy);
	return true;
}

void proxy_run(struct proxy *proxy)
{
	while (!proxy->quit) {
		loop_turn(proxy->loop, false);
		listen_while(proxy);
	}
}

void proxy_destroy(struct proxy *proxy)
{
	g_autoptr(GList) everyone = g_hash_table_get_keys(proxy->everyone);
	GList *l;

	listen_end(proxy);
	for (l = everyone; l; l = l->next)
		client_close(l->data);
	services_destroy(proxy->services);
	g_hash_table_unref(proxy->holders);
	bus_disconnect(proxy->self);
	loop_destroy(proxy->loop);
	loop_destroy(proxy->bus_loop);
	bus_close(proxy->bus);
	g_hash_table_unref(proxy->clients);
	g_hash_table_unref(proxy->users);
	g_hash_table_unref(proxy->everyone);
	g_ptr_array_unref(proxy->monitors);
	config_free(proxy->config);
	g_free(proxy->config_file);
	g_free(proxy->address);
	g_free(proxy);
}
