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

/* "../" for each folder of @dir. */
static void up_from(const char *dir, char *out, size_t size)
{
	size_t len = 0;

	*out = 0;
	for (const char *p = dir; p && len + 3 < size; p = strchr(p, '/')) {
		len += (size_t)snprintf(out + len, size - len, "../");
		p += *p == '/';
	}
}

static int build_device(struct sysfs_builder *b, struct virtio_device *d)
{
	char dir[PATH_SIZE], up[PATH_SIZE], path[PATH_SIZE + 16], text[2 * PATH_SIZE];
	int err;

	snprintf(dir, sizeof(dir), "%s/virtio%u", d->parent, d->index);
	up_from(dir, up, sizeof(up));
	err = b->files(b, dir, attrs, d);
	snprintf(path, sizeof(path), "%s/subsystem", dir);
	snprintf(text, sizeof(text), "%sbus/virtio", up);
	if (!err)
		err = b->link(b, path, text);
	snprintf(path, sizeof(path), "bus/virtio/devices/virtio%u", d->index);
	snprintf(text, sizeof(text), "../../../%s", dir);
	if (!err)
		err = b->link(b, path, text);
	if (err || !d->driver)
		return err;
	snprintf(path, sizeof(path), "%s/driver", dir);
	snprintf(text, sizeof(text), "%sbus/virtio/drivers/%s", up, d->driver->name);
	err = b->link(b, path, text);
	snprintf(path, sizeof(path), "bus/virtio/drivers/%s/virtio%u", d->driver->name, d->index);
	snprintf(text, sizeof(text), "../../../../%s", dir);
	return err ? err : b->link(b, path, text);
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
