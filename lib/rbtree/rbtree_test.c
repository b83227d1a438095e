#include <kern/ktest.h>
#include <lib/rbtree/rbtree.h>

#define COUNT 600

struct item {
	struct rb_node node;
	u32 key;
	u32 sum; /* of keys below and here */
	bool in;
};

static struct item items[COUNT];
static struct item spare;

static u32 sum_of(const struct rb_node *n)
{
	return n ? rb_entry(n, struct item, node)->sum : 0;
}

static void update(struct rb_node *n)
{
	struct item *it = rb_entry(n, struct item, node);

	it->sum = it->key + sum_of(n->left) + sum_of(n->right);
}

static bool less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct item, node)->key < rb_entry(b, struct item, node)->key;
}

static int compare(const void *key, const struct rb_node *n)
{
	u32 k = *(const u32 *)key, have = rb_entry(n, struct item, node)->key;

	return k < have ? -1 : k > have;
}

/* Black height of the subtree, or -1 if a rule is broken; the tree is at most 64 deep. */
static int check(const struct rb_node *n, const struct rb_node *parent, bool augmented,
		 unsigned int depth)
{
	if (!n)
		return 0;
	if (depth > 64 || rb_parent(n) != parent)
		return -1;
	bool red = !(n->parent_color & 1);

	if (red && parent && !(parent->parent_color & 1))
		return -1;
	if (augmented &&
	    sum_of(n) != rb_entry(n, struct item, node)->key + sum_of(n->left) + sum_of(n->right))
		return -1;
	int l = check(n->left, n, augmented, depth + 1);
	int r = check(n->right, n, augmented, depth + 1);

	return l < 0 || l != r ? -1 : l + !red;
}

static void check_order(struct ktest_ctx *t, struct rb_root *root, unsigned int expect)
{
	unsigned int n = 0;
	struct item *it, *prev = NULL;

	rb_for_each_entry(it, root, node)
	{
		EXPECT_TRUE(!prev || prev->key <= it->key);
		EXPECT_EQ(rb_prev(&it->node), prev ? &prev->node : NULL);
		prev = it;
		n++;
	}
	EXPECT_EQ(n, expect);
	EXPECT_EQ(rb_last(root), prev ? &prev->node : NULL);
}

static void churn(struct ktest_ctx *t, bool augmented)
{
	struct rb_root root = RB_ROOT;
	unsigned int in = 0;
	u64 seed = 1;

	for (unsigned int i = 0; i < COUNT; i++)
		items[i] = (struct item){.key = (u32)(i * 7919u % 503u)};
	for (unsigned int round = 0; round < 6000; round++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		struct item *it = &items[(seed >> 33) % COUNT];

		if (it->in && augmented) {
			rb_erase_augmented(&it->node, &root, update);
		} else if (it->in) {
			rb_erase(&it->node, &root);
		} else if (!augmented) {
			rb_add(&it->node, &root, less);
		} else {
			struct rb_node **link = &root.node, *parent = NULL;

			while (*link) {
				parent = *link;
				link = less(&it->node, parent) ? &parent->left : &parent->right;
			}
			rb_link_node(&it->node, parent, link);
			rb_insert_augmented(&it->node, &root, update);
		}
		in += it->in ? -1u : 1u;
		it->in = !it->in;
		EXPECT_GE(check(root.node, NULL, augmented, 0), 0);
		if (round % 64 == 0)
			check_order(t, &root, in);
	}
}

KTEST(rbtree, random_inserts_and_erases)
{
	churn(t, false);
}

KTEST(rbtree, augmented_values_stay_right)
{
	churn(t, true);
}

KTEST(rbtree, find_replace_first)
{
	struct rb_root root = RB_ROOT;

	EXPECT_NULL(rb_first(&root));
	EXPECT_TRUE(RB_EMPTY_ROOT(&root));
	for (unsigned int i = 0; i < 100; i++) {
		items[i].key = 200 - i;
		rb_clear(&items[i].node);
		EXPECT_FALSE(rb_is_linked(&items[i].node));
		EXPECT_TRUE(rb_add(&items[i].node, &root, less));
		EXPECT_TRUE(rb_is_linked(&items[i].node));
	}
	u32 key = 150;
	struct rb_node *n = rb_find(&key, &root, compare);

	KTEST_REQUIRE(n);
	EXPECT_EQ(rb_entry(n, struct item, node)->key, 150);
	spare.key = 101;
	rb_replace(rb_first(&root), &spare.node, &root);
	EXPECT_EQ(rb_first(&root), &spare.node);
	check_order(t, &root, 100);
	EXPECT_GE(check(root.node, NULL, false, 0), 0);
	key = 77;
	EXPECT_NULL(rb_find(&key, &root, compare));
}
