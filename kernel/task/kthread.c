/*
 * Kernel threads.
 *
 * Each is a process of its own whose parent is kthreadd (pid 2), as ps(1) users expect; kthreadd
 * itself only sleeps and reaps by ignoring SIGCHLD.  pid 1 is kept for the first user process,
 * whichever thread is made first.
 */
#include <kernel/task/helper.h>
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/ns.h>
#include <kernel/ns/ucount.h>
#include <kernel/panic/panic.h>
#include <kernel/slab/slab.h>
#include <kernel/time/time.h>

static struct task *kthreadd;
static struct sighand kthread_sighand; /* everything ignored; shared by all */

static void kthread_main(void *arg)
{
	struct task *t = arg;
	int status = t->kthread_fn(t->kthread_ctx);

	/* After an exec the thread goes on in user mode. */
	if (!t->mm)
		task_exit(status << 8);
}

static int kthreadd_main(void *ctx)
{
	struct wait_queue never;

	(void)ctx;
	wait_queue_init(&never);
	for (;;)
		(void)wait_event_interruptible(&never, false); /* idle, not stuck */
	return 0;
}

static void kthread_publish(struct task *t, struct process *p)
{
	unsigned long irq_flags = spin_lock_irqsave(&tasklist_lock);

	p->live = 1;
	p->thread_count = 1;
	p->pid = pid_get(t->pid);
	process_set_parent(p, kthreadd ? kthreadd->process : NULL);
	p->pgrp = pid_get(current->process->pgrp);
	p->session = pid_get(current->process->session);
	if (p->parent) {
		pid_put(p->pgrp);
		pid_put(p->session);
		p->pgrp = pid_get(p->parent->pgrp);
		p->session = pid_get(p->parent->session);
		list_add_tail(&p->sibling, &p->parent->children);
		p->parent_thread = kthreadd;
		list_add_tail(&p->forked_link, &kthreadd->forked);
	}
	pid_attach(p->pid, PID_PROCESS, &p->pid_link);
	pid_attach(p->pgrp, PID_PGRP, &p->pgrp_link);
	pid_attach(p->session, PID_SESSION, &p->session_link);
	list_add_tail_rcu(&t->thread_link, &p->threads);
	list_add_tail_rcu(&t->all_link, &tasklist);
	pid_attach(t->pid, PID_TASK, &t->pid_link);
	spin_unlock_irqrestore(&tasklist_lock, irq_flags);
}

/* @user: to become a user process, with handlers of its own. */
static int kthread_create(int (*fn)(void *ctx), void *ctx, const char *name, int nr, bool user,
			  struct task **out)
{
	struct process *p;
	struct task *t;
	int err = task_alloc(&t);

	if (err)
		return err;
	t->flags = TF_KTHREAD;
	t->kthread_fn = fn;
	t->kthread_ctx = ctx;
	t->cred = cred_get(&cred_init);
	t->nsproxy = nsproxy_get(&nsproxy_init);
	t->rseq = NULL;
	t->blocked = 0;
	t->restart.fn = NULL;
	t->exit_signal = SIGCHLD;
	t->start_ns = time_mono_ns();
	t->start_boot_ns = time_boot_ns();
	memset(&t->arch, 0, sizeof(t->arch));
	memset(t->comm, 0, sizeof(t->comm));
	(void)strscpy(t->comm, name, sizeof(t->comm));
	err = process_create(NULL, &p);
	if (err)
		goto out_task;
	memcpy(p->rlim, current->process->rlim, sizeof(p->rlim));
	t->process = p;
	p->leader = t;
	err = arch_thread_init_kernel(t, kthread_main, t);
	if (err)
		goto out_process;
	const struct pid_wanted wanted = {.count = 1, .nr = {nr}};

	err = pid_alloc(&pid_ns_init, &wanted, &t->pid);
	if (err)
		goto out_arch;
	if (user) {
		t->flags = 0;
		err = sighand_copy(t, 0);
		if (err)
			goto out_pid;
	} else {
		t->sighand = &kthread_sighand;
		__atomic_fetch_add(&kthread_sighand.refs, 1, __ATOMIC_RELAXED);
	}
	(void)ucounts_charge(t->cred->ucounts, UCOUNT_NPROC, 1, RLIM64_INFINITY);
	sched_fork(t);
	kthread_publish(t, p);
	*out = t;
	return 0;
out_pid:
	pid_abandon(t->pid);
out_arch:
	arch_thread_free(t);
out_process:
	process_free(p);
out_task:
	cred_put(t->cred);
	nsproxy_put(t->nsproxy);
	task_free_unborn(t);
	return err;
}

/* Boot is single-threaded when the first thread is made. */
static int kthreadd_need(void)
{
	struct task *t;

	if (kthreadd)
		return 0;
	kthread_sighand.refs = 1;
	spin_init(&kthread_sighand.lock, LK_SIGHAND);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		kthread_sighand.action[i].handler = (u64)(unsigned long)SIG_IGN;
	int err = kthread_create(kthreadd_main, NULL, "kthreadd", 2, false, &t);

	if (err)
		return err;
	kthreadd = t;
	sched_start(t);
	return 0;
}

int kthread_start(int (*fn)(void *ctx), void *ctx, const char *name, struct task **out)
{
	struct task *t;
	int err = kthreadd_need();

	if (!err)
		err = kthread_create(fn, ctx, name, 0, false, &t);
	if (err)
		return err;
	if (out)
		*out = t;
	sched_start(t);
	return 0;
}

int kthread_start_on(unsigned int cpu, int (*fn)(void *ctx), void *ctx, const char *name,
		     struct task **out)
{
	struct task *t;
	int err = kthreadd_need();

	if (!err)
		err = kthread_create(fn, ctx, name, 0, false, &t);
	if (err)
		return err;
	t->se.allowed = CPUMASK_OF(cpu);
	t->se.cpu = (u16)cpu;
	if (out)
		*out = t;
	sched_start(t);
	return 0;
}

int task_start_init(int (*fn)(void *ctx))
{
	unsigned long irq_flags;
	struct task *t;
	int err = kthreadd_need();

	if (!err)
		err = kthread_create(fn, NULL, "init", 1, true, &t);
	if (err)
		return err;
	irq_flags = spin_lock_irqsave(&tasklist_lock);
	list_del_init(&t->process->sibling);
	list_del_init(&t->process->forked_link);
	process_set_parent(t->process, NULL);
	t->process->parent_thread = NULL;
	t->process->is_reaper = true;
	t->process->group_flags |= PROC_UNKILLABLE;
	spin_unlock_irqrestore(&tasklist_lock, irq_flags);
	pid_ns_init.reaper = t->process;
	init_task = t;
	sched_start(t);
	return 0;
}

int task_start_helper(int (*fn)(void *ctx), void *ctx, const char *name, struct task **out)
{
	struct task *t;
	int err = kthreadd_need();

	if (!err)
		err = kthread_create(fn, ctx, name, 0, true, &t);
	if (err)
		return err;
	*out = task_get(t);
	sched_start(t);
	return 0;
}
