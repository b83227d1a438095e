/* mprotect(2): other access to what is mapped. */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/task/task.h>
#include <generated/syscalls.h>

static int protect_vma(struct mm *mm, struct vma *v, u64 start, u64 end, u64 access,
		       struct vma **out)
{
	u64 flags = (v->flags & ~VM_ACCESS) | access;
	u64 pages = (end - start) >> PAGE_SHIFT;
	u64 old = v->flags;
	bool charged = false;

	if ((flags & ~(flags >> 4)) & VM_ACCESS)
		return -EACCES;
	if (flags == old) {
		*out = v;
		return 0;
	}
	/* Private memory that becomes writable is a promise from now on. */
	if (flags & VM_WRITE) {
		if (!mm_may_expand(mm, flags, pages) && mm_may_expand(mm, old, pages))
			return -ENOMEM;
		if (!(old & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE | VM_HUGETLB))) {
			if (mm_commit(pages))
				return -ENOMEM;
			charged = true;
			flags |= VM_ACCOUNT;
		}
	}
	int err = vma_change(v, start, end, flags, &v);

	if (err) {
		if (charged)
			mm_uncommit(pages);
		return err;
	}
	pt_protect(v, start, end);
	mm_stat_account(mm, old & ~VM_LOCKED, -(s64)pages);
	mm_stat_account(mm, flags & ~VM_LOCKED, (s64)pages);
	*out = v;
	return 0;
}

int mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot)
{
	u64 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);

	prot &= ~(u32)(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || addr & ~PAGE_MASK)
		return -EINVAL;
	if (!len)
		return 0;
	len = page_up(len);
	u64 end = addr + len;

	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	struct vma *v = vma_find(mm, addr);
	int err = 0;

	if (!v)
		err = -ENOMEM;
	else if (grows == PROT_GROWSDOWN && !(v->flags & VM_GROWSDOWN))
		err = -EINVAL;
	else if (grows == PROT_GROWSDOWN)
		addr = v->start;
	else if (grows)
		err = -EINVAL;
	while (!err && addr < end) {
		if (!v || v->start > addr) {
			err = -ENOMEM;
			break;
		}
		u64 to = min(v->end, end);

		err = protect_vma(mm, v, addr, to, mm_prot_flags(prot), &v);
		addr = to;
		if (!err && addr < end)
			v = vma_find(mm, addr);
	}
	rwsem_write_unlock(&mm->lock);
	return err;
}

long sys_mprotect(unsigned long addr, size_t length, unsigned long prot)
{
	return mm_protect(current->mm, addr, length, (u32)prot);
}
