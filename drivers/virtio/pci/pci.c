/*
 * Transport over PCI: virtio 1.2, 4.1.
 *
 * The device's registers are four structures somewhere in its base addresses, named by vendor
 * capabilities. Interrupts: one for configuration and one for each queue if there are so many
 * messages, else one for configuration and one for all queues, else one line for everything.
 */
#include <drivers/virtio/pci/pci.h>

#include <asm/io.h>
#include <drivers/pci/pci.h>
#include <drivers/virtio/virtio.h>
#include <kern/endian.h>
#include <kern/errno.h>
#include <kernel/irq/irq.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#define ID_FIRST 0x1000u /* of devices that also speak the old interface: the type is elsewhere */
#define ID_MODERN 0x1040u
#define ID_LAST 0x107fu
#define CONFIG_MAX 4096u
#define STRUCTURES 5u /* VIRTIO_PCI_CAP_COMMON_CFG ... DEVICE_CFG are 1 to 4 */

struct structure {
	u8 *base; /* NULL: not there */
	u32 len;
};

struct vpci {
	struct virtio_device device;
	struct pci_device *pci;
	struct structure part[STRUCTURES];
	u32 notify_multiplier;
	struct irq_action *action; /* of each vector */
	unsigned int vectors;
	bool each_queue; /* has a vector of its own */
};

static struct vpci *vpci_of(struct virtio_device *d)
{
	return container_of(d, struct vpci, device);
}

static u8 *common(struct virtio_device *d, u32 offset)
{
	return vpci_of(d)->part[VIRTIO_PCI_CAP_COMMON_CFG].base + offset;
}

/* ---- status and features ---- */

static u64 vpci_features(struct virtio_device *d)
{
	u64 v;

	mmio_write32(common(d, VIRTIO_PCI_COMMON_DFSELECT), 0);
	v = mmio_read32(common(d, VIRTIO_PCI_COMMON_DF));
	mmio_write32(common(d, VIRTIO_PCI_COMMON_DFSELECT), 1);
	return v | (u64)mmio_read32(common(d, VIRTIO_PCI_COMMON_DF)) << 32;
}

static void vpci_accept(struct virtio_device *d, u64 features)
{
	mmio_write32(common(d, VIRTIO_PCI_COMMON_GFSELECT), 0);
	mmio_write32(common(d, VIRTIO_PCI_COMMON_GF), (u32)features);
	mmio_write32(common(d, VIRTIO_PCI_COMMON_GFSELECT), 1);
	mmio_write32(common(d, VIRTIO_PCI_COMMON_GF), (u32)(features >> 32));
}

static u8 vpci_status(struct virtio_device *d)
{
	return mmio_read8(common(d, VIRTIO_PCI_COMMON_STATUS));
}

static void vpci_set_status(struct virtio_device *d, u8 status)
{
	mmio_write8(common(d, VIRTIO_PCI_COMMON_STATUS), status);
}

/* ---- configuration ---- */

static void vpci_config_read(struct virtio_device *d, u32 offset, void *buf, u32 len)
{
	const struct structure *s = &vpci_of(d)->part[VIRTIO_PCI_CAP_DEVICE_CFG];
	u8 *out = buf;

	for (u32 i = 0; i < len;) {
		u32 at = offset + i, n = len - i;

		if (at >= s->len) {
			out[i++] = 0;
		} else if (n >= 4 && !(at & 3) && s->len - at >= 4) {
			le32_write(out + i, mmio_read32(s->base + at));
			i += 4;
		} else if (n >= 2 && !(at & 1) && s->len - at >= 2) {
			le16_write(out + i, mmio_read16(s->base + at));
			i += 2;
		} else {
			out[i++] = mmio_read8(s->base + at);
		}
	}
}

static void vpci_config_write(struct virtio_device *d, u32 offset, const void *buf, u32 len)
{
	const struct structure *s = &vpci_of(d)->part[VIRTIO_PCI_CAP_DEVICE_CFG];
	const u8 *in = buf;

	for (u32 i = 0; i < len && offset + i < s->len;) {
		u32 at = offset + i, n = min(len - i, s->len - at);

		if (n >= 4 && !(at & 3)) {
			mmio_write32(s->base + at, le32_read(in + i));
			i += 4;
		} else if (n >= 2 && !(at & 1)) {
			mmio_write16(s->base + at, le16_read(in + i));
			i += 2;
		} else {
			mmio_write8(s->base + at, in[i++]);
		}
	}
}

static u32 vpci_generation(struct virtio_device *d)
{
	return mmio_read8(common(d, VIRTIO_PCI_COMMON_CFGGENERATION));
}

/* ---- interrupts ---- */

static bool on_queue(void *ctx)
{
	(void)virtqueue_interrupt(ctx);
	return true; /* a message of this queue alone */
}

static bool all_queues(struct vpci *v)
{
	bool any = false;

	for (unsigned int i = 0; i < v->device.queue_count; i++) {
		if (v->device.queue[i])
			any |= virtqueue_interrupt(v->device.queue[i]);
	}
	return any;
}

static bool on_queues(void *ctx)
{
	(void)all_queues(ctx);
	return true;
}

static bool on_config(void *ctx)
{
	virtio_config_interrupt(&((struct vpci *)ctx)->device);
	return true;
}

/* A wired line, which others may share: reading the register tells, and lowers it. */
static bool on_line(void *ctx)
{
	struct vpci *v = ctx;
	u8 why = mmio_read8(v->part[VIRTIO_PCI_CAP_ISR_CFG].base);

	if (why & VIRTIO_PCI_ISR_CONFIG)
		virtio_config_interrupt(&v->device);
	if (why & 1)
		(void)all_queues(v);
	return why != 0;
}

static int request(struct vpci *v, unsigned int vector, bool (*handler)(void *ctx), void *ctx,
		   const char *name)
{
	v->action[vector] = (struct irq_action){.handler = handler, .ctx = ctx, .name = name};
	return pci_irq_request(v->pci, vector, &v->action[vector]);
}

static void vpci_queues_end(struct virtio_device *d)
{
	struct vpci *v = vpci_of(d);

	pci_irqs_end(v->pci);
	kfree(v->action);
	v->action = NULL;
}

/* Tells the device the vector of configuration changes; false: it has no room for it. */
static bool config_vector(struct virtio_device *d, u16 vector)
{
	mmio_write16(common(d, VIRTIO_PCI_COMMON_MSIX), vector);
	return mmio_read16(common(d, VIRTIO_PCI_COMMON_MSIX)) == vector;
}

static int vpci_queues_begin(struct virtio_device *d, unsigned int count)
{
	struct vpci *v = vpci_of(d);
	int err;

	v->vectors = count + 1;
	err = pci_irqs_begin(v->pci, &v->vectors);
	if (err)
		return err;
	v->action = alloc_array(v->vectors, sizeof(*v->action));
	if (!v->action)
		return -ENOMEM;
	v->each_queue = v->vectors > count;
	if (!pci_irqs_are_messages(v->pci))
		return v->part[VIRTIO_PCI_CAP_ISR_CFG].base
			       ? request(v, 0, on_line, v, d->driver->name)
			       : -EINVAL;
	if (v->vectors == 1)
		return request(v, 0, on_queues, v, d->driver->name);
	err = request(v, 0, on_config, v, d->driver->name);
	if (!err && !config_vector(d, 0))
		err = -ENOSPC;
	if (!err && !v->each_queue)
		err = request(v, 1, on_queues, v, d->driver->name);
	return err;
}

/* ---- queues ---- */

static void write64(struct virtio_device *d, u32 offset, u64 v)
{
	mmio_write32(common(d, offset), (u32)v);
	mmio_write32(common(d, offset + 4), (u32)(v >> 32));
}

static u32 vpci_queue_size(struct virtio_device *d, unsigned int index)
{
	if (index >= mmio_read16(common(d, VIRTIO_PCI_COMMON_NUMQ)))
		return 0;
	mmio_write16(common(d, VIRTIO_PCI_COMMON_Q_SELECT), (u16)index);
	return mmio_read16(common(d, VIRTIO_PCI_COMMON_Q_SIZE));
}

static int queue_vector(struct vpci *v, struct virtqueue *q)
{
	u16 vector = 0;
	int err = 0;

	if (!pci_irqs_are_messages(v->pci))
		return 0;
	if (v->each_queue) {
		vector = (u16)(q->index + 1);
		err = request(v, vector, on_queue, q, q->name);
	} else if (v->vectors > 1) {
		vector = 1;
	}
	if (err)
		return err;
	mmio_write16(common(&v->device, VIRTIO_PCI_COMMON_Q_MSIX), vector);
	return mmio_read16(common(&v->device, VIRTIO_PCI_COMMON_Q_MSIX)) == vector ? 0 : -ENOSPC;
}

static int vpci_queue_start(struct virtio_device *d, struct virtqueue *q)
{
	struct vpci *v = vpci_of(d);
	const struct structure *notify = &v->part[VIRTIO_PCI_CAP_NOTIFY_CFG];
	int err;

	mmio_write16(common(d, VIRTIO_PCI_COMMON_Q_SELECT), (u16)q->index);
	u64 at = (u64)mmio_read16(common(d, VIRTIO_PCI_COMMON_Q_NOFF)) * v->notify_multiplier;

	if (at + 2 > notify->len)
		return -EINVAL;
	q->transport_data = notify->base + at;
	mmio_write16(common(d, VIRTIO_PCI_COMMON_Q_SIZE), q->ring.size);
	write64(d, VIRTIO_PCI_COMMON_Q_DESCLO, q->desc_addr);
	write64(d, VIRTIO_PCI_COMMON_Q_AVAILLO, q->avail_addr);
	write64(d, VIRTIO_PCI_COMMON_Q_USEDLO, q->used_addr);
	err = queue_vector(v, q);
	if (!err)
		mmio_write16(common(d, VIRTIO_PCI_COMMON_Q_ENABLE), 1);
	return err;
}

static void vpci_notify(struct virtqueue *q)
{
	mmio_write16(q->transport_data, (u16)q->index);
}

static const struct virtio_transport vpci_transport = {
	.features = vpci_features,
	.accept = vpci_accept,
	.status = vpci_status,
	.set_status = vpci_set_status,
	.config_read = vpci_config_read,
	.config_write = vpci_config_write,
	.config_generation = vpci_generation,
	.queues_begin = vpci_queues_begin,
	.queues_end = vpci_queues_end,
	.queue_size = vpci_queue_size,
	.queue_start = vpci_queue_start,
	.notify = vpci_notify,
};

/* ---- finding the structures ---- */

static int map_structure(struct vpci *v, u8 cap)
{
	u8 type = pci_read8(v->pci, cap + offsetof(struct virtio_pci_cap, cfg_type));
	u8 bar = pci_read8(v->pci, cap + offsetof(struct virtio_pci_cap, bar));
	u32 offset = pci_read32(v->pci, cap + offsetof(struct virtio_pci_cap, offset));
	u32 len = pci_read32(v->pci, cap + offsetof(struct virtio_pci_cap, length));
	void *base;

	/* Others (PCI configuration access, shared memory) are not used; the first of a kind
	 * counts. */
	if (!type || type >= STRUCTURES || v->part[type].base)
		return 0;
	if (type == VIRTIO_PCI_CAP_DEVICE_CFG)
		len = min(len, CONFIG_MAX);
	int err = pci_map(v->pci, bar, offset, len, &base);

	if (err)
		return err;
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		v->notify_multiplier = pci_read32(v->pci, cap + sizeof(struct virtio_pci_cap));
	v->part[type] = (struct structure){base, len};
	return 0;
}

static int map_structures(struct vpci *v)
{
	u8 cap = pci_find_capability(&v->pci->config, PCI_CAP_ID_VNDR, 0);
	int err = 0;

	/* A list that goes round has no more members than fit. */
	for (unsigned int i = 0; cap && i < 48 && !err; i++) {
		if (cap <= 256 - sizeof(struct virtio_pci_notify_cap))
			err = map_structure(v, cap);
		cap = pci_find_capability(&v->pci->config, PCI_CAP_ID_VNDR, cap);
	}
	if (err)
		return err;
	return v->part[VIRTIO_PCI_CAP_COMMON_CFG].len >= VIRTIO_PCI_COMMON_Q_USEDHI + 4 &&
			       v->part[VIRTIO_PCI_CAP_NOTIFY_CFG].base
		       ? 0
		       : -ENODEV;
}

static void vpci_free(struct vpci *v)
{
	pci_disable(v->pci);
	for (unsigned int i = 0; i < STRUCTURES; i++)
		iounmap(v->part[i].base);
	kfree(v);
}

static u32 type_of(const struct pci_device *d)
{
	return d->device >= ID_MODERN ? d->device - ID_MODERN : d->subdevice;
}

static int vpci_probe(struct pci_device *d, const struct pci_id *id)
{
	struct vpci *v;
	int err;

	(void)id;
	if (d->device < ID_FIRST || d->device > ID_LAST)
		return -ENODEV;
	v = kzalloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->pci = d;
	pci_enable(d);
	err = map_structures(v);
	if (!err)
		err = pci_device_path(d, v->device.parent, sizeof(v->device.parent));
	if (err) {
		if (err == -ENODEV)
			pr_err("%s: virtio device without the interface of version 1\n", d->name);
		vpci_free(v);
		return err;
	}
	v->device.ops = &vpci_transport;
	v->device.type = type_of(d);
	v->device.vendor = d->subvendor;
	d->driver_data = v;
	/* Reset before it may write memory: what the firmware did with it is over. */
	virtio_reset(&v->device);
	pci_set_master(d);
	/* Without a driver it stays, reset, and is listed. */
	(void)!virtio_register(&v->device);
	return 0;
}

static void vpci_remove(struct pci_device *d)
{
	struct vpci *v = d->driver_data;

	virtio_unregister(&v->device);
	vpci_free(v);
}

static const struct pci_id ids[] = {{VIRTIO_VENDOR, PCI_DRIVER_ANY, 0, 0}, {0}};

static const struct pci_driver vpci_driver = {
	.name = "virtio-pci",
	.ids = ids,
	.probe = vpci_probe,
	.remove = vpci_remove,
};
PCI_DRIVER(vpci_driver);
