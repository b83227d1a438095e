/* What tests of /dev/dma_heap share. */
#pragma once

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include "proc_help.h"

#define PAGE 4096ul
#define MIB (1ul << 20)
#define DIR "/dev/dma_heap/"

static inline int heap(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), DIR "%s", name);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* A buffer of that heap, or -1. */
static inline int buffer(int heap, size_t len, unsigned int flags)
{
	struct dma_heap_allocation_data d = {.len = len, .fd_flags = flags};

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d) ? -1 : (int)d.fd;
}

static inline int heap_buffer(const char *name, size_t len)
{
	int h = heap(name), fd = h < 0 ? -1 : buffer(h, len, O_RDWR | O_CLOEXEC);

	close(h);
	return fd;
}

static inline int says(const char *path, const char *word)
{
	char text[4096];

	return read_text(path, text, sizeof(text)) > 0 && strstr(text, word);
}

/* The test ends where there is no such region; who was asked for one has it. */
static inline void need_region(const char *name)
{
	int h = heap(name);

	if (h < 0) {
		printf("# no region %s here\n", name);
		exit(says("/proc/version", "(Corbel)") &&
		     says("/proc/cmdline", !strcmp(name, "reserved") ? "cma=" : name));
	}
	close(h);
}

/*
 * Leaves @kib of ordinary memory, so that what files get next comes from regions.  A descriptor
 * that gives it back.
 */
static inline int hog(long kib)
{
	long spare = meminfo("MemFree") - meminfo("CmaFree") - kib;

	return spare > 0 ? heap_buffer("system", (size_t)spare * 1024) : -1;
}
