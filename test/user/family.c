/* Parents, children and the descriptors of both: clone(2), wait(2), pidfd_send_signal(2),
 * execve(2). */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef PTRACE_SINGLEBLOCK
#define PTRACE_SINGLEBLOCK 33
#endif

static int wait_for(pid_t pid)
{
	int st = -1;

	return waitpid(pid, &st, __WALL) == pid ? st : -1;
}

static long send_signal(int fd, int sig, siginfo_t *info, unsigned int flags)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static volatile sig_atomic_t hits;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

/* ---- pidfd_send_signal(2) to a directory of /proc ---- */

TEST(signal_through_a_directory)
{
	char path[64];

	signal(SIGUSR1, on_signal);
	int self = open("/proc/self", O_DIRECTORY | O_CLOEXEC);

	REQUIRE(self >= 0);
	CHECK_EQ(send_signal(self, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(hits, 1);
	siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};

	CHECK_ERR(send_signal(self, SIGUSR1, &info, 0), EINVAL);
	CHECK_ERR(send_signal(self, SIGUSR1, NULL, 1), EINVAL);
	/* Not any directory, and not any way to open it. */
	CHECK_ERR(send_signal(open("/proc", O_DIRECTORY), SIGUSR1, NULL, 0), EBADF);
	CHECK_ERR(send_signal(open("/proc/self/fd", O_DIRECTORY), SIGUSR1, NULL, 0), EBADF);
	CHECK_ERR(send_signal(open("/proc/self/status", O_RDONLY), SIGUSR1, NULL, 0), EBADF);
	CHECK_ERR(send_signal(open("/proc/thread-self", O_DIRECTORY), SIGUSR1, NULL, 0), EBADF);
	CHECK_ERR(send_signal(open("/proc/self", O_PATH), SIGUSR1, NULL, 0), EBADF);
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d", pid);
	int fd = open(path, O_DIRECTORY);

	CHECK_EQ(send_signal(fd, SIGKILL, NULL, 0), 0);
	CHECK_EQ(wait_for(pid), SIGKILL);
	CHECK_ERR(send_signal(fd, 0, NULL, 0), ESRCH);
	CHECK_EQ(hits, 1);
}

/* ---- wait(2) ---- */

/* What the signal tells of is there: the call returns it, not EINTR. */
TEST(child_that_ends_with_a_signal)
{
	for (int i = 0; i < 50; i++) {
		struct sigaction sa = {.sa_handler = on_signal};

		sigaction(SIGUSR2, &sa, NULL);
		pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR2, NULL, NULL, NULL, 0);

		if (!pid) {
			sched_yield();
			_exit(3);
		}
		CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
	}
	CHECK_EQ(hits, 50);
}

static pid_t clone_child(int sig)
{
	pid_t pid = (pid_t)syscall(SYS_clone, sig, NULL, NULL, NULL, 0);

	if (!pid)
		_exit(0);
	return pid;
}

TEST(which_children_are_waited_for)
{
	pid_t silent = clone_child(0);

	CHECK_ERR(waitpid(silent, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_EQ(waitpid(silent, NULL, __WCLONE), silent);
	silent = clone_child(0);
	CHECK_EQ(waitpid(-1, NULL, __WALL), silent);
	pid_t usual = clone_child(SIGCHLD);

	CHECK_ERR(waitpid(-1, NULL, __WCLONE), ECHILD);
	CHECK_ERR(waitpid(usual, NULL, __WCLONE), ECHILD);
	CHECK_EQ(waitpid(usual, NULL, __WALL | __WCLONE), usual);
}

static pid_t childs_of_threads[2];
static pthread_barrier_t made;

static void *forks(void *arg)
{
	childs_of_threads[(intptr_t)arg] = clone_child(SIGCHLD);
	pthread_barrier_wait(&made);
	pthread_barrier_wait(&made);
	return NULL;
}

TEST(children_of_this_thread_alone)
{
	pthread_t other;
	siginfo_t si;

	pthread_barrier_init(&made, NULL, 2);
	REQUIRE(!pthread_create(&other, NULL, forks, (void *)1));
	pthread_barrier_wait(&made);
	CHECK_ERR(waitpid(-1, NULL, __WNOTHREAD), ECHILD);
	CHECK_ERR(waitpid(childs_of_threads[1], NULL, __WNOTHREAD | WNOHANG), ECHILD);
	CHECK_ERR(syscall(SYS_waitid, P_ALL, 0, &si, WEXITED | __WNOTHREAD, NULL), ECHILD);
	pid_t mine = clone_child(SIGCHLD);

	CHECK_EQ(waitpid(-1, NULL, __WNOTHREAD), mine);
	/* When the thread has ended, which is a little after it is joined, they are this one's. */
	pthread_barrier_wait(&made);
	pthread_join(other, NULL);
	while ((mine = waitpid(-1, NULL, __WNOTHREAD)) < 0 && errno == ECHILD)
		sched_yield();
	CHECK_EQ(mine, childs_of_threads[1]);
}

/* ---- PR_SET_PDEATHSIG ---- */

static int report[2];

static void *parent_of_one(void *arg)
{
	int ready[2];
	char c;

	(void)arg;
	REQUIRE(!pipe(ready));
	if (!fork()) {
		sigset_t set;
		siginfo_t si;

		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, NULL);
		prctl(PR_SET_PDEATHSIG, SIGUSR1);
		(void)!write(ready[1], "x", 1);
		c = (char)sigwaitinfo(&set, &si);
		(void)!write(report[1], &c, 1);
		_exit(0);
	}
	REQUIRE(read(ready[0], &c, 1) == 1);
	return NULL;
}

TEST(signal_when_the_thread_dies)
{
	pthread_t thread;
	char c = 0;

	REQUIRE(!pipe(report));
	REQUIRE(!pthread_create(&thread, NULL, parent_of_one, NULL));
	pthread_join(thread, NULL);
	CHECK_EQ(read(report[0], &c, 1), 1);
	CHECK_EQ(c, SIGUSR1);
	CHECK(wait(NULL) > 0);
}

/* ---- RLIMIT_NPROC ---- */

/* The errno of exec by who became user 1500, of whom there are @others, under the limit. */
static int exec_as(int others, unsigned int limit, int raise)
{
	struct rlimit rl = {limit, 1000};
	pid_t pid[4];
	int go[2], ready[2];
	char c;

	REQUIRE(!pipe(go) && !pipe(ready));
	for (int i = 0; i < others; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			close(go[1]);
			REQUIRE(!syscall(SYS_setresuid, 1500, 1500, 1500));
			(void)!write(ready[1], "x", 1);
			(void)!read(go[0], &c, 1);
			_exit(0);
		}
		REQUIRE(read(ready[0], &c, 1) == 1);
	}
	pid_t who = fork();

	if (!who) {
		setrlimit(RLIMIT_NPROC, &rl);
		if (syscall(SYS_setresuid, 1500, 1500, 1500))
			_exit(99);
		rl.rlim_cur = 1000;
		if (raise)
			setrlimit(RLIMIT_NPROC, &rl);
		execl("/proc/self/exe", "family", "exit", NULL);
		_exit(errno);
	}
	int st = wait_for(who);

	close(go[1]);
	for (int i = 0; i < others; i++)
		wait_for(pid[i]);
	close(go[0]);
	return WEXITSTATUS(st);
}

TEST(exec_beyond_the_limit_of_processes)
{
	CHECK_EQ(exec_as(0, 1, 0), 0);
	CHECK_EQ(exec_as(1, 2, 0), 0);
	CHECK_EQ(exec_as(1, 1, 0), 0);
	CHECK_EQ(exec_as(2, 1, 0), EAGAIN);
	CHECK_EQ(exec_as(3, 2, 0), EAGAIN);
	CHECK_EQ(exec_as(2, 1, 1), 0);
}

/* ---- PTRACE_SINGLEBLOCK ---- */

TEST(block_steps)
{
	pid_t pid = fork();
	int st, steps = 0;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (volatile int i = 0; i < 5; i++)
			;
		_exit(5);
	}
	CHECK_EQ(wait_for(pid), SIGSTOP << 8 | 0x7f);
	do {
		CHECK_EQ(ptrace(PTRACE_SINGLEBLOCK, pid, 0, 0), 0);
		st = wait_for(pid);
		steps++;
	} while (WIFSTOPPED(st) && WSTOPSIG(st) == SIGTRAP && steps < 100000);
	CHECK(steps > 5);
	CHECK_EQ(st, 5 << 8);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	return test_run();
}
