/*
 * Changes.
 *
 * An edit owns the nodes that it made (their number of edit is its own) and changes them in place;
 * a published node is copied before its first change, and its place in the parent, which has been
 * copied before, is changed. So when an edit ends, everything from its root down to what changed is
 * new, and the rest is shared with the state before.
 *
 * Full nodes are split on the way down. A node that becomes small takes over a neighbour if both
 * fit in one node; otherwise it stays small, as two neighbours together are more than one full
 * node. Taking over needs no memory.
 */
#include <lib/btree/btree_impl.h>

struct step {
	struct btree_node *node;
	unsigned int index;
};

struct path {
	struct step step[BTREE_DEPTH_MAX];
	unsigned int len;
	struct btree_node *leaf;
};

static unsigned int capacity(const struct btree_node *n)
{
	return n->level ? BTREE_INNER_MAX : BTREE_LEAF_MAX;
}

static int node_new(struct btree_edit *e, unsigned int level, struct btree_node **out)
{
	struct btree_node *n = e->tree->ops->alloc();

	if (!n) {
		e->failed = true;
		return -ENOMEM;
	}
	n->edit = e->id;
	n->count = 0;
	n->level = (u8)level;
	n->dead = false;
	n->rcu.next = e->fresh ? &e->fresh->rcu : NULL;
	e->fresh = n;
	*out = n;
	return 0;
}

static struct btree_node *chain_next(struct btree_node *n)
{
	return container_of_or_null(n->rcu.next, struct btree_node, rcu);
}

/* The state to be does without @n. */
static void node_drop(struct btree_edit *e, struct btree_node *n)
{
	if (n->edit == e->id) {
		n->dead = true;
		return;
	}
	n->rcu.next = e->retired ? &e->retired->rcu : NULL;
	e->retired = n;
}

/* Copies @count items from position @from of @src to position @to of @dst; the two may be one. */
static void items_move(struct btree_node *dst, unsigned int to, const struct btree_node *src,
		       unsigned int from, unsigned int count)
{
	if (dst->level)
		memmove(&dst->branch[to], &src->branch[from], count * sizeof(dst->branch[0]));
	else
		memmove(&dst->slot[to], &src->slot[from], count * sizeof(dst->slot[0]));
}

/* Makes *@ref a node that the edit may change. */
static int node_own(struct btree_edit *e, struct btree_node **ref)
{
	struct btree_node *n = *ref, *copy;

	if (n->edit == e->id)
		return 0;
	int err = node_new(e, n->level, &copy);

	if (err)
		return err;
	copy->count = n->count;
	items_move(copy, 0, n, 0, n->count);
	node_drop(e, n);
	*ref = copy;
	return 0;
}

static void branch_refresh(struct btree_branch *b)
{
	const struct btree_node *n = b->child;
	u64 gap = 0;

	if (n->level) {
		gap = n->branch[0].gap;
		for (unsigned int i = 1; i < n->count; i++) {
			gap = max(gap, n->branch[i].start - n->branch[i - 1].end);
			gap = max(gap, n->branch[i].gap);
		}
		b->start = n->branch[0].start;
		b->end = n->branch[n->count - 1].end;
	} else {
		for (unsigned int i = 1; i < n->count; i++)
			gap = max(gap, n->slot[i].start - n->slot[i - 1].end);
		b->start = n->slot[0].start;
		b->end = n->slot[n->count - 1].end;
	}
	b->gap = gap;
}

static void path_refresh(struct path *p)
{
	for (unsigned int i = p->len; i--;)
		branch_refresh(&p->step[i].node->branch[p->step[i].index]);
}

/* Where a range that starts at @start goes: the branch that contains it or the next, or the last.
 */
static unsigned int branch_for(const struct btree_node *n, u64 start)
{
	unsigned int i = btree_branch_index(n, start);

	return i < n->count ? i : n->count - 1u;
}

/* Splits the full child at @i; @at_end keeps it full, which packs ascending inserts. */
static int split_child(struct btree_edit *e, struct btree_node *n, unsigned int i, bool at_end)
{
	struct btree_node *left = n->branch[i].child, *right;
	int err = node_new(e, left->level, &right);

	if (err)
		return err;
	unsigned int keep = at_end ? left->count - 1u : left->count / 2u;

	right->count = (u16)(left->count - keep);
	items_move(right, 0, left, keep, right->count);
	left->count = (u16)keep;
	items_move(n, i + 2, n, i + 1, n->count - i - 1u);
	n->count++;
	n->branch[i + 1].child = right;
	branch_refresh(&n->branch[i]);
	branch_refresh(&n->branch[i + 1]);
	return 0;
}

/* Puts a node with one branch above the root. */
static int root_raise(struct btree_edit *e)
{
	struct btree_node *top;

	if (WARN_ON(e->root->level + 1u >= BTREE_DEPTH_MAX))
		return -ENOMEM;
	int err = node_new(e, e->root->level + 1u, &top);

	if (err)
		return err;
	top->count = 1;
	top->branch[0].child = e->root;
	branch_refresh(&top->branch[0]);
	e->root = top;
	return 0;
}

/* Finds the leaf for an insert at @start; owns the path and leaves no full node on it. */
static int path_for_insert(struct btree_edit *e, u64 start, struct path *p)
{
	int err = e->root ? node_own(e, &e->root) : node_new(e, 0, &e->root);

	if (!err && e->root->count == capacity(e->root))
		err = root_raise(e);
	if (err)
		return err;
	struct btree_node *n = e->root;

	for (p->len = 0; n->level; p->len++) {
		unsigned int i = branch_for(n, start);

		err = node_own(e, &n->branch[i].child);
		if (err)
			return err;
		if (n->branch[i].child->count == capacity(n->branch[i].child)) {
			err = split_child(e, n, i, start >= n->branch[i].end);
			if (err)
				return err;
			i += start >= n->branch[i].end;
		}
		p->step[p->len] = (struct step){n, i};
		n = n->branch[i].child;
	}
	p->leaf = n;
	return 0;
}

/* Finds the leaf of the range that ends behind @at, which exists; owns the path. */
static int path_to(struct btree_edit *e, u64 at, struct path *p)
{
	int err = node_own(e, &e->root);

	if (err)
		return err;
	struct btree_node *n = e->root;

	for (p->len = 0; n->level; p->len++) {
		unsigned int i = btree_branch_index(n, at);

		err = node_own(e, &n->branch[i].child);
		if (err)
			return err;
		p->step[p->len] = (struct step){n, i};
		n = n->branch[i].child;
	}
	p->leaf = n;
	return 0;
}

void btree_edit_begin(struct btree_edit *e, struct btree *t)
{
	*e = (struct btree_edit){
		.tree = t,
		.root = t->root,
		.id = ++t->edits,
		.count = t->count,
	};
}

void *btree_edit_find(const struct btree_edit *e, u64 at, struct btree_range *out)
{
	return btree_node_find(e->root, at, out);
}

int btree_edit_insert(struct btree_edit *e, u64 start, u64 end, void *value)
{
	struct btree_range r;
	struct path p;

	if (start >= end || !value)
		return -EINVAL;
	if (btree_node_find(e->root, start, &r) && r.start < end)
		return -EEXIST;
	int err = path_for_insert(e, start, &p);

	if (err)
		return err;
	unsigned int i = btree_slot_index(p.leaf, start);

	items_move(p.leaf, i + 1, p.leaf, i, p.leaf->count - i);
	p.leaf->slot[i] = (struct btree_slot){start, end, value};
	p.leaf->count++;
	e->count++;
	path_refresh(&p);
	return 0;
}

static void branch_remove(struct btree_node *n, unsigned int i)
{
	n->count--;
	items_move(n, i, n, i + 1, n->count - i);
}

/* Lets the small child at @i, which is owned, take over a neighbour if both fit in one node. */
static void child_merge(struct btree_edit *e, struct btree_node *n, unsigned int i)
{
	struct btree_node *c = n->branch[i].child;

	for (unsigned int left = 2; left--;) {
		if (left ? !i : i + 1u >= n->count)
			continue;
		unsigned int j = left ? i - 1 : i + 1;
		struct btree_node *other = n->branch[j].child;

		if ((unsigned int)c->count + other->count > capacity(c))
			continue;
		if (left) {
			items_move(c, other->count, c, 0, c->count);
			items_move(c, 0, other, 0, other->count);
		} else {
			items_move(c, c->count, other, 0, other->count);
		}
		c->count = (u16)(c->count + other->count);
		node_drop(e, other);
		branch_refresh(&n->branch[i]);
		branch_remove(n, j);
		return;
	}
}

/* After a removal in the leaf: repairs each node of the path from below. */
static void path_shrink(struct btree_edit *e, struct path *p)
{
	for (unsigned int k = p->len; k--;) {
		struct btree_node *n = p->step[k].node;
		unsigned int i = p->step[k].index;
		struct btree_node *c = n->branch[i].child;

		if (!c->count) {
			node_drop(e, c);
			branch_remove(n, i);
			continue;
		}
		branch_refresh(&n->branch[i]);
		if (c->count <= capacity(c) / 3)
			child_merge(e, n, i);
	}
	while (e->root->level && e->root->count == 1) {
		struct btree_node *top = e->root;

		e->root = top->branch[0].child;
		node_drop(e, top);
	}
	if (!e->root->count) {
		node_drop(e, e->root);
		e->root = NULL;
	}
}

int btree_edit_erase(struct btree_edit *e, u64 start, void **old)
{
	struct btree_range r;
	struct path p;
	void *value = btree_node_find(e->root, start, &r);

	if (!value || r.start != start)
		return -ENOENT;
	int err = path_to(e, start, &p);

	if (err)
		return err;
	unsigned int i = btree_slot_index(p.leaf, start);

	p.leaf->count--;
	items_move(p.leaf, i, p.leaf, i + 1, p.leaf->count - i);
	e->count--;
	path_shrink(e, &p);
	if (old)
		*old = value;
	return 0;
}

/* The last range of the state to be that starts before @at. */
static bool edit_before(const struct btree_edit *e, u64 at, struct btree_range *out)
{
	const struct btree state = {.root = e->root};

	return btree_before(&state, at, out);
}

int btree_edit_update(struct btree_edit *e, u64 start, struct btree_range to, void *value)
{
	struct btree_range r, other;
	struct path p;

	if (to.start >= to.end || !value)
		return -EINVAL;
	if (!btree_node_find(e->root, start, &r) || r.start != start)
		return -ENOENT;
	if (to.start < start && edit_before(e, start, &other) && other.end > to.start)
		return -EEXIST;
	if (to.end > r.end && btree_node_find(e->root, r.end, &other) && other.start < to.end)
		return -EEXIST;
	/* Moving away altogether would jump over neighbours unseen by the checks above. */
	if (to.start >= r.end || to.end <= r.start)
		return -EINVAL;
	int err = path_to(e, start, &p);

	if (err)
		return err;
	p.leaf->slot[btree_slot_index(p.leaf, start)] =
		(struct btree_slot){to.start, to.end, value};
	path_refresh(&p);
	return 0;
}

void btree_edit_commit(struct btree_edit *e)
{
	const struct btree_ops *ops = e->tree->ops;

	if (WARN_ON(e->failed)) {
		btree_edit_abort(e);
		return;
	}
	rcu_assign_pointer(e->tree->root, e->root);
	e->tree->count = e->count;
	for (struct btree_node *n = e->fresh, *next; n; n = next) {
		next = chain_next(n);
		if (n->dead)
			ops->free(n);
	}
	for (struct btree_node *n = e->retired, *next; n; n = next) {
		next = chain_next(n);
		ops->retire(n);
	}
}

void btree_edit_abort(struct btree_edit *e)
{
	for (struct btree_node *n = e->fresh, *next; n; n = next) {
		next = chain_next(n);
		e->tree->ops->free(n);
	}
}
