/*
 * Process 1 of a machine without a source of randomness: what no system call may wait for, what
 * waits, and Debian's libgcrypt in FIPS mode, which asks for random numbers as it is loaded.
 *
 * Prints "@ NAME VALUE" lines; times in microseconds. The first argument says how it goes on:
 * "library", "wait", "urandom", "poll", "credit", "killed".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GCRY_VERY_STRONG_RANDOM 2
#define GCRYCTL_FIPS_MODE_P 55

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tell(const char *name, long value)
{
	printf("@ %s %ld\n", name, value);
	fflush(stdout);
}

static long get(void *p, size_t n, unsigned int flags)
{
	long r = syscall(SYS_getrandom, p, n, flags);

	return r < 0 ? -errno : r;
}

static void tell_file(const char *name, const char *path)
{
	char buf[1024];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	buf[n < 0 ? 0 : n] = 0;
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n"))
		printf("@ %s %s\n", name, line);
}

static long slowest_us;

/* In place of the C library's, for libgcrypt: each call is timed. */
ssize_t getrandom(void *p, size_t n, unsigned int flags)
{
	long t = now_us(), r = syscall(SYS_getrandom, p, n, flags);

	t = now_us() - t;
	slowest_us = t > slowest_us ? t : slowest_us;
	return r;
}

int getentropy(void *p, size_t n)
{
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -1;
}

static void library(void)
{
	unsigned char key[32] = {0};
	long t = now_us();
	void *lib = dlopen("libgcrypt.so.20", RTLD_NOW);

	if (!lib) {
		printf("@ error %s\n", dlerror());
		return;
	}
	const char *(*check)(const char *) =
		(const char *(*)(const char *))dlsym(lib, "gcry_check_version");
	int (*control)(int, ...) = (int (*)(int, ...))dlsym(lib, "gcry_control");
	void (*randomize)(void *, size_t, int) =
		(void (*)(void *, size_t, int))dlsym(lib, "gcry_randomize");

	tell("loaded_us", now_us() - t);
	t = now_us();
	printf("@ libgcrypt %s\n", check(NULL));
	tell("fips", control(GCRYCTL_FIPS_MODE_P, 0) != 0);
	randomize(key, sizeof(key), GCRY_VERY_STRONG_RANDOM);
	tell("key_us", now_us() - t);
	tell("slowest_us", slowest_us);
	tell("key_is_zero", !memcmp(key, (unsigned char[32]){0}, 32));
}

static void wait_for_it(void)
{
	char buf[32];

	tell("waited", get(buf, sizeof(buf), 0));
}

static void urandom(void)
{
	char buf[32];
	int fd = open("/dev/urandom", O_RDONLY);

	tell("urandom", read(fd, buf, sizeof(buf)));
	close(fd);
}

static volatile int ios;

static void on_io(int sig)
{
	(void)sig;
	ios++;
}

static void poll_for_it(void)
{
	char b;
	struct pollfd p = {.fd = open("/dev/random", O_RDWR | O_NONBLOCK),
			   .events = POLLIN | POLLOUT};

	signal(SIGIO, on_io);
	fcntl(p.fd, F_SETOWN, getpid());
	fcntl(p.fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	tell("poll_before", poll(&p, 1, 0) == 1 ? p.revents : -1);
	p.events = POLLIN;
	int n;

	while ((n = poll(&p, 1, 10000)) < 0 && errno == EINTR)
		;
	tell("poll", n == 1 ? p.revents : -1);
	for (int i = 0; i < 10000 && !ios; i++)
		usleep(1000);
	tell("sigio", ios);
	tell("read", read(p.fd, &b, 1));
	close(p.fd);
}

/* What systemd-random-seed does with a seed that it trusts. */
static void credit(void)
{
	struct {
		int bits, size;
		char data[32];
	} info = {.size = 32};
	int fd = open("/dev/urandom", O_RDWR), n = 999;

	for (int i = 0; i < 3; i++) {
		info.bits = i ? 128 : 0;
		tell("credited", ioctl(fd, RNDADDENTROPY, &info));
		ioctl(fd, RNDGETENTCNT, &n);
		tell("count", n);
	}
	errno = 0;
	tell("reseed", ioctl(fd, RNDRESEEDCRNG, 0));
	close(fd);
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* Who waits can be interrupted and killed; it goes on with what was gathered. */
static void killed(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval it = {.it_value = {.tv_usec = 1000}};
	char buf[16];
	int status;
	pid_t pid = fork();

	if (!pid) {
		get(buf, sizeof(buf), 0);
		pause();
	}
	usleep(1000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tell("child_status", status);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	/* -EINTR, or done before the signal */
	tell("interrupted", get(buf, sizeof(buf), 0));
	while (!alarms)
		pause();
	wait_for_it();
}

static void before(void)
{
	char buf[64];
	int fd = open("/dev/random", O_RDWR | O_NONBLOCK), n = -1;

	tell("insecure", get(buf, sizeof(buf), GRND_INSECURE));
	tell("insecure_nonblock", get(buf, sizeof(buf), GRND_INSECURE | GRND_NONBLOCK));
	tell("bad_flags", get(buf, sizeof(buf), 8));
	tell("write", write(fd, "x", 1));
	ioctl(fd, RNDGETENTCNT, &n);
	tell("count_before", n);
	errno = 0;
	ioctl(fd, RNDRESEEDCRNG, 0);
	tell("reseed_before", -errno);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {{"library", library},  {"wait", wait_for_it}, {"urandom", urandom},
		    {"poll", poll_for_it}, {"credit", credit},	  {"killed", killed}};
	char buf[16];

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	before();
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		tell("nonblock_before", get(buf, sizeof(buf), GRND_NONBLOCK));
		long t = now_us();

		ways[i].run();
		tell("took_us", now_us() - t);
	}
	tell("nonblock", get(buf, sizeof(buf), GRND_NONBLOCK));
	tell_file("ready_us", "/sys/kernel/random/ready_us");
	tell_file("ready_by", "/sys/kernel/random/ready_by");
	tell_file("source", "/sys/kernel/random/sources");
	printf("@ end 0\n");
	fflush(stdout);
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 0;
}
