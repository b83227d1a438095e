/* /dev/null, /dev/zero and /dev/full: null(4), full(4). */
#include <kern/errno.h>
#include <kern/compiler.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>

#define MEM_MAJOR 1
#define ZERO_STEP 65536u /* a signal is looked for after so many bytes */

static ssize_t null_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, loff_t *pos)
{
	size_t n = u->left;

	(void)f;
	(void)pos;
	uio_advance(u, n);
	return (ssize_t)n;
}

static int null_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	(void)off;
	(void)whence;
	*out = f->pos = 0;
	return 0;
}

static ssize_t zero_read(struct file *f, struct uio *u, loff_t *pos)
{
	size_t done = 0;

	(void)f;
	(void)pos;
	while (u->left) {
		size_t want = u->left < ZERO_STEP ? u->left : ZERO_STEP;
		size_t n = uio_zero(u, want);

		done += n;
		if (n != want)
			return done ? (ssize_t)done : -EFAULT;
		if (!u->left)
			break;
		if (signal_pending(current))
			return (ssize_t)done;
		sched_cond_resched();
	}
	return (ssize_t)done;
}

static int zero_mmap(struct file *f, struct vma *vma)
{
	(void)f;
	return mm_map_zero(vma);
}

static ssize_t full_write(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -ENOSPC;
}

static const struct file_ops null_ops = {
	.read = null_read,
	.write = null_write,
	.lseek = null_lseek,
};

static const struct file_ops zero_ops = {
	.read = zero_read,
	.write = null_write,
	.lseek = null_lseek,
	.mmap = zero_mmap,
};

static const struct file_ops full_ops = {
	.read = zero_read,
	.write = full_write,
	.lseek = null_lseek,
};

#define MEM_DEVICE(sym, text, nr)    \
	static struct device sym = { \
		.name = text,        \
		.driver = "mem",     \
		.class_name = "mem", \
		.kind = DEVICE_CHAR, \
		.major = MEM_MAJOR,  \
		.minor = nr,         \
		.count = 1,          \
		.mode = 0666,        \
		.ops = &sym##_ops,   \
	};                           \
	DEVICE(sym)

MEM_DEVICE(null, "null", 3);
MEM_DEVICE(zero, "zero", 5);
MEM_DEVICE(full, "full", 7);
