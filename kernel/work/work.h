/* Deferred work in kernel threads, and kernel threads themselves. */
#pragma once

#include <kern/types.h>
#include <kern/list.h>
#include <kernel/time/time.h>

struct task;

struct work {
	struct list_head link;
	void (*fn)(struct work *w);
	u32 state; /* private */
};

struct work_delayed {
	struct work work;
	struct timer timer;
};

void work_init_system(void); /* starts the worker threads */
void work_init(struct work *w, void (*fn)(struct work *w));
/* Queues @w unless it is queued already; returns whether it was queued now.  Any context. */
bool work_queue(struct work *w);
void work_delayed_init(struct work_delayed *w, void (*fn)(struct work *w));
bool work_queue_delayed(struct work_delayed *w, u64 delay_ns);
/* Not queued and not running on return; may sleep. */
void work_cancel_sync(struct work *w);
void work_delayed_cancel_sync(struct work_delayed *w);
void work_flush(struct work *w);
