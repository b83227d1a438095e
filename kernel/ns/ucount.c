/*
 * Who has how many namespaces: user_namespaces(7), /proc/sys/user.
 *
 * One object for each (user namespace, user). Making a namespace counts for the maker in its own
 * user namespace, and for the maker of that one in the next, up to the first; each level has its
 * limits.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kernel/lock/lock.h>
#include <kernel/slab/slab.h>

#define BUCKETS 64

struct ucounts {
	struct ucounts *next; /* ucounts_lock */
	struct user_ns *ns;   /* +0: who counts here holds the namespace as owner, or is below it */
	u32 uid;
	u32 refs;		 /* ucounts_lock */
	s32 count[UCOUNT_KINDS]; /* ucounts_lock */
};

static struct ucounts *table[BUCKETS]; /* ucounts_lock */
static struct spinlock ucounts_lock = SPINLOCK_INIT(LK_SPIN_LEAF);

static struct ucounts **bucket(const struct user_ns *ns, u32 uid)
{
	return &table[((uptr)ns / 64 + uid) % BUCKETS];
}

/* Under the lock: +1; *fresh is used up if there is none yet. */
static struct ucounts *find_or_add(struct user_ns *ns, u32 uid, struct ucounts **fresh)
{
	struct ucounts **head = bucket(ns, uid), *u;

	for (u = *head; u; u = u->next) {
		if (u->ns == ns && u->uid == uid)
			break;
	}
	if (!u) {
		u = *fresh;
		*fresh = u->next;
		u->ns = ns;
		u->uid = uid;
		u->next = *head;
		*head = u;
	}
	u->refs++;
	return u;
}

/* Under the lock; returns it when nobody counts in it any more: to be freed. */
static struct ucounts *drop(struct ucounts *u)
{
	struct ucounts **at = bucket(u->ns, u->uid);

	if (--u->refs)
		return NULL;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	return u;
}

static void free_list(struct ucounts *u)
{
	while (u) {
		struct ucounts *next = u->next;

		kfree(u);
		u = next;
	}
}

/* One for each level, so that nothing is allocated under the lock. */
static struct ucounts *prepare(u32 levels)
{
	struct ucounts *list = NULL;

	for (u32 i = 0; i < levels; i++) {
		struct ucounts *u = kzalloc(sizeof(*u));

		if (!u) {
			free_list(list);
			return NULL;
		}
		u->next = list;
		list = u;
	}
	return list;
}

/* The account above: of who made the namespace. */
static struct ucounts *above(const struct ucounts *u, struct ucounts **fresh, bool add)
{
	struct user_ns *up = user_ns_parent(u->ns);

	if (!up)
		return NULL;
	if (add)
		return find_or_add(up, u->ns->owner_uid, fresh);
	struct ucounts *at = *bucket(up, u->ns->owner_uid);

	while (at && (at->ns != up || at->uid != u->ns->owner_uid))
		at = at->next;
	return at;
}

/* Under the lock: takes back one from @u up to but without @end. */
static void uncount(struct ucounts *u, struct ucounts *end, enum ucount_kind kind,
		    struct ucounts **dead)
{
	while (u && u != end) {
		struct ucounts *up = above(u, NULL, false);

		u->count[kind]--;
		u = drop(u);
		if (u) {
			u->next = *dead;
			*dead = u;
		}
		u = up;
	}
}

struct ucounts *ucount_inc(struct user_ns *owner, u32 kuid, enum ucount_kind kind)
{
	struct ucounts *fresh = prepare(owner->level + 1), *first, *u, *dead = NULL;

	if (!fresh)
		return NULL;
	spin_lock(&ucounts_lock);
	first = find_or_add(owner, kuid, &fresh);
	for (u = first; u; u = above(u, &fresh, true)) {
		if (u->count[kind] >= READ_ONCE(u->ns->max[kind]))
			break;
		u->count[kind]++;
	}
	if (u) {
		struct ucounts *full = u;

		uncount(first, full, kind, &dead);
		full = drop(full);
		if (full) {
			full->next = dead;
			dead = full;
		}
		first = NULL;
	}
	spin_unlock(&ucounts_lock);
	free_list(fresh);
	free_list(dead);
	return first;
}

void ucount_dec(struct ucounts *u, enum ucount_kind kind)
{
	struct ucounts *dead = NULL;

	if (!u)
		return;
	spin_lock(&ucounts_lock);
	uncount(u, NULL, kind, &dead);
	spin_unlock(&ucounts_lock);
	free_list(dead);
}
