/*
 * User namespaces: life, translation of ids, capabilities. user_namespaces(7).
 *
 * A map is written once and then only read, so translation takes no lock: the count is published
 * after the extents.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>
#include <linux/sched.h>
#include <linux/securebits.h>

u32 overflow_uid = 65534, overflow_gid = 65534;
SYSCTL_INT("kernel/overflowuid", 0644, (int *)&overflow_uid, 0, 65535);
SYSCTL_INT("kernel/overflowgid", 0644, (int *)&overflow_gid, 0, 65535);

/* All ids but ID_NONE, as they are. */
static struct id_extent identity = {0, 0, U32_MAX};
#define IDENTITY                                                         \
	{                                                                \
		.count = 1, .by_first = &identity, .by_lower = &identity \
	}

struct user_ns user_ns_init = {
	.ns = {.refs = 2, .ino = NS_INO_USER, .kind = &user_ns_kind},
	.uid_map = IDENTITY,
	.gid_map = IDENTITY,
	.projid_map = IDENTITY,
	.setgroups = SETGROUPS_ALLOWED,
	.parent_setfcap = true,
};

/* ---- translation ---- */

/* Where an extent begins: inside, or in kernel ids. */
static u32 extent_start(const struct id_extent *e, bool lower)
{
	return lower ? e->lower : e->first;
}

/* Last extent of @v, which is sorted by that start, that begins at or below @id, or NULL. */
static __always_inline const struct id_extent *find_extent(const struct id_extent *v, u32 n, u32 id,
							   bool lower)
{
	u32 lo = 0, hi = n;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (extent_start(&v[mid], lower) <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &v[lo - 1] : NULL;
}

u32 id_map_down_range(const struct id_map *m, u32 id, u32 count)
{
	u32 n = __atomic_load_n(&m->count, __ATOMIC_ACQUIRE);
	const struct id_extent *e = n ? find_extent(m->by_first, n, id, false) : NULL;

	return e && id - e->first < e->count && count <= e->count - (id - e->first)
		       ? e->lower + (id - e->first)
		       : ID_NONE;
}

u32 id_map_down(const struct id_map *m, u32 id)
{
	return id_map_down_range(m, id, 1);
}

u32 id_map_up(const struct id_map *m, u32 kid)
{
	u32 n = __atomic_load_n(&m->count, __ATOMIC_ACQUIRE);
	const struct id_extent *e = n ? find_extent(m->by_lower, n, kid, true) : NULL;

	return e && kid - e->lower < e->count ? e->first + (kid - e->lower) : ID_NONE;
}

u32 user_ns_kuid(const struct user_ns *u, u32 id)
{
	return u == &user_ns_init ? id : id_map_down(&u->uid_map, id);
}

u32 user_ns_kgid(const struct user_ns *u, u32 id)
{
	return u == &user_ns_init ? id : id_map_down(&u->gid_map, id);
}

u32 user_ns_uid(const struct user_ns *u, u32 kuid)
{
	return u == &user_ns_init ? kuid : id_map_up(&u->uid_map, kuid);
}

u32 user_ns_gid(const struct user_ns *u, u32 kgid)
{
	return u == &user_ns_init ? kgid : id_map_up(&u->gid_map, kgid);
}

u32 user_ns_show_uid(const struct user_ns *u, u32 kuid)
{
	u32 id = user_ns_uid(u, kuid);

	return id == ID_NONE ? READ_ONCE(overflow_uid) : id;
}

u32 user_ns_show_gid(const struct user_ns *u, u32 kgid)
{
	u32 id = user_ns_gid(u, kgid);

	return id == ID_NONE ? READ_ONCE(overflow_gid) : id;
}

/* ---- capabilities ---- */

bool user_ns_is_below(const struct user_ns *u, const struct user_ns *top)
{
	while (u->level > top->level)
		u = user_ns_parent(u);
	return u == top;
}

bool cred_ns_capable(const struct cred *c, const struct user_ns *u, int cap)
{
	for (;;) {
		if (u == c->user_ns)
			return c->cap_effective >> cap & 1;
		/* What is not below one's own namespace is out of reach. */
		if (u->level <= c->user_ns->level)
			return false;
		/* The maker has every right over what it made, seen from where it made it. */
		if (user_ns_parent(u) == c->user_ns && u->owner_uid == c->euid)
			return true;
		u = user_ns_parent(u);
	}
}

bool ns_capable(const struct user_ns *u, int cap)
{
	if (!cred_ns_capable(current->cred, u, cap))
		return false;
	current->flags |= TF_SUPERPRIV;
	return true;
}

bool cred_inode_capable(const struct cred *c, const struct inode *i, int cap)
{
	const struct user_ns *u = c->user_ns;

	return (c->cap_effective >> cap & 1) && user_ns_uid(u, i->uid) != ID_NONE &&
	       user_ns_gid(u, i->gid) != ID_NONE;
}

bool inode_capable(const struct inode *i, int cap)
{
	if (!cred_inode_capable(current->cred, i, cap))
		return false;
	current->flags |= TF_SUPERPRIV;
	return true;
}

/* ---- life ---- */

static void full_capabilities(struct cred *c)
{
	c->securebits = SECUREBITS_DEFAULT;
	c->cap_inheritable = 0;
	c->cap_permitted = CAP_FULL_SET;
	c->cap_effective = CAP_FULL_SET;
	c->cap_ambient = 0;
	c->cap_bset = CAP_FULL_SET;
}

/* Is RLIMIT_NPROC enforced for current? Not for root of the machine. */
static bool nproc_counts(void)
{
	return current->cred->uid || current->cred->user_ns != &user_ns_init;
}

static void set_limits(struct user_ns *u)
{
	for (int i = 0; i < UCOUNT_KINDS; i++)
		u->max[i] = S32_MAX;
	u->rlim_max[UCOUNT_NPROC] = nproc_counts() ? task_rlimit(RLIMIT_NPROC) : RLIM64_INFINITY;
	u->rlim_max[UCOUNT_SIGPENDING] = task_rlimit(RLIMIT_SIGPENDING);
	/* In bytes, and compared with pages: as Linux has it. */
	u->rlim_max[UCOUNT_MEMLOCK] = task_rlimit(RLIMIT_MEMLOCK);
	u->rlim_max[UCOUNT_MSGQUEUE] = task_rlimit(RLIMIT_MSGQUEUE);
}

int user_ns_create(struct cred *c)
{
	struct user_ns *parent = c->user_ns, *u;
	int err;

	if (parent->level > USER_NS_LEVELS)
		return -ENOSPC;
	u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	err = ns_init(&u->ns, &user_ns_kind, parent);
	if (err)
		goto out_free;
	/* A jail stays one: full rights inside must not open it. */
	err = -EPERM;
	if (fs_ctx_is_chrooted(current->fs))
		goto out_release;
	if (user_ns_uid(parent, c->euid) == ID_NONE || user_ns_gid(parent, c->egid) == ID_NONE)
		goto out_release;
	u->level = parent->level + 1;
	u->owner_uid = c->euid;
	u->owner_gid = c->egid;
	u->setgroups = READ_ONCE(parent->setgroups);
	u->parent_setfcap = c->cap_effective >> CAP_SETFCAP & 1;
	set_limits(u);
	c->user_ns = u;
	user_ns_put(parent);
	full_capabilities(c);
	return cred_set_account(c);
out_release:
	ns_release(&u->ns);
out_free:
	kfree(u);
	return err;
}

static void map_free(struct id_map *m)
{
	kfree(m->by_first);
	kfree(m->by_lower);
}

static void user_free(struct ns_common *ns)
{
	struct user_ns *u = user_ns_of(ns);

	map_free(&u->uid_map);
	map_free(&u->gid_map);
	map_free(&u->projid_map);
	ns_release(ns);
	kfree(u);
}

bool user_ns_may_setgroups(const struct user_ns *u)
{
	/* Before there is a map nobody could name a group. */
	return __atomic_load_n(&u->gid_map.count, __ATOMIC_ACQUIRE) &&
	       (READ_ONCE(u->setgroups) & SETGROUPS_ALLOWED);
}

static struct ns_common *user_get(struct task *t)
{
	const struct cred *c = cred_of(t);
	struct ns_common *ns = ns_get(&c->user_ns->ns);

	cred_put(c);
	return ns;
}

static int user_parent(struct ns_common *ns, struct ns_common **out)
{
	struct user_ns *parent = user_ns_parent(user_ns_of(ns));

	if (!parent || !user_ns_is_below(parent, current->cred->user_ns))
		return -EPERM;
	*out = ns_get(&parent->ns);
	return 0;
}

static int user_install(struct ns_set *set, struct ns_common *ns)
{
	struct user_ns *u = user_ns_of(ns), *old = set->cred->user_ns;

	/* Nobody gains rights by coming in again. */
	if (u == current->cred->user_ns)
		return -EINVAL;
	if (current->process->thread_count > 1 || READ_ONCE(current->fs->refs) > 1)
		return -EINVAL;
	if (!ns_capable(u, CAP_SYS_ADMIN))
		return -EPERM;
	set->cred->user_ns = user_ns_get(u);
	user_ns_put(old);
	full_capabilities(set->cred);
	return cred_set_account(set->cred) ? -EINVAL : 0;
}

const struct ns_kind user_ns_kind = {
	.name = "user",
	.flag = CLONE_NEWUSER,
	.slot = NS_NO_SLOT,
	.ucount = UCOUNT_USER_NAMESPACES,
	.free = user_free,
	.install = user_install,
	.get = user_get,
	.parent = user_parent,
};
NS_KIND(user_ns_kind);
