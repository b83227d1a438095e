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

/* ---- send ---- */

/* Hands one message to the peer. -EPIPE when it cannot read any more. */
static int stream_deliver(struct socket *s, struct unix_sock *peer, struct unix_msg *msg)
{
	int err = 0;

	spin_lock(&peer->lock);
	if (peer->dead || (peer->shutdown & UNIX_SHUT_RD)) {
		err = -EPIPE;
	} else {
		unix_scm_add_identity(&msg->scm, s, peer);
		unix_queue_append(peer, msg);
	}
	spin_unlock(&peer->lock);
	if (err)
		return err;
	wake_up_sync_poll(&peer->wait, EPOLLIN | EPOLLRDNORM | EPOLLRDBAND);
	fasync_notify(&peer->async, POLL_IN);
	return 0;
}

/* The identity for each chunk, the files for the first. */
static struct unix_scm scm_part(struct unix_scm *scm)
{
	struct unix_scm part = *scm;

	if (unlikely(part.pid))
		(void)pid_get(part.pid);
	scm->files = NULL;
	scm->file_count = 0;
	return part;
}

/* All but the last @keep bytes of @m, at most a chunk. */
static int stream_send_chunk(struct socket *s, struct unix_sock *peer, struct socket_msg *m,
			     size_t keep, struct unix_scm *scm)
{
	struct unix_sock *sk = s->sk;
	size_t len = min_t(size_t, min_t(size_t, m->uio->left - keep, UNIX_CHUNK),
			   max(s->sndbuf / 2, 1024u));
	struct unix_scm part;
	struct unix_msg *msg;
	int err = unix_wait_wmem(s, m->flags);

	if (err)
		return err;
	if (READ_ONCE(sk->shutdown) & UNIX_SHUT_WR)
		return -EPIPE;
	part = scm_part(scm);
	err = unix_msg_create(sk, m, len, &part, &msg);
	if (err) {
		unix_scm_release(&part);
		return err;
	}
	err = stream_deliver(s, peer, msg);
	if (err)
		unix_msg_free(msg);
	return err ? err : (int)len;
}

ssize_t unix_stream_send(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk, *peer;
	struct unix_scm scm;
	size_t urgent = m->flags & MSG_OOB ? 1 : 0;
	ssize_t done = 0;
	int n = 0;

	if (m->uio->left < urgent)
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
	while (m->uio->left > urgent) {
		n = stream_send_chunk(s, peer, m, urgent, &scm);
		if (n < 0)
			break;
		done += n;
	}
	if (urgent && n >= 0) {
		n = unix_oob_send(s, peer, m);
		done += n ? 0 : 1;
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
	while (!unix_stream_readable(s, sk, skip)) {
		int err = unix_take_error(sk, s);

		if (err)
			return err;
		if (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD)
			return unix_stream_readable(s, sk, skip);
		if (socket_nonblock(s, flags))
			return -EAGAIN;
		mutex_unlock(&sk->read_lock);
		err = wait_event_full(&sk->wait,
				      unix_stream_readable(s, sk, skip) || READ_ONCE(s->error) ||
					      (READ_ONCE(sk->shutdown) & UNIX_SHUT_RD),
				      TASK_INTERRUPTIBLE, false, deadline);
		mutex_lock(&sk->read_lock);
		if (err)
			return socket_wait_error(err, s->rcvtimeo_ns);
	}
	return 1;
}

struct stream_reader {
	bool have_first, passcred;
	/* The first message's sender, +1 on the pid, if @passcred. */
	struct pid *pid;
	u32 uid, gid;
	size_t peeked; /* bytes of the queue looked at by MSG_PEEK */
};

static bool same_sender(const struct stream_reader *a, const struct unix_scm *b)
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

static void stream_begin(struct stream_reader *r, struct socket *s, struct socket_msg *m,
			 struct unix_msg *msg)
{
	m->name_len = unix_msg_name(msg, m->name);
	r->have_first = true;
	r->passcred = s->passcred;
	if (unlikely(r->passcred)) {
		r->pid = pid_get(msg->scm.pid);
		r->uid = msg->scm.uid;
		r->gid = msg->scm.gid;
	}
	unix_scm_deliver_identity(s, m, &msg->scm);
}

/* The message that holds byte r->peeked of the queue, and the offset in it; NULL: none, or @stop: a
 * mark ends this receive. An urgent byte apart from the stream counts for nothing. */
static struct unix_msg *stream_peek(const struct stream_reader *r, const struct socket *s,
				    struct unix_sock *sk, u32 *offset, bool *stop)
{
	size_t skip = r->peeked;
	struct unix_msg *msg;

	guard(spin)(&sk->lock);
	list_for_each_entry (msg, &sk->queue, link) {
		u32 left = msg->len - msg->offset;

		if (msg == sk->oob && !skip && r->have_first) {
			*stop = true;
			return NULL;
		}
		if (msg == sk->oob && !s->oobinline)
			continue;
		if (skip < left) {
			*offset = msg->offset + (u32)skip;
			return msg;
		}
		skip -= left;
	}
	return NULL;
}

/* The first message with something to read; marks before it are passed, with the urgent byte. */
static struct unix_msg *stream_first(const struct stream_reader *r, const struct socket *s,
				     struct unix_sock *sk, u32 *offset, bool *stop)
{
	struct unix_msg *msg;
	bool empty;

	for (;;) {
		spin_lock(&sk->lock);
		msg = unix_queue_first(sk);
		empty = msg && msg->offset == msg->len;
		*stop = msg && r->have_first && (empty || msg == sk->oob);
		if (msg && msg == sk->oob && !*stop) {
			WRITE_ONCE(sk->oob, NULL);
			empty = !s->oobinline;
		}
		if (empty)
			unix_queue_remove(sk, msg);
		spin_unlock(&sk->lock);
		if (empty)
			unix_msg_free(msg);
		if (*stop)
			return NULL;
		if (!empty)
			break;
	}
	if (msg)
		*offset = msg->offset;
	return msg;
}

static struct unix_msg *stream_at(const struct stream_reader *r, const struct socket *s,
				  struct unix_sock *sk, bool peek, u32 *offset, bool *stop)
{
	*stop = false;
	return peek ? stream_peek(r, s, sk, offset, stop) : stream_first(r, s, sk, offset, stop);
}

/* Copies from what is queued; 1: stop here. */
static int stream_copy(struct stream_reader *r, struct socket *s, struct unix_sock *sk,
		       struct socket_msg *m, struct unix_msg *msg, u32 offset, ssize_t *done)
{
	bool peek = m->flags & MSG_PEEK, had_files;
	size_t got;
	u32 n;

	if (r->have_first && unlikely(r->passcred) && !same_sender(r, &msg->scm))
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

/* The stream is at its end: identities of nobody, as Linux has it. */
static void stream_end(struct socket *s, struct socket_msg *m)
{
	const struct unix_scm none = {0};

	unix_scm_deliver_identity(s, m, &none);
}

ssize_t unix_stream_recv(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	struct stream_reader r = {.have_first = false};
	u64 deadline = socket_deadline(s->rcvtimeo_ns);
	u32 flags = m->flags, offset;
	bool stop;
	ssize_t done = 0, target = stream_target(s, m);
	int err = 0;

	if (READ_ONCE(sk->state) != UNIX_CONNECTED)
		return -EINVAL;
	if (flags & MSG_OOB)
		return unix_oob_recv(s, m);
	m->flags &= MSG_PEEK | MSG_CMSG_CLOEXEC;
	mutex_lock(&sk->read_lock);
	if ((flags & MSG_PEEK) && READ_ONCE(s->peek_off) > 0)
		r.peeked = (size_t)READ_ONCE(s->peek_off);
	/* A receive of no bytes waits for a message too, and takes what is beside its bytes. */
	for (;;) {
		struct unix_msg *msg = stream_at(&r, s, sk, flags & MSG_PEEK, &offset, &stop);

		if (msg) {
			err = stream_copy(&r, s, sk, m, msg, offset, &done);
			if (err || !m->uio->left)
				break;
			continue;
		}
		if (stop || done >= target)
			break;
		err = stream_wait(s, sk, flags, r.peeked, deadline);
		if (err <= 0)
			break;
	}
	if (!err && !r.have_first)
		stream_end(s, m);
	unix_move_peek(s, done, flags & MSG_PEEK);
	mutex_unlock(&sk->read_lock);
	pid_put(r.pid);
	if (done || err > 0)
		return done;
	return err;
}
