// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs of items: putting them together for a command, and judging those that the kernel wrote.
 *
 * Judging looks at sizes alone. It is done once when a message is opened; the pool cannot change
 * afterwards, because senders never write to it and the kernel only does before it says where a
 * message is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "bus_impl.h"

int bus_ioctl(int fd, unsigned long command, void *argument)
{
	for (;;) {
		if (ioctl(fd, (int)command, argument) == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

void builder_begin(struct builder *b, size_t head)
{
	b->base = (uint8_t *)b->space;
	b->room = sizeof(b->space);
	b->used = head;
	b->error = 0;
	b->fd_count = 0;
	memset(b->base, 0, head);
}

/* Small commands stay on the stack; the first one that does not fit gets all that the kernel takes.
 */
static bool make_room(struct builder *b, size_t size)
{
	if (size <= b->room - b->used)
		return true;
	if (b->room == BUILDER_MAX || size > BUILDER_MAX - b->used) {
		b->error = -EMSGSIZE;
		return false;
	}
	uint8_t *p = malloc(BUILDER_MAX);

	if (!p) {
		b->error = -ENOMEM;
		return false;
	}
	memcpy(p, b->base, b->used);
	b->base = p;
	b->room = BUILDER_MAX;
	return true;
}

void *builder_add(struct builder *b, uint64_t type, const void *data, size_t size)
{
	if (b->error)
		return NULL;
	if (size > BUILDER_MAX) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	size_t whole = ALIGN8(ITEM_HEAD + size);

	if (!make_room(b, whole))
		return NULL;
	struct kdbus_item *item = (void *)(b->base + b->used);

	/* The padding is part of the message: it must not say what was on the stack. */
	memset((uint8_t *)item + whole - 8, 0, 8);
	item->size = ITEM_HEAD + size;
	item->type = type;
	if (data)
		memcpy(item->data, data, size);
	else
		memset(item->data, 0, size);
	b->used += whole;
	return item->data;
}

void builder_add_string(struct builder *b, uint64_t type, const char *s)
{
	builder_add(b, type, s, strlen(s) + 1);
}

bool builder_keep(struct builder *b, int fd)
{
	if (b->fd_count == CBUS_MEMFDS_MAX) {
		close(fd);
		b->error = -E2BIG;
		return false;
	}
	b->fds[b->fd_count++] = fd;
	return true;
}

void builder_end(struct builder *b)
{
	while (b->fd_count)
		close(b->fds[--b->fd_count]);
	if (b->base != (uint8_t *)b->space)
		free(b->base);
}

/* The least payload of an item; a string also ends. */
static const struct {
	uint64_t type;
	uint32_t least;
	uint32_t string_at; /* 0: no string; else 1 + offset in the payload */
} shapes[] = {
	{KDBUS_ITEM_PAYLOAD_MEMFD, sizeof(struct kdbus_memfd), 0},
	{KDBUS_ITEM_BLOOM_PARAMETER, sizeof(struct kdbus_bloom_parameter), 0},
	{KDBUS_ITEM_BLOOM_FILTER, sizeof(struct kdbus_bloom_filter), 0},
	{KDBUS_ITEM_DST_NAME, 1, 1},
	{KDBUS_ITEM_MAKE_NAME, 1, 1},
	{KDBUS_ITEM_ID, 8, 0},
	{KDBUS_ITEM_TIMESTAMP, sizeof(struct kdbus_timestamp), 0},
	{KDBUS_ITEM_CREDS, sizeof(struct kdbus_creds), 0},
	{KDBUS_ITEM_PIDS, sizeof(struct kdbus_pids), 0},
	{KDBUS_ITEM_OWNED_NAME, sizeof(struct kdbus_name) + 1, 1 + sizeof(struct kdbus_name)},
	{KDBUS_ITEM_TID_COMM, 1, 1},
	{KDBUS_ITEM_PID_COMM, 1, 1},
	{KDBUS_ITEM_EXE, 1, 1},
	{KDBUS_ITEM_CMDLINE, 1, 1},
	{KDBUS_ITEM_CGROUP, 1, 1},
	{KDBUS_ITEM_CAPS, sizeof(struct kdbus_caps), 0},
	{KDBUS_ITEM_SECLABEL, 1, 1},
	{KDBUS_ITEM_AUDIT, sizeof(struct kdbus_audit), 0},
	{KDBUS_ITEM_CONN_DESCRIPTION, 1, 1},
	{KDBUS_ITEM_NAME_ADD, sizeof(struct kdbus_notify_name_change) + 1,
	 1 + sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_NAME_REMOVE, sizeof(struct kdbus_notify_name_change) + 1,
	 1 + sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_NAME_CHANGE, sizeof(struct kdbus_notify_name_change) + 1,
	 1 + sizeof(struct kdbus_notify_name_change)},
	{KDBUS_ITEM_ID_ADD, sizeof(struct kdbus_notify_id_change), 0},
	{KDBUS_ITEM_ID_REMOVE, sizeof(struct kdbus_notify_id_change), 0},
};

static bool shape_right(const struct kdbus_item *item)
{
	uint64_t size = item->size - ITEM_HEAD;

	/* The one that nearly every message has. */
	if (item->type == KDBUS_ITEM_PAYLOAD_OFF)
		return size >= sizeof(struct kdbus_vec);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].type != item->type)
			continue;
		if (size < shapes[i].least)
			return false;
		/* The last byte ends the string: all of it does, however many strings there are. */
		return !shapes[i].string_at || item->data[size - 1] == 0;
	}
	return true;
}

bool items_valid(const void *items, uint64_t bytes)
{
	const uint8_t *p = items;

	while (bytes > 0) {
		const struct kdbus_item *item = (const void *)p;

		if (bytes < ITEM_HEAD || item->size < ITEM_HEAD || item->size > bytes)
			return false;
		if (!shape_right(item))
			return false;
		/* The last item may come without its padding. */
		uint64_t step = ALIGN8(item->size) < bytes ? ALIGN8(item->size) : bytes;

		p += step;
		bytes -= step;
	}
	return true;
}

const struct kdbus_item *items_next(const void *items, uint64_t bytes,
				    const struct kdbus_item *after)
{
	const uint8_t *end = (const uint8_t *)items + bytes;
	const uint8_t *p = items;

	if (after)
		p = (const uint8_t *)after + ALIGN8(after->size);
	return p < end ? (const void *)p : NULL;
}

const struct kdbus_item *items_find(const void *items, uint64_t bytes, uint64_t type,
				    const struct kdbus_item *after)
{
	const struct kdbus_item *item = after;

	while ((item = items_next(items, bytes, item)))
		if (item->type == type)
			return item;
	return NULL;
}
