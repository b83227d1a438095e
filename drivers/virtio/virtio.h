/*
 * virtio: devices of a virtual machine, their queues, their drivers.
 *
 * A transport (drivers/virtio/pci, drivers/virtio/mmio) finds devices and registers them; a driver
 * is a const struct in a linker section that names device types and features. Buffers are lent
 * through queues (drivers/virtio/ring); a queue's callback tells that some came back. What the
 * device writes is input. Source: virtio 1.2; numbers in <linux/virtio_*.h>.
 */
#pragma once

#include <drivers/virtio/ring/ring.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kern/types.h>
#include <linux/virtio_config.h>

struct virtio_device;
struct virtio_driver;
struct virtqueue;

#define VIRTIO_VENDOR 0x1af4u
#define VIRTIO_QUEUES_MAX 64u
#define VIRTIO_FEATURE(bit) (1ull << (bit))

/* What a transport does. Process context but for notify and queue_interrupt's callers. */
struct virtio_transport {
	u64 (*features)(struct virtio_device *d);
	void (*accept)(struct virtio_device *d, u64 features);
	u8 (*status)(struct virtio_device *d);
	/* 0 resets; the core waits until status() says that it is over. */
	void (*set_status)(struct virtio_device *d, u8 status);
	void (*config_read)(struct virtio_device *d, u32 offset, void *buf, u32 len);
	void (*config_write)(struct virtio_device *d, u32 offset, const void *buf, u32 len);
	u32 (*config_generation)(struct virtio_device *d);
	/* Interrupts for @count queues to come. -errno. */
	int (*queues_begin)(struct virtio_device *d, unsigned int count);
	void (*queues_end)(struct virtio_device *d);
	/* The largest size of queue @index; 0: there is none. */
	u32 (*queue_size)(struct virtio_device *d, unsigned int index);
	/* Tells the device where @q is and switches it on. -errno. */
	int (*queue_start)(struct virtio_device *d, struct virtqueue *q);
	void (*notify)(struct virtqueue *q);
};

struct virtio_device {
	/* Set by the transport. */
	const struct virtio_transport *ops;
	u32 type, vendor; /* VIRTIO_ID_*; VIRTIO_VENDOR */
	bool legacy;	  /* the interface before 1.0: no VIRTIO_F_VERSION_1, ring in one piece */
	char parent[160]; /* directory below /sys that it is shown in */
	/* The core's. */
	unsigned int index;    /* N of virtioN */
	u64 offered, features; /* features: agreed on, [I] from probe() */
	u8 status;	       /* as last written */
	const struct virtio_driver *driver;
	void *driver_data;
	struct virtqueue **queue; /* queue_count of them */
	unsigned int queue_count;
	struct list_head link;
};

struct virtio_driver {
	const char *name;
	const u32 *types; /* up to a 0 */
	u64 wanted;	  /* features that are used if offered; without one of needed there is no */
	u64 needed;	  /* probe. The transport's and ring's own are the core's. */
	/* May sleep. Makes the queues; the device answers once virtio_ready() was called. */
	int (*probe)(struct virtio_device *d);
	void (*remove)(struct virtio_device *d);	 /* the device was reset; may be NULL */
	void (*config_changed)(struct virtio_device *d); /* interrupt context; may be NULL */
};
#define VIRTIO_DRIVER(sym)                                           \
	static const struct virtio_driver *const virtio_driver_##sym \
		__attribute__((section(".tab.virtio_driver"), used)) = &sym

/* ---- for drivers ---- */

static inline bool virtio_has(const struct virtio_device *d, unsigned int feature_bit)
{
	return d->features >> feature_bit & 1;
}

/* One queue that a driver wants. */
struct virtqueue_want {
	const char *name; /* in /proc/interrupts */
	/* Interrupt context, interrupts off; NULL: the driver looks by itself. */
	void (*callback)(struct virtqueue *q);
	u32 size;      /* at most; 0: as the device likes, up to 256 */
	bool may_lack; /* out[i] is NULL when the device does not have it */
};
/*
 * The queues 0 to @count-1 of a device, once, in probe(). They end with the device. -ENOENT: one is
 * not there; -ENOMEM, -ENOSPC (interrupts).
 */
int virtio_queues_make(struct virtio_device *d, const struct virtqueue_want *want,
		       unsigned int count, struct virtqueue **out) __must_check;
void virtio_ready(struct virtio_device *d);
/* Device configuration: read again until it did not change on the way, a bounded number of times.
 */
void virtio_config_read(struct virtio_device *d, u32 offset, void *buf, u32 len);
void virtio_config_write(struct virtio_device *d, u32 offset, const void *buf, u32 len);
u8 virtio_config_u8(struct virtio_device *d, u32 offset);
u16 virtio_config_u16(struct virtio_device *d, u32 offset);
u32 virtio_config_u32(struct virtio_device *d, u32 offset);
u64 virtio_config_u64(struct virtio_device *d, u32 offset);

/*
 * A queue. The driver serialises calls on one queue, against its callback too (a spinlock with
 * interrupts off); different queues are independent.
 */
struct virtqueue {
	struct virtio_device *device; /* [I] */
	unsigned int index;	      /* [I] */
	const char *name;	      /* [I] */
	void (*callback)(struct virtqueue *q);
	void *driver_data; /* the driver's */
	struct vring_split ring;
	u64 desc_addr, avail_addr, used_addr; /* physical; [I] */
	void *memory;
	bool indirect;
	void *transport_data;
};

/* Kernel memory of the direct map (kmalloc, frames; not vmalloc, not a stack) as the device sees
 * it. */
struct vring_buf virtio_buf(const void *p, u32 len);
/*
 * Lends: the device reads the first @out buffers and writes the @in behind them, which are the
 * device's until virtqueue_take() gives @token back. Any context. -ENOSPC: the queue is full; -EIO:
 * broken; -EINVAL.
 */
int virtqueue_add(struct virtqueue *q, const struct vring_buf *bufs, u32 out, u32 in, void *token)
	__must_check;
/* Tells the device of what was added, if it wants to be told. */
void virtqueue_kick(struct virtqueue *q);
/* What came back, one by one, or NULL: then the callback tells of more. *@len: bytes that the
 * device wrote, at most those lent. */
void *virtqueue_take(struct virtqueue *q, u32 *len);
bool virtqueue_broken(const struct virtqueue *q);
/*
 * For a driver that looks by itself while there is much to do: quiet asks the device for no
 * interrupts (some may come all the same), listen for interrupts as before. True from listen: a
 * buffer is back already and may have come without one, so take it now.
 */
void virtqueue_quiet(struct virtqueue *q);
bool virtqueue_listen(struct virtqueue *q) __must_check;
/* In remove(): tokens that the device never gave back, or NULL. */
void *virtqueue_recall(struct virtqueue *q);

/* ---- for transports ---- */

/* Returns when the device is quiet, or after 100 ms. d->ops is set. */
void virtio_reset(struct virtio_device *d);
/* Finds a driver and starts the device. @d stays the transport's, and stays. 0 also without a
 * driver. */
int virtio_register(struct virtio_device *d) __must_check;
void virtio_unregister(struct virtio_device *d);
/* From the interrupt handler: true if the queue had something. */
bool virtqueue_interrupt(struct virtqueue *q);
void virtio_config_interrupt(struct virtio_device *d);
