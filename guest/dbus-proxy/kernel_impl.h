// SPDX-License-Identifier: BSD-2-Clause
/* Between the two halves of the kernel's side: commands and lists of items. */
#ifndef DBUS_PROXY_KERNEL_IMPL_H
#define DBUS_PROXY_KERNEL_IMPL_H

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include <abi/kdbus.h>

#include "bus.h"

struct bus {
	char *endpoint;
	int owner; /* keeps the bus alive when the bridge made it; else -1 */
	size_t bloom_bytes;
	unsigned int bloom_hashes;
	uint8_t id[16];
};

struct bus_conn {
	struct bus *bus;
	int fd;
	uint64_t id;
	uint8_t *pool;
	size_t pool_bytes;
};

/* Commands are built in one buffer: there is one thread. */
#define COMMAND_WORDS 2048
extern uint64_t command[COMMAND_WORDS];

struct items {
	uint8_t *base;
	size_t used; /* a multiple of 8 */
	bool full;
};

/* A list of items behind a head of @bytes, which is zeroed. */
struct items items_after(void *head, size_t bytes);
/* Room for @size bytes of payload of a new item, NULL when the buffer is full. */
void *item_add(struct items *items, uint64_t type, size_t size);
void item_copy(struct items *items, uint64_t type, const void *data, size_t size);
void item_string(struct items *items, uint64_t type, const char *text);
int request(int fd, unsigned long number, void *cmd);
void release_slice(struct bus_conn *conn, uint64_t offset);

static inline struct kdbus_item *next_item(const struct kdbus_item *item)
{
	return (struct kdbus_item *)((uintptr_t)item + ((item->size + 7) & ~7ULL));
}

static inline unsigned int payload_words(const struct kdbus_item *item)
{
	return (unsigned int)((item->size - 16) / sizeof(uint64_t));
}

/* The kernel's lists are well-formed; the end is told by the size alone. */
#define for_each_item(item, first, end)                                                    \
	for ((item) = (first); (uintptr_t)(item) < (uintptr_t)(end) && (item)->size >= 16; \
	     (item) = next_item(item))

#endif
