/* A thread that waits on many queues at once: shared by poll.c and select.c. */
#pragma once

#include <kern/errno.h>
#include <kernel/poll/poll.h>
#include <kernel/task/task.h>
#include <linux/personality.h>

struct __kernel_timespec;

struct poll_hook {
	struct wait_entry entry;
	struct wait_queue *queue;
	struct file *file; /* +1 */
	struct poll_waiter *waiter;
	u32 wanted;
};

#define POLL_INLINE_HOOKS 8
#define POLL_CHUNK_HOOKS 30

struct poll_chunk {
	struct poll_chunk *next;
	u32 used;
	struct poll_hook hooks[POLL_CHUNK_HOOKS];
};

struct poll_waiter {
	struct poll_table table;
	struct task *task;
	bool triggered; /* set by wakers, cleared before each scan */
	int error;	/* -ENOMEM: a hook could not be made */
	u32 inline_used;
	struct poll_chunk *chunks;
	struct poll_hook inline_hooks[POLL_INLINE_HOOKS];
};

void poll_waiter_init(struct poll_waiter *w);
void poll_waiter_release(struct poll_waiter *w);
/* Sleeps until a hook fires: 0, -ETIME, -ERESTARTSYS. */
int poll_waiter_block(struct poll_waiter *w, u64 deadline_ns) __must_check;
/*
 * Writes what is left of the time back, as ppoll and pselect do; faults are no error.  False: it is
 * not there, so the call must not be started again.
 */
bool poll_write_left(struct __kernel_timespec __user *uts, u64 deadline_ns) __must_check;
/* personality(2): time-outs are left alone. */
static inline bool poll_keeps_timeout(void)
{
	return current->personality & STICKY_TIMEOUTS;
}
/* What the call answers. */
static inline long poll_result(long ret, bool may_restart)
{
	if (ret != -ERESTARTSYS)
		return ret;
	return may_restart ? -ERESTARTNOHAND : -EINTR;
}
