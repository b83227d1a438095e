/*
 * User memory from outside its own program: pins for I/O, other processes' memory, futex identity.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/mm/dump.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <generated/syscalls.h>

/* mm->lock held.  The frame at @addr if it is there as @flags want, +1 on its head. */
static struct frame *present(struct mm *mm, u64 addr, u32 flags)
{
	struct pt_spot spot;

	if (!pt_find(mm, addr, &spot))
		return NULL;
	pte_t e = spot.e;

	if (pte_special(e) && pte_pfn(e) != frame_to_pfn(zero_frame))
		return NULL;
	struct frame *f = pfn_to_frame(pte_pfn(e)), *head = frame_head(f);

	if (flags & FAULT_WRITE && !pte_writable(e)) {
		/* A forced write wants a page of its own, though not writable by the program. */
		bool own = head->type == FRAME_ANON && frame_refs(head) == 1;

		if (!(flags & FAULT_FORCE) || !own || pte_special(e) || pte_uffd_wp(e))
			return NULL;
	}
	if (pte_special(e))
		return frame_get(f);
	if (!frame_tryget(head))
		return NULL;
	if (pt_unchanged(&spot))
		return f;
	frame_put(head);
	return NULL;
}

static bool allowed(const struct vma *v, u32 flags)
{
	if (v->flags & (VM_IO | VM_PFNMAP))
		return false;
	if (flags & FAULT_WRITE)
		return v->flags & VM_WRITE ||
		       (flags & FAULT_FORCE && vma_is_cow(v) && !vma_is_hugetlb(v));
	return v->flags & VM_READ || flags & FAULT_FORCE;
}

/* What is at @addr, +1, or NULL; *err is -EFAULT where nothing can be.  mm->lock held. */
static struct frame *look(struct mm *mm, u64 addr, u32 flags, int *err)
{
	struct vma *v = vma_at_any(mm, addr);

	*err = v && !allowed(v, flags) ? -EFAULT : 0;
	return !*err && v ? present(mm, page_down(addr), flags) : NULL;
}

/* It was not there, as @err says: brings it there.  0: look again. */
static int bring(struct mm *mm, u64 addr, u32 flags, int err)
{
	if (!err)
		err = mm_fault_in(mm, addr, flags);
	if (err)
		return err == -ENOMEM ? -ENOMEM : -EFAULT;
	return signal_fatal_pending(current) ? -EFAULT : 0;
}

/* +1 on the frame, for as long as the caller likes: no writing to shared memory by that. */
static int get_frame(struct mm *mm, u64 addr, u32 flags, struct frame **out)
{
	int err;

	do {
		rwsem_read_lock(&mm->lock);
		*out = look(mm, addr, flags, &err);
		rwsem_read_unlock(&mm->lock);
		if (*out)
			return 0;
		err = bring(mm, addr, flags, err);
	} while (!err);
	return err;
}

/* The same for @len bytes there, which are copied under the lock. */
static int copy_page(struct mm *mm, u64 addr, u32 flags, void *buf, size_t len)
{
	size_t offset = addr & ~PAGE_MASK;
	int err;

	do {
		rwsem_read_lock(&mm->lock);
		struct frame *f = look(mm, addr, flags, &err);

		if (f && flags & FAULT_WRITE)
			memcpy((char *)frame_to_virt(f) + offset, buf, len);
		else if (f)
			memcpy(buf, (char *)frame_to_virt(f) + offset, len);
		rwsem_read_unlock(&mm->lock);
		if (f) {
			frame_put(frame_head(f));
			return 0;
		}
		err = bring(mm, addr, flags, err);
	} while (!err);
	return err;
}

/*
 * A pin would keep a region from being given out: the contents go elsewhere first, unless somebody
 * else has the page for long, which may be until we are done: then we have it, too.
 */
static int get_outside(struct mm *mm, u64 addr, u32 flags, struct frame **out)
{
	for (bool stays = false;;) {
		int err = get_frame(mm, addr, flags, out);

		if (err || stays || likely(!(frame_head(*out)->flags & FRAME_F_CMA)))
			return err;
		frame_put(*out);
		err = pagecache_move_out(*out);
		if (err && err != -EAGAIN)
			return err;
		stays = err == -EAGAIN;
		if (signal_fatal_pending(current))
			return -EFAULT;
	}
}

ssize_t mm_pin(struct mm *mm, u64 addr, size_t pages, bool write, struct frame **out)
{
	u32 flags = FAULT_REMOTE | (write ? FAULT_WRITE : 0);

	addr = page_down(addr);
	for (size_t i = 0; i < pages; i++, addr += PAGE_SIZE) {
		int err = addr < mm->task_size ? get_outside(mm, addr, flags, &out[i]) : -EFAULT;

		if (!err && write && frame_head(out[i])->type != FRAME_ANON) {
			frame_put(frame_head(out[i]));
			err = -EFAULT;
		}
		if (err)
			return i ? (ssize_t)i : err;
	}
	return (ssize_t)pages;
}

/* vDSO and device pages have no frames to hold; their owner says where they are. */
static int special_page(struct mm *mm, u64 addr, void *buf, size_t len)
{
	int err = mm_fault_in(mm, addr, FAULT_REMOTE);

	if (err)
		return err;
	err = -EFAULT;
	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_at(mm, addr);
	struct pt_spot spot;

	if (v && v->flags & VM_PFNMAP && !(v->flags & VM_IO) && pt_find(mm, addr, &spot)) {
		memcpy(buf, (char *)phys_to_virt(pte_phys(spot.e)) + (addr & ~PAGE_MASK), len);
		err = 0;
	}
	rwsem_read_unlock(&mm->lock);
	return err;
}

size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write, bool force)
{
	u32 flags = FAULT_REMOTE | (write ? FAULT_WRITE : 0) | (force ? FAULT_FORCE : 0);
	size_t done = 0;

	while (done < len && addr < mm->task_size) {
		size_t n = min(PAGE_SIZE - (addr & ~PAGE_MASK), len - done);
		char *at = (char *)buf + done;

		if (copy_page(mm, addr, flags, at, n) && (write || special_page(mm, addr, at, n)))
			break;
		done += n;
		addr += n;
	}
	return done;
}

int mm_dump_page(struct mm *mm, u64 addr, void *page)
{
	bool hole = false;

	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_at(mm, addr);

	if (!v) {
		hole = true;
	} else if ((!v->cache && !v->ops) || v->uffd) {
		struct pt_spot spot;

		/* One that is being split is there in a moment: no hole. */
		hole = pt_find(mm, addr, &spot) ? pte_special(spot.e) : !huge_splitting(mm, addr);
	}
	rwsem_read_unlock(&mm->lock);
	return !hole && mm_access(mm, addr, page, PAGE_SIZE, false, true) == PAGE_SIZE;
}

/* --- futexes --- */

int mm_futex_key(struct mm *mm, u64 uaddr, bool shared, bool write, struct mm_key *out)
{
	*out = (struct mm_key){.object = (u64)(unsigned long)mm,
			       .index = uaddr >> PAGE_SHIFT,
			       .offset = (u32)(uaddr & ~PAGE_MASK)};
	if (!shared)
		return 0;
	/* Present once, so that what is wrong with the address is said now. */
	struct frame *f;
	int err = get_frame(mm, page_down(uaddr), FAULT_REMOTE | (write ? FAULT_WRITE : 0), &f);

	if (err)
		return err;
	frame_put(frame_head(f));
	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_at_any(mm, uaddr);

	if (!v) {
		err = -EFAULT;
	} else if (v->cache && v->flags & VM_MAYSHARE) {
		out->object = (u64)(unsigned long)v->cache;
		out->index = vma_index(v, page_down(uaddr));
		out->shared = true;
	}
	rwsem_read_unlock(&mm->lock);
	return err;
}

/* --- process_vm_readv, process_vm_writev --- */

static ssize_t transfer(struct mm *mm, struct uio *local, const struct iovec *remote,
			unsigned long n, bool write, char *page)
{
	ssize_t total = 0;

	for (unsigned long i = 0; i < n && local->left; i++) {
		u64 addr = (u64)(unsigned long)remote[i].iov_base;
		size_t left = remote[i].iov_len;

		while (left && local->left) {
			size_t want = min(min(left, local->left), PAGE_SIZE - (addr & ~PAGE_MASK)),
			       got;

			if (write) {
				want = uio_copy_from(local, page, want);
				got = want ? mm_access(mm, addr, page, want, true, false) : 0;
			} else {
				want = mm_access(mm, addr, page, want, false, false);
				got = want ? uio_copy_to(local, page, want) : 0;
			}
			if (!got)
				return total ? total : -EFAULT;
			total += (ssize_t)got;
			addr += got;
			left -= got;
		}
	}
	return total;
}

static long process_vm(int pid, const struct iovec __user *lvec, unsigned long lcnt,
		       const struct iovec __user *rvec, unsigned long rcnt, unsigned long flags,
		       bool write)
{
	struct iovec lfast[UIO_FAST], rfast[UIO_FAST], *lfree, *rfree = NULL;
	struct uio local, remote;
	struct task *t;
	long ret;

	if (flags)
		return -EINVAL;
	ret = uio_import(&local, write, lvec, lcnt, lfast, &lfree);
	if (ret)
		return ret;
	if (local.left)
		ret = uio_import(&remote, !write, rvec, rcnt, rfast, &rfree);
	if (ret || !local.left)
		goto out;
	t = task_find(pid);
	if (!t) {
		ret = -ESRCH;
		goto out;
	}
	struct mm *mm = NULL;

	ret = ptrace_access_mm(t, PTRACE_MODE_ATTACH_REAL, &mm);
	if (!ret && !mm)
		ret = -ESRCH;
	if (!ret) {
		char *page = frame_alloc_virt(0, GFP_KERNEL);

		ret = page ? transfer(mm, &local, rfree ? rfree : rfast, rcnt, write, page)
			   : -ENOMEM;
		frame_free_virt(page);
	}
	mm_put(mm);
	task_put(t);
out:
	kfree(lfree);
	kfree(rfree);
	return ret;
}

long sys_process_vm_readv(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			  const struct iovec __user *rvec, unsigned long riovcnt,
			  unsigned long flags)
{
	return process_vm(pid, lvec, liovcnt, rvec, riovcnt, flags, false);
}

long sys_process_vm_writev(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			   const struct iovec __user *rvec, unsigned long riovcnt,
			   unsigned long flags)
{
	return process_vm(pid, lvec, liovcnt, rvec, riovcnt, flags, true);
}
