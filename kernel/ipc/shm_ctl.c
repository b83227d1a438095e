/* shmctl(2), and a segment's line in /proc/sysvipc/shm. */
#include <kernel/ipc/shm_impl.h>

#include <kernel/file/file.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/capability.h>
#include <linux/shm.h>

static struct ipc_ids *shm_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_SHM];
}

u64 shm_resident_pages(const struct shm_segment *s)
{
	return READ_ONCE(s->file->cache->nr_pages);
}

/* ---- figures ---- */

static long shm_info(struct ipc_ns *ns, void __user *buf)
{
	struct shminfo64 info = {
		.shmmax = ns->shm_max,
		.shmmin = SHMMIN,
		.shmmni = (unsigned long)ns->shm_mni,
		.shmseg = (unsigned long)ns->shm_mni,
		.shmall = ns->shm_all,
	};

	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(shm_ids(ns));
}

static long shm_usage(struct ipc_ns *ns, void __user *buf)
{
	struct shm_info info = {.used_ids = (int)READ_ONCE(shm_ids(ns)->in_use),
				.shm_tot = READ_ONCE(ns->shm_pages)};
	struct ipc_object *o;

	for (u32 index = 0; (o = ipc_lock_next(shm_ids(ns), &index)); index++) {
		info.shm_rss += shm_resident_pages(shm_of(o));
		spin_unlock(&o->lock);
	}
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(shm_ids(ns));
}

static void segment_stat(const struct shm_segment *s, struct shmid64_ds *out)
{
	memset(out, 0, sizeof(*out));
	ipc_perm_out(&s->object, &out->shm_perm);
	out->shm_segsz = s->size;
	out->shm_atime = s->atime;
	out->shm_dtime = s->dtime;
	out->shm_ctime = s->ctime;
	out->shm_cpid = ipc_pid_nr(s->cpid);
	out->shm_lpid = ipc_pid_nr(s->lpid);
	out->shm_nattch = s->nattch;
}

static long shm_stat(struct ipc_ns *ns, int id, int cmd, void __user *buf)
{
	struct shmid64_ds ds;
	struct ipc_object *o;
	int ret = cmd == IPC_STAT ? ipc_lock(shm_ids(ns), id, &o)
				  : ipc_lock_index(shm_ids(ns), id, &o);

	if (ret)
		return ret;
	if (cmd != SHM_STAT_ANY)
		ret = ipc_permit(o, 0444);
	if (!ret) {
		segment_stat(shm_of(o), &ds);
		ret = cmd == IPC_STAT ? 0 : o->id;
	}
	spin_unlock(&o->lock);
	if (ret >= 0 && copy_to_user(buf, &ds, sizeof(ds)))
		return -EFAULT;
	return ret;
}

/* ---- changes ---- */

static long shm_set(struct ipc_ns *ns, int id, const void __user *buf)
{
	struct shmid64_ds ds;
	struct ipc_object *o;
	int err;

	if (copy_from_user(&ds, buf, sizeof(ds)))
		return -EFAULT;
	err = ipc_lock(shm_ids(ns), id, &o);
	if (err)
		return err;
	err = ipc_permit_owner(o);
	if (!err)
		err = ipc_perm_in(o, &ds.shm_perm);
	if (!err)
		shm_of(o)->ctime = ipc_now();
	spin_unlock(&o->lock);
	return err;
}

static long shm_rmid(struct ipc_ns *ns, int id)
{
	struct ipc_object *o;
	int err = ipc_lock_both(shm_ids(ns), id, &o);

	if (err)
		return err;
	err = ipc_permit_owner(o);
	if (!err && !shm_of(o)->nattch) {
		shm_remove_unlock(ns, shm_of(o));
		return 0;
	}
	if (!err) { /* with the last attachment; nobody finds it by its key */
		o->mode |= SHM_MODE_DEST;
		ipc_key_drop(shm_ids(ns), o);
	}
	ipc_unlock_both(shm_ids(ns), o);
	return err;
}

static int may_lock(const struct ipc_object *o, bool lock)
{
	u32 euid = current_cred()->euid;

	if (ns_capable(o->ns->ns.owner, CAP_IPC_LOCK))
		return 0;
	if (euid != o->uid && euid != o->cuid)
		return -EPERM;
	return lock && !task_rlimit(RLIMIT_MEMLOCK) ? -EPERM : 0;
}

/* The pages are in memory for good anyway; what is left of SHM_LOCK is the account. */
static int charge_lock(struct shm_segment *s)
{
	struct ucounts *u = current_cred()->ucounts;
	u64 limit = task_rlimit(RLIMIT_MEMLOCK);
	s64 pages = (s64)shm_size_pages(s);

	if (s->object.mode & SHM_MODE_LOCKED)
		return 0;
	if (limit != RLIM64_INFINITY)
		limit >>= PAGE_SHIFT;
	if (!ucounts_charge(u, UCOUNT_MEMLOCK, pages, limit) && !capable(CAP_IPC_LOCK)) {
		ucounts_uncharge(u, UCOUNT_MEMLOCK, pages);
		return -ENOMEM;
	}
	s->locker = ucounts_get(u);
	s->object.mode |= SHM_MODE_LOCKED;
	return 0;
}

static long shm_lock(struct ipc_ns *ns, int id, bool lock)
{
	struct ucounts *was = NULL;
	struct ipc_object *o;
	int err = ipc_lock(shm_ids(ns), id, &o);

	if (err)
		return err;
	err = may_lock(o, lock);
	if (!err && lock)
		err = charge_lock(shm_of(o));
	else if (!err)
		was = shm_uncharge_lock(shm_of(o));
	spin_unlock(&o->lock);
	if (was)
		ucounts_put(was);
	return err;
}

long sys_shmctl(int shmid, int cmd, struct shmid_ds __user *buf)
{
	struct ipc_ns *ns = current_ipc_ns();

	if (cmd < 0 || shmid < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return shm_info(ns, buf);
	case SHM_INFO:
		return shm_usage(ns, buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_stat(ns, shmid, cmd, buf);
	case IPC_SET:
		return shm_set(ns, shmid, buf);
	case IPC_RMID:
		return shm_rmid(ns, shmid);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_lock(ns, shmid, cmd == SHM_LOCK);
	default:
		return -EINVAL;
	}
}

void shm_show(struct seq *s, struct ipc_object *o)
{
	struct shm_segment *g = shm_of(o);

	seq_printf(s,
		   "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10llu %10llu %10llu %21lu "
		   "%21lu\n",
		   o->key, o->id, o->mode, (unsigned long)g->size, (u32)ipc_pid_nr(g->cpid),
		   (u32)ipc_pid_nr(g->lpid), g->nattch, uid_to_user(o->uid), gid_to_user(o->gid),
		   uid_to_user(o->cuid), gid_to_user(o->cgid), (unsigned long long)g->atime,
		   (unsigned long long)g->dtime, (unsigned long long)g->ctime,
		   (unsigned long)shm_resident_pages(g) << PAGE_SHIFT, 0ul);
}
