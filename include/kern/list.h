/*
 * Intrusive lists.
 *
 * struct list_head: doubly linked ring with a head of the same type.
 * struct hlist_head: one-pointer head for hash tables.
 *
 * The _rcu variants may run beside readers that traverse with the _rcu iterators; writers exclude
 * one another, and a removed entry is freed after a grace period only.
 */
#pragma once

#include <kern/types.h>
#include <kern/rcuhead.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)
/* Left in removed entries, so that a use after removal faults. */
#define LIST_POISON ((void *)0xdead000000000100ul)

static inline void list_init(struct list_head *h)
{
	h->next = h;
	h->prev = h;
}
#define INIT_LIST_HEAD(h) list_init(h)

static inline bool list_empty(const struct list_head *h)
{
	return READ_ONCE(h->next) == h;
}

static inline bool list_is_singular(const struct list_head *h)
{
	return h->next != h && h->next == h->prev;
}

static inline bool list_is_last(const struct list_head *e, const struct list_head *h)
{
	return e->next == h;
}

static inline bool list_is_first(const struct list_head *e, const struct list_head *h)
{
	return e->prev == h;
}

static inline void __list_insert(struct list_head *e, struct list_head *prev,
				 struct list_head *next)
{
	e->next = next;
	e->prev = prev;
	next->prev = e;
	smp_store_release(&prev->next, e);
}

/* After @h: first of the list if @h is the head. */
static inline void list_add(struct list_head *e, struct list_head *h)
{
	__list_insert(e, h, h->next);
}

/* Before @h: last of the list if @h is the head. */
static inline void list_add_tail(struct list_head *e, struct list_head *h)
{
	__list_insert(e, h->prev, h);
}

static inline void __list_unlink(struct list_head *prev, struct list_head *next)
{
	next->prev = prev;
	WRITE_ONCE(prev->next, next);
}

static inline void list_del(struct list_head *e)
{
	__list_unlink(e->prev, e->next);
	e->next = LIST_POISON;
	e->prev = LIST_POISON;
}

/* Removes and leaves @e an empty list, so that list_empty(@e) tells membership. */
static inline void list_del_init(struct list_head *e)
{
	__list_unlink(e->prev, e->next);
	list_init(e);
}

static inline void list_replace(struct list_head *old, struct list_head *new)
{
	new->next = old->next;
	new->next->prev = new;
	new->prev = old->prev;
	smp_store_release(&new->prev->next, new);
}

static inline void list_move(struct list_head *e, struct list_head *h)
{
	__list_unlink(e->prev, e->next);
	list_add(e, h);
}

static inline void list_move_tail(struct list_head *e, struct list_head *h)
{
	__list_unlink(e->prev, e->next);
	list_add_tail(e, h);
}

/* Moves all of @from to the front of @to; @from is empty after. */
static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	from->next->prev = to;
	to->next = from->next;
	list_init(from);
}

/* Moves all of @from to the end of @to; @from is empty after. */
static inline void list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	list_splice_init(from, to->prev);
}

/* Readers beside this see the entry or its follower. */
#define list_add_rcu(e, h) list_add(e, h)
#define list_add_tail_rcu(e, h) list_add_tail(e, h)
#define list_replace_rcu(old, new) list_replace(old, new)
static inline void list_del_rcu(struct list_head *e)
{
	__list_unlink(e->prev, e->next);
	e->prev = LIST_POISON;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(h, type, member) list_entry((h)->next, type, member)
#define list_last_entry(h, type, member) list_entry((h)->prev, type, member)
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)
#define list_first_entry_or_null(h, type, member)                                   \
	({                                                                          \
		struct list_head *__head = (h), *__first = READ_ONCE(__head->next); \
		__first != __head ? list_entry(__first, type, member) : NULL;       \
	})
#define list_entry_is_head(pos, h, member) (&(pos)->member == (h))

#define list_for_each(pos, h) for (pos = (h)->next; pos != (h); pos = pos->next)
#define list_for_each_safe(pos, n, h) \
	for (pos = (h)->next, n = pos->next; pos != (h); pos = n, n = pos->next)
#define list_for_each_entry(pos, h, member)                       \
	for (pos = list_first_entry(h, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, h, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, h, member)              \
	for (pos = list_last_entry(h, __typeof__(*pos), member); \
	     !list_entry_is_head(pos, h, member); pos = list_prev_entry(pos, member))
#define list_for_each_entry_from(pos, h, member) \
	for (; !list_entry_is_head(pos, h, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_continue(pos, h, member)                                  \
	for (pos = list_next_entry(pos, member); !list_entry_is_head(pos, h, member); \
	     pos = list_next_entry(pos, member))
/* The loop body may remove @pos. */
#define list_for_each_entry_safe(pos, n, h, member)               \
	for (pos = list_first_entry(h, __typeof__(*pos), member), \
	    n = list_next_entry(pos, member);                     \
	     !list_entry_is_head(pos, h, member); pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_rcu(pos, h, member)                                      \
	for (pos = list_entry(rcu_dereference((h)->next), __typeof__(*pos), member); \
	     !list_entry_is_head(pos, h, member);                                    \
	     pos = list_entry(rcu_dereference(pos->member.next), __typeof__(*pos), member))

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev; /* whatever points at this node; NULL if on no list */
};

struct hlist_head {
	struct hlist_node *first;
};

#define HLIST_HEAD_INIT \
	{               \
		NULL    \
	}
#define HLIST_HEAD(name) struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(h) ((h)->first = NULL)

static inline void hlist_node_init(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}
#define INIT_HLIST_NODE(n) hlist_node_init(n)

static inline bool hlist_unhashed(const struct hlist_node *n)
{
	return !READ_ONCE(n->pprev);
}

static inline bool hlist_empty(const struct hlist_head *h)
{
	return !READ_ONCE(h->first);
}

static inline void __hlist_insert(struct hlist_node *n, struct hlist_node **pprev)
{
	struct hlist_node *next = *pprev;

	n->next = next;
	n->pprev = pprev;
	if (next)
		next->pprev = &n->next;
	smp_store_release(pprev, n);
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	__hlist_insert(n, &h->first);
}

static inline void hlist_add_before(struct hlist_node *n, struct hlist_node *next)
{
	__hlist_insert(n, next->pprev);
}

static inline void hlist_add_behind(struct hlist_node *n, struct hlist_node *prev)
{
	__hlist_insert(n, &prev->next);
}

static inline void __hlist_unlink(struct hlist_node *n)
{
	struct hlist_node *next = n->next;

	WRITE_ONCE(*n->pprev, next);
	if (next)
		next->pprev = n->pprev;
}

static inline void hlist_del(struct hlist_node *n)
{
	__hlist_unlink(n);
	n->next = LIST_POISON;
	n->pprev = LIST_POISON;
}

/* Removes @n if it is on a list. */
static inline void hlist_del_init(struct hlist_node *n)
{
	if (hlist_unhashed(n))
		return;
	__hlist_unlink(n);
	hlist_node_init(n);
}

#define hlist_add_head_rcu(n, h) hlist_add_head(n, h)
static inline void hlist_del_rcu(struct hlist_node *n)
{
	__hlist_unlink(n);
	n->pprev = LIST_POISON;
}

/* As hlist_del_rcu, but hlist_unhashed(@n) is true afterwards. */
static inline void hlist_del_init_rcu(struct hlist_node *n)
{
	if (hlist_unhashed(n))
		return;
	__hlist_unlink(n);
	WRITE_ONCE(n->pprev, NULL);
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                    \
	({                                                     \
		struct hlist_node *__hn = (ptr);               \
		__hn ? hlist_entry(__hn, type, member) : NULL; \
	})
#define hlist_for_each_entry(pos, h, member)                                    \
	for (pos = hlist_entry_safe((h)->first, __typeof__(*pos), member); pos; \
	     pos = hlist_entry_safe(pos->member.next, __typeof__(*pos), member))
/* @n is a struct hlist_node *; the loop body may remove @pos. */
#define hlist_for_each_entry_safe(pos, n, h, member)                       \
	for (pos = hlist_entry_safe((h)->first, __typeof__(*pos), member); \
	     pos && ((n = pos->member.next), 1);                           \
	     pos = hlist_entry_safe(n, __typeof__(*pos), member))
#define hlist_for_each_entry_rcu(pos, h, member)                                                 \
	for (pos = hlist_entry_safe(rcu_dereference((h)->first), __typeof__(*pos), member); pos; \
	     pos = hlist_entry_safe(rcu_dereference(pos->member.next), __typeof__(*pos), member))
