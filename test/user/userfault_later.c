/* userfaultfd(2) and PAGEMAP_SCAN beyond Linux 6.1; what the kernel does not offer is left out. */
#include "test.h"
#include "userfault.h"
#include "../../abi/include/abi/pagemap.h"
#include "../../abi/include/abi/userfaultfd.h"
#include <stdint.h>

#define MISSING UFFDIO_REGISTER_MODE_MISSING
#define WP UFFDIO_REGISTER_MODE_WP

static bool offered(unsigned long long features)
{
	struct uffdio_api a = {.api = UFFD_API};
	int fd = uffd_new(O_CLOEXEC);
	bool ok = fd >= 0 && !ioctl(fd, UFFDIO_API, &a) && (a.features & features) == features;

	close(fd);
	if (!ok)
		printf("# not offered here\n");
	return ok;
}

static int protect(int fd, void *p, long len, unsigned long long mode)
{
	struct uffdio_writeprotect w = {{(unsigned long)p, (unsigned long)len}, mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

static bool is_protected(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t word = 0;

	CHECK_EQ(pread(fd, &word, 8, (off_t)((unsigned long)p / PAGE * 8)), 8);
	close(fd);
	return word >> 57 & 1;
}

static void *write_byte(void *arg)
{
	*(volatile char *)arg = 'W';
	return NULL;
}

TEST(protected_before_there_is_a_page)
{
	struct uffd_msg m;
	pthread_t t;

	if (!offered(UFFD_FEATURE_WP_UNPOPULATED))
		return;
	int fd = uffd_open(UFFD_FEATURE_WP_UNPOPULATED);
	char *p = anon(4 * PAGE);
	REQUIRE(!uffd_register(fd, p, 4 * PAGE, WP));
	CHECK_EQ(protect(fd, p, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK(is_protected(p));
	CHECK_EQ(*(volatile char *)p, 0);
	CHECK(is_protected(p));
	pthread_create(&t, NULL, write_byte, p + PAGE);
	CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
	CHECK_EQ(m.arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p + PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[PAGE], 'W');
	CHECK_EQ(madvise(p + 2 * PAGE, PAGE, MADV_DONTNEED), 0);
	p[2 * PAGE] = 'x';
	CHECK_EQ(p[2 * PAGE], 'x');
}

static sigjmp_buf back;
static volatile siginfo_t seen;

static void on_bus(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	seen = *si;
	siglongjmp(back, 1);
}

static int poison(int fd, void *p, long len, long long *updated)
{
	struct uffdio_poison po = {{(unsigned long)p, (unsigned long)len}, 0, 0};
	int ret = ioctl(fd, UFFDIO_POISON, &po);

	*updated = po.updated;
	return ret;
}

static void dies(char *p, bool write)
{
	if (!sigsetjmp(back, 1)) {
		if (write)
			*(volatile char *)p = 1;
		else
			(void)*(volatile char *)p;
		CHECK(!"no signal");
		return;
	}
	/* A kernel built without memory failures says only that there is no memory. */
	CHECK(seen.si_code == BUS_MCEERR_AR || seen.si_code == BUS_ADRERR);
	CHECK_EQ((long)seen.si_addr & -PAGE, (long)p & -PAGE);
	if (seen.si_code == BUS_MCEERR_AR)
		CHECK_EQ(seen.si_addr_lsb, 12);
}

TEST(poisoned)
{
	struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
	long long updated;
	int fds[2];

	if (!offered(UFFD_FEATURE_POISON))
		return;
	int fd = uffd_open(0), mem = memfd_create("p", 0);
	REQUIRE(!pipe(fds) && mem >= 0 && !ftruncate(mem, 8 * PAGE));
	char *p = anon(8 * PAGE);
	char *s = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	REQUIRE(!uffd_register(fd, p, 8 * PAGE, MISSING));
	REQUIRE(!uffd_register(fd, s, 8 * PAGE, MISSING));
	sigaction(SIGBUS, &sa, NULL);
	CHECK_EQ(poison(fd, p, 2 * PAGE, &updated), 0);
	CHECK_EQ(updated, 2 * PAGE);
	CHECK_ERR(poison(fd, p + PAGE, 2 * PAGE, &updated), EEXIST);
	CHECK_EQ(updated, -EEXIST);
	dies(p, false);
	dies(p + PAGE + 9, true);
	CHECK_ERR(write(fds[1], p, 1), EFAULT);
	/* The child has it, too. */
	pid_t pid = fork();
	if (!pid) {
		dies(p, false);
		_exit(test_failures != 0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* A page takes its place, and it goes with the range. */
	struct uffdio_copy c = {(unsigned long)p + PAGE, (unsigned long)filled(PAGE, 'c'), PAGE, 0,
				0};
	CHECK_EQ(ioctl(fd, UFFDIO_COPY, &c), 0);
	CHECK_EQ(p[PAGE], 'c');
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(poison(fd, s, PAGE, &updated), 0);
	dies(s, false);
	close(fd);
	dies(s, false);
	CHECK_EQ(munmap(s, PAGE), 0);
}

static long long move(int fd, char *dst, char *src, long len, unsigned long long mode)
{
	struct uffdio_move m = {(unsigned long)dst, (unsigned long)src, (unsigned long)len, mode,
				0};

	return ioctl(fd, UFFDIO_MOVE, &m) ? m.move ? m.move : -errno : m.move;
}

TEST(moved)
{
	if (!offered(UFFD_FEATURE_MOVE))
		return;
	int fd = uffd_open(0);
	char *dst = anon(16 * PAGE), *src = anon(16 * PAGE), *other = filled(PAGE, 'o');

	madvise(src, 16 * PAGE, MADV_NOHUGEPAGE);
	REQUIRE(!uffd_register(fd, dst, 16 * PAGE, MISSING));
	for (int i = 0; i < 4; i++)
		memset(src + i * PAGE, 'a' + i, PAGE);
	CHECK_EQ(move(fd, dst, src, 2 * PAGE, 0), 2 * PAGE);
	CHECK_EQ(dst[0], 'a');
	CHECK_EQ(dst[2 * PAGE - 1], 'b');
	CHECK_EQ(src[0], 0); /* a new page of zeroes */
	dst[0] = 'x';
	/* Holes. */
	CHECK_EQ(move(fd, dst + 2 * PAGE, src + 8 * PAGE, PAGE, 0), -ENOENT);
	CHECK_EQ(move(fd, dst + 2 * PAGE, src + 8 * PAGE, PAGE, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES),
		 PAGE);
	CHECK_EQ(move(fd, dst + 3 * PAGE, src + 3 * PAGE, 2 * PAGE, 0), PAGE);
	CHECK_EQ(dst[3 * PAGE], 'd');
	/* Something is there. */
	CHECK_EQ(move(fd, dst, src + 2 * PAGE, PAGE, 0), -EEXIST);
	CHECK_EQ(src[2 * PAGE], 'c');
	/* Not where nobody asks. */
	CHECK_EQ(move(fd, other, src + 2 * PAGE, PAGE, 0), -EINVAL);
	CHECK_EQ(move(fd, dst + 5 * PAGE, src + 2 * PAGE, PAGE, 4), -EINVAL);
	CHECK_EQ(move(fd, dst + 5 * PAGE + 1, src + 2 * PAGE, PAGE, 0), -EINVAL);
	/* Shared with a child. */
	int go[2];
	char c;
	REQUIRE(!pipe(go));
	pid_t pid = fork();
	if (!pid)
		_exit(read(go[0], &c, 1) != 1);
	CHECK_EQ(move(fd, dst + 5 * PAGE, src + 2 * PAGE, PAGE, 0), -EBUSY);
	CHECK_EQ(write(go[1], "x", 1), 1);
	waitpid(pid, NULL, 0);
	src[2 * PAGE] = 'c';
	CHECK_EQ(move(fd, dst + 5 * PAGE, src + 2 * PAGE, PAGE, 0), PAGE);
	CHECK_EQ(dst[5 * PAGE], 'c');
}

static void *read_byte(void *arg)
{
	return (void *)(long)*(volatile char *)arg;
}

TEST(moved_to_who_waits)
{
	struct uffd_msg m;
	pthread_t t;
	void *got;

	if (!offered(UFFD_FEATURE_MOVE))
		return;
	int fd = uffd_open(0);
	char *dst = anon(PAGE), *src = filled(PAGE, 'v');
	REQUIRE(!uffd_register(fd, dst, PAGE, MISSING));
	pthread_create(&t, NULL, read_byte, dst);
	CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
	CHECK_EQ(move(fd, dst, src, PAGE, 0), PAGE);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 'v');
}

static long scan(char *p, long len, struct pm_scan_arg *a)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY);
	a->size = sizeof(*a);
	a->start = (unsigned long)p;
	a->end = (unsigned long)p + (unsigned long)len;
	return ioctl(fd, PAGEMAP_SCAN, a);
}

TEST(what_cannot_be_scanned)
{
	char *p = filled(PAGE, 'p');
	struct page_region r;
	struct pm_scan_arg a = {.vec = (unsigned long)&r, .vec_len = 1};

	if (!offered(UFFD_FEATURE_WP_ASYNC))
		return;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	CHECK_ERR(ioctl(fd, 0x1234, &a), EINVAL);
	CHECK_ERR(ioctl(fd, PAGEMAP_SCAN, 8), EFAULT);
	CHECK_ERR(ioctl(fd, PAGEMAP_SCAN, &a), EINVAL); /* no size */
	CHECK_ERR(scan(p + 1, PAGE, &a), EINVAL);
	a.flags = 4;
	CHECK_ERR(scan(p, PAGE, &a), EINVAL);
	a.flags = PM_SCAN_CHECK_WPASYNC;
	CHECK_ERR(scan(p, PAGE, &a), EPERM);
	a.flags = 0;
	a.category_mask = 1ull << 40;
	CHECK_ERR(scan(p, PAGE, &a), EINVAL);
	a.category_mask = PAGE_IS_PRESENT;
	a.return_mask = PAGE_IS_PRESENT | PAGE_IS_FILE;
	a.vec = 8;
	CHECK_ERR(scan(p, PAGE, &a), EFAULT);
}

TEST(scanned)
{
	struct page_region r[8];
	struct pm_scan_arg a = {.vec = (unsigned long)r,
				.vec_len = 8,
				.category_mask = PAGE_IS_PRESENT,
				.return_mask = PAGE_IS_PRESENT | PAGE_IS_FILE};

	if (!offered(UFFD_FEATURE_WP_ASYNC))
		return;
	char *p = anon(64 * PAGE);
	madvise(p, 64 * PAGE, MADV_NOHUGEPAGE);
	memset(p + 2 * PAGE, 1, 3 * PAGE);
	p[60 * PAGE] = 1;
	CHECK_EQ(scan(p, 64 * PAGE, &a), 2);
	CHECK_EQ(a.walk_end, (unsigned long)p + 64 * PAGE);
	CHECK_EQ(r[0].start, (unsigned long)p + 2 * PAGE);
	CHECK_EQ(r[0].end, (unsigned long)p + 5 * PAGE);
	CHECK_EQ(r[0].categories, PAGE_IS_PRESENT);
	CHECK_EQ(r[1].start, (unsigned long)p + 60 * PAGE);
	CHECK_EQ(r[1].end, (unsigned long)p + 61 * PAGE);
	/* Limits. */
	a.max_pages = 2;
	CHECK_EQ(scan(p, 64 * PAGE, &a), 1);
	CHECK_EQ(r[0].end, (unsigned long)p + 4 * PAGE);
	CHECK_EQ(a.walk_end, (unsigned long)p + 4 * PAGE);
	a.max_pages = 0;
	a.vec_len = 1;
	CHECK_EQ(scan(p, 64 * PAGE, &a), 1);
	CHECK_EQ(a.walk_end, (unsigned long)p + 60 * PAGE);
	/* What is not. */
	a.vec_len = 8;
	a.category_inverted = PAGE_IS_PRESENT;
	a.return_mask = 0;
	CHECK_EQ(scan(p, 8 * PAGE, &a), 2);
	CHECK_EQ(r[0].start, (unsigned long)p);
	CHECK_EQ(r[0].end, (unsigned long)p + 2 * PAGE);
	CHECK_EQ(r[1].start, (unsigned long)p + 5 * PAGE);
}

/* Which pages have been written since the last time, without any monitor. */
static void tracked(char *p, long pages, bool touched)
{
	struct page_region r[16];
	struct pm_scan_arg a = {.vec = (unsigned long)r,
				.vec_len = 16,
				.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
				.category_mask = PAGE_IS_WRITTEN,
				.return_mask = PAGE_IS_WRITTEN};
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);

	if (touched)
		memset(p, 't', (size_t)(pages * PAGE));
	REQUIRE(!uffd_register(fd, p, pages * PAGE, WP));
	CHECK_EQ(protect(fd, p, pages * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(scan(p, pages * PAGE, &a), 0);
	p[3 * PAGE] = 1;
	p[4 * PAGE] = 1;
	p[9 * PAGE] = 1;
	(void)*(volatile char *)(p + 11 * PAGE);
	CHECK_EQ(scan(p, pages * PAGE, &a), 2);
	CHECK_EQ(r[0].start, (unsigned long)p + 3 * PAGE);
	CHECK_EQ(r[0].end, (unsigned long)p + 5 * PAGE);
	CHECK_EQ(r[0].categories, PAGE_IS_WRITTEN);
	CHECK_EQ(r[1].start, (unsigned long)p + 9 * PAGE);
	CHECK_EQ(scan(p, pages * PAGE, &a), 0);
	p[4 * PAGE] = 2;
	CHECK_EQ(scan(p, pages * PAGE, &a), 1);
	CHECK_EQ(r[0].start, (unsigned long)p + 4 * PAGE);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_EQ(p[4 * PAGE], 2);
	close(fd);
}

TEST(writes_to_anonymous_memory)
{
	if (!offered(UFFD_FEATURE_WP_ASYNC))
		return;
	char *p = anon(16 * PAGE);
	madvise(p, 16 * PAGE, MADV_NOHUGEPAGE);
	tracked(p, 16, true);
	p = anon(16 * PAGE);
	madvise(p, 16 * PAGE, MADV_NOHUGEPAGE);
	tracked(p, 16, false);
}

TEST(writes_to_shared_memory)
{
	if (!offered(UFFD_FEATURE_WP_ASYNC))
		return;
	tracked(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		16, true);
	tracked(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		16, false);
}

int main(void)
{
	return test_run();
}
