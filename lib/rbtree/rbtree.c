/*
 * Red-black trees.
 *
 * 1. A red node has no red child. 2. Every path from a node down to an empty place passes the same
 * number of black nodes. The colour is the low bit of the parent pointer, 1 for black; an empty
 * place counts as black.
 *
 * Insertion hangs the node in red and repairs two reds in a row on the way up. Erasing a node with
 * two children first exchanges it with its successor, so that what is cut out has one child at
 * most; if it was black without a red child, its side is one black short, which is repaired
 * upwards.
 */
#include <lib/rbtree/rbtree.h>

#define RB_BLACK 1ul

static inline bool is_black(const struct rb_node *n)
{
	return !n || n->parent_color & RB_BLACK;
}

static inline bool is_red(const struct rb_node *n)
{
	return !is_black(n);
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent_color = (unsigned long)parent | (n->parent_color & RB_BLACK);
}

static inline void set_black(struct rb_node *n)
{
	n->parent_color |= RB_BLACK;
}

static inline void set_red(struct rb_node *n)
{
	n->parent_color &= ~RB_BLACK;
}

static inline void copy_color(struct rb_node *to, const struct rb_node *from)
{
	to->parent_color = (to->parent_color & ~RB_BLACK) | (from->parent_color & RB_BLACK);
}

/* The pointer that leads to @n, whose parent is @parent. */
static inline struct rb_node **link_of(struct rb_node *n, struct rb_node *parent,
				       struct rb_root *root)
{
	if (!parent)
		return &root->node;
	return parent->left == n ? &parent->left : &parent->right;
}

static __always_inline void call_update(rb_update_fn *update, struct rb_node *n)
{
	if (update)
		update(n);
}

/* Lifts @n's right (left) child over @n. */
static __always_inline void rotate(struct rb_node *n, bool left, struct rb_root *root,
				   rb_update_fn *update)
{
	struct rb_node *parent = rb_parent(n);
	struct rb_node **link = link_of(n, parent, root);
	struct rb_node *up = left ? n->right : n->left;
	struct rb_node *inner = left ? up->left : up->right;

	if (left) {
		n->right = inner;
		up->left = n;
	} else {
		n->left = inner;
		up->right = n;
	}
	if (inner)
		set_parent(inner, n);
	set_parent(n, up);
	set_parent(up, parent);
	*link = up;
	call_update(update, n);
	call_update(update, up);
}

static __always_inline void balance_insert(struct rb_node *n, struct rb_root *root,
					   rb_update_fn *update)
{
	struct rb_node *parent;

	while ((parent = rb_parent(n)) && is_red(parent)) {
		struct rb_node *grand = rb_parent(parent);
		bool on_left = grand->left == parent;
		struct rb_node *uncle = on_left ? grand->right : grand->left;

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			n = grand;
			continue;
		}
		if (n == (on_left ? parent->right : parent->left)) {
			rotate(parent, on_left, root, update);
			parent = n;
		}
		set_black(parent);
		set_red(grand);
		rotate(grand, !on_left, root, update);
		break;
	}
	set_black(root->node);
}

/* The subtree @n (maybe empty) of @parent is one black short. */
static __always_inline void balance_erase(struct rb_node *n, struct rb_node *parent,
					  struct rb_root *root, rb_update_fn *update)
{
	while (parent && is_black(n)) {
		bool on_left = parent->left == n;
		struct rb_node *sib = on_left ? parent->right : parent->left;

		if (is_red(sib)) {
			set_black(sib);
			set_red(parent);
			rotate(parent, on_left, root, update);
			sib = on_left ? parent->right : parent->left;
		}
		struct rb_node *near = on_left ? sib->left : sib->right;
		struct rb_node *far = on_left ? sib->right : sib->left;

		if (is_black(near) && is_black(far)) {
			set_red(sib);
			n = parent;
			parent = rb_parent(n);
			continue;
		}
		if (is_black(far)) {
			set_black(near);
			set_red(sib);
			rotate(sib, !on_left, root, update);
			far = sib;
			sib = near;
		}
		copy_color(sib, parent);
		set_black(parent);
		set_black(far);
		rotate(parent, on_left, root, update);
		return;
	}
	if (n)
		set_black(n);
}

void rb_propagate(struct rb_node *node, rb_update_fn *update)
{
	for (; node; node = rb_parent(node))
		update(node);
}

static __always_inline void insert(struct rb_node *node, struct rb_root *root, rb_update_fn *update)
{
	if (!root->leftmost || root->leftmost->left == node)
		root->leftmost = node;
	if (update)
		rb_propagate(node, update);
	balance_insert(node, root, update);
}

/* Puts the successor @next of @node in its place; @node's right subtree holds @next. */
static __always_inline void exchange(struct rb_node *node, struct rb_node *next,
				     struct rb_root *root)
{
	struct rb_node *parent = rb_parent(node);

	*link_of(node, parent, root) = next;
	next->parent_color = node->parent_color;
	next->left = node->left;
	set_parent(next->left, next);
}

static __always_inline void erase(struct rb_node *node, struct rb_root *root, rb_update_fn *update)
{
	struct rb_node *child, *parent; /* of the place that is cut out */
	bool was_black;

	if (root->leftmost == node)
		root->leftmost = rb_next(node);
	if (!node->left || !node->right) {
		child = node->left ? node->left : node->right;
		parent = rb_parent(node);
		was_black = is_black(node);
		*link_of(node, parent, root) = child;
		if (child)
			set_parent(child, parent);
	} else {
		struct rb_node *next = node->right;

		while (next->left)
			next = next->left;
		was_black = is_black(next);
		child = next->right;
		parent = rb_parent(next);
		if (parent == node) {
			parent = next;
		} else {
			parent->left = child;
			if (child)
				set_parent(child, parent);
			next->right = node->right;
			set_parent(next->right, next);
		}
		exchange(node, next, root);
	}
	if (update && parent)
		rb_propagate(parent, update);
	if (was_black)
		balance_erase(child, parent, root, update);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	insert(node, root, NULL);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	erase(node, root, NULL);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root, rb_update_fn *update)
{
	insert(node, root, update);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root, rb_update_fn *update)
{
	erase(node, root, update);
}

void rb_replace(struct rb_node *old, struct rb_node *node, struct rb_root *root)
{
	*node = *old;
	*link_of(old, rb_parent(old), root) = node;
	if (node->left)
		set_parent(node->left, node);
	if (node->right)
		set_parent(node->right, node);
	if (root->leftmost == old)
		root->leftmost = node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	if (node->right) {
		struct rb_node *n = node->right;

		while (n->left)
			n = n->left;
		return n;
	}
	struct rb_node *parent = rb_parent(node);

	while (parent && node == parent->right) {
		node = parent;
		parent = rb_parent(node);
	}
	return parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	if (node->left) {
		struct rb_node *n = node->left;

		while (n->right)
			n = n->right;
		return n;
	}
	struct rb_node *parent = rb_parent(node);

	while (parent && node == parent->left) {
		node = parent;
		parent = rb_parent(node);
	}
	return parent;
}
