/*
 * "Magic system requests": what an operator asks of a machine that does not answer any more, by
 * writing a letter to /proc/sysrq-trigger.  Linux Documentation/admin-guide/sysrq.rst.
 */
#include <kernel/init/init_impl.h>

#include <kern/errno.h>
#include <kern/list.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rcu/rcu.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <generated/syscalls.h>
#include <linux/signal.h>

struct request {
	char key;
	const char *help, *action;
	void (*fn)(char key);
};

static void do_loglevel(char key)
{
	console_loglevel = key - '0';
	pr_info("sysrq: Loglevel set to %d\n", console_loglevel);
}

static void do_reboot(char key)
{
	(void)key;
	machine_restart();
}

static void do_poweroff(char key)
{
	(void)key;
	machine_poweroff();
}

static void do_crash(char key)
{
	(void)key;
	panic("sysrq triggered crash");
}

/* Every process but the first and the caller's.  Kernel threads take no signals. */
static void signal_all(int sig)
{
	struct process *p;

	for (int nr = 2; (p = process_next(nr)); process_put(p)) {
		nr = p->pid->nr + 1;
		if (p != current->process)
			(void)signal_send_process(p, sig, NULL);
	}
}

static void do_term(char key)
{
	(void)key;
	signal_all(SIGTERM);
}

static void do_kill(char key)
{
	(void)key;
	signal_all(SIGKILL);
}

static void do_memory(char key)
{
	struct frame_stats st;

	(void)key;
	frame_stats(&st);
	pr_info("Mem-Info: %llukB total, %llukB free\n", (unsigned long long)st.total << 2,
		(unsigned long long)st.free << 2);
}

static void show_tasks(bool blocked_only)
{
	struct task *t;
	struct process *p;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &tasklist, all_link)
	{
		char state = task_state_char(t);

		p = t->process;
		if (blocked_only && state != 'D')
			continue;
		pr_info("task:%-15s state:%c stack:%-5u pid:%-5d ppid:%-6d\n", t->comm, state,
			task_stack_left(t), task_tgid(t), process_ppid(p));
		if (t != current && state != 'R')
			backtrace_print_task(t);
	}
	rcu_read_unlock();
}

static void do_tasks(char key)
{
	show_tasks(key == 'w');
}

static void do_sync(char key)
{
	(void)key;
	(void)sys_sync();
	pr_info("Emergency Sync complete\n");
}

static void do_help(char key);

static const struct request requests[] = {
	{'b', "reboot(b)", "Resetting", do_reboot},
	{'c', "crash(c)", "Trigger a crash", do_crash},
	{'e', "terminate-all-tasks(e)", "Terminate All Tasks", do_term},
	{'h', "help(h)", NULL, do_help},
	{'i', "kill-all-tasks(i)", "Kill All Tasks", do_kill},
	{'m', "show-memory-usage(m)", "Show Memory", do_memory},
	{'o', "poweroff(o)", "Power Off", do_poweroff},
	{'s', "sync(s)", "Emergency Sync", do_sync},
	{'t', "show-task-states(t)", "Show State", do_tasks},
	{'w', "show-blocked-tasks(w)", "Show Blocked State", do_tasks},
};

static void do_help(char key)
{
	(void)key;
	pr_info("sysrq: HELP : loglevel(0-9)");
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++)
		pr_cont(" %s", requests[i].help);
	pr_cont("\n");
}

static void handle(char key)
{
	if (key >= '0' && key <= '9') {
		do_loglevel(key);
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].key != key)
			continue;
		if (requests[i].action)
			pr_info("sysrq: %s\n", requests[i].action);
		requests[i].fn(key);
		return;
	}
	do_help(key);
}

/* The first letter of a write acts. */
static ssize_t trigger_write(struct file *f, struct uio *u, loff_t *pos)
{
	size_t len = u->left;
	char c;

	(void)f;
	(void)pos;
	if (!len)
		return 0;
	if (uio_copy_from(u, &c, 1) != 1)
		return -EFAULT;
	handle(c);
	return (ssize_t)len;
}

static const struct file_ops trigger_fops = {.write = trigger_write, .lseek = no_lseek};
PROC_FOPS("sysrq-trigger", 0200, &trigger_fops);
