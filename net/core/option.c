/* getsockopt(2), setsockopt(2): SOL_SOCKET, socket(7). */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kern/atomic.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/socket.h>
#include <linux/time_types.h>

#define SOCKET_SNDBUF_MIN 4608u
#define SOCKET_RCVBUF_MIN 2304u

struct option_linger {
	int on, seconds;
};

int socket_wmem_default = 212992, socket_rmem_default = 212992;
int socket_somaxconn = 4096, socket_optmem_max = 20480;
static int wmem_max = 212992, rmem_max = 212992;

SYSCTL_INT("net/core/wmem_default", 0644, &socket_wmem_default, SOCKET_SNDBUF_MIN, 0x7fffffff);
SYSCTL_INT("net/core/rmem_default", 0644, &socket_rmem_default, SOCKET_RCVBUF_MIN, 0x7fffffff);
SYSCTL_INT("net/core/wmem_max", 0644, &wmem_max, SOCKET_SNDBUF_MIN, 0x7fffffff);
SYSCTL_INT("net/core/rmem_max", 0644, &rmem_max, SOCKET_RCVBUF_MIN, 0x7fffffff);
SYSCTL_INT("net/core/somaxconn", 0644, &socket_somaxconn, 0, 0x7fffffff);
SYSCTL_INT("net/core/optmem_max", 0644, &socket_optmem_max, 0, 0x7fffffff);

/* Doubled, for what the kernel needs beside the bytes: socket(7). */
static u32 buffer_size(int wanted, int limit, u32 min_size)
{
	u32 n = min_t(u32, (u32)wanted, (u32)limit);

	return max(min_t(u32, n, 0x3fffffff) * 2, min_size);
}

static void set_buffer(struct socket *s, int name, int v)
{
	if (name == SO_SNDBUF) {
		s->device.buf_lock |= SOCK_SNDBUF_LOCK;
		s->sndbuf = buffer_size(v, wmem_max, SOCKET_SNDBUF_MIN);
	} else {
		s->device.buf_lock |= SOCK_RCVBUF_LOCK;
		s->rcvbuf = buffer_size(v, rmem_max, SOCKET_RCVBUF_MIN);
	}
}

/* SO_SNDBUFFORCE, SO_RCVBUFFORCE: no limit but the word. */
static int force_buffer(struct socket *s, int name, int v)
{
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	s->device.buf_lock |= name == SO_SNDBUFFORCE ? SOCK_SNDBUF_LOCK : SOCK_RCVBUF_LOCK;
	if (name == SO_SNDBUFFORCE)
		s->sndbuf = buffer_size(max(v, 0), 0x3fffffff, SOCKET_SNDBUF_MIN);
	else
		s->rcvbuf = buffer_size(max(v, 0), 0x3fffffff, SOCKET_RCVBUF_MIN);
	return 0;
}

static int timeout_from(const void *buf, u32 len, u64 *out)
{
	struct __kernel_old_timeval tv; /* two words, as the 64-bit form */

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, buf, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*out = 0;
	else if (!tv.tv_sec && !tv.tv_usec)
		*out = WAIT_FOREVER;
	else
		*out = (u64)tv.tv_sec > U64_MAX / 2 / NSEC_PER_SEC
			       ? WAIT_FOREVER
			       : (u64)tv.tv_sec * NSEC_PER_SEC + (u64)tv.tv_usec * 1000;
	return 0;
}

static void timeout_to(u64 ns, struct __kernel_old_timeval *tv)
{
	tv->tv_sec = ns == WAIT_FOREVER ? 0 : (long)(ns / NSEC_PER_SEC);
	tv->tv_usec = ns == WAIT_FOREVER ? 0 : (long)(ns % NSEC_PER_SEC / 1000);
}

static int set_linger(struct socket *s, const void *buf, u32 len)
{
	struct option_linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, buf, sizeof(l));
	s->linger_s = l.on ? l.seconds : -1;
	return 0;
}

/* There is no device but "none". */
static int bind_device(const char *name, u32 len)
{
	if (!capable(CAP_NET_RAW))
		return -EPERM;
	return len && name[0] ? -ENODEV : 0;
}

static void set_timestamp(struct socket *s, bool on, u8 stamp, bool fresh)
{
	if (on)
		WRITE_ONCE(s->stamp_new, fresh);
	WRITE_ONCE(s->stamp, on ? stamp : SOCKET_STAMP_OFF);
}

static int set_int(struct socket *s, int name, int v)
{
	switch (name) {
	case SO_DEBUG:
		if (v && !capable(CAP_NET_ADMIN))
			return -EACCES;
		s->debug = v;
		return 0;
	case SO_REUSEADDR:
		s->reuseaddr = v;
		return 0;
	case SO_DONTROUTE:
		s->dontroute = v;
		return 0;
	case SO_BROADCAST:
		s->broadcast = v;
		return 0;
	case SO_KEEPALIVE:
		s->keepalive = v;
		return 0;
	case SO_NO_CHECK: /* of checksums, for who has them */
		s->no_check = v;
		return 0;
	case SO_OOBINLINE:
		s->oobinline = v;
		return 0;
	case SO_PASSCRED:
		s->passcred = v;
		return 0;
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMP_NEW:
		set_timestamp(s, v, SOCKET_STAMP_US, name == SO_TIMESTAMP_NEW);
		return 0;
	case SO_TIMESTAMPNS_OLD:
	case SO_TIMESTAMPNS_NEW:
		set_timestamp(s, v, SOCKET_STAMP_NS, name == SO_TIMESTAMPNS_NEW);
		return 0;
	case SO_DETACH_FILTER:
		return socket_filter_detach(s);
	case SO_LOCK_FILTER:
		return socket_filter_set_lock(s, v);
	case SO_PASSSEC: /* there are no labels to pass */
		s->passsec = v;
		return 0;
	case SO_RXQ_OVFL:
		s->rxq_ovfl = v;
		return 0;
	case SO_REUSEPORT:
		if (v && s->family == AF_UNIX) /* has no ports */
			return -EOPNOTSUPP;
		s->reuseport = v;
		return 0;
	case SO_PEEK_OFF:
		if (!s->ops->peeks_at)
			return -EOPNOTSUPP;
		WRITE_ONCE(s->peek_off, v < 0 ? -1 : v);
		return 0;
	case SO_MARK:
		if (!capable(CAP_NET_RAW) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->mark = (u32)v;
		return 0;
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		return force_buffer(s, name, v);
	case SO_SNDBUF:
	case SO_RCVBUF:
		set_buffer(s, name, v);
		return 0;
	case SO_RCVLOWAT:
		s->rcvlowat = v < 0 ? 0x7fffffff : v ? (u32)v : 1;
		return 0;
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->priority = (u32)v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_option(struct socket *s, int name, const void *buf, u32 len)
{
	int v, err;

	switch (name) {
	case SO_LINGER:
		return set_linger(s, buf, len);
	case SO_BINDTODEVICE:
		return bind_device(buf, len);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return timeout_from(buf, len, &s->rcvtimeo_ns);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return timeout_from(buf, len, &s->sndtimeo_ns);
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_PEERCRED:
	case SO_PEERSEC:
	case SO_SNDLOWAT:
		return -ENOPROTOOPT;
	default:
		break;
	}
	if (len < sizeof(v))
		return -EINVAL;
	if (name == SO_ATTACH_FILTER)
		return socket_filter_attach(s, buf, len);
	memcpy(&v, buf, sizeof(v));
	err = set_int(s, name, v);
	return err == -ENOPROTOOPT ? socket_device_set(s, name, buf, len) : err;
}

/* The peer's identity as SO_PEERCRED gives it; pid 0 and ids -1 when nobody is connected. */
static struct ucred peer_ucred(const struct socket *s)
{
	struct ucred u = {0, (u32)-1, (u32)-1};

	if (s->peer_pid)
		u.pid = (u32)pid_vnr(s->peer_pid);
	if (s->peer_cred) {
		u.uid = uid_to_user(s->peer_cred->euid);
		u.gid = gid_to_user(s->peer_cred->egid);
	}
	return u;
}

/* SO_TIMESTAMP*. -ENOPROTOOPT: another one. */
static int get_timestamp(const struct socket *s, int name, int *v)
{
	switch (name) {
	case SO_TIMESTAMP_OLD:
		*v = s->stamp == SOCKET_STAMP_US && !s->stamp_new;
		return 0;
	case SO_TIMESTAMP_NEW: /* of both kinds */
		*v = s->stamp && s->stamp_new;
		return 0;
	case SO_TIMESTAMPNS_OLD:
		*v = s->stamp == SOCKET_STAMP_NS && !s->stamp_new;
		return 0;
	case SO_TIMESTAMPNS_NEW:
		*v = s->stamp == SOCKET_STAMP_NS && s->stamp_new;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_int(struct socket *s, int name, int *v)
{
	switch (name) {
	case SO_DEBUG:
		*v = s->debug;
		return 0;
	case SO_REUSEADDR:
		*v = s->reuseaddr;
		return 0;
	case SO_DONTROUTE:
		*v = s->dontroute;
		return 0;
	case SO_BROADCAST:
		*v = s->broadcast;
		return 0;
	case SO_KEEPALIVE:
		*v = s->keepalive;
		return 0;
	case SO_NO_CHECK:
		*v = s->no_check;
		return 0;
	case SO_OOBINLINE:
		*v = s->oobinline;
		return 0;
	case SO_PASSCRED:
		*v = s->passcred;
		return 0;
	case SO_LOCK_FILTER:
		*v = s->filter_locked;
		return 0;
	case SO_PASSSEC:
		*v = s->passsec;
		return 0;
	case SO_RXQ_OVFL:
		*v = s->rxq_ovfl;
		return 0;
	case SO_REUSEPORT:
		*v = s->reuseport;
		return 0;
	case SO_PEEK_OFF:
		*v = READ_ONCE(s->peek_off);
		return s->ops->peeks_at ? 0 : -EOPNOTSUPP;
	case SO_MARK:
		*v = (int)s->mark;
		return 0;
	case SO_SNDBUF:
		*v = (int)s->sndbuf;
		return 0;
	case SO_RCVBUF:
		*v = (int)s->rcvbuf;
		return 0;
	case SO_RCVLOWAT:
		*v = (int)s->rcvlowat;
		return 0;
	case SO_SNDLOWAT:
		*v = 1;
		return 0;
	case SO_PRIORITY:
		*v = (int)s->priority;
		return 0;
	case SO_TYPE:
		*v = s->type;
		return 0;
	case SO_PROTOCOL:
		*v = s->protocol;
		return 0;
	case SO_DOMAIN:
		*v = s->family;
		return 0;
	case SO_ACCEPTCONN:
		*v = s->listening;
		return 0;
	case SO_ERROR:
		*v = -__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL);
		return 0;
	default:
		return get_timestamp(s, name, v);
	}
}

static u64 socket_cookie(struct socket *s)
{
	static u64 last; /* atomic */
	u64 have = 0, fresh;

	if (READ_ONCE(s->cookie))
		return s->cookie;
	fresh = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	return try_cmpxchg(&s->cookie, &have, fresh) ? fresh : have;
}

/* SO_PEERGROUPS: supplementary groups of who connected. -ENODATA, -ERANGE (and the size). */
static int get_peer_groups(struct socket *s, void __user *optval, int __user *optlen, int len)
{
	const struct cred *c = s->peer_cred;
	u32 __user *to = optval;
	u32 size;

	if (!c)
		return -ENODATA;
	size = c->groups->count * (u32)sizeof(u32);
	if ((u32)len < size)
		return put_user((int)size, optlen) ? -EFAULT : -ERANGE;
	for (u32 i = 0; i < c->groups->count; i++)
		if (put_user(gid_to_user(c->groups->gid[i]), &to[i]))
			return -EFAULT;
	return put_user((int)size, optlen) ? -EFAULT : 0;
}

/* SO_PEERNAME: as many bytes of the name as are asked for. */
static int get_peer_name(struct socket *s, void __user *optval, int __user *optlen, int len)
{
	u8 name[SOCKET_NAME_MAX];
	int n = s->ops->getname(s, name, true);

	if (n < 0)
		return -ENOTCONN;
	if (n < len)
		return -EINVAL;
	return copy_to_user(optval, name, (size_t)len) || put_user(len, optlen) ? -EFAULT : 0;
}

/* The value into @buf (64 bytes); *len: room wanted in, bytes given out. */
static int get_option(struct socket *s, int name, void *buf, u32 *len)
{
	struct __kernel_old_timeval tv;
	struct option_linger l;
	struct ucred u;
	u64 cookie;
	int v, err;

	switch (name) {
	case SO_LINGER:
		l = (struct option_linger){s->linger_s >= 0, max(s->linger_s, 0)};
		*len = min_t(u32, *len, sizeof(l));
		memcpy(buf, &l, *len);
		return 0;
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		timeout_to(name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW ? s->rcvtimeo_ns
									      : s->sndtimeo_ns,
			   &tv);
		*len = min_t(u32, *len, sizeof(tv));
		memcpy(buf, &tv, *len);
		return 0;
	case SO_BINDTODEVICE:
		*len = 0;
		return 0;
	case SO_COOKIE:
		if (*len < sizeof(u64))
			return -EINVAL;
		*len = sizeof(u64);
		cookie = socket_cookie(s);
		memcpy(buf, &cookie, *len);
		return 0;
	case SO_PEERCRED:
		u = peer_ucred(s);
		*len = min_t(u32, *len, sizeof(u));
		memcpy(buf, &u, *len);
		return 0;
	default:
		err = get_int(s, name, &v);
		if (err == -ENOPROTOOPT)
			return socket_device_get(s, name, buf, len);
		if (err)
			return err;
		*len = min_t(u32, *len, sizeof(v));
		memcpy(buf, &v, *len);
		return 0;
	}
}

#define OPTION_MAX 64

long sys_setsockopt(int fd, int level, int optname, const void __user *optval, int optlen)
{
	u8 buf[OPTION_MAX] = {0};
	struct fd_ref ref;
	struct socket *s;
	int err;

	if (optlen < 0)
		return -EINVAL;
	err = socket_get(fd, &ref, &s);
	if (err)
		return err;
	if (copy_from_user(buf, optval, min_t(size_t, (size_t)optlen, sizeof(buf))))
		err = -EFAULT;
	else if (level == SOL_SOCKET)
		err = set_option(s, optname, buf, (u32)optlen);
	else
		err = s->ops->setsockopt ? s->ops->setsockopt(s, level, optname, buf, (u32)optlen)
					 : -EOPNOTSUPP;
	fd_put(ref);
	return err;
}

long sys_getsockopt(int fd, int level, int optname, void __user *optval, int __user *optlen)
{
	u8 buf[OPTION_MAX];
	struct fd_ref ref;
	struct socket *s;
	int len = 0, err = socket_get(fd, &ref, &s);
	u32 n;

	if (err)
		return err;
	err = get_user(len, optlen) ? -EFAULT : len < 0 ? -EINVAL : 0;
	n = (u32)min(max(len, 0), OPTION_MAX);
	if (!err && level == SOL_SOCKET && optname == SO_GET_FILTER) {
		err = socket_filter_get(s, optval, optlen, len);
		fd_put(ref);
		return err;
	}
	if (!err && level == SOL_SOCKET && (optname == SO_PEERGROUPS || optname == SO_PEERNAME)) {
		err = optname == SO_PEERGROUPS ? get_peer_groups(s, optval, optlen, len)
					       : get_peer_name(s, optval, optlen, len);
		fd_put(ref);
		return err;
	}
	if (!err && level == SOL_SOCKET)
		err = get_option(s, optname, buf, &n);
	else if (!err)
		err = s->ops->getsockopt ? s->ops->getsockopt(s, level, optname, buf, &n)
					 : -EOPNOTSUPP;
	if (!err && (copy_to_user(optval, buf, n) || put_user((int)n, optlen)))
		err = -EFAULT;
	fd_put(ref);
	return err;
}
