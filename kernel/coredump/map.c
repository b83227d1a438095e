/* Which memory is dumped: core(5), coredump_filter; madvise(2), MADV_DONTDUMP. */
#include <kernel/coredump/coredump_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>

static bool is_elf(const struct vma *v)
{
	u8 magic[4];

	return mm_access(v->mm, v->start, magic, sizeof(magic), false, true) == sizeof(magic) &&
	       !memcmp(magic, "\177ELF", sizeof(magic));
}

/* Does the program or a library begin here? Then one page tells which. */
static bool maybe_header(const struct vma *v)
{
	return v->file && !v->pgoff && (v->flags & VM_READ);
}

static bool whole(const struct vma *v, u32 filter)
{
	if (v->ops && v->ops->name && v->ops->name((struct vma *)(unsigned long)v))
		return true; /* the vDSO: debuggers unwind through it */
	if (v->flags & (VM_DONTDUMP | VM_IO))
		return false;
	if (v->flags & VM_HUGETLB)
		return filter & (v->flags & VM_SHARED ? DUMP_FILTER_HUGETLB_SHARED
						      : DUMP_FILTER_HUGETLB_PRIVATE);
	if (v->flags & VM_SHARED) {
		bool named = v->file && v->file->inode->nlink;

		return filter & (named ? DUMP_FILTER_FILE_SHARED : DUMP_FILTER_ANON_SHARED);
	}
	/* Private pages exist where the mapping was written to. */
	if ((v->has_anon || !v->file) && (filter & DUMP_FILTER_ANON_PRIVATE))
		return true;
	return v->file && (filter & DUMP_FILTER_FILE_PRIVATE);
}

static void take(struct core_map *m, const struct vma *v, u32 filter)
{
	struct core_area *a = &m->area[m->count++];

	*a = (struct core_area){
		.start = v->start,
		.end = v->end,
		.flags = v->flags,
		.file = v->file ? file_get(v->file) : NULL,
		.pgoff = v->pgoff,
	};
	if (whole(v, filter))
		a->dumped = a->end - a->start;
	else if ((filter & DUMP_FILTER_ELF_HEADERS) && maybe_header(v) &&
		 !(v->flags & (VM_DONTDUMP | VM_IO | VM_SHARED)))
		a->dumped = PAGE_SIZE; /* if it is one: judged without the lock */
}

/* Reading memory takes the lock of the map, so this comes after it was dropped. */
static void judge_headers(struct mm *mm, struct core_map *m)
{
	for (u32 i = 0; i < m->count; i++) {
		struct core_area *a = &m->area[i];
		const struct vma v = {.mm = mm, .start = a->start};

		if (a->dumped == PAGE_SIZE && a->file && !(a->file->inode->mode & 0111) &&
		    a->end - a->start > PAGE_SIZE && !is_elf(&v))
			a->dumped = 0;
	}
}

int core_map_take(struct mm *mm, struct core_map *m)
{
	u32 filter = READ_ONCE(mm->coredump_filter);
	struct btree_iter it;
	struct vma *v;

	memset(m, 0, sizeof(*m));
	rwsem_read_lock(&mm->lock);
	m->room = mm->vma_count + 8;
	rwsem_read_unlock(&mm->lock);
	m->area = kvmalloc(m->room * sizeof(*m->area), GFP_KERNEL);
	if (!m->area)
		return -ENOMEM;
	rwsem_read_lock(&mm->lock);
	btree_iter_init(&it, &mm->vmas, 0);
	while (m->count < m->room && (v = btree_iter_next(&it, NULL)))
		take(m, v, filter);
	rwsem_read_unlock(&mm->lock);
	judge_headers(mm, m);
	return 0;
}

void core_map_free(struct core_map *m)
{
	for (u32 i = 0; i < m->count; i++) {
		if (m->area[i].file)
			file_put(m->area[i].file);
	}
	kvfree(m->area);
}
