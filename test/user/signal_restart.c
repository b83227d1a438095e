/* Which calls go on after a signal, and which say EINTR: signal(7). */
#include "signal_help.h"
#include <linux/futex.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

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

/* ---- frames ---- */

int main(void)
{
	return test_run();
}
