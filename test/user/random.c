/* getrandom, /dev/random and /dev/urandom once the source is ready; the files that tell of it. */
#include "proc_help.h"

#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096ul
#define GIB (1ul << 30)
#define KERNEL_ADDRESS ((void *)0xffff888000000000ul)

static long get(void *p, size_t n, unsigned int flags)
{
	return syscall(SYS_getrandom, p, n, flags);
}

TEST(flags)
{
	char buf[16];

	for (unsigned int flags = 0; flags < 32; flags++) {
		bool known = flags < 8 && (flags & (GRND_RANDOM | GRND_INSECURE)) !=
						  (GRND_RANDOM | GRND_INSECURE);

		errno = 0;
		CHECK_EQ(get(buf, sizeof(buf), flags), known ? 16 : -1);
		CHECK_EQ(errno, known ? 0 : EINVAL);
		CHECK_EQ(get(NULL, 0, flags), known ? 0 : -1);
		CHECK_EQ(get(KERNEL_ADDRESS, 0, flags), -1);
		CHECK_EQ(errno, known ? EFAULT : EINVAL);
	}
	CHECK_ERR(get(buf, sizeof(buf), 1u << 31), EINVAL);
}

/* Two pages, the second of which is not there. */
static char *page_before_a_hole(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	REQUIRE(munmap(p + PAGE, PAGE) == 0);
	return p;
}

TEST(faults)
{
	char *p = page_before_a_hole();
	int fd = open("/dev/urandom", O_RDONLY);

	CHECK_ERR(get(NULL, 1, 0), EFAULT);
	CHECK_ERR(get(KERNEL_ADDRESS, 16, 0), EFAULT);
	CHECK_ERR(get(KERNEL_ADDRESS, 100000, 0), EFAULT);
	CHECK_ERR(get(p + PAGE, 16, 0), EFAULT);
	/* What fits is given. */
	CHECK_EQ(get(p + PAGE - 10, 30, 0), 10);
	CHECK_EQ(get(p + PAGE - 100, 300, 0), 100);
	CHECK_EQ(get(p + PAGE - 1000, 100000, 0), 1000);
	CHECK_EQ(read(fd, p + PAGE - 10, 30), 10);
	CHECK_EQ(read(fd, p + PAGE - 100, 300), 100);
	CHECK_ERR(read(fd, p + PAGE, 1), EFAULT);
	close(fd);
}

TEST(read_only_memory)
{
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERR(get(p, 16, 0), EFAULT);
	CHECK_ERR(get(p, PAGE, 0), EFAULT);
	CHECK_EQ(p[0], 0);
}

static void ignore(int sig)
{
	(void)sig;
}

static void alarm_us(long us)
{
	struct sigaction sa = {.sa_handler = ignore};
	struct itimerval it = {.it_value = {.tv_usec = us}};

	REQUIRE(!sigaction(SIGALRM, &sa, NULL));
	REQUIRE(!setitimer(ITIMER_REAL, &it, NULL));
}

TEST(a_signal_cuts_a_large_request)
{
	char *p = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = open("/dev/random", O_RDONLY);
	long n;

	REQUIRE(p != MAP_FAILED);
	alarm_us(20000);
	n = get(p, GIB, 0);
	CHECK(n > 0 && n < (long)GIB);
	CHECK_EQ(n % (long)PAGE, 0);
	madvise(p, GIB, MADV_DONTNEED);
	alarm_us(20000);
	n = read(fd, p, GIB);
	CHECK(n > 0 && n < (long)GIB);
	CHECK_EQ(n % (long)PAGE, 0);
	close(fd);
}

TEST(a_kill_cuts_a_large_request)
{
	char *p = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int status;
	pid_t pid = fork();

	REQUIRE(p != MAP_FAILED && pid >= 0);
	if (!pid) {
		get(p, GIB, 0);
		for (;;)
			pause();
	}
	usleep(20000);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

/* With a signal pending, requests of a page or less are whole. */
TEST(small_requests_are_whole)
{
	static char buf[PAGE];

	signal(SIGALRM, ignore);
	for (int i = 0; i < 200; i++) {
		alarm_us(100);
		for (size_t n = 1; n <= 256; n *= 2)
			CHECK_EQ(get(buf, n, 0), n);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

/* More bits than not are wrong in 2^-100 of all cases. */
static bool looks_random(const unsigned char *p, size_t n)
{
	size_t ones = 0, repeats = 0;

	for (size_t i = 0; i < n; i++) {
		ones += (size_t)__builtin_popcount(p[i]);
		repeats += i && p[i] == p[i - 1];
	}
	return ones * 100 > n * 8 * 45 && ones * 100 < n * 8 * 55 && repeats < n / 32;
}

TEST(every_length_and_offset)
{
	static unsigned char buf[8192];

	for (size_t n = 4096; n < 4096 + 700; n += 37) {
		memset(buf, 0, sizeof(buf));
		CHECK_EQ(get(buf + n % 61, n, 0), n);
		CHECK(looks_random(buf + n % 61, n));
		CHECK_EQ(buf[n % 61 + n], 0);
		CHECK_EQ(buf[n % 61 + n + 1], 0);
	}
}

TEST(nobody_sees_what_another_got)
{
	enum { EACH = 2000, CHILDREN = 4 };
	uint64_t *all = mmap(NULL, EACH * CHILDREN * 8, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	REQUIRE(all != MAP_FAILED);
	for (int c = 0; c < CHILDREN; c++) {
		if (fork())
			continue;
		for (int i = 0; i < EACH; i++)
			if (get(&all[c * EACH + i], 8, 0) != 8)
				_exit(1);
		_exit(0);
	}
	while (wait(&status) > 0)
		CHECK_EQ(status, 0);
	CHECK(looks_random((unsigned char *)all, EACH * CHILDREN * 8));
	/* Among 8000 words of 64 bits two are equal once in 10^12. */
	static unsigned char seen[1 << 24];
	long clashes = 0;

	for (int i = 0; i < EACH * CHILDREN; i++) {
		uint64_t h = all[i] >> 40;

		if (!seen[h]++)
			continue;
		for (int k = 0; k < i; k++)
			clashes += all[k] == all[i];
	}
	CHECK_EQ(clashes, 0);
}

TEST(devices)
{
	struct stat st;
	char buf[300];
	int r = open("/dev/random", O_RDWR), u = open("/dev/urandom", O_RDWR | O_NONBLOCK);

	REQUIRE(r >= 0 && u >= 0);
	CHECK_EQ(fstat(r, &st), 0);
	CHECK_EQ(st.st_rdev, makedev(1, 8));
	CHECK_EQ(st.st_mode, S_IFCHR | 0666);
	CHECK_EQ(fstat(u, &st), 0);
	CHECK_EQ(st.st_rdev, makedev(1, 9));
	CHECK_EQ(read(r, buf, 0), 0);
	CHECK_EQ(read(r, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(read(u, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(pread(r, buf, 5, 1000), 5);
	CHECK_EQ(lseek(r, 77, SEEK_SET), 0);
	CHECK_EQ(lseek(r, 5, SEEK_END), 0);
	CHECK_ERR(lseek(r, 5, 12345), EINVAL);
	CHECK_EQ(write(r, "hello", 5), 5);
	CHECK_EQ(write(u, "hello", 5), 5);
	CHECK_EQ(write(u, "", 0), 0);
	CHECK_ERR(syscall(SYS_write, u, NULL, 1), EFAULT);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 0), ENODEV);
	char *p = page_before_a_hole();

	CHECK_EQ(write(u, p + PAGE - 10, 20), 10);
	/* Scattered, with an empty piece. */
	struct iovec v[3] = {{buf, 7}, {buf + 50, 0}, {buf + 100, 150}};

	memset(buf, 0, sizeof(buf));
	CHECK_EQ(readv(r, v, 3), 157);
	CHECK_EQ(buf[8], 0);
	CHECK(looks_random((unsigned char *)buf + 100, 150));
	CHECK_EQ(writev(r, v, 3), 157);
	close(r);
	close(u);
}

TEST(polls)
{
	struct pollfd p[2] = {{open("/dev/random", O_RDWR), POLLIN | POLLOUT | POLLRDNORM, 0},
			      {open("/dev/urandom", O_RDWR), POLLIN | POLLOUT, 0}};

	CHECK_EQ(poll(p, 2, 0), 2);
	CHECK_EQ(p[0].revents, POLLIN | POLLRDNORM);
	CHECK_EQ(p[1].revents, POLLIN | POLLOUT);
}

struct pool_info {
	int bits, size;
	char data[100];
};

TEST(privileged_ioctls)
{
	int fd = open("/dev/random", O_RDWR), n = -1;
	struct pool_info info = {.bits = 8, .size = 8, .data = "abc"};

	REQUIRE(fd >= 0);
	CHECK_EQ(ioctl(fd, RNDGETENTCNT, &n), 0);
	CHECK_EQ(n, 256);
	CHECK_ERR(ioctl(fd, RNDGETENTCNT, NULL), EFAULT);
	if (getuid()) {
		printf("# not root\n");
		return;
	}
	n = 8;
	CHECK_EQ(ioctl(fd, RNDADDTOENTCNT, &n), 0);
	n = -8;
	CHECK_ERR(ioctl(fd, RNDADDTOENTCNT, &n), EINVAL);
	n = 0x7fffffff;
	CHECK_EQ(ioctl(fd, RNDADDTOENTCNT, &n), 0);
	CHECK_ERR(ioctl(fd, RNDADDTOENTCNT, NULL), EFAULT);
	CHECK_EQ(ioctl(fd, RNDADDENTROPY, &info), 0);
	info.bits = 1 << 20; /* more than there are */
	CHECK_EQ(ioctl(fd, RNDADDENTROPY, &info), 0);
	info.size = 0;
	CHECK_EQ(ioctl(fd, RNDADDENTROPY, &info), 0);
	info.size = -1;
	CHECK_ERR(ioctl(fd, RNDADDENTROPY, &info), EFAULT);
	info.size = 8;
	info.bits = -1;
	CHECK_ERR(ioctl(fd, RNDADDENTROPY, &info), EINVAL);
	CHECK_ERR(ioctl(fd, RNDADDENTROPY, NULL), EFAULT);
	/* The data end in a hole. */
	char *p = page_before_a_hole();
	struct pool_info *cut = (void *)(p + PAGE - 8 - 50);

	cut->bits = 0;
	cut->size = 51;
	CHECK_ERR(ioctl(fd, RNDADDENTROPY, cut), EFAULT);
	cut->size = 50;
	CHECK_EQ(ioctl(fd, RNDADDENTROPY, cut), 0);
	CHECK_EQ(ioctl(fd, RNDCLEARPOOL, 0), 0);
	CHECK_EQ(ioctl(fd, RNDZAPENTCNT, 0), 0);
	CHECK_EQ(ioctl(fd, RNDRESEEDCRNG, 0), 0);
	CHECK_ERR(ioctl(fd, RNDGETPOOL, &info), EINVAL);
	CHECK_ERR(ioctl(fd, 0x12345, 0), EINVAL);
	CHECK_EQ(ioctl(fd, RNDGETENTCNT, &n), 0);
	CHECK_EQ(n, 256);
	/* The read side is enough for all of it. */
	int ro = open("/dev/urandom", O_RDONLY);

	info.bits = 8;
	CHECK_EQ(ioctl(ro, RNDADDENTROPY, &info), 0);
	CHECK_EQ(ioctl(ro, RNDRESEEDCRNG, 0), 0);
}

TEST(ioctls_of_others)
{
	int fd = open("/dev/random", O_RDWR), n = 8;
	struct pool_info info = {.bits = 8, .size = 8, .data = "abc"};

	if (!getuid())
		REQUIRE(!setuid(65534));
	CHECK_EQ(ioctl(fd, RNDGETENTCNT, &n), 0);
	CHECK_EQ(n, 256);
	CHECK_ERR(ioctl(fd, RNDADDTOENTCNT, &n), EPERM);
	CHECK_ERR(ioctl(fd, RNDADDTOENTCNT, NULL), EPERM);
	CHECK_ERR(ioctl(fd, RNDADDENTROPY, &info), EPERM);
	CHECK_ERR(ioctl(fd, RNDZAPENTCNT, 0), EPERM);
	CHECK_ERR(ioctl(fd, RNDCLEARPOOL, 0), EPERM);
	CHECK_ERR(ioctl(fd, RNDRESEEDCRNG, 0), EPERM);
	CHECK_EQ(write(fd, "a", 1), 1);
	CHECK_EQ(get(&n, 4, GRND_RANDOM), 4);
}

/* The text of a file of /proc/sys/kernel/random, without its newline. */
static const char *text(const char *name)
{
	static char buf[2][64];
	static int turn;
	char path[100];

	snprintf(path, sizeof(path), "/proc/sys/kernel/random/%s", name);
	char *t = buf[turn ^= 1];
	ssize_t n = read_text(path, t, sizeof(buf[0]));

	if (n > 0 && t[n - 1] == '\n')
		t[n - 1] = 0;
	return t;
}

static bool is_uuid4(const char *t)
{
	unsigned int a, b, c, d, e;
	int end = 0;

	return strlen(t) == 36 &&
	       sscanf(t, "%8x-%4x-4%3x-%4x-%8x%n", &a, &b, &c, &d, &e, &end) == 5 &&
	       strchr("89ab", t[19]);
}

TEST(proc_files)
{
	char first[64];

	CHECK(is_uuid4(text("boot_id")));
	CHECK(!strcmp(text("boot_id"), text("boot_id")));
	CHECK(is_uuid4(text("uuid")));
	CHECK(strcmp(text("uuid"), text("uuid")));
	strcpy(first, text("boot_id"));
	CHECK(strcmp(first, text("uuid")));
	CHECK(!strcmp(text("poolsize"), "256"));
	CHECK(!strcmp(text("entropy_avail"), "256"));
	CHECK(!strcmp(text("urandom_min_reseed_secs"), "60"));
	CHECK(!strcmp(text("write_wakeup_threshold"), "256"));
}

TEST(proc_files_take_nothing)
{
	static const char *const writable[] = {"urandom_min_reseed_secs", "write_wakeup_threshold"};
	static const char *const fixed[] = {"boot_id", "uuid", "poolsize", "entropy_avail"};
	char path[100];
	struct stat st;

	if (!in_test_machine()) {
		printf("# not root of a machine of its own\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		const char *before = text(writable[i]);

		snprintf(path, sizeof(path), "/proc/sys/kernel/random/%s", writable[i]);
		CHECK_EQ(stat(path, &st), 0);
		CHECK_EQ(st.st_mode, S_IFREG | 0644);
		int fd = open(path, O_WRONLY);

		CHECK_EQ(write(fd, "12\n", 3), 3);
		close(fd);
		CHECK(!strcmp(before, text(writable[i])));
	}
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "/proc/sys/kernel/random/%s", fixed[i]);
		CHECK_EQ(stat(path, &st), 0);
		CHECK_EQ(st.st_mode, S_IFREG | 0444);
		CHECK_ERR(open(path, O_WRONLY), EACCES);
	}
}

/* 16 bytes for the program's own use, new at each exec. */
TEST(auxiliary_vector)
{
	const unsigned char *p = (void *)getauxval(AT_RANDOM);
	unsigned char other[2][16];

	REQUIRE(p);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		REQUIRE(!pipe(fds));
		if (!fork()) {
			dup2(fds[1], 1);
			execl("/proc/self/exe", "random", "--seed", NULL);
			_exit(1);
		}
		close(fds[1]);
		CHECK_EQ(read(fds[0], other[i], 16), 16);
		close(fds[0]);
	}
	CHECK(memcmp(other[0], other[1], 16));
	CHECK(memcmp(other[0], p, 16));
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--seed"))
		return write(1, (void *)getauxval(AT_RANDOM), 16) != 16;
	return test_run();
}
