/* The corners of mmap, mremap, madvise, mlock, msync, process_madvise, and what /proc tells. */
#include "test.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static sigjmp_buf out_of_fault;

static void on_fault(int sig)
{
	siglongjmp(out_of_fault, sig);
}

static int try_write(volatile char *p)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	int sig = sigsetjmp(out_of_fault, 1);

	if (!sig)
		*p = 1;
	return sig;
}

static char *anon(size_t pages)
{
	char *p = mmap(NULL, pages * P, RW, ANON, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static long field(const char *file, const char *name)
{
	char line[256];
	FILE *f = fopen(file, "r");
	long v = -1;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			v = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return v;
}

static int present(char *p)
{
	unsigned char v = 9;

	return mincore(p, P, &v) ? -1 : v & 1;
}

/* The part of /proc/self/smaps about @p, up to its flags; 0 if there is none. */
static int flags_of(void *p, char *out)
{
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	int in = 0, found = 0;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = (unsigned long)p >= start && (unsigned long)p < end;
		else if (in && !strncmp(line, "VmFlags: ", 9)) {
			strcpy(out, line + 9);
			found = 1;
		}
	}
	fclose(f);
	return found;
}

TEST(flags_of_mmap)
{
	char *p = anon(8), flags[256];
	int fd = memfd_create("m", 0);

	REQUIRE(!ftruncate(fd, 8 * P));
	CHECK((long)mmap(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0) == -1 &&
	      errno == EINVAL);
	CHECK((long)mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB, -1, 0) == -1 && errno == ENOMEM);
	CHECK((long)mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB | 21 << 26, -1, 0) == -1 &&
	      errno == ENOMEM);
	CHECK((long)mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB | 13 << 26, -1, 0) == -1 &&
	      errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, (int)~0u, fd, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_SHARED | MAP_HUGETLB, fd, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_SHARED | MAP_GROWSDOWN, fd, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0) == -1 &&
	      errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_PRIVATE, fd, -(off_t)P) == -1 && errno == EOVERFLOW);
	CHECK((long)mmap((void *)P, P, RW, ANON | MAP_FIXED, -1, 0) != -1 || errno == EPERM);
	CHECK((long)mmap(p + 2 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == -1 &&
	      errno == EEXIST);
	CHECK_EQ(munmap(p + 2 * P, P), 0);
	CHECK(mmap(p + 2 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 2 * P);
	p = mmap(NULL, 4 * P, RW, ANON | MAP_POPULATE, -1, 0);
	CHECK_EQ(present(p) + present(p + 3 * P), 2);
	p = mmap(NULL, 4 * P, RW, ANON | MAP_POPULATE | MAP_NONBLOCK, -1, 0);
	CHECK_EQ(present(p), 0);
	p = mmap(NULL, 4 * P, RW, ANON | MAP_LOCKED, -1, 0);
	CHECK_EQ(present(p + P), 1);
	CHECK(flags_of(p, flags));
	CHECK(!strcmp(flags, "rd wr mr mw me lo ac sd \n"));
	p = mmap(NULL, 4 * P, PROT_READ, ANON | MAP_NORESERVE, -1, 0);
	CHECK(flags_of(p, flags));
	CHECK(!strcmp(flags, "rd mr mw me nr sd \n"));
	p = mmap(NULL, P, RW, MAP_SHARED, fd, 0);
	CHECK(flags_of(p, flags));
	CHECK(!strcmp(flags, "rd wr sh mr mw me ms sd \n"));
}

TEST(growing_down_keeps_a_gap)
{
	size_t gap = 256 * P;
	char *area = mmap(NULL, 4 * gap, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	char *top = area + 3 * gap;

	CHECK_EQ(munmap(area, 4 * gap), 0);
	CHECK(mmap(top - P, P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top - P);
	top[-1] = 1;
	top[-P - 1] = 2;
	top[-5 * (long)P] = 3;
	CHECK_EQ(top[-1] + top[-P - 1], 3);
	/* Something below: no nearer than the gap. */
	CHECK(mmap(top - 8 * P - gap, P, RW, ANON | MAP_FIXED, -1, 0) == top - 8 * P - gap);
	CHECK_EQ(try_write(top - 7 * P), 0);
	CHECK_EQ(try_write(top - 8 * P), SIGSEGV);
	/* An inaccessible neighbour does not count. */
	CHECK_EQ(mprotect(top - 8 * P - gap, P, PROT_NONE), 0);
	CHECK_EQ(try_write(top - 8 * P), 0);
	CHECK_EQ(mprotect(top - P, P, PROT_READ | PROT_GROWSDOWN), 0);
	CHECK_EQ(try_write(top - 7 * P), SIGSEGV);
	CHECK_ERR(mprotect(top - P, P, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
	CHECK_ERR(mprotect(anon(1), P, PROT_READ | PROT_GROWSDOWN), EINVAL);
	CHECK_ERR(mprotect(anon(1), P, PROT_READ | PROT_GROWSUP), EINVAL);
}

TEST(mremap_corners)
{
	char *p = anon(4), *q, *s;

	strcpy(p, "one");
	strcpy(p + 3 * P, "four");
	CHECK_ERR((long)mremap(p + 1, P, P, 0), EINVAL);
	CHECK_ERR((long)mremap(p, P, 0, 0), EINVAL);
	CHECK_ERR((long)mremap(p, P, P, 128), EINVAL);
	CHECK_ERR((long)mremap(p, P, P, MREMAP_FIXED, p), EINVAL);
	CHECK_ERR((long)mremap(p, P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
	CHECK_ERR((long)mremap(p, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + P), EINVAL);
	CHECK_ERR((long)mremap(p, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + 4 * P + 1),
		  EINVAL);
	CHECK_ERR((long)mremap(p, 0, P, MREMAP_MAYMOVE), EINVAL);
	CHECK_EQ(munmap(p + P, P), 0);
	CHECK_ERR((long)mremap(p, 4 * P, 8 * P, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERR((long)mremap(p + P, P, 2 * P, MREMAP_MAYMOVE), EFAULT);
	/* The source stays, empty. */
	q = mremap(p + 2 * P, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	REQUIRE(q != MAP_FAILED);
	CHECK(q != p + 2 * P);
	CHECK(!strcmp(q + P, "four"));
	CHECK_EQ(p[3 * P], 0);
	p[3 * P] = 'x';
	CHECK(!strcmp(q + P, "four"));
	/* A second view of shared memory. */
	s = mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	strcpy(s + P, "shared");
	q = mremap(s, 0, 2 * P, MREMAP_MAYMOVE);
	REQUIRE(q != MAP_FAILED);
	CHECK(q != s);
	CHECK(!strcmp(q + P, "shared"));
	strcpy(q + P, "both");
	CHECK(!strcmp(s + P, "both"));
	CHECK_EQ(munmap(s, 2 * P), 0);
	CHECK(!strcmp(q + P, "both"));
}

/* Shared memory without a name has the size that it was made with, whatever maps it. */
TEST(shared_memory_does_not_grow)
{
	char *p = mmap(NULL, 4 * P, PROT_NONE, ANON, -1, 0), *q;

	REQUIRE(p != MAP_FAILED);
	REQUIRE(mmap(p, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	p[0] = 'a';
	p[P] = 'b';
	CHECK(mremap(p, 2 * P, P, 0) == p);
	q = mremap(p, P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, p + P);
	REQUIRE(q == p + P);
	CHECK(q[0] == 'a' && q[P] == 'b');
	CHECK_EQ(try_write(q + P), 0);
	CHECK_EQ(try_write(q + 2 * P), SIGBUS);
}

/* What makes room is gone, though the source is two mappings and the rest refused. */
TEST(refused_move_has_made_room)
{
	char *p = mmap(NULL, 3 * P, PROT_READ, ANON, -1, 0),
	     *q = mmap(NULL, 2 * P, RW, ANON, -1, 0);
	char *r = mmap(NULL, P, RW, ANON, -1, 0);
	unsigned char in;

	REQUIRE(p != MAP_FAILED && q != MAP_FAILED && r != MAP_FAILED);
	REQUIRE(!mprotect(p, P, PROT_NONE));
	CHECK_ERR((long)mremap(p, 3 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, q), EFAULT);
	CHECK_EQ(mincore(p + P, P, &in), 0);
	CHECK_ERR(mincore(p + 2 * P, P, &in), ENOMEM);
	CHECK_ERR(mincore(q, P, &in), ENOMEM);
	CHECK_ERR(mincore(q + P, P, &in), ENOMEM);
	/* Not so without a source. */
	CHECK_ERR((long)mremap(p + 2 * P, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, r), EFAULT);
	CHECK_EQ(mincore(r, P, &in), 0);
}

TEST(remap_file_pages_reorders)
{
	int fd = memfd_create("m", 0);
	char *p;

	REQUIRE(!ftruncate(fd, 4 * P));
	p = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0);
	for (int i = 0; i < 4; i++)
		p[i * P] = (char)('a' + i);
	CHECK_EQ(syscall(SYS_remap_file_pages, p, P, 0, 3, 0), 0);
	CHECK_EQ(p[0], 'd');
	CHECK_EQ(p[P], 'b');
	CHECK_ERR(syscall(SYS_remap_file_pages, p, P, PROT_READ, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_remap_file_pages, anon(1), P, 0, 0, 0), EINVAL);
}

TEST(advice_is_judged)
{
	char *p = anon(8), *s = mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char flags[256];

	CHECK_ERR(madvise(p, P, 77), EINVAL);
	CHECK_ERR(madvise(p + 1, P, MADV_NORMAL), EINVAL);
	CHECK_EQ(madvise(p, 0, MADV_DONTNEED), 0);
	CHECK_ERR(madvise(p, ~0ul - P, MADV_NORMAL), EINVAL);
	for (int a = MADV_NORMAL; a <= MADV_DONTNEED; a++)
		CHECK_EQ(madvise(p, P, a), 0);
	CHECK_EQ(madvise(p, P, MADV_COLD), 0);
	CHECK_EQ(madvise(p, P, MADV_PAGEOUT), 0);
	CHECK_ERR(madvise(s, P, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(p, P, MADV_REMOVE), EINVAL);
	CHECK_ERR(madvise(s, P, MADV_WIPEONFORK), EINVAL);
	CHECK_EQ(madvise(p, P, MADV_WIPEONFORK), 0);
	CHECK_EQ(madvise(p + P, P, MADV_DONTFORK), 0);
	CHECK_EQ(madvise(p + 2 * P, P, MADV_DONTDUMP), 0);
	CHECK(flags_of(p, flags) && strstr(flags, " wf "));
	CHECK(flags_of(p + P, flags) && strstr(flags, " dc "));
	CHECK(flags_of(p + 2 * P, flags) && strstr(flags, " dd "));
	CHECK_EQ(madvise(p, P, MADV_KEEPONFORK), 0);
	CHECK_EQ(madvise(p + P, P, MADV_DOFORK), 0);
	CHECK_EQ(madvise(p + 2 * P, P, MADV_DODUMP), 0);
	CHECK_EQ(madvise(p, 8 * P, MADV_POPULATE_WRITE), 0);
	CHECK_EQ(present(p + 7 * P), 1);
	CHECK_EQ(mprotect(p, P, PROT_READ), 0);
	CHECK_ERR(madvise(p, P, MADV_POPULATE_WRITE), EINVAL);
	CHECK_EQ(madvise(p, P, MADV_POPULATE_READ), 0);
	/* Locked memory. */
	CHECK_EQ(mlock(p + P, P), 0);
	p[P] = 5;
	CHECK_ERR(madvise(p + P, P, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p + P, P, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(p + P, P, MADV_COLD), EINVAL);
	CHECK_EQ(p[P], 5);
	CHECK_EQ(madvise(p + P, P, MADV_DONTNEED_LOCKED), 0);
	CHECK_EQ(p[P], 0);
	/* A hole: the rest is done. */
	p[6 * P] = 1;
	CHECK_EQ(munmap(p + 4 * P, P), 0);
	CHECK_ERR(madvise(p + 3 * P, 5 * P, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(p[6 * P], 0);
	CHECK_ERR(madvise(p + 3 * P, 5 * P, MADV_POPULATE_READ), ENOMEM);
	strcpy(s, "gone");
	CHECK_EQ(madvise(s, P, MADV_REMOVE), 0);
	CHECK_EQ(s[0], 0);
	CHECK_EQ(mprotect(s, P, PROT_READ), 0);
	CHECK_EQ(madvise(s, P, MADV_REMOVE), 0);
	int fd = memfd_create("m", 0);

	s = mmap(NULL, P, RW, MAP_PRIVATE, fd, 0);
	CHECK_ERR(madvise(s, P, MADV_REMOVE), EACCES);
}

TEST(advice_for_another_process)
{
	char *p = anon(2);
	struct iovec v[2] = {{p, P}, {p + P, P}};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	CHECK_EQ(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0), 2 * P);
	CHECK_EQ(syscall(SYS_process_madvise, fd, v, 2, MADV_WILLNEED, 0), 2 * P);
	CHECK_ERR(syscall(SYS_process_madvise, fd, v, 2, 77, 0), EINVAL);
	CHECK_ERR(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 1), EINVAL);
	CHECK_ERR(syscall(SYS_process_madvise, 999, v, 2, MADV_COLD, 0), EBADF);
	CHECK_ERR(syscall(SYS_process_madvise, 0, v, 2, MADV_COLD, 0), EBADF);
	CHECK_EQ(munmap(p + P, P), 0);
	CHECK_EQ(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0), P);
	CHECK_ERR(syscall(SYS_process_madvise, fd, v + 1, 1, MADV_COLD, 0), ENOMEM);
}

/* What others may not say, the process may say of itself: since Linux 6.13. */
TEST(advice_for_oneself_in_a_vector)
{
	char *p = anon(64);
	struct iovec v[32], bad[3] = {{p, P}, {p + 64 * P, P}, {p + P, P}};
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	int own = (int)syscall(SYS_pidfd_open, getpid(), 0),
	    other = (int)syscall(SYS_pidfd_open, pid, 0);

	memset(p, 1, 64 * P);
	for (int i = 0; i < 32; i++)
		v[i] = (struct iovec){p + 2 * i * P, P};
	CHECK_ERR(syscall(SYS_process_madvise, other, v, 32, MADV_DONTNEED, 0), EINVAL);
	CHECK_EQ(syscall(SYS_process_madvise, other, v, 32, MADV_COLD, 0), 32 * P);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (syscall(SYS_process_madvise, own, v, 32, MADV_DONTNEED, 0) < 0) {
		CHECK_EQ(errno, EINVAL);
		printf("# only advice for others\n");
		return;
	}
	for (int i = 0; i < 64; i++)
		CHECK_EQ(p[i * P], i & 1);
	memset(p, 1, 64 * P);
	CHECK_EQ(munmap(p + 63 * P, P), 0);
	/* What has been done counts; the rest is as it was. */
	bad[1].iov_base = p + 63 * P;
	CHECK_EQ(syscall(SYS_process_madvise, own, bad, 3, MADV_DONTNEED, 0), P);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[P], 1);
	bad[1].iov_base = p + 1;
	CHECK_EQ(syscall(SYS_process_madvise, own, bad, 3, MADV_FREE, 0), P);
	CHECK_ERR(syscall(SYS_process_madvise, own, bad + 1, 2, MADV_DONTNEED, 0), EINVAL);
	CHECK_ERR(syscall(SYS_process_madvise, own, v, 1025, MADV_DONTNEED, 0), EINVAL);
	CHECK_EQ(syscall(SYS_process_madvise, own, v, 0, MADV_DONTNEED, 0), 0);
	if (syscall(SYS_process_madvise, -10000, v, 2, MADV_COLD, 0) < 0) /* PIDFD_SELF, 6.14 */
		CHECK_EQ(errno, EBADF);
	else
		CHECK_EQ(syscall(SYS_process_madvise, -20000, v, 2, MADV_DONTNEED, 0), 2 * P);
}

TEST(memory_of_a_dying_process)
{
	int fd, go[2], status;
	char c;

	CHECK_EQ(pipe(go), 0);
	pid_t pid = fork();

	if (!pid) {
		char *p = anon(64);

		memset(p, 1, 64 * P);
		c = write(go[1], "x", 1) == 1 ? 'x' : 'y';
		pause();
		_exit(c);
	}
	CHECK_EQ(read(go[0], &c, 1), 1);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK_ERR(syscall(SYS_process_mrelease, fd, 1), EINVAL);
	CHECK_ERR(syscall(SYS_process_mrelease, fd, 0), EINVAL);
	CHECK_ERR(syscall(SYS_process_mrelease, 999, 0), EBADF);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	errno = 0;
	if (syscall(SYS_process_mrelease, fd, 0))
		CHECK(errno == ESRCH || errno == EAGAIN);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_ERR(syscall(SYS_process_mrelease, fd, 0), ESRCH);
}

TEST(locked_memory_is_counted)
{
	char *p = anon(16);
	struct rlimit none = {0, 0}, some = {8 * P, 8 * P};

	CHECK_ERR(syscall(SYS_mlock2, p, P, 2), EINVAL);
	CHECK_EQ(syscall(SYS_mlock2, p, 4 * P, MLOCK_ONFAULT), 0);
	CHECK_EQ(field("/proc/self/status", "VmLck"), 16);
	CHECK_EQ(present(p), 0);
	CHECK_EQ(mlock(p, 2 * P), 0);
	CHECK_EQ(present(p + P), 1);
	CHECK_EQ(field("/proc/self/status", "VmLck"), 16);
	CHECK_EQ(munlock(p, 3 * P), 0);
	CHECK_EQ(field("/proc/self/status", "VmLck"), 4);
	CHECK_EQ(munmap(p + 3 * P, P), 0);
	CHECK_EQ(field("/proc/self/status", "VmLck"), 0);
	CHECK_ERR(mlock(p, 16 * P), ENOMEM);
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(field("/proc/self/status", "VmLck"), 0);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
	CHECK_EQ(mlockall(MCL_FUTURE), 0);
	char *q = anon(2);

	CHECK_EQ(present(q), 1);
	CHECK_EQ(munlockall(), 0);
	/* Without the privilege. */
	if (setresuid(1000, 1000, 1000))
		return;
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &some), 0);
	CHECK_EQ(mlock(p + 4 * P, 4 * P), 0);
	CHECK_ERR(mlock(p + 4 * P, 12 * P), ENOMEM);
	CHECK_EQ(mlock(p + 4 * P, 8 * P), 0);
	CHECK((long)mmap(NULL, 4 * P, RW, ANON | MAP_LOCKED, -1, 0) == -1 && errno == EAGAIN);
	CHECK_ERR((long)mremap(p + 4 * P, 8 * P, 16 * P, MREMAP_MAYMOVE), EAGAIN);
	CHECK_EQ(munlock(p + 4 * P, 8 * P), 0);
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	CHECK_ERR(mlock(p + 4 * P, P), EPERM);
	CHECK_ERR(mlockall(MCL_CURRENT), EPERM);
	CHECK((long)mmap(NULL, P, RW, ANON | MAP_LOCKED, -1, 0) == -1 && errno == EPERM);
}

TEST(msync_and_mincore_arguments)
{
	char *p = anon(4);
	unsigned char v[4];

	CHECK_EQ(msync(p, 4 * P, MS_SYNC), 0);
	CHECK_EQ(msync(p, 4 * P, MS_ASYNC | MS_INVALIDATE), 0);
	CHECK_ERR(msync(p, P, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, P, 64), EINVAL);
	CHECK_ERR(msync(p + 1, P, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, ~0ul - P + 1, MS_SYNC), ENOMEM);
	CHECK_EQ(mlock(p, P), 0);
	CHECK_ERR(msync(p, P, MS_INVALIDATE), EBUSY);
	CHECK_EQ(munmap(p + P, P), 0);
	CHECK_ERR(msync(p, 4 * P, MS_SYNC), ENOMEM);
	CHECK_ERR(mincore(p + 1, P, v), EINVAL);
	CHECK_ERR(mincore(p, 4 * P, v), ENOMEM);
	CHECK_ERR(mincore(p, P, (void *)8), EFAULT);
	CHECK_ERR(mincore(p, ~0ul - P, v), ENOMEM);
	CHECK_EQ(mincore(p, 0, v), 0);
}

TEST(limits)
{
	struct rlimit old, lim;
	char *p;

	getrlimit(RLIMIT_DATA, &old);
	lim = old;
	lim.rlim_cur = (rlim_t)field("/proc/self/status", "VmData") * 1024 + 16 * P;
	CHECK_EQ(setrlimit(RLIMIT_DATA, &lim), 0);
	CHECK((long)mmap(NULL, 64 * P, RW, ANON, -1, 0) == -1 && errno == ENOMEM);
	p = mmap(NULL, 64 * P, PROT_READ, ANON, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, 64 * P, RW), ENOMEM);
	CHECK(mmap(NULL, 64 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK_EQ(setrlimit(RLIMIT_DATA, &old), 0);
}

static void set(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		printf("# %s cannot be set\n", name);
	close(fd);
}

TEST(overcommit)
{
	long total = field("/proc/meminfo", "MemTotal"), as, limit;
	size_t all = (size_t)total * 1024;
	char *p;

	if (access("/proc/sys/vm/overcommit_memory", W_OK))
		return;
	set("/proc/sys/vm/overcommit_memory", "0");
	CHECK((long)mmap(NULL, all + (16 << 20), RW, ANON, -1, 0) == -1 && errno == ENOMEM);
	p = mmap(NULL, all + (16 << 20), RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	munmap(p, all + (16 << 20));
	set("/proc/sys/vm/overcommit_memory", "1");
	p = mmap(NULL, 4 * all, RW, ANON, -1, 0);
	CHECK(p != MAP_FAILED);
	munmap(p, 4 * all);
	as = field("/proc/meminfo", "Committed_AS");
	p = mmap(NULL, 64 << 20, RW, ANON, -1, 0);
	CHECK(field("/proc/meminfo", "Committed_AS") >= as + 60 * 1024);
	munmap(p, 64 << 20);
	set("/proc/sys/vm/overcommit_kbytes", "65536");
	CHECK_EQ(field("/proc/meminfo", "CommitLimit"), 65536);
	set("/proc/sys/vm/overcommit_ratio", "50");
	limit = field("/proc/meminfo", "CommitLimit");
	CHECK(limit > total / 2 - 64 && limit <= total / 2);
	set("/proc/sys/vm/overcommit_memory", "2");
	CHECK((long)mmap(NULL, all / 2, RW, ANON | MAP_NORESERVE, -1, 0) == -1 && errno == ENOMEM);
	p = mmap(NULL, all / 4, RW, ANON, -1, 0);
	set("/proc/sys/vm/overcommit_memory", "0");
	CHECK(p != MAP_FAILED);
}

#define WORD_PRESENT (1ull << 63)
#define WORD_FILE (1ull << 61)
#define WORD_EXCLUSIVE (1ull << 56)
#define WORD_SOFT_DIRTY (1ull << 55)

static uint64_t word_of(void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t w = 0;

	CHECK_EQ(pread(fd, &w, 8, (off_t)((uintptr_t)p / P * 8)), 8);
	close(fd);
	return w;
}

TEST(pagemap_words)
{
	char *p = anon(4);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t w[4];

	p[0] = 1;
	(void)*(volatile char *)(p + P);
	REQUIRE(fd >= 0);
	CHECK_EQ(pread(fd, w, 32, (off_t)((uintptr_t)p / P * 8)), 32);
	CHECK((w[0] & (WORD_PRESENT | WORD_EXCLUSIVE | WORD_FILE)) ==
	      (WORD_PRESENT | WORD_EXCLUSIVE));
	CHECK((w[1] & (WORD_PRESENT | WORD_FILE)) == WORD_PRESENT);
	CHECK(!(w[2] & WORD_PRESENT));
	CHECK(w[2] & WORD_SOFT_DIRTY);
	if (!geteuid())
		CHECK(w[0] & ((1ull << 55) - 1));
	CHECK_ERR(pread(fd, w, 8, 4), EINVAL);
	CHECK_ERR(pread(fd, w, 7, 0), EINVAL);
	CHECK_EQ(word_of((void *)P), 0);
	char *s = mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	s[0] = 1;
	CHECK(word_of(s) & WORD_FILE);
}

TEST(references_can_be_cleared)
{
	char *p = anon(4), *s = mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	p[0] = 1;
	p[P] = 1;
	(void)*(volatile char *)s;
	set("/proc/self/clear_refs", "4");
	CHECK(!(word_of(p) & WORD_SOFT_DIRTY));
	CHECK(!(word_of(p + P) & WORD_SOFT_DIRTY));
	p[0] = 2;
	CHECK(word_of(p) & WORD_SOFT_DIRTY);
	CHECK(!(word_of(p + P) & WORD_SOFT_DIRTY));
	CHECK(!(word_of(s) & WORD_SOFT_DIRTY));
	s[0] = 1;
	CHECK(word_of(s) & WORD_SOFT_DIRTY);
	CHECK_EQ(p[0] + p[P], 3);
	char *fresh = mmap(NULL, P, PROT_READ, ANON, -1, 0);

	CHECK(word_of(fresh) & WORD_SOFT_DIRTY);
	set("/proc/self/clear_refs", "1");
	set("/proc/self/clear_refs", "5");
	int fd = open("/proc/self/clear_refs", O_WRONLY);

	CHECK_ERR(write(fd, "6", 1), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	close(fd);
}

TEST(numa_maps_line)
{
	char *p = anon(4), line[512], want[64];
	FILE *f = fopen("/proc/self/numa_maps", "r");
	int found = 0;

	CHECK_EQ(mprotect(p + 3 * P, P, PROT_READ), 0);
	p[0] = p[P] = 1;
	REQUIRE(f);
	snprintf(want, sizeof(want), "%08lx ", (unsigned long)p);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, want, strlen(want))) {
			found = 1;
			CHECK(strstr(line, " default anon=2 dirty=2 "));
			CHECK(strstr(line, " N0=2 kernelpagesize_kB=4\n"));
		}
	fclose(f);
	(void)found; /* not if a neighbour has taken it in */
}

int main(void)
{
	return test_run();
}
