/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells: names and connections that come and go, answers that will not come.
 *
 * It is queued where it happens, under whatever locks, and told afterwards by the same task, in
 * order: one at a time tells what is in the list. .old_id of a REPLY_* is whom to tell, .new_id the
 * cookie of his call.
 */
#include "bus_impl.h"

struct bus_name_event *bus_notice_create(u64 type, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct bus_name_event *e = bus_mem_kernel.alloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	e->type = type;
	e->len = (u32)len;
	if (text)
		memcpy(e->text, text, len);
	return e;
}

void bus_notice_add(struct bus *b, struct bus_name_event *e)
{
	if (!e)
		return;
	spin_lock(&b->notice_lock);
	list_add_tail(&e->link, &b->notices);
	spin_unlock(&b->notice_lock);
}

void bus_notice_free_all(struct bus *b)
{
	struct bus_name_event *e, *next;

	list_for_each_entry_safe (e, next, &b->notices, link)
		bus_name_event_free(&b->names, e);
}

#define NOTICE_MAX                                                                  \
	(sizeof(struct kdbus_msg) + BUS_ITEM_HEAD +                                 \
	 sizeof(struct kdbus_notify_name_change) + BUS_NAME_LEN_MAX + 1 + 7)

static size_t write_item(const struct bus_name_event *e, struct kdbus_item *i)
{
	struct kdbus_notify_name_change *n = &i->name_change;
	size_t len;

	switch (e->type) {
	case KDBUS_ITEM_ID_ADD:
		bus_item_write(i, e->type, NULL, sizeof(i->id_change));
		i->id_change = (struct kdbus_notify_id_change){e->new_id, e->new_flags};
		break;
	case KDBUS_ITEM_ID_REMOVE:
		bus_item_write(i, e->type, NULL, sizeof(i->id_change));
		i->id_change = (struct kdbus_notify_id_change){e->old_id, e->old_flags};
		break;
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		bus_item_write(i, e->type, NULL, 0);
		break;
	default:
		len = sizeof(*n) + e->len + 1;
		bus_item_write(i, e->type, NULL, len);
		n->old_id = (struct kdbus_notify_id_change){e->old_id, e->old_flags};
		n->new_id = (struct kdbus_notify_id_change){e->new_id, e->new_flags};
		memcpy(n->name, e->text, e->len);
	}
	return i->size;
}

static bool is_for_one(const struct bus_name_event *e)
{
	return e->type == KDBUS_ITEM_REPLY_TIMEOUT || e->type == KDBUS_ITEM_REPLY_DEAD;
}

/* registry held shared. */
static void tell(struct bus *b, const struct bus_name_event *e)
{
	u64 buf[BUS_ALIGN8(NOTICE_MAX) / 8];
	struct kdbus_msg *msg = (void *)buf;
	struct bus_message m;
	struct bus_conn *to;

	*msg = (struct kdbus_msg){.dst_id = KDBUS_DST_ID_BROADCAST,
				  .src_id = KDBUS_SRC_ID_KERNEL,
				  .payload_type = KDBUS_PAYLOAD_KERNEL,
				  .flags = KDBUS_MSG_SIGNAL};
	if (is_for_one(e)) {
		msg->flags = 0;
		msg->dst_id = e->old_id;
		msg->cookie_reply = e->new_id;
	}
	msg->size = sizeof(*msg) + write_item(e, msg->items);
	bus_message_kernel(&m, msg, msg->size);
	if (!is_for_one(e)) {
		bus_broadcast(b, &m);
	} else {
		to = bus_conn_find(b, e->old_id);
		if (to) {
			bus_eavesdrop(b, &m);
			bus_deliver_shared(&m, to);
			bus_conn_put(to);
		}
	}
	bus_message_release(&m);
}

static struct bus_name_event *take_first(struct bus *b)
{
	struct bus_name_event *e;

	spin_lock(&b->notice_lock);
	e = list_first_entry_or_null(&b->notices, struct bus_name_event, link);
	if (e)
		list_del(&e->link);
	spin_unlock(&b->notice_lock);
	return e;
}

void bus_notice_flush(struct bus *b)
{
	struct bus_name_event *e;

	if (list_empty(&b->notices))
		return;
	mutex_lock(&b->flush);
	rwsem_read_lock(&b->registry);
	while ((e = take_first(b))) {
		tell(b, e);
		bus_name_event_free(&b->names, e);
	}
	rwsem_read_unlock(&b->registry);
	mutex_unlock(&b->flush);
}
