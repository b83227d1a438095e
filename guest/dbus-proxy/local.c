// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bus behind bus.h inside this process, for tests of the bridge on a machine whose kernel has
 * no bus (sanitizers, fuzzing). What a bridge alone can see is as in the kernel: queues with a
 * limit, names with waiting owners and activators, matches, notifications, calls whose callee dies.
 * Not here: policy, time limits of replies, priorities.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus.h"

#define BLOOM_WORDS 8
#define QUEUE_MAX 256

struct bus {
	GHashTable *conns; /* id -> connection */
	GHashTable *names; /* name -> queue of struct claim; the first one owns it */
	GPtrArray *calls;  /* struct call */
	uint64_t last_id;
};

struct claim {
	struct bus_conn *conn;
	unsigned int flags;
};

struct call {
	uint64_t caller, callee, cookie;
};

struct bus_conn {
	struct bus *bus;
	struct bus_hello hello;
	struct bus_creds creds;
	uint64_t id, dropped;
	int event_fd;
	GQueue queue;	  /* struct bus_event */
	GPtrArray *rules; /* struct bus_match */
};

int bus_open(const char *root G_GNUC_UNUSED, const char *name G_GNUC_UNUSED, bool make,
	     bool world G_GNUC_UNUSED, struct bus **bus)
{
	if (!make)
		return -ENOENT;
	*bus = g_new0(struct bus, 1);
	(*bus)->conns = g_hash_table_new(g_int64_hash, g_int64_equal);
	(*bus)->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	(*bus)->calls = g_ptr_array_new_with_free_func(g_free);
	return 0;
}

void bus_close(struct bus *bus)
{
	g_hash_table_unref(bus->conns);
	g_hash_table_unref(bus->names);
	g_ptr_array_unref(bus->calls);
	g_free(bus);
}

size_t bus_bloom_size(const struct bus *bus G_GNUC_UNUSED)
{
	return BLOOM_WORDS * sizeof(uint64_t);
}

unsigned int bus_bloom_hashes(const struct bus *bus G_GNUC_UNUSED)
{
	return 8;
}

void bus_guid(const struct bus *bus G_GNUC_UNUSED, char text[33])
{
	g_strlcpy(text, "0123456789abcdef0123456789abcdef", 33);
}

/* ---- queues */

static void event_free(struct bus_event *event)
{
	unsigned int i;

	for (i = 0; i < event->fd_count; i++)
		close(event->fds[i]);
	g_free(event->fds);
	g_free(event->impl[0]); /* payload */
	g_free(event->impl[1]); /* name */
	g_strfreev(event->impl[2]);
	g_free(event);
}

static int enqueue(struct bus_conn *conn, struct bus_event *event, bool may_lose)
{
	uint64_t one = 1;

	if (conn->queue.length >= QUEUE_MAX) {
		conn->dropped += may_lose;
		event_free(event);
		return -ENOBUFS;
	}
	g_queue_push_tail(&conn->queue, event);
	return write(conn->event_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

static char **owned_names(struct bus_conn *conn)
{
	GPtrArray *names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name, claims;

	g_hash_table_iter_init(&iter, conn->bus->names);
	while (g_hash_table_iter_next(&iter, &name, &claims))
		if (((struct claim *)g_queue_peek_head(claims))->conn == conn)
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

static struct bus_event *copy_message(struct bus_conn *from, const struct bus_message *msg,
				      bool fds)
{
	struct bus_event *event = g_new0(struct bus_event, 1);
	unsigned int i;

	event->kind = BUS_EVENT_MESSAGE;
	event->src_id = from->id;
	event->dst_id = msg->dst_id;
	event->cookie = msg->cookie;
	event->cookie_reply = msg->cookie_reply;
	event->payload_type = BUS_PAYLOAD_DBUS1;
	event->expect_reply = msg->expect_reply;
	event->impl[0] = g_memdup2(msg->data, msg->len);
	event->data = event->impl[0];
	event->len = msg->len;
	event->impl[2] = owned_names(from);
	event->names = event->impl[2];
	event->has_creds = true;
	event->uid = from->creds.uid;
	event->fds = g_new(int, msg->fd_count + 1);
	for (i = 0; fds && i < msg->fd_count; i++)
		event->fds[event->fd_count++] = fcntl(msg->fds[i], F_DUPFD_CLOEXEC, 0);
	return event;
}

/* ---- notifications */

static bool id_fits(uint64_t wanted, uint64_t is)
{
	return wanted == BUS_ID_ANY || wanted == is;
}

static bool notification_matches(const struct bus_match *m, const struct bus_event *event)
{
	if (event->kind == BUS_EVENT_ID)
		return m->kind == BUS_MATCH_ID &&
		       id_fits(m->src_id, event->old_id ? event->old_id : event->new_id);
	return m->kind == BUS_MATCH_NAME && (!m->name || strcmp(m->name, event->name) == 0) &&
	       id_fits(m->old_id, event->old_id) && id_fits(m->new_id, event->new_id);
}

static void notify(struct bus *bus, const struct bus_event *what)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, bus->conns);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct bus_conn *conn = value;
		bool wanted = conn->hello.kind == BUS_MONITOR;
		struct bus_event *event;
		guint i;

		for (i = 0; i < conn->rules->len && !wanted; i++)
			wanted = notification_matches(g_ptr_array_index(conn->rules, i), what);
		if (!wanted)
			continue;
		event = g_memdup2(what, sizeof(*what));
		event->impl[1] = g_strdup(what->name);
		event->name = event->impl[1];
		enqueue(conn, event, true);
	}
}

static void notify_name(struct bus *bus, const char *name, uint64_t old_id, uint64_t new_id)
{
	struct bus_event event = {
		.kind = BUS_EVENT_NAME, .name = name, .old_id = old_id, .new_id = new_id};

	if (old_id != new_id)
		notify(bus, &event);
}

static void notify_id(struct bus *bus, uint64_t old_id, uint64_t new_id)
{
	struct bus_event event = {.kind = BUS_EVENT_ID, .old_id = old_id, .new_id = new_id};

	notify(bus, &event);
}

/* ---- names */

static uint64_t visible_id(const struct claim *claim)
{
	return claim && claim->conn->hello.kind != BUS_ACTIVATOR ? claim->conn->id : 0;
}

static GQueue *claims_of(struct bus *bus, const char *name)
{
	return g_hash_table_lookup(bus->names, name);
}

static struct claim *claim_of(GQueue *claims, const struct bus_conn *conn)
{
	GList *l;

	for (l = claims ? claims->head : NULL; l; l = l->next)
		if (((struct claim *)l->data)->conn == conn)
			return l->data;
	return NULL;
}

/* Messages that wait for a name go where the name goes. */
static void move_messages(struct bus_conn *from, struct bus_conn *to)
{
	struct bus_event *event;
	guint i;

	while ((event = g_queue_pop_head(&from->queue)))
		enqueue(to, event, false);
	for (i = 0; i < from->bus->calls->len; i++) {
		struct call *call = g_ptr_array_index(from->bus->calls, i);

		if (call->callee == from->id)
			call->callee = to->id;
	}
}

static int take_over(struct bus *bus, const char *name, GQueue *claims, struct claim *mine)
{
	struct claim *old = g_queue_peek_head(claims);
	uint64_t old_id = visible_id(old);

	g_queue_push_head(claims, mine);
	if (old && old->conn->hello.kind == BUS_ACTIVATOR)
		move_messages(old->conn, mine->conn);
	else if (old && !(old->flags & BUS_NAME_QUEUE)) {
		g_queue_remove(claims, old);
		g_free(old);
	}
	notify_name(bus, name, old_id, visible_id(mine));
	return 0;
}

int bus_acquire(struct bus_conn *conn, const char *name, unsigned int flags,
		enum bus_name_result *result)
{
	GQueue *claims = claims_of(conn->bus, name);
	struct claim *mine = claim_of(claims, conn), *first;

	if (!claims) {
		claims = g_queue_new();
		g_hash_table_insert(conn->bus->names, g_strdup(name), claims);
	}
	first = g_queue_peek_head(claims);
	*result = BUS_NAME_ALREADY;
	if (mine && mine == first) {
		mine->flags = flags;
		return 0;
	}
	if (mine) {
		g_queue_remove(claims, mine);
		g_free(mine);
	}
	mine = g_new0(struct claim, 1);
	mine->conn = conn;
	mine->flags = flags;
	*result = BUS_NAME_ACQUIRED;
	if (!first || first->conn->hello.kind == BUS_ACTIVATOR ||
	    (flags & BUS_NAME_REPLACE && first->flags & BUS_NAME_ALLOW))
		return take_over(conn->bus, name, claims, mine);
	*result = BUS_NAME_QUEUED;
	if (flags & BUS_NAME_QUEUE) {
		GList *last = claims->tail;
		bool activator = ((struct claim *)last->data)->conn->hello.kind == BUS_ACTIVATOR;

		g_queue_insert_before(claims, activator ? last : NULL, mine);
		return 0;
	}
	g_free(mine);
	return -EEXIST;
}

static void give_up(struct bus_conn *conn, const char *name, GQueue *claims)
{
	struct claim *mine = claim_of(claims, conn), *next;
	bool first = mine == g_queue_peek_head(claims);

	g_queue_remove(claims, mine);
	g_free(mine);
	next = g_queue_peek_head(claims);
	if (first && conn->hello.kind != BUS_ACTIVATOR)
		notify_name(conn->bus, name, conn->id, visible_id(next));
	if (!next) {
		g_queue_free(claims);
		g_hash_table_remove(conn->bus->names, name);
	}
}

int bus_release(struct bus_conn *conn, const char *name)
{
	GQueue *claims = claims_of(conn->bus, name);
	struct claim *first = claims ? g_queue_peek_head(claims) : NULL;

	if (!first || first->conn->hello.kind == BUS_ACTIVATOR)
		return -ESRCH;
	if (!claim_of(claims, conn))
		return -EADDRINUSE;
	give_up(conn, name, claims);
	return 0;
}

/* ---- connections */

int bus_connect(struct bus *bus, const struct bus_hello *hello, struct bus_conn **conn)
{
	struct bus_conn *c = g_new0(struct bus_conn, 1);
	enum bus_name_result result;

	c->bus = bus;
	c->hello = *hello;
	c->creds = hello->creds ? *hello->creds
				: (struct bus_creds){geteuid(), getegid(), getpid(), NULL};
	c->id = ++bus->last_id;
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	c->rules = g_ptr_array_new_with_free_func(g_free);
	g_hash_table_insert(bus->conns, &c->id, c);
	if (hello->kind == BUS_ACTIVATOR)
		bus_acquire(c, hello->name, BUS_NAME_QUEUE, &result);
	if (hello->kind == BUS_ORDINARY)
		notify_id(bus, 0, c->id);
	*conn = c;
	return 0;
}

static void end_call(struct bus *bus, const struct call *call)
{
	struct bus_conn *caller = g_hash_table_lookup(bus->conns, &call->caller);
	struct bus_event *event;

	if (!caller)
		return;
	event = g_new0(struct bus_event, 1);
	event->kind = BUS_EVENT_REPLY;
	event->cookie_reply = call->cookie;
	enqueue(caller, event, false);
}

static void end_calls(struct bus_conn *conn)
{
	guint i;

	for (i = conn->bus->calls->len; i-- > 0;) {
		struct call *call = g_ptr_array_index(conn->bus->calls, i);

		if (call->callee == conn->id)
			end_call(conn->bus, call);
		if (call->callee == conn->id || call->caller == conn->id)
			g_ptr_array_remove_index(conn->bus->calls, i);
	}
}

void bus_disconnect(struct bus_conn *conn)
{
	char **names = owned_names(conn), **name;
	GHashTableIter iter;
	gpointer key, claims;
	struct bus_event *event;

	for (name = names; *name; name++)
		give_up(conn, *name, claims_of(conn->bus, *name));
	g_strfreev(names);
	g_hash_table_iter_init(&iter, conn->bus->names);
	while (g_hash_table_iter_next(&iter, &key, &claims)) {
		struct claim *mine = claim_of(claims, conn);

		if (mine) {
			g_queue_remove(claims, mine);
			g_free(mine);
		}
	}
	g_hash_table_remove(conn->bus->conns, &conn->id);
	if (conn->hello.kind == BUS_ORDINARY)
		notify_id(conn->bus, conn->id, 0);
	end_calls(conn);
	while ((event = g_queue_pop_head(&conn->queue)))
		event_free(event);
	for (guint i = 0; i < conn->rules->len; i++) {
		struct bus_match *m = g_ptr_array_index(conn->rules, i);

		g_free((void *)(uintptr_t)m->name);
		g_free((void *)(uintptr_t)m->mask);
	}
	g_ptr_array_unref(conn->rules);
	close(conn->event_fd);
	g_free(conn);
}

int bus_fd(const struct bus_conn *conn)
{
	return conn->event_fd;
}

uint64_t bus_id(const struct bus_conn *conn)
{
	return conn->id;
}

int bus_allow(struct bus_conn *conn G_GNUC_UNUSED, const char *name G_GNUC_UNUSED,
	      const struct bus_access *access G_GNUC_UNUSED, size_t n G_GNUC_UNUSED)
{
	return 0;
}

/* ---- messages */

static bool bloom_fits(const struct bus_match *m, const struct bus_conn *from,
		       const uint64_t *filter)
{
	unsigned int i;

	if (m->kind != BUS_MATCH_BLOOM || (m->src_id && m->src_id != from->id))
		return false;
	if (m->name) {
		GQueue *claims = claims_of(from->bus, m->name);

		if (!claims || ((struct claim *)g_queue_peek_head(claims))->conn != from)
			return false;
	}
	for (i = 0; m->mask && i < BLOOM_WORDS; i++)
		if ((filter[i] & m->mask[i]) != m->mask[i])
			return false;
	return true;
}

static void broadcast(struct bus_conn *from, const struct bus_message *msg)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, from->bus->conns);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct bus_conn *conn = value;
		bool wanted = conn->hello.kind == BUS_MONITOR;
		guint i;

		for (i = 0; i < conn->rules->len && !wanted; i++)
			wanted = bloom_fits(g_ptr_array_index(conn->rules, i), from, msg->bloom);
		if (wanted)
			enqueue(conn, copy_message(from, msg, true), true);
	}
}

static void show_monitors(struct bus_conn *from, const struct bus_message *msg)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, from->bus->conns);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct bus_conn *)value)->hello.kind == BUS_MONITOR)
			enqueue(value, copy_message(from, msg, false), true);
}

static struct bus_conn *find_target(struct bus *bus, const struct bus_message *msg, int *error)
{
	GQueue *claims;
	struct bus_conn *target;

	*error = -ENXIO;
	if (!msg->dst_name)
		return g_hash_table_lookup(bus->conns, &msg->dst_id);
	*error = -ESRCH;
	claims = claims_of(bus, msg->dst_name);
	if (!claims)
		return NULL;
	target = ((struct claim *)g_queue_peek_head(claims))->conn;
	if (target->hello.kind != BUS_ACTIVATOR || !msg->no_auto_start)
		return target;
	*error = -EADDRNOTAVAIL;
	return NULL;
}

static bool take_call(struct bus *bus, uint64_t caller, uint64_t callee, uint64_t cookie)
{
	guint i;

	for (i = 0; i < bus->calls->len; i++) {
		struct call *call = g_ptr_array_index(bus->calls, i);

		if (call->caller == caller && call->callee == callee && call->cookie == cookie) {
			g_ptr_array_remove_index(bus->calls, i);
			return true;
		}
	}
	return false;
}

int bus_send(struct bus_conn *conn, const struct bus_message *msg)
{
	struct bus_conn *target;
	struct call *call;
	int r;

	if (msg->dst_id == BUS_ID_BROADCAST) {
		broadcast(conn, msg);
		return 0;
	}
	target = find_target(conn->bus, msg, &r);
	if (!target)
		return r;
	if (msg->fd_count && !target->hello.accept_fds && target->hello.kind == BUS_ORDINARY)
		return -ECOMM;
	if (msg->cookie_reply && !take_call(conn->bus, target->id, conn->id, msg->cookie_reply))
		return -EBADSLT;
	show_monitors(conn, msg);
	r = enqueue(target, copy_message(conn, msg, true), false);
	if (r || !msg->expect_reply)
		return r;
	call = g_new(struct call, 1);
	*call = (struct call){conn->id, target->id, msg->cookie};
	g_ptr_array_add(conn->bus->calls, call);
	return 0;
}

static int receive(struct bus_conn *conn, struct bus_event *event, bool peek)
{
	struct bus_event *head = g_queue_peek_head(&conn->queue);
	uint64_t count;

	memset(event, 0, sizeof(*event));
	event->dropped = conn->dropped;
	conn->dropped = 0;
	if (!head) {
		while (read(conn->event_fd, &count, sizeof(count)) > 0)
			;
		return -EAGAIN;
	}
	*event = *head;
	if (peek) {
		memset(event->impl, 0, sizeof(event->impl));
		event->fd_count = 0;
		event->fds = NULL;
		return 0;
	}
	if (read(conn->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	g_free(g_queue_pop_head(&conn->queue));
	return 0;
}

int bus_receive(struct bus_conn *conn, struct bus_event *event)
{
	return receive(conn, event, false);
}

int bus_peek(struct bus_conn *conn, struct bus_event *event)
{
	return receive(conn, event, true);
}

int bus_drop(struct bus_conn *conn)
{
	struct bus_event event;
	int r = receive(conn, &event, false);
	guint i;

	if (r)
		return r;
	for (i = 0; i < conn->bus->calls->len; i++) {
		struct call *call = g_ptr_array_index(conn->bus->calls, i);

		if (call->caller == event.src_id && call->cookie == event.cookie) {
			end_call(conn->bus, call);
			g_ptr_array_remove_index(conn->bus->calls, i);
			break;
		}
	}
	bus_done(conn, &event);
	return 0;
}

void bus_done(struct bus_conn *conn G_GNUC_UNUSED, struct bus_event *event)
{
	struct bus_event *copy;

	if (!event->impl[0] && !event->impl[1] && !event->impl[2] && !event->fds)
		return; /* shown, not taken */
	copy = g_memdup2(event, sizeof(*event));
	event_free(copy);
}

/* ---- matches and questions */

int bus_match_add(struct bus_conn *conn, const struct bus_match *match)
{
	struct bus_match *copy = g_memdup2(match, sizeof(*match));

	copy->name = g_strdup(match->name);
	copy->mask = match->mask ? g_memdup2(match->mask, BLOOM_WORDS * sizeof(uint64_t)) : NULL;
	g_ptr_array_add(conn->rules, copy);
	return 0;
}

int bus_match_remove(struct bus_conn *conn, uint64_t cookie)
{
	guint i;

	for (i = conn->rules->len; i-- > 0;) {
		struct bus_match *m = g_ptr_array_index(conn->rules, i);

		if (m->cookie != cookie)
			continue;
		g_free((void *)(uintptr_t)m->name);
		g_free((void *)(uintptr_t)m->mask);
		g_ptr_array_remove_index(conn->rules, i);
	}
	return 0;
}

int bus_list(struct bus_conn *conn, unsigned int flags, bus_list_fn *each, void *arg)
{
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, conn->bus->conns);
	while (flags & BUS_LIST_UNIQUE && g_hash_table_iter_next(&iter, NULL, &value)) {
		struct bus_conn *c = value;

		each(c->id, NULL, false, c->hello.kind != BUS_ORDINARY, arg);
	}
	g_hash_table_iter_init(&iter, conn->bus->names);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		GList *l;

		for (l = ((GQueue *)value)->head; l; l = l->next) {
			struct claim *claim = l->data;
			bool queued = l->prev != NULL;

			if (flags & (queued ? BUS_LIST_QUEUED : BUS_LIST_NAMES))
				each(claim->conn->id, key, queued, !visible_id(claim), arg);
		}
	}
	return 0;
}

int bus_lookup(struct bus_conn *conn, uint64_t id, const char *name, bool creds,
	       struct bus_peer *peer)
{
	struct bus_message by_name = {.dst_id = id, .dst_name = name};
	struct bus_conn *target;
	int r;

	target = find_target(conn->bus, &by_name, &r);
	if (!target)
		return r;
	memset(peer, 0, sizeof(*peer));
	peer->id = target->id;
	peer->activator = target->hello.kind == BUS_ACTIVATOR;
	peer->names = owned_names(target);
	peer->has_creds = peer->has_pid = creds;
	peer->uid = target->creds.uid;
	peer->pid = target->creds.pid;
	return 0;
}

void bus_peer_clear(struct bus_peer *peer)
{
	g_strfreev(peer->names);
	g_free(peer->groups);
	g_free(peer->label);
	memset(peer, 0, sizeof(*peer));
}
