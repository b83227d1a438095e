/* /sys/bus/virtio, and the directories of devices inside those of their transports. */
#include "virtio_impl.h"

#include <kern/string.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>

#define PATH_SIZE 200

static int show_type(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct virtio_device *)ctx)->type);
	return 0;
}

static int show_vendor(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct virtio_device *)ctx)->vendor);
	return 0;
}

static int show_status(struct seq *s, void *ctx)
{
	struct virtio_device *d = ctx;

	seq_printf(s, "0x%08x\n", d->ops->status(d));
	return 0;
}

static int show_features(struct seq *s, void *ctx)
{
	const struct virtio_device *d = ctx;

	for (unsigned int i = 0; i < 64; i++)
		seq_putc(s, virtio_has(d, i) ? '1' : '0');
	seq_putc(s, '\n');
	return 0;
}

static int show_modalias(struct seq *s, void *ctx)
{
	const struct virtio_device *d = ctx;

	seq_printf(s, "virtio:d%08Xv%08X\n", d->type, d->vendor);
	return 0;
}

static int show_uevent(struct seq *s, void *ctx)
{
	const struct virtio_device *d = ctx;

	if (d->driver)
		seq_printf(s, "DRIVER=%s\n", d->driver->name);
	seq_puts(s, "MODALIAS=");
	return show_modalias(s, ctx);
}

static const struct sysfs_attr attrs[] = {
	{"device", 0444, show_type, NULL},
	{"features", 0444, show_features, NULL},
	{"modalias", 0444, show_modalias, NULL},
	{"status", 0444, show_status, NULL},
	{"uevent", 0644, show_uevent, NULL},
	{"vendor", 0444, show_vendor, NULL},
	{NULL, 0, NULL, NULL},
};

static int build_device(struct sysfs_builder *b, struct virtio_device *d)
{
	char dir[PATH_SIZE];
	int err;

	snprintf(dir, sizeof(dir), "%s/virtio%u", d->parent, d->index);
	err = b->files(b, dir, attrs, d);
	return err ? err : b->join(b, dir, "virtio", d->driver ? d->driver->name : NULL);
}

static int build_virtio(struct sysfs_builder *b)
{
	struct virtio_device *d;
	int err = 0;

	if (!list_empty(&virtio_devices))
		err = b->dir(b, "bus/virtio/drivers");
	list_for_each_entry (d, &virtio_devices, link) {
		if (!err)
			err = build_device(b, d);
	}
	return err;
}
SYSFS_BUILD(build_virtio);
