/*
 * Accounts: who has how much of what is limited for each user. user_namespaces(7), getrlimit(2).
 *
 * One for each (user namespace, user). What is counted for one counts too for whoever made its
 * namespace, one level up, and so on up to the first; what a level may have is limited by the
 * namespace that was made there: /proc/sys/user/max_* for namespaces, and for the resource limits
 * those that its maker had at that time.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <kernel/ns/ns.h>
#include <kernel/rcu/rcu.h>

/* Resource limits that are a user's, not a process's. */
enum ucount_limit {
	UCOUNT_NPROC,	   /* tasks */
	UCOUNT_SIGPENDING, /* queued signals */
	UCOUNT_MEMLOCK,	   /* pages of System V segments under SHM_LOCK */
	UCOUNT_MSGQUEUE,   /* bytes of POSIX message queues */
	UCOUNT_LIMITS,
};

struct ucounts {
	struct ucounts *up; /* [I] the account above, which .ns holds; NULL: of the first level */
	u32 refs;	    /* atomic; whoever has something counted here */
	u32 uid;	    /* [I] kernel id */
	s64 used[UCOUNT_LIMITS]; /* atomic */
	s32 count[UCOUNT_KINDS]; /* atomic */
	struct user_ns *ns;	 /* [I] +1 */
	struct ucounts *next;	 /* ucounts_lock */
	struct rcu_head rcu;
};

extern struct ucounts ucounts_root; /* of root in the first namespace */

void ucounts_init(void); /* boot */
/* The account of @kuid in @ns, made if there is none; +1. -ENOMEM. Process context. */
int ucounts_find(struct user_ns *ns, u32 kuid, struct ucounts **out) __must_check;
static inline struct ucounts *ucounts_get(struct ucounts *u)
{
	__atomic_fetch_add(&u->refs, 1, __ATOMIC_RELAXED);
	return u;
}
/* Process context, no spinlock of the last classes held. */
void ucounts_put(struct ucounts *u);
/* Any context. */
void ucounts_put_atomic(struct ucounts *u);

/* Counts one more namespace for (@owner, @kuid); NULL: a limit, or no memory. +1. */
struct ucounts *ucount_inc(struct user_ns *owner, u32 kuid, enum ucount_kind kind);
void ucount_dec(struct ucounts *u, enum ucount_kind kind); /* puts @u; NULL: does nothing */

/* ---- resource limits; any context ---- */

bool ucounts_charge_above(struct ucounts *u, enum ucount_limit l, s64 n);
void ucounts_uncharge_above(struct ucounts *u, enum ucount_limit l, s64 n);
bool ucounts_over_above(const struct ucounts *u, enum ucount_limit l);

/*
 * Counts @n at every level, whatever comes of it: true if @u then has no more than @limit and each
 * account above no more than its own.
 */
static inline bool ucounts_charge(struct ucounts *u, enum ucount_limit l, s64 n, u64 limit)
{
	bool within = (u64)__atomic_add_fetch(&u->used[l], n, __ATOMIC_RELAXED) <= limit;

	if (unlikely(u->up))
		within &= ucounts_charge_above(u, l, n);
	return within;
}
static inline void ucounts_uncharge(struct ucounts *u, enum ucount_limit l, s64 n)
{
	__atomic_fetch_sub(&u->used[l], n, __ATOMIC_RELAXED);
	if (unlikely(u->up))
		ucounts_uncharge_above(u, l, n);
}
/* Has @u more than @limit, or an account above more than its own? */
static inline bool ucounts_over(const struct ucounts *u, enum ucount_limit l, u64 limit)
{
	return (u64)READ_ONCE(u->used[l]) > limit || (unlikely(u->up) && ucounts_over_above(u, l));
}
