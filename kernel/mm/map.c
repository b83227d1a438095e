/*
 * mmap, munmap, brk: mmap(2), munmap(2), brk(2) as Linux has them.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/bug.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/task/task.h>
#include <kernel/uffd/uffd.h>
#include <kernel/vfs/vfs.h>
#include <generated/syscalls.h>

#define LEGACY_FLAGS                                                                             \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |         \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT)

u64 mm_mmap_min_addr = 65536;

/* --- places --- */

bool mm_range_free(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);

	return !v || v->start >= end;
}

/* Room for @len at @addr, with the stack's gap kept. */
static bool place_ok(struct mm *mm, u64 addr, u64 len)
{
	struct vma *v = vma_find(mm, addr);

	if (!v)
		return true;
	u64 gap = v->flags & VM_GROWSDOWN ? STACK_GUARD_GAP : 0;

	return addr + len + gap <= v->start;
}

static int search(struct mm *mm, struct btree_gap *g, bool down, u64 *out)
{
	for (;;) {
		u64 at;
		int err =
			down ? btree_gap_down(&mm->vmas, g, &at) : btree_gap_up(&mm->vmas, g, &at);

		if (err)
			return -ENOMEM;
		if (likely(place_ok(mm, at, g->size))) {
			*out = at;
			return 0;
		}
		/* Too near below a stack: only one VMA in a thousand. */
		struct vma *stack = vma_find(mm, at);

		if (down)
			g->high =
				stack->start > STACK_GUARD_GAP ? stack->start - STACK_GUARD_GAP : 0;
		else
			g->low = stack->end;
		if (g->high < g->low + g->size)
			return -ENOMEM;
	}
}

static int find_gap(struct mm *mm, u64 len, u64 hint, u32 flags, u64 unit, u64 *out)
{
	struct btree_gap g = {.size = len,
			      .low = mm_mmap_min_addr,
			      .high = mm->mmap_base,
			      .align_mask = unit ? unit - 1 : 0};

	if (len > mm->task_size)
		return -ENOMEM;
	if (unit)
		hint = (hint + unit - 1) & ~(unit - 1);
	/* A hint beyond the usual end asks for what is there; one across it asks for nothing. */
	bool beyond = hint > USER_END_DEFAULT;
	u64 end = flags & MAP_32BIT ? 0x80000000 : mm->task_size;

	if (hint && hint <= end - len && len <= end && hint >= mm_mmap_min_addr &&
	    beyond == (hint + len > USER_END_DEFAULT) && place_ok(mm, hint, len)) {
		*out = hint;
		return 0;
	}
	if (flags & MAP_32BIT) {
		g.low = 0x40000000;
		g.high = 0x80000000;
		return search(mm, &g, false, out);
	}
	if (beyond)
		g.high += mm->task_size - USER_END_DEFAULT;
	if (!search(mm, &g, true, out))
		return 0;
	g.low = page_up(USER_END_DEFAULT / 3);
	g.high = beyond ? mm->task_size : USER_END_DEFAULT;
	return search(mm, &g, false, out);
}

int mm_find_gap(struct mm *mm, u64 len, u64 hint, u32 flags, u64 *out)
{
	return find_gap(mm, len, hint, flags, 0, out);
}

/* @unit: a multiple of that many bytes; 0: of a page. */
static int choose_addr(struct mm *mm, u64 *addr, u64 len, u32 flags, u64 unit)
{
	if (len > mm->task_size)
		return -ENOMEM;
	if (!(flags & MAP_FIXED)) {
		u64 hint = page_up(*addr);

		if (hint && hint < mm_mmap_min_addr)
			hint = mm_mmap_min_addr;
		return find_gap(mm, len, hint, flags, unit, addr);
	}
	if (*addr > mm->task_size - len)
		return -ENOMEM;
	if (*addr & ((unit ? unit : PAGE_SIZE) - 1))
		return -EINVAL;
	if (*addr < mm_mmap_min_addr && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (flags & MAP_FIXED_NOREPLACE && !mm_range_free(mm, *addr, *addr + len))
		return -EEXIST;
	return 0;
}

/* --- mmap --- */

u64 mm_prot_flags(u32 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

/* Offsets of a regular file are positive. */
static bool file_reaches(const struct file *file, u64 pgoff, u64 pages)
{
	return !file->inode || !S_ISREG(file->inode->mode) ||
	       pgoff + pages <= S64_MAX >> PAGE_SHIFT;
}

static int file_flags(struct file *file, u32 prot, u32 flags, u64 *vm)
{
	bool noexec = file->path.mnt && file->path.mnt->flags & MNT_NOEXEC;

	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~(u32)(LEGACY_FLAGS | MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE))
			return -EOPNOTSUPP;
		fallthrough;
	case MAP_SHARED:
		if (prot & PROT_WRITE && !(file->mode & FMODE_WRITE))
			return -EACCES;
		if (prot & PROT_WRITE && file->inode && file->inode->flags & INODE_APPEND)
			return -EACCES;
		*vm |= VM_SHARED | VM_MAYSHARE;
		if (!(file->mode & FMODE_WRITE))
			*vm &= ~(VM_MAYWRITE | VM_SHARED);
		fallthrough;
	case MAP_PRIVATE:
		if (!(file->mode & FMODE_READ))
			return -EACCES;
		break;
	default:
		return -EINVAL;
	}
	if (noexec) {
		if (*vm & VM_EXEC)
			return -EPERM;
		*vm &= ~VM_MAYEXEC;
	}
	if (!file->ops->mmap)
		return -ENODEV;
	return *vm & VM_GROWSDOWN ? -EINVAL : 0;
}

static int anon_flags(u32 flags, u64 *vm)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		if (*vm & VM_GROWSDOWN)
			return -EINVAL;
		*vm |= VM_SHARED | VM_MAYSHARE;
		return 0;
	case MAP_DROPPABLE:
		if (flags & (MAP_LOCKED | MAP_HUGETLB) || *vm & VM_GROWSDOWN)
			return -EINVAL;
		/* Whoever locks all that is to come does not mean what may go at any time. */
		*vm &= ~(VM_LOCKED | VM_LOCKONFAULT);
		*vm |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
		return 0;
	case MAP_PRIVATE:
		return 0;
	default:
		return -EINVAL;
	}
}

int mm_map_zero(struct vma *v)
{
	/* Private memory is as without a file, but keeps the name. */
	if (!(v->flags & VM_SHARED))
		return 0;
	file_put(v->file);
	v->file = NULL;
	v->pgoff = 0;
	return mm_shared_create(vma_pages(v), &v->cache);
}

/* Gives a new VMA what it maps. */
static int attach_backing(struct vma *v, struct file *file)
{
	int err = 0;

	if (file) {
		v->file = file_get(file);
		err = file->ops->mmap(file, v);
		vma_set_flags(v, v->flags);
	} else if (v->flags & VM_SHARED) {
		err = mm_shared_create(vma_pages(v), &v->cache);
	}
	if (!err && !vma_count_writer(v)) {
		if (v->ops && v->ops->close)
			v->ops->close(v);
		err = -EPERM;
	}
	return err;
}

/* The common short case: private memory next to its like only makes a neighbour longer. */
static bool grow_neighbour(struct mm *mm, u64 addr, u64 len, u64 vm)
{
	struct vma probe = {.start = addr, .end = addr + len, .flags = vm};
	struct vma *next = vma_find(mm, addr);
	struct vma *prev = btree_before(&mm->vmas, addr, NULL);

	if (next && vma_can_merge(&probe, next)) {
		if (prev && vma_can_merge(prev, &probe))
			return false;
		prev = next;
	} else if (!prev || !vma_can_merge(prev, &probe)) {
		return false;
	}
	if (vma_extend(prev, min(addr, prev->start), max(addr + len, prev->end)))
		return false;
	prev->flags |= VM_SOFTDIRTY;
	return true;
}

static u64 pages_in(struct mm *mm, u64 start, u64 end)
{
	u64 pages = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(mm, v))
		pages += (min(v->end, end) - max(v->start, start)) >> PAGE_SHIFT;
	return pages;
}

static int map_region(struct mm *mm, u64 addr, u64 len, u64 vm, struct file *file, u64 pgoff)
{
	u64 pages = len >> PAGE_SHIFT;
	struct vma *v;

	if (!mm_may_expand(mm, vm, pages) &&
	    !mm_may_expand(mm, vm, pages - pages_in(mm, addr, addr + len)))
		return -ENOMEM;
	int err = mm_unmap_locked(mm, addr, addr + len);

	if (err)
		return err == -EINVAL ? -ENOMEM : err;
	if (file && hugetlb_file_size(file))
		pt_free_empty(mm, addr, addr + len);
	if (mm_overcommit_mode == 2 && !(vm & VM_DROPPABLE))
		vm &= ~VM_NORESERVE;
	/* Huge pages of a pool are promised by that. */
	if (vma_accountable(vm, file != NULL) && !(file && hugetlb_file_size(file))) {
		err = mm_commit(pages);
		if (err)
			return err;
		vm |= VM_ACCOUNT;
	}
	if (!file && !(vm & VM_SHARED) && grow_neighbour(mm, addr, len, vm)) {
		mm_stat_account(mm, vm, (s64)pages);
		return 0;
	}
	err = -ENOMEM;
	v = vma_alloc();
	if (!v)
		goto uncommit;
	v->start = addr;
	v->end = addr + len;
	v->mm = mm;
	v->pgoff = pgoff;
	vma_set_flags(v, vm);
	err = attach_backing(v, file);
	if (err) {
		if (v->file)
			file_put(v->file);
		else if (v->cache)
			mm_shared_put(v->cache);
		vma_free(v);
		goto uncommit;
	}
	vm = v->flags;
	err = vma_insert(mm, v, &v);
	if (err) {
		vma_release(v);
		goto uncommit;
	}
	mm_stat_account(mm, vm, (s64)pages);
	return 0;
uncommit:
	if (vm & VM_ACCOUNT)
		mm_uncommit(pages);
	return err;
}

static int map_locked(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file,
		      u64 pgoff, u64 *out)
{
	u64 vm = mm_prot_flags(prot) | mm->def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
		 VM_SOFTDIRTY;
	u64 unit = file ? hugetlb_file_size(file) : 0; /* huge pages */
	int err;

	if (!len)
		return -EINVAL;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	len = unit ? (len + unit - 1) & ~(unit - 1) : page_up(len);
	if (!len)
		return -ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff)
		return -EOVERFLOW;
	if (mm->vma_count > mm_max_map_count)
		return -ENOMEM;
	err = choose_addr(mm, &addr, len, flags, unit);
	if (err)
		return err;
	if (flags & MAP_GROWSDOWN)
		vm |= VM_GROWSDOWN | VM_STACK;
	if (flags & MAP_NORESERVE && mm_overcommit_mode != 2)
		vm |= VM_NORESERVE;
	if (flags & MAP_LOCKED) {
		vm |= VM_LOCKED;
		if (!capable(CAP_IPC_LOCK) && !task_rlimit(RLIMIT_MEMLOCK))
			return -EPERM;
	}
	if (vm & VM_LOCKED) {
		err = mm_may_lock(mm, len >> PAGE_SHIFT);
		if (err)
			return err;
	}
	if (file && !file_reaches(file, pgoff, len >> PAGE_SHIFT))
		return -EOVERFLOW;
	err = file ? file_flags(file, prot, flags, &vm) : anon_flags(flags, &vm);
	if (err)
		return err;
	if (!file)
		pgoff = vm & VM_SHARED ? 0 : addr >> PAGE_SHIFT;
	err = map_region(mm, addr, len, vm, file, pgoff);
	if (vm & VM_DROPPABLE && !err && list_empty(&mm->droppable_link))
		droppable_enter(mm);
	if (!err)
		*out = addr;
	return err;
}

int mm_map(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 pgoff,
	   u64 *out)
{
	struct uffd_gone *gone = NULL;
	int err = 0;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (flags & MAP_FIXED)
		err = mm_gone_prepare(mm, addr, addr + page_up(len), &gone);
	if (!err)
		err = map_locked(mm, addr, len, prot, flags, file, pgoff, out);
	bool populate = !err &&
			(mm->def_flags & VM_LOCKED || flags & (MAP_LOCKED | MAP_POPULATE)) &&
			!(flags & MAP_NONBLOCK && !(flags & MAP_LOCKED));

	rwsem_write_unlock(&mm->lock);
	if (unlikely(gone))
		uffd_gone_tell(gone, !err);
	if (populate)
		mm_populate(mm, *out, *out + page_up(len));
	return err;
}

int mm_map_special(struct mm *mm, u64 addr, u64 len, u64 vm_flags, const struct vma_ops *ops,
		   void *private_data, u64 *out)
{
	struct vma *v;
	int err = 0;

	len = page_up(len);
	guard(write)(&mm->lock);
	if (!addr || !mm_range_free(mm, addr, addr + len))
		err = mm_find_gap(mm, len, addr, 0, &addr);
	if (err)
		return err;
	v = vma_alloc();
	if (!v)
		return -ENOMEM;
	v->start = addr;
	v->end = addr + len;
	v->mm = mm;
	v->ops = ops;
	v->private_data = private_data;
	vma_set_flags(v, vm_flags | VM_DONTEXPAND | VM_SOFTDIRTY);
	err = vma_insert(mm, v, &v);
	if (err) {
		vma_free(v);
		return err;
	}
	mm_stat_account(mm, vm_flags, (s64)(len >> PAGE_SHIFT));
	*out = addr;
	return 0;
}

void mm_zap_special(struct mm *mm, const struct vma_ops *ops)
{
	struct btree_iter it;
	struct gather g;
	struct vma *v;

	guard(write)(&mm->lock);
	gather_begin(&g, mm, false);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL))) {
		if (v->ops != ops)
			continue;
		/* Faults that have asked @ops already are over then. */
		vma_write_lock(v);
		pt_zap(&g, v, v->start, v->end, ZAP_ALL);
		vma_write_unlock(v);
	}
	gather_end(&g);
}

int mm_map_stack(struct mm *mm, u64 top, bool exec, u64 *out_start)
{
	u64 vm = VM_READ | VM_WRITE | (exec ? VM_EXEC : 0) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
		 VM_GROWSDOWN | VM_STACK | VM_ACCOUNT | VM_SOFTDIRTY | mm->def_flags;
	u64 len = 33 * PAGE_SIZE;
	struct vma *v;

	guard(write)(&mm->lock);
	top = page_down(top);
	if (!mm_range_free(mm, top - len, top))
		return -ENOMEM;
	int err = mm_commit(len >> PAGE_SHIFT);

	if (err)
		return err;
	v = vma_alloc();
	if (!v) {
		mm_uncommit(len >> PAGE_SHIFT);
		return -ENOMEM;
	}
	v->start = top - len;
	v->end = top;
	v->mm = mm;
	v->pgoff = v->start >> PAGE_SHIFT;
	vma_set_flags(v, vm);
	err = vma_insert(mm, v, &v);
	if (err) {
		vma_free(v);
		mm_uncommit(len >> PAGE_SHIFT);
		return err;
	}
	mm_stat_account(mm, vm, (s64)(len >> PAGE_SHIFT));
	*out_start = top - len;
	return 0;
}

/* --- munmap --- */

/* One VMA's part in the edit that removes [start, end). */
static int edit_away(struct btree_edit *e, struct vma *v, u64 start, u64 end)
{
	if (v->start >= start && v->end <= end)
		return btree_edit_erase(e, v->start, NULL);
	if (v->start < start)
		return btree_edit_update(e, v->start, (struct btree_range){v->start, start}, v);
	return btree_edit_update(e, v->start, (struct btree_range){end, v->end}, v);
}

/* Chains the VMAs in [start, end) in order. */
static struct vma *chain_range(struct mm *mm, u64 start, u64 end)
{
	struct vma *first = NULL, **at = &first;

	for (struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(mm, v)) {
		*at = v;
		at = &v->chain;
	}
	*at = NULL;
	return first;
}

static void account_gone(struct mm *mm, struct vma *v, u64 from, u64 to)
{
	u64 pages = (to - from) >> PAGE_SHIFT;

	mm_stat_account(mm, v->flags, -(s64)pages);
	if (v->flags & VM_ACCOUNT)
		mm_uncommit(pages);
	if (vma_is_hugetlb(v))
		hugetlb_gone(v, from, to);
}

/* Is a huge page cut by a border of [start, end)? @v is the first VMA there. */
static bool cuts_page(struct mm *mm, const struct vma *v, u64 start, u64 end)
{
	const struct vma *last;

	if (v->start < start && !vma_may_cut(v, start))
		return true;
	last = v->end >= end ? v : vma_at(mm, end);
	return last && last->start < end && last->end > end && !vma_may_cut(last, end);
}

int mm_unmap_locked(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start), *list, *next;
	struct btree_edit e;
	struct gather g;
	int err = 0;

	if (!v || v->start >= end)
		return 0;
	if (unlikely(cuts_page(mm, v, start, end)))
		return -EINVAL;
	if (v->start < start && v->end > end) {
		err = vma_split_at(mm, end);
		if (err)
			return err;
	}
	list = chain_range(mm, start, end);
	btree_edit_begin(&e, &mm->vmas);
	for (v = list; v && !err; v = v->chain)
		err = edit_away(&e, v, start, end);
	if (err) {
		btree_edit_abort(&e);
		return err;
	}
	for (v = list; v; v = v->chain)
		vma_write_lock(v);
	btree_edit_commit(&e);
	mm_changed(mm);
	gather_begin(&g, mm, false);
	for (v = list; v; v = v->chain) {
		u64 from = max(v->start, start), to = min(v->end, end);
		bool whole = from == v->start && to == v->end;

		account_gone(mm, v, from, to);
		if (whole) {
			vma_detach(v);
			vma_rmap_del(v);
			mm->vma_count--;
		}
		pt_zap(&g, v, from, to, ZAP_ALL);
		if (!whole) {
			vma_set_extent(v, from > v->start ? v->start : to,
				       from > v->start ? from : v->end);
			vma_write_unlock(v);
		}
	}
	pt_free_hole(&g, start, end);
	gather_end(&g);
	for (v = list; v; v = next) {
		next = v->chain;
		if (v->attached)
			continue;
		vma_write_unlock(v);
		vma_release(v);
	}
	return 0;
}

static int check_range(struct mm *mm, u64 addr, u64 len)
{
	if (addr & ~PAGE_MASK || addr > mm->task_size || len > mm->task_size - addr)
		return -EINVAL;
	return page_up(len) ? 0 : -EINVAL;
}

int mm_unmap(struct mm *mm, u64 addr, u64 len)
{
	struct uffd_gone *gone = NULL;
	int err = check_range(mm, addr, len);

	if (err)
		return err;
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (mm->vma_count >= mm_max_map_count)
		err = vma_at(mm, addr) && vma_at(mm, addr) == vma_at(mm, addr + page_up(len))
			      ? -ENOMEM
			      : 0;
	if (!err)
		err = mm_gone_prepare(mm, addr, addr + page_up(len), &gone);
	if (!err)
		err = mm_unmap_locked(mm, addr, addr + page_up(len));
	rwsem_write_unlock(&mm->lock);
	if (unlikely(gone))
		uffd_gone_tell(gone, !err);
	return err;
}

/* --- brk --- */

static int grow_brk(struct mm *mm, u64 from, u64 to)
{
	u64 out;

	if (!mm_range_free(mm, from, to + PAGE_SIZE) || !place_ok(mm, from, to - from))
		return -ENOMEM;
	return map_locked(mm, from, to - from, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, &out);
}

int mm_set_brk(struct mm *mm, u64 start, u64 brk)
{
	u64 from = page_up(start), to = page_up(brk);
	int err = 0;

	guard(write)(&mm->lock);
	if (to > from)
		err = grow_brk(mm, from, to);
	if (!err) {
		mm->start_brk = start;
		mm->brk = brk;
	}
	return err;
}

long sys_brk(unsigned long brk)
{
	struct mm *mm = current->mm;
	u64 limit = task_rlimit(RLIMIT_DATA);
	struct uffd_gone *gone = NULL;
	bool populate = false;
	bool happened = false;
	u64 old, new;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	old = page_up(mm->brk);
	new = page_up(brk);
	if (brk < mm->start_brk || brk > mm->task_size)
		goto out;
	if (limit != RLIM64_INFINITY &&
	    brk - mm->start_brk + (mm->end_data - mm->start_data) > limit)
		goto out;
	if (new < old) {
		if (mm_gone_prepare(mm, new, old, &gone) || mm_unmap_locked(mm, new, old))
			goto out;
	} else if (new > old) {
		if (grow_brk(mm, old, new))
			goto out;
		populate = mm->def_flags & VM_LOCKED;
	}
	mm->brk = brk;
out:
	if (unlikely(gone))
		happened = mm->brk == brk;
	brk = mm->brk;
	rwsem_write_unlock(&mm->lock);
	if (unlikely(gone))
		uffd_gone_tell(gone, happened);
	if (populate)
		mm_populate(mm, old, new);
	return (long)brk;
}

/* --- system calls --- */

long sys_mmap(unsigned long addr, size_t length, unsigned long prot, unsigned long flags, int fd,
	      s64 offset)
{
	struct file *file = NULL;
	u64 out;

	if (offset & (s64)~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_file((unsigned int)fd);
		if (!file)
			return -EBADF;
		if (flags & MAP_HUGETLB && !hugetlb_file_size(file)) {
			file_put(file);
			return -EINVAL;
		}
	} else if (flags & MAP_HUGETLB) {
		int failed = hugetlb_anon_file(length, (u32)flags, &file);

		if (failed)
			return failed;
	}
	int err = mm_map(current->mm, addr, length, (u32)prot, (u32)flags, file,
			 (u64)offset >> PAGE_SHIFT, &out);

	if (file)
		file_put(file);
	return err ? err : (long)out;
}

long sys_munmap(unsigned long addr, size_t length)
{
	return mm_unmap(current->mm, addr, length);
}
