// SPDX-License-Identifier: BSD-2-Clause
/*
 * Services that are started when somebody wants them. For each there is an activator on the kernel
 * bus, which holds the name and keeps what is sent to it; a message in its queue, or a call of
 * StartServiceByName, starts the program. When the program takes the name, the kernel hands it the
 * messages. When it does not, they are dropped, and their senders get the reason.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "activation_impl.h"

#define PENDING_COOKIE_FIRST 16

/* ---- the end of a start */

static void stop_starting(struct service *service)
{
	struct services *all = service->all;
	struct proxy *proxy = all->proxy;

	service->starting = false;
	all->pending--;
	loop_stop_timer(proxy->loop, &service->timer);
	bus_match_remove(proxy->self, service->cookie);
	if (service->pid)
		g_hash_table_remove(all->by_pid, GINT_TO_POINTER(service->pid));
	service->pid = 0;
	if (service->activator)
		loop_change(proxy->loop, &service->source, EPOLLIN);
}

static void failure_free(struct failure *failure)
{
	g_free(failure->name);
	g_free(failure->text);
	g_free(failure);
}

/* What waits in the activator's queue is dropped; the kernel then tells the callers. */
static void refuse_queue(struct service *service, const char *error, const char *text)
{
	struct proxy *proxy = service->all->proxy;
	struct bus_event event;

	while (service->activator && bus_peek(service->activator, &event) == 0) {
		struct client *client = g_hash_table_lookup(proxy->clients, &event.src_id);
		uint64_t cookie = event.cookie;

		if (client && event.expect_reply) {
			struct failure *failure = g_new0(struct failure, 1);

			failure->name = g_strdup(error);
			failure->text = g_strdup(text);
			if (!client->failures)
				client->failures =
					g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
							      (GDestroyNotify)failure_free);
			g_hash_table_insert(client->failures, g_memdup2(&cookie, sizeof(cookie)),
					    failure);
		}
		bus_done(service->activator, &event);
		if (bus_drop(service->activator))
			break;
	}
}

static void start_failed(struct service *service, const char *error, const char *text)
{
	struct caller *caller;

	g_message("service \"%s\" does not start: %s", service->name, text);
	stop_starting(service);
	while ((caller = g_queue_pop_head(&service->callers))) {
		if (caller->wants_reply)
			relay_fail(caller->client, caller->serial, error, text);
		g_free(caller);
	}
	refuse_queue(service, error, text);
}

void services_name_taken(struct services *services, const char *name)
{
	struct service *service = g_hash_table_lookup(services->by_name, name);
	struct caller *caller;

	if (!service || !service->starting)
		return;
	stop_starting(service);
	while ((caller = g_queue_pop_head(&service->callers))) {
		GDBusMessage *reply = g_dbus_message_new();

		g_dbus_message_set_message_type(reply, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
		g_dbus_message_set_flags(reply, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
		g_dbus_message_set_reply_serial(reply, caller->serial);
		g_dbus_message_set_body(reply, g_variant_new("(u)", 1));
		if (caller->wants_reply)
			message_send(caller->client, reply);
		else
			g_object_unref(reply);
		g_free(caller);
	}
}

void services_child_ended(struct services *services, pid_t pid, int status)
{
	struct service *service = g_hash_table_lookup(services->by_pid, GINT_TO_POINTER(pid));
	g_autofree char *text = NULL;

	if (!service)
		return;
	g_hash_table_remove(services->by_pid, GINT_TO_POINTER(pid));
	service->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return; /* it may have gone to the background: the time limit decides */
	if (WIFEXITED(status)) {
		text = g_strdup_printf("Process %s exited with status %d", service->name,
				       WEXITSTATUS(status));
		start_failed(service, DBUS_ERROR("Spawn.ChildExited"), text);
	} else {
		text = g_strdup_printf("Process %s received signal %d", service->name,
				       WTERMSIG(status));
		start_failed(service, DBUS_ERROR("Spawn.ChildSignaled"), text);
	}
}

static void on_timeout(struct timer *timer)
{
	struct service *service = (void *)((char *)timer - offsetof(struct service, timer));
	g_autofree char *text = NULL;

	text = g_strdup_printf("Failed to activate service '%s': timed out "
			       "(service_start_timeout=%dms)",
			       service->name,
			       (int)service->all->proxy->config->limits[LIMIT_START_TIMEOUT]);
	start_failed(service, DBUS_ERROR("TimedOut"), text);
}

/* ---- the start */

static void start(struct service *service)
{
	struct services *all = service->all;
	struct proxy *proxy = all->proxy;
	struct bus_match watch = {.kind = BUS_MATCH_NAME,
				  .cookie = service->cookie,
				  .name = service->name,
				  .old_id = BUS_ID_ANY,
				  .new_id = BUS_ID_ANY};
	g_autofree char *text = NULL;
	const char *error = NULL;

	service->starting = true;
	all->pending++;
	loop_change(proxy->loop, &service->source, 0);
	bus_match_add(proxy->self, &watch);
	if (all->pending > proxy->config->limits[LIMIT_PENDING_STARTS]) {
		start_failed(service, DBUS_ERROR("LimitsExceeded"),
			     "The maximum number of pending activations has been reached");
		return;
	}
	service->pid = service_spawn(service, &error, &text);
	if (!service->pid) {
		start_failed(service, error, text);
		return;
	}
	g_hash_table_insert(all->by_pid, GINT_TO_POINTER(service->pid), service);
	service->timer.expired = on_timeout;
	loop_start_timer(proxy->loop, &service->timer, proxy->config->limits[LIMIT_START_TIMEOUT]);
}

static void on_activator(struct source *source, uint32_t events G_GNUC_UNUSED)
{
	struct service *service = (void *)((char *)source - offsetof(struct service, source));
	struct bus_event event;

	if (service->starting || bus_peek(service->activator, &event))
		return;
	bus_done(service->activator, &event);
	start(service);
}

bool services_start(struct services *services, const char *name, struct client *client,
		    GDBusMessage *call, const char **error, char **text)
{
	struct service *service = g_hash_table_lookup(services->by_name, name);
	struct caller *caller;

	if (!service) {
		*error = DBUS_ERROR("ServiceUnknown");
		*text = g_strdup_printf("The name %s was not provided by any .service files", name);
		return false;
	}
	caller = g_new0(struct caller, 1);
	caller->client = client;
	caller->serial = g_dbus_message_get_serial(call);
	caller->wants_reply = message_wants_reply(call);
	g_queue_push_tail(&service->callers, caller);
	if (!service->starting)
		start(service);
	return true;
}

void services_forget(struct services *services, struct client *client)
{
	GHashTableIter iter;
	gpointer value;

	if (!services->pending)
		return;
	g_hash_table_iter_init(&iter, services->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct service *service = value;
		GList *l, *next;

		for (l = service->callers.head; l; l = next) {
			struct caller *caller = l->data;

			next = l->next;
			if (caller->client != client)
				continue;
			g_queue_delete_link(&service->callers, l);
			g_free(caller);
		}
	}
}

/* ---- the set of services */

static void open_activator(struct service *service)
{
	struct proxy *proxy = service->all->proxy;
	struct bus_hello hello = {
		.kind = BUS_ACTIVATOR,
		.name = service->name,
		.description = "dbus1-activator",
		.accept_fds = true,
	};
	int r = bus_connect(proxy->bus, &hello, &service->activator);

	if (r) {
		service->activator = NULL;
		g_warning("no activator for %s: %s", service->name, g_strerror(-r));
		return;
	}
	proxy_allow(proxy, service->activator, service->name, service->user);
	service->id = bus_id(service->activator);
	g_hash_table_insert(service->all->by_id, &service->id, service);
	service->source.ready = on_activator;
	loop_add(proxy->loop, &service->source, bus_fd(service->activator), EPOLLIN);
}

static void close_service(struct service *service)
{
	struct proxy *proxy = service->all->proxy;

	if (service->starting)
		start_failed(service, DBUS_ERROR("ServiceUnknown"), "The service is no more");
	loop_remove(proxy->loop, &service->source);
	if (service->activator) {
		g_hash_table_remove(service->all->by_id, &service->id);
		bus_disconnect(service->activator);
		service->activator = NULL;
	}
	loop_free_later(proxy->loop, (GDestroyNotify)service_free, service);
}

void service_free(struct service *service)
{
	g_free(service->name);
	g_free(service->exec);
	g_free(service->user);
	g_free(service);
}

static void add_service(struct services *services, struct service *found)
{
	struct service *old = g_hash_table_lookup(services->by_name, found->name);

	if (old && old->seen) {
		service_free(found); /* a directory before this one has it */
		return;
	}
	if (old) {
		g_free(old->exec);
		g_free(old->user);
		old->exec = g_steal_pointer(&found->exec);
		old->user = g_steal_pointer(&found->user);
		old->seen = true;
		service_free(found);
		return;
	}
	found->all = services;
	found->seen = true;
	found->source.fd = -1;
	found->cookie = services->next_cookie++;
	g_queue_init(&found->callers);
	g_hash_table_insert(services->by_name, found->name, found);
	open_activator(found);
}

static void read_directory(struct services *services, const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, entry, NULL);
		struct service *service =
			g_str_has_suffix(entry, ".service") ? service_read(file) : NULL;

		if (service)
			add_service(services, service);
	}
	if (dir)
		g_dir_close(dir);
}

void services_reload(struct services *services)
{
	g_autoptr(GPtrArray) dirs = service_directories(services->proxy->config);
	GHashTableIter iter;
	gpointer value;
	guint i;

	g_hash_table_iter_init(&iter, services->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct service *)value)->seen = false;
	for (i = 0; i < dirs->len; i++)
		read_directory(services, g_ptr_array_index(dirs, i));
	g_hash_table_iter_init(&iter, services->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct service *service = value;

		if (service->seen)
			continue;
		g_hash_table_iter_remove(&iter);
		close_service(service);
	}
}

struct services *services_create(struct proxy *proxy)
{
	struct services *services = g_new0(struct services, 1);

	services->proxy = proxy;
	services->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	services->by_pid = g_hash_table_new(NULL, NULL);
	services->by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
	services->next_cookie = PENDING_COOKIE_FIRST;
	services->environment = g_get_environ();
	services_reload(services);
	return services;
}

void services_destroy(struct services *services)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, services->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		g_hash_table_iter_remove(&iter);
		close_service(value);
	}
	g_hash_table_unref(services->by_name);
	g_hash_table_unref(services->by_pid);
	g_hash_table_unref(services->by_id);
	g_strfreev(services->environment);
	g_free(services);
}

void services_set_environment(struct services *services, const char *name, const char *value)
{
	if (name[0] && !strchr(name, '='))
		services->environment = g_environ_setenv(services->environment, name, value, TRUE);
}

bool services_knows(struct services *services, const char *name)
{
	return g_hash_table_contains(services->by_name, name);
}

GPtrArray *services_names(struct services *services)
{
	GPtrArray *names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, services->by_name);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		g_ptr_array_add(names, key);
	return names;
}

unsigned int services_pending(struct services *services)
{
	return services->pending;
}

bool services_is_activator(struct services *services, uint64_t id)
{
	return g_hash_table_contains(services->by_id, &id);
}
