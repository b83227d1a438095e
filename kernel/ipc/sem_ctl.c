/* semctl(2), and a set's line in /proc/sysvipc/sem. */
#include <kernel/ipc/sem_impl.h>

#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/sembuf.h>

static struct ipc_ids *sem_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_SEM];
}

/* ---- figures ---- */

static long sem_info(struct ipc_ns *ns, int cmd, void __user *buf)
{
	struct seminfo info = {
		.semmni = ns->sem_limits[3],
		.semmns = ns->sem_limits[1],
		.semmsl = ns->sem_limits[0],
		.semopm = ns->sem_limits[2],
		.semvmx = SEMVMX,
		.semmnu = SEMMNU,
		.semmap = SEMMAP,
		.semume = SEMUME,
		.semusz = SEMUSZ,
		.semaem = SEMAEM,
	};

	if (cmd == SEM_INFO) {
		info.semusz = (int)READ_ONCE(sem_ids(ns)->in_use);
		info.semaem = READ_ONCE(ns->used_sems);
	}
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(sem_ids(ns));
}

static s64 last_op_time(const struct sem_set *s)
{
	s64 last = 0;

	for (u32 i = 0; i < s->count; i++)
		last = max(last, READ_ONCE(s->sems[i].otime));
	return last;
}

static long sem_stat(struct ipc_ns *ns, int id, int cmd, void __user *buf)
{
	struct semid64_ds ds;
	struct ipc_object *o;
	int ret = cmd == IPC_STAT ? ipc_lock(sem_ids(ns), id, &o)
				  : ipc_lock_index(sem_ids(ns), id, &o);

	if (ret)
		return ret;
	memset(&ds, 0, sizeof(ds));
	if (cmd != SEM_STAT_ANY)
		ret = ipc_permit(o, 0444);
	if (!ret) {
		ipc_perm_out(o, &ds.sem_perm);
		ds.sem_otime = last_op_time(set_of(o));
		ds.sem_ctime = set_of(o)->ctime;
		ds.sem_nsems = set_of(o)->count;
		ret = cmd == IPC_STAT ? 0 : o->id;
	}
	spin_unlock(&o->lock);
	if (ret >= 0 && copy_to_user(buf, &ds, sizeof(ds)))
		return -EFAULT;
	return ret;
}

void sem_show(struct seq *q, struct ipc_object *o)
{
	struct sem_set *s = set_of(o);

	seq_printf(q, "%10d %10d  %4o %10u %5u %5u %5u %5u %10llu %10llu\n", o->key, o->id, o->mode,
		   s->count, uid_to_user(o->uid), gid_to_user(o->gid), uid_to_user(o->cuid),
		   gid_to_user(o->cgid), (unsigned long long)last_op_time(s),
		   (unsigned long long)s->ctime);
}

/* ---- values ---- */

/* Calls that sleep because of this semaphore: for it to grow, or to become zero. */
static int count_waiters(struct sem_set *s, u32 n, bool zero)
{
	const struct list_head *lists[] = {zero ? &s->sems[n].zero : &s->sems[n].alter, &s->alter,
					   &s->zero};
	struct sem_wait *w;
	int count = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry (w, lists[i], link) {
			const struct sembuf *op = w->count > 1 ? w->blocking : &w->ops[0];

			count += op->sem_num == n && (zero ? !op->sem_op : op->sem_op < 0);
		}
	return count;
}

static int get_one(struct sem_set *s, u32 n, int cmd)
{
	switch (cmd) {
	case GETVAL:
		return s->sems[n].value;
	case GETPID:
		return ipc_pid_nr(s->sems[n].pid);
	default:
		return count_waiters(s, n, cmd == GETZCNT);
	}
}

static long sem_get_one(struct ipc_ns *ns, int id, int n, int cmd)
{
	struct sem_set *s;
	int ret = sem_lock_set(ns, id, &s);

	if (ret)
		return ret;
	ret = ipc_permit(&s->object, 0444);
	if (!ret)
		ret = n < 0 || (u32)n >= s->count ? -EINVAL : get_one(s, (u32)n, cmd);
	sem_unlock(s, SEM_LOCK_ALL);
	return ret;
}

/* Set with everything locked. */
static void changed(struct sem_set *s)
{
	s->ctime = ipc_now();
	sem_update(s, NULL, 0);
}

static long sem_set_one(struct ipc_ns *ns, int id, int n, int value)
{
	struct sem_undo *u;
	struct sem_set *s;
	int err;

	if (value < 0 || value > SEMVMX)
		return -ERANGE;
	err = sem_lock_set(ns, id, &s);
	if (err)
		return err;
	err = n < 0 || (u32)n >= s->count ? -EINVAL : ipc_permit(&s->object, 0222);
	if (!err) {
		list_for_each_entry (u, &s->undos, set_link)
			u->adjust[n] = 0;
		s->sems[n].value = value;
		ipc_set_pid(&s->sems[n].pid, current->process->pid);
		changed(s);
	}
	sem_unlock(s, SEM_LOCK_ALL);
	return err;
}

/* ---- all values ---- */

static void set_all_locked(struct sem_set *s, const u16 *values)
{
	struct sem_undo *u;

	for (u32 i = 0; i < s->count; i++) {
		s->sems[i].value = values[i];
		ipc_set_pid(&s->sems[i].pid, current->process->pid);
	}
	list_for_each_entry (u, &s->undos, set_link)
		memset(u->adjust, 0, s->count * sizeof(u->adjust[0]));
	changed(s);
}

static int all_in_range(const u16 *values, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (values[i] > SEMVMX)
			return -ERANGE;
	return 0;
}

/* The number of semaphores, when current may do @cmd; +1 on the set. */
static int find_for_all(struct ipc_ns *ns, int id, int cmd, struct sem_set **out)
{
	struct ipc_object *o;
	int err = ipc_lock(sem_ids(ns), id, &o);

	if (err)
		return err;
	err = ipc_permit(o, cmd == SETALL ? 0222 : 0444);
	if (!err) {
		ipc_object_get(o);
		*out = set_of(o);
	}
	spin_unlock(&o->lock);
	return err;
}

static int transfer_all(struct sem_set *s, int cmd, u16 *values, u16 __user *uvalues)
{
	size_t size = s->count * sizeof(*values);
	int err = 0;

	if (cmd == SETALL) {
		if (copy_from_user(values, uvalues, size))
			return -EFAULT;
		err = all_in_range(values, s->count);
		if (err)
			return err;
	}
	(void)sem_lock(s, NULL, 0);
	if (s->object.deleted)
		err = -EIDRM;
	else if (cmd == SETALL)
		set_all_locked(s, values);
	else
		for (u32 i = 0; i < s->count; i++)
			values[i] = (u16)s->sems[i].value;
	sem_unlock(s, SEM_LOCK_ALL);
	if (!err && cmd == GETALL && copy_to_user(uvalues, values, size))
		err = -EFAULT;
	return err;
}

static long sem_all(struct ipc_ns *ns, int id, int cmd, u16 __user *uvalues)
{
	struct sem_set *s = NULL;
	u16 *values;
	int err = find_for_all(ns, id, cmd, &s);

	if (err)
		return err;
	values = kvmalloc(s->count * sizeof(*values), GFP_KERNEL);
	err = values ? transfer_all(s, cmd, values, uvalues) : -ENOMEM;
	kvfree(values);
	ipc_object_put(&s->object);
	return err;
}

static long sem_set_perm(struct ipc_ns *ns, int id, const void __user *buf)
{
	struct semid64_ds ds;
	struct ipc_object *o;
	int err;

	if (copy_from_user(&ds, buf, sizeof(ds)))
		return -EFAULT;
	err = ipc_lock(sem_ids(ns), id, &o);
	if (err)
		return err;
	err = ipc_permit_owner(o);
	if (!err)
		err = ipc_perm_in(o, &ds.sem_perm);
	if (!err)
		set_of(o)->ctime = ipc_now();
	spin_unlock(&o->lock);
	return err;
}

long sys_semctl(int semid, int semnum, int cmd, unsigned long arg)
{
	struct ipc_ns *ns = current_ipc_ns();
	void __user *p = (void __user *)arg;

	if (semid < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return sem_info(ns, cmd, p);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return sem_stat(ns, semid, cmd, p);
	case GETALL:
	case SETALL:
		return sem_all(ns, semid, cmd, p);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return sem_get_one(ns, semid, semnum, cmd);
	case SETVAL:
		return sem_set_one(ns, semid, semnum, (int)arg);
	case IPC_SET:
		return sem_set_perm(ns, semid, p);
	case IPC_RMID:
		return sem_rmid(ns, semid);
	default:
		return -EINVAL;
	}
}
