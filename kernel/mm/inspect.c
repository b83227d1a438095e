/*
 * What programs read about the pages of a process: /proc/PID/pagemap, clear_refs, numa_maps.
 * Documentation: proc(5), and the kernel's own text on pagemap.
 *
 * A page is soft-dirty if its entry says so (each write fault sets the bit) or if its VMA is newer
 * than the last "4" written to clear_refs, which takes the bits, and write permission, away.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/tlb.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/mempolicy.h>

#define PM_SOFT_DIRTY (1ull << 55)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_UFFD_WP (1ull << 57)
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62) /* neither empty nor present */
#define PM_PRESENT (1ull << 63)

u64 mm_frame_maps(const struct frame *head)
{
	u64 refs = frame_refs(head);

	if (head->type == FRAME_FOLIO)
		return refs ? refs - 1 : 0;
	if (head->type == FRAME_ANON && head->order && !head->owner)
		return (refs + HUGE_PAGES - 1) / HUGE_PAGES;
	return head->type == FRAME_ANON ? refs : 0;
}

static u64 pagemap_word(const struct vma *v, u64 addr, bool frames)
{
	u64 word = v->flags & VM_SOFTDIRTY ? PM_SOFT_DIRTY : 0;
	struct pt_spot spot;

	if (!pt_find(v->mm, addr, &spot)) {
		if (unlikely(v->uffd) && pte_is_mark(spot.e, MARK_UFFD_WP))
			word |= PM_SWAP | PM_UFFD_WP;
		return word;
	}
	word |= PM_PRESENT;
	if (pte_uffd_wp(spot.e))
		word |= PM_UFFD_WP;
	if (frames)
		word |= pte_pfn(spot.e);
	if (pte_soft_dirty(spot.e))
		word |= PM_SOFT_DIRTY;
	if (pte_special(spot.e))
		return word;
	const struct frame *head = frame_head(pfn_to_frame(pte_pfn(spot.e)));

	if (head->type != FRAME_ANON)
		word |= PM_FILE;
	if (mm_frame_maps(head) == 1)
		word |= PM_EXCLUSIVE;
	return word;
}

static void pagemap_words(struct mm *mm, u64 page, u64 *out, size_t n, bool frames)
{
	u64 addr = page << PAGE_SHIFT;

	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_find(mm, addr);

	for (size_t i = 0; i < n; i++, addr += PAGE_SIZE) {
		while (v && addr >= v->end)
			v = vma_next(mm, v);
		out[i] = v && addr >= v->start ? pagemap_word(v, addr, frames) : 0;
	}
	rwsem_read_unlock(&mm->lock);
}

static int pagemap_open(struct inode *i, struct file *f)
{
	struct mm *mm;
	int err = mm_of_proc_file(i, &mm);

	f->private_data = err ? NULL : mm;
	return err;
}

static void pagemap_release(struct file *f)
{
	if (f->private_data)
		mm_unref(f->private_data);
}

static ssize_t pagemap_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct mm *mm = f->private_data;
	bool frames = cred_capable(f->cred, CAP_SYS_ADMIN); /* of who opened it */
	u64 words[64];
	ssize_t done = 0;

	if (!mm || !mm_tryget(mm))
		return 0;
	if (*pos % 8 || u->left % 8)
		done = -EINVAL;
	while (done >= 0 && u->left) {
		u64 page = (u64)*pos / 8, last = mm->task_size >> PAGE_SHIFT;
		size_t n = min_t(u64, min_t(u64, u->left / 8, ARRAY_SIZE(words)),
				 page < last ? last - page : 0);

		if (!n)
			break;
		pagemap_words(mm, page, words, n, frames);
		size_t moved = uio_copy_to(u, words, n * 8);

		*pos += (loff_t)moved;
		done += (ssize_t)moved;
		if (moved < n * 8) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	mm_put(mm);
	return done;
}

/* Any offset may be gone to; what is behind the address space reads as nothing. */
int mm_page_file_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	if (whence == 1)
		off += f->pos;
	else if (whence)
		return -EINVAL;
	f->pos = off;
	*out = off;
	return 0;
}

static const struct file_ops pagemap_fops = {
	.open = pagemap_open,
	.read = pagemap_read,
	.ioctl = pagemap_ioctl,
	.lseek = mm_page_file_lseek,
	.release = pagemap_release,
};

PROC_TASK_ENTRY(.name = "pagemap", .mode = S_IFREG | 0400, .fops = &pagemap_fops);

/* --- clear_refs --- */

static pte_t cleared(pte_t e, bool soft_dirty)
{
	return soft_dirty ? pte_wrprotect(pte_clear_soft_dirty(e)) : pte_mk_old(e);
}

/* One entry, of whatever size. */
static void clear_entry(pte_t *at, int what)
{
	pte_t e = pte_read(at);
	bool soft_dirty = what == 4;

	while (pte_present(e)) {
		if (!soft_dirty && what != 1) {
			bool anon = !pte_special(e) &&
				    frame_head(pfn_to_frame(pte_pfn(e)))->type == FRAME_ANON;

			if (anon != (what == 2))
				return;
		}
		if (pte_cmpxchg(at, &e, cleared(e, soft_dirty)))
			return;
	}
}

static void clear_vma(struct vma *v, int what)
{
	u64 next;

	if (v->flags & VM_PFNMAP)
		return;
	if (what == 4)
		v->flags &= ~VM_SOFTDIRTY;
	for (u64 addr = v->start; addr < v->end; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, v->end, &next);
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		if (pte_none(e))
			continue;
		if (!pte_is_table(e)) {
			clear_entry(upper, what);
			continue;
		}
		for (; addr < next; addr += PAGE_SIZE)
			clear_entry(&pte_table(e)[pt_index(0, addr)], what);
	}
}

static int clear_refs(struct mm *mm, int what)
{
	struct mm_usage u;
	struct btree_iter it;
	struct vma *v;

	if (rwsem_write_lock_killable(&mm->lock))
		return -EINTR;
	if (what == 5) {
		mm->hiwater_rss = 0;
		mm_usage(mm, &u);
	} else {
		btree_iter_init(&it, &mm->vmas, 0);
		while ((v = btree_iter_next(&it, NULL))) {
			/* No fault in between: a huge page is not split meanwhile either. */
			vma_write_lock(v);
			clear_vma(v, what);
			vma_write_unlock(v);
		}
		tlb_flush_mm_all(&mm->arch);
	}
	rwsem_write_unlock(&mm->lock);
	return 0;
}

static ssize_t write_clear_refs(struct file *f, struct uio *u, loff_t *pos)
{
	size_t len = u->left;
	char text[16];
	int what;

	(void)pos;
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	if (uio_copy_from(u, text, len) < len)
		return -EFAULT;
	text[len] = 0;
	if (!proc_parse_int(text, &what) || what < 1 || what > 5)
		return -EINVAL;
	struct task *t = proc_task(f->inode);

	if (!t)
		return -ESRCH;
	struct mm *mm = task_mm(t);
	int err = mm ? clear_refs(mm, what) : 0;

	mm_put(mm);
	task_put(t);
	return err ? err : (ssize_t)len;
}

static const struct file_ops clear_refs_fops = {.write = write_clear_refs};

PROC_TASK_ENTRY(.name = "clear_refs", .mode = S_IFREG | 0200, .fops = &clear_refs_fops);

/* --- numa_maps --- */

struct numa_figures {
	u64 pages, anon, dirty, active, most_maps;
};

static void count_numa(struct numa_figures *f, pte_t e, u64 pages)
{
	if (!pte_present(e) || pte_special(e))
		return;
	const struct frame *head = frame_head(pfn_to_frame(pte_pfn(e)));

	f->pages += pages;
	f->anon += head->type == FRAME_ANON ? pages : 0;
	f->dirty += pte_dirty(e) ? pages : 0;
	f->active += pte_young(e) ? pages : 0;
	f->most_maps = max(f->most_maps, mm_frame_maps(head));
}

static void show_policy(struct seq *s, u16 policy)
{
	static const char *const names[] = {
		[MPOL_DEFAULT] = "default", [MPOL_PREFERRED] = "prefer",
		[MPOL_BIND] = "bind",	    [MPOL_INTERLEAVE] = "interleave",
		[MPOL_LOCAL] = "local",	    [MPOL_PREFERRED_MANY] = "prefer (many)",
	};
	unsigned int mode = policy & POLICY_MODE;

	seq_puts(s, names[mode]);
	if (policy & MPOL_F_STATIC_NODES)
		seq_puts(s, "=static");
	if (policy & MPOL_F_RELATIVE_NODES)
		seq_puts(s, "=relative");
	if (mode != MPOL_DEFAULT && mode != MPOL_LOCAL)
		seq_puts(s, ":0");
}

void vma_show_numa(struct vma *v, u16 policy, struct seq *s, char *buf)
{
	struct numa_figures f = {0};
	char *name;
	u64 next;

	for (u64 addr = v->start; addr < v->end; addr = next) {
		pte_t *upper = pt_upper(v->mm, addr, v->end, &next);
		pte_t e = upper ? pte_read(upper) : (pte_t){0};

		if (!pte_is_table(e)) {
			count_numa(&f, e, vma_is_hugetlb(v) ? 1 : HUGE_PAGES);
			continue;
		}
		for (; addr < next; addr += PAGE_SIZE)
			count_numa(&f, pte_read(&pte_table(e)[pt_index(0, addr)]), 1);
	}
	seq_printf(s, "%08llx ", (unsigned long long)v->start);
	show_policy(s, v->policy ? v->policy : policy);
	if (v->file && buf && !path_format(&v->file->path, buf, PAGE_SIZE, &name)) {
		seq_puts(s, " file=");
		seq_escape(s, name, "\n\t= ");
	} else if (vma_is_heap(v)) {
		seq_puts(s, " heap");
	} else if (vma_is_stack(v)) {
		seq_puts(s, " stack");
	}
	if (vma_is_hugetlb(v))
		seq_puts(s, " huge");
	if (f.anon)
		seq_printf(s, " anon=%llu", f.anon);
	if (f.dirty)
		seq_printf(s, " dirty=%llu", f.dirty);
	if (f.pages != f.anon && f.pages != f.dirty)
		seq_printf(s, " mapped=%llu", f.pages);
	if (f.most_maps > 1)
		seq_printf(s, " mapmax=%llu", f.most_maps);
	if (f.active < f.pages)
		seq_printf(s, " active=%llu", f.active);
	if (f.pages)
		seq_printf(s, " N0=%llu kernelpagesize_kB=%llu", f.pages, vma_page_size(v) >> 10);
	seq_putc(s, '\n');
}
