/* Small calls about the process and the machine: personality, sysinfo, kcmp. */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/poll/poll.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/kcmp.h>
#include <linux/sysinfo.h>

long sys_personality(unsigned int persona)
{
	u32 old = current->personality;

	if (persona != 0xffffffffu)
		current->personality = persona;
	return old;
}

long sys_sysinfo(struct sysinfo __user *info)
{
	struct sysinfo si = {0};
	struct frame_stats st;
	u64 loads[3];

	frame_stats(&st);
	sched_loadavg(loads);
	u64 up = time_boot_ns() + (u64)time_ns_offset(CLOCK_BOOTTIME);

	si.uptime = (long)((up + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
	/* 16 fraction bits here, 11 in the scheduler. */
	for (int i = 0; i < 3; i++)
		si.loads[i] = loads[i] << (SI_LOAD_SHIFT - 11);
	si.totalram = st.total * PAGE_SIZE;
	si.freeram = st.free * PAGE_SIZE;
	si.sharedram = pagecache_memory_pages() * PAGE_SIZE;
	si.procs = (u16)task_count_all();
	si.mem_unit = 1;
	return copy_to_user(info, &si, sizeof(si)) ? -EFAULT : 0;
}

/* +1 or NULL. */
static struct file *file_of(struct task *t, unsigned long fd)
{
	struct files *files = task_files(t);
	unsigned int at = (unsigned int)fd;
	u32 cloexec;

	if (!files)
		return NULL;
	struct file *f = files_next(files, &at, &cloexec);

	files_put(files);
	if (f && at != fd) {
		file_put(f);
		return NULL;
	}
	return f;
}

/* To be compared, not to be followed. */
static const void *kcmp_file(struct task *t, unsigned long fd)
{
	struct file *f = file_of(t, fd);

	if (f)
		file_put(f);
	return f;
}

static int kcmp_epoll_target(struct task *t, unsigned long uslot, const void **out)
{
	struct kcmp_epoll_slot slot;

	if (copy_from_user(&slot, (const void __user *)uslot, sizeof(slot)))
		return -EFAULT;
	struct file *f = file_of(t, slot.efd);

	if (!f)
		return -EBADF;
	int err = epoll_watched_file(f, (int)slot.tfd, slot.toff, out);

	file_put(f);
	return err;
}

/* 0 equal, 1 less, 2 greater; the order is only good for sorting. */
static long order(const void *a, const void *b)
{
	unsigned long x = (unsigned long)a * 0x9e3779b97f4a7c15ul;
	unsigned long y = (unsigned long)b * 0x9e3779b97f4a7c15ul;

	return x == y ? 0 : x < y ? 1 : 2;
}

/* A context exists for who set a priority, one for each task. */
static const void *io_context(const struct task *t)
{
	return READ_ONCE(t->se.ioprio) ? &t->se.ioprio : NULL;
}

static long kcmp_tasks(struct task *a, struct task *b, int type, unsigned long idx1,
		       unsigned long idx2)
{
	switch (type) {
	case KCMP_FILE: {
		const void *f1 = kcmp_file(a, idx1), *f2 = kcmp_file(b, idx2);

		return f1 && f2 ? order(f1, f2) : -EBADF;
	}
	case KCMP_EPOLL_TFD: {
		const void *f1 = kcmp_file(a, idx1), *f2;
		int err = f1 ? kcmp_epoll_target(b, idx2, &f2) : -EBADF;

		return err ? err : order(f1, f2);
	}
	case KCMP_VM:
		return order(a->mm, b->mm);
	case KCMP_FILES:
		return order(a->files, b->files);
	case KCMP_FS:
		return order(a->fs, b->fs);
	case KCMP_SIGHAND:
		return order(a->sighand, b->sighand);
	case KCMP_IO:
		return order(io_context(a), io_context(b));
	case KCMP_SYSVSEM:
		return order(READ_ONCE(a->sem_undo), READ_ONCE(b->sem_undo));
	}
	return -EINVAL;
}

long sys_kcmp(int pid1, int pid2, int type, unsigned long idx1, unsigned long idx2)
{
	struct task *a = task_find(pid1), *b = task_find(pid2);
	long ret = -ESRCH;

	if (a && b)
		ret = !ptrace_may_access(a, PTRACE_MODE_READ_REAL) &&
				      !ptrace_may_access(b, PTRACE_MODE_READ_REAL)
			      ? kcmp_tasks(a, b, type, idx1, idx2)
			      : -EPERM;
	if (a)
		task_put(a);
	if (b)
		task_put(b);
	return ret;
}
