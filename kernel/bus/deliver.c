/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into queues. To one receiver: a place in his pool is taken under his lock, the message is copied
 * into it in the sender's context without a lock, and enqueued. To many: payload and head are stored
 * once; each receiver gets an entry that refers to them, and the place that it will be copied to
 * when he receives it.
 */
#include "bus_impl.h"

#include <kernel/rcu/rcu.h>

static struct bus_user *payer(const struct bus_message *m)
{
	return m->src ? m->src->user : NULL;
}

/* Does @dst take what is in it? Monitors see -1 instead of descriptors. */
static bool takes_files(const struct bus_message *m, const struct bus_conn *dst)
{
	return !m->files || !m->files->fds || bus_conn_is_monitor(dst) ||
	       dst->flags & KDBUS_HELLO_ACCEPT_FD;
}

static int entry_new(struct bus_message *m, struct bus_conn *dst, struct bus_entry **out)
{
	struct bus_entry *e;
	int err;

	if (!takes_files(m, dst))
		return -ECOMM;
	err = bus_entry_create(&e);
	if (err)
		return err;
	err = bus_message_head(m, dst, &e->head);
	if (err) {
		bus_entry_free(e);
		return err;
	}
	e->priority = m->msg->priority;
	e->src_id = m->msg->src_id;
	e->cookie = m->msg->cookie;
	e->wants_reply = m->src && m->msg->flags & KDBUS_MSG_EXPECT_REPLY;
	e->lends = e->wants_reply && sched_call_prio();
	e->size = e->head->size + m->payload;
	e->files = bus_files_get(m->files);
	*out = e;
	return 0;
}

static int reserve(struct bus_message *m, struct bus_conn *dst, struct bus_entry *e)
{
	struct bus_spare s = {NULL, NULL};
	int err;

	for (;;) {
		spin_lock(&dst->lock);
		err = bus_queue_reserve(dst, payer(m), e, &s);
		spin_unlock(&dst->lock);
		if (err != -EAGAIN)
			break;
		err = bus_spare_fill(&s);
		if (err)
			break;
	}
	bus_spare_drop(&s);
	return err;
}

static int write_all(struct bus_message *m, struct bus_conn *dst, struct bus_entry *e)
{
	int err = bus_pool_write_kernel(dst, e->range->offset, e->head->data, e->head->size);

	if (!err)
		err = bus_message_write(m, dst, e->range->offset + e->head->size);
	if (err)
		return err;
	bus_blob_put(e->head);
	e->head = NULL;
	return 0;
}

/* The name went to another while the message was written: it goes after it. */
static int follow_name(struct bus_message *m, struct bus_conn *dst, struct bus_entry *e,
		       struct bus_tracker *t)
{
	struct bus_spare s = {NULL, NULL};
	struct bus_name_claim *owner;
	struct bus_conn *now = NULL;
	int err = -EAGAIN;

	rwsem_read_lock(&dst->bus->registry);
	rcu_read_lock();
	struct bus_name *n = bus_name_find(&dst->bus->names, m->dst_name, &owner);

	if (n && n->serial == e->name_serial)
		now = bus_conn_of_names(owner->user);
	if (now && !bus_conn_tryget(now))
		now = NULL;
	rcu_read_unlock();
	if (now && now != dst && t)
		bus_tracker_move(dst, now, e->name_serial);
	while (now && now != dst && err == -EAGAIN && !bus_spare_fill(&s)) {
		bus_conn_lock_two(dst, now);
		err = bus_queue_move(dst, now, e, &s);
		bus_conn_unlock_two(dst, now);
	}
	if (now == dst || !now) {
		spin_lock(&dst->lock);
		err = dst->active ? 0 : -ESRCH;
		if (!err)
			bus_queue_add(dst, e);
		spin_unlock(&dst->lock);
	}
	rwsem_read_unlock(&dst->bus->registry);
	if (!err)
		bus_queue_wake(now ? now : dst);
	bus_spare_drop(&s);
	bus_conn_put(now);
	return err == -EAGAIN ? -ENOMEM : err;
}

static int enqueue(struct bus_message *m, struct bus_conn *dst, struct bus_entry *e,
		   struct bus_tracker *t, u32 handovers)
{
	bool follow = false;
	int err = 0;

	spin_lock(&dst->lock);
	if (e->name_serial && dst->handovers != handovers)
		follow = true;
	else if (!dst->active)
		err = -ENXIO;
	else
		bus_queue_add(dst, e);
	spin_unlock(&dst->lock);
	if (follow)
		err = follow_name(m, dst, e, t);
	else if (!err && t && t->sync)
		bus_queue_wake_for_call(dst);
	else if (!err)
		bus_queue_wake(dst);
	return err;
}

static void count_sent(struct bus_message *m, u64 size)
{
	if (!m->src)
		return;
	__atomic_fetch_add(&m->src->sent, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&m->src->sent_bytes, size, __ATOMIC_RELAXED);
}

static void take_back(struct bus_conn *dst, struct bus_entry *e)
{
	spin_lock(&dst->lock);
	bus_queue_unreserve(dst, e);
	spin_unlock(&dst->lock);
	bus_entry_free(e);
}

/* Written to @dst's pool, but in no queue yet. */
static int place(struct bus_message *m, struct bus_conn *dst, struct bus_entry **out)
{
	bool names = bus_message_names_matter(m, dst);
	struct bus_entry *e;
	int err = names ? bus_message_prepare(m) : 0;

	if (err)
		return err;
	if (names)
		rwsem_read_lock(&dst->bus->registry);
	err = entry_new(m, dst, &e);
	if (names)
		rwsem_read_unlock(&dst->bus->registry);
	if (err)
		return err;
	err = reserve(m, dst, e);
	if (err) {
		bus_entry_free(e);
		return err;
	}
	if (m->body)
		e->body = bus_blob_get(m->body);
	else
		err = write_all(m, dst, e);
	if (err)
		take_back(dst, e);
	else
		*out = e;
	return err;
}

int bus_deliver(struct bus_message *m, struct bus_conn *dst, struct bus_tracker *t,
		u64 name_serial, u32 handovers)
{
	struct bus_entry *e;
	u64 size;
	int err = place(m, dst, &e);

	if (err)
		return err;
	e->name_serial = name_serial;
	size = e->size;
	if (t)
		err = bus_tracker_link(t, dst);
	if (!err) {
		err = enqueue(m, dst, e, t, handovers);
		if (err && t)
			bus_tracker_unlink(t);
	}
	if (err)
		take_back(dst, e);
	else
		count_sent(m, size);
	return err;
}

int bus_deliver_answer(struct bus_message *m, struct bus_conn *dst, struct bus_tracker *t)
{
	struct bus_entry *e = NULL;
	u64 size = 0;
	int err = place(m, dst, &e);

	if (!err)
		size = e->size;
	/* Who asked learns that the answer had what he does not take. */
	if (!bus_tracker_finish(t, err == -ECOMM ? -EREMOTEIO : err, e) && !err)
		err = -ENXIO;
	if (!err)
		count_sent(m, size);
	return err;
}

void bus_deliver_shared(struct bus_message *m, struct bus_conn *dst)
{
	struct bus_entry *e;
	int err = m->payload && !m->body ? -EFAULT : 0;

	bus_message_names_matter(m, dst);
	if (!err)
		err = entry_new(m, dst, &e);
	if (err) {
		bus_conn_lose(dst);
		return;
	}
	e->body = m->body ? bus_blob_get(m->body) : NULL;
	err = reserve(m, dst, e);
	if (!err) {
		spin_lock(&dst->lock);
		if (dst->active)
			bus_queue_add(dst, e);
		else
			err = -ENXIO;
		if (err)
			bus_queue_unreserve(dst, e);
		spin_unlock(&dst->lock);
	}
	if (err) {
		bus_entry_free(e);
		bus_conn_lose(dst);
		return;
	}
	bus_queue_wake(dst);
}

/* ---- to many ---- */

void bus_eavesdrop(struct bus *b, struct bus_message *m)
{
	struct bus_conn *c;

	if (likely(!READ_ONCE(b->monitor_count)))
		return;
	list_for_each_entry (c, &b->monitors, monitor_link)
		bus_deliver_shared(m, c);
}

static int to_match(void *ctx, struct bus_match_user *u)
{
	struct bus_conn *dst = container_of(u, struct bus_conn, matches);
	struct bus_message *m = ctx;
	bool may;

	if (m->src)
		may = bus_may_talk(dst, NULL, m->src);
	else if (m->notice->type == KDBUS_ITEM_ID_ADD || m->notice->type == KDBUS_ITEM_ID_REMOVE)
		may = true;
	else
		may = bus_may_see_name(dst, NULL, m->notice->name_change.name);
	if (may)
		bus_deliver_shared(m, dst);
	return 0;
}

static int scan_notice(struct bus *b, struct bus_message *m, struct bus_match_scan *s)
{
	const struct kdbus_item *i = m->notice;
	struct bus_match_notice n = {.type = i->type};

	switch (i->type) {
	case KDBUS_ITEM_ID_ADD:
		n.new_id = i->id_change.id;
		break;
	case KDBUS_ITEM_ID_REMOVE:
		n.old_id = i->id_change.id;
		break;
	default:
		n.old_id = i->name_change.old_id.id;
		n.new_id = i->name_change.new_id.id;
		n.name = i->name_change.name;
	}
	return bus_match_notice(&b->matches, &n, s, to_match, m);
}

void bus_broadcast(struct bus *b, struct bus_message *m)
{
	struct bus_match_scan s;
	int err;

	mutex_lock(&b->order);
	/* First who sees everything, so that he sees what was before what came of it. */
	bus_eavesdrop(b, m);
	bus_match_scan_init(&s, &bus_mem_kernel);
	if (m->src) {
		struct bus_match_message q = {.src_id = m->src->id,
					      .dst_id = m->msg->dst_id,
					      .names = &m->src->bus->names,
					      .src = &m->src->names,
					      .filter = m->filter->data,
					      .generation = m->filter->generation};

		err = bus_match_message(&b->matches, &q, &s, to_match, m);
	} else {
		err = scan_notice(b, m, &s);
	}
	if (err)
		__atomic_fetch_add(&b->lost_notices, 1, __ATOMIC_RELAXED);
	mutex_unlock(&b->order);
	bus_match_scan_destroy(&s);
}
