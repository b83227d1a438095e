// SPDX-License-Identifier: BSD-2-Clause
/*
 * Page faults in an address space of many VMAs, and what looking them up took.
 *
 * usage: lookups VMAS FAULTS [WINDOW]
 *
 * Each fault is in a VMA chosen at random among the first WINDOW ones (all); its page goes again at
 * once, which changes no VMA.  Prints what these faults added to the VMA cache's lines of
 * /proc/vmstat.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define LINES 8

static struct {
	char name[40];
	unsigned long long value;
} before[LINES], after[LINES];

static int look(void *out)
{
	__typeof__(before[0]) *at = out;
	char line[128];
	int n = 0;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && n < LINES && fgets(line, sizeof(line), f))
		if (!strncmp(line, "vmacache", 8) || !strncmp(line, "pgfault", 7))
			n += sscanf(line, "%39s %llu", at[n].name, &at[n].value) == 2;
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	size_t vmas = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000;
	size_t faults = argc > 2 ? strtoul(argv[2], NULL, 0) : 10000;
	size_t window = argc > 3 ? strtoul(argv[3], NULL, 0) : vmas;
	uint64_t random = 88172645463325252ull;
	char *p =
		mmap(NULL, vmas * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || !window || window > vmas)
		return 2;
	for (size_t i = 0; i < vmas; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
			return 1;
	look(before);
	for (size_t i = 0; i < faults; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		char *at = p + (random % window) * PAGE;

		*(volatile char *)at = 1;
		if (madvise(at, PAGE, MADV_DONTNEED))
			return 1;
	}
	int n = look(after);

	for (int i = 0; i < n; i++)
		printf("%s %llu\n", after[i].name, after[i].value - before[i].value);
	return n < 2;
}
