/* rseq(2), membarrier(2), getcpu(2). */
#include "test.h"
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#define SIG 0x53053053u

/* Threads made by clone alone have none; the C library has registered the others'. */
static __thread struct rseq area __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

static long rseq(void *r, unsigned int len, int flags, uint32_t sig)
{
	return syscall(SYS_rseq, r, len, flags, sig);
}

static void drop_libc_rseq(void)
{
	if (&__rseq_size && __rseq_size) {
		void *r = (char *)__builtin_thread_pointer() + __rseq_offset;

		REQUIRE(rseq(r, 32, RSEQ_FLAG_UNREGISTER, SIG) == 0);
	}
}

TEST(registration)
{
	drop_libc_rseq();
	CHECK_ERR(rseq(&area, 32, 2, SIG), EINVAL);
	CHECK_ERR(rseq(&area, 31, 0, SIG), EINVAL);
	CHECK_ERR(rseq((char *)&area + 4, 32, 0, SIG), EINVAL);
	CHECK_ERR(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG), EINVAL);
	CHECK_EQ(rseq(&area, 32, 0, SIG), 0);
	CHECK_ERR(rseq(&area, 32, 0, SIG), EBUSY);
	CHECK_ERR(rseq(&area, 32, 0, SIG + 1), EPERM);
	CHECK_ERR(rseq((char *)&area + 32, 32, 0, SIG), EINVAL);
	CHECK_EQ(area.cpu_id, sched_getcpu());
	CHECK_EQ(area.cpu_id_start, area.cpu_id);
	CHECK_ERR(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG + 1), EPERM);
	CHECK_ERR(rseq(&area, 16, RSEQ_FLAG_UNREGISTER, SIG), EINVAL);
	CHECK_EQ(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG), 0);
	CHECK_EQ((int)area.cpu_id, RSEQ_CPU_ID_UNINITIALIZED);
}

TEST(follows_the_cpu)
{
	cpu_set_t all, one;

	drop_libc_rseq();
	REQUIRE(rseq(&area, 32, 0, SIG) == 0);
	REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_EQ(__atomic_load_n(&area.cpu_id, __ATOMIC_RELAXED), cpu);
		unsigned int c = 99, node = 99;

		CHECK_EQ(syscall(SYS_getcpu, &c, &node, NULL), 0);
		CHECK_EQ(c, cpu);
		CHECK_EQ(node, 0);
	}
}

/*
 * Spins inside a sequence until it is aborted. @cs_out: where the descriptor was; the abort handler
 * returns 1.
 */
static volatile int inside;
static uint32_t cs_flags;

static int spin_in_sequence(void)
{
	static struct rseq_cs cs __attribute__((aligned(32)));
	int aborted = 0;

	__asm__ volatile(
		"leaq 1f(%%rip), %%rax\n\t"
		"movq %%rax, 8(%[cs])\n\t" /* start_ip */
		"leaq 2f(%%rip), %%rcx\n\t"
		"subq %%rax, %%rcx\n\t"
		"movq %%rcx, 16(%[cs])\n\t" /* post_commit_offset */
		"leaq 3f(%%rip), %%rax\n\t"
		"movq %%rax, 24(%[cs])\n\t" /* abort_ip */
		"movl $0, (%[cs])\n\t"
		"movl %[flags], 4(%[cs])\n\t"
		"movq %[cs], %[rseq_cs]\n\t"
		"1:\n\t"
		"movl $1, %[inside]\n\t"
		"4: pause\n\t"
		"jmp 4b\n\t"
		"2:\n\t"
		"jmp 5f\n\t"
		".long 0x53053053\n\t"
		"3:\n\t"
		"movl $1, %[aborted]\n\t"
		"5:\n\t"
		: [rseq_cs] "=m"(area.rseq_cs), [inside] "=m"(inside), [aborted] "+m"(aborted)
		: [cs] "r"(&cs), [flags] "r"(cs_flags)
		: "rax", "rcx", "memory");
	return aborted;
}

static volatile uint64_t seen_cs = 99;

static void on_signal(int sig)
{
	(void)sig;
	seen_cs = area.rseq_cs;
}

static pthread_t main_thread;

static void *signal_main(void *arg)
{
	while (!inside)
		usleep(1000);
	pthread_kill(main_thread, SIGUSR1);
	return arg;
}

TEST(signal_aborts)
{
	pthread_t t;

	drop_libc_rseq();
	REQUIRE(rseq(&area, 32, 0, SIG) == 0);
	signal(SIGUSR1, on_signal);
	main_thread = pthread_self();
	REQUIRE(pthread_create(&t, NULL, signal_main, NULL) == 0);
	/* With one CPU the other thread may come between before it sends its signal. */
	do
		CHECK_EQ(spin_in_sequence(), 1);
	while (seen_cs == 99);
	CHECK_EQ(seen_cs, 0);
	pthread_join(t, NULL);
}

static void *hog(void *arg)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 100);
	return arg;
}

TEST(preemption_aborts)
{
	cpu_set_t one;
	pthread_t t;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
	drop_libc_rseq();
	REQUIRE(rseq(&area, 32, 0, SIG) == 0);
	REQUIRE(pthread_create(&t, NULL, hog, NULL) == 0);
	CHECK_EQ(spin_in_sequence(), 1);
	pthread_join(t, NULL);
}

static int sequence_ends_with(uint32_t sig, uint32_t flags)
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGUSR1, on_signal);
		drop_libc_rseq();
		if (rseq(&area, 32, 0, sig))
			_exit(9);
		cs_flags = flags;
		main_thread = pthread_self();
		pthread_t t;

		if (pthread_create(&t, NULL, signal_main, NULL))
			_exit(8);
		_exit(spin_in_sequence());
	}
	waitpid(pid, &st, 0);
	return WIFSIGNALED(st) ? WTERMSIG(st) : 1000 + WEXITSTATUS(st);
}

TEST(bad_sequences_kill)
{
	CHECK_EQ(sequence_ends_with(SIG, 0), 1001);
	CHECK_EQ(sequence_ends_with(SIG + 1, 0), SIGSEGV);
	CHECK_EQ(sequence_ends_with(SIG, 1u << 31), SIGSEGV);
	CHECK_EQ(sequence_ends_with(SIG, RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL), SIGSEGV);
}

/* --- membarrier --- */

static long membarrier(int cmd, unsigned int flags, int cpu)
{
	return syscall(SYS_membarrier, cmd, flags, cpu);
}

TEST(membarrier_commands)
{
	static const int pairs[][2] = {
		{MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED},
		{MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
		 MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE},
		{MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
		 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ},
	};
	long known = membarrier(MEMBARRIER_CMD_QUERY, 0, 0);

	CHECK_EQ(known & 0x1ff, 0x1ff);
	CHECK_ERR(membarrier(MEMBARRIER_CMD_QUERY, 1, 0), EINVAL);
	CHECK_ERR(membarrier(1 << 20, 0, 0), EINVAL);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_ERR(membarrier(pairs[i][1], 0, 0), EPERM);
		CHECK_EQ(membarrier(pairs[i][0], 0, 0), 0);
		CHECK_EQ(membarrier(pairs[i][1], 0, 0), 0);
		CHECK_ERR(membarrier(pairs[i][1], 2, 0), EINVAL);
	}
	CHECK_ERR(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0), EINVAL);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 5000),
		 0);
}

static volatile int aborted;

static void *spin_thread(void *arg)
{
	drop_libc_rseq();
	if (rseq(&area, 32, 0, SIG))
		return arg;
	if (spin_in_sequence() == 1)
		aborted = 1;
	return arg;
}

TEST(membarrier_aborts_sequences)
{
	pthread_t t;

	REQUIRE(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0);
	REQUIRE(pthread_create(&t, NULL, spin_thread, NULL) == 0);
	while (!inside)
		usleep(1000);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	for (int i = 0; i < 5000 && !aborted; i++)
		usleep(1000);
	CHECK(aborted);
	pthread_join(t, NULL);
}

int main(void)
{
	return test_run();
}
