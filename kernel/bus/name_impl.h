/*
 * Well-known names of one bus: who has a name, who waits for it, who starts its owner. Pure.
 *
 * Lock: N, one sleeping lock of the bus. Whatever changes names or claims is called with N held
 * exclusively; what only looks is called with N held shared or in an RCU read section, as each
 * function says. A claim is freed a grace period after it ended.
 *
 * Flags are KDBUS_NAME_* of <abi/kdbus.h>.
 */
#pragma once

#include <kern/list.h>
#include <kern/types.h>

#include "mem_impl.h"
#include "table_impl.h"

#define BUS_NAME_LEN_MAX 255u
#define BUS_NAMES_PER_USER 256u

struct bus_name;
struct bus_name_claim;

/* Embedded in every connection, whose memory must stay for a grace period after its last claim. */
struct bus_name_user {
	u64 id;			 /* [I] of the connection */
	struct list_head claims; /* bus_name_claim.by_user, oldest first; N, RCU readers */
	u32 count;		 /* of claims; N */
	u32 owned;		 /* claims that are not in a queue; N, READ_ONCE by others */
};

/* One connection's claim to one name: it owns it, waits for it, or is its activator. */
struct bus_name_claim {
	struct list_head by_user;     /* user->claims; RCU */
	struct list_head by_queue;    /* name->queue; N; empty: it is the activator */
	struct bus_name_user *user;   /* [I] */
	struct bus_name *name;	      /* [I] as long as readers see the claim */
	struct bus_name_event *spare; /* what its end will be told with; N */
	u64 flags;		      /* KDBUS_NAME_*; N, READ_ONCE by RCU readers */
	struct rcu_head rcu;
};

struct bus_name {
	struct bus_table_node node;
	u64 serial;		      /* [I] never used again: tells which name a message was for */
	struct bus_name_claim *owner; /* RCU: first of the queue, else the activator, else NULL */
	struct bus_name_claim *activator; /* N */
	struct list_head queue;		  /* N: owner first */
	struct rcu_head rcu;
	u32 len;     /* [I] without the terminator */
	char text[]; /* [I] */
};

/* What the bus is told: KDBUS_ITEM_NAME_ADD, _REMOVE or _CHANGE. Freed with bus_name_event_free. */
struct bus_name_event {
	struct list_head link; /* the caller's */
	u64 type;	       /* KDBUS_ITEM_NAME_* */
	u64 old_id, old_flags, new_id, new_flags;
	u32 len; /* of .text */
	char text[];
};

/*
 * The place where a name changes hands. The hook takes the locks of the connections concerned,
 * calls bus_name_set_owner(@n, @to), moves messages for @n->serial from @from's queue to @to's if
 * @move, and lets go. A sender that found @n under RCU locks the connection that it found and asks
 * bus_name_is_owner() once more; then it puts its message where it will be moved from. @from or
 * @to is NULL for a name that appears or goes. N is held exclusively; may sleep.
 */
typedef void bus_name_handover_fn(struct bus_name *n, struct bus_name_claim *from,
				  struct bus_name_claim *to, bool move);

struct bus_names {
	const struct bus_mem *mem;
	bus_name_handover_fn *handover; /* NULL: bus_name_set_owner() alone */
	struct bus_table table;
	u64 serial; /* N */
	u64 seed;   /* [I] */
};

/* @seed is random. -ENOMEM. */
int bus_names_init(struct bus_names *r, const struct bus_mem *mem, u64 seed,
		   bus_name_handover_fn *handover) __must_check;
/* No claims are left. */
void bus_names_destroy(struct bus_names *r);
static inline void bus_name_user_init(struct bus_name_user *u, u64 id)
{
	*u = (struct bus_name_user){.id = id};
	list_init(&u->claims);
}

/*
 * Two or more elements of [A-Za-z0-9_-] with dots between, none empty or beginning with a digit,
 * BUS_NAME_LEN_MAX together; with @wildcard the last may be "*". @name is terminated.
 */
bool bus_name_is_valid(const char *name, bool wildcard);
u32 bus_name_hash(const struct bus_names *r, const char *name, size_t len);

/*
 * Claims @name (valid, and policy allows it: the caller has seen to both) for @u. @flags:
 * KDBUS_NAME_REPLACE_EXISTING, _ALLOW_REPLACEMENT, _QUEUE, or _ACTIVATOR alone for the claim of an
 * activator (HELLO). Also changes the flags of a claim that exists. N exclusive; may sleep.
 *
 * *@return_flags: the claim's flags (+ KDBUS_NAME_ACQUIRED if it is new). *@event: to be announced
 * and freed by the caller, or NULL. Both are set on success only.
 *
 * -EEXIST: owned by another and not to be queued (for an activator: it has one already).
 * -E2BIG: the connection has BUS_NAMES_PER_USER claims. -EUCLEAN: @u is the name's activator.
 * -EALREADY: an activator that claims what it has. -ENOMEM.
 */
int bus_names_acquire(struct bus_names *r, struct bus_name_user *u, const char *name, u64 flags,
		      u64 *return_flags, struct bus_name_event **event) __must_check;
/*
 * Gives up @u's claim. -ESRCH: there is no such name (also for one that is not valid),
 * -EADDRINUSE: @u has no claim to it. Needs no memory. N exclusive.
 */
int bus_names_release(struct bus_names *r, struct bus_name_user *u, const char *name,
		      struct bus_name_event **event) __must_check;
/* Gives up one claim of @u, whichever; false: none is left. For teardown. N exclusive. */
bool bus_names_release_any(struct bus_names *r, struct bus_name_user *u,
			   struct bus_name_event **event);
void bus_name_event_free(struct bus_names *r, struct bus_name_event *e); /* NULL-safe */

/*
 * The name, if it has an owner or an activator; NULL otherwise. RCU or N. *@owner (not NULL): whose
 * it is at this moment; READ_ONCE(claim->flags) & KDBUS_NAME_ACTIVATOR says of what kind.
 */
struct bus_name *bus_name_find(const struct bus_names *r, const char *name,
			       struct bus_name_claim **owner);
static inline bool bus_name_is_owner(const struct bus_name *n, const struct bus_name_user *u)
{
	const struct bus_name_claim *c = rcu_dereference(n->owner);

	return c && c->user == u;
}
/* For the handover hook. */
static inline void bus_name_set_owner(struct bus_name *n, struct bus_name_claim *to)
{
	rcu_assign_pointer(n->owner, to);
}
/* Does @u own @name (as owner or activator, not in a queue)? RCU or N. */
bool bus_name_user_owns(const struct bus_names *r, const struct bus_name_user *u, const char *name);

/*
 * All claims of @u in the order they were made. RCU or N. One that waits in a queue has
 * KDBUS_NAME_IN_QUEUE in READ_ONCE(claim->flags).
 */
#define bus_name_for_each_claim(claim, u) list_for_each_entry_rcu(claim, &(u)->claims, by_user)

/*
 * The records of one connection for KDBUS_CMD_LIST (struct kdbus_info, and a KDBUS_ITEM_OWNED_NAME
 * if it is about a name): returns their bytes (a multiple of 8), and writes them to @buf unless
 * that is NULL. @list_flags: KDBUS_LIST_*; @see (NULL: all) says whether a name may be shown. The
 * size does not change as long as N is held.
 */
typedef bool bus_name_see_fn(void *ctx, const struct bus_name *n);
size_t bus_name_list(const struct bus_name_user *u, u64 conn_flags, u64 list_flags,
		     bus_name_see_fn *see, void *ctx, void *buf);
/*
 * KDBUS_ITEM_OWNED_NAME items of all that @u owns: returns their bytes (a multiple of 8, padding
 * zeroed) and writes at most @size of them, whole items. RCU or N; under RCU the answer may
 * have grown by the second call.
 */
size_t bus_name_items(const struct bus_name_user *u, void *buf, size_t size);
