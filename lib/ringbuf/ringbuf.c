/*
 * Each side publishes its own position with release and reads the other's with acquire: bytes are
 * stored before head moves, and read before tail moves.
 */
#include <lib/ringbuf/ringbuf.h>
#include <kern/string.h>

static u32 to_end(const struct ringbuf *r, u32 pos)
{
	return r->size - (pos & (r->size - 1));
}

u32 ringbuf_write_span(const struct ringbuf *r, u8 **out)
{
	*out = r->buf + (r->head & (r->size - 1));
	return min(ringbuf_space(r), to_end(r, r->head));
}

void ringbuf_produced(struct ringbuf *r, u32 len)
{
	smp_store_release(&r->head, r->head + len);
}

u32 ringbuf_read_span(const struct ringbuf *r, u8 **out)
{
	*out = r->buf + (r->tail & (r->size - 1));
	return min(ringbuf_used(r), to_end(r, r->tail));
}

u32 ringbuf_skip(struct ringbuf *r, u32 len)
{
	len = min(len, ringbuf_used(r));
	smp_store_release(&r->tail, r->tail + len);
	return len;
}

u32 ringbuf_write(struct ringbuf *r, const void *data, u32 len)
{
	u32 first = to_end(r, r->head);

	len = min(len, ringbuf_space(r));
	first = min(first, len);
	memcpy(r->buf + (r->head & (r->size - 1)), data, first);
	memcpy(r->buf, (const u8 *)data + first, len - first);
	ringbuf_produced(r, len);
	return len;
}

bool ringbuf_put(struct ringbuf *r, u8 byte)
{
	if (!ringbuf_space(r))
		return false;
	r->buf[r->head & (r->size - 1)] = byte;
	ringbuf_produced(r, 1);
	return true;
}

u32 ringbuf_peek(const struct ringbuf *r, u32 offset, void *data, u32 len)
{
	u32 used = ringbuf_used(r), pos = r->tail + offset;

	if (offset >= used)
		return 0;
	len = min(len, used - offset);
	u32 first = min(len, to_end(r, pos));

	memcpy(data, r->buf + (pos & (r->size - 1)), first);
	memcpy((u8 *)data + first, r->buf, len - first);
	return len;
}

u32 ringbuf_read(struct ringbuf *r, void *data, u32 len)
{
	return ringbuf_skip(r, ringbuf_peek(r, 0, data, len));
}

bool ringbuf_get(struct ringbuf *r, u8 *byte)
{
	return ringbuf_read(r, byte, 1) == 1;
}
