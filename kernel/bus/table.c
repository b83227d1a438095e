#include "table_impl.h"

#include <kern/atomic.h>
#include <kern/errno.h>

#define FIRST_BITS 4u
#define BITS_MAX 20u

static struct bus_table_heads *make_heads(const struct bus_mem *mem, u32 bits, u32 link)
{
	struct bus_table_heads *h = mem->alloc(sizeof(*h) + (sizeof(h->head[0]) << bits));

	if (!h)
		return NULL;
	h->bits = bits;
	h->link = link;
	return h;
}

static struct hlist_head *chain_of(struct bus_table_heads *h, u32 hash)
{
	return &h->head[hash & ((1u << h->bits) - 1)];
}

static struct bus_table_node *node_of(const struct bus_table_heads *h, struct hlist_node *link)
{
	return link ? container_of(link - h->link, struct bus_table_node, link[0]) : NULL;
}

int bus_table_init(struct bus_table *t, const struct bus_mem *mem)
{
	*t = (struct bus_table){.mem = mem};
	t->heads = make_heads(mem, FIRST_BITS, 0);
	return t->heads ? 0 : -ENOMEM;
}

void bus_table_destroy(struct bus_table *t)
{
	if (t->heads)
		t->mem->free_late(&t->heads->rcu, t->heads);
	t->heads = NULL;
}

static void grow(struct bus_table *t)
{
	struct bus_table_heads *old = t->heads, *new;

	if (old->bits >= BITS_MAX)
		return;
	new = make_heads(t->mem, old->bits + 2, !old->link);
	if (!new)
		return;
	if (t->has_grown)
		t->mem->wait_readers();
	t->has_grown = true;
	for (u32 i = 0; i < 1u << old->bits; i++) {
		struct bus_table_node *n;

		for (n = node_of(old, old->head[i].first); n;
		     n = node_of(old, n->link[old->link].next))
			hlist_add_head(&n->link[new->link], chain_of(new, n->hash));
	}
	rcu_assign_pointer(t->heads, new);
	t->mem->free_late(&old->rcu, old);
}

void bus_table_add(struct bus_table *t, struct bus_table_node *n, u32 hash)
{
	if (t->count >= 2u << t->heads->bits)
		grow(t);
	n->hash = hash;
	hlist_add_head_rcu(&n->link[t->heads->link], chain_of(t->heads, hash));
	WRITE_ONCE(t->count, t->count + 1);
}

void bus_table_remove(struct bus_table *t, struct bus_table_node *n)
{
	hlist_del_rcu(&n->link[t->heads->link]);
	WRITE_ONCE(t->count, t->count - 1);
}

struct bus_table_node *bus_table_find(const struct bus_table *t, u32 hash,
				      bus_table_match_fn *match, const void *key)
{
	struct bus_table_heads *h = rcu_dereference(t->heads);
	struct bus_table_node *n;

	for (n = node_of(h, rcu_dereference(chain_of(h, hash)->first)); n;
	     n = node_of(h, rcu_dereference(n->link[h->link].next))) {
		if (n->hash == hash && match(n, key))
			return n;
	}
	return NULL;
}

static struct bus_table_node *from(const struct bus_table_heads *h, struct bus_table_node *n,
				   u32 hash)
{
	while (n && n->hash != hash)
		n = node_of(h, n->link[h->link].next);
	return n;
}

struct bus_table_node *bus_table_first(const struct bus_table *t, u32 hash)
{
	return from(t->heads, node_of(t->heads, chain_of(t->heads, hash)->first), hash);
}

struct bus_table_node *bus_table_next(const struct bus_table *t, const struct bus_table_node *n)
{
	return from(t->heads, node_of(t->heads, n->link[t->heads->link].next), n->hash);
}
