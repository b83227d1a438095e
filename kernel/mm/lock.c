/*
 * What is in memory and stays there: msync(2), mincore(2), mlock(2) and its relatives.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <generated/syscalls.h>

/* --- msync --- */

long sys_msync(unsigned long addr, size_t length, int flags)
{
	struct mm *mm = current->mm;
	u64 start = addr, end;
	int missing = 0, err = 0;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & ~PAGE_MASK ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	end = start + page_up(length);
	if (end < start)
		return -ENOMEM;
	while (!err && start < end) {
		struct file *file = NULL;
		loff_t from = 0, to = 0;

		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find_any(mm, start);

		if (!v || v->start >= end) {
			rwsem_read_unlock(&mm->lock);
			return -ENOMEM;
		}
		if (v->start > start) {
			start = v->start;
			missing = -ENOMEM;
		}
		if (flags & MS_INVALIDATE && v->flags & VM_LOCKED)
			err = -EBUSY;
		from = (loff_t)(vma_index(v, start) << PAGE_SHIFT);
		to = from + (loff_t)(min(end, v->end) - start);
		if (!err && flags & MS_SYNC && v->file && v->flags & VM_SHARED)
			file = file_get(v->file);
		start = v->end;
		rwsem_read_unlock(&mm->lock);
		if (file) {
			if (file->ops->fsync)
				err = file->ops->fsync(file, from, to - 1, true);
			file_put(file);
		}
	}
	return err ? err : missing;
}

/* --- mincore --- */

static u8 resident(struct vma *v, u64 addr)
{
	struct pt_spot spot;

	if (pt_find(v->mm, addr, &spot))
		return 1;
	/* The file's cache is told only to who might write the file. */
	if (!v->cache || (v->file && !(v->file->mode & FMODE_WRITE) &&
			  vfs_permission(v->file->inode, MAY_WRITE)))
		return v->cache != NULL;
	return pagecache_has(v->cache, vma_index(v, addr));
}

long sys_mincore(unsigned long addr, size_t length, u8 __user *vec)
{
	struct mm *mm = current->mm;
	u64 pages = page_up(length) >> PAGE_SHIFT;
	u8 buf[256];

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!access_ok((void __user *)addr, length))
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	while (pages) {
		u64 n = min_t(u64, pages, sizeof(buf));

		rwsem_read_lock(&mm->lock);
		for (u64 i = 0; i < n; i++) {
			struct vma *v = vma_at_any(mm, addr + i * PAGE_SIZE);

			if (!v) {
				rwsem_read_unlock(&mm->lock);
				return -ENOMEM;
			}
			buf[i] = resident(v, addr + i * PAGE_SIZE);
		}
		rwsem_read_unlock(&mm->lock);
		if (copy_to_user(vec, buf, n))
			return -EFAULT;
		vec += n;
		addr += n << PAGE_SHIFT;
		pages -= n;
	}
	return 0;
}

/* --- mlock --- */

static int lock_range(struct mm *mm, u64 start, u64 end, u64 bits)
{
	struct vma *v = vma_find(mm, start);

	while (start < end) {
		if (!v || v->start > start)
			return -ENOMEM;
		u64 to = min(end, v->end), old = v->flags;
		u64 new = (old & ~(VM_LOCKED | VM_LOCKONFAULT)) | bits;

		if (!(old & (VM_SPECIAL | VM_DROPPABLE)) && new != old) {
			int err = vma_change(v, start, to, new, &v);

			if (err)
				return err;
			s64 pages = (s64)((to - start) >> PAGE_SHIFT);

			mm->locked_vm += (u64)(new &VM_LOCKED ? (old & VM_LOCKED ? 0 : pages)
							      : (old & VM_LOCKED ? -pages : 0));
		}
		start = to;
		if (start < end)
			v = vma_find(mm, start);
	}
	return 0;
}

/* Pages of [start, end) that are locked already. */
static u64 locked_in(struct mm *mm, u64 start, u64 end)
{
	u64 pages = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(mm, v)) {
		if (v->flags & VM_LOCKED)
			pages += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	}
	return pages;
}

static long do_mlock(u64 start, u64 len, u64 bits)
{
	struct mm *mm = current->mm;
	u64 end;
	int err;

	len = page_up(len + (start & ~PAGE_MASK));
	start = page_down(start);
	end = start + len;
	if (bits && !capable(CAP_IPC_LOCK) && !task_rlimit(RLIMIT_MEMLOCK))
		return -EPERM;
	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	err = bits ? mm_may_lock(mm, len >> PAGE_SHIFT) : 0;
	if (err == -EAGAIN)
		err = mm_may_lock(mm, (len >> PAGE_SHIFT) - locked_in(mm, start, end));
	if (err == -EAGAIN)
		err = -ENOMEM;
	if (!err)
		err = lock_range(mm, start, end, bits);
	rwsem_write_unlock(&mm->lock);
	if (!err && bits && !(bits & VM_LOCKONFAULT))
		mm_populate(mm, start, end);
	return err;
}

long sys_mlock(unsigned long addr, size_t length)
{
	return do_mlock(addr, length, VM_LOCKED);
}

long sys_mlock2(unsigned long addr, size_t length, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return do_mlock(addr, length, VM_LOCKED | (flags ? VM_LOCKONFAULT : 0));
}

long sys_munlock(unsigned long addr, size_t length)
{
	return do_mlock(addr, length, 0);
}

static int lock_all(struct mm *mm, u64 bits)
{
	struct vma *v;
	u64 at = 0;

	while ((v = vma_find(mm, at))) {
		at = v->end;
		int err = lock_range(mm, v->start, v->end, bits);

		if (err)
			return err;
	}
	return 0;
}

long sys_mlockall(int flags)
{
	struct mm *mm = current->mm;
	u64 bits = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
	int err = 0;

	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!capable(CAP_IPC_LOCK) && !task_rlimit(RLIMIT_MEMLOCK))
		return -EPERM;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (flags & MCL_CURRENT && !capable(CAP_IPC_LOCK) &&
	    mm->total_vm > task_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		err = -ENOMEM;
	if (!err) {
		mm->def_flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
		if (flags & MCL_FUTURE)
			mm->def_flags |= (u32)bits;
		if (flags & MCL_CURRENT)
			err = lock_all(mm, bits);
	}
	rwsem_write_unlock(&mm->lock);
	if (!err && flags & MCL_CURRENT && !(flags & MCL_ONFAULT))
		mm_populate(mm, 0, mm->task_size);
	return err;
}

long sys_munlockall(void)
{
	struct mm *mm = current->mm;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	mm->def_flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
	int err = lock_all(mm, 0);

	rwsem_write_unlock(&mm->lock);
	return err;
}
