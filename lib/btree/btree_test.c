#include <kern/ktest.h>
#include <kern/errno.h>
#include <lib/btree/btree.h>

/* The model: an array of cells, each belonging to a range (its number) or free (0). */
#define CELLS 3000
#define CELL 0x1000ull

static struct model {
	u16 owner[CELLS];
	u32 len[CELLS]; /* of the range that starts here */
} model;

static unsigned int live, fail_after;
static struct btree_node *graveyard; /* retired, not yet freed: old states stay readable */

static struct btree_node *node_alloc(void)
{
	if (fail_after && !--fail_after)
		return NULL;
	live++;
	struct btree_node *n = ktest_alloc(sizeof(struct btree_node));

	if (n)
		memset(n, 0xa5, sizeof(*n));
	return n;
}

static void node_free(struct btree_node *n)
{
	live--;
	memset(n, 0x5a, sizeof(*n));
	ktest_free(n);
}

static void node_retire(struct btree_node *n)
{
	n->rcu.next = graveyard ? &graveyard->rcu : NULL;
	graveyard = n;
}

static void bury(void)
{
	while (graveyard) {
		struct btree_node *n = graveyard;

		graveyard = container_of_or_null(n->rcu.next, struct btree_node, rcu);
		node_free(n);
	}
}

static const struct btree_ops ops = {node_alloc, node_free, node_retire};

static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static void *value_of(u64 start)
{
	return (void *)(start + 1);
}

/* Checks all that a node promises; returns the number of ranges below, or -1. */
static int check_node(const struct btree_node *n, struct btree_branch *sum, bool root)
{
	int total = 0;

	if (!n->count || n->count > (n->level ? BTREE_INNER_MAX : BTREE_LEAF_MAX))
		return -1;
	if (n->level && root && n->count < 2)
		return -1;
	u64 gap = 0, last = 0;

	for (unsigned int i = 0; i < n->count; i++) {
		struct btree_branch b = {.start = n->slot[i].start, .end = n->slot[i].end};
		int below = 1;

		if (n->level) {
			const struct btree_branch *have = &n->branch[i];

			if (have->child->level + 1 != n->level)
				return -1;
			below = check_node(have->child, &b, false);
			if (below < 0 || b.start != have->start || b.end != have->end ||
			    b.gap != have->gap)
				return -1;
		}
		if (b.start >= b.end || (i && b.start < last))
			return -1;
		if (!i)
			sum->start = b.start;
		else
			gap = max(gap, b.start - last);
		gap = max(gap, b.gap);
		last = b.end;
		total += below;
	}
	sum->end = last;
	sum->gap = gap;
	return total;
}

static void check_tree(struct ktest_ctx *t, const struct btree *tree)
{
	struct btree_branch sum = {0};
	int n = tree->root ? check_node(tree->root, &sum, true) : 0;

	EXPECT_EQ(n, tree->count);
}

static void check_against_model(struct ktest_ctx *t, const struct btree *tree)
{
	struct btree_iter it;
	struct btree_range r;
	u32 cell = 0;

	btree_iter_init(&it, tree, 0);
	for (void *v; (v = btree_iter_next(&it, &r));) {
		u32 first = (u32)(r.start / CELL);

		for (; cell < first; cell++)
			EXPECT_EQ(model.owner[cell], 0);
		EXPECT_EQ(model.len[first], (r.end - r.start) / CELL);
		EXPECT_EQ(v, value_of(r.start));
		cell = (u32)(r.end / CELL);
	}
	for (; cell < CELLS; cell++)
		EXPECT_EQ(model.owner[cell], 0);
	btree_iter_init(&it, tree, U64_MAX);
	u64 last = U64_MAX;
	u32 n = 0;

	while (btree_iter_prev(&it, &r)) {
		EXPECT_TRUE(r.end <= last);
		last = r.start;
		n++;
	}
	EXPECT_EQ(n, tree->count);
}

static bool model_free(u32 first, u32 len)
{
	for (u32 i = first; i < first + len; i++) {
		if (i >= CELLS || model.owner[i])
			return false;
	}
	return true;
}

static void model_set(u32 first, u32 len, bool on)
{
	for (u32 i = first; i < first + len; i++)
		model.owner[i] = on;
	model.len[first] = on ? len : 0;
}

static void check_lookups(struct ktest_ctx *t, const struct btree *tree)
{
	struct btree_range r = {0};
	u32 at = rnd(CELLS);
	u32 next = at, start;

	while (next < CELLS && !model.owner[next])
		next++;
	void *v = btree_find(tree, at * CELL + 5, &r);

	if (next == CELLS) {
		EXPECT_NULL(v);
	} else {
		for (start = next; !model.len[start]; start--)
			;
		EXPECT_EQ(v, value_of(start * CELL));
		EXPECT_EQ(r.start, start * CELL);
		EXPECT_EQ(r.end, (start + model.len[start]) * CELL);
		EXPECT_EQ(btree_at(tree, at * CELL, NULL), next == at ? v : NULL);
	}
	for (start = at; start && !model.len[start - 1]; start--)
		;
	v = btree_before(tree, at * CELL, &r);
	EXPECT_EQ(v, start ? value_of((start - 1) * CELL) : NULL);
}

static void check_gaps(struct ktest_ctx *t, const struct btree *tree)
{
	u32 lo = rnd(CELLS), hi = lo + rnd(CELLS - lo) + 1, len = 1 + rnd(12);
	struct btree_gap g = {.size = len * CELL, .low = lo * CELL, .high = hi * CELL};
	u32 up, down;
	u64 got;

	for (up = lo; up + len <= hi && !model_free(up, len); up++)
		;
	int err = btree_gap_up(tree, &g, &got);

	EXPECT_EQ(err, up + len <= hi ? 0 : -ENOMEM);
	if (!err)
		EXPECT_EQ(got, up * CELL);
	for (down = hi; down >= lo + len && !model_free(down - len, len); down--)
		;
	err = btree_gap_down(tree, &g, &got);
	EXPECT_EQ(err, down >= lo + len ? 0 : -ENOMEM);
	if (!err)
		EXPECT_EQ(got, (down - len) * CELL);
}

static int step(struct btree_edit *e)
{
	u32 first = rnd(CELLS - 8), len = 1 + rnd(4);
	u32 have = model.len[first];

	if (have && rnd(2)) {
		int err = btree_edit_erase(e, first * CELL, NULL);

		if (!err)
			model_set(first, have, false);
		return err;
	}
	if (have) {
		u32 want = 1 + rnd(min(have + 2, 8u));
		struct btree_range to = {first * CELL, (first + want) * CELL};

		if (want > have && !model_free(first + have, want - have))
			return btree_edit_update(e, first * CELL, to, value_of(first * CELL)) ==
					       -EEXIST
				       ? 0
				       : 1;
		int err = btree_edit_update(e, first * CELL, to, value_of(first * CELL));

		if (!err) {
			model_set(first, have, false);
			model_set(first, want, true);
		}
		return err;
	}
	bool fits = model_free(first, len);
	int err = btree_edit_insert(e, first * CELL, (first + len) * CELL, value_of(first * CELL));

	if (!err && fits)
		model_set(first, len, true);
	else if (!err || (!fits && err != -EEXIST))
		return 1;
	return err == -EEXIST && !fits ? 0 : err;
}

static void churn(struct ktest_ctx *t, u32 rounds, bool faults)
{
	static struct model saved;
	struct btree tree;
	struct btree_edit e;

	live = 0;
	memset(&model, 0, sizeof(model));
	btree_init(&tree, &ops);
	for (u32 i = 0; i < rounds; i++) {
		u32 steps = 1 + rnd(4);
		int err = 0;

		if (faults) {
			memcpy(&saved, &model, sizeof(model));
			fail_after = rnd(6);
		}
		btree_edit_begin(&e, &tree);
		while (!err && steps--)
			err = step(&e);
		fail_after = 0;
		if (err) {
			EXPECT_EQ(err, -ENOMEM);
			EXPECT_TRUE(faults);
			btree_edit_abort(&e);
			memcpy(&model, &saved, sizeof(model));
		} else {
			btree_edit_commit(&e);
		}
		bury();
		if (i % 16 == 0)
			check_tree(t, &tree);
		if (i % 256 == 0)
			check_against_model(t, &tree);
		check_lookups(t, &tree);
		if (i % 4 == 0)
			check_gaps(t, &tree);
	}
	check_tree(t, &tree);
	check_against_model(t, &tree);
	btree_destroy(&tree);
	EXPECT_EQ(live, 0);
}

KTEST(btree, random_edits_match_model)
{
	seed = 1;
	churn(t, 20000, false);
}

KTEST(btree, failed_edits_leave_no_trace)
{
	seed = 2;
	churn(t, 10000, true);
}

KTEST(btree, empty)
{
	struct btree tree;
	struct btree_edit e;
	struct btree_iter it;
	struct btree_gap g = {.size = 0x1000, .low = 0x1000, .high = 0x3000};
	u64 got;

	btree_init(&tree, &ops);
	EXPECT_NULL(btree_find(&tree, 0, NULL));
	EXPECT_NULL(btree_before(&tree, U64_MAX, NULL));
	btree_iter_init(&it, &tree, 0);
	EXPECT_NULL(btree_iter_next(&it, NULL));
	EXPECT_NULL(btree_iter_prev(&it, NULL));
	EXPECT_EQ(btree_gap_up(&tree, &g, &got), 0);
	EXPECT_EQ(got, 0x1000);
	EXPECT_EQ(btree_gap_down(&tree, &g, &got), 0);
	EXPECT_EQ(got, 0x2000);
	btree_edit_begin(&e, &tree);
	EXPECT_EQ(btree_edit_erase(&e, 0, NULL), -ENOENT);
	EXPECT_EQ(btree_edit_insert(&e, 5, 5, &tree), -EINVAL);
	btree_edit_commit(&e);
	EXPECT_EQ(tree.count, 0);
}

KTEST(btree, old_state_stays_readable)
{
	struct btree tree;
	struct btree_edit e;
	struct btree_iter it;
	struct btree_range r;

	live = 0;
	btree_init(&tree, &ops);
	btree_edit_begin(&e, &tree);
	for (u64 i = 1; i <= 1000; i++)
		EXPECT_EQ(btree_edit_insert(&e, i * CELL, i * CELL + CELL / 2, value_of(i)), 0);
	btree_edit_commit(&e);
	EXPECT_NULL(graveyard);
	check_tree(t, &tree);
	/* Ascending inserts are packed. */
	EXPECT_LE(live, 1000 / (BTREE_LEAF_MAX - 1) + 8);

	btree_iter_init(&it, &tree, 0);
	btree_edit_begin(&e, &tree);
	for (u64 i = 1; i <= 1000; i += 2)
		EXPECT_EQ(btree_edit_erase(&e, i * CELL, NULL), 0);
	EXPECT_NULL(btree_edit_find(&e, 1000 * CELL + CELL / 2, NULL));
	EXPECT_EQ(btree_edit_find(&e, CELL, &r), value_of(2));
	EXPECT_EQ(btree_find(&tree, CELL, &r), value_of(1));
	btree_edit_commit(&e);
	EXPECT_EQ(btree_find(&tree, CELL, &r), value_of(2));
	u64 n = 0;

	while (btree_iter_next(&it, &r))
		EXPECT_EQ(r.start, ++n * CELL);
	EXPECT_EQ(n, 1000);
	bury();
	check_tree(t, &tree);
	btree_edit_begin(&e, &tree);
	for (u64 i = 2; i <= 1000; i += 2)
		EXPECT_EQ(btree_edit_erase(&e, i * CELL, NULL), 0);
	btree_edit_commit(&e);
	EXPECT_EQ(tree.count, 0);
	EXPECT_NULL(tree.root);
	bury();
	EXPECT_EQ(live, 0);
}

KTEST(btree, update_keeps_clear_of_neighbours)
{
	struct btree tree;
	struct btree_edit e;
	int v;

	btree_init(&tree, &ops);
	btree_edit_begin(&e, &tree);
	EXPECT_EQ(btree_edit_insert(&e, 10, 20, &v), 0);
	EXPECT_EQ(btree_edit_insert(&e, 30, 40, &v), 0);
	EXPECT_EQ(btree_edit_insert(&e, 50, 60, &v), 0);
	EXPECT_EQ(btree_edit_insert(&e, 19, 21, &v), -EEXIST);
	EXPECT_EQ(btree_edit_insert(&e, 5, 70, &v), -EEXIST);
	EXPECT_EQ(btree_edit_update(&e, 30, (struct btree_range){20, 50}, &v), 0);
	EXPECT_EQ(btree_edit_update(&e, 30, (struct btree_range){20, 50}, &v), -ENOENT);
	EXPECT_EQ(btree_edit_update(&e, 20, (struct btree_range){19, 50}, &v), -EEXIST);
	EXPECT_EQ(btree_edit_update(&e, 20, (struct btree_range){20, 51}, &v), -EEXIST);
	EXPECT_EQ(btree_edit_update(&e, 50, (struct btree_range){70, 80}, &v), -EINVAL);
	EXPECT_EQ(btree_edit_update(&e, 50, (struct btree_range){50, U64_MAX}, &v), 0);
	btree_edit_commit(&e);
	check_tree(t, &tree);
	btree_destroy(&tree);
	bury();
}

KTEST(btree, gap_alignment)
{
	struct btree tree;
	struct btree_edit e;
	struct btree_gap g = {.size = 0x3000,
			      .low = 0x1000,
			      .high = 0x10000000,
			      .align_mask = 0x1fffff,
			      .align_offset = 0x5000};
	u64 got;
	int v;

	btree_init(&tree, &ops);
	btree_edit_begin(&e, &tree);
	EXPECT_EQ(btree_edit_insert(&e, 0x600000, 0x700000, &v), 0);
	btree_edit_commit(&e);
	EXPECT_EQ(btree_gap_up(&tree, &g, &got), 0);
	EXPECT_EQ(got, 0x5000);
	EXPECT_EQ(btree_gap_down(&tree, &g, &got), 0);
	EXPECT_EQ(got, 0xfe05000);
	g.high = 0x700000;
	EXPECT_EQ(btree_gap_down(&tree, &g, &got), 0);
	EXPECT_EQ(got, 0x405000);
	g.high = 0x100000;
	EXPECT_EQ(btree_gap_down(&tree, &g, &got), -ENOMEM);
	g.size = U64_MAX;
	EXPECT_EQ(btree_gap_up(&tree, &g, &got), -ENOMEM);
	btree_destroy(&tree);
	bury();
}
