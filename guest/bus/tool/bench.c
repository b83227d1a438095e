// SPDX-License-Identifier: BSD-2-Clause
/* bench: calls from one process to another and back. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tool_impl.h"

static const uint64_t sizes[] = {8, 1024, 8192, 65536, 524288, 1048576};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The other process: answers with one byte until it is ended. */
static void serve(int ready)
{
	struct cbus *bus = connect_bus(0, 0);
	const struct cbus_part part = CBUS_BYTES("", 1);
	const struct cbus_message m = {.parts = &part, .part_count = 1};
	uint64_t id = cbus_id(bus);
	struct cbus_received call;

	if (write(ready, &id, sizeof(id)) != sizeof(id))
		fail(errno, "bench");
	while (!interrupted && getppid() != 1) {
		int r = cbus_receive(bus, 1000000000, &call);

		if (r == -EAGAIN)
			continue;
		const void *data;

		if (r < 0 || (r = cbus_payload(&call, &data, NULL)) < 0 ||
		    (r = cbus_reply(bus, &call, &m)) < 0)
			fail(r, "bench, the one that answers");
		cbus_free(&call);
	}
	cbus_close(bus);
}

static void measure(struct cbus *bus, uint64_t to, uint64_t size, uint64_t count, bool memory)
{
	uint64_t *times = calloc(count, sizeof(*times));
	struct cbus_memory *maker = NULL;
	struct cbus_part part;
	struct cbus_message m = {.id = to, .parts = &part, .part_count = 1};
	struct cbus_received reply;
	void *buffer;
	int r = cbus_memory_create(&maker);

	if (!times || r < 0 || cbus_memory_buffer(maker, size, &buffer) < 0)
		fail(ENOMEM, "bench");
	memset(buffer, 'x', size);
	uint64_t begin = now_ns();

	for (uint64_t i = 0; i < count && !interrupted; i++) {
		uint64_t start = now_ns();
		int fd = -1;

		part = CBUS_BYTES(buffer, size);
		if (memory) {
			r = cbus_memory_seal(maker, size, &fd);
			if (r < 0)
				fail(r, "sealed memory");
			part = CBUS_MEMORY(fd, 0, size);
		}
		r = cbus_call(bus, &m, 10000000000u, -1, &reply);
		if (r < 0)
			fail(r, "call with %" PRIu64 " bytes", size);
		cbus_free(&reply);
		if (fd >= 0)
			close(fd);
		times[i] = now_ns() - start;
	}
	double seconds = (double)(now_ns() - begin) / 1e9;

	if (!interrupted) {
		qsort(times, count, sizeof(*times), compare);
		printf("%10" PRIu64 " %12.1f %12.1f %12.0f %10.1f\n", size,
		       (double)times[count / 2] / 1e3, (double)times[count - 1 - count / 100] / 1e3,
		       (double)count / seconds, (double)(size * count) / seconds / 1e6);
		fflush(stdout);
	}
	cbus_memory_destroy(maker);
	free(times);
}

int command_bench(int argc, char **argv)
{
	const char *size = NULL, *count = "1000";
	bool memory = false;
	const struct option_row rows[] = {{"size", &size, NULL},
					  {"count", &count, NULL},
					  {"memory", NULL, &memory},
					  {NULL, NULL, NULL}};
	int pipes[2];
	uint64_t to;

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("bench takes no words");
	uint64_t calls = number(count, "--count");

	if (calls == 0 || calls > 100000000)
		usage("--count is 1 to 100000000");
	if (pipe(pipes))
		fail(errno, "pipe");
	pid_t pid = fork();

	if (pid < 0)
		fail(errno, "fork");
	if (pid == 0) {
		close(pipes[0]);
		serve(pipes[1]);
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &to, sizeof(to)) != sizeof(to))
		return 1; /* it has said why */
	struct cbus *bus = connect_bus(0, 0);

	printf("%10s %12s %12s %12s %10s\n", "BYTES", "MEDIAN us", "99 % us", "CALLS/S", "MB/S");
	if (size)
		measure(bus, to, number(size, "--size"), calls, memory);
	for (size_t i = 0; !size && i < sizeof(sizes) / sizeof(sizes[0]) && !interrupted; i++)
		measure(bus, to, sizes[i], calls, memory);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	cbus_close(bus);
	return 0;
}
