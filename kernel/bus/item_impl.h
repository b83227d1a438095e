/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of items, as programs give them: judged once, in the kernel's copy. Pure. */
#pragma once

#include <abi/kdbus.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define BUS_ITEM_HEAD (sizeof(__u64) * 2)
#define BUS_ALIGN8(v) (((v) + 7) & ~(__typeof__(v))7)

/* An item without what is not there: struct kdbus_item is as long as its longest kind. */
static inline u64 bus_item_payload(const struct kdbus_item *i)
{
	return i->size - BUS_ITEM_HEAD;
}

/* The list of @size bytes at @items has been judged. */
#define bus_item_for_each(i, items, size_)                                          \
	for (i = (void *)(items); (uptr)(i) < (uptr)(items) + (size_); \
	     i = (void *)((uptr)(i) + BUS_ALIGN8((i)->size)))

/* A kind of item that a command takes. */
struct bus_item_rule {
	u64 type;
	bool multiple, mandatory;
};

#define BUS_ITEM_RULES_MAX 11u

/*
 * Is every item of the list whole, of a kind that @rules (@n of them) name, once unless .multiple
 * says more, and of the form of its kind? found[i], for each rule, is the last item of its kind or
 * NULL. -EINVAL; -ENAMETOOLONG, -EBADF for names and descriptors.
 */
int bus_items_judge(const void *items, size_t size, const struct bus_item_rule *rules, u32 n,
		    struct kdbus_item **found) __must_check;
/* Is each rule that is .mandatory met? */
bool bus_items_complete(const struct bus_item_rule *rules, u32 n, struct kdbus_item *const *found);
/* Is @type one of them? */
bool bus_items_known(u64 type, const struct bus_item_rule *rules, u32 n);

/* Writes head and payload (NULL: zeroes) and zeroes the padding; returns where the next one goes. */
void *bus_item_write(void *to, u64 type, const void *payload, size_t len);
