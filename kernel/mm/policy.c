/*
 * Calls about memory and nodes on a machine with one node, as Linux answers there: mempolicy(7),
 * migrate_pages(2), move_pages(2).  Policies are kept and told; all of them mean node 0.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/cred/cred.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/mempolicy.h>
#include <generated/syscalls.h>

#define NODES_MAX 1024ul /* numbers that can be named; node 0 exists */

struct node_mask {
	bool any, zero; /* some node; node 0 among them */
};

/* --- node masks --- */

static int read_nodes(const unsigned long __user *nmask, unsigned long maxnode,
		      struct node_mask *out)
{
	unsigned long w, bits = maxnode - 1;

	*out = (struct node_mask){0};
	if (!bits || !nmask)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	for (unsigned long i = 0; i * 64 < bits; i++) {
		if (get_user(w, &nmask[i]))
			return -EFAULT;
		if (bits - i * 64 < 64)
			w &= (1ul << (bits - i * 64)) - 1;
		if (w && i * 64 >= NODES_MAX)
			return -EINVAL;
		out->any |= w != 0;
		out->zero |= !i && w & 1;
	}
	return 0;
}

static int write_nodes(unsigned long __user *nmask, unsigned long maxnode, unsigned long word)
{
	unsigned long words = (maxnode + 62) / 64;

	if (words > PAGE_SIZE / 8)
		return -EINVAL;
	for (unsigned long i = 0; i < words; i++) {
		if (put_user(i ? 0ul : word, &nmask[i]))
			return -EFAULT;
	}
	return 0;
}

/* --- policies --- */

static int check_mode(int mode)
{
	int flags = mode & MPOL_MODE_FLAGS;

	mode &= ~MPOL_MODE_FLAGS;
	if (mode < 0 || mode >= MPOL_MAX ||
	    (flags & MPOL_F_STATIC_NODES && flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	return flags & MPOL_F_NUMA_BALANCING && mode != MPOL_BIND ? -EINVAL : 0;
}

/* A checked mode and its nodes as what is kept; 0 is the default. */
static int make_policy(int mode, struct node_mask nodes, u16 *out)
{
	u16 flags = (u16)(mode & MPOL_MODE_FLAGS);
	bool moves = flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);

	mode &= ~MPOL_MODE_FLAGS;
	*out = 0;
	if (mode == MPOL_DEFAULT)
		return nodes.any ? -EINVAL : 0;
	if (mode == MPOL_PREFERRED && !nodes.any) {
		if (moves)
			return -EINVAL;
		mode = MPOL_LOCAL;
	}
	if (mode == MPOL_LOCAL) {
		if (nodes.any || moves)
			return -EINVAL;
	} else if (!nodes.zero && !(nodes.any && flags & MPOL_F_RELATIVE_NODES)) {
		return -EINVAL; /* none of the nodes exists */
	}
	*out = (u16)mode | flags;
	return 0;
}

static unsigned long policy_nodes(u16 policy)
{
	unsigned int mode = policy & POLICY_MODE;

	return mode != MPOL_DEFAULT && mode != MPOL_LOCAL;
}

long sys_set_mempolicy(int mode, const unsigned long __user *nmask, unsigned long maxnode)
{
	struct node_mask nodes = {false};
	u16 policy;
	int err = check_mode(mode);

	if (!err)
		err = read_nodes(nmask, maxnode, &nodes);
	if (!err)
		err = make_policy(mode, nodes, &policy);
	if (!err)
		current->mempolicy = policy;
	return err;
}

/* The policy of the memory at @addr, which may be none of its own. */
static int policy_at(u64 addr, u16 *out)
{
	guard(read)(&current->mm->lock);
	struct vma *v = vma_at_any(current->mm, addr);

	if (!v)
		return -EFAULT;
	*out = v->policy;
	return 0;
}

static int get_policy(unsigned long addr, unsigned long flags, int *answer, unsigned long *nodes)
{
	u16 policy = current->mempolicy;
	int err = 0;

	*nodes = 1;
	*answer = 0;
	if (flags & MPOL_F_MEMS_ALLOWED)
		return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	if (flags & MPOL_F_ADDR)
		err = policy_at(addr, &policy);
	else if (addr)
		err = -EINVAL;
	if (err)
		return err;
	*nodes = policy_nodes(policy);
	if (!(flags & MPOL_F_NODE)) {
		*answer = (int)policy;
		return 0;
	}
	/* The node of a page, which is brought in for that, or the next one to be used. */
	if (flags & MPOL_F_ADDR)
		return mm_fault_in(current->mm, page_down(addr), 0);
	return (policy & POLICY_MODE) == MPOL_INTERLEAVE ? 0 : -EINVAL;
}

long sys_get_mempolicy(int __user *policy, unsigned long __user *nmask, unsigned long maxnode,
		       unsigned long addr, unsigned long flags)
{
	unsigned long nodes;
	int answer, err;

	if (nmask && maxnode < 1)
		return -EINVAL;
	if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	err = get_policy(addr, flags, &answer, &nodes);
	if (err)
		return err;
	if (policy && put_user(answer, policy))
		return -EFAULT;
	return nmask ? write_nodes(nmask, maxnode, nodes) : 0;
}

/* --- ranges --- */

/* Nothing but mapped memory in [start, end)?  mm->lock held. */
static bool all_mapped(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		struct vma *v = vma_at(mm, start);

		if (!v)
			return false;
		start = v->end;
	}
	return true;
}

static int bind_range(struct mm *mm, u64 start, u64 end, u16 policy)
{
	struct vma *v;
	int err = vma_split_at(mm, start);

	if (!err)
		err = vma_split_at(mm, end);
	for (u64 at = start; !err && at < end && (v = vma_find(mm, at)) && v->start < end;) {
		vma_write_lock(v);
		v->policy = policy;
		vma_write_unlock(v);
		/* Joins it with neighbours that are alike now. */
		err = vma_change(v, v->start, v->end, v->flags, &v);
		at = v->end;
	}
	return err;
}

long sys_mbind(unsigned long addr, unsigned long len, unsigned long mode,
	       const unsigned long __user *nmask, unsigned long maxnode, unsigned int flags)
{
	struct mm *mm = current->mm;
	u64 end = addr + page_up(len);
	struct node_mask nodes;
	u16 policy;
	int err = mode > 0xffff ? -EINVAL : check_mode((int)mode);

	if (!err)
		err = read_nodes(nmask, maxnode, &nodes);
	if (err)
		return err;
	if (flags & ~(unsigned int)MPOL_MF_VALID)
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (addr & ~PAGE_MASK || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	err = make_policy((int)mode, nodes, &policy);
	if (err)
		return err;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	err = all_mapped(mm, addr, end) ? bind_range(mm, addr, end, policy) : -EFAULT;
	rwsem_write_unlock(&mm->lock);
	return err;
}

long sys_set_mempolicy_home_node(unsigned long addr, unsigned long len, unsigned long home_node,
				 unsigned long flags)
{
	struct mm *mm = current->mm;
	u64 end = addr + page_up(len);
	int err = -ENOENT;

	if (addr & ~PAGE_MASK || flags || home_node || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	guard(read)(&mm->lock);
	for (struct vma *v = vma_find(mm, addr); v && v->start < end; v = vma_next(mm, v)) {
		unsigned int m = v->policy & POLICY_MODE;

		if (!v->policy)
			continue;
		if (m != MPOL_BIND && m != MPOL_PREFERRED_MANY)
			return -EOPNOTSUPP;
		err = 0; /* it is its home already */
	}
	return err;
}

/* --- moving --- */

/* The memory of @pid (0: ours), a user of it: -ESRCH, -EPERM, -EINVAL. */
static int memory_of(int pid, struct mm **out)
{
	struct task *t = pid ? task_find(pid) : task_get(current);

	if (!t)
		return -ESRCH;
	int err = ptrace_access_begin(t, PTRACE_MODE_READ_REAL);

	if (!err) {
		*out = task_mm(t);
		ptrace_access_end(t);
		err = *out ? 0 : -EINVAL;
	}
	task_put(t);
	return err;
}

long sys_migrate_pages(int pid, unsigned long maxnode, const unsigned long __user *from,
		       const unsigned long __user *to)
{
	struct node_mask old, new;
	struct mm *mm;
	int err = read_nodes(from, maxnode, &old);

	if (!err)
		err = read_nodes(to, maxnode, &new);
	if (!err)
		err = memory_of(pid, &mm);
	if (err)
		return err;
	mm_put(mm);
	/* Every page is where it could go. */
	return new.zero ? 0 : -EINVAL;
}

/* The node of a page, or what is the matter with it. */
static int page_node(struct mm *mm, u64 addr)
{
	struct pt_spot spot;

	guard(read)(&mm->lock);
	struct vma *v = vma_at_any(mm, addr);

	if (!v)
		return -EFAULT;
	if (!pt_find(mm, addr, &spot))
		return vma_is_anon(v) ? -EFAULT : -ENOENT;
	return pte_special(spot.e) ? -EFAULT : 0;
}

long sys_move_pages(int pid, unsigned long count, const unsigned long __user *pages,
		    const int __user *nodes, int __user *status, int flags)
{
	struct mm *mm;
	int err;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	err = memory_of(pid, &mm);
	if (err)
		return err;
	for (unsigned long i = 0; i < count && !err; i++) {
		unsigned long page;
		int node = 0;

		if (get_user(page, &pages[i]) || (nodes && get_user(node, &nodes[i])))
			err = -EFAULT;
		else if (node)
			err = -ENODEV;
		else if (put_user(page_node(mm, page_down(page)), &status[i]))
			err = -EFAULT;
		else if (signal_fatal_pending(current))
			err = -EINTR;
	}
	mm_put(mm);
	return err;
}

/* --- protection keys, which this machine's page tables do not use: pkeys(7) --- */

long sys_pkey_alloc(unsigned long flags, unsigned long rights)
{
	return flags || rights & ~3ul ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(int pkey)
{
	(void)pkey;
	return -EINVAL;
}

long sys_pkey_mprotect(unsigned long addr, size_t length, unsigned long prot, int pkey)
{
	return pkey == -1 ? mm_protect(current->mm, addr, length, (u32)prot) : -EINVAL;
}
