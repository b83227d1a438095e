/* setns(2): into namespaces that exist, by a file of nsfs or by a process. */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>
#include <linux/sched.h>

void ns_set_slot(struct ns_set *set, enum ns_slot slot, struct ns_common *ns)
{
	struct ns_common *old = set->proxy->of[slot];

	set->proxy->of[slot] = ns_get(ns);
	ns_put(old);
}

/* The credentials that the caller will have. */
static const struct cred *set_cred(const struct ns_set *set)
{
	return set->cred ? set->cred : current->cred;
}

int ns_may_join(const struct ns_set *set, const struct ns_common *ns)
{
	const struct cred *c = set_cred(set);

	return cred_ns_capable(c, ns->owner, CAP_SYS_ADMIN) &&
			       cred_ns_capable(c, c->user_ns, CAP_SYS_ADMIN)
		       ? 0
		       : -EPERM;
}

static int install(struct ns_set *set, struct ns_common *ns)
{
	const struct ns_kind *k = ns->kind;

	if (k->install)
		return k->install(set, ns);
	int err = ns_may_join(set, ns);

	if (!err)
		ns_set_slot(set, k->slot, ns);
	return err;
}

static void set_drop(struct ns_set *set)
{
	nsproxy_put(set->proxy);
	cred_abort(set->cred);
	fs_ctx_put(set->fs);
}

static int set_prepare(struct ns_set *set, u64 flags)
{
	int err;

	*set = (struct ns_set){.flags = flags};
	err = nsproxy_copy(current->nsproxy, &set->proxy);
	if (!err && (flags & CLONE_NEWUSER))
		err = cred_prepare(&set->cred);
	if (!err && (flags & CLONE_NEWNS)) {
		/* Who shares root and working directory would be moved unasked. */
		err = READ_ONCE(current->fs->refs) > 1 ? -EINVAL : fs_ctx_clone(&set->fs);
	}
	if (err)
		set_drop(set);
	return err;
}

static void set_commit(struct ns_set *set)
{
	if (set->cred)
		cred_commit(set->cred);
	if (set->fs)
		fs_ctx_switch(set->fs);
	nsproxy_switch(set->proxy);
}

static int install_kind(struct ns_set *set, const struct ns_kind *k, struct task *t)
{
	struct ns_common *ns = ns_of_task(k, t);
	int err;

	if (!ns)
		return -ESRCH;
	err = install(set, ns);
	ns_put(ns);
	return err;
}

/* By a process: all that @flags names, the user namespace first as the others ask for rights. */
static int install_of_task(struct ns_set *set, struct task *t)
{
	int err = 0;

	if (set->flags & CLONE_NEWUSER)
		err = install_kind(set, &user_ns_kind, t);
	for_each_ns_kind(k)
	{
		if (!err && *k != &user_ns_kind && (set->flags & (*k)->flag))
			err = install_kind(set, *k, t);
	}
	return err;
}

static int flags_known(u64 flags)
{
	for_each_ns_kind(k) flags &= ~(*k)->flag;
	return flags ? -EINVAL : 0;
}

static int setns_pidfd(struct pid *pid, u64 flags)
{
	struct ns_set set;
	struct task *t;
	int err;

	if (!flags || flags_known(flags))
		return -EINVAL;
	t = task_of_pid(pid);
	if (!t)
		return -ESRCH;
	err = set_prepare(&set, flags);
	if (err)
		goto out;
	err = ptrace_may_access(t, PTRACE_MODE_READ_REAL);
	if (!err)
		err = install_of_task(&set, t);
	if (err)
		set_drop(&set);
	else
		set_commit(&set);
out:
	task_put(t);
	return err;
}

static int setns_file(struct ns_common *ns, u64 flags)
{
	struct ns_set set;
	int err;

	if (flags && flags != ns->kind->flag)
		return -EINVAL;
	err = set_prepare(&set, ns->kind->flag);
	if (err)
		return err;
	err = install(&set, ns);
	if (err)
		set_drop(&set);
	else
		set_commit(&set);
	return err;
}

long sys_setns(int fd, int nstype)
{
	struct fd_ref ref = fd_get((unsigned int)fd);
	u64 flags = (u32)nstype;
	struct ns_common *ns;
	struct pid *pid;
	int err = -EINVAL;

	if (!ref.file)
		return -EBADF;
	ns = nsfs_ns(ref.file);
	pid = pidfd_pid(ref.file);
	if (ns)
		err = setns_file(ns, flags);
	else if (pid)
		err = setns_pidfd(pid, flags);
	fd_put(ref);
	return err;
}
