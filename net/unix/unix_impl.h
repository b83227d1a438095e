/*
 * AF_UNIX sockets: unix(7).  Private to net/unix.
 *
 * Ownership: a struct socket holds one reference on its unix_sock; so do a peer, each message that
 * it sent and that is not yet read, and a place in a listener's queue.  A name is shared by the
 * sockets accepted under it. Locks: sk->lock (LK_SOCK_STATE) guards everything of one socket; two
 * are taken in the order of their addresses.
 */
#pragma once

#include <kern/errno.h>
#include <kern/list.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/signal/signal.h>
#include <kernel/ns/ns.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/wait/wait.h>
#include <net/core/socket.h>
#include <linux/un.h>

#define UNIX_SHUT_RD 1u
#define UNIX_SHUT_WR 2u
extern int unix_dgram_queue_max; /* net.unix.max_dgram_qlen */

struct unix_name {
	u32 refs;		 /* atomic */
	u32 len;		 /* of the address as given: family included */
	struct hlist_node hash;	 /* abstract names: unix_names_lock */
	struct unix_sock *owner; /* +0: abstract names: unix_names_lock */
	struct sockaddr_un addr;
};

enum unix_state { UNIX_FREE, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_sock {
	u32 refs;		/* atomic */
	int type;		/* [I] */
	struct spinlock lock;	/* LK_SOCK_STATE */
	enum unix_state state;	/* lock */
	bool dead;		/* lock: its socket is closed */
	u32 shutdown;		/* lock */
	struct socket *sock;	/* lock; NULL before accept and after close */
	struct unix_sock *peer; /* +1; lock */
	struct unix_name *name; /* +1; lock */
	struct path path;	/* of a bound name in the file system; +1 each */
	struct list_head queue; /* messages; lock */
	u32 queue_len;		/* messages, or connections of a listener; lock */
	u64 queue_bytes;	/* lock */
	struct unix_msg *oob;	/* +0: the unread urgent byte in queue; lock, read_lock to clear */
	struct list_head pending; /* listener: connections not accepted; lock */
	struct list_head pending_link;
	u32 backlog;
	u32 wmem;		      /* atomic: sent and not yet read */
	s32 error;		      /* before there is a socket; lock */
	struct mutex read_lock;	      /* LK_SOCK: one reader of a stream at a time */
	struct wait_queue wait;	      /* readers, and writers waiting for wmem */
	struct wait_queue peer_wait;  /* senders and connectors that wait for room in our queue */
	struct pid *peer_pid;	      /* +1: SO_PEERCRED; a listener's own */
	const struct cred *peer_cred; /* +1 */
	struct list_head watchers;    /* senders whose pollers wait for room in our queue; lock */
	const struct unix_sock *watching; /* atomic: on whose list we are; only compared */
	struct ns_common *net;		  /* [I] +1: where abstract names live */
	struct list_head all_link;	  /* unix_all_lock */
	struct fasync_list async;	  /* O_ASYNC */
	bool async_no_space; /* a poll found no room: POLL_OUT is due; one word, without lock */
	/* flight.c: its lock */
	u32 flights; /* references to our file in messages */
	s32 outside; /* of these, not in queues of suspects */
	bool suspect;
	struct list_head flight_link;
};

/* What travels beside the bytes. */
struct unix_scm {
	struct pid *pid; /* +1; NULL: nobody's, ids are ID_NONE */
	u32 uid, gid;
	struct file **files; /* +1 each */
	u32 file_count;
	struct cred_user *user; /* +1: who pays for the files in flight; NULL: they are not */
};

/* Who wants to hear about room; freed by the receiver. */
struct unix_watch {
	struct list_head link;
	struct unix_sock *sender; /* +1 */
};

struct unix_msg {
	struct list_head link;
	struct unix_sock *sender; /* +1; its name is looked up when the message is read */
	struct unix_scm scm;
	u64 time_ns;	 /* real, when it was queued; 0: nobody wanted to know */
	u32 charge;	 /* of sender->wmem */
	u32 offset, len; /* unread bytes are [offset, len) */
	u8 data[];
};

extern struct spinlock unix_all_lock; /* LK_SPIN_LEAF: unix_all */
extern struct list_head unix_all;     /* all sockets, for /proc/net/unix */

extern u32 unix_count; /* unix_all_lock */
extern const struct socket_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;

/* unix.c */
int unix_sock_new(int type, struct ns_common *net, struct unix_sock **out) __must_check;
struct unix_sock *unix_get(struct unix_sock *sk);
bool unix_tryget(struct unix_sock *sk) __must_check;
void unix_put(struct unix_sock *sk);
struct unix_sock *unix_peer_get(struct unix_sock *sk); /* +1 or NULL */
int unix_take_error(struct unix_sock *sk, struct socket *s);
void unix_set_peer_ids(struct unix_sock *sk, struct pid *pid, const struct cred *cred);
u32 unix_poll(struct socket *s, struct file *f, struct poll_table *pt);
long unix_ioctl(struct socket *s, unsigned int cmd, unsigned long arg);
struct fasync_list *unix_async(struct socket *s);
int unix_shutdown(struct socket *s, int how);
void unix_release(struct socket *s);
bool unix_writable(const struct unix_sock *sk, u32 sndbuf);

/* name.c */
int unix_bind(struct socket *s, const void *name, u32 len);
/* Who passes its identity has a name to be answered at. */
int unix_bind_sender(struct socket *s) __must_check;
int unix_getname(struct socket *s, void *name, bool peer);
struct unix_name *unix_name_get(struct unix_name *n);
void unix_name_put(struct unix_name *n);
void unix_unbind(struct unix_sock *sk);
/* The socket bound to an address, of the type of @from; +1. -ECONNREFUSED, -EPROTOTYPE, -EACCES,
 * ...
 */
int unix_find(const struct unix_sock *from, const void *name, u32 len, struct unix_sock **out)
	__must_check;
u32 unix_name_copy(const struct unix_name *n, void *out);

/* connect.c */
int unix_socketpair(struct socket *a, struct socket *b);
int unix_listen(struct socket *s, int backlog);
int unix_stream_connect(struct socket *s, const void *name, u32 len, bool nonblock);
int unix_dgram_connect(struct socket *s, const void *name, u32 len, bool nonblock);
int unix_accept(struct socket *s, struct socket *fresh, bool nonblock);

/* message.c */
/* A message of @len bytes from @m's uio with @scm (consumed on success). -ENOMEM, -EFAULT. */
int unix_msg_create(struct unix_sock *sk, struct socket_msg *m, size_t len, struct unix_scm *scm,
		    struct unix_msg **out) __must_check;
/* Name of the sender, which may have got one since; 0: it has none. */
u32 unix_msg_name(const struct unix_msg *msg, void *out);
void unix_msg_free(struct unix_msg *msg); /* gives the charge back, wakes the sender */
void unix_queue_append(struct unix_sock *to, struct unix_msg *msg);   /* lock held */
static inline struct unix_msg *unix_queue_first(struct unix_sock *sk) /* lock held */
{
	return list_first_entry_or_null(&sk->queue, struct unix_msg, link);
}
void unix_queue_remove(struct unix_sock *sk, struct unix_msg *msg); /* lock held */
/* Waits until the sender may have more in flight. -EAGAIN, -EPIPE, -ERESTARTSYS. */
int unix_wait_wmem(struct socket *s, u32 flags) __must_check;
void unix_tell_watchers(struct unix_sock *sk); /* our queue got room, or will have none */
/* SO_PEEK_OFF: @n bytes were looked at, or taken. */
void unix_move_peek(struct socket *s, ssize_t n, bool peeked);
int unix_broken(u32 flags); /* SIGPIPE unless MSG_NOSIGNAL; -EPIPE */

/* oob.c */
/* Sends the byte at m's uio as urgent. */
int unix_oob_send(struct socket *s, struct unix_sock *peer, struct socket_msg *m) __must_check;
ssize_t unix_oob_recv(struct socket *s, struct socket_msg *m);
int unix_oob_mark(struct unix_sock *sk); /* SIOCATMARK */
/* Are there bytes to read behind the first @skip? */
static inline bool unix_stream_readable(const struct socket *s, const struct unix_sock *sk,
					size_t skip)
{
	bool apart = READ_ONCE(sk->oob) && !s->oobinline;

	return READ_ONCE(sk->queue_bytes) > skip + (apart ? 1 : 0);
}

/* stream.c, datagram.c */
ssize_t unix_stream_send(struct socket *s, struct socket_msg *m);
ssize_t unix_stream_recv(struct socket *s, struct socket_msg *m);
ssize_t unix_dgram_send(struct socket *s, struct socket_msg *m);
ssize_t unix_seqpacket_send(struct socket *s, struct socket_msg *m);
ssize_t unix_dgram_recv(struct socket *s, struct socket_msg *m);

/* flight.c */
/* The files of a message are in flight from now on. -ETOOMANYREFS. */
int unix_flight_begin(struct unix_scm *scm) __must_check;
void unix_flight_end(struct unix_scm *scm);	   /* they are the caller's alone again */
void unix_flight_peek(const struct unix_scm *scm); /* one reference more on each */
void unix_flight_closed(void); /* a socket closed: what can be reached may have changed */

/* control.c */
int unix_scm_parse(const struct socket_msg *m, struct unix_scm *out) __must_check;
void unix_scm_release(struct unix_scm *scm);
/* Current's identity for a message to @to (lock held), if it has none and somebody asks. */
void unix_scm_add_identity(struct unix_scm *scm, const struct socket *from,
			   const struct unix_sock *to);
/* Control messages for a receiver; @peek: the files stay in the message as well. */
void unix_scm_deliver_files(struct socket_msg *m, struct unix_scm *scm, bool peek);
void unix_scm_deliver_identity(struct socket *s, struct socket_msg *m, const struct unix_scm *scm);
