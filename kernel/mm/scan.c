/*
 * PAGEMAP_SCAN, the ioctl of /proc/PID/pagemap: which pages of a range are so and so, as regions;
 * and, at once with that, write protection of what was found (userfaultfd(2), WP_ASYNC): what has
 * been written since the last scan, and begin anew.
 *
 * A page's bit "written" and its protection are one entry, changed by one exchange; translations
 * are flushed before the lock is dropped, so a write is in this answer or in the next one.  Regions
 * are gathered in a page of memory and copied out with no lock held.
 */
#include "mm_impl.h"

#include <abi/pagemap.h>
#include <asm/tlb.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uffd/uffd.h>

#define CATEGORIES                                                                    \
	((u64)(PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN | PAGE_IS_FILE | PAGE_IS_PRESENT | \
	       PAGE_IS_SWAPPED | PAGE_IS_PFNZERO | PAGE_IS_HUGE | PAGE_IS_SOFT_DIRTY))
#define REGIONS (PAGE_SIZE / sizeof(struct page_region))
#define AT_ONCE (64ull << 20) /* bytes looked at under the lock */

struct scan {
	struct pm_scan_arg arg;
	struct page_region *regions; /* those not copied out; NULL: none wanted */
	u64 count;		     /* of them */
	u64 copied;		     /* regions in user memory */
	u64 pages;		     /* found */
	u64 vma_bits;		     /* categories of all pages of the VMA */
	bool written_only;	     /* is all that matters */
};

static bool wants(const struct scan *s, u64 bits)
{
	bits ^= s->arg.category_inverted;
	if ((bits & s->arg.category_mask) != s->arg.category_mask)
		return false;
	return !s->arg.category_anyof_mask || bits & s->arg.category_anyof_mask;
}

/*
 * [addr, *end) is found.  -ENOSPC: no more can be, -EAGAIN: regions have to be copied out; *end is
 * where it stopped.
 */
static int found(struct scan *s, u64 bits, u64 addr, u64 *end)
{
	u64 pages = (*end - addr) >> PAGE_SHIFT, left = s->arg.max_pages - s->pages;
	struct page_region *last;
	int err = 0;

	if (!s->regions)
		return 0;
	bits &= s->arg.return_mask;
	if (pages > left) {
		*end = addr + (left << PAGE_SHIFT);
		pages = left;
		err = -ENOSPC;
	}
	last = s->count ? &s->regions[s->count - 1] : NULL;
	if (pages && last && last->end == addr && last->categories == bits) {
		last->end = *end;
	} else if (pages) {
		if (s->copied + s->count == s->arg.vec_len || s->count == REGIONS) {
			err = s->count == REGIONS && s->copied + s->count < s->arg.vec_len
				      ? -EAGAIN
				      : -ENOSPC;
			*end = addr;
			return err;
		}
		s->regions[s->count++] = (struct page_region){addr, *end, bits};
	}
	s->pages += pages;
	return err;
}

static u64 bits_of(const struct scan *s, pte_t e, bool huge)
{
	u64 bits = huge ? PAGE_IS_HUGE : 0;

	if (!pte_present(e)) {
		bool told = pte_is_mark(e, MARK_UFFD_WP);

		if (pte_none(e))
			return s->written_only ? PAGE_IS_WRITTEN : 0;
		return PAGE_IS_SWAPPED | (told ? 0 : PAGE_IS_WRITTEN);
	}
	bits |= PAGE_IS_PRESENT;
	if (!pte_uffd_wp(e))
		bits |= PAGE_IS_WRITTEN;
	if (pte_soft_dirty(e))
		bits |= PAGE_IS_SOFT_DIRTY;
	if (pte_special(e))
		bits |= PAGE_IS_PFNZERO;
	else if (frame_head(pfn_to_frame(pte_pfn(e)))->type != FRAME_ANON)
		bits |= PAGE_IS_FILE;
	return bits;
}

/* One run of pages that are alike: an empty stretch or a huge page.  *addr moves on. */
static int scan_run(struct scan *s, struct vma *v, u64 bits, u64 *addr, u64 end)
{
	int err = 0;

	bits |= s->vma_bits;
	if (wants(s, bits)) {
		u64 from = *addr;

		err = found(s, bits, from, &end);
		if (end > from && s->arg.flags & PM_SCAN_WP_MATCHING) {
			int failed = mm_uffd_protect_range(v, from, end);

			err = failed ? failed : err;
		}
	}
	*addr = end;
	return err;
}

static int scan_small(struct scan *s, struct vma *v, pte_t *table, u64 *addr, u64 end, bool *flush)
{
	for (; *addr < end; *addr += PAGE_SIZE) {
		pte_t *at = &table[pt_index(0, *addr)];
		pte_t e = pte_read(at);
		u64 next = *addr + PAGE_SIZE, bits;
		int err;

		bits = s->vma_bits | bits_of(s, e, false);
		if (!wants(s, bits))
			continue;
		err = found(s, bits, *addr, &next);
		if (next > *addr && s->arg.flags & PM_SCAN_WP_MATCHING)
			*flush |= mm_uffd_protect_one(v, at);
		if (err) {
			*addr = next;
			return err;
		}
	}
	return 0;
}

/* A page of a pool, or what the range has of it; such is protected as a whole or not at all. */
static int scan_hugetlb(struct scan *s, struct vma *v, pte_t *at, u64 *addr, u64 end)
{
	pte_t e = at ? pte_read(at) : (pte_t){0};
	u64 bits = at ? PAGE_IS_HUGE : 0, size = hugetlb_vma_size(v);
	bool whole = !(*addr & (size - 1)) && end - *addr == size;

	if (!pte_none(e))
		bits |= bits_of(s, e, true);
	if (pte_present(e) && hugetlb_is_copy(e))
		bits &= ~(u64)PAGE_IS_FILE;
	if (at && s->arg.flags & PM_SCAN_WP_MATCHING && wants(s, bits | s->vma_bits)) {
		if (s->regions && s->arg.max_pages - s->pages < size >> PAGE_SHIFT)
			return -ENOSPC;
		if (!whole) {
			*addr = end;
			return 0;
		}
	}
	return scan_run(s, v, bits, addr, end);
}

static int scan_pages(struct scan *s, struct vma *v, u64 *addr, u64 end)
{
	u64 from = *addr, next;
	bool flush = false;
	int err = 0;

	while (*addr < end && !err) {
		pte_t *upper = pt_upper(v->mm, *addr, end, &next), *table;
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		if (vma_is_hugetlb(v)) {
			err = scan_hugetlb(s, v, upper, addr, next);
			continue;
		}
		if (pte_none(e)) {
			err = scan_run(s, v, 0, addr, next);
			continue;
		}
		if (!pte_is_table(e) && pte_present(e) && huge_whole(*addr, next)) {
			err = scan_run(s, v, bits_of(s, e, true), addr, next);
			continue;
		}
		table = pt_small(v->mm, *addr, upper);
		if (table)
			err = scan_small(s, v, table, addr, next, &flush);
	}
	if (flush)
		tlb_flush_mm_range(&v->mm->arch, from, *addr, false);
	return err;
}

/* mm->lock held.  *addr moves on, at most to @end. */
static int scan_vma(struct scan *s, struct vma *v, u64 *addr, u64 end)
{
	bool async = v->uffd && v->flags & VM_UFFD_WP && uffd_wants(v->uffd, UFFD_FEATURE_WP_ASYNC);
	u64 required = s->arg.category_mask & PAGE_IS_WPALLOWED;

	if (!async && s->arg.flags & PM_SCAN_CHECK_WPASYNC)
		return -EPERM;
	s->vma_bits = (async ? PAGE_IS_WPALLOWED : 0) |
		      (v->flags & VM_SOFTDIRTY ? PAGE_IS_SOFT_DIRTY : 0);
	if ((!async && s->arg.flags & PM_SCAN_WP_MATCHING) || v->flags & VM_PFNMAP ||
	    ((s->vma_bits ^ s->arg.category_inverted) & required) != required) {
		*addr = end;
		return 0;
	}
	return scan_pages(s, v, addr, end);
}

/* Part of the range, with one look at the lock. */
static int scan_some(struct scan *s, struct mm *mm, u64 *addr)
{
	u64 stop = min(s->arg.end, *addr + AT_ONCE);
	int err = 0;

	rwsem_read_lock(&mm->lock);
	while (*addr < stop && !err) {
		struct vma *v = vma_find(mm, *addr);

		if (!v || v->start >= stop) {
			*addr = stop;
			break;
		}
		*addr = max(*addr, v->start);
		err = scan_vma(s, v, addr, min(v->end, stop));
	}
	rwsem_read_unlock(&mm->lock);
	return err;
}

/* All regions but the last one, which may get longer; @all: that one, too. */
static int copy_out(struct scan *s, bool all)
{
	struct page_region __user *to =
		(struct page_region __user *)(unsigned long)s->arg.vec + s->copied;
	u64 n = all || !s->count ? s->count : s->count - 1;

	if (n && copy_to_user(to, s->regions, n * sizeof(*to)))
		return -EFAULT;
	s->copied += n;
	if (n < s->count)
		s->regions[0] = s->regions[n];
	s->count -= n;
	return 0;
}

static long scan(struct scan *s, struct mm *mm)
{
	u64 addr = s->arg.start;
	int err = 0;

	while (addr < s->arg.end && !err) {
		err = scan_some(s, mm, &addr);
		if (err == -EAGAIN)
			err = copy_out(s, false);
		if (!err && signal_fatal_pending(current))
			err = -EINTR;
		sched_cond_resched();
	}
	if (!err || err == -ENOSPC) {
		s->arg.walk_end = addr;
		err = copy_out(s, true);
	}
	return err ? err : (long)s->copied;
}

static int check_arg(const struct pm_scan_arg *a)
{
	if (a->size != sizeof(*a) ||
	    a->flags & ~(u64)(PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC) ||
	    (a->category_inverted | a->category_mask | a->category_anyof_mask | a->return_mask) &
		    ~CATEGORIES)
		return -EINVAL;
	if (a->start & ~PAGE_MASK)
		return -EINVAL;
	if (a->end < a->start || a->end > USER_END)
		return -EFAULT;
	if (!a->vec && a->vec_len)
		return -EINVAL;
	if (a->vec_len > USER_END / sizeof(struct page_region))
		return -EFAULT;
	return 0;
}

long pagemap_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pm_scan_arg __user *uarg = (struct pm_scan_arg __user *)arg;
	struct mm *mm = f->private_data;
	struct scan s = {0};

	if (cmd != PAGEMAP_SCAN)
		return -EINVAL;
	if (copy_from_user(&s.arg, uarg, sizeof(s.arg)))
		return -EFAULT;
	int err = check_arg(&s.arg);

	if (err)
		return err;
	if (!mm || !mm_tryget(mm))
		return -ESRCH;
	s.arg.end = page_up(s.arg.end);
	if (!s.arg.max_pages)
		s.arg.max_pages = ~0ull;
	s.written_only = !s.arg.category_anyof_mask && !s.arg.category_inverted &&
			 s.arg.category_mask == PAGE_IS_WRITTEN &&
			 s.arg.return_mask == PAGE_IS_WRITTEN;
	s.regions = s.arg.vec_len ? frame_alloc_virt(0, GFP_KERNEL) : NULL;
	long ret = s.arg.vec_len && !s.regions ? -ENOMEM : scan(&s, mm);

	frame_free_virt(s.regions);
	mm_put(mm);
	if (ret >= 0 && put_user(s.arg.walk_end, &uarg->walk_end))
		return -EFAULT;
	return ret;
}
