/*
 * The registry of devices: a list, changed under a spinlock, and never freed (drivers own their
 * entries and keep them), so that a found device stays valid.  Lookups happen at open(2) of a
 * device node.
 */
#include <kernel/device/device.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs.h>

extern struct device *const __start_device[], *const __stop_device[];

static struct spinlock devices_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct device *devices; /* in order of registration */
static const struct device_listener *listener __ro_after_init;

static bool overlaps(const struct device *a, const struct device *b)
{
	u32 a_count = a->count ? a->count : 1, b_count = b->count ? b->count : 1;

	return a->kind == b->kind && a->major == b->major && a->minor < b->minor + b_count &&
	       b->minor < a->minor + a_count;
}

int device_register(struct device *d)
{
	struct device **p;
	const struct device_listener *l;

	spin_lock(&devices_lock);
	for (p = &devices; *p; p = &(*p)->next) {
		if (overlaps(*p, d)) {
			spin_unlock(&devices_lock);
			return -EBUSY;
		}
	}
	d->next = NULL;
	smp_store_release(p, d);
	l = listener;
	spin_unlock(&devices_lock);
	if (l && !d->no_node)
		l->added(d);
	return 0;
}

void device_unregister(struct device *d)
{
	const struct device_listener *l;

	spin_lock(&devices_lock);
	for (struct device **p = &devices; *p; p = &(*p)->next) {
		if (*p == d) {
			/* d->next stays: a reader may be on it. */
			smp_store_release(p, d->next);
			break;
		}
	}
	l = listener;
	spin_unlock(&devices_lock);
	if (l && !d->no_node)
		l->removed(d);
}

struct device *device_find(enum device_kind kind, u32 dev)
{
	u32 major = vfs_major(dev), minor = vfs_minor(dev);

	for (struct device *d = smp_load_acquire(&devices); d; d = smp_load_acquire(&d->next)) {
		u32 count = d->count ? d->count : 1;

		if (d->kind == kind && d->major == major && minor >= d->minor &&
		    minor - d->minor < count)
			return d;
	}
	return NULL;
}

int device_for_each(int (*fn)(struct device *d, void *ctx), void *ctx)
{
	for (struct device *d = smp_load_acquire(&devices); d; d = smp_load_acquire(&d->next)) {
		int err = fn(d, ctx);

		if (err)
			return err;
	}
	return 0;
}

/* One line a major number, in ascending order. */
static void show_kind(struct seq *s, enum device_kind kind)
{
	for (u32 major = 0; major < 512; major++) {
		const char *last = "";

		for (struct device *d = smp_load_acquire(&devices); d;
		     d = smp_load_acquire(&d->next)) {
			if (d->kind != kind || d->major != major || !d->driver ||
			    !strcmp(last, d->driver))
				continue;
			seq_printf(s, "%3u %s\n", major, d->driver);
			last = d->driver;
		}
	}
}

void device_show(struct seq *s)
{
	seq_puts(s, "Character devices:\n");
	show_kind(s, DEVICE_CHAR);
	seq_puts(s, "\nBlock devices:\n");
	show_kind(s, DEVICE_BLOCK);
}

void device_set_listener(const struct device_listener *l)
{
	spin_lock(&devices_lock);
	listener = l;
	spin_unlock(&devices_lock);
}

void device_init(void)
{
	for (struct device *const *d = __start_device; d < __stop_device; d++) {
		if (device_register(*d))
			pr_err("device: number of %s is taken\n", (*d)->name);
	}
}
