/*
 * How operations scale: 1 process, then 4, each doing the same for half a second; operations a
 * second of all together.  Runs as init in a machine with 4 CPUs:
 *
 *	SCALE fork 1 12345.6
 *	SCALE fork 4 34567.8
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 4
#define RUN_NS 500000000ll

static struct shared {
	volatile int go, ready;
	volatile uint64_t done[PROCESSES];
	volatile uint64_t ns[PROCESSES];
} * shared;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void fault_once(void)
{
	char *p = mmap(NULL, 64 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, 64 << 12, MADV_NOHUGEPAGE);
	for (int i = 0; i < 64; i++)
		p[i << 12] = 1;
	munmap(p, 64 << 12);
}

static void open_once(void)
{
	static char path[64];

	if (!path[0]) {
		snprintf(path, sizeof(path), "/tmp/scale-%d", getpid());
		close(open(path, O_CREAT | O_WRONLY, 0644));
	}
	close(open(path, O_RDONLY));
}

static void futex_once(void)
{
	static int word;

	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void pipe_once(void)
{
	static int p[2];
	char c = 0;

	if (!p[1] && pipe(p))
		_exit(1);
	if (write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
		_exit(1);
}

static const struct {
	const char *name;
	void (*once)(void);
	int batch;
	int pinned; /* each process on its own CPU: without the cost of placing children */
} ops[] = {
	{"fork", fork_once, 4, 0},  {"fork_pinned", fork_once, 4, 1}, {"fault", fault_once, 4, 0},
	{"open", open_once, 64, 0}, {"futex", futex_once, 256, 0},    {"pipe", pipe_once, 128, 0},
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void work(int me, unsigned int op)
{
	uint64_t n = 0;
	int64_t start, now;

	if (ops[op].pinned)
		pin(me);
	for (int i = 0; i < ops[op].batch; i++)
		ops[op].once();
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!shared->go)
		usleep(100);
	start = now_ns();
	do {
		for (int i = 0; i < ops[op].batch; i++)
			ops[op].once();
		n += (uint64_t)ops[op].batch;
		now = now_ns();
	} while (now - start < RUN_NS);
	shared->done[me] = n;
	shared->ns[me] = (uint64_t)(now - start);
	_exit(0);
}

static double measure(unsigned int op, int processes)
{
	double rate = 0;

	memset(shared, 0, sizeof(*shared));
	for (int i = 0; i < processes; i++)
		if (!fork())
			work(i, op);
	while (shared->ready < processes)
		usleep(1000);
	shared->go = 1;
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < processes; i++)
		rate += (double)shared->done[i] * 1e9 / (double)shared->ns[i];
	return rate;
}

int main(void)
{
	mkdir("/tmp", 0777);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (unsigned int op = 0; op < sizeof(ops) / sizeof(ops[0]); op++)
		for (int processes = 1; processes <= PROCESSES; processes *= PROCESSES) {
			double best = 0;

			for (int i = 0; i < 3; i++) {
				double rate = measure(op, processes);

				best = rate > best ? rate : best;
			}
			printf("SCALE %s %d %.1f\n", ops[op].name, processes, best);
			fflush(stdout);
		}
	printf("SCALE done\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 0;
}
