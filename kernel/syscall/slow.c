/*
 * The slow way in and out of a system call, taken when task->work has a bit that concerns calls.
 *
 * The log is switched on by "syscall_log=COMM" on the kernel's command line: a process that
 * executes a program of that name, and all that descend from it, are logged. "syscall_log=*" logs
 * everybody but kernel threads.
 */
#include <kernel/syscall/syscall.h>

#include <kern/string.h>
#include <asm/regs.h>
#include <kernel/arch_up.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/task/task.h>

void syscall_log_task(struct task *t, bool on)
{
	if (on)
		__atomic_fetch_or(&t->work, WORK_LOG, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&t->work, ~WORK_LOG, __ATOMIC_RELAXED);
}

/* Runs in the process that did exec, when it is its only thread and has its new name. */
static void syscall_exec(struct process *p)
{
	char comm[TASK_COMM_LEN];

	(void)p;
	if (unlikely(READ_ONCE(current->work) & WORK_DISPATCH))
		task_work_clear(current, WORK_DISPATCH);
	if (!cmdline_value("syscall_log", comm, sizeof(comm)))
		return;
	if (strcmp(comm, "*") == 0 || strcmp(comm, current->comm) == 0)
		syscall_log_task(current, true);
}

static const struct task_hook syscall_task_hook = {.exec = syscall_exec};
TASK_HOOK(syscall_task_hook);

long syscall_enter_slow(struct regs *regs, long nr)
{
	u32 work = READ_ONCE(current->work);

	if ((work & WORK_DISPATCH) && syscall_dispatch_enter(regs))
		return -1;
	if (work & (WORK_TRACE | WORK_EMULATE)) {
		if (ptrace_syscall_enter())
			return -1;
		nr = regs_syscall_nr(regs); /* the tracer may have put another one */
	}
	if (work & WORK_LOG)
		syscall_log_enter(regs);
	if (READ_ONCE(current->work) & WORK_SECCOMP) {
		if (seccomp_enter(regs))
			return -1;
		nr = regs_syscall_nr(regs);
	}
	return nr;
}

void syscall_leave_slow(struct regs *regs)
{
	u32 work = READ_ONCE(current->work);

	if ((work & WORK_DISPATCH) && syscall_dispatch_leave())
		return;
	if (work & WORK_LOG)
		syscall_log_leave(regs);
	if (work & (WORK_TRACE | WORK_SINGLESTEP))
		ptrace_syscall_leave(regs);
	if (work & WORK_STACK)
		task_stack_watch_call(regs);
}
