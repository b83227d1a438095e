// SPDX-License-Identifier: BSD-2-Clause
/*
 * Messages of the kernel bus. One up to MEMFD_FROM bytes is copied by the kernel into the
 * receiver's pool; a larger one travels as a sealed memory file, so that no pool has to have room
 * for it. What arrives in one piece is read where it lies in the pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel_impl.h"

#define MEMFD_FROM (512UL << 10)
#define PAYLOAD_MAX (128UL << 20)

/* A sealed file with the bytes, or a negative errno. */
static int sealed_file(const void *data, size_t len)
{
	int fd = memfd_create("dbus-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const uint8_t *p = data;
	size_t done = 0;
	int r;

	if (fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = write(fd, p + done, len - done);

		if (n <= 0) {
			r = n < 0 ? -errno : -ENOSPC;
			close(fd);
			return r;
		}
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int add_payload(struct items *items, const struct bus_message *msg, int *memfd)
{
	struct kdbus_vec vec = {.size = msg->len, .address = (uintptr_t)msg->data};
	struct kdbus_memfd file = {.size = msg->len};

	if (msg->len <= MEMFD_FROM) {
		item_copy(items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
		return 0;
	}
	file.fd = sealed_file(msg->data, msg->len);
	if (file.fd < 0)
		return file.fd;
	item_copy(items, KDBUS_ITEM_PAYLOAD_MEMFD, &file, sizeof(file));
	*memfd = file.fd;
	return 0;
}

static void fill_head(struct kdbus_msg *m, const struct bus_conn *conn,
		      const struct bus_message *msg)
{
	m->flags = (msg->expect_reply ? KDBUS_MSG_EXPECT_REPLY : 0) |
		   (msg->no_auto_start ? KDBUS_MSG_NO_AUTO_START : 0) |
		   (msg->dst_id == BUS_ID_BROADCAST ? KDBUS_MSG_SIGNAL : 0);
	m->dst_id = msg->dst_id;
	m->src_id = conn->id;
	m->payload_type = BUS_PAYLOAD_DBUS1;
	m->cookie = msg->cookie;
	if (msg->expect_reply)
		m->timeout_ns = msg->timeout_ns;
	else
		m->cookie_reply = msg->cookie_reply;
}

static void add_filter(struct items *items, const struct bus_conn *conn, const uint64_t *bloom)
{
	size_t bytes = conn->bus->bloom_bytes;
	struct kdbus_bloom_filter *filter;

	filter = item_add(items, KDBUS_ITEM_BLOOM_FILTER, sizeof(*filter) + bytes);
	if (filter)
		memcpy(filter->data, bloom, bytes);
}

int bus_send(struct bus_conn *conn, const struct bus_message *msg)
{
	struct kdbus_msg *m = (void *)command;
	struct items items = items_after(m, sizeof(*m));
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)m};
	int memfd = -1, r;

	fill_head(m, conn, msg);
	if (msg->dst_name)
		item_string(&items, KDBUS_ITEM_DST_NAME, msg->dst_name);
	if (msg->bloom)
		add_filter(&items, conn, msg->bloom);
	r = add_payload(&items, msg, &memfd);
	if (r)
		return r;
	if (msg->fd_count)
		item_copy(&items, KDBUS_ITEM_FDS, msg->fds, msg->fd_count * sizeof(int));
	m->size = items.used;
	r = items.full ? -EMSGSIZE : request(conn->fd, KDBUS_CMD_SEND, &cmd);
	if (memfd >= 0)
		close(memfd);
	return r;
}

/* ---- receiving: event->impl is {slice + 1, gathered payload, names, groups} */

struct pieces {
	const struct kdbus_msg *msg;
	unsigned int count;
	uint64_t total;
	bool bad;
};

static void count_piece(struct pieces *pieces, uint64_t size)
{
	pieces->count++;
	pieces->total += size;
	if (size > PAYLOAD_MAX || pieces->total > PAYLOAD_MAX)
		pieces->bad = true;
}

static bool copy_memfd(const struct kdbus_memfd *file, uint8_t *to)
{
	uint64_t done = 0;

	while (done < file->size) {
		ssize_t n =
			pread(file->fd, to + done, file->size - done, (off_t)(file->start + done));

		if (n <= 0)
			return false;
		done += (uint64_t)n;
	}
	return true;
}

/* All pieces behind each other. */
static uint8_t *gather(const struct pieces *pieces)
{
	const struct kdbus_item *item;
	uint8_t *all = g_try_malloc0(pieces->total), *to = all;
	bool good = all != NULL;

	for_each_item(item, pieces->msg->items, (uintptr_t)pieces->msg + pieces->msg->size)
	{
		if (!good)
			break;
		if (item->type == KDBUS_ITEM_PAYLOAD_OFF) {
			if (item->vec.offset != ~0ULL)
				memcpy(to, (const uint8_t *)pieces->msg + item->vec.offset,
				       item->vec.size);
			to += item->vec.size;
		} else if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
			good = item->memfd.fd >= 0 && copy_memfd(&item->memfd, to);
			to += item->memfd.size;
		}
	}
	if (good)
		return all;
	g_free(all);
	return NULL;
}

static void take_payload(struct bus_event *event, const struct pieces *pieces,
			 const struct kdbus_item *only)
{
	if (!pieces->count || pieces->bad)
		return;
	event->len = pieces->total;
	if (pieces->count == 1 && only && only->vec.offset != ~0ULL) {
		event->data = (const uint8_t *)pieces->msg + only->vec.offset;
		return;
	}
	event->impl[1] = gather(pieces);
	event->data = event->impl[1];
}

static void close_memfds(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item;

	for_each_item(item, msg->items,
		      (uintptr_t)msg + msg->size) if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD &&
						      item->memfd.fd >= 0) close(item->memfd.fd);
}

static void take_groups(struct bus_event *event, const struct kdbus_item *item)
{
	unsigned int i, n = payload_words(item);
	gid_t *groups = g_new(gid_t, n + 1);

	for (i = 0; i < n; i++)
		groups[i] = (gid_t)item->data64[i];
	event->impl[3] = groups;
	event->groups = groups;
	event->group_count = n;
}

static void take_notification(struct bus_event *event, const struct kdbus_item *item)
{
	const struct kdbus_notify_name_change *change = &item->name_change;

	switch (item->type) {
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		event->kind = BUS_EVENT_NAME;
		event->name = change->name;
		event->old_id = change->old_id.flags & KDBUS_NAME_ACTIVATOR ? 0 : change->old_id.id;
		event->new_id = change->new_id.flags & KDBUS_NAME_ACTIVATOR ? 0 : change->new_id.id;
		break;
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		event->kind = BUS_EVENT_ID;
		event->old_id = item->type == KDBUS_ITEM_ID_REMOVE ? item->id_change.id : 0;
		event->new_id = item->type == KDBUS_ITEM_ID_ADD ? item->id_change.id : 0;
		break;
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		event->kind = BUS_EVENT_REPLY;
		event->timed_out = item->type == KDBUS_ITEM_REPLY_TIMEOUT;
		break;
	}
}

static void take_metadata(struct bus_event *event, const struct kdbus_item *item, GPtrArray *names)
{
	switch (item->type) {
	case KDBUS_ITEM_CREDS:
		event->has_creds = true;
		event->uid = (uid_t)item->creds.euid;
		break;
	case KDBUS_ITEM_AUXGROUPS:
		take_groups(event, item);
		break;
	case KDBUS_ITEM_OWNED_NAME:
		g_ptr_array_add(names, (char *)(uintptr_t)item->name.name);
		break;
	default:
		take_notification(event, item);
	}
}

static void take_items(struct bus_event *event, const struct kdbus_msg *msg)
{
	struct pieces pieces = {.msg = msg};
	const struct kdbus_item *item, *only = NULL;
	GPtrArray *names = g_ptr_array_new();

	for_each_item(item, msg->items, (uintptr_t)msg + msg->size)
	{
		if (item->type == KDBUS_ITEM_PAYLOAD_OFF) {
			count_piece(&pieces, item->vec.size);
			only = item;
		} else if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
			count_piece(&pieces, item->memfd.size);
		} else if (item->type == KDBUS_ITEM_FDS) {
			event->fd_count = (unsigned int)((item->size - 16) / sizeof(int));
			event->fds = g_memdup2(item->fds, event->fd_count * sizeof(int));
		} else {
			take_metadata(event, item, names);
		}
	}
	g_ptr_array_add(names, NULL);
	event->impl[2] = g_ptr_array_free(names, FALSE);
	event->names = event->impl[2];
	take_payload(event, &pieces, only);
	close_memfds(msg);
}

static int receive(struct bus_conn *conn, struct bus_event *event, uint64_t flags)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = flags};
	const struct kdbus_msg *msg;
	int r;

	memset(event, 0, sizeof(*event));
	r = request(conn->fd, KDBUS_CMD_RECV, &cmd);
	if (cmd.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS)
		event->dropped = cmd.dropped_msgs;
	if (r)
		return r;
	msg = (const struct kdbus_msg *)(conn->pool + cmd.msg.offset);
	event->impl[0] = (void *)(uintptr_t)(flags & KDBUS_RECV_PEEK ? 0 : cmd.msg.offset + 1);
	event->fds_lost = cmd.msg.return_flags & KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	event->src_id = msg->src_id;
	event->dst_id = msg->dst_id;
	event->cookie = msg->cookie;
	event->payload_type = msg->payload_type;
	event->expect_reply = msg->flags & KDBUS_MSG_EXPECT_REPLY;
	if (!event->expect_reply)
		event->cookie_reply = msg->cookie_reply;
	take_items(event, msg);
	return 0;
}

int bus_receive(struct bus_conn *conn, struct bus_event *event)
{
	return receive(conn, event, 0);
}

int bus_peek(struct bus_conn *conn, struct bus_event *event)
{
	return receive(conn, event, KDBUS_RECV_PEEK);
}

int bus_drop(struct bus_conn *conn)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = KDBUS_RECV_DROP};

	return request(conn->fd, KDBUS_CMD_RECV, &cmd);
}

void bus_done(struct bus_conn *conn, struct bus_event *event)
{
	unsigned int i;

	for (i = 0; i < event->fd_count; i++)
		if (event->fds[i] >= 0)
			close(event->fds[i]);
	g_free(event->fds);
	for (i = 1; i < 4; i++)
		g_free(event->impl[i]);
	if (conn && event->impl[0])
		release_slice(conn, (uint64_t)(uintptr_t)event->impl[0] - 1);
}
