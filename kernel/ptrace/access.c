/* Who may look into whom: ptrace(2), "Ptrace access mode checking". */
#include <kernel/ptrace/ptrace.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>

static bool ids_match(const struct cred *me, const struct cred *c, u32 mode)
{
	u32 uid = mode & PTRACE_MODE_FSCREDS ? me->fsuid : me->uid;
	u32 gid = mode & PTRACE_MODE_FSCREDS ? me->fsgid : me->gid;

	return uid == c->euid && uid == c->suid && uid == c->uid && gid == c->egid &&
	       gid == c->sgid && gid == c->gid;
}

/*
 * Memory that is not dumpable belongs to whom the program that it holds may be read by. Read after
 * the credentials: a task that gives up privileges becomes undumpable first.
 */
static bool memory_allows(struct task *t)
{
	spin_lock(&t->alloc_lock);
	bool ok = !t->mm || READ_ONCE(t->mm->dumpable) == DUMP_USER ||
		  ns_capable(t->mm->user_ns, CAP_SYS_PTRACE);

	spin_unlock(&t->alloc_lock);
	return ok;
}

bool ptrace_tracer_capable(const struct task *t, const struct user_ns *ns)
{
	rcu_read_lock();
	const struct cred *c = rcu_dereference(t->tracer_cred);
	bool ok = !c || cred_ns_capable(c, ns, CAP_SYS_PTRACE);

	rcu_read_unlock();
	return ok;
}

int ptrace_may_access(struct task *t, u32 mode)
{
	const struct cred *me = current->cred, *c;

	if (t->process == current->process)
		return 0;
	c = cred_of(t);
	u64 mine = mode & PTRACE_MODE_FSCREDS ? me->cap_effective : me->cap_permitted;
	bool own =
		ids_match(me, c, mode) && me->user_ns == c->user_ns && !(c->cap_permitted & ~mine);
	bool ok = own || ns_capable(c->user_ns, CAP_SYS_PTRACE);

	cred_put(c);
	smp_rmb();
	return ok && memory_allows(t) ? 0 : -EPERM;
}

int ptrace_access_begin(struct task *t, u32 mode)
{
	struct mutex *lock = &t->process->exec_lock;
	int err = mutex_lock_killable(lock);

	if (err)
		return err;
	err = ptrace_may_access(t, mode);
	if (err)
		mutex_unlock(lock);
	return err;
}

void ptrace_access_end(struct task *t)
{
	mutex_unlock(&t->process->exec_lock);
}

int ptrace_access_mm(struct task *t, u32 mode, struct mm **out)
{
	struct mutex *lock = &t->process->exec_lock;
	int err = mutex_lock_killable(lock);
	struct mm *mm;

	if (err)
		return err;
	mm = task_mm(t);
	/* Who shares it has it already. */
	err = mm && mm != current->mm ? ptrace_may_access(t, mode) : 0;
	mutex_unlock(lock);
	if (err)
		mm_put(mm);
	else
		*out = mm;
	return err;
}
