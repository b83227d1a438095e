/*
 * The ioctls of userfaultfd(2): ioctl_userfaultfd(2).
 *
 * Each reads its struct but for the last word, which is the answer, and judges the copy.  What the
 * pages need is done by kernel/mm; here is who waits for them.
 */
#include "uffd_impl.h"

#include <asm/current.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/mm/userfault.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>

/* A range that user memory could have: -EINVAL. */
static int check_range(const struct mm *mm, u64 start, u64 len)
{
	if (start & ~PAGE_MASK || len & ~PAGE_MASK || !len || start < mm_mmap_min_addr ||
	    start >= mm->task_size || len > mm->task_size - start)
		return -EINVAL;
	return 0;
}

/* --- UFFDIO_API --- */

static int set_features(struct uffd *u, struct uffdio_api *api)
{
	u64 none = 0, wanted = api->features;

	if (api->api != UFFD_API || wanted & ~(u64)UFFD_FEATURES)
		return -EINVAL;
	if (wanted & UFFD_FEATURE_EVENT_FORK && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	/* Somebody who writes without a trap cannot be told of pages that are not there. */
	if (wanted & UFFD_FEATURE_WP_ASYNC)
		wanted |= UFFD_FEATURE_WP_UNPOPULATED;
	if (!__atomic_compare_exchange_n(&u->features, &none, wanted | UFFD_READY, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return -EINVAL;
	api->features = UFFD_FEATURES;
	api->ioctls = UFFD_API_IOCTLS;
	return 0;
}

static long do_api(struct uffd *u, void __user *arg)
{
	struct uffdio_api api;

	if (copy_from_user(&api, arg, sizeof(api)))
		return -EFAULT;
	int err = set_features(u, &api);

	if (err)
		memset(&api, 0, sizeof(api));
	return copy_to_user(arg, &api, sizeof(api)) ? -EFAULT : err;
}

/* --- ranges --- */

static long do_register(struct uffd *u, void __user *arg)
{
	struct uffdio_register __user *ur = arg;
	struct uffdio_register r;
	u64 flags, ioctls;
	int err;

	if (copy_from_user(&r, arg, offsetof(struct uffdio_register, ioctls)))
		return -EFAULT;
	if (!r.mode || r.mode & ~(u64)UFFD_API_REGISTER_MODES)
		return -EINVAL;
	flags = (r.mode & UFFDIO_REGISTER_MODE_MISSING ? VM_UFFD_MISSING : 0) |
		(r.mode & UFFDIO_REGISTER_MODE_WP ? VM_UFFD_WP : 0) |
		(r.mode & UFFDIO_REGISTER_MODE_MINOR ? VM_UFFD_MINOR : 0);
	err = check_range(u->mm, r.range.start, r.range.len);
	if (err)
		return err;
	if (!mm_tryget(u->mm))
		return -ENOMEM;
	err = mm_uffd_register(u->mm, u, r.range.start, r.range.start + r.range.len, flags,
			       &ioctls);
	mm_put(u->mm);
	if (err)
		return err;
	return put_user(ioctls, &ur->ioctls);
}

static long do_unregister(struct uffd *u, void __user *arg)
{
	struct uffdio_range r;

	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	int err = check_range(u->mm, r.start, r.len);

	if (err)
		return err;
	if (!mm_tryget(u->mm))
		return -ENOMEM;
	err = mm_uffd_unregister(u->mm, u, r.start, r.start + r.len);
	mm_put(u->mm);
	if (!err)
		uffd_wake(u, r.start, r.start + r.len);
	return err;
}

static long do_wake(struct uffd *u, void __user *arg)
{
	struct uffdio_range r;

	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	int err = check_range(u->mm, r.start, r.len);

	if (!err)
		uffd_wake(u, r.start, r.start + r.len);
	return err;
}

/* --- pages --- */

/* What has been done of @len bytes is told, then whoever waits for it. */
static long answer(struct uffd *u, s64 done, s64 __user *where, u64 start, u64 len, bool wake)
{
	if (put_user(done, where))
		return -EFAULT;
	if (done < 0)
		return done;
	if (wake)
		uffd_wake(u, start, start + (u64)done);
	return (u64)done == len ? 0 : -EAGAIN;
}

static long fill(struct uffd *u, struct mm_uffd_fill *fill, s64 __user *where, bool wake)
{
	s64 done;

	fill->uffd = u;
	if (!mm_tryget(u->mm))
		return -ESRCH;
	done = mm_uffd_fill(u->mm, fill);
	mm_put(u->mm);
	return answer(u, done, where, fill->start, fill->len, wake);
}

static long do_copy(struct uffd *u, void __user *arg)
{
	struct uffdio_copy __user *uc = arg;
	struct uffdio_copy c;
	int err;

	if (copy_from_user(&c, arg, offsetof(struct uffdio_copy, copy)))
		return -EFAULT;
	err = check_range(u->mm, c.dst, c.len);
	if (err)
		return err;
	if (c.src + c.len <= c.src ||
	    c.mode & ~(u64)(UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP))
		return -EINVAL;
	struct mm_uffd_fill f = {
		.how = UFFD_FILL_COPY,
		.start = c.dst,
		.len = c.len,
		.src = (const char __user *)(unsigned long)c.src,
		.wp = c.mode & UFFDIO_COPY_MODE_WP,
		.kind = &u->last_kind,
	};

	return fill(u, &f, &uc->copy, !(c.mode & UFFDIO_COPY_MODE_DONTWAKE));
}

/* Without contents from the caller: the structs of these ioctls have one layout. */
static long fill_range(struct uffd *u, struct uffdio_continue __user *arg, enum mm_uffd_how how)
{
	struct uffdio_continue c;
	u64 modes = UFFDIO_CONTINUE_MODE_DONTWAKE;
	int err;

	static_assert(sizeof(struct uffdio_zeropage) == sizeof(c) &&
			      sizeof(struct uffdio_poison) == sizeof(c) &&
			      UFFDIO_ZEROPAGE_MODE_DONTWAKE == UFFDIO_CONTINUE_MODE_DONTWAKE &&
			      UFFDIO_POISON_MODE_DONTWAKE == UFFDIO_CONTINUE_MODE_DONTWAKE,
		      "one layout");
	if (how == UFFD_FILL_CONTINUE)
		modes |= UFFDIO_CONTINUE_MODE_WP;
	if (copy_from_user(&c, arg, offsetof(struct uffdio_continue, mapped)))
		return -EFAULT;
	err = check_range(u->mm, c.range.start, c.range.len);
	if (err)
		return err;
	if (c.mode & ~modes)
		return -EINVAL;
	struct mm_uffd_fill f = {
		.how = how,
		.start = c.range.start,
		.len = c.range.len,
		.wp = c.mode & UFFDIO_CONTINUE_MODE_WP,
	};

	return fill(u, &f, &arg->mapped, !(c.mode & UFFDIO_CONTINUE_MODE_DONTWAKE));
}

static long do_zeropage(struct uffd *u, void __user *arg)
{
	return fill_range(u, arg, UFFD_FILL_ZERO);
}

static long do_continue(struct uffd *u, void __user *arg)
{
	return fill_range(u, arg, UFFD_FILL_CONTINUE);
}

static long do_poison(struct uffd *u, void __user *arg)
{
	return fill_range(u, arg, UFFD_FILL_POISON);
}

static long do_move(struct uffd *u, void __user *arg)
{
	struct uffdio_move __user *um = arg;
	struct uffdio_move m;
	s64 done;
	int err;

	if (copy_from_user(&m, arg, offsetof(struct uffdio_move, move)))
		return -EFAULT;
	/* Of the caller's own memory only. */
	if (u->mm != current->mm)
		return -EINVAL;
	err = check_range(u->mm, m.dst, m.len);
	if (!err)
		err = check_range(u->mm, m.src, m.len);
	if (err)
		return err;
	if (m.mode & ~(u64)(UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES | UFFDIO_MOVE_MODE_DONTWAKE))
		return -EINVAL;
	if (!mm_tryget(u->mm))
		return -ESRCH;
	done = mm_uffd_move(u->mm, u, m.dst, m.src, m.len,
			    m.mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES);
	mm_put(u->mm);
	return answer(u, done, &um->move, m.dst, m.len, !(m.mode & UFFDIO_MOVE_MODE_DONTWAKE));
}

static long do_writeprotect(struct uffd *u, void __user *arg)
{
	struct uffdio_writeprotect w;
	bool enable, quiet;
	int err;

	if (copy_from_user(&w, arg, sizeof(w)))
		return -EFAULT;
	err = check_range(u->mm, w.range.start, w.range.len);
	if (err)
		return err;
	enable = w.mode & UFFDIO_WRITEPROTECT_MODE_WP;
	quiet = w.mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
	if (w.mode & ~(u64)(UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE) ||
	    (enable && quiet))
		return -EINVAL;
	if (!mm_tryget(u->mm))
		return -ESRCH;
	err = mm_uffd_protect(u->mm, u, w.range.start, w.range.len, enable);
	mm_put(u->mm);
	if (!err && !enable && !quiet)
		uffd_wake(u, w.range.start, w.range.start + w.range.len);
	return err;
}

/* When an ioctl may come. */
enum call_when {
	ANY_TIME, /* also before UFFDIO_API */
	WHEN_READY,
	WHEN_TOLD, /* the monitor has read of all changes: its picture is not out of date */
};

static const struct {
	unsigned int cmd;
	enum call_when when;
	long (*fn)(struct uffd *u, void __user *arg);
} calls[] = {
	{UFFDIO_COPY, WHEN_TOLD, do_copy},
	{UFFDIO_API, ANY_TIME, do_api},
	{UFFDIO_REGISTER, WHEN_READY, do_register},
	{UFFDIO_UNREGISTER, WHEN_READY, do_unregister},
	{UFFDIO_WAKE, WHEN_READY, do_wake},
	{UFFDIO_ZEROPAGE, WHEN_TOLD, do_zeropage},
	{UFFDIO_MOVE, WHEN_TOLD, do_move},
	{UFFDIO_WRITEPROTECT, WHEN_TOLD, do_writeprotect},
	{UFFDIO_CONTINUE, WHEN_TOLD, do_continue},
	{UFFDIO_POISON, WHEN_TOLD, do_poison},
};

long uffd_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct uffd *u = f->private_data;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].cmd != cmd)
			continue;
		if (calls[i].when != ANY_TIME && !uffd_ready(u))
			return -EINVAL;
		/* kernel/mm asks again, with the place locked. */
		if (calls[i].when == WHEN_TOLD && uffd_is_changing(u))
			return -EAGAIN;
		return calls[i].fn(u, (void __user *)arg);
	}
	return -EINVAL;
}
