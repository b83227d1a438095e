/*
 * Policy of a bus or of a custom endpoint: who may see, talk to and own which names. Pure.
 *
 * A holder (policy-holder connection, activator, endpoint) has one set of entries at a time, which
 * is replaced as a whole: sets count from one version of the database to another, and a question is
 * answered for one version. No rule means no access.
 *
 * Lock: P, a sleeping lock of the database, held exclusively for changes. Queries: RCU or P.
 */
#pragma once

#include <kern/list.h>
#include <kern/types.h>

#include "mem_impl.h"
#include "table_impl.h"

struct bus_name_user;
struct bus_policy_set;

/* KDBUS_POLICY_SEE, _TALK, _OWN: each includes those below it. */
#define BUS_POLICY_NONE (-1)

/* Whose access is asked for; kernel ids. @groups is sorted and does not contain @gid of need. */
struct bus_policy_who {
	u32 uid, gid; /* effective */
	const u32 *groups;
	u32 group_count;
};

/* Embedded in a holder. */
struct bus_policy_holder {
	struct bus_policy_set *set; /* P; NULL: it has none */
};

struct bus_policy {
	const struct bus_mem *mem;
	struct bus_table table;
	u64 seed;    /* [I] */
	u64 version; /* one more with each change; READ_ONCE: also for who keeps answers */
};

int bus_policy_init(struct bus_policy *p, const struct bus_mem *mem, u64 seed) __must_check;
/* All holders have been cleared. */
void bus_policy_destroy(struct bus_policy *p);

/* Kernel id of what the caller calls @id; U32_MAX: it has no such id. */
struct bus_policy_ids {
	u32 (*uid)(void *ctx, u64 id);
	u32 (*gid)(void *ctx, u64 id);
	void *ctx;
};

/*
 * A set from the items of a command: each KDBUS_ITEM_NAME begins an entry, the
 * KDBUS_ITEM_POLICY_ACCESS behind it say who may what; other items are passed over. @items: @size
 * bytes, a list whose headers and strings have been judged. @max entries (0: any number), -E2BIG
 * beyond it. -EINVAL: a name that is not valid, "*" without @wildcards, an access before the first
 * name, an unknown kind, access or id. -ENOMEM. No lock; may sleep.
 */
int bus_policy_parse(const struct bus_policy *p, const void *items, size_t size, u32 max,
		     bool wildcards, const struct bus_policy_ids *ids, struct bus_policy_set **out)
	__must_check;
/* Of a set that was not given to bus_policy_replace(), or that it refused. NULL-safe. */
void bus_policy_set_free(const struct bus_policy *p, struct bus_policy_set *s);
/*
 * @s becomes @h's set (consumed); the old one goes. -EEXIST: it says something of a name (or the
 * same wildcard) that another holder has, or twice; then nothing has changed and @s is still the
 * caller's. P exclusive.
 */
int bus_policy_replace(struct bus_policy *p, struct bus_policy_holder *h, struct bus_policy_set *s)
	__must_check;
/* @h has no set any more. P exclusive. */
void bus_policy_clear(struct bus_policy *p, struct bus_policy_holder *h);

/* The highest access that @who has to @name (a valid name): KDBUS_POLICY_*, or BUS_POLICY_NONE. */
int bus_policy_query(const struct bus_policy *p, const struct bus_policy_who *who,
		     const char *name);
/* Does @who have @access or more to one of the names that @u owns? RCU, or P and N. */
bool bus_policy_query_user(const struct bus_policy *p, const struct bus_policy_who *who,
			   const struct bus_name_user *u, int access);
