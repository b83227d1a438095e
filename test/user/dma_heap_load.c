/*
 * Large runs of contiguous memory out of a region that is full, while others use memory of all
 * kinds.
 *
 * boot: cma=72M
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <stdint.h>
#include "dma_heap.h"

#define PAUSE 5000 /* so that who makes room is not one of five */

/* Memory that grows, moves and goes; it is what was put there. */
static int churn_memory(volatile int *stop)
{
	const size_t len = 2 * MIB;

	for (unsigned char round = 1; !*stop; round++, usleep(PAUSE)) {
		char *p =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return 1;
		for (size_t i = 0; i < len; i += PAGE)
			p[i] = (char)(i / PAGE + round);
		p = mremap(p, len, 2 * len, MREMAP_MAYMOVE);
		if (p == MAP_FAILED)
			return 1;
		for (size_t i = 0; i < len; i += PAGE) {
			if (p[i] != (char)(i / PAGE + round))
				return 2;
		}
		if (madvise(p, len, MADV_DONTNEED) || p[0] || munmap(p, 2 * len))
			return 3;
	}
	return 0;
}

/* A file that is written, cut, punched, mapped and read. */
static int churn_file(volatile int *stop)
{
	char block[PAGE], back[PAGE];

	for (unsigned int round = 1; !*stop; round++, usleep(PAUSE)) {
		int fd = memfd_create("churn", 0);

		for (int i = 0; i < 200; i++) {
			memset(block, (int)round + i, PAGE);
			if (pwrite(fd, block, PAGE, (off_t)i * (off_t)PAGE) != (ssize_t)PAGE)
				return 1;
		}
		char *p = mmap(NULL, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED || ftruncate(fd, 150 * PAGE + 100) ||
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20 * PAGE, 10 * PAGE))
			return 2;
		for (int i = 0; i < 150; i++) {
			char want = i >= 20 && i < 30 ? 0 : (char)((int)round + i);

			memset(block, want, PAGE);
			if (pread(fd, back, PAGE, (off_t)i * (off_t)PAGE) != (ssize_t)PAGE ||
			    memcmp(back, block, PAGE) || memcmp(p + (size_t)i * PAGE, block, PAGE))
				return 3;
		}
		if (p[150 * PAGE + 100])
			return 4; /* cut off, so zero */
		munmap(p, 200 * PAGE);
		close(fd);
	}
	return 0;
}

static int churn_forks(volatile int *stop)
{
	for (; !*stop; usleep(PAUSE)) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(3);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 3)
			return 1;
	}
	return 0;
}

TEST(runs_under_load)
{
	static int (*const churn[])(volatile int *stop) = {churn_memory, churn_file, churn_forks,
							   churn_file};
	const int n = sizeof(churn) / sizeof(churn[0]);
	pid_t child[sizeof(churn) / sizeof(churn[0])];

	need_region("reserved");
	alarm(55);
	long before = meminfo("CmaFree");
	volatile int *stop =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int file = memfd_create("contents", 0);

	REQUIRE(stop != MAP_FAILED && file >= 0 && !ftruncate(file, FILE_MAX * PAGE));
	uint64_t *p = mmap(NULL, FILE_MAX * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	REQUIRE(p != MAP_FAILED);
	for (int i = 0; i < n; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(churn[i](stop));
	}
	for (int round = 0; round < 2; round++) {
		int held = hog(24 * 1024);

		REQUIRE(held >= 0);
		size_t pages = fill(p, 0);

		let_go(held);
		for (int i = 0; i < 2; i++) {
			int fd = heap_buffer("reserved", 64 * MIB);

			CHECK(fd >= 0);
			close(fd);
		}
		for (size_t i = 0; i < pages; i++) {
			if (p[i * 512] != i || p[i * 512 + 511] != ~i) {
				CHECK(!"contents");
				break;
			}
		}
		REQUIRE(!madvise(p, FILE_MAX * PAGE, MADV_REMOVE));
	}
	*stop = 1;
	for (int i = 0; i < n; i++) {
		int status;

		REQUIRE(waitpid(child[i], &status, 0) == child[i]);
		CHECK_EQ(status, 0);
	}
	munmap(p, FILE_MAX * PAGE);
	close(file);
	CHECK(meminfo("CmaFree") >= before);
}

int main(void)
{
	return test_run();
}
