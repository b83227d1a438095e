/* Options of SOL_SOCKET that a socket without a device only remembers.  socket(7). */
#include "test.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>

static int sv[2];

static void pair(int type)
{
	REQUIRE(socketpair(AF_UNIX, type, 0, sv) == 0);
}

static int get(int name)
{
	socklen_t len = sizeof(int);
	int v = -77;

	return getsockopt(sv[0], SOL_SOCKET, name, &v, &len) ? -errno : v;
}

static int set(int name, int v)
{
	return setsockopt(sv[0], SOL_SOCKET, name, &v, sizeof(v)) ? -errno : 0;
}

/* What each is at first, whether 1 can be set, and what it is then. */
static const struct {
	int name, first, err, then;
} table[] = {
	{SO_BSDCOMPAT, 0, 0, 0},
	{SO_REUSEPORT, 0, -EOPNOTSUPP, 0},
	{SO_WIFI_STATUS, 0, 0, 1},
	{SO_NOFCS, 0, 0, 1},
	{SO_SELECT_ERR_QUEUE, 0, 0, 1},
	{SO_BUSY_POLL, 0, 0, 1},
	{SO_PREFER_BUSY_POLL, 0, 0, 1},
	{SO_BUSY_POLL_BUDGET, -ENOPROTOOPT, 0, -ENOPROTOOPT},
	{SO_BPF_EXTENSIONS, 64, -ENOPROTOOPT, 64},
	{SO_INCOMING_CPU, -1, 0, 1},
	{SO_CNX_ADVICE, -ENOPROTOOPT, 0, -ENOPROTOOPT},
	{SO_INCOMING_NAPI_ID, 0, -ENOPROTOOPT, 0},
	{SO_ZEROCOPY, 0, -EOPNOTSUPP, 0},
	{SO_BINDTOIFINDEX, 0, 0, 1},
	{SO_BUF_LOCK, 0, 0, 1},
	{SO_RESERVE_MEM, 0, -EOPNOTSUPP, 0},
	{SO_TXREHASH, 0, 0, 1},
	{SO_RCVMARK, 0, 0, 1},
	{SO_MEMINFO, 0, -ENOPROTOOPT, 0},
	{SO_TXTIME, 0, -EINVAL, 0},
	{SO_TIMESTAMPING, 0, 0, 1},
};

static void each(int type)
{
	pair(type);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int first = get(table[i].name), err = set(table[i].name, 1);

		if (first != table[i].first || err != table[i].err ||
		    get(table[i].name) != table[i].then)
			printf("# option %d: %d %d %d\n", table[i].name, first, err,
			       get(table[i].name));
		CHECK_EQ(first, table[i].first);
		CHECK_EQ(err, table[i].err);
		CHECK_EQ(get(table[i].name), table[i].then);
	}
}

TEST(each_option)
{
	each(SOCK_STREAM);
	each(SOCK_DGRAM);
}

TEST(values_out_of_range)
{
	struct sock_txtime t = {CLOCK_MONOTONIC, 0x80};

	pair(SOCK_STREAM);
	CHECK_EQ(set(SO_BUSY_POLL, -1), -EINVAL);
	CHECK_EQ(set(SO_BUSY_POLL_BUDGET, -1), -EINVAL);
	CHECK_EQ(set(SO_BUSY_POLL_BUDGET, 65536), -EINVAL);
	CHECK_EQ(set(SO_BINDTOIFINDEX, -1), -EINVAL);
	CHECK_EQ(set(SO_BUF_LOCK, 4), -EINVAL);
	CHECK_EQ(set(SO_RESERVE_MEM, -1), -EINVAL);
	CHECK_EQ(set(SO_TXREHASH, 2), -EINVAL);
	CHECK_EQ(set(SO_TXREHASH, -2), -EINVAL);
	CHECK_EQ(set(SO_TIMESTAMPING, 1 << 20), -EINVAL);
	CHECK_EQ(set(SO_TIMESTAMPING, SOF_TIMESTAMPING_OPT_STATS), -EINVAL);
	CHECK_ERR(setsockopt(sv[0], SOL_SOCKET, SO_TXTIME, &t, sizeof(t)), EINVAL);
	t.flags = SOF_TXTIME_DEADLINE_MODE;
	CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_TXTIME, &t, sizeof(t)), 0);
	CHECK_ERR(setsockopt(sv[0], SOL_SOCKET, SO_NOFCS, &t, 2), EINVAL);
}

TEST(options_that_need_a_right)
{
	pair(SOCK_STREAM);
	if (geteuid())
		return;
	CHECK_EQ(set(SO_BINDTOIFINDEX, 1), 0);
	REQUIRE(setresuid(1000, 1000, 1000) == 0);
	CHECK_EQ(set(SO_BUSY_POLL, 1), -EPERM);
	CHECK_EQ(set(SO_BUSY_POLL_BUDGET, 1), -EPERM);
	CHECK_EQ(set(SO_BUSY_POLL_BUDGET, 0), 0);
	CHECK_EQ(set(SO_PREFER_BUSY_POLL, 1), -EPERM);
	CHECK_EQ(set(SO_PREFER_BUSY_POLL, 0), 0);
	CHECK_EQ(set(SO_BINDTOIFINDEX, 0), -EPERM);
}

TEST(long_values)
{
	unsigned long rate = 0;
	unsigned mem[SK_MEMINFO_VARS + 1];
	socklen_t len = sizeof(rate);

	pair(SOCK_STREAM);
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
	CHECK_EQ(len, 8);
	CHECK(rate == ~0ul);
	rate = 1ul << 40;
	CHECK_EQ(setsockopt(sv[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
	CHECK_EQ(get(SO_MAX_PACING_RATE), -1);
	rate = 0;
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
	CHECK(rate == 1ul << 40);
	CHECK_EQ(set(SO_MAX_PACING_RATE, 1000), 0);
	CHECK_EQ(get(SO_MAX_PACING_RATE), 1000);
	len = sizeof(mem);
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_MEMINFO, mem, &len), 0);
	CHECK_EQ(len, 4 * SK_MEMINFO_VARS);
	CHECK_EQ(mem[SK_MEMINFO_SNDBUF], get(SO_SNDBUF));
	CHECK_EQ(mem[SK_MEMINFO_RCVBUF], get(SO_RCVBUF));
	CHECK_EQ(mem[SK_MEMINFO_WMEM_ALLOC], 0);
	CHECK_EQ(write(sv[0], "abc", 3), 3);
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_MEMINFO, mem, &len), 0);
	CHECK(mem[SK_MEMINFO_WMEM_ALLOC] >= 3);
	CHECK_EQ(mem[SK_MEMINFO_RMEM_ALLOC], 0);
}

TEST(buffers_that_were_set)
{
	pair(SOCK_STREAM);
	CHECK_EQ(set(SO_SNDBUF, 9000), 0);
	CHECK_EQ(get(SO_BUF_LOCK), 1);
	CHECK_EQ(set(SO_RCVBUF, 9000), 0);
	CHECK_EQ(get(SO_BUF_LOCK), 3);
	CHECK_EQ(set(SO_BUF_LOCK, 0), 0);
	CHECK_EQ(get(SO_BUF_LOCK), 0);
}

TEST(name_of_the_peer)
{
	char name[128];
	socklen_t len = 2;

	pair(SOCK_STREAM);
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_PEERNAME, name, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(name[0], AF_UNIX);
	len = 1;
	CHECK_EQ(getsockopt(sv[0], SOL_SOCKET, SO_PEERNAME, name, &len), 0);
	CHECK_EQ(len, 1);
	len = 3; /* more than there is */
	CHECK_ERR(getsockopt(sv[0], SOL_SOCKET, SO_PEERNAME, name, &len), EINVAL);
}

/* SO_TIMESTAMPING adds its own form to that of SO_TIMESTAMP. */
TEST(stamps_of_both_kinds)
{
	union {
		char room[256];
		struct cmsghdr h;
	} c;
	char data[8];
	struct iovec io = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = c.room};
	struct timespec t[3], now;
	struct cmsghdr *h;

	pair(SOCK_DGRAM);
	CHECK_EQ(set(SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE), 0);
	m.msg_controllen = sizeof(c);
	CHECK_EQ(write(sv[1], "x", 1), 1);
	CHECK_EQ(recvmsg(sv[0], &m, 0), 1);
	CHECK_EQ(m.msg_controllen, 0);
	CHECK_EQ(set(SO_TIMESTAMPNS, 1), 0);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_EQ(write(sv[1], "y", 1), 1);
	m.msg_controllen = sizeof(c);
	CHECK_EQ(recvmsg(sv[0], &m, 0), 1);
	h = CMSG_FIRSTHDR(&m);
	REQUIRE(h && h->cmsg_type == SO_TIMESTAMPNS);
	h = CMSG_NXTHDR(&m, h);
	REQUIRE(h && h->cmsg_type == SO_TIMESTAMPING);
	CHECK_EQ(h->cmsg_len, CMSG_LEN(sizeof(t)));
	memcpy(t, CMSG_DATA(h), sizeof(t));
	CHECK(t[0].tv_sec > now.tv_sec ||
	      (t[0].tv_sec == now.tv_sec && t[0].tv_nsec >= now.tv_nsec));
	CHECK_EQ(t[1].tv_sec | t[1].tv_nsec | t[2].tv_sec | t[2].tv_nsec, 0);
}

TEST(errors_by_poll)
{
	struct pollfd p;

	pair(SOCK_STREAM);
	CHECK_EQ(write(sv[0], "x", 1), 1);
	close(sv[1]); /* with a byte that nobody read */
	p = (struct pollfd){sv[0], POLLPRI, 0};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLERR | POLLHUP);
	CHECK_EQ(set(SO_SELECT_ERR_QUEUE, 1), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents & POLLERR, POLLERR);
}

int main(void)
{
	return test_run();
}
