/*
 * A file against a model of it in memory: random reads, writes, mappings, truncations and all that
 * fallocate(2) does, alone and while others fault on the same pages.  The seed is fixed.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include "test.h"

#define PAGE 4096L
#define MAX_SIZE (24 * PAGE)
#define TURNS 1500

static unsigned char model[MAX_SIZE], buf[MAX_SIZE];
static long size; /* of the model */
static unsigned int seed = 20;
static int fd;
static int has_all_modes; /* tmpfs of Linux lacks ZERO, COLLAPSE, INSERT */

static long below(long n)
{
	return n > 0 ? (long)((unsigned)rand_r(&seed) % (unsigned long)n) : 0;
}

static void fill(unsigned char *to, long n)
{
	int first = rand_r(&seed);

	for (long i = 0; i < n; i++)
		to[i] = (unsigned char)(first + i * 7) | 1;
}

static void grow(long to)
{
	if (to <= size)
		return;
	memset(model + size, 0, (size_t)(to - size));
	size = to;
}

static void do_read(long off, long len)
{
	long n = off < size ? (off + len > size ? size - off : len) : 0;

	CHECK_EQ(pread(fd, buf, (size_t)len, off), n);
	CHECK(!memcmp(buf, model + off, (size_t)n));
}

static void do_write(long off, long len)
{
	fill(buf, len);
	CHECK_EQ(pwrite(fd, buf, (size_t)len, off), len);
	grow(off + len);
	memcpy(model + off, buf, (size_t)len);
}

static unsigned char *map(void)
{
	unsigned char *p = mmap(NULL, MAX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static void do_map_read(long off, long len)
{
	long n = off < size ? (off + len > size ? size - off : len) : 0;
	unsigned char *p = map();

	CHECK(!memcmp(p + off, model + off, (size_t)n));
	CHECK(!munmap(p, MAX_SIZE));
}

static void do_map_write(long off, long len)
{
	long n = off < size ? (off + len > size ? size - off : len) : 0;
	unsigned char *p = map();

	fill(buf, n);
	memcpy(p + off, buf, (size_t)n);
	memcpy(model + off, buf, (size_t)n);
	CHECK(!munmap(p, MAX_SIZE));
}

static void do_truncate(long off, long len)
{
	(void)len;
	CHECK(!ftruncate(fd, off));
	grow(off);
	size = off;
}

static void do_allocate(long off, long len)
{
	int keep = (int)below(2);

	CHECK(!fallocate(fd, keep ? FALLOC_FL_KEEP_SIZE : 0, off, len));
	if (!keep)
		grow(off + len);
}

static void zero_model(long off, long end)
{
	end = end < size ? end : size;
	if (off < end)
		memset(model + off, 0, (size_t)(end - off));
}

static void do_punch(long off, long len)
{
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len));
	zero_model(off, off + len);
}

static void do_zero(long off, long len)
{
	int keep = (int)below(2);

	if (!has_all_modes)
		return;
	CHECK(!fallocate(fd, FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0), off, len));
	zero_model(off, off + len);
	if (!keep)
		grow(off + len);
}

static void do_collapse(long off, long len)
{
	off -= off % PAGE;
	len = (len + PAGE - 1) / PAGE * PAGE;
	if (!has_all_modes)
		return;
	if (off + len >= size) {
		CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, off, len), EINVAL);
		return;
	}
	CHECK(!fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, off, len));
	memmove(model + off, model + off + len, (size_t)(size - off - len));
	size -= len;
}

static void do_insert(long off, long len)
{
	off -= off % PAGE;
	len = (len + PAGE - 1) / PAGE * PAGE;
	if (!has_all_modes || size + len > MAX_SIZE)
		return;
	if (off >= size) {
		CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE, off, len), EINVAL);
		return;
	}
	CHECK(!fallocate(fd, FALLOC_FL_INSERT_RANGE, off, len));
	memmove(model + off + len, model + off, (size_t)(size - off));
	memset(model + off, 0, (size_t)len);
	size += len;
}

static void (*const operations[])(long off, long len) = {
	do_read,     do_write, do_write, do_map_read, do_map_write, do_map_write,
	do_truncate, do_punch, do_zero,	 do_collapse, do_insert,    do_allocate,
};

static void begin(void)
{
	char name[] = "/tmp/fsxXXXXXX";

	mkdir("/tmp", 01777);
	fd = mkstemp(name);
	REQUIRE(fd >= 0 && !unlink(name));
	has_all_modes = !fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
	if (!has_all_modes)
		CHECK_EQ(errno, EOPNOTSUPP);
}

static void run(int turns)
{
	const long count = sizeof(operations) / sizeof(*operations);
	struct stat st;

	for (int t = 0; t < turns && !test_failures; t++) {
		long off = below(MAX_SIZE - 1), which = below(count);
		long len = 1 + below(below(3) ? 3 * PAGE : MAX_SIZE - off);

		if (off + len > MAX_SIZE)
			len = MAX_SIZE - off;
		operations[which](off, len);
		CHECK(!fstat(fd, &st) && st.st_size == size);
		if (test_failures)
			printf("# turn %d, operation %ld at %ld, %ld bytes, size %ld\n", t, which,
			       off, len, size);
	}
	do_read(0, MAX_SIZE);
}

TEST(alone)
{
	begin();
	run(TURNS);
}

/* Others read and map the file: what they see is not judged, what the file has must be right. */
TEST(while_others_look)
{
	enum { KIDS = 3 };
	pid_t pids[KIDS];
	volatile int *stop;
	int st;

	stop = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	begin();
	for (int i = 0; i < KIDS; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		/* Nothing that a mapping that ends under it would kill. */
		unsigned char *p = map();

		seed += (unsigned)i;
		while (!*stop) {
			long off = below(MAX_SIZE - PAGE);

			if (i == 0)
				(void)!pread(fd, buf, PAGE, off);
			else if (i == 1)
				(void)madvise(p, MAX_SIZE, MADV_DONTNEED);
			(void)madvise(p + off / PAGE * PAGE, PAGE, MADV_POPULATE_READ);
			sched_yield();
		}
		_exit(0);
	}
	run(TURNS / 3);
	*stop = 1;
	for (int i = 0; i < KIDS; i++) {
		CHECK_EQ(waitpid(pids[i], &st, 0), pids[i]);
		CHECK_EQ(st, 0);
	}
}

/* A write through a shared mapping is a change of the file. */
TEST(times_of_a_mapped_file)
{
	struct stat before, after;
	struct timespec ten_ms = {0, 30000000};
	unsigned char *p;

	begin();
	CHECK(!ftruncate(fd, PAGE));
	p = map();
	CHECK(!fstat(fd, &before));
	nanosleep(&ten_ms, NULL);
	p[5] = 1;
	CHECK(!msync(p, PAGE, MS_SYNC));
	CHECK(!fstat(fd, &after));
	CHECK(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
	      before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
	CHECK(before.st_ctim.tv_sec != after.st_ctim.tv_sec ||
	      before.st_ctim.tv_nsec != after.st_ctim.tv_nsec);
	CHECK(before.st_atim.tv_sec == after.st_atim.tv_sec);
	/* A private one is not. */
	CHECK(!fstat(fd, &before));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	nanosleep(&ten_ms, NULL);
	p[5] = 2;
	CHECK(!fstat(fd, &after));
	CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

int main(void)
{
	return test_run();
}
