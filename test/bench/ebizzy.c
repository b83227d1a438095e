// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a web server's search does to memory, in the manner of ebizzy: every thread copies a table
 * into memory of its own, searches the copy, and gives the memory back.
 *
 * usage: ebizzy [-t THREADS] [-n CHUNKS] [-s KIB] [-r RECORDS-PER-THREAD] [-m mmap|malloc]
 *
 * As a machine's first program it takes its arguments from /ebizzy.conf, mounts /proc, prints the
 * VMA cache's lines of /proc/vmstat as far as there are any, and ends the machine.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/reboot.h>
#include <unistd.h>
#include <x86intrin.h>

static unsigned int threads = 80, chunks = 10, kib = 256, records = 50;
static int use_mmap;
static uint32_t **table;
static pthread_barrier_t start;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *take(size_t size)
{
	void *p = use_mmap ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0)
			   : malloc(size);

	if (!p || p == MAP_FAILED)
		die("memory");
	return p;
}

static void give(void *p, size_t size)
{
	if (use_mmap)
		munmap(p, size);
	else
		free(p);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static uint32_t *find(uint32_t *sorted, size_t n, uint32_t key)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sorted[mid] == key)
			return &sorted[mid];
		if (sorted[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void *search(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;
	size_t size = (size_t)kib << 10, n = size / sizeof(uint32_t);
	unsigned long found = 0;

	pthread_barrier_wait(&start);
	for (unsigned int i = 0; i < records; i++) {
		uint32_t *copy = take(size);

		memcpy(copy, table[next_random(&seed) % chunks], size);
		found += find(copy, n, next_random(&seed) % n * 2) != NULL;
		give(copy, size);
	}
	return (void *)found;
}

static void print_vmstat(void)
{
	char line[128];
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "vmacache", 8) || !strncmp(line, "pgfault", 7))
			printf("EBIZZY %s", line);
	if (f)
		fclose(f);
}

static void run(void)
{
	pthread_t t[threads];
	unsigned long found = 0;
	void *result;

	table = calloc(chunks, sizeof(*table));
	for (unsigned int c = 0; c < chunks; c++) {
		size_t n = ((size_t)kib << 10) / sizeof(uint32_t);

		table[c] = take((size_t)kib << 10);
		for (size_t i = 0; i < n; i++)
			table[c][i] = (uint32_t)i * 2;
	}
	pthread_barrier_init(&start, NULL, threads + 1);
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, search, (void *)(i + 1)))
			die("thread");
	pthread_barrier_wait(&start);
	uint64_t from = __rdtsc();

	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(t[i], &result);
		found += (unsigned long)result;
	}
	uint64_t took = __rdtsc() - from;
	unsigned long all = (unsigned long)threads * records;

	printf("EBIZZY threads %u kib %u by %s records %lu cycles_per_record %llu\n", threads, kib,
	       use_mmap ? "mmap" : "malloc", all, (unsigned long long)(took / all));
	if (found != all)
		printf("EBIZZY wrong: %lu of %lu found\n", found, all);
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "t:n:s:r:m:")) != -1) {
		switch (c) {
		case 't':
			threads = (unsigned int)atoi(optarg);
			break;
		case 'n':
			chunks = (unsigned int)atoi(optarg);
			break;
		case 's':
			kib = (unsigned int)atoi(optarg);
			break;
		case 'r':
			records = (unsigned int)atoi(optarg);
			break;
		case 'm':
			use_mmap = !strcmp(optarg, "mmap");
			break;
		default:
			exit(2);
		}
	}
}

static void as_init(void)
{
	static char text[256], *argv[16] = {"ebizzy"};
	FILE *f = fopen("/ebizzy.conf", "r");
	int argc = 1;

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	if (f && fgets(text, sizeof(text), f))
		for (char *w = strtok(text, " \n"); w && argc < 15; w = strtok(NULL, " \n"))
			argv[argc++] = w;
	options(argc, argv);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getpid() == 1)
		as_init();
	else
		options(argc, argv);
	if (!threads || !chunks || !kib || !records)
		return 2;
	run();
	print_vmstat();
	if (getpid() == 1) {
		printf("EBIZZY done\n");
		sleep(1);
		reboot(RB_POWER_OFF);
	}
	return 0;
}
