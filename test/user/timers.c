/* Timers that repeat faster than anybody looks; ignored signals; limits of real-time run time. */
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static volatile int hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000}, rest;

	while (nanosleep(&t, &rest) && errno == EINTR)
		t = rest;
}

static timer_t make(int signo)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signo};
	timer_t t;

	REQUIRE(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	return t;
}

static void arm(timer_t t, long first_ns, long period_ns)
{
	struct itimerspec it = {{0, period_ns}, {0, first_ns}};

	REQUIRE(timer_settime(t, 0, &it, NULL) == 0);
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(how, &set, NULL);
}

/* A period of a nanosecond, nobody takes the signal: the machine goes on, overruns count. */
TEST(shortest_period)
{
	struct timespec none = {0, 0};
	sigset_t set;
	siginfo_t info;
	timer_t t = make(SIGUSR1);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	block(SIG_BLOCK, SIGUSR1);
	arm(t, 1, 1);
	sleep_ms(50);
	CHECK_EQ(sigtimedwait(&set, &info, &none), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK(info.si_overrun > 1000000);
	CHECK_EQ(timer_getoverrun(t), info.si_overrun);
	CHECK_EQ(timer_delete(t), 0);
}

TEST(overruns_are_periods)
{
	sigset_t set;
	siginfo_t info;
	timer_t t = make(SIGUSR1);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	block(SIG_BLOCK, SIGUSR1);
	arm(t, 10000000, 10000000);
	sleep_ms(105);
	REQUIRE(sigwaitinfo(&set, &info) == SIGUSR1);
	CHECK(info.si_overrun >= 9);
	int first = info.si_overrun;

	/* The next one comes a period later at most, on the same grid. */
	REQUIRE(sigwaitinfo(&set, &info) == SIGUSR1);
	CHECK(info.si_overrun <= first);
	CHECK_EQ(timer_delete(t), 0);
}

TEST(ignored_then_handled)
{
	timer_t t = make(SIGUSR1);

	signal(SIGUSR1, SIG_IGN);
	arm(t, 1000000, 1000000);
	sleep_ms(50);
	signal(SIGUSR1, count);
	for (int i = 0; i < 200 && hits < 3; i++)
		sleep_ms(10);
	CHECK(hits >= 3);
	CHECK_EQ(timer_delete(t), 0);
}

TEST(interval_timer_waits_for_its_signal)
{
	struct itimerval it = {{0, 1}, {0, 1}};

	signal(SIGALRM, count);
	block(SIG_BLOCK, SIGALRM);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	sleep_ms(50);
	CHECK_EQ(hits, 0);
	block(SIG_UNBLOCK, SIGALRM);
	sleep_ms(20);
	CHECK(hits >= 2);
	memset(&it, 0, sizeof(it));
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	int then = hits;

	sleep_ms(20);
	CHECK(hits <= then + 1);
}

TEST(real_time_limit)
{
	struct rlimit64 {
		unsigned long long cur, max;
	} r = {100000, 400000};
	struct sched_param sp = {.sched_priority = 5};
	int st;

	if (getuid())
		return;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGXCPU, count);
		if (syscall(SYS_prlimit64, 0, RLIMIT_RTTIME, &r, NULL) ||
		    sched_setscheduler(0, SCHED_FIFO, &sp))
			_exit(1);
		while (!hits)
			;
		struct rlimit now;

		getrlimit(RLIMIT_RTTIME, &now);
		if (now.rlim_cur != 1100000)
			_exit(2);
		for (;;)
			;
	}
	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

static long us_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000000 + (to->tv_nsec - from->tv_nsec) / 1000;
}

/* By the two readings that were least disturbed. */
static long real_minus_mono_us(void)
{
	struct timespec before, real, after;
	long best = 0, shortest = -1;

	for (int i = 0; i < 50; i++) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		clock_gettime(CLOCK_REALTIME, &real);
		clock_gettime(CLOCK_MONOTONIC, &after);
		long took = us_between(&before, &after);

		if (shortest < 0 || took < shortest) {
			shortest = took;
			best = us_between(&before, &real);
		}
	}
	return best;
}

/* adjtime(3) does not step the clock: half a millisecond a second. */
TEST(adjtime_slews)
{
	struct timex tx = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = 100000};
	long before;

	if (!in_test_machine())
		return;
	before = real_minus_mono_us();
	CHECK(adjtimex(&tx) >= 0);
	CHECK_EQ(tx.offset, 0);
	CHECK(labs(real_minus_mono_us() - before) < 5000);
	tx.modes = ADJ_OFFSET_SS_READ;
	CHECK(adjtimex(&tx) >= 0);
	CHECK(tx.offset <= 100000 && tx.offset >= 99000);
	sleep_ms(3200);
	CHECK(adjtimex(&tx) >= 0);
	CHECK(tx.offset <= 99000 && tx.offset >= 97000);
	tx.modes = ADJ_OFFSET_SINGLESHOT;
	tx.offset = 0;
	CHECK(adjtimex(&tx) >= 0);
	CHECK(tx.offset > 90000);
	tx.modes = ADJ_OFFSET_SS_READ;
	CHECK(adjtimex(&tx) >= 0);
	CHECK_EQ(tx.offset, 0);
	CHECK(labs(real_minus_mono_us() - before) < 5000);
}

int main(void)
{
	return test_run();
}
