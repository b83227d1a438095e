/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A synchronous call of a real-time thread: who answers has its priority for as long as that takes,
 * so that one of a priority in between does not keep the caller waiting.
 */
#include "bus.h"
#include <pthread.h>
#include <sys/syscall.h>

static struct bus bus;
static uint64_t server_id;
static int stop, hog_runs, work_ms, seen_priority;

static void one_cpu(void)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(0, &s);
	REQUIRE(!sched_setaffinity(0, sizeof(s), &s));
}

static void be_fifo(int priority)
{
	struct sched_param p = {.sched_priority = priority};

	REQUIRE(!sched_setscheduler(0, SCHED_FIFO, &p));
}

/* Spins until it is told to stop, five seconds at most; hands back whether it was told. */
static void *hog(void *ctx)
{
	uint64_t end = mono_in_ms(5000);

	(void)ctx;
	be_fifo(20);
	__atomic_store_n(&hog_runs, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST) && mono_in_ms(0) < end)
		;
	return (void *)(long)__atomic_load_n(&stop, __ATOMIC_SEQ_CST);
}

static void spin_ms(int ms)
{
	uint64_t end = mono_in_ms((unsigned int)ms);

	while (mono_in_ms(0) < end)
		;
}

/* As stat shows it: 20 without nice, -1 - N of real-time priority N. */
static int own_priority(void)
{
	char text[512] = "", *p;
	int fd = open("/proc/thread-self/stat", O_RDONLY);

	REQUIRE(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	p = strrchr(text, ')');
	REQUIRE(p);
	/* The 18th, and the 3rd is behind ") ". */
	p += 2;
	for (int i = 3; i < 18; i++)
		p = strchr(p, ' ') + 1;
	return atoi(p);
}

/* Answers calls until one has the cookie 99. */
static void *server(void *ctx)
{
	struct conn c = join(&bus);
	uint64_t cookie = 0;

	(void)ctx;
	__atomic_store_n(&server_id, c.id, __ATOMIC_SEQ_CST);
	while (cookie != 99) {
		struct pollfd p = {c.fd, POLLIN, 0};
		struct words w;
		struct kdbus_msg *m;
		struct got g;

		if (receive(&c, &g)) {
			poll(&p, 1, -1);
			continue;
		}
		cookie = g.msg->cookie;
		m = msg_begin(&w, g.msg->src_id, cookie);
		m->cookie_reply = cookie;
		CHECK_EQ(release_slice(&c, g.offset), 0);
		seen_priority = own_priority();
		spin_ms(work_ms); /* in user mode, where it may be preempted */
		CHECK_EQ(send_msg(&c, m), 0);
	}
	leave(&c);
	return NULL;
}

static int call(const struct conn *c, uint64_t cookie)
{
	struct kdbus_msg_info reply;
	struct words w;
	struct kdbus_msg *m = msg_begin(&w, server_id, cookie);
	int err;

	m->flags = KDBUS_MSG_EXPECT_REPLY;
	m->timeout_ns = mono_in_ms(20000);
	err = send_cmd(c, m, KDBUS_SEND_SYNC_REPLY, -1, &reply);
	if (!err)
		CHECK_EQ(release_slice(c, reply.offset), 0);
	return err;
}

static pthread_t begin(void)
{
	pthread_t t;

	bus = bus_start();
	one_cpu();
	REQUIRE(!pthread_create(&t, NULL, server, NULL));
	while (!__atomic_load_n(&server_id, __ATOMIC_SEQ_CST))
		usleep(1000);
	usleep(20000); /* it sleeps in poll */
	return t;
}

TEST(caller_before_the_middle)
{
	pthread_t s, h;
	struct conn c;
	void *told;

	if (!bus_known())
		return;
	work_ms = 20;
	s = begin();
	c = join(&bus);
	REQUIRE(!pthread_create(&h, NULL, hog, NULL));
	be_fifo(30);
	while (!__atomic_load_n(&hog_runs, __ATOMIC_SEQ_CST))
		usleep(1000); /* the hog runs while this sleeps */
	for (uint64_t i = 1; i <= 5; i++)
		CHECK_EQ(call(&c, i), 0);
	CHECK_EQ(call(&c, 99), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	REQUIRE(!pthread_join(h, &told));
	CHECK_EQ((long)told, 1); /* it would have ended by itself, with nothing answered */
	REQUIRE(!pthread_join(s, NULL));
	leave(&c);
}

/* The answerer has the priority while it works on the call, and not after. */
TEST(for_as_long_as_it_takes)
{
	struct sched_param p = {.sched_priority = 0};
	pthread_t s;
	struct conn c;

	if (!bus_known())
		return;
	s = begin();
	c = join(&bus);
	CHECK_EQ(call(&c, 1), 0);
	CHECK_EQ(seen_priority, 20);
	be_fifo(30);
	CHECK_EQ(call(&c, 2), 0);
	CHECK_EQ(seen_priority, -31);
	CHECK_EQ(call(&c, 3), 0);
	CHECK_EQ(seen_priority, -31);
	REQUIRE(!sched_setscheduler(0, SCHED_OTHER, &p));
	CHECK_EQ(call(&c, 4), 0);
	CHECK_EQ(seen_priority, 20);
	CHECK_EQ(call(&c, 99), 0);
	REQUIRE(!pthread_join(s, NULL));
	leave(&c);
}

int main(void)
{
	return test_run();
}
