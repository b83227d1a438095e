// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bus behind bus.h in the kernel: requests of abi/kdbus.h for connections, names, matches and
 * questions. kernel_message.c sends and receives.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel_impl.h"

#define POOL_BYTES (16UL << 20)
#define POOL_BYTES_SMALL (4UL << 20)
#define BLOOM_BYTES 64
#define BLOOM_HASHES 8
#define CREDS_ATTACHED (KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_NAMES)

uint64_t command[COMMAND_WORDS];

struct items items_after(void *head, size_t bytes)
{
	memset(head, 0, bytes);
	return (struct items){head, bytes, false};
}

void *item_add(struct items *items, uint64_t type, size_t size)
{
	size_t whole = (sizeof(uint64_t) * 2 + size + 7) & ~7UL;
	struct kdbus_item *item;

	if (items->used + whole > sizeof(command)) {
		items->full = true;
		return NULL;
	}
	item = (struct kdbus_item *)(items->base + items->used);
	memset(item, 0, whole);
	item->size = sizeof(uint64_t) * 2 + size;
	item->type = type;
	items->used += whole;
	return item->data;
}

void item_copy(struct items *items, uint64_t type, const void *data, size_t size)
{
	void *to = item_add(items, type, size);

	if (to)
		memcpy(to, data, size);
}

void item_string(struct items *items, uint64_t type, const char *text)
{
	item_copy(items, type, text, strlen(text) + 1);
}

int request(int fd, unsigned long number, void *cmd)
{
	int r;

	do {
		r = ioctl(fd, number, cmd);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* ---- the bus */

static int make_bus(const char *root, const char *name, bool world, int *owner)
{
	struct kdbus_cmd *cmd = (void *)command;
	struct kdbus_bloom_parameter bloom = {BLOOM_BYTES, BLOOM_HASHES};
	struct items items = items_after(cmd, sizeof(*cmd));
	g_autofree char *control = g_build_filename(root, "control", NULL);
	int fd, r;

	fd = open(control, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	item_string(&items, KDBUS_ITEM_MAKE_NAME, name);
	item_copy(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	cmd->size = items.used;
	cmd->flags = world ? KDBUS_MAKE_ACCESS_WORLD : 0;
	r = request(fd, KDBUS_CMD_BUS_MAKE, cmd);
	if (r) {
		close(fd);
		return r;
	}
	*owner = fd;
	return 0;
}

int bus_open(const char *root, const char *name, bool make, bool world, struct bus **bus)
{
	int owner = -1, r = 0;

	if (make)
		r = make_bus(root, name, world, &owner);
	if (r)
		return r;
	*bus = g_new0(struct bus, 1);
	(*bus)->owner = owner;
	(*bus)->endpoint = g_build_filename(root, name, "bus", NULL);
	if (access((*bus)->endpoint, F_OK) == 0)
		return 0;
	r = -errno;
	bus_close(*bus);
	return r;
}

void bus_close(struct bus *bus)
{
	if (bus->owner >= 0)
		close(bus->owner);
	g_free(bus->endpoint);
	g_free(bus);
}

size_t bus_bloom_size(const struct bus *bus)
{
	return bus->bloom_bytes;
}

unsigned int bus_bloom_hashes(const struct bus *bus)
{
	return bus->bloom_hashes;
}

void bus_guid(const struct bus *bus, char text[33])
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", bus->id[i]);
}

/* ---- connections */

void release_slice(struct bus_conn *conn, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	request(conn->fd, KDBUS_CMD_FREE, &cmd);
}

static void add_identity(struct items *items, const struct bus_creds *creds)
{
	struct kdbus_creds ids = {creds->uid, creds->uid, creds->uid, creds->uid,
				  creds->gid, creds->gid, creds->gid, creds->gid};
	struct kdbus_pids pids = {(uint64_t)creds->pid, (uint64_t)creds->pid, 0};

	item_copy(items, KDBUS_ITEM_CREDS, &ids, sizeof(ids));
	if (creds->pid > 0)
		item_copy(items, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	if (creds->label)
		item_string(items, KDBUS_ITEM_SECLABEL, creds->label);
}

/* What HELLO says about the bus. */
static void learn_bus(struct bus_conn *conn, const struct kdbus_cmd_hello *cmd)
{
	const struct kdbus_item *item, *first = (void *)(conn->pool + cmd->offset);

	memcpy(conn->bus->id, cmd->id128, sizeof(conn->bus->id));
	for_each_item(item, first, conn->pool + cmd->offset + cmd->items_size)
	{
		if (item->type != KDBUS_ITEM_BLOOM_PARAMETER)
			continue;
		conn->bus->bloom_bytes = item->bloom_parameter.size;
		conn->bus->bloom_hashes = (unsigned int)item->bloom_parameter.n_hash;
	}
	release_slice(conn, cmd->offset);
}

static const uint64_t hello_flags[] = {
	[BUS_ORDINARY] = 0,
	[BUS_ACTIVATOR] = KDBUS_HELLO_ACTIVATOR,
	[BUS_POLICY_HOLDER] = KDBUS_HELLO_POLICY_HOLDER,
	[BUS_MONITOR] = KDBUS_HELLO_MONITOR,
};

static int say_hello(struct bus_conn *conn, const struct bus_hello *hello)
{
	struct kdbus_cmd_hello *cmd = (void *)command;
	struct items items = items_after(cmd, sizeof(*cmd));
	void *pool;
	int r;

	cmd->flags = hello_flags[hello->kind] | (hello->accept_fds ? KDBUS_HELLO_ACCEPT_FD : 0);
	cmd->attach_flags_send = _KDBUS_ATTACH_ALL;
	cmd->attach_flags_recv = hello->want_creds ? CREDS_ATTACHED : 0;
	cmd->pool_size = conn->pool_bytes;
	if (hello->name)
		item_string(&items, KDBUS_ITEM_NAME, hello->name);
	if (hello->creds)
		add_identity(&items, hello->creds);
	if (hello->description)
		item_string(&items, KDBUS_ITEM_CONN_DESCRIPTION, hello->description);
	cmd->size = items.used;
	r = request(conn->fd, KDBUS_CMD_HELLO, cmd);
	if (r)
		return r;
	pool = mmap(NULL, conn->pool_bytes, PROT_READ, MAP_SHARED, conn->fd, 0);
	if (pool == MAP_FAILED)
		return -errno;
	conn->pool = pool;
	conn->id = cmd->id;
	learn_bus(conn, cmd);
	return 0;
}

int bus_connect(struct bus *bus, const struct bus_hello *hello, struct bus_conn **conn)
{
	struct bus_conn *c = g_new0(struct bus_conn, 1);
	int r;

	c->bus = bus;
	c->pool_bytes = hello->kind == BUS_ORDINARY || hello->kind == BUS_MONITOR
				? POOL_BYTES
				: POOL_BYTES_SMALL;
	c->fd = open(bus->endpoint, O_RDWR | O_CLOEXEC);
	if (c->fd < 0) {
		r = -errno;
		g_free(c);
		return r;
	}
	r = say_hello(c, hello);
	if (r) {
		bus_disconnect(c);
		return r;
	}
	*conn = c;
	return 0;
}

void bus_disconnect(struct bus_conn *conn)
{
	if (conn->pool)
		munmap(conn->pool, conn->pool_bytes);
	close(conn->fd);
	g_free(conn);
}

int bus_fd(const struct bus_conn *conn)
{
	return conn->fd;
}

uint64_t bus_id(const struct bus_conn *conn)
{
	return conn->id;
}

int bus_allow(struct bus_conn *conn, const char *name, const struct bus_access *access, size_t n)
{
	struct kdbus_cmd *cmd = (void *)command;
	struct items items = items_after(cmd, sizeof(*cmd));
	size_t i;

	item_string(&items, KDBUS_ITEM_NAME, name);
	for (i = 0; i < n; i++) {
		struct kdbus_policy_access a = {access[i].who, access[i].what, access[i].id};

		item_copy(&items, KDBUS_ITEM_POLICY_ACCESS, &a, sizeof(a));
	}
	if (items.full)
		return -EMSGSIZE;
	cmd->size = items.used;
	return request(conn->fd, KDBUS_CMD_UPDATE, cmd);
}

/* ---- names and matches */

int bus_acquire(struct bus_conn *conn, const char *name, unsigned int flags,
		enum bus_name_result *result)
{
	struct kdbus_cmd *cmd = (void *)command;
	struct items items = items_after(cmd, sizeof(*cmd));
	int r;

	item_string(&items, KDBUS_ITEM_NAME, name);
	cmd->size = items.used;
	cmd->flags = (flags & BUS_NAME_REPLACE ? KDBUS_NAME_REPLACE_EXISTING : 0) |
		     (flags & BUS_NAME_ALLOW ? KDBUS_NAME_ALLOW_REPLACEMENT : 0) |
		     (flags & BUS_NAME_QUEUE ? KDBUS_NAME_QUEUE : 0);
	r = request(conn->fd, KDBUS_CMD_NAME_ACQUIRE, cmd);
	if (r && r != -EALREADY)
		return r;
	if (!r && cmd->return_flags & KDBUS_NAME_IN_QUEUE)
		*result = BUS_NAME_QUEUED;
	else if (!r && cmd->return_flags & KDBUS_NAME_ACQUIRED)
		*result = BUS_NAME_ACQUIRED;
	else
		*result = BUS_NAME_ALREADY;
	return 0;
}

int bus_release(struct bus_conn *conn, const char *name)
{
	struct kdbus_cmd *cmd = (void *)command;
	struct items items = items_after(cmd, sizeof(*cmd));

	item_string(&items, KDBUS_ITEM_NAME, name);
	cmd->size = items.used;
	return request(conn->fd, KDBUS_CMD_NAME_RELEASE, cmd);
}

static int add_match(struct bus_conn *conn, uint64_t cookie, struct items *items)
{
	struct kdbus_cmd_match *cmd = (void *)command;

	if (items->full)
		return -EMSGSIZE;
	cmd->size = items->used;
	cmd->cookie = cookie;
	return request(conn->fd, KDBUS_CMD_MATCH_ADD, cmd);
}

static int add_name_match(struct bus_conn *conn, const struct bus_match *match, uint64_t type)
{
	struct items items = items_after(command, sizeof(struct kdbus_cmd_match));
	size_t tail = match->name ? strlen(match->name) + 1 : 0;
	struct kdbus_notify_name_change *change;

	change = item_add(&items, type, sizeof(*change) + tail);
	if (change) {
		change->old_id.id = match->old_id;
		change->new_id.id = match->new_id;
		memcpy(change->name, match->name ? match->name : "", tail);
	}
	return add_match(conn, match->cookie, &items);
}

static int add_id_match(struct bus_conn *conn, const struct bus_match *match, uint64_t type)
{
	struct items items = items_after(command, sizeof(struct kdbus_cmd_match));
	struct kdbus_notify_id_change change = {.id = match->src_id};

	item_copy(&items, type, &change, sizeof(change));
	return add_match(conn, match->cookie, &items);
}

static int add_bloom_match(struct bus_conn *conn, const struct bus_match *match)
{
	struct items items = items_after(command, sizeof(struct kdbus_cmd_match));

	if (match->mask)
		item_copy(&items, KDBUS_ITEM_BLOOM_MASK, match->mask, conn->bus->bloom_bytes);
	if (match->src_id)
		item_copy(&items, KDBUS_ITEM_ID, &match->src_id, sizeof(match->src_id));
	if (match->name)
		item_string(&items, KDBUS_ITEM_NAME, match->name);
	return add_match(conn, match->cookie, &items);
}

int bus_match_add(struct bus_conn *conn, const struct bus_match *match)
{
	static const uint64_t name_types[] = {KDBUS_ITEM_NAME_ADD, KDBUS_ITEM_NAME_REMOVE,
					      KDBUS_ITEM_NAME_CHANGE};
	unsigned int i;
	int r = 0;

	if (match->kind == BUS_MATCH_BLOOM)
		return add_bloom_match(conn, match);
	if (match->kind == BUS_MATCH_ID) {
		r = add_id_match(conn, match, KDBUS_ITEM_ID_ADD);
		return r ? r : add_id_match(conn, match, KDBUS_ITEM_ID_REMOVE);
	}
	for (i = 0; i < 3 && !r; i++)
		r = add_name_match(conn, match, name_types[i]);
	return r;
}

int bus_match_remove(struct bus_conn *conn, uint64_t cookie)
{
	struct kdbus_cmd_match cmd = {.size = sizeof(cmd), .cookie = cookie};

	return request(conn->fd, KDBUS_CMD_MATCH_REMOVE, &cmd);
}

/* ---- questions */

static void list_entry(const struct kdbus_info *info, bus_list_fn *each, void *arg)
{
	bool hidden = info->flags &
		      (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR);
	const struct kdbus_item *item;
	bool named = false;

	for_each_item(item, info->items, (uintptr_t)info + info->size)
	{
		if (item->type != KDBUS_ITEM_OWNED_NAME)
			continue;
		named = true;
		each(info->id, item->name.name, item->name.flags & KDBUS_NAME_IN_QUEUE,
		     hidden || item->name.flags & KDBUS_NAME_ACTIVATOR, arg);
	}
	if (!named)
		each(info->id, NULL, false, hidden, arg);
}

int bus_list(struct bus_conn *conn, unsigned int flags, bus_list_fn *each, void *arg)
{
	/* the flags are those of bus.h */
	struct kdbus_cmd_list cmd = {.size = sizeof(cmd), .flags = flags};
	const struct kdbus_info *info, *end;
	int r = request(conn->fd, KDBUS_CMD_LIST, &cmd);

	if (r)
		return r;
	info = (void *)(conn->pool + cmd.offset);
	end = (void *)(conn->pool + cmd.offset + cmd.list_size);
	while (info < end && info->size >= sizeof(*info)) {
		list_entry(info, each, arg);
		info = (void *)((uintptr_t)info + ((info->size + 7) & ~7ULL));
	}
	release_slice(conn, cmd.offset);
	return 0;
}

static void peer_item(struct bus_peer *peer, const struct kdbus_item *item, GPtrArray *names)
{
	unsigned int i;

	switch (item->type) {
	case KDBUS_ITEM_CREDS:
		peer->has_creds = true;
		peer->uid = (uid_t)item->creds.euid;
		break;
	case KDBUS_ITEM_PIDS:
		peer->has_pid = item->pids.pid != 0;
		peer->pid = (pid_t)item->pids.pid;
		break;
	case KDBUS_ITEM_AUXGROUPS:
		g_free(peer->groups);
		peer->group_count = payload_words(item);
		peer->groups = g_new(gid_t, peer->group_count + 1);
		for (i = 0; i < peer->group_count; i++)
			peer->groups[i] = (gid_t)item->data64[i];
		break;
	case KDBUS_ITEM_SECLABEL:
		g_free(peer->label);
		peer->label = g_strdup(item->str);
		break;
	case KDBUS_ITEM_OWNED_NAME:
		if (!(item->name.flags & KDBUS_NAME_IN_QUEUE))
			g_ptr_array_add(names, g_strdup(item->name.name));
		break;
	}
}

int bus_lookup(struct bus_conn *conn, uint64_t id, const char *name, bool creds,
	       struct bus_peer *peer)
{
	struct kdbus_cmd_info *cmd = (void *)command;
	struct items items = items_after(cmd, sizeof(*cmd));
	const struct kdbus_info *info;
	const struct kdbus_item *item;
	GPtrArray *names;
	int r;

	cmd->id = name ? 0 : id;
	cmd->attach_flags = KDBUS_ATTACH_NAMES;
	if (creds)
		cmd->attach_flags |= KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS |
				     KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_SECLABEL;
	if (name)
		item_string(&items, KDBUS_ITEM_NAME, name);
	cmd->size = items.used;
	r = request(conn->fd, KDBUS_CMD_CONN_INFO, cmd);
	if (r)
		return r;
	memset(peer, 0, sizeof(*peer));
	names = g_ptr_array_new();
	info = (void *)(conn->pool + cmd->offset);
	peer->id = info->id;
	peer->activator = info->flags & KDBUS_HELLO_ACTIVATOR;
	for_each_item(item, info->items, (uintptr_t)info + info->size) peer_item(peer, item, names);
	g_ptr_array_add(names, NULL);
	peer->names = (char **)g_ptr_array_free(names, FALSE);
	release_slice(conn, cmd->offset);
	return 0;
}

void bus_peer_clear(struct bus_peer *peer)
{
	g_strfreev(peer->names);
	g_free(peer->groups);
	g_free(peer->label);
	memset(peer, 0, sizeof(*peer));
}
