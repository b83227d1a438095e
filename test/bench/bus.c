/*
 * The message bus beside what it replaces, one program, two processes: the kernel's bus through
 * libcorbelbus, a socket of AF_UNIX, and dbus-daemon through libdbus.  Prints, for each kind of
 * transport, direction and size, how long one exchange takes:
 *
 *	BUS echo vec 8192 n=500 p50=12345 p99=23456
 *	BUS cast 1000/10 0 n=50 p50=12345 p99=23456
 *
 * "echo" is a payload there and the same back, "send" a payload there and 8 bytes back; the side
 *that receives a payload reads a word of each of its pages.  "cast" is one broadcast among so many
 * receivers, of which so many match; each has ten matches.
 *
 *	bus [clock=tsc|ns] [budget=NS] [only=KIND,...] [size=BYTES] [most=BYTES]
 *
 * With clock=tsc and "qemu -icount shift=0" the unit is one guest instruction.
 */
#define _GNU_SOURCE
#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "corbelbus.h"

#define SAMPLES 2000
#define SAMPLES_LEAST 9
#define BIGGEST (16ul << 20)
#define POOL (256ul << 20)
#define PAGE 4096
#define DBUS_ADDRESS "unix:path=/tmp/bench-dbus"
#define DBUS_NAME "org.corbel.Bench"

static const size_t sizes[] = {8,      128,    1024,	8192,	 32768,
			       131072, 524288, 1048576, 4194304, BIGGEST};
static int use_tsc;
static uint64_t budget = 1500000000;
static const char *only;
static size_t only_size, most_size = BIGGEST;
static char *buffer; /* what is sent */
static char *sink;   /* what is received where somebody must copy it */
static uint64_t samples[SAMPLES];

static void die(const char *what, int error)
{
	printf("BUS FAIL %s: %s\n", what, strerror(error < 0 ? -error : error));
	fflush(stdout);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	if (use_tsc) {
		uint32_t low, high;

		__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
		return (uint64_t)high << 32 | low;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *mode, const char *kind, size_t size, int n)
{
	qsort(samples, (size_t)n, sizeof(samples[0]), compare);
	printf("BUS %s %s %zu n=%d p50=%llu p99=%llu\n", mode, kind, size, n,
	       (unsigned long long)samples[n / 2],
	       (unsigned long long)samples[n - 1 - (n - 1) / 100]);
	fflush(stdout);
}

/* A word of each page: the payload has really come. */
static void read_pages(const void *data, size_t size)
{
	const volatile char *p = data;

	for (size_t i = 0; i < size; i += PAGE)
		(void)p[i];
}

/* One way to talk to another process; all functions end the program when something is wrong. */
struct transport {
	const char *name;
	void *(*serve_open)(void);
	void (*serve)(void *server, int echo); /* without end */
	void (*client_open)(void);
	void (*exchange)(size_t size, int echo);
	void (*client_close)(void);
	size_t least, most;
	int no_echo;
};

/* ---- The kernel's bus ---- */

static struct cbus *bus;
static struct cbus_memory *memory;
static uint64_t server_id;
static int pipes[2], sealed = -1;
static size_t sealed_size;

static struct cbus *bus_connect(uint64_t pool)
{
	const struct cbus_options options = {.pool_size = pool};
	struct cbus *b;
	int r = cbus_connect(NULL, &options, &b);

	if (r)
		die("connect", r);
	return b;
}

static void *bus_serve_open(void)
{
	struct cbus *b = bus_connect(POOL);
	uint64_t id = cbus_id(b);

	if (write(pipes[1], &id, sizeof(id)) != sizeof(id))
		die("pipe", errno);
	return b;
}

static void bus_serve(void *server, int echo)
{
	for (;;) {
		struct cbus_received call;
		struct cbus_part part;
		struct cbus_message answer = {.parts = &part, .part_count = 1};
		const void *data;
		size_t size;
		int r = cbus_receive(server, CBUS_FOREVER, &call);

		if (r || (r = cbus_payload(&call, &data, &size)))
			die("receive", r);
		read_pages(data, size);
		part = CBUS_BYTES(data, echo ? size : 8);
		r = cbus_reply(server, &call, &answer);
		if (r)
			die("reply", r);
		cbus_free(&call);
	}
}

static void bus_client_open(void)
{
	if (read(pipes[0], &server_id, sizeof(server_id)) != sizeof(server_id))
		die("pipe", EPIPE);
	bus = bus_connect(POOL);
	if (cbus_memory_create(&memory))
		die("memory", ENOMEM);
}

static void bus_client_close(void)
{
	cbus_close(bus);
	cbus_memory_destroy(memory);
	if (sealed >= 0)
		close(sealed);
	sealed = -1;
	sealed_size = 0;
}

static void bus_call(struct cbus_part part, size_t expect)
{
	const struct cbus_message m = {.id = server_id, .parts = &part, .part_count = 1};
	struct cbus_received reply;
	const void *data;
	size_t size;
	int r = cbus_call(bus, &m, CBUS_FOREVER, -1, &reply);

	if (r || (r = cbus_payload(&reply, &data, &size)))
		die("call", r);
	if (size != expect)
		die("size", EBADMSG);
	read_pages(data, size);
	cbus_free(&reply);
}

static void vec_exchange(size_t size, int echo)
{
	bus_call(CBUS_BYTES(buffer, size), echo ? size : 8);
}

/* The way of the text books: a new file, mapped, filled, unmapped, sealed. */
static void fresh_exchange(size_t size, int echo)
{
	int fd = memfd_create("fresh", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)echo;
	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("memfd", errno);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap", errno);
	memcpy(p, buffer, size);
	munmap(p, size);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		die("seal", errno);
	bus_call(CBUS_MEMORY(fd, 0, size), 8);
	close(fd);
}

/* The payload is made in memory that is used again and again, as that of a socket is. */
static void recycled_exchange(size_t size, int echo)
{
	void *p;
	int fd, r = cbus_memory_buffer(memory, size, &p);

	(void)echo;
	if (r || (r = cbus_memory_seal(memory, size, &fd)))
		die("memory", r);
	bus_call(CBUS_MEMORY(fd, 0, size), 8);
	close(fd);
}

static void resent_exchange(size_t size, int echo)
{
	void *p;

	(void)echo;
	if (sealed_size != size) {
		if (sealed >= 0)
			close(sealed);
		int r = cbus_memory_buffer(memory, size, &p);

		if (r || (r = cbus_memory_seal(memory, size, &sealed)))
			die("memory", r);
		sealed_size = size;
	}
	bus_call(CBUS_MEMORY(sealed, 0, size), 8);
}

/* ---- AF_UNIX ---- */

static int pair[2];

static void send_all(int fd, const char *p, size_t size)
{
	while (size) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n < 0)
			die("send", errno);
		p += n;
		size -= (size_t)n;
	}
}

static void receive_all(int fd, char *p, size_t size)
{
	while (size) {
		ssize_t n = recv(fd, p, size, 0);

		if (n <= 0)
			die("recv", n ? errno : EPIPE);
		p += n;
		size -= (size_t)n;
	}
}

/* The size goes in front, as in every protocol over a stream. */
static void *unix_serve_open(void)
{
	close(pair[0]);
	return NULL;
}

static void stream_serve(void *server, int echo)
{
	(void)server;
	for (;;) {
		uint64_t size;

		receive_all(pair[1], sink, 8);
		memcpy(&size, sink, 8);
		if (size > 8)
			receive_all(pair[1], sink + 8, size - 8);
		read_pages(sink, size);
		send_all(pair[1], sink, echo ? size : 8);
	}
}

static void stream_exchange(size_t size, int echo)
{
	uint64_t head = size;

	memcpy(buffer, &head, 8);
	send_all(pair[0], buffer, size);
	receive_all(pair[0], sink, echo ? size : 8);
}

static void seqpacket_serve(void *server, int echo)
{
	(void)server;
	for (;;) {
		ssize_t n = recv(pair[1], sink, BIGGEST, 0);

		if (n <= 0)
			die("recv", n ? errno : EPIPE);
		read_pages(sink, (size_t)n);
		send_all(pair[1], sink, echo ? (size_t)n : 8);
	}
}

static void seqpacket_exchange(size_t size, int echo)
{
	size_t want = echo ? size : 8;

	send_all(pair[0], buffer, size);
	if (recv(pair[0], sink, BIGGEST, 0) != (ssize_t)want)
		die("recv", errno);
}

static void unix_client_open(void)
{
	close(pair[1]);
}

static void unix_client_close(void)
{
	close(pair[0]);
}

/* ---- dbus-daemon ---- */

static DBusConnection *dbus;

static DBusConnection *dbus_connect(void)
{
	DBusError e = DBUS_ERROR_INIT;
	DBusConnection *c = dbus_connection_open_private(DBUS_ADDRESS, &e);

	if (!c || !dbus_bus_register(c, &e)) {
		printf("BUS FAIL dbus: %s\n", e.message);
		exit(1);
	}
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	return c;
}

static void *dbus_serve_open(void)
{
	DBusConnection *c = dbus_connect();

	if (dbus_bus_request_name(c, DBUS_NAME, 0, NULL) != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
		die("dbus name", EEXIST);
	if (write(pipes[1], "", 1) != 1)
		die("pipe", errno);
	return c;
}

static void append(DBusMessage *m, const char *data, size_t size)
{
	if (!dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &data, (int)size,
				      DBUS_TYPE_INVALID))
		die("dbus message", ENOMEM);
}

static void look(DBusMessage *m, const char **data, int *size)
{
	if (!dbus_message_get_args(m, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, data, size,
				   DBUS_TYPE_INVALID))
		die("dbus payload", EBADMSG);
	read_pages(*data, (size_t)*size);
}

static void dbus_serve(void *server, int echo)
{
	DBusMessage *m;

	for (;;) {
		if (!dbus_connection_read_write(server, -1))
			exit(0);
		while ((m = dbus_connection_pop_message(server))) {
			const char *data;
			int size;

			if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
				DBusMessage *answer = dbus_message_new_method_return(m);

				look(m, &data, &size);
				append(answer, data, echo ? (size_t)size : 8);
				dbus_connection_send(server, answer, NULL);
				dbus_connection_flush(server);
				dbus_message_unref(answer);
			}
			dbus_message_unref(m);
		}
	}
}

static void dbus_client_open(void)
{
	char c;

	if (read(pipes[0], &c, 1) != 1)
		die("pipe", EPIPE);
	dbus = dbus_connect();
}

static void dbus_exchange(size_t size, int echo)
{
	DBusMessage *m = dbus_message_new_method_call(DBUS_NAME, "/", DBUS_NAME, "Call");
	DBusError e = DBUS_ERROR_INIT;
	const char *data;
	int n;

	(void)echo;
	append(m, buffer, size);
	DBusMessage *reply = dbus_connection_send_with_reply_and_block(dbus, m, INT32_MAX, &e);

	if (!reply) {
		printf("BUS FAIL dbus: %s\n", e.message);
		exit(1);
	}
	look(reply, &data, &n);
	dbus_message_unref(reply);
	dbus_message_unref(m);
}

static void dbus_client_close(void)
{
	dbus_connection_close(dbus);
	dbus_connection_unref(dbus);
}

/* dbus-daemon with limits that let 16 MiB through. */
static pid_t start_daemon(void)
{
	static const char config[] =
		"<busconfig><type>session</type><listen>" DBUS_ADDRESS
		"</listen><auth>EXTERNAL</auth>"
		"<policy context='default'><allow send_destination='*' eavesdrop='true'/>"
		"<allow eavesdrop='true'/><allow own='*'/></policy>"
		"<limit name='max_incoming_bytes'>1000000000</limit>"
		"<limit name='max_outgoing_bytes'>1000000000</limit>"
		"<limit name='max_message_size'>134217728</limit></busconfig>";
	FILE *f = fopen("/tmp/bench-dbus.conf", "w");

	if (!f || fputs(config, f) < 0 || fclose(f))
		die("bench-dbus.conf", errno);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("dbus-daemon", "dbus-daemon", "--config-file=/tmp/bench-dbus.conf",
		       "--nofork", (char *)NULL);
		die("dbus-daemon", errno);
	}
	for (int i = 0; i < 1000 && access("/tmp/bench-dbus", F_OK); i++)
		usleep(10000);
	return pid;
}

/* ---- One transport after the other ---- */

static void measure(const struct transport *t, int echo)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t begin, start;
		int n = 0;

		if (sizes[i] < t->least || (t->most && sizes[i] > t->most) ||
		    (only_size && sizes[i] != only_size) || sizes[i] > most_size)
			continue;
		/* Warm: page tables, pools, the daemon's buffers. */
		for (int warm = 0; warm < 3; warm++)
			t->exchange(sizes[i], echo);
		begin = now();
		while (n < SAMPLES && (n < SAMPLES_LEAST || now() - begin < budget)) {
			start = now();
			t->exchange(sizes[i], echo);
			samples[n++] = now() - start;
		}
		print(echo ? "echo" : "send", t->name, sizes[i], n);
	}
}

static int wanted(const char *name)
{
	return !only || strstr(only, name);
}

static void run(const struct transport *t, int echo, int socket_type)
{
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe", errno);
	if (socket_type && socketpair(AF_UNIX, socket_type | SOCK_CLOEXEC, 0, pair))
		die("socketpair", errno);
	if (socket_type == SOCK_SEQPACKET) {
		int room = 2 << 20;

		for (int i = 0; i < 2; i++)
			setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	}
	pid_t pid = fork();

	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		t->serve(t->serve_open(), echo);
	}
	t->client_open();
	measure(t, echo);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	t->client_close();
	close(pipes[0]);
	close(pipes[1]);
}

static const struct {
	struct transport t;
	int socket_type;
} transports[] = {
	{{"stream", unix_serve_open, stream_serve, unix_client_open, stream_exchange,
	  unix_client_close, 0, 0, 0},
	 SOCK_STREAM},
	{{"seqpacket", unix_serve_open, seqpacket_serve, unix_client_open, seqpacket_exchange,
	  unix_client_close, 0, 1048576, 0},
	 SOCK_SEQPACKET},
	{{"dbus", dbus_serve_open, dbus_serve, dbus_client_open, dbus_exchange, dbus_client_close,
	  0, 0, 0},
	 0},
	{{"vec", bus_serve_open, bus_serve, bus_client_open, vec_exchange, bus_client_close, 0, 0,
	  0},
	 0},
	{{"fresh", bus_serve_open, bus_serve, bus_client_open, fresh_exchange, bus_client_close,
	  8192, 0, 1},
	 0},
	{{"recycled", bus_serve_open, bus_serve, bus_client_open, recycled_exchange,
	  bus_client_close, 8192, 0, 1},
	 0},
	{{"resent", bus_serve_open, bus_serve, bus_client_open, resent_exchange, bus_client_close,
	  8192, 0, 1},
	 0},
};

/* ---- Broadcast ---- */

#define RECEIVERS_MOST 1000
#define MATCHES 10

static const int groups[] = {0, 1, 10, 100, 1000};

static void add_matches(struct cbus *b, int receiver)
{
	char rule[128];
	int r, cookie = 1;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++, cookie++) {
		if (receiver < groups[g])
			snprintf(rule, sizeof(rule), "interface='org.corbel.Cast',member='To%d'",
				 groups[g]);
		else
			snprintf(rule, sizeof(rule), "interface='org.corbel.R%d',member='G%d'",
				 receiver, cookie);
		if ((r = cbus_match_add(b, (uint64_t)cookie, rule, false)))
			die("match", r);
	}
	for (; cookie <= MATCHES; cookie++) {
		snprintf(rule, sizeof(rule), "interface='org.corbel.R%d',path='/r/%d'", receiver,
			 cookie);
		if ((r = cbus_match_add(b, (uint64_t)cookie, rule, false)))
			die("match", r);
	}
}

static void drain(struct cbus **receivers, int n, int matching)
{
	struct cbus_received message;

	for (int i = 0; i < n; i++) {
		int got = cbus_receive(receivers[i], 0, &message);

		if (got != (i < matching ? 0 : -EAGAIN))
			die("broadcast: a receiver", got ? got : EEXIST);
		if (got == 0)
			cbus_free(&message);
	}
}

static void broadcast(int receivers)
{
	static struct cbus *all[RECEIVERS_MOST];
	struct cbus *sender = bus_connect(1 << 20);
	char member[32], name[32];

	for (int i = 0; i < receivers; i++) {
		all[i] = bus_connect(65536);
		add_matches(all[i], i);
	}
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		const struct cbus_topic topic = {"org.corbel.Cast", member, "/", NULL, 0};
		const struct cbus_part part = CBUS_BYTES(buffer, 64);
		const struct cbus_message m = {.parts = &part, .part_count = 1};
		int n = 0;

		if (groups[g] > receivers)
			continue;
		snprintf(member, sizeof(member), "To%d", groups[g]);
		for (; n < 30; n++) {
			uint64_t start = now();
			int r = cbus_signal(sender, &topic, &m);

			samples[n] = now() - start;
			if (r)
				die("signal", r);
			drain(all, receivers, groups[g]);
		}
		snprintf(name, sizeof(name), "%d/%d", receivers, groups[g]);
		print("cast", name, 64, n);
	}
	for (int i = 0; i < receivers; i++)
		cbus_close(all[i]);
	cbus_close(sender);
}

static void arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "clock=tsc"))
			use_tsc = 1;
		else if (!strncmp(argv[i], "budget=", 7))
			budget = strtoull(argv[i] + 7, NULL, 10);
		else if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
		else if (!strncmp(argv[i], "size=", 5))
			only_size = strtoull(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "most=", 5))
			most_size = strtoull(argv[i] + 5, NULL, 10);
		else if (strcmp(argv[i], "clock=ns"))
			die(argv[i], EINVAL);
	}
}

int main(int argc, char **argv)
{
	const struct rlimit files = {4096, 4096};
	pid_t daemon = 0;
	int owner;

	arguments(argc, argv);
	setrlimit(RLIMIT_NOFILE, &files);
	buffer = mmap(NULL, BIGGEST, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	sink = mmap(NULL, BIGGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED || sink == MAP_FAILED)
		die("mmap", errno);
	memset(buffer, 'x', BIGGEST);
	memset(sink, 0, BIGGEST);
	int r = cbus_bus_make(NULL, "bench", 0, &owner);

	if (r)
		printf("BUS no bus: %s\n", strerror(-r));
	setenv("CORBEL_BUS", "0-bench", 1);
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		const struct transport *t = &transports[i].t;

		if (!wanted(t->name) || (r && t->serve == bus_serve))
			continue;
		if (t->serve == dbus_serve)
			daemon = start_daemon();
		if (!t->no_echo)
			run(t, 1, transports[i].socket_type);
		run(t, 0, transports[i].socket_type);
		if (t->serve == dbus_serve) {
			kill(daemon, SIGKILL);
			waitpid(daemon, NULL, 0);
		}
	}
	if (!r && wanted("cast")) {
		broadcast(100);
		broadcast(RECEIVERS_MOST);
	}
	printf("BUS done\n");
	fflush(stdout);
	return 0;
}
