/*
 * Search for holes.
 *
 * Each branch knows the largest hole between two ranges below it, so a search enters only subtrees
 * that have one that is large enough; at most one of those entered at the edge of the window fails.
 * Holes between two branches are seen in their common parent.
 */
#include <lib/btree/btree_impl.h>

struct search {
	u64 size; /* with room for alignment */
	u64 low, high;
	u64 edge; /* everything on the near side of it has been looked at */
	bool found;
};

/* Going up: is there room between @edge and @start? */
static bool room_up(struct search *s, u64 start)
{
	u64 limit = min(start, s->high);

	s->found = limit > s->edge && limit - s->edge >= s->size;
	return s->found;
}

/* Returns true when the search is over: found, or beyond the window. */
static bool search_up(const struct btree_node *n, struct search *s)
{
	for (unsigned int i = 0; i < n->count; i++) {
		const struct btree_branch *b = n->branch + i; /* looked at only if it is one */
		u64 start = n->level ? b->start : n->slot[i].start;
		u64 end = n->level ? b->end : n->slot[i].end;

		if (end <= s->low)
			continue;
		if (room_up(s, start) || start >= s->high)
			return true;
		if (n->level && b->gap >= s->size && search_up(b->child, s))
			return true;
		s->edge = max(s->edge, end);
	}
	return false;
}

static bool room_down(struct search *s, u64 end)
{
	u64 limit = max(end, s->low);

	s->found = s->edge > limit && s->edge - limit >= s->size;
	return s->found;
}

static bool search_down(const struct btree_node *n, struct search *s)
{
	for (unsigned int i = n->count; i--;) {
		const struct btree_branch *b = n->branch + i; /* looked at only if it is one */
		u64 start = n->level ? b->start : n->slot[i].start;
		u64 end = n->level ? b->end : n->slot[i].end;

		if (start >= s->high)
			continue;
		if (room_down(s, end) || end <= s->low)
			return true;
		if (n->level && b->gap >= s->size && search_down(b->child, s))
			return true;
		s->edge = min(s->edge, start);
	}
	return false;
}

static bool search_init(struct search *s, const struct btree_gap *g)
{
	*s = (struct search){.size = g->size + g->align_mask, .low = g->low, .high = g->high};
	return g->size && s->size >= g->size && g->high > g->low && g->high - g->low >= s->size;
}

int btree_gap_up(const struct btree *t, const struct btree_gap *g, u64 *out)
{
	const struct btree_node *root = rcu_dereference(t->root);
	struct search s;

	if (!search_init(&s, g))
		return -ENOMEM;
	s.edge = g->low;
	if (!root || !search_up(root, &s))
		room_up(&s, g->high);
	if (!s.found)
		return -ENOMEM;
	*out = s.edge + ((g->align_offset - s.edge) & g->align_mask);
	return 0;
}

int btree_gap_down(const struct btree *t, const struct btree_gap *g, u64 *out)
{
	const struct btree_node *root = rcu_dereference(t->root);
	struct search s;

	if (!search_init(&s, g))
		return -ENOMEM;
	s.edge = g->high;
	if (!root || !search_down(root, &s))
		room_down(&s, g->low);
	if (!s.found)
		return -ENOMEM;
	u64 at = s.edge - g->size;

	*out = at - ((at - g->align_offset) & g->align_mask);
	return 0;
}
