/*
 * The device may write anything anywhere in the ring's memory at any time. So the chain of a
 * descriptor and the free list are kept in the slots, the used ring's entries are copied before
 * they are judged, and a ring that was seen to lie is not used again.
 */
#include <drivers/virtio/ring/ring.h>

#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>

void vring_split_init(struct vring_split *r, u16 size, void *memory, u32 align,
		      struct vring_slot *slot, bool event_idx)
{
	struct vring v;

	vring_init(&v, size, memory, align);
	*r = (struct vring_split){
		.size = size,
		.event_idx = event_idx,
		.free_count = size,
		.desc = v.desc,
		.avail = v.avail,
		.used = v.used,
		.slot = slot,
	};
	memset(slot, 0, size * sizeof(*slot));
	for (u32 i = 0; i < size; i++)
		slot[i].next = (u16)(i + 1);
}

static u16 *avail_used_event(struct vring_split *r)
{
	return (u16 *)&r->avail->ring[r->size];
}

static u16 used_avail_event(const struct vring_split *r)
{
	return READ_ONCE(*(const u16 *)&r->used->ring[r->size]);
}

static void fill(struct vring_desc *d, const struct vring_buf *b, bool writable, bool more,
		 u16 next)
{
	d->addr = b->addr;
	d->len = b->len;
	d->flags = (u16)((writable ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0));
	d->next = more ? next : 0;
}

static u32 writable_bytes(const struct vring_buf *bufs, u32 out, u32 count)
{
	u64 sum = 0;

	for (u32 i = out; i < count; i++)
		sum += bufs[i].len;
	return sum > 0xffffffffu ? 0xffffffffu : (u32)sum;
}

/* Takes descriptors off the free list; returns the first. */
static u16 put_chain(struct vring_split *r, const struct vring_buf *bufs, u32 out, u32 count)
{
	u16 head = r->free_head, at = head;

	for (u32 i = 0; i < count; i++) {
		fill(&r->desc[at], &bufs[i], i >= out, i + 1 < count, r->slot[at].next);
		at = r->slot[at].next;
	}
	r->free_head = at;
	return head;
}

static u16 put_table(struct vring_split *r, const struct vring_buf *bufs, u32 out, u32 count,
		     struct vring_desc *table, u64 table_addr)
{
	u16 head = r->free_head;

	for (u32 i = 0; i < count; i++)
		fill(&table[i], &bufs[i], i >= out, i + 1 < count, (u16)(i + 1));
	r->desc[head] = (struct vring_desc){
		.addr = table_addr,
		.len = count * (u32)sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT,
	};
	r->free_head = r->slot[head].next;
	return head;
}

int vring_split_add(struct vring_split *r, const struct vring_buf *bufs, u32 out, u32 in,
		    void *token, struct vring_desc *table, u64 table_addr)
{
	u32 count = out + in, takes = table ? 1 : count;

	if (!count || out > VRING_BUFS_MAX || in > VRING_BUFS_MAX || takes > r->size || !token)
		return -EINVAL;
	if (r->broken)
		return -EIO;
	if (takes > r->free_count)
		return -ENOSPC;
	u16 head = table ? put_table(r, bufs, out, count, table, table_addr)
			 : put_chain(r, bufs, out, count);
	struct vring_slot *s = &r->slot[head];

	s->token = token;
	s->table = table;
	s->writable = writable_bytes(bufs, out, count);
	s->count = (u16)takes;
	r->free_count = (u16)(r->free_count - takes);
	r->avail->ring[r->avail_idx & (r->size - 1)] = head;
	r->avail_idx++;
	r->lent++;
	return 0;
}

bool vring_split_publish(struct vring_split *r)
{
	u16 old = r->told_idx, now = r->avail_idx;

	if (old == now || r->broken)
		return false;
	smp_store_release(&r->avail->idx, now);
	/* The device looks at the index after it has said that it wants telling. */
	smp_mb();
	r->told_idx = now;
	if (r->event_idx)
		return vring_need_event(used_avail_event(r), now, old);
	return !(READ_ONCE(r->used->flags) & VRING_USED_F_NO_NOTIFY);
}

/* Gives a chain's descriptors back to the free list. */
static void release(struct vring_split *r, u16 head, struct vring_done *out)
{
	struct vring_slot *s = &r->slot[head];
	u16 last = head;

	for (u32 i = 1; i < s->count; i++)
		last = r->slot[last].next;
	r->slot[last].next = r->free_head;
	r->free_head = head;
	r->free_count = (u16)(r->free_count + s->count);
	r->lent--;
	out->token = s->token;
	out->table = s->table;
	s->token = NULL;
	s->table = NULL;
}

bool vring_split_pending(const struct vring_split *r)
{
	return !r->broken && smp_load_acquire(&r->used->idx) != r->used_idx;
}

int vring_split_take(struct vring_split *r, struct vring_done *out)
{
	u16 ready = (u16)(smp_load_acquire(&r->used->idx) - r->used_idx);

	if (r->broken)
		return -EIO;
	if (!ready)
		return 0;
	const struct vring_used_elem *e = &r->used->ring[r->used_idx & (r->size - 1)];
	u32 id = READ_ONCE(e->id), len = READ_ONCE(e->len);

	/* More than is out, no descriptor, or none that begins a chain that is out. */
	if (ready > r->lent || id >= r->size || !r->slot[id].token) {
		r->broken = true;
		return -EIO;
	}
	out->len = min(len, r->slot[id].writable);
	release(r, (u16)id, out);
	r->used_idx++;
	if (r->event_idx && !r->quiet) {
		WRITE_ONCE(*avail_used_event(r), r->used_idx);
		smp_mb(); /* what came before the device saw it is found by the next call */
	}
	return 1;
}

void vring_split_quiet(struct vring_split *r)
{
	r->quiet = true;
	/* With event indexes: one that was passed already comes again after a whole round only. */
	if (r->event_idx)
		WRITE_ONCE(*avail_used_event(r), (u16)(r->used_idx - 1));
	else
		WRITE_ONCE(r->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

bool vring_split_listen(struct vring_split *r)
{
	r->quiet = false;
	if (r->event_idx)
		WRITE_ONCE(*avail_used_event(r), r->used_idx);
	else
		WRITE_ONCE(r->avail->flags, 0);
	smp_mb();
	return vring_split_pending(r);
}

bool vring_split_recall(struct vring_split *r, struct vring_done *out)
{
	for (u32 i = 0; i < r->size; i++) {
		if (!r->slot[i].token)
			continue;
		release(r, (u16)i, out);
		out->len = 0;
		return true;
	}
	return false;
}
