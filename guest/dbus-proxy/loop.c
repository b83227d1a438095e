// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loop: epoll for descriptors, a sorted sequence for times. What is freed during a turn stays
 * in memory until its end, so that events already fetched can see that their source is gone (its
 * fd is -1).
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"

#define EVENTS_A_TURN 64

struct leftover {
	GDestroyNotify free_fn;
	void *data;
};

struct loop {
	int epoll;
	GSequence *timers;
	GArray *leftovers;
};

struct loop *loop_create(void)
{
	struct loop *loop = g_new0(struct loop, 1);

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		g_error("no epoll: %s", g_strerror(errno));
	loop->timers = g_sequence_new(NULL);
	loop->leftovers = g_array_new(FALSE, FALSE, sizeof(struct leftover));
	return loop;
}

static void free_leftovers(struct loop *loop)
{
	guint i;

	/* what is freed may leave more behind */
	for (i = 0; i < loop->leftovers->len; i++) {
		struct leftover left = g_array_index(loop->leftovers, struct leftover, i);

		left.free_fn(left.data);
	}
	g_array_set_size(loop->leftovers, 0);
}

void loop_destroy(struct loop *loop)
{
	free_leftovers(loop);
	g_array_unref(loop->leftovers);
	g_sequence_free(loop->timers);
	close(loop->epoll);
	g_free(loop);
}

int loop_add(struct loop *loop, struct source *source, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	source->fd = fd;
	source->events = events;
	return 0;
}

void loop_change(struct loop *loop, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->fd < 0 || source->events == events)
		return;
	source->events = events;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event))
		g_warning("epoll_ctl: %s", g_strerror(errno));
}

void loop_remove(struct loop *loop, struct source *source)
{
	if (source->fd < 0)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
}

static gint compare_times(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
	const struct timer *x = a, *y = b;

	return x->due_us < y->due_us ? -1 : x->due_us > y->due_us;
}

void loop_start_timer(struct loop *loop, struct timer *timer, int64_t after_ms)
{
	loop_stop_timer(loop, timer);
	timer->due_us = g_get_monotonic_time() + after_ms * 1000;
	timer->place = g_sequence_insert_sorted(loop->timers, timer, compare_times, NULL);
}

void loop_stop_timer(struct loop *loop G_GNUC_UNUSED, struct timer *timer)
{
	if (timer->place)
		g_sequence_remove(timer->place);
	timer->place = NULL;
}

void loop_free_later(struct loop *loop, GDestroyNotify free_fn, void *data)
{
	struct leftover left = {free_fn, data};

	g_array_append_val(loop->leftovers, left);
}

static struct timer *first_timer(struct loop *loop)
{
	GSequenceIter *first = g_sequence_get_begin_iter(loop->timers);

	return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* Milliseconds until the first time, -1 for ever. */
static int patience(struct loop *loop)
{
	struct timer *timer = first_timer(loop);
	int64_t left;

	if (!timer)
		return -1;
	left = (timer->due_us - g_get_monotonic_time() + 999) / 1000;
	return (int)CLAMP(left, 0, 3600 * 1000);
}

static void run_timers(struct loop *loop)
{
	int64_t now = g_get_monotonic_time();
	struct timer *timer;

	while ((timer = first_timer(loop)) && timer->due_us <= now) {
		loop_stop_timer(loop, timer);
		timer->expired(timer);
	}
}

int loop_fd(const struct loop *loop)
{
	return loop->epoll;
}

int loop_turn(struct loop *loop, bool nonblocking)
{
	struct epoll_event events[EVENTS_A_TURN];
	int i, n;

	n = epoll_wait(loop->epoll, events, EVENTS_A_TURN, nonblocking ? 0 : patience(loop));
	for (i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		if (source->fd >= 0)
			source->ready(source, events[i].events);
	}
	if (!nonblocking)
		run_timers(loop);
	free_leftovers(loop);
	return MAX(n, 0);
}
