/* fcntl O_ASYNC, F_SETOWN, F_SETSIG; write hints. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static volatile sig_atomic_t got;
static siginfo_t last;

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	last = *info;
	last.si_signo = sig;
	got++;
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	REQUIRE(sigaction(sig, &sa, NULL) == 0);
	got = 0;
}

static void make_async(int fd, int sig)
{
	REQUIRE(fcntl(fd, F_SETOWN, getpid()) == 0);
	REQUIRE(fcntl(fd, F_SETSIG, sig) == 0);
	REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0);
	CHECK(fcntl(fd, F_GETFL) & O_ASYNC);
}

TEST(pipe_reader_sigio)
{
	int p[2];
	char buf[8];

	catch (SIGIO);
	REQUIRE(pipe(p) == 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(got, 0);
	make_async(p[0], 0);
	CHECK_EQ(write(p[1], "b", 1), 1);
	CHECK_EQ(got, 1);
	CHECK_EQ(last.si_code, SI_KERNEL);
	CHECK_EQ(write(p[1], "c", 1), 1); /* each write, not only the first */
	CHECK_EQ(got, 2);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 3);
	CHECK_EQ(got, 2);
	CHECK_EQ(fcntl(p[0], F_SETFL, 0), 0);
	CHECK_EQ(write(p[1], "d", 1), 1);
	CHECK_EQ(got, 2);
}

TEST(pipe_details)
{
	int p[2], rt = SIGRTMIN + 3;
	char c;

	catch (rt);
	REQUIRE(pipe(p) == 0);
	make_async(p[0], rt);
	CHECK_EQ(fcntl(p[0], F_GETSIG), rt);
	CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got, 1);
	CHECK_EQ(last.si_code, POLL_IN);
	CHECK_EQ(last.si_fd, p[0]);
	CHECK_EQ(last.si_band, POLLIN | POLLRDNORM);
	make_async(p[1], rt);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(got, 2);
	CHECK_EQ(last.si_code, POLL_OUT);
	CHECK_EQ(last.si_fd, p[1]);
	CHECK_EQ(last.si_band, POLLOUT | POLLWRNORM | POLLWRBAND);
	close(p[1]);
	CHECK_EQ(got, 3);
	CHECK_EQ(last.si_code, POLL_IN);
}

TEST(signals_of_their_own_codes)
{
	int p[2];

	catch (SIGCHLD);
	REQUIRE(pipe(p) == 0);
	make_async(p[0], SIGCHLD);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got, 1);
	CHECK_EQ(last.si_code, SI_SIGIO);
	CHECK_ERR(fcntl(p[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(p[0], F_SETSIG, -1), EINVAL);
}

TEST(owners)
{
	struct f_owner_ex ex = {F_OWNER_TID, getpid()};
	int p[2];

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(p[0], F_GETSIG), 0);
	CHECK_ERR(fcntl(p[0], F_SETOWN, 0x3ffffff), ESRCH);
	CHECK_EQ(fcntl(p[0], F_SETOWN_EX, &ex), 0);
	ex.type = 7;
	CHECK_EQ(fcntl(p[0], F_GETOWN_EX, &ex), 0);
	CHECK_EQ(ex.type, F_OWNER_TID);
	CHECK_EQ(ex.pid, getpid());
	ex.type = 7;
	CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &ex), EINVAL);
	setpgid(0, 0);
	CHECK_EQ(fcntl(p[0], F_SETOWN, -getpgrp()), 0);
	CHECK_EQ(syscall(SYS_fcntl, p[0], F_GETOWN_EX, &ex), 0);
	CHECK_EQ(ex.type, F_OWNER_PGRP);
	CHECK_EQ(ex.pid, getpgrp());
	CHECK_EQ(fcntl(p[0], F_SETOWN, 0), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
}

TEST(group_gets_it)
{
	int p[2], on = 1;

	catch (SIGIO);
	setpgid(0, 0);
	REQUIRE(pipe(p) == 0);
	CHECK_EQ(fcntl(p[0], F_SETOWN, -getpgrp()), 0);
	CHECK_EQ(ioctl(p[0], FIOASYNC, &on), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got, 1);
	on = 0;
	CHECK_EQ(ioctl(p[0], FIOASYNC, &on), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got, 1);
}

TEST(queue_full_is_sigio)
{
	int p[2], rt = SIGRTMIN + 1;
	struct rlimit_ {
		unsigned long cur, max;
	} none = {0, 0};
	sigset_t all, pending;

	REQUIRE(pipe(p) == 0);
	make_async(p[0], rt);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	REQUIRE(syscall(SYS_prlimit64, 0, 11 /* RLIMIT_SIGPENDING */, &none, NULL) == 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGIO));
	CHECK(!sigismember(&pending, rt));
}

TEST(closed_file_is_silent)
{
	int p[2];

	catch (SIGIO);
	REQUIRE(pipe(p) == 0);
	int other = open("/proc/self/fd/3", O_RDONLY);
	make_async(p[0], 0);
	close(p[0]);
	CHECK_EQ(write(p[1], "x", 1), other >= 0 ? 1 : -1);
	CHECK_EQ(got, 0);
}

TEST(sockets)
{
	int s[2], who = getpid(), rt = SIGRTMIN + 2;
	char c;

	catch (rt);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(ioctl(s[0], FIOSETOWN, &who), 0);
	CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
	who = 0;
	CHECK_EQ(ioctl(s[0], SIOCGPGRP, &who), 0);
	CHECK_EQ(who, getpid());
	make_async(s[0], rt);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(got, 1);
	CHECK_EQ(last.si_code, POLL_IN);
	CHECK_EQ(last.si_fd, s[0]);
	CHECK_EQ(read(s[0], &c, 1), 1);
	CHECK_EQ(got, 1);
	close(s[1]);
	CHECK_EQ(got, 2);
	CHECK_EQ(last.si_code, POLL_HUP);
}

TEST(socket_room)
{
	static char block[4096];
	int s[2], rt = SIGRTMIN + 2;
	struct pollfd pfd;

	catch (rt);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
	make_async(s[0], rt);
	while (write(s[0], block, sizeof(block)) > 0)
		;
	pfd = (struct pollfd){s[0], POLLOUT, 0};
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(got, 0);
	while (read(s[1], block, sizeof(block)) > 0)
		;
	CHECK_EQ(got, 1);
	CHECK_EQ(last.si_code, POLL_OUT);
}

TEST(datagrams)
{
	int s[2];

	catch (SIGIO);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	make_async(s[0], 0);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(got, 1);
}

TEST(terminals)
{
	int m, s, rt = SIGRTMIN + 4;

	catch (rt);
	catch (SIGIO);
	REQUIRE(openpty(&m, &s, NULL, NULL, NULL) == 0);
	/* Nobody named: who asks. */
	REQUIRE(fcntl(s, F_SETFL, O_RDWR | O_ASYNC) == 0);
	CHECK_EQ(fcntl(s, F_GETOWN), getpid());
	CHECK_EQ(write(m, "a", 1), 1); /* no line yet */
	usleep(20000);
	CHECK_EQ(got, 0);
	CHECK_EQ(write(m, "\n", 1), 1);
	for (int i = 0; i < 100 && !got; i++)
		usleep(10000);
	CHECK(got > 0);
	got = 0;
	make_async(s, rt);
	CHECK_EQ(write(m, "b\n", 2), 2);
	for (int i = 0; i < 100 && !got; i++)
		usleep(10000);
	CHECK_EQ(last.si_code, POLL_IN);
	CHECK_EQ(last.si_fd, s);
}

TEST(not_every_file)
{
	int fd = open("/dev/null", O_RDWR), on = 1;

	CHECK_EQ(fcntl(fd, F_SETFL, O_ASYNC), 0);
	CHECK(!(fcntl(fd, F_GETFL) & O_ASYNC));
	CHECK_ERR(ioctl(fd, FIOASYNC, &on), ENOTTY);
}

TEST(write_hints)
{
	int fd = open("/tmp/hint", O_RDWR | O_CREAT, 0600);
	unsigned long hint = 77;

	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GET_RW_HINT, &hint), 0);
	CHECK_EQ(hint, 0);
	hint = 3;
	CHECK_EQ(fcntl(fd, F_SET_RW_HINT, &hint), 0);
	int again = open("/tmp/hint", O_RDONLY);
	hint = 0;
	CHECK_EQ(fcntl(again, F_GET_RW_HINT, &hint), 0);
	CHECK_EQ(hint, 3);
	hint = 6;
	CHECK_ERR(fcntl(fd, F_SET_RW_HINT, &hint), EINVAL);
	CHECK_ERR(fcntl(fd, F_SET_RW_HINT, NULL), EFAULT);
	CHECK_ERR(fcntl(fd, 1037 /* F_GET_FILE_RW_HINT */, &hint), EINVAL);
	unlink("/tmp/hint");
}

int main(void)
{
	return test_run();
}
