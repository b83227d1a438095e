/*
 * userfaultfd(2) and /dev/userfaultfd: who may have one, its life and its end.
 *
 * An instance belongs to the address space of its maker, however far the descriptor travels.  It
 * keeps the struct mm but not what is mapped there: a process ends although others may still hold
 * the descriptor, and their ioctls then fail with ESRCH.
 */
#include "uffd_impl.h"

#include <asm/current.h>
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/mm/userfault.h>
#include <kernel/poll/poll.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

#define MISC_MINOR 126u

/* May anybody handle faults of the kernel? */
static int unprivileged;

struct uffd *uffd_get(struct uffd *u)
{
	__atomic_fetch_add(&u->refs, 1, __ATOMIC_RELAXED);
	return u;
}

void uffd_put(struct uffd *u)
{
	if (!u || __atomic_sub_fetch(&u->refs, 1, __ATOMIC_ACQ_REL))
		return;
	mm_unref(u->mm);
	kfree(u);
}

bool uffd_wants(const struct uffd *u, u64 feature)
{
	return u->features & feature;
}

void uffd_abandon(struct uffd *u)
{
	__atomic_store_n(&u->released, true, __ATOMIC_SEQ_CST);
	if (mm_tryget(u->mm)) {
		mm_uffd_unregister_all(u->mm, u);
		mm_put(u->mm);
	}
	uffd_wake(u, 0, ~0ull);
	uffd_wake_tellers(u);
	wake_up_poll(&u->readers, EPOLLHUP);
}

static void uffd_release(struct file *f)
{
	uffd_abandon(f->private_data);
	uffd_put(f->private_data);
}

static void uffd_fdinfo(struct file *f, struct seq *s)
{
	struct uffd *u = f->private_data;
	u64 pending, total;

	uffd_count(u, &pending, &total);
	seq_printf(s, "pending:\t%llu\ntotal:\t%llu\nAPI:\t%llx:%x:%llx\n", pending, total,
		   (unsigned long long)UFFD_API, (unsigned int)u->features,
		   (unsigned long long)(UFFD_API_IOCTLS | UFFD_API_RANGE_IOCTLS));
}

static const struct file_ops uffd_ops = {
	.read = uffd_read,
	.lseek = noop_lseek,
	.poll = uffd_poll,
	.ioctl = uffd_ioctl,
	.release = uffd_release,
	.fdinfo = uffd_fdinfo,
};

struct uffd *uffd_alloc(struct mm *mm, u32 flags, u64 features)
{
	struct uffd *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	u->refs = 1;
	u->flags = flags;
	u->features = features;
	u->mm = mm;
	mm_ref(mm);
	uffd_wait_init(u);
	return u;
}

int uffd_install(struct uffd *u, int *out)
{
	struct file *f;
	int err = file_create_anon("anon_inode:[userfaultfd]", &uffd_ops, u,
				   O_RDONLY | (u->flags & O_NONBLOCK), &f);

	if (err)
		return err;
	uffd_get(u); /* the file's, which its release drops */
	err = fd_install_new(f, u->flags & O_CLOEXEC, out);
	if (err)
		file_put(f);
	return err;
}

static int uffd_create(u32 flags, int *out)
{
	struct uffd *u;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return -EINVAL;
	u = uffd_alloc(current->mm, flags, 0);
	if (!u)
		return -ENOMEM;
	int err = uffd_install(u, out);

	uffd_put(u);
	return err;
}

long sys_userfaultfd(int flags)
{
	int fd, err;

	if (!((u32)flags & UFFD_USER_MODE_ONLY) && !READ_ONCE(unprivileged) &&
	    !capable(CAP_SYS_PTRACE))
		return -EPERM;
	err = uffd_create((u32)flags, &fd);
	return err ? err : fd;
}

/* --- /dev/userfaultfd: who may open it may have one --- */

static long device_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	int fd, err;

	(void)f;
	if (cmd != (unsigned int)USERFAULTFD_IOC_NEW)
		return -EINVAL;
	err = uffd_create((u32)arg, &fd);
	return err ? err : fd;
}

static const struct file_ops device_ops = {
	.ioctl = device_ioctl,
	.lseek = noop_lseek,
};

MISC_DEVICE(uffd_device, "userfaultfd", NULL, MISC_MINOR, &device_ops);

SYSCTL_INT("vm/unprivileged_userfaultfd", 0644, &unprivileged, 0, 1);
