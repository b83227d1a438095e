/*
 * mq_timedsend(2), mq_timedreceive(2).
 *
 * Messages stand in a tree by priority and arrival.  One for which somebody sleeps goes straight to
 * him; a receiver takes the message of the first sleeping sender into the room that he makes.
 */
#include <fs/mqueue/mqueue_impl.h>

#include <kernel/sched/sched.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

int mq_get(int fd, u32 mode, struct fd_ref *ref, struct mq_queue **out)
{
	*ref = fd_get((unsigned int)fd);
	if (!ref->file)
		return -EBADF;
	if (ref->file->ops != &mq_file_ops || (ref->file->mode & mode) != mode) {
		fd_put(*ref);
		return -EBADF;
	}
	*out = mq_of_inode(ref->file->inode);
	return 0;
}

u32 mq_poll(struct file *f, struct poll_table *pt)
{
	struct mq_queue *q = mq_of_inode(f->inode);
	u32 mask = 0;

	poll_wait(pt, f, &q->poll_wait);
	spin_lock(&q->lock);
	if (q->count)
		mask = EPOLLIN | EPOLLRDNORM;
	if (q->count < q->max_messages)
		mask |= EPOLLOUT | EPOLLWRNORM;
	spin_unlock(&q->lock);
	return mask;
}

/* ---- the tree ---- */

static bool before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct mq_message, node)->priority >
	       rb_entry(b, struct mq_message, node)->priority;
}

static void insert(struct mq_queue *q, struct mq_message *m)
{
	rb_add(&m->node, &q->messages, before);
	q->count++;
	q->bytes += m->len;
}

static struct mq_message *take_first(struct mq_queue *q)
{
	struct mq_message *m = rb_entry(rb_first(&q->messages), struct mq_message, node);

	rb_erase(&m->node, &q->messages);
	q->count--;
	q->bytes -= m->len;
	return m;
}

/* ---- sleeping ---- */

/* By priority of the tasks, then in order: mq_receive(3). */
static void queue_sleeper(struct list_head *list, struct mq_sleeper *s)
{
	const struct sched_entity *se = &current->se;
	struct list_head *at;

	s->task = current;
	s->rank = se->rt_priority ? 99 - se->rt_priority : 120 + se->nice;
	s->status = MQ_ASLEEP;
	for (at = list->prev; at != list; at = at->prev)
		if (list_entry(at, struct mq_sleeper, link)->rank <= s->rank)
			break;
	list_add(&s->link, at);
}

static void wake_sleeper(struct mq_sleeper *s)
{
	struct task *t = s->task;

	list_del(&s->link);
	smp_store_release(&s->status, 0); /* the entry is gone from here on */
	sched_wake(t, TASK_NORMAL);
}

static struct mq_sleeper *first_sleeper(struct list_head *list)
{
	return list_first_entry_or_null(list, struct mq_sleeper, link);
}

/* Queued, the lock is held; released.  A step of the wall clock moves the deadline. */
static int sleep_once(struct mq_queue *q, struct mq_sleeper *s, u64 until_ns)
{
	struct wait_entry step;
	int err = 0;

	sched_set_state(TASK_INTERRUPTIBLE);
	spin_unlock(&q->lock);
	if (until_ns == WAIT_FOREVER)
		return sched_block(TASK_INTERRUPTIBLE, WAIT_FOREVER);
	wait_entry_init(&step, wait_wake_task);
	wait_prepare(&clock_step_wait, &step, TASK_INTERRUPTIBLE);
	/* Who has woken us before this changed the status first. */
	if (READ_ONCE(s->status))
		err = sched_block(TASK_INTERRUPTIBLE, time_real_to_mono(until_ns));
	wait_finish(&clock_step_wait, &step);
	return err;
}

/* Queued, the lock is held; released.  0: somebody did it for us. */
static int sleep_on(struct mq_queue *q, struct mq_sleeper *s, u64 until_ns)
{
	int err;

	do {
		err = sleep_once(q, s, until_ns);
		if (!smp_load_acquire(&s->status))
			return 0;
		spin_lock(&q->lock);
		if (!s->status) {
			spin_unlock(&q->lock);
			return 0;
		}
	} while (!err);
	list_del(&s->link);
	spin_unlock(&q->lock);
	return err == -ETIME ? -ETIMEDOUT : err;
}

/* A moment of CLOCK_REALTIME; NULL: for ever. */
static int deadline_from(const struct __kernel_timespec __user *uts, u64 *out)
{
	*out = WAIT_FOREVER;
	return uts ? timespec_from_user(uts, out) : 0;
}

/* What both calls work on, between call_begin() and fd_put(). */
struct mq_call {
	struct fd_ref ref;
	struct mq_queue *queue;
	u64 until_ns; /* of the wall clock */
};

static int call_begin(struct mq_call *c, int mqdes, u32 mode, unsigned int prio,
		      const struct __kernel_timespec __user *uts)
{
	int err = deadline_from(uts, &c->until_ns);

	if (err)
		return err;
	if (prio >= MQ_PRIO_MAX)
		return -EINVAL;
	return mq_get(mqdes, mode, &c->ref, &c->queue);
}

static void call_end(struct mq_call *c, int err, bool sent)
{
	if (!err)
		inode_touch(c->ref.file->inode, sent, true);
	fd_put(c->ref);
}

/* ---- send ---- */

static void deliver(struct mq_queue *q, struct mq_message *m)
{
	struct mq_sleeper *r = first_sleeper(&q->receivers);

	if (r) {
		r->message = m;
		wake_sleeper(r);
		return;
	}
	insert(q, m);
	if (q->count == 1)
		mq_notify_arrival(q);
	if (wait_queue_active(&q->poll_wait))
		wake_up_poll(&q->poll_wait, EPOLLIN | EPOLLRDNORM);
}

/* Consumes @m when it returns 0. */
static int send(struct mq_queue *q, struct mq_message *m, bool nonblock, u64 until_ns)
{
	struct mq_sleeper s = {.message = m};

	spin_lock(&q->lock);
	if (q->count < q->max_messages) {
		deliver(q, m);
		spin_unlock(&q->lock);
		return 0;
	}
	if (nonblock) {
		spin_unlock(&q->lock);
		return -EAGAIN;
	}
	queue_sleeper(&q->senders, &s);
	return sleep_on(q, &s, until_ns);
}

static int message_from(const void __user *umsg, size_t len, u32 priority, struct mq_message **out)
{
	struct mq_message *m = kvmalloc(sizeof(*m) + len, GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	m->priority = priority;
	m->len = len;
	if (copy_from_user(m->data, umsg, len)) {
		kvfree(m);
		return -EFAULT;
	}
	*out = m;
	return 0;
}

long sys_mq_timedsend(int mqdes, const void __user *umsg, size_t len, unsigned int prio,
		      const struct __kernel_timespec __user *timeout)
{
	struct mq_message *m;
	struct mq_call c;
	int err = call_begin(&c, mqdes, FMODE_WRITE, prio, timeout);

	if (err)
		return err;
	err = len > (size_t)c.queue->message_size ? -EMSGSIZE : message_from(umsg, len, prio, &m);
	if (!err) {
		err = send(c.queue, m, c.ref.file->flags & O_NONBLOCK, c.until_ns);
		if (err)
			kvfree(m);
	}
	call_end(&c, err, true);
	return err;
}

/* ---- receive ---- */

static void fill_room(struct mq_queue *q)
{
	struct mq_sleeper *s = first_sleeper(&q->senders);

	if (s) {
		insert(q, s->message);
		wake_sleeper(s);
	} else if (wait_queue_active(&q->poll_wait)) {
		wake_up_poll(&q->poll_wait, EPOLLOUT | EPOLLWRNORM);
	}
}

static int receive(struct mq_queue *q, bool nonblock, u64 until_ns, struct mq_message **out)
{
	struct mq_sleeper s = {.message = NULL};
	int err;

	spin_lock(&q->lock);
	if (q->count) {
		*out = take_first(q);
		fill_room(q);
		spin_unlock(&q->lock);
		return 0;
	}
	if (nonblock) {
		spin_unlock(&q->lock);
		return -EAGAIN;
	}
	queue_sleeper(&q->receivers, &s);
	err = sleep_on(q, &s, until_ns);
	if (!err)
		*out = s.message;
	return err;
}

long sys_mq_timedreceive(int mqdes, void __user *umsg, size_t len, unsigned int __user *uprio,
			 const struct __kernel_timespec __user *timeout)
{
	struct mq_message *m;
	struct mq_call c;
	long ret = call_begin(&c, mqdes, FMODE_READ, 0, timeout);

	if (ret)
		return ret;
	ret = len < (size_t)c.queue->message_size
		      ? -EMSGSIZE
		      : receive(c.queue, c.ref.file->flags & O_NONBLOCK, c.until_ns, &m);
	call_end(&c, (int)ret, false);
	if (ret)
		return ret;
	ret = (long)m->len;
	if ((uprio && put_user(m->priority, uprio)) || copy_to_user(umsg, m->data, m->len))
		ret = -EFAULT;
	kvfree(m);
	return ret;
}
