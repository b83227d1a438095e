/* Shared by the files of net/core. */
#pragma once

#include <kernel/file/file.h>
#include <net/core/socket.h>

/* The socket behind a descriptor; ref->file must be put.  -EBADF, -ENOTSOCK. */
int socket_get(int fd, struct fd_ref *ref, struct socket **out) __must_check;
/* A name from user space: -EINVAL, -EFAULT. */
int socket_name_in(const void __user *uname, int len, u8 name[SOCKET_NAME_MAX]) __must_check;
/* A name to user space, cut to what fits; *ulen becomes the true length. */
int socket_name_out(const u8 *name, u32 len, void __user *uname, int __user *ulen) __must_check;

/* filter.c: SO_ATTACH_FILTER and its kin */
int socket_filter_attach(struct socket *s, const void *buf, u32 len) __must_check;
int socket_filter_detach(struct socket *s) __must_check;
int socket_filter_set_lock(struct socket *s, bool on) __must_check;
int socket_filter_get(struct socket *s, void __user *optval, int __user *optlen, int len)
	__must_check;
void socket_filter_free(struct socket *s);

/* option_device.c: -ENOPROTOOPT for what is none of it; @buf has at least 4 bytes to set from. */
void socket_device_options_init(struct socket_device_options *o);
int socket_device_set(struct socket *s, int name, const void *buf, u32 len) __must_check;
int socket_device_get(struct socket *s, int name, void *buf, u32 *len) __must_check;

/* option.c: net.core.* */
extern int socket_wmem_default, socket_rmem_default, socket_somaxconn, socket_optmem_max;
