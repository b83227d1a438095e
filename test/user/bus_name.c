/* SPDX-License-Identifier: BSD-2-Clause */
/* The message bus: names, activators, policy, custom endpoints. */
#include "bus.h"

#define NAME "com.example.service"

/* What LIST says of @id with @name (NULL: without one): its flags, or -1. */
static long listed(const struct conn *c, uint64_t list_flags, uint64_t id, const char *name)
{
	struct kdbus_cmd_list l = {.size = sizeof(l), .flags = list_flags};
	const struct kdbus_info *i;
	long found = -1;

	REQUIRE(!command(c->fd, KDBUS_CMD_LIST, &l));
	for (uint64_t at = 0; at < l.list_size; at += i->size) {
		const struct kdbus_item *it;

		i = (const void *)(c->pool + l.offset + at);
		it = i->size > sizeof(*i) ? i->items : NULL;
		if (i->id != id)
			continue;
		if (!name && !it)
			found = (long)i->flags;
		if (name && it && !strcmp(it->name.name, name))
			found = (long)it->name.flags;
	}
	if (l.list_size)
		CHECK_EQ(release_slice(c, l.offset), 0);
	return found;
}

#define LIST_ALL (KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES | KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED)

/* ---- the registry ---- */

TEST(names)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	static const char *const wrong[] = {".bla.blaz", "foo", "foo.bla.bl.*", "a..b", "a.b.",
					    "a.9b",	 "",	"a.b c"};
	char text[300] = "a.";
	uint64_t flags;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_EQ(acquire(&c, wrong[i], 0, NULL), -EINVAL);
		CHECK_EQ(release(&c, wrong[i]), -ESRCH);
	}
	memset(text + 2, 'b', 254);
	CHECK_EQ(acquire(&c, text, 0, NULL), -EINVAL);
	text[255] = 0;
	CHECK_EQ(acquire(&c, text, 0, NULL), 0);
	CHECK_EQ(acquire(&c, NAME, 0, &flags), 0);
	CHECK_EQ(flags, KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED);
	CHECK_EQ(acquire(&c, NAME, 0, &flags), 0);
	CHECK_EQ(flags, KDBUS_NAME_PRIMARY);
	CHECK_EQ(acquire(&d, NAME, 0, NULL), -EEXIST);
	CHECK_EQ(acquire(&d, NAME, KDBUS_NAME_REPLACE_EXISTING, NULL), -EEXIST);
	CHECK_EQ(release(&d, NAME), -EADDRINUSE);
	CHECK_EQ(listed(&d, KDBUS_LIST_NAMES, c.id, NAME), KDBUS_NAME_PRIMARY);
	CHECK_EQ(listed(&d, KDBUS_LIST_UNIQUE, c.id, NULL), KDBUS_HELLO_ACCEPT_FD);
	CHECK_EQ(release(&c, NAME), 0);
	CHECK_EQ(release(&c, NAME), -ESRCH);
	CHECK_EQ(acquire(&c, NAME, KDBUS_NAME_IN_QUEUE, NULL), -EINVAL);
}

TEST(queues_of_names)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b), e = join(&b);
	uint64_t flags;

	CHECK_EQ(acquire(&c, NAME, 0, NULL), 0);
	CHECK_EQ(acquire(&d, NAME, KDBUS_NAME_QUEUE, &flags), 0);
	CHECK(flags & KDBUS_NAME_IN_QUEUE && !(flags & KDBUS_NAME_PRIMARY));
	CHECK_EQ(listed(&c, LIST_ALL, c.id, NAME), KDBUS_NAME_PRIMARY);
	CHECK_EQ(listed(&c, LIST_ALL, d.id, NAME), KDBUS_NAME_QUEUE | KDBUS_NAME_IN_QUEUE);
	CHECK_EQ(acquire(&e, NAME, KDBUS_NAME_QUEUE | KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	CHECK_EQ(release(&c, NAME), 0);
	CHECK_EQ(listed(&c, LIST_ALL, d.id, NAME), KDBUS_NAME_PRIMARY | KDBUS_NAME_QUEUE);
	leave(&d);
	CHECK_EQ(send_to_name(&c, NAME, 8), 0);
	CHECK_EQ(take(&e), 8);
	/* Whoever allows it is replaced, and waits if he wanted to. */
	CHECK_EQ(acquire(&c, NAME, KDBUS_NAME_REPLACE_EXISTING, &flags), 0);
	CHECK(flags & KDBUS_NAME_ACQUIRED);
	CHECK_EQ(listed(&c, LIST_ALL, c.id, NAME), KDBUS_NAME_PRIMARY);
	CHECK(listed(&c, LIST_ALL, e.id, NAME) & KDBUS_NAME_IN_QUEUE);
	CHECK_EQ(release(&e, NAME), 0);
	CHECK_EQ(listed(&c, LIST_ALL, e.id, NAME), -1);
	CHECK_EQ(release(&c, NAME), 0);
	CHECK_EQ(send_to_name(&c, NAME, 8), -ESRCH);
}

TEST(as_many_names_as_there_may_be)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	char name[32];

	for (int i = 0; i < 257; i++) {
		snprintf(name, sizeof(name), "com.example.n%d", i);
		CHECK_EQ(acquire(&c, name, 0, NULL), i < 256 ? 0 : -E2BIG);
	}
	CHECK_EQ(bus_figure(&b, "connection", c.id, "names"), 256);
}

/* ---- activators ---- */

TEST(messages_wait_with_the_activator)
{
	struct bus b = bus_start();
	struct hello h = {.flags = KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_ACCEPT_FD, .name = NAME};
	struct conn c = join(&b), d = join(&b), act, other;
	struct pollfd p;
	struct words w;
	struct kdbus_msg *m;
	struct got g;
	static char big[20000];

	REQUIRE(!hello(b.path, &h, &act));
	CHECK_EQ(hello(b.path, &h, &other), -EEXIST);
	CHECK_EQ(listed(&c, LIST_ALL, act.id, NAME), KDBUS_NAME_ACTIVATOR | KDBUS_NAME_PRIMARY);
	CHECK_EQ(send_text(&c, act.id, 1, "x"), -ENXIO);
	m = msg_begin(&w, KDBUS_DST_ID_NAME, 1);
	m->flags = KDBUS_MSG_NO_AUTO_START;
	item_text(m, KDBUS_ITEM_DST_NAME, NAME);
	CHECK_EQ(send_msg(&c, m), -EADDRNOTAVAIL);
	CHECK_EQ(send_msg(&act, m), -EOPNOTSUPP);
	memset(big, 'b', sizeof(big) - 1);
	for (uint64_t i = 1; i <= 4; i++) {
		m = msg_begin(&w, KDBUS_DST_ID_NAME, i);
		item_text(m, KDBUS_ITEM_DST_NAME, NAME);
		msg_vec(m, big, sizeof(big));
		REQUIRE(!send_msg(&c, m));
	}
	p = (struct pollfd){.fd = act.fd, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 1);
	/* Whoever takes the name has them, in order and before what comes later. */
	CHECK_EQ(acquire(&d, NAME, 0, NULL), 0);
	CHECK_EQ(send_to_name(&c, NAME, 5), 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(bus_figure(&b, "quota", act.id, "messages"), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "messages"), 5);
	CHECK_EQ(take(&d), 1);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg->cookie, 2);
	CHECK(!memcmp(payload(g.msg), big, sizeof(big)));
	/* What he leaves goes back, but not what was for him. */
	CHECK_EQ(send_text(&c, d.id, 99, "to the id"), 0);
	CHECK_EQ(release(&d, NAME), 0);
	CHECK_EQ(take(&d), 99);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
	CHECK_EQ(bus_figure(&b, "quota", act.id, "messages"), 3);
	/* And to the next, who dies with them; the activator has them again. */
	other = join(&b);
	CHECK_EQ(acquire(&other, NAME, 0, NULL), 0);
	CHECK_EQ(take(&other), 3);
	leave(&other);
	CHECK_EQ(take(&act), 4);
	CHECK_EQ(take(&act), 5);
	CHECK_EQ(bus_figure(&b, "connection", act.id, "queued_bytes"), 0);
	/* The implementer keeps the name when the activator goes. */
	CHECK_EQ(acquire(&d, NAME, 0, NULL), 0);
	leave(&act);
	CHECK_EQ(send_to_name(&c, NAME, 6), 0);
	CHECK_EQ(take(&d), 6);
}

/* The answer to a call that waited is the implementer's to give. */
TEST(calls_wait_with_the_activator)
{
	struct bus b = bus_start();
	struct hello h = {.flags = KDBUS_HELLO_ACTIVATOR, .name = NAME};
	struct conn c = join(&b), d = join(&b), act;
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, KDBUS_DST_ID_NAME, 42);
	struct got g;

	REQUIRE(!hello(b.path, &h, &act));
	m->flags = KDBUS_MSG_EXPECT_REPLY;
	m->timeout_ns = mono_in_ms(60000);
	item_text(m, KDBUS_ITEM_DST_NAME, NAME);
	REQUIRE(!send_msg(&c, m));
	CHECK_EQ(acquire(&d, NAME, 0, NULL), 0);
	CHECK_EQ(take(&d), 42);
	m = msg_begin(&w, c.id, 1);
	m->cookie_reply = 42;
	CHECK_EQ(send_msg(&d, m), 0);
	REQUIRE(!receive(&c, &g));
	CHECK_EQ(g.msg->cookie_reply, 42);
}

/* What finds no room there is lost, and that is told. */
TEST(what_does_not_fit_is_counted)
{
	struct bus b = bus_start();
	struct hello h = {.flags = KDBUS_HELLO_ACTIVATOR, .name = NAME}, small = {.pool = 4096};
	struct conn c = join(&b), d, act;
	struct got g;
	int got = 0, err;

	REQUIRE(!hello(b.path, &h, &act));
	REQUIRE(!hello(b.path, &small, &d));
	for (int i = 0; i < 20; i++)
		REQUIRE(!send_to_name(&c, NAME, 1 + (uint64_t)i));
	CHECK_EQ(acquire(&d, NAME, 0, NULL), 0);
	err = receive(&d, &g);
	CHECK_EQ(err, 0);
	CHECK(g.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS);
	for (got = 1; take(&d) > 0; got++)
		;
	CHECK_EQ(got + (int)g.dropped, 20);
	CHECK(g.dropped > 0);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "lost"), (long)g.dropped);
}

/* ---- policy ---- */

static struct hello holder_of(const char *name, uint64_t type, uint64_t access, uint64_t id)
{
	return (struct hello){.flags = KDBUS_HELLO_POLICY_HOLDER,
			      .name = name,
			      .access = {{.type = type, .access = access, .id = id}},
			      .accesses = 1};
}

TEST(nobody_may_what_is_not_granted)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	struct hello monitor = {.flags = KDBUS_HELLO_MONITOR}, plain = {0};
	struct hello own =
		holder_of("com.example.own", KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, 65534);
	struct hello talk = holder_of(NAME, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	struct conn h1, h2;

	CHECK_EQ(acquire(&c, NAME, 0, NULL), 0);
	IN_CHILD_DO({
		struct conn n, n2;

		become_nobody();
		CHECK_EQ(hello(b.path, &monitor, &n), -EPERM);
		CHECK_EQ(hello(b.path, &own, &n), -EPERM);
		REQUIRE(!hello(b.path, &plain, &n) && !hello(b.path, &plain, &n2));
		CHECK_EQ(acquire(&n, "com.example.own", 0, NULL), -EPERM);
		CHECK_EQ(send_to_name(&n, NAME, 1), -EPERM);
		CHECK_EQ(send_text(&n, c.id, 1, NULL), -EPERM);
		CHECK_EQ(send_text(&n, n2.id, 1, NULL), 0); /* one's own */
		CHECK_EQ(send_text(&c, n.id, 1, NULL), 0);  /* the owner of the bus */
	});
	REQUIRE(!hello(b.path, &own, &h1) && !hello(b.path, &talk, &h2));
	CHECK_EQ(hello(b.path, &own, &(struct conn){0}), -EEXIST);
	IN_CHILD_DO({
		struct conn n;

		become_nobody();
		REQUIRE(!hello(b.path, &plain, &n));
		CHECK_EQ(acquire(&n, "com.example.own", 0, NULL), 0);
		CHECK_EQ(acquire(&n, "com.example.other", 0, NULL), -EPERM);
		CHECK_EQ(send_to_name(&n, NAME, 7), 0);
		CHECK_EQ(send_text(&n, c.id, 8, NULL), 0);
	});
	CHECK_EQ(take(&c), 7);
	CHECK_EQ(take(&c), 8);
	leave(&h2); /* and it is over at once */
	IN_CHILD_DO({
		struct conn n;

		become_nobody();
		REQUIRE(!hello(b.path, &plain, &n));
		CHECK_EQ(send_to_name(&n, NAME, 7), -EPERM);
	});
}

TEST(a_wildcard_is_one_level)
{
	struct bus b = bus_start();
	struct hello h = holder_of("com.example.*", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_OWN, 0);
	struct hello plain = {0};
	struct conn c;

	h.name = ".example.*";
	CHECK_EQ(hello(b.path, &h, &c), -EINVAL);
	h.name = "com.example.*";
	REQUIRE(!hello(b.path, &h, &c));
	CHECK_EQ(hello(b.path, &h, &(struct conn){0}), -EEXIST);
	IN_CHILD_DO({
		struct conn n;

		become_nobody();
		REQUIRE(!hello(b.path, &plain, &n));
		CHECK_EQ(acquire(&n, "com.example.x", 0, NULL), 0);
		CHECK_EQ(acquire(&n, "com.example.x.y", 0, NULL), -EPERM);
		CHECK_EQ(acquire(&n, "com.example", 0, NULL), -EPERM);
	});
}

/* A call lets its answer through, once. */
TEST(an_answer_needs_no_policy)
{
	struct bus b = bus_start();
	struct conn c = join(&b);
	struct hello plain = {0};
	int go[2], done[2];
	uint64_t id = 0;
	struct words w;
	struct kdbus_msg *m;
	char x;

	REQUIRE(!pipe(go) && !pipe(done));
	pid_t pid = fork();

	if (!pid) {
		struct conn n;
		struct pollfd p;

		test_failures = 0;
		become_nobody();
		REQUIRE(!hello(b.path, &plain, &n));
		REQUIRE(write(go[1], &n.id, sizeof(n.id)) == sizeof(n.id));
		p = (struct pollfd){.fd = n.fd, .events = POLLIN};
		REQUIRE(poll(&p, 1, 15000) == 1);
		CHECK_EQ(take(&n), 5);
		CHECK_EQ(send_text(&n, c.id, 1, NULL), -EPERM);
		m = msg_begin(&w, c.id, 2);
		m->cookie_reply = 5;
		CHECK_EQ(send_msg(&n, m), 0);
		CHECK_EQ(send_msg(&n, m), -EBADSLT);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	REQUIRE(read(go[0], &id, sizeof(id)) == sizeof(id));
	m = msg_begin(&w, id, 5);
	m->flags = KDBUS_MSG_EXPECT_REPLY;
	m->timeout_ns = mono_in_ms(60000);
	REQUIRE(!send_msg(&c, m));
	CHECK_EQ(join_child(pid), 0);
	CHECK_EQ(take(&c), 2);
	close(done[1]);
	CHECK_EQ(read(done[0], &x, 1), 0);
}

/* ---- custom endpoints ---- */

static int endpoint_make(const struct bus *b, const char *name, uint64_t flags, int *out)
{
	struct words w = {{0}};
	struct kdbus_cmd *c = (void *)&w;
	int fd = open(b->path, O_RDWR), err;

	REQUIRE(fd >= 0);
	c->size = sizeof(*c);
	c->flags = flags;
	item_text(c, KDBUS_ITEM_MAKE_NAME, name);
	err = command(fd, KDBUS_CMD_ENDPOINT_MAKE, c);
	if (err)
		close(fd);
	else
		*out = fd;
	return err;
}

static int endpoint_grant(int fd, const char *name, uint64_t access)
{
	struct kdbus_policy_access a = {.type = KDBUS_POLICY_ACCESS_WORLD, .access = access};
	struct words w = {{0}};
	struct kdbus_cmd *c = (void *)&w;

	c->size = sizeof(*c);
	if (name) {
		item_text(c, KDBUS_ITEM_NAME, name);
		item(c, KDBUS_ITEM_POLICY_ACCESS, &a, sizeof(a));
	}
	return command(fd, KDBUS_CMD_ENDPOINT_UPDATE, c);
}

static int info_of(const struct conn *c, uint64_t id, const char *name)
{
	struct words w = {{0}};
	struct kdbus_cmd_info *i = (void *)&w;

	i->size = sizeof(*i);
	i->id = id;
	if (name)
		item_text(i, KDBUS_ITEM_NAME, name);
	return command(c->fd, KDBUS_CMD_CONN_INFO, i);
}

TEST(custom_endpoints)
{
	struct bus b = bus_start();
	struct hello plain = {0}, monitor = {.flags = KDBUS_HELLO_MONITOR};
	struct conn c = join(&b), n;
	struct got g;
	char path[140];
	int ep;

	CHECK_EQ(endpoint_make(&b, "wrong", 0, &ep), -EINVAL);
	CHECK_EQ(endpoint_make(&b,
			       "0-345678901234567890123456789012345678901234567890123456789012345",
			       0, &ep),
		 -ENAMETOOLONG);
	REQUIRE(!endpoint_make(&b, "0-ep", KDBUS_MAKE_ACCESS_WORLD, &ep));
	CHECK_EQ(endpoint_make(&b, "0-ep", 0, &(int){0}), -EEXIST);
	snprintf(path, sizeof(path), BUS_ROOT "/0-test/0-ep");
	CHECK_EQ(acquire(&c, NAME, 0, NULL), 0);
	CHECK_EQ(hello(path, &monitor, &n), -EOPNOTSUPP);
	REQUIRE(!hello(path, &plain, &n));
	CHECK_EQ(match_id(&n, 1, KDBUS_ITEM_ID_ADD, ANY), 0);
	CHECK_EQ(match_name(&n, 2, KDBUS_ITEM_NAME_ADD, NULL), 0);
	/* Even the bus's owner is nobody here. */
	CHECK_EQ(send_to_name(&n, NAME, 1), -EPERM);
	CHECK_EQ(acquire(&n, "com.example.mine", 0, NULL), -EPERM);
	CHECK_EQ(info_of(&n, 0, NAME), -ESRCH);
	CHECK_EQ(info_of(&n, 0, "com.example.bogus"), -ESRCH);
	CHECK_EQ(info_of(&n, c.id, NULL), -ENXIO);
	CHECK_EQ(info_of(&n, 9999, NULL), -ENXIO);
	CHECK_EQ(listed(&n, LIST_ALL, c.id, NAME), -1);
	CHECK_EQ(acquire(&c, "com.example.hidden", 0, NULL), 0);
	CHECK_EQ(receive(&n, &g), -EAGAIN);
	CHECK_EQ(endpoint_grant(ep, NAME, KDBUS_POLICY_SEE), 0);
	CHECK_EQ(info_of(&n, 0, NAME), 0);
	CHECK_EQ(info_of(&n, c.id, NULL), 0);
	CHECK_EQ(listed(&n, LIST_ALL, c.id, NAME), KDBUS_NAME_PRIMARY);
	CHECK_EQ(send_to_name(&n, NAME, 1), -EPERM);
	CHECK_EQ(release(&c, NAME), 0);
	CHECK_EQ(acquire(&c, NAME, 0, NULL), 0);
	CHECK_EQ(take(&n), 0);
	CHECK_EQ(receive(&n, &g), -EAGAIN);
	CHECK_EQ(endpoint_grant(ep, NAME, KDBUS_POLICY_TALK), 0);
	CHECK_EQ(send_to_name(&n, NAME, 3), 0);
	CHECK_EQ(take(&c), 3);
	CHECK_EQ(endpoint_grant(ep, NULL, 0), 0); /* replaced by nothing */
	CHECK_EQ(send_to_name(&n, NAME, 3), -EPERM);
	CHECK_EQ(simple(ep, KDBUS_CMD_RECV), -EBADFD);
	IN_CHILD_DO({
		struct conn u;

		become_nobody();
		CHECK_EQ(endpoint_make(&b, "65534-ep", 0, &(int){0}), -EPERM);
		CHECK_EQ(hello(path, &plain, &u), 0);
	});
	close(ep);
	CHECK_ERR(access(path, F_OK), ENOENT);
	CHECK_EQ(send_text(&n, c.id, 1, NULL), -ESHUTDOWN);
}

int main(void)
{
	return bus_main();
}
