/* SPDX-License-Identifier: BSD-2-Clause */
/* KDBUS_CMD_SEND: who is meant, whether he may be, and which kind of sending it is. */
#include "bus_impl.h"

#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>

struct target {
	struct bus_conn *conn; /* +1 */
	u64 name_serial;       /* 0: by id */
	u32 handovers;
};

static int find_by_id(struct bus *b, u64 id, struct target *out)
{
	struct bus_conn *c = bus_conn_find(b, id);

	if (!c)
		return -ENXIO;
	if (!bus_conn_is_ordinary(c)) {
		bus_conn_put(c);
		return -ENXIO;
	}
	*out = (struct target){.conn = c};
	return 0;
}

/* Under RCU. -EAGAIN: it is changing hands just now. */
static int find_owner(struct bus *b, const struct bus_message *m, struct target *out)
{
	const struct kdbus_msg *msg = m->msg;
	struct bus_name_claim *owner;
	struct bus_name *n = bus_name_find(&b->names, m->dst_name, &owner);
	struct bus_conn *c;
	int err = 0;

	if (!n)
		return -ESRCH;
	c = bus_conn_of_names(owner->user);
	if (msg->dst_id != KDBUS_DST_ID_NAME && msg->dst_id != c->id)
		return -EREMCHG;
	if (msg->flags & KDBUS_MSG_NO_AUTO_START && bus_conn_is_activator(c))
		return -EADDRNOTAVAIL;
	spin_lock(&c->lock);
	if (!c->active || !bus_name_is_owner(n, &c->names))
		err = -EAGAIN;
	else
		*out = (struct target){bus_conn_get(c), n->serial, c->handovers};
	spin_unlock(&c->lock);
	return err;
}

static int find_target(struct bus *b, const struct bus_message *m, struct target *out)
{
	int err;

	if (!m->dst_name)
		return find_by_id(b, m->msg->dst_id, out);
	for (;;) {
		rcu_read_lock();
		err = find_owner(b, m, out);
		rcu_read_unlock();
		if (err != -EAGAIN)
			return err;
		/* Whoever changes it holds this until it is done. */
		rwsem_read_lock(&b->registry);
		rwsem_read_unlock(&b->registry);
	}
}

/* With somebody who sees everything, the payload is read but once. */
static int eavesdrop(struct bus *b, struct bus_message *m)
{
	int err;

	if (likely(!READ_ONCE(b->monitor_count)))
		return 0;
	err = bus_message_share(m);
	if (!err)
		err = bus_message_prepare(m);
	if (err)
		return err;
	rwsem_read_lock(&b->registry);
	bus_eavesdrop(b, m);
	rwsem_read_unlock(&b->registry);
	return 0;
}

static int broadcast(struct bus_conn *src, struct bus_message *m)
{
	int err = bus_message_share(m);

	if (!err)
		err = bus_message_prepare(m);
	if (err)
		return err;
	rwsem_read_lock(&src->bus->registry);
	bus_broadcast(src->bus, m);
	rwsem_read_unlock(&src->bus->registry);
	__atomic_fetch_add(&src->sent, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&src->sent_bytes, m->msg_size + m->payload, __ATOMIC_RELAXED);
	return 0;
}

/* To one, but as a broadcast: dropped without a word if it is not wanted or not allowed. */
static int signal_one(struct bus_conn *src, struct bus_message *m)
{
	struct bus_match_message q = {.src_id = src->id,
				      .dst_id = m->msg->dst_id,
				      .names = &src->bus->names,
				      .src = &src->names,
				      .filter = m->filter->data,
				      .generation = m->filter->generation};
	struct bus *b = src->bus;
	struct target to;
	int err = bus_message_share(m);

	if (!err)
		err = bus_message_prepare(m);
	if (!err)
		err = find_target(b, m, &to);
	if (err)
		return err;
	rwsem_read_lock(&b->registry);
	bus_eavesdrop(b, m);
	if (bus_match_user_wants(&b->matches, &to.conn->matches, &q) &&
	    bus_may_talk(to.conn, NULL, src))
		bus_deliver_shared(m, to.conn);
	rwsem_read_unlock(&b->registry);
	bus_conn_put(to.conn);
	return 0;
}

/* What is left after the destination was found: @t NULL for a message without an answer. */
static int send_to(struct bus_conn *src, struct bus_message *m, struct target *to,
		   struct bus_tracker *t)
{
	int err = eavesdrop(src->bus, m);

	return err ? err : bus_deliver(m, to->conn, t, to->name_serial, to->handovers);
}

static u64 deadline_of(const struct bus_message *m)
{
	return time_ns_to_host(CLOCK_MONOTONIC, m->msg->timeout_ns);
}

/* A message, perhaps a call; *@tracker (sync only): +1. */
static int send_one(struct bus_conn *src, struct bus_message *m, bool sync,
		    struct bus_tracker **tracker)
{
	struct bus_tracker *t = NULL;
	struct target to;
	int err = find_target(src->bus, m, &to);

	if (err)
		return err;
	if (!bus_may_talk(src, current_cred(), to.conn))
		err = -EPERM;
	if (!err && m->msg->flags & KDBUS_MSG_EXPECT_REPLY)
		err = bus_tracker_create(src, m->msg->cookie, deadline_of(m), to.name_serial, sync,
					 &t);
	if (!err)
		err = send_to(src, m, &to, t);
	bus_conn_put(to.conn);
	if (err || !sync)
		bus_tracker_put(t);
	else
		*tracker = t;
	return err;
}

static int call(struct bus_conn *src, struct bus_message *m, struct file *cancel,
		struct kdbus_msg_info *info)
{
	struct bus_tracker *t = bus_tracker_resume(src, m->msg->cookie);
	int err = 0;

	if (!t && time_mono_ns() >= deadline_of(m))
		return -ETIMEDOUT;
	if (!t)
		err = send_one(src, m, true, &t);
	if (err)
		return err;
	err = bus_tracker_wait(t, cancel, info);
	bus_tracker_put(t);
	return err;
}

static int reply(struct bus_conn *src, struct bus_message *m)
{
	struct bus_tracker *t;
	struct target to;
	int err = find_target(src->bus, m, &to);

	if (err)
		return err;
	t = bus_tracker_claim(to.conn, src, m->msg->cookie_reply);
	if (!t)
		err = -EBADSLT;
	else if (t->sync)
		err = eavesdrop(src->bus, m);
	else
		err = send_to(src, m, &to, NULL);
	if (t && t->sync) {
		if (!err)
			err = bus_deliver_answer(m, to.conn, t);
		else
			(void)!bus_tracker_finish(t, -EPIPE, NULL);
	}
	bus_tracker_put(t);
	bus_conn_put(to.conn);
	return err;
}

static int dispatch(struct bus_conn *src, struct bus_message *m, struct kdbus_cmd_send *cmd,
		    struct file *cancel)
{
	const struct kdbus_msg *msg = m->msg;

	if (msg->dst_id == KDBUS_DST_ID_BROADCAST)
		return broadcast(src, m);
	if (cmd->flags & KDBUS_SEND_SYNC_REPLY)
		return call(src, m, cancel, &cmd->reply);
	if (msg->flags & KDBUS_MSG_SIGNAL)
		return signal_one(src, m);
	if (msg->flags & KDBUS_MSG_EXPECT_REPLY || !msg->cookie_reply)
		return send_one(src, m, false, NULL);
	return reply(src, m);
}

/* ---- the command ---- */

static const struct bus_item_rule send_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_CANCEL_FD},
};
static const struct bus_args_rule send_rule = {
	.head = sizeof(struct kdbus_cmd_send),
	.flags = KDBUS_SEND_SYNC_REPLY,
	.count = ARRAY_SIZE(send_items),
	.items = send_items,
};
static const struct bus_item_rule msg_items[] = {
	{KDBUS_ITEM_NEGOTIATE},
	{KDBUS_ITEM_PAYLOAD_VEC, .multiple = true},
	{KDBUS_ITEM_PAYLOAD_MEMFD, .multiple = true},
	{KDBUS_ITEM_FDS},
	{KDBUS_ITEM_BLOOM_FILTER},
	{KDBUS_ITEM_DST_NAME},
};
static const struct bus_args_rule msg_rule = {
	.head = sizeof(struct kdbus_msg),
	.message = true,
	.flags = KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_NO_AUTO_START | KDBUS_MSG_SIGNAL,
	.count = ARRAY_SIZE(msg_items),
	.items = msg_items,
};

static int get_cancel(const struct kdbus_item *i, struct file **out)
{
	*out = NULL;
	if (!i)
		return 0;
	*out = i->fds[0] < 0 ? NULL : fd_file((unsigned int)i->fds[0]);
	if (!*out)
		return -EBADF;
	return (*out)->ops->poll ? 0 : -EINVAL;
}

static int send_message(struct bus_conn *c, struct bus_args *a, struct bus_args *msg_args)
{
	struct kdbus_cmd_send *cmd = (void *)a->cmd;
	struct kdbus_msg *msg = (void *)msg_args->cmd;
	struct bus_message m;
	struct file *cancel;
	int err = get_cancel(a->found[1], &cancel);

	cmd->reply = (struct kdbus_msg_info){.offset = c->pool_size};
	if (!err && msg->src_id && msg->src_id != c->id)
		err = -EINVAL;
	if (!err) {
		msg->src_id = c->id;
		err = bus_message_import(&m, c, msg_args, cmd->flags & KDBUS_SEND_SYNC_REPLY);
		if (!err)
			err = dispatch(c, &m, cmd, cancel);
		bus_message_release(&m);
	}
	if (cancel)
		file_put(cancel);
	return err ? err : bus_args_tell(a, &cmd->reply, sizeof(cmd->reply));
}

int bus_cmd_send(struct bus_conn *c, void __user *user)
{
	struct bus_args a, msg;
	int ret, inner;

	if (!bus_conn_is_ordinary(c))
		return -EOPNOTSUPP;
	msg.cmd = NULL;
	ret = bus_args_begin(&a, &send_rule, user);
	if (ret >= 0) {
		u64 address = ((struct kdbus_cmd_send *)a.cmd)->msg_address;

		if (ret && !address)
			return bus_args_end(&a, 0);
		inner = bus_args_begin(&msg, &msg_rule, (void __user *)address);
		if (inner < 0)
			ret = inner;
		else if (inner && !ret)
			ret = -EINVAL; /* both negotiate, or the command alone */
		else if (!ret)
			ret = send_message(c, &a, &msg);
		ret = bus_args_end(&msg, ret);
	}
	return bus_args_end(&a, ret);
}
