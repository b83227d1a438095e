/* SPDX-License-Identifier: BSD-2-Clause */
/* The message bus: broadcasts, matches, notifications, monitors, metadata. */
#include "bus.h"
#include <sys/prctl.h>

#define WORDS (BLOOM_SIZE / 8)

static int match_bloom(const struct conn *c, uint64_t cookie, const uint64_t *masks, size_t bytes)
{
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, cookie);

	item(m, KDBUS_ITEM_BLOOM_MASK, masks, bytes);
	return match_add(c, m);
}

/* ---- broadcasts ---- */

TEST(who_has_a_match_gets_it)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b), e = join(&b);
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, 3);
	struct got g;

	CHECK_EQ(match_all(&d, 1), 0);
	CHECK_EQ(match_all(&d, 2), 0); /* one copy all the same */
	item_u64(m, KDBUS_ITEM_ID, c.id);
	CHECK_EQ(match_add(&c, m), 0);
	CHECK_EQ(broadcast(&c, NULL, 0, 9, "to all"), 0);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg->dst_id, KDBUS_DST_ID_BROADCAST);
	CHECK_EQ(g.msg->flags, KDBUS_MSG_SIGNAL);
	CHECK(!strcmp(payload(g.msg), "to all"));
	CHECK_EQ(receive(&d, &g), -EAGAIN);
	CHECK_EQ(take(&c), 9); /* one's own */
	CHECK_EQ(receive(&e, &g), -EAGAIN);
	CHECK_EQ(match_remove(&c, 3), 0);
	CHECK_EQ(match_remove(&c, 3), -EBADSLT);
	CHECK_EQ(broadcast(&c, NULL, 0, 10, NULL), 0);
	CHECK_EQ(receive(&c, &g), -EAGAIN);
	CHECK_EQ(take(&d), 10);
}

TEST(large_broadcasts)
{
	struct bus b = bus_start();
	struct hello h = {.pool = 16u << 20};
	static char big[1u << 20];
	struct conn c = join(&b), d[4];
	uint64_t f[1 + WORDS] = {0};
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	struct got g;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 11 >> 4);
	for (int i = 0; i < 4; i++)
		REQUIRE(!hello(b.path, &h, &d[i]));
	/* Last, as it matches what the kernel tells too. */
	for (int i = 0; i < 4; i++)
		CHECK_EQ(match_all(&d[i], 1), 0);
	m->flags = KDBUS_MSG_SIGNAL;
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, sizeof(f));
	msg_vec(m, big, sizeof(big));
	CHECK_EQ(send_msg(&c, m), 0);
	memset(big, 0, sizeof(big)); /* it was taken when it was sent */
	for (int i = 0; i < 4; i++) {
		REQUIRE(!receive(&d[i], &g));
		CHECK_EQ(payload(g.msg)[12345], (char)(12345 * 11 >> 4));
		CHECK_EQ(payload(g.msg)[sizeof(big) - 1], (char)((sizeof(big) - 1) * 11 >> 4));
	}
	m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	m->flags = KDBUS_MSG_SIGNAL;
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, sizeof(f));
	msg_vec(m, (void *)4096, 64);
	CHECK_EQ(send_msg(&c, m), -EFAULT);
	CHECK_EQ(receive(&d[0], &g), -EAGAIN);
}

TEST(what_a_broadcast_may_not_have)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	uint64_t f[2 + WORDS] = {0};
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	int fd = 0;

	item(m, KDBUS_ITEM_BLOOM_FILTER, f, 8 + BLOOM_SIZE);
	CHECK_EQ(send_msg(&c, m), -EBADMSG);
	m->flags = KDBUS_MSG_SIGNAL;
	m->timeout_ns = 1;
	CHECK_EQ(send_msg(&c, m), -ENOTUNIQ);
	m->flags |= KDBUS_MSG_EXPECT_REPLY;
	CHECK_EQ(send_msg(&c, m), -ENOTUNIQ);
	m->flags = KDBUS_MSG_SIGNAL;
	m->timeout_ns = 0;
	item(m, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	CHECK_EQ(send_msg(&c, m), -ENOTUNIQ);
	m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	m->flags = KDBUS_MSG_SIGNAL;
	CHECK_EQ(send_msg(&c, m), -EBADMSG);
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, 16 + BLOOM_SIZE);
	CHECK_EQ(send_msg(&c, m), -EDOM);
	m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	m->flags = KDBUS_MSG_SIGNAL;
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, 12);
	CHECK_EQ(send_msg(&c, m), -EFAULT);
	m = msg_begin(&w, KDBUS_DST_ID_BROADCAST, 1);
	m->flags = KDBUS_MSG_SIGNAL;
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, 8 + BLOOM_SIZE);
	item_text(m, KDBUS_ITEM_DST_NAME, "com.example.x");
	CHECK_EQ(send_msg(&c, m), -EBADMSG);
	/* A filter is for signals. */
	m = msg_begin(&w, c.id, 1);
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, 8 + BLOOM_SIZE);
	CHECK_EQ(send_msg(&c, m), -EBADMSG);
}

/* To one, but as a broadcast: unwanted it is dropped, and that is no error. */
TEST(signals_to_one)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	uint64_t f[1 + WORDS] = {0};
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, d.id, 4);
	struct got g;

	m->flags = KDBUS_MSG_SIGNAL;
	item(m, KDBUS_ITEM_BLOOM_FILTER, f, sizeof(f));
	CHECK_EQ(send_msg(&c, m), 0);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
	CHECK_EQ(match_all(&d, 1), 0);
	CHECK_EQ(send_msg(&c, m), 0); /* items were not touched: sent again */
	CHECK_EQ(take(&d), 4);
}

TEST(bloom_filters)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	uint64_t masks[2 * WORDS] = {0}, filter[WORDS] = {0}, none[WORDS] = {0};
	struct got g;

	masks[0] = 0x55;
	masks[WORDS - 1] = 1ull << 63;
	masks[WORDS] = 0x80;
	CHECK_EQ(match_bloom(&d, 1, masks, BLOOM_SIZE - 8), -EDOM);
	CHECK_EQ(match_bloom(&d, 1, masks, BLOOM_SIZE + 8), -EDOM);
	CHECK_EQ(match_bloom(&d, 1, masks, sizeof(masks)), 0);
	CHECK_EQ(broadcast(&c, none, 0, 1, NULL), 0);
	memcpy(filter, masks, BLOOM_SIZE);
	filter[0] &= ~1ull;
	CHECK_EQ(broadcast(&c, filter, 0, 2, NULL), 0);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
	memcpy(filter, masks, BLOOM_SIZE);
	CHECK_EQ(broadcast(&c, filter, 0, 3, NULL), 0);
	CHECK_EQ(take(&d), 3);
	memset(filter, 0xff, BLOOM_SIZE);
	CHECK_EQ(broadcast(&c, filter, 0, 4, NULL), 0);
	CHECK_EQ(take(&d), 4);
	/* The second generation, and all that come after the last. */
	memset(filter, 0, BLOOM_SIZE);
	filter[0] = 0x80;
	CHECK_EQ(broadcast(&c, filter, 0, 5, NULL), 0);
	CHECK_EQ(broadcast(&c, filter, 1, 6, NULL), 0);
	CHECK_EQ(take(&d), 6);
	CHECK_EQ(broadcast(&c, filter, 1000, 7, NULL), 0);
	CHECK_EQ(take(&d), 7);
}

TEST(replaced_in_one_step)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, 5);
	struct got g;

	CHECK_EQ(match_all(&d, 5), 0);
	CHECK_EQ(match_all(&d, 5), 0);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "matches"), 2);
	m->flags = KDBUS_MATCH_REPLACE;
	item_u64(m, KDBUS_ITEM_ID, 9999);
	CHECK_EQ(match_add(&d, m), 0);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "matches"), 1);
	CHECK_EQ(broadcast(&c, NULL, 0, 1, NULL), 0);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
}

TEST(as_many_matches_as_there_may_be)
{
	struct bus b = bus_start();
	struct conn c = join(&b);

	for (uint64_t i = 0; i < 4096; i++)
		REQUIRE(!match_id(&c, i, KDBUS_ITEM_ID_ADD, 100000 + i));
	CHECK_EQ(match_all(&c, 4096), -EMFILE);
	CHECK_EQ(match_remove(&c, 77), 0);
	CHECK_EQ(match_all(&c, 4096), 0);
}

/* A queue that is full loses signals, and says how many. */
TEST(losses_are_counted)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct pollfd p = {.fd = d.fd, .events = POLLIN};
	struct got g;

	CHECK_EQ(match_all(&d, 1), 0);
	for (int i = 0; i < 260; i++)
		CHECK_EQ(broadcast(&c, NULL, 0, 1, NULL), 0);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "lost"), 4);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.dropped, 4);
	CHECK(g.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS);
	CHECK_EQ(release_slice(&d, g.offset), 0);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.dropped, 0);
	for (int i = 0; i < 254; i++)
		CHECK_EQ(take(&d), 1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "bytes"), 0);
}

/* ---- what the kernel tells ---- */

TEST(connections_come_and_go)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d;
	struct got g;

	CHECK_EQ(match_id(&c, 1, KDBUS_ITEM_ID_ADD, ANY), 0);
	CHECK_EQ(match_id(&c, 2, KDBUS_ITEM_ID_REMOVE, ANY), 0);
	d = join(&b);
	REQUIRE(!receive(&c, &g));
	CHECK_EQ(g.msg->src_id, KDBUS_SRC_ID_KERNEL);
	CHECK_EQ(g.msg->payload_type, KDBUS_PAYLOAD_KERNEL);
	CHECK_EQ(g.msg->items[0].type, KDBUS_ITEM_ID_ADD);
	CHECK_EQ(g.msg->items[0].id_change.id, d.id);
	CHECK_EQ(g.msg->items[0].id_change.flags, KDBUS_HELLO_ACCEPT_FD);
	CHECK(find_item(g.msg, KDBUS_ITEM_TIMESTAMP) != NULL);
	leave(&d);
	REQUIRE(!receive(&c, &g));
	CHECK_EQ(g.msg->items[0].type, KDBUS_ITEM_ID_REMOVE);
	CHECK_EQ(g.msg->items[0].id_change.id, d.id);
	CHECK_EQ(receive(&c, &g), -EAGAIN);
}

static void check_name(const struct conn *c, uint64_t type, uint64_t old_id, uint64_t new_id)
{
	const struct kdbus_item *i;
	struct got g;

	REQUIRE(!receive(c, &g));
	i = g.msg->items;
	CHECK_EQ(i->type, type);
	CHECK_EQ(i->name_change.old_id.id, old_id);
	CHECK_EQ(i->name_change.new_id.id, new_id);
	CHECK(!strcmp(i->name_change.name, "com.example.a"));
}

TEST(names_come_and_go)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b), e = join(&b);
	struct got g;

	CHECK_EQ(match_name(&c, 1, KDBUS_ITEM_NAME_ADD, "com.example.a"), 0);
	CHECK_EQ(match_name(&c, 2, KDBUS_ITEM_NAME_REMOVE, NULL), 0);
	CHECK_EQ(match_name(&c, 3, KDBUS_ITEM_NAME_CHANGE, "com.example.a"), 0);
	CHECK_EQ(acquire(&d, "com.example.b", 0, NULL), 0);
	CHECK_EQ(acquire(&d, "com.example.a", KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	check_name(&c, KDBUS_ITEM_NAME_ADD, 0, d.id);
	CHECK_EQ(acquire(&e, "com.example.a", KDBUS_NAME_REPLACE_EXISTING, NULL), 0);
	check_name(&c, KDBUS_ITEM_NAME_CHANGE, d.id, e.id);
	leave(&e);
	check_name(&c, KDBUS_ITEM_NAME_REMOVE, e.id, 0);
	CHECK_EQ(receive(&c, &g), -EAGAIN);
}

/* Of its own account: a user's messages still enter when it is full. */
TEST(notifications_have_an_account_of_their_own)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d;
	struct got g;

	CHECK_EQ(match_id(&c, 1, KDBUS_ITEM_ID_ADD, ANY), 0);
	CHECK_EQ(match_id(&c, 2, KDBUS_ITEM_ID_REMOVE, ANY), 0);
	for (int i = 0; i < 128; i++) {
		d = join(&b);
		leave(&d);
	}
	CHECK_EQ(send_text(&c, c.id, 5, NULL), 0);
	d = join(&b);
	leave(&d);
	d = join(&b);
	REQUIRE(!receive(&c, &g));
	CHECK_EQ(g.dropped, 3);
}

/* ---- monitors ---- */

TEST(monitors_see_all_and_are_not_seen)
{
	struct bus b = bus_start();
	struct hello h = {.flags = KDBUS_HELLO_MONITOR, .recv = KDBUS_ATTACH_TIMESTAMP};
	struct conn c = join(&b), d = join(&b), m;
	struct kdbus_cmd_list l = {.size = sizeof(l), .flags = KDBUS_LIST_UNIQUE};
	int fd = 0;
	struct words w;
	struct kdbus_msg *msg;
	struct got g;

	CHECK_EQ(match_id(&c, 1, KDBUS_ITEM_ID_ADD, ANY), 0);
	REQUIRE(!hello(b.path, &h, &m));
	CHECK_EQ(receive(&c, &g), -EAGAIN);
	CHECK_EQ(acquire(&m, "com.example.m", 0, NULL), -EOPNOTSUPP);
	CHECK_EQ(match_all(&m, 1), -EOPNOTSUPP);
	CHECK_EQ(send_text(&m, c.id, 1, NULL), -EOPNOTSUPP);
	CHECK_EQ(send_text(&c, m.id, 1, NULL), -ENXIO);
	CHECK_EQ(command(c.fd, KDBUS_CMD_LIST, &l), 0);
	CHECK_EQ(l.list_size, 2 * sizeof(struct kdbus_info));
	CHECK_EQ(send_text(&c, d.id, 7, "overheard"), 0);
	CHECK_EQ(broadcast(&c, NULL, 0, 8, "as well"), 0);
	msg = msg_begin(&w, d.id, 9);
	item(msg, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	CHECK_EQ(send_msg(&c, msg), 0);
	REQUIRE(!receive(&m, &g));
	CHECK(g.msg->cookie == 7 && !strcmp(payload(g.msg), "overheard"));
	CHECK(find_item(g.msg, KDBUS_ITEM_TIMESTAMP) && !find_item(g.msg, KDBUS_ITEM_CREDS));
	CHECK_EQ(take(&m), 8);
	REQUIRE(!receive(&m, &g));
	CHECK_EQ(find_item(g.msg, KDBUS_ITEM_FDS)->fds[0], -1);
	REQUIRE(!receive(&d, &g));
	CHECK(g.msg->cookie == 7 && !strcmp(payload(g.msg), "overheard"));
	CHECK_EQ(take(&d), 9);
}

/* ---- metadata ---- */

TEST(what_is_told_of_the_sender)
{
	struct bus b = bus_start();
	struct hello all = {.recv = _KDBUS_ATTACH_ALL}, some = {.recv = KDBUS_ATTACH_PIDS},
		     sender = {.send = _KDBUS_ATTACH_ALL, .description = "the-sender"};
	struct conn c, d, e;
	const struct kdbus_item *i;
	struct got g;

	REQUIRE(!hello(b.path, &sender, &c) && !hello(b.path, &all, &d) &&
		!hello(b.path, &some, &e));
	prctl(PR_SET_NAME, "teller");
	CHECK_EQ(acquire(&c, "com.example.a", 0, NULL), 0);
	CHECK_EQ(acquire(&c, "com.example.b", 0, NULL), 0);
	CHECK_EQ(match_all(&d, 1), 0);
	CHECK_EQ(match_all(&e, 1), 0);
	CHECK_EQ(broadcast(&c, NULL, 0, 8, "payload behind it"), 0);
	REQUIRE(!receive(&d, &g));
	CHECK(!strcmp(payload(g.msg), "payload behind it"));
	CHECK_EQ(count_items(g.msg, KDBUS_ITEM_OWNED_NAME), 2);
	i = find_item(g.msg, KDBUS_ITEM_CREDS);
	CHECK(i && i->creds.uid == getuid() && i->creds.fsgid == getgid());
	i = find_item(g.msg, KDBUS_ITEM_PIDS);
	CHECK(i && i->pids.pid == (uint64_t)getpid() && i->pids.tid == (uint64_t)getpid());
	i = find_item(g.msg, KDBUS_ITEM_TID_COMM);
	CHECK(i && !strcmp(i->str, "teller"));
	i = find_item(g.msg, KDBUS_ITEM_CONN_DESCRIPTION);
	CHECK(i && !strcmp(i->str, "the-sender"));
	CHECK(find_item(g.msg, KDBUS_ITEM_CMDLINE) && find_item(g.msg, KDBUS_ITEM_CAPS));
	i = find_item(g.msg, KDBUS_ITEM_TIMESTAMP);
	CHECK(i && i->timestamp.seqnum && i->timestamp.monotonic_ns <= mono_in_ms(0));
	REQUIRE(!receive(&e, &g));
	CHECK(!strcmp(payload(g.msg), "payload behind it"));
	CHECK(find_item(g.msg, KDBUS_ITEM_PIDS) && !find_item(g.msg, KDBUS_ITEM_CREDS));
	CHECK(!find_item(g.msg, KDBUS_ITEM_OWNED_NAME));
}

int main(void)
{
	return bus_main();
}
