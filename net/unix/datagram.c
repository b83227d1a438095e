/* SOCK_DGRAM and SOCK_SEQPACKET: whole messages. */
#include <net/unix/unix_impl.h>

#include <kernel/poll/poll.h>
#include <kernel/rcu/rcu.h>
#include <kernel/time/time.h>

/* ---- send ---- */

/* A receiver that is not our own peer takes a few messages only, then senders wait. */
static bool receiver_full(struct unix_sock *to, const struct unix_sock *sk)
{
	return READ_ONCE(to->peer) != sk && READ_ONCE(to->queue_len) > (u32)unix_dgram_queue_max;
}

static int wait_receiver(struct socket *s, struct unix_sock *to, u32 flags)
{
	struct unix_sock *sk = s->sk;
	int err;

	if (socket_nonblock(s, flags))
		return -EAGAIN;
	err = wait_event_full(&to->peer_wait,
			      !receiver_full(to, sk) || READ_ONCE(to->dead) ||
				      (READ_ONCE(to->shutdown) & UNIX_SHUT_RD),
			      TASK_INTERRUPTIBLE, true, socket_deadline(s->sndtimeo_ns));
	return socket_wait_error(err, s->sndtimeo_ns);
}

/* The receiver's filter cuts @msg, or (false) does not want it at all. */
static bool filter_wants(struct unix_sock *to, struct unix_msg *msg)
{
	const struct socket_filter *f = NULL;
	bool wanted = true;

	rcu_read_lock();
	spin_lock(&to->lock);
	if (to->sock)
		f = rcu_dereference(to->sock->filter);
	spin_unlock(&to->lock);
	if (f) {
		u32 keep = socket_filter_run(f, msg->data, msg->len);

		wanted = keep;
		msg->len = min(msg->len, keep);
	}
	rcu_read_unlock();
	return wanted;
}

/* to->lock held. */
static void dgram_queue(struct socket *s, struct unix_sock *to, struct unix_msg *msg)
{
	unix_scm_add_identity(&msg->scm, s, to);
	if (unlikely(to->sock && READ_ONCE(to->sock->stamp)))
		msg->time_ns = time_real_ns();
	unix_queue_append(to, msg);
}

/* Queues @msg at @to: 1 when it has to wait, 2 when a filter has to see it first. */
static int dgram_deliver(struct socket *s, struct unix_sock *to, struct unix_msg *msg,
			 bool filtered)
{
	const struct unix_sock *sk = s->sk;
	int err = 0;

	spin_lock(&to->lock);
	if (to->dead)
		err = -ECONNREFUSED;
	else if (to->shutdown & UNIX_SHUT_RD)
		err = -EPIPE;
	else if (sk->type == SOCK_DGRAM && to->peer && to->peer != sk)
		err = -EPERM;
	else if (unlikely(!filtered && to->sock && READ_ONCE(to->sock->filter)))
		err = 2;
	else if (receiver_full(to, sk))
		err = 1;
	else
		dgram_queue(s, to, msg);
	spin_unlock(&to->lock);
	if (err)
		return err;
	wake_up_sync_poll(&to->wait, EPOLLIN | EPOLLRDNORM | EPOLLRDBAND);
	fasync_notify(&to->async, POLL_IN);
	return 0;
}

/* 0; 1: the filter did not want it, which the sender is not told; -errno. */
static int dgram_deliver_wait(struct socket *s, struct unix_sock *to, struct unix_msg *msg,
			      u32 flags)
{
	bool filtered = false;
	int err;

	while ((err = dgram_deliver(s, to, msg, filtered)) > 0) {
		if (err == 2) {
			filtered = true;
			if (!filter_wants(to, msg))
				return 1;
			continue;
		}
		err = wait_receiver(s, to, flags);
		if (err)
			break;
	}
	return err;
}

static ssize_t dgram_send_to(struct socket *s, struct unix_sock *to, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	size_t len = m->uio->left;
	struct unix_scm scm;
	struct unix_msg *msg;
	int err;

	if (len > s->sndbuf - 32)
		return -EMSGSIZE;
	err = unix_scm_parse(m, &scm);
	if (err)
		return err;
	err = unix_wait_wmem(s, m->flags);
	if (!err && (READ_ONCE(sk->shutdown) & UNIX_SHUT_WR))
		err = -EPIPE;
	if (!err)
		err = unix_msg_create(sk, m, len, &scm, &msg);
	if (err) {
		unix_scm_release(&scm);
		return err;
	}
	err = dgram_deliver_wait(s, to, msg, m->flags);
	if (err)
		unix_msg_free(msg);
	return err < 0 ? err : (ssize_t)len;
}

ssize_t unix_dgram_send(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk, *to = NULL;
	ssize_t n = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	n = unix_bind_sender(s);
	if (n)
		return n;
	if (m->name_len)
		n = unix_find(sk, m->name, m->name_len, &to);
	else if (!(to = unix_peer_get(sk)))
		n = -ENOTCONN;
	if (n)
		return n;
	n = dgram_send_to(s, to, m);
	if (n == -ECONNREFUSED && !m->name_len) {
		/* The default destination is gone for good. */
		spin_lock(&sk->lock);
		if (sk->peer == to) {
			sk->peer = NULL;
			spin_unlock(&sk->lock);
			unix_put(to);
		} else {
			spin_unlock(&sk->lock);
		}
	}
	unix_put(to);
	return n == -EPIPE ? unix_broken(m->flags) : n;
}

ssize_t unix_seqpacket_send(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk, *peer;
	ssize_t n;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (READ_ONCE(sk->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	peer = unix_peer_get(sk);
	if (!peer)
		return -ENOTCONN;
	n = dgram_send_to(s, peer, m);
	unix_put(peer);
	if (n == -ECONNREFUSED)
		n = -EPIPE;
	return n == -EPIPE ? unix_broken(m->flags) : n;
}

/* ---- receive ---- */

/* The oldest message that reaches behind *@skip bytes, off the queue unless it is only looked at;
 * *@skip becomes the offset in it. */
static struct unix_msg *dgram_take(struct unix_sock *sk, bool peek, size_t *skip)
{
	struct unix_msg *msg;

	guard(spin)(&sk->lock);
	list_for_each_entry (msg, &sk->queue, link) {
		if (*skip && *skip >= msg->len) {
			*skip -= msg->len;
			continue;
		}
		if (!peek)
			unix_queue_remove(sk, msg);
		return msg;
	}
	return NULL;
}

/* NULL at the end. */
static int dgram_next(struct socket *s, struct unix_sock *sk, u32 flags, size_t *skip,
		      struct unix_msg **out)
{
	size_t from = (flags & MSG_PEEK) && READ_ONCE(s->peek_off) > 0 ? (size_t)s->peek_off : 0;
	u64 deadline = socket_deadline(s->rcvtimeo_ns);

	for (;;) {
		int err;

		*skip = from;
		*out = dgram_take(sk, flags & MSG_PEEK, skip);
		if (*out)
			return 0;
		err = unix_take_error(sk, s);
		if (err)
			return err;
		if (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD)
			return 0;
		if (socket_nonblock(s, flags))
			return -EAGAIN;
		mutex_unlock(&sk->read_lock);
		err = wait_event_full(
			&sk->wait,
			(!from && !list_empty(&sk->queue)) || READ_ONCE(sk->queue_bytes) > from ||
				READ_ONCE(s->error) || (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD),
			TASK_INTERRUPTIBLE, false, deadline);
		mutex_lock(&sk->read_lock);
		if (err)
			return socket_wait_error(err, s->rcvtimeo_ns);
	}
}

static ssize_t dgram_copy(struct socket *s, struct socket_msg *m, struct unix_msg *msg, size_t skip,
			  u32 flags)
{
	size_t len = msg->len - skip, want = min_t(size_t, len, m->uio->left);

	m->name_len = unix_msg_name(msg, m->name);
	if (uio_copy_to(m->uio, msg->data + skip, want) < want)
		return -EFAULT;
	if (want < len)
		m->flags |= MSG_TRUNC;
	socket_put_timestamp(s, m, msg->time_ns);
	unix_scm_deliver_identity(s, m, &msg->scm);
	unix_scm_deliver_files(m, &msg->scm, flags & MSG_PEEK);
	unix_move_peek(s, (ssize_t)(flags & MSG_PEEK ? want : msg->len), flags & MSG_PEEK);
	return (ssize_t)(flags & MSG_TRUNC ? len : want);
}

ssize_t unix_dgram_recv(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	u32 flags = m->flags;
	struct unix_msg *msg;
	size_t skip;
	ssize_t n;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->type == SOCK_SEQPACKET && READ_ONCE(sk->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	m->flags &= MSG_PEEK | MSG_CMSG_CLOEXEC;
	mutex_lock(&sk->read_lock);
	n = dgram_next(s, sk, flags, &skip, &msg);
	if (!n && msg)
		n = dgram_copy(s, m, msg, skip, flags);
	mutex_unlock(&sk->read_lock);
	if (msg && !(flags & MSG_PEEK)) { /* as Linux: one that could not be stored is lost */
		wake_up(&sk->peer_wait);
		if (unlikely(!list_empty(&sk->watchers)))
			unix_tell_watchers(sk);
		unix_msg_free(msg);
	}
	return n;
}
