/*
 * Wait queues and completions.
 *
 * Non-exclusive entries stand before exclusive ones, so a wake-up that walks from the front meets
 * all of the former and stops after the first of the latter that it woke.
 *
 * A wake-up looks at the list without the lock first.  That is safe because the sleeper adds
 * itself, sets its state (a full barrier) and only then tests the condition, while the waker
 * changes the condition before the full barrier here: one of the two sees the other.
 */
#include <kernel/wait/wait.h>
#include <kernel/task/task.h>
#include <asm/current.h>

void wait_queue_init(struct wait_queue *q)
{
	spin_init(&q->lock, LK_WAIT);
	list_init(&q->entries);
}

int wait_wake_task(struct wait_entry *e, unsigned int mode, u32 key)
{
	unsigned int mask = mode & ~(WAIT_MODE_SYNC | WAIT_MODE_HANDOFF);
	struct task *t = e->task;
	bool woken;

	(void)key;
	if (unlikely(mode & WAIT_MODE_HANDOFF))
		woken = sched_wake_handoff(t, mask);
	else
		woken = mode & WAIT_MODE_SYNC ? sched_wake_sync(t, mask) : sched_wake(t, mask);
	if (!woken)
		return 0;
	/* The sleeper leaves through wait_finish(), which takes our lock unless it sees this. */
	__atomic_store_n(&e->link.prev->next, e->link.next, __ATOMIC_RELAXED);
	e->link.next->prev = e->link.prev;
	e->link.prev = &e->link;
	__atomic_store_n(&e->link.next, &e->link, __ATOMIC_RELEASE);
	return 1;
}

void wait_entry_init(struct wait_entry *e, wait_wake_fn wake)
{
	list_init(&e->link);
	e->task = current;
	e->wake = wake;
	e->flags = 0;
}

void wait_add(struct wait_queue *q, struct wait_entry *e)
{
	unsigned long flags = spin_lock_irqsave(&q->lock);

	e->flags &= ~WAIT_EXCLUSIVE;
	list_add(&e->link, &q->entries);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e)
{
	unsigned long flags = spin_lock_irqsave(&q->lock);

	e->flags |= WAIT_EXCLUSIVE;
	list_add_tail(&e->link, &q->entries);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_remove(struct wait_queue *q, struct wait_entry *e)
{
	unsigned long flags = spin_lock_irqsave(&q->lock);

	list_del_init(&e->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_prepare(struct wait_queue *q, struct wait_entry *e, unsigned int state)
{
	unsigned long flags = spin_lock_irqsave(&q->lock);

	e->flags &= ~WAIT_EXCLUSIVE;
	if (list_empty(&e->link))
		list_add(&e->link, &q->entries);
	sched_set_state(state);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_prepare_exclusive(struct wait_queue *q, struct wait_entry *e, unsigned int state)
{
	unsigned long flags = spin_lock_irqsave(&q->lock);

	e->flags |= WAIT_EXCLUSIVE;
	if (list_empty(&e->link))
		list_add_tail(&e->link, &q->entries);
	sched_set_state(state);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_finish(struct wait_queue *q, struct wait_entry *e)
{
	sched_set_state(TASK_RUNNING);
	/* Off the list, and the waker has finished with the entry: its last store is this one. */
	if (smp_load_acquire(&e->link.next) == &e->link)
		return;
	wait_remove(q, e);
}

/* Queue locked. */
static void wake_up_locked(struct wait_queue *q, unsigned int mode, bool all, u32 key)
{
	struct wait_entry *e, *next;

	list_for_each_entry_safe (e, next, &q->entries, link) {
		bool exclusive = e->flags & WAIT_EXCLUSIVE;
		int woken = e->wake(e, mode, key);

		if (woken < 0 || (woken && exclusive && !all))
			break;
	}
}

static void wake_up_mode(struct wait_queue *q, unsigned int mode, bool all, u32 key)
{
	unsigned long flags;

	if (!wait_queue_active(q))
		return;
	flags = spin_lock_irqsave(&q->lock);
	wake_up_locked(q, mode, all, key);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wake_up_poll_nested(struct wait_queue *q, u32 poll_mask, unsigned int mode, unsigned int sub)
{
	if (!wait_queue_active(q))
		return;
	/* Interrupts are off: the queue that we are called from is locked. */
	spin_lock_nested(&q->lock, sub);
	wake_up_locked(q, TASK_NORMAL | (mode & WAIT_MODE_HANDOFF), false, poll_mask);
	spin_unlock(&q->lock);
}

void wake_up(struct wait_queue *q)
{
	wake_up_mode(q, TASK_NORMAL, false, 0);
}

void wake_up_all(struct wait_queue *q)
{
	wake_up_mode(q, TASK_NORMAL, true, 0);
}

void wake_up_interruptible(struct wait_queue *q)
{
	wake_up_mode(q, TASK_INTERRUPTIBLE, false, 0);
}

void wake_up_poll(struct wait_queue *q, u32 poll_mask)
{
	wake_up_mode(q, TASK_NORMAL, false, poll_mask);
}

void wake_up_sync_poll(struct wait_queue *q, u32 poll_mask)
{
	wake_up_mode(q, TASK_NORMAL | WAIT_MODE_SYNC, false, poll_mask);
}

void wake_up_handoff_poll(struct wait_queue *q, u32 poll_mask)
{
	wake_up_mode(q, TASK_NORMAL | WAIT_MODE_HANDOFF, false, poll_mask);
}

/* --- completions --- */

#define COMPLETION_ALL (U32_MAX / 2)

void completion_init(struct completion *c)
{
	wait_queue_init(&c->wq);
	c->done = 0;
}

/* Takes one of the counted completions. */
static bool completion_take(struct completion *c)
{
	unsigned long flags = spin_lock_irqsave(&c->wq.lock);
	bool done = c->done;

	if (done && c->done != COMPLETION_ALL)
		c->done--;
	spin_unlock_irqrestore(&c->wq.lock, flags);
	return done;
}

static int completion_wait_state(struct completion *c, unsigned int state)
{
	/* Taking the lock each time also keeps the waker's hands off before we return. */
	return wait_event_full(&c->wq, completion_take(c), state, true, WAIT_FOREVER);
}

void completion_wait(struct completion *c)
{
	might_sleep();
	(void)completion_wait_state(c, TASK_UNINTERRUPTIBLE);
}

int completion_wait_killable(struct completion *c)
{
	might_sleep();
	return completion_wait_state(c, TASK_KILLABLE);
}

static void completion_signal(struct completion *c, bool all)
{
	unsigned long flags = spin_lock_irqsave(&c->wq.lock);
	struct wait_entry *e, *next;

	if (all)
		c->done = COMPLETION_ALL;
	else if (c->done != COMPLETION_ALL)
		c->done++;
	/* Under the lock to the end: the waiter may free the completion once it gets the lock. */
	list_for_each_entry_safe (e, next, &c->wq.entries, link) {
		if (e->wake(e, TASK_NORMAL, 0) > 0 && !all)
			break;
	}
	spin_unlock_irqrestore(&c->wq.lock, flags);
}

void completion_done(struct completion *c)
{
	completion_signal(c, false);
}

void completion_done_all(struct completion *c)
{
	completion_signal(c, true);
}
