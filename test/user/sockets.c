/* AF_UNIX: socket, socketpair, bind, listen, accept, connect, names, messages, descriptors,
 * credentials, options. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <linux/sockios.h>

static socklen_t name_of(struct sockaddr_un *a, const char *text, int abstract)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path + abstract, text);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + 1);
}

TEST(creation)
{
	int s[2];

	CHECK_ERR(socket(AF_UNIX, 77, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	CHECK_ERR(socket(13, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(s[1], F_GETFL) & O_NONBLOCK);
	struct stat st;
	CHECK_EQ(fstat(s[0], &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_ERR(listen(0x7fff, 1), EBADF);
	CHECK_ERR(listen(open("/dev/null", O_RDONLY), 1), ENOTSOCK);
}

TEST(stream_pair)
{
	char buf[32];
	int s[2], n;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "hello", 5, 0), 5);
	CHECK_EQ(write(s[0], "you", 3), 3);
	CHECK_EQ(ioctl(s[1], SIOCINQ, &n), 0);
	CHECK_EQ(n, 8);
	CHECK_EQ(recv(s[1], buf, 4, MSG_PEEK), 4);
	CHECK_EQ(recv(s[1], buf, sizeof(buf), 0), 8);
	CHECK(!memcmp(buf, "helloyou", 8));
	CHECK_ERR(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(shutdown(s[0], SHUT_WR), 0);
	CHECK_EQ(recv(s[1], buf, 1, 0), 0);
	CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(send(s[1], "back", 4, 0), 4);
	CHECK_EQ(recv(s[0], buf, 32, 0), 4);
	CHECK_ERR(shutdown(s[0], 9), EINVAL);
	close(s[1]);
	struct pollfd f = {s[0], POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK(f.revents & POLLHUP);
}

TEST(unread_data_resets)
{
	char c;
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(send(s[0], "lost", 4, 0), 4);
	close(s[1]);
	CHECK_ERR(recv(s[0], &c, 1, 0), ECONNRESET);
	CHECK_EQ(recv(s[0], &c, 1, 0), 0);
}

TEST(path_names)
{
	struct sockaddr_un a, got;
	char dir[] = "/tmp/sock.XXXXXX", buf[8];
	socklen_t len, glen = sizeof(got);
	int l, c, s;

	REQUIRE(mkdtemp(dir) && chdir(dir) == 0);
	len = name_of(&a, "name", 0);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(connect(l, (void *)&a, len), ENOENT);
	CHECK_EQ(bind(l, (void *)&a, len), 0);
	CHECK_ERR(bind(l, (void *)&a, len), EADDRINUSE);
	len = name_of(&got, "other", 0);
	CHECK_ERR(bind(l, (void *)&got, len), EINVAL);
	CHECK_ERR(access("other", F_OK), ENOENT);
	len = name_of(&a, "name", 0);
	struct stat st;
	CHECK_EQ(stat("name", &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(bind(c, (void *)&a, len), EADDRINUSE);
	CHECK_ERR(connect(c, (void *)&a, len), ECONNREFUSED);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	CHECK_EQ(listen(l, 5), 0);
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	CHECK_ERR(connect(c, (void *)&a, len), EISCONN);
	s = accept4(l, (void *)&got, &glen, SOCK_CLOEXEC);
	REQUIRE(s >= 0);
	CHECK_EQ(glen, 2);
	glen = sizeof(got);
	CHECK_EQ(getpeername(c, (void *)&got, &glen), 0);
	CHECK(!strcmp(got.sun_path, "name"));
	CHECK_EQ(glen, offsetof(struct sockaddr_un, sun_path) + 5);
	glen = sizeof(got);
	CHECK_EQ(getsockname(s, (void *)&got, &glen), 0);
	CHECK(!strcmp(got.sun_path, "name"));
	CHECK_EQ(write(c, "ok", 2), 2);
	CHECK_EQ(read(s, buf, 8), 2);
	int d = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_ERR(connect(d, (void *)&a, len), EPROTOTYPE);
	close(l);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(connect(c, (void *)&a, len), ECONNREFUSED);
	CHECK_ERR(open("name", O_RDWR), ENXIO);
	unlink("name");
	rmdir(dir);
}

TEST(abstract_names_and_backlog)
{
	struct sockaddr_un a, got;
	socklen_t len = name_of(&a, "corbel-test", 1), glen = sizeof(got);
	int l = socket(AF_UNIX, SOCK_SEQPACKET, 0), l2 = socket(AF_UNIX, SOCK_SEQPACKET, 0), n = 0;

	CHECK_EQ(bind(l, (void *)&a, len), 0);
	CHECK_ERR(bind(l2, (void *)&a, len), EADDRINUSE);
	CHECK_EQ(listen(l, 1), 0);
	for (;; n++) {
		int c = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

		if (connect(c, (void *)&a, len))
			break;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 2);
	close(l);
	CHECK_EQ(bind(l2, (void *)&a, len), 0);
	int u = socket(AF_UNIX, SOCK_DGRAM, 0);
	a.sun_family = AF_UNIX;
	CHECK_EQ(bind(u, (void *)&a, 2), 0);
	CHECK_EQ(getsockname(u, (void *)&got, &glen), 0);
	CHECK_EQ(glen, 8);
	CHECK_EQ(got.sun_path[0], 0);
	CHECK_ERR(bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&a, 1), EINVAL);
}

TEST(datagrams)
{
	struct sockaddr_un a, b, from;
	socklen_t alen = name_of(&a, "corbel-a", 1), blen = name_of(&b, "corbel-b", 1),
		  flen = sizeof(from);
	int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0), n;
	char buf[8];

	CHECK_EQ(bind(x, (void *)&a, alen), 0);
	CHECK_EQ(bind(y, (void *)&b, blen), 0);
	CHECK_ERR(send(x, "x", 1, 0), ENOTCONN);
	CHECK_EQ(sendto(x, "message", 7, 0, (void *)&b, blen), 7);
	CHECK_EQ(recvfrom(y, buf, 3, MSG_TRUNC, (void *)&from, &flen), 7);
	CHECK(!memcmp(buf, "mes", 3) && flen == alen && !memcmp(&from, &a, alen));
	CHECK_EQ(connect(x, (void *)&b, blen), 0);
	CHECK_EQ(send(x, "", 0, 0), 0);
	CHECK_EQ(recv(y, buf, 8, 0), 0);
	for (n = 0; send(x, "q", 1, MSG_DONTWAIT) == 1;)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 11);
	CHECK_ERR(sendto(x, buf, 1, 0, (void *)&a, 1), EINVAL);
	close(y);
	CHECK_ERR(send(x, "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(x, "x", 1, 0), ENOTCONN);
	static char huge[400000];
	int p[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	CHECK_ERR(send(p[0], huge, sizeof(huge), 0), EMSGSIZE);
}

TEST(seqpacket_keeps_boundaries)
{
	char buf[8];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	CHECK_EQ(send(s[0], "ab", 2, 0), 2);
	CHECK_EQ(send(s[0], "cdefghijkl", 10, 0), 10);
	CHECK_EQ(recvmsg(s[1], &m, 0), 2);
	CHECK_EQ(recvmsg(s[1], &m, 0), 8);
	CHECK(m.msg_flags & MSG_TRUNC);
	close(s[0]);
	CHECK_EQ(recvmsg(s[1], &m, 0), 0);
}

static int send_fd(int s, int fd, const char *text)
{
	struct iovec v = {(char *)text, strlen(text)};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = {.h = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(s, &m, 0);
}

TEST(descriptors_travel)
{
	char buf[16], room[CMSG_SPACE(4 * sizeof(int))];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	int s[2], p[2], fd;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	CHECK_ERR(send_fd(s[0], 0x7fff, "x"), EBADF);
	CHECK_EQ(send(s[0], "plain", 5, 0), 5);
	CHECK_EQ(send_fd(s[0], p[1], "with"), 4);
	CHECK_EQ(send(s[0], "after", 5, 0), 5);
	close(p[1]);
	/* What came before is read along, what comes after is not. */
	CHECK_EQ(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC), 9);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	REQUIRE(c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "!", 1), 1);
	CHECK_EQ(read(p[0], buf, 1), 1);
	CHECK_EQ(recv(s[1], buf, 16, 0), 5);
	CHECK_EQ(send_fd(s[0], fd, "t"), 1);
	close(fd);
	m.msg_control = NULL;
	m.msg_controllen = 0;
	CHECK_EQ(recvmsg(s[1], &m, 0), 1);
	CHECK(m.msg_flags & MSG_CTRUNC);
	CHECK_EQ(read(p[0], buf, 1), 0); /* the descriptor that found no room was closed */
}

TEST(credentials)
{
	char buf[4], room[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	struct ucred u;
	socklen_t len = sizeof(u);
	int s[2], on = 1;

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(u.pid, getpid());
	CHECK_EQ(u.uid, geteuid());
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	CHECK_EQ(send(s[0], "x", 1, 0), 1);
	CHECK_EQ(recvmsg(s[1], &m, 0), 1);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	REQUIRE(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(c), sizeof(u));
	CHECK_EQ(u.pid, getpid());
	CHECK_EQ(u.gid, getgid());
}

TEST(options)
{
	struct timeval tv = {0, 20000};
	socklen_t len = sizeof(int);
	int s[2], v = 0;
	char c;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len), 0);
	CHECK_EQ(v, SOCK_STREAM);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &v, &len), 0);
	CHECK_EQ(v, AF_UNIX);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &v, &len), 0);
	CHECK_EQ(v, 0);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len), 0);
	CHECK_EQ(v, 0);
	v = 10000;
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)), 0);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len), 0);
	CHECK_EQ(v, 20000);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_ERR(recv(s[0], &c, 1, 0), EAGAIN);
}

TEST(many_messages)
{
	struct mmsghdr out[3], in[4];
	struct iovec ov[3], iv[4];
	char text[3][4] = {"one", "two", "six"}, buf[4][8];
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	memset(out, 0, sizeof(out));
	memset(in, 0, sizeof(in));
	for (int i = 0; i < 3; i++) {
		ov[i] = (struct iovec){text[i], 3};
		out[i].msg_hdr.msg_iov = &ov[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < 4; i++) {
		iv[i] = (struct iovec){buf[i], 8};
		in[i].msg_hdr.msg_iov = &iv[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(sendmmsg(s[0], out, 3, 0), 3);
	CHECK_EQ(out[2].msg_len, 3);
	CHECK_EQ(recvmmsg(s[1], in, 4, MSG_WAITFORONE, NULL), 3);
	CHECK(!memcmp(buf[2], "six", 3));
}

TEST(stream_under_load)
{
	enum { TOTAL = 2000000 };
	static char block[30011];
	long sum = 0, n;
	int s[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t pid = fork();
	if (!pid) {
		for (long done = 0; done < TOTAL; done += n) {
			for (long i = 0; i < (long)sizeof(block); i++)
				block[i] = (char)((done + i) % 241);
			n = write(s[1], block,
				  TOTAL - done < (long)sizeof(block) ? TOTAL - done
								     : (long)sizeof(block));
			if (n <= 0)
				_exit(1);
		}
		_exit(0);
	}
	close(s[1]);
	while ((n = read(s[0], block, 7919)) > 0) {
		for (long i = 0; i < n; i++)
			REQUIRE(block[i] == (char)((sum + i) % 241));
		sum += n;
	}
	CHECK_EQ(sum, TOTAL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	return test_run();
}
