/* Signals to the last flag: SA_, si_code, limits of queues. */
#include "signal_help.h"
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	hits++;
	last = *si;
}

/* ---- flags of sigaction(2) ---- */

struct raw_action {
	unsigned long handler, flags, restorer, mask;
};

TEST(unknown_flags_are_cleared)
{
	struct raw_action in = {.handler = (unsigned long)SIG_IGN}, out;

	in.flags = 0xffffffffu;
	in.mask = ~0ul;
	CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &in, NULL, 8), 0);
	CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &out, 8), 0);
	CHECK_EQ(out.flags, 0xdc000807u);
	CHECK(!(out.flags & SA_UNSUPPORTED));
	CHECK(out.flags & SA_EXPOSE_TAGBITS);
	CHECK_EQ(out.mask, ~(1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1)));
}

TEST(no_signal_for_a_stopped_child)
{
	int st;
	pid_t pid;

	install(SIGCHLD, on_info, SA_SIGINFO | SA_NOCLDSTOP);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st));
	CHECK_EQ(hits, 0);
	kill(pid, SIGCONT);
	while (waitpid(pid, &st, 0) < 0)
		;
	CHECK_EQ(hits, 1);
	CHECK_EQ(last.si_code, CLD_EXITED);
	CHECK_EQ(last.si_status, 3);
	CHECK_EQ(last.si_pid, pid);
}

static pid_t child_that(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(0);
	}
	return pid;
}

static void stop_self(void)
{
	raise(SIGSTOP);
}

TEST(codes_of_children)
{
	const struct rlimit none = {0, 0};
	int st;
	pid_t pid;

	install(SIGCHLD, on_info, SA_SIGINFO);
	pid = child_that(stop_self);
	while (waitpid(pid, &st, WUNTRACED) < 0)
		;
	CHECK_EQ(last.si_code, CLD_STOPPED);
	CHECK_EQ(last.si_status, SIGSTOP);
	last.si_code = 0;
	sigset_t chld, old;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	kill(pid, SIGCONT);
	CHECK_EQ(sigwaitinfo(&chld, &last), SIGCHLD);
	CHECK(last.si_code == CLD_CONTINUED || last.si_code == CLD_EXITED);
	CHECK_EQ(last.si_status, last.si_code == CLD_CONTINUED ? SIGCONT : 0);
	waitpid(pid, &st, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	setrlimit(RLIMIT_CORE, &none);
	pid = child_that(abort);
	while (waitpid(pid, &st, 0) < 0)
		;
	CHECK_EQ(last.si_code, CLD_KILLED);
	CHECK_EQ(last.si_status, SIGABRT);
	CHECK_EQ(last.si_uid, getuid());
}

TEST(children_that_nobody_waits_for)
{
	pid_t pid;

	install(SIGCHLD, on_signal, SA_NOCLDWAIT);
	pid = fork();
	if (!pid)
		_exit(3);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(hits, 1); /* not ignored: still told */
	install(SIGCHLD, SIG_IGN, 0);
	pid = fork();
	if (!pid)
		_exit(3);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

static volatile int depth, deepest;

static void on_nested(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (++hits < 4)
		raise(sig);
	depth--;
}

TEST(nodefer_and_resethand)
{
	struct sigaction sa;

	install(SIGUSR1, on_nested, 0);
	raise(SIGUSR1);
	CHECK_EQ(hits, 4);
	CHECK_EQ(deepest, 1);
	hits = deepest = 0;
	install(SIGUSR1, on_nested, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(hits, 4);
	CHECK_EQ(deepest, 4);
	install(SIGUSR1, on_signal, SA_RESETHAND | SA_RESTART);
	raise(SIGUSR1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
	CHECK_EQ(sa.sa_flags & ~0x04000000, (int)(SA_RESETHAND | SA_RESTART)); /* SA_RESTORER */
}

/* ---- queues ---- */

TEST(limit_of_pending_signals)
{
	const struct rlimit few = {2, 2};
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	REQUIRE(!setresuid(4711, 4711, 4711)); /* a user with nothing pending */
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &few), 0);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}), 0);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2}), 0);
	CHECK_ERR(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 3}), EAGAIN);
	/* kill(2) always gets through, without details. */
	CHECK_EQ(kill(getpid(), SIGRTMIN), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1));
	CHECK_EQ(sigwaitinfo(&set, &last), SIGUSR1);
	CHECK_EQ(last.si_pid, getpid());
	CHECK_EQ(sigwaitinfo(&set, &last), SIGRTMIN);
	CHECK_EQ(last.si_value.sival_int, 1);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4}), 0);
	CHECK_EQ(sigwaitinfo(&set, &last), SIGRTMIN);
	CHECK_EQ(last.si_value.sival_int, 2);
	CHECK_EQ(sigwaitinfo(&set, &last), SIGRTMIN);
	CHECK_EQ(last.si_value.sival_int, 4);
}

static long queue_code(pid_t pid, int sig, int code)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_code = code;
	si.si_pid = 77;
	si.si_value.sival_int = 5;
	return syscall(SYS_rt_sigqueueinfo, pid, sig, &si);
}

TEST(codes_that_may_be_queued)
{
	static const int negative[] = {SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO, SI_SIGIO, -1000};
	pid_t me = getpid(), child = fork();

	if (!child)
		for (;;)
			pause();
	install(SIGUSR1, on_info, SA_SIGINFO);
	for (unsigned int i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
		CHECK_EQ(queue_code(me, SIGUSR1, negative[i]), 0);
		CHECK_EQ(last.si_code, negative[i]);
		if (negative[i] != SI_TIMER && negative[i] != SI_SIGIO)
			CHECK_EQ(last.si_pid, 77);
	}
	/* To oneself anything; to others nothing that only the kernel says. */
	CHECK_EQ(queue_code(me, SIGUSR1, SI_USER), 0);
	CHECK_EQ(last.si_code, SI_USER);
	CHECK_EQ(queue_code(me, SIGUSR1, SI_TKILL), 0);
	CHECK_EQ(queue_code(me, SIGUSR1, SI_KERNEL), 0);
	CHECK_EQ(last.si_code, SI_KERNEL);
	CHECK_ERR(queue_code(child, SIGUSR1, SI_USER), EPERM);
	CHECK_ERR(queue_code(child, SIGUSR1, SI_TKILL), EPERM);
	CHECK_ERR(queue_code(child, SIGUSR1, SI_KERNEL), EPERM);
	CHECK_ERR(queue_code(child, 65, SI_QUEUE), EINVAL);
	CHECK_ERR(queue_code(0, SIGUSR1, SI_QUEUE), ESRCH);
	CHECK_ERR(queue_code(-child, SIGUSR1, SI_QUEUE), ESRCH);
	CHECK_ERR(queue_code(99999999, SIGUSR1, SI_QUEUE), ESRCH);
	CHECK_EQ(queue_code(child, 0, SI_QUEUE), 0);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, me, SIGUSR1, 16), EFAULT);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* What the kernel does not know it does not take: nothing may hide behind an unknown code. */
TEST(unknown_codes_carry_nothing_more)
{
	union {
		siginfo_t si;
		char bytes[128];
	} u;

	install(SIGUSR1, on_info, SA_SIGINFO);
	memset(&u, 0, sizeof(u));
	u.si.si_code = 100;
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &u.si), 0);
	u.bytes[100] = 1;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &u.si), E2BIG);
	u.si.si_code = SI_QUEUE;
	hits = 0;
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &u.si), 0);
	CHECK_EQ(hits, 1);
	CHECK_EQ(((char *)&last)[100], 0); /* and a known one is cut off */
}

TEST(queue_to_a_thread)
{
	pid_t me = getpid(), tid = (pid_t)syscall(SYS_gettid), child = fork();
	siginfo_t si;

	if (!child)
		for (;;)
			pause();
	memset(&si, 0, sizeof(si));
	si.si_code = SI_QUEUE;
	si.si_value.sival_int = 9;
	install(SIGUSR1, on_info, SA_SIGINFO);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, me, tid, SIGUSR1, &si), 0);
	CHECK_EQ(last.si_value.sival_int, 9);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, 0, tid, SIGUSR1, &si), EINVAL);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, me, -1, SIGUSR1, &si), EINVAL);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, child, tid, SIGUSR1, &si), ESRCH);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, me, tid, 65, &si), EINVAL);
	si.si_code = SI_TKILL;
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGUSR1, &si), EPERM);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, me, tid, SIGUSR1, &si), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

TEST(a_timer_says_so)
{
	struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec it = {.it_value = {0, 1000000}};
	sigset_t set;
	timer_t id;

	se.sigev_value.sival_int = 42;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	REQUIRE(!timer_create(CLOCK_MONOTONIC, &se, &id) && !timer_settime(id, 0, &it, NULL));
	CHECK_EQ(sigwaitinfo(&set, &last), SIGRTMIN);
	CHECK_EQ(last.si_code, SI_TIMER);
	CHECK_EQ(last.si_value.sival_int, 42);
	CHECK_EQ(last.si_overrun, 0);
}

/* ---- frames ---- */

int main(void)
{
	return test_run();
}
