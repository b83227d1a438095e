/* Shared by the files of drivers/dma_heap. */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct cma;
struct file;

/* Where buffers come from: @region, or ordinary memory if that is NULL. */
struct heap {
	const char *name;
	struct cma *region;
};

/* A buffer of @pages zeroed pages.  -ENOMEM, -EINTR. */
int heap_buffer(const struct heap *h, u64 pages, u32 flags, struct file **out) __must_check;
