/* Shared by the sources of lib/radix. */
#pragma once

#include <lib/radix/radix.h>
#include <kern/bit.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>

/*
 * The low two bits of a slot: 00 pointer or empty, x1 number, 10 internal. Internal are nodes, and
 * siblings: the slots behind the first of an entry that takes several, which hold the first's
 * number.
 */
#define RADIX_INTERNAL 2ul

static inline bool radix_is_internal(const void *e)
{
	return ((unsigned long)e & 3) == RADIX_INTERNAL;
}

static inline bool radix_is_sibling(const void *e)
{
	return radix_is_internal(e) && (unsigned long)e < RADIX_SLOTS << 2;
}

static inline bool radix_is_node(const void *e)
{
	return radix_is_internal(e) && (unsigned long)e >= RADIX_SLOTS << 2;
}

static inline void *radix_sibling_of(unsigned int slot)
{
	return (void *)((unsigned long)slot << 2 | RADIX_INTERNAL);
}

static inline unsigned int radix_sibling_slot(const void *e)
{
	return (unsigned int)((unsigned long)e >> 2);
}

static inline void *radix_node_entry(struct radix_node *n)
{
	return (void *)((unsigned long)n | RADIX_INTERNAL);
}

static inline struct radix_node *radix_to_node(const void *e)
{
	return (struct radix_node *)((unsigned long)e - RADIX_INTERNAL);
}

static inline unsigned int radix_slot_of(const struct radix_node *n, u64 index)
{
	return (unsigned int)(index >> n->shift) & (RADIX_SLOTS - 1);
}

/* Is @index below the tree whose top is @n? */
static inline bool radix_covers(const struct radix_node *n, u64 index)
{
	return n->shift + RADIX_BITS >= 64 || index >> (n->shift + RADIX_BITS) == 0;
}
