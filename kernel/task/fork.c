/*
 * Making a task: fork, vfork, clone.
 *
 * Everything that can fail is done while nobody knows the child; then it enters the family tree
 * under tasklist_lock and the handlers' lock, so that a signal to the group either is seen before
 * (and the call starts over) or finds the child.
 */
#include <kernel/task/fork_impl.h>

#include <kern/errno.h>
#include <kernel/cred/cred.h>
#include <kernel/exec/exec.h>
#include <kernel/file/file.h>
#include <kernel/ns/user.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task_impl.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/fcntl.h>
#include <linux/sched.h>

static int copy_process_object(struct task *t, u64 flags)
{
	struct process *p;

	if (flags & CLONE_THREAD) {
		t->process = process_get(current->process);
		return 0;
	}
	int err = process_create(current->process, &p);

	if (err)
		return err;
	t->process = p;
	p->leader = t;
	if (flags & CLONE_PARENT)
		p->has_child_reaper = current->process->has_child_reaper;
	return 0;
}

static int copy_mm(struct task *t, u64 flags)
{
	struct mm *mm = current->mm;

	if (!mm)
		return 0;
	if (flags & CLONE_VM) {
		t->mm = mm_get(mm);
	} else {
		int err = mm_fork(mm, &t->mm);

		if (err)
			return err;
		if (unlikely(!ns_is_first_time(t->nsproxy->of[NS_TIME])))
			vdso_set_time(t->mm, t->nsproxy->of[NS_TIME]);
	}
	t->active_mm = t->mm;
	return 0;
}

static void drop_process_object(struct task *t)
{
	if (t->process == current->process)
		process_put(t->process);
	else
		process_free(t->process);
	t->process = NULL;
}

/* What the child shares with or copies of its parent; undone in reverse on failure. */
static int copy_resources(struct task *t, const struct fork_request *r)
{
	int err = copy_process_object(t, r->flags);

	if (err)
		return err;
	err = sighand_copy(t, r->flags);
	if (err)
		goto out_process;
	err = files_copy(t, r->flags);
	if (err)
		goto out_sighand;
	err = fs_ctx_copy(t, r->flags);
	if (err)
		goto out_files;
	err = ns_copy_for_child(t, r->flags);
	if (err)
		goto out_fs;
	err = copy_mm(t, r->flags);
	if (err)
		goto out_ns;
	err = arch_thread_fork_user(t, task_regs(current), r->stack, r->flags & CLONE_SETTLS,
				    r->tls);
	if (err)
		goto out_mm;
	if (r->flags & CLONE_SYSVSEM)
		err = task_undo_share(t);
	if (err)
		goto out_arch;
	return 0;
out_arch:
	arch_thread_free(t);
out_mm:
	if (t->mm)
		mm_put(t->mm);
out_ns:
	nsproxy_put(t->nsproxy);
out_fs:
	fs_ctx_put(t->fs);
out_files:
	files_put(t->files);
out_sighand:
	sighand_put(t->sighand);
out_process:
	drop_process_object(t);
	return err;
}

static void drop_resources(struct task *t)
{
	if (t->sem_undo)
		task_undo_drop(t);
	arch_thread_free(t);
	if (t->mm)
		mm_put(t->mm);
	nsproxy_put(t->nsproxy);
	fs_ctx_put(t->fs);
	files_put(t->files);
	sighand_put(t->sighand);
	drop_process_object(t);
}

static void init_identity(struct task *t, const struct fork_request *r)
{
	u64 flags = r->flags;

	t->start_ns = time_mono_ns();
	t->start_boot_ns = time_boot_ns();
	t->exit_signal = r->exit_signal;
	t->default_timer_slack_ns = current->timer_slack_ns;
	if (flags & CLONE_VFORK)
		t->flags |= TF_VFORK;
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->child_tid;
	if (flags & CLONE_CHILD_SETTID) {
		/* Written by the child itself, in its own memory, on its first way out. */
		t->set_child_tid = r->child_tid;
		t->work |= WORK_NOTIFY;
	}
	if ((flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM) {
		t->altstack_sp = t->altstack_size = 0;
		t->altstack_flags = 0;
	}
	if (flags & CLONE_VM)
		rseq_exec(t);
}

static void publish_thread(struct task *t)
{
	t->exit_signal = -1;
	list_init(&t->all_link);
	__atomic_fetch_add(&t->process->live, 1, __ATOMIC_RELAXED);
}

static void publish_process(struct task *t, u64 flags)
{
	struct process *p = t->process, *me = current->process;

	if (flags & CLONE_PARENT) {
		p->parent_thread = me->parent_thread;
		p->parent_exec_id = me->parent_exec_id;
		t->exit_signal = me->leader->exit_signal;
	} else {
		p->parent_thread = current;
		p->parent_exec_id = me->exec_id;
	}
	p->exec_id = me->exec_id;
	p->live = 1;
	p->pid = pid_get(t->pid);
	process_set_parent(p, flags & CLONE_PARENT ? me->parent : me);
	p->pgrp = pid_get(me->pgrp);
	p->session = pid_get(me->session);
	p->tty = me->tty;
	pid_attach(p->pid, PID_PROCESS, &p->pid_link);
	pid_attach(p->pgrp, PID_PGRP, &p->pgrp_link);
	pid_attach(p->session, PID_SESSION, &p->session_link);
	if (unlikely(p->pid->own_nr == 1)) {
		/* The first of a namespace looks after it. */
		p->pid->ns->reaper = p;
		p->group_flags |= PROC_UNKILLABLE;
	}
	list_add_tail(&p->sibling, &p->parent->children);
	list_add_tail(&p->forked_link, &p->parent_thread->forked);
	list_add_tail_rcu(&t->all_link, &tasklist);
}

/* Into the family tree; -ERESTARTNOINTR when a signal came meanwhile. */
static int publish(struct task *t, u64 flags, bool traced)
{
	struct process *p = t->process;
	int err = 0;

	spin_lock_irq(&tasklist_lock);
	spin_lock(&current->sighand->lock);
	if (signal_pending(current)) {
		err = signal_fatal_pending(current) ? -EINTR : -ERESTARTNOINTR;
	} else {
		if (flags & CLONE_THREAD)
			publish_thread(t);
		else
			publish_process(t, flags);
		seccomp_fork(t);
		if (unlikely(traced))
			ptrace_fork(t);
		list_add_tail_rcu(&t->thread_link, &p->threads);
		p->thread_count++;
		pid_attach(t->pid, PID_TASK, &t->pid_link);
	}
	spin_unlock(&current->sighand->lock);
	spin_unlock_irq(&tasklist_lock);
	return err;
}

static void drop_cred(struct task *t)
{
	ucounts_uncharge(t->cred->ucounts, UCOUNT_NPROC, 1);
	cred_put(t->cred);
}

/* The caller's credentials, or with CLONE_NEWUSER a copy in a user namespace of its own. */
static int copy_cred(struct task *t, u64 flags)
{
	struct cred *c;
	int err;

	if (likely(!(flags & CLONE_NEWUSER))) {
		t->cred = cred_get(current->cred);
	} else {
		err = cred_prepare(&c);
		if (err)
			return err;
		err = user_ns_create(c);
		if (err) {
			cred_abort(c);
			return err;
		}
		t->cred = cred_publish(c);
	}
	if (unlikely(!ucounts_charge(t->cred->ucounts, UCOUNT_NPROC, 1,
				     task_rlimit(RLIMIT_NPROC))) &&
	    t->cred->uid && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN)) {
		drop_cred(t);
		return -EAGAIN;
	}
	if (unlikely(current->flags & TF_NPROC_EXCEEDED))
		current->flags &= ~TF_NPROC_EXCEEDED;
	return 0;
}

static int fork_task(const struct fork_request *r, struct task **out)
{
	struct task *t;
	int err;

	if (signal_pending(current))
		return -ERESTARTNOINTR;
	if (READ_ONCE(task_count) > (u32)task_threads_max)
		return -EAGAIN;
	err = task_alloc(&t);
	if (err)
		return err;
	err = copy_cred(t, r->flags);
	if (err)
		goto out_free;
	init_identity(t, r);
	err = copy_resources(t, r);
	if (err)
		goto out_task;
	struct pid_ns *ns = pid_ns_of(t->nsproxy->of[NS_PID_CHILDREN]);

	if (unlikely(r->wanted.count))
		err = pid_wanted_judge(&r->wanted, ns);
	if (!err)
		err = pid_alloc(ns, &r->wanted, &t->pid);
	if (err)
		goto out_resources;
	sched_fork(t);
	*out = t;
	return 0;

out_resources:
	drop_resources(t);
out_task:
	drop_cred(t);
out_free:
	task_free_unborn(t);
	return err;
}

static void fork_undo(struct task *t)
{
	pid_abandon(t->pid);
	drop_resources(t);
	drop_cred(t);
	task_free_unborn(t);
}

/* vfork: until the child has exec'ed or exited; a fatal signal leaves the child on its own. */
static int vfork_wait(struct task *child, struct completion *done)
{
	int err = completion_wait_killable(done);

	if (err) {
		spin_lock(&child->alloc_lock);
		child->vfork_done = NULL;
		spin_unlock(&child->alloc_lock);
	}
	task_put(child);
	return err;
}

static int fork_pidfd(struct task *t, const struct fork_request *r, int *fd, struct file **f)
{
	int err = pidfd_create(t->pid, O_RDWR | O_CLOEXEC, f);

	if (err)
		return err;
	err = fd_reserve(0, O_CLOEXEC, fd);
	if (err) {
		file_put(*f);
		return err;
	}
	if (put_user(*fd, r->pidfd)) {
		fd_unreserve(*fd);
		file_put(*f);
		return -EFAULT;
	}
	return 0;
}

long fork_user(const struct fork_request *r)
{
	struct completion vfork_done;
	struct file *pidfile = NULL;
	struct task *t;
	int pidfd = -1, event = ptrace_fork_event(r->flags, r->exit_signal);
	int err = fork_task(r, &t);

	if (err)
		return err;
	if (r->flags & CLONE_PIDFD) {
		err = fork_pidfd(t, r, &pidfd, &pidfile);
		if (err) {
			fork_undo(t);
			return err;
		}
	}
	err = publish(t, r->flags, event || (r->flags & CLONE_PTRACE));
	if (err) {
		if (pidfile) {
			fd_unreserve(pidfd);
			file_put(pidfile);
		}
		fork_undo(t);
		return err;
	}
	if (pidfile)
		fd_install(pidfd, pidfile);
	int nr = pid_vnr(t->pid);

	__atomic_fetch_add(&task_forks, 1, __ATOMIC_RELAXED);
	if (r->flags & CLONE_PARENT_SETTID)
		(void)!put_user((u32)nr, r->parent_tid);
	if (r->flags & CLONE_VFORK) {
		completion_init(&vfork_done);
		t->vfork_done = &vfork_done;
		task_get(t);
	}
	/* Before it runs: it may be gone when the tracer is told. */
	u64 message = unlikely(current->ptrace_flags) ? ptrace_message_pid(t->pid) : 0;

	sched_start(t);
	if (unlikely(event))
		ptrace_event(event, message);
	if ((r->flags & CLONE_VFORK) && !vfork_wait(t, &vfork_done) &&
	    ptrace_event_enabled(PTRACE_EVENT_VFORK_DONE))
		ptrace_event(PTRACE_EVENT_VFORK_DONE, message);
	return nr;
}
