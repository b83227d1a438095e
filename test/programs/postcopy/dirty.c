// SPDX-License-Identifier: BSD-2-Clause
/*
 * The program of the innermost machine: it keeps changing more memory than a migration can carry
 * away, and checks all of it on the way.  Every page holds its number and the round that wrote it
 * last; one that is stale, torn or empty is told and ends the machine.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#define PAGE_WORDS (4096 / sizeof(uint64_t))
#define REPORT_EVERY 16

static void check(const uint64_t *page, uint64_t number, uint64_t round)
{
	uint64_t want = number << 32 | round;

	if (page[0] == want && page[PAGE_WORDS / 2] == ~want && page[PAGE_WORDS - 1] == want)
		return;
	printf("page %lu of round %lu holds %lx %lx %lx\n", (unsigned long)number,
	       (unsigned long)round, (unsigned long)page[0], (unsigned long)page[PAGE_WORDS / 2],
	       (unsigned long)page[PAGE_WORDS - 1]);
	reboot(RB_POWER_OFF);
	exit(1);
}

static void write_page(uint64_t *page, uint64_t number, uint64_t round)
{
	uint64_t value = number << 32 | round;

	page[0] = value;
	page[PAGE_WORDS / 2] = ~value;
	page[PAGE_WORDS - 1] = value;
}

int main(int argc, char **argv)
{
	uint64_t pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 24) << 8;
	uint64_t *memory = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t n = 0; n < pages; n++)
		write_page(memory + n * PAGE_WORDS, n, 0);
	for (uint64_t round = 1;; round++) {
		for (uint64_t n = 0; n < pages; n++) {
			check(memory + n * PAGE_WORDS, n, round - 1);
			write_page(memory + n * PAGE_WORDS, n, round);
		}
		if (round % REPORT_EVERY == 0)
			printf("round %lu\n", (unsigned long)round);
	}
}
