/*
 * Radix tree: u64 index -> entry, with three tags per entry; lookups take no lock.
 *
 * An entry is a pointer, or a number made by radix_value(). An entry of order n covers the 2^n
 * indices from an aligned one and is found at each of them; it has one set of tags.
 *
 * Readers hold RCU (or the writer's lock) and may see an entry that is just being removed or that
 * no longer covers the index: they take a reference if that still can be had and then look at the
 * object itself, which must know where it belongs. Writers exclude one another.
 */
#pragma once

#include <kern/types.h>
#include <kern/rcuhead.h>

#define RADIX_BITS 6
#define RADIX_SLOTS 64
#define RADIX_TAGS 3
#define RADIX_LEVELS 11
#define RADIX_ORDER_MAX 30

struct radix_node {
	struct rcu_head rcu; /* for the retire callback */
	struct radix_node *parent;
	u8 shift;			/* of an index, to find the slot here */
	u8 offset;			/* slot in the parent */
	unsigned long present;		/* slots that are not empty */
	unsigned long tags[RADIX_TAGS]; /* slots with the tag, at their first slot or below it */
	void *slot[RADIX_SLOTS];
};

struct radix_ops {
	struct radix_node *(*alloc)(void); /* not zeroed, may not sleep; NULL: no memory */
	void (*free)(struct radix_node *node);
	void (*retire)(struct radix_node *node); /* free when no reader can have it: rcu_call */
};

struct radix_tree {
	void *root; /* NULL, the only entry if its index is 0 and its order too, or a node */
	const struct radix_ops *ops;
	u8 root_tags; /* of the only entry */
};

/* Nodes for one insert, taken before a lock under which allocation may fail. */
struct radix_reserve {
	struct radix_node *first;
	unsigned int count;
};

static inline void radix_init(struct radix_tree *t, const struct radix_ops *ops)
{
	*t = (struct radix_tree){.ops = ops};
}

static inline bool radix_empty(const struct radix_tree *t)
{
	return !READ_ONCE(t->root);
}

/* Numbers below 2^63 as entries. */
static inline void *radix_value(u64 v)
{
	return (void *)(unsigned long)(v << 1 | 1);
}

static inline bool radix_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

static inline u64 radix_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}

/* Lookups; RCU or the writer's lock. */
/* The entry that covers @index, or NULL. */
void *radix_find(const struct radix_tree *t, u64 index);
/*
 * The first entry that covers an index in [*@index, @last]; *@index becomes the first of these. Go
 * on behind the entry's end. NULL: there is none, *@index is undefined.
 */
void *radix_find_next(const struct radix_tree *t, u64 *index, u64 last);
/* The same among the entries with @tag. */
void *radix_find_tagged(const struct radix_tree *t, u64 *index, u64 last, unsigned int tag);
/* The first index in [@index, @last] without an entry: true and *@out. */
bool radix_find_hole(const struct radix_tree *t, u64 index, u64 last, u64 *out);
bool radix_tag_get(const struct radix_tree *t, u64 index, unsigned int tag);
/* Does any entry have @tag? */
bool radix_tagged(const struct radix_tree *t, unsigned int tag);

/* Changes; the writer's lock. */
/*
 * Puts @entry at @index, a multiple of 2^@order. -EEXIST if something is there, -ENOMEM: then
 * nothing has changed, and radix_reserve_fill() outside the lock makes the next try succeed.
 * @reserve may be NULL.
 */
int radix_insert(struct radix_tree *t, u64 index, unsigned int order, void *entry,
		 struct radix_reserve *reserve) __must_check;
/* Removes the entry that covers @index, with its tags, and returns it; or NULL. */
void *radix_erase(struct radix_tree *t, u64 index);
/* Puts @entry in the place of the one that covers @index, keeping its tags; returns the old one. */
void *radix_replace(struct radix_tree *t, u64 index, void *entry);
/* On the entry that covers @index; without one, nothing happens. Return the tag's former value. */
bool radix_tag_set(struct radix_tree *t, u64 index, unsigned int tag);
bool radix_tag_clear(struct radix_tree *t, u64 index, unsigned int tag);
/* Frees the nodes at once: nobody may read any more. The entries are the caller's. */
void radix_destroy(struct radix_tree *t);

/* Fills @r so that one radix_insert cannot lack memory. May sleep if ops->alloc may. -ENOMEM. */
int radix_reserve_fill(struct radix_reserve *r, const struct radix_ops *ops) __must_check;
void radix_reserve_drop(struct radix_reserve *r, const struct radix_ops *ops);
