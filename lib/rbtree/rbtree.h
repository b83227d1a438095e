/*
 * Intrusive red-black trees.
 *
 * The user embeds a struct rb_node, compares keys itself (or through rb_add and rb_find) and holds
 * a lock. The first node is cached: rb_first is O(1).
 *
 * An augmented tree keeps in each entry a value computed from the entry and its children (largest
 * end below, sum of weights). @update(node) recomputes it for one node; it is called bottom-up for
 * every node whose subtree changed.
 */
#pragma once

#include <kern/types.h>

struct rb_node {
	unsigned long parent_color; /* parent | 1 if black; its own address: on no tree */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *node;
	struct rb_node *leftmost;
};

typedef void rb_update_fn(struct rb_node *node);

#define RB_ROOT ((struct rb_root){NULL, NULL})
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member) container_of_or_null(ptr, type, member)
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->node) == NULL)

/* Marks @node as being on no tree, which rb_is_linked tells. rb_erase does not. */
static inline void rb_clear(struct rb_node *node)
{
	node->parent_color = (unsigned long)node;
}

static inline bool rb_is_linked(const struct rb_node *node)
{
	return node->parent_color != (unsigned long)node;
}
#define RB_CLEAR_NODE(node) rb_clear(node)
#define RB_EMPTY_NODE(node) (!rb_is_linked(node))

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->parent_color & ~1ul);
}

static inline struct rb_node *rb_first(const struct rb_root *root)
{
	return root->leftmost;
}

struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* Puts @node at *@link, the empty place below @parent that the search ended at; not yet balanced.
 */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->parent_color = (unsigned long)parent;
	node->left = NULL;
	node->right = NULL;
	*link = node;
}

/* Balances after rb_link_node. */
void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
/* Puts @node, which is on no tree, where @old was; keys must compare alike. */
void rb_replace(struct rb_node *old, struct rb_node *node, struct rb_root *root);

void rb_insert_augmented(struct rb_node *node, struct rb_root *root, rb_update_fn *update);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root, rb_update_fn *update);
/* Recomputes @node and all above it, after its own value changed. */
void rb_propagate(struct rb_node *node, rb_update_fn *update);

/* Inserts behind all that are not greater. Returns true if @node is now the first. */
static __always_inline bool rb_add(struct rb_node *node, struct rb_root *root,
				   bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->left : &parent->right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
	return root->leftmost == node;
}

/* An entry for which @cmp(@key, entry) is 0, or NULL. */
static __always_inline struct rb_node *rb_find(const void *key, const struct rb_root *root,
					       int (*cmp)(const void *key, const struct rb_node *n))
{
	struct rb_node *n = root->node;

	while (n) {
		int c = cmp(key, n);

		if (!c)
			return n;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

#define rb_for_each_entry(pos, root, member)                                     \
	for (pos = rb_entry_safe(rb_first(root), __typeof__(*pos), member); pos; \
	     pos = rb_entry_safe(rb_next(&pos->member), __typeof__(*pos), member))
