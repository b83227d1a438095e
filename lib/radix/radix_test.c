#include <kern/ktest.h>
#include <kern/errno.h>
#include <kern/bit.h>
#include <lib/radix/radix.h>

#define CELLS 9000

/* The model: which entry (first cell + 1) covers a cell, and tags of entries at their first cell.
 */
static u16 owner[CELLS];
static u8 order_of[CELLS], tags_of[CELLS];

static unsigned int live, fail_after;
static struct radix_node *graveyard;
static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static struct radix_node *node_alloc(void)
{
	if (fail_after && !--fail_after)
		return NULL;
	struct radix_node *n = ktest_alloc(sizeof(*n));

	if (n)
		memset(n, 0xa5, sizeof(*n));
	live++;
	return n;
}

static void node_free(struct radix_node *n)
{
	memset(n, 0x5a, sizeof(*n));
	live--;
	ktest_free(n);
}

static void node_retire(struct radix_node *n)
{
	n->rcu.next = graveyard ? &graveyard->rcu : NULL;
	graveyard = n;
}

static void bury(void)
{
	while (graveyard) {
		struct radix_node *n = graveyard;

		graveyard = container_of_or_null(n->rcu.next, struct radix_node, rcu);
		node_free(n);
	}
}

static const struct radix_ops ops = {node_alloc, node_free, node_retire};

static void *entry_of(u32 cell)
{
	return radix_value(cell + 7);
}

static void *model_find(u32 cell)
{
	return owner[cell] ? entry_of(owner[cell] - 1u) : NULL;
}

static void check_point(struct ktest_ctx *t, const struct radix_tree *tree, u32 at)
{
	EXPECT_EQ(radix_find(tree, at), model_find(at));
	for (unsigned int tag = 0; tag < RADIX_TAGS; tag++) {
		bool want = owner[at] && tags_of[owner[at] - 1] >> tag & 1;

		EXPECT_EQ(radix_tag_get(tree, at, tag), want);
	}
}

static void check_searches(struct ktest_ctx *t, const struct radix_tree *tree)
{
	u32 from = rnd(CELLS), last = from + rnd(CELLS - from), i;
	u64 index = from;

	for (i = from; i <= last && !owner[i]; i++)
		;
	void *e = radix_find_next(tree, &index, last);

	EXPECT_EQ(e, i <= last ? model_find(i) : NULL);
	if (e)
		EXPECT_EQ(index, i);
	for (i = from; i <= last && owner[i]; i++)
		;
	EXPECT_EQ(radix_find_hole(tree, from, last, &index), i <= last);
	if (i <= last)
		EXPECT_EQ(index, i);
	unsigned int tag = rnd(RADIX_TAGS);

	for (i = from; i <= last && !(owner[i] && tags_of[owner[i] - 1] >> tag & 1); i++)
		;
	index = from;
	e = radix_find_tagged(tree, &index, last, tag);
	EXPECT_EQ(e, i <= last ? model_find(i) : NULL);
	if (e)
		EXPECT_EQ(index, i);
}

static void do_insert(struct ktest_ctx *t, struct radix_tree *tree, struct radix_reserve *r)
{
	unsigned int order = rnd(3) ? 0 : rnd(10);
	u32 len = 1u << order, at = rnd(CELLS) & ~(len - 1), i;

	if (at + len > CELLS)
		return;
	for (i = at; i < at + len && !owner[i]; i++)
		;
	int want = i < at + len ? -EEXIST : 0;
	unsigned int before = live;
	int err = radix_insert(tree, at, order, entry_of(at), r);

	if (err == -ENOMEM) {
		EXPECT_EQ(live, before);
		EXPECT_NULL(r);
		return;
	}
	EXPECT_EQ(err, want);
	if (err)
		return;
	for (i = at; i < at + len; i++)
		owner[i] = (u16)(at + 1);
	order_of[at] = (u8)order;
	tags_of[at] = 0;
}

static void do_erase(struct ktest_ctx *t, struct radix_tree *tree)
{
	u32 at = rnd(CELLS);

	EXPECT_EQ(radix_erase(tree, at), model_find(at));
	if (!owner[at])
		return;
	u32 first = owner[at] - 1u;

	for (u32 i = first; i < first + (1u << order_of[first]); i++)
		owner[i] = 0;
}

static void do_tag(struct ktest_ctx *t, struct radix_tree *tree)
{
	u32 at = rnd(CELLS);
	unsigned int tag = rnd(RADIX_TAGS);
	bool had = owner[at] && tags_of[owner[at] - 1] >> tag & 1;

	if (rnd(2)) {
		EXPECT_EQ(radix_tag_set(tree, at, tag), had);
		if (owner[at])
			tags_of[owner[at] - 1] |= (u8)BIT(tag);
	} else {
		EXPECT_EQ(radix_tag_clear(tree, at, tag), had);
		if (owner[at])
			tags_of[owner[at] - 1] &= (u8)~BIT(tag);
	}
	if (owner[at])
		EXPECT_EQ(radix_replace(tree, at, model_find(at)), model_find(at));
	else
		EXPECT_NULL(radix_replace(tree, at, entry_of(at)));
}

static void check_all(struct ktest_ctx *t, const struct radix_tree *tree)
{
	u8 any = 0;

	for (u32 i = 0; i < CELLS; i++) {
		check_point(t, tree, i);
		any |= owner[i] ? tags_of[owner[i] - 1] : 0;
	}
	for (unsigned int tag = 0; tag < RADIX_TAGS; tag++)
		EXPECT_EQ(radix_tagged(tree, tag), any >> tag & 1);
}

static void churn(struct ktest_ctx *t, u32 rounds, bool faults)
{
	struct radix_tree tree;
	struct radix_reserve r = {0};

	live = 0;
	memset(owner, 0, sizeof(owner));
	radix_init(&tree, &ops);
	for (u32 i = 0; i < rounds; i++) {
		/* Grow for a while, then shrink. */
		bool grow = i / 3000 % 2 == 0;

		fail_after = faults ? rnd(4) : 0;
		if (faults && rnd(2)) {
			fail_after = 0;
			EXPECT_EQ(radix_reserve_fill(&r, &ops), 0);
			fail_after = 1;
			do_insert(t, &tree, &r);
		} else if (rnd(8) < (grow ? 6 : 1)) {
			do_insert(t, &tree, NULL);
		} else {
			do_erase(t, &tree);
		}
		do_tag(t, &tree);
		check_searches(t, &tree);
		check_point(t, &tree, rnd(CELLS));
		bury();
		if (i % 1500 == 0)
			check_all(t, &tree);
	}
	fail_after = 0;
	radix_reserve_drop(&r, &ops);
	check_all(t, &tree);
	for (u32 i = 0; i < CELLS; i++) {
		EXPECT_EQ(radix_erase(&tree, i), model_find(i));
		if (owner[i]) {
			u32 first = i;

			for (u32 k = first; k < first + (1u << order_of[first]); k++)
				owner[k] = 0;
		}
	}
	bury();
	EXPECT_TRUE(radix_empty(&tree));
	EXPECT_EQ(live, 0);
}

KTEST(radix, random_changes_match_model)
{
	seed = 3;
	churn(t, 15000, false);
}

KTEST(radix, allocation_failures)
{
	seed = 4;
	churn(t, 8000, true);
}

KTEST(radix, single_entry_needs_no_node)
{
	struct radix_tree tree;
	u64 index = 0;

	live = 0;
	radix_init(&tree, &ops);
	EXPECT_EQ(radix_insert(&tree, 0, 0, entry_of(0), NULL), 0);
	EXPECT_EQ(radix_insert(&tree, 0, 0, entry_of(0), NULL), -EEXIST);
	EXPECT_EQ(live, 0);
	EXPECT_FALSE(radix_tag_set(&tree, 0, 1));
	EXPECT_TRUE(radix_tagged(&tree, 1));
	EXPECT_EQ(radix_find_tagged(&tree, &index, U64_MAX, 1), entry_of(0));
	EXPECT_NULL(radix_find_tagged(&tree, &index, U64_MAX, 0));
	EXPECT_TRUE(radix_find_hole(&tree, 0, U64_MAX, &index));
	EXPECT_EQ(index, 1);
	EXPECT_FALSE(radix_find_hole(&tree, 0, 0, &index));
	/* Grows to the largest index and back. */
	EXPECT_EQ(radix_insert(&tree, U64_MAX, 0, entry_of(1), NULL), 0);
	EXPECT_EQ(radix_find(&tree, U64_MAX), entry_of(1));
	EXPECT_EQ(radix_find(&tree, 0), entry_of(0));
	EXPECT_TRUE(radix_tag_get(&tree, 0, 1));
	index = 1;
	EXPECT_EQ(radix_find_next(&tree, &index, U64_MAX), entry_of(1));
	EXPECT_EQ(index, U64_MAX);
	EXPECT_FALSE(radix_find_hole(&tree, U64_MAX, U64_MAX, &index));
	EXPECT_TRUE(radix_find_hole(&tree, U64_MAX - 1, U64_MAX, &index));
	EXPECT_EQ(radix_erase(&tree, U64_MAX), entry_of(1));
	bury();
	EXPECT_EQ(live, 0);
	EXPECT_TRUE(radix_tag_get(&tree, 0, 1));
	EXPECT_EQ(radix_replace(&tree, 0, entry_of(5)), entry_of(0));
	EXPECT_TRUE(radix_tag_get(&tree, 0, 1));
	EXPECT_EQ(radix_erase(&tree, 0), entry_of(5));
	EXPECT_FALSE(radix_tagged(&tree, 1));
	EXPECT_TRUE(radix_empty(&tree));
}

KTEST(radix, large_orders)
{
	struct radix_tree tree;
	u64 index;

	live = 0;
	radix_init(&tree, &ops);
	for (unsigned int order = 0; order <= RADIX_ORDER_MAX; order++) {
		EXPECT_EQ(radix_insert(&tree, BIT_ULL(order), order, entry_of(order), NULL), 0);
		EXPECT_EQ(radix_insert(&tree, 0, order, entry_of(99), NULL), order ? -EEXIST : 0);
		if (order)
			EXPECT_EQ(radix_insert(&tree, BIT_ULL(order), order - 1, entry_of(9), NULL),
				  -EEXIST);
	}
	for (unsigned int order = 0; order <= RADIX_ORDER_MAX; order++) {
		EXPECT_EQ(radix_find(&tree, BIT_ULL(order)), entry_of(order));
		EXPECT_EQ(radix_find(&tree, BIT_ULL(order) * 2 - 1), entry_of(order));
		index = BIT_ULL(order) + BIT_ULL(order) / 2;
		u64 asked = index;

		EXPECT_EQ(radix_find_next(&tree, &index, U64_MAX), entry_of(order));
		EXPECT_EQ(index, asked);
	}
	EXPECT_TRUE(radix_find_hole(&tree, 0, U64_MAX, &index));
	EXPECT_EQ(index, BIT_ULL(RADIX_ORDER_MAX + 1));
	radix_destroy(&tree);
	bury();
	EXPECT_EQ(live, 0);
}
