/*
 * What may be promised: overcommit (proc(5), vm.overcommit_memory) and the limits of a process.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/cred/cred.h>
#include <kernel/task/task.h>

int mm_overcommit_mode, mm_overcommit_ratio = 50, mm_overcommit_kbytes;
int mm_admin_reserve_kbytes, mm_user_reserve_kbytes; /* set at boot */
unsigned int mm_max_map_count = 65530;
static s64 committed; /* atomic, pages */

u64 mm_committed_pages(void)
{
	s64 n = __atomic_load_n(&committed, __ATOMIC_RELAXED);

	return n > 0 ? (u64)n : 0;
}

static u64 total_pages(void)
{
	static u64 total; /* only grows, when boot memory is given back */

	if (unlikely(!total)) {
		struct frame_stats s;

		frame_stats(&s);
		total = s.total;
	}
	return total;
}

void mm_set_overcommit_ratio(int percent)
{
	mm_overcommit_ratio = percent;
	mm_overcommit_kbytes = 0;
}

void mm_set_overcommit_kbytes(int kb)
{
	mm_overcommit_kbytes = kb;
	mm_overcommit_ratio = 0;
}

u64 mm_commit_limit_pages(void)
{
	int kb = READ_ONCE(mm_overcommit_kbytes);

	return kb ? (u64)kb >> (PAGE_SHIFT - 10)
		  : total_pages() * (u64)READ_ONCE(mm_overcommit_ratio) / 100;
}

/* Mode 2: what may be promised in all, with something left for an administrator to log in. */
static s64 commit_allowed(void)
{
	s64 allowed = (s64)mm_commit_limit_pages();
	struct mm *mm = current->mm;

	if (!capable(CAP_SYS_ADMIN))
		allowed -= mm_admin_reserve_kbytes >> (PAGE_SHIFT - 10);
	if (mm)
		allowed -= min_t(s64, (s64)mm->total_vm / 32,
				 mm_user_reserve_kbytes >> (PAGE_SHIFT - 10));
	return allowed;
}

int mm_commit(u64 pages)
{
	s64 now = __atomic_add_fetch(&committed, (s64)pages, __ATOMIC_RELAXED);
	bool ok = true;

	if (mm_overcommit_mode == 0)
		ok = pages <= total_pages();
	else if (mm_overcommit_mode == 2)
		ok = now < commit_allowed();
	if (likely(ok))
		return 0;
	mm_uncommit(pages);
	return -ENOMEM;
}

void account_init(void)
{
	struct frame_stats s;

	frame_stats(&s);
	u64 kb = s.free << (PAGE_SHIFT - 10);

	mm_admin_reserve_kbytes = (int)min_t(u64, kb / 32, 1u << 13);
	mm_user_reserve_kbytes = (int)min_t(u64, kb / 32, 1u << 17);
}

void mm_uncommit(u64 pages)
{
	__atomic_fetch_sub(&committed, (s64)pages, __ATOMIC_RELAXED);
}

bool vma_accountable(u64 flags, bool is_file)
{
	(void)is_file;
	return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

static bool is_data(u64 flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE;
}

void mm_stat_account(struct mm *mm, u64 flags, s64 pages)
{
	mm->total_vm += (u64)pages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC)
		mm->exec_vm += (u64)pages;
	else if (flags & VM_STACK)
		mm->stack_vm += (u64)pages;
	else if (is_data(flags))
		mm->data_vm += (u64)pages;
	if (flags & VM_LOCKED)
		mm->locked_vm += (u64)pages;
	if (mm->total_vm > mm->hiwater_vm)
		mm->hiwater_vm = mm->total_vm;
}

bool mm_may_expand(struct mm *mm, u64 flags, u64 pages)
{
	if (mm->total_vm + pages > task_rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	return !is_data(flags) || mm->data_vm + pages <= task_rlimit(RLIMIT_DATA) >> PAGE_SHIFT;
}

int mm_may_lock(struct mm *mm, u64 pages)
{
	u64 limit = task_rlimit(RLIMIT_MEMLOCK);

	if (capable(CAP_IPC_LOCK))
		return 0;
	if (!limit)
		return -EPERM;
	return mm->locked_vm + pages > limit >> PAGE_SHIFT ? -EAGAIN : 0;
}
