/*
 * Accounts of (user namespace, user): life, counting through the levels.
 *
 * Counting takes no lock: an account above lives as long as the one below, which holds its
 * namespace, which holds what its maker pays for it with.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kernel/lock/lock.h>
#include <kernel/slab/slab.h>

#define BUCKETS 64

struct ucounts ucounts_root = {.refs = 2, .uid = 0, .ns = &user_ns_init};
static struct ucounts *table[BUCKETS]; /* ucounts_lock */
static struct spinlock ucounts_lock = SPINLOCK_INIT(LK_SPIN_LEAF);

static struct ucounts **bucket(const struct user_ns *ns, u32 uid)
{
	return &table[((uptr)ns / 64 + uid) % BUCKETS];
}

static void insert(struct ucounts *u)
{
	struct ucounts **head = bucket(u->ns, u->uid);

	u->next = *head;
	*head = u;
}

void ucounts_init(void)
{
	insert(&ucounts_root);
}

/* ---- life ---- */

/* Under the lock: +1, or NULL. One that nobody has any more is on its way out and is not it. */
static struct ucounts *lookup(const struct user_ns *ns, u32 uid)
{
	struct ucounts *u = *bucket(ns, uid);

	while (u && (u->ns != ns || u->uid != uid || !ref_tryget(&u->refs)))
		u = u->next;
	return u;
}

static struct ucounts *make(struct user_ns *ns, u32 uid)
{
	struct ucounts *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	u->refs = 1;
	u->uid = uid;
	u->ns = user_ns_get(ns);
	u->up = ns->ns.ucounts;
	return u;
}

int ucounts_find(struct user_ns *ns, u32 kuid, struct ucounts **out)
{
	struct ucounts *u, *fresh;

	spin_lock(&ucounts_lock);
	u = lookup(ns, kuid);
	spin_unlock(&ucounts_lock);
	if (!u) {
		fresh = make(ns, kuid);
		if (!fresh)
			return -ENOMEM;
		spin_lock(&ucounts_lock);
		u = lookup(ns, kuid);
		if (!u)
			insert(fresh);
		spin_unlock(&ucounts_lock);
		if (u) {
			user_ns_put(ns);
			kfree(fresh);
		} else {
			u = fresh;
		}
	}
	*out = u;
	return 0;
}

static void ucounts_free(struct ucounts *u)
{
	struct ucounts **at = bucket(u->ns, u->uid);

	spin_lock(&ucounts_lock);
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	spin_unlock(&ucounts_lock);
	user_ns_put(u->ns);
	kfree(u);
}

static void free_rcu(struct rcu_head *head)
{
	ucounts_free(container_of(head, struct ucounts, rcu));
}

static bool put_last(struct ucounts *u)
{
	return __atomic_sub_fetch(&u->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void ucounts_put(struct ucounts *u)
{
	if (put_last(u))
		ucounts_free(u);
}

void ucounts_put_atomic(struct ucounts *u)
{
	if (put_last(u))
		rcu_call(&u->rcu, free_rcu);
}

/* ---- namespaces ---- */

static bool count_one(struct ucounts *u, enum ucount_kind kind)
{
	s32 old = READ_ONCE(u->count[kind]);

	while (old < READ_ONCE(u->ns->max[kind])) {
		if (try_cmpxchg(&u->count[kind], &old, old + 1))
			return true;
	}
	return false;
}

/* Takes back one from @u up to but without @end. */
static void uncount(struct ucounts *u, const struct ucounts *end, enum ucount_kind kind)
{
	for (; u != end; u = u->up)
		__atomic_fetch_sub(&u->count[kind], 1, __ATOMIC_RELAXED);
}

struct ucounts *ucount_inc(struct user_ns *owner, u32 kuid, enum ucount_kind kind)
{
	struct ucounts *first, *u;

	if (ucounts_find(owner, kuid, &first))
		return NULL;
	for (u = first; u; u = u->up) {
		if (!count_one(u, kind)) {
			uncount(first, u, kind);
			ucounts_put(first);
			return NULL;
		}
	}
	return first;
}

void ucount_dec(struct ucounts *u, enum ucount_kind kind)
{
	if (!u)
		return;
	uncount(u, NULL, kind);
	ucounts_put(u);
}

/* ---- resource limits ---- */

bool ucounts_charge_above(struct ucounts *u, enum ucount_limit l, s64 n)
{
	bool within = true;

	for (; u->up; u = u->up) {
		s64 now = __atomic_add_fetch(&u->up->used[l], n, __ATOMIC_RELAXED);

		within &= (u64)now <= u->ns->rlim_max[l];
	}
	return within;
}

void ucounts_uncharge_above(struct ucounts *u, enum ucount_limit l, s64 n)
{
	for (u = u->up; u; u = u->up)
		__atomic_fetch_sub(&u->used[l], n, __ATOMIC_RELAXED);
}

bool ucounts_over_above(const struct ucounts *u, enum ucount_limit l)
{
	for (; u->up; u = u->up) {
		if ((u64)READ_ONCE(u->up->used[l]) > u->ns->rlim_max[l])
			return true;
	}
	return false;
}
