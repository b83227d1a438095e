/* send, recv and their forms with addresses, vectors, control data and many messages. */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <linux/time_types.h>

#define CONTROL_FAST 256

long sys_sendto(int fd, const void __user *buf, size_t len, unsigned int flags,
		const void __user *addr, int addrlen)
{
	struct socket_msg m;
	struct fd_ref ref;
	struct socket *s;
	struct uio u;
	long ret = socket_get(fd, &ref, &s);

	if (ret)
		return ret;
	uio_init_user(&u, true, (void __user *)(uptr)buf, min_t(size_t, len, 0x7ffff000));
	socket_msg_init(&m, &u, flags);
	if (addr) {
		ret = socket_name_in(addr, addrlen, m.name);
		m.name_len = (u32)addrlen;
	}
	if (!ret)
		ret = s->ops->sendmsg(s, &m);
	fd_put(ref);
	return ret;
}

long sys_recvfrom(int fd, void __user *buf, size_t len, unsigned int flags, void __user *addr,
		  int __user *addrlen)
{
	struct socket_msg m;
	struct fd_ref ref;
	struct socket *s;
	struct uio u;
	long ret = socket_get(fd, &ref, &s);
	int err;

	if (ret)
		return ret;
	uio_init_user(&u, false, buf, min_t(size_t, len, 0x7ffff000));
	socket_msg_init(&m, &u, flags);
	ret = s->ops->recvmsg(s, &m);
	fd_put(ref);
	if (ret < 0 || !addr)
		return ret;
	err = socket_name_out(m.name, m.name_len, addr, addrlen);
	return err ? err : ret;
}

/* ---- sendmsg ---- */

struct send_buffers {
	struct iovec fast[UIO_FAST];
	struct iovec *vec;
	u8 control_fast[CONTROL_FAST];
	u8 *control;
};

static int send_control(struct send_buffers *b, const struct user_msghdr *h, struct socket_msg *m)
{
	if (!h->msg_controllen)
		return 0;
	if (h->msg_controllen > (size_t)socket_optmem_max)
		return -ENOBUFS;
	b->control = b->control_fast;
	if (h->msg_controllen > CONTROL_FAST) {
		b->control = kmalloc(h->msg_controllen);
		if (!b->control)
			return -ENOBUFS;
	}
	if (copy_from_user(b->control, h->msg_control, h->msg_controllen))
		return -EFAULT;
	m->control = b->control;
	m->control_len = h->msg_controllen;
	return 0;
}

static long send_one(struct socket *s, const struct user_msghdr __user *umsg, u32 flags)
{
	struct send_buffers b;
	struct socket_msg m;
	struct user_msghdr h;
	struct uio u;
	long ret;

	b.vec = NULL;
	b.control = NULL;
	if (copy_from_user(&h, umsg, sizeof(h)))
		return -EFAULT;
	if (h.msg_namelen < 0 || h.msg_iovlen > 1024)
		return h.msg_namelen < 0 ? -EINVAL : -EMSGSIZE;
	socket_msg_init(&m, &u, flags);
	ret = 0;
	if (h.msg_name && h.msg_namelen) {
		m.name_len = min_t(u32, (u32)h.msg_namelen, SOCKET_NAME_MAX);
		ret = copy_from_user(m.name, h.msg_name, m.name_len) ? -EFAULT : 0;
	}
	if (!ret)
		ret = uio_import(&u, true, h.msg_iov, h.msg_iovlen, b.fast, &b.vec);
	if (!ret)
		ret = send_control(&b, &h, &m);
	if (!ret)
		ret = s->ops->sendmsg(s, &m);
	if (b.control != b.control_fast)
		kfree(b.control);
	kfree(b.vec);
	return ret;
}

long sys_sendmsg(int fd, const struct user_msghdr __user *msg, unsigned int flags)
{
	struct fd_ref ref;
	struct socket *s;
	long ret = socket_get(fd, &ref, &s);

	if (ret)
		return ret;
	ret = send_one(s, msg, flags);
	fd_put(ref);
	return ret;
}

long sys_sendmmsg(int fd, struct mmsghdr __user *msgs, unsigned int vlen, unsigned int flags)
{
	struct fd_ref ref;
	struct socket *s;
	unsigned int n = 0;
	long ret = socket_get(fd, &ref, &s);

	if (ret)
		return ret;
	for (; n < min_t(unsigned int, vlen, 1024); n++) {
		ret = send_one(s, &msgs[n].msg_hdr, flags);
		if (ret >= 0 && put_user((unsigned int)ret, &msgs[n].msg_len))
			ret = -EFAULT;
		if (ret < 0)
			break;
	}
	fd_put(ref);
	return n ? (long)n : ret;
}

/* ---- recvmsg ---- */

/* What the caller is told besides the data. */
static long recv_results(struct user_msghdr __user *umsg, const struct user_msghdr *h,
			 const struct socket_msg *m)
{
	if (h->msg_name &&
	    copy_to_user(h->msg_name, m->name, min_t(u32, m->name_len, (u32)h->msg_namelen)))
		return -EFAULT;
	if ((h->msg_name && put_user((int)m->name_len, &umsg->msg_namelen)) ||
	    put_user(m->flags & ~(MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL |
				  MSG_WAITFORONE),
		     &umsg->msg_flags) ||
	    put_user(m->control_used, &umsg->msg_controllen))
		return -EFAULT;
	return 0;
}

static long recv_one(struct socket *s, struct user_msghdr __user *umsg, u32 flags)
{
	struct iovec fast[UIO_FAST], *vec = NULL;
	struct socket_msg m;
	struct user_msghdr h;
	struct uio u;
	long ret, err;

	if (copy_from_user(&h, umsg, sizeof(h)))
		return -EFAULT;
	if (h.msg_namelen < 0 || h.msg_iovlen > 1024)
		return h.msg_namelen < 0 ? -EINVAL : -EMSGSIZE;
	ret = uio_import(&u, false, h.msg_iov, h.msg_iovlen, fast, &vec);
	if (ret)
		return ret;
	socket_msg_init(&m, &u, flags);
	m.control_out = h.msg_control;
	m.control_room = h.msg_control ? h.msg_controllen : 0;
	ret = s->ops->recvmsg(s, &m);
	kfree(vec);
	if (ret < 0)
		return ret;
	err = recv_results(umsg, &h, &m);
	return err ? err : ret;
}

long sys_recvmsg(int fd, struct user_msghdr __user *msg, unsigned int flags)
{
	struct fd_ref ref;
	struct socket *s;
	long ret = socket_get(fd, &ref, &s);

	if (ret)
		return ret;
	ret = recv_one(s, msg, flags);
	fd_put(ref);
	return ret;
}

long sys_recvmmsg(int fd, struct mmsghdr __user *msgs, unsigned int vlen, unsigned int flags,
		  struct __kernel_timespec __user *timeout)
{
	struct fd_ref ref;
	struct socket *s;
	unsigned int n = 0;
	u64 deadline;
	long ret = poll_deadline_user(timeout, &deadline);

	if (!ret)
		ret = socket_get(fd, &ref, &s);
	if (ret)
		return ret;
	/* The time-out is looked at between messages only, as recvmmsg(2) BUGS says of Linux. */
	for (; n < min_t(unsigned int, vlen, 1024); n++) {
		u32 dontwait = n && (flags & MSG_WAITFORONE) ? MSG_DONTWAIT : 0;

		ret = recv_one(s, &msgs[n].msg_hdr, (flags & ~MSG_WAITFORONE) | dontwait);
		if (ret >= 0 && put_user((unsigned int)ret, &msgs[n].msg_len))
			ret = -EFAULT;
		if (ret < 0)
			break;
		if (deadline != WAIT_FOREVER && time_mono_ns() >= deadline) {
			n++;
			break;
		}
	}
	fd_put(ref);
	return n ? (long)n : ret;
}
