/* /proc/PID/maps, smaps, smaps_rollup as Linux prints them. */
#include "mm_impl.h"

#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>

#define NAME_COLUMN 73

static void show_range(struct seq *s, u64 start, u64 end, u64 flags, u64 offset, u32 dev, u64 ino)
{
	int len = 0;
	char head[96];

	len = scnprintf(head, sizeof(head), "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
			(unsigned long long)start, (unsigned long long)end,
			flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
			flags & VM_EXEC ? 'x' : '-', flags & VM_MAYSHARE ? 's' : 'p',
			(unsigned long long)offset, vfs_major(dev), vfs_minor(dev),
			(unsigned long long)ino);
	seq_write(s, head, (size_t)len);
}

static const char *special_name(struct mm *mm, struct vma *v)
{
	if (v->ops && v->ops->name)
		return v->ops->name(v);
	if (v->start <= mm->brk && v->end >= mm->start_brk && mm->brk > mm->start_brk)
		return "[heap]";
	if (v->start <= mm->start_stack && v->end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

/* The name is in a column of its own. */
static void pad(struct seq *s, size_t from)
{
	size_t used = s->count - from;

	while (used++ < NAME_COLUMN)
		seq_putc(s, ' ');
}

static void show_vma(struct mm *mm, struct vma *v, struct seq *s, char *buf)
{
	struct inode *inode = v->file ? v->file->inode : NULL;
	size_t from = s->count;
	char *name = NULL;

	show_range(s, v->start, v->end, v->flags, v->file ? v->pgoff << PAGE_SHIFT : 0,
		   inode && inode->super ? inode->super->dev : 0, inode ? inode->ino : 0);
	if (v->file) {
		pad(s, from);
		if (buf && !path_format(&v->file->path, buf, PAGE_SIZE, &name))
			seq_escape(s, name, "\n");
	} else if (v->cache) {
		pad(s, from);
		seq_puts(s, "/dev/zero (deleted)");
	} else {
		const char *special = special_name(mm, v);

		if (special) {
			pad(s, from);
			seq_puts(s, special);
		}
	}
	seq_putc(s, '\n');
}

void mm_show_maps(struct mm *mm, struct seq *s)
{
	char *buf = frame_alloc_virt(0, GFP_KERNEL);
	struct btree_iter it;
	struct vma *v;

	rwsem_read_lock(&mm->lock);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL)))
		show_vma(mm, v, s, buf);
	rwsem_read_unlock(&mm->lock);
	frame_free_virt(buf);
}

/* --- smaps --- */

struct figures {
	u64 size, rss, pss, shared_clean, shared_dirty, private_clean, private_dirty, referenced,
		anon, locked;
};

static void count_page(struct figures *f, pte_t e)
{
	if (pte_none(e) || !pte_present(e) || pte_special(e))
		return;
	struct frame *frame = frame_head(pfn_to_frame(pte_pfn(e)));
	u32 maps = frame_refs(frame);
	bool dirty = pte_dirty(e), anon = frame->type == FRAME_ANON;

	/* One reference is the cache's. */
	if (!anon && maps > 1)
		maps--;
	f->rss += PAGE_SIZE;
	f->pss += PAGE_SIZE / max(maps, 1u);
	if (anon)
		f->anon += PAGE_SIZE;
	if (pte_young(e))
		f->referenced += PAGE_SIZE;
	if (maps > 1)
		*(dirty ? &f->shared_dirty : &f->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &f->private_dirty : &f->private_clean) += PAGE_SIZE;
}

static void count_vma(struct figures *f, struct vma *v)
{
	u64 next, pss = f->pss;

	f->size += v->end - v->start;
	for (u64 addr = v->start; addr < v->end; addr = next) {
		pte_t *table = pt_leaf(v->mm, addr, v->end, &next);

		for (; table && addr < next; addr += PAGE_SIZE)
			count_page(f, pte_read(&table[pt_index(0, addr)]));
	}
	if (v->flags & VM_LOCKED)
		f->locked += f->pss - pss;
}

static void line(struct seq *s, const char *name, u64 bytes)
{
	seq_printf(s, "%-16s%8llu kB\n", name, (unsigned long long)(bytes >> 10));
}

static void show_figures(struct seq *s, const struct figures *f, bool rollup)
{
	if (!rollup) {
		line(s, "Size:", f->size);
		line(s, "KernelPageSize:", PAGE_SIZE);
		line(s, "MMUPageSize:", PAGE_SIZE);
	}
	line(s, "Rss:", f->rss);
	line(s, "Pss:", f->pss);
	line(s, "Pss_Dirty:", f->private_dirty);
	if (rollup) {
		line(s, "Pss_Anon:", f->anon);
		line(s, "Pss_File:", f->pss > f->anon ? f->pss - f->anon : 0);
		line(s, "Pss_Shmem:", 0);
	}
	line(s, "Shared_Clean:", f->shared_clean);
	line(s, "Shared_Dirty:", f->shared_dirty);
	line(s, "Private_Clean:", f->private_clean);
	line(s, "Private_Dirty:", f->private_dirty);
	line(s, "Referenced:", f->referenced);
	line(s, "Anonymous:", f->anon);
	line(s, "LazyFree:", 0);
	line(s, "AnonHugePages:", 0);
	line(s, "ShmemPmdMapped:", 0);
	line(s, "FilePmdMapped:", 0);
	line(s, "Shared_Hugetlb:", 0);
	line(s, "Private_Hugetlb:", 0);
	line(s, "Swap:", 0);
	line(s, "SwapPss:", 0);
	line(s, "Locked:", f->locked);
}

static void show_flags(struct seq *s, u64 flags)
{
	static const struct {
		u64 bit;
		const char *name;
	} names[] = {
		{VM_READ, "rd"},       {VM_WRITE, "wr"},     {VM_EXEC, "ex"},
		{VM_SHARED, "sh"},     {VM_MAYREAD, "mr"},   {VM_MAYWRITE, "mw"},
		{VM_MAYEXEC, "me"},    {VM_MAYSHARE, "ms"},  {VM_GROWSDOWN, "gd"},
		{VM_PFNMAP, "pf"},     {VM_LOCKED, "lo"},    {VM_IO, "io"},
		{VM_SEQ_READ, "sr"},   {VM_RAND_READ, "rr"}, {VM_DONTCOPY, "dc"},
		{VM_DONTEXPAND, "de"}, {VM_ACCOUNT, "ac"},   {VM_NORESERVE, "nr"},
		{VM_WIPEONFORK, "wf"}, {VM_DONTDUMP, "dd"},  {VM_HUGEPAGE, "hg"},
		{VM_NOHUGEPAGE, "nh"}, {VM_MERGEABLE, "mg"},
	};

	seq_puts(s, "THPeligible:    0\nVmFlags: ");
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].bit)
			seq_printf(s, "%s ", names[i].name);
	}
	seq_putc(s, '\n');
}

void mm_show_smaps(struct mm *mm, struct seq *s, bool rollup)
{
	char *buf = frame_alloc_virt(0, GFP_KERNEL);
	struct figures total = {0};
	u64 first = 0, last = 0;
	struct btree_iter it;
	struct vma *v;

	rwsem_read_lock(&mm->lock);
	btree_iter_init(&it, &mm->vmas, 0);
	while ((v = btree_iter_next(&it, NULL))) {
		struct figures f = {0};

		if (!first)
			first = v->start;
		last = v->end;
		if (rollup) {
			count_vma(&total, v);
			continue;
		}
		show_vma(mm, v, s, buf);
		count_vma(&f, v);
		show_figures(s, &f, false);
		show_flags(s, v->flags);
	}
	rwsem_read_unlock(&mm->lock);
	if (rollup && last) {
		size_t from = s->count;

		show_range(s, first, last, 0, 0, 0, 0);
		pad(s, from);
		seq_puts(s, "[rollup]\n");
		show_figures(s, &total, true);
	}
	frame_free_virt(buf);
}
