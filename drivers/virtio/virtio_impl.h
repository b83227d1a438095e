/* Private to drivers/virtio. */
#pragma once

#include <drivers/virtio/virtio.h>

extern struct list_head virtio_devices;

/* queue.c. After a reset: no interrupt comes any more; then: memory is given back. */
void virtio_queues_stop(struct virtio_device *d);
void virtio_queues_free(struct virtio_device *d);
