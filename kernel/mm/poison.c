/*
 * madvise(MADV_HWPOISON): as if the memory of a page had failed.  The page is lost: touching it is
 * SIGBUS with BUS_MCEERR_AR, and its frame is never given out again.
 *
 * A mark takes the place of the entry, whose reference stays with the frame for good.  Only private
 * memory has it: a page of a file, which other mappings and read(2) have too, is EBUSY, what Linux
 * says of pages that it cannot take away.  Who shares a private page since a fork keeps it.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/tlb.h>
#include <kernel/cred/cred.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>

static u64 poisoned; /* atomic: frames */

u64 mm_poisoned_pages(void)
{
	return __atomic_load_n(&poisoned, __ATOMIC_RELAXED);
}

/* mm->lock held.  -EAGAIN: it is not there any more, or changed just now. */
static int poison_one(struct mm *mm, u64 addr)
{
	struct vma *v = vma_at(mm, addr);
	u64 next;

	if (!v || v->flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (vma_is_hugetlb(v))
		return -EBUSY;
	pte_t *table = pt_leaf(mm, addr, addr + PAGE_SIZE, &next);
	pte_t *at = table ? &table[pt_index(0, addr)] : NULL;
	pte_t e = at ? pte_read(at) : (pte_t){0};

	if (pte_is_mark(e, MARK_POISON))
		return -EFAULT;
	if (!pte_present(e))
		return -EAGAIN;
	struct frame *f = pfn_to_frame(pte_pfn(e)), *head = frame_head(f);

	if (pte_special(e) || head->type != FRAME_ANON)
		return -EBUSY;
	if (!pte_cmpxchg(at, &e, pte_make_marker(MARK_POISON, 0)))
		return -EAGAIN;
	tlb_flush_mm_range(&mm->arch, addr, addr + PAGE_SIZE, false);
	mm_rss_add(mm, head, -1);
	__atomic_fetch_or(&f->flags, FRAME_F_POISONED, __ATOMIC_RELAXED);
	__atomic_fetch_add(&poisoned, 1, __ATOMIC_RELAXED);
	pr_err("Memory failure: %#llx: taken out of service for %s (%d)\n",
	       (unsigned long long)frame_to_pfn(f), current->comm, current->process->pid->nr);
	return 0;
}

int mm_poison(struct mm *mm, u64 start, u64 end)
{
	int err = capable(CAP_SYS_ADMIN) ? 0 : -EPERM;

	while (!err && start < end) {
		err = mm_populate_read(mm, start, start + PAGE_SIZE);
		if (err)
			return err == -EINTR ? err : -EFAULT;
		rwsem_read_lock(&mm->lock);
		err = poison_one(mm, start);
		rwsem_read_unlock(&mm->lock);
		if (err == -EAGAIN)
			err = 0;
		else
			start += PAGE_SIZE;
	}
	return err;
}
