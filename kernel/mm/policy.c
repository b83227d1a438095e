/*
 * NUMA calls on a machine with one node: get_mempolicy(2), set_mempolicy(2), mbind(2) as Linux
 * answers there. Also remap_file_pages(2), which Linux emulates by mmap.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/file/file.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/mempolicy.h>
#include <generated/syscalls.h>

/* The nodes of a user mask: only node 0 exists.  *any: some bit is set. */
static int read_nodes(const unsigned long __user *nmask, unsigned long maxnode, bool *any)
{
	unsigned long words = 0, w;

	*any = false;
	if (maxnode)
		maxnode--;
	if (!nmask || !maxnode)
		return 0;
	if (maxnode > PAGE_SIZE * 8)
		return -EINVAL;
	words = (maxnode + 63) / 64;
	for (unsigned long i = 0; i < words; i++) {
		if (get_user(w, &nmask[i]))
			return -EFAULT;
		if (i == words - 1 && maxnode % 64)
			w &= (1ul << maxnode % 64) - 1;
		if (i ? w != 0 : (w & ~1ul) != 0)
			return -EINVAL;
		*any |= w != 0;
	}
	return 0;
}

static int check_policy(int mode, bool any)
{
	int flags = mode & MPOL_MODE_FLAGS;

	mode &= ~MPOL_MODE_FLAGS;
	if (mode < 0 || mode >= MPOL_MAX ||
	    (flags & MPOL_F_STATIC_NODES && flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	if (mode == MPOL_DEFAULT || mode == MPOL_LOCAL)
		return any || flags ? -EINVAL : 0;
	return mode == MPOL_PREFERRED || any ? 0 : -EINVAL;
}

long sys_set_mempolicy(int mode, const unsigned long __user *nmask, unsigned long maxnode)
{
	bool any;
	int err = read_nodes(nmask, maxnode, &any);

	return err ? err : check_policy(mode, any);
}

long sys_get_mempolicy(int __user *policy, unsigned long __user *nmask, unsigned long maxnode,
		       unsigned long addr, unsigned long flags)
{
	if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (nmask && maxnode < 1)
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED && flags & (MPOL_F_NODE | MPOL_F_ADDR))
		return -EINVAL;
	if (!(flags & MPOL_F_ADDR) && addr)
		return -EINVAL;
	if (flags & MPOL_F_NODE && !(flags & MPOL_F_ADDR))
		return -EINVAL;
	if (flags & MPOL_F_ADDR) {
		rwsem_read_lock(&current->mm->lock);
		bool there = vma_at(current->mm, addr) != NULL;

		rwsem_read_unlock(&current->mm->lock);
		if (!there)
			return -EFAULT;
	}
	/* MPOL_DEFAULT, or node 0. */
	if (policy && put_user(0, policy))
		return -EFAULT;
	for (unsigned long i = 0; nmask && i < (maxnode + 62) / 64; i++) {
		if (put_user(i || !(flags & MPOL_F_MEMS_ALLOWED) ? 0ul : 1ul, &nmask[i]))
			return -EFAULT;
	}
	return 0;
}

long sys_mbind(unsigned long addr, unsigned long len, unsigned long mode,
	       const unsigned long __user *nmask, unsigned long maxnode, unsigned int flags)
{
	u64 end = addr + page_up(len);
	int err = 0;
	bool any;

	if (flags & ~(unsigned int)MPOL_MF_VALID || addr & ~PAGE_MASK || end < addr)
		return -EINVAL;
	err = read_nodes(nmask, maxnode, &any);
	if (!err)
		err = check_policy((int)mode, any);
	if (err || end == addr)
		return err;
	rwsem_read_lock(&current->mm->lock);
	for (u64 at = addr; !err && at < end;) {
		struct vma *v = vma_at(current->mm, at);

		err = v ? 0 : -EFAULT;
		at = v ? v->end : end;
	}
	rwsem_read_unlock(&current->mm->lock);
	return err;
}

long sys_remap_file_pages(unsigned long addr, unsigned long size, unsigned long prot,
			  unsigned long pgoff, unsigned long flags)
{
	struct mm *mm = current->mm;
	struct file *file = NULL;
	u32 have = 0;
	u64 out;

	addr = page_down(addr);
	size = page_down(size);
	if (prot || addr + size <= addr || pgoff + (size >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_at(mm, addr);

	if (v && v->flags & VM_SHARED && v->file && addr + size <= v->end) {
		file = file_get(v->file);
		have = (u32)(v->flags & VM_ACCESS);
	}
	rwsem_read_unlock(&mm->lock);
	if (!file)
		return -EINVAL;
	int err = mm_map(mm, addr, size, have,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE | ((u32)flags & MAP_NONBLOCK), file,
			 pgoff, &out);

	file_put(file);
	return err;
}
