/*
 * The dump as a whole: the other threads are stopped, the destination opened, the image written.
 *
 * Threads are stopped by killing them: each is held in coredump_hold() at the end of its way out of
 * user mode, with its registers on its stack, until the image is complete.
 */
#include <kernel/coredump/coredump_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/sched/sched.h>
#include <kernel/seq/seq.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>

/* Bits that mean something here: no DAX. */
#define DUMP_FILTER_ALL 0x7fu
#define OFF_CPU_POLL_NS 100000u

static u32 dumps_to_pipes; /* atomic */

/* ---- threads ---- */

/* Under LK_SIGHAND: all others die; those that have not begun to are counted and held. */
static void kill_and_count(struct coredump *cd)
{
	struct process *p = current->process;
	struct task *t;

	(void)signal_kill_others();
	list_for_each_entry (t, &p->threads, thread_link) {
		if (t == current || (t->flags & TF_EXITING))
			continue;
		t->stop_state |= STOP_CORE;
		cd->to_stop++;
		cd->inside++;
	}
}

/* False: the process is ending already. */
static bool begin(struct coredump *cd, int sig)
{
	struct task *t = current;
	struct process *p = t->process;

	wait_queue_init(&cd->stopped);
	wait_queue_init(&cd->held);
	spin_lock_irq(&t->sighand->lock);
	bool ok = !(p->group_flags & PROC_GROUP_EXIT) && !p->group_exec;

	if (ok) {
		p->group_flags = (p->group_flags & PROC_UNKILLABLE) | PROC_GROUP_EXIT;
		p->group_exit_code = sig;
		p->coredump = cd;
		kill_and_count(cd);
		/* Only SIGKILL gets through from now on; what is pending disturbs no write. */
		task_work_clear(t, WORK_SIGNAL);
	}
	spin_unlock_irq(&t->sighand->lock);
	return ok;
}

static bool is_zero(const u32 *count)
{
	spin_lock_irq(&current->sighand->lock);
	bool yes = !*count;

	spin_unlock_irq(&current->sighand->lock);
	return yes;
}

/* Their registers are in memory once they are off their CPUs. */
static void wait_off_cpus(struct process *p)
{
	struct task *t;
	bool busy;

	do {
		busy = false;
		rcu_read_lock();
		list_for_each_entry_rcu(t, &p->threads, thread_link)
		{
			if (t != current && (t->stop_state & STOP_CORE) &&
			    (READ_ONCE(t->se.on_cpu) || READ_ONCE(t->se.on_rq)))
				busy = true;
		}
		rcu_read_unlock();
		if (busy)
			(void)!sched_sleep_until(time_mono_ns() + OFF_CPU_POLL_NS,
						 TASK_UNINTERRUPTIBLE);
	} while (busy);
}

static void end(struct coredump *cd, bool dumped)
{
	struct task *t = current;
	struct process *p = t->process;

	spin_lock_irq(&t->sighand->lock);
	/* One that was killed meanwhile does not count. */
	if (dumped && !signal_fatal_pending(t))
		p->group_exit_code |= 0x80;
	p->coredump = NULL;
	cd->done = true;
	spin_unlock_irq(&t->sighand->lock);
	wake_up_all(&cd->held);
}

void coredump_hold(struct task *t)
{
	struct coredump *cd;

	spin_lock_irq(&t->sighand->lock);
	cd = t->stop_state & STOP_CORE ? t->process->coredump : NULL;
	if (cd && --cd->to_stop == 0)
		wake_up_all(&cd->stopped);
	spin_unlock_irq(&t->sighand->lock);
	if (!cd)
		return;
	wait_event(&cd->held, READ_ONCE(cd->done));
	spin_lock_irq(&t->sighand->lock);
	t->stop_state &= ~STOP_CORE;
	/* With the lock: the dumper, and its stack, waits for it. */
	if (--cd->inside == 0)
		wake_up_all(&cd->stopped);
	spin_unlock_irq(&t->sighand->lock);
}

/* ---- destinations ---- */

static bool file_acceptable(struct file *f)
{
	struct kstat st;

	if (vfs_getattr(&f->path, &st, STATX_BASIC_STATS))
		return false;
	return S_ISREG(st.mode) && st.nlink == 1 && st.uid == current->cred->fsuid &&
	       (st.mode & 0677) == 0600;
}

static int open_file(const char *path, bool safe, struct core_out *o)
{
	int err;

	if (o->limit < PAGE_SIZE)
		return -EFBIG;
	if (safe && path[0] != '/') {
		pr_warn("Pid %d(%s) can only dump core to fully qualified path!\n",
			task_tgid(current), current->comm);
		return -EPERM;
	}
	if (safe)
		err = core_use_init_root();
	else
		err = vfs_unlink(path);
	if (safe && err)
		return err;
	err = vfs_open(path, O_CREAT | O_WRONLY | O_NOFOLLOW | O_LARGEFILE | O_EXCL, 0600,
		       &o->file);
	if (err)
		return err;
	if (file_acceptable(o->file))
		return 0;
	file_put(o->file);
	return -EPERM;
}

/* Mode 2 dumps as root, as the ids of the process say nothing about what it has seen. */
static int become_root(void)
{
	struct cred *c;
	int err = cred_prepare(&c);

	if (err)
		return err;
	c->fsuid = 0;
	cred_commit(c);
	return 0;
}

static bool write_file(const struct siginfo *info, const char *path, struct core_out *o)
{
	bool safe = current->mm->dumpable == DUMP_ROOT;

	if ((safe && become_root()) || open_file(path, safe, o))
		return false;
	bool ok = core_write_elf(o, info);

	core_finish(o);
	file_put(o->file);
	return ok;
}

/* The program may look at /proc/PID as long as it reads, if core_pipe_limit says so. */
static void wait_for_helper(struct task *helper)
{
	while (READ_ONCE(helper->exit_state) == EXIT_NONE && !signal_fatal_pending(current)) {
		if (sched_sleep_until(time_mono_ns() + 10000000u, TASK_KILLABLE))
			break;
	}
}

static bool write_pipe(const struct siginfo *info, struct core_name *n, struct core_out *o)
{
	u32 now = __atomic_add_fetch(&dumps_to_pipes, 1, __ATOMIC_RELAXED);
	int max = READ_ONCE(core_pipe_limit);
	struct task *helper;
	bool ok = false;

	if (max && now > (u32)max) {
		pr_warn("Pid %d(%s) over core_pipe_limit\n", task_tgid(current), current->comm);
	} else if (core_helper_start(n, &o->file, &helper)) {
		pr_info("Core dump to |%s pipe failed\n", n->argv[0]);
	} else {
		o->pipe = true;
		o->limit = U64_MAX;
		ok = core_write_elf(o, info);
		file_put_now(o->file);
		if (max)
			wait_for_helper(helper);
		task_put(helper);
	}
	__atomic_fetch_sub(&dumps_to_pipes, 1, __ATOMIC_RELAXED);
	return ok;
}

static bool dump(const struct siginfo *info, u64 limit)
{
	struct core_out o = {.limit = limit};
	struct core_name *n = kzalloc(sizeof(*n));
	bool ok = false;

	if (n && !core_name_make(info, n)) {
		/* The helper's own limit is 1: it does not dump itself. */
		if (!n->pipe)
			ok = write_file(info, n->argv[0], &o);
		else if (limit == 1)
			pr_warn("Process %d(%s) has RLIMIT_CORE set to 1\n", task_tgid(current),
				current->comm);
		else
			ok = write_pipe(info, n, &o);
		core_name_free(n);
	}
	kfree(n);
	return ok;
}

void coredump_write(const struct siginfo *info)
{
	struct coredump cd = {0};
	struct task *t = current;
	u64 limit = task_rlimit(RLIMIT_CORE);

	if (!t->mm || t->mm->dumpable == DUMP_NONE || !begin(&cd, info->si_signo))
		return;
	wait_event(&cd.stopped, is_zero(&cd.to_stop));
	wait_off_cpus(t->process);
	end(&cd, dump(info, limit));
	wait_event(&cd.stopped, is_zero(&cd.inside));
}

/* ---- /proc ---- */

static int show_filter(struct seq *s, struct task *t)
{
	struct mm *mm = task_mm(t);

	if (mm)
		seq_printf(s, "%08x\n", mm->coredump_filter);
	mm_put(mm);
	return 0;
}

/* Decimal, or hexadecimal behind 0x: as shells write it. */
static int parse_filter(const char *p, u32 *out)
{
	u32 base = 10, digits = 0, v = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	for (; *p; p++, digits++) {
		u32 d = *p >= '0' && *p <= '9'	 ? (u32)(*p - '0')
			: *p >= 'a' && *p <= 'f' ? (u32)(*p - 'a' + 10)
			: *p >= 'A' && *p <= 'F' ? (u32)(*p - 'A' + 10)
						 : 16;

		if (d >= base || digits >= 8)
			return -EINVAL;
		v = v * base + d;
	}
	*out = v;
	return digits ? 0 : -EINVAL;
}

static int store_filter(struct task *t, const char *text)
{
	u32 v;
	struct mm *mm;
	int err = parse_filter(text, &v);

	if (err)
		return err;
	mm = task_mm(t);
	if (!mm)
		return -ESRCH;
	WRITE_ONCE(mm->coredump_filter, (u8)(v & DUMP_FILTER_ALL));
	mm_put(mm);
	return 0;
}
PROC_TASK_FILE("coredump_filter", 0644, show_filter, store_filter);
SYSCTL_INT("fs/suid_dumpable", 0644, &mm_suid_dumpable, 0, 2);
