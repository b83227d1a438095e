/* Signals to the last flag: SA_, si_code, restarts, queue limits, frames that lie. */
#include "test.h"
#include <fcntl.h>
#include <fenv.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <ucontext.h>

#ifndef SA_EXPOSE_TAGBITS
#define SA_EXPOSE_TAGBITS 0x800
#endif
#ifndef SA_UNSUPPORTED
#define SA_UNSUPPORTED 0x400
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static volatile sig_atomic_t hits;
static siginfo_t last;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	hits++;
	last = *si;
}

static void install(int sig, void *fn, int flags)
{
	struct sigaction sa = {.sa_flags = flags};

	sa.sa_handler = (void (*)(int))fn;
	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}

static void nap(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts))
		;
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
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

/* ---- restarts ---- */

static char state_of(pid_t pid)
{
	char path[64], text[512] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f) {
		(void)!fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	p = strrchr(text, ')');
	return p ? p[2] : '?';
}

static void until_asleep(pid_t pid)
{
	char state;

	while ((state = state_of(pid)) != 'S' && state != '?')
		nap(1);
}

/*
 * A process that signals this one when it sleeps in the call, and when it sleeps in it again does
 * what the call waits for.
 */
static pid_t poke(void (*feed)(void))
{
	pid_t me = getpid(), pid = fork();

	if (!pid) {
		until_asleep(me);
		kill(me, SIGUSR1);
		until_asleep(me);
		if (feed)
			feed();
		_exit(0);
	}
	return pid;
}

static int fds[2], sock[2], listener, file_fd, msq, sem;
static volatile int *word;
static char big[1 << 20], byte[1];
static struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "\0corbel-siginfo"};

static void feed_pipe(void)
{
	(void)!write(fds[1], "x", 1);
}
static void drain_pipe(void)
{
	(void)!read(fds[0], big, 65536);
}
static void feed_socket(void)
{
	(void)!write(sock[1], "x", 1);
}
static void connect_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)!connect(fd, (void *)&addr, sizeof(addr));
}
static void accept_listener(void)
{
	(void)!accept(listener, NULL, NULL);
}
static void feed_futex(void)
{
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void feed_msg(void)
{
	struct {
		long type;
		char c;
	} m = {1, 'x'};

	msgsnd(msq, &m, 1, 0);
}
static void feed_sem(void)
{
	struct sembuf up = {0, 1, 0};

	semop(sem, &up, 1);
}

/* Restarted with SA_RESTART, EINTR without. */
#define RESTARTS(call, feed, good)                       \
	do {                                             \
		int before = hits;                       \
		install(SIGUSR1, on_signal, 0);          \
		pid_t p_ = poke(feed);                   \
		CHECK_ERR(call, EINTR);                  \
		CHECK_EQ(hits, before + 1);              \
		kill(p_, SIGKILL);                       \
		while (waitpid(p_, NULL, 0) < 0)         \
			;                                \
		install(SIGUSR1, on_signal, SA_RESTART); \
		p_ = poke(feed);                         \
		CHECK_EQ(call, good);                    \
		CHECK_EQ(hits, before + 2);              \
		while (waitpid(p_, NULL, 0) < 0)         \
			;                                \
	} while (0)

/* EINTR even with SA_RESTART. */
#define NEVER_RESTARTS(call)                             \
	do {                                             \
		int before = hits;                       \
		install(SIGUSR1, on_signal, SA_RESTART); \
		pid_t p_ = poke(NULL);                   \
		CHECK_ERR(call, EINTR);                  \
		CHECK_EQ(hits, before + 1);              \
		while (waitpid(p_, NULL, 0) < 0)         \
			;                                \
	} while (0)

TEST(restart_pipes_and_sockets)
{
	struct msghdr mh = {0};
	struct iovec iov = {byte, 1};

	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	REQUIRE(!pipe(fds) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	RESTARTS(read(fds[0], byte, 1), feed_pipe, 1);
	RESTARTS(read(sock[0], byte, 1), feed_socket, 1);
	RESTARTS(recv(sock[0], byte, 1, 0), feed_socket, 1);
	RESTARTS(recvmsg(sock[0], &mh, 0), feed_socket, 1);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], big, 65536) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	RESTARTS(write(fds[1], big, 4096), drain_pipe, 4096);
	struct timeval tv = {100, 0};

	/* With a time limit a socket call is never restarted. */
	REQUIRE(!setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	NEVER_RESTARTS(recv(sock[0], byte, 1, 0));
	NEVER_RESTARTS(read(sock[0], byte, 1));
}

TEST(restart_connections)
{
	int client[2], fd;

	addr.sun_path[15] = (char)('0' + getpid() % 10);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	REQUIRE(!bind(listener, (void *)&addr, sizeof(addr)) && !listen(listener, 0));
	int got = -1;

	RESTARTS((got = accept(listener, NULL, NULL)) < 0 ? -1 : 0, connect_listener, 0);
	client[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(client[0], (void *)&addr, sizeof(addr)), 0);
	/* The queue is full. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	RESTARTS(connect(fd, (void *)&addr, sizeof(addr)), accept_listener, 0);
}

/* What a child waits for. */
static int go[2];

static void release_child(void)
{
	(void)!write(go[1], "x", 1);
}

static pid_t lock_holder(bool whole)
{
	int ready[2];
	struct flock fl = {.l_type = F_WRLCK};

	REQUIRE(!pipe(ready) && !pipe(go));
	pid_t pid = fork();

	if (!pid) {
		int fd = open("/tmp/siginfo-lock", O_RDWR);

		if (whole)
			flock(fd, LOCK_EX);
		else
			fcntl(fd, F_SETLKW, &fl);
		(void)!write(ready[1], "x", 1);
		(void)!read(go[0], byte, 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], byte, 1), 1);
	return pid;
}

TEST(restart_locks)
{
	struct flock fl = {.l_type = F_WRLCK};
	pid_t holder;

	file_fd = open("/tmp/siginfo-lock", O_RDWR | O_CREAT, 0600);
	REQUIRE(file_fd >= 0);
	for (int whole = 0; whole < 2; whole++) {
		holder = lock_holder(whole);
		RESTARTS(whole ? flock(file_fd, LOCK_EX) : fcntl(file_fd, F_SETLKW, &fl),
			 release_child, 0);
		while (waitpid(holder, NULL, 0) < 0)
			;
	}
	unlink("/tmp/siginfo-lock");
}

TEST(restart_waits)
{
	struct timespec t0, limit = {0, 300000000}, long_limit = {100, 0};

	REQUIRE(!pipe(go));
	pid_t pid = fork();

	if (!pid) {
		(void)!read(go[0], byte, 1);
		_exit(5);
	}
	RESTARTS(waitpid(pid, NULL, 0), release_child, pid);
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	RESTARTS(syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0), feed_futex, 0);
	*word = 0;
	/* A timed one goes on by the restart block when no handler runs, and ends at its time. */
	NEVER_RESTARTS(syscall(SYS_futex, word, FUTEX_WAIT, 0, &long_limit, NULL, 0));
	pid_t me = getpid();

	pid = fork();
	if (!pid) {
		nap(60);
		kill(me, SIGSTOP);
		nap(60);
		kill(me, SIGCONT);
		_exit(0);
	}
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_ERR(syscall(SYS_futex, word, FUTEX_WAIT, 0, &limit, NULL, 0), ETIMEDOUT);
	CHECK(elapsed_ms(&t0) >= 299);
	waitpid(pid, NULL, 0);
}

TEST(calls_that_never_restart)
{
	struct pollfd p = {.events = POLLIN};
	struct timespec ts = {100, 0}, left = {0, 0};
	struct epoll_event ev;
	sigset_t set, none;
	fd_set r;
	int ep = epoll_create1(0);

	REQUIRE(!pipe(fds));
	p.fd = fds[0];
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	FD_ZERO(&r);
	NEVER_RESTARTS(poll(&p, 1, 100000));
	NEVER_RESTARTS(poll(&p, 1, -1));
	NEVER_RESTARTS(ppoll(&p, 1, &ts, &none));
	NEVER_RESTARTS(select(0, &r, NULL, NULL, NULL));
	NEVER_RESTARTS(epoll_wait(ep, &ev, 1, -1));
	NEVER_RESTARTS(epoll_pwait(ep, &ev, 1, -1, &none));
	NEVER_RESTARTS(nanosleep(&ts, &left));
	CHECK(left.tv_sec > 0 && left.tv_sec < 100);
	NEVER_RESTARTS(-(errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL), errno != 0));
	NEVER_RESTARTS(sigtimedwait(&set, NULL, &ts));
	NEVER_RESTARTS(sigwaitinfo(&set, NULL));
	NEVER_RESTARTS(pause());
	NEVER_RESTARTS(sigsuspend(&none));
}

TEST(sysv_calls_never_restart)
{
	struct {
		long type;
		char c;
	} m;
	struct sembuf down = {0, -1, 0};
	struct timespec ts = {100, 0};

	msq = msgget(IPC_PRIVATE, 0600);
	sem = semget(IPC_PRIVATE, 1, 0600);
	REQUIRE(msq >= 0 && sem >= 0);
	NEVER_RESTARTS(msgrcv(msq, &m, 1, 0, 0));
	NEVER_RESTARTS(semop(sem, &down, 1));
	NEVER_RESTARTS(semtimedop(sem, &down, 1, &ts));
	feed_msg();
	CHECK_EQ(msgrcv(msq, &m, 1, 0, 0), 1);
	feed_sem();
	CHECK_EQ(semop(sem, &down, 1), 0);
	msgctl(msq, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
}

/* ---- alternate stack ---- */

static char *volatile handler_sp;
static stack_t in_handler;

static void on_stack(int sig)
{
	handler_sp = __builtin_frame_address(0);
	sigaltstack(NULL, &in_handler);
	if (++hits < 2)
		raise(sig);
}

TEST(autodisarm)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, now;

	ss.ss_flags = (int)SS_AUTODISARM;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ((unsigned int)now.ss_flags, SS_AUTODISARM);
	install(SIGUSR1, on_stack, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(hits, 2);
	CHECK(handler_sp > stack && handler_sp < stack + sizeof(stack));
	CHECK_EQ(in_handler.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ((unsigned int)now.ss_flags, SS_AUTODISARM);
	CHECK(now.ss_sp == stack);
	/* Without it the stack is in use and cannot be changed. */
	ss.ss_flags = SS_ONSTACK;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	hits = 0;
	raise(SIGUSR1);
	CHECK_EQ(in_handler.ss_flags, SS_ONSTACK);
}

#ifdef __x86_64__
static char *low_end;

/* Goes on where no second frame fits. */
static void eat_stack(int sig)
{
	__asm__ volatile("mov %0, %%rsp; syscall" ::"r"(low_end + 600), "a"(SYS_tgkill),
			 "D"(getpid()), "S"(getpid()), "d"(sig)
			 : "rcx", "r11", "memory");
	_exit(0);
}

TEST(an_alternate_stack_that_overflows)
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		char *area = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stack_t ss = {.ss_sp = area + (1 << 19), .ss_size = 32768};

		low_end = ss.ss_sp;
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		sigaltstack(&ss, NULL);
		install(SIGUSR1, eat_stack, SA_ONSTACK | SA_NODEFER);
		raise(SIGUSR1);
		_exit(0);
	}
	/* Although there is memory below: the frame would leave the stack. */
	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}
#endif

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

/* ---- faults ---- */

#ifdef __x86_64__
static sigjmp_buf env;
static greg_t last_trap, last_err;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	last = *si;
	last_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	last_err = uc->uc_mcontext.gregs[REG_ERR];
	siglongjmp(env, 1);
}

#define FAULT(code, sig, sicode)                \
	do {                                    \
		memset(&last, 0, sizeof(last)); \
		if (!sigsetjmp(env, 1)) {       \
			code;                   \
		}                               \
		CHECK_EQ(last.si_signo, sig);   \
		CHECK_EQ(last.si_code, sicode); \
	} while (0)

static void sse_unmask(unsigned int masked_off)
{
	unsigned int mxcsr = 0x1f80 & ~masked_off;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* Emulators may leave these exceptions out. */
static bool sse_traps(void)
{
	volatile double zero = 0, r;

	memset(&last, 0, sizeof(last));
	if (!sigsetjmp(env, 1)) {
		sse_unmask(0x200);
		r = 1 / zero;
		(void)r;
	}
	sse_unmask(0);
	return last.si_signo == SIGFPE;
}

static void map_past_the_end(volatile char **out)
{
	int fd = (int)syscall(SYS_memfd_create, "x", 0);

	REQUIRE(fd >= 0 && !ftruncate(fd, 4096));
	*out = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(*out != MAP_FAILED);
}

TEST(codes_of_faults)
{
	volatile char *p, *past;
	volatile double zero = 0, one = 1, huge = 1e308, r;

	for (int s = 0; s < 5; s++)
		install((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}[s], on_fault, SA_SIGINFO);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAULT(*p = 1, SIGSEGV, SEGV_ACCERR);
	CHECK(last.si_addr == (void *)p);
	CHECK_EQ(last_trap, 14);
	munmap((void *)p, 4096);
	FAULT(*p = 1, SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(last_err, 6);
	/* A kernel address looks mapped to all, and a non-canonical one is no page fault. */
	FAULT(*(volatile char *)0xffffffff81000000 = 1, SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(last_err, 7);
	FAULT(*(volatile char *)0x8000000000000000 = 1, SIGSEGV, SI_KERNEL);
	CHECK_EQ(last_trap, 13);
	CHECK(last.si_addr == NULL);
	map_past_the_end(&past);
	FAULT(past[4096] = 1, SIGBUS, BUS_ADRERR);
	CHECK(last.si_addr == past + 4096);
	FAULT(__asm__ volatile("ud2"), SIGILL, ILL_ILLOPN);
	CHECK(last.si_addr != NULL);
	FAULT(__asm__ volatile("int3"), SIGTRAP, SI_KERNEL);
	CHECK_EQ(last_trap, 3);
	FAULT(__asm__ volatile("int $0x2d"), SIGSEGV, SI_KERNEL);
	FAULT(__asm__ volatile("hlt"), SIGSEGV, SI_KERNEL);
	FAULT(__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::
				       : "memory", "cc"),
	      SIGTRAP, TRAP_TRACE);
	FAULT(__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::
				       : "eax", "ecx", "edx"),
	      SIGFPE, FPE_INTDIV);
	if (sse_traps()) {
		FAULT(sse_unmask(0x200); r = one / zero, SIGFPE, FPE_FLTDIV);
		FAULT(sse_unmask(0x400); r = huge * huge, SIGFPE, FPE_FLTOVF);
		FAULT(sse_unmask(0x80); r = zero / zero, SIGFPE, FPE_FLTINV);
		FAULT(sse_unmask(0x1000); r = one / 3, SIGFPE, FPE_FLTRES);
		sse_unmask(0);
	}
	FAULT(__asm__ volatile("fninit; pushq $0x37b; fldcw (%%rsp); popq %%rax; fld1; fldz;"
			       "fdivrp; fwait" ::
				       : "rax", "memory"),
	      SIGFPE, FPE_FLTDIV);
	(void)r;
}

/* A stack pointer that is no address: stack faults and frames that do not fit. */
TEST(a_stack_that_is_no_address)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&ss, NULL);
	install(SIGBUS, on_fault, SA_SIGINFO | SA_ONSTACK);
	install(SIGSEGV, on_fault, SA_SIGINFO | SA_ONSTACK);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("movabs $0x8000000000000000, %%rsp; push %%rax" ::: "memory");
	/* A stack fault; some emulators make it a protection fault. */
	CHECK_EQ(last_trap, last.si_signo == SIGBUS ? 12 : 13);
	CHECK_EQ(last.si_code, SI_KERNEL);
}

/* ---- frames ---- */

static void (*spoil)(ucontext_t *uc);

static void on_spoil(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	spoil(uc);
}

static unsigned char *fp_of(ucontext_t *uc)
{
	return (unsigned char *)uc->uc_mcontext.fpregs;
}

static unsigned int get32(const void *p)
{
	unsigned int v;

	memcpy(&v, p, 4);
	return v;
}

static void put64(void *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static unsigned int magic1, extended_size, magic2, xstate_size;
static unsigned long uc_flags;

static void note_frame(ucontext_t *uc)
{
	unsigned char *fp = fp_of(uc);

	uc_flags = uc->uc_flags;
	magic1 = get32(fp + 464);
	extended_size = get32(fp + 468);
	xstate_size = get32(fp + 480);
	magic2 = get32(fp + xstate_size);
	/* xmm5 gets another value, and the frame says it is in use. */
	put64(fp + 160 + 5 * 16, 0x1234567812345678);
	put64(fp + 512, 3 | get32(fp + 512));
}

TEST(floating_point_state_in_frames)
{
	uint64_t xmm = 1;
	long r;

	install(SIGUSR1, on_spoil, SA_SIGINFO);
	spoil = note_frame;
	/* The system call in place, so that nothing else uses the register. */
	__asm__ volatile("movq %2, %%xmm5; syscall; movq %%xmm5, %1"
			 : "=a"(r), "=r"(xmm)
			 : "r"(7ul), "0"(SYS_tgkill), "D"(getpid()), "S"(getpid()), "d"(SIGUSR1)
			 : "rcx", "r11", "xmm5", "memory");
	CHECK_EQ(r, 0);
	CHECK_EQ(magic1, 0x46505853);
	CHECK_EQ(magic2, 0x46505845);
	CHECK_EQ(extended_size, xstate_size + 4);
	CHECK_EQ(uc_flags, 7);
	CHECK_EQ(xmm, 0x1234567812345678);
}

static void bad_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x2b;
}
static void null_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] &= ~0xffffll;
}
static void kernel_cs(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x10;
}
static void bad_ss(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_CSGSFS] =
		(uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffffffffffffll) | 0x33ll << 48;
}
static void bad_ip(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000;
}
static void kernel_ip(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffffffff81000000;
}
static void bad_sp(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)0x8000000000000000;
}
static void bad_mxcsr(ucontext_t *uc)
{
	memset(fp_of(uc) + 24, 0xff, 4);
}
static void bad_header(ucontext_t *uc)
{
	memset(fp_of(uc) + 512, 0xff, 64);
}
static void bad_compaction(ucontext_t *uc)
{
	put64(fp_of(uc) + 520, 1ull << 63);
}
static void bad_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)0x10;
}
static void kernel_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)0xffffffff81000000;
}
static void crooked_fp_pointer(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)(fp_of(uc) + 1);
}

static int status_of(void (*fn)(ucontext_t *uc))
{
	int st = -1;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		spoil = fn;
		install(SIGUSR1, on_spoil, SA_SIGINFO);
		raise(SIGUSR1);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	return st;
}

static void all_flags(ucontext_t *uc)
{
	/* IOPL, IF off, NT, VM: only those of the program are taken. */
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x4000 | 0x20000 | 0x100000;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x200ll;
}
static void no_fp(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = NULL;
}
static void no_magic(ucontext_t *uc)
{
	memset(fp_of(uc) + 464, 0, 4);
}
static void odd_size(ucontext_t *uc)
{
	memset(fp_of(uc) + 480, 0xff, 4);
}
static void mask_of_all(ucontext_t *uc)
{
	memset(&uc->uc_sigmask, 0xff, 8);
}
static void bad_altstack(ucontext_t *uc)
{
	uc->uc_stack.ss_flags = 77;
}

TEST(frames_that_lie)
{
	CHECK_EQ(status_of(bad_cs), SIGSEGV);
	CHECK_EQ(status_of(null_cs), SIGSEGV);
	CHECK_EQ(status_of(kernel_cs), SIGSEGV);
	CHECK_EQ(status_of(bad_ss), SIGSEGV);
	CHECK_EQ(status_of(bad_ip), SIGSEGV);
	CHECK_EQ(status_of(kernel_ip), SIGSEGV);
	CHECK(WTERMSIG(status_of(bad_sp)));
	int st = status_of(bad_mxcsr);

	CHECK(st == SIGSEGV || !st); /* some emulators take it */
	CHECK_EQ(status_of(bad_header), SIGSEGV);
	CHECK_EQ(status_of(bad_compaction), SIGSEGV);
	CHECK_EQ(status_of(bad_fp_pointer), SIGSEGV);
	CHECK_EQ(status_of(kernel_fp_pointer), SIGSEGV);
	CHECK_EQ(status_of(crooked_fp_pointer), SIGSEGV);
}

TEST(frames_with_harmless_lies)
{
	CHECK_EQ(status_of(all_flags), 0);
	CHECK_EQ(status_of(no_fp), 0);
	CHECK_EQ(status_of(no_magic), 0);
	CHECK_EQ(status_of(odd_size), 0);
	CHECK_EQ(status_of(mask_of_all), 0);
	CHECK_EQ(status_of(bad_altstack), 0);
}

TEST(sigreturn_without_a_frame)
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		__asm__ volatile("mov $16, %%rsp; mov $15, %%eax; syscall" ::: "memory");
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(st, SIGSEGV);
}
#endif

int main(void)
{
	return test_run();
}
