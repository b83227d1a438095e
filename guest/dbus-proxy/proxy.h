// SPDX-License-Identifier: BSD-2-Clause
/* What the parts of the bridge share: the bridge, its clients, and who does what to them. */
#ifndef DBUS_PROXY_PROXY_H
#define DBUS_PROXY_PROXY_H

#include <gio/gio.h>
#include <sys/types.h>

#include "bus.h"
#include "config.h"
#include "loop.h"
#include "match.h"
#include "sasl.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define DBUS_ERROR(name) "org.freedesktop.DBus.Error." name

struct services;

struct proxy {
	struct config *config;
	char *config_file;
	char *address; /* where clients connect, the first of several */
	struct loop *loop;
	struct loop *bus_loop; /* the kernel connections; its own descriptor is in loop */
	struct source bus_source;
	struct bus *bus;
	struct bus_conn *self; /* watches names for the services that are being started */
	struct source self_source;
	char guid[33];
	GPtrArray *listeners;
	GHashTable *clients;  /* kernel id -> struct client that said Hello */
	GHashTable *users;    /* uid -> number of them */
	GHashTable *everyone; /* set of struct client */
	GPtrArray *monitors;  /* struct client, also in @everyone */
	GHashTable *holders;  /* name -> policy holder on the kernel bus */
	struct services *services;
	unsigned int incomplete, complete;
	unsigned int sent; /* since the kernel connections were last looked at */
	unsigned int drains;
	uint64_t relayed, delivered, lost;
	bool quit;
};

enum client_state { CLIENT_AUTH, CLIENT_SILENT, CLIENT_ACTIVE, CLIENT_MONITOR, CLIENT_GONE };

/* A program on the socket. Silent ones are known but have not said Hello. */
struct client {
	struct proxy *proxy;
	enum client_state state;
	struct source source;
	struct timer timer; /* limit of authentication, or of a message without its end */
	struct sasl sasl;
	/* who it is */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups;
	unsigned int group_count;
	char *label;
	struct peer_policy *policy;
	/* socket */
	GByteArray *input;
	unsigned int used; /* bytes of input that are done with */
	GArray *input_fds;
	GQueue output; /* struct chunk */
	size_t output_bytes;
	unsigned int output_fds;
	bool paused; /* it does not read what it asked for */
	/* bus */
	struct bus_conn *conn;
	struct source bus_source;
	uint64_t id;
	char unique[24];
	guint32 serial;	  /* of messages that the bridge itself makes */
	GPtrArray *rules; /* struct match */
	uint64_t next_cookie;
	GHashTable *names;    /* those it owns or waits for -> enum name_state */
	unsigned int calls;   /* that have no reply yet */
	GHashTable *failures; /* cookie -> struct failure: calls whose service did not start */
};

/* As bits: the name is the client's; it goes into the queue when it loses it. */
enum name_state { NAME_OWNED = 1, NAME_QUEUES = 2 };

/* Why a call gets an error. */
struct failure {
	char *name, *text;
};

/* proxy.c */
bool proxy_reload(struct proxy *proxy, GError **error);
/* Lets native connections reach the name of a legacy client. */
void proxy_open_name(struct proxy *proxy, const char *name);
void proxy_allow(struct proxy *proxy, struct bus_conn *holder, const char *name, const char *owner);

/* client.c */
void client_accept(struct proxy *proxy, int fd);
void client_close(struct client *client);
void client_free(struct client *client);
/* Queues bytes; the descriptors are the client's from here on, whatever happens. */
void client_write(struct client *client, const void *data, size_t len, const int *fds,
		  unsigned int fd_count);
bool client_is_full(const struct client *client);
void client_process(struct client *client);
void client_new_policy(struct client *client);
/* Names that it owns, and those that it waits for when @queued; to be freed. */
char **client_names(struct client *client, bool queued);

/* hello.c */
int client_say_hello(struct client *client, const char **why);
int client_become_monitor(struct client *client);

/* relay.c: between a client and the bus */
/* One whole message; false for one that no honest client sends. */
bool relay_from_client(struct client *client, const uint8_t *data, size_t len);
void relay_from_bus(struct source *source, uint32_t events);
void relay_drain(struct proxy *proxy);
void relay_fail(struct client *client, guint32 serial, const char *error, const char *text);
void relay_show_monitors(struct proxy *proxy, GDBusMessage *message, const char *sender);

/* message.c: messages that the bridge makes or changes */
void message_send(struct client *client, GDBusMessage *message);
GDBusMessage *message_reply(struct client *client, GDBusMessage *call, GVariant *body);
GDBusMessage *message_error(struct client *client, guint32 reply_serial, const char *name,
			    const char *text);
GDBusMessage *message_signal(struct client *client, const char *interface, const char *member,
			     const char *destination, GVariant *body);
GDBusMessage *message_copy(GDBusMessage *message, const char *sender);
bool message_wants_reply(GDBusMessage *message);
const char *unique_name(uint64_t id, char text[24]);
uint64_t unique_id(const char *name); /* 0: no unique name of this bus */

/* driver.c: org.freedesktop.DBus */
void driver_call(struct client *client, GDBusMessage *message);

/* spawn.c: as many descriptors as may be; services start with what the bridge had. */
void spawn_raise_limits(void);

/* activation.c */
struct services *services_create(struct proxy *proxy);
void services_destroy(struct services *services);
void services_reload(struct services *services);
void services_name_taken(struct services *services, const char *name);
void services_child_ended(struct services *services, pid_t pid, int status);
void services_set_environment(struct services *services, const char *name, const char *value);
bool services_knows(struct services *services, const char *name);
/* Starts @name for the caller of StartServiceByName; false with @error and @text set. */
bool services_start(struct services *services, const char *name, struct client *client,
		    GDBusMessage *call, const char **error, char **text);
void services_forget(struct services *services, struct client *client);
GPtrArray *services_names(struct services *services);
unsigned int services_pending(struct services *services);
bool services_is_activator(struct services *services, uint64_t id);

/* rules.c */
int rules_add(struct client *client, const char *text, char **why);
int rules_remove(struct client *client, const char *text, char **why);
int rules_install_own(struct client *client);
bool rules_apply(struct client *client, const struct facts *facts, GVariant *body);

#endif
