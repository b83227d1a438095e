/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The room in a pool. Best fit: what is freed together grows together, and a pool that is emptied
 * is one range again.
 *
 * The range that the room itself contains may merge into a neighbour; it becomes a spare then as
 * any other, but is never surplus.
 */
#include "slice_impl.h"

#include <kern/errno.h>

static bool smaller(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bus_range, node)->size <
	       rb_entry(b, struct bus_range, node)->size;
}

static bool before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bus_range, node)->offset <
	       rb_entry(b, struct bus_range, node)->offset;
}

void bus_room_init(struct bus_room *r, u64 size)
{
	*r = (struct bus_room){.size = size, .by_size = RB_ROOT, .by_offset = RB_ROOT};
	list_init(&r->ranges);
	list_init(&r->spare);
	r->first = (struct bus_range){.size = size};
	list_add(&r->first.link, &r->ranges);
	rb_add(&r->first.node, &r->by_size, smaller);
}

static struct bus_range *best_fit(struct bus_room *r, u64 size)
{
	struct rb_node *n = r->by_size.node;
	struct bus_range *best = NULL;

	while (n) {
		struct bus_range *g = rb_entry(n, struct bus_range, node);

		if (g->size >= size) {
			best = g;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static struct bus_range *take_spare(struct bus_room *r, struct bus_range **fresh)
{
	struct bus_range *g = list_first_entry_or_null(&r->spare, struct bus_range, link);

	if (g) {
		list_del(&g->link);
		r->spares--;
		return g;
	}
	g = *fresh;
	*fresh = NULL;
	return g;
}

/* What is behind the first @size bytes of @g becomes a free range of its own. */
static void split(struct bus_room *r, struct bus_range *g, u64 size, struct bus_range *rest)
{
	*rest = (struct bus_range){.offset = g->offset + size, .size = g->size - size};
	g->size = size;
	list_add(&rest->link, &g->link);
	rb_add(&rest->node, &r->by_size, smaller);
}

int bus_room_take(struct bus_room *r, u64 size, struct bus_range **fresh, struct bus_range **out)
{
	struct bus_range *g = best_fit(r, size), *rest = NULL;

	if (!g)
		return -EXFULL;
	if (g->size > size) {
		rest = take_spare(r, fresh);
		if (!rest)
			return -EAGAIN;
	}
	rb_erase(&g->node, &r->by_size);
	if (rest)
		split(r, g, size, rest);
	rb_add(&g->node, &r->by_offset, before);
	g->used = true;
	g->kernel = true;
	g->user = false;
	r->used += size;
	*out = g;
	return 0;
}

/* @b, free and right behind @a, becomes part of it. */
static void merge(struct bus_room *r, struct bus_range *a, struct bus_range *b)
{
	a->size += b->size;
	list_move(&b->link, &r->spare);
	r->spares++;
}

void bus_room_give(struct bus_room *r, struct bus_range *g)
{
	struct bus_range *near;

	rb_erase(&g->node, &r->by_offset);
	r->used -= g->size;
	g->used = false;
	if (!list_is_last(&g->link, &r->ranges)) {
		near = list_next_entry(g, link);
		if (!near->used) {
			rb_erase(&near->node, &r->by_size);
			merge(r, g, near);
		}
	}
	if (!list_is_first(&g->link, &r->ranges)) {
		near = list_prev_entry(g, link);
		if (!near->used) {
			rb_erase(&near->node, &r->by_size);
			merge(r, near, g);
			g = near;
		}
	}
	rb_add(&g->node, &r->by_size, smaller);
}

struct bus_range *bus_room_find(struct bus_room *r, u64 offset)
{
	struct rb_node *n = r->by_offset.node;

	while (n) {
		struct bus_range *g = rb_entry(n, struct bus_range, node);

		if (offset == g->offset)
			return g;
		n = offset < g->offset ? n->left : n->right;
	}
	return NULL;
}

struct bus_range *bus_room_surplus(struct bus_room *r, bool all)
{
	struct bus_range *g;

	if (!all && r->spares <= BUS_ROOM_SPARES_MAX)
		return NULL;
	list_for_each_entry (g, &r->spare, link) {
		if (g == &r->first)
			continue;
		list_del(&g->link);
		r->spares--;
		return g;
	}
	return NULL;
}
