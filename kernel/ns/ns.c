/*
 * The common part of namespaces and the sets that tasks use.
 *
 * A set (struct nsproxy) never changes while a task shows it, so current reads its own without a
 * lock, and fork costs one reference.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/exec/exec.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>

#define INO_FIRST 4026531842u
#define INO_SPAN (U32_MAX - INO_FIRST)

struct nsproxy nsproxy_init = {.refs = 2};
static u32 ino_next; /* atomic; comes around after 268 million namespaces */

int ns_init(struct ns_common *ns, const struct ns_kind *kind, struct user_ns *owner)
{
	ns->ucounts = ucount_inc(owner, current->cred->euid, kind->ucount);
	if (!ns->ucounts)
		return -ENOSPC;
	ns->refs = 1;
	ns->kind = kind;
	ns->owner = user_ns_get(owner);
	ns->ino = INO_FIRST + __atomic_fetch_add(&ino_next, 1, __ATOMIC_RELAXED) % INO_SPAN;
	return 0;
}

void ns_release(struct ns_common *ns)
{
	ucount_dec(ns->ucounts, ns->kind->ucount);
	user_ns_put(ns->owner);
}

bool ns_tryget(struct ns_common *ns)
{
	return ref_tryget(&ns->refs);
}

void ns_put(struct ns_common *ns)
{
	if (ns && __atomic_sub_fetch(&ns->refs, 1, __ATOMIC_ACQ_REL) == 0)
		ns->kind->free(ns);
}

/* ---- sets ---- */

void nsproxy_put(struct nsproxy *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (int i = 0; i < NS_SLOTS; i++)
		ns_put(p->of[i]);
	kfree(p);
}

int nsproxy_copy(struct nsproxy *from, struct nsproxy **out)
{
	struct nsproxy *p = kmalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = *from;
	p->refs = 1;
	for (int i = 0; i < NS_SLOTS; i++) {
		if (p->of[i])
			ns_get(p->of[i]);
	}
	*out = p;
	return 0;
}

/* A kind with a flag and a place: what clone and unshare make new ones of. */
static int copy_kind(const struct ns_kind *k, const struct ns_copy *req, struct nsproxy *p)
{
	struct ns_common *fresh;
	int err = k->copy(req, p->of[k->slot], &fresh);

	if (err)
		return err;
	ns_put(p->of[k->slot]);
	p->of[k->slot] = fresh;
	return 0;
}

int nsproxy_create(struct nsproxy *from, const struct ns_copy *req, struct nsproxy **out)
{
	u64 rest = req->flags;
	struct nsproxy *p;
	int err;

	for_each_ns_kind(k) rest &= ~(*k)->flag;
	if (rest)
		return -EINVAL;
	err = nsproxy_copy(from, &p);
	if (err)
		return err;
	for_each_ns_kind(k)
	{
		if (!(req->flags & (*k)->flag) || !(*k)->copy)
			continue;
		err = copy_kind(*k, req, p);
		if (err) {
			nsproxy_put(p);
			return err;
		}
	}
	*out = p;
	return 0;
}

void nsproxy_switch(struct nsproxy *p)
{
	struct task *t = current;

	bool other_time = p->of[NS_TIME] != t->nsproxy->of[NS_TIME];

	if (p->of[NS_IPC] != t->nsproxy->of[NS_IPC])
		task_ipc_drop(t);
	if (other_time)
		time_ns_enter(p->of[NS_TIME]);
	spin_lock(&t->alloc_lock);
	struct nsproxy *old = t->nsproxy;

	t->nsproxy = p;
	spin_unlock(&t->alloc_lock);
	if (other_time)
		vdso_set_time(t->mm, p->of[NS_TIME]);
	nsproxy_put(old);
}

struct nsproxy *task_nsproxy(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct nsproxy *p = t->nsproxy ? nsproxy_get(t->nsproxy) : NULL;

	spin_unlock(&t->alloc_lock);
	return p;
}

struct ns_common *ns_of_task(const struct ns_kind *kind, struct task *t)
{
	if (kind->get)
		return kind->get(t);
	struct nsproxy *p = task_nsproxy(t);
	struct ns_common *ns = p && p->of[kind->slot] ? ns_get(p->of[kind->slot]) : NULL;

	nsproxy_put(p);
	return ns;
}

void ns_exit(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct nsproxy *p = t->nsproxy;

	t->nsproxy = NULL;
	spin_unlock(&t->alloc_lock);
	nsproxy_put(p);
}

/* ---- kinds ---- */

const struct ns_kind *ns_kind_at(unsigned int i)
{
	return i < (size_t)(__stop_ns_kind - __start_ns_kind) ? __start_ns_kind[i] : NULL;
}

void ns_system_init(void)
{
	for_each_ns_kind(k)
	{
		if ((*k)->slot != NS_NO_SLOT)
			nsproxy_init.of[(*k)->slot] = (*k)->initial;
	}
	/* Its row has the place for children. */
	nsproxy_init.of[NS_TIME] = nsproxy_init.of[NS_TIME_CHILDREN];
	current->nsproxy = &nsproxy_init;
	ucounts_init();
}
