/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of libcorbelbus share. */
#pragma once

#include "corbelbus.h"

#define BUILDER_INLINE 1024
#define BUILDER_MAX 32768 /* what the kernel takes at most */

struct cbus {
	int fd;
	bool eager; /* the last RECV found a message at once; any thread may write it */
	uint8_t tries;
	uint64_t id;
	uint64_t pool_size;
	const uint8_t *pool;
	uint64_t bloom_size, bloom_hashes;
	uint64_t cookie; /* the last one given; atomic */
};

/* A command or message that is being put together: a head, then items. */
struct builder {
	uint8_t *base;
	size_t used, room;
	int error; /* the first that happened; later calls do nothing */
	int fd_count;
	int fds[CBUS_MEMFDS_MAX]; /* which builder_end() closes */
	uint64_t space[BUILDER_INLINE / 8];
};

/* @head bytes of zero. */
void builder_begin(struct builder *b, size_t head);
/* An item with @size bytes of payload, which are zero when @data is NULL; its payload, or NULL. */
void *builder_add(struct builder *b, uint64_t type, const void *data, size_t size);
void builder_add_string(struct builder *b, uint64_t type, const char *s);
/* @fd is closed with the rest; false, and an error, when there are too many. */
bool builder_keep(struct builder *b, int fd);
void builder_end(struct builder *b);

/* ioctl(2), and again when a signal handler ran; 0 or a negative errno. */
int bus_ioctl(int fd, unsigned long command, void *argument);

#define ITEM_HEAD offsetof(struct kdbus_item, data)
#define ALIGN8(n) (((n) + 7) & ~(uint64_t)7)

/* All of @bytes is a run of items that are as long as their types say. */
bool items_valid(const void *items, uint64_t bytes);
/* In a valid run: the first item of @type behind @after. */
const struct kdbus_item *items_find(const void *items, uint64_t bytes, uint64_t type,
				    const struct kdbus_item *after);
const struct kdbus_item *items_next(const void *items, uint64_t bytes,
				    const struct kdbus_item *after);

/* @offset, @size lie in the pool. */
static inline bool in_pool(const struct cbus *bus, uint64_t offset, uint64_t size)
{
	return offset % 8 == 0 && offset <= bus->pool_size && size <= bus->pool_size - offset;
}

void pool_free(struct cbus *bus, uint64_t offset);
/* The message that a command put at @info into the pool. */
int received_open(struct cbus *bus, const struct kdbus_msg_info *info,
		  struct cbus_received *received);

/* A sealed file of @size bytes at @data, or of zero when that is NULL. */
int memory_file(const void *data, size_t size, int *fd);

/* SipHash-2-4. */
uint64_t bus_siphash(const void *data, size_t size, const uint8_t key[16]);
/* Sets the bits of "@name:@value" in a filter. */
void bloom_add(const struct cbus *bus, uint64_t *filter, const char *name, const char *value);
/* And of all that is left of @value when it is cut at a @separator, with and without that. */
void bloom_add_prefixes(const struct cbus *bus, uint64_t *filter, const char *name,
			const char *value, char separator);
/* All strings of a topic. */
void bloom_add_topic(const struct cbus *bus, uint64_t *filter, const struct cbus_topic *topic);
