/*
 * SECCOMP_RET_USER_NOTIF: another process answers in place of the kernel.
 *
 * A call that a filter sends here waits as an entry of its filter's list, on its own stack:
 *
 *	NEW --receive--> SENT --send--> REPLIED
 *
 * All states and lists are under the filter's lock. Descriptors that the listener adds are
 * installed by the waiting task itself, without the lock (closing what was there may take any), so
 * an adder that is interrupted has to wait while its request is at work.
 */
#include <kernel/seccomp/seccomp_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/page.h>
#include <asm/regs.h>
#include <linux/fcntl.h>
#include <linux/ioctl.h>

enum notify_state { NOTIFY_NEW, NOTIFY_SENT, NOTIFY_REPLIED };

struct notify {
	u64 next_id;
	u32 requests; /* atomic: entries that no receiver has claimed */
	struct list_head entries;
};

struct notify_entry {
	struct list_head link;
	u64 id;
	struct task *task;
	const struct seccomp_data *data;
	enum notify_state state;
	int error;
	long val;
	u32 flags;
	bool ready; /* look again; cleared by the waiter under the lock */
	struct wait_queue wait;
	struct list_head addfds;
};

struct notify_addfd {
	struct list_head link; /* on entry->addfds until it is at work or done */
	struct file *file;
	bool set_fd, send;
	unsigned int fd;
	u32 fd_flags;
	int ret;
	struct completion done;
};

#define ADDFD_SIZE_VER0 24u

/* ---- the task that asks ---- */

/* Lock held. */
static void entry_kick(struct notify_entry *n)
{
	n->ready = true;
	wake_up(&n->wait);
}

static bool sleeps_killable(const struct seccomp *f, const struct notify_entry *n)
{
	return f->wait_killable && n->state == NOTIFY_SENT;
}

static int install_fd(const struct notify_addfd *a)
{
	int fd, err;

	if (a->set_fd)
		return fd_replace(a->fd, a->file, a->fd_flags);
	file_get(a->file);
	err = fd_install_new(a->file, a->fd_flags, &fd);
	if (err)
		file_put(a->file);
	return err ? err : fd;
}

/* Lock held, dropped meanwhile. */
static void handle_addfd(struct seccomp *f, struct notify_entry *n, struct notify_addfd *a)
{
	int fd;

	list_del_init(&a->link);
	mutex_unlock(&f->lock);
	fd = install_fd(a);
	mutex_lock(&f->lock);
	a->ret = fd;
	if (a->send && fd < 0) {
		n->state = NOTIFY_SENT; /* the listener may try again */
	} else if (a->send) {
		n->flags = 0;
		n->error = 0;
		n->val = fd;
	}
	completion_done(&a->done);
}

/* Lock held, dropped while sleeping: 0 once there is a reply. */
static int wait_for_reply(struct seccomp *f, struct notify_entry *n)
{
	while (n->state != NOTIFY_REPLIED || !list_empty(&n->addfds)) {
		bool killable = sleeps_killable(f, n);
		int err;

		if (!list_empty(&n->addfds)) {
			handle_addfd(f, n, list_first_entry(&n->addfds, struct notify_addfd, link));
			continue;
		}
		n->ready = false;
		mutex_unlock(&f->lock);
		err = wait_event_full(&n->wait, READ_ONCE(n->ready),
				      killable ? TASK_KILLABLE : TASK_INTERRUPTIBLE, false,
				      WAIT_FOREVER);
		mutex_lock(&f->lock);
		if (err && n->state == NOTIFY_REPLIED)
			continue;
		/* Received meanwhile: from then on only what kills interrupts. */
		if (err && (killable || !sleeps_killable(f, n)))
			return -ERESTARTSYS;
	}
	return 0;
}

int notify_ask(struct seccomp *match, const struct seccomp_data *sd, struct regs *regs)
{
	struct notify_entry n = {.task = current, .data = sd};
	int err = -ENOSYS;

	list_init(&n.addfds);
	wait_queue_init(&n.wait);
	mutex_lock(&match->lock);
	if (!match->notify)
		goto out; /* the listener has gone */
	n.id = match->notify->next_id++;
	list_add_tail(&n.link, &match->notify->entries);
	__atomic_fetch_add(&match->notify->requests, 1, __ATOMIC_RELEASE);
	wake_up_poll(&match->wait, EPOLLIN | EPOLLRDNORM);
	err = wait_for_reply(match, &n);
	if (!err)
		err = n.error;
	while (!list_empty(&n.addfds)) {
		struct notify_addfd *a = list_first_entry(&n.addfds, struct notify_addfd, link);

		list_del_init(&a->link);
		a->ret = -ESRCH;
		completion_done(&a->done);
	}
	if (match->notify)
		list_del(&n.link);
out:
	mutex_unlock(&match->lock);
	if (n.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return 0;
	regs_set_retval(regs, err ? err : n.val);
	return -1;
}

/* ---- the listener ---- */

/* Lock held; NULL: there is none (any more). */
static struct notify_entry *entry_find(struct seccomp *f, u64 id)
{
	struct notify_entry *n;

	list_for_each_entry (n, &f->notify->entries, link) {
		if (n->id == id)
			return n;
	}
	return NULL;
}

static bool claim_request(struct notify *notify)
{
	u32 old = READ_ONCE(notify->requests);

	while (old) {
		if (try_cmpxchg(&notify->requests, &old, old - 1))
			return true;
	}
	return false;
}

/* The entry's call goes to the receiver; -ENOENT: who asked was interrupted. */
static int take_new(struct seccomp *f, struct seccomp_notif *out)
{
	struct notify_entry *n;
	int err = -ENOENT;

	mutex_lock(&f->lock);
	list_for_each_entry (n, &f->notify->entries, link) {
		if (n->state != NOTIFY_NEW)
			continue;
		out->id = n->id;
		out->pid = (u32)task_tid(n->task);
		out->flags = 0;
		out->data = *n->data;
		n->state = NOTIFY_SENT;
		wake_up_poll(&f->wait, EPOLLOUT | EPOLLWRNORM);
		err = 0;
		break;
	}
	mutex_unlock(&f->lock);
	return err;
}

/* The receiver could not be told: the next one may. */
static void give_back(struct seccomp *f, u64 id)
{
	struct notify_entry *n;

	mutex_lock(&f->lock);
	n = entry_find(f, id);
	if (n && n->state == NOTIFY_SENT) {
		if (sleeps_killable(f, n))
			entry_kick(n);
		n->state = NOTIFY_NEW;
		__atomic_fetch_add(&f->notify->requests, 1, __ATOMIC_RELEASE);
	}
	mutex_unlock(&f->lock);
}

static long notify_recv(struct seccomp *f, void __user *buf)
{
	struct seccomp_notif notif;
	int err = check_zeroed_user(buf, sizeof(notif));

	if (err <= 0)
		return err ? err : -EINVAL;
	memset(&notif, 0, sizeof(notif));
	/* The file is open, so the notify stays. */
	if (wait_event_interruptible(&f->wait, claim_request(f->notify)))
		return -EINTR;
	err = take_new(f, &notif);
	if (err)
		return err;
	if (copy_to_user(buf, &notif, sizeof(notif))) {
		give_back(f, notif.id);
		return -EFAULT;
	}
	return 0;
}

static long notify_send(struct seccomp *f, const void __user *buf)
{
	struct seccomp_notif_resp resp;
	struct notify_entry *n;
	long ret = 0;

	if (copy_from_user(&resp, buf, sizeof(resp)))
		return -EFAULT;
	if (resp.flags & ~SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return -EINVAL;
	if ((resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) && (resp.error || resp.val))
		return -EINVAL;
	mutex_lock(&f->lock);
	n = entry_find(f, resp.id);
	if (!n) {
		ret = -ENOENT;
	} else if (n->state != NOTIFY_SENT) {
		ret = -EINPROGRESS;
	} else {
		n->state = NOTIFY_REPLIED;
		n->error = resp.error;
		n->val = resp.val;
		n->flags = resp.flags;
		entry_kick(n);
	}
	mutex_unlock(&f->lock);
	return ret;
}

static long notify_id_valid(struct seccomp *f, const void __user *buf)
{
	struct notify_entry *n;
	bool valid;
	u64 id;

	if (copy_from_user(&id, buf, sizeof(id)))
		return -EFAULT;
	mutex_lock(&f->lock);
	n = entry_find(f, id);
	valid = n && n->state == NOTIFY_SENT;
	mutex_unlock(&f->lock);
	return valid ? 0 : -ENOENT;
}

/* Lock held: hands the request to the waiting task. */
static int addfd_post(struct seccomp *f, u64 id, struct notify_addfd *a)
{
	struct notify_entry *n = entry_find(f, id);

	if (!n)
		return -ENOENT;
	if (n->state != NOTIFY_SENT)
		return -EINPROGRESS;
	if (a->send && !list_empty(&n->addfds))
		return -EBUSY;
	if (a->send)
		n->state = NOTIFY_REPLIED;
	list_add_tail(&a->link, &n->addfds);
	entry_kick(n);
	return 0;
}

/* Waits for the task to install it. */
static int addfd_wait(struct seccomp *f, struct notify_addfd *a)
{
	bool posted;
	int err = wait_event_interruptible(&a->done.wq, READ_ONCE(a->done.done));

	if (!err) {
		completion_wait(&a->done);
		return a->ret;
	}
	mutex_lock(&f->lock);
	posted = !list_empty(&a->link);
	if (posted)
		list_del_init(&a->link);
	mutex_unlock(&f->lock);
	if (posted)
		return err;
	completion_wait(&a->done);
	return a->ret;
}

static int addfd_check(const struct seccomp_notif_addfd *req)
{
	if (req->newfd_flags & ~(u32)O_CLOEXEC)
		return -EINVAL;
	if (req->flags & ~(u32)(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND))
		return -EINVAL;
	return req->newfd && !(req->flags & SECCOMP_ADDFD_FLAG_SETFD) ? -EINVAL : 0;
}

static long notify_addfd(struct seccomp *f, const void __user *buf, unsigned int size)
{
	struct seccomp_notif_addfd req;
	struct notify_addfd a = {0};
	long ret;

	if (size < ADDFD_SIZE_VER0 || size >= PAGE_SIZE)
		return -EINVAL;
	ret = copy_struct_from_user(&req, sizeof(req), buf, size);
	if (!ret)
		ret = addfd_check(&req);
	if (ret)
		return ret;
	a.file = fd_file(req.srcfd);
	if (!a.file)
		return -EBADF;
	list_init(&a.link);
	completion_init(&a.done);
	a.set_fd = req.flags & SECCOMP_ADDFD_FLAG_SETFD;
	a.send = req.flags & SECCOMP_ADDFD_FLAG_SEND;
	a.fd = req.newfd;
	a.fd_flags = req.newfd_flags;
	mutex_lock(&f->lock);
	ret = addfd_post(f, req.id, &a);
	mutex_unlock(&f->lock);
	if (!ret)
		ret = addfd_wait(f, &a);
	file_put(a.file);
	return ret;
}

/* The size of ADDFD's argument may grow: it is part of the number. */
#define WITHOUT_SIZE(cmd) ((cmd) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT) & ~(IOC_IN | IOC_OUT))

static long notify_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct seccomp *f = file->private_data;
	void __user *buf = (void __user *)arg;

	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return notify_recv(f, buf);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return notify_send(f, buf);
	/* Linux's number of ID_VALID had the wrong direction once; both are taken. */
	case SECCOMP_IOR(2, __u64):
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
		return notify_id_valid(f, buf);
	}
	if (WITHOUT_SIZE(cmd) == WITHOUT_SIZE(SECCOMP_IOCTL_NOTIF_ADDFD))
		return notify_addfd(f, buf, _IOC_SIZE(cmd));
	return -EINVAL;
}

static u32 notify_poll(struct file *file, struct poll_table *pt)
{
	struct seccomp *f = file->private_data;
	struct notify_entry *n;
	u32 mask = 0;

	poll_wait(pt, file, &f->wait);
	mutex_lock(&f->lock);
	list_for_each_entry (n, &f->notify->entries, link) {
		if (n->state == NOTIFY_NEW)
			mask |= EPOLLIN | EPOLLRDNORM;
		if (n->state == NOTIFY_SENT)
			mask |= EPOLLOUT | EPOLLWRNORM;
		if ((mask & EPOLLIN) && (mask & EPOLLOUT))
			break;
	}
	mutex_unlock(&f->lock);
	if (!READ_ONCE(f->users))
		mask |= EPOLLHUP;
	return mask;
}

/* Nobody answers any more: who waits gets ENOSYS. */
void notify_detach(struct seccomp *f)
{
	struct notify_entry *n;

	mutex_lock(&f->lock);
	if (f->notify) {
		list_for_each_entry (n, &f->notify->entries, link) {
			if (n->state == NOTIFY_REPLIED)
				continue;
			n->state = NOTIFY_REPLIED;
			n->error = -ENOSYS;
			n->val = 0;
			entry_kick(n);
		}
		kfree(f->notify);
		f->notify = NULL;
	}
	mutex_unlock(&f->lock);
}

static void notify_release(struct file *file)
{
	struct seccomp *f = file->private_data;

	notify_detach(f);
	seccomp_put(f);
}

static const struct file_ops notify_fops = {
	.poll = notify_poll,
	.ioctl = notify_ioctl,
	.release = notify_release,
};

int notify_create(struct seccomp *f, struct file **out)
{
	struct notify *notify = kzalloc(sizeof(*notify));
	int err;

	if (!notify)
		return -ENOMEM;
	list_init(&notify->entries);
	notify->next_id = 1;
	err = file_create_anon("anon_inode:seccomp notify", &notify_fops, seccomp_get(f), O_RDWR,
			       out);
	if (err) {
		seccomp_put(f);
		kfree(notify);
		return err;
	}
	f->notify = notify;
	return 0;
}
