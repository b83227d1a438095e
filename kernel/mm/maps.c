/*
 * /proc/PID/maps, smaps, smaps_rollup, numa_maps: the files; show.c and inspect.c have the texts.
 *
 * The right to look is judged at the open, and belongs to the address space that the task had then:
 * after an exec, or when the task has let go of it, the file is empty.  An open file keeps no
 * memory alive.  Lists go by address, so that one reading costs what it shows, and a map that
 * changes between two readings is shown without repetition.
 */
#include "mm_impl.h"

#include <asm/current.h>
#include <asm/page.h>
#include <asm/vdso.h>
#include <kernel/boot/boot.h>
#include <kernel/file/file.h>
#include <kernel/procfs/procfs.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>

/* Of an open file. */
struct reader {
	struct mm *mm; /* +1 of the struct; NULL: there was none */
	char *name;    /* a page; not NULL: in use, mm->lock is held */
	u16 policy;    /* of the task, while in use */
};

int mm_of_proc_file(const struct inode *i, struct mm **out)
{
	struct task *t = proc_task(i);
	struct mm *mm = NULL;
	int err = t ? ptrace_access_mm(t, PTRACE_MODE_READ_FS, &mm) : -ESRCH;

	task_put(t);
	if (err)
		return err == -EPERM ? -EACCES : err;
	if (mm) {
		mm_ref(mm);
		mm_put(mm);
	}
	*out = mm;
	return 0;
}

struct file *mm_find_file(struct mm *mm, u64 *start, u64 *end)
{
	struct file *f = NULL;
	struct vma *v;

	if (rwsem_read_lock_killable(&mm->lock))
		return NULL;
	for (v = vma_find(mm, *start); v && !v->file; v = vma_next(mm, v))
		;
	if (v) {
		*start = v->start;
		*end = v->end;
		f = file_get(v->file);
	}
	rwsem_read_unlock(&mm->lock);
	return f;
}

static void reader_free(struct reader *r)
{
	if (r && r->mm)
		mm_unref(r->mm);
	kfree(r);
}

/* A list, or one text. */
static int reader_open(struct inode *i, struct file *f, const struct seq_ops *ops,
		       int (*show)(struct seq *s, void *v))
{
	struct reader *r = kzalloc(sizeof(*r));
	int err = r ? mm_of_proc_file(i, &r->mm) : -ENOMEM;

	if (!err)
		err = ops ? seq_open(f, ops, r) : seq_open_single(f, show, r);
	if (err)
		reader_free(r);
	return err;
}

static void reader_release(struct file *f)
{
	reader_free(seq_private(f));
	seq_release(f);
}

/* Takes mm->lock and the rest that showing needs.  -ESRCH: the task is gone; -ENXIO: its memory. */
static int reader_begin(struct reader *r, const struct inode *i)
{
	struct task *t = proc_task(i);
	int err = -ENOMEM;

	if (!t)
		return -ESRCH;
	r->policy = t->mempolicy;
	task_put(t);
	if (!r->mm || !mm_tryget(r->mm))
		return -ENXIO;
	r->name = frame_alloc_virt(0, GFP_KERNEL);
	if (r->name)
		err = rwsem_read_lock_killable(&r->mm->lock);
	if (!err)
		return 0;
	frame_free_virt(r->name);
	r->name = NULL;
	mm_put(r->mm);
	return err;
}

static void reader_end(struct reader *r)
{
	if (!r->name)
		return;
	rwsem_read_unlock(&r->mm->lock);
	frame_free_virt(r->name);
	r->name = NULL;
	mm_put(r->mm);
}

/* --- lists --- */

/* The page above all address spaces, at the end of each list: in no tree, of no struct mm. */
static const char *gate_name(struct vma *v)
{
	(void)v;
	return "[vsyscall]";
}

static const struct vma_ops gate_ops = {.name = gate_name};
static struct vma gate __ro_after_init = {.ops = &gate_ops};

static void gate_init(void)
{
	bool readable;

	gate.start = arch_gate_page(&readable);
	gate.end = gate.start ? gate.start + PAGE_SIZE : 0;
	gate.flags = VM_EXEC | (readable ? VM_READ : 0);
}
INITCALL(gate_init);

static struct vma *or_gate(struct vma *v, u64 addr)
{
	return v || addr >= gate.end ? v : &gate;
}

static void *maps_start(struct seq *s, u64 addr)
{
	struct reader *r = s->private_data;
	int err = reader_begin(r, s->file->inode);

	if (err) {
		s->err = err == -ENXIO ? 0 : err;
		return NULL;
	}
	return or_gate(vma_find(r->mm, addr), addr);
}

static void *maps_next(struct seq *s, void *v, u64 addr)
{
	(void)s;
	return v == &gate ? NULL : or_gate(vma_next(((struct vma *)v)->mm, v), addr);
}

static void maps_stop(struct seq *s, void *v)
{
	(void)v;
	reader_end(s->private_data);
}

static u64 maps_behind(struct seq *s, void *v)
{
	(void)s;
	return ((struct vma *)v)->end;
}

static int maps_show(struct seq *s, void *v)
{
	vma_show(v, s, ((struct reader *)s->private_data)->name);
	return 0;
}

static int smaps_show(struct seq *s, void *v)
{
	vma_show_smaps(v, s, ((struct reader *)s->private_data)->name);
	return 0;
}

static int numa_show(struct seq *s, void *v)
{
	struct reader *r = s->private_data;

	if (v == &gate)
		return 0;
	vma_show_numa(v, r->policy, s, r->name);
	return 0;
}

/* The operations of a file of /proc/PID whose elements are VMAs. */
#define VMA_LIST(name_, show_)                                                              \
	static int name_##_open(struct inode *i, struct file *f)                            \
	{                                                                                   \
		static const struct seq_ops ops = {maps_start, maps_next, maps_stop, show_, \
						   maps_behind};                            \
                                                                                            \
		return reader_open(i, f, &ops, NULL);                                       \
	}                                                                                   \
	static const struct file_ops name_##_fops = {                                       \
		.open = name_##_open,                                                       \
		.read = seq_read,                                                           \
		.lseek = seq_lseek,                                                         \
		.release = reader_release,                                                  \
	}

VMA_LIST(maps, maps_show);
VMA_LIST(smaps, smaps_show);
VMA_LIST(numa_maps, numa_show);

PROC_TASK_ENTRY(.name = "maps", .mode = S_IFREG | 0444, .fops = &maps_fops);
PROC_TASK_ENTRY(.name = "smaps", .mode = S_IFREG | 0444, .fops = &smaps_fops);
PROC_TASK_ENTRY(.name = "numa_maps", .mode = S_IFREG | 0444, .fops = &numa_maps_fops);

/* --- smaps_rollup --- */

/* How many VMAs are looked at before others may have the lock. */
#define ROLLUP_BATCH 32u

static int rollup_show(struct seq *s, void *data)
{
	struct reader *r = data;
	struct smaps sum = {0};
	u64 first = 0, last = 0;
	int err = reader_begin(r, s->file->inode);

	if (err)
		return err == -ENXIO ? -ESRCH : err;
	struct vma *v = vma_find(r->mm, 0);

	if (v)
		first = v->start;
	for (unsigned int n = 1; v && !err; n++) {
		vma_add_smaps(v, last, &sum);
		last = v->end;
		if (n % ROLLUP_BATCH) {
			v = vma_next(r->mm, v);
			continue;
		}
		rwsem_read_unlock(&r->mm->lock);
		if (signal_fatal_pending(current))
			err = -EINTR;
		rwsem_read_lock(&r->mm->lock);
		v = vma_find(r->mm, last);
	}
	reader_end(r);
	if (!err)
		smaps_show_rollup(s, first, last, &sum);
	return err;
}

static int rollup_open(struct inode *i, struct file *f)
{
	return reader_open(i, f, NULL, rollup_show);
}

static const struct file_ops rollup_fops = {
	.open = rollup_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = reader_release,
};

PROC_TASK_ENTRY(.name = "smaps_rollup", .mode = S_IFREG | 0444, .fops = &rollup_fops);
