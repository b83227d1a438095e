/*
 * Messages and the sender's budget.
 *
 * Every message in a receiver's queue is charged to its sender, who may have at most SO_SNDBUF
 * bytes in flight; the receiver gives the charge back and wakes the sender when that makes it
 * writable.
 */
#include <net/unix/unix_impl.h>

#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>

int unix_msg_create(struct unix_sock *sk, struct socket_msg *m, size_t len, struct unix_scm *scm,
		    struct unix_msg **out)
{
	struct unix_msg *msg = kmalloc(sizeof(*msg) + len);
	int err = 0;

	if (!msg)
		return -ENOMEM;
	if (uio_copy_from(m->uio, msg->data, len) < len)
		err = -EFAULT;
	else if (unlikely(scm->file_count))
		err = unix_flight_begin(scm);
	if (err) {
		kfree(msg);
		return err;
	}
	msg->sender = unix_get(sk);
	msg->scm = *scm;
	memset(scm, 0, sizeof(*scm));
	msg->charge = (u32)(sizeof(*msg) + len);
	msg->time_ns = 0;
	msg->offset = 0;
	msg->len = (u32)len;
	__atomic_fetch_add(&sk->wmem, msg->charge, __ATOMIC_RELAXED);
	*out = msg;
	return 0;
}

u32 unix_msg_name(const struct unix_msg *msg, void *out)
{
	/* Set once; stays as long as the socket. */
	const struct unix_name *n = __atomic_load_n(&msg->sender->name, __ATOMIC_ACQUIRE);

	return n ? unix_name_copy(n, out) : 0;
}

/* O_ASYNC: a poll had found no room, now there is some. */
static void tell_room(struct unix_sock *sk)
{
	bool room;

	spin_lock(&sk->lock);
	room = sk->sock && unix_writable(sk, sk->sock->sndbuf);
	if (room)
		WRITE_ONCE(sk->async_no_space, false);
	spin_unlock(&sk->lock);
	if (room)
		fasync_notify(&sk->async, POLL_OUT);
}

void unix_msg_free(struct unix_msg *msg)
{
	struct unix_sock *sender = msg->sender;

	__atomic_sub_fetch(&sender->wmem, msg->charge, __ATOMIC_ACQ_REL);
	if (wait_queue_active(&sender->wait))
		wake_up_sync_poll(&sender->wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	if (unlikely(READ_ONCE(sender->async_no_space)))
		tell_room(sender);
	unix_scm_release(&msg->scm);
	unix_put(sender);
	kfree(msg);
}

void unix_queue_append(struct unix_sock *to, struct unix_msg *msg)
{
	list_add_tail(&msg->link, &to->queue);
	to->queue_len++;
	to->queue_bytes += msg->len;
}

void unix_queue_remove(struct unix_sock *sk, struct unix_msg *msg)
{
	list_del(&msg->link);
	sk->queue_len--;
	sk->queue_bytes -= msg->len - msg->offset;
}

void unix_tell_watchers(struct unix_sock *sk)
{
	LIST_HEAD(told);
	struct unix_watch *w, *next;

	spin_lock(&sk->lock);
	list_splice_init(&sk->watchers, &told);
	list_for_each_entry (w, &told, link)
		WRITE_ONCE(w->sender->watching, NULL);
	spin_unlock(&sk->lock);
	list_for_each_entry_safe (w, next, &told, link) {
		wake_up_poll(&w->sender->wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
		unix_put(w->sender);
		kfree(w);
	}
}

void unix_move_peek(struct socket *s, ssize_t n, bool peeked)
{
	s32 at = READ_ONCE(s->peek_off);

	if (at < 0 || n <= 0)
		return;
	WRITE_ONCE(s->peek_off, (s32)(peeked ? at + n : max_t(ssize_t, at - n, 0)));
}

int unix_broken(u32 flags)
{
	if (!(flags & MSG_NOSIGNAL))
		(void)signal_send_task(current, SIGPIPE, NULL);
	return -EPIPE;
}

int unix_wait_wmem(struct socket *s, u32 flags)
{
	struct unix_sock *sk = s->sk;
	int err;

	if (READ_ONCE(sk->wmem) < s->sndbuf)
		return 0;
	if (socket_nonblock(s, flags))
		return -EAGAIN;
	err = wait_event_full(&sk->wait,
			      READ_ONCE(sk->wmem) < s->sndbuf ||
				      (READ_ONCE(sk->shutdown) & UNIX_SHUT_WR),
			      TASK_INTERRUPTIBLE, false, socket_deadline(s->sndtimeo_ns));
	return socket_wait_error(err, s->sndtimeo_ns);
}
