/* userfaultfd(2): shared memory, minor faults, write protection. */
#include "test.h"
#include "userfault.h"
#include <stdint.h>

#define MISSING UFFDIO_REGISTER_MODE_MISSING
#define WP UFFDIO_REGISTER_MODE_WP
#define MINOR UFFDIO_REGISTER_MODE_MINOR

static int protect(int fd, void *p, long len, unsigned long long mode)
{
	struct uffdio_writeprotect w = {{(unsigned long)p, (unsigned long)len}, mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

static int proceed(int fd, void *p, long len, long long *mapped)
{
	struct uffdio_continue c = {{(unsigned long)p, (unsigned long)len}, 0, 0};
	int ret = ioctl(fd, UFFDIO_CONTINUE, &c);

	*mapped = c.mapped;
	return ret;
}

static int copy(int fd, void *dst, void *src, long len, unsigned long long mode)
{
	struct uffdio_copy c = {(unsigned long)dst, (unsigned long)src, (unsigned long)len, mode,
				0};

	return ioctl(fd, UFFDIO_COPY, &c);
}

/* Two mappings of the same memory; the second one is nobody's. */
static char *shared(long len, char **other)
{
	int mem = memfd_create("shared", MFD_CLOEXEC);

	REQUIRE(mem >= 0 && !ftruncate(mem, len));
	char *p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	*other = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	REQUIRE(p != MAP_FAILED && *other != MAP_FAILED);
	close(mem);
	return p;
}

static uint64_t pagemap(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t word = 0;

	REQUIRE(fd >= 0);
	CHECK_EQ(pread(fd, &word, 8, (off_t)((unsigned long)p / PAGE * 8)), 8);
	close(fd);
	return word;
}

static bool is_protected(const void *p)
{
	return pagemap(p) >> 57 & 1;
}

static void *write_byte(void *arg)
{
	*(volatile char *)arg = 'W';
	return NULL;
}

static void *read_byte(void *arg)
{
	return (void *)(long)*(volatile char *)arg;
}

static struct uffd_msg next_message(int fd)
{
	struct uffd_msg m = {0};

	CHECK_EQ(read(fd, &m, sizeof(m)), sizeof(m));
	return m;
}

/* --- shared memory --- */

TEST(missing_in_shared_memory)
{
	struct monitor m = {.fd = uffd_open(0)};
	char *other, *p = shared(8 * PAGE, &other);

	REQUIRE(!uffd_register(m.fd, p, 8 * PAGE, MISSING));
	CHECK(has_vmflag(p, "um"));
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)p, 'm');
	CHECK_EQ(other[1], 'm');
	p[PAGE] = 'x';
	CHECK_EQ(other[PAGE], 'x');
	CHECK_EQ(other[PAGE + 1], 'm');
	CHECK_EQ(m.faults, 2);
	/* What is in the file already is not missing. */
	other[2 * PAGE] = 'f';
	CHECK_EQ(*(volatile char *)(p + 2 * PAGE), 'f');
	CHECK_EQ(m.faults, 2);
	CHECK_ERR(copy(m.fd, p + 2 * PAGE, m.src, PAGE, 0), EEXIST);
	other[3 * PAGE] = 'f';
	CHECK_ERR(copy(m.fd, p + 3 * PAGE, m.src, PAGE, 0), EEXIST);
	struct uffdio_zeropage z = {{(unsigned long)p + 4 * PAGE, PAGE}, 0, 0};
	CHECK_EQ(ioctl(m.fd, UFFDIO_ZEROPAGE, &z), 0);
	other[4 * PAGE] = 1;
	CHECK_EQ(p[4 * PAGE], 1);
	CHECK_EQ(m.faults, 2);
	/* Once punched out it is missing again. */
	CHECK_EQ(madvise(other, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(*(volatile char *)p, 'm');
	CHECK_EQ(m.faults, 3);
	monitor_stop(&m);
}

TEST(missing_in_shared_anonymous_memory)
{
	struct monitor m = {.fd = uffd_open(0)};
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(!uffd_register(m.fd, p, 4 * PAGE, MISSING));
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)p, 'm');
	p[PAGE] = 'x';
	CHECK_EQ(p[PAGE + 1], 'm');
	CHECK_EQ(m.faults, 2);
	monitor_stop(&m);
}

TEST(private_mapping_of_shared_memory)
{
	struct monitor m = {.fd = uffd_open(0)};
	int mem = memfd_create("p", 0);

	REQUIRE(mem >= 0 && !ftruncate(mem, 4 * PAGE));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, mem, 0);
	char *file = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	REQUIRE(!uffd_register(m.fd, p, 4 * PAGE, MISSING));
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)p, 'm');
	CHECK_EQ(m.faults, 1);
	CHECK_EQ(file[0], 0);
	file[PAGE] = 'f';
	CHECK_EQ(*(volatile char *)(p + PAGE), 'f');
	CHECK_EQ(m.faults, 1);
	monitor_stop(&m);
}

TEST(beyond_the_end)
{
	int fd = uffd_open(0), mem = memfd_create("short", 0);
	char *src = filled(PAGE, 's');

	REQUIRE(mem >= 0 && !ftruncate(mem, PAGE));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	REQUIRE(!uffd_register(fd, p, 4 * PAGE, MISSING));
	CHECK_EQ(copy(fd, p, src, PAGE, 0), 0);
	CHECK_ERR(copy(fd, p + PAGE, src, PAGE, 0), EFAULT);
}

TEST(minor_faults)
{
	int fd = uffd_open(0);
	char *other, *p = shared(8 * PAGE, &other);
	long long mapped;
	pthread_t t;
	void *got;

	REQUIRE(!uffd_register(fd, p, 8 * PAGE, MINOR));
	CHECK(has_vmflag(p, "ui"));
	other[0] = 'o';
	pthread_create(&t, NULL, read_byte, p);
	struct uffd_msg m = next_message(fd);
	CHECK_EQ(m.arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_MINOR);
	CHECK_EQ(m.arg.pagefault.address, (unsigned long)p);
	other[0] = 'n';
	CHECK_EQ(proceed(fd, p, PAGE, &mapped), 0);
	CHECK_EQ(mapped, PAGE);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 'n');
	CHECK_ERR(proceed(fd, p, PAGE, &mapped), EEXIST);
	CHECK_EQ(mapped, -EEXIST);
	/* Nothing in the file: not minor. */
	CHECK_EQ(*(volatile char *)(p + PAGE), 0);
	CHECK_ERR(proceed(fd, p + 2 * PAGE, PAGE, &mapped), EFAULT);
	other[3 * PAGE] = 1;
	CHECK_ERR(proceed(fd, p + 3 * PAGE, 2 * PAGE, &mapped), EAGAIN);
	CHECK_EQ(mapped, PAGE);
	pthread_create(&t, NULL, write_byte, p + 3 * PAGE);
	pthread_join(t, NULL);
	CHECK_EQ(other[3 * PAGE], 'W');
	char *a = anon(PAGE);
	REQUIRE(!uffd_register(fd, a, PAGE, MISSING));
	CHECK_ERR(proceed(fd, a, PAGE, &mapped), EINVAL);
}

TEST(minor_and_missing)
{
	int fd = uffd_open(0);
	char *other, *p = shared(2 * PAGE, &other), *src = filled(PAGE, 'c');
	long long mapped;
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 2 * PAGE, MISSING | MINOR));
	pthread_create(&t, NULL, read_byte, p);
	CHECK_EQ(next_message(fd).arg.pagefault.flags, 0);
	CHECK_EQ(copy(fd, p, src, PAGE, 0), 0);
	pthread_join(t, NULL);
	madvise(p, PAGE, MADV_DONTNEED);
	pthread_create(&t, NULL, write_byte, p);
	CHECK_EQ(next_message(fd).arg.pagefault.flags,
		 UFFD_PAGEFAULT_FLAG_MINOR | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(proceed(fd, p, PAGE, &mapped), 0);
	pthread_join(t, NULL);
	CHECK_EQ(other[0], 'W');
	CHECK_EQ(other[1], 'c');
}

/* --- write protection --- */

TEST(write_protection)
{
	int fd = uffd_open(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	char *p = filled(8 * PAGE, 'a');
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 8 * PAGE, WP));
	CHECK(has_vmflag(p, "uw"));
	CHECK(!is_protected(p));
	CHECK_EQ(protect(fd, p, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK(is_protected(p));
	CHECK(is_protected(p + 3 * PAGE));
	CHECK(!is_protected(p + 4 * PAGE));
	CHECK_EQ(p[0], 'a');
	p[4 * PAGE] = 'b';
	pthread_create(&t, NULL, write_byte, p + PAGE);
	struct uffd_msg m = next_message(fd);
	CHECK_EQ(m.arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(m.arg.pagefault.address, (unsigned long)p + PAGE);
	CHECK_EQ(p[PAGE], 'a');
	CHECK_EQ(protect(fd, p + PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[PAGE], 'W');
	CHECK(!is_protected(p + PAGE));
	CHECK(is_protected(p));
	/* What is not there is not protected: no message. */
	char *q = anon(4 * PAGE);
	REQUIRE(!uffd_register(fd, q, 4 * PAGE, WP));
	CHECK_EQ(protect(fd, q, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	q[0] = 'x';
	CHECK(!is_protected(q));
	/* But a page of zeroes is. */
	CHECK_EQ(*(volatile char *)(q + PAGE), 0);
	CHECK_EQ(protect(fd, q, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	pthread_create(&t, NULL, write_byte, q + PAGE);
	next_message(fd);
	CHECK_EQ(protect(fd, q + PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(q[PAGE], 'W');
}

TEST(what_cannot_be_protected)
{
	int fd = uffd_open(0);
	char *p = filled(4 * PAGE, 'a'), *q = filled(4 * PAGE, 'b');

	REQUIRE(!uffd_register(fd, p, 4 * PAGE, MISSING));
	CHECK_ERR(protect(fd, p, PAGE, UFFDIO_WRITEPROTECT_MODE_WP), ENOENT);
	CHECK_ERR(protect(fd, q, PAGE, UFFDIO_WRITEPROTECT_MODE_WP), ENOENT);
	CHECK_ERR(protect(fd, p, PAGE,
			  UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE),
		  EINVAL);
	CHECK_ERR(protect(fd, p, PAGE, 4), EINVAL);
	CHECK_ERR(protect(fd, p + 1, PAGE, 1), EINVAL);
	CHECK_ERR(protect(fd, p, 0, 1), EINVAL);
}

TEST(protection_ends)
{
	int fd = uffd_open(0);
	char *p = filled(4 * PAGE, 'a');
	struct uffdio_range half = {(unsigned long)p, 2 * PAGE};

	REQUIRE(!uffd_register(fd, p, 4 * PAGE, WP));
	REQUIRE(!protect(fd, p, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP));
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &half), 0);
	CHECK(!is_protected(p));
	p[0] = 'b';
	CHECK(is_protected(p + 2 * PAGE));
	close(fd);
	CHECK(!is_protected(p + 2 * PAGE));
	p[2 * PAGE] = 'b';
	CHECK_EQ(p[2 * PAGE], 'b');
}

TEST(protection_and_the_rest_of_mm)
{
	int fd = uffd_open(0);
	char *p = filled(8 * PAGE, 'a');
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 8 * PAGE, WP));
	REQUIRE(!protect(fd, p, 8 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP));
	/* mprotect() leaves it. */
	CHECK_EQ(mprotect(p, 4 * PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK(is_protected(p));
	/* A child has pages of its own, and nobody who asks. */
	pid_t pid = fork();
	if (!pid) {
		CHECK(!is_protected(p));
		p[0] = 'c';
		CHECK_EQ(p[0], 'c');
		_exit(test_failures != 0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(is_protected(p));
	pthread_create(&t, NULL, write_byte, p + 5 * PAGE);
	CHECK_EQ(next_message(fd).arg.pagefault.address, (unsigned long)p + 5 * PAGE);
	CHECK_EQ(madvise(p + 4 * PAGE, 4 * PAGE, MADV_DONTNEED), 0);
	struct uffdio_range w = {(unsigned long)p, 8 * PAGE};
	CHECK_EQ(ioctl(fd, UFFDIO_WAKE, &w), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[5 * PAGE], 'W');
	CHECK_EQ(p[5 * PAGE + 1], 0);
	CHECK(!is_protected(p + 5 * PAGE));
}

struct pipe_end {
	int fd;
	char *at;
};

static void *read_pipe(void *arg)
{
	struct pipe_end *a = arg;

	return (void *)(long)read(a->fd, a->at, 1);
}

TEST(the_kernel_writes)
{
	int fd = uffd_open(0), fds[2];
	char *p = filled(PAGE, 'a');
	struct pipe_end a;
	pthread_t t;
	void *got;

	REQUIRE(!pipe(fds) && write(fds[1], "K", 1) == 1);
	a.fd = fds[0];
	a.at = p;
	REQUIRE(!uffd_register(fd, p, PAGE, WP));
	REQUIRE(!protect(fd, p, PAGE, UFFDIO_WRITEPROTECT_MODE_WP));
	pthread_create(&t, NULL, read_pipe, &a);
	CHECK_EQ(next_message(fd).arg.pagefault.flags,
		 UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(protect(fd, p, PAGE, 0), 0);
	pthread_join(t, &got);
	CHECK_EQ((long)got, 1);
	CHECK_EQ(p[0], 'K');
}

TEST(copied_protected)
{
	int fd = uffd_open(0);
	char *p = anon(4 * PAGE), *src = filled(PAGE, 's');
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 4 * PAGE, MISSING | WP));
	CHECK_EQ(copy(fd, p, src, PAGE, UFFDIO_COPY_MODE_WP), 0);
	CHECK(is_protected(p));
	CHECK_EQ(p[0], 's');
	pthread_create(&t, NULL, write_byte, p);
	CHECK_EQ(next_message(fd).arg.pagefault.flags,
		 UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[0], 'W');
	/* A missing page that is written to asks for the page first. */
	pthread_create(&t, NULL, write_byte, p + PAGE);
	CHECK_EQ(next_message(fd).arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy(fd, p + PAGE, src, PAGE, UFFDIO_COPY_MODE_WP), 0);
	CHECK_EQ(next_message(fd).arg.pagefault.flags,
		 UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p + PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[PAGE], 'W');
}

/* Shared memory stays protected where there is no page, and where it was taken away. */
TEST(protection_of_shared_memory)
{
	int fd = uffd_open(0);
	char *other, *p = shared(8 * PAGE, &other);
	pthread_t t;

	REQUIRE(!uffd_register(fd, p, 8 * PAGE, WP));
	p[0] = 'a';
	CHECK_EQ(protect(fd, p, 4 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK(is_protected(p));
	CHECK(is_protected(p + PAGE));
	CHECK(!is_protected(p + 4 * PAGE));
	pthread_create(&t, NULL, write_byte, p);
	CHECK_EQ(next_message(fd).arg.pagefault.address, (unsigned long)p);
	CHECK_EQ(protect(fd, p, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(other[0], 'W');
	/* Never touched. */
	CHECK_EQ(*(volatile char *)(p + PAGE), 0);
	CHECK(is_protected(p + PAGE));
	pthread_create(&t, NULL, write_byte, p + 2 * PAGE);
	struct uffd_msg m = next_message(fd);
	CHECK_EQ(m.arg.pagefault.address, (unsigned long)p + 2 * PAGE);
	CHECK_EQ(m.arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p + 2 * PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(other[2 * PAGE], 'W');
	/* Another mapping is not protected. */
	other[3 * PAGE] = 'o';
	CHECK_EQ(*(volatile char *)(p + 3 * PAGE), 'o');
	CHECK(is_protected(p + 3 * PAGE));
	CHECK_EQ(madvise(p + 3 * PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK(is_protected(p + 3 * PAGE));
	CHECK_EQ(*(volatile char *)(p + 3 * PAGE), 'o');
	CHECK(is_protected(p + 3 * PAGE));
	CHECK_EQ(protect(fd, p, 8 * PAGE, 0), 0);
	CHECK(!is_protected(p + 3 * PAGE));
	p[3 * PAGE] = 'x';
	CHECK_EQ(other[3 * PAGE], 'x');
}

/* Huge pages, if there are any here. */
TEST(huge_pages)
{
	enum { HUGE = 2 << 20 };
	int fd = uffd_open(0);
	char *raw = anon(3l * HUGE);
	char *p = (char *)(((unsigned long)raw + HUGE - 1) & -(unsigned long)HUGE);
	pthread_t t;

	madvise(p, HUGE, MADV_HUGEPAGE);
	memset(p, 'h', HUGE);
	REQUIRE(!uffd_register(fd, p, HUGE, WP));
	CHECK_EQ(protect(fd, p, HUGE, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK(is_protected(p));
	CHECK(is_protected(p + HUGE - PAGE));
	pthread_create(&t, NULL, write_byte, p + 100 * PAGE);
	CHECK_EQ(next_message(fd).arg.pagefault.address, (unsigned long)p + 100 * PAGE);
	CHECK_EQ(protect(fd, p + 100 * PAGE, PAGE, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(p[100 * PAGE], 'W');
	CHECK_EQ(p[100 * PAGE + 1], 'h');
	CHECK(!is_protected(p + 100 * PAGE));
	CHECK(is_protected(p + 101 * PAGE));
	CHECK(is_protected(p + 99 * PAGE));
	CHECK_EQ(protect(fd, p, HUGE, 0), 0);
	memset(p, 'i', HUGE);
	CHECK_EQ(p[HUGE - 1], 'i');
	/* Memory that could be huge comes page by page when somebody provides it. */
	char *q = p + HUGE;
	struct monitor m = {.fd = uffd_open(0)};
	madvise(q, HUGE, MADV_HUGEPAGE);
	REQUIRE(!uffd_register(m.fd, q, HUGE, MISSING));
	monitor_start(&m);
	CHECK_EQ(*(volatile char *)q, 'm');
	CHECK_EQ(*(volatile char *)(q + 5 * PAGE), 'm');
	CHECK_EQ(m.faults, 2);
	monitor_stop(&m);
}

/* A program that takes a snapshot of memory that is being written to. */
TEST(snapshot)
{
	enum { PAGES = 64 };
	int fd = uffd_open(0);
	char *p = anon(PAGES * PAGE), *snap = anon(PAGES * PAGE);
	pthread_t t[4];
	int bad = 0, left = 4;

	for (int i = 0; i < PAGES; i++)
		p[i * PAGE] = 'a';
	REQUIRE(!uffd_register(fd, p, PAGES * PAGE, WP));
	REQUIRE(!protect(fd, p, PAGES * PAGE, UFFDIO_WRITEPROTECT_MODE_WP));
	for (int i = 0; i < left; i++)
		pthread_create(&t[i], NULL, write_byte, p + i * 16 * PAGE);
	while (left) {
		struct uffd_msg m = next_message(fd);
		char *at = (char *)(unsigned long)m.arg.pagefault.address;

		memcpy(snap + (at - p), at, PAGE);
		CHECK_EQ(protect(fd, at, PAGE, 0), 0);
		left--;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < PAGES; i++) {
		bad += p[i * PAGE] != (i % 16 ? 'a' : 'W');
		bad += snap[i * PAGE] != (i % 16 ? 0 : 'a');
	}
	CHECK_EQ(bad, 0);
}

int main(void)
{
	return test_run();
}
