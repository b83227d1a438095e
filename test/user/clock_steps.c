/*
 * The wall clock is set while something waits for a time of it: whoever waits until a moment wakes
 * when the clock says so, neither before nor only when the old distance has passed. Timers that
 * want to hear of it do.
 */
#include "test.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <linux/futex.h>

#define FAR 100000 /* seconds: nobody waits that long */

/* Waits until @t of the wall clock; 0, or what is wrong. */
typedef int (*wait_fn)(const struct timespec *t);

static int by_futex(const struct timespec *t)
{
	static uint32_t word;
	long r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, t, NULL,
			 FUTEX_BITSET_MATCH_ANY);

	return r == -1 && errno == ETIMEDOUT ? 0 : 1;
}

static int by_pi_futex(const struct timespec *t)
{
	static uint32_t word = 1; /* init's, which never unlocks */
	long r = syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, t, NULL, 0);

	return r == -1 && errno == ETIMEDOUT ? 0 : 1;
}

static int by_futex_waitv(const struct timespec *t)
{
	static uint32_t word;
	struct futex_waitv v = {.uaddr = (uintptr_t)&word, .flags = FUTEX_32};
	long r = syscall(449 /* SYS_futex_waitv */, &v, 1, 0, t, CLOCK_REALTIME);

	return r == -1 && errno == ETIMEDOUT ? 0 : 1;
}

static int by_nanosleep(const struct timespec *t)
{
	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, t, NULL);
}

static int by_condition(const struct timespec *t)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;

	pthread_mutex_lock(&m);
	return pthread_cond_timedwait(&c, &m, t) == ETIMEDOUT ? 0 : 1;
}

static int by_mqueue(const struct timespec *t)
{
	mqd_t q = mq_open("/steps", O_CREAT | O_RDWR, 0600, NULL);
	static char text[8192];

	if (q < 0)
		return 1;
	mq_unlink("/steps");
	return mq_timedreceive(q, text, sizeof(text), NULL, t) == -1 && errno == ETIMEDOUT ? 0 : 1;
}

static int by_timerfd(const struct timespec *t)
{
	struct itimerspec it = {.it_value = *t};
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	uint64_t n = 0;

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL))
		return 1;
	return read(fd, &n, sizeof(n)) == sizeof(n) && n == 1 ? 0 : 1;
}

static int by_timer(const struct timespec *t)
{
	struct itimerspec it = {.it_value = *t};
	sigset_t set;
	timer_t id;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_REALTIME, NULL, &id) || timer_settime(id, TIMER_ABSTIME, &it, NULL))
		return 1;
	return sigwait(&set, &sig);
}

static const struct {
	const char *name;
	wait_fn fn;
} waiters[] = {
	{"futex", by_futex},
	{"PI futex", by_pi_futex},
	{"futex_waitv", by_futex_waitv},
	{"clock_nanosleep", by_nanosleep},
	{"condition", by_condition},
	{"mq_timedreceive", by_mqueue},
	{"timerfd", by_timerfd},
	{"timer", by_timer},
};
#define WAITERS (sizeof(waiters) / sizeof(waiters[0]))

static time_t started_real, started_mono;

static time_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec;
}

static void set_wall(time_t sec)
{
	struct timespec t = {.tv_sec = sec};

	REQUIRE(clock_settime(CLOCK_REALTIME, &t) == 0);
}

static void remember(void)
{
	started_real = now(CLOCK_REALTIME);
	started_mono = now(CLOCK_MONOTONIC);
}

static void put_right(void)
{
	set_wall(started_real + now(CLOCK_MONOTONIC) - started_mono);
}

/* 'S' in the state of /proc/PID/stat. */
static int sleeps(pid_t pid)
{
	char path[64], text[512] = "", *p;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	close(fd);
	p = strrchr(text, ')');
	return p && p[1] && p[2] == 'S';
}

/* Children that wait until @sec; they exit with 0 if the clock does say so when they wake. */
static void start(time_t sec, pid_t pid[WAITERS])
{
	for (size_t i = 0; i < WAITERS; i++) {
		pid[i] = fork();
		REQUIRE(pid[i] >= 0);
		if (!pid[i]) {
			struct timespec t = {.tv_sec = sec};
			int wrong = waiters[i].fn(&t);

			_exit(wrong ? 1 : now(CLOCK_REALTIME) >= sec ? 0 : 2);
		}
	}
	for (size_t i = 0; i < WAITERS; i++) {
		while (!sleeps(pid[i]))
			usleep(1000);
	}
}

static void all_end_well(const pid_t pid[WAITERS])
{
	for (size_t i = 0; i < WAITERS; i++) {
		int status;

		REQUIRE(waitpid(pid[i], &status, 0) == pid[i]);
		if (status)
			printf("# %s: status %#x\n", waiters[i].name, status);
		CHECK_EQ(status, 0);
	}
}

/* What was far away has passed. */
TEST(clock_goes_beyond)
{
	pid_t pid[WAITERS];

	if (!in_test_machine())
		return;
	remember();
	start(started_real + FAR, pid);
	set_wall(started_real + FAR + 10);
	all_end_well(pid);
	put_right();
}

/* What was near is far again: who wakes at the old moment is too early, and says so. */
TEST(clock_goes_back)
{
	pid_t pid[WAITERS];

	if (!in_test_machine())
		return;
	remember();
	start(started_real + FAR, pid);
	set_wall(started_real + FAR - 2);
	set_wall(started_real);
	sleep(3);
	set_wall(started_real + FAR);
	all_end_well(pid);
	put_right();
}

/* Distances are not moments: these clocks do not step. */
TEST(distances_stay)
{
	struct timespec short_time = {.tv_nsec = 200000000};
	struct itimerspec it = {.it_value = {.tv_sec = FAR}}, left;
	int relative = timerfd_create(CLOCK_REALTIME, 0), mono = timerfd_create(CLOCK_MONOTONIC, 0);
	struct sigevent silent = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer;

	if (!in_test_machine())
		return;
	remember();
	REQUIRE(timerfd_settime(relative, 0, &it, NULL) == 0);
	REQUIRE(timerfd_settime(mono, TFD_TIMER_ABSTIME, &it, NULL) == 0);
	REQUIRE(timer_create(CLOCK_REALTIME, &silent, &timer) == 0);
	REQUIRE(timer_settime(timer, 0, &it, NULL) == 0);
	set_wall(started_real + 2 * FAR);
	CHECK_EQ(timerfd_gettime(relative, &left), 0);
	CHECK(left.it_value.tv_sec > FAR - 100 && left.it_value.tv_sec <= FAR);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec > FAR - 100 && left.it_value.tv_sec <= FAR);
	struct pollfd p[] = {{.fd = relative, .events = POLLIN}, {.fd = mono, .events = POLLIN}};

	CHECK_EQ(poll(p, 2, 0), 0);
	set_wall(started_real - FAR);
	CHECK_EQ(poll(p, 2, 0), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec > FAR - 100 && left.it_value.tv_sec <= FAR);
	/* From a distance to a moment: what was left is told of the former. */
	it.it_value.tv_sec = started_real + FAR;
	CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &it, &left), 0);
	CHECK(left.it_value.tv_sec > FAR - 100 && left.it_value.tv_sec <= FAR);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec > 2 * FAR - 100 && left.it_value.tv_sec <= 2 * FAR);
	/* Would take a day if it was counted by the wall clock. */
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &short_time, NULL), 0);
	put_right();
}

/* ---- TFD_TIMER_CANCEL_ON_SET ---- */

#define CANCEL (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)

static int armed(int clock, int flags, time_t sec)
{
	struct itimerspec it = {.it_value.tv_sec = sec};
	int fd = timerfd_create(clock, TFD_NONBLOCK);

	REQUIRE(fd >= 0 && timerfd_settime(fd, flags, &it, NULL) == 0);
	return fd;
}

static int readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0);
}

TEST(cancel_tells_of_a_step)
{
	struct itimerspec it = {.it_value.tv_sec = FAR};
	uint64_t n;

	if (!in_test_machine())
		return;
	remember();
	it.it_value.tv_sec += started_real;
	int fd = armed(CLOCK_REALTIME, CANCEL, started_real + FAR);

	CHECK_EQ(readable(fd), 0);
	CHECK_ERR(read(fd, &n, sizeof(n)), EAGAIN);
	set_wall(started_real + 5);
	CHECK_EQ(readable(fd), 1);
	CHECK_ERR(read(fd, &n, sizeof(n)), ECANCELED);
	/* Said once; the timer goes on, and hears of the next step too. */
	CHECK_EQ(readable(fd), 0);
	CHECK_ERR(read(fd, &n, sizeof(n)), EAGAIN);
	set_wall(started_real - 5);
	CHECK_ERR(read(fd, &n, sizeof(n)), ECANCELED);
	set_wall(started_real + FAR + 1);
	CHECK_ERR(read(fd, &n, sizeof(n)), ECANCELED);
	/* Arming it says what happened since the last time, and arms it. */
	set_wall(started_real);
	CHECK_ERR(timerfd_settime(fd, CANCEL, &it, NULL), ECANCELED);
	CHECK_EQ(timerfd_settime(fd, CANCEL, &it, NULL), 0);
	CHECK_ERR(read(fd, &n, sizeof(n)), EAGAIN);
	/* Without the flag it is silent from then on. */
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL), 0);
	set_wall(started_real + 7);
	CHECK_EQ(readable(fd), 0);
	CHECK_ERR(read(fd, &n, sizeof(n)), EAGAIN);
	put_right();
}

/* Only who asks for a moment of the wall clock. */
TEST(cancel_needs_a_moment_of_the_wall_clock)
{
	uint64_t n;

	if (!in_test_machine())
		return;
	remember();
	int relative = armed(CLOCK_REALTIME, TFD_TIMER_CANCEL_ON_SET, FAR);
	int mono = armed(CLOCK_MONOTONIC, CANCEL, now(CLOCK_MONOTONIC) + FAR);
	int boot = armed(CLOCK_BOOTTIME, CANCEL, now(CLOCK_BOOTTIME) + FAR);

	set_wall(started_real + 5);
	CHECK_ERR(read(relative, &n, sizeof(n)), EAGAIN);
	CHECK_ERR(read(mono, &n, sizeof(n)), EAGAIN);
	CHECK_ERR(read(boot, &n, sizeof(n)), EAGAIN);
	put_right();
}

/* One that has expired, or was never set going, hears of it as well. */
TEST(cancel_of_an_idle_timer)
{
	uint64_t n = 0;

	if (!in_test_machine())
		return;
	remember();
	int past = armed(CLOCK_REALTIME, CANCEL, 1), none = armed(CLOCK_REALTIME, CANCEL, 0);

	while (!readable(past))
		usleep(1000);
	CHECK_EQ(read(past, &n, sizeof(n)), sizeof(n));
	CHECK_EQ(n, 1);
	CHECK_ERR(read(past, &n, sizeof(n)), EAGAIN);
	set_wall(started_real + 5);
	CHECK_ERR(read(past, &n, sizeof(n)), ECANCELED);
	CHECK_ERR(read(none, &n, sizeof(n)), ECANCELED);
	put_right();
}

TEST(cancel_wakes_a_reader)
{
	int status;

	if (!in_test_machine())
		return;
	remember();
	pid_t pid = fork();

	if (!pid) {
		struct itimerspec it = {.it_value.tv_sec = started_real + FAR};
		int fd = timerfd_create(CLOCK_REALTIME, 0);
		uint64_t n;

		if (timerfd_settime(fd, CANCEL, &it, NULL))
			_exit(1);
		_exit(read(fd, &n, sizeof(n)) == -1 && errno == ECANCELED ? 0 : 2);
	}
	while (!sleeps(pid))
		usleep(1000);
	set_wall(started_real + 5);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	put_right();
}

int main(void)
{
	return test_run();
}
