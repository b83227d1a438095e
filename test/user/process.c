/* fork, vfork, clone, clone3, exit, wait4, waitid, zombies, reparenting, groups and sessions. */
#include "test.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>

static pid_t spawn_exit(int code)
{
	pid_t pid = fork();

	if (!pid)
		_exit(code);
	return pid;
}

TEST(fork_returns_twice)
{
	int status;
	pid_t pid = spawn_exit(42);

	REQUIRE(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 42);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
}

TEST(memory_is_private_after_fork)
{
	static volatile int shared_not = 1;
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	REQUIRE(shared != MAP_FAILED);
	pid = fork();
	if (!pid) {
		shared_not = 2;
		*shared = 7;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	CHECK_EQ(shared_not, 1);
	CHECK_EQ(*shared, 7);
}

TEST(vfork_waits_for_the_child)
{
	static volatile int order;
	int status;
	pid_t pid = vfork();

	if (!pid) {
		order = 1;
		_exit(3);
	}
	CHECK_EQ(order, 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
}

TEST(wait_nohang_and_any)
{
	int fds[2], status;
	char c;
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	pid = fork();
	if (!pid) {
		(void)!read(fds[0], &c, 1);
		_exit(5);
	}
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(waitpid(-1, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_ERR(waitpid(-1, &status, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(-1, &status, 0x4000), EINVAL);
}

TEST(killed_child_status)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTERM);
}

TEST(waitid_fills_siginfo)
{
	siginfo_t si;
	pid_t pid = spawn_exit(9);

	memset(&si, 0xff, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOWAIT), 0);
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 9);
	CHECK_EQ(waitid(P_ALL, 0, &si, WEXITED), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_ALL, 0, &si, WNOHANG), EINVAL);
	CHECK_ERR(waitid(P_PID, 0, &si, WEXITED), EINVAL);
	CHECK_ERR(waitid(77, 0, &si, WEXITED), EINVAL);
}

TEST(stop_and_continue_are_reported)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

TEST(ignored_sigchld_reaps)
{
	int status;

	signal(SIGCHLD, SIG_IGN);
	pid_t pid = spawn_exit(1);

	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
}

TEST(orphans_go_to_the_subreaper)
{
	int fds[2], status;
	pid_t grandchild = 0, pid;

	REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	REQUIRE(pipe(fds) == 0);
	pid = fork();
	if (!pid) {
		pid_t g = fork();

		if (!g) {
			while (getppid() != 1 && getppid() == 0)
				;
			usleep(20000);
			_exit(4);
		}
		(void)!write(fds[1], &g, sizeof(g));
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &grandchild, sizeof(grandchild)), (long)sizeof(grandchild));
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(waitpid(grandchild, &status, 0), grandchild);
	CHECK_EQ(WEXITSTATUS(status), 4);
}

TEST(groups_and_sessions)
{
	pid_t me = getpid(), pid;
	int status;

	CHECK_EQ(setpgid(0, 0), 0);
	CHECK_EQ(getpgrp(), me);
	CHECK_EQ(getpgid(0), me);
	CHECK_ERR(setsid(), EPERM);
	CHECK_ERR(setpgid(0, -1), EINVAL);
	CHECK_ERR(setpgid(999999, 0), ESRCH);
	CHECK_ERR(getpgid(999999), ESRCH);
	pid = fork();
	if (!pid) {
		CHECK_EQ(getpgrp(), getppid());
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERR(setpgid(0, 0), EPERM);
		_exit(test_failures);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(wait_for_a_group)
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		_exit(0);
	}
	setpgid(pid, pid);
	CHECK_ERR(waitpid(-getpgrp(), NULL, WNOHANG), ECHILD);
	CHECK_EQ(waitpid(-pid, NULL, 0), pid);
}

TEST(clone3_and_its_refusals)
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	int status, pidfd = -1;
	long pid = syscall(SYS_clone3, &a, sizeof(a));

	if (!pid)
		_exit(6);
	CHECK(pid > 0);
	CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 6);

	CHECK_ERR(syscall(SYS_clone3, &a, 8), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, &a, 8192), E2BIG);
	a.flags = CLONE_THREAD;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	a.flags = CLONE_SIGHAND;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	a.flags = 0;
	a.stack = 4096;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);

	a = (struct clone_args){
		.exit_signal = SIGCHLD, .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd};
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid)
		_exit(0);
	CHECK(pidfd >= 0);
	CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
}

TEST(clone_sets_and_clears_tids)
{
	static int parent_tid, child_tid;
	int status;
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0,
			   &parent_tid, &child_tid, 0);

	if (!pid)
		_exit(child_tid == getpid() ? 0 : 1);
	CHECK_EQ(parent_tid, pid);
	CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(child_tid, 0);
}

TEST(usage_and_times)
{
	struct rusage ru;
	struct tms t;

	for (volatile int i = 0; i < 10000000; i++)
		;
	CHECK_EQ(getrusage(RUSAGE_SELF, &ru), 0);
	CHECK(ru.ru_utime.tv_sec || ru.ru_utime.tv_usec);
	CHECK(ru.ru_maxrss > 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &ru), 0);
	CHECK_ERR(getrusage(5, &ru), EINVAL);
	CHECK(times(&t) != (clock_t)-1);
	CHECK_EQ(wait4(spawn_exit(0), NULL, 0, &ru) > 0, 1);
}

TEST(limits)
{
	struct rlimit r, old;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	r = old;
	r.rlim_cur = 100;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	CHECK_EQ(prlimit(0, RLIMIT_NOFILE, NULL, &r), 0);
	CHECK_EQ(r.rlim_cur, 100);
	r.rlim_cur = r.rlim_max + 1;
	if (r.rlim_max != RLIM_INFINITY)
		CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	CHECK_ERR(getrlimit(99, &r), EINVAL);
	CHECK_ERR(prlimit(999999, RLIMIT_NOFILE, NULL, &r), ESRCH);
}

int main(void)
{
	return test_run();
}
