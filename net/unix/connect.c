/* Connections: socketpair, listen, connect, accept. */
#include <net/unix/unix_impl.h>

#include <kernel/poll/poll.h>

/* SO_PEERCRED of @s: what @sk remembers. */
static void publish_peer_ids(struct socket *s, const struct unix_sock *sk)
{
	struct pid *old_pid = s->peer_pid;
	const struct cred *old_cred = s->peer_cred;

	s->peer_pid = sk->peer_pid ? pid_get(sk->peer_pid) : NULL;
	s->peer_cred = sk->peer_cred ? cred_get(sk->peer_cred) : NULL;
	pid_put(old_pid);
	if (old_cred)
		cred_put(old_cred);
}

int unix_socketpair(struct socket *a, struct socket *b)
{
	struct unix_sock *x = a->sk, *y = b->sk;

	x->peer = unix_get(y);
	y->peer = unix_get(x);
	x->state = y->state = UNIX_CONNECTED;
	unix_set_peer_ids(x, current->process->pid, current_cred());
	unix_set_peer_ids(y, current->process->pid, current_cred());
	publish_peer_ids(a, x);
	publish_peer_ids(b, y);
	return 0;
}

int unix_listen(struct socket *s, int backlog)
{
	struct unix_sock *sk = s->sk;
	int err = 0;

	spin_lock(&sk->lock);
	if (!sk->name || sk->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		sk->backlog = (u32)backlog;
		unix_set_peer_ids(sk, current->process->pid, current_cred());
		WRITE_ONCE(sk->state, UNIX_LISTENING);
		s->listening = true;
	}
	spin_unlock(&sk->lock);
	if (err)
		return err;
	wake_up_all(&sk->peer_wait);
	return 0;
}

/* ---- connect ---- */

static bool backlog_full(const struct unix_sock *l)
{
	return READ_ONCE(l->queue_len) > READ_ONCE(l->backlog);
}

/* Waits for room in a listener's queue. */
static int wait_backlog(struct socket *s, struct unix_sock *l, bool nonblock)
{
	int err;

	if (nonblock || !s->sndtimeo_ns)
		return -EAGAIN;
	err = wait_event_full(&l->peer_wait,
			      !backlog_full(l) || READ_ONCE(l->state) != UNIX_LISTENING ||
				      READ_ONCE(l->dead),
			      TASK_INTERRUPTIBLE, true, socket_deadline(s->sndtimeo_ns));
	return socket_wait_error(err, s->sndtimeo_ns);
}

/* By address: two listeners may try to connect to each other at the same time. */
static void lock_two(struct unix_sock *a, struct unix_sock *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	spin_lock_nested(a < b ? &b->lock : &a->lock, 1);
}

/* Joins @sk and @fresh and queues @fresh; 1: the queue is full. Both socks' locks are taken here.
 */
static int join(struct socket *s, struct unix_sock *sk, struct unix_sock *l,
		struct unix_sock *fresh)
{
	int err = 0;

	lock_two(l, sk);
	if (sk->state == UNIX_CONNECTED) {
		err = -EISCONN;
	} else if (sk->state == UNIX_LISTENING) {
		err = -EINVAL;
	} else if (l->dead || l->state != UNIX_LISTENING || (l->shutdown & UNIX_SHUT_RD)) {
		err = -ECONNREFUSED;
	} else if (backlog_full(l)) {
		err = 1;
	} else {
		fresh->name = unix_name_get(l->name);
		fresh->peer = unix_get(sk);
		fresh->state = UNIX_CONNECTED;
		unix_set_peer_ids(fresh, current->process->pid, current_cred());
		unix_set_peer_ids(sk, l->peer_pid, l->peer_cred);
		publish_peer_ids(s, sk);
		sk->peer = unix_get(fresh);
		WRITE_ONCE(sk->state, UNIX_CONNECTED);
		list_add_tail(&fresh->pending_link, &l->pending);
		l->queue_len++;
	}
	spin_unlock(&sk->lock);
	spin_unlock(&l->lock);
	return err;
}

int unix_stream_connect(struct socket *s, const void *name, u32 len, bool nonblock)
{
	struct unix_sock *sk = s->sk, *l, *fresh;
	int err = unix_bind_sender(s);

	if (!err)
		err = unix_sock_new(sk->type, sk->net, &fresh);
	if (err)
		return err;
	do {
		err = unix_find(sk, name, len, &l);
		if (err)
			break;
		err = l == sk ? -EINVAL : join(s, sk, l, fresh);
		if (!err) {
			wake_up_poll(&l->wait, EPOLLIN | EPOLLRDNORM);
			fasync_notify(&l->async, POLL_IN);
		}
		if (err == 1) {
			int wait_err = wait_backlog(s, l, nonblock);

			err = wait_err ? wait_err : 1;
		}
		unix_put(l);
	} while (err == 1);
	if (err)
		unix_put(fresh);
	return err;
}

/* A datagram socket's connect only sets the default destination; AF_UNSPEC takes it away. */
int unix_dgram_connect(struct socket *s, const void *name, u32 len, bool nonblock)
{
	struct unix_sock *sk = s->sk, *to = NULL, *old;
	u16 family = 0;
	int err = 0;

	(void)nonblock;
	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, name, sizeof(family));
	if (family != AF_UNSPEC)
		err = unix_bind_sender(s);
	if (!err && family != AF_UNSPEC)
		err = unix_find(sk, name, len, &to);
	if (err)
		return err;
	if (to && READ_ONCE(to->peer) && READ_ONCE(to->peer) != sk) {
		unix_put(to);
		return -EPERM;
	}
	spin_lock(&sk->lock);
	old = sk->peer;
	sk->peer = to;
	sk->state = to ? UNIX_CONNECTED : UNIX_FREE;
	spin_unlock(&sk->lock);
	unix_put(old);
	return 0;
}

/* ---- accept ---- */

static struct unix_sock *take_pending(struct unix_sock *l)
{
	struct unix_sock *p;

	spin_lock(&l->lock);
	p = list_first_entry_or_null(&l->pending, struct unix_sock, pending_link);
	if (p) {
		list_del_init(&p->pending_link);
		l->queue_len--;
	}
	spin_unlock(&l->lock);
	if (p)
		wake_up(&l->peer_wait);
	return p;
}

static int wait_pending(struct socket *s, struct unix_sock *l, bool nonblock,
			struct unix_sock **out)
{
	u64 deadline = socket_deadline(s->rcvtimeo_ns);

	for (;;) {
		int err;

		*out = take_pending(l);
		if (*out)
			return 0;
		if (READ_ONCE(l->shutdown) & UNIX_SHUT_RD)
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_full(&l->wait,
				      !list_empty(&l->pending) ||
					      (READ_ONCE(l->shutdown) & UNIX_SHUT_RD),
				      TASK_INTERRUPTIBLE, true, deadline);
		if (err)
			return socket_wait_error(err, s->rcvtimeo_ns);
	}
}

int unix_accept(struct socket *s, struct socket *fresh, bool nonblock)
{
	struct unix_sock *l = s->sk, *unused = fresh->sk, *got;
	int err;

	if (READ_ONCE(l->state) != UNIX_LISTENING)
		return -EINVAL;
	err = wait_pending(s, l, nonblock, &got);
	if (err)
		return err;
	fresh->passcred = s->passcred;
	fresh->passsec = s->passsec;
	spin_lock(&got->lock);
	got->sock = fresh;
	spin_unlock(&got->lock);
	fresh->sk = got;
	publish_peer_ids(fresh, got);
	unix_put(unused);
	return 0;
}
