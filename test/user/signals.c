/* Handlers, masks, queues, restarts, stacks, faults, timed waits. */
#include "test.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t hits, last_sig, last_code;
static volatile int last_value;
static volatile pid_t last_pid;

static void on_signal(int sig)
{
	hits++;
	last_sig = sig;
}

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	hits++;
	last_sig = sig;
	last_code = si->si_code;
	last_pid = si->si_pid;
	last_value = si->si_value.sival_int;
}

static void install(int sig, void *fn, int flags)
{
	struct sigaction sa = {.sa_flags = flags};

	sa.sa_handler = (void (*)(int))fn;
	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}

TEST(handler_runs)
{
	install(SIGUSR1, on_signal, 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(hits, 1);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(hits, 2);
	CHECK_EQ(last_sig, SIGUSR1);
}

TEST(siginfo_of_kill_and_queue)
{
	install(SIGUSR1, on_info, SA_SIGINFO);
	install(SIGRTMIN, on_info, SA_SIGINFO);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(last_code, SI_USER);
	CHECK_EQ(last_pid, getpid());
	raise(SIGUSR1);
	CHECK_EQ(last_code, SI_TKILL);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1234}), 0);
	CHECK_EQ(last_code, SI_QUEUE);
	CHECK_EQ(last_value, 1234);
}

TEST(blocked_signals_wait)
{
	sigset_t set, pending;

	install(SIGUSR1, on_signal, 0);
	install(SIGRTMIN, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	for (int i = 0; i < 3; i++) {
		kill(getpid(), SIGUSR1);
		kill(getpid(), SIGRTMIN);
	}
	CHECK_EQ(hits, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1));
	CHECK(sigismember(&pending, SIGRTMIN));
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	/* A standard signal once, a real-time signal each time. */
	CHECK_EQ(hits, 4);
}

TEST(mask_during_a_handler)
{
	static volatile int nested;
	struct sigaction sa = {0};

	(void)nested;
	sa.sa_handler = on_signal;
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	sa.sa_flags = SA_RESETHAND;
	CHECK_EQ(sigaction(SIGUSR2, &sa, NULL), 0);
	raise(SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR2, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
}

TEST(refusals)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(65, &sa, NULL), EINVAL);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(999999, SIGTERM), ESRCH);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, -1, getpid(), SIGUSR1), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 77, &sa, NULL, 8), EINVAL);
}

TEST(read_is_interrupted_or_restarted)
{
	int fds[2];
	char c;
	pid_t pid, me = getpid();

	REQUIRE(pipe(fds) == 0);
	install(SIGUSR1, on_signal, 0);
	pid = fork();
	if (!pid) {
		usleep(50000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(read(fds[0], &c, 1), EINTR);
	CHECK_EQ(hits, 1);
	waitpid(pid, NULL, 0);

	install(SIGUSR1, on_signal, SA_RESTART);
	pid = fork();
	if (!pid) {
		usleep(50000);
		kill(me, SIGUSR1);
		usleep(50000);
		(void)!write(fds[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(hits, 2);
	waitpid(pid, NULL, 0);
}

TEST(sigsuspend_restores_the_mask)
{
	sigset_t block, wait, now;
	pid_t me = getpid(), pid;

	install(SIGUSR1, on_signal, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	pid = fork();
	if (!pid) {
		kill(me, SIGUSR1);
		_exit(0);
	}
	sigemptyset(&wait);
	CHECK_ERR(sigsuspend(&wait), EINTR);
	CHECK_EQ(hits, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	waitpid(pid, NULL, 0);
}

TEST(sigtimedwait)
{
	struct timespec ts = {.tv_nsec = 20000000};
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_ERR(sigtimedwait(&set, &si, &ts), EAGAIN);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, &si, &ts), SIGUSR1);
	CHECK_EQ(si.si_pid, getpid());
	ts.tv_nsec = -1;
	CHECK_ERR(sigtimedwait(&set, &si, &ts), EINVAL);
}

static char *volatile low = (char *)16; /* an address that nobody maps */
static sigjmp_buf env;
static void *volatile fault_addr;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	last_sig = sig;
	last_code = si->si_code;
	fault_addr = si->si_addr;
	siglongjmp(env, 1);
}

TEST(faults)
{
	install(SIGSEGV, on_fault, SA_SIGINFO);
	if (!sigsetjmp(env, 1))
		*low = 1;
	CHECK_EQ(last_sig, SIGSEGV);
	CHECK_EQ(last_code, SEGV_MAPERR);
	CHECK(fault_addr == (void *)16);
	if (!sigsetjmp(env, 1))
		*(volatile char *)(unsigned long)on_fault = 1;
	CHECK_EQ(last_code, SEGV_ACCERR);
#ifdef __x86_64__
	install(SIGFPE, on_fault, SA_SIGINFO);
	install(SIGILL, on_fault, SA_SIGINFO);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::
					 : "eax", "ecx", "edx");
	CHECK_EQ(last_sig, SIGFPE);
	CHECK_EQ(last_code, FPE_INTDIV);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("ud2");
	CHECK_EQ(last_sig, SIGILL);
#endif
}

TEST(unhandled_fault_kills)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		*low = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

static char *volatile handler_sp;

static void on_stack(int sig)
{
	(void)sig;
	handler_sp = __builtin_frame_address(0);
}

TEST(alternate_stack)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	install(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(handler_sp > stack && handler_sp < stack + sizeof(stack));
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == stack);
	CHECK_EQ(old.ss_flags, 0);
	ss.ss_size = 100;
	CHECK_ERR(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = 77;
	CHECK_ERR(sigaltstack(&ss, NULL), EINVAL);
}

TEST(nanosleep_goes_on_after_a_stop)
{
	struct timespec a, b, ts = {.tv_nsec = 200000000};
	pid_t me = getpid(), pid = fork();

	if (!pid) {
		usleep(50000);
		kill(me, SIGSTOP);
		usleep(20000);
		kill(me, SIGCONT);
		_exit(0);
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK_EQ(nanosleep(&ts, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 199);
	waitpid(pid, NULL, 0);
}

static void *thread_loop(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

TEST(a_signal_to_the_process_kills_all_threads)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, thread_loop, NULL);
		usleep(10000);
		kill(getpid(), SIGTERM);
		for (;;)
			pause();
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGTERM);
}

static volatile pid_t handler_tid;

static void on_thread_signal(int sig)
{
	(void)sig;
	handler_tid = (pid_t)syscall(SYS_gettid);
}

static void *wait_for_handler(void *arg)
{
	*(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
	while (!handler_tid)
		usleep(1000);
	return NULL;
}

TEST(signals_to_threads)
{
	static volatile pid_t tid;
	sigset_t set;
	pthread_t t;

	install(SIGUSR1, on_thread_signal, 0);
	REQUIRE(pthread_create(&t, NULL, wait_for_handler, (void *)&tid) == 0);
	while (!tid)
		usleep(1000);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), tid, SIGUSR1), 0);
	pthread_join(t, NULL);
	CHECK_EQ(handler_tid, tid);

	/* To the process while only the other thread does not block it. */
	handler_tid = 0;
	tid = 0;
	REQUIRE(pthread_create(&t, NULL, wait_for_handler, (void *)&tid) == 0);
	while (!tid)
		usleep(1000);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	pthread_join(t, NULL);
	CHECK_EQ(handler_tid, tid);
}

int main(void)
{
	return test_run();
}
