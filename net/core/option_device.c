/*
 * Options that concern network devices, their drivers and protocols above them.
 *
 * As on Linux a socket of any family has them; one that goes through no device only remembers them.
 */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <linux/time.h>

#define STAMPING_BITS 0xffffu /* of 6.1: up to SOF_TIMESTAMPING_BIND_PHC */

void socket_device_options_init(struct socket_device_options *o)
{
	o->max_pacing_rate = U64_MAX;
	o->incoming_cpu = -1;
}

/* ---- setting ---- */

static int set_busy_poll(struct socket_device_options *o, int v)
{
	if (v > o->busy_poll && !capable(CAP_NET_ADMIN))
		return -EPERM;
	if (v < 0)
		return -EINVAL;
	o->busy_poll = v;
	return 0;
}

static int set_busy_budget(struct socket_device_options *o, int v)
{
	if (v > o->busy_budget && !capable(CAP_NET_ADMIN))
		return -EPERM;
	if (v < 0 || v > U16_MAX)
		return -EINVAL;
	o->busy_budget = v;
	return 0;
}

static int set_device(struct socket_device_options *o, int v)
{
	if (o->device && !capable(CAP_NET_RAW))
		return -EPERM;
	if (v < 0)
		return -EINVAL;
	o->device = v;
	return 0;
}

/* Options that are on or off. */
static const struct {
	int name;
	u32 flag;
} flags[] = {
	{SO_WIFI_STATUS, SOCKET_WIFI_STATUS},
	{SO_NOFCS, SOCKET_NOFCS},
	{SO_SELECT_ERR_QUEUE, SOCKET_SELECT_ERR_QUEUE},
	{SO_PREFER_BUSY_POLL, SOCKET_PREFER_BUSY_POLL},
	{SO_RCVMARK, SOCKET_RCVMARK},
};

/* 0: @name is no such option. */
static u32 flag_of(int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].name == name)
			return flags[i].flag;
	}
	return 0;
}

static int set_flag(struct socket_device_options *o, u32 flag, bool on)
{
	if (flag == SOCKET_PREFER_BUSY_POLL && on && !capable(CAP_NET_ADMIN))
		return -EPERM;
	o->flags = on ? o->flags | flag : o->flags & ~flag;
	return 0;
}

static int set_pacing(struct socket_device_options *o, const void *buf, u32 len, int v)
{
	u64 rate = v == -1 ? U64_MAX : (u32)v;

	if (len >= sizeof(rate))
		memcpy(&rate, buf, sizeof(rate));
	o->max_pacing_rate = rate;
	return 0;
}

static int set_txtime(struct socket_device_options *o, const void *buf, u32 len)
{
	struct sock_txtime t;

	if (len != sizeof(t))
		return -EINVAL;
	memcpy(&t, buf, sizeof(t));
	if (t.flags & ~(u32)(SOF_TXTIME_DEADLINE_MODE | SOF_TXTIME_REPORT_ERRORS))
		return -EINVAL;
	if (t.clockid != CLOCK_MONOTONIC && !capable(CAP_NET_ADMIN))
		return -EPERM;
	o->txtime_clock = t.clockid;
	o->txtime_flags = t.flags;
	return 0;
}

static int set_stamping(struct socket *s, int name, u32 bits)
{
	if (bits & ~STAMPING_BITS)
		return -EINVAL;
	if ((bits & SOF_TIMESTAMPING_OPT_STATS) && !(bits & SOF_TIMESTAMPING_OPT_TSONLY))
		return -EINVAL;
	if (bits & SOF_TIMESTAMPING_BIND_PHC) /* no device has a clock */
		return -EOPNOTSUPP;
	WRITE_ONCE(s->stamp_new, name == SO_TIMESTAMPING_NEW);
	WRITE_ONCE(s->device.stamping, bits);
	return 0;
}

static int set_rehash(struct socket_device_options *o, int v)
{
	if (v < -1 || v > 1)
		return -EINVAL;
	o->rehash = v != 0; /* -1: as net.core.txrehash has it */
	return 0;
}

int socket_device_set(struct socket *s, int name, const void *buf, u32 len)
{
	struct socket_device_options *o = &s->device;
	int v;

	memcpy(&v, buf, sizeof(v));
	if (flag_of(name))
		return set_flag(o, flag_of(name), v);
	switch (name) {
	case SO_BSDCOMPAT:
	case SO_CNX_ADVICE: /* there is no route to doubt */
		return 0;
	case SO_BUSY_POLL:
		return set_busy_poll(o, v);
	case SO_BUSY_POLL_BUDGET:
		return set_busy_budget(o, v);
	case SO_MAX_PACING_RATE:
		return set_pacing(o, buf, len, v);
	case SO_INCOMING_CPU:
		o->incoming_cpu = v;
		return 0;
	case SO_BINDTOIFINDEX:
		return set_device(o, v);
	case SO_TXTIME:
		return set_txtime(o, buf, len);
	case SO_TXREHASH:
		return set_rehash(o, v);
	case SO_BUF_LOCK:
		if (v & ~(SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK))
			return -EINVAL;
		o->buf_lock = (u32)v;
		return 0;
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMPING_NEW:
		return set_stamping(s, name, (u32)v);
	case SO_RESERVE_MEM:
		return v < 0 ? -EINVAL : -EOPNOTSUPP;
	case SO_ZEROCOPY:
		return -EOPNOTSUPP;
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- reading ---- */

static void give(void *buf, u32 *len, const void *value, size_t size)
{
	*len = min_t(u32, *len, (u32)size);
	memcpy(buf, value, *len);
}

/* Memory of the socket, as sock_diag(7) counts it: what was sent is its sender's until it is read.
 */
static void get_meminfo(struct socket *s, void *buf, u32 *len)
{
	u32 m[SK_MEMINFO_VARS] = {0};

	m[SK_MEMINFO_RCVBUF] = s->rcvbuf;
	m[SK_MEMINFO_SNDBUF] = s->sndbuf;
	m[SK_MEMINFO_WMEM_ALLOC] = s->ops->unread ? s->ops->unread(s) : 0;
	give(buf, len, m, sizeof(m));
}

static int get_number(const struct socket_device_options *o, int name, int *v)
{
	u32 flag = flag_of(name);

	if (flag) {
		*v = !!(o->flags & flag);
		return 0;
	}
	switch (name) {
	case SO_BSDCOMPAT:
	case SO_INCOMING_NAPI_ID:
	case SO_ZEROCOPY:
	case SO_RESERVE_MEM:
		*v = 0;
		return 0;
	case SO_BPF_EXTENSIONS:
		*v = SKF_AD_MAX;
		return 0;
	case SO_BUSY_POLL:
		*v = o->busy_poll;
		return 0;
	case SO_INCOMING_CPU:
		*v = o->incoming_cpu;
		return 0;
	case SO_BINDTOIFINDEX:
		*v = o->device;
		return 0;
	case SO_TXREHASH:
		*v = o->rehash;
		return 0;
	case SO_BUF_LOCK:
		*v = (int)o->buf_lock;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int socket_device_get(struct socket *s, int name, void *buf, u32 *len)
{
	const struct socket_device_options *o = &s->device;
	struct sock_txtime txtime = {.clockid = o->txtime_clock, .flags = o->txtime_flags};
	struct so_timestamping stamping = {.flags = (int)o->stamping};
	u32 rate = (u32)min_t(u64, o->max_pacing_rate, U32_MAX);
	int v, err;

	switch (name) {
	case SO_MEMINFO:
		get_meminfo(s, buf, len);
		return 0;
	case SO_TXTIME:
		give(buf, len, &txtime, sizeof(txtime));
		return 0;
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMPING_NEW:
		give(buf, len, &stamping, sizeof(stamping));
		return 0;
	case SO_MAX_PACING_RATE:
		if (*len >= sizeof(u64))
			give(buf, len, &o->max_pacing_rate, sizeof(u64));
		else
			give(buf, len, &rate, sizeof(rate));
		return 0;
	default:
		err = get_number(o, name, &v);
		if (!err)
			give(buf, len, &v, sizeof(v));
		return err;
	}
}
