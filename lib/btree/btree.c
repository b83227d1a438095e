/*
 * Lookups and iteration. Nodes that can be reached from a root never change, so nothing here needs
 * more than one dependent load of the root.
 *
 * Branches carry the exact extent of what is below them: the first branch that ends behind an
 * address leads to the first range that does.
 */
#include <lib/btree/btree_impl.h>

static void *give(const struct btree_slot *s, struct btree_range *out)
{
	if (out) {
		out->start = s->start;
		out->end = s->end;
	}
	return s->value;
}

void *btree_node_find(const struct btree_node *n, u64 at, struct btree_range *out)
{
	unsigned int i;

	if (!n)
		return NULL;
	while (n->level) {
		i = btree_branch_index(n, at);
		if (i == n->count)
			return NULL;
		n = n->branch[i].child;
	}
	i = btree_slot_index(n, at);
	return i < n->count ? give(&n->slot[i], out) : NULL;
}

void *btree_find(const struct btree *t, u64 at, struct btree_range *out)
{
	return btree_node_find(rcu_dereference(t->root), at, out);
}

void *btree_at(const struct btree *t, u64 at, struct btree_range *out)
{
	struct btree_range r;
	void *value = btree_find(t, at, &r);

	if (!value || r.start > at)
		return NULL;
	if (out)
		*out = r;
	return value;
}

void *btree_before(const struct btree *t, u64 at, struct btree_range *out)
{
	const struct btree_node *n = rcu_dereference(t->root);
	unsigned int i;

	if (!n)
		return NULL;
	while (n->level) {
		for (i = n->count; i && n->branch[i - 1].start >= at; i--)
			;
		if (!i)
			return NULL;
		n = n->branch[i - 1].child;
	}
	for (i = n->count; i && n->slot[i - 1].start >= at; i--)
		;
	return i ? give(&n->slot[i - 1], out) : NULL;
}

/* Descends from path[@level] to the first (last) leaf position below it. */
static void descend(struct btree_iter *it, unsigned int level, bool to_end)
{
	while (level) {
		const struct btree_node *n = it->path[level];
		const struct btree_node *child = n->branch[it->index[level]].child;

		it->path[--level] = child;
		it->index[level] = to_end ? (u8)(child->count - !!level) : 0;
	}
}

void btree_iter_init(struct btree_iter *it, const struct btree *t, u64 at)
{
	const struct btree_node *n = rcu_dereference(t->root);

	it->depth = 0;
	if (!n)
		return;
	it->depth = (u8)(n->level + 1);
	for (;;) {
		it->path[n->level] = n;
		if (!n->level)
			break;
		unsigned int i = btree_branch_index(n, at);

		if (i == n->count) {
			it->index[n->level] = (u8)(i - 1);
			descend(it, n->level, true);
			return;
		}
		it->index[n->level] = (u8)i;
		n = n->branch[i].child;
	}
	it->index[0] = (u8)btree_slot_index(n, at);
}

/* The index of a leaf says how many of its slots lie before the iterator's position. */
void *btree_iter_next(struct btree_iter *it, struct btree_range *out)
{
	unsigned int level = 0;

	if (!it->depth)
		return NULL;
	if (it->index[0] == it->path[0]->count) {
		do {
			if (++level == it->depth)
				return NULL;
		} while (it->index[level] + 1u == it->path[level]->count);
		it->index[level]++;
		descend(it, level, false);
	}
	return give(&it->path[0]->slot[it->index[0]++], out);
}

void *btree_iter_prev(struct btree_iter *it, struct btree_range *out)
{
	unsigned int level = 0;

	if (!it->depth)
		return NULL;
	if (!it->index[0]) {
		do {
			if (++level == it->depth)
				return NULL;
		} while (!it->index[level]);
		it->index[level]--;
		descend(it, level, true);
	}
	return give(&it->path[0]->slot[--it->index[0]], out);
}

/* Depth is bounded by BTREE_DEPTH_MAX. */
static void destroy(const struct btree_ops *ops, struct btree_node *n)
{
	if (n->level) {
		for (unsigned int i = 0; i < n->count; i++)
			destroy(ops, n->branch[i].child);
	}
	ops->free(n);
}

void btree_destroy(struct btree *t)
{
	if (t->root)
		destroy(t->ops, t->root);
	t->root = NULL;
	t->count = 0;
}
