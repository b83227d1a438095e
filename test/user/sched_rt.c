/* Real-time scheduling: preemption, slices, throttling, inheritance. */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CROWD_MAX 65

static void pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void fifo(int prio)
{
	struct sched_param sp = {.sched_priority = prio};

	REQUIRE(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
}

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static int ctl(const char *name, const char *text, char *old, size_t size)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -1;
	if (old) {
		ssize_t n = read(fd, old, size - 1);

		old[n > 0 ? n : 0] = 0;
	}
	int r = !text ? 0 : pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text) ? 0 : -1;

	close(fd);
	return r;
}

TEST(variables)
{
	char old[32];

	CHECK_EQ(ctl("sched_rt_period_us", NULL, old, sizeof(old)), 0);
	CHECK_EQ(atoi(old), 1000000);
	CHECK_EQ(ctl("sched_rt_runtime_us", NULL, old, sizeof(old)), 0);
	CHECK_EQ(atoi(old), 950000);
	CHECK_EQ(ctl("sched_rr_timeslice_ms", NULL, old, sizeof(old)), 0);
	CHECK_EQ(atoi(old), 100);
	CHECK_ERR(ctl("sched_rt_runtime_us", "2000000", NULL, 0), EINVAL);
	CHECK_ERR(ctl("sched_rt_period_us", "0", NULL, 0), EINVAL);
}

TEST(slices)
{
	struct sched_param sp = {.sched_priority = 3};
	struct timespec t;

	REQUIRE(sched_setscheduler(0, SCHED_RR, &sp) == 0);
	CHECK_EQ(sched_rr_get_interval(0, &t), 0);
	CHECK_EQ(t.tv_nsec, 100000000);
	CHECK_EQ(ctl("sched_rr_timeslice_ms", "20", NULL, 0), 0);
	CHECK_EQ(sched_rr_get_interval(0, &t), 0);
	CHECK_EQ(t.tv_nsec, 20000000);
	CHECK_EQ(ctl("sched_rr_timeslice_ms", "-1", NULL, 0), 0);
	CHECK_EQ(sched_rr_get_interval(0, &t), 0);
	CHECK_EQ(t.tv_nsec, 100000000);
	sp.sched_priority = 3;
	REQUIRE(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
	CHECK_EQ(sched_rr_get_interval(0, &t), 0);
	CHECK_EQ(t.tv_nsec, 0);
}

TEST(fork_resets_if_asked)
{
	struct sched_param sp = {.sched_priority = 7};
	int st;

	REQUIRE(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
	pid_t pid = fork();

	if (!pid)
		_exit(sched_getscheduler(0) == SCHED_FIFO ? 0 : 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	REQUIRE(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &sp) == 0);
	pid = fork();
	if (!pid)
		_exit(sched_getscheduler(0) == SCHED_OTHER ? 0 : 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
}

/* A real-time task that never sleeps leaves a twentieth to the others. */
TEST(ordinary_tasks_do_not_starve)
{
	struct timespec from;
	int st;

	pin();
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid_t pid = fork();

	if (!pid) {
		fifo(50);
		for (;;)
			;
	}
	/* This process, on the same CPU, gets to run. */
	while (ms_since(&from) < 2500)
		;
	CHECK(ms_since(&from) < 8000);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
}

/* A better task runs at once, and the worse one goes on when it blocks. */
TEST(preempts_at_once)
{
	atomic_int *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int p[2], st;
	char c;

	pin();
	REQUIRE(pipe(p) == 0);
	fifo(10);
	pid_t pid = fork();

	if (!pid) {
		fifo(20);
		while (read(p[0], &c, 1) == 1 && c != 'q')
			atomic_fetch_add(shared, 1);
		_exit(0);
	}
	struct timespec t = {0, 50000000};

	nanosleep(&t, NULL);
	for (int i = 0; i < 100; i++) {
		REQUIRE(write(p[1], "x", 1) == 1);
		CHECK_EQ(atomic_load(shared), i + 1);
	}
	REQUIRE(write(p[1], "q", 1) == 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

/* Equal FIFO tasks on one CPU: none runs before the other blocks or yields. */
static atomic_int order[4], next;

static void *note(void *arg)
{
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (ms_since(&from) < 30)
		;
	atomic_store(&order[atomic_fetch_add(&next, 1)], (int)(long)arg);
	return NULL;
}

TEST(fifo_is_in_order)
{
	pthread_t t[4];

	pin();
	fifo(10);
	for (long i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL, note, (void *)i) == 0);
	CHECK_EQ(atomic_load(&next), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(atomic_load(&order[i]), i);
}

TEST(limits_without_privilege)
{
	struct sched_param sp = {.sched_priority = 5};
	struct rlimit r = {5, 5};

	if (getuid())
		return;
	REQUIRE(setrlimit(RLIMIT_RTPRIO, &r) == 0);
	REQUIRE(setuid(1000) == 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_FIFO, &sp), 0);
	sp.sched_priority = 6;
	CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &sp), EPERM);
	sp.sched_priority = 4;
	CHECK_EQ(sched_setscheduler(0, SCHED_RR, &sp), 0);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0, -1), EACCES);
}

/* What two tasks of the tests below share. */
static struct moving {
	atomic_int stage, cpu;
	atomic_long turns;
} * moving_create(void)
{
	struct moving *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(m != MAP_FAILED);
	return m;
}

static void everywhere(pid_t pid)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	REQUIRE(sched_setaffinity(pid, sizeof(all), &all) == 0);
}

/* A task that waits behind a better one is fetched by a CPU that has nothing as urgent. */
TEST(waiting_task_is_fetched)
{
	struct timespec from;
	int st;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	struct moving *m = moving_create();
	pid_t better = fork();

	if (!better) {
		pin();
		fifo(50);
		m->stage = 1;
		for (;;)
			;
	}
	while (m->stage != 1)
		usleep(1000);
	pid_t waiting = fork();

	if (!waiting) {
		while (m->stage != 2)
			usleep(1000);
		m->cpu = sched_getcpu();
		m->stage = 3;
		_exit(0);
	}
	cpu_set_t one;
	struct sched_param sp = {.sched_priority = 40};

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setscheduler(waiting, SCHED_FIFO, &sp) == 0);
	REQUIRE(sched_setaffinity(waiting, sizeof(one), &one) == 0);
	m->stage = 2;
	usleep(20000);
	CHECK_EQ(m->stage, 2);
	everywhere(waiting);
	fifo(60);
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (m->stage != 3 && ms_since(&from) < 60000)
		usleep(5000);
	CHECK_EQ(m->stage, 3);
	CHECK(m->cpu != 0);
	kill(better, SIGKILL);
	kill(waiting, SIGKILL);
	REQUIRE(waitpid(better, &st, 0) == better);
	REQUIRE(waitpid(waiting, &st, 0) == waiting);
}

/* A task that is preempted by a better one goes on elsewhere. */
TEST(preempted_task_moves)
{
	struct timespec from;
	int st;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	struct moving *m = moving_create();
	pid_t loser = fork();

	if (!loser) {
		pin();
		fifo(40);
		everywhere(0);
		m->stage = 1;
		for (;;)
			m->turns++;
	}
	while (m->stage != 1)
		usleep(1000);
	pid_t better = fork();

	if (!better) {
		pin();
		fifo(50);
		long turns = m->turns;

		clock_gettime(CLOCK_MONOTONIC, &from);
		while (m->turns < turns + 1000 && ms_since(&from) < 60000)
			;
		_exit(m->turns < turns + 1000);
	}
	REQUIRE(waitpid(better, &st, 0) == better);
	CHECK_EQ(st, 0);
	kill(loser, SIGKILL);
	REQUIRE(waitpid(loser, &st, 0) == loser);
}

/* The most urgent tasks have the CPUs, wherever they began; the one too many waits until one of
 * them ends. */
TEST(most_urgent_run_everywhere)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), gate[2], status;
	atomic_long *turns =
		mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long before[CROWD_MAX], least;
	pid_t pid[CROWD_MAX];
	char old[32], c;

	if (!in_test_machine() || cpus >= CROWD_MAX)
		return;
	REQUIRE(turns != MAP_FAILED && pipe(gate) == 0);
	/* Else all of them stop for a twentieth of each second. */
	REQUIRE(ctl("sched_rt_runtime_us", "-1", old, sizeof(old)) == 0);
	fifo(90);
	for (int i = 0; i <= cpus; i++) {
		pid[i] = fork();
		REQUIRE(pid[i] >= 0);
		if (pid[i])
			continue;
		close(gate[1]);
		fifo(10 + i);
		if (read(gate[0], &c, 1))
			_exit(1);
		for (;;)
			turns[i * 8]++;
	}
	close(gate[1]);
	/* Until each of the better ones runs. */
	for (int i = 1; i <= cpus; i++) {
		while (!turns[i * 8])
			usleep(2000);
	}
	for (int i = 0; i <= cpus; i++)
		before[i] = turns[i * 8];
	do {
		usleep(20000);
		least = turns[8] - before[1];
		for (int i = 2; i <= cpus; i++)
			least = turns[i * 8] - before[i] < least ? turns[i * 8] - before[i] : least;
	} while (least < 1000000);
	CHECK(turns[0] - before[0] < least);
	before[0] = turns[0];
	kill(pid[cpus], SIGKILL);
	REQUIRE(waitpid(pid[cpus], &status, 0) == pid[cpus]);
	while (turns[0] < before[0] + 100000)
		usleep(2000);
	for (int i = 0; i < cpus; i++) {
		kill(pid[i], SIGKILL);
		REQUIRE(waitpid(pid[i], &status, 0) == pid[i]);
	}
	CHECK_EQ(ctl("sched_rt_runtime_us", old, NULL, 0), 0);
}

int main(void)
{
	return test_run();
}
