/* Shared by msg.c and msg_ctl.c. */
#pragma once

#include <kernel/ipc/ipc_impl.h>

struct msg {
	struct list_head link;
	long type;
	size_t len;
	u8 data[];
};

struct msg_queue {
	struct ipc_object object;
	/* all: object.lock */
	s64 stime, rtime, ctime;
	u64 bytes, count, max_bytes;
	struct pid *last_sender, *last_receiver; /* +1 */
	struct list_head messages;
	struct list_head receivers, senders; /* asleep */
};

static inline struct msg_queue *queue_of(struct ipc_object *o)
{
	return container_of(o, struct msg_queue, object);
}
/* The queue is locked.  Senders whose messages fit now, or all of them. */
void msg_wake_senders(struct msg_queue *q, bool all);
/* Everybody who waits to receive looks again (-EAGAIN) or gives up (-EIDRM). */
void msg_wake_receivers(struct msg_queue *q, int status);
long msg_rmid(struct ipc_ns *ns, int id);
