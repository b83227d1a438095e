/* AF_UNIX, the rest: who is told about room, options, peeking at a place, names, what /proc says.
 * socket(7), unix(7). */
#include "unix.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/filter.h>
#include <linux/sockios.h>

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

TEST(room_wakes_pollers)
{
	int r = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0), n = 0, status;
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET};
	struct sockaddr_un a;
	socklen_t len = abstract(&a, "room");
	struct pollfd p = {c, POLLOUT, 0};
	char buf[8];
	pid_t pid;

	CHECK_EQ(bind(r, (void *)&a, len), 0);
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, c, &e), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
	while (send(c, "x", 1, 0) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 11);
	CHECK_EQ(poll(&p, 1, 0), 0);
	pid = fork();
	if (!pid) {
		usleep(30000);
		_exit(recv(r, buf, 8, 0) != 1);
	}
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(send(c, "x", 1, 0), 1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	/* The receiver goes away. */
	pid = fork();
	if (!pid) {
		close(r);
		CHECK_EQ(poll(&p, 1, 5000), 1);
		_exit(test_failures != 0);
	}
	usleep(30000);
	close(r);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERR(send(c, "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(c, "x", 1, 0), ENOTCONN);
}

static int get(int s, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	return getsockopt(s, SOL_SOCKET, name, &v, &len) || len != sizeof(int) ? -errno : v;
}

static int set(int s, int name, int v)
{
	return setsockopt(s, SOL_SOCKET, name, &v, sizeof(v)) ? -errno : 0;
}

TEST(options)
{
	int s[2], v;
	char text[16] = "";
	socklen_t len = sizeof(text);
	gid_t groups[4] = {7, 5, 9}, got[4];

	CHECK_EQ(setgroups(3, groups), 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(get(s[0], SO_PASSSEC), 0);
	CHECK_EQ(set(s[0], SO_PASSSEC, 1), 0);
	CHECK_EQ(get(s[0], SO_PASSSEC), 1);
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_PEERSEC, text, &len), ENOPROTOOPT);
	CHECK_EQ(get(s[0], SO_PEEK_OFF), -1);
	CHECK_EQ(set(s[0], SO_SNDBUFFORCE, 500000), 0);
	CHECK_EQ(get(s[0], SO_SNDBUF), 1000000);
	CHECK_EQ(set(s[0], SO_RCVBUFFORCE, 1), 0);
	CHECK_EQ(get(s[0], SO_RCVBUF), 2304);
	CHECK_EQ(set(s[0], SO_SNDBUF, 1 << 30), 0);
	CHECK_EQ(get(s[0], SO_SNDBUF), 425984);
	CHECK_EQ(set(s[0], SO_MARK, 9), 0);
	CHECK_EQ(get(s[0], SO_MARK), 9);
	CHECK_EQ(set(s[0], SO_SNDLOWAT, 9), -ENOPROTOOPT);
	CHECK_EQ(get(s[0], SO_SNDLOWAT), 1);
	CHECK_EQ(set(s[0], SO_ACCEPTCONN, 9), -ENOPROTOOPT);
	CHECK_EQ(get(s[0], 999), -ENOPROTOOPT);
	CHECK_EQ(set(s[0], 999, 1), -ENOPROTOOPT);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", 8), ENODEV);
	len = sizeof(got);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, got, &len), 0);
	CHECK_EQ(len, 12);
	CHECK(got[0] == 5 && got[1] == 7 && got[2] == 9);
	len = 4;
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, got, &len), ERANGE);
	CHECK_EQ(len, 12);
	v = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(getsockopt(v, SOL_SOCKET, SO_PEERGROUPS, got, &len), ENODATA);
	/* Shorter than the value: cut. */
	len = 2;
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_TYPE, text, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_ERR(getsockopt(s[0], 4444, 1, text, &len), EOPNOTSUPP);
	REQUIRE(setgroups(0, NULL) == 0 && setgid(1234) == 0 && setuid(1234) == 0);
	CHECK_EQ(set(s[0], SO_SNDBUFFORCE, 500000), -EPERM);
	CHECK_EQ(set(s[0], SO_MARK, 1), -EPERM);
}

static int attach(int s, struct sock_filter *prog, unsigned short len)
{
	struct sock_fprog p = {len, prog};

	return setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

TEST(filters)
{
	/* Of what begins with 'a' three bytes, nothing else. */
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 3),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter bad = BPF_STMT(BPF_LD | BPF_IMM, 1), got[8];
	socklen_t len = 8;
	int d[2];
	char buf[16];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	CHECK_EQ(set(d[1], SO_DETACH_FILTER, 0), -ENOENT);
	CHECK_ERR(attach(d[1], &bad, 1), EINVAL);
	CHECK_ERR(attach(d[1], prog, 0), EINVAL);
	CHECK_ERR(attach(d[1], (void *)8, 4), EFAULT);
	CHECK_ERR(setsockopt(d[1], SOL_SOCKET, SO_ATTACH_FILTER, &bad, 4), EINVAL);
	CHECK_EQ(attach(d[1], prog, 4), 0);
	CHECK_EQ(send(d[0], "bxxxx", 5, 0), 5);
	CHECK_EQ(send(d[0], "axxxx", 5, 0), 5);
	CHECK_EQ(send(d[0], "", 0, 0), 0);
	CHECK_EQ(recv(d[1], buf, 16, MSG_DONTWAIT), 3);
	CHECK_ERR(recv(d[1], buf, 16, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(getsockopt(d[1], SOL_SOCKET, SO_GET_FILTER, got, &len), 0);
	CHECK_EQ(len, 4);
	CHECK(!memcmp(got, prog, sizeof(prog)));
	len = 3;
	CHECK_ERR(getsockopt(d[1], SOL_SOCKET, SO_GET_FILTER, got, &len), EINVAL);
	CHECK_EQ(get(d[1], SO_LOCK_FILTER), 0);
	CHECK_EQ(set(d[1], SO_LOCK_FILTER, 1), 0);
	CHECK_EQ(get(d[1], SO_LOCK_FILTER), 1);
	CHECK_EQ(set(d[1], SO_LOCK_FILTER, 0), -EPERM);
	CHECK_EQ(set(d[1], SO_DETACH_FILTER, 0), -EPERM);
	CHECK_ERR(attach(d[1], prog, 4), EPERM);
	CHECK_EQ(attach(d[0], prog, 4), 0);
	CHECK_EQ(set(d[0], SO_DETACH_FILTER, 0), 0);
	CHECK_EQ(send(d[1], "bxxxx", 5, 0), 5);
	CHECK_EQ(recv(d[0], buf, 16, MSG_DONTWAIT), 5);
}

/* The type of the time that came along; *sec and *part are what it says. */
static int stamped(int s, long *sec, long *part)
{
	char control[128], c;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *h;

	if (recvmsg(s, &m, MSG_DONTWAIT) < 0)
		return -errno;
	h = CMSG_FIRSTHDR(&m);
	if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_len != CMSG_LEN(16))
		return 0;
	memcpy(sec, CMSG_DATA(h), 8);
	memcpy(part, CMSG_DATA(h) + 8, 8);
	return h->cmsg_type;
}

TEST(timestamps)
{
	const int types[] = {SO_TIMESTAMP_OLD, SO_TIMESTAMPNS_OLD, SO_TIMESTAMP_NEW,
			     SO_TIMESTAMPNS_NEW};
	struct timespec before, after;
	long sec, part;
	int d[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(get(d[1], types[i]), 0);
		CHECK_EQ(set(d[1], types[i], 1), 0);
		CHECK_EQ(get(d[1], types[i]), 1);
		clock_gettime(CLOCK_REALTIME, &before);
		CHECK_EQ(send(d[0], "x", 1, 0), 1);
		clock_gettime(CLOCK_REALTIME, &after);
		usleep(1000);
		CHECK_EQ(stamped(d[1], &sec, &part), types[i]);
		if (i % 2 == 0)
			part = part * 1000 + 999;
		CHECK(sec > before.tv_sec || (sec == before.tv_sec && part >= before.tv_nsec));
		if (i % 2 == 0)
			part -= 999;
		CHECK(sec < after.tv_sec || (sec == after.tv_sec && part <= after.tv_nsec));
		CHECK_EQ(set(d[1], types[i], 0), 0);
		CHECK_EQ(send(d[0], "x", 1, 0), 1);
		CHECK_EQ(stamped(d[1], &sec, &part), 0);
	}
	/* Streams have none. */
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, d) == 0);
	CHECK_EQ(set(d[1], SO_TIMESTAMP_OLD, 1), 0);
	CHECK_EQ(send(d[0], "x", 1, 0), 1);
	CHECK_EQ(stamped(d[1], &sec, &part), 0);
}

TEST(peek_at_a_place)
{
	int s[2], d[2];
	char buf[8];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	CHECK_EQ(send(s[0], "aabb", 4, 0), 4);
	CHECK_EQ(send(s[0], "ccdd", 4, 0), 4);
	CHECK_EQ(set(s[1], SO_PEEK_OFF, 0), 0);
	CHECK(recv(s[1], buf, 2, MSG_PEEK) == 2 && !memcmp(buf, "aa", 2));
	CHECK(recv(s[1], buf, 4, MSG_PEEK) >= 2 && !memcmp(buf, "bb", 2));
	CHECK_EQ(set(s[1], SO_PEEK_OFF, 6), 0);
	CHECK(recv(s[1], buf, 2, MSG_PEEK) == 2 && !memcmp(buf, "dd", 2));
	CHECK_EQ(get(s[1], SO_PEEK_OFF), 8);
	CHECK_ERR(recv(s[1], buf, 2, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	CHECK(recv(s[1], buf, 2, 0) == 2 && !memcmp(buf, "aa", 2));
	CHECK_EQ(get(s[1], SO_PEEK_OFF), 6);
	CHECK_EQ(send(d[0], "one", 3, 0), 3);
	CHECK_EQ(send(d[0], "three", 5, 0), 5);
	CHECK_EQ(set(d[1], SO_PEEK_OFF, 0), 0);
	CHECK(recv(d[1], buf, 8, MSG_PEEK) == 3 && !memcmp(buf, "one", 3));
	CHECK(recv(d[1], buf, 2, MSG_PEEK) == 2 && !memcmp(buf, "th", 2));
	CHECK(recv(d[1], buf, 8, MSG_PEEK) == 3 && !memcmp(buf, "ree", 3));
	CHECK_EQ(recv(d[1], buf, 8, 0), 3);
	CHECK_EQ(get(d[1], SO_PEEK_OFF), 5);
}

TEST(low_water)
{
	int s[2];
	char buf[8];
	pid_t pid;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(set(s[1], SO_RCVLOWAT, 4), 0);
	pid = fork();
	if (!pid) {
		CHECK_EQ(send(s[0], "ab", 2, 0), 2);
		usleep(30000);
		CHECK_EQ(send(s[0], "cd", 2, 0), 2);
		_exit(test_failures != 0);
	}
	CHECK_EQ(recv(s[1], buf, 8, 0), 4);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(file_of_a_name)
{
	char dir[] = "/tmp/unixXXXXXX";
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	struct stat by_fd, by_name;

	REQUIRE(mkdtemp(dir) && chdir(dir) == 0);
	CHECK_ERR(ioctl(s, SIOCUNIXFILE, 0), ENOENT);
	CHECK_EQ(bind(s, (void *)&a, sizeof(a)), 0);
	fd = ioctl(s, SIOCUNIXFILE, 0);
	REQUIRE(fd >= 0);
	CHECK_EQ(fstat(fd, &by_fd), 0);
	CHECK_EQ(stat("sock", &by_name), 0);
	CHECK_EQ(by_fd.st_ino, by_name.st_ino);
	CHECK(fcntl(fd, F_GETFL) & O_PATH);
	unlink("sock");
	rmdir(dir);
}

TEST(proc_files)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), found = 0;
	char line[256], want[64];
	struct sockaddr_un a;
	struct stat st;
	FILE *f;

	CHECK_EQ(bind(s, (void *)&a, abstract(&a, "seen-in-proc")), 0);
	CHECK_EQ(listen(s, 5), 0);
	CHECK_EQ(fstat(s, &st), 0);
	f = fopen("/proc/net/unix", "r");
	REQUIRE(f);
	CHECK(fgets(line, sizeof(line), f) &&
	      !strcmp(line, "Num       RefCount Protocol Flags    Type St Inode Path\n"));
	snprintf(want, sizeof(want), ": 00000002 00000000 00010000 0001 01 %5lu @seen-in-proc\n",
		 (unsigned long)st.st_ino);
	while (!found && fgets(line, sizeof(line), f))
		found = !strcmp(line + 16, want);
	CHECK(found);
	fclose(f);
	f = fopen("/proc/net/protocols", "r");
	CHECK(f && fgets(line, sizeof(line), f) && !strncmp(line, "protocol  size sockets", 22));
	f = fopen("/proc/net/sockstat", "r");
	CHECK(f && fgets(line, sizeof(line), f) && !strncmp(line, "sockets: used ", 14));
	f = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");
	CHECK(f && fgets(line, sizeof(line), f) && !strcmp(line, "10\n"));
	f = fopen("/proc/sys/net/core/somaxconn", "r");
	CHECK(f && fgets(line, sizeof(line), f) && !strcmp(line, "4096\n"));
	f = fopen("/proc/sys/net/core/wmem_max", "r");
	CHECK(f && fgets(line, sizeof(line), f) && !strcmp(line, "212992\n"));
}

TEST(families_that_are_not_there)
{
	CHECK_ERR(socket(AF_APPLETALK, SOCK_DGRAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_DECnet, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(4711, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x10000, 0), EINVAL);
	CHECK_ERR(socketpair(AF_APPLETALK, SOCK_STREAM, 0, (int[2]){0, 0}), EAFNOSUPPORT);
}

/* Is the abstract name in the text of the file? */
static int listed(const char *file, const char *name)
{
	char line[256];
	FILE *f = fopen(file, "r");
	int found = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, name);
	fclose(f);
	return found;
}

TEST(proc_net_by_namespace)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), ready[2], done[2], status;
	char text[64] = "", path[64], c;
	struct sockaddr_un a;
	struct stat st;
	pid_t pid;

	CHECK_EQ(readlink("/proc/net", text, sizeof(text)), 8);
	CHECK(!strcmp(text, "self/net"));
	CHECK(stat("/proc/thread-self/net", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0555);
	CHECK_ERR(stat("/proc/net/nosuch", &st), ENOENT);
	CHECK_EQ(bind(s, (void *)&a, abstract(&a, "seen-by-net")), 0);
	CHECK_EQ(listed("/proc/net/unix", "@seen-by-net"), 1);
	REQUIRE(pipe(ready) == 0 && pipe(done) == 0);
	pid = fork();
	if (!pid) {
		c = unshare(CLONE_NEWNET) ? 'n' : 'y';
		CHECK_EQ(listed("/proc/net/unix", "@seen-by-net"), c == 'n');
		CHECK_EQ(write(ready[1], &c, 1), 1);
		_exit(read(done[0], &c, 1) != 1 || test_failures);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)pid);
	CHECK_EQ(listed(path, "@seen-by-net"), c == 'n');
	CHECK_EQ(listed("/proc/self/net/unix", "@seen-by-net"), 1);
	CHECK_EQ(write(done[1], "x", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(listed(path, "@seen-by-net"), -ENOENT);
}

TEST(abstract_names_by_namespace)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), t;
	struct sockaddr_un a;
	socklen_t len = abstract(&a, "in-a-net");

	CHECK_EQ(bind(s, (void *)&a, len), 0);
	CHECK_EQ(listen(s, 1), 0);
	if (unshare(CLONE_NEWNET))
		return; /* no network namespaces here */
	t = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(connect(t, (void *)&a, len), ECONNREFUSED);
	CHECK_EQ(bind(t, (void *)&a, len), 0);
}

/* The name that is told is the sender's when the message is read. */
TEST(name_after_the_message)
{
	struct sockaddr_un at, me, from;
	socklen_t at_len = abstract(&at, "corbel-names"), me_len = abstract(&me, "corbel-late");
	socklen_t len = sizeof(from);
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), a;
	int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[8];

	REQUIRE(!bind(l, (struct sockaddr *)&at, at_len) && !listen(l, 1));
	REQUIRE(!connect(c, (struct sockaddr *)&at, at_len));
	a = accept(l, NULL, NULL);
	REQUIRE(a >= 0);
	CHECK_EQ(write(c, "x", 1), 1);
	CHECK_EQ(recvfrom(a, buf, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK_EQ(len, 0);
	CHECK_EQ(write(c, "y", 1), 1);
	CHECK_EQ(bind(c, (struct sockaddr *)&me, me_len), 0);
	len = sizeof(from);
	CHECK_EQ(recvfrom(a, buf, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK(len == me_len && !memcmp(&from, &me, me_len));

	at_len = abstract(&at, "corbel-names-d");
	me_len = abstract(&me, "corbel-late-d");
	REQUIRE(!bind(d, (struct sockaddr *)&at, at_len));
	CHECK_EQ(sendto(e, "z", 1, 0, (struct sockaddr *)&at, at_len), 1);
	CHECK_EQ(bind(e, (struct sockaddr *)&me, me_len), 0);
	len = sizeof(from);
	CHECK_EQ(recvfrom(d, buf, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK(len == me_len && !memcmp(&from, &me, me_len));
	/* Also when the sender has gone. */
	CHECK_EQ(sendto(e, "z", 1, 0, (struct sockaddr *)&at, at_len), 1);
	close(e);
	len = sizeof(from);
	CHECK_EQ(recvfrom(d, buf, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK(len == me_len && !memcmp(&from, &me, me_len));
}

/* What a new socket has from its listener, and what a record does not have. */
TEST(inherited_and_not)
{
	struct sockaddr_un at;
	socklen_t at_len = abstract(&at, "corbel-inherit"), len = sizeof(int);
	int l = socket(AF_UNIX, SOCK_SEQPACKET, 0), c = socket(AF_UNIX, SOCK_SEQPACKET, 0), a;
	int on = 1, off = 0;
	char buf[8];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_flags = -1};

	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
	REQUIRE(!bind(l, (struct sockaddr *)&at, at_len) && !listen(l, 1));
	REQUIRE(!connect(c, (struct sockaddr *)&at, at_len));
	a = accept(l, NULL, NULL);
	REQUIRE(a >= 0);
	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_PASSCRED, &off, &len), 0);
	CHECK_EQ(off, 1);
	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_KEEPALIVE, &off, &len), 0);
	CHECK_EQ(off, 0);
	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_NO_CHECK, &off, &len), 0);
	CHECK_EQ(off, 0);
	CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_NO_CHECK, &off, &len), 0);
	CHECK_EQ(off, 1);
	CHECK_EQ(write(a, "record", 6), 6);
	CHECK_EQ(recvmsg(c, &m, MSG_PEEK), 6);
	CHECK_EQ(m.msg_flags, 0);
	m.msg_flags = -1;
	CHECK_EQ(recvmsg(c, &m, 0), 6);
	CHECK_EQ(m.msg_flags, 0);
}

int main(void)
{
	return test_run();
}
