/* AF_UNIX: the socket object, its life, readiness and shutdown. */
#include <net/unix/unix_impl.h>

#include <kernel/poll/poll.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

struct spinlock unix_all_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
LIST_HEAD(unix_all);
u32 unix_count;

int unix_sock_new(int type, struct ns_common *net, struct unix_sock **out)
{
	struct unix_sock *sk = kzalloc(sizeof(*sk));

	if (!sk)
		return -ENOMEM;
	sk->refs = 1;
	sk->type = type;
	sk->net = ns_get(net);
	list_init(&sk->watchers);
	list_init(&sk->flight_link);
	spin_init(&sk->lock, LK_SOCK_STATE);
	mutex_init(&sk->read_lock, LK_SOCK);
	list_init(&sk->queue);
	list_init(&sk->pending);
	list_init(&sk->pending_link);
	wait_queue_init(&sk->wait);
	wait_queue_init(&sk->peer_wait);
	spin_lock(&unix_all_lock);
	list_add_tail(&sk->all_link, &unix_all);
	unix_count++;
	spin_unlock(&unix_all_lock);
	*out = sk;
	return 0;
}

struct unix_sock *unix_get(struct unix_sock *sk)
{
	__atomic_fetch_add(&sk->refs, 1, __ATOMIC_RELAXED);
	return sk;
}

bool unix_tryget(struct unix_sock *sk)
{
	return ref_tryget(&sk->refs);
}

void unix_put(struct unix_sock *sk)
{
	if (!sk || __atomic_sub_fetch(&sk->refs, 1, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&unix_all_lock);
	list_del(&sk->all_link);
	unix_count--;
	spin_unlock(&unix_all_lock);
	unix_name_put(sk->name);
	pid_put(sk->peer_pid);
	if (sk->peer_cred)
		cred_put(sk->peer_cred);
	ns_put(sk->net);
	kfree(sk);
}

struct unix_sock *unix_peer_get(struct unix_sock *sk)
{
	struct unix_sock *peer;

	spin_lock(&sk->lock);
	peer = sk->peer;
	if (peer)
		unix_get(peer);
	spin_unlock(&sk->lock);
	return peer;
}

int unix_take_error(struct unix_sock *sk, struct socket *s)
{
	int err = __atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL);

	(void)sk;
	return err;
}

/* Takes its own references. */
void unix_set_peer_ids(struct unix_sock *sk, struct pid *pid, const struct cred *cred)
{
	struct pid *old_pid = sk->peer_pid;
	const struct cred *old_cred = sk->peer_cred;

	sk->peer_pid = pid ? pid_get(pid) : NULL;
	sk->peer_cred = cred ? cred_get(cred) : NULL;
	pid_put(old_pid);
	if (old_cred)
		cred_put(old_cred);
}

static const struct socket_ops *ops_of_type(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return &unix_stream_ops;
	case SOCK_DGRAM:
		return &unix_dgram_ops;
	case SOCK_SEQPACKET:
		return &unix_seqpacket_ops;
	default:
		return NULL;
	}
}

static int unix_create(struct socket *s, int protocol)
{
	struct unix_sock *sk;
	int err;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (s->type == SOCK_RAW) /* as Linux: BSD programs ask for it */
		s->type = SOCK_DGRAM;
	s->ops = ops_of_type(s->type);
	if (!s->ops)
		return -ESOCKTNOSUPPORT;
	err = unix_sock_new(s->type, current_ns(NS_NET), &sk);
	if (err)
		return err;
	sk->sock = s;
	s->sk = sk;
	return 0;
}

static const struct socket_family unix_family = {AF_UNIX, unix_create};
SOCKET_FAMILY(unix_family);

/* ---- readiness ---- */

/* A quarter of the buffer in flight still counts as writable: as Linux. */
bool unix_writable(const struct unix_sock *sk, u32 sndbuf)
{
	return (u64)READ_ONCE(sk->wmem) * 4 <= sndbuf;
}

static bool queue_full(const struct unix_sock *peer, const struct unix_sock *sk)
{
	return READ_ONCE(peer->peer) != sk &&
	       READ_ONCE(peer->queue_len) > (u32)unix_dgram_queue_max;
}

/* Puts us on the list of who is told when the queue of @peer has room. */
static void watch_peer(struct unix_sock *sk, struct unix_sock *peer)
{
	struct unix_watch *w;

	if (READ_ONCE(sk->watching) == peer)
		return;
	w = kmalloc(sizeof(*w));
	if (!w)
		return;
	spin_lock(&peer->lock);
	if (sk->watching != peer && !peer->dead) {
		w->sender = unix_get(sk);
		WRITE_ONCE(sk->watching, peer);
		list_add_tail(&w->link, &peer->watchers);
		w = NULL;
	}
	spin_unlock(&peer->lock);
	kfree(w);
}

/* A datagram socket whose receiver has no room is not writable; a poller hears when it has. */
static bool dgram_peer_full(struct unix_sock *sk, const struct poll_table *pt)
{
	struct unix_sock *peer = unix_peer_get(sk);
	bool full;

	if (!peer)
		return false;
	full = queue_full(peer, sk);
	if (full && pt && pt->queue) {
		watch_peer(sk, peer);
		full = queue_full(peer, sk);
	}
	unix_put(peer);
	return full;
}

u32 unix_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct unix_sock *sk = s->sk;
	u32 mask = 0, shut;
	bool connection = sk->type != SOCK_DGRAM;

	poll_wait(pt, f, &sk->wait);
	smp_rmb();
	shut = READ_ONCE(sk->shutdown);
	if (READ_ONCE(s->error))
		mask |= EPOLLERR | (s->device.flags & SOCKET_SELECT_ERR_QUEUE ? EPOLLPRI : 0);
	if (shut == (UNIX_SHUT_RD | UNIX_SHUT_WR))
		mask |= EPOLLHUP;
	if (shut & UNIX_SHUT_RD)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (!list_empty(&sk->queue) || !list_empty(&sk->pending))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(sk->oob))
		mask |= EPOLLPRI;
	if (connection && READ_ONCE(sk->state) == UNIX_FREE)
		mask |= EPOLLHUP;
	if (READ_ONCE(sk->state) != UNIX_LISTENING && unix_writable(sk, s->sndbuf) &&
	    (connection || !dgram_peer_full(sk, pt)))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	else if (unlikely(READ_ONCE(sk->async.first)))
		WRITE_ONCE(sk->async_no_space, true);
	return mask;
}

/* SIOCUNIXFILE: an O_PATH descriptor of the name in the file system. */
static long open_name(struct unix_sock *sk)
{
	struct path p = {NULL, NULL};

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	spin_lock(&sk->lock);
	if (sk->path.dentry)
		p = path_get(&sk->path);
	spin_unlock(&sk->lock);
	if (!p.dentry)
		return -ENOENT;
	int fd = vfs_open_path_fd(&p, O_PATH | O_CLOEXEC);

	path_put(&p);
	return fd;
}

long unix_ioctl(struct socket *s, unsigned int cmd, unsigned long arg)
{
	struct unix_sock *sk = s->sk;
	struct unix_msg *first;
	u64 n;

	switch (cmd) {
	case SIOCUNIXFILE:
		return open_name(sk);
	case SIOCATMARK:
		if (sk->type != SOCK_STREAM)
			return -EOPNOTSUPP;
		return put_user(unix_oob_mark(sk), (int __user *)arg);
	case SIOCOUTQ:
		return put_user((int)READ_ONCE(sk->wmem), (int __user *)arg);
	case SIOCINQ:
		spin_lock(&sk->lock);
		first = unix_queue_first(sk);
		n = sk->type != SOCK_DGRAM ? sk->queue_bytes : first ? first->len : 0;
		spin_unlock(&sk->lock);
		if (READ_ONCE(sk->state) == UNIX_LISTENING)
			return -EINVAL;
		return put_user((int)n, (int __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static u32 unix_unread(struct socket *s)
{
	return READ_ONCE(((struct unix_sock *)s->sk)->wmem);
}

struct fasync_list *unix_async(struct socket *s)
{
	return &((struct unix_sock *)s->sk)->async;
}

/* ---- shutdown and close ---- */

static void unix_mark_shutdown(struct unix_sock *sk, u32 how, int error)
{
	spin_lock(&sk->lock);
	WRITE_ONCE(sk->shutdown, sk->shutdown | how);
	if (error && sk->sock)
		__atomic_store_n(&sk->sock->error, error, __ATOMIC_RELEASE);
	spin_unlock(&sk->lock);
	wake_up_all(&sk->wait);
	wake_up_all(&sk->peer_wait);
}

/* A peer is told what the other side closed. */
static void unix_shut_peer(struct unix_sock *peer, u32 how, int error)
{
	unix_mark_shutdown(peer, how, error);
	if (how == (UNIX_SHUT_RD | UNIX_SHUT_WR))
		fasync_notify(&peer->async, POLL_HUP);
	else if (how & UNIX_SHUT_RD)
		fasync_notify(&peer->async, POLL_IN);
}

int unix_shutdown(struct socket *s, int how)
{
	struct unix_sock *sk = s->sk, *peer;
	u32 mask = (u32)how + 1; /* RD 1, WR 2, RDWR 3 */

	if (sk->type != SOCK_DGRAM && READ_ONCE(sk->state) == UNIX_FREE)
		return -ENOTCONN;
	unix_mark_shutdown(sk, mask, 0);
	peer = unix_peer_get(sk);
	if (peer && sk->type != SOCK_DGRAM)
		unix_shut_peer(peer,
			       (mask & UNIX_SHUT_RD ? UNIX_SHUT_WR : 0) |
				       (mask & UNIX_SHUT_WR ? UNIX_SHUT_RD : 0),
			       0);
	unix_put(peer);
	return 0;
}

/* Drops a socket that nobody can reach any more: unread messages, its connection, connections to be
 * accepted. */
static void unix_close(struct unix_sock *sk)
{
	LIST_HEAD(messages);
	LIST_HEAD(pending);
	struct unix_sock *peer;
	struct unix_msg *m, *next;
	bool unread;

	unix_unbind(sk);
	spin_lock(&sk->lock);
	sk->dead = true;
	sk->sock = NULL;
	WRITE_ONCE(sk->shutdown, UNIX_SHUT_RD | UNIX_SHUT_WR);
	peer = sk->peer;
	sk->peer = NULL;
	unread = !list_empty(&sk->queue);
	WRITE_ONCE(sk->oob, NULL);
	list_splice_init(&sk->queue, &messages);
	list_splice_init(&sk->pending, &pending);
	sk->queue_len = 0;
	sk->queue_bytes = 0;
	spin_unlock(&sk->lock);
	if (peer && sk->type != SOCK_DGRAM)
		unix_shut_peer(peer, UNIX_SHUT_RD | UNIX_SHUT_WR, unread ? -ECONNRESET : 0);
	unix_put(peer);
	wake_up_all(&sk->wait);
	wake_up_all(&sk->peer_wait);
	unix_tell_watchers(sk);
	list_for_each_entry_safe (m, next, &messages, link)
		unix_msg_free(m);
	while (!list_empty(&pending)) {
		struct unix_sock *p = list_first_entry(&pending, struct unix_sock, pending_link);

		list_del_init(&p->pending_link);
		/* Never accepted: its client sees a reset. */
		peer = unix_peer_get(p);
		if (peer)
			unix_shut_peer(peer, 0, -ECONNRESET);
		unix_put(peer);
		unix_close(p);
		unix_put(p);
	}
}

void unix_release(struct socket *s)
{
	struct unix_sock *sk = s->sk;

	s->sk = NULL;
	unix_close(sk);
	unix_put(sk);
	unix_flight_closed();
}

const struct socket_ops unix_stream_ops = {
	.peeks_at = true,
	.bind = unix_bind,
	.connect = unix_stream_connect,
	.socketpair = unix_socketpair,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.sendmsg = unix_stream_send,
	.recvmsg = unix_stream_recv,
	.shutdown = unix_shutdown,
	.async = unix_async,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.unread = unix_unread,
	.release = unix_release,
};

const struct socket_ops unix_seqpacket_ops = {
	.peeks_at = true,
	.bind = unix_bind,
	.connect = unix_stream_connect,
	.socketpair = unix_socketpair,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.sendmsg = unix_seqpacket_send,
	.recvmsg = unix_dgram_recv,
	.shutdown = unix_shutdown,
	.async = unix_async,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.unread = unix_unread,
	.release = unix_release,
};

const struct socket_ops unix_dgram_ops = {
	.peeks_at = true,
	.bind = unix_bind,
	.connect = unix_dgram_connect,
	.socketpair = unix_socketpair,
	.getname = unix_getname,
	.sendmsg = unix_dgram_send,
	.recvmsg = unix_dgram_recv,
	.shutdown = unix_shutdown,
	.async = unix_async,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.unread = unix_unread,
	.release = unix_release,
};
