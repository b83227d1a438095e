/*
 * B-tree of disjoint ranges [start, end) of u64, each with a pointer.
 *
 * Readers take no lock: published nodes never change, a change copies the path from the root and
 * publishes the new root with one store. So a reader that holds RCU (or keeps writers out) sees one
 * state of the whole tree for as long as it uses the same iterator or root.
 *
 * Writers exclude one another. A change is an edit: any number of inserts, erases and updates that
 * readers see all at once on commit, or never on abort. Memory is taken as the edit goes; when that
 * fails the edit is aborted and the tree is as before. Commit cannot fail.
 *
 *	btree_edit_begin(&e, tree);
 *	err = btree_edit_erase(&e, old->start, NULL);
 *	if (!err)
 *		err = btree_edit_insert(&e, start, end, vma);
 *	if (err) {
 *		btree_edit_abort(&e);
 *		return err;
 *	}
 *	btree_edit_commit(&e);
 */
#pragma once

#include <kern/types.h>
#include <kern/rcuhead.h>

#define BTREE_LEAF_MAX 20
#define BTREE_INNER_MAX 15
#define BTREE_DEPTH_MAX 12

struct btree_range {
	u64 start, end;
};

struct btree_slot {
	u64 start, end;
	void *value;
};

struct btree_branch {
	u64 start, end; /* of the ranges below: least start, greatest end */
	u64 gap;	/* largest hole between two ranges below */
	struct btree_node *child;
};

struct btree_node {
	struct rcu_head rcu; /* for the retire callback; chains the nodes of an edit before */
	u64 edit;	     /* number of the edit that made it */
	u16 count;
	u8 level; /* 0: leaf */
	u8 dead;  /* made and dropped by the same edit */
	union {
		struct btree_slot slot[BTREE_LEAF_MAX];
		struct btree_branch branch[BTREE_INNER_MAX];
	};
};
static_assert(sizeof(struct btree_node) == 512, "one slab object");

struct btree_ops {
	struct btree_node *(*alloc)(void); /* not zeroed; NULL: no memory */
	void (*free)(struct btree_node *node);
	void (*retire)(struct btree_node *node); /* free when no reader can have it: rcu_call */
};

struct btree {
	struct btree_node *root; /* changed by commit; read under RCU */
	const struct btree_ops *ops;
	u64 edits; /* writer's lock, as what follows */
	u32 count; /* ranges */
};

static inline void btree_init(struct btree *t, const struct btree_ops *ops)
{
	*t = (struct btree){.ops = ops};
}

/* Frees the nodes at once: nobody may read any more. The values are the caller's. */
void btree_destroy(struct btree *t);

/*
 * Lookups: the caller holds RCU or the writer's lock. They return the value and fill @out (which
 * may be NULL) with its range; NULL if there is none.
 */
/* The first range that ends behind @at: the one that contains @at, or the next one. */
void *btree_find(const struct btree *t, u64 at, struct btree_range *out);
/* The range that contains @at. */
void *btree_at(const struct btree *t, u64 at, struct btree_range *out);
/* The last range that starts before @at. */
void *btree_before(const struct btree *t, u64 at, struct btree_range *out);

/*
 * Walks one state of the tree, in either direction, O(1) amortised. Begins between the ranges so
 * that btree_iter_next gives btree_find(@at) and btree_iter_prev what lies before it.
 */
struct btree_iter {
	const struct btree_node *path[BTREE_DEPTH_MAX]; /* [level] */
	u8 index[BTREE_DEPTH_MAX];
	u8 depth; /* levels; 0: the tree is empty */
};
void btree_iter_init(struct btree_iter *it, const struct btree *t, u64 at);
void *btree_iter_next(struct btree_iter *it, struct btree_range *out);
void *btree_iter_prev(struct btree_iter *it, struct btree_range *out);

/* What a hole must be like: @align_mask is alignment - 1, and result % alignment is @align_offset.
 */
struct btree_gap {
	u64 size;
	u64 low, high; /* the result lies in [low, high - size] */
	u64 align_mask, align_offset;
};
/*
 * The lowest (highest) suitable hole. As with Linux, a hole must have room for @size + @align_mask.
 * -ENOMEM if there is none. O(log n).
 */
int btree_gap_up(const struct btree *t, const struct btree_gap *g, u64 *out) __must_check;
int btree_gap_down(const struct btree *t, const struct btree_gap *g, u64 *out) __must_check;

/* A change in the making; lives on the writer's stack, under the writer's lock. */
struct btree_edit {
	struct btree *tree;
	struct btree_node *root;    /* the state to be */
	struct btree_node *fresh;   /* nodes made by this edit */
	struct btree_node *retired; /* published nodes that it does without */
	u64 id;
	u32 count;
	bool failed;
};

void btree_edit_begin(struct btree_edit *e, struct btree *t);
/* -EINVAL if empty, -EEXIST if it overlaps a range, -ENOMEM. */
int btree_edit_insert(struct btree_edit *e, u64 start, u64 end, void *value) __must_check;
/* Removes the range that starts at @start; its value goes to @old (may be NULL). -ENOENT, -ENOMEM.
 */
int btree_edit_erase(struct btree_edit *e, u64 start, void **old) __must_check;
/*
 * Gives the range that starts at @start a new extent and value; its neighbours must stay clear of
 * it. -ENOENT, -EINVAL, -EEXIST, -ENOMEM.
 */
int btree_edit_update(struct btree_edit *e, u64 start, struct btree_range to, void *value)
	__must_check;
/* btree_find in the state to be. */
void *btree_edit_find(const struct btree_edit *e, u64 at, struct btree_range *out);
void btree_edit_commit(struct btree_edit *e);
void btree_edit_abort(struct btree_edit *e);
