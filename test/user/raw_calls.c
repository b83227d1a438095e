/* Calls that the C library wraps or hides, by their numbers. */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

static volatile int hits, code, value;

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	hits++;
	code = si->si_code;
	value = si->si_value.sival_int;
}

static void install(int sig)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO};

	sa.sa_sigaction = on_info;
	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}

TEST(signals_by_number)
{
	uint64_t set = 1ull << (SIGUSR1 - 1), old;
	struct timespec now = {0};
	siginfo_t si = {0};

	install(SIGUSR1);
	/* tkill and rt_sigreturn: the handler runs and comes back */
	CHECK_EQ(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1), 0);
	CHECK_EQ(hits, 1);
	CHECK_EQ(code, SI_TKILL);
	CHECK_ERR(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, 999999, SIGUSR1), ESRCH);

	si.si_code = SI_QUEUE;
	si.si_value.sival_int = 77;
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si), 0);
	CHECK_EQ(value, 77);
	si.si_value.sival_int = 78;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &si), 0);
	CHECK_EQ(value, 78);
	si.si_code = SI_USER;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &si), EPERM);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, 0, 1, SIGUSR1, &si), EINVAL);

	CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8), 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(syscall(SYS_rt_sigpending, &old, 8), 0);
	CHECK_EQ(old, set);
	CHECK_ERR(syscall(SYS_rt_sigpending, &old, 16), EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigtimedwait, &set, &si, &now, 8), SIGUSR1);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, &si, &now, 8), EAGAIN);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, &si, &now, 4), EINVAL);
	kill(getpid(), SIGUSR1);
	set = 0;
	CHECK_ERR(syscall(SYS_rt_sigsuspend, &set, 8), EINTR);
	CHECK_ERR(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL);
	CHECK_ERR(syscall(SYS_restart_syscall), EINTR);
}

/* rt_sigreturn with nothing to return to is a fault. */
TEST(bad_sigreturn_kills)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
#ifdef __x86_64__
		__asm__ volatile("xor %%esp, %%esp; syscall" : : "a"(SYS_rt_sigreturn));
#else
		raise(SIGSEGV);
#endif
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(group_ids)
{
	gid_t r, e, s;

	CHECK_EQ(syscall(SYS_getgid), getgid());
	CHECK_EQ(syscall(SYS_getegid), getegid());
	if (getuid())
		return;
	CHECK_EQ(syscall(SYS_setregid, 5, 6), 0);
	CHECK_EQ(syscall(SYS_getresgid, &r, &e, &s), 0);
	CHECK(r == 5 && e == 6 && s == 6);
	CHECK_EQ(syscall(SYS_setregid, -1, 5), 0);
	CHECK_EQ(syscall(SYS_getegid), 5);
}

TEST(limits_by_number)
{
	struct rlimit r = {0};

	CHECK_EQ(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &r), 0);
	CHECK(r.rlim_cur > 0);
	CHECK_ERR(syscall(SYS_prlimit64, 0, 16, NULL, &r), EINVAL);
	CHECK_ERR(syscall(SYS_prlimit64, 0, RLIMIT_STACK, (void *)1, &r), EFAULT);
}

TEST(names)
{
	struct utsname u;

	if (getuid())
		return;
	REQUIRE(uname(&u) == 0);
	CHECK_EQ(syscall(SYS_setdomainname, "test.domain", 11), 0);
	CHECK_EQ(syscall(SYS_sethostname, "test-host", 9), 0);
	struct utsname v;

	REQUIRE(uname(&v) == 0);
	CHECK_EQ(strcmp(v.domainname, "test.domain"), 0);
	CHECK_EQ(strcmp(v.nodename, "test-host"), 0);
	CHECK_ERR(syscall(SYS_setdomainname, "x", 65), EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, "x", -1), EINVAL);
	syscall(SYS_setdomainname, u.domainname, strlen(u.domainname));
	syscall(SYS_sethostname, u.nodename, strlen(u.nodename));
}

TEST(thread_registrations)
{
	struct robust_list_head head = {.list = {&head.list}}, *got;
	size_t len;
	static int tid_word;

	CHECK_EQ(syscall(SYS_set_tid_address, &tid_word), syscall(SYS_gettid));
	CHECK_EQ(syscall(SYS_set_robust_list, &head, sizeof(head)), 0);
	CHECK_EQ(syscall(SYS_get_robust_list, 0, &got, &len), 0);
	CHECK(got == &head);
	CHECK_EQ(len, sizeof(head));
	CHECK_ERR(syscall(SYS_set_robust_list, &head, 1), EINVAL);
	CHECK_ERR(syscall(SYS_get_robust_list, 999999, &got, &len), ESRCH);
}

TEST(rseq_refusals)
{
	static struct rseq mine __attribute__((aligned(32)));

	CHECK_ERR(syscall(SYS_rseq, &mine, 32, 2, 0), EINVAL);
	CHECK_ERR(syscall(SYS_rseq, (char *)&mine + 4, 32, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_rseq, &mine, 32, RSEQ_FLAG_UNREGISTER, 0), EINVAL);
}

TEST(pidfd_getfd_copies)
{
	int fds[2], pidfd, copy, status;
	char c = 0;
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	pid = fork();
	if (!pid) {
		for (;;)
			pause();
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	REQUIRE(pidfd >= 0);
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fds[1], 0);
	CHECK(copy >= 0);
	CHECK_EQ(write(copy, "z", 1), 1);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(c, 'z');
	CHECK_ERR(syscall(SYS_pidfd_getfd, pidfd, 999, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, pidfd, fds[1], 1), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fds[0], 0, 0), EBADF);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_ERR(syscall(SYS_pidfd_getfd, pidfd, fds[1], 0), ESRCH);
}

TEST(exit_group_ends_at_once)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		syscall(SYS_exit_group, 0x1ff);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 0xff);
	pid = fork();
	if (!pid)
		syscall(SYS_exit, 3);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
}

TEST(reboot_refusals)
{
	CHECK_ERR(syscall(SYS_reboot, 1, 2, 0, NULL), getuid() ? EPERM : EINVAL);
}

int main(void)
{
	return test_run();
}
