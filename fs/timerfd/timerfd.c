/*
 * timerfd_create(2).
 *
 * Expirations are counted when somebody looks, from the time that has passed since the armed
 * instant; the kernel timer only wakes sleepers and re-arms itself while someone may be polling.  A
 * step of the wall clock re-arms the timers that count by it, which relative ones of CLOCK_REALTIME
 * do not, and cancels those made with TFD_TIMER_CANCEL_ON_SET, also when they are not armed.
 */
#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/timerfd.h>

#define TIMERFD_IOC_SET_TICKS _IOW('T', 0, u64)

struct timerfd {
	struct spinlock lock; /* LK_IRQ_LEAF: all below */
	struct timer timer;
	int clock;	   /* [I] */
	u32 settime_flags; /* of the last timerfd_settime */
	u64 interval_ns;
	u64 next_ns;	 /* next expiry on `clock`; 0: disarmed */
	u64 ticks;	 /* not yet read */
	bool by_wall;	 /* a step of the wall clock moves next_ns */
	bool may_cancel; /* TFD_TIMER_CANCEL_ON_SET of a moment of the wall clock */
	bool canceled;	 /* by a step since it was last said */
	struct wait_queue wait;
	struct list_head link; /* timerfd_real: wall clock timers; timerfd_list_lock */
};

static struct spinlock timerfd_list_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static LIST_HEAD(timerfd_real);

static bool timerfd_is_real(const struct timerfd *t)
{
	return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
}

static u64 timerfd_now(const struct timerfd *t)
{
	if (t->by_wall)
		return time_real_ns();
	return t->clock == CLOCK_BOOTTIME || t->clock == CLOCK_BOOTTIME_ALARM ? time_boot_ns()
									      : time_mono_ns();
}

/* Counts what has expired; under the lock. */
static void timerfd_update(struct timerfd *t)
{
	u64 now, periods;

	if (!t->next_ns)
		return;
	now = timerfd_now(t);
	if (now < t->next_ns)
		return;
	if (!t->interval_ns) {
		t->ticks++;
		t->next_ns = 0;
		return;
	}
	periods = (now - t->next_ns) / t->interval_ns + 1;
	t->ticks += periods;
	t->next_ns += periods * t->interval_ns;
}

/* Programs the kernel timer for the next expiry; under the lock. */
static void timerfd_arm(struct timerfd *t)
{
	u64 now;

	if (!t->next_ns) {
		(void)timer_cancel(&t->timer);
		return;
	}
	now = timerfd_now(t);
	timer_start(&t->timer,
		    deadline_after(time_mono_ns(), t->next_ns > now ? t->next_ns - now : 0));
}

static void timerfd_fire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);
	unsigned long flags = spin_lock_irqsave(&t->lock);
	bool expired;

	timerfd_update(t);
	expired = t->ticks != 0;
	/* While ticks are unread nobody needs another interrupt: the read re-arms. */
	if (!expired)
		timerfd_arm(t);
	spin_unlock_irqrestore(&t->lock, flags);
	if (expired)
		wake_up_poll(&t->wait, EPOLLIN);
}

static void timerfd_clock_stepped(struct clock_notifier *n)
{
	struct timerfd *t;

	(void)n;
	spin_lock(&timerfd_list_lock);
	list_for_each_entry (t, &timerfd_real, link) {
		unsigned long flags = spin_lock_irqsave(&t->lock);
		bool cancel = t->may_cancel;

		if (cancel) {
			t->canceled = true;
			t->ticks++; /* there is something to be read */
		}
		if (t->by_wall)
			timerfd_arm(t);
		spin_unlock_irqrestore(&t->lock, flags);
		if (cancel)
			wake_up_poll(&t->wait, EPOLLIN);
	}
	spin_unlock(&timerfd_list_lock);
}

static bool timerfd_ready(struct timerfd *t)
{
	return READ_ONCE(t->ticks);
}

/* Was there a step?  It is said once. */
static bool timerfd_was_canceled(struct timerfd *t)
{
	if (!t->may_cancel || !t->canceled)
		return false;
	t->canceled = false;
	return true;
}

/* The count to be read: 0 if none, -ECANCELED. */
static int timerfd_take(struct timerfd *t, u64 *out)
{
	unsigned long flags = spin_lock_irqsave(&t->lock);
	int err = 0;

	if (timerfd_was_canceled(t)) {
		timerfd_update(t);
		t->ticks = 0;
		timerfd_arm(t);
		err = -ECANCELED;
	} else {
		timerfd_update(t);
		*out = t->ticks;
		t->ticks = 0;
		if (*out)
			timerfd_arm(t);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return err;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct timerfd *t = f->private_data;
	u64 ticks = 0;

	(void)pos;
	if (u->left < sizeof(ticks))
		return -EINVAL;
	for (;;) {
		int err = timerfd_take(t, &ticks);

		if (err)
			return err;
		if (ticks)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&t->wait, timerfd_ready(t));
		if (err)
			return err;
	}
	return uio_copy_to(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks)
								      : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private_data;

	poll_wait(pt, f, &t->wait);
	smp_rmb();
	return timerfd_ready(t) ? EPOLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private_data;

	spin_lock(&timerfd_list_lock);
	if (timerfd_is_real(t))
		list_del(&t->link);
	spin_unlock(&timerfd_list_lock);
	(void)timer_cancel_sync(&t->timer);
	kfree(t);
}

static long timerfd_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct timerfd *t = f->private_data;
	unsigned long flags;
	u64 ticks;

	if (cmd != TIMERFD_IOC_SET_TICKS)
		return -ENOIOCTLCMD;
	if (copy_from_user(&ticks, (void __user *)arg, sizeof(ticks)))
		return -EFAULT;
	if (!ticks)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	t->ticks = ticks;
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_poll(&t->wait, EPOLLIN);
	return 0;
}

static u64 timerfd_left(struct timerfd *t)
{
	u64 now = timerfd_now(t);

	if (!t->next_ns)
		return 0;
	return t->next_ns > now ? t->next_ns - now : 1;
}

static void timerfd_fdinfo(struct file *f, struct seq *s)
{
	struct timerfd *t = f->private_data;
	unsigned long flags = spin_lock_irqsave(&t->lock);
	u64 ticks = t->ticks, left = timerfd_left(t), interval = t->interval_ns;
	u32 settime_flags = t->settime_flags;

	spin_unlock_irqrestore(&t->lock, flags);
	seq_printf(s, "clockid: %d\nticks: %llu\nsettime flags: 0%o\n", t->clock,
		   (unsigned long long)ticks, settime_flags);
	seq_printf(s, "it_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n",
		   (unsigned long long)(left / NSEC_PER_SEC),
		   (unsigned long long)(left % NSEC_PER_SEC),
		   (unsigned long long)(interval / NSEC_PER_SEC),
		   (unsigned long long)(interval % NSEC_PER_SEC));
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.lseek = noop_lseek,
	.poll = timerfd_poll,
	.ioctl = timerfd_ioctl,
	.release = timerfd_release,
	.fdinfo = timerfd_fdinfo,
};

/* ---- system calls ---- */

static bool timerfd_clock_ok(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

static int timerfd_new(int clock, struct timerfd **out)
{
	static struct clock_notifier notifier = {.fn = timerfd_clock_stepped};
	static bool registered;
	struct timerfd *t = kzalloc(sizeof(*t));
	bool first;

	if (!t)
		return -ENOMEM;
	spin_init(&t->lock, LK_IRQ_LEAF);
	timer_init(&t->timer, timerfd_fire);
	wait_queue_init(&t->wait);
	t->clock = clock;
	spin_lock(&timerfd_list_lock);
	first = !registered;
	registered = true;
	if (timerfd_is_real(t))
		list_add_tail(&t->link, &timerfd_real);
	spin_unlock(&timerfd_list_lock);
	if (first)
		time_register_step(&notifier);
	*out = t;
	return 0;
}

long sys_timerfd_create(int clock, int flags)
{
	struct timerfd *t;
	struct file *f;
	int fd, err;

	if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) || !timerfd_clock_ok(clock))
		return -EINVAL;
	if ((clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) &&
	    !capable(CAP_WAKE_ALARM))
		return -EPERM;
	err = timerfd_new(clock, &t);
	if (err)
		return err;
	err = file_create_anon("[timerfd]", &timerfd_ops, t, O_RDWR | (flags & TFD_NONBLOCK), &f);
	if (err) {
		struct file unopened = {.private_data = t};

		timerfd_release(&unopened);
		return err;
	}
	err = fd_install_new(f, flags & TFD_CLOEXEC, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	return fd;
}

static void timerfd_current(struct timerfd *t, u64 *value, u64 *interval)
{
	timerfd_update(t);
	*value = timerfd_left(t);
	*interval = t->interval_ns;
}

static int itimerspec_from_user(const struct __kernel_itimerspec __user *uits, u64 *value,
				u64 *interval)
{
	int err = timespec_from_user(&uits->it_value, value);

	return err ? err : timespec_from_user(&uits->it_interval, interval);
}

static int itimerspec_to_user(u64 value, u64 interval, struct __kernel_itimerspec __user *uits)
{
	int err = timespec_to_user(value, &uits->it_value);

	return err ? err : timespec_to_user(interval, &uits->it_interval);
}

/* Under the lock. -ECANCELED: a step was still to be said; the timer is armed all the same. */
static int timerfd_set(struct timerfd *t, int flags, u64 value, u64 interval)
{
	bool absolute = flags & TFD_TIMER_ABSTIME;

	t->may_cancel = absolute && (flags & TFD_TIMER_CANCEL_ON_SET) && timerfd_is_real(t);
	t->by_wall = timerfd_is_real(t) && (absolute || t->clock == CLOCK_REALTIME_ALARM);
	t->interval_ns = interval;
	t->ticks = 0;
	t->next_ns = !value || absolute ? value : deadline_after(timerfd_now(t), value);
	timerfd_arm(t);
	if (value && timerfd_was_canceled(t))
		return -ECANCELED;
	t->settime_flags = (u32)flags;
	return 0;
}

long sys_timerfd_settime(int fd, int flags, const struct __kernel_itimerspec __user *uvalue,
			 struct __kernel_itimerspec __user *uold)
{
	u64 value, interval, old_value, old_interval;
	struct timerfd *t;
	struct fd_ref ref;
	unsigned long irq;
	int err = itimerspec_from_user(uvalue, &value, &interval);

	if (err)
		return err;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	ref = fd_get((unsigned int)fd);
	if (!ref.file)
		return -EBADF;
	if (ref.file->ops != &timerfd_ops) {
		fd_put(ref);
		return -EINVAL;
	}
	t = ref.file->private_data;
	if (flags & TFD_TIMER_ABSTIME)
		value = time_ns_to_host(t->clock, value);
	irq = spin_lock_irqsave(&t->lock);
	timerfd_current(t, &old_value, &old_interval);
	err = timerfd_set(t, flags, value, interval);
	spin_unlock_irqrestore(&t->lock, irq);
	fd_put(ref);
	if (err)
		return err;
	return uold ? itimerspec_to_user(old_value, old_interval, uold) : 0;
}

long sys_timerfd_gettime(int fd, struct __kernel_itimerspec __user *uvalue)
{
	u64 value, interval;
	struct timerfd *t;
	struct fd_ref ref = fd_get((unsigned int)fd);
	unsigned long irq;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops != &timerfd_ops) {
		fd_put(ref);
		return -EINVAL;
	}
	t = ref.file->private_data;
	irq = spin_lock_irqsave(&t->lock);
	timerfd_current(t, &value, &interval);
	spin_unlock_irqrestore(&t->lock, irq);
	fd_put(ref);
	return itimerspec_to_user(value, interval, uvalue);
}
