/* Namespaces at clone(2) and unshare(2). namespaces(7). */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/vfs/vfs.h>
#include <linux/sched.h>

/* Kept by nsproxy; a user namespace hangs on the credentials. */
#define CLONE_NEW_PROXIED (CLONE_NEW_ALL & ~(u64)CLONE_NEWUSER)

int ns_copy_for_child(struct task *child, u64 flags)
{
	struct nsproxy *from = current->nsproxy;
	struct ns_copy req = {
		.flags = flags & CLONE_NEW_PROXIED,
		.owner = child->cred->user_ns,
		.fs = child->fs,
	};

	if (likely(!req.flags && from->of[NS_TIME] == from->of[NS_TIME_CHILDREN])) {
		child->nsproxy = nsproxy_get(from);
		return 0;
	}
	if (req.flags && !ns_capable(req.owner, CAP_SYS_ADMIN) &&
	    !cred_ns_capable(child->cred, req.owner, CAP_SYS_ADMIN))
		return -EPERM;
	/* A semaphore's undo list belongs to the namespace that it was made in. */
	if ((flags & (CLONE_NEWIPC | CLONE_SYSVSEM)) == (CLONE_NEWIPC | CLONE_SYSVSEM))
		return -EINVAL;
	int err = nsproxy_create(from, &req, &child->nsproxy);

	if (err)
		return err;
	/* The child is the first that lives in its parent's namespace for children. */
	struct nsproxy *p = child->nsproxy;

	if (p->of[NS_TIME] != p->of[NS_TIME_CHILDREN]) {
		ns_put(p->of[NS_TIME]);
		p->of[NS_TIME] = ns_get(p->of[NS_TIME_CHILDREN]);
		time_ns_enter(p->of[NS_TIME]);
	}
	return 0;
}

/* ---- unshare ---- */

/* What follows from what: a part cannot be had alone without the parts that it hangs on. */
static u64 implied_flags(u64 flags)
{
	if (flags & CLONE_NEWUSER)
		flags |= CLONE_THREAD | CLONE_FS;
	if (flags & CLONE_VM)
		flags |= CLONE_SIGHAND;
	if (flags & CLONE_SIGHAND)
		flags |= CLONE_THREAD;
	if (flags & CLONE_NEWNS)
		flags |= CLONE_FS;
	return flags;
}

static int unshare_check(u64 flags)
{
	const u64 known = CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |
			  CLONE_SYSVSEM | CLONE_NEW_ALL;

	if (flags & ~known)
		return -EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) &&
	    current->process->thread_count > 1)
		return -EINVAL;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) &&
	    __atomic_load_n(&current->sighand->refs, __ATOMIC_RELAXED) > 1)
		return -EINVAL;
	if ((flags & CLONE_VM) && __atomic_load_n(&current->mm->users, __ATOMIC_RELAXED) > 1)
		return -EINVAL;
	return 0;
}

/* All that unshare(2) prepares before anything changes. */
struct unshare_new {
	struct fs_ctx *fs;
	struct cred *cred;
	struct nsproxy *proxy;
};

static void unshare_drop(struct unshare_new *n)
{
	nsproxy_put(n->proxy);
	cred_abort(n->cred);
	fs_ctx_put(n->fs);
}

static int unshare_prepare(u64 flags, struct unshare_new *n)
{
	int err = 0;

	/* A new tree of mounts moves the two places: always on a copy, to change all or nothing. */
	if ((flags & CLONE_FS) && (READ_ONCE(current->fs->refs) > 1 || (flags & CLONE_NEWNS)))
		err = fs_ctx_clone(&n->fs);
	if (!err && (flags & CLONE_NEWUSER)) {
		err = cred_prepare(&n->cred);
		if (!err)
			err = user_ns_create(n->cred);
	}
	if (err || !(flags & CLONE_NEW_PROXIED))
		return err;
	const struct cred *c = n->cred ? n->cred : current->cred;
	const struct ns_copy req = {
		.flags = flags & CLONE_NEW_PROXIED,
		.owner = c->user_ns,
		.fs = n->fs,
	};

	if (!cred_ns_capable(c, c->user_ns, CAP_SYS_ADMIN))
		return -EPERM;
	return nsproxy_create(current->nsproxy, &req, &n->proxy);
}

long sys_unshare(unsigned long uflags)
{
	struct unshare_new n = {0};
	u64 flags = implied_flags(uflags);
	int err = unshare_check(flags);

	if (err)
		return err;
	err = unshare_prepare(flags, &n);
	if (!err && (flags & CLONE_FILES))
		err = files_unshare();
	if (err) {
		unshare_drop(&n);
		return err;
	}
	if ((flags & CLONE_SYSVSEM) && current->sem_undo)
		task_undo_drop(current);
	if (n.proxy)
		nsproxy_switch(n.proxy);
	if (n.fs)
		fs_ctx_switch(n.fs);
	if (n.cred)
		cred_commit(n.cred);
	return 0;
}
