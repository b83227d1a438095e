/* Promises: which pages of a file or of a private mapping have been promised, and taken. */
#include <kernel/hugetlb/hugetlb_impl.h>

#include <kern/errno.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>

/* What the tree says of a page; nothing: neither. */
enum { PROMISED = 1, TAKEN, NEW };

static struct radix_node *node_alloc(void)
{
	return kmalloc(sizeof(struct radix_node));
}

static void node_free(struct radix_node *n)
{
	kfree(n);
}

/* Only who has the lock reads. */
static const struct radix_ops ops = {node_alloc, node_free, node_free};

int hugetlb_map_create(struct hugetlb_part *p, struct hugetlb_map **out)
{
	struct hugetlb_map *m = kzalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	mutex_init(&m->lock, LK_SLEEP_LEAF);
	radix_init(&m->tree, &ops);
	m->part = hugetlb_part_get(p);
	m->refs = 1;
	*out = m;
	return 0;
}

struct hugetlb_map *hugetlb_map_get(struct hugetlb_map *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}

void hugetlb_map_put(struct hugetlb_map *m)
{
	if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		return;
	hugetlb_unreserve(m, 0, ~0ull);
	hugetlb_part_put(m->part);
	kfree(m);
}

static u64 state_of(const struct hugetlb_map *m, u64 index)
{
	void *e = radix_find(&m->tree, index);

	return e ? radix_to_value(e) : 0;
}

static u64 known(const struct hugetlb_map *m, u64 first, u64 last)
{
	u64 n = 0;

	for (u64 at = first; at <= last && radix_find_next(&m->tree, &at, last); at++)
		n++;
	return n;
}

/* New pages become promised, or go. */
static void settle(struct hugetlb_map *m, u64 first, u64 last, bool keep)
{
	void *e;

	for (u64 at = first; at <= last && (e = radix_find_next(&m->tree, &at, last)); at++) {
		if (radix_to_value(e) != NEW)
			continue;
		if (keep)
			(void)radix_replace(&m->tree, at, radix_value(PROMISED));
		else
			(void)radix_erase(&m->tree, at);
	}
}

static int promise_holes(struct hugetlb_map *m, u64 first, u64 last)
{
	int err = 0;

	for (u64 at = first; !err && radix_find_hole(&m->tree, at, last, &at);)
		err = radix_insert(&m->tree, at, 0, radix_value(NEW), NULL);
	settle(m, first, last, !err);
	return err;
}

static void give_back(struct hugetlb_part *p, u64 pages)
{
	s64 n = pages ? hugetlb_part_uncharge(p, pages) : 0;

	if (n)
		hugetlb_unpromise(p->size, (u64)n);
}

int hugetlb_reserve(struct hugetlb_map *m, u64 first, u64 last)
{
	u64 missing;
	s64 n;
	int err;

	if (m->none || last < first)
		return 0;
	guard(mutex)(&m->lock);
	missing = last - first + 1 - known(m, first, last);
	n = missing ? hugetlb_part_charge(m->part, missing) : 0;
	if (n < 0)
		return (int)n;
	if (n && hugetlb_promise(m->part->size, (u64)n)) {
		/* Of what its minimum covered, all is spare again. */
		(void)hugetlb_part_uncharge(m->part, missing);
		return -ENOMEM;
	}
	err = missing ? promise_holes(m, first, last) : 0;
	if (err)
		give_back(m->part, missing);
	return err;
}

void hugetlb_unreserve(struct hugetlb_map *m, u64 first, u64 last)
{
	u64 promised = 0;

	if (m->none || last < first)
		return;
	mutex_lock(&m->lock);
	for (u64 at = first; at <= last; at++) {
		void *e = radix_find_next(&m->tree, &at, last);

		if (!e)
			break;
		promised += radix_to_value(e) == PROMISED;
		(void)radix_erase(&m->tree, at);
		if (at == ~0ull)
			break;
	}
	mutex_unlock(&m->lock);
	give_back(m->part, promised);
}

/* Marks @index as taken: PROMISED, TAKEN or 0, what it was; -ENOMEM. */
static int mark(struct hugetlb_map *m, u64 index)
{
	u64 was;

	if (m->none)
		return 0;
	guard(mutex)(&m->lock);
	was = state_of(m, index);
	if (!was)
		return radix_insert(&m->tree, index, 0, radix_value(TAKEN), NULL);
	if (was == PROMISED)
		(void)radix_replace(&m->tree, index, radix_value(TAKEN));
	return (int)was;
}

static void unmark(struct hugetlb_map *m, u64 index)
{
	if (m->none)
		return;
	guard(mutex)(&m->lock);
	if (state_of(m, index) == TAKEN)
		(void)radix_erase(&m->tree, index);
}

int hugetlb_take(struct hugetlb_map *m, u64 index, struct folio **out, bool *promised)
{
	struct hugetlb_part *p = m->part;
	int was = mark(m, index), err;
	s64 charged;

	if (was < 0)
		return was;
	*promised = was == PROMISED;
	if (*promised)
		return hugetlb_take_page(p, true, out);
	charged = hugetlb_part_charge(p, 1);
	err = charged < 0 ? -ENOSPC : hugetlb_take_page(p, !charged, out);
	if (err && charged >= 0)
		(void)hugetlb_part_uncharge(p, 1);
	if (err && !was)
		unmark(m, index);
	return err;
}

void hugetlb_untake(struct hugetlb_map *m, u64 index, struct folio *f, bool promised)
{
	unmark(m, index);
	folio_put(f);
	/* It was there a moment ago; who came in between has the right of the first. */
	if (promised)
		(void)!hugetlb_reserve(m, index, index);
}
