/*
 * User namespaces: ids and capabilities that mean something only inside one.
 *
 * The kernel keeps ids as the first namespace has them ("kernel ids"). Wherever an id comes from or
 * goes to a program it is translated by the program's user namespace; with the first one that is
 * the identity.
 */
#pragma once

#include <kernel/cred/cred.h>
#include <kernel/ns/ns.h>
#include <kernel/ns/ucount.h>
#include <kernel/task/task.h>

struct inode;

#define ID_NONE U32_MAX	  /* no such id */
#define USER_NS_LEVELS 32 /* nesting */
#define ID_EXTENTS_MAX 340

/* [first, first + count) inside is [lower, lower + count) of kernel ids. */
struct id_extent {
	u32 first, lower, count;
};

struct id_map {
	u32 count;		    /* written last, with release; 0: nothing is mapped */
	struct id_extent *by_first; /* sorted */
	struct id_extent *by_lower;
};

struct user_ns {
	struct ns_common ns; /* .owner is the parent */
	struct id_map uid_map, gid_map, projid_map;
	u32 level;		     /* [I] 0: the first */
	u32 owner_uid, owner_gid;    /* [I] kernel ids of who made it */
	u32 setgroups;		     /* atomic: SETGROUPS_* */
	bool parent_setfcap;	     /* [I] its maker had CAP_SETFCAP */
	s32 max[UCOUNT_KINDS];	     /* /proc/sys/user/max_*, as seen inside; READ_ONCE */
	u64 rlim_max[UCOUNT_LIMITS]; /* [I] what its maker may have with all that is below */
};
#define SETGROUPS_ALLOWED 1u

extern struct user_ns user_ns_init;
extern const struct ns_kind user_ns_kind;
extern u32 overflow_uid, overflow_gid; /* /proc/sys/kernel/overflow{u,g}id */

static inline struct user_ns *user_ns_of(struct ns_common *ns)
{
	return (struct user_ns *)ns;
}
static inline struct user_ns *user_ns_get(struct user_ns *u)
{
	ns_get(&u->ns);
	return u;
}
static inline void user_ns_put(struct user_ns *u)
{
	if (u)
		ns_put(&u->ns);
}
static inline struct user_ns *user_ns_parent(const struct user_ns *u)
{
	return u->ns.owner;
}
/* Is @u @top or below it? */
bool user_ns_is_below(const struct user_ns *u, const struct user_ns *top);

/* Kernel id of @id as @u says it; ID_NONE: not mapped. */
u32 user_ns_kuid(const struct user_ns *u, u32 id);
u32 user_ns_kgid(const struct user_ns *u, u32 id);
/* What @u calls the kernel id; ID_NONE: it has no name there. */
u32 user_ns_uid(const struct user_ns *u, u32 kuid);
u32 user_ns_gid(const struct user_ns *u, u32 kgid);
/* The same for showing: the overflow id instead of ID_NONE. */
u32 user_ns_show_uid(const struct user_ns *u, u32 kuid);
u32 user_ns_show_gid(const struct user_ns *u, u32 kgid);

/* With the user namespace of current. */
static inline u32 uid_from_user(u32 id)
{
	const struct user_ns *u = current->cred->user_ns;

	return likely(u == &user_ns_init) ? id : user_ns_kuid(u, id);
}
static inline u32 gid_from_user(u32 id)
{
	const struct user_ns *u = current->cred->user_ns;

	return likely(u == &user_ns_init) ? id : user_ns_kgid(u, id);
}
static inline u32 uid_to_user(u32 kuid)
{
	const struct user_ns *u = current->cred->user_ns;

	return likely(u == &user_ns_init) ? kuid : user_ns_show_uid(u, kuid);
}
static inline u32 gid_to_user(u32 kgid)
{
	const struct user_ns *u = current->cred->user_ns;

	return likely(u == &user_ns_init) ? kgid : user_ns_show_gid(u, kgid);
}

/* ---- capabilities ---- */
/* Does @c have @cap over what @u owns? */
bool cred_ns_capable(const struct cred *c, const struct user_ns *u, int cap);
/* The same for current; marks it as having used privilege. */
bool ns_capable(const struct user_ns *u, int cap);
/* Has current @cap in its user namespace, and does that know the owner of @i? */
bool inode_capable(const struct inode *i, int cap);
bool cred_inode_capable(const struct cred *c, const struct inode *i, int cap);

/* Boot: what the first namespace allows of each kind. */
void user_ns_limits_init(s32 max);
/* clone, unshare: @c (private copy) moves into a new child of its user namespace. */
int user_ns_create(struct cred *c) __must_check;
/* May groups be set at all in @u: setgroups(2)? */
bool user_ns_may_setgroups(const struct user_ns *u);
