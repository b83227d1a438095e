/*
 * madvise(2), process_madvise(2), process_mrelease(2), and bringing pages in ahead of time.
 *
 * There is no swap: advice to page out is checked and marks pages as not used lately.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/tlb.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uffd/uffd.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/falloc.h>
#include <generated/syscalls.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Faults [start, end) of @v in, mm->lock held; *done is where it stopped.  USERFAULT_*: there
 * mm_userfault() comes first. */
static int populate_vma(struct vma *v, u64 start, u64 end, u32 how, u64 *done)
{
	/* Not for ever under the lock. */
	u64 stop = min(end, start + 64 * PAGE_SIZE);
	struct pt_spot spot;
	int err = 0;

	for (; start < stop && !err; start += PAGE_SIZE) {
		if (pt_find(v->mm, start, &spot) && (!how || pte_writable(spot.e)))
			continue;
		err = signal_fatal_pending(current) ? -EINTR : mm_fault_vma(v, start, how);
	}
	*done = err ? start - PAGE_SIZE : start;
	return err;
}

void mm_populate(struct mm *mm, u64 start, u64 end)
{
	int err = 0;

	while (start < end && !err) {
		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find_any(mm, start);

		if (!v || v->start >= end) {
			rwsem_read_unlock(&mm->lock);
			return;
		}
		u64 from = max(start, v->start), to = min(end, v->end);
		/* Private pages that can be written are made at once; others are only mapped. */
		u32 how = (v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? FAULT_WRITE : 0;

		if (v->flags & (VM_IO | VM_PFNMAP) || !(v->flags & VM_ACCESS))
			start = to;
		else
			err = populate_vma(v, from, to, how, &start);
		if (unlikely(err > 0)) {
			err = mm_userfault(mm, v, start, how, err);
			continue;
		}
		rwsem_read_unlock(&mm->lock);
	}
}

/* --- madvise --- */

/* May pages of [from, *to) be taken away?  Of a pool no more than what is whole. */
static int judge_zap(const struct vma *v, u64 from, u64 *to, int advice)
{
	u64 forbidden = VM_PFNMAP | (advice == MADV_DONTNEED_LOCKED ? 0 : VM_LOCKED);

	if (v->flags & forbidden || !vma_may_cut(v, from) ||
	    (vma_is_hugetlb(v) && advice == MADV_FREE))
		return -EINVAL;
	*to = max(from, *to & ~(vma_page_size(v) - 1));
	return 0;
}

static int advise_zap(struct gather *g, struct vma *v, u64 from, u64 to, int advice)
{
	int err = judge_zap(v, from, &to, advice);

	if (err || from == to)
		return err;
	pt_zap(g, v, from, to, v->cache && v->flags & VM_UFFD_WP ? ZAP_KEEP_WP : ZAP_ALL);
	return 0;
}

/*
 * Removes the contents as well: shared memory only.  The file judges, by its seals for one, with
 * its inode's lock, which is outside of mm->lock: that is let go meanwhile.
 */
static int advise_remove(struct vma *v, u64 from, u64 to)
{
	loff_t offset = (loff_t)(vma_index(v, from) << PAGE_SHIFT), len = (loff_t)(to - from);
	struct mm *mm = v->mm;
	struct file *f;
	int err;

	if (v->flags & VM_LOCKED || !v->cache || !(v->cache->flags & PAGECACHE_MEMORY))
		return -EINVAL;
	if ((v->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
		return -EACCES;
	if (!v->file) {
		pagecache_punch(v->cache, offset, offset + len);
		return 0;
	}
	f = file_get(v->file);
	rwsem_read_unlock(&mm->lock);
	err = f->ops->fallocate ? f->ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						    offset, len)
				: -EOPNOTSUPP;
	file_put(f);
	rwsem_read_lock(&mm->lock);
	return err;
}

/* The pages have not been used lately. */
static int advise_cold(struct gather *g, struct vma *v, u64 from, u64 to)
{
	u64 next;

	if (v->flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB))
		return -EINVAL;
	for (u64 addr = from; addr < to; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, to, &next);
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		if (pte_none(e))
			continue;
		if (!pte_is_table(e) && huge_whole(addr, next)) {
			(void)huge_test_clear_young(upper);
			continue;
		}
		pte_t *table = pt_small(v->mm, addr, upper);

		for (; table && addr < next; addr += PAGE_SIZE) {
			pte_t *at = &table[pt_index(0, addr)];

			if (pte_present(pte_read(at)))
				pte_test_clear_young(at);
		}
	}
	g->start = min(g->start, from);
	g->end = max(g->end, to);
	return 0;
}

/* mm->lock held for writing. */
static int advise_collapse(struct vma *v, u64 from, u64 to)
{
	u64 start = (from + HUGE_SIZE - 1) & HUGE_MASK, end = to & HUGE_MASK;
	int failed = 0;

	if (v->flags & (VM_NOHUGEPAGE | VM_SPECIAL) || !vma_is_anon(v) || v->mm->thp_disabled)
		return -EINVAL;
	for (; start < end; start += HUGE_SIZE) {
		int err = huge_collapse(v, start, HUGE_PAGES - 1, true);

		if (err == -ENOMEM || signal_fatal_pending(current))
			return err ? err : -EINTR;
		failed = err ? err : failed;
	}
	return failed;
}

static int advise_flags(const struct vma *v, int advice, u64 *flags)
{
	switch (advice) {
	case MADV_NORMAL:
		*flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		return 0;
	case MADV_SEQUENTIAL:
		*flags = (*flags & ~VM_RAND_READ) | VM_SEQ_READ;
		return 0;
	case MADV_RANDOM:
		*flags = (*flags & ~VM_SEQ_READ) | VM_RAND_READ;
		return 0;
	case MADV_DONTFORK:
		*flags |= VM_DONTCOPY;
		return 0;
	case MADV_DOFORK:
		*flags &= ~VM_DONTCOPY;
		return v->flags & VM_IO ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		*flags |= VM_WIPEONFORK;
		return v->file || v->flags & VM_SHARED ? -EINVAL : 0;
	case MADV_KEEPONFORK:
		*flags &= ~VM_WIPEONFORK;
		return v->flags & VM_DROPPABLE ? -EINVAL : 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return v->flags & (VM_SPECIAL | VM_DROPPABLE) && !vma_is_hugetlb(v) ? -EINVAL : 0;
	case MADV_HUGEPAGE:
		*flags = (*flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
		if (vma_may_huge(v) && list_empty(&v->mm->huge_link))
			khugepaged_enter(v->mm);
		return 0;
	case MADV_NOHUGEPAGE:
		*flags = (*flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
		return 0;
	default:
		return -EINVAL;
	}
}

/* What an advice is like. */
#define ADVICE_WRITES 1u  /* mm->lock is held for writing */
#define ADVICE_READS 2u	  /* or for reading */
#define ADVICE_GATHERS 4u /* makes translations stale: one flush for all that a call says */
#define ADVICE_REMOVES 8u /* what monitors are told of */
#define ADVICE_OTHERS 16u /* may be given to another process */
#define ADVICE_KNOWN (ADVICE_WRITES | ADVICE_READS)

static bool advice_is(int advice, unsigned int what)
{
	static const u8 traits[] = {
		[MADV_NORMAL] = ADVICE_WRITES,
		[MADV_RANDOM] = ADVICE_WRITES,
		[MADV_SEQUENTIAL] = ADVICE_WRITES,
		[MADV_WILLNEED] = ADVICE_READS | ADVICE_OTHERS,
		[MADV_DONTNEED] = ADVICE_READS | ADVICE_GATHERS | ADVICE_REMOVES,
		[MADV_FREE] = ADVICE_READS | ADVICE_GATHERS | ADVICE_REMOVES,
		[MADV_REMOVE] = ADVICE_READS | ADVICE_REMOVES,
		[MADV_DONTFORK] = ADVICE_WRITES,
		[MADV_DOFORK] = ADVICE_WRITES,
		[MADV_HUGEPAGE] = ADVICE_WRITES,
		[MADV_NOHUGEPAGE] = ADVICE_WRITES,
		[MADV_DONTDUMP] = ADVICE_WRITES,
		[MADV_DODUMP] = ADVICE_WRITES,
		[MADV_WIPEONFORK] = ADVICE_WRITES,
		[MADV_KEEPONFORK] = ADVICE_WRITES,
		[MADV_COLD] = ADVICE_READS | ADVICE_GATHERS | ADVICE_OTHERS,
		[MADV_PAGEOUT] = ADVICE_READS | ADVICE_GATHERS | ADVICE_OTHERS,
		[MADV_POPULATE_READ] = ADVICE_READS,
		[MADV_POPULATE_WRITE] = ADVICE_READS,
		[MADV_DONTNEED_LOCKED] = ADVICE_READS | ADVICE_GATHERS | ADVICE_REMOVES,
		[MADV_COLLAPSE] = ADVICE_WRITES | ADVICE_OTHERS,
	};

	return (unsigned int)advice < ARRAY_SIZE(traits) && traits[advice] & what;
}

/* mm->lock held as the advice is.  *v is the VMA to go on behind; @g has begun if the advice
 * gathers. */
static int advise_vma(struct gather *g, struct vma **vp, u64 from, u64 to, int advice)
{
	struct vma *v = *vp;
	u64 flags = v->flags;
	int err;

	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		return advise_zap(g, v, from, to, advice);
	case MADV_FREE:
		/* Lazily or at once: reading zeroes is what the program must expect. */
		return vma_is_anon(v) ? advise_zap(g, v, from, to, advice) : -EINVAL;
	case MADV_COLLAPSE:
		return advise_collapse(v, from, to);
	case MADV_REMOVE:
		return advise_remove(v, from, to);
	case MADV_WILLNEED:
		return 0; /* what there is, is in memory */
	case MADV_COLD:
	case MADV_PAGEOUT:
		return advise_cold(g, v, from, to);
	default:
		break;
	}
	err = advise_flags(v, advice, &flags);
	if (err)
		return err;
	err = vma_change(v, from, to, flags, vp);
	return err == -ENOMEM ? -EAGAIN : err;
}

/* One VMA's part, mm->lock held. */
static int populate_advised(struct vma *v, u64 start, u64 end, bool write, u64 *done)
{
	int err;

	if (!v || v->start > start)
		return -ENOMEM;
	if (v->flags & (VM_PFNMAP | VM_IO) || !(v->flags & (write ? VM_WRITE : VM_READ)))
		return -EINVAL;
	err = populate_vma(v, start, min(end, v->end), write ? FAULT_WRITE : 0, done);
	return err == -ENXIO || err == -EIO ? -EFAULT : err;
}

static int populate(struct mm *mm, u64 start, u64 end, bool write)
{
	int err = 0;

	while (start < end && !err) {
		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find_any(mm, start);

		err = populate_advised(v, start, end, write, &start);
		if (unlikely(err > 0)) {
			err = mm_userfault(mm, v, start, write ? FAULT_WRITE : 0, err);
			err = err == -EIO ? -EFAULT : err;
			continue;
		}
		rwsem_read_unlock(&mm->lock);
	}
	return err;
}

/* mm->lock held for reading, but not all the time.  The VMA that is at @from afterwards. */
static noinline struct vma *tell_removal(struct gather *g, struct vma *v, u64 from, u64 to)
{
	struct mm *mm = v->mm;
	struct uffd *u = uffd_change_begin(v->uffd);

	gather_end(g); /* what was removed before is gone when the monitor reads of this */
	gather_begin(g, mm, false);
	rwsem_read_unlock(&mm->lock);
	uffd_change_end(u, UFFD_EVENT_REMOVE, from, to, 0);
	rwsem_read_lock(&mm->lock);
	return vma_at(mm, from);
}

static bool range_is_good(u64 start, u64 len, u64 *end)
{
	*end = start + page_up(len);
	return !(start & ~PAGE_MASK) && (!len || page_up(len)) && *end >= start;
}

static int advise_range(struct gather *g, u64 start, u64 end, int advice)
{
	struct mm *mm = g->mm;
	struct vma *v = vma_find(mm, start);
	int missing = 0, err = 0;

	while (!err && start < end) {
		if (!v || v->start >= end) {
			missing = -ENOMEM;
			break;
		}
		if (v->start > start)
			missing = -ENOMEM; /* goes on with the rest, as Linux does */
		u64 from = max(start, v->start), to = min(end, v->end), gone = to;

		if (unlikely(v->uffd) && advice_is(advice, ADVICE_REMOVES) &&
		    uffd_wants(v->uffd, UFFD_FEATURE_EVENT_REMOVE)) {
			err = advice == MADV_REMOVE ? 0 : judge_zap(v, from, &gone, advice);
			if (!err && gone > from)
				v = tell_removal(g, v, from, gone);
			if (err)
				break;
			if (!v) {
				missing = -ENOMEM;
				break;
			}
			to = min(to, v->end);
		}
		err = advise_vma(g, &v, from, to, advice);
		start = to;
		if (!err && start < end)
			v = vma_find(mm, start);
	}
	return err ? err : missing;
}

int mm_populate_read(struct mm *mm, u64 start, u64 end)
{
	return populate(mm, start, end, false);
}

static int advise(struct mm *mm, u64 start, u64 len, int advice)
{
	struct gather g;
	u64 end;
	int err;

	if (!advice_is(advice, ADVICE_KNOWN) && advice != MADV_HWPOISON)
		return -EINVAL;
	if (!range_is_good(start, len, &end))
		return -EINVAL;
	if (end == start)
		return 0;
	if (unlikely(advice == MADV_HWPOISON))
		return mm_poison(mm, start, end);
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return populate(mm, start, end, advice == MADV_POPULATE_WRITE);
	bool write = advice_is(advice, ADVICE_WRITES);

	if (write && rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (!write)
		rwsem_read_lock(&mm->lock);
	gather_begin(&g, mm, false);
	err = advise_range(&g, start, end, advice);
	gather_end(&g);
	if (write)
		rwsem_write_unlock(&mm->lock);
	else
		rwsem_read_unlock(&mm->lock);
	return err;
}

long sys_madvise(unsigned long addr, size_t length, int advice)
{
	return advise(current->mm, addr, length, advice);
}

/* --- process_madvise --- */

/* Of Linux 6.14: instead of a descriptor, the caller. */
#define PIDFD_SELF_THREAD (-10000)
#define PIDFD_SELF_THREAD_GROUP (-20000)

/* The thread behind a pidfd: +1. */
static int pidfd_leader(int pidfd, struct task **out)
{
	struct pid *pid;
	u32 f_flags;

	if (pidfd == PIDFD_SELF_THREAD || pidfd == PIDFD_SELF_THREAD_GROUP) {
		*out = task_get(current);
		return 0;
	}
	int err = pidfd_get((unsigned int)pidfd, &pid, &f_flags);

	if (err)
		return err;
	rcu_read_lock();
	struct task *t = list_first_entry_or_null(&pid->members[PID_TASK], struct task, pid_link);

	if (t && !task_tryget(t))
		t = NULL;
	rcu_read_unlock();
	pid_put(pid);
	*out = t;
	return t ? 0 : -ESRCH;
}

static ssize_t advise_each(struct mm *mm, const struct iovec *v, unsigned long n, int advice)
{
	ssize_t done = 0;

	for (unsigned long i = 0; i < n; i++) {
		int err = advise(mm, (u64)(unsigned long)v[i].iov_base, v[i].iov_len, advice);

		if (err)
			return done ? done : err;
		done += (ssize_t)v[i].iov_len;
	}
	return done;
}

static ssize_t advise_vector(struct mm *mm, const struct iovec *v, unsigned long n, int advice)
{
	struct gather g;
	ssize_t done = 0;
	int err = 0;

	if (!advice_is(advice, ADVICE_GATHERS))
		return advise_each(mm, v, n, advice);
	rwsem_read_lock(&mm->lock);
	gather_begin(&g, mm, false);
	for (unsigned long i = 0; i < n && !err; i++) {
		u64 start = (u64)(unsigned long)v[i].iov_base, end;

		if (!range_is_good(start, v[i].iov_len, &end))
			err = -EINVAL;
		else if (signal_fatal_pending(current))
			err = -EINTR;
		else if (end != start)
			err = advise_range(&g, start, end, advice);
		if (!err)
			done += (ssize_t)v[i].iov_len;
	}
	gather_end(&g);
	rwsem_read_unlock(&mm->lock);
	return done ? done : err;
}

static int other_mm(struct task *t, struct mm **out)
{
	struct mm *mm = NULL;
	int err = ptrace_access_mm(t, PTRACE_MODE_READ_FS, &mm);

	if (!err && !mm)
		err = -ESRCH;
	if (!err && mm != current->mm && !capable(CAP_SYS_NICE))
		err = -EPERM;
	if (err)
		mm_put(mm);
	else
		*out = mm;
	return err;
}

long sys_process_madvise(int pidfd, const struct iovec __user *uvec, size_t n, int advice,
			 unsigned int flags)
{
	struct iovec fast[UIO_FAST], *to_free = NULL;
	struct task *t = NULL;
	struct mm *mm;
	struct uio u;

	if (flags)
		return -EINVAL;
	long ret = uio_import(&u, false, uvec, n, fast, &to_free);

	if (ret)
		return ret;
	ret = pidfd_leader(pidfd, &t);
	if (!ret && !advice_is(advice, ADVICE_KNOWN))
		ret = -EINVAL;
	if (!ret)
		ret = other_mm(t, &mm);
	if (!ret) {
		/* All advice for the caller's own memory, as since Linux 6.13. */
		ret = mm == current->mm || advice_is(advice, ADVICE_OTHERS)
			      ? advise_vector(mm, to_free ? to_free : fast, n, advice)
			      : -EINVAL;
		mm_put(mm);
	}
	if (t)
		task_put(t);
	kfree(to_free);
	return ret;
}

/* --- process_mrelease --- */

long sys_process_mrelease(int pidfd, unsigned int flags)
{
	struct task *t;

	if (flags)
		return -EINVAL;
	long ret = pidfd_leader(pidfd, &t);

	if (ret)
		return ret;
	struct mm *mm = task_mm(t);

	if (!mm)
		ret = -ESRCH;
	else if (READ_ONCE(mm->oom_skip))
		ret = READ_ONCE(t->process->group_flags) & PROC_GROUP_EXIT ? 0 : -EINVAL;
	else
		ret = mm_is_leaving(mm) ? mm_reap(mm) : -EINVAL;
	mm_put(mm);
	task_put(t);
	return ret;
}
