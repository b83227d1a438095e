/*
 * Pid namespaces: pid_namespaces(7).
 *
 * unshare and setns choose where children will be; a task's own namespace is that of its struct pid
 * and never changes. When the init of a namespace ends, all that is left inside goes with it.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <linux/sched.h>

static int pid_ns_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	struct pid_ns *parent = pid_ns_of(old), *ns;
	int err;

	/* Children are already to be elsewhere: one step at a time. */
	if (parent != task_pid_ns(current) || !user_ns_is_below(req->owner, parent->ns.owner))
		return -EINVAL;
	if (parent->level >= PID_NS_LEVELS)
		return -ENOSPC;
	ns = kzalloc(sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	err = pid_table_create(&ns->table);
	if (err)
		goto out_free;
	err = ns_init(&ns->ns, &pid_ns_kind, req->owner);
	if (err)
		goto out_table;
	ns_get(&parent->ns);
	ns->parent = parent;
	ns->level = parent->level + 1;
	wait_queue_init(&ns->drained);
	*out = &ns->ns;
	return 0;
out_table:
	pid_table_free(ns->table);
out_free:
	kfree(ns);
	return err;
}

/* May run as the last pid is freed: does not sleep. */
static void pid_ns_free(struct ns_common *c)
{
	struct pid_ns *ns = pid_ns_of(c), *parent = ns->parent;

	pid_table_free(ns->table);
	ns_release(c);
	kfree(ns);
	ns_put(&parent->ns);
}

static struct ns_common *pid_ns_get(struct task *t)
{
	/* A thread that execs takes its leader's number; RCU keeps the old one. */
	rcu_read_lock();
	struct ns_common *ns = ns_get(&rcu_dereference(t->pid)->ns->ns);

	rcu_read_unlock();
	return ns;
}

/* Nothing to see before there is an init. */
static struct ns_common *children_get(struct task *t)
{
	struct nsproxy *p = task_nsproxy(t);
	struct ns_common *ns = NULL;

	if (p && READ_ONCE(pid_ns_of(p->of[NS_PID_CHILDREN])->reaper))
		ns = ns_get(p->of[NS_PID_CHILDREN]);
	nsproxy_put(p);
	return ns;
}

static bool is_below(const struct pid_ns *ns, const struct pid_ns *top)
{
	while (ns->level > top->level)
		ns = ns->parent;
	return ns == top;
}

static int pid_ns_install(struct ns_set *set, struct ns_common *c)
{
	int err = ns_may_join(set, c);

	if (err)
		return err;
	if (!is_below(pid_ns_of(c), task_pid_ns(current)))
		return -EINVAL;
	ns_set_slot(set, NS_PID_CHILDREN, c);
	return 0;
}

static int pid_ns_parent(struct ns_common *c, struct ns_common **out)
{
	struct pid_ns *parent = pid_ns_of(c)->parent;

	if (!parent || !is_below(parent, task_pid_ns(current)))
		return -EPERM;
	*out = ns_get(&parent->ns);
	return 0;
}

const struct ns_kind pid_ns_kind = {
	.name = "pid",
	.flag = CLONE_NEWPID,
	.slot = NS_PID_CHILDREN,
	.ucount = UCOUNT_PID_NAMESPACES,
	.initial = &pid_ns_init.ns,
	.copy = pid_ns_copy,
	.free = pid_ns_free,
	.install = pid_ns_install,
	.get = pid_ns_get,
	.parent = pid_ns_parent,
};
NS_KIND(pid_ns_kind);

static const struct ns_kind children_kind = {
	.name = "pid_for_children",
	.slot = NS_PID_CHILDREN,
	.initial = &pid_ns_init.ns,
	.get = children_get,
};
NS_KIND(children_kind);

/* ---- the end of one ---- */

static void kill_rest(struct pid_ns *ns)
{
	struct process *p;

	for (int nr = 1; (p = process_next_in(ns, nr)); nr++) {
		nr = pid_nr_in(p->pid, ns);
		if (p != current->process)
			(void)signal_send_process(p, SIGKILL, NULL);
		process_put(p);
	}
}

static u32 numbers_in_use(struct pid_ns *ns)
{
	unsigned long flags = spin_lock_irqsave(&pid_lock);
	u32 n = ns->count;

	spin_unlock_irqrestore(&pid_lock, flags);
	return n;
}

void pid_ns_zap(struct pid_ns *ns)
{
	struct process *p = current->process;
	unsigned long flags = spin_lock_irqsave(&pid_lock);

	ns->closed = true;
	spin_unlock_irqrestore(&pid_lock, flags);
	/* Who ends from now on needs no reaping. */
	spin_lock_irq(&current->sighand->lock);
	current->sighand->action[SIGCHLD - 1].handler = (u64)(unsigned long)SIG_IGN;
	spin_unlock_irq(&current->sighand->lock);
	kill_rest(ns);
	wait_for_all_children();
	/* Those that others have to reap: strangers that came in, traced ones. */
	u32 own = READ_ONCE(p->thread_count);

	wait_event(&ns->drained, numbers_in_use(ns) <= own);
	if (READ_ONCE(ns->reboot_signal))
		p->group_exit_code = ns->reboot_signal;
}

void pid_ns_end(struct pid_ns *ns, int signal)
{
	WRITE_ONCE(ns->reboot_signal, signal);
	spin_lock_irq(&tasklist_lock);
	struct process *init = ns->reaper ? process_get(ns->reaper) : NULL;

	spin_unlock_irq(&tasklist_lock);
	if (!init)
		return;
	(void)signal_send_process(init, SIGKILL, NULL);
	process_put(init);
}

/* ---- /proc/sys/kernel/ns_last_pid ---- */

static int show_last_pid(char *buf, size_t size)
{
	return scnprintf(buf, size, "%d", pid_last());
}

static int store_last_pid(const char *text)
{
	struct pid_ns *ns = task_pid_ns(current);
	int nr;

	if (!ns_capable(ns->ns.owner, CAP_CHECKPOINT_RESTORE) &&
	    !ns_capable(ns->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (!proc_parse_int(text, &nr) || nr < 0 || nr > pid_max)
		return -EINVAL;
	unsigned long flags = spin_lock_irqsave(&pid_lock);

	ns->last = nr;
	spin_unlock_irqrestore(&pid_lock, flags);
	return 0;
}
SYSCTL_TEXT("kernel/ns_last_pid", 0666, show_last_pid, store_last_pid);
