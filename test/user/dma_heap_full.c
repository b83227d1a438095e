/*
 * Large runs of contiguous memory out of a region that is full, while others write to what is in
 * it.
 *
 * boot: cma=72M
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <stdint.h>
#include "dma_heap.h"

/*
 * Counts up in pages all over its part, and finds what it left, until it is told to stop.  Not in
 * each page: who makes room should have some of the CPUs.
 */
static int count_in(uint64_t *p, size_t first, size_t end, volatile int *stop)
{
	uint64_t round = 0;

	for (; !*stop; round++) {
		for (size_t i = first; i < end; i += 16) {
			if (p[i * 512] != i || p[i * 512 + 511] != ~i || p[i * 512 + 7] != round)
				return 1;
			p[i * 512 + 7] = round + 1;
		}
		usleep(2000);
	}
	return 0;
}

TEST(a_large_run_out_of_a_full_region)
{
	need_region("reserved");
	alarm(50);
	long before = meminfo("CmaFree");
	int held = hog(16 * 1024);

	REQUIRE(held >= 0);
	int file = memfd_create("contents", 0);

	REQUIRE(file >= 0 && !ftruncate(file, FILE_MAX * PAGE));
	uint64_t *p = mmap(NULL, FILE_MAX * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	volatile int *stop =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED && stop != MAP_FAILED);
	size_t n = fill(p, 0);

	CHECK(meminfo("CmaFree") <= meminfo("CmaTotal") / 8);
	let_go(held);

	pid_t child[2];

	for (size_t i = 0; i < 2; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(count_in(p, i * n / 2, (i + 1) * n / 2, stop));
	}
	for (int i = 0; i < 2; i++) {
		int fd = heap_buffer("reserved", 64 * MIB);

		REQUIRE(fd >= 0);
		char *q = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		REQUIRE(q != MAP_FAILED);
		for (size_t at = 0; at < 64 * MIB; at += 13 * PAGE) {
			if (q[at] || q[at + PAGE - 1]) {
				CHECK(!"zeroed");
				break;
			}
			q[at] = q[at + PAGE - 1] = 0x77;
		}
		munmap(q, 64 * MIB);
		close(fd);
	}
	*stop = 1;
	for (int i = 0; i < 2; i++) {
		int status;

		REQUIRE(waitpid(child[i], &status, 0) == child[i]);
		CHECK_EQ(status, 0);
	}
	for (size_t i = 0; i < n; i++) {
		if (p[i * 512] != i || p[i * 512 + 511] != ~i) {
			CHECK(!"contents");
			break;
		}
	}
	munmap(p, FILE_MAX * PAGE);
	close(file);
	CHECK(meminfo("CmaFree") >= before);
}

int main(void)
{
	return test_run();
}
