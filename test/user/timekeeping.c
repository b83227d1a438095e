/* Leap seconds, the error of the clock, clocks that cannot be adjusted; slack; CPU time never goes
 * back. */
#include "test.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

static long long now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* @clock - CLOCK_MONOTONIC, by the reading that was least disturbed. */
static long long offset_us(clockid_t clock)
{
	long long best = 0, best_width = 1ll << 60;

	for (int i = 0; i < 200; i++) {
		long long before = now_us(CLOCK_MONOTONIC), there = now_us(clock);
		long long width = now_us(CLOCK_MONOTONIC) - before;

		if (width < best_width) {
			best_width = width;
			best = there - before;
		}
	}
	return best;
}

static void set_wall(time_t sec)
{
	struct timespec t = {.tv_sec = sec};

	REQUIRE(clock_settime(CLOCK_REALTIME, &t) == 0);
}

static int set_status(int status, struct timex *tx)
{
	*tx = (struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, .status = status};
	return adjtimex(tx);
}

static void wait_for_state(int state)
{
	struct timex tx = {.modes = 0};

	while (adjtimex(&tx) != state) {
		usleep(50000);
		tx.modes = 0;
	}
}

/* Sets the clock so that the day ends soon and orders a leap second for that. */
static void order(int status)
{
	struct timex tx;
	time_t midnight;

	do {
		set_status(0, &tx);
		wait_for_state(TIME_OK);
		midnight = (time(NULL) / DAY + 1) * DAY;
		set_wall(midnight - 4);
		CHECK_EQ(set_status(status, &tx), TIME_OK);
		/* It is announced when the next second begins, which has to be of this day. */
	} while (tx.time.tv_sec >= midnight - 2);
}

static void leap(int status, int announced, int move)
{
	long long real = now_us(CLOCK_REALTIME), start = now_us(CLOCK_MONOTONIC);
	struct timex tx = {.modes = ADJ_TAI, .constant = 37};
	struct itimerspec far = {.it_value.tv_sec = 4000000000ll};
	int fd, state = TIME_OK;
	unsigned long long n;

	CHECK(adjtimex(&tx) >= 0);
	order(status);
	fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) == 0);
	long long wall = offset_us(CLOCK_REALTIME), tai = offset_us(CLOCK_TAI);

	CHECK(llabs(tai - wall - 37000000) < 100000);
	while (state != TIME_WAIT) {
		int next;

		usleep(20000);
		tx.modes = 0;
		next = adjtimex(&tx);
		/* Never back, whatever is missed in between. */
		CHECK(next == TIME_OK || next == announced || (next == TIME_OOP && move < 0) ||
		      next == TIME_WAIT);
		CHECK(next == state || state == TIME_OK ||
		      (state == announced && next != TIME_OK) ||
		      (state == TIME_OOP && next == TIME_WAIT));
		CHECK_EQ(tx.tai, next == TIME_OOP || next == TIME_WAIT ? 37 - move : 37);
		state = next;
	}
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK_EQ(poll(&p, 1, 30000), 1);
	CHECK_ERR(read(fd, &n, sizeof(n)), ECANCELED);
	close(fd);
	CHECK(llabs(offset_us(CLOCK_REALTIME) - wall - move * 1000000) < 100000);
	CHECK(llabs(offset_us(CLOCK_TAI) - tai) < 100000);
	set_status(0, &tx);
	wait_for_state(TIME_OK);
	tx.modes = ADJ_TAI;
	tx.constant = 0;
	CHECK(adjtimex(&tx) >= 0);
	set_wall((real + now_us(CLOCK_MONOTONIC) - start) / 1000000);
}

TEST(second_is_inserted)
{
	if (in_test_machine())
		leap(STA_INS, TIME_INS, -1);
}

TEST(second_is_left_out)
{
	if (in_test_machine())
		leap(STA_DEL, TIME_DEL, 1);
}

TEST(setting_the_clock_ends_its_discipline)
{
	struct timex tx;

	if (!in_test_machine())
		return;
	CHECK_EQ(set_status(0, &tx), TIME_OK);
	CHECK(!(tx.status & STA_UNSYNC));
	set_wall(time(NULL));
	tx.modes = 0;
	CHECK_EQ(adjtimex(&tx), TIME_ERROR);
	CHECK(tx.status & STA_UNSYNC);
	CHECK(tx.maxerror >= 16000000 && tx.esterror >= 16000000);
}

TEST(error_grows)
{
	struct timex tx;

	if (!in_test_machine())
		return;
	CHECK_EQ(set_status(0, &tx), TIME_OK);
	sleep(2);
	usleep(200000);
	tx.modes = 0;
	adjtimex(&tx);
	CHECK(tx.maxerror >= 1000 && tx.maxerror % 500 == 0);
	CHECK_EQ(tx.esterror, 0);
}

/* An offset that built up over some seconds says how wrong the frequency is. */
TEST(phase_corrects_the_frequency)
{
	struct timex tx;
	long before;

	if (!in_test_machine())
		return;
	set_status(0, &tx);
	set_status(STA_PLL | STA_NANO, &tx);
	tx = (struct timex){.modes = ADJ_NANO | ADJ_TIMECONST | ADJ_FREQUENCY, .constant = 2};
	CHECK(adjtimex(&tx) >= 0);
	CHECK_EQ(tx.constant, 2);
	CHECK_EQ(tx.freq, 0);
	sleep(3);
	before = tx.freq;
	tx = (struct timex){.modes = ADJ_OFFSET, .offset = 1000000};
	CHECK(adjtimex(&tx) >= 0);
	/* At least 2 and at most 1 << 5 seconds: 2^32 / 2^12 * 1000000 a second, in 2^-16 ppm. */
	long second = (1000000l << 20) / (1000 << 16);

	CHECK(tx.freq - before >= 2 * second - 1 && tx.freq - before <= 32 * second);
	tx = (struct timex){.modes = ADJ_FREQUENCY | ADJ_OFFSET | ADJ_MICRO | ADJ_TIMECONST};
	tx.constant = 3;
	CHECK(adjtimex(&tx) >= 0);
	CHECK_EQ(tx.constant, 7);
	CHECK_EQ(tx.offset, 0);
	set_status(0, &tx);
	tx = (struct timex){.modes = ADJ_FREQUENCY};
	CHECK(adjtimex(&tx) >= 0);
	set_wall(time(NULL));
}

static int adjust(clockid_t clock, void *tx)
{
	return (int)syscall(SYS_clock_adjtime, clock, tx);
}

TEST(only_the_wall_clock_can_be_adjusted)
{
	const clockid_t fixed[] = {CLOCK_MONOTONIC,
				   CLOCK_PROCESS_CPUTIME_ID,
				   CLOCK_THREAD_CPUTIME_ID,
				   CLOCK_MONOTONIC_RAW,
				   CLOCK_REALTIME_COARSE,
				   CLOCK_MONOTONIC_COARSE,
				   CLOCK_BOOTTIME,
				   CLOCK_TAI,
				   -2 /* this thread's CPU time */};
	struct timex tx = {.modes = 0};

	CHECK(adjust(CLOCK_REALTIME, &tx) >= 0);
	for (unsigned int i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		CHECK_ERR(adjust(fixed[i], &tx), EOPNOTSUPP);
	CHECK_ERR(adjust(10, &tx), EINVAL);
	CHECK_ERR(adjust(12, &tx), EINVAL);
	CHECK_ERR(adjust((clockid_t)(~100u << 3 | 3), &tx), EINVAL);
	CHECK_ERR(adjust(99, (void *)8), EFAULT);
}

TEST(slack_is_no_excuse_for_being_early)
{
	struct timespec ms = {.tv_nsec = 1000000};

	REQUIRE(prctl(PR_SET_TIMERSLACK, 30000000ul) == 0);
	for (int i = 0; i < 5; i++) {
		long long start = now_us(CLOCK_MONOTONIC);

		CHECK_EQ(nanosleep(&ms, NULL), 0);
		CHECK(now_us(CLOCK_MONOTONIC) - start >= 1000);
		start = now_us(CLOCK_MONOTONIC);
		CHECK_EQ(poll(NULL, 0, 2), 0);
		CHECK(now_us(CLOCK_MONOTONIC) - start >= 2000);
	}
}

/* 0 is the slack that the process began with: its parent's. */
TEST(slack_is_inherited)
{
	int st;

	REQUIRE(prctl(PR_SET_TIMERSLACK, 12345ul) == 0);
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_GET_TIMERSLACK) != 12345 || prctl(PR_SET_TIMERSLACK, 99ul) ||
		    prctl(PR_GET_TIMERSLACK) != 99 || prctl(PR_SET_TIMERSLACK, 0ul))
			_exit(1);
		_exit(prctl(PR_GET_TIMERSLACK) == 12345 ? 0 : 2);
	}
	REQUIRE(waitpid(pid, &st, 0) == pid);
	CHECK_EQ(st, 0);
}

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000ll + t.tv_usec;
}

TEST(cpu_time_never_goes_back)
{
	struct rusage last, r;

	REQUIRE(getrusage(RUSAGE_SELF, &last) == 0);
	for (int phase = 0; phase < 6; phase++) {
		long long end = now_us(CLOCK_MONOTONIC) + 60000;

		while (now_us(CLOCK_MONOTONIC) < end) {
			for (volatile int i = 0; phase % 2 && i < 20000; i++)
				;
			REQUIRE(getrusage(RUSAGE_SELF, &r) == 0);
			CHECK(us(r.ru_utime) >= us(last.ru_utime));
			CHECK(us(r.ru_stime) >= us(last.ru_stime));
			last = r;
		}
	}
}

int main(void)
{
	return test_run();
}
