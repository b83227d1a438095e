/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The room in a pool: which bytes of it are given out. Pure: offsets only, no locks, no memory.
 *
 * All ranges of a pool, given out or not, are on a list in order and cover it without gaps. The
 * free ones are in a tree by size too, the others in one by offset. Sizes are multiples of 8.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/list.h>
#include <kern/types.h>
#include <lib/rbtree/rbtree.h>

struct bus_range {
	struct list_head link; /* neighbours; or room->spare */
	struct rb_node node;   /* by size (free) or by offset */
	u64 offset, size;
	bool used;
	bool kernel; /* the bus refers to it: it is a message in a queue, or being written */
	bool user;   /* the pool's owner was told of it and has not freed it */
};

/* Everything: the pool's lock. */
struct bus_room {
	u64 size;
	u64 used; /* bytes given out */
	struct list_head ranges;
	struct rb_root by_size, by_offset;
	struct list_head spare; /* ranges in use for nothing, for the next splits */
	u32 spares;
	struct bus_range first;
};

#define BUS_ROOM_SPARES_MAX 16u

void bus_room_init(struct bus_room *r, u64 size);
/*
 * The smallest free range that holds @size bytes (not 0), cut to that, with .kernel set. @fresh is
 * used for the rest if there is no spare, and set to NULL then. -EXFULL: there is no place;
 * -EAGAIN: nothing was done as a range is needed in @fresh.
 */
int bus_room_take(struct bus_room *r, u64 size, struct bus_range **fresh, struct bus_range **out)
	__must_check;
/* Neither the bus nor the owner wants @g any more. */
void bus_room_give(struct bus_room *r, struct bus_range *g);
/* The used range that begins at @offset, or NULL. */
struct bus_range *bus_room_find(struct bus_room *r, u64 offset);
/* A range to be freed, as there are more spares than are needed (@all: any); or NULL. */
struct bus_range *bus_room_surplus(struct bus_room *r, bool all);
