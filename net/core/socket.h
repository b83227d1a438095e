/*
 * Sockets: what families have in common, and the system calls.
 *
 * A family registers with SOCKET_FAMILY(); its create() fills sock->ops.  socket(7), socket(2).
 * To add one: (1) a folder under net/, (2) SOCKET_FAMILY(sym), (3) struct socket_ops.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/wait/wait.h>
#include <abi/socket.h>

struct cred;
struct file;
struct pid;
struct poll_table;
struct seq;
struct socket;
struct socket_filter;
struct uio;

#define SOCKET_NAME_MAX 128 /* struct sockaddr_storage */

/* One message on its way between a system call and a family. */
struct socket_msg {
	struct uio *uio;
	u32 flags;		  /* MSG_*: from the caller; receive adds what it found */
	u8 name[SOCKET_NAME_MAX]; /* send: destination; receive: source */
	u32 name_len;
	/* send: the caller's control data, copied in */
	const u8 *control;
	size_t control_len;
	/* receive: where control messages go */
	u8 __user *control_out;
	size_t control_room, control_used;
};

/* For a transfer of @u: no name, no control data. */
static inline void socket_msg_init(struct socket_msg *m, struct uio *u, u32 flags)
{
	m->uio = u;
	m->flags = flags;
	m->name_len = 0;
	m->control = NULL;
	m->control_len = 0;
	m->control_out = NULL;
	m->control_room = m->control_used = 0;
}

struct socket_ops {
	bool peeks_at; /* SO_PEEK_OFF */
	int (*bind)(struct socket *s, const void *name, u32 len);
	int (*connect)(struct socket *s, const void *name, u32 len, bool nonblock);
	int (*socketpair)(struct socket *a, struct socket *b);
	int (*listen)(struct socket *s, int backlog);
	/* Fills @fresh, which create() made. */
	int (*accept)(struct socket *s, struct socket *fresh, bool nonblock);
	/* Own or peer's name into @name; returns its length. */
	int (*getname)(struct socket *s, void *name, bool peer);
	ssize_t (*sendmsg)(struct socket *s, struct socket_msg *m);
	ssize_t (*recvmsg)(struct socket *s, struct socket_msg *m);
	int (*shutdown)(struct socket *s, int how);
	u32 (*poll)(struct socket *s, struct file *f, struct poll_table *pt);
	long (*ioctl)(struct socket *s, unsigned int cmd, unsigned long arg);
	/* Options the core does not know; -ENOPROTOOPT. */
	int (*getsockopt)(struct socket *s, int level, int name, void *buf, u32 *len);
	int (*setsockopt)(struct socket *s, int level, int name, const void *buf, u32 len);
	u32 (*unread)(struct socket *s); /* memory of what was sent and not read yet; may be NULL */
	/* Where O_ASYNC puts files; NULL op: not supported. */
	struct fasync_list *(*async)(struct socket *s);
	void (*release)(struct socket *s);
};

#define SOCKET_STAMP_OFF 0
#define SOCKET_STAMP_US 1
#define SOCKET_STAMP_NS 2

/* option_device.c; changed without a lock: each is one word. */
#define SOCKET_WIFI_STATUS 1u
#define SOCKET_NOFCS 2u
#define SOCKET_SELECT_ERR_QUEUE 4u /* an error is EPOLLPRI too */
#define SOCKET_PREFER_BUSY_POLL 8u
#define SOCKET_RCVMARK 16u
struct socket_device_options {
	u64 max_pacing_rate;
	int busy_poll, busy_budget, incoming_cpu, device;
	int txtime_clock;
	u32 txtime_flags, flags, buf_lock;
	u32 stamping; /* SOF_TIMESTAMPING_* */
	bool rehash;
};

struct socket {
	int family, type, protocol; /* [I] */
	const struct socket_ops *ops;
	struct file *file; /* +0 */
	void *sk;	   /* the family's */
	/* options of SOL_SOCKET, changed without a lock: each is one word */
	u32 sndbuf, rcvbuf;
	u64 rcvtimeo_ns, sndtimeo_ns; /* WAIT_FOREVER: none */
	u32 rcvlowat, priority, mark;
	s32 peek_off; /* SO_PEEK_OFF: -1 off; atomic, moved by the family */
	u64 cookie;   /* SO_COOKIE: atomic, 0 until it is asked for */
	s32 linger_s; /* -1: off */
	bool passcred, passsec, rxq_ovfl, no_check, reuseport, reuseaddr, keepalive, broadcast,
		debug, dontroute, oobinline;
	bool listening; /* SO_ACCEPTCONN */
	u8 stamp;	/* SOCKET_STAMP_*: SO_TIMESTAMP and its kin */
	bool stamp_new; /* ... told with SO_TIMESTAMP*_NEW */
	bool filter_locked;
	struct socket_device_options device;
	struct socket_filter *filter; /* RCU; NULL: everything is received */
	s32 error;		      /* SO_ERROR; atomic, cleared by reading */
	/* SO_PEERCRED */
	struct pid *peer_pid;
	const struct cred *peer_cred;
};

struct socket_family {
	int family;
	/* Checks type and protocol: -ESOCKTNOSUPPORT, -EPROTONOSUPPORT. */
	int (*create)(struct socket *s, int protocol);
};
#define SOCKET_FAMILY(sym)                                           \
	static const struct socket_family *const socket_family_##sym \
		__attribute__((section(".tab.socket_family"), used)) = &sym

/* A socket with its file, not yet in a table: -EAFNOSUPPORT, -ENFILE, ... */
int socket_create(int family, int type, int protocol, u32 o_flags, struct file **out) __must_check;
/* The socket behind a file, or NULL. */
struct socket *socket_of_file(struct file *f);
/* Would a call on @s with MSG_* @flags block? */
bool socket_nonblock(const struct socket *s, u32 flags);
/* Deadline from SO_RCVTIMEO or SO_SNDTIMEO. */
u64 socket_deadline(u64 timeo_ns);
/* Error of a wait on a socket in the form that callers see: -EAGAIN past a time-out, -ERESTARTSYS
 * or -EINTR. */
int socket_wait_error(int err, u64 timeo_ns);
/* Under RCU: how many bytes of a message the filter keeps at most; 0: it is not received. */
u32 socket_filter_run(const struct socket_filter *f, const u8 *bytes, u32 len);
/* SO_TIMESTAMP*: tells when the message came, now if that is not known (0). */
void socket_put_timestamp(const struct socket *s, struct socket_msg *m, u64 real_ns);
/* Appends one control message to a receive; sets MSG_CTRUNC when there is no room.  @data NULL: it
 * is there already. */
void socket_put_cmsg(struct socket_msg *m, int level, int type, const void *data, size_t len);
