// SPDX-License-Identifier: BSD-2-Clause
/* call, signal, echo: messages by hand. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tool_impl.h"

struct bytes {
	char *data;
	size_t size;
};

/* The words with a space between them. */
static struct bytes join(int argc, char **argv)
{
	struct bytes b = {0};

	for (int i = 0; i < argc; i++)
		b.size += strlen(argv[i]) + 1;
	b.data = malloc(b.size + 1);
	if (!b.data)
		fail(ENOMEM, "payload");
	char *p = b.data;

	for (int i = 0; i < argc; i++)
		p += sprintf(p, "%s%s", i ? " " : "", argv[i]);
	b.size = (size_t)(p - b.data);
	return b;
}

static struct bytes read_file(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;
	struct bytes b = {0};
	size_t room = 0;

	if (fd < 0)
		fail(errno, "%s", path);
	for (;;) {
		if (b.size == room) {
			room = room ? room * 2 : 65536;
			b.data = realloc(b.data, room);
			if (!b.data)
				fail(ENOMEM, "%s", path);
		}
		ssize_t n = read(fd, b.data + b.size, room - b.size);

		if (n < 0 && errno != EINTR)
			fail(errno, "%s", path);
		if (n == 0)
			break;
		if (n > 0)
			b.size += (size_t)n;
	}
	if (fd > 0)
		close(fd);
	return b;
}

static int in_memory(const struct bytes *b)
{
	struct cbus_memory *memory;
	void *buffer;
	int fd, r = cbus_memory_create(&memory);

	if (r < 0 || (r = cbus_memory_buffer(memory, b->size, &buffer)) < 0)
		fail(r, "payload");
	memcpy(buffer, b->data, b->size);
	r = cbus_memory_seal(memory, b->size, &fd);
	if (r < 0)
		fail(r, "sealed memory");
	cbus_memory_destroy(memory);
	return fd;
}

static const char *explain(int error)
{
	switch (-error) {
	case ESRCH:
		return "nobody has that name";
	case ENXIO:
		return "there is no such connection";
	case EPIPE:
		return "it went away without an answer";
	case ETIMEDOUT:
		return "no answer in time";
	case EPERM:
		return "the policy of the bus says no";
	case ENOBUFS:
		return "its queue is full for us";
	}
	return strerror(-error);
}

int command_call(int argc, char **argv)
{
	const char *timeout = "25", *file = NULL, *type = NULL;
	bool memory = false, raw = false;
	const struct option_row rows[] = {{"timeout", &timeout, NULL}, {"file", &file, NULL},
					  {"memory", NULL, &memory},   {"type", &type, NULL},
					  {"raw", NULL, &raw},	       {NULL, NULL, NULL}};
	struct cbus_message m = {0};
	struct cbus_received reply;
	int n = take_options(argc, argv, rows);

	if (n == argc)
		usage("call whom?");
	const char *to = argv[n++];

	n += take_options(argc - n, argv + n, rows);
	if (file && n < argc)
		usage("the payload is words or a file");
	uint64_t seconds = number(timeout, "--timeout");

	if (seconds == 0 || seconds > 1000000000)
		usage("--timeout is 1 to 1000000000");
	set_destination(&m, to);
	m.payload_type = type ? number(type, "--type") : 0;
	struct bytes b = file ? read_file(file) : join(argc - n, argv + n);
	bool sealed = memory && b.size;
	int fd = sealed ? in_memory(&b) : -1;
	const struct cbus_part part =
		sealed ? CBUS_MEMORY(fd, 0, b.size) : CBUS_BYTES(b.data, b.size);

	m.parts = &part;
	m.part_count = b.size ? 1 : 0;
	struct cbus *bus = connect_bus(0, 0);
	int r = cbus_call(bus, &m, seconds * 1000000000u, -1, &reply);

	if (r < 0)
		fail(0, "call to %s: %s", to, explain(r));
	if (raw) {
		const void *data;
		size_t size;

		r = cbus_payload(&reply, &data, &size);
		if (r < 0)
			fail(r, "answer");
		fwrite(data, 1, size, stdout);
	} else {
		show_head(&reply);
		show_payload(&reply, "    ", 4096);
	}
	cbus_free(&reply);
	free(b.data);
	if (fd >= 0)
		close(fd);
	cbus_close(bus);
	return 0;
}

int command_signal(int argc, char **argv)
{
	struct cbus_topic topic = {.path = "/"};
	const struct option_row rows[] = {{"path", &topic.path, NULL}, {NULL, NULL, NULL}};
	struct cbus_message m = {0};
	int n = take_options(argc, argv, rows);

	if (argc - n < 2)
		usage("signal needs an interface and a member");
	topic.interface = argv[n];
	topic.member = argv[n + 1];
	topic.args = (const char *const *)(argv + n + 2);
	topic.arg_count = (size_t)(argc - n - 2);
	struct bytes b = join(argc - n - 2, argv + n + 2);
	const struct cbus_part part = CBUS_BYTES(b.data, b.size);

	m.parts = &part;
	m.part_count = b.size ? 1 : 0;
	struct cbus *bus = connect_bus(0, 0);
	int r = cbus_signal(bus, &topic, &m);

	if (r < 0)
		fail(0, "signal: %s", explain(r));
	free(b.data);
	cbus_close(bus);
	return 0;
}

/* The same parts again: what lies in the pool is copied once more, a memory file is handed on. */
static int answer(struct cbus *bus, struct cbus_received *call)
{
	struct cbus_part parts[64];
	struct cbus_message m = {.parts = parts, .payload_type = call->message->payload_type};
	size_t position = 0;

	while (m.part_count < 64) {
		int n = cbus_part_next(call, &position, &parts[m.part_count]);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		m.part_count++;
	}
	return cbus_reply(bus, call, &m);
}

int command_echo(int argc, char **argv)
{
	const char *count = NULL;
	const struct option_row rows[] = {{"count", &count, NULL}, {NULL, NULL, NULL}};
	struct cbus_received call;
	int n = take_options(argc, argv, rows);

	if (argc - n != 1)
		usage("echo needs a name");
	uint64_t left = count ? number(count, "--count") : UINT64_MAX;
	struct cbus *bus = connect_bus(0, 0);
	int r = cbus_name_acquire(bus, argv[n], 0, NULL);

	if (r < 0)
		fail(r, "cannot own %s", argv[n]);
	while (left && !interrupted) {
		r = cbus_receive(bus, 200000000, &call);
		if (r == -EAGAIN)
			continue;
		if (r < 0 && interrupted)
			break;
		if (r == -ESHUTDOWN)
			fail(0, "the bus has gone");
		if (r < 0)
			fail(r, "the bus");
		if (call.message->flags & KDBUS_MSG_EXPECT_REPLY) {
			/* Who asked may be gone: that is his affair. */
			r = answer(bus, &call);
			if (r < 0)
				fprintf(stderr, "corbel-bus: answer: %s\n", strerror(-r));
			left--;
		}
		cbus_free(&call);
	}
	cbus_close(bus);
	return 0;
}
