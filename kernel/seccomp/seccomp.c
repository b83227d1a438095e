/*
 * What happens to a system call of a task with a mode, and the prctl and ptrace sides.
 *
 * The order of the actions is that of their numbers as signed 32 bits; the chain's answer is the
 * smallest. Where one ends the task, its mode is "dead" first, so that no call of an exiting task
 * slips by.
 */
#include <kernel/seccomp/seccomp_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ptrace/ptrace.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/regs.h>
#include <asm/unistd.h>

#define ERRNO_MAX 4095u

static void skip_with(struct regs *regs, long value)
{
	regs_set_retval(regs, value);
}

/* SIGSYS about this call; @fatal: no handler helps. */
static void send_sigsys(const struct regs *regs, u32 data, bool fatal)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGSYS;
	info.si_code = SYS_SECCOMP;
	info.si_errno = (int)data;
	info.si_call_addr = (void *)regs_ip(regs);
	info.si_syscall = (int)regs_syscall_nr(regs);
	info.si_arch = SECCOMP_ARCH;
	signal_force_info(&info, fatal ? FORCE_EXIT : FORCE_HANDLER);
}

static int kill_by_filter(struct regs *regs, long nr, u32 action)
{
	struct task *t = current;

	seccomp_log(nr, SIGSYS, action, true);
	t->seccomp_mode = SECCOMP_MODE_DEAD;
	if (action != SECCOMP_RET_KILL_THREAD || READ_ONCE(t->process->thread_count) == 1) {
		/* As if the call had not been made, for whoever reads the core. */
		regs_set_retval(regs, regs_syscall_nr(regs));
		send_sigsys(regs, 0, true);
		return -1;
	}
	task_exit(SIGSYS);
}

static int enter_strict(long nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_write:
	case __NR_exit:
	case __NR_rt_sigreturn:
		return 0;
	}
	current->seccomp_mode = SECCOMP_MODE_DEAD;
	seccomp_log(nr, SIGKILL, SECCOMP_RET_KILL_THREAD, true);
	task_exit(SIGKILL);
}

static int enter_filter(struct regs *regs, bool traced);

static int stop_for_tracer(struct regs *regs, u32 data)
{
	if (!ptrace_event_seccomp((u16)data)) {
		skip_with(regs, -ENOSYS);
		return -1;
	}
	/* The tracer may have changed the call: it is judged again, but reported no more. */
	if (signal_fatal_pending(current) || regs_syscall_nr(regs) < 0)
		return -1;
	return enter_filter(regs, true);
}

/* @traced: it is the tracer's version of the call. */
static int act(struct regs *regs, const struct seccomp_data *sd, u32 answer, struct seccomp *match,
	       bool traced)
{
	u32 action = answer & SECCOMP_RET_ACTION_FULL, data = answer & SECCOMP_RET_DATA;
	bool log = match && match->log;

	switch (action) {
	case SECCOMP_RET_ERRNO:
		seccomp_log(sd->nr, 0, action, log);
		skip_with(regs, -(long)min(data, ERRNO_MAX));
		return -1;
	case SECCOMP_RET_TRAP:
		seccomp_log(sd->nr, 0, action, log);
		regs_set_retval(regs, regs_syscall_nr(regs));
		send_sigsys(regs, data, false);
		return -1;
	case SECCOMP_RET_TRACE:
		if (traced)
			return 0;
		seccomp_log(sd->nr, 0, action, log);
		return stop_for_tracer(regs, data);
	case SECCOMP_RET_USER_NOTIF:
		seccomp_log(sd->nr, 0, action, log);
		return notify_ask(match, sd, regs);
	case SECCOMP_RET_LOG:
		seccomp_log(sd->nr, 0, action, true);
		return 0;
	case SECCOMP_RET_ALLOW:
		return 0;
	}
	return kill_by_filter(regs, sd->nr, action);
}

static int enter_filter(struct regs *regs, bool traced)
{
	struct seccomp *chain = smp_load_acquire(&current->seccomp), *match = NULL;
	long nr = regs_syscall_nr(regs);
	struct seccomp_data sd;

	if (WARN_ON(!chain))
		return kill_by_filter(regs, nr, SECCOMP_RET_KILL_PROCESS);
	if (likely(seccomp_always_allowed(chain, nr)))
		return 0;
	sd.nr = (int)nr;
	sd.arch = SECCOMP_ARCH;
	sd.instruction_pointer = regs_ip(regs);
	for (unsigned int i = 0; i < 6; i++)
		sd.args[i] = regs_arg(regs, i);
	u32 answer = seccomp_run(chain, &sd, &match);

	return act(regs, &sd, answer, match, traced);
}

int seccomp_enter(struct regs *regs)
{
	if (ptrace_suspends_seccomp())
		return 0;
	switch (READ_ONCE(current->seccomp_mode)) {
	case SECCOMP_MODE_STRICT:
		return enter_strict(regs_syscall_nr(regs));
	case SECCOMP_MODE_FILTER:
		return enter_filter(regs, false);
	case SECCOMP_MODE_DEAD:
		/* Seen only if the end could not be brought about. */
		WARN_ON(1);
		task_exit(SIGKILL);
	}
	return 0;
}

/* --- what tracers may read --- */

/* +1 on filter @index counted from the oldest; -EINVAL: no filters, -ENOENT. */
static int nth_filter(struct task *t, u64 index, struct seccomp **out)
{
	struct seccomp *f, *head = NULL;
	unsigned long flags;
	u64 count = 0;

	if (!capable(CAP_SYS_ADMIN) || current->seccomp_mode != SECCOMP_MODE_DISABLED)
		return -EACCES;
	if (!sighand_lock(t, &flags))
		return -EINVAL;
	if (t->seccomp_mode == SECCOMP_MODE_FILTER)
		head = seccomp_get(t->seccomp);
	sighand_unlock(t, flags);
	if (!head)
		return -EINVAL;
	for (f = head; f; f = f->prev)
		count++;
	if (index < count) {
		f = head;
		for (u64 skip = count - 1 - index; skip; skip--)
			f = f->prev;
		*out = seccomp_get(f);
	}
	seccomp_put(head);
	return index < count ? 0 : -ENOENT;
}

long seccomp_get_filter(struct task *t, unsigned long index, void __user *to)
{
	struct seccomp *f = NULL;
	int err = nth_filter(t, index, &f);
	long ret;

	if (err)
		return err;
	ret = f->code->len;
	if (to && copy_to_user(to, f->code->prog, f->code->len * sizeof(f->code->prog[0])))
		ret = -EFAULT;
	seccomp_put(f);
	return ret;
}

long seccomp_get_metadata(struct task *t, unsigned long size, void __user *data)
{
	struct seccomp_metadata md = {0};
	struct seccomp *f = NULL;
	int err;

	size = min_t(unsigned long, size, sizeof(md));
	if (size < sizeof(md.filter_off))
		return -EINVAL;
	if (copy_from_user(&md.filter_off, data, sizeof(md.filter_off)))
		return -EFAULT;
	err = nth_filter(t, md.filter_off, &f);
	if (err)
		return err;
	if (f->log)
		md.flags |= SECCOMP_FILTER_FLAG_LOG;
	seccomp_put(f);
	return copy_to_user(data, &md, size) ? -EFAULT : (long)size;
}
