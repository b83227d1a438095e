/*
 * Credentials: life cycle, the per-user counters, and asking.
 *
 * A published struct cred never changes; a task replaces its own.  Others look at it under RCU
 * and take a reference only if the count is not zero yet.
 */
#include <kernel/cred/cred.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/ns/user.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>

#define USER_BUCKETS 64

static struct cred_groups groups_none = {.refs = 1};
static struct cred_user user_root = {.uid = 0, .refs = 2};
static struct cred_user *users[USER_BUCKETS] = {&user_root}; /* users_lock */
static struct spinlock users_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct slab_cache *draft_cache __ro_after_init;

static struct cred_head head_init = {.refs = 2, .cred = &cred_init};
const struct cred cred_init = {
	.cap_permitted = CAP_FULL_SET,
	.cap_effective = CAP_FULL_SET,
	.cap_bset = CAP_FULL_SET,
	.groups = &groups_none,
	.user = &user_root,
	.ucounts = &ucounts_root,
	.user_ns = &user_ns_init,
	.head = &head_init,
};

void cred_system_init(void)
{
	draft_cache = SLAB_CACHE_BOOT(cred, 0);
}

/* ---- users ---- */

int cred_user_find(u32 uid, struct cred_user **out)
{
	struct cred_user *fresh = kzalloc(sizeof(*fresh));
	struct cred_user *u;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&users_lock);
	for (u = users[uid % USER_BUCKETS]; u; u = u->next) {
		if (u->uid == uid)
			break;
	}
	if (u) {
		__atomic_fetch_add(&u->refs, 1, __ATOMIC_RELAXED);
	} else {
		u = fresh;
		fresh = NULL;
		u->uid = uid;
		u->refs = 1;
		u->next = users[uid % USER_BUCKETS];
		users[uid % USER_BUCKETS] = u;
	}
	spin_unlock(&users_lock);
	kfree(fresh);
	*out = u;
	return 0;
}

struct cred_user *cred_user_get(struct cred_user *u)
{
	__atomic_fetch_add(&u->refs, 1, __ATOMIC_RELAXED);
	return u;
}

void cred_user_put(struct cred_user *u)
{
	u32 old = READ_ONCE(u->refs);

	while (old > 1) {
		if (try_cmpxchg(&u->refs, &old, old - 1))
			return;
	}
	/* Perhaps the last one: only under the lock can nobody find it any more. */
	spin_lock(&users_lock);
	if (__atomic_sub_fetch(&u->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct cred_user **at = &users[u->uid % USER_BUCKETS];

		while (*at != u)
			at = &(*at)->next;
		*at = u->next;
	} else {
		u = NULL;
	}
	spin_unlock(&users_lock);
	kfree(u);
}

/* ---- groups ---- */

struct cred_groups *cred_groups_get(struct cred_groups *g)
{
	__atomic_fetch_add(&g->refs, 1, __ATOMIC_RELAXED);
	return g;
}

void cred_groups_put(struct cred_groups *g)
{
	if (g && __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kvfree(g);
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	u32 lo = 0, hi = c->groups->count;

	if (gid == c->fsgid)
		return true;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (c->groups->gid[mid] == gid)
			return true;
		if (c->groups->gid[mid] < gid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* ---- life cycle ---- */

const struct cred *cred_get(const struct cred *c)
{
	__atomic_fetch_add(&c->head->refs, 1, __ATOMIC_RELAXED);
	return c;
}

static void put_parts(const struct cred *c)
{
	cred_groups_put(c->groups);
	cred_user_put(c->user);
	ucounts_put(c->ucounts);
	user_ns_put(c->user_ns);
}

static void free_rcu(struct rcu_head *rcu)
{
	struct cred_head *h = container_of(rcu, struct cred_head, rcu);

	put_parts(h->cred);
	cred_place_give(h);
}

void cred_put(const struct cred *c)
{
	if (c && __atomic_sub_fetch(&c->head->refs, 1, __ATOMIC_ACQ_REL) == 0)
		rcu_call(&c->head->rcu, free_rcu);
}

const struct cred *cred_of(struct task *t)
{
	const struct cred *c;

	if (t == current)
		return cred_get(t->cred);
	rcu_read_lock();
	for (;;) {
		c = rcu_dereference(t->cred);
		if (ref_tryget(&c->head->refs))
			break;
	}
	rcu_read_unlock();
	return c;
}

int cred_prepare(struct cred **out)
{
	struct cred *c = slab_alloc(draft_cache, GFP_KERNEL);
	struct cred_head *h;

	if (!c)
		return -ENOMEM;
	/* Now: to publish must not fail. */
	if (cred_place_take(&h)) {
		slab_free(draft_cache, c);
		return -ENOMEM;
	}
	*c = *current->cred;
	c->head = h;
	cred_groups_get(c->groups);
	cred_user_get(c->user);
	ucounts_get(c->ucounts);
	user_ns_get(c->user_ns);
	*out = c;
	return 0;
}

void cred_abort(struct cred *new_cred)
{
	if (!new_cred)
		return;
	/* Nobody has seen it: no grace period needed. */
	put_parts(new_cred);
	cred_place_give(new_cred->head);
	slab_free(draft_cache, new_cred);
}

const struct cred *cred_publish(struct cred *new_cred)
{
	struct cred_head *h = new_cred->head;

	cred_place_fill(h, new_cred);
	h->refs = 1;
	slab_free(draft_cache, new_cred);
	return h->cred;
}

int cred_set_account(struct cred *new_cred)
{
	struct ucounts *old = new_cred->ucounts, *u;

	if (old->ns == new_cred->user_ns && old->uid == new_cred->uid)
		return 0;
	if (ucounts_find(new_cred->user_ns, new_cred->uid, &u))
		return -EAGAIN;
	new_cred->ucounts = u;
	ucounts_put(old);
	return 0;
}

/* Are the capabilities of @c no more than @old has?  Over what one made oneself one has them all.
 */
static bool caps_within(const struct cred *c, const struct cred *old)
{
	if (c->user_ns == old->user_ns)
		return !(c->cap_permitted & ~old->cap_permitted);
	for (const struct user_ns *u = c->user_ns; user_ns_parent(u); u = user_ns_parent(u)) {
		if (user_ns_parent(u) == old->user_ns && u->owner_uid == old->euid)
			return true;
	}
	return false;
}

void cred_commit(struct cred *new_cred)
{
	const struct cred *old = current->cred;

	/* As most programs leave them at exec. */
	if (!memcmp(new_cred, old, offsetof(struct cred, head))) {
		cred_abort(new_cred);
		return;
	}
	if (old->euid != new_cred->euid || old->egid != new_cred->egid ||
	    old->fsuid != new_cred->fsuid || old->fsgid != new_cred->fsgid ||
	    !caps_within(new_cred, old)) {
		if (current->mm)
			current->mm->dumpable = (u8)READ_ONCE(mm_suid_dumpable);
		current->pdeath_signal = 0;
	}
	if (old->ucounts != new_cred->ucounts) {
		/* Whether that is too much shows at exec. */
		(void)ucounts_charge(new_cred->ucounts, UCOUNT_NPROC, 1, RLIM64_INFINITY);
		ucounts_uncharge(old->ucounts, UCOUNT_NPROC, 1);
	}
	rcu_assign(current->cred, cred_publish(new_cred));
	cred_put(old);
}

bool cred_capable(const struct cred *c, int cap)
{
	return c->user_ns == &user_ns_init && (c->cap_effective >> cap & 1);
}

bool capable(int cap)
{
	if (!cred_capable(current->cred, cap))
		return false;
	current->flags |= TF_SUPERPRIV;
	return true;
}
