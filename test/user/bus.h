/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the message bus have in common. Linux never had it, so where the file system
 * kdbusfs is missing there is nothing to test; what it should do is in Corbel's documents and in
 * the test programs of kdbus itself (2015).
 */
#pragma once

#include "test.h"
#include "../../abi/kdbus.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define BUS_ROOT "/tmp/bus-test"
#define POOL_SIZE (1u << 20)
#define BLOOM_SIZE 64u
#define ALIGN8(n) (((n) + 7) & ~(size_t)7)
#define ANY (~0ull)

/* A bus, and where it is. */
struct bus {
	int control; /* its life */
	char path[128];
};

struct conn {
	int fd;
	uint64_t id;
	uint8_t *pool;
	size_t pool_size;
};

/* A command, or a message, with room for items. */
struct words {
	uint64_t w[512];
};

static inline void item(void *cmd, uint64_t type, const void *data, size_t len)
{
	uint64_t *size = cmd;
	struct kdbus_item *i = (void *)((char *)cmd + ALIGN8(*size));

	memset(i, 0, ALIGN8(16 + len));
	i->size = 16 + len;
	i->type = type;
	if (data)
		memcpy(i->data, data, len);
	*size = ALIGN8(*size) + i->size;
}

static inline void item_text(void *cmd, uint64_t type, const char *text)
{
	item(cmd, type, text, strlen(text) + 1);
}

static inline void item_u64(void *cmd, uint64_t type, uint64_t v)
{
	item(cmd, type, &v, sizeof(v));
}

/* Errors are -errno here: one number says all. */
static inline int command(int fd, unsigned long nr, void *cmd)
{
	return ioctl(fd, nr, cmd) ? -errno : 0;
}

/* ---- buses ---- */

/* A mount of its own for each test: nothing is left from the one before. */
static inline void bus_playground(void)
{
	if (geteuid())
		exit(0);
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir(BUS_ROOT, 0755);
	REQUIRE(!mount("kdbusfs", BUS_ROOT, "kdbusfs", 0, NULL));
}

static inline int bus_known(void)
{
	char line[64];
	int found = 0;
	FILE *f = fopen("/proc/filesystems", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "kdbusfs") != NULL;
	if (f)
		fclose(f);
	return found;
}

static inline int bus_make(int control, const char *name, uint64_t flags)
{
	struct words w = {{0}};
	struct kdbus_cmd *c = (void *)&w;
	struct kdbus_bloom_parameter bloom = {BLOOM_SIZE, 1};

	c->size = sizeof(*c);
	c->flags = flags;
	item_text(c, KDBUS_ITEM_MAKE_NAME, name);
	item(c, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	item_u64(c, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ALL);
	return command(control, KDBUS_CMD_BUS_MAKE, c);
}

static inline struct bus bus_start(void)
{
	struct bus b;
	char name[32];

	bus_playground();
	b.control = open(BUS_ROOT "/control", O_RDWR | O_CLOEXEC);
	REQUIRE(b.control >= 0);
	snprintf(name, sizeof(name), "%u-test", geteuid());
	REQUIRE(!bus_make(b.control, name, KDBUS_MAKE_ACCESS_WORLD));
	snprintf(b.path, sizeof(b.path), BUS_ROOT "/%s/bus", name);
	return b;
}

/* ---- connections ---- */

struct hello {
	uint64_t flags, send, recv, pool;
	const char *name;	 /* of an activator or policy holder */
	const char *description; /* or NULL */
	struct kdbus_policy_access access[4];
	int accesses;
};

/* 0 or -errno. */
static inline int hello(const char *path, const struct hello *h, struct conn *out)
{
	struct words w = {{0}};
	struct kdbus_cmd_hello *c = (void *)&w;
	int err, fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	c->size = sizeof(*c);
	c->flags = h->flags;
	c->attach_flags_send = h->send;
	c->attach_flags_recv = h->recv;
	c->pool_size = h->pool ? h->pool : POOL_SIZE;
	if (h->name)
		item_text(c, KDBUS_ITEM_NAME, h->name);
	for (int i = 0; i < h->accesses; i++)
		item(c, KDBUS_ITEM_POLICY_ACCESS, &h->access[i], sizeof(h->access[i]));
	if (h->description)
		item_text(c, KDBUS_ITEM_CONN_DESCRIPTION, h->description);
	err = command(fd, KDBUS_CMD_HELLO, c);
	if (err) {
		close(fd);
		return err;
	}
	*out = (struct conn){.fd = fd, .id = c->id, .pool_size = c->pool_size};
	out->pool = mmap(NULL, out->pool_size, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(out->pool != MAP_FAILED);
	return 0;
}

static inline struct conn join(const struct bus *b)
{
	struct hello h = {.flags = KDBUS_HELLO_ACCEPT_FD};
	struct conn c = {.fd = -1};

	REQUIRE(!hello(b->path, &h, &c));
	return c;
}

static inline void leave(struct conn *c)
{
	munmap(c->pool, c->pool_size);
	close(c->fd);
}

static inline int simple(int fd, unsigned long nr)
{
	struct kdbus_cmd c = {.size = sizeof(c)};

	return command(fd, nr, &c);
}

static inline int release_slice(const struct conn *c, uint64_t offset)
{
	struct kdbus_cmd_free f = {.size = sizeof(f), .offset = offset};

	return command(c->fd, KDBUS_CMD_FREE, &f);
}

/* ---- names ---- */

static inline int name_do(const struct conn *c, unsigned long nr, const char *name, uint64_t flags,
			  uint64_t *out)
{
	struct words w = {{0}};
	struct kdbus_cmd *cmd = (void *)&w;
	int err;

	cmd->size = sizeof(*cmd);
	cmd->flags = flags;
	item_text(cmd, KDBUS_ITEM_NAME, name);
	err = command(c->fd, nr, cmd);
	if (out)
		*out = cmd->return_flags;
	return err;
}

static inline int acquire(const struct conn *c, const char *name, uint64_t flags, uint64_t *out)
{
	return name_do(c, KDBUS_CMD_NAME_ACQUIRE, name, flags, out);
}

static inline int release(const struct conn *c, const char *name)
{
	return name_do(c, KDBUS_CMD_NAME_RELEASE, name, 0, NULL);
}

/* ---- messages ---- */

/* A message without items yet; cookie and so on as arguments. */
static inline struct kdbus_msg *msg_begin(struct words *w, uint64_t dst, uint64_t cookie)
{
	struct kdbus_msg *m = (void *)w;

	memset(w, 0, sizeof(*w));
	m->size = sizeof(*m);
	m->dst_id = dst;
	m->cookie = cookie;
	m->payload_type = KDBUS_PAYLOAD_DBUS;
	return m;
}

static inline void msg_vec(struct kdbus_msg *m, const void *data, uint64_t size)
{
	struct kdbus_vec v = {.size = size, .address = (uintptr_t)data};

	item(m, KDBUS_ITEM_PAYLOAD_VEC, &v, sizeof(v));
}

static inline int send_cmd(const struct conn *c, struct kdbus_msg *m, uint64_t flags, int cancel,
			   struct kdbus_msg_info *reply)
{
	struct words w = {{0}};
	struct kdbus_cmd_send *s = (void *)&w;
	int err;

	s->size = sizeof(*s);
	s->flags = flags;
	s->msg_address = (uintptr_t)m;
	if (cancel >= 0)
		item(s, KDBUS_ITEM_CANCEL_FD, &cancel, sizeof(cancel));
	err = command(c->fd, KDBUS_CMD_SEND, s);
	if (reply)
		*reply = s->reply;
	return err;
}

static inline int send_msg(const struct conn *c, struct kdbus_msg *m)
{
	return send_cmd(c, m, 0, -1, NULL);
}

/* "text" (may be NULL) to one connection. */
static inline int send_text(const struct conn *c, uint64_t dst, uint64_t cookie, const char *text)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, dst, cookie);

	if (text)
		msg_vec(m, text, strlen(text) + 1);
	return send_msg(c, m);
}

static inline int send_to_name(const struct conn *c, const char *name, uint64_t cookie)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, KDBUS_DST_ID_NAME, cookie);

	item_text(m, KDBUS_ITEM_DST_NAME, name);
	return send_msg(c, m);
}

static inline uint64_t mono_in_ms(unsigned int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + ms * 1000000ull;
}

static inline int broadcast(const struct conn *c, const uint64_t filter[BLOOM_SIZE / 8],
			    uint64_t generation, uint64_t cookie, const char *text)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, cookie);
	uint64_t f[1 + BLOOM_SIZE / 8] = {generation};

	m->flags = KDBUS_MSG_SIGNAL;
	if (filter)
		memcpy(f + 1, filter, BLOOM_SIZE);
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, sizeof(f));
	if (text)
		msg_vec(m, text, strlen(text) + 1);
	return send_msg(c, m);
}

struct got {
	uint64_t offset, dropped, msg_flags, return_flags;
	const struct kdbus_msg *msg;
};

static inline int receive_how(const struct conn *c, uint64_t flags, int64_t priority,
			      struct got *out)
{
	struct kdbus_cmd_recv r = {.size = sizeof(r), .flags = flags, .priority = priority};
	int err = command(c->fd, KDBUS_CMD_RECV, &r);

	*out = (struct got){.offset = r.msg.offset,
			    .dropped = r.dropped_msgs,
			    .msg_flags = r.msg.return_flags,
			    .return_flags = r.return_flags};
	if (!err && r.msg.offset < c->pool_size)
		out->msg = (const void *)(c->pool + r.msg.offset);
	return err;
}

static inline int receive(const struct conn *c, struct got *out)
{
	return receive_how(c, 0, 0, out);
}

/* Receives one and forgets it: its cookie, or -errno. */
static inline long take(const struct conn *c)
{
	struct got g;
	int err = receive(c, &g);
	long cookie;

	if (err)
		return err;
	cookie = (long)g.msg->cookie;
	CHECK_EQ(release_slice(c, g.offset), 0);
	return cookie;
}

static inline const struct kdbus_item *find_item(const struct kdbus_msg *m, uint64_t type)
{
	const struct kdbus_item *i = m->items;

	for (; (const char *)i < (const char *)m + m->size;
	     i = (const void *)((const char *)i + ALIGN8(i->size))) {
		if (i->type == type)
			return i;
	}
	return NULL;
}

static inline int count_items(const struct kdbus_msg *m, uint64_t type)
{
	const struct kdbus_item *i = m->items;
	int n = 0;

	for (; (const char *)i < (const char *)m + m->size;
	     i = (const void *)((const char *)i + ALIGN8(i->size)))
		n += i->type == type;
	return n;
}

/* The payload of the first PAYLOAD_OFF. */
static inline const char *payload(const struct kdbus_msg *m)
{
	const struct kdbus_item *i = find_item(m, KDBUS_ITEM_PAYLOAD_OFF);

	return i ? (const char *)m + i->vec.offset : NULL;
}

/* ---- matches ---- */

static inline struct kdbus_cmd_match *match_begin(struct words *w, uint64_t cookie)
{
	struct kdbus_cmd_match *m = (void *)w;

	memset(w, 0, sizeof(*w));
	m->size = sizeof(*m);
	m->cookie = cookie;
	return m;
}

static inline int match_add(const struct conn *c, struct kdbus_cmd_match *m)
{
	return command(c->fd, KDBUS_CMD_MATCH_ADD, m);
}

static inline int match_remove(const struct conn *c, uint64_t cookie)
{
	struct kdbus_cmd_match m = {.size = sizeof(m), .cookie = cookie};

	return command(c->fd, KDBUS_CMD_MATCH_REMOVE, &m);
}

/* Matches all broadcasts. */
static inline int match_all(const struct conn *c, uint64_t cookie)
{
	struct words w;

	return match_add(c, match_begin(&w, cookie));
}

static inline int match_id(const struct conn *c, uint64_t cookie, uint64_t type, uint64_t id)
{
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, cookie);
	struct kdbus_notify_id_change change = {.id = id};

	item(m, type, &change, sizeof(change));
	return match_add(c, m);
}

static inline int match_name(const struct conn *c, uint64_t cookie, uint64_t type, const char *name)
{
	struct {
		struct kdbus_notify_id_change old_id, new_id;
		char name[64];
	} change = {{ANY, 0}, {ANY, 0}, ""};
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, cookie);

	if (name)
		strcpy(change.name, name);
	item(m, type, &change, 32 + (name ? strlen(name) + 1 : 0));
	return match_add(c, m);
}

/* ---- the bus's figures ---- */

/* The number behind @key in the line of @stats that begins with "@kind @id", or -1. */
static inline long bus_figure(const struct bus *b, const char *kind, uint64_t id, const char *key)
{
	static char text[1 << 16];
	char path[160], begin[64], *line, *at, *end;
	int fd, n;

	snprintf(path, sizeof(path), "%.*sstats", (int)(strlen(b->path) - 3), b->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	snprintf(begin, sizeof(begin), "%s %llu ", kind, (unsigned long long)id);
	line = strstr(text, begin);
	end = line ? strchr(line, '\n') : NULL;
	if (!end)
		return -1;
	*end = 0;
	snprintf(begin, sizeof(begin), " %s ", key);
	at = strstr(line, begin);
	return at ? atol(at + strlen(begin)) : -1;
}

/* Another user, for the rest of this process. */
static inline void become_nobody(void)
{
	REQUIRE(!setgroups(0, NULL));
	REQUIRE(!setresgid(65534, 65534, 65534));
	REQUIRE(!setresuid(65534, 65534, 65534));
}

/* Runs the code behind it in a child, whose checks count. */
static inline int join_child(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}
#define IN_CHILD_DO(code)                          \
	do {                                       \
		pid_t pid_ = fork();               \
		REQUIRE(pid_ >= 0);                \
		if (!pid_) {                       \
			test_failures = 0;         \
			code;                      \
			fflush(stdout);            \
			_exit(test_failures != 0); \
		}                                  \
		CHECK_EQ(join_child(pid_), 0);     \
	} while (0)

static inline int bus_main(void)
{
	if (!bus_known()) {
		printf("# no message bus here\n");
		return 0;
	}
	return test_run();
}
