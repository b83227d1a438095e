/* msgctl(2), and a queue's line in /proc/sysvipc/msg. */
#include <kernel/ipc/msg_impl.h>

#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/capability.h>
#include <linux/msg.h>

static struct ipc_ids *msg_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_MSG];
}

static long msg_info(struct ipc_ns *ns, int cmd, void __user *buf)
{
	struct msginfo info = {
		.msgmni = ns->msg_mni,
		.msgmax = ns->msg_max,
		.msgmnb = ns->msg_mnb,
		.msgssz = MSGSSZ,
		.msgseg = MSGSEG,
		.msgmap = MSGMAP,
		.msgpool = MSGPOOL,
		.msgtql = MSGTQL,
	};

	if (cmd == MSG_INFO) {
		info.msgpool = (int)READ_ONCE(msg_ids(ns)->in_use);
		info.msgmap = (int)READ_ONCE(ns->msg_headers);
		info.msgtql = (int)READ_ONCE(ns->msg_bytes);
	}
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(msg_ids(ns));
}

static void queue_stat(const struct msg_queue *q, struct msqid64_ds *out)
{
	ipc_perm_out(&q->object, &out->msg_perm);
	out->msg_stime = q->stime;
	out->msg_rtime = q->rtime;
	out->msg_ctime = q->ctime;
	out->msg_cbytes = q->bytes;
	out->msg_qnum = q->count;
	out->msg_qbytes = q->max_bytes;
	out->msg_lspid = ipc_pid_nr(q->last_sender);
	out->msg_lrpid = ipc_pid_nr(q->last_receiver);
}

static long msg_stat(struct ipc_ns *ns, int id, int cmd, void __user *buf)
{
	struct msqid64_ds ds;
	struct ipc_object *o;
	int ret = cmd == IPC_STAT ? ipc_lock(msg_ids(ns), id, &o)
				  : ipc_lock_index(msg_ids(ns), id, &o);

	if (ret)
		return ret;
	memset(&ds, 0, sizeof(ds));
	if (cmd != MSG_STAT_ANY)
		ret = ipc_permit(o, 0444);
	if (!ret) {
		queue_stat(queue_of(o), &ds);
		ret = cmd == IPC_STAT ? 0 : o->id;
	}
	spin_unlock(&o->lock);
	if (ret >= 0 && copy_to_user(buf, &ds, sizeof(ds)))
		return -EFAULT;
	return ret;
}

static int set_locked(struct ipc_ns *ns, struct msg_queue *q, const struct msqid64_ds *ds)
{
	int err = ipc_permit_owner(&q->object);

	if (err)
		return err;
	if (ds->msg_qbytes > (unsigned long)ns->msg_mnb &&
	    !ns_capable(ns->ns.owner, CAP_SYS_RESOURCE))
		return -EPERM;
	err = ipc_perm_in(&q->object, &ds->msg_perm);
	if (err)
		return err;
	q->max_bytes = ds->msg_qbytes;
	q->ctime = ipc_now();
	/* Who waits may no longer be allowed to, or may go on now. */
	msg_wake_receivers(q, -EAGAIN);
	msg_wake_senders(q, true);
	return 0;
}

static long msg_set(struct ipc_ns *ns, int id, const void __user *buf)
{
	struct msqid64_ds ds;
	struct ipc_object *o;
	int err;

	if (copy_from_user(&ds, buf, sizeof(ds)))
		return -EFAULT;
	err = ipc_lock(msg_ids(ns), id, &o);
	if (err)
		return err;
	err = set_locked(ns, queue_of(o), &ds);
	spin_unlock(&o->lock);
	return err;
}

long sys_msgctl(int msqid, int cmd, struct msqid_ds __user *buf)
{
	struct ipc_ns *ns = current_ipc_ns();

	if (msqid < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return msg_info(ns, cmd, buf);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return msg_stat(ns, msqid, cmd, buf);
	case IPC_SET:
		return msg_set(ns, msqid, buf);
	case IPC_RMID:
		return msg_rmid(ns, msqid);
	default:
		return -EINVAL;
	}
}

void msg_show(struct seq *s, struct ipc_object *o)
{
	struct msg_queue *q = queue_of(o);

	seq_printf(s, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10llu %10llu %10llu\n",
		   o->key, o->id, o->mode, (unsigned long)q->bytes, (unsigned long)q->count,
		   (u32)ipc_pid_nr(q->last_sender), (u32)ipc_pid_nr(q->last_receiver),
		   uid_to_user(o->uid), gid_to_user(o->gid), uid_to_user(o->cuid),
		   gid_to_user(o->cgid), (unsigned long long)q->stime, (unsigned long long)q->rtime,
		   (unsigned long long)q->ctime);
}
