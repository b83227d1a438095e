/*
 * Lookups.
 *
 * Searches go down from the root for one index; when a node has nothing more, they begin again from
 * the root with the first index behind it. So they need neither parent pointers, which are the
 * writer's, nor a stack.
 */
#include <lib/radix/radix_impl.h>

void *radix_find(const struct radix_tree *t, u64 index)
{
	void *e = rcu_dereference(t->root);

	if (!radix_is_node(e))
		return index ? NULL : e;
	struct radix_node *n = radix_to_node(e);

	if (!radix_covers(n, index))
		return NULL;
	for (;;) {
		e = rcu_dereference(n->slot[radix_slot_of(n, index)]);
		if (!radix_is_internal(e))
			return e;
		if (radix_is_sibling(e)) {
			e = rcu_dereference(n->slot[radix_sibling_slot(e)]);
			return radix_is_internal(e) ? NULL : e;
		}
		n = radix_to_node(e);
	}
}

/* Slots of @n at or behind @from that a search for @tag (RADIX_TAGS: any entry) stops at. */
static unsigned long candidates(const struct radix_node *n, unsigned int from, unsigned int tag)
{
	unsigned long bits = READ_ONCE(n->present);

	if (tag == RADIX_TAGS)
		return bits & ~0ul << from;
	bits = READ_ONCE(n->tags[tag]);
	/* The tags of an entry that begins before @from are at its first slot. */
	void *e = rcu_dereference(n->slot[from]);

	if (radix_is_sibling(e) && bits & BIT(radix_sibling_slot(e)))
		bits |= BIT(from);
	return bits & ~0ul << from;
}

/* The last index that slot @slot of @n covers, given any index below @n. */
static u64 slot_end(const struct radix_node *n, u64 index, unsigned int slot)
{
	u64 above = n->shift + RADIX_BITS >= 64 ? 0 : ~0ull << (n->shift + RADIX_BITS);

	return (index & above) + (((u64)slot + 1) << n->shift) - 1;
}

/* One descent. Returns an entry, or NULL with *@index moved on, or 0 if there is nothing behind. */
static void *search(const struct radix_node *n, u64 *index, unsigned int tag)
{
	for (;;) {
		unsigned int slot = radix_slot_of(n, *index);
		unsigned long bits = candidates(n, slot, tag);

		if (!bits) {
			*index = slot_end(n, *index, RADIX_SLOTS - 1) + 1;
			return NULL;
		}
		unsigned int found = __ffs(bits);

		if (found != slot)
			*index = slot_end(n, *index, found - 1) + 1;
		void *e = rcu_dereference(n->slot[found]);

		if (radix_is_node(e)) {
			n = radix_to_node(e);
			continue;
		}
		if (radix_is_sibling(e))
			e = rcu_dereference(n->slot[radix_sibling_slot(e)]);
		if (e && !radix_is_internal(e))
			return e;
		/* A writer has just removed it. */
		*index = slot_end(n, *index, found) + 1;
		return NULL;
	}
}

static void *find_from(const struct radix_tree *t, u64 *index, u64 last, unsigned int tag)
{
	void *e = rcu_dereference(t->root);

	if (!radix_is_node(e)) {
		bool tagged = tag == RADIX_TAGS || READ_ONCE(t->root_tags) & BIT(tag);

		return *index || !tagged ? NULL : e;
	}
	struct radix_node *n = radix_to_node(e);

	while (*index <= last && radix_covers(n, *index)) {
		void *found = search(n, index, tag);

		if (found)
			return *index <= last ? found : NULL;
		if (!*index)
			return NULL;
	}
	return NULL;
}

void *radix_find_next(const struct radix_tree *t, u64 *index, u64 last)
{
	return find_from(t, index, last, RADIX_TAGS);
}

void *radix_find_tagged(const struct radix_tree *t, u64 *index, u64 last, unsigned int tag)
{
	return find_from(t, index, last, tag);
}

/* One descent: true if *@index is a hole, else *@index has moved on (0: nothing behind). */
static bool search_hole(const struct radix_node *n, u64 *index)
{
	for (;;) {
		unsigned int slot = radix_slot_of(n, *index);
		void *e = rcu_dereference(n->slot[slot]);

		if (!e)
			return true;
		if (radix_is_node(e)) {
			n = radix_to_node(e);
			continue;
		}
		/* Skip the full slots from here on, up to the next node or empty one. */
		unsigned long rest = ~READ_ONCE(n->present) & ~0ul << slot;
		unsigned int next = n->shift ? slot + 1 : rest ? __ffs(rest) : RADIX_SLOTS;

		*index = slot_end(n, *index, next - 1) + 1;
		return false;
	}
}

bool radix_find_hole(const struct radix_tree *t, u64 index, u64 last, u64 *out)
{
	void *e = rcu_dereference(t->root);
	struct radix_node *n = radix_is_node(e) ? radix_to_node(e) : NULL;
	bool wrapped = false;

	if (!n && e && !index)
		wrapped = ++index == 0;
	while (n && !wrapped && index <= last && radix_covers(n, index)) {
		if (search_hole(n, &index))
			break;
		wrapped = !index;
	}
	if (wrapped || index > last)
		return false;
	*out = index;
	return true;
}

bool radix_tag_get(const struct radix_tree *t, u64 index, unsigned int tag)
{
	void *e = rcu_dereference(t->root);

	if (!radix_is_node(e))
		return e && !index && READ_ONCE(t->root_tags) & BIT(tag);
	struct radix_node *n = radix_to_node(e);

	if (!radix_covers(n, index))
		return false;
	for (;;) {
		unsigned int slot = radix_slot_of(n, index);

		e = rcu_dereference(n->slot[slot]);
		if (radix_is_node(e)) {
			n = radix_to_node(e);
			continue;
		}
		if (radix_is_sibling(e))
			slot = radix_sibling_slot(e);
		return e && READ_ONCE(n->tags[tag]) & BIT(slot);
	}
}

bool radix_tagged(const struct radix_tree *t, unsigned int tag)
{
	void *e = rcu_dereference(t->root);

	if (!radix_is_node(e))
		return e && READ_ONCE(t->root_tags) & BIT(tag);
	return READ_ONCE(radix_to_node(e)->tags[tag]) != 0;
}
