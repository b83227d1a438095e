/*
 * Wait queues: sleep until a condition holds; the base of poll and epoll.
 *
 * The condition is the caller's; a waker changes it first, then calls wake_up*().
 * Deadlines are absolute CLOCK_MONOTONIC nanoseconds, WAIT_FOREVER for none.
 */
#pragma once

#include <kern/types.h>
#include <kernel/lock/lock.h>
#include <kernel/sched/sched.h>

#define WAIT_FOREVER U64_MAX

struct wait_queue {
	struct spinlock lock; /* LK_WAIT */
	struct list_head entries;
};

struct wait_entry;

/*
 * Called by a wake-up with the queue's lock held; key is the wake_up's poll mask (0: any).
 * Returns how many exclusive waiters were woken (0 or 1), negative to stop the walk.
 */
typedef int (*wait_wake_fn)(struct wait_entry *e, unsigned int mode, u32 key);
/* Bits of mode beside the task states. */
#define WAIT_MODE_SYNC 0x80000000u    /* the caller blocks next */
#define WAIT_MODE_HANDOFF 0x40000000u /* and hands over: sched_wake_handoff() */

struct wait_entry {
	struct list_head link;
	struct task *task;
	wait_wake_fn wake;
	u32 flags;
};

#define WAIT_EXCLUSIVE 1u

void wait_queue_init(struct wait_queue *q);
#define WAIT_QUEUE_INIT(name)                                          \
	{                                                              \
		SPINLOCK_INIT(LK_WAIT), LIST_HEAD_INIT((name).entries) \
	}

/* default wake function: wakes e->task and takes the entry off the queue (autoremove) */
int wait_wake_task(struct wait_entry *e, unsigned int mode, u32 key);
void wait_entry_init(struct wait_entry *e, wait_wake_fn wake);
void wait_add(struct wait_queue *q, struct wait_entry *e);
void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e);
void wait_remove(struct wait_queue *q, struct wait_entry *e);

/* Puts current on @q and sets its state; then test the condition and call sched_block(). */
void wait_prepare(struct wait_queue *q, struct wait_entry *e, unsigned int state);
void wait_prepare_exclusive(struct wait_queue *q, struct wait_entry *e, unsigned int state);
void wait_finish(struct wait_queue *q, struct wait_entry *e);

static inline bool wait_queue_active(struct wait_queue *q)
{
	smp_mb();
	return !list_empty(&q->entries);
}

/* wake_up: all non-exclusive and one exclusive waiter.  Any context. */
void wake_up(struct wait_queue *q);
void wake_up_all(struct wait_queue *q);
void wake_up_interruptible(struct wait_queue *q);
void wake_up_poll(struct wait_queue *q, u32 poll_mask);
/* From inside a wake function of another queue, which is locked: @sub is the depth of nesting. */
void wake_up_poll_nested(struct wait_queue *q, u32 poll_mask, unsigned int mode, unsigned int sub);
/* For wake-up storms where the waker sleeps next (pipes): may keep the wakee on this CPU. */
void wake_up_sync_poll(struct wait_queue *q, u32 poll_mask);
/* For who calls the waiter and sleeps until it has answered: it runs next on this CPU. */
void wake_up_handoff_poll(struct wait_queue *q, u32 poll_mask);

/* Returns 0, -ERESTARTSYS when interrupted by a signal, -ETIME past the deadline. */
#define wait_event_full(q, cond, state, exclusive, deadline) \
	wait_event_slack(q, cond, state, exclusive, deadline, SLACK_OF_TASK)
/* @slack: so much later than the deadline is soon enough. */
#define wait_event_slack(q, cond, state, exclusive, deadline, slack)                     \
	({                                                                               \
		struct wait_entry we_;                                                   \
		int werr_ = 0;                                                           \
		if (!(cond)) {                                                           \
			wait_entry_init(&we_, wait_wake_task);                           \
			for (;;) {                                                       \
				if (exclusive)                                           \
					wait_prepare_exclusive(q, &we_, state);          \
				else                                                     \
					wait_prepare(q, &we_, state);                    \
				if (cond)                                                \
					break;                                           \
				werr_ = sched_block_slack((state), (deadline), (slack)); \
				if (cond) {                                              \
					werr_ = 0;                                       \
					break;                                           \
				}                                                        \
				if (werr_)                                               \
					break;                                           \
			}                                                                \
			wait_finish(q, &we_);                                            \
		}                                                                        \
		werr_;                                                                   \
	})

#define wait_event(q, cond) \
	((void)wait_event_full(q, cond, TASK_UNINTERRUPTIBLE, false, WAIT_FOREVER))
#define wait_event_killable(q, cond) wait_event_full(q, cond, TASK_KILLABLE, false, WAIT_FOREVER)
#define wait_event_interruptible(q, cond) \
	wait_event_full(q, cond, TASK_INTERRUPTIBLE, false, WAIT_FOREVER)
#define wait_event_interruptible_exclusive(q, cond) \
	wait_event_full(q, cond, TASK_INTERRUPTIBLE, true, WAIT_FOREVER)
#define wait_event_deadline(q, cond, deadline) \
	wait_event_full(q, cond, TASK_INTERRUPTIBLE, false, deadline)

struct completion {
	struct wait_queue wq;
	u32 done;
};
void completion_init(struct completion *c);
void completion_wait(struct completion *c);
int completion_wait_killable(struct completion *c) __must_check;
void completion_done(struct completion *c);
void completion_done_all(struct completion *c);
