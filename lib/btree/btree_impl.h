/* Shared by the sources of lib/btree. */
#pragma once

#include <lib/btree/btree.h>
#include <kern/errno.h>
#include <kern/bug.h>
#include <kern/string.h>

/* Index of the first slot (branch) that ends behind @at, or count. */
static __always_inline unsigned int btree_slot_index(const struct btree_node *n, u64 at)
{
	unsigned int i = 0, count = n->count;

	while (i < count && n->slot[i].end <= at)
		i++;
	return i;
}

static __always_inline unsigned int btree_branch_index(const struct btree_node *n, u64 at)
{
	unsigned int i = 0, count = n->count;

	while (i < count && n->branch[i].end <= at)
		i++;
	return i;
}

void *btree_node_find(const struct btree_node *root, u64 at, struct btree_range *out);
