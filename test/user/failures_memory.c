/* Failing allocations in the calls of sealed memory, randomness, user-space faults and advice. */
#include "failures.h"
#include "../../abi/include/abi/pagemap.h"
#include "../../abi/include/abi/userfaultfd.h"
#include <linux/random.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGE 4096ul
#define LEN (16 * PAGE)

static char *map(int flags, int fd)
{
	mapped = mmap(NULL, LEN, PROT_READ | PROT_WRITE, flags, fd, 0);
	mapped_len = LEN;
	return mapped;
}

/* --- the calls --- */

static int do_seals(void)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING), again;
	char path[32], c = 'c';
	char *p;

	TRY(fd);
	TRY(pwrite(fd, &c, 1, LEN - 1));
	p = map(MAP_SHARED, fd);
	if (p == MAP_FAILED)
		return -errno;
	*p = 1;
	TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	TRY(munmap(p, LEN));
	mapped = MAP_FAILED;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY);
	TRY(again);
	p = map(MAP_PRIVATE, again);
	if (p == MAP_FAILED)
		return -errno;
	*p = 2;
	TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
	return pread(fd, &c, 1, 0) == 1 && c == 1 ? 0 : -EIO;
}

static int do_random(void)
{
	struct {
		struct rand_pool_info info;
		char data[8];
	} add = {{.entropy_count = 8, .buf_size = 8}, "entropy"};
	int fd = open("/dev/random", O_RDWR), u = open("/dev/urandom", O_RDWR), bits;
	static char block[20000];

	TRY(fd);
	TRY(u);
	TRY(getrandom(block, 32, 0));
	TRY(getrandom(block, sizeof(block), GRND_RANDOM));
	TRY(read(u, block, sizeof(block)));
	TRY(write(fd, block, 300));
	TRY(ioctl(fd, RNDADDENTROPY, &add));
	TRY(ioctl(fd, RNDGETENTCNT, &bits));
	TRY(ioctl(fd, RNDRESEEDCRNG, 0));
	fd = open("/proc/sys/kernel/random/uuid", O_RDONLY);
	TRY(fd);
	TRY(read(fd, block, 40));
	return 0;
}

static int uffd(unsigned long long features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api))
		return -1;
	return fd;
}

static int enter(int fd, char *p, unsigned long long mode)
{
	struct uffdio_register r = {.range = {(unsigned long)p, LEN}, .mode = mode};

	return ioctl(fd, UFFDIO_REGISTER, &r);
}

/* What fills holes may stop half-way; the rest is tried once more. */
static int do_uffd_anon(void)
{
	int fd = uffd(UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	static char src[2 * PAGE] __attribute__((aligned(4096)));
	char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned long at = (unsigned long)p;
	struct uffdio_copy c = {at, (unsigned long)src, 2 * PAGE, 0, 0};
	struct uffdio_zeropage z = {{at + 2 * PAGE, PAGE}, 0, 0};
	struct uffdio_writeprotect w = {{at, PAGE}, UFFDIO_WRITEPROTECT_MODE_WP};
	struct uffdio_move m = {at + 4 * PAGE, at, PAGE, 0, 0};
	struct uffdio_poison bad = {{at + 6 * PAGE, PAGE}, 0, 0};
	struct uffdio_range all = {at, LEN};
	struct uffd_msg msg;

	TRY(fd);
	if (p == MAP_FAILED)
		return -errno;
	TRY(enter(fd, p, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	TRY(ioctl(fd, UFFDIO_COPY, &c));
	TRY(ioctl(fd, UFFDIO_ZEROPAGE, &z));
	TRY(ioctl(fd, UFFDIO_MOVE, &m));
	TRY(ioctl(fd, UFFDIO_POISON, &bad));
	w.range.start += PAGE;
	TRY(ioctl(fd, UFFDIO_WRITEPROTECT, &w));
	if (read(fd, &msg, sizeof(msg)) >= 0 || (errno != EAGAIN && errno != ENOMEM))
		return -EIO;
	TRY(ioctl(fd, UFFDIO_WAKE, &all));
	TRY(ioctl(fd, UFFDIO_UNREGISTER, &all));
	return 0;
}

static int do_uffd_shared(void)
{
	int fd = uffd(UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM);
	int file = memfd_create("x", 0);
	static char src[PAGE] __attribute__((aligned(4096)));
	char *p;

	TRY(fd);
	TRY(file);
	TRY(pwrite(file, src, PAGE, 3 * PAGE));
	TRY(ftruncate(file, LEN));
	p = map(MAP_SHARED, file);
	if (p == MAP_FAILED)
		return -errno;
	unsigned long at = (unsigned long)p;
	struct uffdio_copy c = {at, (unsigned long)src, PAGE, 0, 0};
	struct uffdio_continue more = {{at + 3 * PAGE, PAGE}, 0, 0};

	TRY(enter(fd, p, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR));
	TRY(ioctl(fd, UFFDIO_COPY, &c));
	TRY(ioctl(fd, UFFDIO_CONTINUE, &more));
	return p[0] || p[3 * PAGE] ? -EIO : 0;
}

static void reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == ENOMEM)
		;
}

/* fork() waits until somebody reads of it; the child's descriptor comes with the message. */
static int do_uffd_fork(void)
{
	int fd = uffd(UFFD_FEATURE_EVENT_FORK), err = 0;
	char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	pid_t reader, child = -1;

	TRY(fd);
	if (p == MAP_FAILED)
		return -errno;
	TRY(fcntl(fd, F_SETFL, 0));
	reader = fork();
	if (!reader) {
		struct uffd_msg msg;

		_exit(read(fd, &msg, sizeof(msg)) != sizeof(msg));
	}
	TRY(reader);
	if (enter(fd, p, UFFDIO_REGISTER_MODE_MISSING)) {
		err = -errno;
	} else {
		child = fork();
		if (!child)
			_exit(0);
		err = child < 0 ? -errno : 0;
	}
	kill(reader, SIGKILL);
	reap(reader);
	reap(child);
	return err;
}

static int do_advice(void)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	static struct iovec v[100];
	char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

	TRY(self);
	if (p == MAP_FAILED)
		return -errno;
	memset(p, 1, LEN);
	for (int i = 0; i < 100; i++)
		v[i] = (struct iovec){p + (unsigned long)(i % 16) * PAGE, PAGE};
	TRY(syscall(SYS_process_madvise, self, v, 100, MADV_COLD, 0));
	TRY(syscall(SYS_process_madvise, self, v, 100, MADV_DONTNEED, 0));
	TRY(madvise(p, LEN, MADV_POPULATE_WRITE));
	TRY(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	TRY(madvise(p + 3 * PAGE, PAGE, MADV_WIPEONFORK));
	TRY(mremap(p + 8 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) ==
			    MAP_FAILED
		    ? -1
		    : 0);
	return 0;
}

static int do_vectors(void)
{
	static struct iovec v[100];
	static char c[100];
	int fd = open("new", O_CREAT | O_RDWR, 0600);

	TRY(fd);
	for (int i = 0; i < 100; i++)
		v[i] = (struct iovec){&c[i], 1};
	TRY(pwritev2(fd, v, 100, 0, RWF_APPEND | RWF_DSYNC));
	TRY(preadv2(fd, v, 100, 0, RWF_HIPRI));
	TRY(pwritev2(fd, v, 100, -1, 0));
	return 0;
}

static int do_scan(void)
{
	struct page_region found[8];
	char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	struct pm_scan_arg arg = {.size = sizeof(arg),
				  .start = (unsigned long)p,
				  .end = (unsigned long)p + LEN,
				  .vec = (unsigned long)found,
				  .vec_len = 8,
				  .category_anyof_mask = PAGE_IS_PRESENT,
				  .return_mask = PAGE_IS_PRESENT};

	TRY(fd);
	if (p == MAP_FAILED)
		return -errno;
	p[PAGE] = p[5 * PAGE] = 1;
	TRY(ioctl(fd, PAGEMAP_SCAN, &arg));
	return 0;
}

TEST(sealed_memory)
{
	SWEEP({"seals", do_seals, 0, 0});
}

TEST(randomness)
{
	SWEEP({"random", do_random, 0, 0});
}

TEST(user_faults)
{
	SWEEP({"anonymous", do_uffd_anon, 0, 0}, {"shared", do_uffd_shared, 0, 0},
	      {"fork", do_uffd_fork, 0, 0});
}

TEST(advice)
{
	SWEEP({"advice", do_advice, 0, EAGAIN}, {"vectors", do_vectors, 0, 0},
	      {"scan", do_scan, 0, 0});
}

int main(int argc, char **argv)
{
	return failures_main(argc, argv);
}
