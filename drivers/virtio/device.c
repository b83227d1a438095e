/* Devices and drivers: the steps of virtio 1.2, 3.1.1, from reset to DRIVER_OK. */
#include "virtio_impl.h"

#include <asm/clock.h>
#include <kern/errno.h>
#include <kernel/printk/printk.h>

/* What the core itself understands. */
#define CORE_FEATURES                                                                         \
	(VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |   \
	 VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) | \
	 VIRTIO_FEATURE(VIRTIO_F_ORDER_PLATFORM))
#define CONFIG_TRIES 16u
#define RESET_WAIT_US 100000u
#define RESET_STEP_US 10u

/* Made in probes, which run one after another in process 1; [I] afterwards. */
LIST_HEAD(virtio_devices);
static unsigned int device_count;

extern const struct virtio_driver *const __start_virtio_driver[], *const __stop_virtio_driver[];

static const struct virtio_driver *find_driver(const struct virtio_device *d)
{
	for (const struct virtio_driver *const *drv = __start_virtio_driver;
	     drv < __stop_virtio_driver; drv++) {
		for (const u32 *type = (*drv)->types; *type; type++) {
			if (*type == d->type)
				return *drv;
		}
	}
	return NULL;
}

static void add_status(struct virtio_device *d, u8 bits)
{
	d->status |= bits;
	d->ops->set_status(d, d->status);
}

void virtio_reset(struct virtio_device *d)
{
	d->status = 0;
	d->ops->set_status(d, 0);
	for (u32 us = 0; d->ops->status(d) && us < RESET_WAIT_US; us += RESET_STEP_US)
		arch_delay_us(RESET_STEP_US);
}

static int agree(struct virtio_device *d)
{
	const struct virtio_driver *drv = d->driver;

	d->offered = d->ops->features(d);
	if (!d->legacy && !(d->offered & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)))
		return -ENODEV;
	if (drv->needed & ~d->offered)
		return -ENODEV;
	d->features = d->offered & (CORE_FEATURES | drv->wanted | drv->needed);
	d->ops->accept(d, d->features);
	if (d->legacy)
		return 0;
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	return (d->ops->status(d) & VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -ENODEV;
}

static void give_up(struct virtio_device *d)
{
	virtio_reset(d);
	virtio_queues_stop(d);
	virtio_queues_free(d);
	add_status(d, VIRTIO_CONFIG_S_FAILED);
	d->driver = NULL;
}

int virtio_register(struct virtio_device *d)
{
	int err;

	d->index = device_count++;
	list_add_tail(&d->link, &virtio_devices);
	virtio_reset(d);
	d->driver = find_driver(d);
	if (!d->driver)
		return 0;
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	err = agree(d);
	if (err)
		pr_err("virtio%u: type %u offers features 0x%llx, %s needs others\n", d->index,
		       d->type, (unsigned long long)d->offered, d->driver->name);
	else
		err = d->driver->probe(d);
	if (err) {
		pr_err("virtio%u: not driven (error %d)\n", d->index, err);
		give_up(d);
		return err;
	}
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK))
		virtio_ready(d);
	return 0;
}

void virtio_unregister(struct virtio_device *d)
{
	virtio_reset(d);
	virtio_queues_stop(d);
	if (d->driver && d->driver->remove)
		d->driver->remove(d);
	virtio_queues_free(d);
	d->driver = NULL;
	list_del(&d->link);
}

void virtio_ready(struct virtio_device *d)
{
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_config_interrupt(struct virtio_device *d)
{
	if (d->driver && d->driver->config_changed && (d->status & VIRTIO_CONFIG_S_DRIVER_OK))
		d->driver->config_changed(d);
}

/* ---- configuration ---- */

void virtio_config_read(struct virtio_device *d, u32 offset, void *buf, u32 len)
{
	for (unsigned int i = 0; i < CONFIG_TRIES; i++) {
		u32 before = d->ops->config_generation(d);

		d->ops->config_read(d, offset, buf, len);
		if (d->ops->config_generation(d) == before)
			return;
	}
}

void virtio_config_write(struct virtio_device *d, u32 offset, const void *buf, u32 len)
{
	d->ops->config_write(d, offset, buf, len);
}

u8 virtio_config_u8(struct virtio_device *d, u32 offset)
{
	u8 v = 0;

	virtio_config_read(d, offset, &v, sizeof(v));
	return v;
}

u16 virtio_config_u16(struct virtio_device *d, u32 offset)
{
	u16 v = 0;

	virtio_config_read(d, offset, &v, sizeof(v));
	return v;
}

u32 virtio_config_u32(struct virtio_device *d, u32 offset)
{
	u32 v = 0;

	virtio_config_read(d, offset, &v, sizeof(v));
	return v;
}

u64 virtio_config_u64(struct virtio_device *d, u32 offset)
{
	u64 v = 0;

	virtio_config_read(d, offset, &v, sizeof(v));
	return v;
}
