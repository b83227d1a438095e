/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving. One task at a time takes messages from a queue (conn->receive), so an entry that is
 * looked at stays while its bytes are brought into the pool and its descriptors are installed.
 */
#include "bus_impl.h"

#include <linux/fcntl.h>

/* ---- bytes ---- */

static int bring(struct bus_conn *c, struct bus_entry *e)
{
	u64 at = e->range->offset;
	int err;

	if (e->home)
		return bus_pool_copy(c, at, e->home, e->source->offset, e->size);
	if (!e->head)
		return 0;
	err = bus_pool_write_kernel(c, at, e->head->data, e->head->size);
	if (!err && e->body)
		err = bus_pool_write_kernel(c, at + e->head->size, e->body->data, e->body->size);
	return err;
}

/* They are in the pool: nothing else is needed for them. */
static void settle(struct bus_entry *e)
{
	bus_blob_put(e->head);
	bus_blob_put(e->body);
	e->head = e->body = NULL;
	if (!e->home)
		return;
	spin_lock(&e->home->lock);
	bus_pool_drop(e->home, e->source);
	spin_unlock(&e->home->lock);
	bus_conn_put(e->home);
	e->home = NULL;
	e->source = NULL;
}

/* ---- descriptors ---- */

struct fresh_fds {
	int n[BUS_USER_FDS_MAX + BUS_MEMFDS_MAX];
	bool incomplete;
};

static void reserve_fds(const struct bus_files *f, struct fresh_fds *fresh)
{
	fresh->incomplete = false;
	for (u32 i = 0; i < f->fds + f->memfds; i++) {
		if (!fd_reserve(0, O_CLOEXEC, &fresh->n[i]))
			continue;
		fresh->n[i] = -1;
		fresh->incomplete = true;
	}
}

static int write_fds(struct bus_conn *c, const struct bus_entry *e, const struct fresh_fds *fresh)
{
	const struct bus_files *f = e->files;
	u64 at = e->range->offset;
	int err = 0;

	if (f->fds)
		err = bus_pool_write_kernel(c, at + f->fds_at, fresh->n, f->fds * sizeof(int));
	for (u32 i = 0; i < f->memfds && !err; i++)
		err = bus_pool_write_kernel(c, at + f->memfd_at[i], &fresh->n[f->fds + i],
					    sizeof(int));
	return err;
}

static int install(struct bus_conn *c, const struct bus_entry *e, struct kdbus_msg_info *out)
{
	const struct bus_files *f = e->files;
	struct fresh_fds fresh;
	int err;

	reserve_fds(f, &fresh);
	err = write_fds(c, e, &fresh);
	for (u32 i = 0; i < f->fds + f->memfds; i++) {
		if (fresh.n[i] < 0)
			continue;
		if (err)
			fd_unreserve(fresh.n[i]);
		else
			fd_install(fresh.n[i], file_get(f->files[i]));
	}
	if (!err && fresh.incomplete)
		out->return_flags |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	return err;
}

/* ---- entries ---- */

int bus_entry_receive(struct bus_conn *c, struct bus_entry *e, bool install_fds,
		      struct kdbus_msg_info *out)
{
	int err = bring(c, e);

	if (err)
		return err;
	settle(e);
	if (e->files && install_fds) {
		err = install(c, e, out);
		if (err)
			return err;
	}
	spin_lock(&c->lock);
	e->range->user = true;
	spin_unlock(&c->lock);
	out->offset = e->range->offset;
	out->msg_size = e->range->size;
	return 0;
}

void bus_entry_end(struct bus_conn *c, struct bus_entry *e)
{
	spin_lock(&c->lock);
	bus_queue_release(c, e);
	spin_unlock(&c->lock);
	bus_entry_free(e);
}

/* ---- KDBUS_CMD_RECV ---- */

static const struct bus_item_rule recv_items[] = {{KDBUS_ITEM_NEGOTIATE}};
static const struct bus_args_rule recv_rule = {
	.head = sizeof(struct kdbus_cmd_recv),
	.flags = KDBUS_RECV_PEEK | KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY,
	.count = ARRAY_SIZE(recv_items),
	.items = recv_items,
};

static void take_off(struct bus_conn *c, struct bus_entry *e)
{
	spin_lock(&c->lock);
	bus_queue_remove(c, e);
	bus_queue_release(c, e);
	spin_unlock(&c->lock);
}

static int receive(struct bus_conn *c, struct kdbus_cmd_recv *cmd)
{
	bool peek = cmd->flags & KDBUS_RECV_PEEK, drop = cmd->flags & KDBUS_RECV_DROP;
	bool wants_reply = false, lends;
	struct bus_entry *e;
	u64 src_id = 0, cookie = 0;
	int err = 0;

	mutex_lock(&c->receive);
	spin_lock(&c->lock);
	e = c->active ? bus_queue_peek(c, cmd->flags & KDBUS_RECV_USE_PRIORITY, cmd->priority) :
			NULL;
	spin_unlock(&c->lock);
	if (!e) {
		mutex_unlock(&c->receive);
		return c->active ? -EAGAIN : -ESHUTDOWN;
	}
	src_id = e->src_id;
	cookie = e->cookie;
	lends = e->lends && !drop;
	if (drop) {
		wants_reply = e->wants_reply;
	} else {
		err = bus_entry_receive(c, e, !peek && c->flags & KDBUS_HELLO_ACCEPT_FD, &cmd->msg);
	}
	if (!err && !peek)
		take_off(c, e);
	mutex_unlock(&c->receive);
	if (err || peek)
		return err;
	bus_entry_free(e);
	if (unlikely(lends))
		bus_tracker_received(c, src_id, cookie);
	if (wants_reply)
		bus_tracker_dropped(c, src_id, cookie);
	return 0;
}

static int recv(struct bus_conn *c, struct bus_args *a)
{
	struct kdbus_cmd_recv *cmd = (void *)a->cmd;
	int err;

	cmd->dropped_msgs = 0;
	cmd->msg = (struct kdbus_msg_info){.offset = c->pool_size};
	/* Which is the most urgent may change between a look at it and this. */
	if (cmd->flags & KDBUS_RECV_DROP && cmd->flags & KDBUS_RECV_USE_PRIORITY)
		return -EINVAL;
	err = receive(c, cmd);
	if (err && err != -EAGAIN)
		return err;
	if (READ_ONCE(c->lost)) {
		spin_lock(&c->lock);
		cmd->dropped_msgs = c->lost;
		c->lost = 0;
		spin_unlock(&c->lock);
		cmd->return_flags |= KDBUS_RECV_RETURN_DROPPED_MSGS;
	}
	if (bus_args_tell(a, &cmd->dropped_msgs, sizeof(cmd->dropped_msgs) + sizeof(cmd->msg)))
		err = -EFAULT;
	return err;
}

int bus_cmd_recv(struct bus_conn *c, void __user *user)
{
	struct bus_args a;
	int err;

	if (bus_conn_is_holder(c))
		return -EOPNOTSUPP;
	err = bus_args_begin(&a, &recv_rule, user);
	if (!err)
		err = recv(c, &a);
	return bus_args_end(&a, err);
}
