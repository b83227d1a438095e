/* Who gets more of a CPU: nice values, SCHED_BATCH, SCHED_IDLE. Judged by who is done first, not by
 * time. */
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

/* CPU time that each runner wants for itself. */
#define WANTED_NS 400000000ll
#define RUNNERS 3

struct runner {
	int policy, nice;
};

static struct shared {
	atomic_int done;	   /* how many have had their time */
	atomic_int place[RUNNERS]; /* 1: was the first */
	atomic_long used[RUNNERS]; /* CPU time so far */
} * shared;

static long long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* Runs when the gate closes until it has had its CPU time, then goes on: the others have no more
 * room than before. */
static _Noreturn void run(int i, const struct runner *r, int gate)
{
	struct sched_param none = {0};
	char c;

	pin();
	REQUIRE(setpriority(PRIO_PROCESS, 0, r->nice) == 0);
	REQUIRE(sched_setscheduler(0, r->policy, &none) == 0);
	if (read(gate, &c, 1))
		_exit(1);
	long long start = cpu_ns();

	while (shared->used[i] < WANTED_NS)
		shared->used[i] = cpu_ns() - start;
	shared->place[i] = ++shared->done;
	for (;;)
		shared->used[i] = cpu_ns() - start;
}

static void start(const struct runner *r, int count, pid_t pid[])
{
	int gate[2];

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED && pipe(gate) == 0);
	for (int i = 0; i < count; i++) {
		pid[i] = fork();
		REQUIRE(pid[i] >= 0);
		if (!pid[i]) {
			close(gate[1]);
			run(i, &r[i], gate[0]);
		}
	}
	close(gate[0]);
	close(gate[1]);
}

static void stop(int count, const pid_t pid[])
{
	for (int i = 0; i < count; i++) {
		int status;

		REQUIRE(kill(pid[i], SIGKILL) == 0);
		REQUIRE(waitpid(pid[i], &status, 0) == pid[i]);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

/* The runners, heaviest first, have their time in that order; all but the last are waited for. */
static void expect_order(const struct runner *r, int count)
{
	pid_t pid[RUNNERS];

	start(r, count, pid);
	while (shared->done < count - 1)
		usleep(10000);

	int last = shared->place[count - 1];

	for (int i = 0; i < count - 1; i++)
		CHECK_EQ(shared->place[i], i + 1);
	CHECK(last == 0 || last == count);
	/* Light is not nothing. */
	while (shared->used[count - 1] == 0)
		usleep(10000);
	stop(count, pid);
}

TEST(nice_is_a_weight)
{
	static const struct runner r[] = {{SCHED_OTHER, 0}, {SCHED_OTHER, 7}, {SCHED_OTHER, 19}};

	expect_order(r, 3);
}

TEST(below_zero_is_more)
{
	static const struct runner r[] = {{SCHED_OTHER, -10}, {SCHED_OTHER, 0}};

	if (!getuid())
		expect_order(r, 2);
}

TEST(batch_has_the_same_weights)
{
	static const struct runner r[] = {{SCHED_BATCH, 0}, {SCHED_OTHER, 8}, {SCHED_BATCH, 19}};

	expect_order(r, 3);
}

/* Less than the nicest of the others, whatever its own nice value. */
TEST(idle_is_less_than_all)
{
	static const struct runner r[] = {{SCHED_OTHER, 10}, {SCHED_BATCH, 19}, {SCHED_IDLE, 0}};

	expect_order(r, 3);
}

/* Between tasks of SCHED_IDLE none is better, and each goes on. */
TEST(idle_tasks_share)
{
	static const struct runner r[] = {{SCHED_IDLE, 0}, {SCHED_IDLE, 19}};
	pid_t pid[RUNNERS];

	start(r, 2, pid);
	while (shared->done < 2)
		usleep(10000);
	stop(2, pid);
}

/* A new nice value counts at once, also for a task that never sleeps. */
TEST(renice_while_running)
{
	static const struct runner r[] = {{SCHED_OTHER, 5}, {SCHED_OTHER, 5}};
	pid_t pid[RUNNERS];

	start(r, 2, pid);
	while (!shared->used[0] || !shared->used[1])
		usleep(1000);
	REQUIRE(setpriority(PRIO_PROCESS, (id_t)pid[1], 19) == 0);
	while (!shared->done)
		usleep(10000);
	CHECK_EQ(shared->place[0], 1);
	stop(2, pid);
}

/* So does a new policy. */
TEST(becomes_idle_while_running)
{
	static const struct runner r[] = {{SCHED_OTHER, 5}, {SCHED_OTHER, 5}};
	struct sched_param none = {0};
	pid_t pid[RUNNERS];

	start(r, 2, pid);
	while (!shared->used[0] || !shared->used[1])
		usleep(1000);
	REQUIRE(sched_setscheduler(pid[0], SCHED_IDLE, &none) == 0);
	while (!shared->done)
		usleep(10000);
	CHECK_EQ(shared->place[1], 1);
	stop(2, pid);
}

int main(void)
{
	return test_run();
}
