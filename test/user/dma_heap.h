/* What tests of /dev/dma_heap share. */
#pragma once

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdint.h>
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
 * Leaves @kib of ordinary memory, so that what files get next comes from regions: the most goes to
 * a pool of huge pages, which costs next to nothing.  A descriptor for let_go().
 */
#define HUGE_POOL "/proc/sys/vm/nr_hugepages"

static inline long spare_beyond(long kib)
{
	return meminfo("MemFree") - meminfo("CmaFree") - kib;
}

static inline int hog(long kib)
{
	char text[32];
	long spare = spare_beyond(kib);

	snprintf(text, sizeof(text), "%ld", spare > 0 ? spare / 2048 : 0);
	CHECK(!write_text(HUGE_POOL, text));
	spare = spare_beyond(kib);
	return heap_buffer("system", spare > 0 ? (size_t)spare * 1024 : PAGE);
}

static inline void let_go(int held)
{
	close(held);
	CHECK(!write_text(HUGE_POOL, "0"));
}

#define FILE_MAX (110 * MIB / PAGE)

/* Fills @p until a tenth of the region is left: pages. */
static inline size_t fill(uint64_t *p, size_t from)
{
	size_t n = from;

	while (n < FILE_MAX && (n % 256 || meminfo("CmaFree") > meminfo("CmaTotal") / 10)) {
		p[n * 512] = n;
		p[n * 512 + 511] = ~n;
		n++;
	}
	return n;
}
