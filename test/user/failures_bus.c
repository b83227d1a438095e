/* SPDX-License-Identifier: BSD-2-Clause */
/* Failing allocations in calls on the message bus. */
#include "failures.h"
#include "bus.h"

static struct bus bus;
/* Connections that stay, for calls between two. */
static struct conn one, two;

#define PASS(err)                  \
	do {                       \
		int e_ = (err);    \
		if (e_)            \
			return e_; \
	} while (0)

static int do_mount_bus(void)
{
	TRY(mount("kdbusfs", "d.m", "kdbusfs", 0, NULL));
	return 0;
}

static int do_make_bus(void)
{
	int fd = open(BUS_ROOT "/control", O_RDWR | O_CLOEXEC);

	TRY(fd);
	PASS(bus_make(fd, "0-failing", KDBUS_MAKE_ACCESS_WORLD));
	close(fd);
	return 0;
}

static int do_endpoint(void)
{
	struct kdbus_policy_access a = {.type = KDBUS_POLICY_ACCESS_WORLD};
	struct words w = {{0}};
	struct kdbus_cmd *c = (void *)&w;
	int fd = open(bus.path, O_RDWR | O_CLOEXEC);

	TRY(fd);
	c->size = sizeof(*c);
	item_text(c, KDBUS_ITEM_MAKE_NAME, "0-ep");
	PASS(command(fd, KDBUS_CMD_ENDPOINT_MAKE, c));
	memset(&w, 0, sizeof(w));
	c->size = sizeof(*c);
	item_text(c, KDBUS_ITEM_NAME, "com.example.a");
	item(c, KDBUS_ITEM_POLICY_ACCESS, &a, sizeof(a));
	return command(fd, KDBUS_CMD_ENDPOINT_UPDATE, c);
}

static int hello_close(const struct hello *h)
{
	struct conn c;

	PASS(hello_plain(bus.path, h, &c));
	close(c.fd);
	return 0;
}

static int do_hello(void)
{
	struct hello h = {.send = _KDBUS_ATTACH_ALL, .description = "failing"};

	return hello_close(&h);
}

static int do_activator(void)
{
	struct hello h = {.flags = KDBUS_HELLO_ACTIVATOR,
			  .name = "com.example.activator",
			  .access = {{.type = KDBUS_POLICY_ACCESS_WORLD}},
			  .accesses = 1};

	return hello_close(&h);
}

static int do_names(void)
{
	(void)release(&one, "com.example.failing");
	(void)release(&two, "com.example.failing");
	PASS(acquire(&one, "com.example.failing", KDBUS_NAME_ALLOW_REPLACEMENT, NULL));
	PASS(acquire(&two, "com.example.failing", KDBUS_NAME_REPLACE_EXISTING, NULL));
	return 0;
}

static int do_matches(void)
{
	uint64_t mask[BLOOM_SIZE / 8] = {5};
	struct words w;
	struct kdbus_cmd_match *m = match_begin(&w, 5);

	item(m, KDBUS_ITEM_BLOOM_MASK, mask, sizeof(mask));
	item_text(m, KDBUS_ITEM_NAME, "com.example.failing");
	PASS(match_add(&one, m));
	PASS(match_name(&one, 5, KDBUS_ITEM_NAME_ADD, "com.example.failing"));
	return match_remove(&one, 5);
}

/* What is in the queues goes, whatever was sent. */
static void empty(const struct conn *c)
{
	struct got g;

	while (!receive_how(c, KDBUS_RECV_DROP, 0, &g))
		;
}

static int receive_free(const struct conn *c)
{
	struct got g;

	PASS(receive(c, &g));
	return release_slice(c, g.offset);
}

static int do_send(void)
{
	static char big[9000];
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, two.id, 1);
	int fd = 0;

	msg_vec(m, big, sizeof(big));
	item(m, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	PASS(send_msg(&one, m));
	return receive_free(&two);
}

static int do_call(void)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, two.id, 7);

	m->flags = KDBUS_MSG_EXPECT_REPLY;
	m->timeout_ns = mono_in_ms(60000);
	PASS(send_msg(&one, m));
	PASS(receive_free(&two));
	m = msg_begin(&w, one.id, 8);
	m->cookie_reply = 7;
	PASS(send_msg(&two, m));
	return receive_free(&one);
}

/* What one receiver misses is counted, and is no error of the sender's. */
static int do_broadcast(void)
{
	struct got g;
	int err;

	PASS(broadcast(&one, NULL, 0, 1, "to all"));
	err = receive(&two, &g);
	return err == -EAGAIN && g.dropped ? -ENOMEM : err;
}

static int do_look(void)
{
	struct kdbus_cmd_list l = {.size = sizeof(l), .flags = KDBUS_LIST_UNIQUE};
	struct kdbus_cmd_info i = {
		.size = sizeof(i), .id = two.id, .attach_flags = _KDBUS_ATTACH_ALL};

	PASS(command(one.fd, KDBUS_CMD_LIST, &l));
	PASS(release_slice(&one, l.offset));
	PASS(command(one.fd, KDBUS_CMD_CONN_INFO, &i));
	PASS(release_slice(&one, i.offset));
	return bus_figure(&bus, "connection", one.id, "queued") < 0 ? -ENOMEM : 0;
}

/* The calls leave nothing, also where they were cut short. */
static void check_clean(void)
{
	empty(&one);
	empty(&two);
	CHECK_EQ(bus_figure(&bus, "connection", one.id, "queued_bytes"), 0);
	CHECK_EQ(bus_figure(&bus, "connection", two.id, "queued_bytes"), 0);
	CHECK_EQ(bus_figure(&bus, "connection", one.id, "inflight"), 0);
	CHECK_EQ(bus_figure(&bus, "connection", two.id, "inflight"), 0);
}

TEST(buses)
{
	SWEEP({"mount", do_mount_bus, 0, 0}, {"make bus", do_make_bus, 0, 0},
	      {"endpoint", do_endpoint, 0, 0});
}

TEST(connections)
{
	SWEEP({"hello", do_hello, 0, 0}, {"activator", do_activator, 0, 0},
	      {"names", do_names, 0, 0}, {"matches", do_matches, 0, 0});
	check_clean();
}

TEST(messages)
{
	SWEEP({"send", do_send, IN_CHILD, EAGAIN}, {"call", do_call, IN_CHILD, EAGAIN},
	      {"look", do_look, IN_CHILD, 0});
	check_clean();
	REQUIRE(!match_all(&two, 1));
	SWEEP({"broadcast", do_broadcast, IN_CHILD, EAGAIN});
	check_clean();
}

int main(int argc, char **argv)
{
	if (!bus_known())
		return 0;
	bus = bus_start();
	one = join(&bus);
	two = join(&bus);
	return failures_main(argc, argv);
}
