/*
 * MSG_OOB on streams: the last byte of a send is urgent, unix(7).
 *
 * The byte is a message of its own in the receiver's queue, and sk->oob points to it. A newer one
 * makes it an ordinary byte. Read out of band it leaves an empty message behind, which marks the
 * place: a receive stops there once. A receive that begins at the unread byte loses it, unless
 * SO_OOBINLINE makes it part of the stream.
 */
#include <net/unix/unix_impl.h>

#include <kernel/ns/user.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>

/* The owner of the receiver's file hears of it: SIGURG. */
static int oob_deliver(struct socket *s, struct unix_sock *peer, struct unix_msg *msg)
{
	const struct file_owner *owner = NULL;

	guard(rcu)();
	spin_lock(&peer->lock);
	if (peer->dead || (peer->shutdown & UNIX_SHUT_RD)) {
		spin_unlock(&peer->lock);
		return -EPIPE;
	}
	unix_scm_add_identity(&msg->scm, s, peer);
	WRITE_ONCE(peer->oob, msg);
	unix_queue_append(peer, msg);
	if (peer->sock)
		owner = rcu_dereference(peer->sock->file->owner);
	spin_unlock(&peer->lock);
	file_owner_signal(owner, SIGURG);
	fasync_notify(&peer->async, POLL_PRI);
	wake_up_sync_poll(&peer->wait, EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND);
	fasync_notify(&peer->async, POLL_IN);
	return 0;
}

int unix_oob_send(struct socket *s, struct unix_sock *peer, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	/* As Linux: it carries no descriptors. */
	struct unix_scm scm = {.uid = ID_NONE, .gid = ID_NONE};
	struct unix_msg *msg;
	int err = unix_wait_wmem(s, m->flags);

	if (err)
		return err;
	if (READ_ONCE(sk->shutdown) & UNIX_SHUT_WR)
		return -EPIPE;
	err = unix_msg_create(sk, m, 1, &scm, &msg);
	if (err)
		return err;
	err = oob_deliver(s, peer, msg);
	if (err)
		unix_msg_free(msg);
	return err;
}

ssize_t unix_oob_recv(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *sk = s->sk;
	bool take = !(m->flags & MSG_PEEK);
	struct unix_msg *msg;
	size_t got;

	guard(mutex)(&sk->read_lock);
	spin_lock(&sk->lock);
	msg = s->oobinline ? NULL : sk->oob;
	if (msg && take) {
		WRITE_ONCE(sk->oob, NULL);
		msg->offset = msg->len;
		sk->queue_bytes--;
	}
	spin_unlock(&sk->lock);
	if (!msg)
		return -EINVAL;
	/* Only the holder of read_lock takes messages off the queue. */
	m->flags &= MSG_PEEK | MSG_CMSG_CLOEXEC;
	m->flags |= MSG_OOB;
	if (!m->uio->left) /* as Linux */
		return 1;
	got = uio_copy_to(m->uio, msg->data, 1);
	return got ? 1 : -EFAULT;
}

int unix_oob_mark(struct unix_sock *sk)
{
	guard(spin)(&sk->lock);
	return sk->oob && unix_queue_first(sk) == sk->oob;
}
