/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections: made by HELLO, ended by BYEBYE, by the close of their file, or with their endpoint. */
#include "bus_impl.h"

#include <kern/hash.h>
#include <kernel/rcu/rcu.h>

/* ---- references ---- */

static void free_memory(struct rcu_head *head)
{
	kfree(container_of(head, struct bus_conn, rcu));
}

static void conn_free(struct work *w)
{
	struct bus_conn *c = container_of(w, struct bus_conn, work);

	WARN_ON(!list_empty(&c->queue) || !list_empty(&c->waiting) || c->inflight);
	bus_quota_free_all(c);
	if (c->user)
		__atomic_sub_fetch(&c->user->conns, 1, __ATOMIC_RELAXED);
	bus_user_put(c->user);
	if (c->gone)
		bus_name_event_free(&c->bus->names, c->gone);
	bus_meta_destroy(c->meta);
	bus_meta_view_destroy(&c->view);
	bus_pool_destroy(c);
	kfree(c->description);
	cred_put(c->cred);
	bus_endpoint_put(c->ep);
	rcu_call(&c->rcu, free_memory);
}

struct bus_conn *bus_conn_get(struct bus_conn *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

bool bus_conn_tryget(struct bus_conn *c)
{
	u32 n = READ_ONCE(c->refs);

	do {
		if (!n)
			return false;
	} while (!try_cmpxchg(&c->refs, &n, n + 1));
	return true;
}

/* The end may sleep, and the last reference may be dropped where that is not allowed. */
void bus_conn_put(struct bus_conn *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL))
		return;
	work_init(&c->work, conn_free);
	work_queue(&c->work);
}

/* ---- by id ---- */

static bool has_id(const struct bus_table_node *n, const void *key)
{
	return container_of(n, struct bus_conn, by_id)->id == *(const u64 *)key;
}

static u32 hash_id(u64 id)
{
	return hash_64(id, 32);
}

struct bus_conn *bus_conn_find(struct bus *b, u64 id)
{
	struct bus_table_node *n;
	struct bus_conn *c = NULL;

	rcu_read_lock();
	n = bus_table_find(&b->conns, hash_id(id), has_id, &id);
	if (n)
		c = container_of(n, struct bus_conn, by_id);
	if (c && !bus_conn_tryget(c))
		c = NULL;
	rcu_read_unlock();
	return c;
}

/* ---- HELLO ---- */

static const struct bus_item_rule hello_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_NAME},
	{KDBUS_ITEM_CREDS},
	{KDBUS_ITEM_PIDS},
	{KDBUS_ITEM_SECLABEL},
	{KDBUS_ITEM_CONN_DESCRIPTION},
	{KDBUS_ITEM_POLICY_ACCESS, .multiple = true},
};
static const struct bus_args_rule hello_rule = {
	.head = sizeof(struct kdbus_cmd_hello),
	.flags = KDBUS_HELLO_ACCEPT_FD | KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER |
		 KDBUS_HELLO_MONITOR,
	.count = ARRAY_SIZE(hello_items),
	.items = hello_items,
};
enum { HELLO_NAME = 1, HELLO_CREDS, HELLO_PIDS, HELLO_SECLABEL, HELLO_DESCRIPTION };

static int judge_hello(const struct bus_args *a, const struct bus_endpoint *ep, bool owner)
{
	const struct kdbus_cmd_hello *h = (const void *)a->cmd;
	const struct kdbus_item *name = a->found[HELLO_NAME];
	u64 special = h->flags & BUS_CONN_SPECIAL;
	bool named = special & (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER);

	if (!h->pool_size || h->pool_size & ~PAGE_MASK || h->pool_size > S64_MAX)
		return -EINVAL;
	if (special & (special - 1))
		return -EINVAL;
	if (!name != !named)
		return -EINVAL;
	if (name && !bus_name_is_valid(name->str, true))
		return -EINVAL;
	if (special & KDBUS_HELLO_MONITOR && ep->user)
		return -EOPNOTSUPP;
	if (!owner && special)
		return -EPERM;
	if (!owner &&
	    (a->found[HELLO_CREDS] || a->found[HELLO_PIDS] || a->found[HELLO_SECLABEL]))
		return -EPERM;
	return 0;
}

static void init_fields(struct bus_conn *c, struct bus_endpoint *ep, const struct file *f)
{
	c->refs = 1;
	c->ep = bus_endpoint_get(ep);
	c->bus = ep->bus;
	c->cred = cred_get(f->cred);
	c->id = __atomic_add_fetch(&ep->bus->domain->last_id, 1, __ATOMIC_RELAXED);
	bus_name_user_init(&c->names, c->id);
	bus_match_user_init(&c->matches);
	list_init(&c->bus_link);
	list_init(&c->ep_link);
	list_init(&c->monitor_link);
	mutex_init(&c->receive, LK_BUS_RECEIVE);
	spin_init(&c->lock, LK_BUS_CONN);
	spin_init(&c->owed_lock, LK_BUS_OWED);
	list_init(&c->queue);
	c->by_priority = RB_ROOT;
	c->quotas = RB_ROOT;
	list_init(&c->waiting);
	list_init(&c->owed);
	wait_queue_init(&c->wait);
	bus_tracker_init_conn(c);
	bus_meta_view_init(&c->view);
}

static int find_account(struct bus_conn *c)
{
	u32 uid = c->cred->uid;
	int err = 0;

	if (c->meta->faked && c->privileged && c->meta->valid & KDBUS_ATTACH_CREDS &&
	    c->meta->id[0] != U32_MAX)
		uid = c->meta->id[0];
	if (c->ep->user)
		c->user = bus_user_get(c->ep->user);
	else
		err = bus_user_find(c->bus->domain, uid, &c->user);
	if (err)
		return err;
	/* Taken back by conn_free(), whatever comes of it. */
	return __atomic_add_fetch(&c->user->conns, 1, __ATOMIC_RELAXED) > (s32)BUS_USER_CONNS_MAX ?
		       -EMFILE :
		       0;
}

static int find_meta(struct bus_conn *c, const struct bus_args *a)
{
	const struct kdbus_item *creds = a->found[HELLO_CREDS], *pids = a->found[HELLO_PIDS],
				*label = a->found[HELLO_SECLABEL];

	if (!creds && !pids && !label)
		return bus_meta_create(&c->meta);
	return bus_meta_create_faked(creds ? &creds->creds : NULL, pids ? &pids->pids : NULL,
				     label ? label->str : NULL, &c->meta);
}

static int answer_hello(struct bus_conn *c, struct kdbus_cmd_hello *h)
{
	u64 item[(BUS_ITEM_HEAD + sizeof(struct kdbus_bloom_parameter)) / 8];

	bus_item_write(item, KDBUS_ITEM_BLOOM_PARAMETER, &c->bus->bloom, sizeof(c->bus->bloom));
	h->bus_flags = c->bus->flags;
	h->id = c->id;
	h->items_size = sizeof(item);
	memcpy(h->id128, c->bus->id128, sizeof(h->id128));
	return bus_pool_answer(c, item, sizeof(item), &h->offset);
}

/* All but taking part. After an error the caller puts what there is. */
static int prepare(struct bus_conn *c, const struct bus_args *a)
{
	struct kdbus_cmd_hello *h = (void *)a->cmd;
	const struct kdbus_item *d = a->found[HELLO_DESCRIPTION];
	int err;

	c->flags = h->flags;
	if (d) {
		c->description = kstrdup(d->str);
		if (!c->description)
			return -ENOMEM;
	}
	err = bus_pool_init(c, h->pool_size);
	if (!err)
		err = find_meta(c, a);
	if (!err)
		err = find_account(c);
	if (err)
		return err;
	if (!bus_conn_is_monitor(c)) {
		c->gone = bus_notice_create(KDBUS_ITEM_ID_REMOVE, NULL);
		if (!c->gone)
			return -ENOMEM;
		c->gone->old_id = c->id;
		c->gone->old_flags = c->flags;
	}
	return answer_hello(c, h);
}

/* registry held exclusively. */
static void join(struct bus_conn *c)
{
	struct bus *b = c->bus;

	spin_lock(&c->lock);
	c->active = true;
	spin_unlock(&c->lock);
	list_add_tail(&c->bus_link, &b->all_conns);
	list_add_tail(&c->ep_link, &c->ep->conns);
	if (bus_conn_is_monitor(c)) {
		list_add_tail(&c->monitor_link, &b->monitors);
		WRITE_ONCE(b->monitor_count, b->monitor_count + 1);
	}
	bus_table_add(&b->conns, &c->by_id, hash_id(c->id));
}

static int connect(struct bus_conn *c, const struct bus_args *a, struct bus_policy_set *set)
{
	struct bus *b = c->bus;
	struct bus_name_event *event = NULL, *come = NULL;
	u64 flags;
	int err = 0;

	if (!bus_conn_is_monitor(c)) {
		come = bus_notice_create(KDBUS_ITEM_ID_ADD, NULL);
		if (!come)
			return -ENOMEM;
		come->new_id = c->id;
		come->new_flags = c->flags;
	}
	rwsem_write_lock(&b->registry);
	if (!c->ep->active)
		err = -ESHUTDOWN;
	if (!err && set)
		err = bus_policy_replace(&b->policy, &c->policy, set);
	if (!err && bus_conn_is_activator(c)) {
		err = bus_names_acquire(&b->names, &c->names, a->found[HELLO_NAME]->str,
					KDBUS_NAME_ACTIVATOR, &flags, &event);
		if (err && set) {
			/* The set is the holder's by now, and goes with it. */
			bus_policy_clear(&b->policy, &c->policy);
			err = err == -EAGAIN ? -ENOMEM : err;
		}
	} else if (err) {
		bus_policy_set_free(&b->policy, set);
	}
	if (!err)
		join(c);
	rwsem_write_unlock(&b->registry);
	if (err) {
		bus_name_event_free(&b->names, come);
		return err;
	}
	bus_notice_add(b, come);
	bus_notice_add(b, event);
	bus_notice_flush(b);
	return 0;
}

static int hello(struct bus_endpoint *ep, struct file *f, const struct bus_args *a,
		 struct bus_conn **out)
{
	const struct kdbus_cmd_hello *h = (const void *)a->cmd;
	struct bus_policy_set *set = NULL;
	struct bus_conn *c;
	u64 send, recv;
	int err = judge_hello(a, ep, bus_is_owner(ep, f->cred));

	if (!err)
		err = bus_attach_flags(h->attach_flags_send, &send);
	if (!err)
		err = bus_attach_flags(h->attach_flags_recv, &recv);
	if (err)
		return err;
	c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	init_fields(c, ep, f);
	c->owner = bus_is_owner(ep, f->cred);
	c->privileged = bus_is_privileged(ep, f->cred);
	c->attach_send = send;
	c->attach_recv = recv;
	__atomic_fetch_or(&ep->bus->recv_any, recv, __ATOMIC_RELAXED);
	err = prepare(c, a);
	if (!err && (bus_conn_is_activator(c) || bus_conn_is_holder(c)))
		err = bus_policy_import(&c->bus->policy, a, 1, bus_conn_is_holder(c), &set);
	if (!err)
		err = connect(c, a, set);
	if (err)
		bus_conn_put(c);
	else
		*out = c;
	return err;
}

int bus_cmd_hello(struct bus_endpoint *ep, struct file *f, void __user *user,
		  struct bus_conn **out)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &hello_rule, user);

	*out = NULL;
	if (!err)
		err = hello(ep, f, &a, out);
	if (*out)
		err = bus_args_tell(&a, a.cmd, sizeof(struct kdbus_cmd_hello));
	err = bus_args_end(&a, err);
	if (err && *out) {
		bus_conn_end(*out, false);
		bus_conn_put(*out);
		*out = NULL;
	}
	return err;
}

/* ---- the end ---- */

/* registry held exclusively: nobody finds it any more. */
static void leave(struct bus_conn *c)
{
	struct bus *b = c->bus;
	struct bus_name_event *e;

	while (bus_names_release_any(&b->names, &c->names, &e))
		bus_notice_add(b, e);
	bus_match_clear(&b->matches, &c->matches);
	bus_policy_clear(&b->policy, &c->policy);
	bus_table_remove(&b->conns, &c->by_id);
	list_del_init(&c->bus_link);
	list_del_init(&c->ep_link);
	if (bus_conn_is_monitor(c)) {
		list_del_init(&c->monitor_link);
		WRITE_ONCE(b->monitor_count, b->monitor_count - 1);
	}
	bus_notice_add(b, c->gone);
	c->gone = NULL;
}

static void drain(struct bus_conn *c)
{
	struct bus_entry *e;

	mutex_lock(&c->receive);
	for (;;) {
		spin_lock(&c->lock);
		e = bus_queue_peek(c, false, 0);
		if (e) {
			bus_queue_remove(c, e);
			bus_queue_release(c, e);
		}
		spin_unlock(&c->lock);
		if (!e)
			break;
		bus_entry_free(e);
	}
	mutex_unlock(&c->receive);
}

int bus_conn_end(struct bus_conn *c, bool if_idle)
{
	int err = 0;

	rwsem_write_lock(&c->bus->registry);
	spin_lock(&c->lock);
	if (!c->active)
		err = -ESHUTDOWN;
	else if (if_idle && (c->queued || c->inflight))
		err = -EBUSY;
	else
		c->active = false;
	spin_unlock(&c->lock);
	if (!err)
		leave(c);
	rwsem_write_unlock(&c->bus->registry);
	if (err)
		return err;
	wake_up_poll(&c->wait, EPOLLHUP | EPOLLERR);
	drain(c);
	bus_tracker_end_all(c);
	bus_tracker_stop_conn(c);
	bus_notice_flush(c->bus);
	return 0;
}

static const struct bus_item_rule no_items[] = {{KDBUS_ITEM_NEGOTIATE}};
static const struct bus_args_rule byebye_rule = {
	.head = sizeof(struct kdbus_cmd),
	.count = ARRAY_SIZE(no_items),
	.items = no_items,
};

int bus_cmd_byebye(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &byebye_rule, user);
	if (!err)
		err = bus_conn_end(c, true);
	return bus_args_end(&a, err);
}

/* ---- UPDATE ---- */

static const struct bus_item_rule update_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_ATTACH_FLAGS_SEND},
	{KDBUS_ITEM_ATTACH_FLAGS_RECV},
	{KDBUS_ITEM_NAME, .multiple = true},
	{KDBUS_ITEM_POLICY_ACCESS, .multiple = true},
};
static const struct bus_args_rule update_rule = {
	.head = sizeof(struct kdbus_cmd),
	.count = ARRAY_SIZE(update_items),
	.items = update_items,
};

static int set_policy(struct bus_conn *c, const struct bus_args *a)
{
	struct bus *b = c->bus;
	struct bus_policy_set *s;
	int err = bus_policy_import(&b->policy, a, 1, true, &s);

	if (err)
		return err;
	rwsem_write_lock(&b->registry);
	err = c->active ? bus_policy_replace(&b->policy, &c->policy, s) : -ESHUTDOWN;
	rwsem_write_unlock(&b->registry);
	if (err)
		bus_policy_set_free(&b->policy, s);
	return err;
}

static int update(struct bus_conn *c, const struct bus_args *a)
{
	const struct kdbus_item *send = a->found[1], *recv = a->found[2];
	bool policy = a->found[3] || a->found[4];
	u64 to_send, to_recv;
	int err = 0;

	if (send && !bus_conn_is_ordinary(c) && !bus_conn_is_monitor(c))
		return -EOPNOTSUPP;
	if (recv && bus_conn_is_holder(c))
		return -EOPNOTSUPP;
	if (send)
		err = bus_attach_flags(send->data64[0], &to_send);
	if (!err && recv)
		err = bus_attach_flags(recv->data64[0], &to_recv);
	if (err)
		return err;
	if (policy && !bus_conn_is_holder(c))
		return -EOPNOTSUPP;
	if (policy)
		err = set_policy(c, a);
	if (err)
		return err;
	if (send)
		WRITE_ONCE(c->attach_send, to_send);
	if (recv) {
		__atomic_fetch_or(&c->bus->recv_any, to_recv, __ATOMIC_RELAXED);
		WRITE_ONCE(c->attach_recv, to_recv);
	}
	return 0;
}

int bus_cmd_update(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err = bus_args_begin(&a, &update_rule, user);

	if (!err)
		err = update(c, &a);
	return bus_args_end(&a, err);
}
