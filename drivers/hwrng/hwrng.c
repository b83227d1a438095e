/* /dev/hwrng, its files in /sys, and what is given to kernel/rng. */
#include <drivers/hwrng/hwrng.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rng/rng.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>
#include <linux/fcntl.h>

#define HWRNG_MINOR 183
#define CHUNK 128u
#define SEED_BYTES 64u
#define BOOT_WAIT_NS (250ull * NSEC_PER_MSEC)
#define REFRESH_NS (60ull * NSEC_PER_SEC)
/* An idle machine is not woken for it: it comes with another interrupt, or that much later. */
#define REFRESH_SLACK_NS (600ull * NSEC_PER_SEC)

static struct spinlock hwrng_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static LIST_HEAD(devices);	     /* hwrng_lock */
static struct hwrng *current_device; /* hwrng_lock */
static bool chosen_by_user;	     /* hwrng_lock */
static u32 data_count;		     /* atomic: changes with each arrival */
static struct wait_queue data_wait = WAIT_QUEUE_INIT(data_wait);
static struct wait_queue unused_wait = WAIT_QUEUE_INIT(unused_wait);
static struct timer refresh_timer;
static u64 boot_deadline_ns; /* process 1's; 0: nobody has waited */

/* ---- the current device ---- */

/* Counted in its users, or NULL. */
static struct hwrng *device_get(void)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);
	struct hwrng *h = current_device;

	if (h)
		h->users++;
	spin_unlock_irqrestore(&hwrng_lock, flags);
	return h;
}

static void device_put(struct hwrng *h)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);
	bool last = !--h->users;

	spin_unlock_irqrestore(&hwrng_lock, flags);
	if (last)
		wake_up_all(&unused_wait);
}

/* hwrng_lock held. */
static void pick_best(void)
{
	struct hwrng *h;

	chosen_by_user = false;
	current_device = NULL;
	list_for_each_entry (h, &devices, link) {
		if (!current_device || h->quality > current_device->quality)
			current_device = h;
	}
}

/* ---- what kernel/rng gets ---- */

static void feed(struct hwrng *h)
{
	u8 buf[SEED_BYTES];
	size_t n = h->read(h, buf, sizeof(buf));

	if (!n)
		return; /* hwrng_data() comes back */
	WRITE_ONCE(h->wanted, false);
	rng_add_source(RNG_HWRNG, buf, n, (u32)(n * 8 * READ_ONCE(h->quality) / 1024));
	memzero_explicit(buf, sizeof(buf));
}

static void wake_readers(void)
{
	__atomic_fetch_add(&data_count, 1, __ATOMIC_RELEASE);
	wake_up_all(&data_wait);
}

void hwrng_data(struct hwrng *h)
{
	if (READ_ONCE(h->wanted))
		feed(h);
	wake_readers();
}

static void refresh(struct timer *t)
{
	struct hwrng *h = device_get();

	if (!h)
		return;
	WRITE_ONCE(h->wanted, true);
	feed(h);
	device_put(h);
	timer_start_range(t, time_mono_ns() + REFRESH_NS, REFRESH_SLACK_NS);
}

static void wait_until_ready(void)
{
	if (rng_is_ready())
		return;
	if (!boot_deadline_ns)
		boot_deadline_ns = time_mono_ns() + BOOT_WAIT_NS;
	if (wait_event_full(&rng_ready_wait, rng_is_ready(), TASK_UNINTERRUPTIBLE, false,
			    boot_deadline_ns))
		pr_warn("hwrng: no data yet, going on without\n");
}

void hwrng_register(struct hwrng *h)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);
	bool first = list_empty(&devices);

	h->users = 0;
	h->wanted = true;
	list_add_tail(&h->link, &devices);
	if (!chosen_by_user)
		pick_best();
	spin_unlock_irqrestore(&hwrng_lock, flags);
	if (first) {
		timer_init(&refresh_timer, refresh);
		timer_start_range(&refresh_timer, time_mono_ns() + REFRESH_NS, REFRESH_SLACK_NS);
	}
	feed(h);
	wait_until_ready();
}

void hwrng_unregister(struct hwrng *h)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);

	list_del(&h->link);
	if (current_device == h)
		pick_best();
	bool last = list_empty(&devices);

	spin_unlock_irqrestore(&hwrng_lock, flags);
	if (last)
		(void)timer_cancel_sync(&refresh_timer);
	wait_event(&unused_wait, !READ_ONCE(h->users));
	wake_readers(); /* they look which one is current now */
}

/* ---- /dev/hwrng ---- */

static int wait_for_data(struct file *f, u32 seen)
{
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible(&data_wait,
					__atomic_load_n(&data_count, __ATOMIC_ACQUIRE) != seen);
}

/* A piece of at most CHUNK bytes: bytes copied, or -errno. */
static ssize_t read_some(struct file *f, struct uio *u)
{
	u8 buf[CHUNK];

	for (;;) {
		u32 seen = __atomic_load_n(&data_count, __ATOMIC_ACQUIRE);
		struct hwrng *h = device_get();

		if (!h)
			return -ENODEV;
		size_t n = h->read(h, buf, min_t(size_t, u->left, sizeof(buf)));

		device_put(h);
		if (n) {
			size_t copied = uio_copy_to(u, buf, n);

			memzero_explicit(buf, sizeof(buf));
			return copied == n ? (ssize_t)n : -EFAULT;
		}
		int err = wait_for_data(f, seen);

		if (err)
			return err;
	}
}

static ssize_t hwrng_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t done = 0;

	(void)pos;
	while (u->left) {
		ssize_t n = read_some(f, u);

		if (n < 0)
			return done ? done : n;
		done += n;
		if (u->left && signal_pending(current))
			return done;
		sched_cond_resched();
	}
	return done;
}

static int hwrng_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	(void)off;
	(void)whence;
	*out = f->pos = 0;
	return 0;
}

static int hwrng_open(struct inode *i, struct file *f)
{
	(void)i;
	/* For reading only: rng_dev_open() of Linux. */
	return (f->mode & FMODE_WRITE) || !(f->mode & FMODE_READ) ? -EINVAL : 0;
}

static const struct file_ops hwrng_fops = {
	.open = hwrng_open,
	.read = hwrng_read,
	.lseek = hwrng_lseek,
};

MISC_DEVICE(hwrng_device, "hwrng", "hw_random", HWRNG_MINOR, &hwrng_fops);

/* ---- /sys/class/misc/hw_random ---- */

static int show_available(struct seq *s, void *ctx)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);
	struct hwrng *h;

	(void)ctx;
	list_for_each_entry (h, &devices, link)
		seq_printf(s, "%s ", h->name);
	spin_unlock_irqrestore(&hwrng_lock, flags);
	seq_putc(s, '\n');
	return 0;
}

static int show_current(struct seq *s, void *ctx)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);

	(void)ctx;
	seq_printf(s, "%s\n", current_device ? current_device->name : "none");
	spin_unlock_irqrestore(&hwrng_lock, flags);
	return 0;
}

/* A name, or nothing: the best again. A name that nobody has changes nothing, as in Linux. */
static int store_current(const char *text, void *ctx)
{
	unsigned long flags = spin_lock_irqsave(&hwrng_lock);
	struct hwrng *h;

	(void)ctx;
	if (!*text)
		pick_best();
	list_for_each_entry (h, &devices, link) {
		if (*text && !strcmp(h->name, text)) {
			current_device = h;
			chosen_by_user = true;
		}
	}
	spin_unlock_irqrestore(&hwrng_lock, flags);
	return 0;
}

static int show_selected(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%d\n", READ_ONCE(chosen_by_user));
	return 0;
}

static int show_quality(struct seq *s, void *ctx)
{
	struct hwrng *h = device_get();

	(void)ctx;
	if (!h)
		return -ENODEV;
	seq_printf(s, "%u\n", READ_ONCE(h->quality));
	device_put(h);
	return 0;
}

static int store_quality(const char *text, void *ctx)
{
	struct hwrng *h = device_get();
	int v, err = 0;

	(void)ctx;
	if (!h)
		return -ENODEV;
	if (!proc_parse_int(text, &v) || v < 0 || v > (int)HWRNG_QUALITY_MAX)
		err = -EINVAL;
	else
		WRITE_ONCE(h->quality, (u32)v);
	device_put(h);
	return err;
}

#define SYS_HWRNG "devices/virtual/misc/hw_random/"
SYSFS_FILE(SYS_HWRNG "rng_available", 0444, show_available, NULL, NULL);
SYSFS_FILE(SYS_HWRNG "rng_current", 0644, show_current, store_current, NULL);
SYSFS_FILE(SYS_HWRNG "rng_quality", 0644, show_quality, store_quality, NULL);
SYSFS_FILE(SYS_HWRNG "rng_selected", 0444, show_selected, NULL, NULL);
