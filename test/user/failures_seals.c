/* Failing allocations in calls of sealed memory, randomness and vectors of memory. */
#include "failures.h"
#include <linux/random.h>
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

TEST(sealed_memory)
{
	SWEEP({"seals", do_seals, 0, 0});
}

TEST(randomness)
{
	SWEEP({"random", do_random, 0, 0});
}

TEST(advice)
{
	SWEEP({"advice", do_advice, 0, EAGAIN}, {"vectors", do_vectors, 0, 0});
}

int main(int argc, char **argv)
{
	return failures_main(argc, argv);
}
