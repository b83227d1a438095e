/*
 * Ring of bytes for one producer and one consumer, which need no lock against each other; several
 * of a kind exclude one another.
 *
 * The positions run freely and wrap at 2^32; the size is a power of two of at most 2^31.
 */
#pragma once

#include <kern/types.h>
#include <kern/atomic.h>

struct ringbuf {
	u8 *buf;
	u32 size;
	u32 head; /* next byte to be written; the producer's */
	u32 tail; /* next byte to be read; the consumer's */
};

static inline void ringbuf_init(struct ringbuf *r, void *buf, u32 size)
{
	*r = (struct ringbuf){.buf = buf, .size = size};
}

static inline u32 ringbuf_used(const struct ringbuf *r)
{
	return smp_load_acquire(&r->head) - smp_load_acquire(&r->tail);
}

static inline u32 ringbuf_space(const struct ringbuf *r)
{
	return r->size - ringbuf_used(r);
}

static inline bool ringbuf_empty(const struct ringbuf *r)
{
	return ringbuf_used(r) == 0;
}

/* Producer: stores up to @len bytes; returns how many. */
u32 ringbuf_write(struct ringbuf *r, const void *data, u32 len);
/* Producer: one byte; false if full. */
bool ringbuf_put(struct ringbuf *r, u8 byte);
/* Consumer: takes up to @len bytes; returns how many. */
u32 ringbuf_read(struct ringbuf *r, void *data, u32 len);
/* Consumer: copies up to @len bytes from @offset behind the oldest, without taking them. */
u32 ringbuf_peek(const struct ringbuf *r, u32 offset, void *data, u32 len);
/* Consumer: one byte; false if empty. */
bool ringbuf_get(struct ringbuf *r, u8 *byte);
/* Consumer: drops up to @len bytes; returns how many. */
u32 ringbuf_skip(struct ringbuf *r, u32 len);

/*
 * The contiguous bytes that can be read (written) now without a copy; follow with ringbuf_skip
 * (ringbuf_produced).
 */
u32 ringbuf_read_span(const struct ringbuf *r, u8 **out);
u32 ringbuf_write_span(const struct ringbuf *r, u8 **out);
void ringbuf_produced(struct ringbuf *r, u32 len);
