/*
 * seccomp(2) and prctl(PR_SET_SECCOMP): putting a mode or a filter on a task, or on all threads.
 *
 * All of it happens under the handlers' lock, where the list of threads is stable and fork copies
 * the state; what may sleep is done before.
 */
#include <kernel/seccomp/seccomp_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>

#define FLAGS_ALL                                                                               \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
	 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH |                   \
	 SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

static bool may_assign(const struct task *t, u8 mode)
{
	return !t->seccomp_mode || t->seccomp_mode == mode;
}

void seccomp_assign_mode(struct task *t, u8 mode)
{
	t->seccomp_mode = mode;
	/* Whoever sees the bit sees mode and filter. */
	__atomic_fetch_or(&t->work, WORK_SECCOMP, __ATOMIC_SEQ_CST);
}

static long set_strict(void)
{
	struct task *t = current;
	long err = -EINVAL;

	spin_lock_irq(&t->sighand->lock);
	if (may_assign(t, SECCOMP_MODE_STRICT)) {
		seccomp_assign_mode(t, SECCOMP_MODE_STRICT);
		err = 0;
	}
	spin_unlock_irq(&t->sighand->lock);
	return err;
}

static bool is_ancestor(const struct seccomp *parent, const struct seccomp *child)
{
	if (!parent)
		return true;
	for (; child; child = child->prev) {
		if (child == parent)
			return true;
	}
	return false;
}

/* Lock held: the first thread whose filters are not a part of current's; 0: none. */
static int thread_that_diverged(void)
{
	struct task *me = current, *t;

	list_for_each_entry (t, &me->process->threads, thread_link) {
		if (t == me || !t->seccomp_mode ||
		    (t->seccomp_mode == SECCOMP_MODE_FILTER &&
		     is_ancestor(t->seccomp, me->seccomp)))
			continue;
		return task_tid(t);
	}
	return 0;
}

/* Lock held. The old chains stay: they are ancestors of the new one. */
static void give_to_all_threads(void)
{
	struct task *me = current, *t;

	list_for_each_entry (t, &me->process->threads, thread_link) {
		struct seccomp *old = t->seccomp;

		if (t == me)
			continue;
		seccomp_get(me->seccomp);
		__atomic_fetch_add(&me->seccomp->users, 1, __ATOMIC_RELAXED);
		smp_store_release(&t->seccomp, me->seccomp);
		if (old) {
			/* Neither count reaches zero, since current's chain holds them too. */
			__atomic_fetch_sub(&old->users, 1, __ATOMIC_ACQ_REL);
			__atomic_fetch_sub(&old->refs, 1, __ATOMIC_ACQ_REL);
		}
		if (me->no_new_privs)
			t->no_new_privs = true;
		if (!t->seccomp_mode)
			seccomp_assign_mode(t, SECCOMP_MODE_FILTER);
	}
}

static bool has_listener(const struct seccomp *chain)
{
	for (; chain; chain = chain->prev) {
		if (READ_ONCE(chain->notify))
			return true;
	}
	return false;
}

/* What older filters do not always allow is not allowed always: a rare write. */
static int combine_always(struct seccomp *f, const struct seccomp *older)
{
	u64 both[ARRAY_SIZE(f->code->always)];

	if (!older)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(both); i++)
		both[i] = f->code->always[i] & older->code->always[i];
	return pmalloc_write(f->pool, f->code->always, both, sizeof(both));
}

/* Lock held: consumes @f on success. A positive answer is the thread that diverged. */
static long attach(struct seccomp *f, u32 flags)
{
	struct task *me = current;
	u64 insns = f->code->len;

	if (!may_assign(me, SECCOMP_MODE_FILTER))
		return -EINVAL;
	if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) && has_listener(me->seccomp))
		return -EBUSY;
	for (const struct seccomp *old = me->seccomp; old; old = old->prev)
		insns += old->code->len + 4;
	if (insns > SECCOMP_CHAIN_INSNS_MAX)
		return -ENOMEM;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
		int tid = thread_that_diverged();

		if (tid)
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : tid;
	}
	if (WARN_ON(combine_always(f, me->seccomp)))
		return -ENOMEM;
	f->log = flags & SECCOMP_FILTER_FLAG_LOG;
	f->prev = me->seccomp; /* takes over the task's reference and use */
	f->depth = f->prev ? f->prev->depth + 1 : 1;
	smp_store_release(&me->seccomp, f);
	seccomp_assign_mode(me, SECCOMP_MODE_FILTER);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		give_to_all_threads();
	return 0;
}

static int flags_check(unsigned int flags)
{
	if (flags & ~(unsigned int)FLAGS_ALL)
		return -EINVAL;
	/* Both would answer with a number: which? */
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) &&
	    !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		return -EINVAL;
	if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) &&
	    !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return -EINVAL;
	return 0;
}

static int listener_open(struct seccomp *f, int *fd, struct file **file)
{
	int err = fd_reserve(0, O_CLOEXEC, fd);

	if (err)
		return err;
	err = notify_create(f, file);
	if (err)
		fd_unreserve(*fd);
	return err;
}

static long set_filter(unsigned int flags, const void __user *ufprog)
{
	struct file *listener = NULL;
	struct seccomp *f;
	int fd = 0;
	long ret = flags_check(flags);

	if (!ret)
		ret = seccomp_filter_create(ufprog, &f);
	if (ret)
		return ret;
	f->wait_killable = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		ret = listener_open(f, &fd, &listener);
		if (ret) {
			seccomp_put(f);
			return ret;
		}
	}
	spin_lock_irq(&current->sighand->lock);
	ret = attach(f, flags);
	spin_unlock_irq(&current->sighand->lock);
	if (ret) {
		if (listener) {
			notify_detach(f);
			fd_unreserve(fd);
			file_put(listener);
		}
		seccomp_put(f);
		return ret;
	}
	if (!listener)
		return 0;
	fd_install(fd, listener);
	return fd;
}

static long action_avail(const void __user *uaction)
{
	u32 action;

	if (copy_from_user(&action, uaction, sizeof(action)))
		return -EFAULT;
	return seccomp_action_known(action) ? 0 : -EOPNOTSUPP;
}

static long notif_sizes(void __user *usizes)
{
	const struct seccomp_notif_sizes sizes = {
		.seccomp_notif = sizeof(struct seccomp_notif),
		.seccomp_notif_resp = sizeof(struct seccomp_notif_resp),
		.seccomp_data = sizeof(struct seccomp_data),
	};

	return copy_to_user_slow(usizes, &sizes, sizeof(sizes)) ? -EFAULT : 0;
}

long sys_seccomp(unsigned int op, unsigned int flags, const void __user *args)
{
	switch (op) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || args ? -EINVAL : set_strict();
	case SECCOMP_SET_MODE_FILTER:
		return set_filter(flags, args);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_avail(args);
	case SECCOMP_GET_NOTIF_SIZES:
		return flags ? -EINVAL : notif_sizes((void __user *)(unsigned long)args);
	}
	return -EINVAL;
}

long seccomp_prctl(unsigned long mode, void __user *filter)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT:
		return set_strict();
	case SECCOMP_MODE_FILTER:
		return set_filter(0, filter);
	}
	return -EINVAL;
}
