/*
 * bustest NAME: what libcorbelbus promises, on the bus that CORBEL_BUS says; "NAME: good" when it
 * keeps it. bustest hold [queue] NAME...: owns names (or waits for them) and never answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "corbelbus.h"

#define SECOND 1000000000ull
#define CHECK(what)                                               \
	do {                                                      \
		if (!(what)) {                                    \
			printf("line %d: %s\n", __LINE__, #what); \
			exit(1);                                  \
		}                                                 \
	} while (0)
#define IS(expected, value) check_is(__LINE__, #value, (long)(expected), (long)(value))

static void check_is(int line, const char *text, long expected, long value)
{
	if (expected == value)
		return;
	printf("line %d: %s is %ld (%s), not %ld\n", line, text, value,
	       value < 0 ? strerror((int)-value) : "", expected);
	exit(1);
}

static struct cbus *connected(const struct cbus_options *options)
{
	struct cbus *bus;

	IS(0, cbus_connect(NULL, options, &bus));
	return bus;
}

static struct cbus_message to(struct cbus *bus, const struct cbus_part *parts, size_t count)
{
	return (struct cbus_message){.id = cbus_id(bus), .parts = parts, .part_count = count};
}

static void expect_payload(struct cbus_received *r, const char *text)
{
	const void *data;
	size_t size;

	IS(0, cbus_payload(r, &data, &size));
	IS(strlen(text), size);
	CHECK(memcmp(data, text, size) == 0);
}

/* Bytes in one, several and no parts; each in one piece at the other end. */
static void payloads(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_part parts[] = {CBUS_BYTES("one ", 4), CBUS_BYTES("two", 3),
					  CBUS_BYTES(" three", 6)};
	struct cbus_message m = to(b, parts, 3);
	struct cbus_received r;
	struct cbus_part part;
	size_t position = 0, seen = 0;

	IS(0, cbus_send(a, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	IS(13, r.payload_size);
	CHECK(r.message->src_id == cbus_id(a) && r.message->dst_id == cbus_id(b));
	CHECK(r.message->payload_type == CBUS_PAYLOAD_BYTES && r.message->cookie == 1);
	expect_payload(&r, "one two three");
	while (cbus_part_next(&r, &position, &part) == 1)
		seen += part.size;
	IS(13, seen);
	cbus_free(&r);
	cbus_free(&r);
	m.part_count = 0;
	m.payload_type = 77;
	m.cookie = 99;
	m.priority = -3;
	IS(0, cbus_send(a, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	CHECK(r.message->payload_type == 77 && r.message->cookie == 99 &&
	      r.message->priority == -3);
	expect_payload(&r, "");
	cbus_free(&r);
	IS(-EAGAIN, cbus_receive(b, 0, &r));
	IS(-EAGAIN, cbus_receive(b, 1000000, &r));
	cbus_close(a);
	cbus_close(b);
}

static void zeroes(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_part parts[] = {
		CBUS_BYTES("a", 1), {.size = 100001, .fd = -1}, CBUS_BYTES("bc", 2)};
	const struct cbus_message m = to(b, parts, 3);
	struct cbus_received r;
	struct cbus_part part;
	size_t position = 0, holes = 0, size;
	const void *data;

	IS(0, cbus_send(a, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	while (cbus_part_next(&r, &position, &part) == 1)
		holes += part.data ? 0 : part.size;
	IS(100001, holes);
	IS(0, cbus_payload(&r, &data, &size));
	IS(100004, size);
	CHECK(memcmp(data, "a\0", 2) == 0);
	CHECK(memcmp((const char *)data + 100000, "\0\0bc", 4) == 0);
	cbus_free(&r);
	cbus_close(a);
	cbus_close(b);
}

/* Sealed files: alone, in part, beside bytes, twice, to a broadcast; unsealed ones are refused. */
static void memory(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	struct cbus_memory *maker;
	struct cbus_received r;
	struct cbus_part parts[2];
	struct cbus_message m = to(b, parts, 1);
	const size_t size = 700001;
	void *buffer;
	char *copy = malloc(size);
	const void *data;
	int fd, again;

	IS(0, cbus_memory_create(&maker));
	IS(0, cbus_memory_buffer(maker, size, &buffer));
	for (size_t i = 0; i < size; i++)
		copy[i] = ((char *)buffer)[i] = (char)(i * 7 + i / 4096);
	IS(-EINVAL, cbus_memory_seal(maker, 0, &fd));
	IS(0, cbus_memory_seal(maker, size, &fd));
	IS(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, fcntl(fd, F_GET_SEALS));
	IS(-1, ftruncate(fd, 5));
	IS(0, cbus_memory_buffer(maker, size, &buffer));
	memset(buffer, 'n', size);
	IS(0, cbus_memory_seal(maker, 5000, &again));
	parts[0] = CBUS_MEMORY(fd, 0, size);
	IS(0, cbus_send(a, &m));
	parts[0] = CBUS_MEMORY(fd, 5001, 10000);
	parts[1] = CBUS_BYTES("tail", 4);
	m.part_count = 2;
	IS(0, cbus_send(a, &m));
	close(fd);
	IS(0, cbus_receive(b, SECOND, &r));
	IS(0, cbus_payload(&r, &data, NULL));
	CHECK(memcmp(data, copy, size) == 0);
	IS(0, cbus_payload(&r, &data, NULL));
	CHECK(memcmp(data, copy, size) == 0);
	IS(1, r.map_count);
	cbus_free(&r);
	IS(0, cbus_receive(b, SECOND, &r));
	IS(0, cbus_payload(&r, &data, NULL));
	CHECK(memcmp(data, copy + 5001, 10000) == 0 &&
	      memcmp((const char *)data + 10000, "tail", 4) == 0);
	cbus_free(&r);
	parts[0] = CBUS_MEMORY(again, 0, 5000);
	m.part_count = 1;
	for (int i = 0; i < 20; i++) {
		IS(0, cbus_send(a, &m));
		IS(0, cbus_receive(b, SECOND, &r));
		IS(0, cbus_payload(&r, &data, NULL));
		CHECK(((const char *)data)[4999] == 'n');
		cbus_free(&r);
	}
	parts[0] = CBUS_MEMORY(again, 0, 5001);
	IS(-EFAULT, cbus_send(a, &m));
	fd = memfd_create("open", MFD_ALLOW_SEALING);
	IS(0, ftruncate(fd, 4096));
	parts[0] = CBUS_MEMORY(fd, 0, 4096);
	IS(-ETXTBSY, cbus_send(a, &m));
	cbus_memory_destroy(maker);
	free(copy);
	cbus_close(a);
	cbus_close(b);
}

static void descriptors(void)
{
	const struct cbus_options refuses = {.refuse_fds = true};
	struct cbus *a = connected(NULL), *b = connected(NULL), *c = connected(&refuses);
	struct cbus_received r;
	int p[2], got, other;
	char letter = 0;

	CHECK(pipe(p) == 0);
	struct cbus_message m = to(b, NULL, 0);

	m.fds = p;
	m.fd_count = 2;
	IS(0, cbus_send(a, &m));
	m.id = cbus_id(c);
	IS(-ECOMM, cbus_send(a, &m));
	close(p[0]);
	close(p[1]);
	IS(0, cbus_peek(b, &r));
	IS(-EBADF, cbus_take_fd(&r, 0, &got));
	cbus_free(&r);
	IS(0, cbus_receive(b, SECOND, &r));
	CHECK(!r.incomplete);
	IS(0, cbus_take_fd(&r, 1, &got));
	IS(-EBADF, cbus_take_fd(&r, 1, &other));
	IS(-ENOENT, cbus_take_fd(&r, 2, &other));
	CHECK(fcntl(got, F_GETFD) & FD_CLOEXEC);
	IS(0, cbus_take_fd(&r, 0, &other));
	cbus_free(&r);
	IS(1, write(got, "x", 1));
	IS(1, read(other, &letter, 1));
	IS('x', letter);
	close(got);
	IS(0, read(other, &letter, 1));
	close(other);
	cbus_close(a);
	cbus_close(b);
	cbus_close(c);
}

static void async(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	struct cbus_message m = to(b, NULL, 0);
	struct cbus_received r;
	uint64_t one, two;

	IS(0, cbus_call_async(a, &m, 10 * SECOND, &one));
	IS(0, cbus_call_async(a, &m, 10 * SECOND, &two));
	CHECK(one != two);
	IS(0, cbus_receive(b, SECOND, &r));
	CHECK(r.message->flags & KDBUS_MSG_EXPECT_REPLY && r.message->cookie == one);
	IS(0, cbus_reply(b, &r, &m));
	IS(-EBADSLT, cbus_reply(b, &r, &m));
	cbus_free(&r);
	IS(0, cbus_receive(a, SECOND, &r));
	IS(one, r.message->cookie_reply);
	IS(-EBADSLT, cbus_reply(a, &r, &m));
	cbus_free(&r);
	cbus_close(b);
	IS(0, cbus_receive(a, SECOND, &r));
	IS(two, r.message->cookie_reply);
	CHECK(r.message->src_id == KDBUS_SRC_ID_KERNEL &&
	      cbus_item(&r, KDBUS_ITEM_REPLY_DEAD, NULL));
	cbus_free(&r);
	m.id = cbus_id(a);
	IS(0, cbus_call_async(a, &m, 50000000, &one));
	IS(0, cbus_receive(a, SECOND, &r));
	cbus_free(&r);
	IS(0, cbus_receive(a, 5 * SECOND, &r));
	CHECK(r.message->cookie_reply == one && cbus_item(&r, KDBUS_ITEM_REPLY_TIMEOUT, NULL));
	cbus_free(&r);
	cbus_close(a);
}

static void errors(void)
{
	struct cbus *a = connected(NULL), *b;
	struct cbus_part part = CBUS_BYTES((const void *)1, 100);
	struct cbus_message m = {.id = cbus_id(a) + 100};
	const struct cbus_options odd = {.pool_size = 4097};
	struct cbus_received r;

	IS(-ENXIO, cbus_send(a, &m));
	IS(-ENXIO, cbus_call(a, &m, SECOND, -1, &r));
	CHECK(r.message == NULL);
	m.name = "org.x.Nobody";
	IS(-ESRCH, cbus_send(a, &m));
	m = to(a, &part, 1);
	IS(-EFAULT, cbus_send(a, &m));
	IS(-EINVAL, cbus_connect(NULL, &odd, &b));
	IS(-ENOENT, cbus_connect("0-not-here", NULL, &b));
	IS(-ENOENT, cbus_connect("kernel:path=/sys/fs/kdbus/none;unix:path=/x", NULL, &b));
	IS(-EAGAIN, cbus_drop(a));
	IS(-EAGAIN, cbus_peek(a, &r));
	cbus_free(&r);
	cbus_close(a);
	cbus_close(NULL);
}

static void ignore(int signal)
{
	(void)signal;
}

/* A handler that runs meanwhile neither ends the call nor sends it twice. */
static void timeout(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_message m = to(b, NULL, 0);
	struct sigaction action = {.sa_handler = ignore};
	struct cbus_received r;

	sigaction(SIGALRM, &action, NULL);
	ualarm(30000, 30000);
	IS(-ETIMEDOUT, cbus_call(a, &m, 200000000, -1, &r));
	ualarm(0, 0);
	IS(0, cbus_receive(b, SECOND, &r));
	IS(-EBADSLT, cbus_reply(b, &r, &m));
	cbus_free(&r);
	IS(-EAGAIN, cbus_receive(b, 0, &r));
	cbus_close(a);
	cbus_close(b);
}

static void *cancel_soon(void *fd)
{
	usleep(100000);
	CHECK(eventfd_write(*(int *)fd, 1) == 0);
	return NULL;
}

static void cancel(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_message m = to(b, NULL, 0);
	int fd = eventfd(0, EFD_CLOEXEC);
	struct cbus_received r;
	pthread_t t;

	CHECK(pthread_create(&t, NULL, cancel_soon, &fd) == 0);
	IS(-ECANCELED, cbus_call(a, &m, 20 * SECOND, fd, &r));
	pthread_join(t, NULL);
	cbus_close(a);
	cbus_close(b);
}

static int arrives(struct cbus *bus)
{
	struct cbus_received r;
	int n = cbus_receive(bus, 0, &r);

	if (n == 0)
		cbus_free(&r);
	return n == 0;
}

static void signals(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL), *all = connected(NULL);
	struct cbus_topic topic = {.interface = "org.x.I", .member = "M", .path = "/x/y"};
	const struct cbus_part part = CBUS_BYTES("s", 1);
	struct cbus_message m = {.parts = &part, .part_count = 1};
	struct cbus_received r;

	IS(0, cbus_match_add(b, 1, "type='signal',interface='org.x.I',member='M'", false));
	IS(0, cbus_match_add(all, 1, "", false));
	IS(0, cbus_signal(a, &topic, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	CHECK(r.message->dst_id == KDBUS_DST_ID_BROADCAST && r.message->flags & KDBUS_MSG_SIGNAL);
	expect_payload(&r, "s");
	cbus_free(&r);
	CHECK(arrives(all) && !arrives(all) && !arrives(a) && !arrives(b));
	topic.member = "Other";
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(arrives(all) && !arrives(b));
	/* To one alone, who wants it or not. */
	m.id = cbus_id(b);
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(!arrives(b));
	topic.member = "M";
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(arrives(b) && !arrives(all));
	m.id = 0;
	IS(0, cbus_match_add(b, 1, "path_namespace='/x'", true));
	topic.member = "Other";
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(arrives(b));
	topic.path = "/z";
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(!arrives(b));
	IS(0, cbus_match_remove(b, 1));
	IS(-EBADSLT, cbus_match_remove(b, 1));
	topic.path = "/x/y";
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(!arrives(b));
	cbus_close(a);
	cbus_close(b);
	cbus_close(all);
}

static void arguments(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const char *args[] = {"com.example.foo", "/a/b/c", "third"};
	const struct cbus_topic topic = {.interface = "I.J", .args = args, .arg_count = 3};
	const struct cbus_message m = {0};
	char sender[64];
	static const struct {
		const char *rule;
		int in;
	} rules[] = {{"arg0='com.example.foo'", 1},
		     {"arg0='com.example'", 0},
		     {"arg0namespace='com.example'", 1},
		     {"arg0namespace='com.exam'", 0},
		     {"arg1path='/a/b/'", 1},
		     {"arg1path='/b/'", 0},
		     {"arg2='third',arg1='/a/b/c'", 1},
		     {"arg2='third',arg1='x'", 0},
		     {"sender='org.x.Sender'", 1},
		     {"sender='org.x.Else'", 0}};

	IS(0, cbus_name_acquire(a, "org.x.Sender", 0, NULL));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		IS(0, cbus_match_add(b, 5, rules[i].rule, true));
		IS(0, cbus_signal(a, &topic, &m));
		if (arrives(b) != rules[i].in)
			printf("%s\n", rules[i].rule), exit(1);
	}
	snprintf(sender, sizeof(sender), "sender=':1.%lu'", (unsigned long)cbus_id(a));
	IS(0, cbus_match_add(b, 5, sender, true));
	IS(0, cbus_signal(a, &topic, &m));
	CHECK(arrives(b));
	IS(0, cbus_signal(b, &topic, &m));
	CHECK(!arrives(b));
	cbus_close(a);
	cbus_close(b);
}

static void notifications(void)
{
	struct cbus *a = connected(NULL), *b;
	const struct kdbus_item *item;
	struct cbus_received r;
	uint64_t id;

	IS(0, cbus_match_notify(a, 1, KDBUS_ITEM_ID_ADD, NULL, KDBUS_MATCH_ID_ANY));
	IS(0, cbus_match_notify(a, 2, KDBUS_ITEM_ID_REMOVE, NULL, KDBUS_MATCH_ID_ANY));
	IS(0, cbus_match_notify(a, 3, KDBUS_ITEM_NAME_ADD, "org.x.N", 0));
	IS(0, cbus_match_notify(a, 4, KDBUS_ITEM_NAME_REMOVE, NULL, 0));
	IS(-EINVAL, cbus_match_notify(a, 5, KDBUS_ITEM_CREDS, NULL, 0));
	b = connected(NULL);
	id = cbus_id(b);
	IS(0, cbus_name_acquire(b, "org.x.Other", 0, NULL));
	IS(0, cbus_name_acquire(b, "org.x.N", 0, NULL));
	cbus_close(b);
	IS(0, cbus_receive(a, SECOND, &r));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_ID_ADD, NULL)) && item->id_change.id == id);
	IS(0, r.message->src_id);
	cbus_free(&r);
	IS(0, cbus_receive(a, SECOND, &r));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_NAME_ADD, NULL)));
	CHECK(!strcmp(item->name_change.name, "org.x.N") && item->name_change.new_id.id == id);
	cbus_free(&r);
	for (int i = 0; i < 3; i++) {
		IS(0, cbus_receive(a, SECOND, &r));
		CHECK(cbus_item(&r, KDBUS_ITEM_NAME_REMOVE, NULL) ||
		      cbus_item(&r, KDBUS_ITEM_ID_REMOVE, NULL));
		cbus_free(&r);
	}
	CHECK(!arrives(a));
	cbus_close(a);
}

static void peek(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_part part = CBUS_BYTES("look", 4);
	const struct cbus_message m = to(b, &part, 1);
	struct cbus_received r;

	IS(0, cbus_send(a, &m));
	for (int i = 0; i < 3; i++) {
		IS(0, cbus_peek(b, &r));
		expect_payload(&r, "look");
		cbus_free(&r);
	}
	IS(0, cbus_receive(b, 0, &r));
	expect_payload(&r, "look");
	cbus_free(&r);
	IS(0, cbus_send(a, &m));
	IS(0, cbus_drop(b));
	CHECK(!arrives(b));
	cbus_close(a);
	cbus_close(b);
}

static void metadata(void)
{
	const struct cbus_options all = {.attach_receive = _KDBUS_ATTACH_ALL};
	const struct cbus_options shy = {.send_nothing = true, .description = "shy"};
	struct cbus *a = connected(NULL), *b = connected(&all), *c = connected(&shy);
	const struct cbus_message m = to(b, NULL, 0);
	const struct kdbus_item *item;
	struct cbus_received r;
	uint64_t before;

	IS(0, cbus_name_acquire(a, "org.x.One", 0, NULL));
	IS(0, cbus_name_acquire(a, "org.x.Two", 0, NULL));
	IS(0, cbus_send(a, &m));
	IS(0, cbus_send(c, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_PIDS, NULL)));
	IS(getpid(), item->pids.pid);
	IS(getppid(), item->pids.ppid);
	CHECK((item = cbus_item(&r, KDBUS_ITEM_CREDS, NULL)));
	IS(getuid(), item->creds.uid);
	CHECK((item = cbus_item(&r, KDBUS_ITEM_PID_COMM, NULL)) && !strcmp(item->str, "bustest"));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_TIMESTAMP, NULL)));
	before = item->timestamp.seqnum;
	CHECK((item = cbus_item(&r, KDBUS_ITEM_OWNED_NAME, NULL)));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_OWNED_NAME, item)));
	CHECK(!cbus_item(&r, KDBUS_ITEM_OWNED_NAME, item));
	cbus_free(&r);
	IS(0, cbus_receive(b, SECOND, &r));
	/* Who it is cannot be hidden; whoever may look into /proc gets the rest all the same. */
	CHECK(cbus_item(&r, KDBUS_ITEM_PIDS, NULL) && cbus_item(&r, KDBUS_ITEM_CREDS, NULL));
	CHECK((item = cbus_item(&r, KDBUS_ITEM_CONN_DESCRIPTION, NULL)) &&
	      !strcmp(item->str, "shy"));
	CHECK(!cbus_item(&r, KDBUS_ITEM_OWNED_NAME, NULL));
	CHECK(!(item = cbus_item(&r, KDBUS_ITEM_TIMESTAMP, NULL)) ||
	      item->timestamp.seqnum > before);
	cbus_free(&r);
	cbus_close(a);
	cbus_close(b);
	cbus_close(c);
}

static void info(void)
{
	const struct cbus_options named = {.description = "me"};
	struct cbus *a = connected(&named);
	const struct kdbus_info *record;
	const struct kdbus_item *item;
	struct cbus_info i;
	int found = 0;

	IS(0, cbus_name_acquire(a, "org.x.Info", 0, NULL));
	IS(0, cbus_conn_info(a, "org.x.Info", 0, _KDBUS_ATTACH_ALL, &i));
	IS(cbus_id(a), i.record->id);
	CHECK((item = cbus_info_item(&i, KDBUS_ITEM_CONN_DESCRIPTION, NULL)) &&
	      !strcmp(item->str, "me"));
	CHECK((item = cbus_info_item(&i, KDBUS_ITEM_OWNED_NAME, NULL)) &&
	      !strcmp(item->name.name, "org.x.Info"));
	CHECK(!cbus_info_next(&i));
	cbus_info_free(&i);
	cbus_info_free(&i);
	IS(-ESRCH, cbus_conn_info(a, "org.x.None", 0, 0, &i));
	IS(-ENXIO, cbus_conn_info(a, NULL, cbus_id(a) + 1000, 0, &i));
	IS(0, cbus_creator_info(a, _KDBUS_ATTACH_ALL, &i));
	CHECK((item = cbus_info_item(&i, KDBUS_ITEM_MAKE_NAME, NULL)) && !strcmp(item->str, "0-t"));
	cbus_info_free(&i);
	IS(0, cbus_list(a, KDBUS_LIST_NAMES | KDBUS_LIST_UNIQUE, &i));
	while ((record = cbus_info_next(&i)))
		found += record->id == cbus_id(a);
	CHECK(found >= 1);
	cbus_info_free(&i);
	cbus_close(a);
}

static void names(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	uint64_t flags;

	IS(0, cbus_name_acquire(a, "org.x.Name", KDBUS_NAME_ALLOW_REPLACEMENT, &flags));
	CHECK(flags & KDBUS_NAME_ACQUIRED);
	IS(-EEXIST, cbus_name_acquire(b, "org.x.Name", 0, NULL));
	IS(0, cbus_name_acquire(b, "org.x.Name", KDBUS_NAME_QUEUE, &flags));
	CHECK(flags & KDBUS_NAME_IN_QUEUE);
	IS(0, cbus_name_acquire(b, "org.x.Name", KDBUS_NAME_REPLACE_EXISTING, &flags));
	CHECK(flags & KDBUS_NAME_ACQUIRED);
	IS(-EADDRINUSE, cbus_name_release(a, "org.x.Name"));
	IS(0, cbus_name_release(b, "org.x.Name"));
	IS(-ESRCH, cbus_name_release(b, "org.x.Name"));
	IS(-EINVAL, cbus_name_acquire(a, "nodots", 0, NULL));
	cbus_close(a);
	cbus_close(b);
}

static void disconnect(void)
{
	struct cbus *a = connected(NULL), *b = connected(NULL);
	const struct cbus_message m = to(b, NULL, 0);
	struct pollfd p = {.fd = cbus_fd(b), .events = POLLIN};
	struct cbus_received r;

	IS(0, poll(&p, 1, 0));
	IS(0, cbus_send(a, &m));
	IS(1, poll(&p, 1, 1000));
	IS(-EBUSY, cbus_disconnect(b));
	CHECK(arrives(b));
	IS(0, cbus_disconnect(b));
	IS(-ESHUTDOWN, cbus_disconnect(b));
	IS(-ESHUTDOWN, cbus_receive(b, 0, &r));
	cbus_close(b);
	IS(-ENXIO, cbus_send(a, &m));
	cbus_close(a);
}

/* More than the kernel copies: the library hands it over in memory files. */
static void large(void)
{
	const struct cbus_options wide = {.pool_size = 128 << 20};
	struct cbus *a = connected(&wide), *b = connected(&wide);
	const size_t size = 16 << 20;
	char *p = malloc(size);
	const struct cbus_part part = CBUS_BYTES(p, size);
	struct cbus_message m = to(b, &part, 1);
	struct cbus_received r;
	const void *data;
	size_t got;

	for (size_t i = 0; i < size; i++)
		p[i] = (char)(i ^ i >> 11);
	IS(0, cbus_send(a, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	IS(0, cbus_payload(&r, &data, &got));
	IS(size, got);
	CHECK(memcmp(data, p, size) == 0);
	CHECK(!r.gathered && r.map_count == 1);
	cbus_free(&r);
	const struct cbus_part parts[] = {
		CBUS_BYTES(p, 2 << 20), CBUS_BYTES(p, 100), {.size = 5000}};

	m.parts = parts;
	m.part_count = 3;
	IS(0, cbus_send(a, &m));
	IS(0, cbus_receive(b, SECOND, &r));
	IS(0, cbus_payload(&r, &data, &got));
	IS((2 << 20) + 5100, got);
	CHECK(memcmp(data, p, 2 << 20) == 0 && memcmp((const char *)data + (2 << 20), p, 100) == 0);
	CHECK(((const char *)data)[got - 1] == 0 && r.gathered);
	cbus_free(&r);
	cbus_close(a);
	cbus_close(b);
	free(p);
}

#define THREADS 4
#define CALLS 300

static struct cbus *shared;

static void *caller(void *arg)
{
	uint64_t *server = arg;

	for (uint64_t i = 0; i < CALLS; i++) {
		const struct cbus_part part = CBUS_BYTES(&i, sizeof(i));
		const struct cbus_message m = {.id = *server, .parts = &part, .part_count = 1};
		struct cbus_received r;
		const void *data;

		IS(0, cbus_call(shared, &m, 60 * SECOND, -1, &r));
		IS(0, cbus_payload(&r, &data, NULL));
		CHECK(memcmp(data, &i, sizeof(i)) == 0);
		cbus_free(&r);
	}
	return NULL;
}

/* Threads that share one connection, and a process that answers all of them. */
static void threads(void)
{
	pthread_t t[THREADS];
	uint64_t server;
	int p[2];

	CHECK(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct cbus *b = connected(NULL);
		uint64_t id = cbus_id(b);

		IS(8, write(p[1], &id, 8));
		for (int i = 0; i < THREADS * CALLS; i++) {
			struct cbus_received r;
			struct cbus_part part;
			const struct cbus_message m = {.parts = &part, .part_count = 1};
			const void *data;

			IS(0, cbus_receive(b, 60 * SECOND, &r));
			IS(0, cbus_payload(&r, &data, NULL));
			part = CBUS_BYTES(data, r.payload_size);
			IS(0, cbus_reply(b, &r, &m));
			cbus_free(&r);
		}
		exit(0);
	}
	IS(8, read(p[0], &server, 8));
	shared = connected(NULL);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, caller, &server) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	int status;

	IS(pid, waitpid(pid, &status, 0));
	IS(0, status);
	cbus_close(shared);
}

static void hold(int argc, char **argv)
{
	const struct cbus_options options = {.description = "holder"};
	struct cbus *bus = connected(&options);
	bool queue = argc && !strcmp(argv[0], "queue");

	for (int i = queue; i < argc; i++)
		IS(0, cbus_name_acquire(bus, argv[i], queue ? KDBUS_NAME_QUEUE : 0, NULL));
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"payloads", payloads},
	{"zeroes", zeroes},
	{"memory", memory},
	{"descriptors", descriptors},
	{"async", async},
	{"errors", errors},
	{"timeout", timeout},
	{"cancel", cancel},
	{"signals", signals},
	{"arguments", arguments},
	{"notifications", notifications},
	{"peek", peek},
	{"metadata", metadata},
	{"info", info},
	{"names", names},
	{"disconnect", disconnect},
	{"large", large},
	{"threads", threads},
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "hold"))
		hold(argc - 2, argv + 2);
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(argv[1], tests[i].name))
			continue;
		tests[i].run();
		printf("%s: good\n", argv[1]);
		return 0;
	}
	fprintf(stderr, "usage: bustest NAME\n");
	return 2;
}
