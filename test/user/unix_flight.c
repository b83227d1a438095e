/* AF_UNIX: descriptors in flight, and what becomes of those that nobody can reach.  unix(7). */
#include "unix.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

static int send_fds(int s, const int *fds, int n)
{
	char control[CMSG_SPACE(253 * sizeof(int))] = {0}, c = 'f';
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control};
	struct cmsghdr *h;

	m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, (size_t)n * sizeof(int));
	return (int)sendmsg(s, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int recv_fd(int s, int flags)
{
	char control[CMSG_SPACE(4 * sizeof(int))], c;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(s, &m, flags) < 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Does somebody let go of the other end of the pipe?  Each look closes a socket, which makes the
 * kernel think about descriptors in flight. */
static int released(int end)
{
	for (int i = 0; i < 300; i++) {
		struct pollfd p = {end, POLLIN, 0};

		close(socket(AF_UNIX, SOCK_DGRAM, 0));
		if (poll(&p, 1, 10) == 1 && (p.revents & POLLHUP))
			return 1;
	}
	return 0;
}

/* A pipe whose write end travels with what is about to be lost. */
static int witness(int through)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(send_fds(through, &p[1], 1), 1);
	close(p[1]);
	return p[0];
}

TEST(cycle_of_one_pair)
{
	int s[2], end;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send_fds(s[0], &s[0], 1), 1);
	CHECK_EQ(send_fds(s[1], &s[1], 1), 1);
	end = witness(s[0]);
	close(s[0]);
	close(s[1]);
	CHECK(released(end));
}

TEST(cycle_of_many)
{
	int s[8][2], end;

	for (int i = 0; i < 8; i++)
		REQUIRE(socketpair(AF_UNIX, i & 1 ? SOCK_DGRAM : SOCK_SEQPACKET, 0, s[i]) == 0);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(send_fds(s[i][0], &s[(i + 1) % 8][1], 1), 1);
		CHECK_EQ(send_fds(s[i][0], &s[(i + 1) % 8][0], 1), 1);
	}
	end = witness(s[3][0]);
	for (int i = 0; i < 8; i++) {
		close(s[i][0]);
		close(s[i][1]);
	}
	CHECK(released(end));
}

/* In the queue of a connection that was never accepted, of a listener that only it holds. */
TEST(cycle_through_a_listener)
{
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), end;
	struct sockaddr_un a;
	socklen_t len = abstract(&a, "gc-listener");

	CHECK_EQ(bind(l, (void *)&a, len), 0);
	CHECK_EQ(listen(l, 5), 0);
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	CHECK_EQ(send_fds(c, &l, 1), 1);
	CHECK_EQ(send_fds(c, &c, 1), 1);
	end = witness(c);
	close(l);
	close(c);
	CHECK(released(end));
}

TEST(what_can_be_reached_stays)
{
	int s[2], t[2], got, pipes[2];
	char c;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
	REQUIRE(pipe(pipes) == 0);
	/* t[1] is in s, the pipe is in t[1]. */
	CHECK_EQ(send_fds(t[0], &pipes[1], 1), 1);
	CHECK_EQ(send_fds(s[0], &t[1], 1), 1);
	close(t[1]);
	close(t[0]);
	close(pipes[1]);
	for (int i = 0; i < 5; i++) {
		close(socket(AF_UNIX, SOCK_DGRAM, 0));
		usleep(5000);
	}
	/* A look does not take it away. */
	got = recv_fd(s[1], MSG_PEEK);
	CHECK(got >= 0);
	close(got);
	got = recv_fd(s[1], MSG_CMSG_CLOEXEC);
	REQUIRE(got >= 0);
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	got = recv_fd(got, 0);
	REQUIRE(got >= 0);
	CHECK_EQ(write(got, "p", 1), 1);
	CHECK_EQ(read(pipes[0], &c, 1), 1);
}

TEST(flight_limits)
{
	struct rlimit few = {64, 64};
	int s[2], fds[254], sent = 0;

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	for (int i = 0; i < 254; i++)
		fds[i] = s[0];
	CHECK_EQ(send_fds(s[0], fds, 253), 1);
	CHECK_EQ(recv_fd(s[1], 0) >= 0, 1);
	fds[1] = 1000;
	CHECK_ERR(send_fds(s[0], fds, 2), EBADF);
	fds[1] = s[0];
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	REQUIRE(setgid(4321) == 0 && setuid(4321) == 0);
	while (sent < 50 && send_fds(s[0], fds, 20) == 1)
		sent++;
	CHECK_EQ(errno, ETOOMANYREFS);
	CHECK_EQ(sent, 4);
	CHECK(recv_fd(s[1], 0) >= 0);
	CHECK_EQ(send_fds(s[0], fds, 1), 1);
}

/* Several tasks make cycles, pass them about and drop them; afterwards nothing is left over. */
TEST(flight_stress)
{
	int common[2], ends[2], status;
	pid_t pid[4];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, common) == 0 && pipe(ends) == 0);
	for (int w = 0; w < 4; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		for (int i = 0; i < 400; i++) {
			int s[2], got;

			if (socketpair(AF_UNIX, i % 3 ? SOCK_STREAM : SOCK_DGRAM, 0, s))
				_exit(1);
			send_fds(s[0], &s[i & 1], 1);
			send_fds(s[1], &ends[1], 1);
			send_fds(s[1], &common[1], 1);
			send_fds(common[0], &s[0], 1);
			got = recv_fd(common[1], MSG_DONTWAIT | (i % 5 ? 0 : MSG_PEEK));
			if (got >= 0) {
				send_fds(got, &common[0], 1);
				close(recv_fd(got, MSG_DONTWAIT));
				close(got);
			}
			close(s[0]);
			close(s[1]);
		}
		_exit(0);
	}
	for (int w = 0; w < 4; w++) {
		CHECK_EQ(waitpid(pid[w], &status, 0), pid[w]);
		CHECK_EQ(status, 0);
	}
	close(common[0]);
	close(common[1]);
	close(ends[1]);
	CHECK(released(ends[0]));
}

int main(void)
{
	return test_run();
}
