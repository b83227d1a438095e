/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcorbelbus: programs on the message bus of the kernel.
 *
 * A program connects to a bus, sends messages (calls, replies, signals) to others by number or
 * name, and reads those that come from its pool: memory that the kernel fills and that this program
 * maps read-only. Payloads are bytes, or parts of sealed memory files, which are handed over
 * without a copy. What a message says of its sender (ids, names, time) is written by the kernel.
 *
 * Functions return 0 or a negative errno, unless they say otherwise; results through the last
 * parameter, set on success only. Waiting is restarted after a signal handler has run. A connection
 * may be used by several threads at once, except for cbus_disconnect() and cbus_close(); a received
 * message belongs to one thread. There is a manual page for each function: `man 3 cbus_call`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kdbus.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CBUS_ROOT "/sys/fs/kdbus"
/* payload_type of a message that does not name another: bytes, of which the programs know more. */
#define CBUS_PAYLOAD_BYTES 0x7365747942627543ULL
#define CBUS_FOREVER UINT64_MAX /* a timeout */
#define CBUS_MEMFDS_MAX 16	/* of one message */
#define CBUS_FDS_MAX 16

/* A connection. Allocated by cbus_connect(). */
struct cbus;

/* ---- Connections ---- */

struct cbus_options {
	uint64_t flags;		 /* KDBUS_HELLO_*; ACCEPT_FD is set unless refuse_fds says no */
	uint64_t pool_size;	 /* a multiple of the page size; 0: 16 MiB */
	uint64_t attach_send;	 /* KDBUS_ATTACH_*: what others may learn of us; 0: everything */
	uint64_t attach_receive; /* what we want to know of senders with each message; 0: nothing */
	const char *description; /* for people who look at the bus, a word; NULL: none */
	const char *name;	 /* of an activator or policy holder */
	bool refuse_fds;
	bool send_nothing; /* attach_send is really meant to be 0 */
};

/*
 * Makes the bus `uid-NAME` in the domain whose root is @root (NULL: CBUS_ROOT); uid is that of the
 * caller. It lives until *@fd is closed. @flags: KDBUS_MAKE_ACCESS_GROUP, _WORLD.
 */
int cbus_bus_make(const char *root, const char *name, uint64_t flags, int *fd);
/*
 * Connects to @bus: the path of an endpoint, "kernel:path=PATH", or the name of a bus below
 * CBUS_ROOT as "0-system". NULL: $CORBEL_BUS, else "0-system". @options may be NULL.
 */
int cbus_connect(const char *bus, const struct cbus_options *options, struct cbus **out);
/* Leaves the bus if no message waits (-EBUSY); from then on cbus_close() alone is allowed. */
int cbus_disconnect(struct cbus *bus);
/* Leaves the bus in any case and frees @bus. Received messages must have been freed. NULL is fine.
 */
void cbus_close(struct cbus *bus);
/* For poll(2): POLLIN when a message waits, POLLHUP when the bus has gone. */
int cbus_fd(const struct cbus *bus);
/* The number of the connection; no two of a domain ever have the same. */
uint64_t cbus_id(const struct cbus *bus);

/* ---- Names ---- */

/* @flags: KDBUS_NAME_*; *@result (or NULL) has KDBUS_NAME_PRIMARY, IN_QUEUE, ACQUIRED. */
int cbus_name_acquire(struct cbus *bus, const char *name, uint64_t flags, uint64_t *result);
int cbus_name_release(struct cbus *bus, const char *name);

/* ---- Sending ---- */

/*
 * A piece of payload. Of bytes the kernel copies 2 MiB a message; what is beyond goes as a sealed
 * file. data NULL: @size bytes of zero. memory: of the file @fd, which is sealed.
 */
struct cbus_part {
	const void *data;
	uint64_t size;
	uint64_t start; /* in the file */
	int fd;
	bool memory; /* fd and start are meant, data is not */
};
#define CBUS_BYTES(address, length) \
	((struct cbus_part){.data = (address), .size = (length), .fd = -1})
#define CBUS_MEMORY(file, first, length) \
	((struct cbus_part){.fd = (file), .start = (first), .size = (length), .memory = true})

/* A message that is to be sent. All zero but @name or @id and the parts is a good beginning. */
struct cbus_message {
	const char *name; /* to the owner of this name; NULL: to id */
	uint64_t id;
	const struct cbus_part *parts;
	size_t part_count;
	const int *fds; /* descriptors that the receiver gets duplicates of */
	size_t fd_count;
	uint64_t payload_type; /* 0: CBUS_PAYLOAD_BYTES */
	uint64_t flags;	       /* KDBUS_MSG_NO_AUTO_START */
	int64_t priority;      /* lower goes first */
	uint64_t cookie;       /* 0: the library chooses one */
};

/* What a signal is about; each string goes into the filter by which receivers choose. */
struct cbus_topic {
	const char *interface, *member, *path; /* NULL: none */
	const char *const *args; /* strings that it carries, as far as matches want them */
	size_t arg_count;	 /* 64 at most are looked at */
};

struct cbus_received;

/* Sends; does not wait for an answer. */
int cbus_send(struct cbus *bus, const struct cbus_message *message);
/*
 * Sends and waits for the answer, @timeout_ns at most (CBUS_FOREVER: 2^62 ns); -ETIMEDOUT, -EPIPE
 * when the peer went or dropped the message, -ECANCELED when @cancel_fd (-1: none) became readable.
 */
int cbus_call(struct cbus *bus, const struct cbus_message *message, uint64_t timeout_ns,
	      int cancel_fd, struct cbus_received *reply);
/*
 * Sends and does not wait: the answer comes through cbus_receive() with @cookie in cookie_reply, or
 * a message of the kernel says that it will not (KDBUS_ITEM_REPLY_TIMEOUT, _REPLY_DEAD).
 */
int cbus_call_async(struct cbus *bus, const struct cbus_message *message, uint64_t timeout_ns,
		    uint64_t *cookie);
/* Answers @call; @message->name and id are not looked at. */
int cbus_reply(struct cbus *bus, const struct cbus_received *call,
	       const struct cbus_message *message);
/* To all whose matches let it through; or, with @message->name or id, to that one if his do. */
int cbus_signal(struct cbus *bus, const struct cbus_topic *topic,
		const struct cbus_message *message);

/* ---- Matches ---- */

/*
 * Lets signals in by a D-Bus match rule: interface, member, path, path_namespace, argN, argNpath,
 * arg0namespace, sender (a name, or ":1.N"), joined with commas, each ='VALUE'; "" is all signals.
 * A filter may let through what it should not (1 in thousands), never the reverse. @cookie names it
 * for cbus_match_remove(). @replace: in the place of what has the cookie. -EINVAL: not a rule.
 */
int cbus_match_add(struct cbus *bus, uint64_t cookie, const char *rule, bool replace);
/*
 * Lets a kind of notification in: KDBUS_ITEM_NAME_ADD, _REMOVE, _CHANGE with a @name (NULL: any),
 * or KDBUS_ITEM_ID_ADD, _REMOVE with an @id (KDBUS_MATCH_ID_ANY).
 */
int cbus_match_notify(struct cbus *bus, uint64_t cookie, uint64_t kind, const char *name,
		      uint64_t id);
int cbus_match_remove(struct cbus *bus, uint64_t cookie);

/* ---- Receiving ---- */

/* A message in the pool. The caller owns the structure, cbus_free() gives back what it holds. */
struct cbus_received {
	const struct kdbus_msg *message; /* src_id, cookie, ...: read only; NULL: empty */
	uint64_t payload_size;		 /* of all parts */
	uint64_t dropped;		 /* signals that were lost before this message */
	bool incomplete;		 /* a descriptor could not be installed: it is -1 */
	bool peeked;
	/* Private. */
	struct cbus *bus;
	uint64_t offset, slice_size;
	const struct kdbus_item *only; /* the payload, when it is one part */
	bool has_fds;
	uint32_t taken; /* descriptors that belong to the caller, a bit each */
	uint32_t map_count;
	struct {
		const void *item; /* whose file it is */
		void *address;
		size_t size;
	} maps[CBUS_MEMFDS_MAX];
	void *gathered;
};

/*
 * The oldest message; -EAGAIN when none came within @timeout_ns (0: do not wait). *@received needs
 * no preparation. -EBADMSG: it broke the rules of the format and was thrown away.
 */
int cbus_receive(struct cbus *bus, uint64_t timeout_ns, struct cbus_received *received);
/* The oldest message, which stays in the queue; its descriptors are -1. -EAGAIN: there is none. */
int cbus_peek(struct cbus *bus, struct cbus_received *received);
/* Throws the oldest message away. A caller that waits for its answer gets -EPIPE. */
int cbus_drop(struct cbus *bus);
/* Frees the memory, mappings and descriptors of a message that it has, and empties it. */
void cbus_free(struct cbus_received *received);

/*
 * The payload as one piece: in the pool, in a mapped memory file, or gathered into memory of the
 * message. Valid until cbus_free(). *@size (or NULL) is payload_size. -EBADF: a memory file is
 * missing.
 */
int cbus_payload(struct cbus_received *received, const void **data, size_t *size);
/*
 * The payload part by part without gathering: *@position is 0 at first. *@part has data, or NULL
 * for zeroes; of a memory file it has fd and start too, and data is where it is mapped. Returns 1,
 * 0 at the end.
 */
int cbus_part_next(struct cbus_received *received, size_t *position, struct cbus_part *part);
/* The @n-th descriptor that was sent along, which now is the caller's to close; -ENOENT, -EBADF. */
int cbus_take_fd(struct cbus_received *received, size_t n, int *fd);
/*
 * The first item of @type behind @after (NULL: of all), or NULL. Sizes have been checked, strings
 * end.
 */
const struct kdbus_item *cbus_item(const struct cbus_received *received, uint64_t type,
				   const struct kdbus_item *after);

/* ---- Looking at the bus ---- */

/* Records in the pool. cbus_info_free() gives them back. */
struct cbus_info {
	const struct kdbus_info *record; /* the present one */
	/* Private. */
	struct cbus *bus;
	uint64_t offset, size, next;
};

/* All that @flags (KDBUS_LIST_*) ask for; then cbus_info_next() returns the records one by one. */
int cbus_list(struct cbus *bus, uint64_t flags, struct cbus_info *info);
/* One connection, by @name or else by @id; @attach: KDBUS_ATTACH_*. record is set. */
int cbus_conn_info(struct cbus *bus, const char *name, uint64_t id, uint64_t attach,
		   struct cbus_info *info);
/* Who made the bus. */
int cbus_creator_info(struct cbus *bus, uint64_t attach, struct cbus_info *info);
/* The next record, which is @info->record too; NULL at the end. */
const struct kdbus_info *cbus_info_next(struct cbus_info *info);
/* As cbus_item(), in the present record. */
const struct kdbus_item *cbus_info_item(const struct cbus_info *info, uint64_t type,
					const struct kdbus_item *after);
void cbus_info_free(struct cbus_info *info);

/* ---- Sealed memory ---- */

/* Keeps memory in which payloads are made, so that no page is faulted in or zeroed twice. */
struct cbus_memory;

int cbus_memory_create(struct cbus_memory **out);
void cbus_memory_destroy(struct cbus_memory *memory);
/*
 * At least @size writable bytes; what they hold is not defined. They belong to the caller until
 * cbus_memory_seal(). One buffer at a time: another call returns the same one, grown.
 */
int cbus_memory_buffer(struct cbus_memory *memory, size_t size, void **buffer);
/*
 * Makes a sealed memory file of the first @size bytes of the buffer: for CBUS_MEMORY(*fd, 0, size),
 * as often as wanted. The caller closes it. The buffer may be filled again at once.
 */
int cbus_memory_seal(struct cbus_memory *memory, size_t size, int *fd);

#ifdef __cplusplus
}
#endif
