/*
 * I/O ports in user mode: iopl, ioperm. Port 0x80 is that of power-on codes, which hurts nobody.
 * Kernels built without them (ENOSYS) fail here; those of distributions have them.
 */
#include "test.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/io.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PORT 0x80
#define PORTS 65536ul
#ifndef NT_386_IOPERM
#define NT_386_IOPERM 0x201
#endif

enum { BYTE = 1, WORD = 2, LONG = 4, CLEAR_IF = 5, SET_IF = 6 };

static void touch(unsigned short port, int how)
{
	switch (how) {
	case BYTE:
		inb(port);
		outb(0, port);
		break;
	case WORD:
		inw(port);
		break;
	case LONG:
		inl(port);
		break;
	case CLEAR_IF:
		__asm__ volatile("cli");
		break;
	case SET_IF:
		__asm__ volatile("sti");
		break;
	}
}

/* The signal that a child dies of which inherits what we may do; 0: none. */
static int signal_of(unsigned short port, int how)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		touch(port, how);
		_exit(0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* As root without CAP_SYS_RAWIO there is nothing to be seen. */
static int privileged(void)
{
	if (!ioperm(PORT, 1, 1)) {
		CHECK_EQ(ioperm(PORT, 1, 0), 0);
		return 1;
	}
	CHECK_EQ(errno, EPERM);
	return 0;
}

static void drop_privileges(void)
{
	REQUIRE(setresuid(65534, 65534, 65534) == 0);
}

static int seen_code;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	seen_code = info->si_code;
	_exit(info->si_code == SI_KERNEL && !info->si_addr ? 7 : 8);
}

TEST(refused_at_first)
{
	struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};

	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(0, WORD), SIGSEGV);
	CHECK_EQ(signal_of(65535, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(0, CLEAR_IF), SIGSEGV);
	CHECK_EQ(signal_of(0, SET_IF), SIGSEGV);
	REQUIRE(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK_EQ(signal_of(PORT, BYTE), 7);
}

TEST(ioperm_opens_and_shuts)
{
	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 1, 1) == 0);
	CHECK_EQ(signal_of(PORT, BYTE), 0);
	CHECK_EQ(signal_of(PORT - 1, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(PORT + 1, BYTE), SIGSEGV);
	/* Each port of a wide access counts. */
	CHECK_EQ(signal_of(PORT, WORD), SIGSEGV);
	CHECK_EQ(signal_of(PORT - 1, WORD), SIGSEGV);
	CHECK_EQ(ioperm(PORT + 1, 3, 1), 0);
	CHECK_EQ(signal_of(PORT, WORD), 0);
	CHECK_EQ(signal_of(PORT, LONG), 0);
	CHECK_EQ(ioperm(PORT + 3, 1, 0), 0);
	CHECK_EQ(signal_of(PORT, LONG), SIGSEGV);
	CHECK_EQ(signal_of(PORT + 1, WORD), 0);
	CHECK_EQ(ioperm(0, PORTS, 0), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(ioperm(PORT, 1, 1), 0);
	CHECK_EQ(signal_of(PORT, BYTE), 0);
}

TEST(ioperm_first_and_last_port)
{
	if (!privileged())
		return;
	REQUIRE(ioperm(PORTS - 1, 1, 1) == 0);
	CHECK_EQ(signal_of(PORTS - 1, BYTE), 0);
	CHECK_EQ(signal_of(PORTS - 2, WORD), SIGSEGV);
	CHECK_EQ(ioperm(0, PORTS, 1), 0);
	CHECK_EQ(signal_of(PORTS - 2, WORD), 0);
	CHECK_EQ(signal_of(PORT, LONG), 0);
	CHECK_EQ(ioperm(0, PORTS, 0), 0);
	CHECK_EQ(signal_of(PORTS - 1, BYTE), SIGSEGV);
}

TEST(ioperm_arguments)
{
	CHECK_ERR(ioperm(PORTS, 1, 1), EINVAL);
	CHECK_ERR(ioperm(PORTS - 1, 2, 1), EINVAL);
	CHECK_ERR(ioperm(0, PORTS + 1, 1), EINVAL);
	CHECK_ERR(ioperm(0, 0, 1), EINVAL);
	CHECK_ERR(ioperm(0, 0, 0), EINVAL);
	CHECK_ERR(ioperm(1, -1ul, 1), EINVAL);
	CHECK_ERR(ioperm(-1ul, 1, 0), EINVAL);
	CHECK_ERR(ioperm(-1ul, 2, 1), EINVAL);
	CHECK_ERR(syscall(SYS_ioperm, 1ul << 32, 1, 1), EINVAL);
	/* Nothing is there to be shut. */
	CHECK_EQ(ioperm(PORT, 1, 0), 0);
	if (getuid())
		return;
	drop_privileges();
	CHECK_ERR(ioperm(PORT, 1, 1), EPERM);
	CHECK_ERR(ioperm(0, 0, 1), EINVAL);
	CHECK_EQ(ioperm(PORT, 1, 0), 0);
}

/* Who may open keeps what is open when the privilege goes, and may shut it. */
TEST(ioperm_outlives_privilege)
{
	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 4, 1) == 0);
	drop_privileges();
	CHECK_EQ(signal_of(PORT, LONG), 0);
	CHECK_ERR(ioperm(PORT + 4, 1, 1), EPERM);
	CHECK_ERR(ioperm(PORT, 1, 1), EPERM);
	CHECK_EQ(ioperm(PORT + 1, 3, 0), 0);
	CHECK_EQ(signal_of(PORT, BYTE), 0);
	CHECK_EQ(signal_of(PORT, WORD), SIGSEGV);
}

TEST(root_of_a_user_namespace_has_no_ports)
{
	if (unshare(CLONE_NEWUSER))
		return;
	CHECK_ERR(ioperm(PORT, 1, 1), EPERM);
	CHECK_ERR(iopl(3), EPERM);
	CHECK_EQ(iopl(0), 0);
}

/* A child has a copy, and changes of either do not concern the other. */
TEST(fork_copies)
{
	int status;

	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 2, 1) == 0);
	pid_t pid = fork();

	if (!pid) {
		touch(PORT, WORD);
		if (ioperm(PORT, 1, 0) || ioperm(PORT + 2, 1, 1))
			_exit(1);
		_exit(signal_of(PORT, BYTE) == SIGSEGV && !signal_of(PORT + 2, BYTE) ? 0 : 2);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(signal_of(PORT, BYTE), 0);
	CHECK_EQ(signal_of(PORT + 2, BYTE), SIGSEGV);
}

static void *thread(void *arg)
{
	touch(PORT, WORD);
	CHECK_EQ(ioperm(PORT, 1, 0), 0);
	CHECK_EQ(ioperm(PORT + 2, 1, 1), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(PORT + 2, BYTE), 0);
	CHECK_EQ(iopl(3), 0);
	return arg;
}

/* Ports belong to the thread, not to the process. */
TEST(threads_have_their_own)
{
	pthread_t t;

	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 2, 1) == 0);
	REQUIRE(pthread_create(&t, NULL, thread, NULL) == 0);
	REQUIRE(pthread_join(t, NULL) == 0);
	CHECK_EQ(signal_of(PORT, WORD), 0);
	CHECK_EQ(signal_of(PORT + 2, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(0, CLEAR_IF), SIGSEGV);
}

/* Exit status of this program run again, which then only touches the port. */
static int status_of_exec(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "ports", "touch", (char *)NULL);
		_exit(99);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return status;
}

TEST(exec_keeps)
{
	CHECK_EQ(status_of_exec(), SIGSEGV);
	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 1, 1) == 0);
	CHECK_EQ(status_of_exec(), 0);
	CHECK_EQ(ioperm(PORT, 1, 0), 0);
	CHECK_EQ(status_of_exec(), SIGSEGV);
	CHECK_EQ(iopl(3), 0);
	CHECK_EQ(status_of_exec(), 0);
}

TEST(iopl_levels)
{
	CHECK_EQ(iopl(0), 0);
	CHECK_ERR(iopl(4), EINVAL);
	CHECK_ERR(iopl(-1), EINVAL);
	if (!privileged())
		return;
	/* Only the highest says anything of ports. */
	CHECK_EQ(iopl(1), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(iopl(2), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(iopl(3), 0);
	CHECK_EQ(signal_of(PORT, LONG), 0);
	CHECK_EQ(signal_of(PORTS - 2, WORD), 0);
	CHECK_EQ(iopl(2), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	drop_privileges();
	CHECK_EQ(iopl(2), 0);
	CHECK_ERR(iopl(3), EPERM);
	CHECK_EQ(iopl(1), 0);
	CHECK_ERR(iopl(2), EPERM);
	CHECK_ERR(iopl(4), EINVAL);
	CHECK_EQ(iopl(0), 0);
}

TEST(iopl_and_ioperm_together)
{
	if (!privileged())
		return;
	REQUIRE(ioperm(PORT, 1, 1) == 0);
	REQUIRE(iopl(3) == 0);
	CHECK_EQ(signal_of(PORT + 1, BYTE), 0);
	/* What ioperm shuts now stays open until the level falls. */
	CHECK_EQ(ioperm(PORT, 1, 0), 0);
	CHECK_EQ(ioperm(PORT + 2, 1, 1), 0);
	CHECK_EQ(signal_of(PORT, BYTE), 0);
	CHECK_EQ(iopl(0), 0);
	CHECK_EQ(signal_of(PORT, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(PORT + 1, BYTE), SIGSEGV);
	CHECK_EQ(signal_of(PORT + 2, BYTE), 0);
}

/* User mode never turns interrupts off: with level 3 the instructions are passed over. */
TEST(iopl_does_not_own_interrupts)
{
	unsigned long flags;

	if (!privileged())
		return;
	REQUIRE(iopl(3) == 0);
	CHECK_EQ(signal_of(0, CLEAR_IF), 0);
	CHECK_EQ(signal_of(0, SET_IF), 0);
	__asm__ volatile("cli; pushfq; popq %0; sti" : "=r"(flags));
	CHECK_EQ(flags & 0x200, 0x200);
	CHECK_EQ(flags & 0x3000, 0);
	CHECK_EQ(iopl(1), 0);
	CHECK_EQ(signal_of(0, CLEAR_IF), SIGSEGV);
}

/* One that has the port and one that has not take turns on one CPU: each finds its own. */
TEST(switches_between_tasks)
{
	int there[2], back[2], status;
	cpu_set_t one;
	char c = 0;

	if (!privileged())
		return;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
	REQUIRE(pipe(there) == 0 && pipe(back) == 0);
	pid_t pid = fork();

	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1) {
			if (signal_of(PORT, BYTE) != SIGSEGV)
				_exit(1);
			if (write(back[1], &c, 1) != 1)
				_exit(2);
		}
		touch(PORT, BYTE);
		_exit(3);
	}
	REQUIRE(ioperm(PORT, 1, 1) == 0);
	for (int i = 0; i < 20; i++) {
		touch(PORT, BYTE);
		REQUIRE(write(there[1], &c, 1) == 1);
		REQUIRE(read(back[0], &c, 1) == 1);
		touch(PORT, BYTE);
	}
	close(there[1]);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	touch(PORT, BYTE);
}

/* What has the ports goes from CPU to CPU and takes them along. */
TEST(moves_between_cpus)
{
	cpu_set_t all, one;

	if (!privileged())
		return;
	REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
	REQUIRE(ioperm(PORT, 1, 1) == 0);
	for (int round = 0; round < 8; round++) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
			touch(PORT, BYTE);
		}
	}
	CHECK_EQ(signal_of(PORT + 1, BYTE), SIGSEGV);
}

/* A debugger reads the map of ioperm, and may not write it. */
TEST(ptrace_shows_the_map)
{
	static uint8_t map[8192 + 8];
	struct iovec v = {map, sizeof(map)};
	int status;

	if (!privileged())
		return;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		if (ioperm(PORT + 1, 2, 1))
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK_ERR(ptrace(PTRACE_GETREGSET, pid, NT_386_IOPERM, &v), ENXIO);
	REQUIRE(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	REQUIRE(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK_EQ(ptrace(PTRACE_GETREGSET, pid, NT_386_IOPERM, &v), 0);
	CHECK_EQ(v.iov_len, 8192);
	CHECK_EQ(map[PORT / 8], 0xf9);
	CHECK_EQ(map[0], 0xff);
	CHECK_EQ(map[8191], 0xff);
	CHECK_ERR(ptrace(PTRACE_SETREGSET, pid, NT_386_IOPERM, &v), EOPNOTSUPP);
	v.iov_len = 12;
	CHECK_ERR(ptrace(PTRACE_GETREGSET, pid, NT_386_IOPERM, &v), EINVAL);
	REQUIRE(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "touch")) {
		touch(PORT, BYTE);
		return 0;
	}
	return test_run();
}
