/*
 * MAP_DROPPABLE: private memory that reclaim may take away; it reads as zeroes then.
 *
 * Nothing leads from an anonymous page back to who maps it, so address spaces with such mappings
 * are on a list that a shrinker walks. What has not been used since the last look goes: a page has
 * a second chance as those of files have, unless nobody else has anything left to give. Each call
 * looks at a bounded number of mappings and pages, and the next one goes on from there.
 *
 * droppable_lock: the shrinker only tries it, and only tries mm->lock, as the allocation that it
 * runs in may hold either. An address space that ends takes itself off the list, so one that is
 * found there is whole.
 */
#include "mm_impl.h"

#include <kernel/lock/lock.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>

#define LOOK_VMAS 1024u
#define LOOK_PAGES 4096u

static struct mutex droppable_lock;
static LIST_HEAD(mms);	  /* droppable_lock; the one to go on with is the first */
static u64 mm_number;	  /* on the list; droppable_lock to write */
static u64 round_pages;	  /* seen since the first one was the first; droppable_lock */
static u64 round_mms;	  /* droppable_lock */
static u64 estimate;	  /* pages of the last round; droppable_lock to write */
static u64 pages_dropped; /* atomic */

struct look {
	struct gather gather;
	u64 vmas, pages; /* still to be looked at */
	u64 want, got;
	bool used_too; /* no second chance */
};

void droppable_enter(struct mm *mm)
{
	mutex_lock(&droppable_lock);
	if (list_empty(&mm->droppable_link)) {
		list_add_tail(&mm->droppable_link, &mms);
		WRITE_ONCE(mm_number, mm_number + 1);
	}
	mutex_unlock(&droppable_lock);
}

void droppable_leave(struct mm *mm)
{
	mutex_lock(&droppable_lock);
	list_del_init(&mm->droppable_link);
	WRITE_ONCE(mm_number, mm_number - 1);
	mutex_unlock(&droppable_lock);
}

/* What is at *@at, of level 1 or 0, maps [addr, end): gone, or given a last chance. */
static void look_at(struct look *l, struct vma *v, pte_t *at, u64 addr, u64 end)
{
	u64 pages = (end - addr) >> PAGE_SHIFT;

	round_pages += pages;
	l->pages -= min(l->pages, pages);
	if (!l->used_too && (pages == 1 ? pte_test_clear_young(at) : huge_test_clear_young(at)))
		return;
	pt_zap(&l->gather, v, addr, end, ZAP_ALL);
	l->got += pages;
}

/* Returns where it stopped. */
static u64 look_at_vma(struct look *l, struct vma *v, u64 addr)
{
	u64 next;

	for (; addr < v->end && l->pages && l->got < l->want; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, v->end, &next);
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		l->pages--;
		if (pte_none(e))
			continue;
		if (!pte_is_table(e) && huge_whole(addr, next)) {
			look_at(l, v, upper, addr, next);
			continue;
		}
		pte_t *table = pt_small(v->mm, addr, upper);

		for (; table && addr < next && l->pages && l->got < l->want; addr += PAGE_SIZE) {
			pte_t *at = &table[pt_index(0, addr)];

			if (pte_present(pte_read(at)) && !pte_special(pte_read(at)))
				look_at(l, v, at, addr, addr + PAGE_SIZE);
		}
		if (table)
			next = addr;
	}
	return addr;
}

/* True: seen to its end. mm->lock held. */
static bool look_at_mm(struct look *l, struct mm *mm)
{
	u64 from = mm->droppable_cursor, at = from;
	struct vma *v = vma_find(mm, at);

	gather_begin(&l->gather, mm, false);
	for (; v && l->vmas && l->pages && l->got < l->want; v = vma_next(mm, v)) {
		l->vmas--;
		at = v->end;
		if (v->flags & VM_DROPPABLE)
			at = look_at_vma(l, v, max(v->start, from));
		if (at < v->end)
			break;
	}
	/* What was marked as unused is flushed as well. */
	l->gather.start = min(l->gather.start, from);
	l->gather.end = max(l->gather.end, at);
	gather_end(&l->gather);
	mm->droppable_cursor = v ? at : 0;
	return !v;
}

static void to_the_back(struct mm *mm)
{
	list_move_tail(&mm->droppable_link, &mms);
	if (++round_mms < mm_number)
		return;
	WRITE_ONCE(estimate, round_pages);
	round_pages = 0;
	round_mms = 0;
}

static u64 shrink(u64 want, bool used_too)
{
	struct look l = {
		.vmas = LOOK_VMAS, .pages = LOOK_PAGES, .want = want, .used_too = used_too};

	if (!READ_ONCE(mm_number) || !mutex_trylock(&droppable_lock))
		return 0;
	for (u64 n = mm_number; n && l.vmas && l.pages && l.got < want; n--) {
		struct mm *mm = list_first_entry(&mms, struct mm, droppable_link);
		bool done = true;

		l.vmas--;
		if (rwsem_read_trylock(&mm->lock)) {
			done = look_at_mm(&l, mm);
			rwsem_read_unlock(&mm->lock);
		}
		if (done)
			to_the_back(mm);
	}
	mutex_unlock(&droppable_lock);
	__atomic_fetch_add(&pages_dropped, l.got, __ATOMIC_RELAXED);
	return l.got;
}

static u64 shrink_unused(u64 want)
{
	return shrink(want, false);
}

static u64 shrink_all(u64 want)
{
	return shrink(want, true);
}

/* In proportion to this; one page for each address space until they have been counted. */
static u64 droppable_size(void)
{
	return max(READ_ONCE(estimate), READ_ONCE(mm_number));
}

static struct frame_shrinker unused_shrinker = {
	.name = "droppable memory", .shrink = shrink_unused, .size = droppable_size};
static struct frame_shrinker all_shrinker = {
	.name = "droppable memory in use", .shrink = shrink_all, .last = true};

void droppable_init(void)
{
	mutex_init(&droppable_lock, LK_MM_DROPPABLE);
	frame_register_shrinker(&unused_shrinker);
	frame_register_shrinker(&all_shrinker);
}

static int show_dropped(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%llu\n",
		   (unsigned long long)__atomic_load_n(&pages_dropped, __ATOMIC_RELAXED));
	return 0;
}
SYSFS_FILE("kernel/mm/droppable/pages_dropped", 0444, show_dropped, NULL, NULL);
