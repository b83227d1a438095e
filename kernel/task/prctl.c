/* prctl(2): one function per group of options; unknown ones answer EINVAL as Linux does. */
#include <kernel/task/prctl_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/context.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

static long set_name(unsigned long uname)
{
	char comm[TASK_COMM_LEN] = {0};
	ssize_t n = strncpy_from_user(comm, (const char __user *)uname, sizeof(comm) - 1);

	if (n < 0)
		return n;
	comm[TASK_COMM_LEN - 1] = 0;
	task_set_comm(current, comm);
	return 0;
}

static long get_name(unsigned long uname)
{
	char comm[TASK_COMM_LEN];

	task_comm(current, comm);
	return copy_to_user((void __user *)uname, comm, sizeof(comm)) ? -EFAULT : 0;
}

/* All that descend from here look for this reaper before init. */
static void mark_descendants(struct process *top)
{
	struct process *p = top;

	spin_lock_irq(&tasklist_lock);
	top->is_reaper = true;
	/* Depth first without recursion: down, else right, else up. */
	for (;;) {
		if (!list_empty(&p->children) && (p == top || !p->is_reaper)) {
			p = list_first_entry(&p->children, struct process, sibling);
			p->has_child_reaper = true;
			continue;
		}
		while (p != top && list_is_last(&p->sibling, &p->parent->children))
			p = p->parent;
		if (p == top)
			break;
		p = list_next_entry(p, sibling);
		p->has_child_reaper = true;
	}
	spin_unlock_irq(&tasklist_lock);
}

static long set_subreaper(unsigned long on)
{
	struct process *p = current->process;

	if (on)
		mark_descendants(p);
	else
		p->is_reaper = p == init_task->process;
	return 0;
}

/* ---- credentials ---- */

static long set_securebits(unsigned long bits)
{
	const struct cred *old = current->cred;
	struct cred *c;

	/* Locked bits stay, locks stay, unknown bits do not exist, and it takes CAP_SETPCAP. */
	if ((((old->securebits & SECURE_ALL_LOCKS) >> 1) & (old->securebits ^ bits)) ||
	    ((old->securebits & SECURE_ALL_LOCKS & ~bits)) ||
	    (bits & ~(unsigned long)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
	    !ns_capable(current->cred->user_ns, CAP_SETPCAP))
		return -EPERM;
	int err = cred_prepare(&c);

	if (err)
		return err;
	c->securebits = (u32)bits;
	cred_commit(c);
	return 0;
}

static long set_keepcaps(unsigned long on)
{
	struct cred *c;

	if (on > 1)
		return -EINVAL;
	if (current->cred->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	int err = cred_prepare(&c);

	if (err)
		return err;
	c->securebits &= ~(u32)SECBIT_KEEP_CAPS;
	if (on)
		c->securebits |= SECBIT_KEEP_CAPS;
	cred_commit(c);
	return 0;
}

static long drop_bset(unsigned long cap)
{
	struct cred *c;

	if (!ns_capable(current->cred->user_ns, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	int err = cred_prepare(&c);

	if (err)
		return err;
	c->cap_bset &= ~(1ull << cap);
	cred_commit(c);
	return 0;
}

static long ambient(unsigned long op, unsigned long cap, unsigned long a4, unsigned long a5)
{
	const struct cred *old = current->cred;
	struct cred *c;
	int err;

	if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (cap | a4 | a5)
			return -EINVAL;
	} else {
		if ((a4 | a5) || cap > CAP_LAST_CAP)
			return -EINVAL;
		if (op == PR_CAP_AMBIENT_IS_SET)
			return old->cap_ambient >> cap & 1;
		if (op != PR_CAP_AMBIENT_RAISE && op != PR_CAP_AMBIENT_LOWER)
			return -EINVAL;
		if (op == PR_CAP_AMBIENT_RAISE &&
		    (!(old->cap_permitted >> cap & 1) || !(old->cap_inheritable >> cap & 1) ||
		     (old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)))
			return -EPERM;
	}
	err = cred_prepare(&c);
	if (err)
		return err;
	if (op == PR_CAP_AMBIENT_CLEAR_ALL)
		c->cap_ambient = 0;
	else if (op == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= 1ull << cap;
	else
		c->cap_ambient &= ~(1ull << cap);
	cred_commit(c);
	return 0;
}

static long prctl_cred(int option, unsigned long a2, unsigned long a3, unsigned long a4,
		       unsigned long a5)
{
	switch (option) {
	case PR_GET_SECUREBITS:
		return current->cred->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a2);
	case PR_GET_KEEPCAPS:
		return !!(current->cred->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return set_keepcaps(a2);
	case PR_CAPBSET_READ:
		return a2 > CAP_LAST_CAP ? -EINVAL : (long)(current->cred->cap_bset >> a2 & 1);
	case PR_CAPBSET_DROP:
		return drop_bset(a2);
	case PR_CAP_AMBIENT:
		return ambient(a2, a3, a4, a5);
	case PR_SET_NO_NEW_PRIVS:
		if (a2 != 1 || a3 || a4 || a5)
			return -EINVAL;
		current->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a2 || a3 || a4 || a5 ? -EINVAL : current->no_new_privs;
	}
	return -EINVAL;
}

/* ---- memory descriptions ---- */

static long prctl_mm(int option, unsigned long a2, unsigned long a3, unsigned long a4,
		     unsigned long a5)
{
	switch (option) {
	case PR_GET_DUMPABLE:
		return current->mm->dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		current->mm->dumpable = (u8)a2;
		return 0;
	case PR_SET_MM:
		return prctl_set_mm(a2, a3, a4, a5);
	case PR_SET_THP_DISABLE:
		return a3 || a4 || a5 ? -EINVAL : mm_set_huge_disabled(current->mm, a2 != 0);
	case PR_GET_THP_DISABLE:
		return a2 || a3 || a4 || a5 ? -EINVAL : current->mm->thp_disabled;
	}
	return -EINVAL;
}

/* ---- the rest ---- */

static long prctl_task(int option, unsigned long a2)
{
	struct task *t = current;

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (a2 > SIGNAL_COUNT)
			return -EINVAL;
		t->pdeath_signal = (u8)a2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user((int)t->pdeath_signal, (int __user *)a2);
	case PR_SET_NAME:
		return set_name(a2);
	case PR_GET_NAME:
		return get_name(a2);
	case PR_SET_TIMERSLACK:
		WRITE_ONCE(t->timer_slack_ns, a2 ? a2 : t->default_timer_slack_ns);
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)t->timer_slack_ns;
	case PR_SET_CHILD_SUBREAPER:
		return set_subreaper(a2);
	case PR_GET_CHILD_SUBREAPER:
		return put_user((int)t->process->is_reaper, (int __user *)a2);
	case PR_GET_TID_ADDRESS:
		return put_user((unsigned long)t->clear_child_tid, (unsigned long __user *)a2);
	}
	return -EINVAL;
}

/* ---- the machine ---- */

static long tsc_get(unsigned long to)
{
	return put_user(arch_tsc_allowed() ? PR_TSC_ENABLE : PR_TSC_SIGSEGV, (int __user *)to);
}

static long tsc_set(unsigned long how)
{
	if (how != PR_TSC_ENABLE && how != PR_TSC_SIGSEGV)
		return -EINVAL;
	arch_tsc_allow(how == PR_TSC_ENABLE);
	return 0;
}

/* What to do with memory that fails: this machine has no such reports, so it is only kept. */
static long mce_kill_set(unsigned long op, unsigned long policy)
{
	u32 flags = current->flags & ~(TF_MCE_PROCESS | TF_MCE_EARLY);

	if (op == PR_MCE_KILL_CLEAR) {
		if (policy)
			return -EINVAL;
		flags |= current->flags & TF_MCE_EARLY;
	} else if (op != PR_MCE_KILL_SET) {
		return -EINVAL;
	} else if (policy == PR_MCE_KILL_EARLY) {
		flags |= TF_MCE_PROCESS | TF_MCE_EARLY;
	} else if (policy == PR_MCE_KILL_LATE) {
		flags |= TF_MCE_PROCESS;
	} else if (policy != PR_MCE_KILL_DEFAULT) {
		return -EINVAL;
	}
	current->flags = flags;
	return 0;
}

static long mce_kill_get(void)
{
	if (!(current->flags & TF_MCE_PROCESS))
		return PR_MCE_KILL_DEFAULT;
	return current->flags & TF_MCE_EARLY ? PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE;
}

/* Allocations of this task shall not wait for writing to a disk: reclaim here never does. */
static long io_flusher(int option, unsigned long on)
{
	if (option == PR_GET_IO_FLUSHER)
		return on ? -EINVAL : !!(current->flags & TF_IO_FLUSHER);
	if (on > 1)
		return -EINVAL;
	current->flags = (current->flags & ~TF_IO_FLUSHER) | (on ? TF_IO_FLUSHER : 0);
	return 0;
}

static long prctl_machine(int option, unsigned long a2, unsigned long a3, unsigned long a4,
			  unsigned long a5)
{
	switch (option) {
	case PR_GET_TSC:
		return tsc_get(a2);
	case PR_SET_TSC:
		return tsc_set(a2);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0; /* all that current has: there are none */
	case PR_MCE_KILL:
		return a4 || a5 ? -EINVAL : mce_kill_set(a2, a3);
	case PR_MCE_KILL_GET:
		return a2 || a3 || a4 || a5 ? -EINVAL : mce_kill_get();
	case PR_GET_SPECULATION_CTRL:
		return a3 || a4 || a5 ? -EINVAL : arch_speculation_get(a2);
	case PR_SET_SPECULATION_CTRL:
		return a4 || a5 ? -EINVAL : arch_speculation_set(a2, a3);
	case PR_SET_IO_FLUSHER:
	case PR_GET_IO_FLUSHER:
		if (!capable(CAP_SYS_RESOURCE))
			return -EPERM;
		return a3 || a4 || a5 ? -EINVAL : io_flusher(option, a2);
	case PR_SET_SYSCALL_USER_DISPATCH:
		return syscall_dispatch_set(a2, a3, a4, (u8 __user *)a5);
	}
	return -EINVAL;
}

long sys_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
	       unsigned long arg5)
{
	switch (option) {
	case PR_GET_SECUREBITS:
	case PR_SET_SECUREBITS:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_CAP_AMBIENT:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
		return prctl_cred(option, arg2, arg3, arg4, arg5);
	case PR_GET_DUMPABLE:
	case PR_SET_DUMPABLE:
	case PR_SET_MM:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
		return prctl_mm(option, arg2, arg3, arg4, arg5);
	case PR_GET_TSC:
	case PR_SET_TSC:
	case PR_GET_TIMING:
	case PR_SET_TIMING:
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
	case PR_MCE_KILL:
	case PR_MCE_KILL_GET:
	case PR_GET_SPECULATION_CTRL:
	case PR_SET_SPECULATION_CTRL:
	case PR_SET_IO_FLUSHER:
	case PR_GET_IO_FLUSHER:
	case PR_SET_SYSCALL_USER_DISPATCH:
		return prctl_machine(option, arg2, arg3, arg4, arg5);
	case PR_GET_SECCOMP:
		return current->seccomp_mode;
	case PR_SET_SECCOMP:
		return seccomp_prctl(arg2, (void __user *)arg3);
	}
	return prctl_task(option, arg2);
}
