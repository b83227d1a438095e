// SPDX-License-Identifier: BSD-2-Clause
/* Looking at the bus: lists of names and connections, and what is known of one. */
#include <errno.h>
#include <string.h>
#include "bus_impl.h"

static int info_open(struct cbus *bus, uint64_t offset, uint64_t size, struct cbus_info *info)
{
	if (!in_pool(bus, offset, size))
		return -EBADMSG;
	*info = (struct cbus_info){.bus = bus, .offset = offset, .size = size};
	return 0;
}

int cbus_list(struct cbus *bus, uint64_t flags, struct cbus_info *info)
{
	struct kdbus_cmd_list cmd = {.size = sizeof(cmd), .flags = flags};
	int r = bus_ioctl(bus->fd, KDBUS_CMD_LIST, &cmd);

	return r < 0 ? r : info_open(bus, cmd.offset, cmd.list_size, info);
}

static int ask(struct cbus *bus, unsigned long command, const char *name, uint64_t id,
	       uint64_t attach, struct cbus_info *info)
{
	struct builder b;

	builder_begin(&b, sizeof(struct kdbus_cmd_info));
	if (name)
		builder_add_string(&b, KDBUS_ITEM_NAME, name);
	struct kdbus_cmd_info *cmd = (void *)b.base;

	cmd->size = b.used;
	cmd->id = name ? 0 : id;
	cmd->attach_flags = attach;
	int r = b.error ? b.error : bus_ioctl(bus->fd, command, cmd);

	if (r == 0)
		r = info_open(bus, cmd->offset, cmd->info_size, info);
	builder_end(&b);
	if (r == 0 && !cbus_info_next(info)) {
		cbus_info_free(info);
		r = -EBADMSG;
	}
	return r;
}

int cbus_conn_info(struct cbus *bus, const char *name, uint64_t id, uint64_t attach,
		   struct cbus_info *info)
{
	return ask(bus, KDBUS_CMD_CONN_INFO, name, id, attach, info);
}

int cbus_creator_info(struct cbus *bus, uint64_t attach, struct cbus_info *info)
{
	return ask(bus, KDBUS_CMD_BUS_CREATOR_INFO, NULL, 0, attach, info);
}

const struct kdbus_info *cbus_info_next(struct cbus_info *info)
{
	const uint64_t head = offsetof(struct kdbus_info, items);
	uint64_t left = info->size - info->next;
	const struct kdbus_info *record =
		(const void *)(info->bus->pool + info->offset + info->next);

	info->record = NULL;
	if (info->next > info->size || left < head || record->size < head || record->size > left ||
	    !items_valid(record->items, record->size - head))
		return NULL;
	info->next += ALIGN8(record->size);
	info->record = record;
	return record;
}

const struct kdbus_item *cbus_info_item(const struct cbus_info *info, uint64_t type,
					const struct kdbus_item *after)
{
	if (!info->record)
		return NULL;
	return items_find(info->record->items,
			  info->record->size - offsetof(struct kdbus_info, items), type, after);
}

void cbus_info_free(struct cbus_info *info)
{
	if (info->bus)
		pool_free(info->bus, info->offset);
	*info = (struct cbus_info){0};
}
