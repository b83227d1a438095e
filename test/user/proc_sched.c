/* What /proc says of scheduling and timers. */
#include "test.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static char text[65536];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	text[0] = 0;
	if (fd < 0)
		return text;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = 0;
	return text;
}

static int put(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, what, strlen(what)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* The number of a line "name   :   number" of the text; -1e9 if there is none. */
static double field(const char *name)
{
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, strlen(name)) && strchr(" :", line[strlen(name)]))
			return atof(strchr(line, ':') + 1);
	}
	return -1e9;
}

TEST(sched_tells_switches_and_priority)
{
	struct timespec ms = {0, 1000000};
	char head[64], comm[17] = "";
	double switches, ran;

	prctl(PR_GET_NAME, comm);
	snprintf(head, sizeof(head), "%s (%d, #threads: 1)\n----", comm, getpid());
	slurp("/proc/self/sched");
	CHECK(!strncmp(text, head, strlen(head)));
	switches = field("nr_switches");
	ran = field("se.sum_exec_runtime");
	CHECK(ran > 0);
	CHECK(field("se.exec_start") > 0);
	CHECK(field("se.vruntime") > -1e8);
	CHECK_EQ(field("policy"), SCHED_OTHER);
	CHECK_EQ(field("prio"), 120);
	/* On a busy host a deadline may be past before the task could block. */
	for (int i = 0; i < 1000 && field("nr_switches") < switches + 5; i++) {
		nanosleep(&ms, NULL);
		slurp("/proc/self/sched");
	}
	REQUIRE(setpriority(PRIO_PROCESS, 0, 7) == 0);
	slurp("/proc/self/sched");
	CHECK_EQ(field("prio"), 127);
	CHECK(field("nr_switches") >= switches + 5);
	CHECK(field("se.sum_exec_runtime") > ran);
	CHECK_EQ(field("nr_switches"),
		 field("nr_voluntary_switches") + field("nr_involuntary_switches"));
}

TEST(sched_tells_real_time)
{
	struct sched_param sp = {.sched_priority = 10};

	if (sched_setscheduler(0, SCHED_FIFO, &sp))
		return;
	slurp("/proc/self/sched");
	CHECK_EQ(field("policy"), SCHED_FIFO);
	CHECK_EQ(field("prio"), 89);
}

TEST(schedstat_counts_run_time)
{
	unsigned long long ran[2], waited, times[2];
	struct timespec ms = {0, 1000000};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
	for (int i = 0; i < 2; i++) {
		char *cpu;

		slurp("/proc/schedstat");
		CHECK(!strncmp(text, "version 15\ntimestamp ", 21));
		cpu = strstr(text, "\ncpu0 ");
		REQUIRE(cpu);
		CHECK_EQ(sscanf(cpu, "\ncpu0 %*u %*u %*u %*u %*u %*u %llu %llu %llu", &ran[i],
				&waited, &times[i]),
			 3);
		for (int k = 0; k < 50 && !i; k++)
			nanosleep(&ms, NULL);
		for (volatile int k = 0; k < 1000000 && !i; k++)
			;
	}
	CHECK(ran[1] > ran[0]);
	CHECK(times[1] >= times[0] + 5);
}

TEST(timers_are_listed)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char want[200];
	timer_t t;

	CHECK_EQ(slurp("/proc/self/timers")[0], 0);
	ev.sigev_value.sival_ptr = (void *)0x1234abcdul;
	REQUIRE(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	snprintf(want, sizeof(want),
		 "ID: %d\nsignal: %d/000000001234abcd\nnotify: signal/pid.%d\nClockID: 1\n",
		 (int)(long)t, SIGUSR1, getpid());
	CHECK(!strcmp(slurp("/proc/self/timers"), want));
	CHECK_EQ(timer_delete(t), 0);
	CHECK_EQ(slurp("/proc/self/timers")[0], 0);
}

TEST(timer_slack_can_be_set_by_file)
{
	char path[64];
	pid_t child;

	REQUIRE(prctl(PR_SET_TIMERSLACK, 1234) == 0);
	CHECK(!strcmp(slurp("/proc/self/timerslack_ns"), "1234\n"));
	CHECK_EQ(put("/proc/self/timerslack_ns", "77\n"), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 77);
	CHECK_EQ(put("/proc/self/timerslack_ns", "x"), EINVAL);
	if (geteuid())
		return;
	child = fork();
	if (!child) {
		snprintf(path, sizeof(path), "/proc/%d/timerslack_ns", getppid());
		if (strcmp(slurp(path), "77\n") || put(path, "99"))
			_exit(1);
		if (setresuid(1000, 1000, 1000) || put(path, "98") != EPERM || *slurp(path))
			_exit(2);
		_exit(0);
	}
	int status;

	REQUIRE(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 99);
}

int main(void)
{
	return test_run();
}
