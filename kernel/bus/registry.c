/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about names and matches, and what moves when a name changes hands. */
#include "bus_impl.h"

/* ---- names ---- */

/* All of @from's messages to @n go to @to, in order; what finds no place is lost. Both locked. */
static void move_messages(struct bus_conn *from, struct bus_conn *to, u64 serial,
			  struct list_head *lost, struct bus_spare *s)
{
	struct bus_entry *e, *next;

	list_for_each_entry_safe (e, next, &from->queue, link) {
		int err;

		if (e->name_serial != serial)
			continue;
		err = bus_queue_move(from, to, e, s);
		if (!err)
			continue;
		if (err == -EAGAIN)
			break; /* the caller finds what is needed and goes on */
		to->lost++;
		to->stats.lost++;
		bus_queue_remove(from, e);
		bus_queue_release(from, e);
		list_add_tail(&e->link, lost);
	}
}

static bool any_left(struct bus_conn *from, u64 serial)
{
	struct bus_entry *e;

	list_for_each_entry (e, &from->queue, link) {
		if (e->name_serial == serial)
			return true;
	}
	return false;
}

/* Without memory for the quotas or ranges that it takes, what is left is lost. */
static void give_up(struct bus_conn *from, struct bus_conn *to, u64 serial,
		    struct list_head *lost)
{
	struct bus_entry *e, *next;

	list_for_each_entry_safe (e, next, &from->queue, link) {
		if (e->name_serial != serial)
			continue;
		to->lost++;
		to->stats.lost++;
		bus_queue_remove(from, e);
		bus_queue_release(from, e);
		list_add_tail(&e->link, lost);
	}
}

static void free_lost(struct list_head *lost)
{
	struct bus_entry *e, *next;

	list_for_each_entry_safe (e, next, lost, link)
		bus_entry_free(e);
}

/*
 * Both queues are locked while the name gets its new owner and the last message moves, so who sends
 * to the name after that is behind all that was sent before. The lock is let go for memory; until
 * then senders still find the old owner.
 */
static void hand_over(struct bus_name *n, struct bus_name_claim *to_claim, struct bus_conn *from,
		      struct bus_conn *to)
{
	struct bus_spare s = {NULL, NULL};
	LIST_HEAD(lost);
	bool more;

	mutex_lock(&from->receive);
	do {
		bool have = !bus_spare_fill(&s);

		bus_conn_lock_two(from, to);
		move_messages(from, to, n->serial, &lost, &s);
		more = any_left(from, n->serial);
		if (more && !have) {
			give_up(from, to, n->serial, &lost);
			more = false;
		}
		if (!more) {
			from->handovers++;
			bus_name_set_owner(n, to_claim);
		}
		bus_conn_unlock_two(from, to);
	} while (more);
	mutex_unlock(&from->receive);
	bus_tracker_move(from, to, n->serial);
	bus_spare_drop(&s);
	free_lost(&lost);
	bus_queue_wake(to);
}

void bus_handover(struct bus_name *n, struct bus_name_claim *from, struct bus_name_claim *to,
		  bool move)
{
	struct bus_conn *c = from ? bus_conn_of_names(from->user) : NULL;

	if (c && to && move) {
		hand_over(n, to, c, bus_conn_of_names(to->user));
		return;
	}
	if (c)
		spin_lock(&c->lock);
	bus_name_set_owner(n, to);
	if (c)
		spin_unlock(&c->lock);
}

static const struct bus_item_rule name_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_NAME, .mandatory = true},
};
static const struct bus_args_rule acquire_rule = {
	.head = sizeof(struct kdbus_cmd),
	.flags = KDBUS_NAME_REPLACE_EXISTING | KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE,
	.count = ARRAY_SIZE(name_items),
	.items = name_items,
};
static const struct bus_args_rule release_rule = {
	.head = sizeof(struct kdbus_cmd),
	.count = ARRAY_SIZE(name_items),
	.items = name_items,
};

static int acquire(struct bus_conn *c, const char *name, u64 flags, u64 *return_flags)
{
	struct bus_name_event *e = NULL;
	int err;

	if (!bus_name_is_valid(name, false))
		return -EINVAL;
	rwsem_write_lock(&c->bus->registry);
	if (!c->active)
		err = -ESHUTDOWN;
	else if (!bus_may_own(c, current_cred(), name))
		err = -EPERM;
	else
		err = bus_names_acquire(&c->bus->names, &c->names, name, flags, return_flags, &e);
	rwsem_write_unlock(&c->bus->registry);
	if (err)
		return err;
	bus_notice_add(c->bus, e);
	bus_notice_flush(c->bus);
	return 0;
}

int bus_cmd_name_acquire(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &acquire_rule, user);
	if (!err) {
		u64 flags = 0;

		err = acquire(c, a.found[1]->str, a.cmd->flags, &flags);
		a.cmd->return_flags = flags;
	}
	return bus_args_end(&a, err);
}

static int release(struct bus_conn *c, const char *name)
{
	struct bus_name_event *e = NULL;
	int err;

	rwsem_write_lock(&c->bus->registry);
	err = bus_names_release(&c->bus->names, &c->names, name, &e);
	rwsem_write_unlock(&c->bus->registry);
	if (err)
		return err;
	bus_notice_add(c->bus, e);
	bus_notice_flush(c->bus);
	return 0;
}

int bus_cmd_name_release(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &release_rule, user);
	if (!err)
		err = release(c, a.found[1]->str);
	return bus_args_end(&a, err);
}

/* ---- matches ---- */

static const struct bus_item_rule match_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_BLOOM_MASK, .multiple = true},
	{KDBUS_ITEM_NAME, .multiple = true},
	{KDBUS_ITEM_ID, .multiple = true},
	{KDBUS_ITEM_DST_ID, .multiple = true},
	{KDBUS_ITEM_NAME_ADD, .multiple = true},
	{KDBUS_ITEM_NAME_REMOVE, .multiple = true},
	{KDBUS_ITEM_NAME_CHANGE, .multiple = true},
	{KDBUS_ITEM_ID_ADD, .multiple = true},
	{KDBUS_ITEM_ID_REMOVE, .multiple = true},
};
static const struct bus_args_rule match_rule = {
	.head = sizeof(struct kdbus_cmd_match),
	.flags = KDBUS_MATCH_REPLACE,
	.count = ARRAY_SIZE(match_items),
	.items = match_items,
};
static const struct bus_args_rule unmatch_rule = {
	.head = sizeof(struct kdbus_cmd_match),
	.count = 1,
	.items = match_items,
};

static int match_add(struct bus_conn *c, const struct bus_args *a)
{
	const struct kdbus_cmd_match *cmd = (const void *)a->cmd;
	struct bus *b = c->bus;
	struct bus_match *m;
	int err = bus_match_parse(&b->matches, cmd->cookie, a->items, a->items_size, &m);

	if (err)
		return err;
	rwsem_write_lock(&b->registry);
	err = c->active ? bus_match_add(&b->matches, &c->matches, m,
					cmd->flags & KDBUS_MATCH_REPLACE) :
			  -ESHUTDOWN;
	rwsem_write_unlock(&b->registry);
	if (err)
		bus_match_free(&b->matches, m);
	return err;
}

int bus_cmd_match_add(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &match_rule, user);
	if (!err)
		err = match_add(c, &a);
	return bus_args_end(&a, err);
}

int bus_cmd_match_remove(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &unmatch_rule, user);
	if (!err) {
		rwsem_write_lock(&c->bus->registry);
		err = bus_match_remove(&c->bus->matches, &c->matches,
				       ((struct kdbus_cmd_match *)a.cmd)->cookie);
		rwsem_write_unlock(&c->bus->registry);
	}
	return bus_args_end(&a, err);
}
