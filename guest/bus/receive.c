// SPDX-License-Identifier: BSD-2-Clause
/*
 * Receiving: messages in the pool, and the three forms in which their payload lies there.
 *
 * Whatever a message says of offsets and sizes is held against the slice that the kernel gave for
 * it before anything is read through it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "bus_impl.h"

#define MESSAGE_HEAD offsetof(struct kdbus_msg, items)
/* No message's payload is longer; what says so is broken, and sums stay small. */
#define PAYLOAD_MAX (1ull << 46)

void pool_free(struct cbus *bus, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	/* It fails only for what is not there. */
	(void)bus_ioctl(bus->fd, KDBUS_CMD_FREE, &cmd);
}

static uint64_t items_bytes(const struct cbus_received *r)
{
	return r->message->size - MESSAGE_HEAD;
}

/* Payload of one item: its size, or -1 when it lies outside of the slice. */
static int64_t part_size(const struct cbus_received *r, const struct kdbus_item *item)
{
	uint64_t size = item->type == KDBUS_ITEM_PAYLOAD_MEMFD ? item->memfd.size : item->vec.size;

	if (size > PAYLOAD_MAX)
		return -1;
	if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD)
		return item->memfd.start > PAYLOAD_MAX ? -1 : (int64_t)size;
	if (item->vec.offset == UINT64_MAX) /* zeroes, which are nowhere */
		return (int64_t)size;
	if (item->vec.offset > r->slice_size || size > r->slice_size - item->vec.offset)
		return -1;
	return (int64_t)size;
}

static bool is_payload(const struct kdbus_item *item)
{
	return item->type == KDBUS_ITEM_PAYLOAD_OFF || item->type == KDBUS_ITEM_PAYLOAD_MEMFD;
}

/* The n-th descriptor of FDS items, or NULL. */
static const int *sent_fd(const struct cbus_received *r, size_t n)
{
	const struct kdbus_item *item = NULL;

	while ((item = cbus_item(r, KDBUS_ITEM_FDS, item))) {
		size_t count = (item->size - ITEM_HEAD) / sizeof(int);

		if (n < count)
			return &item->fds[n];
		n -= count;
	}
	return NULL;
}

static int message_valid(struct cbus_received *r)
{
	const struct kdbus_item *item = NULL;
	size_t parts = 0;

	if (r->slice_size < MESSAGE_HEAD || !in_pool(r->bus, r->offset, r->slice_size))
		return -EBADMSG;
	r->message = (const void *)(r->bus->pool + r->offset);
	if (r->message->size < MESSAGE_HEAD || r->message->size > r->slice_size ||
	    !items_valid(r->message->items, items_bytes(r)))
		return -EBADMSG;
	while ((item = items_next(r->message->items, items_bytes(r), item))) {
		r->has_fds = r->has_fds || item->type == KDBUS_ITEM_FDS ||
			     item->type == KDBUS_ITEM_PAYLOAD_MEMFD;
		if (!is_payload(item))
			continue;
		int64_t size = part_size(r, item);

		if (size < 0)
			return -EBADMSG;
		r->payload_size += (uint64_t)size;
		r->only = parts++ ? NULL : item;
	}
	return 0;
}

int received_open(struct cbus *bus, const struct kdbus_msg_info *info,
		  struct cbus_received *received)
{
	/* Not the whole of it: maps[] is long, and map_count says what of it counts. */
	received->bus = bus;
	received->offset = info->offset;
	received->slice_size = info->msg_size;
	received->payload_size = received->dropped = 0;
	received->incomplete = info->return_flags & KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	received->peeked = false;
	received->taken = received->map_count = 0;
	received->gathered = NULL;
	received->only = NULL;
	received->has_fds = false;
	int r = message_valid(received);

	if (r < 0) {
		received->message = NULL;
		pool_free(bus, info->offset);
	}
	return r;
}

static int receive_now(struct cbus *bus, uint64_t flags, struct cbus_received *received)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = flags};
	int r = bus_ioctl(bus->fd, KDBUS_CMD_RECV, &cmd);

	if (r < 0)
		return r;
	r = received_open(bus, &cmd.msg, received);
	if (r == 0) {
		if (cmd.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS)
			received->dropped = cmd.dropped_msgs;
		received->peeked = flags & KDBUS_RECV_PEEK;
	}
	return r;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until something can be read, or @end; 0, -EAGAIN at the end. */
static int wait_until(struct cbus *bus, uint64_t end)
{
	for (;;) {
		struct pollfd p = {.fd = bus->fd, .events = POLLIN};
		struct timespec left, *limit = NULL;

		if (end != CBUS_FOREVER) {
			uint64_t now = now_ns(), ns = end > now ? end - now : 0;

			left.tv_sec = (time_t)(ns / 1000000000u);
			left.tv_nsec = (long)(ns % 1000000000u);
			limit = &left;
		}
		int n = ppoll(&p, 1, limit, NULL);

		if (n > 0)
			return 0; /* or the bus has gone: RECV says so */
		if (n == 0)
			return -EAGAIN;
		if (errno != EINTR)
			return -errno;
	}
}

/*
 * A program that keeps up with its queue finds it empty and has to poll first; one that does not
 * would waste that call. So it is tried without every now and then, and for as long as it works.
 */
int cbus_receive(struct cbus *bus, uint64_t timeout_ns, struct cbus_received *received)
{
	bool forever = timeout_ns == CBUS_FOREVER;
	uint64_t end = CBUS_FOREVER;
	int r;

	received->message = NULL;
	if (timeout_ns == 0)
		return receive_now(bus, 0, received);
	if (bus->eager || (++bus->tries & 15) == 0) {
		r = receive_now(bus, 0, received);
		bus->eager = r == 0;
		if (r != -EAGAIN)
			return r;
	}
	if (!forever) {
		uint64_t now = now_ns();

		end = timeout_ns < CBUS_FOREVER - now ? now + timeout_ns : CBUS_FOREVER;
	}
	do {
		r = wait_until(bus, end);
		if (r == 0)
			r = receive_now(bus, 0, received);
		else
			break;
		/* Another thread was faster: wait again. */
	} while (r == -EAGAIN);
	return r;
}

int cbus_peek(struct cbus *bus, struct cbus_received *received)
{
	received->message = NULL;
	return receive_now(bus, KDBUS_RECV_PEEK, received);
}

int cbus_drop(struct cbus *bus)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = KDBUS_RECV_DROP};

	return bus_ioctl(bus->fd, KDBUS_CMD_RECV, &cmd);
}

static void close_fds(const struct cbus_received *r)
{
	const struct kdbus_item *item = NULL;
	size_t n = 0;

	while ((item = items_next(r->message->items, items_bytes(r), item))) {
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD && item->memfd.fd >= 0)
			close(item->memfd.fd);
		if (item->type != KDBUS_ITEM_FDS)
			continue;
		for (size_t i = 0; i < (item->size - ITEM_HEAD) / sizeof(int); i++, n++)
			if (item->fds[i] >= 0 && !(n < 32 && r->taken >> n & 1))
				close(item->fds[i]);
	}
}

void cbus_free(struct cbus_received *r)
{
	if (!r->message)
		return;
	for (uint32_t i = 0; i < r->map_count; i++)
		munmap(r->maps[i].address, r->maps[i].size);
	free(r->gathered);
	/* A look does not install descriptors. */
	if (r->has_fds && !r->peeked)
		close_fds(r);
	r->message = NULL;
	pool_free(r->bus, r->offset);
}

const struct kdbus_item *cbus_item(const struct cbus_received *received, uint64_t type,
				   const struct kdbus_item *after)
{
	return items_find(received->message->items, items_bytes(received), type, after);
}

int cbus_take_fd(struct cbus_received *received, size_t n, int *fd)
{
	const int *sent = sent_fd(received, n);

	if (!sent || n >= 32)
		return -ENOENT;
	if (*sent < 0 || received->taken >> n & 1 || received->peeked)
		return -EBADF;
	received->taken |= 1u << n;
	*fd = *sent;
	return 0;
}

/*
 * Maps a part of a memory file, once for a message. The kernel took it only sealed and not beyond
 * its end.
 */
static int map_part(struct cbus_received *r, const struct kdbus_item *item, const void **data)
{
	const struct kdbus_memfd *m = &item->memfd;
	uint64_t before = m->start % (uint64_t)sysconf(_SC_PAGESIZE);
	size_t size = m->size + before;
	uint32_t i = 0;

	while (i < r->map_count && r->maps[i].item != item)
		i++;
	if (i == r->map_count) {
		if (m->fd < 0 || r->peeked)
			return -EBADF;
		if (i == CBUS_MEMFDS_MAX || size == 0)
			return -EBADMSG;
		/* All of it will be read: one call fills the page table instead of many faults. */
		void *p = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, m->fd,
			       (off_t)(m->start - before));

		if (p == MAP_FAILED)
			return -errno;
		r->maps[i].item = item;
		r->maps[i].address = p;
		r->maps[i].size = size;
		r->map_count++;
	}
	*data = (const uint8_t *)r->maps[i].address + before;
	return 0;
}

/* A memory file that cbus_part_next() has mapped before is found again by its place in the message.
 */
static int part_of(struct cbus_received *r, const struct kdbus_item *item, struct cbus_part *part)
{
	*part = (struct cbus_part){.fd = -1, .size = item->vec.size};
	if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
		part->size = item->memfd.size;
		part->start = item->memfd.start;
		part->fd = item->memfd.fd;
		part->memory = true;
		return map_part(r, item, &part->data);
	}
	if (item->vec.offset != UINT64_MAX)
		part->data = (const uint8_t *)r->message + item->vec.offset;
	return 0;
}

int cbus_part_next(struct cbus_received *received, size_t *position, struct cbus_part *part)
{
	uint64_t bytes = items_bytes(received), at = *position;

	while (at < bytes) {
		const struct kdbus_item *item =
			(const void *)((const uint8_t *)received->message->items + at);

		at += ALIGN8(item->size);
		*position = at;
		if (!is_payload(item))
			continue;
		int r = part_of(received, item, part);

		return r < 0 ? r : 1;
	}
	return 0;
}

/*
 * Zeroes cost their sender nothing, so that a few bytes could ask for gigabytes here. More of them
 * than the pool is long are not put together; cbus_part_next() still tells of them.
 */
static bool too_many_zeroes(const struct cbus_received *r)
{
	const struct kdbus_item *item = NULL;
	uint64_t zeroes = 0;

	while ((item = cbus_item(r, KDBUS_ITEM_PAYLOAD_OFF, item)))
		if (item->vec.offset == UINT64_MAX)
			zeroes += item->vec.size;
	return zeroes > r->bus->pool_size;
}

static int gather(struct cbus_received *r)
{
	struct cbus_part part;
	size_t position = 0, at = 0;
	int n;

	if (too_many_zeroes(r))
		return -EMSGSIZE;
	r->gathered = malloc(r->payload_size);
	if (!r->gathered)
		return -ENOMEM;
	while ((n = cbus_part_next(r, &position, &part)) > 0) {
		if (part.data)
			memcpy((uint8_t *)r->gathered + at, part.data, part.size);
		else
			memset((uint8_t *)r->gathered + at, 0, part.size);
		at += part.size;
	}
	if (n < 0) {
		free(r->gathered);
		r->gathered = NULL;
	}
	return n;
}

/* Parts that lie behind each other in the pool are one piece already. */
static bool one_piece(const struct cbus_received *r, const struct kdbus_item **first)
{
	const struct kdbus_item *item = NULL;
	uint64_t end = 0;

	*first = NULL;
	while ((item = items_next(r->message->items, items_bytes(r), item))) {
		if (!is_payload(item))
			continue;
		if (!*first)
			*first = item;
		else if (item->type != KDBUS_ITEM_PAYLOAD_OFF ||
			 (*first)->type != KDBUS_ITEM_PAYLOAD_OFF || item->vec.offset != end)
			return false;
		if (item->type == KDBUS_ITEM_PAYLOAD_OFF) {
			if (item->vec.offset == UINT64_MAX)
				return false;
			end = item->vec.offset + item->vec.size;
		}
	}
	return true;
}

int cbus_payload(struct cbus_received *received, const void **data, size_t *size)
{
	const struct kdbus_item *first = received->only;
	struct cbus_part part = {.data = received->message};
	int r = 0;

	if (first && first->type == KDBUS_ITEM_PAYLOAD_OFF && first->vec.offset != UINT64_MAX) {
		part.data = (const uint8_t *)received->message + first->vec.offset;
	} else if (received->gathered) {
		part.data = received->gathered;
	} else if (one_piece(received, &first)) {
		if (first)
			r = part_of(received, first, &part);
	} else {
		r = gather(received);
		part.data = received->gathered;
	}
	if (r < 0)
		return r;
	*data = part.data;
	if (size)
		*size = received->payload_size;
	return 0;
}
