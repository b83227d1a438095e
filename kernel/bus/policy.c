/*
 * Policy entries.
 *
 * One table for names and wildcards: "a.b.*" stands in it as "a.b" with the wildcard mark, and is
 * looked for by all but the last element of a name. An exact entry hides the wildcard, whatever it
 * says.
 */
#include "policy_impl.h"

#include <abi/kdbus.h>
#include <kern/align.h>
#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <lib/hash/hash.h>

#include "name_impl.h"

struct policy_access {
	u32 type; /* KDBUS_POLICY_ACCESS_* */
	int access;
	u32 id; /* kernel id */
};

struct policy_entry {
	struct rcu_head rcu;
	struct bus_table_node node;
	struct policy_entry *next; /* of the set; [I] */
	struct bus_policy_set *set;
	bool is_wildcard;
	u32 len; /* of .text */
	u32 access_count;
	const char *text; /* behind .access */
	struct policy_access access[];
};

struct bus_policy_set {
	struct rcu_head rcu;
	struct policy_entry *first;
	u64 birth, death; /* versions of the database: it counts in [birth, death) */
	bool is_seen;	  /* was in the table and was refused: readers may be at it */
};

int bus_policy_init(struct bus_policy *p, const struct bus_mem *mem, u64 seed)
{
	*p = (struct bus_policy){.mem = mem, .seed = seed};
	return bus_table_init(&p->table, mem);
}

void bus_policy_destroy(struct bus_policy *p)
{
	bus_table_destroy(&p->table);
}

/* ---- sets from items ---- */

static const struct kdbus_item *next_item(const struct kdbus_item *i)
{
	return (const struct kdbus_item *)((const char *)i + ALIGN(i->size, 8ul));
}

static size_t left_from(const struct kdbus_item *i, const void *items, size_t size)
{
	size_t at = (size_t)((const char *)i - (const char *)items);

	return at < size ? size - at : 0;
}

#define ITEM_HEAD offsetof(struct kdbus_item, data)

static int read_access(const struct kdbus_item *i, const struct bus_policy_ids *ids,
		       struct policy_access *out)
{
	const struct kdbus_policy_access *a = &i->policy_access;

	if (i->size < ITEM_HEAD + sizeof(*a) || a->access > KDBUS_POLICY_OWN)
		return -EINVAL;
	out->access = (int)a->access;
	out->type = (u32)a->type;
	out->id = 0;
	if (a->type == KDBUS_POLICY_ACCESS_WORLD)
		return 0;
	if (a->type == KDBUS_POLICY_ACCESS_USER)
		out->id = ids->uid(ids->ctx, a->id);
	else if (a->type == KDBUS_POLICY_ACCESS_GROUP)
		out->id = ids->gid(ids->ctx, a->id);
	else
		return -EINVAL;
	return out->id == U32_MAX ? -EINVAL : 0;
}

/* How many accesses follow the name @i, up to the next name. */
static u32 count_access(const struct kdbus_item *i, const void *items, size_t size)
{
	u32 n = 0;

	for (i = next_item(i); left_from(i, items, size); i = next_item(i)) {
		if (i->type == KDBUS_ITEM_NAME)
			break;
		n += i->type == KDBUS_ITEM_POLICY_ACCESS;
	}
	return n;
}

static int make_entry(const struct bus_policy *p, const struct kdbus_item *i, u32 accesses,
		      bool wildcards, struct policy_entry **out)
{
	size_t len = strnlen(i->str, i->size - ITEM_HEAD);
	size_t head = sizeof(struct policy_entry) + (size_t)accesses * sizeof(struct policy_access);
	struct policy_entry *e;
	char *text;

	if (len == i->size - ITEM_HEAD || !bus_name_is_valid(i->str, wildcards))
		return -EINVAL;
	e = p->mem->alloc(head + len + 1);
	if (!e)
		return -ENOMEM;
	text = (char *)e + head;
	memcpy(text, i->str, len + 1);
	e->is_wildcard = text[len - 1] == '*';
	if (e->is_wildcard)
		len -= 2;
	text[len] = 0;
	e->text = text;
	e->len = (u32)len;
	*out = e;
	return 0;
}

/* In progress. */
struct parse {
	struct bus_policy_set *set;
	struct policy_entry **last;
	struct policy_entry *now;
	u32 count;
};

static int parse_item(const struct bus_policy *p, struct parse *s, const struct kdbus_item *i,
		      u32 accesses, bool wildcards, const struct bus_policy_ids *ids)
{
	int err;

	if (i->type == KDBUS_ITEM_NAME) {
		err = make_entry(p, i, accesses, wildcards, &s->now);
		if (err)
			return err;
		s->now->set = s->set;
		*s->last = s->now;
		s->last = &s->now->next;
		return 0;
	}
	if (i->type != KDBUS_ITEM_POLICY_ACCESS)
		return 0;
	if (!s->now)
		return -EINVAL;
	return read_access(i, ids, &s->now->access[s->now->access_count++]);
}

int bus_policy_parse(const struct bus_policy *p, const void *items, size_t size, u32 max,
		     bool wildcards, const struct bus_policy_ids *ids, struct bus_policy_set **out)
{
	const struct kdbus_item *i = items;
	struct parse s = {.set = p->mem->alloc(sizeof(*s.set))};
	int err = s.set ? 0 : -ENOMEM;

	if (!err)
		s.last = &s.set->first;
	for (; !err && left_from(i, items, size); i = next_item(i)) {
		u32 accesses = 0;

		if (i->type == KDBUS_ITEM_NAME) {
			if (max && s.count++ >= max)
				err = -E2BIG;
			accesses = count_access(i, items, size);
		}
		if (!err)
			err = parse_item(p, &s, i, accesses, wildcards, ids);
	}
	if (err)
		bus_policy_set_free(p, s.set);
	else
		*out = s.set;
	return err;
}

void bus_policy_set_free(const struct bus_policy *p, struct bus_policy_set *s)
{
	struct policy_entry *e, *next;

	if (!s)
		return;
	for (e = s->first; e; e = next) {
		next = e->next;
		if (s->is_seen)
			p->mem->free_late(&e->rcu, e);
		else
			p->mem->free(e);
	}
	if (s->is_seen)
		p->mem->free_late(&s->rcu, s);
	else
		p->mem->free(s);
}

/* ---- the table ---- */

struct entry_key {
	const char *text;
	size_t len;
	bool is_wildcard;
	u64 version; /* of the database that is asked */
};

static u32 hash_of(const struct bus_policy *p, const char *text, size_t len)
{
	return hash_name(p->seed, text, len);
}

static bool is_key(const struct bus_table_node *node, const void *key)
{
	const struct policy_entry *e = container_of(node, struct policy_entry, node);
	const struct entry_key *k = key;

	if (e->len != k->len || e->is_wildcard != k->is_wildcard ||
	    memcmp(e->text, k->text, k->len))
		return false;
	return READ_ONCE(e->set->birth) <= k->version && k->version < READ_ONCE(e->set->death);
}

static const struct policy_entry *find_entry(const struct bus_policy *p, const struct entry_key *k)
{
	struct bus_table_node *n =
		bus_table_find(&p->table, hash_of(p, k->text, k->len), is_key, k);

	return n ? container_of(n, struct policy_entry, node) : NULL;
}

/* Takes the entries up to @end out of the table. Readers may be at them still. */
static void unlink_entries(struct bus_policy *p, struct bus_policy_set *s,
			   const struct policy_entry *end)
{
	for (struct policy_entry *e = s->first; e != end; e = e->next)
		bus_table_remove(&p->table, &e->node);
}

static void end_set(struct bus_policy *p, struct bus_policy_set *s)
{
	struct policy_entry *e, *next;

	unlink_entries(p, s, NULL);
	for (e = s->first; e; e = next) {
		next = e->next;
		p->mem->free_late(&e->rcu, e);
	}
	p->mem->free_late(&s->rcu, s);
}

/*
 * @s instead of @old, either may be NULL, from the next version on. A reader keeps to the version
 * that he began with; one that misses an entry because it is gone sees that the version is, too.
 */
static void publish(struct bus_policy *p, struct bus_policy_set *old, struct bus_policy_set *s)
{
	u64 next = p->version + 1;

	if (s)
		WRITE_ONCE(s->birth, next);
	if (old)
		WRITE_ONCE(old->death, next);
	smp_store_release(&p->version, next);
	smp_wmb(); /* before entries go */
}

/* Is there an entry for the same as @e that would be there beside it? */
static bool is_taken(struct bus_policy *p, const struct bus_policy_holder *h,
		     const struct policy_entry *e)
{
	struct policy_entry *o;

	bus_table_for_each(o, &p->table, hash_of(p, e->text, e->len), node)
	{
		if (o->len == e->len && o->is_wildcard == e->is_wildcard &&
		    !memcmp(o->text, e->text, e->len) && o->set != h->set)
			return true;
	}
	return false;
}

int bus_policy_replace(struct bus_policy *p, struct bus_policy_holder *h, struct bus_policy_set *s)
{
	struct bus_policy_set *old = h->set;

	s->birth = U64_MAX;
	s->death = U64_MAX;
	for (struct policy_entry *e = s->first; e; e = e->next) {
		if (is_taken(p, h, e)) {
			/* Readers may be at those: not the caller's to free at once. */
			unlink_entries(p, s, e);
			s->is_seen = true;
			return -EEXIST;
		}
		bus_table_add(&p->table, &e->node, hash_of(p, e->text, e->len));
	}
	publish(p, old, s);
	h->set = s;
	if (old)
		end_set(p, old);
	return 0;
}

void bus_policy_clear(struct bus_policy *p, struct bus_policy_holder *h)
{
	struct bus_policy_set *old = h->set;

	if (!old)
		return;
	publish(p, old, NULL);
	h->set = NULL;
	end_set(p, old);
}

/* ---- questions ---- */

static bool is_in_group(const struct bus_policy_who *who, u32 gid)
{
	u32 low = 0, high = who->group_count;

	if (who->gid == gid)
		return true;
	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (who->groups[mid] == gid)
			return true;
		if (who->groups[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static bool is_meant(const struct policy_access *a, const struct bus_policy_who *who)
{
	if (a->type == KDBUS_POLICY_ACCESS_USER)
		return a->id == who->uid;
	if (a->type == KDBUS_POLICY_ACCESS_GROUP)
		return is_in_group(who, a->id);
	return true;
}

static int access_of(const struct policy_entry *e, const struct bus_policy_who *who)
{
	int best = BUS_POLICY_NONE;

	for (u32 i = 0; i < e->access_count; i++) {
		if (e->access[i].access > best && is_meant(&e->access[i], who))
			best = e->access[i].access;
	}
	return best;
}

static int query_once(const struct bus_policy *p, const struct bus_policy_who *who,
		      const struct entry_key *exact, const struct entry_key *wildcard)
{
	const struct policy_entry *e = find_entry(p, exact);

	if (!e)
		e = find_entry(p, wildcard);
	return e ? access_of(e, who) : BUS_POLICY_NONE;
}

int bus_policy_query(const struct bus_policy *p, const struct bus_policy_who *who, const char *name)
{
	struct entry_key exact = {.text = name, .len = strlen(name)};
	struct entry_key wildcard = {.text = name, .is_wildcard = true};

	if (!READ_ONCE(p->table.count))
		return BUS_POLICY_NONE;
	for (size_t i = exact.len; i-- && !wildcard.len;) {
		if (name[i] == '.')
			wildcard.len = i;
	}
	for (;;) {
		u64 version = smp_load_acquire(&p->version);
		int access;

		exact.version = version;
		wildcard.version = version;
		access = query_once(p, who, &exact, &wildcard);
		smp_rmb();
		if (likely(READ_ONCE(p->version) == version))
			return access;
	}
}

bool bus_policy_query_user(const struct bus_policy *p, const struct bus_policy_who *who,
			   const struct bus_name_user *u, int access)
{
	const struct bus_name_claim *c;

	if (!READ_ONCE(p->table.count))
		return false;
	bus_name_for_each_claim(c, u)
	{
		if (!(READ_ONCE(c->flags) & KDBUS_NAME_IN_QUEUE) &&
		    bus_policy_query(p, who, c->name->text) >= access)
			return true;
	}
	return false;
}
