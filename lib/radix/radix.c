/*
 * Changes of the tree.
 *
 * A node appears in its parent (or as root) complete, and disappears by one store; what readers
 * still have of it stays as it was until a grace period has passed. There are no empty nodes, and
 * no node at the top that has nothing but its first slot: an entry at index 0 alone needs no node
 * at all.
 *
 * An insert first finds out how many nodes it lacks, takes them all, and then cannot fail.
 */
#include <lib/radix/radix_impl.h>

/* What an insert has to build. */
struct plan {
	unsigned int shift; /* of the node that the entry goes into */
	unsigned int top;   /* shift that the topmost node must have */
	unsigned int count; /* nodes to be taken */
	struct radix_node *nodes;
};

static struct radix_node *chain_next(struct radix_node *n)
{
	return container_of_or_null(n->rcu.next, struct radix_node, rcu);
}

static void chain_push(struct radix_node **chain, struct radix_node *n)
{
	n->rcu.next = *chain ? &(*chain)->rcu : NULL;
	*chain = n;
}

static struct radix_node *chain_pop(struct radix_node **chain)
{
	struct radix_node *n = *chain;

	*chain = chain_next(n);
	return n;
}

int radix_reserve_fill(struct radix_reserve *r, const struct radix_ops *ops)
{
	/* A new top chain over an old tree and a new path down: two full depths at most. */
	while (r->count < 2 * RADIX_LEVELS) {
		struct radix_node *n = ops->alloc();

		if (!n)
			return -ENOMEM;
		chain_push(&r->first, n);
		r->count++;
	}
	return 0;
}

void radix_reserve_drop(struct radix_reserve *r, const struct radix_ops *ops)
{
	for (; r->count; r->count--)
		ops->free(chain_pop(&r->first));
}

static int plan_take(const struct radix_tree *t, struct plan *p, struct radix_reserve *r)
{
	for (unsigned int i = 0; i < p->count; i++) {
		struct radix_node *n =
			r && r->count ? (r->count--, chain_pop(&r->first)) : t->ops->alloc();

		if (!n) {
			while (p->nodes)
				t->ops->free(chain_pop(&p->nodes));
			return -ENOMEM;
		}
		chain_push(&p->nodes, n);
	}
	return 0;
}

static struct radix_node *plan_node(struct plan *p, unsigned int shift)
{
	struct radix_node *n = chain_pop(&p->nodes);

	memset(n, 0, sizeof(*n));
	n->shift = (u8)shift;
	return n;
}

/* Puts a non-empty @e into an empty slot of @n. */
static void slot_fill(struct radix_node *n, unsigned int slot, void *e)
{
	if (radix_is_node(e)) {
		struct radix_node *child = radix_to_node(e);

		child->parent = n;
		child->offset = (u8)slot;
	}
	rcu_assign_pointer(n->slot[slot], e);
	WRITE_ONCE(n->present, n->present | BIT(slot));
}

static unsigned long slots_mask(unsigned int slot, unsigned int order)
{
	unsigned int n = 1u << order % RADIX_BITS;

	return (n == RADIX_SLOTS ? ~0ul : BIT(n) - 1) << slot;
}

/* Which nodes are missing between the top and the place of the entry? -EEXIST if it is taken. */
static int plan_make(const struct radix_tree *t, u64 index, unsigned int order, struct plan *p)
{
	u64 last = index | (BIT_ULL(order) - 1);
	void *e = t->root;

	p->nodes = NULL;
	p->shift = order / RADIX_BITS * RADIX_BITS;
	p->top = max(p->shift, last ? __fls(last) / RADIX_BITS * RADIX_BITS : 0);
	if (!e) {
		p->count = (p->top - p->shift) / RADIX_BITS + 1;
		return 0;
	}
	if (!radix_is_node(e)) {
		/* The old entry moves into a node at the bottom and needs a chain from the top. */
		if (!index)
			return -EEXIST;
		p->count = p->top / RADIX_BITS + 1;
		if (p->top)
			p->count += (p->top - p->shift) / RADIX_BITS;
		return 0;
	}
	struct radix_node *n = radix_to_node(e);

	if (p->top > n->shift) {
		/* Index 0 would be in the first slot of the new top, where the old tree is. */
		unsigned int slot = (unsigned int)(index >> p->top) & (RADIX_SLOTS - 1);

		p->count = (p->top - n->shift) / RADIX_BITS;
		if (p->top == p->shift)
			return slot ? 0 : -EEXIST;
		/* If it were below slot 0 of the new top, the top would not be needed. */
		p->count += (p->top - p->shift) / RADIX_BITS;
		return 0;
	}
	p->top = n->shift;
	for (; n->shift > p->shift; n = radix_to_node(e)) {
		e = n->slot[radix_slot_of(n, index)];
		if (!e) {
			p->count = (n->shift - p->shift) / RADIX_BITS;
			return 0;
		}
		if (!radix_is_node(e))
			return -EEXIST;
	}
	p->count = 0;
	return n->present & slots_mask(radix_slot_of(n, index), order) ? -EEXIST : 0;
}

/* Nodes on top of what is there, up to p->top. */
static void raise_top(struct radix_tree *t, struct plan *p)
{
	void *e = t->root;

	if (e && !radix_is_node(e)) {
		struct radix_node *n = plan_node(p, 0);

		for (unsigned int tag = 0; tag < RADIX_TAGS; tag++)
			n->tags[tag] = t->root_tags >> tag & 1;
		slot_fill(n, 0, e);
		e = radix_node_entry(n);
	}
	while (e && radix_to_node(e)->shift < p->top) {
		struct radix_node *below = radix_to_node(e);
		struct radix_node *n = plan_node(p, below->shift + RADIX_BITS);

		for (unsigned int tag = 0; tag < RADIX_TAGS; tag++)
			n->tags[tag] = !!below->tags[tag];
		slot_fill(n, 0, e);
		e = radix_node_entry(n);
	}
	if (!e)
		e = radix_node_entry(plan_node(p, p->top));
	if (e != t->root) {
		rcu_assign_pointer(t->root, e);
		t->root_tags = 0;
	}
}

int radix_insert(struct radix_tree *t, u64 index, unsigned int order, void *entry,
		 struct radix_reserve *reserve)
{
	struct plan p;

	if (WARN_ON(!entry || radix_is_internal(entry) || order > RADIX_ORDER_MAX ||
		    index & (BIT_ULL(order) - 1)))
		return -EINVAL;
	if (!t->root && !index && !order) {
		t->root_tags = 0;
		rcu_assign_pointer(t->root, entry);
		return 0;
	}
	int err = plan_make(t, index, order, &p);

	if (!err)
		err = plan_take(t, &p, reserve);
	if (err)
		return err;
	raise_top(t, &p);
	struct radix_node *n = radix_to_node(t->root);

	while (n->shift > p.shift) {
		unsigned int slot = radix_slot_of(n, index);

		if (!n->slot[slot])
			slot_fill(n, slot, radix_node_entry(plan_node(&p, n->shift - RADIX_BITS)));
		n = radix_to_node(n->slot[slot]);
	}
	unsigned int first = radix_slot_of(n, index);

	slot_fill(n, first, entry);
	for (unsigned int i = 1; i < 1u << order % RADIX_BITS; i++)
		slot_fill(n, first + i, radix_sibling_of(first));
	return 0;
}

/* The node and first slot of the entry that covers @index; NULL if there is none in a node. */
static struct radix_node *locate(const struct radix_tree *t, u64 index, unsigned int *slot)
{
	if (!radix_is_node(t->root))
		return NULL;
	struct radix_node *n = radix_to_node(t->root);

	if (!radix_covers(n, index))
		return NULL;
	for (;;) {
		*slot = radix_slot_of(n, index);
		void *e = n->slot[*slot];

		if (!e)
			return NULL;
		if (radix_is_sibling(e))
			*slot = radix_sibling_slot(e);
		if (!radix_is_node(e))
			return n;
		n = radix_to_node(e);
	}
}

static void tag_clear_up(struct radix_node *n, unsigned int slot, unsigned int tag)
{
	for (; n; slot = n->offset, n = n->parent) {
		WRITE_ONCE(n->tags[tag], n->tags[tag] & ~BIT(slot));
		if (n->tags[tag])
			return;
	}
}

/* Nodes at the top with nothing but their first slot are not needed. */
static void lower_top(struct radix_tree *t)
{
	while (radix_is_node(t->root)) {
		struct radix_node *n = radix_to_node(t->root);
		void *e = n->slot[0];

		if (n->present != 1)
			return;
		if (radix_is_node(e)) {
			radix_to_node(e)->parent = NULL;
		} else {
			if (n->shift)
				return;
			u8 tags = 0;

			for (unsigned int tag = 0; tag < RADIX_TAGS; tag++)
				tags |= (u8)((n->tags[tag] & 1) << tag);
			t->root_tags = tags;
		}
		rcu_assign_pointer(t->root, e);
		t->ops->retire(n);
	}
}

/* Takes away @n, which has become empty, and what that makes empty above. */
static void prune(struct radix_tree *t, struct radix_node *n)
{
	while (n && !n->present) {
		struct radix_node *parent = n->parent;

		if (parent) {
			WRITE_ONCE(parent->slot[n->offset], NULL);
			WRITE_ONCE(parent->present, parent->present & ~BIT(n->offset));
		} else {
			WRITE_ONCE(t->root, NULL);
		}
		t->ops->retire(n);
		n = parent;
	}
	lower_top(t);
}

void *radix_erase(struct radix_tree *t, u64 index)
{
	unsigned int slot;
	struct radix_node *n = locate(t, index, &slot);
	void *entry;

	if (!n) {
		entry = radix_is_node(t->root) || index ? NULL : t->root;
		if (entry) {
			WRITE_ONCE(t->root, NULL);
			t->root_tags = 0;
		}
		return entry;
	}
	entry = n->slot[slot];
	for (unsigned int tag = 0; tag < RADIX_TAGS; tag++) {
		if (n->tags[tag] & BIT(slot))
			tag_clear_up(n, slot, tag);
	}
	unsigned long gone = BIT(slot);

	WRITE_ONCE(n->slot[slot], NULL);
	for (unsigned int i = slot + 1; i < RADIX_SLOTS && n->slot[i] == radix_sibling_of(slot);
	     i++) {
		WRITE_ONCE(n->slot[i], NULL);
		gone |= BIT(i);
	}
	WRITE_ONCE(n->present, n->present & ~gone);
	if (!n->present || n->present == 1)
		prune(t, n);
	return entry;
}

void *radix_replace(struct radix_tree *t, u64 index, void *entry)
{
	unsigned int slot;
	struct radix_node *n = locate(t, index, &slot);
	void **place = n ? &n->slot[slot] : &t->root;
	void *old = *place;

	if (WARN_ON(!entry || radix_is_internal(entry)))
		return NULL;
	if (!n && (index || !old || radix_is_node(old)))
		return NULL;
	rcu_assign_pointer(*place, entry);
	return old;
}

bool radix_tag_set(struct radix_tree *t, u64 index, unsigned int tag)
{
	unsigned int slot;
	struct radix_node *n = locate(t, index, &slot);

	if (!n) {
		bool old = t->root_tags & BIT(tag);

		if (t->root && !radix_is_node(t->root) && !index)
			WRITE_ONCE(t->root_tags, (u8)(t->root_tags | BIT(tag)));
		return old && !index;
	}
	if (n->tags[tag] & BIT(slot))
		return true;
	for (; n; slot = n->offset, n = n->parent) {
		bool had = n->tags[tag];

		WRITE_ONCE(n->tags[tag], n->tags[tag] | BIT(slot));
		if (had)
			break;
	}
	return false;
}

bool radix_tag_clear(struct radix_tree *t, u64 index, unsigned int tag)
{
	unsigned int slot;
	struct radix_node *n = locate(t, index, &slot);

	if (!n) {
		bool old = !index && t->root_tags & BIT(tag);

		if (old)
			WRITE_ONCE(t->root_tags, (u8)(t->root_tags & ~BIT(tag)));
		return old;
	}
	if (!(n->tags[tag] & BIT(slot)))
		return false;
	tag_clear_up(n, slot, tag);
	return true;
}

/* Depth is bounded by RADIX_LEVELS. */
static void destroy(const struct radix_ops *ops, struct radix_node *n)
{
	for (unsigned long bits = n->present; bits; bits &= bits - 1) {
		void *e = n->slot[__ffs(bits)];

		if (radix_is_node(e))
			destroy(ops, radix_to_node(e));
	}
	ops->free(n);
}

void radix_destroy(struct radix_tree *t)
{
	if (radix_is_node(t->root))
		destroy(t->ops, radix_to_node(t->root));
	t->root = NULL;
	t->root_tags = 0;
}
