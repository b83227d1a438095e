/*
 * Matches of all connections of one bus: one index, so that a broadcast looks at the rules that may
 * match it and at no others. Pure.
 *
 * A match is an AND of rules. It is filed under the rarest thing that a message must have for it:
 * the sender's id, a name of the sender, a set bit of its bloom mask (the bit that the fewest
 * others chose), or for what the kernel tells: kind and id or name. What asks for nothing is in a
 * list of its own.
 *
 * Lock: M, a sleeping lock of the bus (N of name_impl.h will do), held exclusively for changes and
 * shared for questions; questions may run at the same time.
 */
#pragma once

#include <kern/list.h>
#include <kern/types.h>
#include <lib/rbtree/rbtree.h>

#include "mem_impl.h"
#include "table_impl.h"

#define BUS_MATCHES_PER_USER 4096u

struct bus_match;
struct match_slot;
struct bus_names;
struct bus_name_user;

/* Embedded in every connection that may have matches. */
struct bus_match_user {
	struct rb_root by_cookie; /* M */
	u32 count;		  /* M */
	u32 slot;		  /* M: its number in the index while count is not 0 */
};

struct bus_match_index {
	const struct bus_mem *mem;
	u32 words;   /* [I] u64s of a bloom filter */
	u32 buckets; /* [I] power of two: bits of a filter, folded */
	u64 seed;    /* [I] */
	/* all M */
	struct hlist_head *bit;	 /* by bloom bit, folded */
	u32 *crowd;		 /* how many are in it */
	u64 *used;		 /* bitmap: which are not empty */
	struct hlist_head any;	 /* ask for nothing: messages */
	struct hlist_head every; /* no rule at all: messages and what the kernel tells */
	struct bus_table by_key; /* ids, names, kinds */
	struct match_slot *slot; /* who has a number */
	u32 slots;		 /* length of slot, a multiple of 64 */
	u32 free_slot;		 /* head of the list of free ones; slots: none */
	u32 count;		 /* matches in the index: for stats */
};

/* @bloom_size: of the bus, bus_bloom_check_parameter() has agreed. -ENOMEM. */
int bus_match_index_init(struct bus_match_index *x, const struct bus_mem *mem, u32 bloom_size,
			 u64 seed) __must_check;
/* All users have been cleared. */
void bus_match_index_destroy(struct bus_match_index *x);
static inline void bus_match_user_init(struct bus_match_user *u)
{
	*u = (struct bus_match_user){.by_cookie = RB_ROOT};
}

/*
 * A match from the items of KDBUS_CMD_MATCH_ADD, each of which is a rule: BLOOM_MASK, NAME, ID,
 * DST_ID, NAME_ADD, NAME_REMOVE, NAME_CHANGE, ID_ADD, ID_REMOVE; others (NEGOTIATE) are passed
 * over. Headers and strings have been judged by the item parser (struct kdbus_notify_name_change
 * may come without a name). -EDOM: a mask that is not one or more filters long. -EINVAL: a name
 * that is not valid, or a payload too short for its type. -ENOMEM. No lock; may sleep.
 */
int bus_match_parse(const struct bus_match_index *x, u64 cookie, const void *items, size_t size,
		    struct bus_match **out) __must_check;
void bus_match_free(const struct bus_match_index *x, struct bus_match *m); /* NULL-safe */
/*
 * Gives @m (consumed on success) to @u; with @replace in the place of all that have its cookie.
 * -EMFILE: @u has BUS_MATCHES_PER_USER. -ENOMEM. On failure nothing has changed. M exclusive.
 */
int bus_match_add(struct bus_match_index *x, struct bus_match_user *u, struct bus_match *m,
		  bool replace) __must_check;
/* All of @u with @cookie go. -EBADSLT: there is none. M exclusive. */
int bus_match_remove(struct bus_match_index *x, struct bus_match_user *u, u64 cookie) __must_check;
/* All of @u go. M exclusive. */
void bus_match_clear(struct bus_match_index *x, struct bus_match_user *u);

/* A signal. */
struct bus_match_message {
	u64 src_id, dst_id; /* dst_id: KDBUS_DST_ID_BROADCAST for all */
	const struct bus_names *names;
	const struct bus_name_user *src; /* its names; NULL: none */
	const u64 *filter;		 /* words of the bus; NULL: no bloom rule matches */
	u64 generation;
};

/* What the kernel tells: a struct bus_name_event, or ids. */
struct bus_match_notice {
	u64 type; /* KDBUS_ITEM_NAME_* or KDBUS_ITEM_ID_* */
	u64 old_id, new_id;
	const char *name; /* NULL for ids */
};

/*
 * Memory of one question: which users have been found. Made with bus_match_scan_init() outside of
 * M or inside; a scan may be used again.
 */
struct bus_match_scan {
	const struct bus_mem *mem;
	u64 *seen; /* bitmap by slot; @small for few */
	u32 slots;
	u64 looked; /* rules looked at: for stats and tests */
	u64 small[16];
};
void bus_match_scan_init(struct bus_match_scan *s, const struct bus_mem *mem);
void bus_match_scan_destroy(struct bus_match_scan *s);

/* Once for each user with a match, in no order; not 0 ends the scan and is its result. */
typedef int bus_match_fn(void *ctx, struct bus_match_user *u);
/* M shared (and N or RCU for the names of m->src). -ENOMEM, or what @fn says. May sleep. */
int bus_match_message(const struct bus_match_index *x, const struct bus_match_message *m,
		      struct bus_match_scan *s, bus_match_fn *fn, void *ctx) __must_check;
int bus_match_notice(const struct bus_match_index *x, const struct bus_match_notice *n,
		     struct bus_match_scan *s, bus_match_fn *fn, void *ctx) __must_check;
/* Has @u a match for @m? For signals to one. M shared. */
bool bus_match_user_wants(const struct bus_match_index *x, const struct bus_match_user *u,
			  const struct bus_match_message *m);
