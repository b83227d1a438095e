/* SPDX-License-Identifier: BSD-2-Clause */
/* The message bus: messages from one to one, payload, descriptors, answers, quotas. */
#include "bus.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static int sealed_file(const char *text, int seals)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	REQUIRE(!fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

/* ---- what arrives ---- */

TEST(a_message_arrives_as_it_was_sent)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct pollfd p = {.fd = d.fd, .events = POLLIN};
	struct got g;

	CHECK_EQ(receive(&d, &g), -EAGAIN);
	CHECK_EQ(g.offset, POOL_SIZE);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(send_text(&c, d.id, 0x1234, "some words"), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg->src_id, c.id);
	CHECK_EQ(g.msg->dst_id, d.id);
	CHECK_EQ(g.msg->cookie, 0x1234);
	CHECK_EQ(g.msg->payload_type, KDBUS_PAYLOAD_DBUS);
	CHECK_EQ(find_item(g.msg, KDBUS_ITEM_PAYLOAD_OFF)->vec.size, 11);
	CHECK(!strcmp(payload(g.msg), "some words"));
	CHECK_EQ(release_slice(&d, g.offset), 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "messages"), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "bytes"), 0);
}

TEST(payload_in_parts)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	int fd = sealed_file("0123456789", SEALS);
	struct kdbus_memfd mem = {.start = 2, .size = 5, .fd = fd};
	const struct kdbus_item *i;
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, d.id, 1);
	struct got g;
	char buf[5];

	msg_vec(m, "abc", 3);
	msg_vec(m, NULL, 13); /* zeroes, of which nothing is stored but what keeps the order */
	msg_vec(m, "defgh", 5);
	item(m, KDBUS_ITEM_PAYLOAD_MEMFD, &mem, sizeof(mem));
	msg_vec(m, "ijklmnop", 8);
	REQUIRE(!send_msg(&c, m));
	close(fd);
	REQUIRE(!receive(&d, &g));
	i = g.msg->items;
	CHECK(i->type == KDBUS_ITEM_PAYLOAD_OFF && i->vec.size == 3);
	CHECK(!memcmp((const char *)g.msg + i->vec.offset, "abc", 3));
	i = (const void *)((const char *)i + ALIGN8(i->size));
	CHECK(i->type == KDBUS_ITEM_PAYLOAD_OFF && i->vec.size == 13 && i->vec.offset == ANY);
	i = (const void *)((const char *)i + ALIGN8(i->size));
	CHECK(!memcmp((const char *)g.msg + i->vec.offset, "defgh", 5));
	i = (const void *)((const char *)i + ALIGN8(i->size));
	REQUIRE(i->type == KDBUS_ITEM_PAYLOAD_MEMFD && i->memfd.fd >= 0);
	CHECK(i->memfd.start == 2 && i->memfd.size == 5);
	CHECK_EQ(pread(i->memfd.fd, buf, 5, 2), 5);
	CHECK(!memcmp(buf, "23456", 5));
	CHECK_EQ(fcntl(i->memfd.fd, F_GETFD), FD_CLOEXEC);
	i = (const void *)((const char *)i + ALIGN8(i->size));
	CHECK(!memcmp((const char *)g.msg + i->vec.offset, "ijklmnop", 8));
	CHECK_EQ(i->vec.offset & 7, 0); /* behind a memory file payload begins anew */
}

TEST(large_payload)
{
	struct bus b = bus_start();
	struct hello h = {.pool = 16u << 20};
	struct conn c = join(&b), d;
	static char big[2u << 20];
	struct words w;
	struct kdbus_msg *m;
	struct got g;

	REQUIRE(!hello(b.path, &h, &d));
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 >> 3);
	m = msg_begin(&w, d.id, 1);
	msg_vec(m, big, sizeof(big));
	REQUIRE(!send_msg(&c, m));
	REQUIRE(!receive(&d, &g));
	CHECK(!memcmp(payload(g.msg), big, sizeof(big)));
	m = msg_begin(&w, d.id, 1);
	msg_vec(m, big, sizeof(big) + 1);
	CHECK_EQ(send_msg(&c, m), -EMSGSIZE);
	/* In all, not each. */
	m = msg_begin(&w, d.id, 1);
	msg_vec(m, big, sizeof(big));
	msg_vec(m, big, 1);
	CHECK_EQ(send_msg(&c, m), -EMSGSIZE);
	m = msg_begin(&w, d.id, 1);
	msg_vec(m, big, ANY - 7);
	CHECK_EQ(send_msg(&c, m), -EMSGSIZE);
}

TEST(order_and_priority)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	static const int64_t prio[] = {25, -600, 10, -35, -100, 20, -15, -800, -150, 10, -800, 10};
	struct got g;

	for (int i = 0; i < 12; i++) {
		struct words w;
		struct kdbus_msg *m = msg_begin(&w, d.id, 100 + (uint64_t)i);

		m->priority = prio[i];
		REQUIRE(!send_msg(&c, m));
	}
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY, -801, &g), -EAGAIN);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY, -200, &g), 0);
	CHECK_EQ(g.msg->cookie, 107);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY, -200, &g), 0);
	CHECK_EQ(g.msg->cookie, 110);
	CHECK_EQ(take(&d), 100); /* without the flag in order */
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY, 0, &g), 0);
	CHECK_EQ(g.msg->cookie, 101);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY | KDBUS_RECV_DROP, 0, &g), -EINVAL);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_DROP, 0, &g), 0); /* 102 */
	CHECK_EQ(take(&d), 103);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_USE_PRIORITY, INT64_MAX, &g), 0);
	CHECK_EQ(g.msg->cookie, 108);
	for (int i = 0; i < 5; i++)
		CHECK(take(&d) > 0);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
}

TEST(where_to)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, d.id, 1);

	CHECK_EQ(send_text(&c, 9999, 1, "x"), -ENXIO);
	CHECK_EQ(send_to_name(&c, "com.example.none", 1), -ESRCH);
	CHECK_EQ(send_text(&c, KDBUS_DST_ID_NAME, 1, "x"), -EDESTADDRREQ);
	REQUIRE(!acquire(&d, "com.example.name", 0, NULL));
	CHECK_EQ(send_to_name(&c, "com.example.name", 3), 0);
	CHECK_EQ(take(&d), 3);
	m->src_id = d.id;
	CHECK_EQ(send_msg(&c, m), -EINVAL);
	m = msg_begin(&w, c.id, 1);
	item_text(m, KDBUS_ITEM_DST_NAME, "com.example.name");
	CHECK_EQ(send_msg(&c, m), -EREMCHG);
	m->dst_id = d.id;
	CHECK_EQ(send_msg(&c, m), 0);
	item_text(m, KDBUS_ITEM_DST_NAME, "com.example.name");
	CHECK_EQ(send_msg(&c, m), -EINVAL);
	m = msg_begin(&w, d.id, 1);
	m->payload_type = KDBUS_PAYLOAD_KERNEL;
	CHECK_EQ(send_msg(&c, m), -EINVAL);
	CHECK_EQ(send_text(&c, KDBUS_DST_ID_BROADCAST, 1, NULL), -EBADMSG);
}

/* ---- descriptors ---- */

static int send_fds(const struct conn *c, uint64_t to, const int *fds, int n)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, to, 1);

	item(m, KDBUS_ITEM_FDS, fds, (size_t)n * sizeof(int));
	return send_msg(c, m);
}

TEST(descriptors)
{
	struct bus b = bus_start();
	struct hello plain = {0};
	struct conn c = join(&b), d = join(&b), e;
	int fds[20], p[2], s[2], q[2];
	struct got g;
	const int *in;
	char x;

	REQUIRE(!hello(b.path, &plain, &e));
	REQUIRE(!pipe(p) && !pipe(q) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(send_fds(&c, d.id, (int[]){c.fd}, 1), -EOPNOTSUPP);
	CHECK_EQ(send_fds(&c, d.id, (int[]){p[0], b.control}, 2), -EOPNOTSUPP);
	CHECK_EQ(send_fds(&c, d.id, s, 2), -EOPNOTSUPP);
	CHECK_EQ(send_fds(&c, d.id, (int[]){-1}, 1), -EBADF);
	CHECK_EQ(send_fds(&c, d.id, (int[]){999}, 1), -EBADF);
	CHECK_EQ(send_fds(&c, e.id, p, 2), -ECOMM);
	s[0] = open("/", O_PATH);
	CHECK_EQ(send_fds(&c, d.id, (int[]){p[0], s[0], p[1]}, 3), 0);
	close(p[0]);
	close(p[1]);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg_flags, 0);
	in = find_item(g.msg, KDBUS_ITEM_FDS)->fds;
	CHECK_EQ(write(in[2], "y", 1), 1);
	CHECK_EQ(read(in[0], &x, 1), 1);
	CHECK_EQ(x, 'y');
	CHECK_EQ(fcntl(in[0], F_GETFD), FD_CLOEXEC);
	/* Of one user 16 at a time are on their way to one connection. */
	for (int i = 0; i < 20; i++)
		fds[i] = q[0];
	CHECK_EQ(send_fds(&c, d.id, fds, 17), -EMFILE);
	CHECK_EQ(send_fds(&c, d.id, fds, 12), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "fds"), 12);
	CHECK_EQ(send_fds(&c, d.id, fds, 5), -EMFILE);
	CHECK_EQ(send_fds(&c, d.id, fds, 4), 0);
	/* Whoever throws it away closes what is in it. */
	close(q[0]);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_DROP, 0, &g), 0);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_DROP, 0, &g), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "fds"), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(q[1], "z", 1), EPIPE);
}

TEST(a_full_table_of_descriptors)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	int fds[3], last = 0;
	struct got g;
	const struct kdbus_item *i;

	for (int n = 0; n < 3; n++)
		fds[n] = open("/", O_PATH);
	REQUIRE(!send_fds(&c, d.id, fds, 3));
	REQUIRE(!send_fds(&c, d.id, fds, 3));
	for (int fd = 0; fd >= 0; fd = dup(0))
		last = fd > last ? fd : last;
	CHECK_EQ(errno, EMFILE);
	close(last);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg_flags, KDBUS_RECV_RETURN_INCOMPLETE_FDS);
	i = find_item(g.msg, KDBUS_ITEM_FDS);
	CHECK(i->fds[0] == last && i->fds[1] == -1 && i->fds[2] == -1);
	close(last);
	close(last - 1);
	close(last - 2);
	REQUIRE(!receive(&d, &g));
	CHECK_EQ(g.msg_flags, 0);
	CHECK(find_item(g.msg, KDBUS_ITEM_FDS)->fds[2] >= 0);
}

TEST(memory_files)
{
	struct bus b = bus_start();
	struct hello plain = {0};
	struct conn c = join(&b), d = join(&b), e;
	int good = sealed_file("0123456789", SEALS), open_file = sealed_file("0123", F_SEAL_WRITE);
	struct kdbus_memfd mem = {.size = 10, .fd = good};
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, d.id, 1);
	struct got g;
	int p[2];

	REQUIRE(!hello(b.path, &plain, &e) && !pipe(p));
#define SEND_MEMFD(start_, size_, fd_)                                                       \
	({                                                                                   \
		m = msg_begin(&w, d.id, 1);                                                  \
		mem = (struct kdbus_memfd){.start = (start_), .size = (size_), .fd = (fd_)}; \
		item(m, KDBUS_ITEM_PAYLOAD_MEMFD, &mem, sizeof(mem));                        \
		send_msg(&c, m);                                                             \
	})
	CHECK_EQ(SEND_MEMFD(0, 10, p[0]), -EMEDIUMTYPE);
	CHECK_EQ(SEND_MEMFD(0, 4, open_file), -ETXTBSY);
	CHECK_EQ(SEND_MEMFD(0, 11, good), -EFAULT);
	CHECK_EQ(SEND_MEMFD(8, 3, good), -EFAULT);
	CHECK_EQ(SEND_MEMFD(ANY, 3, good), -EMSGSIZE);
	CHECK_EQ(SEND_MEMFD(0, 0, good), -EINVAL);
	CHECK_EQ(SEND_MEMFD(0, 10, -1), -EBADF);
	CHECK_EQ(SEND_MEMFD(0, 10, 999), -EBADF);
	CHECK_EQ(SEND_MEMFD(3, 7, good), 0);
	CHECK_EQ(take(&d), 1);
	/* 16 in one message; and who takes no descriptors gets -1. */
	mem = (struct kdbus_memfd){.size = 10, .fd = good};
	m = msg_begin(&w, e.id, 2);
	for (int i = 0; i < 16; i++)
		item(m, KDBUS_ITEM_PAYLOAD_MEMFD, &mem, sizeof(mem));
	CHECK_EQ(send_msg(&c, m), 0);
	item(m, KDBUS_ITEM_PAYLOAD_MEMFD, &mem, sizeof(mem));
	CHECK_EQ(send_msg(&c, m), -E2BIG);
	REQUIRE(!receive(&e, &g));
	CHECK_EQ(count_items(g.msg, KDBUS_ITEM_PAYLOAD_MEMFD), 16);
	CHECK_EQ(find_item(g.msg, KDBUS_ITEM_PAYLOAD_MEMFD)->memfd.fd, -1);
}

/* ---- answers ---- */

static struct kdbus_msg *call_begin(struct words *w, uint64_t dst, uint64_t cookie, unsigned int ms)
{
	struct kdbus_msg *m = msg_begin(w, dst, cookie);

	m->flags = KDBUS_MSG_EXPECT_REPLY;
	m->timeout_ns = mono_in_ms(ms);
	return m;
}

static int answer(const struct conn *c, uint64_t to, uint64_t cookie_reply, const char *text)
{
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, to, 77);

	m->cookie_reply = cookie_reply;
	if (text)
		msg_vec(m, text, strlen(text) + 1);
	return send_msg(c, m);
}

TEST(asynchronous_answers)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct pollfd p = {.fd = c.fd, .events = POLLIN};
	struct words w;
	struct kdbus_msg *m = call_begin(&w, d.id, 5, 5000);
	struct got g;

	CHECK_EQ(answer(&d, c.id, 5, "x"), -EBADSLT);
	REQUIRE(!send_msg(&c, m));
	CHECK_EQ(bus_figure(&b, "connection", c.id, "requests"), 1);
	CHECK_EQ(take(&d), 5);
	CHECK_EQ(answer(&d, c.id, 6, "x"), -EBADSLT);
	CHECK_EQ(answer(&d, c.id, 5, "an answer"), 0);
	CHECK_EQ(answer(&d, c.id, 5, "another"), -EBADSLT);
	REQUIRE(!receive(&c, &g));
	CHECK_EQ(g.msg->cookie_reply, 5);
	CHECK(!strcmp(payload(g.msg), "an answer"));
	CHECK_EQ(bus_figure(&b, "connection", c.id, "requests"), 0);
	/* Too late. */
	m = call_begin(&w, d.id, 8, 30);
	REQUIRE(!send_msg(&c, m));
	CHECK_EQ(poll(&p, 1, 10000), 1);
	REQUIRE(!receive(&c, &g));
	CHECK(g.msg->src_id == 0 && g.msg->payload_type == KDBUS_PAYLOAD_KERNEL);
	CHECK(g.msg->dst_id == c.id && g.msg->cookie_reply == 8);
	CHECK_EQ(g.msg->items[0].type, KDBUS_ITEM_REPLY_TIMEOUT);
	CHECK_EQ(take(&d), 8);
	CHECK_EQ(answer(&d, c.id, 8, "late"), -EBADSLT);
	/* Thrown away, and gone. */
	for (int i = 0; i < 2; i++) {
		m = call_begin(&w, d.id, 20 + (uint64_t)i, 60000);
		REQUIRE(!send_msg(&c, m));
	}
	CHECK_EQ(receive_how(&d, KDBUS_RECV_DROP, 0, &g), 0);
	leave(&d);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(poll(&p, 1, 10000), 1);
		REQUIRE(!receive(&c, &g));
		CHECK_EQ(g.msg->items[0].type, KDBUS_ITEM_REPLY_DEAD);
		CHECK_EQ(g.msg->cookie_reply, 20 + i);
	}
	m = call_begin(&w, c.id, 9, 0);
	m->timeout_ns = 0;
	CHECK_EQ(send_msg(&c, m), -EINVAL);
}

TEST(calls_at_a_time)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct words w;

	for (unsigned int i = 0; i < 128; i++)
		REQUIRE(!send_msg(&c, call_begin(&w, d.id, 1 + i, 600000)));
	CHECK_EQ(send_msg(&c, call_begin(&w, d.id, 500, 600000)), -EMLINK);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "queued"), 128);
	CHECK_EQ(take(&d), 1);
	CHECK_EQ(answer(&d, c.id, 1, NULL), 0);
	CHECK_EQ(send_msg(&c, call_begin(&w, d.id, 501, 600000)), 0);
}

struct caller {
	struct conn *c;
	uint64_t to, cookie;
	unsigned int ms;
	int cancel, err;
	struct kdbus_msg_info info;
};

static void *do_call(void *p)
{
	struct caller *k = p;
	struct words w;

	k->err = send_cmd(k->c, call_begin(&w, k->to, k->cookie, k->ms), KDBUS_SEND_SYNC_REPLY,
			  k->cancel, &k->info);
	return NULL;
}

/* Until the call is in @d's queue. */
static void wait_call(const struct conn *d)
{
	struct pollfd p = {.fd = d->fd, .events = POLLIN};

	REQUIRE(poll(&p, 1, 15000) == 1);
}

TEST(synchronous_calls)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct caller k = {.c = &c, .to = d.id, .cookie = 9, .ms = 60000, .cancel = -1};
	const struct kdbus_msg *m;
	struct words w;
	pthread_t t;

	CHECK_EQ(send_cmd(&c, msg_begin(&w, d.id, 1), KDBUS_SEND_SYNC_REPLY, -1, NULL), -EINVAL);
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&d);
	CHECK_EQ(take(&d), 9);
	CHECK_EQ(answer(&d, c.id, 9, "the answer"), 0);
	pthread_join(t, NULL);
	REQUIRE(!k.err);
	m = (const void *)(c.pool + k.info.offset);
	CHECK(!strcmp(payload(m), "the answer") && m->cookie_reply == 9);
	CHECK_EQ(release_slice(&c, k.info.offset), 0);
	CHECK_EQ(bus_figure(&b, "connection", c.id, "queued_bytes"), 0);
	/* Nobody answers in time. */
	k.ms = 20;
	do_call(&k);
	CHECK_EQ(k.err, -ETIMEDOUT);
	CHECK_EQ(take(&d), 9);
	k.ms = 0;
	do_call(&k);
	CHECK_EQ(k.err, -ETIMEDOUT);
	CHECK_EQ(receive(&d, &(struct got){0}), -EAGAIN);
}

TEST(synchronous_calls_that_fail)
{
	struct bus b = bus_start();
	struct hello plain = {0};
	struct conn c, d = join(&b), e = join(&b);
	struct caller k = {.c = &c, .to = d.id, .cookie = 1, .ms = 60000, .cancel = -1};
	struct words w;
	struct kdbus_msg *m;
	int fd = 0, err;
	pthread_t t;
	struct got g;

	REQUIRE(!hello(b.path, &plain, &c));
	/* An answer that the caller cannot take. */
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&d);
	CHECK_EQ(take(&d), 1);
	m = msg_begin(&w, c.id, 5);
	m->cookie_reply = 1;
	item(m, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	CHECK_EQ(send_msg(&d, m), -ECOMM);
	pthread_join(t, NULL);
	CHECK_EQ(k.err, -EREMOTEIO);
	/* Thrown away unanswered. */
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&d);
	CHECK_EQ(receive_how(&d, KDBUS_RECV_DROP, 0, &g), 0);
	pthread_join(t, NULL);
	CHECK_EQ(k.err, -EPIPE);
	/* Given up. */
	k.cancel = eventfd(0, EFD_CLOEXEC);
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&d);
	CHECK_EQ(take(&d), 1);
	CHECK(!eventfd_write(k.cancel, 1));
	pthread_join(t, NULL);
	CHECK_EQ(k.err, -ECANCELED);
	CHECK_EQ(answer(&d, c.id, 1, "too late"), -EBADSLT);
	k.cancel = 999;
	do_call(&k);
	CHECK_EQ(k.err, -EBADF);
	k.cancel = -1;
	/* The one who is asked goes; the one who asks goes. */
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&d);
	leave(&d);
	pthread_join(t, NULL);
	CHECK_EQ(k.err, -EPIPE);
	k.to = e.id;
	REQUIRE(!pthread_create(&t, NULL, do_call, &k));
	wait_call(&e);
	do
		err = simple(c.fd, KDBUS_CMD_BYEBYE);
	while (err == -EBUSY);
	CHECK_EQ(err, 0);
	pthread_join(t, NULL);
	CHECK_EQ(k.err, -ESHUTDOWN);
}

static void on_signal(int s)
{
	(void)s;
}

/* SA_RESTART goes on waiting; the other side sees one message. */
TEST(a_call_that_a_signal_interrupts_goes_on)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct caller k = {.c = &c, .to = d.id, .cookie = 4, .ms = 60000, .cancel = -1};
	struct got g;
	pid_t pid;
	int status = -1;

	sigaction(SIGUSR1, &sa, NULL);
	pid = fork();
	if (!pid) {
		do_call(&k);
		_exit(k.err ? 1 : 0);
	}
	wait_call(&d);
	for (int i = 0; i < 20; i++) {
		kill(pid, SIGUSR1);
		usleep(1000);
	}
	CHECK_EQ(take(&d), 4);
	CHECK_EQ(receive(&d, &g), -EAGAIN);
	CHECK_EQ(answer(&d, c.id, 4, "still wanted"), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* Without it the call ends with EINTR; killed, with the process. Nothing stays. */
	sa.sa_flags = 0;
	sigaction(SIGUSR1, &sa, NULL);
	for (int sig = 0; sig < 2; sig++) {
		k.ms = 1500;
		k.cookie++;
		pid = fork();
		if (!pid) {
			do_call(&k);
			_exit(k.err == -EINTR ? 0 : 1);
		}
		wait_call(&d);
		do
			kill(pid, sig ? SIGKILL : SIGUSR1);
		while (usleep(1000), !waitpid(pid, &status, WNOHANG));
		CHECK_EQ(status, sig ? SIGKILL : 0);
		CHECK_EQ(take(&d), (long)k.cookie);
	}
	while (bus_figure(&b, "connection", c.id, "requests"))
		usleep(10000);
	CHECK_EQ(receive(&c, &g), -EAGAIN); /* and nobody is told */
}

/* ---- quotas ---- */

TEST(messages_of_one_user)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b), e = join(&b);

	for (int i = 0; i < 256; i++)
		REQUIRE(!send_text(&c, d.id, 1, NULL));
	CHECK_EQ(send_text(&c, d.id, 1, NULL), -ENOBUFS);
	CHECK_EQ(send_text(&e, d.id, 1, NULL), -ENOBUFS); /* the same user */
	CHECK_EQ(send_text(&c, e.id, 1, NULL), 0);
	IN_CHILD_DO({
		struct hello h = {0};
		struct conn n;

		become_nobody();
		CHECK_EQ(hello(b.path, &h, &n), 0);
		CHECK_EQ(send_text(&n, d.id, 1, NULL), -EPERM);
	});
	CHECK_EQ(bus_figure(&b, "quota", d.id, "messages"), 256);
	for (int i = 0; i < 256; i++)
		REQUIRE(take(&d) == 1);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "messages"), 0);
	CHECK_EQ(bus_figure(&b, "quota", d.id, "bytes"), 0);
	CHECK_EQ(bus_figure(&b, "connection", d.id, "queued"), 0);
	CHECK_EQ(send_text(&c, d.id, 1, NULL), 0);
}

TEST(bytes_of_one_user)
{
	struct bus b = bus_start();
	struct conn c = join(&b), d = join(&b);
	static char kib64[65536];
	struct words w;
	struct kdbus_msg *m;
	int sent = 0;

	for (;; sent++) {
		m = msg_begin(&w, d.id, 1);
		msg_vec(m, kib64, sizeof(kib64));
		if (send_msg(&c, m))
			break;
	}
	/* A third of half of a mebibyte. */
	CHECK_EQ(sent, 2);
	CHECK_EQ(send_msg(&c, m), -ENOBUFS);
	CHECK_EQ(send_text(&c, d.id, 1, "a small one"), 0);
	/* What was received and not freed does not count as queued. */
	CHECK_EQ(receive(&d, &(struct got){0}), 0);
	CHECK_EQ(send_msg(&c, m), 0);
	/* A sender's memory that is not there costs nothing. */
	m = msg_begin(&w, c.id, 1);
	msg_vec(m, (void *)4096, 100);
	CHECK_EQ(send_msg(&c, m), -EFAULT);
	CHECK_EQ(bus_figure(&b, "quota", c.id, "bytes"), 0);
	CHECK_EQ(bus_figure(&b, "quota", c.id, "messages"), 0);
	CHECK_EQ(bus_figure(&b, "connection", c.id, "inflight"), 0);
}

TEST(a_pool_of_one_page)
{
	struct bus b = bus_start();
	struct hello h = {.pool = 4096};
	struct conn c, d = join(&b);
	struct got g;
	char text[200];

	REQUIRE(!hello(b.path, &h, &c));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int round = 0; round < 50; round++) {
		int n = 0;

		while (!send_text(&d, c.id, 1, text))
			n++;
		CHECK_EQ(n, 2);
		while (n--)
			CHECK_EQ(take(&c), 1);
	}
	/* All of it is in messages that the owner has not freed. */
	while (!send_text(&d, c.id, 1, text))
		REQUIRE(!receive(&c, &g));
	CHECK_EQ(send_text(&d, c.id, 1, text), -EXFULL);
}

int main(void)
{
	return bus_main();
}
