/*
 * What programs read about frames: /proc/kpageflags, kpagecount.  Documentation: proc(5), the
 * kernel's own text on pagemap; page-types of the kernel's tools reads all of it.
 *
 * A frame says what it is used for; the bits are what Linux's memory management would have set on
 * its page.  Entries that map a page are not counted: for a file's page they are looked for in the
 * mappings of the file, for an anonymous one its references are what there is, pins included.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/procfs/procfs.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/kernel-page-flags.h>

#define BIT_OF(name) (1ull << KPF_##name)
#define KPF_RESERVED 32	   /* known to page-types, not in the header for users */
#define MAPPINGS_MAX 1024u /* of a file that are looked through for one page */

/* ---- flags ---- */

static u64 folio_flags(const struct folio *f)
{
	static const struct {
		u32 flag;
		u64 shown;
	} map[] = {
		{FOLIO_LOCKED, BIT_OF(LOCKED)},		 {FOLIO_REFERENCED, BIT_OF(REFERENCED)},
		{FOLIO_UPTODATE, BIT_OF(UPTODATE)},	 {FOLIO_DIRTY, BIT_OF(DIRTY)},
		{FOLIO_WRITEBACK, BIT_OF(WRITEBACK)},	 {FOLIO_ACTIVE, BIT_OF(ACTIVE)},
		{FOLIO_UNEVICTABLE, BIT_OF(SWAPBACKED)},
	};
	u32 flags = READ_ONCE(f->flags);
	u64 out = flags & FOLIO_HUGETLB ? BIT_OF(HUGE) : BIT_OF(LRU);

	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		out |= flags & map[i].flag ? map[i].shown : 0;
	return out;
}

/* Linux keeps them on the head; of the other pages the type alone is told. */
static u64 head_only(u64 flags, bool tail)
{
	const u64 of_all = BIT_OF(MMAP) | BIT_OF(ANON) | BIT_OF(THP) | BIT_OF(HUGE) | BIT_OF(SLAB);

	return tail ? flags & of_all : flags;
}

static u64 anon_flags(const struct frame *head)
{
	return BIT_OF(MMAP) | BIT_OF(ANON) | BIT_OF(SWAPBACKED) | BIT_OF(UPTODATE) | BIT_OF(LRU) |
	       (head->order ? BIT_OF(THP) : 0);
}

static u64 file_flags(struct frame *head)
{
	u64 out = 0;

	/* The descriptor is a folio as long as the frame has a reference. */
	if (!frame_tryget(head))
		return 0;
	/* Not yet, while it is being made. */
	if (head->type == FRAME_FOLIO && head->owner)
		out = folio_flags(head->owner);
	if (head->order && !(out & BIT_OF(HUGE)))
		out |= BIT_OF(THP);
	/* The cache's, and this one. */
	if (frame_refs(head) > 2)
		out |= BIT_OF(MMAP);
	frame_put(head);
	return out;
}

/* Inside a free block, whose first frame alone says so: the types of the others are of earlier
 * days.  A free frame that is in none waits in a list of a CPU. */
static bool in_free_block(u64 pfn)
{
	for (unsigned int order = 0; order <= FRAME_ORDER_MAX; order++) {
		u64 first = pfn & ~((1ull << order) - 1);
		const struct frame *f;

		if (!pfn_valid(first))
			return false;
		f = pfn_to_frame(first);
		if (READ_ONCE(f->type) == FRAME_FREE && READ_ONCE(f->order) >= order)
			return true;
	}
	return false;
}

static u64 type_flags(struct frame *head, bool tail)
{
	switch (READ_ONCE(head->type)) {
	case FRAME_RESERVED:
		return in_free_block(frame_to_pfn(head)) ? BIT_OF(BUDDY) : BIT_OF(RESERVED);
	case FRAME_FREE:
		return BIT_OF(BUDDY);
	case FRAME_FREE_TAIL:
		return in_free_block(frame_to_pfn(head)) ? BIT_OF(BUDDY) : 0;
	case FRAME_SLAB:
		return BIT_OF(SLAB);
	case FRAME_PGTABLE:
		return BIT_OF(PGTABLE);
	case FRAME_ANON:
		return head_only(anon_flags(head), tail);
	case FRAME_FOLIO:
		return head_only(file_flags(head), tail);
	default:
		return 0;
	}
}

static u64 flags_word(u64 pfn)
{
	if (!pfn_valid(pfn))
		return BIT_OF(NOPAGE);
	struct frame *f = pfn_to_frame(pfn), *head = frame_head(f);
	bool tail = f != head;
	u64 out = 0;

	if (f == zero_frame)
		return BIT_OF(ZERO_PAGE);
	if (tail)
		out |= BIT_OF(COMPOUND_TAIL);
	else if (READ_ONCE(head->type) > FRAME_FREE_TAIL && head->order)
		out |= BIT_OF(COMPOUND_HEAD);
	if (mm_is_huge_zero(head))
		return out | BIT_OF(ZERO_PAGE) | BIT_OF(THP);
	if (unlikely(READ_ONCE(f->flags) & FRAME_F_POISONED))
		out |= BIT_OF(HWPOISON);
	return out | type_flags(head, tail);
}

/* ---- counts ---- */

/* Does @v map exactly this frame at the place of page @index of its file? */
static bool maps_frame(struct vma *v, u64 index, u64 pfn)
{
	struct pt_spot spot;

	if (index - v->pgoff >= vma_pages(v))
		return false;
	return pt_find(v->mm, v->start + ((index - v->pgoff) << PAGE_SHIFT), &spot) &&
	       pte_pfn(spot.e) == pfn;
}

/* The folio's lock keeps its cache; its mappings' lock comes before it and can only be tried.
 * False: not found out. */
static bool count_in_mappings(struct folio *f, u64 pfn, u64 *out)
{
	struct pagecache *pc = f->cache;
	unsigned int looked = 0;
	u64 count = 0, index;
	struct vma *v;

	if (!pc || !rwsem_read_trylock(&pc->rmap_lock))
		return false;
	index = f->index + (pfn - frame_to_pfn(f->frame));
	list_for_each_entry (v, &pc->vmas, rmap_link) {
		if (++looked > MAPPINGS_MAX)
			break;
		count += maps_frame(v, index, pfn);
	}
	rwsem_read_unlock(&pc->rmap_lock);
	*out = count;
	return looked <= MAPPINGS_MAX;
}

static u64 file_maps(struct frame *head, u64 pfn)
{
	u64 count = 0;

	if (!frame_tryget(head))
		return 0;
	if (head->type == FRAME_FOLIO && head->owner) {
		struct folio *f = head->owner;

		folio_lock(f);
		if (!count_in_mappings(f, pfn, &count)) {
			u64 refs = mm_frame_maps(head);

			/* Ours is one; it may be the last. */
			count = refs ? refs - 1 : 0;
		}
		folio_unlock(f);
	}
	frame_put(head);
	return count;
}

static u64 count_word(u64 pfn)
{
	struct frame *head;

	if (!pfn_valid(pfn))
		return 0;
	head = frame_head(pfn_to_frame(pfn));
	if (mm_is_huge_zero(head))
		return 0;
	return READ_ONCE(head->type) == FRAME_FOLIO ? file_maps(head, pfn) : mm_frame_maps(head);
}

/* ---- the files ---- */

/* Words of consecutive frames; beyond the last one with a descriptor the file ends. */
static ssize_t read_frames(struct uio *u, loff_t *pos, u64 (*word)(u64 pfn))
{
	ssize_t done = 0;

	if (*pos % 8 || u->left % 8)
		return -EINVAL;
	while (u->left) {
		u64 pfn = (u64)*pos / 8;

		if (pfn >= frame_pfn_end())
			break;
		u64 w = word(pfn);

		if (uio_copy_to(u, &w, 8) < 8)
			return done ? done : -EFAULT;
		*pos += 8;
		done += 8;
	}
	return done;
}

static ssize_t read_flags(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f;
	return read_frames(u, pos, flags_word);
}

static ssize_t read_counts(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f;
	return read_frames(u, pos, count_word);
}

static const struct file_ops kpageflags_fops = {.read = read_flags, .lseek = mm_page_file_lseek};
static const struct file_ops kpagecount_fops = {.read = read_counts, .lseek = mm_page_file_lseek};

PROC_FOPS("kpageflags", 0400, &kpageflags_fops);
PROC_FOPS("kpagecount", 0400, &kpagecount_fops);
