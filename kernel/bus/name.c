/*
 * Names of a bus.
 *
 * A name is there as long as somebody has a claim to it. Its queue holds the owner first and those
 * who wait behind; an activator's claim is beside the queue and owns the name while that is empty.
 * What others read without the lock is name->owner and the flags of claims.
 *
 * The end of a claim is told in memory that the claim brought with it (.spare): letting go cannot
 * fail.
 */
#include "name_impl.h"

#include <abi/kdbus.h>
#include <kern/align.h>
#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <lib/hash/hash.h>

#define SAVED_FLAGS ((u64)(KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE))

/* ---- words ---- */

static bool is_first_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

bool bus_name_is_valid(const char *name, bool wildcard)
{
	bool begins = true, dotted = false;
	const char *p;

	for (p = name; *p; p++) {
		if (*p == '.') {
			if (begins)
				return false;
			dotted = true;
			begins = true;
			continue;
		}
		if (wildcard && begins && p[0] == '*' && !p[1])
			;
		else if (!is_first_char(*p) && (begins || *p < '0' || *p > '9'))
			return false;
		begins = false;
	}
	return dotted && !begins && p - name <= (ptrdiff_t)BUS_NAME_LEN_MAX;
}

u32 bus_name_hash(const struct bus_names *r, const char *name, size_t len)
{
	return hash_name(r->seed, name, len);
}

/* ---- the registry ---- */

int bus_names_init(struct bus_names *r, const struct bus_mem *mem, u64 seed,
		   bus_name_handover_fn *handover)
{
	*r = (struct bus_names){.mem = mem, .seed = seed, .handover = handover};
	return bus_table_init(&r->table, mem);
}

void bus_names_destroy(struct bus_names *r)
{
	bus_table_destroy(&r->table);
}

void bus_name_event_free(struct bus_names *r, struct bus_name_event *e)
{
	r->mem->free(e);
}

static bool has_text(const struct bus_table_node *node, const void *key)
{
	const struct bus_name *n = container_of(node, struct bus_name, node);

	return !strcmp(n->text, key);
}

static struct bus_name *find_name(const struct bus_names *r, const char *name)
{
	struct bus_table_node *n =
		bus_table_find(&r->table, bus_name_hash(r, name, strlen(name)), has_text, name);

	return n ? container_of(n, struct bus_name, node) : NULL;
}

struct bus_name *bus_name_find(const struct bus_names *r, const char *name,
			       struct bus_name_claim **owner)
{
	struct bus_name *n = find_name(r, name);

	if (!n)
		return NULL;
	*owner = rcu_dereference(n->owner);
	return *owner ? n : NULL;
}

bool bus_name_user_owns(const struct bus_names *r, const struct bus_name_user *u, const char *name)
{
	struct bus_name_claim *c;

	return READ_ONCE(u->owned) && bus_name_find(r, name, &c) && c->user == u;
}

static struct bus_name *make_name(struct bus_names *r, const char *text)
{
	size_t len = strlen(text);
	struct bus_name *n = r->mem->alloc(sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	n->serial = ++r->serial;
	n->len = (u32)len;
	list_init(&n->queue);
	memcpy(n->text, text, len + 1);
	bus_table_add(&r->table, &n->node, bus_name_hash(r, text, len));
	return n;
}

static void drop_name_if_unused(struct bus_names *r, struct bus_name *n)
{
	if (!list_empty(&n->queue) || n->activator)
		return;
	bus_table_remove(&r->table, &n->node);
	r->mem->free_late(&n->rcu, n);
}

/* ---- claims ---- */

static struct bus_name_event *make_event(struct bus_names *r, const char *text)
{
	size_t len = strlen(text);
	struct bus_name_event *e = r->mem->alloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	list_init(&e->link);
	e->len = (u32)len;
	memcpy(e->text, text, len + 1);
	return e;
}

static struct bus_name_claim *make_claim(struct bus_names *r, struct bus_name *n,
					 struct bus_name_user *u)
{
	struct bus_name_claim *c = r->mem->alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->spare = make_event(r, n->text);
	if (!c->spare) {
		r->mem->free(c);
		return NULL;
	}
	c->user = u;
	c->name = n;
	c->flags = KDBUS_NAME_IN_QUEUE; /* owns nothing yet: no reader counts it */
	list_init(&c->by_queue);
	list_add_tail_rcu(&c->by_user, &u->claims);
	u->count++;
	return c;
}

static void free_claim(struct bus_names *r, struct bus_name_claim *c)
{
	list_del_rcu(&c->by_user);
	c->user->count--;
	r->mem->free(c->spare);
	c->spare = NULL;
	r->mem->free_late(&c->rcu, c);
}

static bool is_used(const struct bus_name_claim *c)
{
	return !list_empty(&c->by_queue) || c == c->name->activator;
}

/* Counts what the user owns by what its claims say. */
static void set_flags(struct bus_name_claim *c, u64 flags)
{
	bool owned = !(c->flags & KDBUS_NAME_IN_QUEUE), owns = !(flags & KDBUS_NAME_IN_QUEUE);

	WRITE_ONCE(c->flags, flags);
	if (owned != owns)
		WRITE_ONCE(c->user->owned, owns ? c->user->owned + 1 : c->user->owned - 1);
}

static struct bus_name_claim *find_claim(const struct bus_name *n, const struct bus_name_user *u)
{
	struct bus_name_claim *c;

	/* Bounded by BUS_NAMES_PER_USER, which the queue of the name is not. */
	list_for_each_entry (c, &u->claims, by_user) {
		if (c->name == n)
			return c;
	}
	return NULL;
}

static struct bus_name_claim *first_of(struct bus_name *n)
{
	return list_first_entry_or_null(&n->queue, struct bus_name_claim, by_queue);
}

static void hand_over(struct bus_names *r, struct bus_name *n, struct bus_name_claim *from,
		      struct bus_name_claim *to, bool move)
{
	if (r->handover)
		r->handover(n, from, to, move);
	else
		bus_name_set_owner(n, to);
}

/* @e says that the name went from @from to @to, one of which may be NULL. */
static struct bus_name_event *tell(struct bus_name_event *e, const struct bus_name_claim *from,
				   u64 from_flags, const struct bus_name_claim *to)
{
	e->type = !from ? KDBUS_ITEM_NAME_ADD
		  : to	? KDBUS_ITEM_NAME_CHANGE
			: KDBUS_ITEM_NAME_REMOVE;
	e->old_id = from ? from->user->id : 0;
	e->old_flags = from ? from_flags : 0;
	e->new_id = to ? to->user->id : 0;
	e->new_flags = to ? to->flags : 0;
	return e;
}

static struct bus_name_event *take_spare(struct bus_name_claim *c)
{
	struct bus_name_event *e = c->spare;

	c->spare = NULL;
	return e;
}

/* ---- acquire ---- */

/* In progress. */
struct acquire {
	struct bus_names *r;
	struct bus_name *name;
	struct bus_name_claim *claim;
	u64 flags;		      /* asked for */
	u64 returned;		      /* what the caller is told */
	struct bus_name_event *event; /* in stock; handed out if there is something to tell */
	bool is_told;
};

static int become_activator(struct acquire *a)
{
	struct bus_name_claim *c = a->claim, *owner = first_of(a->name);

	if (is_used(c))
		return -EALREADY;
	if (a->name->activator)
		return -EEXIST;
	a->name->activator = c;
	set_flags(c, KDBUS_NAME_ACTIVATOR | (owner ? KDBUS_NAME_IN_QUEUE : KDBUS_NAME_PRIMARY));
	a->returned = c->flags | KDBUS_NAME_ACQUIRED;
	if (owner)
		return 0;
	hand_over(a->r, a->name, NULL, c, false);
	tell(a->event, NULL, 0, c);
	a->is_told = true;
	return 0;
}

static void become_owner(struct acquire *a)
{
	struct bus_name_claim *c = a->claim, *activator = a->name->activator;
	u64 old = activator ? activator->flags : 0;

	list_add(&c->by_queue, &a->name->queue);
	set_flags(c, (a->flags & SAVED_FLAGS) | KDBUS_NAME_PRIMARY);
	hand_over(a->r, a->name, activator, c, activator != NULL);
	if (activator)
		set_flags(activator, (old & ~(u64)KDBUS_NAME_PRIMARY) | KDBUS_NAME_IN_QUEUE);
	tell(a->event, activator, old, c);
	a->is_told = true;
	a->returned = KDBUS_NAME_ACQUIRED;
}

static void replace_owner(struct acquire *a, struct bus_name_claim *owner)
{
	struct bus_name_claim *c = a->claim;
	u64 old = owner->flags;

	if (!list_empty(&c->by_queue))
		list_del_init(&c->by_queue);
	list_add(&c->by_queue, &a->name->queue);
	set_flags(c, (a->flags & SAVED_FLAGS) | KDBUS_NAME_PRIMARY);
	hand_over(a->r, a->name, owner, c, false);
	tell(a->event, owner, old, c);
	a->is_told = true;
	a->returned = KDBUS_NAME_ACQUIRED;
	set_flags(owner, (old & ~(u64)KDBUS_NAME_PRIMARY) | KDBUS_NAME_IN_QUEUE);
	if (!(old & KDBUS_NAME_QUEUE)) {
		list_del_init(&owner->by_queue);
		free_claim(a->r, owner);
	}
}

static int claim_name(struct acquire *a)
{
	struct bus_name_claim *c = a->claim, *owner = first_of(a->name);
	u64 saved = a->flags & SAVED_FLAGS;

	if (c == a->name->activator)
		return -EUCLEAN;
	if (!owner) {
		become_owner(a);
	} else if (owner == c) {
		set_flags(c, saved | KDBUS_NAME_PRIMARY);
	} else if ((owner->flags & KDBUS_NAME_ALLOW_REPLACEMENT) &&
		   (a->flags & KDBUS_NAME_REPLACE_EXISTING)) {
		replace_owner(a, owner);
	} else if (a->flags & KDBUS_NAME_QUEUE) {
		if (!is_used(c)) {
			list_add_tail(&c->by_queue, &a->name->queue);
			a->returned = KDBUS_NAME_ACQUIRED;
		}
		set_flags(c, saved | KDBUS_NAME_IN_QUEUE);
	} else if (is_used(c)) {
		list_del_init(&c->by_queue); /* does not want to wait any longer */
		a->returned = saved;
		return 0;
	} else {
		return -EEXIST;
	}
	a->returned |= c->flags;
	return 0;
}

static int prepare(struct acquire *a, struct bus_name_user *u, const char *name)
{
	a->name = find_name(a->r, name);
	if (a->name)
		a->claim = find_claim(a->name, u);
	if (!a->claim && u->count >= BUS_NAMES_PER_USER)
		return -E2BIG;
	a->event = make_event(a->r, name);
	if (!a->event)
		return -ENOMEM;
	if (!a->name)
		a->name = make_name(a->r, name);
	if (!a->name)
		return -ENOMEM;
	if (!a->claim)
		a->claim = make_claim(a->r, a->name, u);
	return a->claim ? 0 : -ENOMEM;
}

int bus_names_acquire(struct bus_names *r, struct bus_name_user *u, const char *name, u64 flags,
		      u64 *return_flags, struct bus_name_event **event)
{
	struct acquire a = {.r = r, .flags = flags};
	int err = prepare(&a, u, name);

	if (!err)
		err = flags & KDBUS_NAME_ACTIVATOR ? become_activator(&a) : claim_name(&a);
	if (!err) {
		*return_flags = a.returned;
		*event = a.is_told ? a.event : NULL;
	}
	if (!a.is_told)
		r->mem->free(a.event);
	if (a.claim && !is_used(a.claim))
		free_claim(r, a.claim);
	if (a.name)
		drop_name_if_unused(r, a.name);
	return err;
}

/* ---- release ---- */

static void release(struct bus_names *r, struct bus_name_claim *c, struct bus_name_event **event)
{
	struct bus_name *n = c->name;
	bool is_owner = rcu_dereference_protected(n->owner) == c;
	u64 old = c->flags;

	*event = NULL;
	if (c == n->activator)
		n->activator = NULL;
	if (!list_empty(&c->by_queue))
		list_del_init(&c->by_queue);
	if (is_owner) {
		struct bus_name_claim *next = first_of(n);

		if (!next)
			next = n->activator;
		if (next)
			set_flags(next,
				  (next->flags & ~(u64)KDBUS_NAME_IN_QUEUE) | KDBUS_NAME_PRIMARY);
		hand_over(r, n, c, next, next && next == n->activator);
		*event = tell(take_spare(c), c, old, next);
	}
	set_flags(c, (old & ~(u64)KDBUS_NAME_PRIMARY) | KDBUS_NAME_IN_QUEUE);
	free_claim(r, c);
	drop_name_if_unused(r, n);
}

int bus_names_release(struct bus_names *r, struct bus_name_user *u, const char *name,
		      struct bus_name_event **event)
{
	struct bus_name *n = find_name(r, name);
	struct bus_name_claim *c;

	if (!n)
		return -ESRCH;
	c = find_claim(n, u);
	if (!c)
		return -EADDRINUSE;
	release(r, c, event);
	return 0;
}

bool bus_names_release_any(struct bus_names *r, struct bus_name_user *u,
			   struct bus_name_event **event)
{
	struct bus_name_claim *c =
		list_first_entry_or_null(&u->claims, struct bus_name_claim, by_user);

	if (!c)
		return false;
	release(r, c, event);
	return true;
}

/* ---- lists ---- */

static bool is_listed(u64 claim_flags, u64 list_flags)
{
	if (claim_flags & KDBUS_NAME_ACTIVATOR)
		return list_flags & KDBUS_LIST_ACTIVATORS;
	if (claim_flags & KDBUS_NAME_IN_QUEUE)
		return list_flags & KDBUS_LIST_QUEUED;
	return list_flags & KDBUS_LIST_NAMES;
}

#define NAME_ITEM_HEAD (offsetof(struct kdbus_item, name) + sizeof(struct kdbus_name))

static size_t item_size(const struct bus_name *n)
{
	return NAME_ITEM_HEAD + n->len + 1;
}

static size_t put_item(const struct bus_name_claim *c, void *buf)
{
	struct kdbus_item *i = buf;
	size_t size = item_size(c->name), whole = ALIGN(size, 8ul);

	memset((char *)buf + whole - 8, 0, 8);
	i->size = size;
	i->type = KDBUS_ITEM_OWNED_NAME;
	i->name.flags = READ_ONCE(c->flags);
	memcpy((char *)buf + NAME_ITEM_HEAD, c->name->text, c->name->len + 1);
	return whole;
}

static size_t put_record(const struct bus_name_user *u, u64 conn_flags,
			 const struct bus_name_claim *c, void *buf, size_t at)
{
	size_t size = sizeof(struct kdbus_info) + (c ? ALIGN(item_size(c->name), 8ul) : 0);
	struct kdbus_info *info;

	if (!buf)
		return size;
	info = (struct kdbus_info *)((char *)buf + at);
	info->size = size;
	info->id = u->id;
	info->flags = conn_flags;
	if (c)
		put_item(c, info->items);
	return size;
}

size_t bus_name_list(const struct bus_name_user *u, u64 conn_flags, u64 list_flags,
		     bus_name_see_fn *see, void *ctx, void *buf)
{
	const struct bus_name_claim *c;
	bool any = false;
	size_t at = 0;

	bus_name_for_each_claim(c, u)
	{
		if (!is_listed(READ_ONCE(c->flags), list_flags))
			continue;
		any = true;
		if (!see || see(ctx, c->name))
			at += put_record(u, conn_flags, c, buf, at);
	}
	if (!any && (list_flags & KDBUS_LIST_UNIQUE))
		at += put_record(u, conn_flags, NULL, buf, at);
	return at;
}

size_t bus_name_items(const struct bus_name_user *u, void *buf, size_t size)
{
	const struct bus_name_claim *c;
	size_t at = 0;

	bus_name_for_each_claim(c, u)
	{
		size_t whole = ALIGN(item_size(c->name), 8ul);

		if (READ_ONCE(c->flags) & KDBUS_NAME_IN_QUEUE)
			continue;
		if (buf && whole > size - at)
			break;
		if (buf)
			put_item(c, (char *)buf + at);
		at += whole;
	}
	return at;
}
