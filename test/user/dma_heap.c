/*
 * DMA buffers: /dev/dma_heap, dma-buf files, /dev/udmabuf, and contiguous memory behind them.
 *
 * boot: cma=96M cma_region=small:1028K
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/magic.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include "dma_heap.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SHRINK 2
#define F_SEAL_WRITE 8
#endif

TEST(a_buffer_of_the_system_heap)
{
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW};
	struct stat st;
	struct statfs fs;
	int fd = heap_buffer("system", 10000);

	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(st.st_size, 3 * PAGE);
	REQUIRE(!fstatfs(fd, &fs));
	CHECK_EQ(fs.f_type, DMA_BUF_MAGIC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 3 * PAGE);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(lseek(fd, 1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -1, SEEK_END), EINVAL);
	CHECK_ERR(lseek(fd, 0, SEEK_CUR), EINVAL);
	CHECK_ERR(read(fd, &st, 1), EINVAL);
	CHECK_ERR(write(fd, &st, 1), EINVAL);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);

	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	for (size_t i = 0; i < 3 * PAGE; i += 512)
		CHECK_EQ(p[i], 0);
	memset(p, 0x5a, 3 * PAGE);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));

	char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);

	REQUIRE(q != MAP_FAILED);
	CHECK_EQ(q[17], 0x5a);
	/* The mapping keeps it. */
	close(fd);
	p[2 * PAGE + 17] = 3;
	CHECK_EQ(q[17], 3);
}

TEST(mapping_is_shared_and_within)
{
	int fd = heap_buffer("system", 2 * PAGE), h = heap("system");

	REQUIRE(fd >= 0 && h >= 0);
	CHECK_ERR(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);

	int ro = buffer(h, PAGE, O_RDONLY);

	REQUIRE(ro >= 0);
	CHECK_EQ(fcntl(ro, F_GETFD), 0);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0) != MAP_FAILED);

	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK_ERR(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
	/* Its pages cannot be pinned. */
	int pipes[2];
	struct iovec v = {p, PAGE};

	REQUIRE(!pipe(pipes));
	CHECK_ERR(vmsplice(pipes[1], &v, 1, 0), EFAULT);
	pid_t pid = fork();

	if (!pid) {
		p[5] = 7;
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK_EQ(p[5], 7);
}

TEST(wrong_requests)
{
	struct dma_heap_allocation_data d = {.len = PAGE, .fd_flags = O_RDWR | O_CLOEXEC};
	int h = heap("system");

	REQUIRE(h >= 0);
	d.fd = 1;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.fd = 0;
	d.fd_flags = ~0u;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.fd_flags = O_RDWR | O_NONBLOCK;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.fd_flags = O_RDWR;
	d.heap_flags = 1;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.heap_flags = 0;
	d.len = 0;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.len = ~0ull;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), EINVAL);
	d.len = 1ull << 50;
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, &d), ENOMEM);
	CHECK_ERR(ioctl(h, DMA_HEAP_IOCTL_ALLOC, (void *)8), EFAULT);
	CHECK_ERR(ioctl(h, _IO('H', 9), &d), EINVAL);
	/* By the number alone: a structure that is cut lacks a length of flags only. */
	d.len = PAGE;
	d.fd_flags = O_RDWR;
	CHECK(!ioctl(h, _IOC(_IOC_READ | _IOC_WRITE, 'H', 0, 16), &d));
	CHECK(d.fd > 0 && !close((int)d.fd));
}

TEST(names)
{
	char text[100], path[64], *at;
	int fd = heap_buffer("system", PAGE);
	FILE *f;

	REQUIRE(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	REQUIRE(n > 0);
	text[n] = 0;
	CHECK(!strcmp(text, "/dmabuf:"));
	CHECK(!ioctl(fd, DMA_BUF_SET_NAME_B, "camera"));
	n = readlink(path, text, sizeof(text) - 1);
	REQUIRE(n > 0);
	text[n] = 0;
	CHECK(!strcmp(text, "/dmabuf:camera"));
	CHECK(!ioctl(fd, DMA_BUF_SET_NAME_A, "1234567890123456789012345678901"));
	CHECK_ERR(ioctl(fd, DMA_BUF_SET_NAME_B, "12345678901234567890123456789012"), EINVAL);
	CHECK_ERR(ioctl(fd, DMA_BUF_SET_NAME_B, (void *)8), EFAULT);
	CHECK(!ioctl(fd, DMA_BUF_SET_NAME_B, "x"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	REQUIRE(f);
	n = (ssize_t)fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	at = strstr(text, "size:");
	REQUIRE(at);
	CHECK(!strcmp(at, "size:\t4096\ncount:\t1\nexp_name:\tsystem\nname:\tx\n"));
}

TEST(access_and_poll)
{
	struct dma_buf_sync sync = {0};
	int fd = heap_buffer("system", PAGE);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	REQUIRE(fd >= 0);
	CHECK_ERR(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync), EINVAL);
	sync.flags = 8 | DMA_BUF_SYNC_READ;
	CHECK_ERR(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync), EINVAL);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	CHECK_ERR(ioctl(fd, DMA_BUF_IOCTL_SYNC, (void *)8), EFAULT);
	CHECK_ERR(ioctl(fd, _IO('b', 99), 0), ENOTTY);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
}

/* --- memory files as buffers --- */

static int memory_file(size_t pages, int seals)
{
	int fd = memfd_create("pages", MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0 && !ftruncate(fd, (off_t)(pages * PAGE)));
	if (seals)
		REQUIRE(!fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

TEST(udmabuf)
{
	int dev = open("/dev/udmabuf", O_RDWR);
	int sealed = memory_file(4, F_SEAL_SHRINK), open_one = memory_file(4, 0);
	int pipes[2];
	struct udmabuf_create c = {.memfd = (unsigned int)sealed, .size = 4 * PAGE};

	if (dev < 0)
		exit(0);
	REQUIRE(!pipe(pipes));
	CHECK_EQ(pwrite(sealed, "first", 5, 0), 5);

	int fd = ioctl(dev, UDMABUF_CREATE, &c);

	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * PAGE);

	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char back[8] = "";

	REQUIRE(p != MAP_FAILED);
	CHECK(!memcmp(p, "first", 5));
	memcpy(p + 3 * PAGE, "fourth", 6);
	CHECK_EQ(pread(sealed, back, 6, 3 * PAGE), 6);
	CHECK(!strcmp(back, "fourth"));

	c.flags = UDMABUF_FLAGS_CLOEXEC;
	c.offset = 3 * PAGE;
	c.size = PAGE;
	fd = ioctl(dev, UDMABUF_CREATE, &c);
	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	c.offset = 5;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	c.offset = 4 * PAGE;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	c.offset = 0;
	c.size = 0;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	c.size = 1ull << 40;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	c.size = PAGE;
	c.memfd = (unsigned int)open_one;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	REQUIRE(!fcntl(open_one, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE));
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL);
	c.memfd = (unsigned int)pipes[0];
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EBADFD);
	c.memfd = 999;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EBADFD);
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, (void *)8), EFAULT);
}

/* Pages of a pool: those that are there, from any small page on. */
TEST(udmabuf_of_huge_pages)
{
	const size_t huge = 2 * MIB;
	int dev = open("/dev/udmabuf", O_RDWR);
	int file = memfd_create("huge", MFD_ALLOW_SEALING | MFD_HUGETLB);
	struct udmabuf_create c = {.memfd = (unsigned int)file, .size = 3 * PAGE};

	if (dev < 0)
		exit(0);
	REQUIRE(!write_text("/proc/sys/vm/nr_hugepages", "2"));
	REQUIRE(file >= 0 && !ftruncate(file, (off_t)(2 * huge)));
	REQUIRE(!fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE, &c), EINVAL); /* none is there */

	char *h = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	REQUIRE(h != MAP_FAILED);
	memset(h, 'h', 2 * huge);
	memcpy(h + huge - PAGE, "last", 4);
	memcpy(h + huge, "next", 4);
	c.offset = huge - PAGE;

	int fd = ioctl(dev, UDMABUF_CREATE, &c);

	REQUIRE(fd >= 0);
	munmap(h, 2 * huge);
	close(file);

	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK(!memcmp(p, "last", 4));
	CHECK(!memcmp(p + PAGE, "next", 4));
	CHECK_EQ(p[2 * PAGE], 'h');
	CHECK_EQ(meminfo("HugePages_Free"), 0);
	munmap(p, 3 * PAGE);
	close(fd);
	for (int i = 0; i < 5000 && meminfo("HugePages_Free") != 2; i++)
		usleep(1000);
	CHECK_EQ(meminfo("HugePages_Free"), 2);
	CHECK(!write_text("/proc/sys/vm/nr_hugepages", "0"));
}

TEST(udmabuf_of_several)
{
	int dev = open("/dev/udmabuf", O_RDWR), a = memory_file(2, F_SEAL_SHRINK),
	    b = memory_file(2, F_SEAL_SHRINK);
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item item[3];
	} l = {.head = {.count = 3},
	       .item = {{.memfd = (unsigned int)b, .offset = PAGE, .size = PAGE},
			{.memfd = (unsigned int)a, .size = 2 * PAGE},
			{.memfd = (unsigned int)b, .size = PAGE}}};

	if (dev < 0)
		exit(0);
	CHECK_EQ(pwrite(b, "B1", 2, PAGE), 2);
	CHECK_EQ(pwrite(a, "A1", 2, PAGE), 2);
	CHECK_EQ(pwrite(b, "B0", 2, 0), 2);

	int fd = ioctl(dev, UDMABUF_CREATE_LIST, &l);

	REQUIRE(fd >= 0);
	char *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	REQUIRE(p != MAP_FAILED);
	CHECK(!memcmp(p, "B1", 2) && !memcmp(p + 2 * PAGE, "A1", 2) &&
	      !memcmp(p + 3 * PAGE, "B0", 2));
	l.head.count = 5000;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE_LIST, &l), EINVAL);
	l.head.count = 0;
	CHECK_ERR(ioctl(dev, UDMABUF_CREATE_LIST, &l), EINVAL);
}

/* --- contiguous memory --- */

TEST(a_region_of_any_size)
{
	need_region("small");
	int fd = heap_buffer("small", 1028 * 1024);

	REQUIRE(fd >= 0);
	CHECK_ERR(heap_buffer("small", 1), ENOMEM);
	close(fd);
	fd = heap_buffer("small", 1);
	CHECK(fd >= 0);
}

TEST(figures)
{
	need_region("reserved");
	const char *dir = "/sys/kernel/mm/cma/reserved/";
	char path[100];
	long total = meminfo("CmaTotal"), free = meminfo("CmaFree");
	long success = read_field("/proc/vmstat", "cma_alloc_success");
	long fail = read_field("/proc/vmstat", "cma_alloc_fail");

	CHECK_EQ(total, 96 * 1024 + 1028);
	CHECK(free > 0 && free <= total);
	CHECK_EQ(read_field("/proc/vmstat", "nr_free_cma"), meminfo("CmaFree") / 4);
	snprintf(path, sizeof(path), "%salloc_pages_success", dir);
	long pages = read_number(path);
	int fd = heap_buffer("reserved", 5 * PAGE);

	REQUIRE(fd >= 0);
	CHECK_EQ(read_number(path), pages + 5);
	CHECK_EQ(read_field("/proc/vmstat", "cma_alloc_success"), success + 1);
	snprintf(path, sizeof(path), "%salloc_pages_fail", dir);
	pages = read_number(path);
	CHECK_ERR(heap_buffer("reserved", 200 * MIB), ENOMEM);
	CHECK_EQ(read_number(path), pages + 200 * MIB / PAGE);
	CHECK_EQ(read_field("/proc/vmstat", "cma_alloc_fail"), fail + 1);
}

TEST(runs_by_hand)
{
	need_region("small");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		exit(0);
	mkdir("/tmp/dbg", 0755);
	if (mount("none", "/tmp/dbg", "debugfs", 0, NULL))
		exit(0);
	REQUIRE(!chdir("/tmp/dbg/cma/small"));
	CHECK_EQ(read_number("count"), 257);
	CHECK_EQ(read_number("order_per_bit"), 0);
	CHECK_EQ(read_number("used"), 0);
	CHECK_EQ(read_number("maxchunk"), 257);
	CHECK(read_number("base_pfn") > 0);
	int alloc = open("alloc", O_WRONLY), free = open("free", O_WRONLY);

	CHECK_EQ(write(alloc, "40", 2), 2);
	CHECK_EQ(write(alloc, "8\n", 2), 2);
	CHECK_ERR(write(alloc, "300", 3), ENOMEM);
	CHECK_ERR(write(alloc, "x", 1), EINVAL);
	CHECK_EQ(read_number("used"), 48);
	CHECK_EQ(read_number("maxchunk"), 209);
	CHECK_EQ(read_number("bitmap"), 0xffffffffl);
	CHECK_EQ(write(free, "10", 2), 2);
	CHECK_EQ(read_number("used"), 38);
	CHECK_EQ(write(free, "1000", 4), 4);
	CHECK_EQ(read_number("used"), 0);
	CHECK_EQ(read_number("bitmap"), 0);
	REQUIRE(!chdir("/"));
}

/* What a pipe holds is out of the region before it is held. */
TEST(pinned_pages_leave_the_region)
{
	need_region("reserved");
	alarm(50);
	int held = hog(12 * 1024), pipes[2];
	size_t len = 12 * PAGE;

	REQUIRE(held >= 0 && !pipe(pipes));
	int file = memfd_create("pinned", 0);

	REQUIRE(!ftruncate(file, (off_t)len));
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	struct iovec v = {p, len};

	REQUIRE(p != MAP_FAILED);
	long free = meminfo("CmaFree");

	for (size_t i = 0; i < len; i += PAGE)
		p[i] = (char)(i / PAGE + 1);
	CHECK(meminfo("CmaFree") < free);
	CHECK_EQ(vmsplice(pipes[1], &v, 1, 0), len);
	let_go(held);

	int fd = heap_buffer("reserved", 96 * MIB);

	CHECK(fd >= 0);
	char back[12 * PAGE];

	CHECK_EQ(read(pipes[0], back, len), len);
	for (size_t i = 0; i < len; i += PAGE)
		CHECK_EQ(back[i], i / PAGE + 1);
}

/* A page that userfaultfd has write-protected is so wherever its contents go. */
TEST(write_protection_goes_along)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_HUGETLBFS_SHMEM};
	int u = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	need_region("reserved");
	alarm(50);
	if (u < 0 || ioctl(u, UFFDIO_API, &api))
		exit(0);
	int held = hog(12 * 1024), file = memfd_create("protected", 0);

	REQUIRE(held >= 0 && !ftruncate(file, 8 * PAGE));
	long free = meminfo("CmaFree");
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	struct uffdio_range range = {(uintptr_t)p, 8 * PAGE};
	struct uffdio_register reg = {.range = range, .mode = UFFDIO_REGISTER_MODE_WP};
	struct uffdio_writeprotect wp = {.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

	REQUIRE(p != MAP_FAILED);
	for (size_t i = 0; i < 8; i++)
		p[i * PAGE] = (char)(i + 1);
	CHECK(meminfo("CmaFree") < free);
	REQUIRE(!ioctl(u, UFFDIO_REGISTER, &reg) && !ioctl(u, UFFDIO_WRITEPROTECT, &wp));
	let_go(held);

	int fd = heap_buffer("reserved", 96 * MIB);

	CHECK(fd >= 0);
	CHECK(pagemap_word(p) >> 57 & 1);
	CHECK_EQ(p[3 * PAGE], 4);
	CHECK((pagemap_word(p + 3 * PAGE) >> 57 & 1) && pagemap_word(p + 3 * PAGE) >> 63);
	wp.mode = 0;
	CHECK(!ioctl(u, UFFDIO_WRITEPROTECT, &wp));
	p[3 * PAGE] = 9;
	CHECK_EQ(p[7 * PAGE], 8);
}

/* Who is killed in the middle leaves nothing behind. */
TEST(killed_in_the_middle)
{
	need_region("reserved");
	long before = meminfo("CmaFree");

	for (int i = 0; i < 6; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (;;)
				close(heap_buffer("reserved", 80 * MIB));
		}
		usleep(3000u * (unsigned int)(i + 1));
		kill(pid, SIGKILL);
		REQUIRE(waitpid(pid, NULL, 0) == pid);
	}
	int fd = heap_buffer("reserved", 96 * MIB);

	CHECK(fd >= 0);
	close(fd);
	CHECK(meminfo("CmaFree") >= before);
}

int main(void)
{
	if (access(DIR "system", F_OK)) {
		printf("no /dev/dma_heap\n");
		return 77;
	}
	return test_run();
}
