/*
 * prctl(PR_SET_SYSCALL_USER_DISPATCH): the calls of foreign code come back as SIGSYS.
 *
 * A program that runs another system's code marks the range of its own; calls from outside it are
 * not made while the selector, a byte of the program, says so.  Only tasks that asked have
 * WORK_DISPATCH.
 */
#include <kernel/syscall/syscall.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <asm/regs.h>
#include <asm/regset.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/prctl.h>

int syscall_dispatch_set(unsigned long mode, u64 start, u64 len, u8 __user *selector)
{
	struct task *t = current;

	if (mode == PR_SYS_DISPATCH_OFF) {
		if (start || len || selector)
			return -EINVAL;
	} else if (mode != PR_SYS_DISPATCH_ON || (start && start + len <= start)) {
		return -EINVAL;
	}
	if (selector && !access_ok(selector, sizeof(*selector)))
		return -EFAULT;
	t->dispatch.selector = selector;
	t->dispatch.start = start;
	t->dispatch.len = len;
	t->dispatch.caught = false;
	if (mode == PR_SYS_DISPATCH_ON)
		task_work_set(t, WORK_DISPATCH);
	else
		task_work_clear(t, WORK_DISPATCH);
	return 0;
}

static void send_sigsys(const struct regs *regs)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGSYS;
	info.si_code = SYS_USER_DISPATCH;
	info.si_call_addr = (void *)regs_ip(regs);
	info.si_syscall = (int)regs_syscall_nr(regs);
	info.si_arch = arch_audit_arch();
	signal_force_info(&info, FORCE_HANDLER);
}

bool syscall_dispatch_enter(struct regs *regs)
{
	struct task *t = current;
	u8 state;

	if (regs_ip(regs) - t->dispatch.start < t->dispatch.len)
		return false;
	if (t->dispatch.selector) {
		if (get_user(state, t->dispatch.selector)) {
			signal_force_exit(SIGSEGV);
			return true;
		}
		if (state == SYSCALL_DISPATCH_FILTER_ALLOW)
			return false;
		if (state != SYSCALL_DISPATCH_FILTER_BLOCK) {
			signal_force_exit(SIGSYS);
			return true;
		}
	}
	t->dispatch.caught = true;
	/* The handler finds all registers as they were at the call. */
	regs_set_retval(regs, regs_syscall_nr(regs));
	send_sigsys(regs);
	return true;
}

bool syscall_dispatch_leave(void)
{
	struct task *t = current;
	bool caught = t->dispatch.caught;

	t->dispatch.caught = false;
	return caught;
}
