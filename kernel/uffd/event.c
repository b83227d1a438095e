/*
 * What a monitor is told beside faults: fork, mremap, munmap, madvise of registered memory.
 *
 * Who changes the mappings waits, under no lock, until a monitor has read of it; from the change
 * (or before it) until then `changing` is not zero, and ioctls that fill pages fail with EAGAIN,
 * because the monitor's picture is out of date.  A fork's event makes a new descriptor for the
 * child's memory, in the monitor, as it is read.
 */
#include "uffd_impl.h"

#include <asm/current.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/mm/userfault.h>
#include <kernel/poll/poll.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>

enum event_state { EVENT_QUEUED, EVENT_READING, EVENT_OVER };

/* On the stack of who waits. */
struct uffd_event {
	struct list_head link; /* u->events: event_lock */
	struct uffd *forked;   /* of a fork; +0 */
	struct task *task;
	struct uffd_msg msg;
	enum event_state state; /* event_lock */
};

/* --- who tells --- */

/* Waits until @e is read, or nobody will: true if it was. */
static bool tell(struct uffd *u, struct uffd_event *e)
{
	e->task = current;
	e->state = EVENT_QUEUED;
	spin_lock(&u->event_lock);
	list_add_tail(&e->link, &u->events);
	__atomic_fetch_add(&u->event_count, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&u->event_lock);
	wake_up_poll(&u->readers, EPOLLIN);
	for (;;) {
		bool leave = READ_ONCE(u->released) || signal_fatal_pending(current);

		/* A reader that is just at it needs the event. */
		sched_set_state(leave ? TASK_UNINTERRUPTIBLE : TASK_KILLABLE);
		spin_lock(&u->event_lock);
		if (e->state == EVENT_QUEUED && leave) {
			list_del_init(&e->link);
			__atomic_fetch_sub(&u->event_count, 1, __ATOMIC_RELAXED);
		}
		leave = e->state == EVENT_OVER || (e->state == EVENT_QUEUED && leave);
		spin_unlock(&u->event_lock);
		if (leave)
			break;
		(void)!sched_block(current->state, WAIT_FOREVER);
	}
	sched_set_state(TASK_RUNNING);
	return e->state == EVENT_OVER; /* or nobody knows of it any more */
}

struct uffd *uffd_change_begin(struct uffd *u)
{
	__atomic_fetch_add(&u->changing, 1, __ATOMIC_SEQ_CST);
	return uffd_get(u);
}

void uffd_change_cancel(struct uffd *u)
{
	__atomic_fetch_sub(&u->changing, 1, __ATOMIC_RELEASE);
	uffd_put(u);
}

bool uffd_is_changing(const struct uffd *u)
{
	return __atomic_load_n(&u->changing, __ATOMIC_SEQ_CST);
}

void uffd_change_end(struct uffd *u, u8 event, u64 a, u64 b, u64 c)
{
	struct uffd_event e = {.msg.event = event};

	/* Three words, whatever they are called. */
	e.msg.arg.reserved.reserved1 = a;
	e.msg.arg.reserved.reserved2 = b;
	e.msg.arg.reserved.reserved3 = c;
	(void)tell(u, &e);
	uffd_change_cancel(u);
}

/* --- munmap --- */

int uffd_gone_add(struct uffd_gone **list, struct uffd *u, u64 start, u64 end)
{
	if (!uffd_wants(u, UFFD_FEATURE_EVENT_UNMAP))
		return 0;
	for (struct uffd_gone *g = *list; g; g = g->next) {
		if (g->uffd == u && g->start == start && g->end == end)
			return 0;
	}
	struct uffd_gone *g = kmalloc(sizeof(*g));

	if (!g)
		return -ENOMEM;
	*g = (struct uffd_gone){*list, uffd_change_begin(u), start, end};
	*list = g;
	return 0;
}

void uffd_gone_tell(struct uffd_gone *list, bool happened)
{
	while (list) {
		struct uffd_gone *g = list;

		list = g->next;
		if (happened)
			uffd_change_end(g->uffd, UFFD_EVENT_UNMAP, g->start, g->end, 0);
		else
			uffd_change_cancel(g->uffd);
		kfree(g);
	}
}

/* --- fork --- */

int uffd_fork_add(struct uffd_fork **list, struct uffd *parent, struct mm *mm, struct uffd **out)
{
	struct uffd_fork *f;

	*out = NULL;
	if (!uffd_wants(parent, UFFD_FEATURE_EVENT_FORK))
		return 0;
	for (f = *list; f && f->parent != parent; f = f->next)
		;
	if (!f) {
		f = kmalloc(sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->child = uffd_alloc(mm, parent->flags, parent->features);
		if (!f->child) {
			kfree(f);
			return -ENOMEM;
		}
		f->parent = uffd_change_begin(parent);
		f->next = *list;
		*list = f;
	}
	*out = f->child;
	return 0;
}

void uffd_fork_tell(struct uffd_fork *list, bool happened)
{
	while (list) {
		struct uffd_fork *f = list;

		list = f->next;
		if (happened) {
			struct uffd_event e = {.msg.event = UFFD_EVENT_FORK, .forked = f->child};

			/* Without a descriptor nobody can resolve faults of the child. */
			if (!tell(f->parent, &e))
				uffd_abandon(f->child);
		}
		uffd_put(f->child);
		uffd_change_cancel(f->parent);
		kfree(f);
	}
}

/* --- who reads --- */

static struct uffd_event *take(struct uffd *u)
{
	struct uffd_event *e;

	spin_lock(&u->event_lock);
	e = list_first_entry_or_null(&u->events, struct uffd_event, link);
	if (e) {
		list_del_init(&e->link);
		e->state = EVENT_READING;
		__atomic_fetch_sub(&u->event_count, 1, __ATOMIC_RELAXED);
	}
	spin_unlock(&u->event_lock);
	return e;
}

static void put_back(struct uffd *u, struct uffd_event *e)
{
	spin_lock(&u->event_lock);
	e->state = EVENT_QUEUED;
	list_add(&e->link, &u->events);
	__atomic_fetch_add(&u->event_count, 1, __ATOMIC_RELAXED);
	/* It may want to leave. */
	sched_wake(e->task, TASK_NORMAL);
	spin_unlock(&u->event_lock);
}

int uffd_take_event(struct uffd *u, struct uffd_msg *out)
{
	struct uffd_event *e = take(u);

	if (!e)
		return 0;
	if (e->forked) {
		int fd, err = uffd_install(e->forked, &fd);

		if (err) {
			put_back(u, e);
			return err;
		}
		e->msg.arg.fork.ufd = (u32)fd;
	}
	*out = e->msg;
	spin_lock(&u->event_lock);
	e->state = EVENT_OVER;
	sched_wake(e->task, TASK_NORMAL);
	spin_unlock(&u->event_lock);
	return 1;
}

void uffd_wake_tellers(struct uffd *u)
{
	struct uffd_event *e;

	spin_lock(&u->event_lock);
	list_for_each_entry (e, &u->events, link)
		sched_wake(e->task, TASK_NORMAL);
	spin_unlock(&u->event_lock);
}
