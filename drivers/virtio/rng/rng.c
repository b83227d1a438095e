/* One queue; the device fills the buffers that it is lent. */
#include <drivers/virtio/rng/rng.h>

#include <drivers/hwrng/hwrng.h>
#include <drivers/virtio/virtio.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>
#include <kernel/slab/slab.h>
#include <linux/virtio_ids.h>

#define BUFFER 512u
#define QUEUE_SIZE 8u
#define QUALITY 1000u
#define EMPTY_MAX 16u /* so many answers without data in a row, and it is not asked again */

struct vrng {
	struct hwrng hwrng;
	struct virtqueue *q;
	struct spinlock lock; /* LK_IRQ_LEAF: the queue and what is below */
	u32 have, at;	      /* bytes in buf, and how many were given out */
	u32 empty;
	bool asked;
	char name[24];
	u8 buf[BUFFER]; /* the device's while asked */
};

static unsigned int count; /* names; probes run one after another */

/* Lock held. */
static void ask(struct vrng *v)
{
	const struct vring_buf b = virtio_buf(v->buf, sizeof(v->buf));

	if (v->asked || v->empty >= EMPTY_MAX || virtqueue_add(v->q, &b, 0, 1, v))
		return;
	v->have = v->at = 0;
	v->asked = true;
	virtqueue_kick(v->q);
}

static size_t vrng_read(struct hwrng *h, void *buf, size_t len)
{
	struct vrng *v = container_of(h, struct vrng, hwrng);
	unsigned long flags = spin_lock_irqsave(&v->lock);
	size_t n = v->asked ? 0 : min_t(size_t, len, v->have - v->at);

	if (n) {
		memcpy(buf, v->buf + v->at, n);
		memset(v->buf + v->at, 0, n);
		v->at += (u32)n;
	}
	if (!v->asked && v->at == v->have)
		ask(v);
	spin_unlock_irqrestore(&v->lock, flags);
	return n;
}

static void vrng_came(struct virtqueue *q)
{
	struct vrng *v = q->driver_data;
	u32 len = 0;
	unsigned long flags = spin_lock_irqsave(&v->lock);
	bool came = virtqueue_take(q, &len) != NULL;

	if (came) {
		v->asked = false;
		v->have = len;
		v->at = 0;
		v->empty = len ? 0 : v->empty + 1;
	}
	spin_unlock_irqrestore(&v->lock, flags);
	if (came)
		hwrng_data(&v->hwrng);
}

static int vrng_probe(struct virtio_device *d)
{
	static const struct virtqueue_want want = {
		.name = "virtio-rng",
		.callback = vrng_came,
		.size = QUEUE_SIZE,
	};
	struct vrng *v = kzalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	spin_init(&v->lock, LK_IRQ_LEAF);
	err = virtio_queues_make(d, &want, 1, &v->q);
	if (err) {
		kfree(v);
		return err;
	}
	v->q->driver_data = v;
	snprintf(v->name, sizeof(v->name), "virtio_rng.%u", count++);
	v->hwrng.name = v->name;
	v->hwrng.quality = QUALITY;
	v->hwrng.read = vrng_read;
	d->driver_data = v;
	virtio_ready(d);
	hwrng_register(&v->hwrng);
	return 0;
}

static void vrng_remove(struct virtio_device *d)
{
	struct vrng *v = d->driver_data;

	hwrng_unregister(&v->hwrng);
	(void)virtqueue_recall(v->q);
	kfree(v);
}

static const u32 types[] = {VIRTIO_ID_RNG, 0};

static const struct virtio_driver vrng_driver = {
	.name = "virtio_rng",
	.types = types,
	.probe = vrng_probe,
	.remove = vrng_remove,
};
VIRTIO_DRIVER(vrng_driver);
