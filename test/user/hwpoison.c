/* madvise(MADV_HWPOISON): memory that is said to have failed. */
#include "proc_help.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096ul
#define KPF_HWPOISON 19

static sigjmp_buf back;
static siginfo_t seen;

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)ctx;
	seen = *info;
	siglongjmp(back, 1);
}

/* Touches @p: the signal that it was given, or 0. */
static int touch(volatile char *p, int write)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	memset(&seen, 0, sizeof(seen));
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	if (!sigsetjmp(back, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return seen.si_signo;
}

static void check_bad(char *p)
{
	for (int write = 0; write < 2; write++) {
		CHECK_EQ(touch(p + 5, write), SIGBUS);
		CHECK_EQ(seen.si_code, BUS_MCEERR_AR);
		CHECK(seen.si_addr == p + 5);
		CHECK_EQ(seen.si_addr_lsb, 12);
	}
}

/* Needs to be root, and a machine that can spare a page. */
static char *pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	memset(p, 'x', n * PAGE);
	return p;
}

static int poison(char *p, size_t n)
{
	return madvise(p, n * PAGE, MADV_HWPOISON);
}

TEST(touching_it_is_a_bus_error)
{
	char *p = pages(4);

	CHECK(!poison(p + PAGE, 2));
	check_bad(p + PAGE);
	check_bad(p + 2 * PAGE);
	CHECK(p[0] == 'x' && p[3 * PAGE] == 'x');
}

TEST(the_kernel_does_not_touch_it_either)
{
	char *p = pages(2), text[2 * PAGE];
	struct iovec to = {text, sizeof(text)}, from = {p, 2 * PAGE};
	int fd[2];

	CHECK(!poison(p + PAGE, 1));
	REQUIRE(!pipe(fd));
	CHECK_ERR(write(fd[1], p + PAGE, 1), EFAULT);
	CHECK_EQ(write(fd[1], p + PAGE - 3, 6), 3);
	CHECK_ERR(read(fd[0], p + PAGE, 1), EFAULT);
	CHECK_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0), PAGE);
	CHECK_ERR(poison(p + PAGE, 1), EFAULT);
}

TEST(another_page_can_take_its_place)
{
	char *p = pages(2);

	CHECK(!poison(p, 2));
	CHECK(!madvise(p, PAGE, MADV_DONTNEED));
	CHECK(!p[0]);
	p[0] = 1;
	check_bad(p + PAGE);
	CHECK(!munmap(p + PAGE, PAGE));
	CHECK(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == p + PAGE);
	CHECK(!p[PAGE]);
}

TEST(it_stays_bad_elsewhere)
{
	char *p = pages(1), *room = pages(1);
	int status;
	pid_t pid;

	CHECK(!poison(p, 1));
	p = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	REQUIRE(p == room);
	check_bad(p);
	CHECK(!mprotect(p, PAGE, PROT_READ) && !mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	check_bad(p);
	pid = fork();
	if (!pid) {
		check_bad(p);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
}

TEST(it_is_counted)
{
	char *p = pages(1);
	uint64_t pfn = pagemap_word(p) & ((1ull << 55) - 1), flags = 0;
	int fd = open("/proc/kpageflags", O_RDONLY);
	long before = meminfo("HardwareCorrupted");

	CHECK(before >= 0);
	CHECK(!poison(p, 1));
	CHECK_EQ(meminfo("HardwareCorrupted"), before + 4);
	CHECK(fd >= 0 && pread(fd, &flags, 8, (off_t)(pfn * 8)) == 8);
	CHECK(flags >> KPF_HWPOISON & 1);
	/* It is not given out again. */
	CHECK(!munmap(p, PAGE));
	CHECK_EQ(meminfo("HardwareCorrupted"), before + 4);
	CHECK(pread(fd, &flags, 8, (off_t)(pfn * 8)) == 8 && flags >> KPF_HWPOISON & 1);
}

TEST(part_of_a_huge_page)
{
	size_t huge = 2 << 20;
	char *p = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = (char *)(((unsigned long)p + huge - 1) & ~(huge - 1));

	REQUIRE(p != MAP_FAILED);
	(void)madvise(q, huge, MADV_HUGEPAGE);
	memset(q, 'y', huge);
	CHECK(!poison(q + 7 * PAGE, 1));
	check_bad(q + 7 * PAGE);
	CHECK(q[6 * PAGE] == 'y' && q[8 * PAGE] == 'y' && q[huge - 1] == 'y');
}

TEST(what_is_refused)
{
	char *p = pages(3);

	CHECK_ERR(madvise(p + 1, PAGE, MADV_HWPOISON), EINVAL);
	CHECK_ERR(madvise(p, -PAGE, MADV_HWPOISON), EINVAL);
	CHECK(!madvise(p, 0, MADV_HWPOISON));
	CHECK(!mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_ERR(poison(p + PAGE, 1), EFAULT);
	CHECK(!munmap(p + PAGE, PAGE));
	/* What comes before is gone. */
	CHECK_ERR(poison(p, 3), EFAULT);
	check_bad(p);
	CHECK(p[2 * PAGE] == 'x');
	REQUIRE(!setresuid(65534, 65534, 65534));
	CHECK_ERR(poison(p + 2 * PAGE, 1), EPERM);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_HWPOISON), EINVAL);
	CHECK(!madvise(p, 0, MADV_HWPOISON));
	CHECK(p[2 * PAGE] == 'x');
}

/* The zero page is the kernel's own. */
TEST(a_page_that_was_never_written)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK_ERR(poison(p, 1), EBUSY);
	CHECK(!*p);
}

int main(void)
{
	if (!in_test_machine()) {
		printf("takes memory out of service\n");
		return 77;
	}
	return test_run();
}
