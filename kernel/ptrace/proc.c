/*
 * /proc/PID/{syscall,stack,wchan}: where a task that does not run is.  proc(5).
 *
 * A task keeps its stack until it has been announced as a zombie under tasklist_lock, so with that
 * lock the stack of one that has not may be read.
 */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/symbol/symbol.h>
#include <asm/regs.h>
#include <asm/stack.h>

#define DEPTH_MAX 64u

/* Under tasklist_lock. */
static bool sleeps(const struct task *t)
{
	return !t->exit_state && READ_ONCE(t->state) && !READ_ONCE(t->se.on_cpu) &&
	       !READ_ONCE(t->se.on_rq);
}

static bool user_regs(struct task *t, struct regs *out)
{
	if (t == current) {
		*out = *task_regs(t);
		return true;
	}
	spin_lock_irq(&tasklist_lock);
	bool ok = sleeps(t);

	if (ok)
		*out = *task_regs(t);
	spin_unlock_irq(&tasklist_lock);
	return ok;
}

static int show_syscall(struct seq *s, struct task *t)
{
	struct regs r;

	if (ptrace_may_access(t, PTRACE_MODE_ATTACH_FS))
		return -EPERM;
	if (!user_regs(t, &r)) {
		seq_puts(s, "running\n");
		return 0;
	}
	seq_printf(s, "%ld", regs_syscall_nr(&r));
	for (unsigned int i = 0; regs_syscall_nr(&r) >= 0 && i < 6; i++)
		seq_printf(s, " 0x%lx", regs_arg(&r, i));
	seq_printf(s, " 0x%lx 0x%lx\n", regs_sp(&r), regs_ip(&r));
	return 0;
}
PROC_TASK_FILE("syscall", 0400, show_syscall, NULL);

static unsigned int walk(struct task *t, unsigned long *out, unsigned int max)
{
	unsigned int n = 0;

	spin_lock_irq(&tasklist_lock);
	if (sleeps(t))
		n = stack_walk_task(t, out, max);
	spin_unlock_irq(&tasklist_lock);
	return n;
}

static int show_stack(struct seq *s, struct task *t)
{
	unsigned long at[DEPTH_MAX];
	char name[SYMBOL_NAME_MAX + 32];

	if (ptrace_may_access(t, PTRACE_MODE_ATTACH_FS))
		return -EPERM;
	unsigned int n = walk(t, at, DEPTH_MAX);

	for (unsigned int i = 0; i < n; i++) {
		(void)symbol_format(at[i], name, sizeof(name));
		seq_printf(s, "[<0>] %s\n", name);
	}
	return 0;
}
PROC_TASK_FILE("stack", 0400, show_stack, NULL);

/* The innermost function that is not part of sleeping itself. */
static int show_wchan(struct seq *s, struct task *t)
{
	unsigned long at[8], offset, size;
	char name[SYMBOL_NAME_MAX];
	unsigned int n =
		ptrace_may_access(t, PTRACE_MODE_READ_FS) ? 0 : walk(t, at, ARRAY_SIZE(at));

	for (unsigned int i = 0; i < n; i++) {
		if (!symbol_find(at[i], name, &offset, &size))
			break;
		if (!strncmp(name, "sched_", 6) || !strncmp(name, "wait_", 5))
			continue;
		seq_puts(s, name);
		return 0;
	}
	seq_puts(s, "0");
	return 0;
}
PROC_TASK_FILE("wchan", 0444, show_wchan, NULL);
