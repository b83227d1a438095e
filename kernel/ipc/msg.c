/*
 * System V message queues: msgget(2), msgsnd(2), msgrcv(2).
 *
 * A message goes to a receiver that sleeps for it without touching the queue.  Senders that found
 * no room are woken in their order, as far as their messages fit.
 */
#include <kernel/ipc/msg_impl.h>

#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/wait/wait.h>
#include <linux/msg.h>

#define ASLEEP 1

enum match { MATCH_ANY, MATCH_EQUAL, MATCH_OTHER, MATCH_LOWEST, MATCH_NUMBER };

/* On the stack of a receiver. */
struct receiver {
	struct list_head link;
	struct task *task;
	struct pid *pid;
	enum match match;
	long type;
	size_t max_len;
	struct msg *msg; /* given by a sender */
	int status;	 /* ASLEEP until then; hands off after */
};

struct sender {
	struct list_head link;
	struct task *task;
	size_t len;
	int status;
};

static struct ipc_ids *msg_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_MSG];
}

/* ---- life ---- */

static void msg_free(struct msg *m)
{
	kvfree(m);
}

static void queue_free(struct ipc_object *o)
{
	struct msg_queue *q = queue_of(o);

	pid_put(q->last_sender);
	pid_put(q->last_receiver);
	kfree(q);
}

static int queue_create(struct ipc_ns *ns, const struct ipc_request *r, struct ipc_object **out)
{
	struct msg_queue *q = kzalloc(sizeof(*q));

	if (!q)
		return -ENOMEM;
	ipc_object_init(&q->object, ns, r, queue_free);
	q->ctime = ipc_now();
	q->max_bytes = (u64)ns->msg_mnb;
	list_init(&q->messages);
	list_init(&q->receivers);
	list_init(&q->senders);
	*out = &q->object;
	return 0;
}

static int queue_admit(struct ipc_ns *ns, struct ipc_object *o)
{
	(void)ns;
	(void)o;
	return 0;
}

static void queue_discard(struct ipc_ns *ns, struct ipc_object *o)
{
	(void)ns;
	(void)o;
}

static int queue_limit(struct ipc_ns *ns)
{
	return ns->msg_mni;
}

static const struct ipc_get_ops msg_get_ops = {
	.kind = IPC_KIND_MSG,
	.create = queue_create,
	.admit = queue_admit,
	.discard = queue_discard,
	.limit = queue_limit,
};

long sys_msgget(int key, int flags)
{
	const struct ipc_request r = {key, flags, 0};

	return ipc_get_id(current_ipc_ns(), &r, &msg_get_ops);
}

/* ---- waking ---- */

static void receiver_wake(struct receiver *r, int status)
{
	struct task *t = r->task;

	list_del(&r->link);
	smp_store_release(&r->status, status); /* the entry is gone from here on */
	sched_wake(t, TASK_NORMAL);
}

void msg_wake_receivers(struct msg_queue *q, int status)
{
	struct receiver *r, *next;

	list_for_each_entry_safe (r, next, &q->receivers, link)
		receiver_wake(r, status);
}

static bool fits(const struct msg_queue *q, size_t len, u64 more_bytes, u64 more)
{
	return q->bytes + more_bytes + len <= q->max_bytes && q->count + more + 1 <= q->max_bytes;
}

void msg_wake_senders(struct msg_queue *q, bool all)
{
	u64 bytes = 0, count = 0;

	while (!list_empty(&q->senders)) {
		struct sender *s = list_first_entry(&q->senders, struct sender, link);
		struct task *t = s->task;

		if (!all && !fits(q, s->len, bytes, count))
			return;
		bytes += s->len;
		count++;
		list_del(&s->link);
		smp_store_release(&s->status, 0);
		sched_wake(t, TASK_NORMAL);
	}
}

/* Table and queue locked; both are unlocked. */
static void queue_remove_unlock(struct ipc_ns *ns, struct msg_queue *q)
{
	LIST_HEAD(messages);
	struct msg *m, *next;

	ipc_unlink(msg_ids(ns), &q->object);
	msg_wake_receivers(q, -EIDRM);
	msg_wake_senders(q, true);
	list_splice_init(&q->messages, &messages);
	__atomic_fetch_sub(&ns->msg_bytes, (s64)q->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&ns->msg_headers, (s64)q->count, __ATOMIC_RELAXED);
	ipc_unlock_both(msg_ids(ns), &q->object);
	list_for_each_entry_safe (m, next, &messages, link)
		msg_free(m);
	ipc_object_put(&q->object);
}

long msg_rmid(struct ipc_ns *ns, int id)
{
	struct ipc_object *o;
	int err = ipc_lock_both(msg_ids(ns), id, &o);

	if (err)
		return err;
	err = ipc_permit_owner(o);
	if (err)
		ipc_unlock_both(msg_ids(ns), o);
	else
		queue_remove_unlock(ns, queue_of(o));
	return err;
}

void msg_destroy_all(struct ipc_ns *ns)
{
	struct ipc_object *o;
	u32 index = 0;

	for (;;) {
		spin_lock(&msg_ids(ns)->lock);
		o = ipc_lock_next(msg_ids(ns), &index);
		if (!o)
			break;
		queue_remove_unlock(ns, queue_of(o));
	}
	spin_unlock(&msg_ids(ns)->lock);
}

/* ---- send ---- */

static bool matches(const struct msg *m, enum match match, long type)
{
	switch (match) {
	case MATCH_EQUAL:
		return m->type == type;
	case MATCH_OTHER:
		return m->type != type;
	case MATCH_LOWEST:
		return m->type <= type;
	default:
		return true;
	}
}

/* Straight to somebody who sleeps for it. */
static bool hand_over(struct msg_queue *q, struct msg *m)
{
	struct receiver *r, *next;

	list_for_each_entry_safe (r, next, &q->receivers, link) {
		if (!matches(m, r->match, r->type))
			continue;
		if (r->max_len < m->len) {
			receiver_wake(r, -E2BIG);
			continue;
		}
		ipc_set_pid(&q->last_receiver, r->pid);
		q->rtime = ipc_now();
		r->msg = m;
		receiver_wake(r, 0);
		return true;
	}
	return false;
}

static void put_message(struct msg_queue *q, struct msg *m)
{
	ipc_set_pid(&q->last_sender, current->process->pid);
	q->stime = ipc_now();
	if (hand_over(q, m))
		return;
	list_add_tail(&m->link, &q->messages);
	q->bytes += m->len;
	q->count++;
	__atomic_fetch_add(&q->object.ns->msg_bytes, (s64)m->len, __ATOMIC_RELAXED);
	__atomic_fetch_add(&q->object.ns->msg_headers, 1, __ATOMIC_RELAXED);
}

/* The queue is locked before and after.  0: look again. */
static int wait_for_room(struct msg_queue *q, size_t len)
{
	struct sender s = {.task = current, .len = len, .status = ASLEEP};
	int err;

	list_add_tail(&s.link, &q->senders);
	sched_set_state(TASK_INTERRUPTIBLE);
	spin_unlock(&q->object.lock);
	err = sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER);
	spin_lock(&q->object.lock);
	if (s.status == ASLEEP)
		list_del(&s.link);
	if (q->object.deleted)
		return -EIDRM;
	if (!err)
		return 0;
	/* The room that woke us is another's. */
	msg_wake_senders(q, false);
	return -ERESTARTNOHAND;
}

/* @m is consumed when it returns 0. */
static int send_to(struct msg_queue *q, struct msg *m, int flags)
{
	int err;

	for (;;) {
		err = ipc_permit(&q->object, 0222);
		if (err)
			return err;
		if (fits(q, m->len, 0, 0))
			break;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		err = wait_for_room(q, m->len);
		if (err)
			return err;
	}
	put_message(q, m);
	return 0;
}

static int message_from(const void __user *umsg, size_t size, long type, struct msg **out)
{
	struct msg *m = kvmalloc(sizeof(*m) + size, GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	m->type = type;
	m->len = size;
	if (copy_from_user(m->data, (const u8 __user *)umsg + sizeof(long), size)) {
		msg_free(m);
		return -EFAULT;
	}
	*out = m;
	return 0;
}

static int lock_get(struct ipc_ns *ns, int id, struct msg_queue **out)
{
	struct ipc_object *o;
	int err = ipc_lock(msg_ids(ns), id, &o);

	if (err)
		return err;
	*out = queue_of(ipc_object_get(o));
	return 0;
}

static void unlock_put(struct msg_queue *q)
{
	spin_unlock(&q->object.lock);
	ipc_object_put(&q->object);
}

long sys_msgsnd(int msqid, const void __user *msgp, size_t size, int flags)
{
	struct ipc_ns *ns = current_ipc_ns();
	struct msg_queue *q;
	struct msg *m;
	long type;
	int err;

	if (get_user(type, (const long __user *)msgp))
		return -EFAULT;
	if (size > (size_t)ns->msg_max || msqid < 0 || type < 1)
		return -EINVAL;
	err = message_from(msgp, size, type, &m);
	if (err)
		return err;
	err = lock_get(ns, msqid, &q);
	if (!err) {
		err = send_to(q, m, flags);
		unlock_put(q);
	}
	if (err)
		msg_free(m);
	return err;
}

/* ---- receive ---- */

static enum match match_of(long *type, int flags)
{
	if (flags & MSG_COPY)
		return MATCH_NUMBER;
	if (!*type)
		return MATCH_ANY;
	if (*type < 0) {
		*type = *type == S64_MIN ? S64_MAX : -*type;
		return MATCH_LOWEST;
	}
	return flags & MSG_EXCEPT ? MATCH_OTHER : MATCH_EQUAL;
}

static struct msg *find_message(struct msg_queue *q, enum match match, long type)
{
	struct msg *m, *best = NULL;
	long n = 0;

	list_for_each_entry (m, &q->messages, link) {
		if (match == MATCH_NUMBER) {
			if (n++ == type)
				return m;
			continue;
		}
		if (!matches(m, match, type))
			continue;
		if (match != MATCH_LOWEST)
			return m;
		if (!best || m->type < best->type)
			best = m;
		if (best->type == 1)
			break;
	}
	return best;
}

static void take_message(struct msg_queue *q, struct msg *m)
{
	list_del(&m->link);
	q->bytes -= m->len;
	q->count--;
	q->rtime = ipc_now();
	ipc_set_pid(&q->last_receiver, current->process->pid);
	__atomic_fetch_sub(&q->object.ns->msg_bytes, (s64)m->len, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&q->object.ns->msg_headers, 1, __ATOMIC_RELAXED);
	if (!list_empty(&q->senders))
		msg_wake_senders(q, false);
}

/* The queue is locked before, and after unless there is a message.  -EAGAIN: look again. */
static int wait_for_message(struct msg_queue *q, struct receiver *r)
{
	int err, status;

	r->status = ASLEEP;
	list_add_tail(&r->link, &q->receivers);
	do {
		sched_set_state(TASK_INTERRUPTIBLE);
		spin_unlock(&q->object.lock);
		err = sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER);
		status = smp_load_acquire(&r->status);
		if (!status)
			return 0;
		spin_lock(&q->object.lock);
		status = r->status;
	} while (status == ASLEEP && !err);
	if (status == ASLEEP) {
		list_del(&r->link);
		return -ERESTARTNOHAND;
	}
	if (!status)
		spin_unlock(&q->object.lock);
	return status;
}

/* 0: r->msg is ours and the queue is unlocked; else it is locked. */
static int receive(struct msg_queue *q, struct receiver *r, int flags)
{
	for (;;) {
		int err = ipc_permit(&q->object, 0444);
		struct msg *m;

		if (err)
			return err;
		m = find_message(q, r->match, r->type);
		if (m && r->max_len < m->len)
			return -E2BIG;
		if (m) {
			take_message(q, m);
			spin_unlock(&q->object.lock);
			r->msg = m;
			return 0;
		}
		if (flags & IPC_NOWAIT)
			return -ENOMSG;
		err = wait_for_message(q, r);
		if (err != -EAGAIN)
			return err;
	}
}

static long deliver(const struct msg *m, void __user *umsg, size_t size)
{
	size_t len = min(m->len, size);

	if (put_user(m->type, (long __user *)umsg) ||
	    copy_to_user((u8 __user *)umsg + sizeof(long), m->data, len))
		return -EFAULT;
	return (long)len;
}

/* MSG_COPY: the message of that number stays. */
static long peek(struct ipc_ns *ns, int id, void __user *umsg, size_t size, long number, int flags)
{
	struct msg *m, *copy;
	struct msg_queue *q;
	long ret;

	if ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT))
		return -EINVAL;
	copy = kvmalloc(sizeof(*copy) + min(size, (size_t)ns->msg_max), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	ret = lock_get(ns, id, &q);
	if (!ret) {
		ret = ipc_permit(&q->object, 0444);
		m = ret ? NULL : find_message(q, MATCH_NUMBER, number);
		if (!ret && !m)
			ret = -ENOMSG;
		/* A longer one cannot be copied in part: as Linux. */
		if (m && m->len > min(size, (size_t)ns->msg_max))
			ret = flags & MSG_NOERROR ? -EINVAL : -E2BIG;
		if (!ret) {
			copy->type = m->type;
			copy->len = m->len;
			memcpy(copy->data, m->data, m->len);
		}
		unlock_put(q);
	}
	if (!ret)
		ret = deliver(copy, umsg, size);
	kvfree(copy);
	return ret;
}

long sys_msgrcv(int msqid, void __user *msgp, size_t size, long type, int flags)
{
	struct receiver r = {.task = current,
			     .pid = current->process->pid,
			     .match = match_of(&type, flags),
			     .max_len = flags & MSG_NOERROR ? S64_MAX : size};
	struct ipc_ns *ns = current_ipc_ns();
	struct msg_queue *q;
	long ret;

	if (msqid < 0 || (ssize_t)size < 0)
		return -EINVAL;
	if (flags & MSG_COPY)
		return peek(ns, msqid, msgp, size, type, flags);
	r.type = type;
	ret = lock_get(ns, msqid, &q);
	if (ret)
		return ret;
	ret = receive(q, &r, flags);
	if (ret)
		spin_unlock(&q->object.lock);
	ipc_object_put(&q->object);
	if (ret)
		return ret;
	ret = deliver(r.msg, msgp, size);
	msg_free(r.msg);
	return ret;
}
