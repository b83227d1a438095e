/* Clocks, sleeping, interval timers, POSIX timers. */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

static int64_t now_ns(clockid_t c)
{
	struct timespec ts;

	if (clock_gettime(c, &ts))
		return -1;
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t now_ns_call(clockid_t c)
{
	struct timespec ts;

	if (syscall(SYS_clock_gettime, c, &ts))
		return -1;
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

TEST(clocks_exist_and_advance)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI,
	};

	for (unsigned int i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int64_t a = now_ns(clocks[i]), b = now_ns_call(clocks[i]);

		CHECK(a >= 0);
		CHECK(b >= a - 8000000);
		CHECK(now_ns(clocks[i]) >= b - 8000000);
	}
	CHECK_ERR(syscall(SYS_clock_gettime, 10, &(struct timespec){0}), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, 99, &(struct timespec){0}), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)8), EFAULT);
}

/* The vDSO and the system call read one clock. */
TEST(vdso_agrees_with_the_call)
{
	for (int i = 0; i < 1000; i++) {
		int64_t a = now_ns_call(CLOCK_MONOTONIC), b = now_ns(CLOCK_MONOTONIC),
			c = now_ns_call(CLOCK_MONOTONIC);

		CHECK(a <= b && b <= c);
		a = now_ns_call(CLOCK_REALTIME);
		b = now_ns(CLOCK_REALTIME);
		CHECK(a <= b);
		if (test_failures)
			break;
	}
	struct timeval tv;
	int64_t real = now_ns(CLOCK_REALTIME);

	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	CHECK(tv.tv_sec * 1000000000ll + tv.tv_usec * 1000 + 1000 >= real);
	CHECK(labs(time(NULL) - tv.tv_sec) <= 1);
}

/* Call, vDSO and the times of files are of one kind. */
TEST(coarse_clocks_are_in_sequence)
{
	const clockid_t coarse[] = {CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
	char path[] = "/tmp/coarse-XXXXXX";
	struct stat st;

	for (int i = 0; i < 2000; i++) {
		clockid_t clock = coarse[i % 2];
		int64_t a = now_ns_call(clock), b = now_ns(clock), c = now_ns_call(clock);

		CHECK(a <= b && b <= c);
		if (test_failures)
			break;
	}
	int64_t before = now_ns(CLOCK_REALTIME_COARSE);
	int fd = mkstemp(path);

	REQUIRE(fd >= 0);
	REQUIRE(fstat(fd, &st) == 0);
	int64_t mtime = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;

	CHECK(before <= mtime && mtime <= now_ns(CLOCK_REALTIME_COARSE));
	close(fd);
	unlink(path);
}

TEST(resolutions)
{
	struct timespec ts;

	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts), 0);
	CHECK_EQ(ts.tv_sec, 0);
	CHECK_EQ(ts.tv_nsec, 1);
	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, &ts), 0);
	CHECK(ts.tv_nsec >= 1000000 && ts.tv_nsec <= 10000000);
	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL), 0);
	CHECK_ERR(syscall(SYS_clock_getres, 77, &ts), EINVAL);
}

TEST(cpu_clocks_count)
{
	clockid_t c;
	int64_t before = now_ns(CLOCK_PROCESS_CPUTIME_ID), after;
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	while (now_ns(CLOCK_MONOTONIC) - begin < 20000000)
		;
	after = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(after > before);
	CHECK_EQ(clock_getcpuclockid(getpid(), &c), 0);
	CHECK(now_ns(c) >= after);
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &c), 0);
	CHECK(now_ns(c) > 0);
	CHECK(clock_getcpuclockid(999999, &c) == ESRCH);
}

static void nothing(int sig)
{
	(void)sig;
}

TEST(nanosleep_sleeps)
{
	struct timespec ts = {0, 3000000}, rem = {7, 7};
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	CHECK_EQ(nanosleep(&ts, &rem), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 3000000);
	ts.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_nanosleep, &ts, NULL), EINVAL);
	ts = (struct timespec){-1, 0};
	CHECK_ERR(syscall(SYS_nanosleep, &ts, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, (void *)8, NULL), EFAULT);
	ts = (struct timespec){0, 0};
	CHECK_EQ(syscall(SYS_nanosleep, &ts, NULL), 0);
}

TEST(interrupted_sleep_tells_the_rest)
{
	struct sigaction sa = {.sa_handler = nothing};
	/* Again and again: one comes while we sleep, however slow the machine is. */
	struct itimerval it = {.it_value = {0, 5000}, .it_interval = {0, 20000}}, off = {0};
	struct timespec ts = {5000, 0}, rem = {0, 0};

	sigaction(SIGALRM, &sa, NULL);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERR(nanosleep(&ts, &rem), EINTR);
	CHECK(rem.tv_sec > 4000 && rem.tv_sec < 5000);
	rem.tv_sec = 0;
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem), EINTR);
	CHECK(rem.tv_sec > 4000 && rem.tv_sec < 5000);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
}

TEST(absolute_sleep)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					   CLOCK_TAI};

	for (int i = 0; i < 4; i++) {
		int64_t until = now_ns(clocks[i]) + 3000000;
		struct timespec ts = {until / 1000000000, until % 1000000000};

		CHECK_EQ(clock_nanosleep(clocks[i], TIMER_ABSTIME, &ts, NULL), 0);
		CHECK(now_ns(clocks[i]) >= until);
		CHECK_EQ(clock_nanosleep(clocks[i], TIMER_ABSTIME, &ts, NULL), 0);
	}
	struct timespec ts = {0, 0};

	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &ts, NULL), ENOTSUP);
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
	CHECK_EQ(clock_nanosleep(55, 0, &ts, NULL), EINVAL);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
	(void)sig;
	alarms++;
}

TEST(interval_timer_repeats)
{
	struct sigaction sa = {.sa_handler = count_alarm};
	struct itimerval it = {{0, 2000}, {0, 2000}}, old;

	sigaction(SIGALRM, &sa, NULL);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, &old), 0);
	while (alarms < 5)
		pause();
	CHECK_EQ(getitimer(ITIMER_REAL, &it), 0);
	CHECK_EQ(it.it_interval.tv_usec, 2000);
	CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_usec <= 2000);
	it = (struct itimerval){0};
	CHECK_EQ(setitimer(ITIMER_REAL, &it, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 2000);
	CHECK_EQ(getitimer(ITIMER_REAL, &it), 0);
	CHECK_EQ(it.it_value.tv_usec, 0);
	it.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	CHECK_ERR(setitimer(9, NULL, NULL), EINVAL);
	CHECK_ERR(getitimer(3, &it), EINVAL);
}

TEST(alarm_tells_what_was_left)
{
	alarm(0);
	CHECK_EQ(alarm(10), 0);
	unsigned int left = alarm(0);

	CHECK(left == 10 || left == 9);
	CHECK_EQ(alarm(0), 0);
}

TEST(cpu_time_timer)
{
	struct sigaction sa = {.sa_handler = count_alarm};
	struct itimerval it = {{0, 0}, {0, 20000}};
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	sigaction(SIGPROF, &sa, NULL);
	alarms = 0;
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	while (!alarms && now_ns(CLOCK_MONOTONIC) - begin < 10000000000ll)
		;
	CHECK_EQ(alarms, 1);
}

TEST(cpu_limit_kills)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct rlimit r = {1, 2};

		alarm(0);
		setrlimit(RLIMIT_CPU, &r);
		for (;;)
			;
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}

static volatile sig_atomic_t timer_value, timer_code, timer_hits;

static void on_timer(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)uc;
	timer_hits++;
	timer_value = info->si_value.sival_int;
	timer_code = info->si_code;
}

TEST(posix_timer_signals)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct itimerspec it = {{0, 0}, {0, 2000000}}, old;
	timer_t t;

	ev.sigev_value.sival_int = 4711;
	sigaction(SIGRTMIN + 1, &sa, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
	CHECK_EQ(timer_gettime(t, &it), 0);
	CHECK_EQ(it.it_value.tv_nsec, 0);
	it.it_value.tv_nsec = 2000000;
	CHECK_EQ(timer_settime(t, 0, &it, &old), 0);
	while (!timer_hits)
		pause();
	CHECK_EQ(timer_value, 4711);
	CHECK_EQ(timer_code, SI_TIMER);
	CHECK_EQ(timer_getoverrun(t), 0);
	it.it_value.tv_nsec = -1;
	CHECK_ERR(timer_settime(t, 0, &it, NULL), EINVAL);
	CHECK_EQ(timer_delete(t), 0);
	CHECK_ERR(syscall(SYS_timer_delete, 12345), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, 88, NULL, &t), EINVAL);
	ev.sigev_signo = 70;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &t), EINVAL);
}

TEST(posix_timer_overruns)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec it = {{0, 1000000}, {0, 1000000}};
	struct timespec ts = {0, 30000000};
	sigset_t set;
	timer_t t;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	nanosleep(&ts, NULL);
	timer_hits = 0;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	int over = timer_getoverrun(t);

	CHECK(timer_hits >= 1);
	CHECK(over >= 0);
	CHECK_EQ(timer_delete(t), 0);
}

TEST(posix_timer_without_signal)
{
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	struct itimerspec it = {{0, 0}, {100, 0}};
	timer_t t;

	CHECK_EQ(timer_create(CLOCK_REALTIME, &ev, &t), 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	CHECK_EQ(timer_gettime(t, &it), 0);
	CHECK(it.it_value.tv_sec == 99 || it.it_value.tv_sec == 100);
	CHECK_EQ(timer_delete(t), 0);
}

TEST(adjtimex_reads)
{
	struct timex tx = {.modes = 0};
	int r = adjtimex(&tx);

	CHECK(r >= 0);
	CHECK(tx.tick >= 9000 && tx.tick <= 11000);
	CHECK(labs(tx.time.tv_sec - time(NULL)) <= 1);
	CHECK_ERR(adjtimex((struct timex *)8), EFAULT);
}

TEST(setting_needs_privilege)
{
	struct timespec ts = {1000000000, 0};

	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &ts), EINVAL);
	ts.tv_nsec = -1;
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &ts), EINVAL);
	if (!getuid() && setuid(1000))
		return;
	ts.tv_nsec = 0;
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &ts), EPERM);
	CHECK_ERR(syscall(SYS_settimeofday, NULL, &(struct timezone){0}), EPERM);
	/* Of all modes only reading what adjtime(3) has left to do is free, and not together with a
	 * step. */
	for (unsigned int modes = 1; modes < 0x10000; modes++) {
		struct timex tx = {.modes = modes, .time = {1000, 0}, .tick = 10000};
		int ret = adjtimex(&tx);

		if ((modes & 0xa001) == 0xa001 && !(modes & ADJ_SETOFFSET))
			CHECK(ret >= 0);
		else
			CHECK(ret < 0);
	}
}

int main(void)
{
	return test_run();
}
