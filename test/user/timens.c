/* time_namespaces(7): offsets, who enters when, and every clock that they move. */
#include "ns.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <time.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define FUTEX_LOCK_PI2_ 13
#define MONO_S 100000
#define BOOT_S 700000

static int write_offsets(const char *text)
{
	int fd = open("/proc/self/timens_offsets", O_WRONLY);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int err = errno;

	close(fd);
	errno = err;
	return n < 0 ? -1 : (int)n;
}

static void read_offsets(char *buf, size_t size)
{
	int fd = open("/proc/self/timens_offsets", O_RDONLY);
	ssize_t n = read(fd, buf, size - 1);

	buf[n < 0 ? 0 : n] = 0;
	close(fd);
}

static int reap(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* Runs @fn in a child: in the namespace for children when that is another. */
static int in_child(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		fflush(stdout);
		_exit(test_failures != 0);
	}
	return reap(pid);
}

static int64_t clock_ns(int clock)
{
	struct timespec ts = {0};

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t libc_ns(int clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static const struct {
	int clock, offset_s;
} clocks[] = {
	{CLOCK_MONOTONIC, MONO_S},	  {CLOCK_MONOTONIC_RAW, MONO_S},
	{CLOCK_MONOTONIC_COARSE, MONO_S}, {CLOCK_BOOTTIME, BOOT_S},
	{CLOCK_BOOTTIME_ALARM, BOOT_S},	  {CLOCK_REALTIME, 0},
	{CLOCK_REALTIME_COARSE, 0},	  {CLOCK_TAI, 0},
	{CLOCK_PROCESS_CPUTIME_ID, 0},
};
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static int64_t outside[CLOCKS];
static struct sysinfo outside_info;

/* A new namespace for children, with the two offsets; clocks read before it. */
static void enter_later(void)
{
	char text[80];

	for (size_t i = 0; i < CLOCKS; i++)
		outside[i] = libc_ns(clocks[i].clock);
	sysinfo(&outside_info);
	REQUIRE(!unshare(CLONE_NEWTIME));
	snprintf(text, sizeof(text), "monotonic %d 0\nboottime %d 0\n", MONO_S, BOOT_S);
	REQUIRE(write_offsets(text) > 0);
}

TEST(files)
{
	char buf[128];

	CHECK_EQ(readlink("/proc/self/ns/time", buf, sizeof(buf)), 17);
	CHECK(!memcmp(buf, "time:[4026531834]", 17));
	CHECK_EQ(readlink("/proc/self/ns/time_for_children", buf, sizeof(buf)), 17);
	CHECK(!memcmp(buf, "time:[4026531834]", 17));
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic           0         0\nboottime            0         0\n"));
	CHECK_ERR(open("/proc/self/task/self/timens_offsets", O_RDONLY), ENOENT);
	int fd = ns_file("time"), children = ns_file("time_for_children");

	CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWTIME);
	CHECK_EQ(ioctl(children, NS_GET_NSTYPE), CLONE_NEWTIME);
	CHECK_ERR(ioctl(fd, NS_GET_PARENT), EINVAL);
	CHECK(ioctl(fd, NS_GET_USERNS) >= 0);
	/* In use since the machine came up. */
	CHECK_ERR(write_offsets("monotonic 1 0\n"), EACCES);
}

TEST(unshare_moves_children_only)
{
	unsigned long old = ns_ino("time");

	CHECK_EQ(unshare(CLONE_NEWTIME), 0);
	CHECK_EQ(ns_ino("time"), old);
	unsigned long new = ns_ino("time_for_children");

	CHECK(new &&new != old);
	pid_t pid = fork();

	if (!pid)
		_exit(ns_ino("time") == new &&ns_ino("time_for_children") == new ? 0 : 1);
	CHECK_EQ(reap(pid), 0);
	/* Once more makes another. */
	CHECK_EQ(unshare(CLONE_NEWTIME), 0);
	CHECK(ns_ino("time_for_children") != new);
}

static void *thread(void *arg)
{
	return arg;
}

TEST(no_thread_in_another_time)
{
	pthread_t t;

	REQUIRE(!unshare(CLONE_NEWTIME));
	CHECK_EQ(pthread_create(&t, NULL, thread, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

TEST(offsets_text)
{
	char buf[128];

	REQUIRE(!unshare(CLONE_NEWTIME));
	CHECK_EQ(write_offsets("monotonic 10 5\n"), 15);
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic          10         5\nboottime            0         0\n"));
	/* By number; without an end of line; two at once. */
	CHECK_EQ(write_offsets("7 20 6"), 6);
	CHECK_EQ(write_offsets("1 30 7\nboottime\t-1 999999999\n"), 29);
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic          30         7\nboottime           -1 999999999\n"));
	/* What follows the second line is not read. */
	CHECK_EQ(write_offsets("1 1 1\n7 2 2\nnonsense\n"), 12);
	CHECK_EQ(write_offsets("  1   1   1 and more\n"), 21);
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic           1         1\nboottime            2         2\n"));
	CHECK_ERR(write_offsets(""), EINVAL);
	CHECK_ERR(write_offsets("monotonic 1\n"), EINVAL);
	CHECK_ERR(write_offsets("monotonic 1 -1\n"), EINVAL);
	CHECK_ERR(write_offsets("monotonic 1 1000000000\n"), EINVAL);
	CHECK_ERR(write_offsets("realtime 1 0\n"), EINVAL);
	CHECK_ERR(write_offsets("0 1 0\n"), EINVAL);
	CHECK_ERR(write_offsets("monotonic x 0\n"), EINVAL);
	CHECK_ERR(write_offsets("\n1 1 1\n"), EINVAL);
	/* All or nothing. */
	CHECK_ERR(write_offsets("1 9 9\n0 9 9\n"), EINVAL);
	CHECK_ERR(write_offsets("1 9 9\n7 -99999999 0\n"), ERANGE);
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic           1         1\nboottime            2         2\n"));
	int fd = open("/proc/self/timens_offsets", O_WRONLY);

	char big[4096];

	CHECK_ERR(pwrite(fd, "1 1 1\n", 6, 0), ESPIPE);
	memset(big, ' ', sizeof(big));
	memcpy(big, "1 1 1\n", 6);
	CHECK_ERR(write(fd, big, sizeof(big)), EINVAL);
	CHECK_EQ(write(fd, big, 6), 6);
	/* Only from the beginning. */
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_ERR(write(fd, "1 1 1\n", 6), EINVAL);
	close(fd);
}

TEST(offsets_range)
{
	REQUIRE(!unshare(CLONE_NEWTIME));
	/* A clock neither becomes negative nor comes near the end of 64 bits. */
	CHECK_ERR(write_offsets("monotonic -10000000 0\n"), ERANGE);
	CHECK_ERR(write_offsets("boottime -10000000 0\n"), ERANGE);
	CHECK_ERR(write_offsets("monotonic 9223372036 0\n"), ERANGE);
	CHECK_ERR(write_offsets("monotonic 9223372037 0\n"), ERANGE);
	CHECK_ERR(write_offsets("monotonic -9223372037 0\n"), ERANGE);
	CHECK_ERR(write_offsets("monotonic 4611686019 0\n"), ERANGE);
	CHECK_EQ(write_offsets("monotonic 4611000000 0\n"), 23);
	CHECK_EQ(write_offsets("boottime 4611000000 0\n"), 22);
}

static void write_late(void)
{
	CHECK_ERR(write_offsets("monotonic 1 0\n"), EACCES);
}

TEST(offsets_freeze)
{
	REQUIRE(!unshare(CLONE_NEWTIME));
	CHECK_EQ(write_offsets("monotonic 10 0\n"), 15);
	CHECK_EQ(in_child(write_late), 0);
	CHECK_ERR(write_offsets("monotonic 10 0\n"), EACCES);
	/* What is judged before: the text, then the range. */
	CHECK_ERR(write_offsets("monotonic\n"), EINVAL);
	CHECK_ERR(write_offsets("monotonic -10000000 0\n"), ERANGE);
}

TEST(offsets_rights)
{
	int fd;

	REQUIRE(!unshare(CLONE_NEWTIME));
	fd = open("/proc/self/timens_offsets", O_RDWR);
	REQUIRE(fd >= 0);
	pid_t pid = fork();

	if (!pid) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(2);
		int mine = open("/proc/self/timens_offsets", O_RDONLY);

		CHECK(mine >= 0);
		/* Of the parent by who opened it; frozen, as this child lives in it. */
		CHECK_ERR(write(fd, "1 1 0\n", 6), EACCES);
		CHECK_ERR(unshare(CLONE_NEWTIME), EPERM);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK_EQ(reap(pid), 0);
	pid = fork();
	if (!pid) {
		/* With a user namespace of one's own. */
		CHECK_EQ(setresgid(1000, 1000, 1000), 0);
		CHECK_EQ(setresuid(1000, 1000, 1000), 0);
		CHECK_EQ(unshare(CLONE_NEWUSER | CLONE_NEWTIME), 0);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK_EQ(reap(pid), 0);
}

static void clocks_inside(void)
{
	/* As the two differ by seconds at the most, an offset cannot be mistaken. */
	for (size_t i = 0; i < CLOCKS; i++) {
		int64_t expect = outside[i] / 1000000000 + clocks[i].offset_s;
		int64_t call = clock_ns(clocks[i].clock) / 1000000000;
		int64_t libc = libc_ns(clocks[i].clock) / 1000000000;

		CHECK(call >= expect && call < expect + 1000);
		CHECK(libc >= expect && libc < expect + 1000);
	}
	for (int i = 0; i < 1000; i++) {
		int64_t a = libc_ns(CLOCK_MONOTONIC), b = clock_ns(CLOCK_MONOTONIC);
		int64_t c = libc_ns(CLOCK_MONOTONIC);

		CHECK(a <= b && b <= c);
	}
	struct sysinfo info;

	sysinfo(&info);
	CHECK(info.uptime >= outside_info.uptime + BOOT_S);
	CHECK(info.uptime < outside_info.uptime + BOOT_S + 1000);
	struct timespec res;

	CHECK_EQ(clock_getres(CLOCK_MONOTONIC, &res), 0);
	CHECK(res.tv_sec == 0 && res.tv_nsec == 1);
}

static void exec_inside(void)
{
	clocks_inside();
	char arg[3][32], *argv[] = {"timens", arg[0], arg[1], arg[2], NULL};

	snprintf(arg[0], sizeof(arg[0]), "%lld", (long long)outside[0] / 1000000000);
	snprintf(arg[1], sizeof(arg[1]), "%lld", (long long)outside[3] / 1000000000);
	snprintf(arg[2], sizeof(arg[2]), "%d", MONO_S);
	execv("/proc/self/exe", argv);
	_exit(99);
}

TEST(clocks)
{
	enter_later();
	CHECK_EQ(in_child(clocks_inside), 0);
	CHECK_EQ(in_child(exec_inside), 42);
	/* Nothing moved here. */
	CHECK(libc_ns(CLOCK_MONOTONIC) - outside[0] < 1000 * 1000000000ll);
	CHECK(clock_ns(CLOCK_MONOTONIC) - outside[0] < 1000 * 1000000000ll);
}

static long long file_number(const char *path, const char *key, int field)
{
	static char buf[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	char *at = buf;

	close(fd);
	buf[n < 0 ? 0 : n] = 0;
	at = strstr(buf, key);
	if (!at)
		return -1;
	at += strlen(key);
	for (int i = 0; i < field; i++) {
		at = strchr(at, ' ');
		if (!at)
			return -1;
		at++;
	}
	return strtoll(at, NULL, 10);
}

static long long outside_uptime, outside_start, outside_btime;

static void proc_inside(void)
{
	long long up = file_number("/proc/uptime", "", 0);

	CHECK(up >= outside_uptime + BOOT_S && up < outside_uptime + BOOT_S + 1000);
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	/* Behind the name stands field 3; starttime is the 22nd, in 1/100 s. */
	CHECK_EQ(file_number(path, ") ", 19), outside_start + BOOT_S * 100ll);
	long long btime = file_number("/proc/stat", "btime ", 0);

	CHECK(btime <= outside_btime - BOOT_S + 1 && btime >= outside_btime - BOOT_S - 1);
}

TEST(proc_files)
{
	outside_uptime = file_number("/proc/uptime", "", 0);
	outside_start = file_number("/proc/self/stat", ") ", 19);
	outside_btime = file_number("/proc/stat", "btime ", 0);
	enter_later();
	CHECK_EQ(in_child(proc_inside), 0);
	CHECK_EQ(file_number("/proc/self/stat", ") ", 19), outside_start);
}

/* An absolute time 20 ms ahead, as this namespace counts. */
static struct timespec ahead(int clock)
{
	int64_t ns = clock_ns(clock) + 20000000;

	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static void sleeps_inside(void)
{
	static const int which[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM};

	for (int i = 0; i < 3; i++) {
		struct timespec at = ahead(which[i]), past = {1, 0};
		int64_t until = at.tv_sec * 1000000000ll + at.tv_nsec;

		/* The alarm of the test would end a sleep for the whole offset. */
		int err = clock_nanosleep(which[i], TIMER_ABSTIME, &at, NULL);

		if (which[i] == CLOCK_BOOTTIME_ALARM && err == EOPNOTSUPP)
			continue; /* a machine without a clock that wakes it */
		CHECK_EQ(err, 0);
		CHECK(clock_ns(which[i]) >= until);
		/* Before the namespace's time began: over. */
		CHECK_EQ(clock_nanosleep(which[i], TIMER_ABSTIME, &past, NULL), 0);
	}
	struct timespec rel = {0, 1000000};

	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &rel, NULL), 0);
}

TEST(clock_nanosleep)
{
	enter_later();
	CHECK_EQ(in_child(sleeps_inside), 0);
}

static void timerfd_inside(void)
{
	static const int which[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME};

	for (int i = 0; i < 2; i++) {
		struct itimerspec its = {.it_value = ahead(which[i])}, old;
		int64_t until = its.it_value.tv_sec * 1000000000ll + its.it_value.tv_nsec;
		int fd = timerfd_create(which[i], 0);
		uint64_t n = 0;

		CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL), 0);
		CHECK_EQ(timerfd_gettime(fd, &old), 0);
		CHECK(old.it_value.tv_sec == 0);
		CHECK_EQ(read(fd, &n, 8), 8);
		CHECK_EQ(n, 1);
		CHECK(clock_ns(which[i]) >= until);
		its.it_value.tv_sec += 1000;
		CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL), 0);
		CHECK_EQ(timerfd_gettime(fd, &old), 0);
		CHECK(old.it_value.tv_sec > 0 && old.it_value.tv_sec <= 1000);
		its.it_value = (struct timespec){1, 0};
		CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL), 0);
		CHECK_EQ(read(fd, &n, 8), 8);
		close(fd);
	}
}

TEST(timerfd)
{
	enter_later();
	CHECK_EQ(in_child(timerfd_inside), 0);
}

static void timers_inside(void)
{
	static const int which[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 2; i++) {
		struct itimerspec its = {.it_value = ahead(which[i])}, old;
		int64_t until = its.it_value.tv_sec * 1000000000ll + its.it_value.tv_nsec;
		timer_t id;
		siginfo_t info;

		CHECK_EQ(timer_create(which[i], &ev, &id), 0);
		CHECK_EQ(timer_settime(id, TIMER_ABSTIME, &its, NULL), 0);
		CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
		CHECK(clock_ns(which[i]) >= until);
		its.it_value.tv_sec += 1000;
		CHECK_EQ(timer_settime(id, TIMER_ABSTIME, &its, NULL), 0);
		CHECK_EQ(timer_gettime(id, &old), 0);
		CHECK(old.it_value.tv_sec > 0 && old.it_value.tv_sec <= 1000);
		CHECK_EQ(timer_delete(id), 0);
	}
}

TEST(posix_timers)
{
	enter_later();
	CHECK_EQ(in_child(timers_inside), 0);
}

static long futex(uint32_t *at, int op, uint32_t val, const struct timespec *ts)
{
	return syscall(SYS_futex, at, op, val, ts, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void futex_inside(void)
{
	static uint32_t word;
	uint32_t *lock =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec at = ahead(CLOCK_MONOTONIC);
	int64_t until = at.tv_sec * 1000000000ll + at.tv_nsec;

	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &at), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= until);
	struct timespec rel = {0, 1000000};

	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &rel), ETIMEDOUT);
	struct futex_waitv v = {.uaddr = (uintptr_t)&word, .flags = FUTEX_32};

	at = ahead(CLOCK_MONOTONIC);
	until = at.tv_sec * 1000000000ll + at.tv_nsec;
	CHECK_ERR(syscall(SYS_futex_waitv, &v, 1, 0, &at, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= until);
	at = ahead(CLOCK_REALTIME);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at), ETIMEDOUT);
	/* A lock that somebody else holds. */
	int gate[2];
	char c;

	REQUIRE(!pipe(gate));
	pid_t pid = fork();

	if (!pid) {
		futex(lock, FUTEX_LOCK_PI, 0, NULL);
		if (write(gate[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	CHECK_EQ(read(gate[0], &c, 1), 1);
	at = ahead(CLOCK_REALTIME);
	CHECK_ERR(futex(lock, FUTEX_LOCK_PI, 0, &at), ETIMEDOUT);
	at = ahead(CLOCK_MONOTONIC);
	until = at.tv_sec * 1000000000ll + at.tv_nsec;
	CHECK_ERR(futex(lock, FUTEX_LOCK_PI2_, 0, &at), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= until);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(futexes)
{
	enter_later();
	CHECK_EQ(in_child(futex_inside), 0);
}

TEST(setns_file)
{
	int old = ns_file("time");

	enter_later();
	int fd = ns_file("time_for_children");

	CHECK_ERR(setns(fd, CLONE_NEWUTS), EINVAL);
	unsigned long new = ns_ino("time_for_children");

	/* Both at once; the vDSO of this very program follows. */
	CHECK_EQ(setns(fd, CLONE_NEWTIME), 0);
	CHECK_EQ(ns_ino("time"), new);
	CHECK_EQ(ns_ino("time_for_children"), new);
	clocks_inside();
	write_late();
	CHECK_EQ(in_child(clocks_inside), 0);
	CHECK_EQ(setns(old, 0), 0);
	CHECK(libc_ns(CLOCK_MONOTONIC) - outside[0] < 1000 * 1000000000ll);
	CHECK(clock_ns(CLOCK_MONOTONIC) - outside[0] < 1000 * 1000000000ll);
}

static int gate[2];

static void *waits(void *arg)
{
	char c;

	(void)!read(gate[0], &c, 1);
	return arg;
}

TEST(setns_with_threads)
{
	int fd = ns_file("time");
	pthread_t t;

	REQUIRE(!pipe(gate));
	REQUIRE(!pthread_create(&t, NULL, waits, NULL));
	CHECK_ERR(setns(fd, CLONE_NEWTIME), EUSERS);
	/* Where one's children will be is nobody else's business. */
	CHECK_EQ(unshare(CLONE_NEWTIME), 0);
	(void)!write(gate[1], "x", 1);
	pthread_join(t, NULL);
}

TEST(setns_pidfd)
{
	int up[2], down[2];
	char c;

	REQUIRE(!pipe(up) && !pipe(down));
	pid_t pid = fork();

	if (!pid) {
		int err = unshare(CLONE_NEWTIME) || write_offsets("1 100000 0\n7 700000 0\n") < 0;
		pid_t inner = fork();

		if (!inner) {
			if (err || write(up[1], "x", 1) != 1 || read(down[0], &c, 1) < 0)
				_exit(1);
			_exit(0);
		}
		_exit(reap(inner));
	}
	for (size_t i = 0; i < CLOCKS; i++)
		outside[i] = libc_ns(clocks[i].clock);
	sysinfo(&outside_info);
	CHECK_EQ(read(up[0], &c, 1), 1);
	/* The middle process lives in the old time. */
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	CHECK_EQ(setns(fd, CLONE_NEWTIME | CLONE_NEWUTS), 0);
	CHECK(clock_ns(CLOCK_MONOTONIC) - outside[0] < 1000 * 1000000000ll);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/time_for_children", pid);
	int children = open(path, O_RDONLY);

	CHECK_EQ(setns(children, CLONE_NEWTIME), 0);
	clocks_inside();
	CHECK_EQ(write(down[1], "x", 1), 1);
	CHECK_EQ(reap(pid), 0);
}

TEST(clone3_makes_one)
{
	unsigned long old = ns_ino("time");
	struct clone_args a = {.flags = CLONE_NEWTIME, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (!pid) {
		/* The child is the first inside: too late for offsets. */
		unsigned long mine = ns_ino("time");

		CHECK(mine != old);
		CHECK_EQ(ns_ino("time_for_children"), mine);
		CHECK_ERR(write_offsets("monotonic 1 0\n"), EACCES);
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK(pid > 0);
	CHECK_EQ(reap(pid), 0);
	CHECK_EQ(ns_ino("time_for_children"), old);
}

static void inherits(void)
{
	char buf[128];

	CHECK_EQ(unshare(CLONE_NEWTIME), 0);
	read_offsets(buf, sizeof(buf));
	CHECK(!strcmp(buf, "monotonic      100000         0\nboottime       700000         0\n"));
	/* Offsets are from the machine's clocks. */
	CHECK_EQ(write_offsets("monotonic 5 0\n"), 14);
}

TEST(nested)
{
	enter_later();
	CHECK_EQ(in_child(inherits), 0);
}

TEST(limit)
{
	char buf[16] = "";
	int fd = open("/proc/sys/user/max_time_namespaces", O_RDWR);

	REQUIRE(fd >= 0);
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	CHECK_EQ(pwrite(fd, "0", 1, 0), 1);
	CHECK_ERR(unshare(CLONE_NEWTIME), ENOSPC);
	CHECK_EQ(pwrite(fd, buf, (size_t)n, 0), n);
	CHECK_EQ(unshare(CLONE_NEWTIME), 0);
}

static void vvar_fork(void)
{
	for (int i = 0; i < 4; i++) {
		clocks_inside();
		pid_t pid = fork();

		if (pid) {
			CHECK_EQ(reap(pid), 0);
			return;
		}
	}
	fflush(stdout);
	_exit(test_failures != 0);
}

TEST(vdso_in_descendants)
{
	enter_later();
	CHECK_EQ(in_child(vvar_fork), 0);
}

int main(int argc, char **argv)
{
	/* Executed inside by `clocks`. */
	if (argc == 4) {
		int64_t mono = libc_ns(CLOCK_MONOTONIC) / 1000000000;
		int64_t boot = libc_ns(CLOCK_BOOTTIME) / 1000000000;
		int64_t expect = atoll(argv[1]) + MONO_S;

		return mono >= expect && mono < expect + 1000 && boot >= atoll(argv[2]) + BOOT_S
			       ? 42
			       : 43;
	}
	return test_run();
}
