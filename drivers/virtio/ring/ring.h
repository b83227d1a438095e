/*
 * The split ring of virtio: buffers lent to a device and given back.
 *
 * Pure: memory is the caller's, addresses are numbers that the device is told. All that the ring
 * must know is kept in memory that the device does not see; what the device writes (the used ring)
 * is judged. Calls on one ring are serialised by the caller. Source: virtio 1.2, 2.7.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <linux/virtio_ring.h>

#define VRING_SIZE_MAX 32768u
#define VRING_BUFS_MAX 256u /* in one chain */

/* A piece of memory as the device sees it. */
struct vring_buf {
	u64 addr;
	u32 len;
};

struct vring_slot {
	void *token;		  /* of the chain that begins here; NULL: none */
	struct vring_desc *table; /* its indirect table, or NULL */
	u32 writable;		  /* bytes lent for writing; saturates */
	u16 count;		  /* descriptors it takes of the ring */
	u16 next;		  /* of the chain, or of the free list */
};

struct vring_split {
	u16 size; /* power of two */
	bool event_idx, broken, quiet;
	u16 free_head, free_count;
	u16 lent;      /* chains that are out */
	u16 avail_idx; /* where the next chain goes */
	u16 told_idx;  /* avail_idx when it was last asked whether the device needs telling */
	u16 used_idx;  /* next to be taken back */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_slot *slot; /* size of them */
};

/* Bytes that the device sees: descriptors, available ring, and at a multiple of @align the used. */
static inline size_t vring_split_bytes(u32 size, u32 align)
{
	return vring_size(size, align);
}
/* @memory: so many zero bytes. @size: a power of two up to VRING_SIZE_MAX. */
void vring_split_init(struct vring_split *r, u16 size, void *memory, u32 align,
		      struct vring_slot *slot, bool event_idx);
/*
 * Lends a chain: the first @out buffers are read by the device, the @in behind them written. With
 * @table (room for all, which the device finds at @table_addr) it takes one descriptor. -ENOSPC:
 * try when something came back; -EINVAL: no buffers, or too many; -EIO: broken.
 */
int vring_split_add(struct vring_split *r, const struct vring_buf *bufs, u32 out, u32 in,
		    void *token, struct vring_desc *table, u64 table_addr) __must_check;
/* Makes what was lent visible; true: the device wants to be told. */
bool vring_split_publish(struct vring_split *r) __must_check;

struct vring_done {
	void *token;
	struct vring_desc *table; /* the caller's again, or NULL */
	u32 len;		  /* bytes written, no more than were lent */
};
/* An interrupt tells of what comes after the call that found nothing: call until then.
 * 1: *out came back; 0: nothing there; -EIO: the device broke the ring's rules, now or before. */
int vring_split_take(struct vring_split *r, struct vring_done *out) __must_check;
bool vring_split_pending(const struct vring_split *r);
/* Asks the device to raise no interrupts; it may all the same. */
void vring_split_quiet(struct vring_split *r);
/* Asks it to raise them again; true: something is there already, and may have come without one. */
bool vring_split_listen(struct vring_split *r);
/* After the device was reset: chains that it did not give back, one by one; false: no more. */
bool vring_split_recall(struct vring_split *r, struct vring_done *out);
