/*
 * A hash table that grows, read under RCU. Pure.
 *
 * Changes exclude one another by the user's lock, which may sleep. A reader that meets a table
 * while it grows may be led into another chain; it finds out by the sequence and looks again.
 */
#pragma once

#include <kern/list.h>
#include <kern/types.h>

#include "mem_impl.h"

struct bus_table_node {
	struct hlist_node link;
	u32 hash; /* [I] while in a table */
};

struct bus_table_heads {
	struct rcu_head rcu;
	u32 bits; /* [I] */
	struct hlist_head head[];
};

struct bus_table {
	const struct bus_mem *mem;
	struct bus_table_heads *heads; /* RCU */
	u32 count;
	u32 seq; /* odd: growing */
};

/* 16 heads to begin with. -ENOMEM. */
int bus_table_init(struct bus_table *t, const struct bus_mem *mem) __must_check;
/* All nodes have been removed. NULL heads (never initialised) are fine. */
void bus_table_destroy(struct bus_table *t);
/* Never fails: a table that cannot grow gets longer chains. */
void bus_table_add(struct bus_table *t, struct bus_table_node *n, u32 hash);
/* Readers may be at @n until a grace period has passed. */
void bus_table_remove(struct bus_table *t, struct bus_table_node *n);

typedef bool bus_table_match_fn(const struct bus_table_node *n, const void *key);
/* A node with @hash that @match agrees to, or NULL. Under RCU or the lock. */
struct bus_table_node *bus_table_find(const struct bus_table *t, u32 hash,
				      bus_table_match_fn *match, const void *key);

/* All nodes whose hash may be @hash; under the lock only. */
#define bus_table_for_each(pos, t, hash_, member)                          \
	hlist_for_each_entry (pos, bus_table_chain(t, hash_), member.link) \
		if (pos->member.hash == (hash_))
static inline struct hlist_head *bus_table_chain(const struct bus_table *t, u32 hash)
{
	return &t->heads->head[hash & ((1u << t->heads->bits) - 1)];
}
