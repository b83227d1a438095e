/*
 * System V IPC: shared memory, semaphore sets, message queues.  sysvipc(7).
 *
 * All objects hang off a struct ipc_ns; nothing here is global.  The system calls are the
 * interface; fs/mqueue keeps its part of a namespace here too.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct ipc_ns;
struct ns_common;

/* The one that current works in; +0, stable while current does not change it. */
struct ipc_ns *current_ipc_ns(void);
struct ns_common *ipc_ns_common(struct ipc_ns *ns);
/* What fs/mqueue keeps for a namespace: set once by it, given back through @drop. */
void **ipc_ns_mqueue(struct ipc_ns *ns);
extern void (*ipc_ns_mqueue_drop)(void *mqueue);
