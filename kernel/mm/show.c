/* Texts of /proc/PID/maps, smaps, smaps_rollup as Linux prints them; the files are in maps.c. */
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

bool vma_is_heap(const struct vma *v)
{
	const struct mm *mm = v->mm;

	return v->start <= mm->brk && v->end >= mm->start_brk && mm->brk > mm->start_brk;
}

bool vma_is_stack(const struct vma *v)
{
	return v->start <= v->mm->start_stack && v->end >= v->mm->start_stack;
}

static const char *special_name(struct vma *v)
{
	if (v->ops && v->ops->name)
		return v->ops->name(v);
	if (vma_is_heap(v))
		return "[heap]";
	return vma_is_stack(v) ? "[stack]" : NULL;
}

/* The name is in a column of its own. */
static void pad(struct seq *s, size_t from)
{
	size_t used = s->count - from;

	while (used++ < NAME_COLUMN)
		seq_putc(s, ' ');
}

void vma_show(struct vma *v, struct seq *s, char *buf)
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
		const char *special = special_name(v);

		if (special) {
			pad(s, from);
			seq_puts(s, special);
		}
	}
	seq_putc(s, '\n');
}

/* --- smaps --- */

static u64 pss_of(const struct smaps *f)
{
	return f->pss[PSS_ANON] + f->pss[PSS_FILE] + f->pss[PSS_SHMEM];
}

/* How many entries map @head, as far as references tell. */
static u64 mappings_of(const struct frame *head, bool huge)
{
	u64 refs = frame_refs(head);

	if (head->type != FRAME_ANON)
		return refs > 1 ? refs - 1 : 1; /* one reference is the cache's */
	if (head->order && !huge)
		return (refs + (1ul << head->order) - 1) >> head->order;
	return refs ? refs : 1;
}

/* Of a page of a pool: not among the others. */
static void count_hugetlb(struct smaps *f, const struct frame *head, u64 size)
{
	const struct folio *folio = head->owner;
	/* One reference is the cache's, if it is in one. */
	u64 maps = frame_refs(head) - !(folio->flags & FOLIO_COPY);

	*(maps > 1 ? &f->hugetlb_shared : &f->hugetlb_private) += size;
}

/* @size bytes that @e maps. */
static void count_page(struct smaps *f, pte_t e, u64 size)
{
	if (!pte_present(e) || pte_special(e))
		return;
	struct frame *head = frame_head(pfn_to_frame(pte_pfn(e)));

	if (size > PAGE_SIZE && head->type == FRAME_FOLIO) {
		count_hugetlb(f, head, size);
		return;
	}
	bool dirty = pte_dirty(e), anon = head->type == FRAME_ANON;
	u64 maps = mappings_of(head, size > PAGE_SIZE), share = (size << PAGE_SHIFT) / maps;
	unsigned int kind = PSS_ANON;

	if (!anon && head->type == FRAME_FOLIO)
		kind = ((struct folio *)head->owner)->flags & FOLIO_UNEVICTABLE ? PSS_SHMEM
										: PSS_FILE;
	f->rss += size;
	f->pss[kind] += share;
	f->pss_dirty += dirty ? share : 0;
	f->anon += anon ? size : 0;
	f->huge += size > PAGE_SIZE ? size : 0;
	f->referenced += pte_young(e) ? size : 0;
	if (maps > 1)
		*(dirty ? &f->shared_dirty : &f->shared_clean) += size;
	else
		*(dirty ? &f->private_dirty : &f->private_clean) += size;
}

/* The leaf entries of [@addr, @end), all below @table. */
static void count_small(struct smaps *f, const pte_t *table, u64 addr, u64 end)
{
	for (; addr < end; addr += PAGE_SIZE) {
		const pte_t *at = &table[pt_index(0, addr)];
		pte_t e = pte_read(at);

		if (pte_none(e) && pt_line_empty(at))
			addr += (PT_LINE - 1) * PAGE_SIZE;
		else
			count_page(f, e, PAGE_SIZE);
	}
}

void vma_add_smaps(struct vma *v, u64 from, struct smaps *sum)
{
	u64 next, pss = pss_of(sum);

	from = max(from, v->start);
	sum->size += v->end - from;
	for (u64 addr = from; addr < v->end; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, v->end, &next);
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		/* A huge one that is being split is not there, for a moment. */
		if (pte_is_table(e))
			count_small(sum, pte_table(e), addr, next);
		else
			count_page(sum, e, HUGE_SIZE);
	}
	if (v->flags & VM_LOCKED)
		sum->pss_locked += pss_of(sum) - pss;
}

static void line(struct seq *s, const char *name, u64 bytes)
{
	seq_printf(s, "%-16s%8llu kB\n", name, (unsigned long long)(bytes >> 10));
}

/* @page_size: of the mapping; 0: it is a sum of several. */
static void show_figures(struct seq *s, const struct smaps *f, u64 page_size)
{
	bool rollup = !page_size;

	if (!rollup) {
		line(s, "Size:", f->size);
		line(s, "KernelPageSize:", page_size);
		line(s, "MMUPageSize:", page_size);
	}
	line(s, "Rss:", f->rss);
	line(s, "Pss:", pss_of(f) >> PAGE_SHIFT);
	line(s, "Pss_Dirty:", f->pss_dirty >> PAGE_SHIFT);
	if (rollup) {
		line(s, "Pss_Anon:", f->pss[PSS_ANON] >> PAGE_SHIFT);
		line(s, "Pss_File:", f->pss[PSS_FILE] >> PAGE_SHIFT);
		line(s, "Pss_Shmem:", f->pss[PSS_SHMEM] >> PAGE_SHIFT);
	}
	line(s, "Shared_Clean:", f->shared_clean);
	line(s, "Shared_Dirty:", f->shared_dirty);
	line(s, "Private_Clean:", f->private_clean);
	line(s, "Private_Dirty:", f->private_dirty);
	line(s, "Referenced:", f->referenced);
	line(s, "Anonymous:", f->anon);
	line(s, "LazyFree:", 0);
	line(s, "AnonHugePages:", f->huge);
	line(s, "ShmemPmdMapped:", 0);
	line(s, "FilePmdMapped:", 0);
	line(s, "Shared_Hugetlb:", f->hugetlb_shared);
	line(s, "Private_Hugetlb:", f->hugetlb_private);
	line(s, "Swap:", 0);
	line(s, "SwapPss:", 0);
	line(s, "Locked:", f->pss_locked >> PAGE_SHIFT);
}

static bool huge_eligible(const struct vma *v)
{
	return huge_allowed(v, (v->start + HUGE_SIZE - 1) & HUGE_MASK, false);
}

static void show_flags(struct seq *s, const struct vma *v)
{
	static const struct {
		u64 bit;
		const char *name;
	} names[] = {
		{VM_READ, "rd"},       {VM_WRITE, "wr"},	{VM_EXEC, "ex"},
		{VM_SHARED, "sh"},     {VM_MAYREAD, "mr"},	{VM_MAYWRITE, "mw"},
		{VM_MAYEXEC, "me"},    {VM_MAYSHARE, "ms"},	{VM_GROWSDOWN, "gd"},
		{VM_PFNMAP, "pf"},     {VM_LOCKED, "lo"},	{VM_IO, "io"},
		{VM_SEQ_READ, "sr"},   {VM_RAND_READ, "rr"},	{VM_DONTCOPY, "dc"},
		{VM_DONTEXPAND, "de"}, {VM_LOCKONFAULT, "lf"},	{VM_ACCOUNT, "ac"},
		{VM_HUGETLB, "ht"},    {VM_NORESERVE, "nr"},	{VM_WIPEONFORK, "wf"},
		{VM_DONTDUMP, "dd"},   {VM_SOFTDIRTY, "sd"},	{VM_HUGEPAGE, "hg"},
		{VM_NOHUGEPAGE, "nh"}, {VM_UFFD_MISSING, "um"}, {VM_UFFD_WP, "uw"},
		{VM_UFFD_MINOR, "ui"}, {VM_DROPPABLE, "dp"},
	};

	seq_printf(s, "THPeligible:    %d\nVmFlags: ", huge_eligible(v));
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (v->flags & names[i].bit)
			seq_printf(s, "%s ", names[i].name);
	}
	seq_putc(s, '\n');
}

void vma_show_smaps(struct vma *v, struct seq *s, char *buf)
{
	struct smaps f = {0};

	if (v->mm)
		vma_add_smaps(v, v->start, &f);
	else
		f.size = v->end - v->start;
	vma_show(v, s, buf);
	show_figures(s, &f, vma_page_size(v));
	show_flags(s, v);
}

void smaps_show_rollup(struct seq *s, u64 start, u64 end, const struct smaps *sum)
{
	size_t from = s->count;

	show_range(s, start, end, 0, 0, 0, 0);
	pad(s, from);
	seq_puts(s, "[rollup]\n");
	show_figures(s, sum, 0);
}
