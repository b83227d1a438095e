/*
 * Sockets as files.
 *
 * A socket lives as long as its open file.  Families keep their own object in sock->sk, which may
 * outlive it (messages in flight, peers).
 */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/poll/poll.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <asm/socket.h>
#include <asm/sockios.h>
#include <linux/net_tstamp.h>
#include <linux/time_types.h>

extern const struct socket_family *const __start_socket_family[], *const __stop_socket_family[];

static const struct file_ops socket_file_ops;

struct socket *socket_of_file(struct file *f)
{
	return f->ops == &socket_file_ops ? f->private_data : NULL;
}

bool socket_nonblock(const struct socket *s, u32 flags)
{
	return (flags & MSG_DONTWAIT) || (s->file->flags & O_NONBLOCK);
}

u64 socket_deadline(u64 timeo_ns)
{
	return timeo_ns == WAIT_FOREVER ? WAIT_FOREVER : deadline_after(time_mono_ns(), timeo_ns);
}

/* A call with a time-out is not restarted after a signal: socket(7), signal(7). */
int socket_wait_error(int err, u64 timeo_ns)
{
	if (err == -ETIME)
		return -EAGAIN;
	if (err == -ERESTARTSYS && timeo_ns != WAIT_FOREVER)
		return -EINTR;
	return err;
}

void socket_put_cmsg(struct socket_msg *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = {sizeof(h) + len, level, type};
	size_t left = m->control_room - m->control_used;
	u8 __user *to = m->control_out + m->control_used;

	if (left < sizeof(h)) {
		m->flags |= MSG_CTRUNC;
		return;
	}
	if (left < h.cmsg_len) {
		m->flags |= MSG_CTRUNC;
		h.cmsg_len = left;
	}
	if (copy_to_user(to, &h, sizeof(h)) ||
	    (data && copy_to_user(to + sizeof(h), data, h.cmsg_len - sizeof(h)))) {
		m->flags |= MSG_CTRUNC;
		return;
	}
	m->control_used += min(CMSG_ALIGN(h.cmsg_len), left);
}

/* SO_TIMESTAMPING: by software, and two of devices that there are not. */
static void put_stamping(struct socket_msg *m, u64 real_ns, bool fresh)
{
	struct __kernel_timespec t[3] = {{.tv_sec = (s64)(real_ns / NSEC_PER_SEC),
					  .tv_nsec = (s64)(real_ns % NSEC_PER_SEC)}};

	socket_put_cmsg(m, SOL_SOCKET, fresh ? SO_TIMESTAMPING_NEW : SO_TIMESTAMPING_OLD, t,
			sizeof(t));
}

void socket_put_timestamp(const struct socket *s, struct socket_msg *m, u64 real_ns)
{
	u8 stamp = READ_ONCE(s->stamp);
	bool ns = stamp == SOCKET_STAMP_NS, fresh = READ_ONCE(s->stamp_new);
	struct __kernel_timespec t; /* a timeval is two words as well */

	if (stamp == SOCKET_STAMP_OFF)
		return;
	if (!real_ns)
		real_ns = time_real_ns();
	t.tv_sec = (s64)(real_ns / NSEC_PER_SEC);
	t.tv_nsec = (s64)(real_ns % NSEC_PER_SEC) / (ns ? 1 : 1000);
	socket_put_cmsg(m, SOL_SOCKET,
			ns ? (fresh ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD)
			   : (fresh ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD),
			&t, sizeof(t));
	if (unlikely(READ_ONCE(s->device.stamping) & SOF_TIMESTAMPING_SOFTWARE))
		put_stamping(m, real_ns, fresh);
}

/* ---- file operations ---- */

static ssize_t socket_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct socket *s = f->private_data;
	struct socket_msg m;

	(void)pos;
	if (!u->left) /* other than recv(2), which waits for a message */
		return 0;
	socket_msg_init(&m, u, 0);
	return s->ops->recvmsg(s, &m);
}

static ssize_t socket_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct socket *s = f->private_data;
	struct socket_msg m;

	(void)pos;
	socket_msg_init(&m, u, 0);
	return s->ops->sendmsg(s, &m);
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private_data;

	return s->ops->poll(s, f, pt);
}

static long socket_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct socket *s = f->private_data;
	int who;

	switch (cmd) {
	case FIOSETOWN:
	case SIOCSPGRP:
		if (get_user(who, (int __user *)arg))
			return -EFAULT;
		return file_set_owner_signed(f, who);
	case FIOGETOWN:
	case SIOCGPGRP:
		return put_user(file_get_owner_signed(f), (int __user *)arg);
	default:
		break;
	}
	return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOIOCTLCMD;
}

static void socket_free(struct socket *s)
{
	socket_filter_free(s);
	pid_put(s->peer_pid);
	if (s->peer_cred)
		cred_put(s->peer_cred);
	kfree(s);
}

static void socket_release(struct file *f)
{
	struct socket *s = f->private_data;

	s->ops->release(s);
	socket_free(s);
}

static int socket_fasync(struct file *f, int fd, bool on)
{
	struct socket *s = f->private_data;

	if (!s->ops->async)
		return -EINVAL;
	return fasync_set(s->ops->async(s), f, fd, on);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.lseek = no_lseek,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.fasync = socket_fasync,
};

/* ---- creation ---- */

static const struct socket_family *family_find(int family)
{
	for (const struct socket_family *const *f = __start_socket_family; f < __stop_socket_family;
	     f++)
		if ((*f)->family == family)
			return *f;
	return NULL;
}

static int socket_new(int family, int type, int protocol, struct socket **out)
{
	const struct socket_family *fam = family_find(family);
	struct socket *s;
	int err;

	if (!fam)
		return -EAFNOSUPPORT;
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->family = family;
	s->type = type;
	s->sndbuf = (u32)socket_wmem_default;
	s->rcvbuf = (u32)socket_rmem_default;
	s->peek_off = -1;
	s->rcvtimeo_ns = s->sndtimeo_ns = WAIT_FOREVER;
	s->rcvlowat = 1;
	s->linger_s = -1;
	socket_device_options_init(&s->device);
	err = fam->create(s, protocol);
	if (err)
		kfree(s);
	else
		*out = s;
	return err;
}

int socket_create(int family, int type, int protocol, u32 o_flags, struct file **out)
{
	struct inode *inode;
	struct socket *s;
	int err;

	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (type < 0 || type > 10)
		return -EINVAL;
	err = socket_new(family, type, protocol, &s);
	if (err)
		return err;
	err = vfs_pseudo_inode(S_IFSOCK | 0777, &inode);
	if (!err) {
		err = vfs_pseudo_open(inode, &socket_file_ops, s, O_RDWR | (o_flags & O_NONBLOCK),
				      out);
		inode_put(inode);
	}
	if (err) {
		s->ops->release(s);
		socket_free(s);
		return err;
	}
	s->file = *out;
	return 0;
}

int socket_get(int fd, struct fd_ref *ref, struct socket **out)
{
	*ref = fd_get((unsigned int)fd);
	if (!ref->file)
		return -EBADF;
	*out = socket_of_file(ref->file);
	if (*out)
		return 0;
	fd_put(*ref);
	return -ENOTSOCK;
}

int socket_name_in(const void __user *uname, int len, u8 name[SOCKET_NAME_MAX])
{
	if (len < 0 || len > SOCKET_NAME_MAX)
		return -EINVAL;
	return copy_from_user(name, uname, (size_t)len) ? -EFAULT : 0;
}

int socket_name_out(const u8 *name, u32 len, void __user *uname, int __user *ulen)
{
	int room;

	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_user(uname, name, min((u32)room, len)))
		return -EFAULT;
	return put_user((int)len, ulen);
}
