/*
 * What /sys/kernel/mm/transparent_hugepage says, and khugepaged: the thread that makes huge pages
 * of small ones in the background.
 *
 * Address spaces are on its list from their first fault, or advice, where a huge page could be,
 * until they end.  Each round looks at a number of pages, holding mm->lock for reading; a range
 * that looks right is collapsed with mm->lock written (huge.c).
 */
#include "mm_impl.h"

#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/wait/wait.h>
#include <lib/parse/parse.h>

enum huge_mode huge_mode = HUGE_ALWAYS;
enum huge_defrag huge_defrag = DEFRAG_MADVISE;
bool huge_use_zero = true;

/* khugepaged's knobs and figures; read and written as single words */
static u32 scan_sleep_ms = 10000, alloc_sleep_ms = 60000, pages_to_scan = HUGE_PAGES * 8;
static u32 max_none = HUGE_PAGES - 1;
static bool khuge_defrag = true;
static u32 pages_collapsed, full_scans;

static struct spinlock list_lock = SPINLOCK_INIT(LK_MM_HUGE);
static LIST_HEAD(mms); /* list_lock; the next to look at is the first */
static struct wait_queue khugepaged_wait = WAIT_QUEUE_INIT(khugepaged_wait);
static u32 started; /* atomic */
static u32 knocks;  /* atomic: knobs were turned */

/* --- who is looked at --- */

void khugepaged_enter(struct mm *mm)
{
	spin_lock(&list_lock);
	bool first = list_empty(&mms);

	if (list_empty(&mm->huge_link))
		list_add_tail(&mm->huge_link, &mms);
	spin_unlock(&list_lock);
	if (first)
		wake_up_all(&khugepaged_wait);
}

void khugepaged_leave(struct mm *mm)
{
	spin_lock(&list_lock);
	list_del_init(&mm->huge_link);
	spin_unlock(&list_lock);
}

/* The first that is alive; a user of it. */
static struct mm *first_mm(void)
{
	struct mm *mm, *found = NULL;

	spin_lock(&list_lock);
	list_for_each_entry (mm, &mms, huge_link) {
		if (mm_tryget(mm)) {
			found = mm;
			break;
		}
	}
	spin_unlock(&list_lock);
	return found;
}

/* @mm has been seen to its end; true: it was the last of a round. */
static bool to_the_back(struct mm *mm)
{
	static struct mm *round; /* list_lock; compared only */
	bool over;

	spin_lock(&list_lock);
	if (!list_empty(&mm->huge_link)) {
		list_del_init(&mm->huge_link);
		list_add_tail(&mm->huge_link, &mms);
	}
	over = round == mm || list_first_entry(&mms, struct mm, huge_link) == mm;
	if (over || !round)
		round = mm;
	spin_unlock(&list_lock);
	return over;
}

/* --- the scan --- */

/* Next range of @mm from *at that is worth a try; *left pages may be looked at. */
static bool find_range(struct mm *mm, u64 *at, u32 *left)
{
	struct vma *v = vma_find(mm, *at);

	while (v && *left) {
		u64 start = (max(*at, v->start) + HUGE_SIZE - 1) & HUGE_MASK;

		for (; *left && huge_allowed(v, start, false); start += HUGE_SIZE) {
			*left -= min(*left, HUGE_PAGES);
			*at = start + HUGE_SIZE;
			if (huge_promising(v, start, READ_ONCE(max_none)))
				return true;
		}
		if (!*left)
			return false;
		*at = v->end;
		v = vma_next(mm, v);
	}
	if (!v)
		*at = mm->task_size;
	return false;
}

static int collapse_range(struct mm *mm, u64 start)
{
	int err = 0;

	rwsem_write_lock(&mm->lock);
	struct vma *v = vma_at(mm, start);

	if (v && huge_allowed(v, start, false) && huge_promising(v, start, READ_ONCE(max_none))) {
		err = huge_collapse(v, start, READ_ONCE(max_none), READ_ONCE(khuge_defrag));
		if (!err)
			__atomic_fetch_add(&pages_collapsed, 1, __ATOMIC_RELAXED);
	}
	rwsem_write_unlock(&mm->lock);
	return err;
}

/* -ENOMEM: there are no blocks to be had for a while. */
static int scan(void)
{
	static struct mm *where; /* compared only: the place in it is still good */
	static u64 at;
	u32 left = READ_ONCE(pages_to_scan);
	int err = 0;

	while (left && err != -ENOMEM) {
		struct mm *mm = first_mm();

		if (!mm)
			return 0;
		if (mm != where)
			at = 0;
		where = mm;
		rwsem_read_lock(&mm->lock);
		bool found = find_range(mm, &at, &left), end = at >= mm->task_size;

		rwsem_read_unlock(&mm->lock);
		if (found)
			err = collapse_range(mm, at - HUGE_SIZE);
		if (end && !found) {
			where = NULL;
			if (to_the_back(mm)) {
				__atomic_fetch_add(&full_scans, 1, __ATOMIC_RELAXED);
				left = 0;
			}
		}
		mm_put(mm);
	}
	return err;
}

static int khugepaged(void *ctx)
{
	(void)ctx;
	for (;;) {
		(void)!wait_event_interruptible(&khugepaged_wait,
						!list_empty(&mms) && huge_mode != HUGE_NEVER);
		u32 seen = __atomic_load_n(&knocks, __ATOMIC_ACQUIRE);
		u32 ms = scan() == -ENOMEM ? READ_ONCE(alloc_sleep_ms) : READ_ONCE(scan_sleep_ms);
		u64 until = time_mono_ns() + ms * NSEC_PER_MSEC;

		(void)!wait_event_deadline(&khugepaged_wait,
					   __atomic_load_n(&knocks, __ATOMIC_ACQUIRE) != seen,
					   until);
	}
	return 0;
}

/* The thread exists once huge pages are wanted. */
static int start_thread(void)
{
	u32 no = 0;

	if (huge_mode == HUGE_NEVER ||
	    !__atomic_compare_exchange_n(&started, &no, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return 0;
	int err = kthread_start(khugepaged, NULL, "khugepaged", NULL);

	if (err)
		__atomic_store_n(&started, 0, __ATOMIC_RELEASE);
	return err;
}

static void knock(void)
{
	__atomic_fetch_add(&knocks, 1, __ATOMIC_RELEASE);
	wake_up_all(&khugepaged_wait);
}

static void thp_init(void)
{
	(void)!start_thread();
}
INITCALL(thp_init);

/* --- prctl --- */

int mm_set_huge_disabled(struct mm *mm, bool disabled)
{
	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	mm->thp_disabled = disabled;
	rwsem_write_unlock(&mm->lock);
	return 0;
}

/* --- files --- */

/* All of @names, the present one in brackets. */
static int show_choice(struct seq *s, const char *const *names, unsigned int n, unsigned int now)
{
	for (unsigned int i = 0; i < n; i++)
		seq_printf(s, i == now ? "%s[%s]" : "%s%s", i ? " " : "", names[i]);
	seq_putc(s, '\n');
	return 0;
}

static int find_choice(const char *text, const char *const *names, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(text, names[i]))
			return (int)i;
	}
	return -EINVAL;
}

static const char *const mode_names[] = {"always", "madvise", "never"};
static const char *const defrag_names[] = {"always", "defer", "defer+madvise", "madvise", "never"};
static const char *const shmem_names[] = {"always", "within_size", "advise",
					  "never",  "deny",	   "force"};
#define SHMEM_NEVER 3u
#define SHMEM_DENY 4u
static u32 shmem_mode = SHMEM_NEVER;

static int show_enabled(struct seq *s, void *ctx)
{
	(void)ctx;
	return show_choice(s, mode_names, ARRAY_SIZE(mode_names), huge_mode);
}

static int store_enabled(const char *text, void *ctx)
{
	int i = find_choice(text, mode_names, ARRAY_SIZE(mode_names));

	(void)ctx;
	if (i < 0)
		return i;
	huge_mode = (enum huge_mode)i;
	knock();
	return start_thread();
}

static int show_defrag(struct seq *s, void *ctx)
{
	(void)ctx;
	return show_choice(s, defrag_names, ARRAY_SIZE(defrag_names), huge_defrag);
}

static int store_defrag(const char *text, void *ctx)
{
	int i = find_choice(text, defrag_names, ARRAY_SIZE(defrag_names));

	(void)ctx;
	if (i < 0)
		return i;
	huge_defrag = (enum huge_defrag)i;
	return 0;
}

static int show_shmem(struct seq *s, void *ctx)
{
	(void)ctx;
	return show_choice(s, shmem_names, ARRAY_SIZE(shmem_names), shmem_mode);
}

/* Shared memory has no huge pages: only what says so can be chosen. */
static int store_shmem(const char *text, void *ctx)
{
	int i = find_choice(text, shmem_names, ARRAY_SIZE(shmem_names));

	(void)ctx;
	if (i != SHMEM_NEVER && i != SHMEM_DENY)
		return -EINVAL;
	shmem_mode = (u32)i;
	return 0;
}

static int show_size(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%lu\n", HUGE_SIZE);
	return 0;
}

static int store_bool(const char *text, bool *to)
{
	u32 v;

	if (parse_u32(text, 10, &v) || v > 1)
		return -EINVAL;
	WRITE_ONCE(*to, v != 0);
	return 0;
}

static int store_word(const char *text, u32 least, u32 most, u32 *to)
{
	u32 v;

	if (parse_u32(text, 10, &v) || v < least || v > most)
		return -EINVAL;
	WRITE_ONCE(*to, v);
	knock();
	return 0;
}

#define SHOW(name, what)                                 \
	static int show_##name(struct seq *s, void *ctx) \
	{                                                \
		(void)ctx;                               \
		seq_printf(s, "%u\n", (u32)(what));      \
		return 0;                                \
	}
#define STORE_WORD(name, what, least, most)                        \
	static int store_##name(const char *text, void *ctx)       \
	{                                                          \
		(void)ctx;                                         \
		return store_word(text, (least), (most), &(what)); \
	}

SHOW(use_zero, huge_use_zero)
SHOW(khuge_defrag, khuge_defrag)
SHOW(alloc_sleep, alloc_sleep_ms)
STORE_WORD(alloc_sleep, alloc_sleep_ms, 0, U32_MAX)
SHOW(scan_sleep, scan_sleep_ms)
STORE_WORD(scan_sleep, scan_sleep_ms, 0, U32_MAX)
SHOW(pages_to_scan, pages_to_scan)
STORE_WORD(pages_to_scan, pages_to_scan, 1, U32_MAX)
SHOW(max_none, max_none)
STORE_WORD(max_none, max_none, 0, HUGE_PAGES - 1)
/* Nothing is swapped, and what is shared stays where it is. */
SHOW(no_pages, 0)
SHOW(collapsed, pages_collapsed)
SHOW(full_scans, full_scans)

static int store_use_zero(const char *text, void *ctx)
{
	(void)ctx;
	return store_bool(text, &huge_use_zero);
}

static int store_khuge_defrag(const char *text, void *ctx)
{
	(void)ctx;
	return store_bool(text, &khuge_defrag);
}

#define DIR "kernel/mm/transparent_hugepage/"

SYSFS_FILE(DIR "enabled", 0644, show_enabled, store_enabled, NULL);
SYSFS_FILE(DIR "defrag", 0644, show_defrag, store_defrag, NULL);
SYSFS_FILE(DIR "shmem_enabled", 0644, show_shmem, store_shmem, NULL);
SYSFS_FILE(DIR "hpage_pmd_size", 0444, show_size, NULL, NULL);
SYSFS_FILE(DIR "use_zero_page", 0644, show_use_zero, store_use_zero, NULL);
SYSFS_FILE(DIR "khugepaged/defrag", 0644, show_khuge_defrag, store_khuge_defrag, NULL);
SYSFS_FILE(DIR "khugepaged/alloc_sleep_millisecs", 0644, show_alloc_sleep, store_alloc_sleep, NULL);
SYSFS_FILE(DIR "khugepaged/scan_sleep_millisecs", 0644, show_scan_sleep, store_scan_sleep, NULL);
SYSFS_FILE(DIR "khugepaged/pages_to_scan", 0644, show_pages_to_scan, store_pages_to_scan, NULL);
SYSFS_FILE(DIR "khugepaged/max_ptes_none", 0644, show_max_none, store_max_none, NULL);
SYSFS_FILE(DIR "khugepaged/max_ptes_swap", 0444, show_no_pages, NULL, NULL);
SYSFS_FILE(DIR "khugepaged/max_ptes_shared", 0444, show_no_pages, NULL, NULL);
SYSFS_FILE(DIR "khugepaged/pages_collapsed", 0444, show_collapsed, NULL, NULL);
SYSFS_FILE(DIR "khugepaged/full_scans", 0444, show_full_scans, NULL, NULL);
