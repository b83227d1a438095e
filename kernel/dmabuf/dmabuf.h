/*
 * DMA buffers: memory that is shared by descriptor between devices and programs.
 *
 * A buffer is a file of a fixed size whose pages are its exporter's and stay where they are.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct file;

struct dmabuf_ops {
	/* Frame of page @index of the buffer.  It stays; any context. */
	u64 (*pfn)(void *ctx, u64 index);
	void (*release)(void *ctx); /* nobody has the buffer any more; may sleep */
};

/*
 * A file of @size bytes (whole pages) on memory behind @ops; @flags: O_ACCMODE of the file, O_*.
 * @exporter, exp_name in fdinfo, must stay.  On success @ctx is the buffer's.  -ENOMEM, -ENFILE.
 */
int dmabuf_create(const struct dmabuf_ops *ops, void *ctx, const char *exporter, u64 size,
		  u32 flags, struct file **out) __must_check;
