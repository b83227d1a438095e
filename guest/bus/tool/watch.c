// SPDX-License-Identifier: BSD-2-Clause
/* monitor and top: what goes over a bus, and who sends it. Both see everything, and so are for its
 * owner. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tool_impl.h"

/* The next message, or -EINTR when the user wants to stop, or the end of the program. */
static int next(struct cbus *bus, uint64_t timeout_ns, struct cbus_received *r)
{
	const uint64_t slice = 200000000; /* how long ^C may take */

	for (;;) {
		uint64_t ns = timeout_ns < slice ? timeout_ns : slice;
		int n = cbus_receive(bus, ns, r);

		if (n == 0)
			return 0;
		if (interrupted)
			return -EINTR;
		if (n == -ESHUTDOWN)
			fail(0, "the bus has gone");
		if (n != -EAGAIN)
			fail(n, "the bus");
		if (timeout_ns != CBUS_FOREVER)
			timeout_ns -= ns;
		if (timeout_ns == 0)
			return -EAGAIN;
	}
}

int command_monitor(int argc, char **argv)
{
	const char *count = NULL, *bytes = "256";
	bool programs = false;
	const struct option_row rows[] = {{"count", &count, NULL},
					  {"bytes", &bytes, NULL},
					  {"messages", NULL, &programs},
					  {NULL, NULL, NULL}};
	struct cbus_received r;
	uint64_t seen = 0;

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("monitor takes no words");
	uint64_t end = count ? number(count, "--count") : UINT64_MAX;
	uint64_t most = number(bytes, "--bytes");
	struct cbus *bus =
		connect_bus(KDBUS_HELLO_MONITOR, KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_PID_COMM);

	setvbuf(stdout, NULL, _IOLBF, 0);
	fprintf(stderr, "corbel-bus: watching\n");
	while (seen < end && next(bus, CBUS_FOREVER, &r) == 0) {
		if (r.dropped)
			printf("%" PRIu64 " messages were lost: this came too fast\n", r.dropped);
		if (!programs || r.message->src_id != KDBUS_SRC_ID_KERNEL) {
			show_head(&r);
			show_payload(&r, "    ", most);
			seen++;
		}
		cbus_free(&r);
	}
	cbus_close(bus);
	return 0;
}

struct sender {
	struct peer peer;
	uint64_t bytes, messages; /* of this round */
	uint64_t all_bytes, all_messages;
};

/* Open addressing by the connection's number, which is never 0 here. */
struct senders {
	struct sender *slots;
	size_t room, used;
};

static struct sender *find(struct senders *s, uint64_t id)
{
	size_t i = id * 0x9e3779b97f4a7c15u >> 32 & (s->room - 1);

	while (s->slots[i].peer.id && s->slots[i].peer.id != id)
		i = (i + 1) & (s->room - 1);
	return &s->slots[i];
}

static void grow(struct senders *s)
{
	struct senders bigger = {.room = s->room ? s->room * 2 : 256, .used = s->used};

	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		fail(ENOMEM, "top");
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i].peer.id)
			*find(&bigger, s->slots[i].peer.id) = s->slots[i];
	free(s->slots);
	*s = bigger;
}

/* Monitors may ask for nothing but messages, so names come from a second connection. */
static void count_message(struct senders *s, struct cbus *asker, const struct cbus_received *r)
{
	uint64_t id = r->message->src_id;

	if (id == KDBUS_SRC_ID_KERNEL)
		return;
	if (s->used * 2 >= s->room)
		grow(s);
	struct sender *sender = find(s, id);

	if (!sender->peer.id) {
		peer_look_up(asker, id, &sender->peer);
		s->used++;
	}
	sender->bytes += r->payload_size;
	sender->messages++;
}

static bool messages_first;

static int busier(const void *a, const void *b)
{
	const struct sender *x = a, *y = b;
	uint64_t m = messages_first ? x->messages : x->bytes;
	uint64_t n = messages_first ? y->messages : y->bytes;

	if (m != n)
		return m > n ? -1 : 1;
	return x->peer.id < y->peer.id ? -1 : x->peer.id > y->peer.id;
}

static void print_round(struct senders *s, double seconds, uint64_t lost)
{
	const int most = 20;
	struct sender *sorted = calloc(s->used + 1, sizeof(*sorted));
	uint64_t bytes = 0, messages = 0;
	size_t n = 0;

	if (!sorted)
		fail(ENOMEM, "top");
	for (size_t i = 0; i < s->room; i++) {
		struct sender *sender = &s->slots[i];

		if (!sender->peer.id)
			continue;
		sender->all_bytes += sender->bytes;
		sender->all_messages += sender->messages;
		bytes += sender->bytes;
		messages += sender->messages;
		if (sender->messages)
			sorted[n++] = *sender;
		sender->bytes = sender->messages = 0;
	}
	qsort(sorted, n, sizeof(*sorted), busier);
	printf("%" PRIu64 " messages, %" PRIu64 " bytes in %.1f s from %zu senders", messages,
	       bytes, seconds, n);
	if (lost)
		printf("; %" PRIu64 " more were lost here", lost);
	printf("\n%-10s %7s %6s %-16s %14s %12s %16s %14s\n", "ID", "PID", "UID", "PROCESS",
	       "BYTES/S", "MESSAGES/S", "BYTES", "MESSAGES");
	for (size_t i = 0; i < n && i < (size_t)most; i++) {
		char id[32];

		snprintf(id, sizeof(id), ":1.%" PRIu64, sorted[i].peer.id);
		printf("%-10s %7" PRIu64 " %6" PRIu64 " %-16s %14.0f %12.0f %16" PRIu64
		       " %14" PRIu64 "\n",
		       id, sorted[i].peer.pid, sorted[i].peer.uid,
		       sorted[i].peer.comm[0] ? sorted[i].peer.comm : "-",
		       (double)sorted[i].bytes / seconds, (double)sorted[i].messages / seconds,
		       sorted[i].all_bytes, sorted[i].all_messages);
	}
	printf("\n");
	fflush(stdout);
	free(sorted);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Counts until @end; false when the user wants to stop. */
static bool watch_round(struct cbus *bus, struct cbus *asker, struct senders *s, uint64_t end,
			uint64_t *lost)
{
	struct cbus_received r;
	uint64_t now;

	while ((now = now_ns()) < end) {
		int n = next(bus, end - now, &r);

		if (n == -EINTR)
			return false;
		if (n == -EAGAIN)
			continue;
		*lost += r.dropped;
		count_message(s, asker, &r);
		cbus_free(&r);
	}
	return true;
}

int command_top(int argc, char **argv)
{
	const char *seconds = "2", *rounds = NULL, *by = "bytes";
	const struct option_row rows[] = {{"seconds", &seconds, NULL},
					  {"rounds", &rounds, NULL},
					  {"by", &by, NULL},
					  {NULL, NULL, NULL}};
	struct senders senders = {0};
	bool on = true;

	argc -= take_options(argc, argv, rows);
	if (argc)
		usage("top takes no words");
	messages_first = !strcmp(by, "messages");
	if (!messages_first && strcmp(by, "bytes"))
		usage("--by is bytes or messages");
	uint64_t length = number(seconds, "--seconds");
	uint64_t left = rounds ? number(rounds, "--rounds") : UINT64_MAX;

	if (length == 0 || length > 86400)
		usage("--seconds is 1 to 86400");
	struct cbus *asker = connect_bus(0, 0);
	struct cbus *bus = connect_bus(KDBUS_HELLO_MONITOR, 0);

	while (on && left--) {
		uint64_t begin = now_ns(), lost = 0;

		on = watch_round(bus, asker, &senders, begin + length * 1000000000u, &lost);
		print_round(&senders, (double)(now_ns() - begin) / 1e9, lost);
	}
	free(senders.slots);
	cbus_close(bus);
	cbus_close(asker);
	return 0;
}
