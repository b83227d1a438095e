/* Scheduling policies, affinity, yielding; getrandom; the kernel log. */
#include "test.h"
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/klog.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

TEST(priorities)
{
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(sched_get_priority_max(99), EINVAL);
	CHECK_EQ(sched_yield(), 0);
}

TEST(policy_of_self)
{
	struct sched_param p = {0};

	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(sched_getparam(0, &p), 0);
	CHECK_EQ(p.sched_priority, 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &p), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &p), 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER | SCHED_RESET_ON_FORK);
	p.sched_priority = 1;
	CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
	p.sched_priority = 0;
	CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
	CHECK_ERR(sched_setscheduler(0, 42, &p), EINVAL);
	CHECK_ERR(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
	CHECK_ERR(sched_getscheduler(999999), ESRCH);
	CHECK_ERR(sched_getparam(0, NULL), EINVAL);
}

TEST(real_time)
{
	struct sched_param p = {.sched_priority = 10};
	struct timespec ts;

	if (sched_setscheduler(0, SCHED_RR, &p)) {
		CHECK_EQ(errno, EPERM);
		return;
	}
	CHECK_EQ(sched_getscheduler(0), SCHED_RR);
	CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
	CHECK_EQ(ts.tv_nsec, 100000000);
	CHECK_EQ(sched_yield(), 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_FIFO, &p), 0);
	CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
	CHECK_EQ(ts.tv_nsec, 0);
	p.sched_priority = 20;
	CHECK_EQ(sched_setparam(0, &p), 0);
	CHECK_EQ(sched_getparam(0, &p), 0);
	CHECK_EQ(p.sched_priority, 20);
}

TEST(attributes)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t util_min, util_max;
	} a = {0};

	CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
	CHECK_EQ(a.policy, SCHED_OTHER);
	CHECK_EQ(a.size, sizeof(a));
	a.nice = 3;
	a.size = 48;
	CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &a, 8, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	a.size = 5000;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	CHECK_EQ(a.size, sizeof(a));
}

TEST(affinity)
{
	cpu_set_t all, one;
	unsigned int cpu, node;

	CPU_ZERO(&all);
	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_EQ(sched_getcpu(), i);
		CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
		CHECK_EQ(cpu, i);
	}
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 3, &one), EINVAL);
	CHECK_ERR(sched_getaffinity(999999, sizeof(one), &one), ESRCH);
}

TEST(io_priority)
{
	enum { PROCESS = 1, BE = 2 << 13, IDLE = 3 << 13 };

	CHECK_EQ(syscall(SYS_ioprio_set, PROCESS, 0, BE | 6), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, PROCESS, 0), BE | 6);
	CHECK_EQ(syscall(SYS_ioprio_set, PROCESS, getpid(), IDLE), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, PROCESS, getpid()) >> 13, 3);
	CHECK_ERR(syscall(SYS_ioprio_set, PROCESS, 0, 3), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, PROCESS, 0, 5 << 13), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, 9, 0, BE), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_get, 9, 0), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_get, PROCESS, 999999), ESRCH);
}

TEST(random_numbers)
{
	unsigned char a[300] = {0}, b[300] = {0};

	CHECK_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
	CHECK_EQ(getrandom(b, sizeof(b), GRND_RANDOM), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	CHECK_EQ(getrandom(a, 16, GRND_NONBLOCK), 16);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(a, 16, 4 /* GRND_INSECURE */), 16);
	CHECK_ERR(getrandom(a, 16, 6), EINVAL);
	CHECK_ERR(getrandom(a, 16, 8), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, 8, 16, 0), EFAULT);
	CHECK_ERR(syscall(SYS_getrandom, 8, 1000, 0), EFAULT);
}

TEST(random_large)
{
	size_t size = 1 << 20, zeros = 0;
	unsigned char *p = calloc(1, size);

	REQUIRE(p);
	CHECK_EQ(getrandom(p, size, 0), size);
	for (size_t i = 0; i < size; i++)
		zeros += !p[i];
	CHECK(zeros > 3500 && zeros < 4800);
}

TEST(random_device)
{
	unsigned char a[32], b[32];
	int fd = open("/dev/urandom", O_RDWR);

	if (fd < 0)
		return;
	CHECK_EQ(read(fd, a, sizeof(a)), sizeof(a));
	CHECK_EQ(read(fd, b, sizeof(b)), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	CHECK_EQ(write(fd, a, sizeof(a)), sizeof(a));
	close(fd);
}

TEST(kernel_log)
{
	int size = klogctl(10, NULL, 0);

	if (size < 0) {
		CHECK_EQ(errno, EPERM);
		return;
	}
	char *buf = malloc((size_t)size);

	REQUIRE(buf);
	CHECK(klogctl(3, buf, size) >= 0);
	CHECK_ERR(klogctl(3, NULL, 10), EINVAL);
	CHECK_ERR(klogctl(3, buf, -1), EINVAL);
	CHECK_ERR(klogctl(8, NULL, 9), EINVAL);
	CHECK_ERR(klogctl(99, NULL, 0), EINVAL);
}

TEST(kmsg_device)
{
	char buf[1200];
	int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK), found = 0;
	ssize_t n;

	if (fd < 0)
		return;
	CHECK_EQ(write(fd, "<13>corbel test line\n", 21), 21);
	for (int i = 0; i < 100000 && !found; i++) {
		n = read(fd, buf, sizeof(buf) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n < 0)
			break;
		buf[n] = 0;
		if (strstr(buf, ";corbel test line\n"))
			found = !strncmp(buf, "13,", 3);
	}
	CHECK(found);
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0 || (n < 0 && errno == EPIPE));
	CHECK_EQ(errno, EAGAIN);
	CHECK_ERR(lseek(fd, 5, SEEK_SET), ESPIPE);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(read(fd, buf, 4), EINVAL);
	close(fd);
}

int main(void)
{
	return test_run();
}
