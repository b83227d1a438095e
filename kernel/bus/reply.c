/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that are waited for.
 *
 * A tracker is on the list of who waits (under his lock) and on that of who owes the answer (under
 * its owed_lock, which is taken inside). Who answers claims it, so that a second answer finds
 * nothing; one of a synchronous call stays on the waiter's list until he has seen the end of it, so
 * that a call that a signal interrupted finds it again by its cookie.
 *
 * From who owes to who waits is against the order of the locks: the waiter is taken from the list
 * under RCU, locked, and asked whether he still waits.
 */
#include "bus_impl.h"

#include <kernel/rcu/rcu.h>

int bus_tracker_create(struct bus_conn *waiter, u64 cookie, u64 deadline_ns, u64 name_serial,
		       bool sync, struct bus_tracker **out)
{
	struct bus_tracker *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (!sync) {
		t->event = bus_notice_create(KDBUS_ITEM_REPLY_DEAD, NULL);
		if (!t->event) {
			kfree(t);
			return -ENOMEM;
		}
		t->event->old_id = waiter->id;
		t->event->new_id = cookie;
	}
	t->refs = 1;
	list_init(&t->waiting);
	list_init(&t->owed);
	t->waiter = waiter;
	t->cookie = cookie;
	t->deadline_ns = deadline_ns;
	t->name_serial = name_serial;
	t->sync = sync;
	t->call_prio = sync ? sched_call_prio() : 0;
	wait_queue_init(&t->wait);
	*out = t;
	return 0;
}

struct bus_tracker *bus_tracker_get(struct bus_tracker *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void bus_tracker_put(struct bus_tracker *t)
{
	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	WARN_ON(t->linked || t->entry);
	if (t->event)
		bus_mem_kernel.free(t->event);
	kfree(t);
}

/* ---- on the lists; waiter->lock held ---- */

static void arm(struct bus_conn *c, u64 deadline_ns)
{
	if (deadline_ns >= c->deadline_ns || !c->active)
		return;
	c->deadline_ns = deadline_ns;
	timer_start(&c->timer, deadline_ns);
}

static void unowe(struct bus_tracker *t)
{
	struct bus_conn *r = t->replier;

	if (!r)
		return;
	spin_lock(&r->owed_lock);
	list_del_init(&t->owed);
	spin_unlock(&r->owed_lock);
	t->replier = NULL;
}

static void owe(struct bus_tracker *t, struct bus_conn *r)
{
	t->replier = r;
	spin_lock(&r->owed_lock);
	list_add_tail(&t->owed, &r->owed);
	spin_unlock(&r->owed_lock);
}

/* False: it was not there. The list's reference is the caller's. */
static bool unlink(struct bus_tracker *t)
{
	if (!t->linked)
		return false;
	unowe(t);
	sched_loan_end(&t->loan);
	list_del_init(&t->waiting);
	t->waiter->requests--;
	t->linked = false;
	return true;
}

/* The caller wakes @t->wait. */
static void end_wait(struct bus_tracker *t, int err)
{
	t->err = err;
	smp_store_release(&t->done, true);
	sched_loan_end(&t->loan);
}

static struct bus_tracker *find(struct bus_conn *waiter, struct bus_conn *replier, u64 cookie)
{
	struct bus_tracker *t;

	list_for_each_entry (t, &waiter->waiting, waiting) {
		if (t->cookie == cookie && t->replier == replier)
			return t;
	}
	return NULL;
}

/*
 * The answer will not come. True: @t has left the list, whose reference is the caller's; the notice
 * of it is queued.
 */
static bool bury(struct bus_tracker *t, u64 notice)
{
	struct bus_name_event *e = t->event;

	if (t->sync) {
		unowe(t);
		t->claimed = true;
		end_wait(t, -EPIPE);
		wake_up(&t->wait);
		return false;
	}
	unlink(t);
	e->type = notice;
	t->event = NULL;
	bus_notice_add(t->waiter->bus, e);
	return true;
}

int bus_tracker_link(struct bus_tracker *t, struct bus_conn *replier)
{
	struct bus_conn *c = t->waiter;
	int err = 0;

	spin_lock(&c->lock);
	if (!c->active)
		err = -ESHUTDOWN;
	else if (c->requests >= BUS_REQUESTS_MAX)
		err = -EMLINK;
	if (!err) {
		bus_tracker_get(t);
		t->linked = true;
		list_add(&t->waiting, &c->waiting);
		c->requests++;
		owe(t, replier);
		if (!t->sync)
			arm(c, t->deadline_ns);
	}
	spin_unlock(&c->lock);
	return err;
}

void bus_tracker_unlink(struct bus_tracker *t)
{
	bool was;

	spin_lock(&t->waiter->lock);
	was = unlink(t);
	spin_unlock(&t->waiter->lock);
	if (was)
		bus_tracker_put(t);
}

/* ---- the answer comes ---- */

struct bus_tracker *bus_tracker_claim(struct bus_conn *waiter, struct bus_conn *replier, u64 cookie)
{
	struct bus_tracker *t;
	bool was = false;

	spin_lock(&waiter->lock);
	t = find(waiter, replier, cookie);
	if (t) {
		bus_tracker_get(t);
		t->claimed = true;
		if (t->sync)
			unowe(t);
		else
			was = unlink(t);
	}
	spin_unlock(&waiter->lock);
	if (was)
		bus_tracker_put(t);
	return t;
}

bool bus_tracker_finish(struct bus_tracker *t, int err, struct bus_entry *e)
{
	struct bus_conn *c = t->waiter;
	bool waits;

	spin_lock(&c->lock);
	waits = t->linked;
	if (waits) {
		t->entry = e;
		if (e)
			c->inflight--;
		end_wait(t, err);
		/*
		 * Who waited goes on where it was interrupted; whoever answers is behind it, and
		 * finds its next call in the queue instead of going to sleep before it comes.
		 */
		wake_up_handoff_poll(&t->wait, 0);
		need_resched_set();
	} else if (e) {
		bus_queue_unreserve(c, e);
	}
	spin_unlock(&c->lock);
	if (!waits)
		bus_entry_free(e);
	return waits;
}

/* ---- waiting ---- */

struct bus_tracker *bus_tracker_resume(struct bus_conn *waiter, u64 cookie)
{
	struct bus_tracker *t, *found = NULL;

	spin_lock(&waiter->lock);
	list_for_each_entry (t, &waiter->waiting, waiting) {
		if (t->cookie == cookie && t->interrupted) {
			found = bus_tracker_get(t);
			t->interrupted = false;
			break;
		}
	}
	spin_unlock(&waiter->lock);
	return found;
}

/* 0: done; -ECANCELED, -ETIME, -ERESTARTSYS. */
static int sleep_cancelled(struct bus_tracker *t, struct file *f)
{
	struct bus_cancel c;
	bool cancelled = bus_cancel_begin(&c, f);
	int err = 0;

	while (!err && !READ_ONCE(t->done)) {
		if (cancelled)
			err = -ECANCELED;
		else
			err = wait_event_full(&t->wait, READ_ONCE(t->done) || READ_ONCE(c.fired),
					      TASK_INTERRUPTIBLE, false, t->deadline_ns);
		if (!err)
			cancelled = bus_cancel_look(&c);
	}
	bus_cancel_end(&c);
	return err;
}

static int sleep(struct bus_tracker *t, struct file *cancel)
{
	if (cancel)
		return sleep_cancelled(t, cancel);
	return wait_event_full(&t->wait, READ_ONCE(t->done), TASK_INTERRUPTIBLE, false,
			       t->deadline_ns);
}

/* The wait goes on when the call is started again; else the tracker goes when its time is over. */
static bool interrupt(struct bus_tracker *t)
{
	struct bus_conn *c = t->waiter;
	bool yes;

	spin_lock(&c->lock);
	yes = !t->done;
	if (yes) {
		t->interrupted = true;
		arm(c, t->deadline_ns);
	}
	spin_unlock(&c->lock);
	return yes;
}

static int take_answer(struct bus_tracker *t, struct bus_entry *e, struct kdbus_msg_info *info)
{
	int err = bus_entry_receive(t->waiter, e, true, info);

	bus_entry_end(t->waiter, e);
	return err;
}

int bus_tracker_wait(struct bus_tracker *t, struct file *cancel, struct kdbus_msg_info *info)
{
	int err = sleep(t, cancel);
	struct bus_entry *e;
	bool was;

	if (err == -ERESTARTSYS && interrupt(t))
		return err;
	spin_lock(&t->waiter->lock);
	was = unlink(t);
	e = t->entry;
	t->entry = NULL;
	if (t->done)
		err = t->err;
	else if (err == -ETIME)
		err = -ETIMEDOUT;
	spin_unlock(&t->waiter->lock);
	if (was)
		bus_tracker_put(t);
	return e ? take_answer(t, e, info) : err;
}

/* ---- the end of time ---- */

/* One that is over, off the list, or NULL; *@next: when to come again. */
static struct bus_tracker *take_expired(struct bus_conn *c, u64 now, u64 *next)
{
	struct bus_tracker *t;

	*next = U64_MAX;
	list_for_each_entry (t, &c->waiting, waiting) {
		if (t->sync && !t->interrupted)
			continue;
		if (t->deadline_ns > now) {
			*next = min(*next, t->deadline_ns);
			continue;
		}
		if (t->sync)
			unlink(t);
		else
			bury(t, KDBUS_ITEM_REPLY_TIMEOUT);
		return t;
	}
	return NULL;
}

static void expire(struct work *w)
{
	struct bus_conn *c = container_of(w, struct bus_conn, work);
	struct bus_tracker *t;
	struct bus_entry *e;
	u64 next;

	do {
		spin_lock(&c->lock);
		t = take_expired(c, time_mono_ns(), &next);
		e = t ? t->entry : NULL;
		if (e) {
			t->entry = NULL;
			bus_queue_release(c, e);
		}
		if (!t) {
			c->deadline_ns = U64_MAX;
			if (next != U64_MAX)
				arm(c, next);
		}
		spin_unlock(&c->lock);
		bus_entry_free(e);
		bus_tracker_put(t);
	} while (t);
	bus_notice_flush(c->bus);
}

/* In interrupt context. */
static void timer_rings(struct timer *timer)
{
	work_queue(&container_of(timer, struct bus_conn, timer)->work);
}

void bus_tracker_init_conn(struct bus_conn *c)
{
	c->deadline_ns = U64_MAX;
	timer_init(&c->timer, timer_rings);
	work_init(&c->work, expire);
}

void bus_tracker_stop_conn(struct bus_conn *c)
{
	timer_cancel_sync(&c->timer);
	work_cancel_sync(&c->work);
}

/* ---- connections that end, or hand over ---- */

void bus_tracker_received(struct bus_conn *replier, u64 waiter_id, u64 cookie)
{
	struct bus_conn *waiter = bus_conn_find(replier->bus, waiter_id);
	struct bus_tracker *t;

	if (!waiter)
		return;
	spin_lock(&waiter->lock);
	t = find(waiter, replier, cookie);
	if (t && t->call_prio && !t->loan.to)
		sched_loan_begin(&t->loan, current, t->call_prio);
	spin_unlock(&waiter->lock);
	bus_conn_put(waiter);
}

void bus_tracker_dropped(struct bus_conn *replier, u64 waiter_id, u64 cookie)
{
	struct bus_conn *waiter = bus_conn_find(replier->bus, waiter_id);
	struct bus_tracker *t;
	bool was = false;

	if (!waiter)
		return;
	spin_lock(&waiter->lock);
	t = find(waiter, replier, cookie);
	if (t)
		was = bury(t, KDBUS_ITEM_REPLY_DEAD);
	spin_unlock(&waiter->lock);
	if (was)
		bus_tracker_put(t);
	bus_conn_put(waiter);
	bus_notice_flush(replier->bus);
}

static void stop_waiting(struct bus_conn *c)
{
	struct bus_tracker *t;
	struct bus_entry *e;

	do {
		spin_lock(&c->lock);
		t = list_first_entry_or_null(&c->waiting, struct bus_tracker, waiting);
		e = NULL;
		if (t) {
			unlink(t);
			e = t->entry;
			t->entry = NULL;
			if (e)
				bus_queue_release(c, e);
			end_wait(t, -ESHUTDOWN);
			wake_up(&t->wait);
		}
		spin_unlock(&c->lock);
		bus_entry_free(e);
		bus_tracker_put(t);
	} while (t);
}

/* Who waits for one of @c's answers (@serial: for a message to that name), or NULL. Under RCU. */
static struct bus_conn *any_waiter(struct bus_conn *c, u64 serial, struct bus_tracker **out)
{
	struct bus_conn *waiter = NULL;
	struct bus_tracker *t;

	spin_lock(&c->owed_lock);
	list_for_each_entry (t, &c->owed, owed) {
		if (serial && t->name_serial != serial)
			continue;
		waiter = t->waiter;
		*out = t;
		break;
	}
	spin_unlock(&c->owed_lock);
	return waiter;
}

/* lock held: does @t, which may have been freed, still wait for @replier? */
static bool still_waits(struct bus_conn *waiter, struct bus_conn *replier, struct bus_tracker *t)
{
	struct bus_tracker *i;

	list_for_each_entry (i, &waiter->waiting, waiting) {
		if (i == t)
			return t->replier == replier;
	}
	return false;
}

static void stop_owing(struct bus_conn *c)
{
	struct bus_conn *waiter;
	struct bus_tracker *t;
	bool was;

	do {
		was = false;
		rcu_read_lock();
		waiter = any_waiter(c, 0, &t);
		if (waiter) {
			spin_lock(&waiter->lock);
			if (still_waits(waiter, c, t))
				was = bury(t, KDBUS_ITEM_REPLY_DEAD);
			spin_unlock(&waiter->lock);
		}
		rcu_read_unlock();
		if (was)
			bus_tracker_put(t);
	} while (waiter);
}

void bus_tracker_end_all(struct bus_conn *c)
{
	stop_waiting(c);
	stop_owing(c);
}

void bus_tracker_move(struct bus_conn *from, struct bus_conn *to, u64 name_serial)
{
	struct bus_conn *waiter;
	struct bus_tracker *t;

	do {
		rcu_read_lock();
		waiter = any_waiter(from, name_serial, &t);
		if (waiter) {
			spin_lock(&waiter->lock);
			if (still_waits(waiter, from, t)) {
				unowe(t);
				sched_loan_end(&t->loan);
				owe(t, to);
			}
			spin_unlock(&waiter->lock);
		}
		rcu_read_unlock();
	} while (waiter);
}
