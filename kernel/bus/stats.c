/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "stats" in the directory of a bus: one line for the bus, one for each connection, one for each
 * user who has, or had, messages in a connection's queue.
 */
#include "bus_impl.h"

#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>

static const char *kind_of(const struct bus_conn *c)
{
	if (bus_conn_is_activator(c))
		return "activator";
	if (bus_conn_is_monitor(c))
		return "monitor";
	return bus_conn_is_holder(c) ? "policy" : "ordinary";
}

/* A user as the reader knows him; "endpoint" of a custom one, "kernel" for notifications. */
static void put_user_name(struct seq *s, const struct bus_user *u)
{
	if (!u)
		seq_puts(s, "kernel");
	else if (u->uid == U32_MAX)
		seq_puts(s, "endpoint");
	else
		seq_printf(s, "%u", uid_to_user(u->uid));
}

struct quota_line {
	struct bus_user *user; /* +1 */
	u64 memory, lost;
	u32 messages, fds;
};
#define QUOTA_LINES 16

/* As many as fit, from the @skip-th on, copied out of the lock. */
static u32 copy_quotas(struct bus_conn *c, u32 skip, struct quota_line *out)
{
	struct bus_quota *q;
	u32 n = 0;

	rb_for_each_entry (q, &c->quotas, node) {
		if (skip) {
			skip--;
			continue;
		}
		if (n == QUOTA_LINES)
			break;
		out[n++] = (struct quota_line){q->user ? bus_user_get(q->user) : NULL, q->memory,
					       q->lost, q->messages, q->fds};
	}
	return n;
}

static void show_quotas(struct seq *s, struct bus_conn *c)
{
	struct quota_line line[QUOTA_LINES];
	u32 done = 0, n;

	do {
		spin_lock(&c->lock);
		n = copy_quotas(c, done, line);
		spin_unlock(&c->lock);
		for (u32 i = 0; i < n; i++) {
			seq_printf(s, "quota %llu user ", (unsigned long long)c->id);
			put_user_name(s, line[i].user);
			seq_printf(s, " messages %u bytes %llu fds %u refused %llu\n",
				   line[i].messages, (unsigned long long)line[i].memory,
				   line[i].fds, (unsigned long long)line[i].lost);
			bus_user_put(line[i].user);
		}
		done += n;
	} while (n == QUOTA_LINES);
}

static void show_conn(struct seq *s, struct bus_conn *c)
{
	struct bus_conn_stats st;
	u64 bytes, used;
	u32 queued, inflight, requests;

	spin_lock(&c->lock);
	st = c->stats;
	bytes = c->queued_bytes;
	used = c->room.used;
	queued = c->queued;
	inflight = c->inflight;
	requests = c->requests;
	spin_unlock(&c->lock);
	seq_printf(s, "connection %llu %s user ", (unsigned long long)c->id, kind_of(c));
	put_user_name(s, c->user);
	seq_printf(s,
		   " queued %u queued_bytes %llu inflight %u pool_used %llu pool_size %llu "
		   "requests %u",
		   queued, (unsigned long long)bytes, inflight, (unsigned long long)used,
		   (unsigned long long)c->pool_size, requests);
	seq_printf(s, " received %llu received_bytes %llu lost %llu refused %llu",
		   (unsigned long long)st.received, (unsigned long long)st.received_bytes,
		   (unsigned long long)st.lost, (unsigned long long)st.refused);
	seq_printf(s, " sent %llu sent_bytes %llu matches %u names %u\n",
		   (unsigned long long)READ_ONCE(c->sent),
		   (unsigned long long)READ_ONCE(c->sent_bytes), c->matches.count, c->names.owned);
	show_quotas(s, c);
}

int bus_stats_show(struct seq *s, void *v)
{
	struct bus *b = s->private_data;
	struct bus_conn *c;
	u32 n = 0;

	(void)v;
	rwsem_read_lock(&b->registry);
	list_for_each_entry (c, &b->all_conns, bus_link)
		n++;
	seq_printf(s, "bus %s connections %u monitors %u matches %u messages %llu", b->node.name, n,
		   b->monitor_count, b->matches.count,
		   (unsigned long long)READ_ONCE(b->last_message));
	seq_printf(s, " lost_notifications %llu user_connections %d user_buses %d\n",
		   (unsigned long long)READ_ONCE(b->lost_notices), READ_ONCE(b->creator->conns),
		   READ_ONCE(b->creator->buses));
	list_for_each_entry (c, &b->all_conns, bus_link)
		show_conn(s, c);
	rwsem_read_unlock(&b->registry);
	return 0;
}
