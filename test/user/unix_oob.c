/* AF_UNIX: out-of-band data of streams.  socket(7), unix(7). */
#include "unix.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

static int at_mark(int s)
{
	int v = -1;

	return ioctl(s, SIOCATMARK, &v) ? -errno : v;
}

static int unread(int s)
{
	int v = -1;

	return ioctl(s, FIONREAD, &v) ? -errno : v;
}

static int events(int s)
{
	struct pollfd p = {s, POLLIN | POLLPRI | POLLRDBAND, 0};

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* What one receive gives, as text; the errno when it is refused. */
static const char *got(int s, size_t len, int flags)
{
	static char text[32];
	ssize_t n = recv(s, text, len, flags | MSG_DONTWAIT);

	if (n < 0)
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
	else
		text[n] = 0;
	return text;
}
#define CHECK_GOT(want, ...)                                       \
	do {                                                       \
		const char *have_ = got(__VA_ARGS__);              \
                                                                   \
		if (strcmp(have_, want)) {                         \
			printf("%s instead of %s\n", have_, want); \
			CHECK(!"what was received");               \
		}                                                  \
	} while (0)

TEST(oob_send_and_receive)
{
	int s[2], d[2];
	struct msghdr m = {0};
	struct iovec v;
	char c;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	CHECK_ERR(send(d[0], "a", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(recv(d[0], &c, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_GOT("EINVAL", s[1], 1, MSG_OOB);
	CHECK_ERR(send(s[0], "", 0, MSG_OOB), EOPNOTSUPP);
	CHECK_EQ(at_mark(s[1]), 0);
	CHECK_EQ(events(s[1]), 0);
	/* The last byte is the urgent one. */
	CHECK_EQ(send(s[0], "hello", 5, MSG_OOB), 5);
	CHECK_EQ(events(s[1]), POLLIN | POLLPRI);
	CHECK_EQ(unread(s[1]), 5);
	CHECK_EQ(at_mark(s[1]), 0);
	v = (struct iovec){&c, 1};
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	CHECK_EQ(recvmsg(s[1], &m, MSG_OOB | MSG_PEEK), 1);
	CHECK_EQ(c, 'o');
	CHECK_EQ(m.msg_flags & MSG_OOB, MSG_OOB);
	CHECK_EQ(events(s[1]), POLLIN | POLLPRI);
	CHECK_GOT("o", s[1], 8, MSG_OOB);
	CHECK_GOT("EINVAL", s[1], 8, MSG_OOB);
	CHECK_EQ(events(s[1]), POLLIN);
	CHECK_EQ(unread(s[1]), 4);
	/* The place is remembered: a receive stops at it. */
	CHECK_EQ(send(s[0], "world", 5, 0), 5);
	CHECK_EQ(unread(s[1]), 9);
	CHECK_EQ(at_mark(s[1]), 0);
	CHECK_GOT("hell", s[1], 16, 0);
}

TEST(oob_mark_and_normal_data)
{
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "abc", 3, MSG_OOB), 3);
	CHECK_EQ(send(s[0], "de", 2, 0), 2);
	CHECK_GOT("ab", s[1], 16, 0);
	CHECK_EQ(at_mark(s[1]), 1);
	CHECK_EQ(events(s[1]), POLLIN | POLLPRI);
	/* Reading on drops the urgent byte. */
	CHECK_GOT("de", s[1], 16, 0);
	CHECK_EQ(at_mark(s[1]), 0);
	CHECK_GOT("EINVAL", s[1], 1, MSG_OOB);
	CHECK_EQ(events(s[1]), 0);
	/* A second one makes the first an ordinary byte. */
	CHECK_EQ(send(s[0], "ab", 2, MSG_OOB), 2);
	CHECK_EQ(send(s[0], "cd", 2, MSG_OOB), 2);
	CHECK_GOT("abc", s[1], 16, MSG_PEEK);
	CHECK_GOT("abc", s[1], 16, 0);
	CHECK_EQ(at_mark(s[1]), 1);
	CHECK_GOT("d", s[1], 1, MSG_OOB);
	CHECK_GOT("EAGAIN", s[1], 16, 0);
}

TEST(oob_inline)
{
	int s[2], one = 1;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)), 0);
	CHECK_EQ(send(s[0], "abc", 3, MSG_OOB), 3);
	CHECK_EQ(send(s[0], "de", 2, 0), 2);
	CHECK_EQ(unread(s[1]), 5);
	CHECK_GOT("EINVAL", s[1], 1, MSG_OOB);
	CHECK_EQ(events(s[1]), POLLIN | POLLPRI);
	CHECK_GOT("ab", s[1], 16, 0);
	CHECK_EQ(at_mark(s[1]), 1);
	CHECK_GOT("cde", s[1], 16, 0);
	CHECK_EQ(events(s[1]), 0);
}

TEST(oob_alone_and_peek)
{
	int s[2];
	char c;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "x", 1, MSG_OOB), 1);
	CHECK_EQ(at_mark(s[1]), 1);
	CHECK_EQ(send(s[0], "yz", 2, 0), 2);
	CHECK_GOT("yz", s[1], 4, MSG_PEEK);
	CHECK_EQ(at_mark(s[1]), 1);
	CHECK_GOT("x", s[1], 1, MSG_OOB);
	CHECK_EQ(unread(s[1]), 2);
	CHECK_EQ(at_mark(s[1]), 0);
	CHECK_EQ(recv(s[1], &c, 1, 0), 1);
	CHECK_EQ(c, 'y');
	CHECK_GOT("z", s[1], 4, 0);
	/* The end behind a byte that was taken. */
	CHECK_EQ(send(s[0], "x", 1, MSG_OOB), 1);
	CHECK_GOT("x", s[1], 1, MSG_OOB);
	close(s[0]);
	CHECK_GOT("", s[1], 4, 0);
	CHECK_EQ(at_mark(s[1]), 0);
}

TEST(oob_errors)
{
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "x", 1, MSG_OOB), 1);
	CHECK_ERR(recv(s[1], (char *)8, 1, MSG_OOB | MSG_PEEK), EFAULT);
	CHECK_GOT("x", s[1], 1, MSG_OOB);
	CHECK_ERR(send(s[0], (char *)8, 1, MSG_OOB), EFAULT);
	CHECK_EQ(shutdown(s[1], SHUT_RD), 0);
	CHECK_ERR(send(s[0], "x", 1, MSG_OOB | MSG_NOSIGNAL), EPIPE);
	close(s[1]);
	CHECK_ERR(send(s[0], "xy", 2, MSG_OOB | MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(send(socket(AF_UNIX, SOCK_STREAM, 0), "x", 1, MSG_OOB), ENOTCONN);
	CHECK_ERR(recv(socket(AF_UNIX, SOCK_STREAM, 0), s, 1, MSG_OOB), EINVAL);
}

static volatile sig_atomic_t urgent;

static void on_urgent(int sig)
{
	(void)sig;
	urgent++;
}

TEST(oob_signal_and_pollers)
{
	int s[2], ep = epoll_create1(0), status;
	struct epoll_event e = {.events = EPOLLPRI | EPOLLET};
	pid_t pid;

	signal(SIGURG, on_urgent);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "x", 1, MSG_OOB), 1);
	CHECK_EQ(urgent, 0);
	CHECK_EQ(fcntl(s[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(send(s[0], "x", 1, 0), 1);
	CHECK_EQ(urgent, 0);
	CHECK_EQ(send(s[0], "x", 1, MSG_OOB), 1);
	CHECK_EQ(urgent, 1);
	CHECK_GOT("x", s[1], 1, MSG_OOB);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &e), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	pid = fork();
	if (!pid) {
		usleep(30000);
		CHECK_EQ(send(s[0], "y", 1, MSG_OOB), 1);
		_exit(test_failures != 0);
	}
	while (epoll_wait(ep, &e, 1, 5000) < 0 && errno == EINTR)
		;
	CHECK_EQ(e.events, EPOLLPRI);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(urgent, 2);
}

int main(void)
{
	return test_run();
}
