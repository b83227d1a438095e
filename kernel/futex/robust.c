/*
 * Robust locks: get_robust_list(2).  A thread that ends marks the locks of its list as ownerless
 * and wakes one waiter of each.  The list is user memory: walked with a bound and believed in
 * nothing.
 */
#include <kernel/futex/futex_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/uaccess.h>

long sys_set_robust_list(struct robust_list_head __user *head, size_t len)
{
	if (len != sizeof(*head))
		return -EINVAL;
	current->robust_list = head;
	current->robust_list_len = len;
	return 0;
}

long sys_get_robust_list(int pid, unsigned long __user *head, size_t __user *len)
{
	struct task *t = pid ? task_find(pid) : task_get(current);
	unsigned long value;

	if (!t)
		return -ESRCH;
	const struct cred *me = current->cred, *c = cred_of(t);
	bool ok = t->process == current->process ||
		  (me->uid == c->euid && me->uid == c->suid && me->uid == c->uid) ||
		  capable(CAP_SYS_PTRACE);

	cred_put(c);
	value = (unsigned long)t->robust_list;
	task_put(t);
	if (!ok)
		return -EPERM;
	if (put_user(sizeof(struct robust_list_head), len) || put_user(value, head))
		return -EFAULT;
	return 0;
}

/* One lock. @pending: the operation that was under way; it may be between states. */
static int lock_owner_died(struct task *t, u32 __user *uaddr, bool pi, bool pending)
{
	u32 word, found;

	if ((unsigned long)uaddr & 3)
		return -EINVAL;
	for (;;) {
		if (get_user(word, uaddr))
			return -EFAULT;
		/* Unlocked already but the wake-up not done. */
		if (pending && !pi && !word) {
			(void)futex_wake_key(uaddr, true, 1, FUTEX_BITSET_MATCH_ANY);
			return 0;
		}
		if ((word & FUTEX_TID_MASK) != (u32)t->pid->own_nr)
			return 0;
		u32 dead = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;

		if (arch_user_cmpxchg32(uaddr, word, dead, &found))
			return -EFAULT;
		if (found == word)
			break;
	}
	if (!pi && (word & FUTEX_WAITERS))
		(void)futex_wake_key(uaddr, true, 1, FUTEX_BITSET_MATCH_ANY);
	return 0;
}

/* An entry's address; bit 0 says that it is a PI lock. */
static int fetch_entry(unsigned long __user *at, unsigned long *entry, bool *pi)
{
	unsigned long v;

	if (get_user(v, at))
		return -EFAULT;
	*entry = v & ~1ul;
	*pi = v & 1;
	return 0;
}

static void exit_list(struct task *t)
{
	struct robust_list_head __user *head = t->robust_list;
	unsigned long entry, next, pending;
	bool pi, next_pi, pending_pi;
	long offset;

	if (likely(!head) || !t->mm)
		return;
	t->robust_list = NULL;
	if (fetch_entry((unsigned long __user *)&head->list.next, &entry, &pi) ||
	    get_user(offset, &head->futex_offset) ||
	    fetch_entry((unsigned long __user *)&head->list_op_pending, &pending, &pending_pi))
		return;
	for (int limit = ROBUST_LIST_LIMIT; entry != (unsigned long)&head->list && limit; limit--) {
		/* Read before the lock is given up: its new owner may change the entry. */
		int err = fetch_entry((unsigned long __user *)entry, &next, &next_pi);

		if (entry != pending &&
		    lock_owner_died(t, (u32 __user *)(entry + (unsigned long)offset), pi, false))
			return;
		if (err)
			return;
		entry = next;
		pi = next_pi;
	}
	if (pending)
		(void)lock_owner_died(t, (u32 __user *)(pending + (unsigned long)offset),
				      pending_pi, true);
}

void futex_exit_robust(struct task *t)
{
	exit_list(t);
	if (unlikely(t->pi_locks.node))
		futex_exit_pi(t);
}
