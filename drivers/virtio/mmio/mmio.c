/*
 * Transport over a page of registers: virtio 1.2, 4.2. Version 1 of the interface, the one before
 * virtio 1.0, tells the device the number of a page in which all of a queue begins.
 */
#include <drivers/virtio/mmio/mmio.h>

#include <asm/io.h>
#include <asm/page.h>
#include <drivers/acpi/bus/bus.h>
#include <drivers/virtio/virtio.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/irq/irq.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>
#include <lib/parse/parse.h>
#include <linux/virtio_mmio.h>

#define MAGIC 0x74726976u /* "virt" */
#define REGISTERS VIRTIO_MMIO_CONFIG
#define SIZE_MAX_HERE 0x10000u

struct vmmio {
	struct virtio_device device;
	u8 *base;
	u32 size;
	unsigned int gsi;
	struct irq_action action;
	bool requested;
};

static struct vmmio *vmmio_of(struct virtio_device *d)
{
	return container_of(d, struct vmmio, device);
}

static u32 get(struct virtio_device *d, u32 reg)
{
	return mmio_read32(vmmio_of(d)->base + reg);
}

static void put(struct virtio_device *d, u32 reg, u32 v)
{
	mmio_write32(vmmio_of(d)->base + reg, v);
}

static void put64(struct virtio_device *d, u32 low, u64 v)
{
	put(d, low, (u32)v);
	put(d, low + 4, (u32)(v >> 32));
}

static u64 vmmio_features(struct virtio_device *d)
{
	u64 v;

	put(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	v = get(d, VIRTIO_MMIO_DEVICE_FEATURES);
	put(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return v | (u64)get(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static void vmmio_accept(struct virtio_device *d, u64 features)
{
	put(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	put(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)features);
	put(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32));
}

static u8 vmmio_status(struct virtio_device *d)
{
	return (u8)get(d, VIRTIO_MMIO_STATUS);
}

static void vmmio_set_status(struct virtio_device *d, u8 status)
{
	put(d, VIRTIO_MMIO_STATUS, status);
}

static void vmmio_config_read(struct virtio_device *d, u32 offset, void *buf, u32 len)
{
	u32 room = vmmio_of(d)->size - VIRTIO_MMIO_CONFIG;
	u8 *out = buf;

	for (u32 i = 0; i < len; i++)
		out[i] = offset + i < room
				 ? mmio_read8(vmmio_of(d)->base + VIRTIO_MMIO_CONFIG + offset + i)
				 : 0;
}

static void vmmio_config_write(struct virtio_device *d, u32 offset, const void *buf, u32 len)
{
	u32 room = vmmio_of(d)->size - VIRTIO_MMIO_CONFIG;

	for (u32 i = 0; i < len && offset + i < room; i++)
		mmio_write8(vmmio_of(d)->base + VIRTIO_MMIO_CONFIG + offset + i,
			    ((const u8 *)buf)[i]);
}

static u32 vmmio_generation(struct virtio_device *d)
{
	return d->legacy ? 0 : get(d, VIRTIO_MMIO_CONFIG_GENERATION);
}

static bool on_interrupt(void *ctx)
{
	struct virtio_device *d = ctx;
	u32 why = get(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	if (!why)
		return false;
	put(d, VIRTIO_MMIO_INTERRUPT_ACK, why);
	if (why & VIRTIO_MMIO_INT_CONFIG)
		virtio_config_interrupt(d);
	for (unsigned int i = 0; i < d->queue_count; i++) {
		if (d->queue[i])
			(void)virtqueue_interrupt(d->queue[i]);
	}
	return true;
}

static int vmmio_queues_begin(struct virtio_device *d, unsigned int count)
{
	struct vmmio *v = vmmio_of(d);
	int err;

	(void)count;
	v->action = (struct irq_action){
		.handler = on_interrupt,
		.ctx = d,
		.name = d->driver->name,
	};
	/* The device keeps its line up until the acknowledgement: an edge is enough. */
	err = irq_request_gsi(&v->action, v->gsi, IRQ_EDGE);
	v->requested = !err;
	return err;
}

static void vmmio_queues_end(struct virtio_device *d)
{
	struct vmmio *v = vmmio_of(d);

	if (v->requested)
		irq_free(&v->action);
	v->requested = false;
}

static u32 vmmio_queue_size(struct virtio_device *d, unsigned int index)
{
	put(d, VIRTIO_MMIO_QUEUE_SEL, index);
	return get(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static int vmmio_queue_start(struct virtio_device *d, struct virtqueue *q)
{
	put(d, VIRTIO_MMIO_QUEUE_SEL, q->index);
	put(d, VIRTIO_MMIO_QUEUE_NUM, q->ring.size);
	if (d->legacy) {
		if (q->desc_addr >> PAGE_SHIFT > 0xffffffffu)
			return -EINVAL;
		put(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
		put(d, VIRTIO_MMIO_QUEUE_ALIGN, PAGE_SIZE);
		put(d, VIRTIO_MMIO_QUEUE_PFN, (u32)(q->desc_addr >> PAGE_SHIFT));
		return 0;
	}
	put64(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc_addr);
	put64(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail_addr);
	put64(d, VIRTIO_MMIO_QUEUE_USED_LOW, q->used_addr);
	put(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static void vmmio_notify(struct virtqueue *q)
{
	put(q->device, VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
}

static const struct virtio_transport vmmio_transport = {
	.features = vmmio_features,
	.accept = vmmio_accept,
	.status = vmmio_status,
	.set_status = vmmio_set_status,
	.config_read = vmmio_config_read,
	.config_write = vmmio_config_write,
	.config_generation = vmmio_generation,
	.queues_begin = vmmio_queues_begin,
	.queues_end = vmmio_queues_end,
	.queue_size = vmmio_queue_size,
	.queue_start = vmmio_queue_start,
	.notify = vmmio_notify,
};

/* ---- finding devices ---- */

/* -ENODEV: the place is empty, or not virtio. @parent: as in /sys. */
static int vmmio_found(u64 addr, u64 size, unsigned int gsi, const char *parent)
{
	struct vmmio *v;

	if (size < REGISTERS || size > SIZE_MAX_HERE || addr + size < addr ||
	    boot_is_ram(addr, size))
		return -EINVAL;
	v = kzalloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->size = (u32)size;
	v->gsi = gsi;
	v->base = ioremap(addr, size, VMAP_UC);
	if (!v->base) {
		kfree(v);
		return -ENOMEM;
	}
	struct virtio_device *d = &v->device;
	u32 version = get(d, VIRTIO_MMIO_VERSION);

	d->ops = &vmmio_transport;
	d->type = get(d, VIRTIO_MMIO_DEVICE_ID);
	if (get(d, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC || !d->type || version < 1 || version > 2) {
		iounmap(v->base);
		kfree(v);
		return -ENODEV;
	}
	d->legacy = version == 1;
	d->vendor = get(d, VIRTIO_MMIO_VENDOR_ID);
	(void)strscpy(d->parent, parent, sizeof(d->parent));
	(void)!virtio_register(d); /* without a driver it is listed all the same */
	return 0;
}

/* A number, decimal or with 0x in front. */
static bool number(const char **p, u64 *out)
{
	bool hex = (*p)[0] == '0' && ((*p)[1] | 0x20) == 'x';

	*p += hex ? 2 : 0;
	return parse_digits(p, hex ? 16 : 10, out);
}

/* SIZE@ADDR:IRQ[:ID]; SIZE with K or M. */
static bool parse_device(const char *p, u64 *size, u64 *addr, u64 *irq)
{
	if (!number(&p, size))
		return false;
	u32 shift = (*p | 0x20) == 'k' ? 10 : (*p | 0x20) == 'm' ? 20 : 0;

	*size <<= shift;
	p += shift != 0;
	if (*p++ != '@' || !number(&p, addr) || *p++ != ':' || !number(&p, irq) ||
	    *irq >= IRQ_LINES)
		return false;
	return !*p || *p == ':';
}

/* Devices that the command line names. */
static void vmmio_init(void)
{
	static const char prefix[] = "virtio_mmio.device=";
	char word[80], parent[64];
	unsigned int n = 0;
	size_t pos = 0;
	bool for_init;
	u64 size, addr, irq;

	while (cmdline_next(&pos, word, sizeof(word), &for_init)) {
		if (for_init || !str_has_prefix(word, prefix))
			continue;
		snprintf(parent, sizeof(parent), "devices/virtio-mmio-cmdline/virtio-mmio.%u", n++);
		if (!parse_device(word + strlen(prefix), &size, &addr, &irq) ||
		    vmmio_found(addr, size, (unsigned int)irq, parent) == -EINVAL)
			pr_err("virtio-mmio: %s makes no sense\n", word);
	}
}
INITCALL(vmmio_init);

/* A device of the firmware's tables. */
static int vmmio_acpi_probe(struct acpi_device *acpi)
{
	static unsigned int n;
	struct aml_resources r;
	char parent[64];
	int err = acpi_resources(acpi, &r);

	if (err || !r.memory_len || r.irq_count != 1)
		return err ? err : -EINVAL;
	snprintf(parent, sizeof(parent), "devices/platform/LNRO0005:%02u", n++);
	return vmmio_found(r.memory, r.memory_len, r.irq, parent);
}

static const char *const acpi_ids[] = {"LNRO0005", NULL};
static const struct acpi_driver vmmio_acpi_driver = {
	.name = "virtio-mmio",
	.ids = acpi_ids,
	.probe = vmmio_acpi_probe,
};
ACPI_DRIVER(vmmio_acpi_driver);
