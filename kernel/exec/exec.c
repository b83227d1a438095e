/*
 * execve(2): a new program in an old process.
 *
 * The new memory is built beside the old: arguments go straight into its stack.  A format then
 * looks at the file; exec_commit() is the point of no return.  An error before it is the call's
 * result and nothing has changed; an error after it kills the process.
 */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/cred/filecaps.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/rng/rng.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/procfs/procfs.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>
#include <linux/personality.h>

extern const struct exec_format *const __start_exec_format[], *const __stop_exec_format[];

#define STACK_RANDOM_PAGES 0x3fffffu	    /* 16 GiB */
#define STACK_TOP_SPACE (64u << PAGE_SHIFT) /* above the stack: the vDSO */

static int randomize_va_space = 2;
SYSCTL_INT("kernel/randomize_va_space", 0644, &randomize_va_space, 0, 2);

bool exec_randomizes(int level)
{
	return READ_ONCE(randomize_va_space) >= level &&
	       !(current->personality & ADDR_NO_RANDOMIZE);
}

static int read_head(struct exec *x)
{
	ssize_t n;

	memset(x->head, 0, sizeof(x->head));
	n = vfs_read_kernel(x->file, x->head, sizeof(x->head), 0);
	return n < 0 ? (int)n : 0;
}

static void close_image(struct file *f)
{
	if (!f)
		return;
	vfs_allow_write(f);
	file_put(f);
}

int exec_open_next(struct exec *x, const char *name)
{
	struct file *f;
	char *copy;
	int err;

	if (x->depth++ >= EXEC_DEPTH_MAX)
		return -ELOOP;
	copy = kstrdup(name);
	if (!copy)
		return -ENOMEM;
	err = vfs_open_exec(AT_FDCWD, name, 0, &f);
	if (err) {
		kfree(copy);
		return err;
	}
	kfree(x->interp_name);
	x->interp_name = copy;
	close_image(x->file);
	x->file = f;
	x->again = true;
	return read_head(x);
}

/* ---- the new address space ---- */

static int make_mm(struct exec *x)
{
	u64 top = (u64)USER_END_DEFAULT - STACK_TOP_SPACE, start;
	int err = mm_create(&x->mm);

	if (err)
		return err;
	if (exec_randomizes(1))
		top -= (rng_u64() & STACK_RANDOM_PAGES) << PAGE_SHIFT;
	top &= PAGE_MASK;
	err = mm_map_stack(x->mm, top, false, &start);
	if (err)
		return err;
	x->stack = top;
	x->stack_top = top - sizeof(u64);
	return 0;
}

/* mmap's region ends below the stack's largest extent, at a random distance. */
static void layout(struct exec *x)
{
	u64 gap = task_rlimit(RLIMIT_STACK) + (1u << 20);
	u64 rnd = exec_randomizes(1) ? (rng_u64() & 0xfffffffull) << PAGE_SHIFT : 0;

	gap += (u64)STACK_RANDOM_PAGES << PAGE_SHIFT;
	gap = clamp_t(u64, gap, 128u << 20, (u64)USER_END_DEFAULT / 6 * 5);
	x->mm->task_size = USER_END;
	x->mm->mmap_base = ((u64)USER_END_DEFAULT - gap - rnd) & PAGE_MASK;
}

static void secure_limits(struct exec *x)
{
	struct task *leader = current->process->leader;
	struct rlimit64 *r = &current->process->rlim[RLIMIT_STACK];

	if (!x->secure)
		return;
	current->pdeath_signal = 0;
	spin_lock(&leader->alloc_lock);
	if (r->rlim_cur > 8u << 20)
		r->rlim_cur = 8u << 20;
	spin_unlock(&leader->alloc_lock);
}

/* Before the point of no return: what the file says about rights, and whether it may run at all. */
static int judge_file(struct exec *x, struct program_file *f)
{
	struct inode *i = x->file->inode;

	*f = (struct program_file){.may_suid = mount_may_suid(&x->file->path)};
	/* Together: chown(2) takes the set-id bits away as it gives the file to somebody else. */
	rwsem_read_lock(&i->lock);
	f->mode = i->mode;
	f->uid = i->uid;
	f->gid = i->gid;
	rwsem_read_unlock(&i->lock);
	if (!f->may_suid)
		return 0;
	int err = file_caps_read(x->file->path.dentry, &f->caps);

	return err ? err : file_caps_judge(&f->caps, x->cred);
}

static void fill_cred(struct exec *x, struct program_file *f)
{
	const struct cred *old = current->cred;

	/* Another process that shares our root or cwd could lead a set-id program astray. */
	f->led = current->fs && READ_ONCE(current->fs->refs) > 1;
	cred_exec(x->cred, f, &x->secure);
	ptrace_exec_cred(x->cred);
	if (x->cred->euid != old->uid || x->cred->egid != old->gid ||
	    (x->cred->cap_permitted & ~old->cap_permitted))
		current->personality &= ~(u32)PER_CLEAR_ON_SETID;
}

static void set_comm(struct exec *x)
{
	const char *base = strrchr(x->filename, '/');

	task_set_comm(current, base ? base + 1 : x->filename);
}

/* Could somebody with all capabilities in @u read @i? */
static bool owns_inode(const struct user_ns *u, const struct inode *i)
{
	return user_ns_uid(u, i->uid) != ID_NONE && user_ns_gid(u, i->gid) != ID_NONE;
}

void exec_judge_dump(struct exec *x, struct file *f)
{
	struct user_ns *u = x->mm->user_ns;

	if (!vfs_permission(f->inode, MAY_READ))
		return;
	x->unreadable = true;
	while (user_ns_parent(u) && !owns_inode(u, f->inode))
		u = user_ns_parent(u);
	if (u != x->mm->user_ns) {
		user_ns_get(u);
		user_ns_put(x->mm->user_ns);
		x->mm->user_ns = u;
	}
}

/* A change of credentials narrows it further: cred_commit(). */
static void set_dumpable(const struct exec *x)
{
	const struct cred *c = current->cred;
	bool own = c->euid == c->uid && c->egid == c->gid && !x->unreadable;

	current->mm->dumpable = own ? DUMP_USER : (u8)READ_ONCE(mm_suid_dumpable);
}

int exec_commit(struct exec *x)
{
	struct task *t = current;
	struct process *p = t->process;
	struct program_file file;
	int err;

	err = judge_file(x, &file);
	if (!err)
		err = process_make_single();
	if (err)
		return err;
	x->committed = true;
	exec_judge_dump(x, x->file);
	err = sighand_unshare();
	if (err)
		return err;
	if (t->files) {
		err = files_unshare();
		if (err)
			return err;
	}
	mutex_lock(&p->exec_lock);
	/* Nobody attaches between this and the new memory, which says who may. */
	fill_cred(x, &file);
	args_flush(x);
	layout(x);
	/* Nobody writes to a program that runs; the denial is the new memory's, and ends with it.
	 */
	if (!vfs_deny_write(x->file))
		x->mm->exe_file = file_get(x->file);
	task_mm_release(t);
	mm_replace_current(x->mm);
	x->mm = NULL;
	secure_limits(x);
	set_dumpable(x);
	cred_commit(x->cred);
	x->cred = NULL;
	mutex_unlock(&p->exec_lock);
	t->robust_list = NULL;
	t->clear_child_tid = NULL;
	t->flags &= ~(TF_FORKNOEXEC | TF_KTHREAD);
	rseq_exec(t);
	task_hooks_exec(p);
	if (t->files)
		files_exec();
	signal_exec();
	set_comm(x);
	p->did_exec = true;
	p->exec_id++;
	return 0;
}

/* ---- the call ---- */

static int try_formats(struct exec *x)
{
	int err = -ENOEXEC;

	for (const struct exec_format *const *f = __start_exec_format; f < __stop_exec_format;
	     f++) {
		x->again = false;
		err = (*f)->load(x);
		if (err != -ENOEXEC || x->again || x->committed)
			break;
	}
	return err;
}

/* What no format knows is ENOEXEC; a script's interpreter is looked at in turn. */
static int run_formats(struct exec *x)
{
	int err;

	do {
		err = try_formats(x);
	} while (!err && x->again);
	return err;
}

static void exec_free(struct exec *x)
{
	args_flush(x);
	kfree(x->page);
	kvfree(x->strings);
	if (x->mm)
		mm_put(x->mm);
	cred_abort(x->cred);
	close_image(x->interp);
	close_image(x->file);
	kfree(x->interp_name);
	kfree(x->fd_name);
	kfree(x);
}

/* AT_EXECFN, and what a script's interpreter is given, when only a descriptor names the file. */
static int name_by_fd(struct exec *x, int dfd, const char *path)
{
	if (dfd == AT_FDCWD || path[0] == '/') {
		x->filename = (char *)(unsigned long)path;
		return 0;
	}
	x->fd_name = path[0] ? kasprintf("/dev/fd/%d/%s", dfd, path) : kasprintf("/dev/fd/%d", dfd);
	x->filename = x->fd_name;
	return x->fd_name ? 0 : -ENOMEM;
}

static bool fd_is_cloexec(int dfd)
{
	unsigned int at = (unsigned int)dfd;
	u32 cloexec = 0;
	struct file *f = files_next(current->files, &at, &cloexec);

	if (f)
		file_put(f);
	return f && at == (unsigned int)dfd && cloexec;
}

static int exec_prepare(struct exec *x, int dfd, const char *path, int at_flags,
			struct exec_vector *argv, struct exec_vector *envp)
{
	int err = vfs_open_exec(dfd, path, at_flags, &x->file);

	if (!err)
		err = name_by_fd(x, dfd, path);
	if (err)
		return err;
	if (x->fd_name)
		x->from_fd = fd_is_cloexec(dfd);
	err = args_count(argv);
	if (!err)
		err = args_count(envp);
	if (!err)
		err = make_mm(x);
	if (!err)
		err = args_setup(x, argv, envp);
	if (!err)
		err = cred_prepare(&x->cred);
	return err ? err : read_head(x);
}

/* A user with too many processes, whom no fork refused as it came here by set*uid(2). */
static int judge_nproc(void)
{
	struct task *t = current;

	if (likely(!(t->flags & TF_NPROC_EXCEEDED)))
		return 0;
	if (ucounts_over(t->cred->ucounts, UCOUNT_NPROC, task_rlimit(RLIMIT_NPROC)))
		return -EAGAIN;
	t->flags &= ~TF_NPROC_EXCEEDED;
	return 0;
}

static int exec_run(int dfd, const char *path, int at_flags, struct exec_vector *argv,
		    struct exec_vector *envp)
{
	struct exec *x = kzalloc(sizeof(*x));
	int err;
	/* A thread that execs takes its leader's number: what the tracer knew it by. */
	u64 old_tid = unlikely(current->ptrace_flags) ? ptrace_message_pid(current->pid) : 0;

	if (!x)
		return -ENOMEM;
	err = judge_nproc();
	if (!err)
		err = exec_prepare(x, dfd, path, at_flags, argv, envp);
	if (!err)
		err = run_formats(x);
	if (err && x->committed && !signal_fatal_pending(current))
		signal_force_fatal_if(SIGSEGV, true);
	exec_free(x);
	if (!err && unlikely(current->ptrace_flags))
		ptrace_event(PTRACE_EVENT_EXEC, old_tid);
	return err;
}

static long exec_user(int dfd, const char __user *upath, const char __user *const __user *argv,
		      const char __user *const __user *envp, int flags)
{
	struct exec_vector av = {.user = argv}, ev = {.user = envp};
	char *path;
	int err;

	err = vfs_getname(upath, &path);
	if (err)
		return err;
	if (!path[0] && !(flags & AT_EMPTY_PATH))
		err = -ENOENT;
	else if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		err = -EINVAL;
	else
		err = exec_run(dfd, path, flags, &av, &ev);
	vfs_putname(path);
	return err;
}

long sys_execve(const char __user *path, const char __user *const __user *argv,
		const char __user *const __user *envp)
{
	return exec_user(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(int dfd, const char __user *path, const char __user *const __user *argv,
		  const char __user *const __user *envp, int flags)
{
	return exec_user(dfd, path, argv, envp, flags);
}

int exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_vector av = {.kernel = argv}, ev = {.kernel = envp};

	return exec_run(AT_FDCWD, path, 0, &av, &ev);
}
