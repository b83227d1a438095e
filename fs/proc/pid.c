/*
 * Directories of tasks: /proc/PID, /proc/PID/task/TID, and the root that lists them.
 *
 * A dentry of a task holds its struct pid and is checked at each use: when the pid has no task any
 * more, it is dropped and the look-up finds nothing (ENOENT); open files of it answer ESRCH.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/rcu/rcu.h>
#include <kernel/uio/uio.h>
#include <lib/fmt/fmt.h>
#include <linux/capability.h>

#define PROC_TEXT_MAX 256

extern const struct proc_task_entry *const __start_proc_task_entry[],
	*const __stop_proc_task_entry[];
static const struct inode_ops pid_dir_iops;
static const struct file_ops pid_dir_fops;

bool proc_parse_number(const char *name, u32 len, int *out)
{
	int n = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		n = n * 10 + (name[i] - '0');
	}
	*out = n;
	return true;
}

bool proc_may_look(struct task *t)
{
	return !ptrace_may_access(t, PTRACE_MODE_READ_FS);
}

/* Does the mount show @t, where hiding begins with @level, to current? */
static bool shown(const struct super *sb, struct task *t, int level)
{
	const struct proc_super *ps = proc_super_of(sb);

	if (ps->hide_pid != HIDE_UNTRACEABLE &&
	    (ps->hide_pid < level || cred_in_group(current_cred(), ps->gid)))
		return true;
	return proc_may_look(t);
}

/*
 * Owner of the files: the effective user, or when the memory is not dumpable the root of its user
 * namespace.  Directories that anybody may enter tell the effective user all the same.  Under RCU.
 */
static void pid_owner(const struct inode *i, struct task *t, u32 *uid, u32 *gid)
{
	const struct cred *c = rcu_dereference(t->cred);

	*uid = c->euid;
	*gid = c->egid;
	if (i->mode == (S_IFDIR | 0555))
		return;
	spin_lock(&t->alloc_lock);
	if (!t->mm || READ_ONCE(t->mm->dumpable) != DUMP_USER) {
		*uid = t->mm ? user_ns_kuid(t->mm->user_ns, 0) : 0;
		*gid = t->mm ? user_ns_kgid(t->mm->user_ns, 0) : 0;
	}
	spin_unlock(&t->alloc_lock);
	if (*uid == ID_NONE)
		*uid = 0;
	if (*gid == ID_NONE)
		*gid = 0;
}

static void pid_set_owner(struct inode *i, struct task *t)
{
	rcu_read_lock();
	pid_owner(i, t, &i->uid, &i->gid);
	rcu_read_unlock();
}

int proc_pid_inode(struct super *sb, struct task *t, const struct proc_inode *data, umode_t mode,
		   struct inode **out)
{
	struct inode *i;
	int err = proc_inode_new(sb, mode, &i);

	if (err)
		return err;
	*proc_of(i) = *data;
	proc_of(i)->head.pid = pid_get(data->head.pid);
	pid_set_owner(i, t);
	*out = i;
	return 0;
}

int proc_pid_instantiate(struct dentry *d, struct task *t, const struct proc_inode *data,
			 umode_t mode, const struct inode_ops *iops, const struct file_ops *fops)
{
	struct inode *i;
	int err = proc_pid_inode(d->super, t, data, mode, &i);

	if (err)
		return err;
	i->ops = iops;
	i->fops = fops;
	d->ops = &proc_pid_dentry_ops;
	d->flags |= DENTRY_REVALIDATE;
	dentry_set_inode(d, i);
	return 0;
}

/* Is there a task, and does it still have the owner that the inode shows? Without a reference: RCU.
 */
static bool pid_unchanged(const struct inode *i)
{
	struct pid *pid = proc_of(i)->head.pid;
	struct list_head *first = READ_ONCE(pid->members[PID_TASK].next);
	u32 uid, gid;

	if (first == &pid->members[PID_TASK])
		return false;
	pid_owner(i, container_of(first, struct task, pid_link), &uid, &gid);
	return uid == i->uid && gid == i->gid;
}

/* A change of owner (set-id exec) shows at the next look. */
static int pid_revalidate(struct dentry *d, bool rcu)
{
	struct inode *i = READ_ONCE(d->inode);
	struct task *t;

	if (!i)
		return rcu ? -ECHILD : 0;
	if (rcu)
		return pid_unchanged(i) ? 1 : -ECHILD;
	t = proc_task(i);
	if (!t)
		return 0;
	pid_set_owner(i, t);
	task_put(t);
	return 1;
}

/* Has its last task gone? */
static bool pid_is_empty(const struct pid *pid)
{
	const struct list_head *members = &pid->members[PID_TASK];

	return READ_ONCE(members->next) == members;
}

static int pid_gone(const struct dentry *d)
{
	return !d->inode || pid_is_empty(proc_of(d->inode)->head.pid);
}

const struct dentry_ops proc_pid_dentry_ops = {
	.revalidate = pid_revalidate,
	.delete_on_last_put = pid_gone,
};

/* ---- /proc/PID ---- */

/* Generic file of the table: one show function with the task. */
/* The program that was there at the open may have gone, for one of other rights: then it is empty.
 */
static int show_private(struct seq *s, struct task *t, const struct proc_task_entry *e)
{
	int err = ptrace_access_begin(t, PTRACE_MODE_READ_FS);

	if (err)
		return err == -EPERM ? 0 : err;
	err = e->show(s, t);
	ptrace_access_end(t);
	return err;
}

static int pid_show(struct seq *s, void *v)
{
	const struct inode *i = s->private_data;
	const struct proc_task_entry *e = proc_of(i)->entry;
	struct task *t = proc_task(i);
	int err;

	(void)v;
	if (!t)
		return -ESRCH;
	err = e->private_file ? show_private(s, t, e) : e->show(s, t);
	task_put(t);
	return err;
}

static int pid_file_open(struct inode *i, struct file *f)
{
	if (proc_of(i)->entry->private_file) {
		struct task *t = proc_task(i);
		bool ok = t && proc_may_look(t);

		task_put(t);
		if (!ok)
			return t ? -EACCES : -ESRCH;
	}
	return seq_open_single(f, pid_show, i);
}

static ssize_t pid_file_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct proc_task_entry *e = proc_of(f->inode)->entry;
	char text[PROC_TEXT_MAX];
	size_t len = u->left;
	struct task *t;
	int err;

	(void)pos;
	if (!e->store)
		return -EINVAL;
	err = uio_copy_text(u, text, sizeof(text));
	if (err)
		return err;
	t = proc_task(f->inode);
	if (!t)
		return -ESRCH;
	err = e->store(t, text);
	task_put(t);
	return err ? err : (ssize_t)len;
}

static const struct file_ops pid_file_fops = {
	.open = pid_file_open,
	.read = seq_read,
	.write = pid_file_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

/* The files of a task: the table of this room, then the rows of others.  NULL behind the last. */
static const struct proc_task_entry *entry_at(size_t i)
{
	size_t rows = (size_t)(__stop_proc_task_entry - __start_proc_task_entry);

	if (i < proc_task_entry_count)
		return &proc_task_entries[i];
	i -= proc_task_entry_count;
	return i < rows ? __start_proc_task_entry[i] : NULL;
}

static int pid_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_inode data = *proc_of(dir);
	const struct proc_task_entry *e;
	struct task *t;
	int err;

	for (size_t i = 0; (e = entry_at(i)); i++)
		if (proc_is_name(d, e->name) && !(e->process_only && data.is_thread))
			break;
	if (!e)
		return -ENOENT;
	t = proc_task(dir);
	if (!t)
		return -ENOENT;
	data.entry = e;
	err = proc_pid_instantiate(d, t, &data, e->mode, e->iops ? e->iops : &proc_node_file_iops,
				   e->fops   ? e->fops
				   : e->show ? &pid_file_fops
					     : NULL);
	task_put(t);
	return err;
}

static int pid_readdir(struct file *f, struct dir_context *ctx)
{
	bool is_thread = proc_of(f->inode)->is_thread;
	const struct proc_task_entry *e;

	if (!dir_emit_dots(f, ctx))
		return 0;
	for (; (e = entry_at((size_t)ctx->pos - 2)); ctx->pos++) {
		if (e->process_only && is_thread)
			continue;
		if (!dir_emit(ctx, e->name, (u32)strlen(e->name), f->inode->ino + (u64)ctx->pos,
			      (u8)(e->mode >> 12 & 15)))
			return 0;
	}
	return 0;
}

static int pid_dir_permission(struct inode *i, int mask)
{
	struct task *t;
	int err = 0;

	if (!proc_of(i)->is_thread && pid_is_empty(proc_of(i)->head.pid))
		return -ESRCH;
	if (proc_super_of(i->super)->hide_pid == HIDE_NOTHING)
		return generic_permission(i, mask);
	if (mask & MAY_NOT_BLOCK)
		return -ECHILD;
	t = proc_task(i);
	if (!t)
		return -ESRCH;
	if (!shown(i->super, t, HIDE_CONTENTS))
		err = proc_super_of(i->super)->hide_pid == HIDE_EXISTENCE ? -ENOENT : -EPERM;
	task_put(t);
	return err ? err : generic_permission(i, mask);
}

static int pid_dir_getattr(const struct path *path, struct kstat *st, u32 mask)
{
	struct inode *i = path->dentry->inode;
	struct task *t = proc_task(i);
	bool show = t && shown(i->super, t, HIDE_EXISTENCE);

	(void)mask;
	task_put(t);
	if (t && !show)
		return -ENOENT;
	inode_fill_stat(i, st);
	return 0;
}

static const struct inode_ops pid_dir_iops = {
	.lookup = pid_lookup,
	.permission = pid_dir_permission,
	.getattr = pid_dir_getattr,
};
static const struct file_ops pid_dir_fops = {.readdir = pid_readdir, .lseek = generic_lseek};
/* The same, and told apart: a descriptor of /proc/PID names the process. */
const struct file_ops proc_process_dir_ops = {.readdir = pid_readdir, .lseek = generic_lseek};

static int pid_dir_instantiate(struct dentry *d, struct task *t, bool is_thread)
{
	struct proc_inode data = {.head = {t->pid}, .fd = -1, .is_thread = is_thread};

	return proc_pid_instantiate(d, t, &data, S_IFDIR | 0555, &pid_dir_iops,
				    is_thread ? &pid_dir_fops : &proc_process_dir_ops);
}

/* ---- /proc/PID/task ---- */

static int task_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct task *owner, *t = NULL;
	int tid, err = -ENOENT;

	if (!proc_parse_number(d->name.name, d->name.len, &tid))
		return -ENOENT;
	owner = proc_task(dir);
	if (owner)
		t = task_find_in(proc_super_of(dir->super)->head.pid_ns, tid);
	if (t && t->process == owner->process)
		err = pid_dir_instantiate(d, t, true);
	task_put(t);
	task_put(owner);
	return err;
}

/* The thread with the smallest number above @after; +1 or NULL. */
static struct task *next_thread(struct process *p, const struct pid_ns *ns, int after)
{
	struct task *t, *best = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &p->threads, thread_link)
	{
		int tid = task_tid_in(t, ns);

		if (tid > after && (!best || tid < task_tid_in(best, ns)))
			best = t;
	}
	if (best && !task_tryget(best))
		best = NULL;
	rcu_read_unlock();
	return best;
}

static bool emit_number(struct dir_context *ctx, int nr)
{
	char name[FMT_DEC_MAX];
	size_t len = fmt_dec(name, (u64)nr);

	return dir_emit(ctx, name, (u32)len, (u64)nr << 16, S_IFDIR >> 12);
}

/* Positions are thread numbers, so that threads that come and go do not shift the others. */
static int task_dir_readdir(struct file *f, struct dir_context *ctx)
{
	const struct pid_ns *ns = proc_super_of(f->inode->super)->head.pid_ns;
	struct task *owner = proc_task(f->inode), *t;

	if (!owner)
		return -ENOENT;
	if (dir_emit_dots(f, ctx)) {
		while ((t = next_thread(owner->process, ns, (int)ctx->pos - 2))) {
			int tid = task_tid_in(t, ns);
			bool more = emit_number(ctx, tid);

			task_put(t);
			if (!more)
				break;
			ctx->pos = tid + 2;
		}
	}
	task_put(owner);
	return 0;
}

/* A link for each thread, as if its directory had one. */
static int task_dir_getattr(const struct path *path, struct kstat *st, u32 mask)
{
	struct inode *i = path->dentry->inode;
	struct task *t = proc_task(i);

	(void)mask;
	inode_fill_stat(i, st);
	if (t)
		st->nlink += READ_ONCE(t->process->thread_count);
	task_put(t);
	return 0;
}

const struct inode_ops proc_task_dir_iops = {
	.lookup = task_dir_lookup,
	.getattr = task_dir_getattr,
};
const struct file_ops proc_task_dir_fops = {
	.readdir = task_dir_readdir,
	.lseek = generic_lseek,
};

/* ---- the root ---- */

static int root_lookup(struct inode *dir, struct dentry *d)
{
	struct task *t;
	int nr, err;

	if (!proc_parse_number(d->name.name, d->name.len, &nr))
		return proc_name_shown(dir->super, d->name.name, d->name.len)
			       ? proc_node_dir_iops.lookup(dir, d)
			       : -ENOENT;
	t = task_find_in(proc_super_of(dir->super)->head.pid_ns, nr);
	if (!t)
		return -ENOENT; /* and no negative entry: the number may come */
	if (proc_super_of(dir->super)->hide_pid == HIDE_UNTRACEABLE && !proc_may_look(t)) {
		task_put(t);
		return -ENOENT;
	}
	/* A thread that is no leader has a directory too, though it is not listed: proc(5). */
	err = pid_dir_instantiate(d, t, false);
	task_put(t);
	return err;
}

#define ROOT_FIRST_PID 4096

static int root_readdir(struct file *f, struct dir_context *ctx)
{
	struct super *sb = f->inode->super;
	struct pid_ns *ns = proc_super_of(sb)->head.pid_ns;
	struct process *p;

	if (ctx->pos < ROOT_FIRST_PID) {
		if (!proc_node_emit(f, ctx, &proc_root))
			return 0;
		ctx->pos = ROOT_FIRST_PID;
	}
	while ((p = process_next_in(ns, (int)(ctx->pos - ROOT_FIRST_PID)))) {
		int nr = pid_nr_in(p->pid, ns);
		struct task *t = task_of_pid(p->pid);
		bool more = !t || !shown(sb, t, HIDE_EXISTENCE) || emit_number(ctx, nr);

		task_put(t);

		process_put(p);
		if (!more)
			break;
		ctx->pos = nr + ROOT_FIRST_PID + 1;
	}
	return 0;
}

const struct inode_ops proc_root_iops = {.lookup = root_lookup};
const struct file_ops proc_root_fops = {.readdir = root_readdir, .lseek = generic_lseek};
