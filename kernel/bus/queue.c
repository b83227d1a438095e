/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues of messages, and what one user may have in one.
 *
 * Half of a pool is its owner's: answers of LIST, messages received and not freed yet. In the other
 * half a sending user has a third of what the others have left (his own included), so that early
 * users get more and late ones find room.
 */
#include "bus_impl.h"

/* ---- quotas ---- */

static int compare_user(const void *key, const struct rb_node *n)
{
	uptr a = (uptr)key, b = (uptr)rb_entry(n, struct bus_quota, node)->user;

	return a < b ? -1 : a > b;
}

static bool lower_user(const struct rb_node *a, const struct rb_node *b)
{
	return (uptr)rb_entry(a, struct bus_quota, node)->user <
	       (uptr)rb_entry(b, struct bus_quota, node)->user;
}

/* NULL: one is needed in @s. */
static struct bus_quota *quota_of(struct bus_conn *c, struct bus_user *user, struct bus_spare *s)
{
	struct rb_node *n = rb_find(user, &c->quotas, compare_user);
	struct bus_quota *q;

	if (n)
		return rb_entry(n, struct bus_quota, node);
	q = s->quota;
	if (!q)
		return NULL;
	s->quota = NULL;
	q->user = user ? bus_user_get(user) : NULL;
	rb_add(&q->node, &c->quotas, lower_user);
	return q;
}

static int judge(const struct bus_conn *c, const struct bus_quota *q, u64 size, u32 fds)
{
	u64 half = c->pool_size / 2, share;

	if (half < c->queued_bytes)
		return -ENOBUFS;
	share = (half - c->queued_bytes + q->memory) / 3;
	if (share < q->memory || share - q->memory < size)
		return -ENOBUFS;
	if (q->messages >= BUS_USER_MESSAGES_MAX)
		return -ENOBUFS;
	return q->fds + fds > BUS_USER_FDS_MAX ? -EMFILE : 0;
}

static void charge(struct bus_conn *c, struct bus_entry *e, struct bus_quota *q)
{
	q->memory += e->size;
	q->fds += e->files ? e->files->fds : 0;
	q->messages++;
	c->queued_bytes += e->size;
	e->quota = q;
}

static void uncharge(struct bus_conn *c, struct bus_entry *e)
{
	struct bus_quota *q = e->quota;

	q->memory -= e->size;
	q->fds -= e->files ? e->files->fds : 0;
	q->messages--;
	c->queued_bytes -= e->size;
	e->quota = NULL;
}

void bus_quota_free_all(struct bus_conn *c)
{
	struct rb_node *n;

	while ((n = rb_first(&c->quotas))) {
		struct bus_quota *q = rb_entry(n, struct bus_quota, node);

		WARN_ON(q->messages || q->memory || q->fds);
		rb_erase(n, &c->quotas);
		bus_user_put(q->user);
		kfree(q);
	}
}

/* ---- entries ---- */

int bus_entry_create(struct bus_entry **out)
{
	struct bus_entry *e = kzalloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	list_init(&e->link);
	list_init(&e->peers);
	*out = e;
	return 0;
}

void bus_entry_free(struct bus_entry *e)
{
	if (!e)
		return;
	bus_files_put(e->files);
	bus_blob_put(e->head);
	bus_blob_put(e->body);
	if (e->home) {
		spin_lock(&e->home->lock);
		bus_pool_drop(e->home, e->source);
		spin_unlock(&e->home->lock);
		bus_conn_put(e->home);
	}
	kfree(e);
}

int bus_spare_fill(struct bus_spare *s)
{
	if (!s->range)
		s->range = kzalloc(sizeof(*s->range));
	if (!s->quota)
		s->quota = kzalloc(sizeof(*s->quota));
	return s->range && s->quota ? 0 : -ENOMEM;
}

void bus_spare_drop(struct bus_spare *s)
{
	kfree(s->range);
	kfree(s->quota);
}

int bus_queue_reserve(struct bus_conn *c, struct bus_user *user, struct bus_entry *e,
		      struct bus_spare *s)
{
	struct bus_quota *q;
	int err;

	if (!c->active)
		return -ENXIO;
	q = quota_of(c, user, s);
	if (!q)
		return -EAGAIN;
	err = judge(c, q, e->size, e->files ? e->files->fds : 0);
	if (!err)
		err = bus_room_take(&c->room, e->size, &s->range, &e->range);
	if (err) {
		if (err != -EAGAIN) {
			q->lost++;
			c->stats.refused++;
		}
		return err;
	}
	charge(c, e, q);
	c->inflight++;
	return 0;
}

void bus_queue_unreserve(struct bus_conn *c, struct bus_entry *e)
{
	c->inflight--;
	bus_queue_release(c, e);
}

void bus_queue_release(struct bus_conn *c, struct bus_entry *e)
{
	if (e->quota)
		uncharge(c, e);
	if (e->range)
		bus_pool_drop(c, e->range);
	e->range = NULL;
}

static void link_priority(struct bus_conn *c, struct bus_entry *e)
{
	struct rb_node **link = &c->by_priority.node, *parent = NULL;

	while (*link) {
		struct bus_entry *o = rb_entry(*link, struct bus_entry, prio);

		parent = *link;
		if (e->priority == o->priority) {
			list_add_tail(&e->peers, &o->peers);
			return;
		}
		link = e->priority < o->priority ? &parent->left : &parent->right;
	}
	rb_link_node(&e->prio, parent, link);
	rb_insert_color(&e->prio, &c->by_priority);
	e->in_tree = true;
}

static void unlink_priority(struct bus_conn *c, struct bus_entry *e)
{
	if (e->in_tree && list_empty(&e->peers)) {
		rb_erase(&e->prio, &c->by_priority);
	} else if (e->in_tree) {
		struct bus_entry *next = list_first_entry(&e->peers, struct bus_entry, peers);

		rb_replace(&e->prio, &next->prio, &c->by_priority);
		next->in_tree = true;
	}
	e->in_tree = false;
	list_del_init(&e->peers);
}

void bus_queue_add(struct bus_conn *c, struct bus_entry *e)
{
	c->inflight--;
	list_add_tail(&e->link, &c->queue);
	link_priority(c, e);
	c->queued++;
	c->stats.received++;
	c->stats.received_bytes += e->size;
}

void bus_queue_remove(struct bus_conn *c, struct bus_entry *e)
{
	list_del_init(&e->link);
	unlink_priority(c, e);
	c->queued--;
}

struct bus_entry *bus_queue_peek(struct bus_conn *c, bool by_priority, s64 priority)
{
	struct rb_node *n;
	struct bus_entry *e;

	if (!by_priority)
		return list_first_entry_or_null(&c->queue, struct bus_entry, link);
	n = rb_first(&c->by_priority);
	if (!n)
		return NULL;
	e = rb_entry(n, struct bus_entry, prio);
	return e->priority <= priority ? e : NULL;
}

void bus_queue_wake(struct bus_conn *c)
{
	wake_up_poll(&c->wait, EPOLLIN | EPOLLRDNORM);
}

void bus_queue_wake_for_call(struct bus_conn *c)
{
	wake_up_handoff_poll(&c->wait, EPOLLIN | EPOLLRDNORM);
}

void bus_conn_lose(struct bus_conn *c)
{
	bool first;

	spin_lock(&c->lock);
	first = !c->lost++;
	c->stats.lost++;
	spin_unlock(&c->lock);
	if (first)
		bus_queue_wake(c);
}

/* ---- from one queue to another ---- */

void bus_conn_lock_two(struct bus_conn *a, struct bus_conn *b)
{
	if (a > b) {
		struct bus_conn *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	spin_lock_nested(&b->lock, 1);
}

void bus_conn_unlock_two(struct bus_conn *a, struct bus_conn *b)
{
	spin_unlock(&a->lock);
	spin_unlock(&b->lock);
}

/*
 * @e is in @from's queue, or on its way there (its link is empty then). Its bytes stay where they
 * are until somebody receives them.
 */
int bus_queue_move(struct bus_conn *from, struct bus_conn *to, struct bus_entry *e,
		   struct bus_spare *s)
{
	struct bus_range *old = e->range, *fresh;
	struct bus_quota *was = e->quota, *now;
	int err;

	if (e->files && e->files->fds && !(to->flags & KDBUS_HELLO_ACCEPT_FD))
		return -ECOMM;
	err = bus_queue_reserve(to, was->user, e, s);
	fresh = e->range;
	now = e->quota;
	e->range = old;
	e->quota = was;
	if (err)
		return err;
	if (list_empty(&e->link))
		from->inflight--;
	else
		bus_queue_remove(from, e);
	uncharge(from, e);
	if (e->home || e->head) {
		bus_pool_drop(from, old);
	} else {
		e->home = bus_conn_get(from);
		e->source = old;
	}
	e->range = fresh;
	e->quota = now;
	bus_queue_add(to, e);
	return 0;
}
