/*
 * SOCK_STREAM: bytes in order.
 *
 * A send makes messages of at most UNIX_CHUNK bytes; a receive eats them up.  Passed descriptors
 * and credentials are barriers: one receive ends with the bytes that came with descriptors, and
 * never mixes senders (unix(7)).
 */
#include <net/unix/unix_impl.h>

#include <kernel/poll/poll.h>

#define UNIX_CHUNK (32768u - (u32)sizeof(struct unix_msg))
#define UNIX_RECV_FLAGS                                                                        \
	(MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_CMSG_CLOEXEC | MSG_TRUNC | MSG_NOSIGNAL | \
	 MSG_WAITFORONE | MSG_ERRQUEUE | MSG_OOB)

/* ---- send ---- */

/* Hands one message to the peer. -EPIPE when it cannot read any more. */
static int stream_deliver(struct unix_sock *peer, struct unix_msg *msg)
{
	int err = 0;

	spin_lock(&peer->lock);
	if (peer->dead || (peer->shutdown & UNIX_SHUT_RD))
		err = -EPIPE;
	else
		unix_queue_append(peer, msg);
	spin_unlock(&peer->lock);
	if (!err)
		wake_up_sync_poll(&peer->wait, EPOLLIN | EPOLLRDNORM | EPOLLRDBAND);
	return err;
}

static int stream_send_chunk(struct socket *s, struct unix_sock *peer, struct socket_msg *m,
			     struct unix_scm *scm)
{
	struct unix_sock *sk = s->sk;
	size_t len =
		min_t(size_t, min_t(size_t, m->uio->left, UNIX_CHUNK), max(s->sndbuf / 2, 1024u));
	struct unix_scm extra = {0};
	struct unix_msg *msg;
	int err = unix_wait_wmem(s, m->flags);

	if (err)
		return err;
	if (READ_ONCE(sk->shutdown) & UNIX_SHUT_WR)
		return -EPIPE;
	if (!scm->pid) { /* later chunks carry the sender's identity, not its files */
		err = unix_scm_parse(&(struct socket_msg){.uio = m->uio}, &extra);
		if (err)
			return err;
		scm = &extra;
	}
	err = unix_msg_create(sk, m, len, scm, &msg);
	if (err) {
		unix_scm_release(&extra);
		return err;
	}
	err = stream_deliver(peer, msg);
	if (err)
		unix_msg_free(msg);
	return err ? err : (int)len;
}

ssize_t unix_stream_send(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk, *peer;
	struct unix_scm scm;
	ssize_t done = 0;
	int n = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->name_len)
		return READ_ONCE(sk->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	peer = unix_peer_get(sk);
	if (!peer)
		return -ENOTCONN;
	n = unix_scm_parse(m, &scm);
	if (n) {
		unix_put(peer);
		return n;
	}
	while (m->uio->left) {
		n = stream_send_chunk(s, peer, m, &scm);
		if (n < 0)
			break;
		done += n;
	}
	unix_scm_release(&scm);
	unix_put(peer);
	if (done)
		return done;
	return n == -EPIPE ? unix_broken(m->flags) : n;
}

/* ---- receive ---- */

/* Waits for bytes behind the first @skip with read_lock held (dropped meanwhile). 1: there are
 * some, 0: end, -errno. */
static int stream_wait(struct socket *s, struct unix_sock *sk, u32 flags, size_t skip, u64 deadline)
{
	while (READ_ONCE(sk->queue_bytes) <= skip) {
		int err = unix_take_error(sk, s);

		if (err)
			return err;
		if (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD)
			return READ_ONCE(sk->queue_bytes) > skip;
		if (socket_nonblock(s, flags))
			return -EAGAIN;
		mutex_unlock(&sk->read_lock);
		err = wait_event_full(&sk->wait,
				      READ_ONCE(sk->queue_bytes) > skip || READ_ONCE(s->error) ||
					      (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD),
				      TASK_INTERRUPTIBLE, false, deadline);
		mutex_lock(&sk->read_lock);
		if (err)
			return socket_wait_error(err, s->rcvtimeo_ns);
	}
	return 1;
}

static bool same_sender(const struct unix_scm *a, const struct unix_scm *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* Takes the emptied message off; only the holder of read_lock removes. */
static void stream_consume(struct unix_sock *sk, struct unix_msg *msg, u32 n)
{
	bool empty;

	spin_lock(&sk->lock);
	msg->offset += n;
	sk->queue_bytes -= n;
	empty = msg->offset == msg->len;
	if (empty)
		unix_queue_remove(sk, msg);
	spin_unlock(&sk->lock);
	if (empty)
		unix_msg_free(msg);
}

struct stream_reader {
	struct unix_scm first; /* of the first message: identity only, +1 on the pid */
	bool have_first;
	size_t peeked; /* bytes of the queue looked at by MSG_PEEK */
};

static void stream_begin(struct stream_reader *r, struct socket *s, struct socket_msg *m,
			 struct unix_msg *msg)
{
	m->name_len = msg->name ? unix_name_copy(msg->name, m->name) : 0;
	r->first = msg->scm;
	r->first.files = NULL;
	r->first.file_count = 0;
	r->first.pid = msg->scm.pid ? pid_get(msg->scm.pid) : NULL;
	r->have_first = true;
	unix_scm_deliver_identity(s, m, &msg->scm);
}

/* The message that holds byte @skip of the queue (PEEK), and the offset in it. */
static struct unix_msg *stream_at(struct unix_sock *sk, size_t skip, u32 *offset)
{
	struct unix_msg *msg, *found = NULL;

	spin_lock(&sk->lock);
	list_for_each_entry (msg, &sk->queue, link) {
		u32 left = msg->len - msg->offset;

		if (skip < left) {
			found = msg;
			*offset = msg->offset + (u32)skip;
			break;
		}
		skip -= left;
	}
	spin_unlock(&sk->lock);
	return found;
}

/* Copies from what is queued; 1: stop here. */
static int stream_copy(struct stream_reader *r, struct socket *s, struct unix_sock *sk,
		       struct socket_msg *m, ssize_t *done)
{
	bool peek = m->flags & MSG_PEEK, had_files;
	u32 offset, n;
	size_t got;
	struct unix_msg *msg = stream_at(sk, r->peeked, &offset);

	if (!msg)
		return 1;
	if (r->have_first && s->passcred && !same_sender(&r->first, &msg->scm))
		return 1;
	had_files = msg->scm.file_count;
	if (!r->have_first)
		stream_begin(r, s, m, msg);
	unix_scm_deliver_files(m, &msg->scm, peek);
	n = (u32)min_t(size_t, msg->len - offset, m->uio->left);
	got = uio_copy_to(m->uio, msg->data + offset, n);
	*done += (ssize_t)got;
	if (peek)
		r->peeked += got;
	else
		stream_consume(sk, msg, (u32)got);
	if (got < n)
		return -EFAULT;
	return had_files;
}

/* So many bytes are waited for: SO_RCVLOWAT, MSG_WAITALL. */
static ssize_t stream_target(const struct socket *s, const struct socket_msg *m)
{
	size_t wanted = m->flags & MSG_WAITALL && !(m->flags & MSG_PEEK) ? m->uio->left
									 : READ_ONCE(s->rcvlowat);

	return (ssize_t)max_t(size_t, min(wanted, m->uio->left), 1);
}

ssize_t unix_stream_recv(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	struct stream_reader r = {.have_first = false};
	u64 deadline = socket_deadline(s->rcvtimeo_ns);
	u32 flags = m->flags;
	ssize_t done = 0, target = stream_target(s, m);
	int err = 0;

	if (flags & (MSG_OOB | MSG_ERRQUEUE))
		return flags & MSG_OOB ? -EINVAL : -EAGAIN;
	if (READ_ONCE(sk->state) != UNIX_CONNECTED)
		return -EINVAL;
	m->flags &= ~(UNIX_RECV_FLAGS & ~(MSG_PEEK | MSG_CMSG_CLOEXEC));
	mutex_lock(&sk->read_lock);
	if ((flags & MSG_PEEK) && READ_ONCE(s->peek_off) > 0)
		r.peeked = (size_t)READ_ONCE(s->peek_off);
	while (m->uio->left && !err) {
		u32 offset;

		if (!stream_at(sk, r.peeked, &offset)) {
			if (done >= target)
				break;
			err = stream_wait(s, sk, flags, r.peeked, deadline);
			if (err <= 0)
				break;
		}
		err = stream_copy(&r, s, sk, m, &done);
	}
	unix_move_peek(s, done, flags & MSG_PEEK);
	mutex_unlock(&sk->read_lock);
	pid_put(r.first.pid);
	if (done || err > 0)
		return done;
	return err;
}
