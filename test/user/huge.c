/* Transparent huge pages: where they come from, how they are split, copied, moved and counted. */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#define P 4096ul
#define H (2ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define DIR "/sys/kernel/mm/transparent_hugepage/"
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static int read_file(const char *name, char *buf, size_t size)
{
	int fd = open(name, O_RDONLY), n;

	if (fd < 0)
		return -1;
	n = (int)read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

static int write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY), n, err;

	if (fd < 0)
		return -1;
	n = (int)write(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return n;
}

/* The chosen word of a file like "always [madvise] never". */
static void chosen(const char *name, char *out)
{
	char buf[128];

	out[0] = 0;
	if (read_file(name, buf, sizeof(buf)) > 0 && strchr(buf, '['))
		sscanf(strchr(buf, '[') + 1, "%30[^]]", out);
}

static void mode(const char *m)
{
	REQUIRE(write_file(DIR "enabled", m) > 0);
	REQUIRE(write_file(DIR "use_zero_page", "1") > 0);
	REQUIRE(write_file(DIR "defrag", "madvise") > 0);
	/* Nothing that was split comes back behind our back. */
	REQUIRE(write_file(DIR "khugepaged/max_ptes_none", "0") > 0);
}

/* A figure in kB of the mapping that holds @p; -1 if there is none. */
static long smaps(void *p, const char *what)
{
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	long found = -1, in = 0, kb;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && line[0] != 'A')
			in = (unsigned long)p >= start && (unsigned long)p < end;
		else if (in && !strncmp(line, what, strlen(what)) &&
			 sscanf(line + strlen(what), ": %ld", &kb) == 1)
			found = kb;
	}
	fclose(f);
	return found;
}

static long huge_kb(void *p)
{
	return smaps(p, "AnonHugePages");
}

/* @n aligned huge ranges, with nothing else next to them. */
static char *aligned(size_t n)
{
	char *p = mmap(NULL, (n + 2) * H, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), *a;

	REQUIRE(p != MAP_FAILED);
	a = (char *)(((uintptr_t)p + H) & ~(H - 1));
	REQUIRE(mmap(a, n * H, RW, ANON | MAP_FIXED, -1, 0) == a);
	return a;
}

static void fill(char *p, size_t len, int seed)
{
	for (size_t i = 0; i < len; i += P)
		*(long *)(p + i) = (long)(i / P) * 31 + seed;
}

static int right(const char *p, size_t len, int seed)
{
	for (size_t i = 0; i < len; i += P) {
		if (*(const long *)(p + i) != (long)(i / P) * 31 + seed)
			return 0;
	}
	return 1;
}

TEST(files_say_what_is_chosen)
{
	char buf[128];

	mode("madvise");
	CHECK(read_file(DIR "enabled", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "always [madvise] never\n"));
	CHECK_ERR(write_file(DIR "enabled", "sometimes"), EINVAL);
	CHECK(read_file(DIR "defrag", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "always defer defer+madvise [madvise] never\n"));
	CHECK(read_file(DIR "hpage_pmd_size", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "2097152\n"));
	CHECK(read_file(DIR "shmem_enabled", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "always within_size advise [never] deny force\n"));
	CHECK(read_file(DIR "use_zero_page", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "1\n"));
	CHECK(read_file(DIR "khugepaged/pages_to_scan", buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "4096\n"));
	CHECK_ERR(write_file(DIR "khugepaged/max_ptes_none", "512"), EINVAL);
	CHECK(write_file(DIR "khugepaged/max_ptes_none", "511") > 0);
	CHECK(read_file("/proc/meminfo", buf, sizeof(buf)) > 0);
}

TEST(first_touch_makes_a_huge_page)
{
	mode("always");
	char *p = aligned(2);

	p[H / 2] = 1;
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(smaps(p, "Rss"), 2048);
	CHECK_EQ(smaps(p, "Anonymous"), 2048);
	CHECK_EQ(smaps(p, "THPeligible"), 1);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[H - 1], 0);
	fill(p, 2 * H, 3);
	CHECK_EQ(huge_kb(p), 4096);
	CHECK(right(p, 2 * H, 3));
}

TEST(mode_and_advice_decide)
{
	mode("madvise");
	char *p = aligned(2);

	p[0] = 1;
	CHECK_EQ(huge_kb(p), 0);
	p = aligned(2);
	CHECK_EQ(madvise(p, 2 * H, MADV_HUGEPAGE), 0);
	p[0] = 1;
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(smaps(p, "THPeligible"), 1);
	mode("always");
	p = aligned(1);
	CHECK_EQ(madvise(p, H, MADV_NOHUGEPAGE), 0);
	p[0] = 1;
	CHECK_EQ(huge_kb(p), 0);
	CHECK_EQ(smaps(p, "THPeligible"), 0);
	mode("never");
	p = aligned(1);
	CHECK_EQ(madvise(p, H, MADV_HUGEPAGE), 0);
	p[0] = 1;
	CHECK_EQ(huge_kb(p), 0);
	mode("always");
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
	CHECK_ERR(prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	p = aligned(1);
	p[0] = 1;
	CHECK_EQ(huge_kb(p), 0);
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 1);
	CHECK_EQ(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
	p = aligned(1);
	p[0] = 1;
	CHECK_EQ(huge_kb(p), 2048);
}

TEST(reading_gives_zeroes_and_counts_nothing)
{
	mode("always");
	char *p = aligned(4);
	long sum = 0;

	for (size_t i = 0; i < 4 * H; i += P)
		sum += *(long *)(p + i);
	CHECK_EQ(sum, 0);
	CHECK_EQ(smaps(p, "Rss"), 0);
	CHECK_EQ(huge_kb(p), 0);
	p[H + 5] = 7;
	CHECK_EQ(p[H + 5], 7);
	CHECK_EQ(p[H + 4], 0);
	CHECK_EQ(p[5], 0);
	CHECK_EQ(mprotect(p + P, P, PROT_READ), 0);
	CHECK_EQ(p[P], 0);
	p[2 * P] = 3;
	CHECK_EQ(p[2 * P], 3);
	CHECK_EQ(p[2 * P + 1], 0);
	CHECK_EQ(p[3 * P], 0);
	CHECK_EQ(madvise(p + 2 * H, P, MADV_DONTNEED), 0);
	CHECK_EQ(p[2 * H], 0);
	p[2 * H + 9] = 1;
	CHECK_EQ(p[2 * H + 9], 1);
	CHECK_EQ(munmap(p, 4 * H), 0);
}

TEST(unmapping_a_part_splits)
{
	mode("always");
	char *p = aligned(3);

	fill(p, 3 * H, 1);
	CHECK_EQ(huge_kb(p), 3 * 2048);
	CHECK_EQ(munmap(p + H + 16 * P, 8 * P), 0);
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(smaps(p, "Rss"), 2048 + 64);
	CHECK_EQ(huge_kb(p + 2 * H), 2048);
	CHECK(right(p, H + 16 * P, 1));
	CHECK_EQ(*(long *)(p + H + 24 * P), (512 + 24) * 31 + 1);
	CHECK(mmap(p + H + 16 * P, 8 * P, RW, ANON | MAP_FIXED, -1, 0) == p + H + 16 * P);
	CHECK_EQ(p[H + 17 * P], 0);
	CHECK_EQ(*(long *)(p + 3 * H - P), (3 * 512 - 1) * 31 + 1);
	/* From the middle of one to the middle of another. */
	p = aligned(3);
	fill(p, 3 * H, 2);
	CHECK_EQ(munmap(p + H / 2, 2 * H), 0);
	CHECK(right(p, H / 2, 2));
	CHECK_EQ(*(long *)(p + 2 * H + H / 2), (2 * 512 + 256) * 31 + 2);
	CHECK_EQ(munmap(p, 3 * H), 0);
}

TEST(discarding_a_part_splits)
{
	mode("always");
	char *p = aligned(2);

	fill(p, 2 * H, 4);
	CHECK_EQ(madvise(p + 8 * P, 4 * P, MADV_DONTNEED), 0);
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(p[9 * P], 0);
	CHECK(right(p, 8 * P, 4));
	CHECK_EQ(*(long *)(p + 12 * P), 12 * 31 + 4);
	CHECK_EQ(smaps(p, "Rss"), 4096 - 16);
	CHECK_EQ(madvise(p + H, H, MADV_DONTNEED), 0);
	CHECK_EQ(huge_kb(p), 0);
	CHECK_EQ(smaps(p, "Rss"), 2048 - 16);
	CHECK_EQ(p[H], 0);
}

TEST(protection_of_a_whole_and_of_a_part)
{
	mode("always");
	char *p = aligned(2);

	fill(p, 2 * H, 5);
	CHECK_EQ(mprotect(p, H, PROT_READ), 0);
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(mprotect(p, H, PROT_NONE), 0);
	CHECK_EQ(mprotect(p, H, RW), 0);
	CHECK_EQ(huge_kb(p), 4096);
	CHECK(right(p, 2 * H, 5));
	p[0] = p[0];
	CHECK_EQ(mprotect(p + 100 * P, P, PROT_READ), 0);
	CHECK_EQ(huge_kb(p), 0);
	CHECK_EQ(huge_kb(p + H), 2048);
	CHECK(right(p, 2 * H, 5));
	CHECK_EQ(mprotect(p, 2 * H, RW), 0);
	fill(p, 2 * H, 6);
	CHECK(right(p, 2 * H, 6));
}

static int child_ok(int ok)
{
	_exit(ok ? 0 : 1);
}

TEST(fork_shares_and_copies_on_write)
{
	mode("always");
	char *p = aligned(4);
	int status, go[2], came[2];
	char c;

	fill(p, 4 * H, 7);
	CHECK_EQ(pipe(go) | pipe(came), 0);
	pid_t pid = fork();

	if (!pid) {
		int ok = right(p, 4 * H, 7);

		*(long *)(p + 5 * P) = 55;
		ok &= *(long *)(p + 5 * P) == 55 && *(long *)(p + 6 * P) == 6 * 31 + 7;
		ok &= !munmap(p + H, H / 2);
		ok &= write(came[1], "x", 1) == 1 && read(go[0], &c, 1) == 1;
		/* What the parent wrote meanwhile is not seen. */
		ok &= *(long *)(p + 2 * H) == 2 * 512 * 31 + 7;
		ok &= *(long *)(p + H + H / 2) == (512 + 256) * 31 + 7;
		fill(p + 2 * H, 2 * H, 9);
		ok &= right(p + 2 * H, 2 * H, 9);
		child_ok(ok);
	}
	CHECK_EQ(read(came[0], &c, 1), 1);
	CHECK(right(p, 4 * H, 7));
	*(long *)(p + 2 * H) = 99;
	CHECK_EQ(write(go[1], "x", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(*(long *)(p + 2 * H), 99);
	CHECK_EQ(*(long *)(p + 2 * H + P), (2 * 512 + 1) * 31 + 7);
	/* Alone again with the last one: it is written where it is. */
	fill(p + 3 * H, H, 1);
	CHECK(right(p + 3 * H, H, 1));
	CHECK_EQ(huge_kb(p), 2048 * (smaps(p, "AnonHugePages") / 2048));
}

TEST(moving_whole_and_in_parts)
{
	mode("always");
	char *p = aligned(2), *q = aligned(4);

	fill(p, 2 * H, 8);
	CHECK(mremap(p, 2 * H, 2 * H, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	CHECK_EQ(huge_kb(q), 4096);
	CHECK(right(q, 2 * H, 8));
	/* To a place that is not aligned: small pages. */
	char *r = q + 2 * H + 8 * P;

	CHECK(mremap(q, H, H, MREMAP_MAYMOVE | MREMAP_FIXED, r) == r);
	CHECK(right(r, H, 8));
	/* A part of the other. */
	p = aligned(1);
	CHECK(mremap(q + H + 4 * P, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + P) == p + P);
	CHECK_EQ(*(long *)(p + P), (512 + 4) * 31 + 8);
	CHECK_EQ(*(long *)(q + H + 3 * P), (512 + 3) * 31 + 8);
	CHECK_EQ(*(long *)(q + H + 8 * P), (512 + 8) * 31 + 8);
	/* Shrinks inside a huge page, then grows. */
	p = aligned(2);
	fill(p, 2 * H, 2);
	CHECK(mremap(p, 2 * H, H + 3 * P, 0) == p);
	CHECK(right(p, H + 3 * P, 2));
}

TEST(collapse_on_request)
{
	mode("never");
	char *p = aligned(2);

	fill(p, H / 2, 3);
	CHECK_EQ(huge_kb(p), 0);
	CHECK_EQ(madvise(p, H, MADV_COLLAPSE), 0);
	CHECK_EQ(huge_kb(p), 2048);
	CHECK(right(p, H / 2, 3));
	CHECK_EQ(p[H - 1], 0);
	CHECK_EQ(madvise(p, H, MADV_COLLAPSE), 0);
	fill(p, H, 4);
	CHECK(right(p, H, 4));
	CHECK_EQ(madvise(p, H, MADV_NOHUGEPAGE), 0);
	CHECK_ERR(madvise(p, H, MADV_COLLAPSE), EINVAL);
	/* Less than one. */
	CHECK_EQ(madvise(p + H + P, H - P, MADV_COLLAPSE), 0);
}

TEST(system_calls_see_through)
{
	mode("always");
	char *p = aligned(2), buf[64];
	unsigned char vec[512];
	struct iovec l = {buf, 8}, r = {p + 77 * P, 8};
	int fd = open("/proc/self/mem", O_RDWR);

	fill(p, H, 9);
	CHECK_EQ(process_vm_readv(getpid(), &l, 1, &r, 1, 0), 8);
	CHECK_EQ(*(long *)buf, 77 * 31 + 9);
	*(long *)buf = 123;
	CHECK_EQ(process_vm_writev(getpid(), &l, 1, &r, 1, 0), 8);
	CHECK_EQ(*(long *)(p + 77 * P), 123);
	CHECK_EQ(huge_kb(p), 2048);
	CHECK_EQ(pread(fd, buf, 8, (off_t)(uintptr_t)(p + 78 * P)), 8);
	CHECK_EQ(*(long *)buf, 78 * 31 + 9);
	CHECK_EQ(mincore(p, H, vec), 0);
	CHECK(vec[0] & vec[511] & 1);
	/* Of zeroes, read and written from outside. */
	CHECK_EQ(*(volatile char *)(p + H), 0);
	r.iov_base = p + H + 5 * P;
	CHECK_EQ(process_vm_readv(getpid(), &l, 1, &r, 1, 0), 8);
	CHECK_EQ(*(long *)buf, 0);
	*(long *)buf = 321;
	CHECK_EQ(process_vm_writev(getpid(), &l, 1, &r, 1, 0), 8);
	CHECK_EQ(*(long *)(p + H + 5 * P), 321);
	CHECK_EQ(*(long *)(p + H + 6 * P), 0);
	/* A forced write to what the program may not write. */
	CHECK_EQ(mprotect(p, H, PROT_READ), 0);
	*(long *)buf = 1000;
	CHECK_EQ(pwrite(fd, buf, 8, (off_t)(uintptr_t)(p + 9 * P)), 8);
	CHECK_EQ(*(long *)(p + 9 * P), 1000);
	CHECK_EQ(*(long *)(p + 10 * P), 10 * 31 + 9);
	close(fd);
}

/* --- threads --- */

#define RANGES 4
static char *arena;
static volatile int stop;

/* Writes and reads its own word of each page; nobody else changes that but to zero. */
static void *toucher(void *arg)
{
	long me = (long)arg, bad = 0;

	for (long round = 1; !stop; round++) {
		for (size_t i = (size_t)me * P; i < RANGES * H; i += 61 * P) {
			volatile long *at = (volatile long *)(arena + i) + me;
			long v = (long)i * 8 + me;

			*at = v;
			long got = *at;

			bad += got != v && got != 0;
		}
	}
	return (void *)bad;
}

static void *disturber(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	long bad = 0;

	while (!stop) {
		size_t page = (size_t)rand_r(&seed) % (RANGES * 512),
		       n = 1 + (size_t)rand_r(&seed) % 40;
		char *p = arena + page * P;

		if (page + n > RANGES * 512)
			n = RANGES * 512 - page;
		switch (rand_r(&seed) % 7) {
		case 0:
			bad += madvise(p, n * P, MADV_DONTNEED) != 0;
			break;
		case 1:
			bad += mprotect(p, n * P, RW | PROT_EXEC) != 0;
			break;
		case 2:
			bad += mprotect(arena, RANGES * H, RW) != 0;
			break;
		case 3:
			bad += mmap(p, n * P, RW, ANON | MAP_FIXED, -1, 0) != p;
			break;
		case 4:
			bad += madvise(arena + (page / 512) * H, H, MADV_DONTNEED) != 0;
			break;
		case 5:
			(void)!madvise(arena + (page / 512) * H, H, MADV_COLLAPSE);
			break;
		default: {
			pid_t pid = fork();
			int status = 0;

			if (!pid) {
				/* A copy stands still. */
				long a = *(volatile long *)p;

				for (int i = 0; i < 1000; i++)
					if (*(volatile long *)p != a)
						_exit(1);
				*(volatile long *)(p + 8 * 100) = 5;
				_exit(*(volatile long *)p != a);
			}
			bad += pid < 0 || waitpid(pid, &status, 0) != pid || status;
		}
		}
	}
	return (void *)bad;
}

TEST(threads_fault_while_all_changes)
{
	pthread_t t[6];
	void *bad;

	mode("always");
	arena = aligned(RANGES);
	for (long i = 0; i < 6; i++)
		REQUIRE(!pthread_create(&t[i], NULL, i < 4 ? toucher : disturber, (void *)i));
	sleep(3);
	stop = 1;
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], &bad);
		CHECK_EQ((long)bad, 0);
	}
}

int main(void)
{
	char old[32];
	int ret;

	chosen(DIR "enabled", old);
	if (!old[0] || write_file(DIR "enabled", old) < 0) {
		printf("huge pages cannot be set up here\n");
		return 77;
	}
	ret = test_run();
	write_file(DIR "enabled", old);
	write_file(DIR "khugepaged/max_ptes_none", "511");
	return ret;
}
