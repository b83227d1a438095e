/* Queues: their memory, and the ring with addresses that the device understands. */
#include "virtio_impl.h"

#include <asm/page.h>
#include <kern/align.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/limits.h>
#include <kernel/frame/frame.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>

#define SIZE_DEFAULT 256u
#define ALIGN_MODERN 64u
#define ALIGN_LEGACY 4096u /* the transport tells the device */

struct vring_buf virtio_buf(const void *p, u32 len)
{
	ASSERT(!vmap_contains(p));
	return (struct vring_buf){virt_to_phys(p), len};
}

static int queue_memory(struct virtqueue *q, u32 size)
{
	u32 align = q->device->legacy ? ALIGN_LEGACY : ALIGN_MODERN;
	struct vring_slot *slots = alloc_array(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	q->memory = frame_alloc_virt(frame_order(vring_split_bytes(size, align)),
				     GFP_KERNEL | GFP_ZERO);
	if (!q->memory) {
		kfree(slots);
		return -ENOMEM;
	}
	vring_split_init(&q->ring, (u16)size, q->memory, align, slots,
			 virtio_has(q->device, VIRTIO_RING_F_EVENT_IDX));
	q->indirect = virtio_has(q->device, VIRTIO_RING_F_INDIRECT_DESC);
	q->desc_addr = virt_to_phys(q->ring.desc);
	q->avail_addr = virt_to_phys(q->ring.avail);
	q->used_addr = virt_to_phys(q->ring.used);
	return 0;
}

static void queue_free(struct virtqueue *q)
{
	struct vring_done done;

	if (!q)
		return;
	if (q->memory) {
		while (vring_split_recall(&q->ring, &done))
			kfree(done.table);
		frame_free_virt(q->memory);
		kfree(q->ring.slot);
	}
	kfree(q);
}

/* The largest power of two that suits device and driver. */
static u32 pick_size(u32 device, u32 want)
{
	u32 limit = min(want ? want : SIZE_DEFAULT, VRING_SIZE_MAX);

	return (u32)rounddown_pow_of_two(min(device, limit));
}

static int queue_make(struct virtio_device *d, const struct virtqueue_want *want,
		      unsigned int index, struct virtqueue **out)
{
	u32 there = d->ops->queue_size(d, index);
	struct virtqueue *q;
	int err;

	if (!there)
		return -ENOENT;
	q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->device = d;
	q->index = index;
	q->name = want->name;
	q->callback = want->callback;
	err = queue_memory(q, pick_size(there, want->size));
	if (err) {
		queue_free(q);
		return err;
	}
	d->queue[index] = q;
	err = d->ops->queue_start(d, q);
	*out = q;
	return err;
}

int virtio_queues_make(struct virtio_device *d, const struct virtqueue_want *want,
		       unsigned int count, struct virtqueue **out)
{
	int err;

	if (WARN_ON(d->queue || !count || count > VIRTIO_QUEUES_MAX))
		return -EINVAL;
	d->queue = alloc_array(count, sizeof(struct virtqueue *));
	if (!d->queue)
		return -ENOMEM;
	d->queue_count = count;
	err = d->ops->queues_begin(d, count);
	for (unsigned int i = 0; i < count && !err; i++) {
		out[i] = NULL;
		err = queue_make(d, &want[i], i, &out[i]);
		if (err == -ENOENT && want[i].may_lack)
			err = 0;
	}
	return err; /* the core gives the device up when probe() fails, and frees the queues */
}

void virtio_queues_stop(struct virtio_device *d)
{
	if (d->queue)
		d->ops->queues_end(d);
}

void virtio_queues_free(struct virtio_device *d)
{
	for (unsigned int i = 0; i < d->queue_count; i++)
		queue_free(d->queue[i]);
	kfree(d->queue);
	d->queue = NULL;
	d->queue_count = 0;
}

int virtqueue_add(struct virtqueue *q, const struct vring_buf *bufs, u32 out, u32 in, void *token)
{
	u32 count = out + in;
	struct vring_desc *table = NULL;

	/* A table is worth its allocation when it saves descriptors; without memory do without. */
	if (q->indirect && count > 1 && count <= VRING_BUFS_MAX)
		table = kmalloc_gfp(count * sizeof(*table), GFP_ATOMIC | GFP_NOWARN);
	int err = vring_split_add(&q->ring, bufs, out, in, token, table,
				  table ? virt_to_phys(table) : 0);

	if (err)
		kfree(table);
	return err;
}

void virtqueue_kick(struct virtqueue *q)
{
	if (vring_split_publish(&q->ring))
		q->device->ops->notify(q);
}

void *virtqueue_take(struct virtqueue *q, u32 *len)
{
	struct vring_done done;
	bool was_broken = q->ring.broken;
	int n = vring_split_take(&q->ring, &done);

	if (n < 0 && !was_broken)
		pr_err("virtio%u: queue %u: the device broke the ring's rules\n", q->device->index,
		       q->index);
	if (n <= 0)
		return NULL;
	kfree(done.table);
	*len = done.len;
	return done.token;
}

bool virtqueue_broken(const struct virtqueue *q)
{
	return q->ring.broken;
}

void virtqueue_quiet(struct virtqueue *q)
{
	vring_split_quiet(&q->ring);
}

bool virtqueue_listen(struct virtqueue *q)
{
	return vring_split_listen(&q->ring);
}

void *virtqueue_recall(struct virtqueue *q)
{
	struct vring_done done;

	if (!vring_split_recall(&q->ring, &done))
		return NULL;
	kfree(done.table);
	return done.token;
}

bool virtqueue_interrupt(struct virtqueue *q)
{
	if (!vring_split_pending(&q->ring))
		return false;
	if (q->callback)
		q->callback(q);
	return true;
}
