/* Failing allocations in calls on memory: userfaultfd, moves, advice, the scan of page tables. */
#include "failures.h"
#include "userfault.h"
#include "../../abi/include/abi/pagemap.h"
#include "../../abi/include/abi/userfaultfd.h"
#include <sys/uio.h>

#define PAGES 16

static char *area(int prot, int flags, int fd)
{
	mapped_len = PAGES * PAGE;
	mapped = mmap(NULL, mapped_len, prot, flags, fd, 0);
	return mapped;
}

static int do_userfault(void)
{
	static char page[4 * 4096] __attribute__((aligned(4096)));
	struct uffdio_api api = {.api = UFFD_API};
	char *p = area(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = uffd_new(O_CLOEXEC | O_NONBLOCK);

	TRY(fd);
	if (p == MAP_FAILED)
		return -errno;
	TRY(ioctl(fd, UFFDIO_API, &api));
	TRY(uffd_register(fd, p + PAGE, 8 * PAGE,
			  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	struct uffdio_copy c = {
		.dst = (unsigned long)p + PAGE, .src = (unsigned long)page, .len = 4 * PAGE};
	struct uffdio_zeropage z = {.range = {(unsigned long)p + 5 * PAGE, PAGE}};
	struct uffdio_writeprotect w = {.range = {(unsigned long)p + PAGE, 8 * PAGE},
					.mode = UFFDIO_WRITEPROTECT_MODE_WP};

	while (ioctl(fd, UFFDIO_COPY, &c)) {
		/* Some were copied. */
		if (errno != EAGAIN || c.copy <= 0)
			return -errno;
		c.dst += (unsigned long)c.copy;
		c.src += (unsigned long)c.copy;
		c.len -= (unsigned long)c.copy;
	}
	TRY(ioctl(fd, UFFDIO_ZEROPAGE, &z));
	TRY(ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	w.mode = 0;
	TRY(ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	TRY(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	if (mremap(p + 3 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED)
		return -errno;
	TRY(ioctl(fd, UFFDIO_UNREGISTER, &w.range));
	return 0;
}

static int do_userfault_file(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MINOR_SHMEM};
	int file = memfd_create("pages", 0), fd = uffd_new(O_CLOEXEC | O_NONBLOCK);
	char *p;

	TRY(file);
	TRY(fd);
	TRY(ftruncate(file, PAGES * PAGE));
	TRY(pwrite(file, "x", 1, 2 * PAGE));
	p = area(PROT_READ | PROT_WRITE, MAP_SHARED, file);
	if (p == MAP_FAILED)
		return -errno;
	TRY(ioctl(fd, UFFDIO_API, &api));
	TRY(uffd_register(fd, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MINOR));
	struct uffdio_continue c = {.range = {(unsigned long)p + 2 * PAGE, PAGE}};

	TRY(ioctl(fd, UFFDIO_CONTINUE, &c));
	return p[2 * PAGE] == 'x' ? 0 : -EIO;
}

/* What kernels after 6.1 have. */
static int do_userfault_later(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC};
	char *p = area(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = uffd_new(O_CLOEXEC | O_NONBLOCK), map = open("/proc/self/pagemap", O_RDONLY);
	static struct page_region found[PAGES];

	TRY(fd);
	TRY(map);
	if (p == MAP_FAILED)
		return -errno;
	TRY(ioctl(fd, UFFDIO_API, &api));
	TRY(uffd_register(fd, p, PAGES * PAGE,
			  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	struct uffdio_zeropage z = {.range = {(unsigned long)p, PAGE}};
	struct uffdio_poison poison = {.range = {(unsigned long)p + 2 * PAGE, PAGE}};
	struct uffdio_writeprotect w = {.range = {(unsigned long)p, PAGES * PAGE},
					.mode = UFFDIO_WRITEPROTECT_MODE_WP};
	struct pm_scan_arg scan = {.size = sizeof(scan),
				   .start = (unsigned long)p,
				   .end = (unsigned long)p + PAGES * PAGE,
				   .vec = (unsigned long)found,
				   .vec_len = PAGES,
				   .category_anyof_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT,
				   .return_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT};
	struct uffdio_move m = {
		.dst = (unsigned long)p + 4 * PAGE, .src = (unsigned long)p, .len = PAGE};

	TRY(ioctl(fd, UFFDIO_ZEROPAGE, &z));
	TRY(ioctl(fd, UFFDIO_POISON, &poison));
	TRY(ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	TRY(ioctl(map, PAGEMAP_SCAN, &scan));
	w.mode = 0;
	TRY(ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	*(volatile char *)p = 1; /* a page of its own, that can be moved */
	TRY(ioctl(fd, UFFDIO_MOVE, &m));
	return 0;
}

static int do_moves(void)
{
	char *p = area(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (p == MAP_FAILED)
		return -errno;
	TRY(madvise(p, PAGES * PAGE, MADV_POPULATE_WRITE));
	TRY(mprotect(p + PAGE, PAGE, PROT_READ));
	TRY(madvise(p + 4 * PAGE, 2 * PAGE, MADV_DONTFORK));
	TRY(madvise(p + 8 * PAGE, PAGE, MADV_FREE));
	TRY(mlock(p + 10 * PAGE, PAGE));
	TRY(munlock(p + 10 * PAGE, PAGE));
	if (mremap(p + 12 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 14 * PAGE) ==
	    MAP_FAILED)
		return -errno;
	TRY(munmap(p + 6 * PAGE, PAGE));
	return 0;
}

static int do_vector(void)
{
	char *p = area(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct iovec v[PAGES];
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	TRY(fd);
	if (p == MAP_FAILED)
		return -errno;
	for (int i = 0; i < PAGES; i++)
		v[i] = (struct iovec){p + i * PAGE, PAGE};
	TRY(syscall(SYS_process_madvise, fd, v, PAGES, MADV_COLD, 0));
	TRY(process_vm_readv(getpid(), v, PAGES / 2, v + PAGES / 2, PAGES / 2, 0));
	return 0;
}

TEST(user_faults)
{
	int fd = uffd_new(O_CLOEXEC);

	if (fd < 0)
		return;
	close(fd);
	SWEEP({"userfault", do_userfault, 0, 0}, {"userfault of a file", do_userfault_file, 0, 0},
	      {"userfault, later", do_userfault_later, IN_CHILD, 0});
}

TEST(mappings)
{
	SWEEP({"moves", do_moves, 0, EAGAIN}, {"vector", do_vector, 0, EFAULT});
}

int main(int argc, char **argv)
{
	return failures_main(argc, argv);
}
