/* poll, ppoll, select, pselect6, epoll_*, eventfd, timerfd_*, signalfd. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <sys/personality.h>

static void on_signal(int sig)
{
	(void)sig;
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

TEST(poll_reports)
{
	int p[2], fd = open("/tmp", O_RDONLY);

	REQUIRE(pipe(p) == 0);
	struct pollfd f[4] = {
		{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 77}, {999, POLLIN, 0}};
	CHECK_EQ(poll(f, 4, 0), 2);
	CHECK_EQ(f[0].revents, 0);
	CHECK_EQ(f[1].revents, POLLOUT);
	CHECK_EQ(f[2].revents, 0);
	CHECK_EQ(f[3].revents, POLLNVAL);
	f[0].fd = fd;
	f[0].events = POLLIN | POLLOUT;
	CHECK_EQ(poll(f, 1, -1), 1);
	CHECK_EQ(f[0].revents, POLLIN | POLLOUT);
	CHECK_ERR(syscall(SYS_poll, 1, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, f, 10000000, 0), EINVAL);
}

TEST(poll_waits)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	struct pollfd f = {p[0], POLLIN, 0};
	long long t = now_ns();
	CHECK_EQ(poll(&f, 1, 30), 0);
	CHECK(now_ns() - t >= 30000000);
	pid_t pid = fork();
	if (!pid) {
		usleep(20000);
		_exit(write(p[1], "x", 1) != 1);
	}
	CHECK_EQ(poll(&f, 1, -1), 1);
	CHECK_EQ(f.revents, POLLIN);
	close(p[1]);
	waitpid(pid, NULL, 0);
	char c;
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(poll(&f, 1, -1), 1);
	CHECK_EQ(f.revents, POLLHUP);
}

TEST(signals_interrupt_waits)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct timespec ts = {5, 0};
	sigset_t none, block;
	int p[2];

	REQUIRE(pipe(p) == 0);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	struct pollfd f = {p[0], POLLIN, 0};
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	CHECK_ERR(ppoll(&f, 1, &ts, &none), EINTR);
	raise(SIGUSR1);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
	int ep = epoll_create1(0);
	struct epoll_event ev;
	raise(SIGUSR1);
	CHECK_ERR(epoll_pwait(ep, &ev, 1, 5000, &none), EINTR);
	raise(SIGUSR1);
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, &none, 8), EINTR);
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
}

TEST(ppoll_writes_the_rest)
{
	struct timespec ts = {100, 0};
	int p[2];

	REQUIRE(pipe(p) == 0);
	struct pollfd f = {p[1], POLLOUT, 0};
	CHECK_EQ(syscall(SYS_ppoll, &f, 1, &ts, NULL, 8), 1);
	CHECK(ts.tv_sec >= 98 && ts.tv_sec < 100);
	ts.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_ppoll, &f, 1, &ts, NULL, 8), EINVAL);
}

TEST(select_sets)
{
	struct timeval tv = {0, 1000};
	fd_set r, w;
	int p[2];

	REQUIRE(pipe(p) == 0);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	CHECK_EQ(select(p[1] + 1, &r, &w, NULL, NULL), 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &tv), 0);
	CHECK_EQ(tv.tv_sec + tv.tv_usec, 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_SET(p[0], &r);
	CHECK_EQ(syscall(SYS_select, p[0] + 1, &r, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(p[0], &r));
	close(p[0]);
	CHECK_ERR(select(p[0] + 1, &r, NULL, NULL, &tv), EBADF);
	CHECK_ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
	struct timespec ts = {0, 1000};
	CHECK_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL), 0);
}

TEST(epoll_levels_and_edges)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x1234567890abcdef}, got[4];
	int p[2], ep = epoll_create(1);
	char c;

	REQUIRE(ep >= 0 && pipe(p) == 0);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &ev), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, open("/tmp", O_RDONLY), &ev), EPERM);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev), EINVAL);
	CHECK_ERR(epoll_wait(ep, got, 0, 0), EINVAL);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(ep, got, 4, -1), 1);
	CHECK_EQ(got[0].events, EPOLLIN);
	CHECK(got[0].data.u64 == 0x1234567890abcdef);
	CHECK_EQ(epoll_wait(ep, got, 4, -1), 1);
	ev.events = EPOLLIN | EPOLLET;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 0);
	CHECK_EQ(write(p[1], "b", 1), 1);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 1);
	ev.events = EPOLLIN | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	close(p[0]); /* the last reference: the item goes too */
	CHECK_EQ(epoll_wait(ep, got, 4, 0), 0);
}

TEST(epoll_nests)
{
	struct epoll_event ev = {.events = EPOLLIN}, got;
	int p[2], a = epoll_create1(EPOLL_CLOEXEC), b = epoll_create1(0);

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(epoll_ctl(a, EPOLL_CTL_ADD, p[0], &ev), 0);
	CHECK_EQ(epoll_ctl(b, EPOLL_CTL_ADD, a, &ev), 0);
	CHECK_ERR(epoll_ctl(a, EPOLL_CTL_ADD, b, &ev), ELOOP);
	CHECK_EQ(epoll_wait(b, &got, 1, 0), 0);
	pid_t pid = fork();
	if (!pid) {
		usleep(10000);
		_exit(write(p[1], "x", 1) != 1);
	}
	CHECK_EQ(epoll_wait(b, &got, 1, 5000), 1);
	struct pollfd f = {b, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	waitpid(pid, NULL, 0);
	int chain = b;
	for (int i = 0; i < 6; i++) {
		int next = epoll_create1(0);

		if (epoll_ctl(next, EPOLL_CTL_ADD, chain, &ev)) {
			CHECK_EQ(errno, ELOOP);
			return;
		}
		chain = next;
	}
	CHECK(!"nesting without bound");
}

TEST(eventfd_counts)
{
	uint64_t v = 5;
	int e = eventfd(3, EFD_NONBLOCK);

	REQUIRE(e >= 0);
	CHECK_EQ(write(e, &v, 8), 8);
	CHECK_EQ(read(e, &v, 8), 8);
	CHECK_EQ(v, 8);
	CHECK_ERR(read(e, &v, 8), EAGAIN);
	CHECK_ERR(read(e, &v, 7), EINVAL);
	v = UINT64_MAX;
	CHECK_ERR(write(e, &v, 8), EINVAL);
	v = UINT64_MAX - 1;
	CHECK_EQ(write(e, &v, 8), 8);
	v = 1;
	CHECK_ERR(write(e, &v, 8), EAGAIN);
	struct pollfd f = {e, POLLIN | POLLOUT, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN);
	e = syscall(SYS_eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK_EQ(read(e, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(read(e, &v, 8), 8);
	CHECK_ERR(read(e, &v, 8), EAGAIN);
	CHECK_ERR(eventfd(0, 0x4000000), EINVAL);
	CHECK(syscall(SYS_eventfd, 0) >= 0);
}

TEST(timerfd_fires)
{
	struct itimerspec it = {.it_value = {0, 5000000}, .it_interval = {0, 5000000}}, cur;
	int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n;

	REQUIRE(t >= 0);
	CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_EQ(timerfd_settime(t, 0, &it, NULL), 0);
	CHECK_EQ(read(t, &n, 8), 8);
	CHECK(n >= 1);
	usleep(30000);
	CHECK_EQ(read(t, &n, 8), 8);
	CHECK(n >= 4);
	CHECK_EQ(timerfd_gettime(t, &cur), 0);
	CHECK_EQ(cur.it_interval.tv_nsec, 5000000);
	CHECK(cur.it_value.tv_nsec <= 5000000);
	it = (struct itimerspec){0};
	CHECK_EQ(timerfd_settime(t, 0, &it, &cur), 0);
	fcntl(t, F_SETFL, O_NONBLOCK);
	CHECK_ERR(read(t, &n, 8), EAGAIN);
	it.it_value.tv_nsec = 1000000000;
	CHECK_ERR(timerfd_settime(t, 0, &it, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(0x7fff, 0, &cur, NULL), EBADF);
	struct timespec past = {1, 0};
	it.it_value = past;
	CHECK_EQ(timerfd_settime(t, TFD_TIMER_ABSTIME, &it, NULL), 0);
	struct pollfd f = {t, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 1000), 1);
	CHECK_EQ(read(t, &n, 8), 8);
	CHECK_EQ(n, 1);
}

TEST(signalfd_reads)
{
	struct signalfd_siginfo si[2];
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(read(fd, si, 10), EINVAL);
	union sigval v = {.sival_int = 42};
	sigqueue(getpid(), SIGRTMIN, v);
	kill(getpid(), SIGUSR1);
	struct pollfd f = {fd, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(read(fd, si, sizeof(si)), (long)sizeof(si));
	CHECK_EQ(si[0].ssi_signo, SIGUSR1);
	CHECK_EQ(si[0].ssi_pid, getpid());
	CHECK_EQ(si[1].ssi_signo, SIGRTMIN);
	CHECK_EQ(si[1].ssi_int, 42);
	CHECK_EQ(si[1].ssi_code, SI_QUEUE);
	CHECK_EQ(poll(&f, 1, 0), 0);
	sigdelset(&set, SIGUSR1);
	CHECK_EQ(syscall(SYS_signalfd4, fd, &set, 8, 0), fd);
	kill(getpid(), SIGUSR1);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(syscall(SYS_signalfd4, fd, &set, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, 1, &set, 8, 0), EINVAL);
	CHECK(syscall(SYS_signalfd, -1, &set, 8) >= 0);
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	sigqueue(getpid(), SIGRTMIN, v);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
}

static void *writer(void *arg)
{
	int fd = *(int *)arg;
	uint64_t one = 1;

	for (int i = 0; i < 2000; i++)
		if (write(fd, &one, 8) != 8)
			abort();
	return NULL;
}

/* No wake-up is lost between many writers and a reader that waits each time. */
TEST(epoll_under_load)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET}, got[4];
	int ep = epoll_create1(0), fd[4];
	uint64_t sum = 0, v;
	pthread_t t[4];

	for (int i = 0; i < 4; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		ev.data.fd = fd[i];
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev), 0);
	}
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL, writer, &fd[i]) == 0);
	while (sum < 8000) {
		int n = epoll_wait(ep, got, 4, 10000);

		REQUIRE(n > 0);
		for (int i = 0; i < n; i++)
			if (read(got[i].data.fd, &v, 8) == 8)
				sum += v;
	}
	CHECK_EQ(sum, 8000);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* personality(2), STICKY_TIMEOUTS: what is left is not written back. */
TEST(time_outs_that_stick)
{
	struct timeval tv = {0, 20000};
	struct timespec ts = {0, 20000000};

	CHECK(personality(STICKY_TIMEOUTS) != -1);
	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), 0);
	CHECK_EQ(tv.tv_usec, 20000);
	CHECK_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL), 0);
	CHECK_EQ(ts.tv_nsec, 20000000);
	CHECK_EQ(syscall(SYS_ppoll, NULL, 0, &ts, NULL, 8), 0);
	CHECK_EQ(ts.tv_nsec, 20000000);
	CHECK(personality(0) != -1);
	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), 0);
	CHECK_EQ(tv.tv_usec, 0);
}

/* They can be sought, to no effect, but have no places to read from. */
TEST(no_places_in_event_files)
{
	sigset_t set;
	char buf[128];

	sigemptyset(&set);
	int fds[] = {eventfd(1, EFD_NONBLOCK), timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK),
		     signalfd(-1, &set, SFD_NONBLOCK), epoll_create1(0)};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		REQUIRE(fds[i] >= 0);
		CHECK_EQ(lseek(fds[i], 5, SEEK_SET), 0);
		CHECK_ERR(pread(fds[i], buf, sizeof(buf), 0), ESPIPE);
		CHECK_ERR(pwrite(fds[i], buf, 8, 0), ESPIPE);
	}
}

static int task_sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	REQUIRE(f);
	REQUIRE(fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
	fclose(f);
	return state == 'S';
}

static int exclusive_fd;

static void *wait_in_epoll(void *arg)
{
	struct epoll_event ev;

	*(pid_t *)arg = gettid();
	CHECK_EQ(epoll_wait(exclusive_fd, &ev, 1, 15000), 1);
	return NULL;
}

static int exclusive_on(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE};
	int ep = epoll_create1(0);

	REQUIRE(ep >= 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	return ep;
}

/* An instance in which nobody waits does not take the only wake-up. */
TEST(epoll_exclusive)
{
	struct epoll_event ev;
	volatile pid_t tid = 0;
	pthread_t t;
	int p[2], idle;

	REQUIRE(pipe(p) == 0);
	idle = exclusive_on(p[0]);
	exclusive_fd = exclusive_on(p[0]);
	REQUIRE(!pthread_create(&t, NULL, wait_in_epoll, (void *)&tid));
	while (!tid || !task_sleeps(tid))
		sched_yield();
	CHECK_EQ(write(p[1], "x", 1), 1);
	pthread_join(t, NULL);
	/* It has the event nevertheless. */
	CHECK_EQ(epoll_wait(idle, &ev, 1, 0), 1);
	CHECK_EQ(epoll_wait(idle, &ev, 1, 0), 0);
}

int main(void)
{
	return test_run();
}
