/* socket, socketpair, bind, listen, accept, connect, getsockname, getpeername, shutdown. */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>

static_assert(SOCK_CLOEXEC == O_CLOEXEC && SOCK_NONBLOCK == O_NONBLOCK, "flags are O_* flags");

/* Splits type and flags: -EINVAL. */
static int split_type(int *type, u32 *o_flags)
{
	*o_flags = (u32)(*type & ~SOCK_TYPE_MASK);
	*type &= SOCK_TYPE_MASK;
	return *o_flags & ~(u32)(SOCK_CLOEXEC | SOCK_NONBLOCK) ? -EINVAL : 0;
}

static long install(struct file *f, u32 o_flags)
{
	int fd, err = fd_install_new(f, o_flags & O_CLOEXEC, &fd);

	if (err)
		file_put(f);
	return err ? err : fd;
}

long sys_socket(int family, int type, int protocol)
{
	struct file *f;
	u32 o_flags;
	int err = split_type(&type, &o_flags);

	if (!err)
		err = socket_create(family, type, protocol, o_flags, &f);
	return err ? err : install(f, o_flags);
}

static int pair_files(int family, int type, int protocol, u32 o_flags, struct file *f[2])
{
	struct socket *a, *b;
	int err = socket_create(family, type, protocol, o_flags, &f[0]);

	if (err)
		return err;
	err = socket_create(family, type, protocol, o_flags, &f[1]);
	if (err) {
		file_put(f[0]);
		return err;
	}
	a = f[0]->private_data;
	b = f[1]->private_data;
	err = a->ops->socketpair ? a->ops->socketpair(a, b) : -EOPNOTSUPP;
	if (err) {
		file_put(f[0]);
		file_put(f[1]);
	}
	return err;
}

long sys_socketpair(int family, int type, int protocol, int __user *fds)
{
	struct file *f[2];
	u32 o_flags;
	int err;

	err = split_type(&type, &o_flags);
	if (!err)
		err = pair_files(family, type, protocol, o_flags, f);
	if (err)
		return err;
	err = fd_install_pair(f, o_flags & O_CLOEXEC, fds);
	if (err) {
		file_put(f[0]);
		file_put(f[1]);
	}
	return err;
}

long sys_bind(int fd, const void __user *addr, int addrlen)
{
	u8 name[SOCKET_NAME_MAX];
	struct fd_ref ref;
	struct socket *s;
	int err = socket_get(fd, &ref, &s);

	if (err)
		return err;
	err = socket_name_in(addr, addrlen, name);
	if (!err)
		err = s->ops->bind(s, name, (u32)addrlen);
	fd_put(ref);
	return err;
}

long sys_connect(int fd, const void __user *addr, int addrlen)
{
	u8 name[SOCKET_NAME_MAX];
	struct fd_ref ref;
	struct socket *s;
	int err = socket_get(fd, &ref, &s);

	if (err)
		return err;
	err = socket_name_in(addr, addrlen, name);
	if (!err)
		err = s->ops->connect(s, name, (u32)addrlen, s->file->flags & O_NONBLOCK);
	fd_put(ref);
	return err;
}

long sys_listen(int fd, int backlog)
{
	struct fd_ref ref;
	struct socket *s;
	int err = socket_get(fd, &ref, &s);

	if (err)
		return err;
	if ((unsigned int)backlog > (unsigned int)socket_somaxconn)
		backlog = socket_somaxconn;
	err = s->ops->listen ? s->ops->listen(s, backlog) : -EOPNOTSUPP;
	fd_put(ref);
	return err;
}

static int accept_file(struct socket *s, void __user *addr, int __user *addrlen, u32 o_flags,
		       struct file **out)
{
	u8 name[SOCKET_NAME_MAX];
	struct file *f;
	int n, err;

	if (!s->ops->accept)
		return -EOPNOTSUPP;
	err = socket_create(s->family, s->type, s->protocol, o_flags, &f);
	if (err)
		return err;
	err = s->ops->accept(s, f->private_data, s->file->flags & O_NONBLOCK);
	if (!err && addr) {
		n = s->ops->getname(f->private_data, name, true);
		err = n < 0 ? -ECONNABORTED : socket_name_out(name, (u32)n, addr, addrlen);
	}
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}

long sys_accept4(int fd, void __user *addr, int __user *addrlen, int flags)
{
	struct fd_ref ref;
	struct socket *s;
	struct file *f;
	int err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	err = socket_get(fd, &ref, &s);
	if (err)
		return err;
	err = accept_file(s, addr, addrlen, (u32)flags, &f);
	fd_put(ref);
	return err ? err : install(f, (u32)flags);
}

long sys_accept(int fd, void __user *addr, int __user *addrlen)
{
	return sys_accept4(fd, addr, addrlen, 0);
}

static long get_name(int fd, void __user *addr, int __user *addrlen, bool peer)
{
	u8 name[SOCKET_NAME_MAX];
	struct fd_ref ref;
	struct socket *s;
	int n, err = socket_get(fd, &ref, &s);

	if (err)
		return err;
	n = s->ops->getname(s, name, peer);
	fd_put(ref);
	return n < 0 ? n : socket_name_out(name, (u32)n, addr, addrlen);
}

long sys_getsockname(int fd, void __user *addr, int __user *addrlen)
{
	return get_name(fd, addr, addrlen, false);
}

long sys_getpeername(int fd, void __user *addr, int __user *addrlen)
{
	return get_name(fd, addr, addrlen, true);
}

long sys_shutdown(int fd, int how)
{
	struct fd_ref ref;
	struct socket *s;
	int err = socket_get(fd, &ref, &s);

	if (err)
		return err;
	err = how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, how);
	fd_put(ref);
	return err;
}
