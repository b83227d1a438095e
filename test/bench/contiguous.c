// SPDX-License-Identifier: BSD-2-Clause
/*
 * A large run of frames out of a region that page cache fills.
 *
 * usage: contiguous MIB [PERCENT]
 *
 * Leaves little of ordinary memory, writes a file of tmpfs until PERCENT (90) of the default region
 * is in use, gives the ordinary memory back and asks /dev/dma_heap/reserved for MIB, five times.
 * Prints for each how long that took, what was moved, and how long clearing it took alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define KIB 1024ul
#define RUNS 5
#define SPARE_KIB (16 * 1024)

static long field(const char *path, const char *name)
{
	char line[128], key[64];
	long value = -1, v;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^: ]%*[: ]%ld", key, &v) == 2 && !strcmp(key, name))
			value = v;
	if (f)
		fclose(f);
	return value;
}

static long meminfo(const char *name)
{
	return field("/proc/meminfo", name);
}

static int buffer(const char *heap, size_t len)
{
	struct dma_heap_allocation_data d = {.len = len, .fd_flags = O_RDWR};
	char path[64];

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", heap);
	int fd = open(path, O_RDWR), err = fd < 0 ? -1 : ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &d);

	if (fd >= 0)
		close(fd);
	return err ? -1 : (int)d.fd;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Pages of a file, each with its number, until so much of the region is in use. */
static size_t fill(int file, long percent)
{
	static uint64_t page[PAGE / 8];
	long total = meminfo("CmaTotal"), least = total - total * percent / 100;
	size_t n = 0;

	while (n % 64 || meminfo("CmaFree") > least) {
		page[0] = n;
		if (pwrite(file, page, PAGE, (off_t)(n * PAGE)) != (ssize_t)PAGE)
			break;
		n++;
	}
	return n;
}

static int is_whole(int file, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		uint64_t v = 0;

		if (pread(file, &v, sizeof(v), (off_t)(i * PAGE)) != sizeof(v) || v != i)
			return 0;
	}
	return 1;
}

static int one(size_t mib, long percent)
{
	long spare = meminfo("MemFree") - meminfo("CmaFree") - SPARE_KIB;
	int hog = spare > 0 ? buffer("system", (size_t)spare * KIB) : -1;
	int file = memfd_create("contents", 0);
	size_t pages = fill(file, percent);
	long total = meminfo("CmaTotal"), used = total - meminfo("CmaFree");

	close(hog);
	long moved = field("/proc/vmstat", "pgmigrate_success");
	long busy = field("/proc/vmstat", "pgmigrate_fail");
	uint64_t start = now();
	int fd = buffer("reserved", mib * KIB * KIB);
	uint64_t took = now() - start;

	moved = field("/proc/vmstat", "pgmigrate_success") - moved;
	busy = field("/proc/vmstat", "pgmigrate_fail") - busy;
	if (fd < 0 || !is_whole(file, pages))
		return 1;
	/* The same again, with nothing in the way. */
	close(fd);
	start = now();
	fd = buffer("reserved", mib * KIB * KIB);
	printf("CONTIGUOUS used %ld of %ld KiB, moved %ld, busy %ld, took %llu ns, empty %llu ns\n",
	       used, total, moved, busy, (unsigned long long)took,
	       (unsigned long long)(now() - start));
	close(fd);
	close(file);
	return fd < 0;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 0) : 64;
	long percent = argc > 2 ? atol(argv[2]) : 90;

	for (int i = 0; i < RUNS; i++)
		if (one(mib, percent)) {
			printf("CONTIGUOUS failed\n");
			return 1;
		}
	return 0;
}
