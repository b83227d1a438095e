/* mmap, munmap, mprotect, mremap, brk, madvise, msync, mincore, mlock, process_vm_*, policies,
 * faults. */
#include "test.h"
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf out_of_fault;
static volatile int fault_sig, fault_code;
static void *volatile fault_addr;

static void on_fault(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	fault_sig = sig;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(out_of_fault, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* 0, or the signal that a load or store at @p gives. */
static int try_read(volatile char *p)
{
	fault_sig = 0;
	if (!sigsetjmp(out_of_fault, 1))
		(void)*p;
	return fault_sig;
}

static int try_write(volatile char *p)
{
	fault_sig = 0;
	if (!sigsetjmp(out_of_fault, 1))
		*p = 1;
	return fault_sig;
}

static char *anon(size_t pages)
{
	char *p = mmap(NULL, pages * P, RW, ANON, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static int temp_file(size_t len)
{
	char name[] = "/tmp/memoryXXXXXX";
	int fd = mkstemp(name);

	REQUIRE(fd >= 0);
	unlink(name);
	for (size_t i = 0; i < len; i += P) {
		char page[P];

		memset(page, 'a' + (int)(i / P % 26), P);
		REQUIRE(write(fd, page, len - i < P ? len - i : P) > 0);
	}
	return fd;
}

TEST(mmap_arguments)
{
	char *p = anon(4);
	int fd = temp_file(P), ro = open("/proc/self/exe", O_RDONLY);

	CHECK((long)mmap(NULL, 0, RW, ANON, -1, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(p + 1, P, RW, ANON | MAP_FIXED, -1, 0) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, P, RW, MAP_PRIVATE, -1, 0) == -1 && errno == EBADF);
	CHECK((long)mmap(NULL, P, RW, MAP_PRIVATE, fd, 1) == -1 && errno == EINVAL);
	CHECK((long)mmap(NULL, ~0ul - P, RW, ANON, -1, 0) == -1 && errno == ENOMEM);
	CHECK((long)mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == -1 && errno == EEXIST);
	CHECK((long)mmap(NULL, P, RW, MAP_SHARED_VALIDATE | 0x800000, fd, 0) == -1 &&
	      errno == EOPNOTSUPP);
	CHECK((long)mmap((void *)(1ul << 56), P, RW, ANON | MAP_FIXED, -1, 0) == -1 &&
	      errno == ENOMEM);
	if (ro >= 0)
		CHECK((long)mmap(NULL, P, RW, MAP_SHARED, ro, 0) == -1 && errno == EACCES);
	CHECK(mmap(p + P, P, PROT_READ, ANON | MAP_FIXED, -1, 0) == p + P);
	CHECK((unsigned long)mmap(NULL, P, RW, ANON | MAP_32BIT, -1, 0) < 1ul << 32);
	CHECK_ERR(munmap(p + 1, P), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_EQ(munmap(p, 4 * P), 0);
	CHECK_EQ(munmap(p, 4 * P), 0);
}

TEST(pages_are_zero_and_keep_their_contents)
{
	char *p = anon(100);

	for (int i = 0; i < 100; i++)
		CHECK_EQ(p[i * P + 17], 0);
	for (int i = 0; i < 100; i++)
		p[i * P + 17] = (char)i;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(p[i * P + 17], i);
	CHECK_EQ(munmap(p + 10 * P, 80 * P), 0);
	CHECK_EQ(p[9 * P + 17], 9);
	CHECK_EQ(p[90 * P + 17], 90);
	catch_faults();
	CHECK_EQ(try_read(p + 10 * P), SIGSEGV);
	CHECK_EQ(fault_code, SEGV_MAPERR);
	CHECK(fault_addr == p + 10 * P);
	CHECK_EQ(try_write(p + 89 * P), SIGSEGV);
}

TEST(protection)
{
	char *p = anon(8);

	catch_faults();
	p[0] = 5;
	CHECK_EQ(mprotect(p + P, P, PROT_READ), 0);
	CHECK_EQ(try_read(p + P), 0);
	CHECK_EQ(try_write(p + P), SIGSEGV);
	CHECK_EQ(fault_code, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, 8 * P, PROT_NONE), 0);
	CHECK_EQ(try_read(p), SIGSEGV);
	CHECK_EQ(mprotect(p, 8 * P, RW), 0);
	CHECK_EQ(p[0], 5);
	CHECK_EQ(try_write(p + P), 0);
	CHECK_ERR(mprotect(p + 1, P, RW), EINVAL);
	CHECK_EQ(munmap(p + 4 * P, P), 0);
	CHECK_ERR(mprotect(p, 8 * P, RW), ENOMEM);
	CHECK_ERR(mprotect(p, P, 0x80), EINVAL);
	/* Code that may be written and run, then run no more. */
	memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
	CHECK_EQ(mprotect(p, P, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))(void *)p)(), 42);
}

TEST(file_mappings)
{
	int fd = temp_file(3 * P + 100);
	char *p = mmap(NULL, 5 * P, PROT_READ, MAP_PRIVATE, fd, 0);
	char *s = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0);
	char *w = mmap(NULL, 4 * P, RW, MAP_PRIVATE, fd, P);
	char c;

	REQUIRE(p != MAP_FAILED && s != MAP_FAILED && w != MAP_FAILED);
	catch_faults();
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[3 * P + 99], 'd');
	CHECK_EQ(p[3 * P + 100], 0);
	CHECK_EQ(try_read(p + 4 * P), SIGBUS);
	CHECK_EQ(fault_code, BUS_ADRERR);
	s[P] = 'X';
	CHECK_EQ(p[P], 'X');
	CHECK_EQ(w[0], 'X');
	CHECK_EQ(pread(fd, &c, 1, P), 1);
	CHECK_EQ(c, 'X');
	w[0] = 'Y';
	CHECK_EQ(s[P], 'X');
	CHECK_EQ(pwrite(fd, "Z", 1, P), 1);
	CHECK_EQ(s[P], 'Z');
	CHECK_EQ(w[0], 'Y');
	/* Truncation takes pages away from all, private copies too. */
	CHECK_EQ(ftruncate(fd, P), 0);
	CHECK_EQ(try_read(s + P), SIGBUS);
	CHECK_EQ(try_read(w), SIGBUS);
	CHECK_EQ(try_read(p), 0);
	CHECK_EQ(ftruncate(fd, 2 * P), 0);
	CHECK_EQ(try_read(s + P), 0);
	CHECK_EQ(s[P], 0);
	CHECK_EQ(msync(s, 2 * P, MS_SYNC), 0);
	CHECK_ERR(msync(s, P, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(s + 1, P, MS_SYNC), EINVAL);
}

TEST(fork_copies_on_write)
{
	char *p = anon(300);
	int status;

	for (int i = 0; i < 300; i++)
		p[i * P] = (char)i;
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 300; i++) {
			if (p[i * P] != (char)i)
				_exit(1);
			p[i * P] = (char)(i + 1);
		}
		_exit(0);
	}
	for (int i = 0; i < 300; i += 2)
		p[i * P] = (char)(i + 5);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (int i = 0; i < 300; i++)
		CHECK_EQ(p[i * P], (char)(i & 1 ? i : i + 5));
}

TEST(madvise_kinds)
{
	char *p = anon(16), *s;
	int status;

	memset(p, 1, 16 * P);
	CHECK_EQ(madvise(p + 4 * P, 4 * P, MADV_DONTNEED), 0);
	CHECK_EQ(p[3 * P], 1);
	CHECK_EQ(p[4 * P], 0);
	CHECK_EQ(p[8 * P], 1);
	CHECK_EQ(madvise(p, 16 * P, MADV_NORMAL), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_SEQUENTIAL), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_RANDOM), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_FREE), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_HUGEPAGE), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_DONTDUMP), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_DODUMP), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_COLD), 0);
	CHECK_ERR(madvise(p, 16 * P, 12345), EINVAL);
	CHECK_ERR(madvise(p + 1, P, MADV_DONTNEED), EINVAL);
	CHECK_EQ(madvise(p, 0, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(p, 16 * P, MADV_WILLNEED), 0);
	munmap(p + 8 * P, P);
	CHECK_ERR(madvise(p, 16 * P, MADV_DONTNEED), ENOMEM);
	memset(p, 7, 8 * P);
	CHECK_EQ(madvise(p, P, MADV_WIPEONFORK), 0);
	CHECK_EQ(madvise(p + P, P, MADV_DONTFORK), 0);
	s = mmap(NULL, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s[0] = 3;
	CHECK_ERR(madvise(s, P, MADV_WIPEONFORK), EINVAL);
	CHECK_EQ(madvise(s, P, MADV_REMOVE), 0);
	CHECK_EQ(s[0], 0);
	pid_t pid = fork();

	if (!pid) {
		catch_faults();
		_exit(!(p[0] == 0 && try_read(p + P) == SIGSEGV && p[2 * P] == 7));
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(madvise(p + 2 * P, 2 * P, MADV_POPULATE_WRITE), 0);
	CHECK_ERR(madvise(p + 7 * P, 2 * P, MADV_POPULATE_READ), ENOMEM);
}

TEST(mremap_moves_contents)
{
	char *p = anon(16), *q, *target = anon(64);

	for (int i = 0; i < 16; i++)
		p[i * P] = (char)(i + 1);
	/* In the way: it has to move. */
	q = mremap(p, 16 * P, 64 * P, MREMAP_MAYMOVE);
	REQUIRE(q != MAP_FAILED);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(q[i * P], i + 1);
	CHECK_EQ(q[63 * P], 0);
	CHECK(mremap(q, 64 * P, 8 * P, 0) == q);
	catch_faults();
	CHECK_EQ(try_read(q + 8 * P), SIGSEGV);
	munmap(target, 64 * P);
	CHECK(mremap(q, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
	CHECK_EQ(target[7 * P], 8);
	CHECK_EQ(try_read(q), SIGSEGV);
	CHECK(mremap(target, 8 * P, 16 * P, 0) == target || errno == ENOMEM);
	CHECK((long)mremap(target + 1, P, P, 0) == -1 && errno == EINVAL);
	CHECK((long)mremap(target, P, 0, 0) == -1 && errno == EINVAL);
	CHECK((long)mremap(target, P, P, MREMAP_FIXED, q) == -1 && errno == EINVAL);
	CHECK((long)mremap(target, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target + P) == -1 &&
	      errno == EINVAL);
	munmap(target, 64 * P);
	CHECK((long)mremap(target, P, 2 * P, MREMAP_MAYMOVE) == -1 && errno == EFAULT);
}

TEST(brk_grows_and_shrinks)
{
	char *old = sbrk(0), *p;

	p = sbrk(100 * (long)P);
	REQUIRE(p != (void *)-1);
	memset(p, 1, 100 * P);
	CHECK_EQ((long)(sbrk(0)) - (long)p, 100 * P);
	CHECK(sbrk(-100 * (long)P) != (void *)-1);
	CHECK(sbrk(0) == old);
	p = sbrk((long)P);
	CHECK_EQ(p[P - 1], 0);
	CHECK((unsigned long)syscall(SYS_brk, 1) == (unsigned long)sbrk(0));
}

TEST(mincore_and_mlock)
{
	char *p = anon(8);
	unsigned char vec[8];
	struct rlimit zero = {0, 0};

	p[0] = 1;
	p[3 * P] = 1;
	CHECK_EQ(mincore(p, 8 * P, vec), 0);
	CHECK_EQ(vec[0] & 1, 1);
	CHECK_EQ(vec[1] & 1, 0);
	CHECK_EQ(vec[3] & 1, 1);
	CHECK_ERR(mincore(p + 1, P, vec), EINVAL);
	CHECK_EQ(mlock(p, 8 * P), 0);
	CHECK_EQ(mincore(p, 8 * P, vec), 0);
	CHECK_EQ(vec[7] & 1, 1);
	CHECK_ERR(madvise(p, P, MADV_DONTNEED), EINVAL);
	CHECK_EQ(munlock(p + P, P), 0);
	CHECK_EQ(madvise(p + P, P, MADV_DONTNEED), 0);
	CHECK_EQ(mlockall(MCL_CURRENT), 0);
	CHECK_EQ(munlockall(), 0);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(64), EINVAL);
	munmap(p + 4 * P, P);
	CHECK_ERR(mlock(p, 8 * P), ENOMEM);
	CHECK_ERR(mincore(p, 8 * P, vec), ENOMEM);
	CHECK_EQ(munlock(p, P), 0);
	if (!setuid(12345) && !setrlimit(RLIMIT_MEMLOCK, &zero))
		CHECK_ERR(mlock(p, P), EPERM);
}

TEST(address_space_limit)
{
	struct rlimit r = {64 << 20, 64 << 20};

	CHECK_EQ(setrlimit(RLIMIT_AS, &r), 0);
	CHECK((long)mmap(NULL, 128 << 20, RW, ANON, -1, 0) == -1 && errno == ENOMEM);
	CHECK(mmap(NULL, 1 << 20, RW, ANON, -1, 0) != MAP_FAILED);
}

static long deep(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] : 0;
}

TEST(stack_grows)
{
	CHECK(deep(1000) != 1); /* 4 MiB of the default 8 */
}

/* Through a pointer: the compiler must not see that it never returns. */
static long (*volatile again)(int n);

static long endless(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return again(n + 1) + frame[0];
}

TEST(stack_overflow_is_a_signal)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		again = endless;
		endless(0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(process_vm_copies)
{
	static char there[3 * P] = "there";
	char here[64] = "";
	struct iovec l = {here, sizeof(here)}, r = {there + 100, 32};
	int pipefd[2], status;

	REQUIRE(!pipe(pipefd));
	pid_t pid = fork();

	if (!pid) {
		char c;

		strcpy(there + 100, "of the child");
		close(pipefd[0]);
		if (write(pipefd[1], "x", 1) != 1)
			_exit(1);
		while (!((volatile char *)there)[2 * P])
			usleep(1000);
		c = there[2 * P];
		_exit(c == 'w' ? 0 : 2);
	}
	REQUIRE(read(pipefd[0], here, 1) == 1);
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), 32);
	CHECK(!strcmp(here, "of the child"));
	CHECK(!strcmp(there, "there"));
	l.iov_base = "w";
	l.iov_len = 1;
	r.iov_base = there + 2 * P;
	CHECK_EQ(process_vm_writev(pid, &l, 1, &r, 1, 0), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERR(process_vm_readv(pid, &l, 1, &r, 1, 0), ESRCH);
	CHECK_ERR(process_vm_readv(getpid(), &l, 1, &r, 1, 1), EINVAL);
	r.iov_base = (void *)8;
	l.iov_base = here;
	CHECK_ERR(process_vm_readv(getpid(), &l, 1, &r, 1, 0), EFAULT);
}

TEST(system_calls_see_bad_addresses)
{
	char *p = anon(2);
	int fd = temp_file(P);

	lseek(fd, 0, SEEK_SET);
	munmap(p + P, P);
	CHECK_ERR(syscall(SYS_read, fd, 8, 10), EFAULT);
	CHECK_EQ(pread(fd, p + P - 10, 20, 0), 10);
	CHECK_ERR(open((char *)8, O_RDONLY), EFAULT);
	CHECK_ERR(open((char *)0xffff888000000000ul, O_RDONLY), EFAULT);
	mprotect(p, P, PROT_READ);
	CHECK_ERR(pread(fd, p, 10, 0), EFAULT);
}

TEST(numa_calls_on_one_node)
{
	int mode = -1;
	unsigned long mask = 1;
	char *p = anon(1);

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0 && errno == ENOSYS)
		return;
	CHECK_EQ(mode, MPOL_DEFAULT);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
	CHECK_ERR(syscall(SYS_set_mempolicy, 77, NULL, 0), EINVAL);
	CHECK_EQ(syscall(SYS_mbind, p, P, MPOL_BIND, &mask, 64, 0), 0);
	mask = 2;
	CHECK_ERR(syscall(SYS_mbind, p, P, MPOL_BIND, &mask, 64, 0), EINVAL);
}

/* --- threads against each other --- */

#define STRESS_PAGES 64
static char *arena;
static volatile int stop;

static void *toucher(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	unsigned long bad = 0;

	while (!stop) {
		char *p = arena + (rand_r(&seed) % STRESS_PAGES) * P + (long)arg * 8;

		*(volatile long *)p = (long)arg;
		long v = *(volatile long *)p;

		/* Zero when DONTNEED came between. */
		bad += v != (long)arg && v != 0;
	}
	return (void *)bad;
}

TEST(threads_fault_while_memory_changes)
{
	pthread_t t[3];
	void *bad;

	arena = anon(STRESS_PAGES);
	for (long i = 0; i < 3; i++)
		REQUIRE(!pthread_create(&t[i], NULL, toucher, (void *)(i + 1)));
	/* Shoot-downs are slow where virtual CPUs share a real one. */
	time_t end = time(NULL) + 4;

	for (int i = 0; i < 300 && time(NULL) < end; i++) {
		char *p = arena + (i % STRESS_PAGES) * P;

		CHECK_EQ(madvise(p, P, MADV_DONTNEED), 0);
		if (i % 10 == 0) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			CHECK_EQ(waitpid(pid, NULL, 0), pid);
		}
		if (i % 7 == 0)
			CHECK_EQ(mprotect(p, P, RW | PROT_EXEC), 0);
		if (i % 14 == 0)
			CHECK_EQ(mprotect(arena, STRESS_PAGES * P, RW), 0);
		munmap(mmap(NULL, 8 * P, RW, ANON | MAP_POPULATE, -1, 0), 8 * P);
	}
	stop = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &bad);
		CHECK_EQ((long)bad, 0);
	}
}

TEST(truncation_against_faults)
{
	int fd = temp_file(16 * P), status;
	char *s = mmap(NULL, 16 * P, RW, MAP_SHARED, fd, 0);

	REQUIRE(s != MAP_FAILED);
	pid_t pid = fork();

	if (!pid) {
		catch_faults();
		for (int i = 0; i < 3000; i++) {
			int sig = try_write(s + (i % 16) * P);

			if (sig && sig != SIGBUS)
				_exit(1);
		}
		_exit(0);
	}
	time_t end = time(NULL) + 4;

	for (int i = 0; i < 200 && time(NULL) < end; i++) {
		CHECK_EQ(ftruncate(fd, i % 16 * (long)P), 0);
		CHECK_EQ(ftruncate(fd, 16 * (long)P), 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	return test_run();
}
