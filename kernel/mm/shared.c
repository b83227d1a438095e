/* Shared anonymous memory: a page cache without a file, kept by the VMAs that map it. */
#include "mm_impl.h"

#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>

struct shared {
	u32 refs;  /* atomic */
	u64 pages; /* committed; [I] what is behind them is no memory, even where a mapping grew */
	struct pagecache cache;
};

int mm_shared_create(u64 pages, struct pagecache **out)
{
	struct shared *s = kmalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	int err = mm_commit(pages);

	if (err) {
		kfree(s);
		return err;
	}
	s->refs = 1;
	s->pages = pages;
	pagecache_init(&s->cache, NULL, NULL, PAGECACHE_MEMORY);
	*out = &s->cache;
	return 0;
}

u64 mm_shared_pages(const struct pagecache *pc)
{
	return container_of(pc, struct shared, cache)->pages;
}

void mm_shared_get(struct pagecache *pc)
{
	__atomic_fetch_add(&container_of(pc, struct shared, cache)->refs, 1, __ATOMIC_RELAXED);
}

void mm_shared_put(struct pagecache *pc)
{
	struct shared *s = container_of(pc, struct shared, cache);

	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pagecache_destroy(pc);
	mm_uncommit(s->pages);
	kfree(s);
}

/* ---- System V attachments ---- */

static bool is_attached_at(const struct vma *v, u64 addr, const struct vma_ops *ops)
{
	return v->ops == ops && v->start >= addr && (v->start - addr) >> PAGE_SHIFT == v->pgoff;
}

/* Parts may have been unmapped or moved: what is left within the file's size goes. */
static int unmap_attached(struct mm *mm, u64 addr, const struct vma_ops *ops)
{
	struct vma *v = vma_find(mm, addr);
	const struct file *file;
	u64 end;
	int err = 0;

	while (v && !is_attached_at(v, addr, ops))
		v = vma_next(mm, v);
	if (!v)
		return -EINVAL;
	file = v->file;
	end = addr + page_up((u64)inode_size(file->inode));
	while (v && v->end <= end && !err) {
		u64 from = v->start, to = v->end;

		if (is_attached_at(v, addr, ops) && v->file == file)
			err = mm_unmap_locked(mm, from, to);
		v = vma_find(mm, to);
	}
	return err;
}

int mm_unmap_attached(struct mm *mm, u64 addr, const struct vma_ops *ops)
{
	int err;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	err = unmap_attached(mm, addr, ops);
	rwsem_write_unlock(&mm->lock);
	return err;
}
