// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel bus as the bridge sees it: connections, names, matches, messages. kernel.c speaks to
 * the kernel; local.c is a bus inside this process, for tests on a machine whose kernel has none.
 *
 * Functions return 0 or a negative errno (those of the kernel bus: ENXIO and ESRCH for nobody
 * there, EPERM, ENOBUFS, ...). Nothing here blocks. One thread.
 */
#ifndef DBUS_PROXY_BUS_H
#define DBUS_PROXY_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Marshalled dbus1 bytes, whole messages with their headers ("dbus1msg"). */
#define BUS_PAYLOAD_DBUS1 0x64627573316d7367ULL
#define BUS_ID_BROADCAST (~0ULL)
#define BUS_ID_ANY (~0ULL)
#define BUS_FDS_MAX 16

struct bus;
struct bus_conn;

enum bus_kind { BUS_ORDINARY, BUS_ACTIVATOR, BUS_POLICY_HOLDER, BUS_MONITOR };

/* Whom a connection speaks for. @label may be NULL. */
struct bus_creds {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const char *label;
};

struct bus_hello {
	enum bus_kind kind;
	const char *name;	       /* activators and policy holders */
	const char *description;       /* shown by tools; letters, digits, "-_." */
	const struct bus_creds *creds; /* NULL: the bridge itself */
	bool accept_fds;
	bool want_creds; /* messages carry who sent them */
};

/* One thing that a policy holder allows. */
struct bus_access {
	enum { BUS_USER = 1, BUS_GROUP, BUS_WORLD } who;
	enum { BUS_SEE, BUS_TALK, BUS_OWN } what;
	uint64_t id;
};

struct bus_message {
	uint64_t dst_id;      /* 0: by name, BUS_ID_BROADCAST */
	const char *dst_name; /* may stand beside an id, which must then be its owner's */
	bool expect_reply, no_auto_start;
	uint64_t cookie, cookie_reply, timeout_ns;
	const void *data;
	size_t len;
	const int *fds;
	unsigned int fd_count;
	const uint64_t *bloom; /* broadcasts: bus_bloom_size() bytes */
};

enum bus_event_kind {
	BUS_EVENT_MESSAGE,
	BUS_EVENT_NAME,	 /* a name has another owner; ids are 0 for none */
	BUS_EVENT_ID,	 /* a connection came or went */
	BUS_EVENT_REPLY, /* no reply to @cookie_reply will come */
};

/* What a connection received; valid until bus_done(). */
struct bus_event {
	enum bus_event_kind kind;
	uint64_t src_id, dst_id, cookie, cookie_reply, payload_type;
	bool expect_reply;
	const uint8_t *data; /* NULL when the payload is of no use */
	size_t len;
	int *fds; /* the receiver's to close; set fd_count to 0 when taken */
	unsigned int fd_count;
	bool fds_lost;
	uint64_t dropped; /* messages lost before this one */
	/* the sender, when asked for */
	bool has_creds;
	uid_t uid;
	const gid_t *groups;
	unsigned int group_count;
	const char *const *names; /* ends with NULL; NULL when not told */
	/* BUS_EVENT_NAME, BUS_EVENT_ID */
	const char *name;
	uint64_t old_id, new_id;
	bool timed_out; /* BUS_EVENT_REPLY */
	void *impl[4];
};

enum bus_match_kind { BUS_MATCH_BLOOM, BUS_MATCH_NAME, BUS_MATCH_ID };

struct bus_match {
	enum bus_match_kind kind;
	uint64_t cookie;
	const uint64_t *mask;	 /* BLOOM: NULL for all */
	uint64_t src_id;	 /* BLOOM: 0 for any; ID: whose, or BUS_ID_ANY */
	const char *name;	 /* BLOOM: the sender's; NAME: which; NULL for any */
	uint64_t old_id, new_id; /* NAME: BUS_ID_ANY or whose */
};

/* A peer or its name; free with bus_peer_clear(). */
struct bus_peer {
	uint64_t id;
	bool activator; /* nobody serves the name yet */
	bool has_creds, has_pid;
	uid_t uid;
	pid_t pid;
	gid_t *groups;
	unsigned int group_count;
	char **names; /* ends with NULL */
	char *label;
};

enum { BUS_NAME_REPLACE = 1, BUS_NAME_ALLOW = 2, BUS_NAME_QUEUE = 4 };
enum bus_name_result { BUS_NAME_ACQUIRED, BUS_NAME_QUEUED, BUS_NAME_ALREADY };
enum { BUS_LIST_UNIQUE = 1, BUS_LIST_NAMES = 2, BUS_LIST_ACTIVATORS = 4, BUS_LIST_QUEUED = 8 };

/* One line of a list; @name is NULL for a connection without names. */
typedef void bus_list_fn(uint64_t id, const char *name, bool queued, bool hidden, void *arg);

/* Attaches to bus @name ("<uid>-system"); makes it when @make says so and it is not there. */
int bus_open(const char *root, const char *name, bool make, bool world, struct bus **bus);
void bus_close(struct bus *bus);
size_t bus_bloom_size(const struct bus *bus); /* bytes */
unsigned int bus_bloom_hashes(const struct bus *bus);
void bus_guid(const struct bus *bus, char text[33]);

int bus_connect(struct bus *bus, const struct bus_hello *hello, struct bus_conn **conn);
void bus_disconnect(struct bus_conn *conn);
int bus_fd(const struct bus_conn *conn); /* readable when there is something to receive */
uint64_t bus_id(const struct bus_conn *conn);
int bus_allow(struct bus_conn *conn, const char *name, const struct bus_access *access, size_t n);

int bus_send(struct bus_conn *conn, const struct bus_message *msg);
int bus_receive(struct bus_conn *conn, struct bus_event *event);
int bus_peek(struct bus_conn *conn, struct bus_event *event);
int bus_drop(struct bus_conn *conn);			       /* the one that bus_peek() showed */
void bus_done(struct bus_conn *conn, struct bus_event *event); /* @conn NULL: it is gone */

int bus_acquire(struct bus_conn *conn, const char *name, unsigned int flags,
		enum bus_name_result *result);
int bus_release(struct bus_conn *conn, const char *name);
int bus_match_add(struct bus_conn *conn, const struct bus_match *match);
int bus_match_remove(struct bus_conn *conn, uint64_t cookie);
int bus_list(struct bus_conn *conn, unsigned int flags, bus_list_fn *each, void *arg);
int bus_lookup(struct bus_conn *conn, uint64_t id, const char *name, bool creds,
	       struct bus_peer *peer);
void bus_peer_clear(struct bus_peer *peer);

#endif
