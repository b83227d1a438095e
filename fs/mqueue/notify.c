/*
 * mq_notify(2): one process is told once that an empty queue got a message for which nobody waits.
 *
 * SIGEV_THREAD is glibc's thread that reads a netlink socket, which this kernel does not have: the
 * descriptor that comes along is never one.
 */
#include <fs/mqueue/mqueue_impl.h>

#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>

void mq_notify_drop(struct mq_queue *q)
{
	pid_put(q->notify_pid);
	process_put(q->notify_process);
	if (q->notify_cred)
		cred_put(q->notify_cred);
	q->notify_pid = NULL;
	q->notify_process = NULL;
	q->notify_cred = NULL;
}

void mq_notify_arrival(struct mq_queue *q)
{
	if (!q->notify_pid)
		return;
	if (q->notify_kind == SIGEV_SIGNAL) {
		struct siginfo info = {0};

		info.si_signo = q->notify_signal;
		info.si_code = SI_MESGQ;
		info.si_pid = task_tgid_in(current, q->notify_pid->ns);
		info.si_uid = user_ns_show_uid(q->notify_cred->user_ns, current_cred()->uid);
		info.si_value = q->notify_value;
		(void)signal_send_process(q->notify_process, q->notify_signal, &info);
	}
	mq_notify_drop(q);
}

/* What a call with SIGEV_THREAD finds: the cookie is read, the socket is none. */
static int judge_thread(const struct sigevent *ev)
{
	u8 cookie[NOTIFY_COOKIE_LEN];
	struct fd_ref ref;
	bool is_socket;

	if (copy_from_user(cookie, (const void __user *)ev->sigev_value.sival_ptr, sizeof(cookie)))
		return -EFAULT;
	ref = fd_get((unsigned int)ev->sigev_signo);
	if (!ref.file)
		return -EBADF;
	is_socket = S_ISSOCK(ref.file->inode->mode);
	fd_put(ref);
	return is_socket ? -EINVAL : -ENOTSOCK;
}

static int judge(const struct sigevent *ev)
{
	switch (ev->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return ev->sigev_signo < 0 || ev->sigev_signo > SIGNAL_COUNT ? -EINVAL : 0;
	case SIGEV_THREAD:
		return judge_thread(ev);
	default:
		return -EINVAL;
	}
}

static int register_locked(struct mq_queue *q, const struct sigevent *ev)
{
	if (q->notify_pid)
		return -EBUSY;
	q->notify_pid = pid_get(current->process->pid);
	q->notify_process = process_get(current->process);
	q->notify_cred = cred_get(current_cred());
	q->notify_kind = ev->sigev_notify;
	q->notify_signal = ev->sigev_signo;
	q->notify_value = ev->sigev_value;
	return 0;
}

long sys_mq_notify(int mqdes, const struct sigevent __user *uevent)
{
	struct sigevent ev;
	struct mq_queue *q;
	struct fd_ref ref;
	int err = 0;

	if (uevent && copy_from_user(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	if (uevent)
		err = judge(&ev);
	if (!err)
		err = mq_get(mqdes, 0, &ref, &q);
	if (err)
		return err;
	spin_lock(&q->lock);
	if (uevent)
		err = register_locked(q, &ev);
	else if (q->notify_process == current->process)
		mq_notify_drop(q);
	spin_unlock(&q->lock);
	fd_put(ref);
	return err;
}
