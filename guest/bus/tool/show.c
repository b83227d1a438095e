// SPDX-License-Identifier: BSD-2-Clause
/* Messages for people: what kind, from whom to whom, and the payload as text, D-Bus message or
 * bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tool_impl.h"

void set_destination(struct cbus_message *message, const char *word)
{
	if (!strncmp(word, ":1.", 3))
		message->id = number(word + 3, "the part behind :1.");
	else if (strspn(word, "0123456789") == strlen(word) && *word)
		message->id = number(word, "a connection");
	else
		message->name = word;
	if (!message->name && (message->id == 0 || message->id == UINT64_MAX))
		usage("%s is no connection", word);
}

static void show_id(uint64_t id)
{
	if (id == KDBUS_SRC_ID_KERNEL)
		printf("kernel");
	else
		printf(":1.%" PRIu64, id);
}

static const struct {
	uint64_t type;
	const char *name;
} notifications[] = {
	{KDBUS_ITEM_NAME_ADD, "name-add"},	 {KDBUS_ITEM_NAME_REMOVE, "name-remove"},
	{KDBUS_ITEM_NAME_CHANGE, "name-change"}, {KDBUS_ITEM_ID_ADD, "id-add"},
	{KDBUS_ITEM_ID_REMOVE, "id-remove"},	 {KDBUS_ITEM_REPLY_TIMEOUT, "reply-timeout"},
	{KDBUS_ITEM_REPLY_DEAD, "reply-dead"},
};

static void show_notification(const struct cbus_received *r)
{
	const struct kdbus_item *item = NULL;
	char name[256];

	for (size_t i = 0; i < sizeof(notifications) / sizeof(notifications[0]); i++) {
		item = cbus_item(r, notifications[i].type, NULL);
		if (!item)
			continue;
		printf("%s", notifications[i].name);
		if (item->type == KDBUS_ITEM_ID_ADD || item->type == KDBUS_ITEM_ID_REMOVE) {
			printf(" ");
			show_id(item->id_change.id);
		} else if (item->type <= KDBUS_ITEM_NAME_CHANGE) {
			copy_printable(name, sizeof(name), item->name_change.name);
			printf(" %s %" PRIu64 " -> %" PRIu64, name,
			       (uint64_t)item->name_change.old_id.id,
			       (uint64_t)item->name_change.new_id.id);
		} else {
			printf(" to %" PRIu64, (uint64_t)r->message->cookie_reply);
		}
		return;
	}
	printf("notification");
}

static const char *kind(const struct kdbus_msg *m)
{
	if (m->flags & KDBUS_MSG_SIGNAL)
		return "signal";
	if (m->flags & KDBUS_MSG_EXPECT_REPLY)
		return "call";
	return m->cookie_reply ? "reply" : "message";
}

void show_head(const struct cbus_received *r)
{
	const struct kdbus_msg *m = r->message;
	const struct kdbus_item *item;
	char text[256];

	if ((item = cbus_item(r, KDBUS_ITEM_TIMESTAMP, NULL)))
		printf("%" PRIu64 ".%06" PRIu64 " #%" PRIu64 " ",
		       (uint64_t)item->timestamp.monotonic_ns / 1000000000u,
		       (uint64_t)item->timestamp.monotonic_ns % 1000000000u / 1000u,
		       (uint64_t)item->timestamp.seqnum);
	if (m->payload_type == KDBUS_PAYLOAD_KERNEL) {
		show_notification(r);
		printf("\n");
		return;
	}
	printf("%s ", kind(m));
	show_id(m->src_id);
	if ((item = cbus_item(r, KDBUS_ITEM_PID_COMM, NULL))) {
		copy_printable(text, sizeof(text), item->str);
		printf("(%s)", text);
	}
	printf(" -> ");
	if ((item = cbus_item(r, KDBUS_ITEM_DST_NAME, NULL))) {
		copy_printable(text, sizeof(text), item->str);
		printf("%s", text);
	} else if (m->dst_id == KDBUS_DST_ID_BROADCAST) {
		printf("all");
	} else {
		show_id(m->dst_id);
	}
	printf(" cookie %" PRIu64, (uint64_t)m->cookie);
	if (!(m->flags & KDBUS_MSG_EXPECT_REPLY) && m->cookie_reply)
		printf(" answers %" PRIu64, (uint64_t)m->cookie_reply);
	printf(", %" PRIu64 " bytes\n", r->payload_size);
}

static bool is_text(const uint8_t *p, size_t size)
{
	size_t letters = 0;

	for (size_t i = 0; i < size; i++) {
		if (p[i] >= 0x80 || p[i] == '\t' || p[i] == '\n')
			continue;
		if (p[i] < ' ' || p[i] == 0x7f)
			return p[i] == 0 && i + 1 == size && letters; /* a string that ends */
		letters++;
	}
	return letters > 0;
}

static void show_text(const uint8_t *p, size_t size, const char *indent)
{
	printf("%s\"", indent);
	for (size_t i = 0; i < size && p[i]; i++) {
		if (p[i] == '\n')
			printf("\\n");
		else if (p[i] == '\t')
			printf("\\t");
		else if (p[i] >= 0x80)
			printf("\\x%02x", p[i]);
		else
			printf("%s%c", p[i] == '"' || p[i] == '\\' ? "\\" : "", p[i]);
	}
	printf("\"\n");
}

static void show_bytes(const uint8_t *p, size_t size, const char *indent)
{
	for (size_t line = 0; line < size; line += 16) {
		printf("%s%06zx ", indent, line);
		for (size_t i = line; i < line + 16; i++) {
			if (i < size)
				printf(" %02x", p[i]);
			else
				printf("   ");
		}
		printf("  ");
		for (size_t i = line; i < line + 16 && i < size; i++)
			printf("%c", p[i] >= ' ' && p[i] <= '~' ? p[i] : '.');
		printf("\n");
	}
}

void show_payload(struct cbus_received *received, const char *indent, size_t most)
{
	struct cbus_part part;
	size_t position = 0, size;
	const void *data;
	int n;

	if (received->message->payload_type == PAYLOAD_DBUS1 &&
	    cbus_payload(received, &data, &size) == 0 && show_dbus1(stdout, data, size, indent))
		return;
	while ((n = cbus_part_next(received, &position, &part)) != 0) {
		size_t shown = part.size < most ? part.size : most;

		if (n < 0) {
			/* To a monitor files are not handed. */
			printf("%s%" PRIu64 " bytes in a memory file\n", indent, part.size);
			continue;
		}
		if (!part.data)
			printf("%s%" PRIu64 " bytes of zero\n", indent, part.size);
		else if (is_text(part.data, shown))
			show_text(part.data, shown, indent);
		else
			show_bytes(part.data, shown, indent);
		if (part.data && shown < part.size)
			printf("%sand %" PRIu64 " bytes more\n", indent, part.size - shown);
	}
}
