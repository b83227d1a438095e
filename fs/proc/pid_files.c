/* The other files of /proc/PID, and the table of all. */
#include <fs/proc/proc_impl.h>

#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/rcu/rcu.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/uio/uio.h>
#include <linux/capability.h>

/* ---- memory of the task: arguments, environment, auxiliary vector ---- */

/* Copies [start, end) of the task's memory into the text. */
static void show_memory(struct seq *s, struct mm *mm, u64 start, u64 end)
{
	u8 chunk[256];

	while (start < end && !s->overflow) {
		size_t want = min_t(size_t, sizeof(chunk), end - start);
		size_t got = mm_access(mm, start, chunk, want, false, true);

		seq_write(s, chunk, got);
		if (got < want)
			return;
		start += got;
	}
}

/* setproctitle(3) writes over the arguments and on into the environment: proc(5) cmdline. */
static void show_cmdline(struct seq *s, struct mm *mm)
{
	char last = 0;

	if (mm->arg_end <= mm->arg_start)
		return;
	if (mm_access(mm, mm->arg_end - 1, &last, 1, false, true) != 1)
		return;
	if (!last) {
		show_memory(s, mm, mm->arg_start, mm->arg_end);
		return;
	}
	for (u64 at = mm->arg_start; at < mm->env_end && !s->overflow; at++) {
		if (mm_access(mm, at, &last, 1, false, true) != 1)
			return;
		seq_putc(s, last);
		if (!last)
			return;
	}
}

static int pid_cmdline(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);

	if (mm)
		show_cmdline(s, mm);
	mm_put(mm);
	return 0;
}

static int pid_environ(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);

	if (mm)
		show_memory(s, mm, mm->env_start, mm->env_end);
	mm_put(mm);
	return 0;
}

static int pid_auxv(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);

	if (mm)
		seq_write(s, mm->saved_auxv, mm->auxv_len * sizeof(u64));
	mm_put(mm);
	return 0;
}

/* ---- /proc/PID/mem ---- */

static int mem_open(struct inode *i, struct file *f)
{
	struct task *t = proc_task(i);
	struct mm *mm = NULL;
	int err = t ? ptrace_access_mm(t, PTRACE_MODE_ATTACH_FS, &mm) : -ESRCH;

	if (err == -EPERM)
		err = -EACCES;
	task_put(t);
	if (mm) {
		mm_ref(mm); /* the space, not its contents: an open file keeps no memory alive */
		mm_put(mm);
	}
	f->private_data = mm;
	return err;
}

static void mem_release(struct file *f)
{
	if (f->private_data)
		mm_unref(f->private_data);
}

static ssize_t mem_move(struct file *f, struct uio *u, loff_t *pos, bool write)
{
	struct mm *mm = f->private_data;
	u8 *page;
	ssize_t done = 0, err = 0;

	if (!mm || !mm_tryget(mm))
		return 0;
	page = frame_alloc_virt(0, GFP_KERNEL);
	if (!page) {
		mm_put(mm);
		return -ENOMEM;
	}
	while (u->left) {
		size_t n = min_t(size_t, u->left, PAGE_SIZE), moved;

		if (write && (moved = uio_copy_from(u, page, n)) < n) {
			err = -EFAULT;
			break;
		}
		moved = mm_access(mm, (u64)*pos, page, n, write, true);
		if (moved && !write && uio_copy_to(u, page, moved) < moved)
			err = -EFAULT;
		if (!moved)
			err = -EIO;
		if (err)
			break;
		*pos += (loff_t)moved;
		done += (ssize_t)moved;
	}
	frame_free_virt(page);
	mm_put(mm);
	return done ? done : err;
}

static ssize_t mem_read(struct file *f, struct uio *u, loff_t *pos)
{
	return mem_move(f, u, pos, false);
}

static ssize_t mem_write(struct file *f, struct uio *u, loff_t *pos)
{
	return mem_move(f, u, pos, true);
}

/* Addresses are offsets, so every value is one. */
static int mem_lseek(struct file *f, loff_t off, int whence, loff_t *out)
{
	if (whence == 1)
		off += f->pos;
	else if (whence != 0)
		return -EINVAL;
	f->pos = off;
	*out = off;
	return 0;
}

static const struct file_ops mem_fops = {
	.open = mem_open,
	.read = mem_read,
	.write = mem_write,
	.lseek = mem_lseek,
	.release = mem_release,
};

/* ---- small texts ---- */

static int pid_comm(struct seq *s, struct task *t)
{
	char comm[TASK_COMM_LEN];

	task_comm(t, comm);
	seq_printf(s, "%s\n", comm);
	return 0;
}

static int comm_show(struct seq *s, void *v)
{
	struct task *t = proc_task(s->private_data);
	int err = t ? pid_comm(s, t) : -ESRCH;

	(void)v;
	task_put(t);
	return err;
}

static int comm_open(struct inode *i, struct file *f)
{
	return seq_open_single(f, comm_show, i);
}

/* A short text that user space writes: into @buf, terminated, trailing newline kept. */
static ssize_t take_text(struct uio *u, char *buf, size_t size)
{
	size_t n = min_t(size_t, u->left, size - 1);

	if (uio_copy_from(u, buf, n) < n)
		return -EFAULT;
	buf[n] = 0;
	return (ssize_t)n;
}

static ssize_t comm_write(struct file *f, struct uio *u, loff_t *pos)
{
	size_t len = u->left;
	char text[TASK_COMM_LEN];
	ssize_t n = take_text(u, text, sizeof(text));
	struct task *t;

	(void)pos;
	if (n < 0)
		return n;
	t = proc_task(f->inode);
	if (!t)
		return -ESRCH;
	if (t->process == current->process)
		task_set_comm(t, text);
	else
		n = -EINVAL;
	task_put(t);
	return n < 0 ? n : (ssize_t)len;
}

static const struct file_ops comm_fops = {
	.open = comm_open,
	.read = seq_read,
	.write = comm_write,
	.lseek = seq_lseek,
	.release = seq_release,
};

static int pid_limits(struct seq *s, struct task *t)
{
	static const struct {
		const char *name, *unit;
	} limit[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};

	seq_puts(
		s,
		"Limit                     Soft Limit           Hard Limit           Units     \n");
	for (unsigned int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit64 r = t->process->rlim[i];
		char soft[24] = "unlimited", hard[24] = "unlimited";

		if (r.rlim_cur != RLIM64_INFINITY)
			snprintf(soft, sizeof(soft), "%llu", (unsigned long long)r.rlim_cur);
		if (r.rlim_max != RLIM64_INFINITY)
			snprintf(hard, sizeof(hard), "%llu", (unsigned long long)r.rlim_max);
		seq_printf(s, "%-25s %-20s %-20s %-10s\n", limit[i].name, soft, hard,
			   limit[i].unit);
	}
	return 0;
}

static int pid_io(struct seq *s, struct task *t)
{
	seq_printf(s, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\n", t->io_rchar,
		   t->io_wchar, t->io_syscr, t->io_syscw);
	seq_puts(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

static int pid_schedstat(struct seq *s, struct task *t)
{
	seq_printf(s, "%llu %llu %llu\n", t->se.sum_exec_ns, t->se.wait_sum_ns,
		   t->se.nvcsw + t->se.nivcsw);
	return 0;
}

static int pid_cgroup(struct seq *s, struct task *t)
{
	(void)t;
	seq_puts(s, "0::/\n");
	return 0;
}

static int pid_personality(struct seq *s, struct task *t)
{
	seq_printf(s, "%08x\n", t->personality);
	return 0;
}

static int pid_children(struct seq *s, struct task *t)
{
	struct process *p;

	if (t->process->leader != t)
		return 0;
	rcu_read_lock();
	list_for_each_entry_rcu(p, &t->process->children, sibling)
		seq_printf(s, "%d ", pid_nr_in(p->pid, proc_seq_ns(s)));
	rcu_read_unlock();
	return 0;
}

/* ---- magic links: exe, cwd, root ---- */

static int link_target(struct dentry *d, struct path *out,
		       int (*get)(struct task *t, struct path *out))
{
	struct task *t = proc_task(d->inode);
	int err = -ESRCH;

	if (!t)
		return err;
	err = proc_may_look(t) ? get(t, out) : -EACCES;
	task_put(t);
	return err;
}

static int get_exe(struct task *t, struct path *out)
{
	struct mm *mm = task_mm(t);
	int err = -ENOENT;

	if (!mm)
		return err;
	rwsem_read_lock(&mm->lock);
	if (mm->exe_file) {
		*out = path_get(&mm->exe_file->path);
		err = 0;
	}
	rwsem_read_unlock(&mm->lock);
	mm_put(mm);
	return err;
}

static int get_place(struct task *t, struct path *out, bool root)
{
	struct fs_ctx *fs = task_fs(t);

	if (!fs)
		return -ENOENT;
	*out = root ? fs_ctx_root(fs) : fs_ctx_pwd(fs);
	fs_ctx_put(fs);
	return 0;
}

static int get_cwd(struct task *t, struct path *out)
{
	return get_place(t, out, false);
}

static int get_root(struct task *t, struct path *out)
{
	return get_place(t, out, true);
}

static int exe_path(struct dentry *d, struct path *out)
{
	return link_target(d, out, get_exe);
}

static int cwd_path(struct dentry *d, struct path *out)
{
	return link_target(d, out, get_cwd);
}

static int root_path(struct dentry *d, struct path *out)
{
	return link_target(d, out, get_root);
}

ssize_t proc_path_text(struct path *p, char *buf, size_t size)
{
	char *page = kmalloc(PATH_MAX_LEN), *start;
	int err = page ? path_format(p, page, PATH_MAX_LEN, &start) : -ENOMEM;
	ssize_t n = err;

	if (!err) {
		n = (ssize_t)min(strlen(start), size);
		memcpy(buf, start, (size_t)n);
	}
	kfree(page);
	path_put(p);
	return n;
}

ssize_t proc_link_text(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct path p;
	int err = i->ops->get_path(d, &p);

	return err ? err : proc_path_text(&p, buf, size);
}

int proc_never_keep(const struct dentry *d)
{
	(void)d;
	return 1;
}

static const struct inode_ops exe_iops = {.readlink = proc_link_text, .get_path = exe_path};
static const struct inode_ops cwd_iops = {.readlink = proc_link_text, .get_path = cwd_path};
static const struct inode_ops root_iops = {.readlink = proc_link_text, .get_path = root_path};

#define PID_SHOW(n, fn)                                           \
	{                                                         \
		.name = (n), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PID_SECRET(n, m, fn)                                                           \
	{                                                                              \
		.name = (n), .mode = S_IFREG | (m), .show = (fn), .private_file = true \
	}

const struct proc_task_entry proc_task_entries[] = {
	{.name = "task",
	 .mode = S_IFDIR | 0555,
	 .iops = &proc_task_dir_iops,
	 .fops = &proc_task_dir_fops,
	 .process_only = true},
	{.name = "fd",
	 .mode = S_IFDIR | 0500,
	 .iops = &proc_fd_dir_iops,
	 .fops = &proc_fd_dir_fops},
	{.name = "fdinfo",
	 .mode = S_IFDIR | 0555,
	 .iops = &proc_fdinfo_dir_iops,
	 .fops = &proc_fdinfo_dir_fops},
	{.name = "map_files",
	 .mode = S_IFDIR | 0500,
	 .iops = &proc_map_files_iops,
	 .fops = &proc_map_files_fops,
	 .process_only = true},
	{.name = "ns",
	 .mode = S_IFDIR | 0511,
	 .iops = &proc_ns_dir_iops,
	 .fops = &proc_ns_dir_fops},
	PID_SECRET("environ", 0400, pid_environ),
	PID_SECRET("auxv", 0400, pid_auxv),
	PID_SHOW("status", proc_pid_status),
	PID_SECRET("personality", 0400, pid_personality),
	PID_SHOW("limits", pid_limits),
	{.name = "comm", .mode = S_IFREG | 0644, .fops = &comm_fops},
	PID_SHOW("cmdline", pid_cmdline),
	PID_SHOW("stat", proc_pid_stat),
	PID_SHOW("statm", proc_pid_statm),
	{.name = "mem", .mode = S_IFREG | 0600, .fops = &mem_fops},
	{.name = "cwd", .mode = S_IFLNK | 0777, .iops = &cwd_iops},
	{.name = "root", .mode = S_IFLNK | 0777, .iops = &root_iops},
	{.name = "exe", .mode = S_IFLNK | 0777, .iops = &exe_iops},
	PID_SHOW("schedstat", pid_schedstat),
	PID_SHOW("cgroup", pid_cgroup),
	PID_SECRET("io", 0400, pid_io),
	PID_SHOW("children", pid_children),
};
const size_t proc_task_entry_count = ARRAY_SIZE(proc_task_entries);
