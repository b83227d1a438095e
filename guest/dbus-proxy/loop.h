// SPDX-License-Identifier: BSD-2-Clause
/*
 * One thread that waits for descriptors, times and ends of children. Sources are embedded in what
 * they belong to; a source that is removed is not called again, also not in the same turn.
 */
#ifndef DBUS_PROXY_LOOP_H
#define DBUS_PROXY_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

struct loop;

/* Part of its owner, whose memory goes through loop_free_later(). */
struct source {
	int fd; /* -1 when it is in no loop */
	uint32_t events;
	void (*ready)(struct source *source, uint32_t events);
};

struct timer {
	int64_t due_us; /* of g_get_monotonic_time() */
	void (*expired)(struct timer *timer);
	GSequenceIter *place; /* NULL: not running */
};

struct loop *loop_create(void);
void loop_destroy(struct loop *loop);
int loop_add(struct loop *loop, struct source *source, int fd, uint32_t events);
void loop_change(struct loop *loop, struct source *source, uint32_t events);
void loop_remove(struct loop *loop, struct source *source);
void loop_start_timer(struct loop *loop, struct timer *timer, int64_t after_ms);
void loop_stop_timer(struct loop *loop, struct timer *timer);
/* @free_fn(@data) is called at the end of the turn, when no event points to it. */
void loop_free_later(struct loop *loop, GDestroyNotify free_fn, void *data);
int loop_fd(const struct loop *loop); /* readable when a turn would not wait; times do not count */
/* One turn: waits (not at all when @nonblocking), calls who is ready; how many were. */
int loop_turn(struct loop *loop, bool nonblocking);

#endif
