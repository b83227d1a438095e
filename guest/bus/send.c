// SPDX-License-Identifier: BSD-2-Clause
/* Sending: messages, calls, replies, signals. */
#include <errno.h>
#include <time.h>
#include "bus_impl.h"

#define BYTES_MAX (2ull << 20) /* that the kernel copies for one message */
#define TIMEOUT_MAX (1ull << 62)

static void add_memory(struct builder *b, int fd, uint64_t start, uint64_t size)
{
	const struct kdbus_memfd memfd = {.start = start, .size = size, .fd = fd};

	builder_add(b, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
}

/* Bytes beyond what the kernel copies go into a file that lives until the message is sent. */
static void add_file(struct builder *b, const struct cbus_part *part)
{
	int fd, r = b->error ? b->error : memory_file(part->data, part->size, &fd);

	if (r < 0)
		b->error = r;
	else if (builder_keep(b, fd))
		add_memory(b, fd, 0, part->size);
}

static void add_parts(struct builder *b, const struct cbus_message *m)
{
	uint64_t left = BYTES_MAX;

	for (size_t i = 0; i < m->part_count; i++) {
		const struct cbus_part *part = &m->parts[i];

		if (part->memory) {
			add_memory(b, part->fd, part->start, part->size);
		} else if (part->size > left) {
			add_file(b, part);
		} else if (part->size) {
			const struct kdbus_vec vec = {.size = part->size,
						      .address = (uintptr_t)part->data};

			builder_add(b, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
			left -= part->size;
		}
	}
}

static uint64_t next_cookie(struct cbus *bus)
{
	return __atomic_add_fetch(&bus->cookie, 1, __ATOMIC_RELAXED);
}

/* Everything but the flags and what stands in the union of timeout and cookie_reply. */
static struct kdbus_msg *message_begin(struct cbus *bus, struct builder *b,
				       const struct cbus_message *m, uint64_t to)
{
	builder_begin(b, sizeof(struct kdbus_msg));
	if (m->name && to == KDBUS_DST_ID_NAME)
		builder_add_string(b, KDBUS_ITEM_DST_NAME, m->name);
	add_parts(b, m);
	if (m->fd_count)
		builder_add(b, KDBUS_ITEM_FDS, m->fds, m->fd_count * sizeof(int));
	struct kdbus_msg *msg = (void *)b->base;

	msg->flags = m->flags;
	msg->priority = m->priority;
	msg->dst_id = to;
	msg->payload_type = m->payload_type ? m->payload_type : CBUS_PAYLOAD_BYTES;
	msg->cookie = m->cookie ? m->cookie : next_cookie(bus);
	return msg;
}

static int message_send(struct cbus *bus, struct builder *b, struct kdbus_cmd_send *cmd)
{
	struct kdbus_msg *msg = (void *)b->base;

	msg->size = b->used;
	cmd->msg_address = (uintptr_t)msg;
	return b->error ? b->error : bus_ioctl(bus->fd, KDBUS_CMD_SEND, cmd);
}

static uint64_t destination(const struct cbus_message *m)
{
	return m->name ? KDBUS_DST_ID_NAME : m->id;
}

int cbus_send(struct cbus *bus, const struct cbus_message *message)
{
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	struct builder b;

	message_begin(bus, &b, message, destination(message));
	int r = message_send(bus, &b, &cmd);

	builder_end(&b);
	return r;
}

static uint64_t deadline(uint64_t timeout_ns)
{
	struct timespec t;

	if (timeout_ns >= TIMEOUT_MAX)
		return TIMEOUT_MAX;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + timeout_ns;
}

int cbus_call(struct cbus *bus, const struct cbus_message *message, uint64_t timeout_ns,
	      int cancel_fd, struct cbus_received *reply)
{
	struct {
		struct kdbus_cmd_send cmd;
		uint64_t item_size, item_type;
		int item_fd, pad;
	} send = {.cmd = {.size = sizeof(send.cmd), .flags = KDBUS_SEND_SYNC_REPLY}};
	struct builder b;

	reply->message = NULL;
	if (cancel_fd >= 0) {
		send.item_size = ITEM_HEAD + sizeof(int);
		send.item_type = KDBUS_ITEM_CANCEL_FD;
		send.item_fd = cancel_fd;
		send.cmd.size = sizeof(send);
	}
	struct kdbus_msg *msg = message_begin(bus, &b, message, destination(message));

	msg->flags |= KDBUS_MSG_EXPECT_REPLY;
	msg->timeout_ns = deadline(timeout_ns);
	int r = message_send(bus, &b, &send.cmd);

	builder_end(&b);
	return r < 0 ? r : received_open(bus, &send.cmd.reply, reply);
}

int cbus_call_async(struct cbus *bus, const struct cbus_message *message, uint64_t timeout_ns,
		    uint64_t *cookie)
{
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	struct builder b;
	struct kdbus_msg *msg = message_begin(bus, &b, message, destination(message));

	msg->flags |= KDBUS_MSG_EXPECT_REPLY;
	msg->timeout_ns = deadline(timeout_ns);
	uint64_t number = msg->cookie;
	int r = message_send(bus, &b, &cmd);

	builder_end(&b);
	if (r == 0 && cookie)
		*cookie = number;
	return r;
}

int cbus_reply(struct cbus *bus, const struct cbus_received *call,
	       const struct cbus_message *message)
{
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	struct builder b;

	if (!(call->message->flags & KDBUS_MSG_EXPECT_REPLY))
		return -EBADSLT; /* as the kernel says of an answer that nobody waits for */
	struct kdbus_msg *msg = message_begin(bus, &b, message, call->message->src_id);

	msg->cookie_reply = call->message->cookie;
	int r = message_send(bus, &b, &cmd);

	builder_end(&b);
	return r;
}

int cbus_signal(struct cbus *bus, const struct cbus_topic *topic,
		const struct cbus_message *message)
{
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	uint64_t to = destination(message);
	struct builder b;

	if (!message->name && !message->id)
		to = KDBUS_DST_ID_BROADCAST;
	struct kdbus_msg *msg = message_begin(bus, &b, message, to);

	msg->flags |= KDBUS_MSG_SIGNAL;
	struct kdbus_bloom_filter *filter =
		builder_add(&b, KDBUS_ITEM_BLOOM_FILTER, NULL, sizeof(*filter) + bus->bloom_size);

	/* The message may have moved: it is looked up again when it is sent. */
	if (filter)
		bloom_add_topic(bus, (uint64_t *)(void *)filter->data, topic);
	int r = message_send(bus, &b, &cmd);

	builder_end(&b);
	return r;
}
