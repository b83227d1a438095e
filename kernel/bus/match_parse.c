/* Matches from items, and whether one fits. */
#include <abi/kdbus.h>
#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>

#include "bloom_impl.h"
#include "match_index_impl.h"
#include "name_impl.h"

#define ITEM_HEAD offsetof(struct kdbus_item, data)

/* ---- kinds of rules ---- */

enum rule_class {
	CLASS_NONE, /* not a rule */
	CLASS_MESSAGE,
	CLASS_NOTICE,
};

/* Reads the payload of @i, @size bytes; @data: where copies go. -EINVAL, -EDOM. */
typedef int read_rule_fn(const struct bus_match_index *x, const struct kdbus_item *i, size_t size,
			 struct match_rule *r, char *data);

static int read_id(const struct bus_match_index *x, const struct kdbus_item *i, size_t size,
		   struct match_rule *r, char *data)
{
	(void)x;
	(void)data;
	if (size < sizeof(i->id))
		return -EINVAL;
	r->id = i->id;
	return 0;
}

static bool is_terminated(const char *s, size_t size)
{
	return size && strnlen(s, size) < size;
}

static int read_name(const struct bus_match_index *x, const struct kdbus_item *i, size_t size,
		     struct match_rule *r, char *data)
{
	(void)x;
	if (!is_terminated(i->str, size) || !bus_name_is_valid(i->str, false))
		return -EINVAL;
	memcpy(data, i->str, strlen(i->str) + 1);
	r->name = data;
	return 0;
}

static int read_mask(const struct bus_match_index *x, const struct kdbus_item *i, size_t size,
		     struct match_rule *r, char *data)
{
	size_t one = (size_t)x->words * sizeof(u64);

	if (size < one || size % one)
		return -EDOM;
	memcpy(data, i->data, size);
	r->mask = (u64 *)data;
	r->masks = (u32)(size / one);
	return 0;
}

static int read_id_change(const struct bus_match_index *x, const struct kdbus_item *i, size_t size,
			  struct match_rule *r, char *data)
{
	(void)x;
	(void)data;
	if (size < sizeof(i->id_change))
		return -EINVAL;
	r->old_id = KDBUS_MATCH_ID_ANY;
	r->new_id = KDBUS_MATCH_ID_ANY;
	if (i->type == KDBUS_ITEM_ID_ADD)
		r->new_id = i->id_change.id;
	else
		r->old_id = i->id_change.id;
	return 0;
}

static int read_name_change(const struct bus_match_index *x, const struct kdbus_item *i,
			    size_t size, struct match_rule *r, char *data)
{
	const struct kdbus_notify_name_change *n = &i->name_change;

	(void)x;
	if (size < sizeof(*n))
		return -EINVAL;
	r->old_id = n->old_id.id;
	r->new_id = n->new_id.id;
	if (size == sizeof(*n))
		return 0;
	if (!is_terminated(n->name, size - sizeof(*n)))
		return -EINVAL;
	memcpy(data, n->name, strlen(n->name) + 1);
	r->name = data;
	return 0;
}

static const struct rule_kind {
	u64 type;
	enum rule_class class;
	read_rule_fn *read;
} rule_kinds[] = {
	{KDBUS_ITEM_BLOOM_MASK, CLASS_MESSAGE, read_mask},
	{KDBUS_ITEM_NAME, CLASS_MESSAGE, read_name},
	{KDBUS_ITEM_ID, CLASS_MESSAGE, read_id},
	{KDBUS_ITEM_DST_ID, CLASS_MESSAGE, read_id},
	{KDBUS_ITEM_NAME_ADD, CLASS_NOTICE, read_name_change},
	{KDBUS_ITEM_NAME_REMOVE, CLASS_NOTICE, read_name_change},
	{KDBUS_ITEM_NAME_CHANGE, CLASS_NOTICE, read_name_change},
	{KDBUS_ITEM_ID_ADD, CLASS_NOTICE, read_id_change},
	{KDBUS_ITEM_ID_REMOVE, CLASS_NOTICE, read_id_change},
};

static const struct rule_kind *kind_of(u64 type)
{
	for (size_t k = 0; k < ARRAY_SIZE(rule_kinds); k++) {
		if (rule_kinds[k].type == type)
			return &rule_kinds[k];
	}
	return NULL;
}

/* ---- items ---- */

static const struct kdbus_item *next_item(const struct kdbus_item *i)
{
	return (const struct kdbus_item *)((const char *)i + ALIGN(i->size, 8ul));
}

static bool is_within(const struct kdbus_item *i, const void *items, size_t size)
{
	return (size_t)((const char *)i - (const char *)items) < size;
}

/* What one allocation has to hold. */
struct measure {
	u32 rules;
	u32 places;
	size_t data;
};

/* More masks than places: such a match is looked at for every filter. */
static u32 places_for(const struct bus_match_index *x, const struct kdbus_item *i)
{
	size_t masks = (i->size - ITEM_HEAD) / ((size_t)x->words * sizeof(u64));

	return masks > MATCH_PLACES_MAX ? 1 : (u32)masks;
}

static void measure_items(const struct bus_match_index *x, const void *items, size_t size,
			  struct measure *m)
{
	*m = (struct measure){.places = 1};
	for (const struct kdbus_item *i = items; is_within(i, items, size); i = next_item(i)) {
		if (!kind_of(i->type))
			continue;
		m->rules++;
		m->data += ALIGN(i->size - ITEM_HEAD, 8ul);
		if (i->type == KDBUS_ITEM_BLOOM_MASK)
			m->places = max(m->places, places_for(x, i));
	}
}

/* A message has no kind of its own, what the kernel tells has exactly one. */
static enum match_sort sort_with(enum match_sort so_far, const struct bus_match *m,
				 const struct match_rule *r)
{
	enum match_sort mine =
		kind_of(r->type)->class == CLASS_NOTICE ? MATCH_NOTICE : MATCH_MESSAGE;

	if (r == m->rule)
		return mine;
	if (so_far != mine || (mine == MATCH_NOTICE && m->rule[0].type != r->type))
		return MATCH_NEVER;
	return so_far;
}

int bus_match_parse(const struct bus_match_index *x, u64 cookie, const void *items, size_t size,
		    struct bus_match **out)
{
	struct measure want;
	struct bus_match *m;
	char *data;
	int err = 0;

	measure_items(x, items, size, &want);
	m = x->mem->alloc(sizeof(*m) + want.rules * sizeof(m->rule[0]) +
			  want.places * sizeof(m->place[0]) + want.data);
	if (!m)
		return -ENOMEM;
	m->cookie = cookie;
	m->places_max = want.places;
	m->place = (struct match_place *)&m->rule[want.rules];
	data = (char *)&m->place[want.places];
	m->sort = MATCH_EVERY;
	for (const struct kdbus_item *i = items; !err && is_within(i, items, size);
	     i = next_item(i)) {
		const struct rule_kind *k = kind_of(i->type);
		struct match_rule *r = &m->rule[m->rules];

		if (!k)
			continue;
		r->type = i->type;
		err = k->read(x, i, i->size - ITEM_HEAD, r, data);
		data += ALIGN(i->size - ITEM_HEAD, 8ul);
		m->sort = sort_with(m->sort, m, r);
		m->rules++;
	}
	if (err)
		bus_match_free(x, m);
	else
		*out = m;
	return err;
}

void bus_match_free(const struct bus_match_index *x, struct bus_match *m)
{
	x->mem->free(m);
}

/* ---- does one fit? ---- */

static bool fits_message(const struct bus_match_index *x, const struct match_rule *r,
			 const struct bus_match_message *m)
{
	switch (r->type) {
	case KDBUS_ITEM_BLOOM_MASK:
		return m->filter &&
		       bus_bloom_covers(m->filter,
					r->mask + (size_t)bus_bloom_pick(m->generation, r->masks) *
							  x->words,
					x->words);
	case KDBUS_ITEM_ID:
		return r->id == KDBUS_MATCH_ID_ANY || r->id == m->src_id;
	case KDBUS_ITEM_DST_ID:
		return r->id == KDBUS_MATCH_ID_ANY || r->id == m->dst_id;
	case KDBUS_ITEM_NAME:
		return m->src && bus_name_user_owns(m->names, m->src, r->name);
	default:
		return false;
	}
}

bool match_fits_message(const struct bus_match_index *x, const struct bus_match *m,
			const struct bus_match_message *msg)
{
	for (u32 i = 0; i < m->rules; i++) {
		if (!fits_message(x, &m->rule[i], msg))
			return false;
	}
	return true;
}

static bool fits_id(u64 asked, u64 id)
{
	return asked == KDBUS_MATCH_ID_ANY || asked == id;
}

bool match_fits_notice(const struct bus_match *m, const struct bus_match_notice *n)
{
	for (u32 i = 0; i < m->rules; i++) {
		const struct match_rule *r = &m->rule[i];

		if (r->type != n->type || !fits_id(r->old_id, n->old_id) ||
		    !fits_id(r->new_id, n->new_id))
			return false;
		if (r->name && (!n->name || strcmp(r->name, n->name) != 0))
			return false;
	}
	return true;
}
