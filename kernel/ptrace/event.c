/* What a tracee reports by itself: events and system calls. */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/signal/signal.h>
#include <asm/regs.h>

/* Before there were options: an exec under a tracer that did not seize sends SIGTRAP. */
static void exec_by_signal(void)
{
	struct siginfo info;

	if ((current->ptrace_flags & (PT_TRACED | PT_SEIZED)) != PT_TRACED)
		return;
	memset(&info, 0, sizeof(info));
	info.si_signo = SIGTRAP;
	info.si_code = SI_USER;
	info.si_pid = task_tgid(current);
	info.si_uid = uid_to_user(current->cred->uid);
	(void)signal_send_task(current, SIGTRAP, &info);
}

void ptrace_event(int event, u64 message)
{
	if (ptrace_event_enabled(event))
		(void)signal_trap(event << 8 | SIGTRAP, message);
	else if (event == PTRACE_EVENT_EXEC && unlikely(current->ptrace_flags))
		exec_by_signal();
}

u64 ptrace_message_pid(const struct pid *pid)
{
	u64 nr = 0;

	rcu_read_lock();
	struct task *tracer = rcu_dereference(current->tracer);

	if (tracer)
		nr = (u64)pid_nr_in(pid, task_pid_ns(tracer));
	rcu_read_unlock();
	return nr;
}

bool ptrace_event_seccomp(u16 data)
{
	if (!ptrace_event_enabled(PTRACE_EVENT_SECCOMP))
		return false;
	(void)signal_trap(PTRACE_EVENT_SECCOMP << 8 | SIGTRAP, data);
	return true;
}

/* True: being killed. */
static bool report_syscall(u64 message)
{
	u32 flags = READ_ONCE(current->ptrace_flags);

	if (!flags)
		return false;
	int good = flags & PT_OPTION(PTRACE_O_TRACESYSGOOD) ? 0x80 : 0;
	int sig = signal_trap(SIGTRAP | good, message);

	/* Not the same as going on with a signal, but as good for most.  What a tracer that ended
	 * without a look left there need not be one. */
	if (sig > 0 && sig <= SIGNAL_COUNT)
		(void)signal_send_task(current, sig, NULL);
	return signal_fatal_pending(current);
}

bool ptrace_syscall_enter(void)
{
	bool emulate = READ_ONCE(current->work) & WORK_EMULATE;

	return report_syscall(PTRACE_EVENTMSG_SYSCALL_ENTRY) || emulate;
}

void ptrace_syscall_leave(struct regs *regs)
{
	u32 work = READ_ONCE(current->work);

	/* Emulated calls end with the report of their entry. */
	if (work & WORK_EMULATE)
		return;
	if (work & WORK_SINGLESTEP)
		signal_force(SIGTRAP, TRAP_BRKPT, regs_ip(regs), 0);
	else if (work & WORK_TRACE)
		(void)report_syscall(PTRACE_EVENTMSG_SYSCALL_EXIT);
}
