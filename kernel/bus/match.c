/*
 * The index of matches.
 *
 * What a message may be found by, and the lists that are therefore looked at for it: the sender's
 * id, each name that the sender owns, each bit that is set in the bloom filter and chosen by some
 * match, and two lists for matches that name none of these. A match stands in one list, or if its
 * mask has generations in one for each: the filter's generation then says which place counts.
 */
#include <abi/kdbus.h>
#include <kern/bit.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <lib/hash/hash.h>

#include "bloom_impl.h"
#include "match_index_impl.h"
#include "name_impl.h"

#define BUCKETS_MAX 4096u
#define FIRST_SLOTS 64u

struct match_slot {
	struct bus_match_user *user; /* NULL: free */
	u32 next_free;
};

/* ---- keys ---- */

enum key_of {
	KEY_SOURCE = 1,
	KEY_NAME,
	/* Above: the type of a notice, and this. */
	KEY_OLD_ID = 1u << 16,
	KEY_NEW_ID = 2u << 16,
	KEY_ANY_ID = 3u << 16,
};

static u32 id_key(const struct bus_match_index *x, u64 kind, u64 id)
{
	return (u32)hash_mix64(hash_mix64(id ^ x->seed) + kind);
}

static u32 name_key(const struct bus_match_index *x, u64 kind, const char *name)
{
	return hash_name(x->seed + kind, name, strlen(name));
}

/* ---- making ---- */

int bus_match_index_init(struct bus_match_index *x, const struct bus_mem *mem, u32 bloom_size,
			 u64 seed)
{
	u32 bits = bloom_size * 8;
	u32 buckets = bits >= BUCKETS_MAX ? BUCKETS_MAX : (u32)roundup_pow_of_two(bits);

	*x = (struct bus_match_index){
		.mem = mem, .seed = seed, .words = bloom_size / 8, .buckets = buckets};
	x->bit = mem->alloc(buckets * sizeof(x->bit[0]));
	x->crowd = mem->alloc(buckets * sizeof(x->crowd[0]));
	x->used = mem->alloc(buckets / 8);
	if (x->bit && x->crowd && x->used && !bus_table_init(&x->by_key, mem))
		return 0;
	bus_match_index_destroy(x);
	return -ENOMEM;
}

void bus_match_index_destroy(struct bus_match_index *x)
{
	bus_table_destroy(&x->by_key);
	x->mem->free(x->bit);
	x->mem->free(x->crowd);
	x->mem->free(x->used);
	x->mem->free(x->slot);
}

/* ---- numbers of users ---- */

static int grow_slots(struct bus_match_index *x)
{
	u32 slots = x->slots ? x->slots * 2 : FIRST_SLOTS;
	struct match_slot *s = x->mem->alloc(slots * sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (x->slots)
		memcpy(s, x->slot, x->slots * sizeof(*s));
	for (u32 i = x->slots; i < slots; i++)
		s[i].next_free = i + 1;
	x->mem->free(x->slot);
	x->slot = s;
	x->slots = slots;
	return 0;
}

static int take_slot(struct bus_match_index *x, struct bus_match_user *u)
{
	if (x->free_slot == x->slots) {
		int err = grow_slots(x);

		if (err)
			return err;
	}
	u->slot = x->free_slot;
	x->free_slot = x->slot[u->slot].next_free;
	x->slot[u->slot].user = u;
	return 0;
}

static void drop_slot(struct bus_match_index *x, struct bus_match_user *u)
{
	x->slot[u->slot] = (struct match_slot){.next_free = x->free_slot};
	x->free_slot = u->slot;
}

/* ---- where a match stands ---- */

static struct match_place *next_place(struct bus_match *m, enum match_list list)
{
	struct match_place *p = &m->place[m->places++];

	*p = (struct match_place){.match = m, .list = list};
	return p;
}

static void put_on_key(struct bus_match_index *x, struct bus_match *m, u32 key)
{
	bus_table_add(&x->by_key, &next_place(m, LIST_KEY)->node, key);
}

static void put_on_any(struct bus_match_index *x, struct match_place *p)
{
	p->list = LIST_ANY;
	hlist_add_head(&p->link, &x->any);
}

/* The set bit of @mask that the fewest have chosen; false: no bit is set. */
static bool choose_bucket(const struct bus_match_index *x, const u64 *mask, u32 *out)
{
	u32 best = U32_MAX;

	for (u32 w = 0; w < x->words; w++) {
		for (u64 left = mask[w]; left; left &= left - 1) {
			u32 b = (w * 64 + (u32)__builtin_ctzll(left)) & (x->buckets - 1);

			if (x->crowd[b] < best) {
				best = x->crowd[b];
				*out = b;
			}
		}
	}
	return best != U32_MAX;
}

static void put_on_bits(struct bus_match_index *x, struct bus_match *m, const struct match_rule *r)
{
	for (u32 g = 0; g < r->masks; g++) {
		struct match_place *p = next_place(m, LIST_BIT);

		p->mask = g;
		p->masks = r->masks;
		if (!choose_bucket(x, r->mask + (size_t)g * x->words, &p->bucket)) {
			put_on_any(x, p);
			continue;
		}
		hlist_add_head(&p->link, &x->bit[p->bucket]);
		if (!x->crowd[p->bucket]++)
			x->used[p->bucket / 64] |= 1ull << p->bucket % 64;
	}
}

static void file_message(struct bus_match_index *x, struct bus_match *m)
{
	const struct match_rule *id = NULL, *name = NULL, *mask = NULL;

	for (u32 i = 0; i < m->rules; i++) {
		const struct match_rule *r = &m->rule[i];

		if (r->type == KDBUS_ITEM_DST_ID && r->id != KDBUS_MATCH_ID_ANY)
			return; /* for one receiver only: see bus_match_user_wants() */
		if (r->type == KDBUS_ITEM_ID && r->id != KDBUS_MATCH_ID_ANY)
			id = r;
		if (r->type == KDBUS_ITEM_NAME)
			name = r;
		if (r->type == KDBUS_ITEM_BLOOM_MASK && r->masks <= m->places_max)
			mask = r;
	}
	if (id)
		put_on_key(x, m, id_key(x, KEY_SOURCE, id->id));
	else if (name)
		put_on_key(x, m, name_key(x, KEY_NAME, name->name));
	else if (mask)
		put_on_bits(x, m, mask);
	else
		put_on_any(x, next_place(m, LIST_ANY));
}

static void file_notice(struct bus_match_index *x, struct bus_match *m)
{
	const struct match_rule *r = &m->rule[0];

	for (u32 i = 0; i < m->rules && !r->name; i++)
		r = &m->rule[i];
	if (r->name)
		put_on_key(x, m, name_key(x, r->type, r->name));
	else if (r->new_id != KDBUS_MATCH_ID_ANY)
		put_on_key(x, m, id_key(x, r->type + KEY_NEW_ID, r->new_id));
	else if (r->old_id != KDBUS_MATCH_ID_ANY)
		put_on_key(x, m, id_key(x, r->type + KEY_OLD_ID, r->old_id));
	else
		put_on_key(x, m, id_key(x, r->type + KEY_ANY_ID, 0));
}

static void file_match(struct bus_match_index *x, struct bus_match *m)
{
	if (m->sort == MATCH_MESSAGE)
		file_message(x, m);
	else if (m->sort == MATCH_NOTICE)
		file_notice(x, m);
	else if (m->sort == MATCH_EVERY)
		hlist_add_head(&next_place(m, LIST_EVERY)->link, &x->every);
}

static void unfile_match(struct bus_match_index *x, struct bus_match *m)
{
	for (u32 i = 0; i < m->places; i++) {
		struct match_place *p = &m->place[i];

		if (p->list == LIST_KEY) {
			bus_table_remove(&x->by_key, &p->node);
			continue;
		}
		hlist_del(&p->link);
		if (p->list == LIST_BIT && !--x->crowd[p->bucket])
			x->used[p->bucket / 64] &= ~(1ull << p->bucket % 64);
	}
	m->places = 0;
}

/* ---- a user's matches ---- */

static bool has_lower_cookie(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bus_match, by_cookie)->cookie <
	       rb_entry(b, struct bus_match, by_cookie)->cookie;
}

/* The first in the tree with @cookie, or NULL. */
static struct bus_match *find_cookie(const struct bus_match_user *u, u64 cookie)
{
	struct rb_node *n = u->by_cookie.node;
	struct bus_match *found = NULL;

	while (n) {
		struct bus_match *m = rb_entry(n, struct bus_match, by_cookie);

		if (m->cookie == cookie)
			found = m;
		n = m->cookie < cookie ? n->right : n->left;
	}
	return found;
}

static void end_match(struct bus_match_index *x, struct bus_match *m)
{
	struct bus_match_user *u = m->user;

	rb_erase(&m->by_cookie, &u->by_cookie);
	unfile_match(x, m);
	x->count--;
	if (!--u->count)
		drop_slot(x, u);
	bus_match_free(x, m);
}

static bool end_cookie(struct bus_match_index *x, struct bus_match_user *u, u64 cookie)
{
	struct bus_match *m;
	bool any = false;

	while ((m = find_cookie(u, cookie))) {
		end_match(x, m);
		any = true;
	}
	return any;
}

int bus_match_add(struct bus_match_index *x, struct bus_match_user *u, struct bus_match *m,
		  bool replace)
{
	bool replaces = replace && find_cookie(u, m->cookie);

	if (u->count >= BUS_MATCHES_PER_USER && !replaces)
		return -EMFILE;
	if (!u->count) {
		int err = take_slot(x, u);

		if (err)
			return err;
	}
	/* The new one first: the user keeps its number. */
	m->user = u;
	u->count++;
	x->count++;
	if (replaces)
		end_cookie(x, u, m->cookie);
	rb_add(&m->by_cookie, &u->by_cookie, has_lower_cookie);
	file_match(x, m);
	return 0;
}

int bus_match_remove(struct bus_match_index *x, struct bus_match_user *u, u64 cookie)
{
	return end_cookie(x, u, cookie) ? 0 : -EBADSLT;
}

void bus_match_clear(struct bus_match_index *x, struct bus_match_user *u)
{
	struct rb_node *n;

	while ((n = rb_first(&u->by_cookie)))
		end_match(x, rb_entry(n, struct bus_match, by_cookie));
}

/* ---- questions ---- */

void bus_match_scan_init(struct bus_match_scan *s, const struct bus_mem *mem)
{
	*s = (struct bus_match_scan){.mem = mem, .slots = ARRAY_SIZE(s->small) * 64};
	s->seen = s->small;
}

void bus_match_scan_destroy(struct bus_match_scan *s)
{
	if (s->seen != s->small)
		s->mem->free(s->seen);
}

static int begin_scan(const struct bus_match_index *x, struct bus_match_scan *s)
{
	if (s->slots < x->slots) {
		u64 *seen = s->mem->alloc(x->slots / 8);

		if (!seen)
			return -ENOMEM;
		bus_match_scan_destroy(s);
		s->seen = seen;
		s->slots = x->slots;
		return 0;
	}
	memset(s->seen, 0, x->slots / 8);
	return 0;
}

/* One question in progress; one of .message and .notice is set. */
struct question {
	const struct bus_match_index *x;
	const struct bus_match_message *message;
	const struct bus_match_notice *notice;
	struct bus_match_scan *scan;
	bus_match_fn *fn;
	void *ctx;
};

static int look_at(struct question *q, const struct match_place *p)
{
	const struct bus_match *m = p->match;
	u64 bit = 1ull << m->user->slot % 64, *word = &q->scan->seen[m->user->slot / 64];

	q->scan->looked++;
	if (*word & bit)
		return 0;
	if (q->message) {
		if (p->masks && bus_bloom_pick(q->message->generation, p->masks) != p->mask)
			return 0;
		if (!match_fits_message(q->x, m, q->message))
			return 0;
	} else if (!match_fits_notice(m, q->notice)) {
		return 0;
	}
	*word |= bit;
	return q->fn(q->ctx, m->user);
}

static int look_at_list(struct question *q, const struct hlist_head *h)
{
	const struct match_place *p;
	int err = 0;

	hlist_for_each_entry (p, h, link) {
		err = look_at(q, p);
		if (err)
			break;
	}
	return err;
}

static int look_at_key(struct question *q, u32 key)
{
	const struct match_place *p;
	int err;

	bus_table_for_each(p, &q->x->by_key, key, node)
	{
		err = look_at(q, p);
		if (err)
			return err;
	}
	return 0;
}

static int look_at_names(struct question *q)
{
	const struct bus_name_claim *c;
	int err;

	if (!q->message->src)
		return 0;
	bus_name_for_each_claim(c, q->message->src)
	{
		if (READ_ONCE(c->flags) & KDBUS_NAME_IN_QUEUE)
			continue;
		err = look_at_key(q, name_key(q->x, KEY_NAME, c->name->text));
		if (err)
			return err;
	}
	return 0;
}

static int look_at_bits(struct question *q)
{
	const struct bus_match_index *x = q->x;
	u64 set[BUCKETS_MAX / 64];
	u32 words = x->buckets / 64;
	int err = 0;

	if (!q->message->filter)
		return 0;
	memset(set, 0, words * sizeof(set[0]));
	for (u32 i = 0; i < x->words; i++)
		set[i & (words - 1)] |= q->message->filter[i];
	for (u32 i = 0; !err && i < words; i++) {
		for (u64 left = set[i] & x->used[i]; !err && left; left &= left - 1)
			err = look_at_list(q, &x->bit[i * 64 + (u32)__builtin_ctzll(left)]);
	}
	return err;
}

int bus_match_message(const struct bus_match_index *x, const struct bus_match_message *m,
		      struct bus_match_scan *s, bus_match_fn *fn, void *ctx)
{
	struct question q = {.x = x, .message = m, .scan = s, .fn = fn, .ctx = ctx};
	int err = begin_scan(x, s);

	if (!err)
		err = look_at_list(&q, &x->every);
	if (!err)
		err = look_at_list(&q, &x->any);
	if (!err)
		err = look_at_key(&q, id_key(x, KEY_SOURCE, m->src_id));
	if (!err)
		err = look_at_names(&q);
	return err ? err : look_at_bits(&q);
}

int bus_match_notice(const struct bus_match_index *x, const struct bus_match_notice *n,
		     struct bus_match_scan *s, bus_match_fn *fn, void *ctx)
{
	struct question q = {.x = x, .notice = n, .scan = s, .fn = fn, .ctx = ctx};
	int err = begin_scan(x, s);

	if (!err)
		err = look_at_list(&q, &x->every);
	if (!err && n->name)
		err = look_at_key(&q, name_key(x, n->type, n->name));
	if (!err)
		err = look_at_key(&q, id_key(x, n->type + KEY_NEW_ID, n->new_id));
	if (!err)
		err = look_at_key(&q, id_key(x, n->type + KEY_OLD_ID, n->old_id));
	return err ? err : look_at_key(&q, id_key(x, n->type + KEY_ANY_ID, 0));
}

bool bus_match_user_wants(const struct bus_match_index *x, const struct bus_match_user *u,
			  const struct bus_match_message *msg)
{
	const struct bus_match *m;

	rb_for_each_entry(m, &u->by_cookie, by_cookie)
	{
		if (m->sort != MATCH_NOTICE && match_fits_message(x, m, msg))
			return true;
	}
	return false;
}
