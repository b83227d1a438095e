/*
 * A hash table that grows, read under RCU. Pure.
 *
 * Changes exclude one another by the user's lock, which may sleep. A node has two links and a table
 * uses one of them: while it grows the chains of the new size are made with the other, and those
 * who read the old ones do not notice. Growing again waits until they are gone.
 */
#pragma once

#include <kern/list.h>
#include <kern/types.h>

#include "mem_impl.h"

struct bus_table_node {
	struct hlist_node link[2];
	u32 hash; /* [I] while in a table */
};

struct bus_table_heads {
	struct rcu_head rcu;
	u32 bits; /* [I] */
	u32 link; /* [I] which of a node's links */
	struct hlist_head head[];
};

struct bus_table {
	const struct bus_mem *mem;
	struct bus_table_heads *heads; /* RCU */
	u32 count;		       /* READ_ONCE by readers */
	bool has_grown;		       /* readers of smaller chains may be left */
};

/* 16 heads to begin with. -ENOMEM. */
int bus_table_init(struct bus_table *t, const struct bus_mem *mem) __must_check;
/* All nodes have been removed. A zeroed table is fine. */
void bus_table_destroy(struct bus_table *t);
/* Never fails: a table that cannot grow gets longer chains. May sleep. */
void bus_table_add(struct bus_table *t, struct bus_table_node *n, u32 hash);
/* Readers may be at @n until a grace period has passed. */
void bus_table_remove(struct bus_table *t, struct bus_table_node *n);

typedef bool bus_table_match_fn(const struct bus_table_node *n, const void *key);
/* A node with @hash that @match agrees to, or NULL. Under RCU or the lock. */
struct bus_table_node *bus_table_find(const struct bus_table *t, u32 hash,
				      bus_table_match_fn *match, const void *key);

/* The first node with @hash, and the next one of the same hash; NULL: no more. Under the lock. */
struct bus_table_node *bus_table_first(const struct bus_table *t, u32 hash);
struct bus_table_node *bus_table_next(const struct bus_table *t, const struct bus_table_node *n);

#define bus_table_for_each(pos, t, hash, member)                              \
	for (struct bus_table_node *__n = bus_table_first(t, hash);           \
	     __n && ((pos = container_of(__n, __typeof__(*pos), member)), 1); \
	     __n = bus_table_next(t, __n))
