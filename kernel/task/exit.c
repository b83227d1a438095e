/*
 * The end of tasks and processes.
 *
 * A thread gives back what it has, becomes a zombie, and switches away for ever.  The leader's
 * zombie stays for the parent's wait(); other threads are reaped at once by themselves.  The leader
 * may end first: then its parent is told when the last other thread has gone.  What the children of
 * a process need (a new parent, the rules for orphaned groups) happens when its last thread ends.
 */
#include <kernel/task/task_impl.h>

#include <kern/bug.h>
#include <kern/errno.h>
#include <kernel/coredump/coredump.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/futex/futex.h>
#include <kernel/ns/ns.h>
#include <kernel/ns/ucount.h>
#include <kernel/panic/panic.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/syscall/syscall.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>

extern const struct task_hook *const __start_task_hook[], *const __stop_task_hook[];
#define for_each_hook(h) \
	for (const struct task_hook *const *h = __start_task_hook; h < __stop_task_hook; h++)

void task_hooks_exec(struct process *p)
{
	for_each_hook(h)
	{
		if ((*h)->exec)
			(*h)->exec(p);
	}
}

static void hooks_exit(struct process *p)
{
	for_each_hook(h)
	{
		if ((*h)->exit)
			(*h)->exit(p);
	}
}

static void hooks_session_exit(struct process *p)
{
	for_each_hook(h)
	{
		if ((*h)->session_exit)
			(*h)->session_exit(p);
	}
}

void task_undo_drop(struct task *t)
{
	for_each_hook(h)
	{
		if ((*h)->undo_drop)
			(*h)->undo_drop(t);
	}
}

int task_undo_share(struct task *child)
{
	int err = 0;

	for_each_hook(h)
	{
		if ((*h)->undo_share && !err)
			err = (*h)->undo_share(child);
	}
	return err;
}

void task_ipc_drop(struct task *t)
{
	if (unlikely(t->sem_undo))
		task_undo_drop(t);
	if (likely(!t->shm_created.first))
		return;
	for_each_hook(h)
	{
		if ((*h)->shm_drop)
			(*h)->shm_drop(t);
	}
}

void task_mm_release(struct task *t)
{
	futex_exit_robust(t);
	if (t->clear_child_tid) {
		if (t->mm && __atomic_load_n(&t->mm->users, __ATOMIC_RELAXED) > 1) {
			(void)!put_user(0u, t->clear_child_tid);
			(void)futex_wake_user(t->clear_child_tid, 1);
		}
		t->clear_child_tid = NULL;
	}
	if (t->vfork_done) {
		spin_lock(&t->alloc_lock);
		struct completion *done = t->vfork_done;

		t->vfork_done = NULL;
		if (done)
			completion_done(done);
		spin_unlock(&t->alloc_lock);
	}
}

static void exit_mm(struct task *t)
{
	struct mm *mm = t->mm;

	task_mm_release(t);
	if (!mm)
		return;
	u64 rss = (u64)max_t(s64, mm->rss_anon + mm->rss_file + mm->rss_shmem, 0);

	rss = max_t(u64, rss, mm->hiwater_rss) * (PAGE_SIZE / 1024);
	if (t->process->max_rss_kb < rss)
		t->process->max_rss_kb = rss;
	/* Its page tables may stay loaded; who frees them makes all CPUs let go first. */
	spin_lock(&t->alloc_lock);
	t->mm = NULL;
	spin_unlock(&t->alloc_lock);
	mm_put(mm);
}

static void exit_files(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct files *files = t->files;
	struct fs_ctx *fs = t->fs;

	t->files = NULL;
	t->fs = NULL;
	spin_unlock(&t->alloc_lock);
	if (files)
		files_put(files);
	if (fs)
		fs_ctx_put(fs);
}

/* ---- orphaned process groups ---- */

/* Under tasklist_lock (or RCU): nobody of the session but outside the group is parent of a member.
 */
static bool becomes_orphaned(struct pid *pgrp, struct process *ignored)
{
	struct process *p;

	list_for_each_entry_rcu(p, &pgrp->members[PID_PGRP], pgrp_link)
	{
		struct process *parent = p->parent;

		if (p == ignored || !parent || process_is_zombie(p) || parent->pid->nr == 1)
			continue;
		if (parent->pgrp != pgrp && parent->session == p->session)
			return false;
	}
	return true;
}

bool pgrp_is_orphaned(struct pid *pgrp)
{
	return becomes_orphaned(pgrp, NULL);
}

static bool has_stopped_member(struct pid *pgrp)
{
	struct process *p;

	list_for_each_entry (p, &pgrp->members[PID_PGRP], pgrp_link) {
		if (p->group_flags & PROC_STOPPED)
			return true;
	}
	return false;
}

/* @p left, or lost, its parent @parent: was that the group's last tie to its session? */
static void orphan_check(struct process *p, struct process *parent, struct process *ignored)
{
	struct pid *pgrp = p->pgrp;

	if (!parent || parent->pgrp == pgrp || parent->session != p->session)
		return;
	if (becomes_orphaned(pgrp, ignored) && has_stopped_member(pgrp)) {
		struct process *m;

		list_for_each_entry (m, &pgrp->members[PID_PGRP], pgrp_link) {
			(void)signal_send_process(m, SIGHUP, NULL);
			(void)signal_send_process(m, SIGCONT, NULL);
		}
	}
}

/* ---- children of a dead process ---- */

static struct process *reaper_for(struct process *p)
{
	struct process *init = p->pid->ns->reaper;

	if (p->has_child_reaper) {
		/* Not across the namespace: somebody may have come in by setns(2). */
		for (struct process *a = p->parent;
		     a && a != init && a->pid->level == p->pid->level; a = a->parent) {
			if (a->is_reaper && a->live)
				return a;
		}
	}
	return init;
}

/* Under tasklist_lock: a thread of @p that can be a parent, NULL if all have ended. */
static struct task *parent_among(struct process *p)
{
	struct task *t, *ending = NULL;

	list_for_each_entry (t, &p->threads, thread_link) {
		if (!(t->flags & TF_EXITING))
			return t;
		if (!t->exit_state)
			ending = t; /* will give them away itself */
	}
	return ending;
}

/* prctl(2), PR_SET_PDEATHSIG: also when it is only the thread that ends. */
static void parent_death_signals(struct process *child)
{
	struct siginfo info = {.si_code = SI_USER};
	struct task *t;

	list_for_each_entry (t, &child->threads, thread_link) {
		int sig = t->pdeath_signal;

		if (!sig || signal_may_send(t, sig))
			continue;
		info.si_signo = sig;
		info.si_pid = task_tgid(current);
		info.si_uid = current->cred->uid;
		(void)signal_send_process(child, sig, &info);
	}
}

static void set_parent_thread(struct process *child, struct task *to)
{
	child->parent_thread = to;
	list_del_init(&child->forked_link);
	if (to)
		list_add_tail(&child->forked_link, &to->forked);
}

/* A thread ends and others of its process go on. */
static void give_to_sibling(struct task *t)
{
	struct process *child, *next;

	if (list_empty(&t->forked))
		return;
	struct task *to = parent_among(t->process);

	list_for_each_entry_safe (child, next, &t->forked, forked_link) {
		set_parent_thread(child, to);
		parent_death_signals(child);
	}
}

/* Under tasklist_lock.  Children whose new parent does not want them go to @dead by traced_link. */
static void give_children_away(struct process *p, struct list_head *dead)
{
	struct process *child, *next, *reaper;

	if (list_empty(&p->children))
		return;
	reaper = reaper_for(p);
	struct task *to = parent_among(reaper);

	list_for_each_entry_safe (child, next, &p->children, sibling) {
		struct task *leader = child->leader;

		process_set_parent(child, reaper);
		set_parent_thread(child, to);
		parent_death_signals(child);
		list_move_tail(&child->sibling, &reaper->children);
		if (leader->exit_state == EXIT_DEAD)
			continue;
		leader->exit_signal = SIGCHLD;
		if (!leader->tracer && process_is_zombie(child) &&
		    signal_notify_exit(leader, SIGCHLD)) {
			leader->exit_state = EXIT_DEAD;
			list_add(&leader->traced_link, dead);
		}
		orphan_check(child, p, NULL);
	}
}

/* Under tasklist_lock: tells whoever waits for @t; true: nobody does. */
static bool announce_zombie(struct task *t)
{
	struct process *p = t->process;
	bool whole = t == p->leader && p->thread_count == 1;

	if (unlikely(t->tracer))
		return signal_notify_exit(t, whole && !ptrace_reparented(t) ? t->exit_signal
									    : SIGCHLD);
	if (t != p->leader)
		return true;
	return whole && signal_notify_exit(t, t->exit_signal);
}

static void exit_notify(struct task *t, bool last)
{
	struct process *p = t->process;
	LIST_HEAD(dead);

	spin_lock_irq(&tasklist_lock);
	if (unlikely(!list_empty(&t->tracees)))
		ptrace_exit_tracer(t, &dead);
	if (last) {
		give_children_away(p, &dead);
		orphan_check(p, p->parent, p);
	} else {
		give_to_sibling(t);
	}
	t->exit_state = EXIT_ZOMBIE;
	bool reap = announce_zombie(t);

	if (reap)
		t->exit_state = EXIT_DEAD;
	if (p->group_exec)
		sched_wake(p->group_exec, TASK_KILLABLE);
	spin_unlock_irq(&tasklist_lock);

	while (!list_empty(&dead)) {
		struct task *z = list_first_entry(&dead, struct task, traced_link);

		list_del_init(&z->traced_link);
		task_release(z);
	}
	if (reap)
		task_release(t);
}

static void callbacks_run(struct task *t)
{
	struct task_callback *cb;

	while ((cb = xchg(&t->callbacks, NULL))) {
		while (cb) {
			struct task_callback *next = cb->next;

			cb->fn(cb);
			cb = next;
		}
	}
}

static void check_init_exit(struct process *p, int code)
{
	if (init_task && p == init_task->process)
		panic("Attempted to kill init! exitcode=0x%08x",
		      p->group_flags & PROC_GROUP_EXIT ? p->group_exit_code : code);
}

void task_exit(int code)
{
	struct task *t = current;
	struct process *p = t->process;

	if (WARN_ON(t->flags & TF_EXITING)) {
		/* Died while dying: what it holds is lost, the others go on. */
		t->exit_state = EXIT_DEAD;
		sched_exit();
	}
	if (unlikely(t->ptrace_flags))
		ptrace_event(PTRACE_EVENT_EXIT, (u64)code);
	signal_exit_thread(t);
	if (unlikely(t->stop_state & STOP_CORE))
		coredump_hold(t);
	bool last = __atomic_sub_fetch(&p->live, 1, __ATOMIC_SEQ_CST) == 0;

	if (last) {
		check_init_exit(p, code);
		hooks_exit(p);
	}
	t->exit_code = code;
	exit_mm(t);
	task_ipc_drop(t);
	exit_files(t);
	if (last && p->session == p->pid)
		hooks_session_exit(p);
	callbacks_run(t);
	ns_exit(t);
	if (unlikely(last && p->group_flags & PROC_UNKILLABLE))
		pid_ns_zap(p->pid->ns);
	exit_notify(t, last);
	lock_debug_exit_check();
	sched_exit();
}

void process_exit_group(int code)
{
	struct task *t = current;
	struct process *p = t->process;

	spin_lock_irq(&t->sighand->lock);
	if (p->group_flags & PROC_GROUP_EXIT) {
		code = p->group_exit_code;
	} else if (p->group_exec) {
		code = 0;
	} else {
		p->group_exit_code = code;
		p->group_flags = (p->group_flags & PROC_UNKILLABLE) | PROC_GROUP_EXIT;
		(void)signal_kill_others();
	}
	spin_unlock_irq(&t->sighand->lock);
	task_exit(code);
}

long sys_exit(int status)
{
	task_exit((status & 0xff) << 8);
}

long sys_exit_group(int status)
{
	process_exit_group((status & 0xff) << 8);
}

/* ---- out of the world ---- */

static void release_leader(struct task *t, struct process *p)
{
	list_del_rcu(&t->all_link);
	pid_detach(p->pgrp, &p->pgrp_link);
	pid_detach(p->session, &p->session_link);
	pid_detach(p->pid, &p->pid_link);
	list_del_init(&p->sibling);
	list_del_init(&p->forked_link);
	/* Who holds the process only does not see the task go: process->leader. */
	WRITE_ONCE(p->leader, NULL);
}

/* One task; returns its leader if that has to follow. */
static struct task *release_one(struct task *t)
{
	struct process *p = t->process;
	struct sighand *sighand = t->sighand;
	struct task *leader, *next = NULL;

	ucounts_uncharge(t->cred->ucounts, UCOUNT_NPROC, 1);
	spin_lock_irq(&tasklist_lock);
	leader = p->leader;
	if (unlikely(t->tracer))
		ptrace_unlink(t);
	usage_fold_thread(t);
	spin_lock(&sighand->lock);
	t->sighand = NULL;
	list_del_rcu(&t->thread_link);
	p->thread_count--;
	signal_flush_queue(&t->pending);
	if (t == leader)
		signal_flush_queue(&p->pending);
	spin_unlock(&sighand->lock);
	pid_detach(t->pid, &t->pid_link);
	if (t == leader) {
		release_leader(t, p);
	} else if (leader->exit_state == EXIT_ZOMBIE && p->thread_count == 1) {
		if (signal_notify_exit(leader, leader->exit_signal)) {
			leader->exit_state = EXIT_DEAD;
			next = leader;
		}
	}
	if (p->group_exec)
		sched_wake(p->group_exec, TASK_KILLABLE);
	spin_unlock_irq(&tasklist_lock);
	sighand_put(sighand);
	seccomp_release(t);
	task_put(t);
	return next;
}

void task_release(struct task *t)
{
	while (t)
		t = release_one(t);
}

/* ---- exec: one thread left ---- */

static int wait_alone(struct task *t, struct process *p)
{
	for (;;) {
		u32 rest = t == p->leader ? 1 : 2;

		spin_lock_irq(&t->sighand->lock);
		sched_set_state(TASK_KILLABLE);
		bool alone = p->thread_count <= rest;

		spin_unlock_irq(&t->sighand->lock);
		if (alone)
			break;
		if (sched_block(TASK_KILLABLE, WAIT_FOREVER))
			return -EAGAIN;
	}
	sched_set_state(TASK_RUNNING);
	return 0;
}

/* The leader has ended or will: takes its number and its place. */
static int take_leadership(struct task *t, struct process *p)
{
	struct task *old = p->leader;

	for (;;) {
		spin_lock_irq(&tasklist_lock);
		if (old->exit_state)
			break;
		sched_set_state(TASK_KILLABLE);
		spin_unlock_irq(&tasklist_lock);
		if (sched_block(TASK_KILLABLE, WAIT_FOREVER))
			return -EAGAIN;
	}
	struct pid *mine = t->pid;

	list_del_rcu(&t->pid_link);
	list_replace_rcu(&old->pid_link, &t->pid_link);
	t->pid = old->pid;
	old->pid = mine;
	pid_attach(mine, PID_TASK, &old->pid_link);
	list_replace_rcu(&old->all_link, &t->all_link);
	t->start_ns = old->start_ns;
	t->start_boot_ns = old->start_boot_ns;
	t->exit_signal = SIGCHLD;
	old->exit_signal = -1;
	old->exit_state = EXIT_DEAD;
	/* Its tracer may wait for a thread that will never report again. */
	if (unlikely(old->tracer))
		wake_up_interruptible(&old->tracer->process->child_wait);
	p->leader = t;
	spin_unlock_irq(&tasklist_lock);
	task_release(old);
	return 0;
}

int process_make_single(void)
{
	struct task *t = current;
	struct process *p = t->process;
	int err;

	if (p->thread_count > 1) {
		spin_lock_irq(&t->sighand->lock);
		if ((p->group_flags & PROC_GROUP_EXIT) || p->group_exec) {
			spin_unlock_irq(&t->sighand->lock);
			return -EAGAIN;
		}
		p->group_exec = t;
		(void)signal_kill_others();
		spin_unlock_irq(&t->sighand->lock);
		err = wait_alone(t, p);
		if (!err && t != p->leader)
			err = take_leadership(t, p);
		spin_lock_irq(&t->sighand->lock);
		p->group_exec = NULL;
		spin_unlock_irq(&t->sighand->lock);
		if (err)
			return err;
	}
	t->exit_signal = SIGCHLD;
	return 0;
}
