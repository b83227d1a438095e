/*
 * Device numbers.
 *
 * A list under one lock, sorted by (kind, major, minor): there are a few dozen entries, looked up once per open.
 */
#include <kernel/device/device.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs.h>

static struct mutex device_lock;		/* LK_DEVICE: the list, the listener */
static struct device *devices;
static const struct device_listener *device_listener;

extern struct device *const __start_device[], *const __stop_device[];

static int device_order(const struct device *a, const struct device *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return a->minor < b->minor ? -1 : a->minor > b->minor;
}

static bool device_overlaps(const struct device *a, const struct device *b)
{
	return a->kind == b->kind && a->major == b->major && a->minor < b->minor + b->count &&
	       b->minor < a->minor + a->count;
}

int device_register(struct device *d)
{
	struct device **link;

	if (!d->count)
		d->count = 1;
	mutex_lock(&device_lock);
	for (struct device *i = devices; i; i = i->next) {
		if (device_overlaps(i, d)) {
			mutex_unlock(&device_lock);
			return -EBUSY;
		}
	}
	for (link = &devices; *link && device_order(*link, d) < 0; link = &(*link)->next)
		;
	d->next = *link;
	*link = d;
	mutex_unlock(&device_lock);
	if (device_listener && !d->no_node)
		device_listener->added(d);
	return 0;
}

void device_unregister(struct device *d)
{
	mutex_lock(&device_lock);
	for (struct device **link = &devices; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			break;
		}
	}
	mutex_unlock(&device_lock);
	if (device_listener && !d->no_node)
		device_listener->removed(d);
}

struct device *device_find(enum device_kind kind, u32 dev)
{
	u32 major = vfs_major(dev), minor = vfs_minor(dev);
	struct device *d;

	guard(mutex)(&device_lock);
	for (d = devices; d; d = d->next)
		if (d->kind == kind && d->major == major && minor >= d->minor &&
		    minor < d->minor + d->count)
			break;
	return d;
}

int device_for_each(int (*fn)(struct device *d, void *ctx), void *ctx)
{
	int err = 0;

	guard(mutex)(&device_lock);
	for (struct device *d = devices; d && !err; d = d->next)
		err = fn(d, ctx);
	return err;
}

static void device_show_kind(struct seq *s, enum device_kind kind)
{
	const struct device *shown = NULL;

	for (struct device *d = devices; d; d = d->next) {
		if (d->kind != kind)
			continue;
		if (shown && shown->major == d->major && !strcmp(shown->driver, d->driver))
			continue;
		seq_printf(s, "%3u %s\n", d->major, d->driver);
		shown = d;
	}
}

void device_show(struct seq *s)
{
	guard(mutex)(&device_lock);
	seq_puts(s, "Character devices:\n");
	device_show_kind(s, DEVICE_CHAR);
	seq_puts(s, "\nBlock devices:\n");
	device_show_kind(s, DEVICE_BLOCK);
}

void device_set_listener(const struct device_listener *l)
{
	device_listener = l;
}

void device_init(void)
{
	mutex_init(&device_lock, LK_DEVICE);
	for (struct device *const *d = __start_device; d < __stop_device; d++)
		if (device_register(*d))
			pr_err("device: %s: number %u:%u is taken\n", (*d)->name, (*d)->major,
			       (*d)->minor);
}
