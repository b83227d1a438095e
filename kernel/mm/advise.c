/*
 * madvise(2), msync(2), mincore(2), mlock(2) and their relatives.
 *
 * There is no swap and there are no huge pages: advice about them is checked and accepted without
 * effect, as a Linux without swap and with transparent_hugepage=madvise does on memory that is too
 * fragmented.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <generated/syscalls.h>

void mm_populate(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find(mm, start);
		u64 from = v ? max(start, v->start) : end, to = v ? min(end, v->end) : end;
		u64 flags = v ? v->flags : 0;

		rwsem_read_unlock(&mm->lock);
		if (from >= end)
			return;
		/* Private pages that can be written are made at once; others are only mapped. */
		u32 how = (flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? FAULT_WRITE : 0;

		if (!(flags & (VM_IO | VM_PFNMAP)) && flags & VM_ACCESS) {
			for (; from < to; from += PAGE_SIZE) {
				pte_t *at = pt_entry(mm, from);

				if (at && pte_present(pte_read(at)) &&
				    (!how || pte_writable(pte_read(at))))
					continue;
				if (signal_fatal_pending(current) || mm_fault_in(mm, from, how))
					return;
			}
		}
		start = to;
	}
}

/* --- madvise --- */

static int advise_zap(struct vma *v, u64 from, u64 to)
{
	struct gather g;

	if (v->flags & (VM_LOCKED | VM_PFNMAP))
		return -EINVAL;
	gather_begin(&g, v->mm, false);
	pt_zap(&g, v, from, to, false);
	gather_end(&g);
	return 0;
}

/* Removes the contents as well: shared memory only. */
static int advise_remove(struct vma *v, u64 from, u64 to)
{
	u64 offset = vma_index(v, from) << PAGE_SHIFT;

	if (v->flags & VM_LOCKED || !v->cache || !(v->cache->flags & PAGECACHE_MEMORY))
		return -EINVAL;
	if ((v->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	pagecache_punch(v->cache, (loff_t)offset, (loff_t)(offset + (to - from)));
	return 0;
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
		return 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return v->flags & VM_SPECIAL ? -EINVAL : 0;
	case MADV_HUGEPAGE:
		*flags = (*flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
		return 0;
	case MADV_NOHUGEPAGE:
		*flags = (*flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
		return 0;
	default:
		return -EINVAL;
	}
}

static bool advice_known(int advice)
{
	switch (advice) {
	case MADV_NORMAL ... MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return true;
	default:
		return false;
	}
}

static bool advice_writes(int advice)
{
	switch (advice) {
	case MADV_REMOVE:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_FREE:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return false;
	default:
		return true;
	}
}

/* mm->lock held as advice_writes() says.  *v is the VMA to go on behind. */
static int advise_vma(struct vma **vp, u64 from, u64 to, int advice)
{
	struct vma *v = *vp;
	u64 flags = v->flags;
	int err;

	switch (advice) {
	case MADV_DONTNEED:
		return advise_zap(v, from, to);
	case MADV_FREE:
		/* Lazily or at once: reading zeroes is what the program must expect. */
		return vma_is_anon(v) ? advise_zap(v, from, to) : -EINVAL;
	case MADV_REMOVE:
		return advise_remove(v, from, to);
	case MADV_WILLNEED:
		return 0; /* what there is, is in memory */
	case MADV_COLD:
	case MADV_PAGEOUT:
		return v->flags & (VM_LOCKED | VM_PFNMAP) ? -EINVAL : 0;
	default:
		break;
	}
	err = advise_flags(v, advice, &flags);
	if (err)
		return err;
	err = vma_change(v, from, to, flags, vp);
	return err == -ENOMEM ? -EAGAIN : err;
}

static int populate(struct mm *mm, u64 start, u64 end, bool write)
{
	for (; start < end; start += PAGE_SIZE) {
		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_at(mm, start);
		int err = !v ? -ENOMEM
			  : v->flags & (VM_PFNMAP | VM_IO) ||
					  !(v->flags & (write ? VM_WRITE : VM_READ))
				  ? -EINVAL
				  : 0;

		rwsem_read_unlock(&mm->lock);
		if (!err)
			err = mm_fault_in(mm, start, write ? FAULT_WRITE : 0);
		if (signal_fatal_pending(current))
			return -EINTR;
		if (err)
			return err == -ENXIO || err == -EIO ? -EFAULT : err;
	}
	return 0;
}

static int advise(struct mm *mm, u64 start, u64 len, int advice)
{
	u64 end = start + page_up(len);
	int missing = 0, err = 0;

	if (!advice_known(advice) || start & ~PAGE_MASK || (len && !page_up(len)) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return populate(mm, start, end, advice == MADV_POPULATE_WRITE);
	bool write = advice_writes(advice);

	if (write && rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (!write)
		rwsem_read_lock(&mm->lock);
	struct vma *v = vma_find(mm, start);

	while (!err && start < end) {
		if (!v || v->start >= end) {
			missing = -ENOMEM;
			break;
		}
		if (v->start > start)
			missing = -ENOMEM; /* goes on with the rest, as Linux does */
		u64 from = max(start, v->start), to = min(end, v->end);

		err = advise_vma(&v, from, to, advice);
		start = to;
		if (!err && start < end)
			v = vma_find(mm, start);
	}
	if (write)
		rwsem_write_unlock(&mm->lock);
	else
		rwsem_read_unlock(&mm->lock);
	return err ? err : missing;
}

long sys_madvise(unsigned long addr, size_t length, int advice)
{
	return advise(current->mm, addr, length, advice);
}

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
		struct vma *v = vma_find(mm, start);

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
	pte_t *at = pt_entry(v->mm, addr);
	struct folio *f;

	if (at && pte_present(pte_read(at)))
		return 1;
	/* The file's cache is told only to who might write the file. */
	if (!v->cache || (v->file && !(v->file->mode & FMODE_WRITE) &&
			  vfs_permission(v->file->inode, MAY_WRITE)))
		return v->cache != NULL;
	f = pagecache_find(v->cache, vma_index(v, addr));
	if (!f)
		return 0;
	folio_put(f);
	return 1;
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
			struct vma *v = vma_at(mm, addr + i * PAGE_SIZE);

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

		if (!(old & VM_SPECIAL) && new != old) {
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
