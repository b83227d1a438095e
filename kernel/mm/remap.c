/*
 * mremap(2): mappings grow, shrink and move; pages move by moving their entries.  And
 * remap_file_pages(2), which Linux emulates by mmap, too.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/tlb.h>
#include <kernel/cred/cred.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/file/file.h>
#include <kernel/task/task.h>
#include <kernel/uffd/uffd.h>
#include <generated/syscalls.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Entries of [from, from + len) go to @to; both VMAs are write-locked or not in the tree.  -ENOMEM:
 * some moved. */
static int move_entries(struct mm *mm, u64 from, u64 to, u64 len, bool keep_wp, u64 *moved)
{
	u64 next, end = from + len;

	for (u64 addr = from; addr < end; addr = next) {
		pte_t *upper = pt_upper(mm, addr, end, &next);

		if (!upper)
			continue;
		if (huge_whole(addr, next) && !pte_is_table(pte_read(upper))) {
			bool whole = false;
			int err = huge_move(mm, upper, to + (addr - from), keep_wp, &whole);

			*moved = addr - from;
			if (err)
				return err;
			if (whole)
				continue;
		}
		pte_t *table = pt_small(mm, addr, upper);

		if (!table)
			continue;
		for (; addr < next; addr += PAGE_SIZE) {
			pte_t *at = &table[pt_index(0, addr)];

			if (pte_none(pte_read(at)))
				continue;
			pte_t *dest = pt_make(mm, to + (addr - from));

			if (!dest) {
				*moved = addr - from;
				return -ENOMEM;
			}
			pte_t e = pte_xchg(at, (pte_t){0});

			if (unlikely(!keep_wp))
				e = pte_not_told(e);
			pte_write(dest, e);
		}
	}
	*moved = len;
	tlb_flush_mm_range(&mm->arch, from, end, false);
	return 0;
}

/* What the source becomes after a move: gone, or (MREMAP_DONTUNMAP) empty. */
static int move_vma(struct mm *mm, struct vma *v, u64 old, u64 old_len, u64 new, u64 new_len,
		    u32 flags)
{
	u64 pages = new_len >> PAGE_SHIFT, moved;
	bool keep = flags & MREMAP_DONTUNMAP;
	struct vma *n, *src;
	int err;

	if (mm->vma_count + 4 > mm_max_map_count)
		return -ENOMEM;
	if (v->flags & VM_ACCOUNT) {
		err = mm_commit(pages);
		if (err)
			return err;
	}
	err = vma_clone(v, &n);
	if (err)
		goto uncommit;
	n->pgoff = v->cache ? vma_index(v, old) : new >> PAGE_SHIFT;
	n->start = new;
	n->end = new + new_len;
	n->mm = mm;
	n->flags |= VM_SOFTDIRTY;
	if (unlikely(n->uffd) && !uffd_wants(n->uffd, UFFD_FEATURE_EVENT_REMAP))
		vma_forget_uffd(n);
	u64 vm = n->flags;

	if (vma_is_hugetlb(n))
		pt_free_empty(mm, new, new + new_len);
	err = vma_insert(mm, n, &n);
	if (err) {
		vma_release(n);
		goto uncommit;
	}
	mm_stat_account(mm, vm, (s64)pages);
	src = vma_at(mm, old);
	vma_write_lock(src);
	if (n != src)
		vma_write_lock(n);
	if (n->cache)
		rwsem_write_lock(&n->cache->rmap_lock);
	n->has_anon |= src->has_anon;
	/* What was told of writes here is not there: the entries forget it. */
	bool keep_wp = !(src->flags & VM_UFFD_WP) || n->flags & VM_UFFD_WP;
	/* Another thread may have touched the new place before it was locked. */
	struct gather g;

	gather_begin(&g, mm, false);
	pt_zap(&g, n, new, new + new_len, ZAP_ALL);
	gather_end(&g);
	err = move_entries(mm, old, new, min(old_len, new_len), keep_wp, &moved);
	if (err) {
		u64 back;

		/* Entries at @old have their tables, so the way back needs no memory. */
		(void)move_entries(mm, new, old, moved, true, &back);
	}
	if (n->cache)
		rwsem_write_unlock(&n->cache->rmap_lock);
	if (n != src)
		vma_write_unlock(n);
	vma_write_unlock(src);
	if (err)
		return mm_unmap_locked(mm, new, new + new_len) ? -ENOMEM : err;
	/* Unmapping cannot fail for want of memory but where it splits; then both remain, which is
	 * harmless. */
	return keep || !old_len ? 0 : mm_unmap_locked(mm, old, old + old_len);
uncommit:
	if (v->flags & VM_ACCOUNT)
		mm_uncommit(pages);
	return err;
}

/* The VMA that may be resized: -EFAULT, -EINVAL, -EAGAIN, -ENOMEM. */
static int check_source(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags,
			struct vma **out)
{
	struct vma *v = vma_at(mm, old);
	u64 more = new_len > old_len ? (new_len - old_len) >> PAGE_SHIFT : 0;

	if (!v)
		return -EFAULT;
	/* An old length of 0 makes a second mapping, which only shared memory can have. */
	if (!old_len && !(v->flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if (flags & MREMAP_DONTUNMAP && v->flags & (VM_DONTEXPAND | VM_PFNMAP))
		return -EINVAL;
	if (old_len > v->end - old)
		return -EFAULT;
	if (new_len != old_len) {
		u64 pgoff = vma_index(v, old);

		if (pgoff + (new_len >> PAGE_SHIFT) < pgoff)
			return -EINVAL;
		if (v->flags & (VM_DONTEXPAND | VM_PFNMAP))
			return -EFAULT;
	}
	if (more) {
		if (v->flags & VM_LOCKED && mm_may_lock(mm, more))
			return -EAGAIN;
		if (!mm_may_expand(mm, v->flags, more))
			return -ENOMEM;
	}
	*out = v;
	return 0;
}

/* A longer mapping loses its end: -EINVAL if that is not all in user space. */
static int cut_end(struct mm *mm, u64 old, u64 old_len, u64 new_len)
{
	u64 start = old + new_len, len = old_len - new_len;

	if (start > mm->task_size || len > mm->task_size - start)
		return -EINVAL;
	return mm_unmap_locked(mm, start, start + len);
}

static long remap_to(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new)
{
	struct vma *v;
	int err;

	if (new & ~PAGE_MASK || new_len > mm->task_size || new > mm->task_size - new_len)
		return -EINVAL;
	if (old + old_len > new &&new + new_len > old)
		return -EINVAL;
	if (!vma_at(mm, old))
		return -EFAULT;
	/* As on Linux: what makes room is gone even when the rest is refused. */
	err = flags & MREMAP_FIXED ? mm_unmap_locked(mm, new, new + new_len) : 0;
	if (!err && old_len > new_len) {
		err = cut_end(mm, old, old_len, new_len);
		old_len = new_len;
	}
	if (!err)
		err = check_source(mm, old, old_len, new_len, flags, &v);
	if (!err && new < mm_mmap_min_addr && !capable(CAP_SYS_RAWIO))
		err = -EPERM;
	if (!err)
		err = move_vma(mm, v, old, old_len, new, new_len, flags);
	return err ? err : (long)new;
}

static long grow(struct mm *mm, struct vma *v, u64 old, u64 old_len, u64 new_len, u32 flags)
{
	u64 end = old + new_len, more = new_len - old_len, at;

	if (old + old_len == v->end && end > old && end <= mm->task_size &&
	    mm_range_free(mm, v->end, end)) {
		u64 pages = more >> PAGE_SHIFT;

		if (v->flags & VM_ACCOUNT && mm_commit(pages))
			return -ENOMEM;
		if (vma_extend_to_next(v, end)) {
			if (v->flags & VM_ACCOUNT)
				mm_uncommit(pages);
			return -ENOMEM;
		}
		mm_stat_account(mm, v->flags, (s64)pages);
		return (long)old;
	}
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	int err = mm_find_gap(mm, new_len, 0, 0, &at);

	if (!err)
		err = move_vma(mm, v, old, old_len, at, new_len, flags);
	return err ? err : (long)at;
}

static long remap(struct mm *mm, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new)
{
	struct vma *v = vma_at(mm, old);

	if (v && vma_is_hugetlb(v)) {
		u64 mask = hugetlb_vma_size(v) - 1;

		old_len = (old_len + mask) & ~mask;
		new_len = (new_len + mask) & ~mask;
		if ((old | new) & mask || new_len > old_len)
			return -EINVAL;
	}
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		if (!(flags & MREMAP_FIXED)) {
			int err = mm_find_gap(mm, new_len, page_down(new), 0, &new);

			if (err)
				return err;
		}
		return remap_to(mm, old, old_len, new_len, flags, new);
	}
	if (old_len >= new_len) {
		if (!v)
			return -EFAULT;
		int err = old_len > new_len ? cut_end(mm, old, old_len, new_len) : 0;

		return err ? err : (long)old;
	}
	int err = check_source(mm, old, old_len, new_len, flags, &v);

	return err ? err : grow(mm, v, old, old_len, new_len, flags);
}

/* Whom to tell, and of what, when it is over. */
struct remap_told {
	struct uffd *uffd;	     /* of what moves */
	struct uffd_gone *made_room; /* at the new place */
	struct uffd_gone *cut;	     /* the end of a mapping that gets shorter */
	struct uffd_gone *left;	     /* the old place */
};

/* mm->lock held for writing. */
static int told_prepare(struct remap_told *t, struct mm *mm, u64 old, u64 old_len, u64 new_len,
			u32 flags, u64 new)
{
	struct vma *v = vma_at(mm, old);
	int err = 0;

	if (v && v->uffd && uffd_wants(v->uffd, UFFD_FEATURE_EVENT_REMAP))
		t->uffd = uffd_change_begin(v->uffd);
	if (flags & MREMAP_FIXED)
		err = mm_gone_collect(mm, new, new + new_len, &t->made_room);
	if (!err && old_len > new_len)
		err = mm_gone_collect(mm, old + new_len, old + old_len, &t->cut);
	if (!err && flags & MREMAP_MAYMOVE && !(flags & MREMAP_DONTUNMAP))
		err = mm_gone_collect(mm, old, old + min(old_len, new_len), &t->left);
	return err;
}

static noinline void told_finish(struct remap_told *t, u64 old, u64 old_len, long ret)
{
	bool moved = ret >= 0 && (u64)ret != old;

	uffd_gone_tell(t->made_room, ret >= 0);
	if (t->uffd && moved)
		uffd_change_end(t->uffd, UFFD_EVENT_REMAP, old, (u64)ret, old_len);
	else if (t->uffd)
		uffd_change_cancel(t->uffd);
	uffd_gone_tell(t->cut, ret >= 0);
	uffd_gone_tell(t->left, moved);
}

long sys_mremap(unsigned long addr, size_t old_len, size_t new_len, unsigned long flags,
		unsigned long new_addr)
{
	struct mm *mm = current->mm;

	if (flags & ~(unsigned long)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (flags & MREMAP_DONTUNMAP && (!(flags & MREMAP_MAYMOVE) || old_len != new_len))
		return -EINVAL;
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	old_len = page_up(old_len);
	new_len = page_up(new_len);
	if (!new_len)
		return -EINVAL;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	struct remap_told told = {0};
	bool tell = mm->uffd_used;
	long ret = unlikely(tell)
			   ? told_prepare(&told, mm, addr, old_len, new_len, (u32)flags, new_addr)
			   : 0;

	if (!ret)
		ret = remap(mm, addr, old_len, new_len, (u32)flags, new_addr);
	struct vma *v = ret >= 0 && new_len > old_len ? vma_at(mm, (u64)ret) : NULL;
	bool populate = v && v->flags & VM_LOCKED;

	rwsem_write_unlock(&mm->lock);
	if (unlikely(tell))
		told_finish(&told, addr, old_len, ret);
	if (populate)
		mm_populate(mm, (u64)ret + old_len, (u64)ret + new_len);
	return ret;
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
