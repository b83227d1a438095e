/* AF_UNIX: who said something, receives of no bytes, flags that come back. */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/sockios.h>

#define NOBODY 65534

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static int sv[2];

/* What a receive gave. */
static struct {
	ssize_t n;
	char data[64];
	int flags, fds, fd;
	int identities;
	struct ucred who;
} got;

static void pair(int type)
{
	REQUIRE(socketpair(AF_UNIX, type, 0, sv) == 0);
}

static void pass(int fd, int on)
{
	REQUIRE(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
}

static void say(const char *s)
{
	CHECK_EQ(send(sv[0], s, strlen(s), 0), strlen(s));
}

static void say_with(const char *s, int type, const void *what, size_t len)
{
	union {
		char room[CMSG_SPACE(64)];
		struct cmsghdr h;
	} c = {.room = {0}};
	struct iovec io = {(void *)s, strlen(s)};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = c.room,
			   .msg_controllen = CMSG_SPACE(len)};

	c.h.cmsg_len = CMSG_LEN(len);
	c.h.cmsg_level = SOL_SOCKET;
	c.h.cmsg_type = type;
	memcpy(CMSG_DATA(&c.h), what, len);
	CHECK_EQ(sendmsg(sv[0], &m, 0), strlen(s));
}

static void say_with_fd(const char *s)
{
	int fd = 1;

	say_with(s, SCM_RIGHTS, &fd, sizeof(fd));
}

static ssize_t hear_with(size_t size, int flags, size_t room)
{
	union {
		char room[256];
		struct cmsghdr h;
	} c;
	struct iovec io = {got.data, size};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = room ? c.room : NULL,
			   .msg_controllen = room};

	memset(&got, 0, sizeof(got));
	got.n = recvmsg(sv[1], &m, flags | MSG_DONTWAIT);
	got.flags = m.msg_flags;
	if (got.n < 0)
		return got.n;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_type == SCM_CREDENTIALS) {
			got.identities++;
			if (h->cmsg_len < CMSG_LEN(sizeof(got.who))) /* cut short */
				continue;
			memcpy(&got.who, CMSG_DATA(h), sizeof(got.who));
		} else if (h->cmsg_type == SCM_RIGHTS) {
			got.fds += (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(&got.fd, CMSG_DATA(h), sizeof(got.fd));
			close(got.fd);
		}
	}
	return got.n;
}

static ssize_t hear(size_t size)
{
	return hear_with(size, 0, 256);
}

static int from_me(void)
{
	return got.identities == 1 && got.who.pid == getpid() && got.who.uid == getuid() &&
	       got.who.gid == getgid();
}

static int from_nobody(void)
{
	return got.identities == 1 && got.who.pid == 0 && got.who.uid == NOBODY &&
	       got.who.gid == NOBODY;
}

static void identity_when_asked(int type)
{
	pair(type);
	say("early");
	pass(sv[1], 1);
	CHECK_EQ(hear(10), 5);
	CHECK(from_nobody());
	say("asked");
	CHECK_EQ(hear(10), 5);
	CHECK(from_me());
	pass(sv[1], 0);
	pass(sv[0], 1); /* the sender's wish will do */
	say("given");
	pass(sv[1], 1);
	CHECK_EQ(hear(10), 5);
	CHECK(from_me());
	say("no room");
	hear_with(10, 0, 0);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	say("half");
	hear_with(10, 0, 20);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	pass(sv[1], 0);
	say("nobody cares");
	CHECK_EQ(hear(20), 12);
	CHECK_EQ(got.identities, 0);
	close(sv[0]);
	close(sv[1]);
}

TEST(identity_when_asked)
{
	for (int i = 0; i < 3; i++)
		identity_when_asked(types[i]);
}

TEST(bytes_of_different_senders_do_not_mix)
{
	pair(SOCK_STREAM);
	say("a");
	pass(sv[1], 1);
	say("b");
	say("c");
	CHECK_EQ(hear(10), 1);
	CHECK(from_nobody());
	CHECK_EQ(hear(10), 2);
	CHECK(from_me());
	/* Unless nobody asks. */
	pass(sv[1], 0);
	say("d");
	pass(sv[1], 1);
	say("e");
	pass(sv[1], 0);
	CHECK_EQ(hear(10), 2);
}

TEST(identity_given_goes_with_all_of_it)
{
	struct ucred me = {getpid(), getuid(), getgid()};
	static char big[100000];
	size_t all = 0;

	pair(SOCK_STREAM);
	memset(big, 'x', sizeof(big) - 1);
	say_with(big, SCM_CREDENTIALS, &me, sizeof(me));
	pass(sv[1], 1);
	while (hear(60) > 0) {
		all += (size_t)got.n;
		if (!from_me())
			break;
	}
	CHECK_EQ(all, sizeof(big) - 1);
}

static void before_accept(int type)
{
	struct sockaddr_un a = {AF_UNIX, ""};
	int l = socket(AF_UNIX, type, 0);

	snprintf(a.sun_path + 1, 40, "scm.%d.%d", getpid(), type);
	REQUIRE(bind(l, (void *)&a, 40) == 0);
	REQUIRE(listen(l, 5) == 0);
	sv[0] = socket(AF_UNIX, type, 0);
	CHECK_EQ(connect(sv[0], (void *)&a, 40), 0);
	say("x");
	sv[1] = accept(l, NULL, NULL);
	REQUIRE(sv[1] >= 0);
	say("y");
	pass(sv[1], 1);
	CHECK_EQ(hear(10), 1);
	CHECK(from_me());
	CHECK_EQ(hear(10), 1);
	CHECK(from_nobody());
	close(sv[0]);
	close(sv[1]);
	close(l);
}

TEST(before_accept)
{
	before_accept(SOCK_STREAM);
	before_accept(SOCK_SEQPACKET);
}

static socklen_t name_len(int fd)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	return len;
}

/* Who passes its identity gets a name of five digits. */
TEST(names_by_themselves)
{
	struct sockaddr_un a = {AF_UNIX, ""};
	socklen_t none = offsetof(struct sockaddr_un, sun_path), len = none + 6;
	int to, s;

	for (int i = 0; i < 3; i++) {
		to = socket(AF_UNIX, types[i], 0);
		REQUIRE(bind(to, (void *)&a, none) == 0);
		REQUIRE(getsockname(to, (void *)&a, &len) == 0);
		if (types[i] != SOCK_DGRAM)
			REQUIRE(listen(to, 5) == 0);
		s = socket(AF_UNIX, types[i], 0);
		CHECK_EQ(connect(s, (void *)&a, len), 0);
		CHECK_EQ(name_len(s), none);
		close(s);
		s = socket(AF_UNIX, types[i], 0);
		pass(s, 1);
		CHECK_EQ(name_len(s), none);
		CHECK_EQ(connect(s, (void *)&a, len), 0);
		CHECK_EQ(name_len(s), none + 6);
		close(s);
		if (types[i] == SOCK_DGRAM) {
			s = socket(AF_UNIX, types[i], 0);
			pass(s, 1);
			CHECK_EQ(sendto(s, "x", 1, 0, (void *)&a, len), 1);
			CHECK_EQ(name_len(s), none + 6);
			close(s);
		}
		close(to);
		memset(&a, 0, sizeof(a));
		a.sun_family = AF_UNIX;
	}
}

TEST(flags_that_come_back)
{
	int odd = MSG_CTRUNC | MSG_TRUNC | MSG_EOR | MSG_NOSIGNAL | MSG_WAITALL | MSG_CONFIRM |
		  MSG_DONTROUTE | MSG_MORE;

	for (int i = 0; i < 3; i++) {
		pair(types[i]);
		say("g");
		CHECK_EQ(hear_with(10, odd | MSG_PEEK, 200), 1);
		CHECK_EQ(got.flags, 0);
		CHECK_EQ(hear_with(10, odd | MSG_CMSG_CLOEXEC, 200), 1);
		CHECK_EQ(got.flags, MSG_CMSG_CLOEXEC);
		/* There is no queue of errors. */
		say("h");
		CHECK_EQ(hear_with(10, MSG_ERRQUEUE, 200), 1);
		close(sv[0]);
		close(sv[1]);
	}
}

TEST(no_bytes_of_a_stream)
{
	char c;

	pair(SOCK_STREAM);
	CHECK_ERR(hear(0), EAGAIN);
	CHECK_EQ(read(sv[1], &c, 0), 0);
	say_with_fd("xyz");
	say("uvw");
	CHECK_EQ(read(sv[1], &c, 0), 0);
	CHECK_EQ(hear_with(0, MSG_PEEK, 200), 0);
	CHECK_EQ(got.fds, 1);
	CHECK_EQ(hear(0), 0);
	CHECK_EQ(got.fds, 1);
	CHECK_EQ(hear(0), 0);
	CHECK_EQ(got.fds, 0);
	/* The bytes are still there. */
	CHECK_EQ(hear(10), 6);
	CHECK(!memcmp(got.data, "xyzuvw", 6));
	CHECK_EQ(got.fds, 0);
}

static void *wait_for_none(void *arg)
{
	struct iovec io = {arg, 0};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};

	return recvmsg(sv[1], &m, 0) == 0 ? arg : NULL;
}

TEST(no_bytes_are_waited_for)
{
	void *ret = NULL;
	pthread_t t;
	char c[4];

	pair(SOCK_STREAM);
	REQUIRE(!pthread_create(&t, NULL, wait_for_none, c));
	say("abc");
	pthread_join(t, &ret);
	CHECK(ret == c);
	CHECK_EQ(recv(sv[1], c, 4, MSG_DONTWAIT), 3);
}

/* read(2) of nothing takes no message. */
TEST(no_bytes_of_messages)
{
	char c;

	for (int i = 1; i < 3; i++) {
		pair(types[i]);
		CHECK_EQ(read(sv[1], &c, 0), 0);
		say("abc");
		CHECK_EQ(read(sv[1], &c, 0), 0);
		CHECK_EQ(hear(10), 3);
		say("abc");
		CHECK_EQ(hear(0), 0);
		CHECK_EQ(got.flags, MSG_TRUNC);
		CHECK_ERR(hear(10), EAGAIN);
	}
}

TEST(at_the_end)
{
	pair(SOCK_STREAM);
	pass(sv[1], 1);
	close(sv[0]);
	CHECK_EQ(hear(10), 0);
	CHECK_EQ(got.identities, 1);
	CHECK_EQ(got.who.pid, 0);
	CHECK_EQ(got.who.uid, 0);
	CHECK_EQ(got.who.gid, 0);
}

/* A number that cannot be told is not there. */
TEST(rights_to_nowhere)
{
	static char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	char data[4];
	struct iovec io = {data, 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_controllen = sizeof(control)};
	int next;

	pair(SOCK_STREAM);
	say_with_fd("x");
	next = dup(1);
	close(next);
	m.msg_control = (void *)8;
	(void)recvmsg(sv[1], &m, MSG_DONTWAIT);
	CHECK_EQ(dup(1), next);
}

TEST(bytes_that_wait)
{
	int n = -1;

	for (int i = 0; i < 3; i++) {
		pair(types[i]);
		say("abc");
		say("abcd");
		CHECK_EQ(ioctl(sv[1], SIOCINQ, &n), 0);
		CHECK_EQ(n, types[i] == SOCK_DGRAM ? 3 : 7);
		CHECK_EQ(ioctl(sv[0], SIOCOUTQ, &n), 0);
		CHECK(n > 0);
		CHECK_EQ(ioctl(sv[1], SIOCOUTQ, &n), 0);
		CHECK_EQ(n, 0);
		if (types[i] == SOCK_STREAM)
			CHECK_EQ(ioctl(sv[1], SIOCATMARK, &n), 0);
		else
			CHECK_ERR(ioctl(sv[1], SIOCATMARK, &n), EOPNOTSUPP);
	}
}

int main(void)
{
	return test_run();
}
