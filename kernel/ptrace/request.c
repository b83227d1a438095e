/*
 * ptrace(2) itself: which request is what.
 *
 * All but TRACEME, ATTACH, SEIZE, KILL and INTERRUPT need a tracee that is stopped; it is frozen
 * meanwhile (resume.c).
 */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kernel/mm/mm.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/regset.h>
#include <asm/ptrace-abi.h>
#include <linux/elf.h>

/*
 * The memory of a tracee, +1; NULL: none, or it holds by now a program that the tracer may not
 * read.
 */
static struct mm *tracee_mm(struct task *t)
{
	struct mm *mm = task_mm(t);

	if (mm && READ_ONCE(mm->dumpable) != DUMP_USER && !ptrace_tracer_capable(t, mm->user_ns)) {
		mm_put(mm);
		mm = NULL;
	}
	return mm;
}

static int peek(struct task *t, unsigned long addr, unsigned long data)
{
	struct mm *mm = tracee_mm(t);
	u64 word;
	size_t n = mm ? mm_access(mm, addr, &word, sizeof(word), false, true) : 0;

	mm_put(mm);
	if (n != sizeof(word))
		return -EIO;
	return put_user(word, (u64 __user *)data);
}

static int poke(struct task *t, unsigned long addr, u64 word)
{
	struct mm *mm = tracee_mm(t);
	size_t n = mm ? mm_access(mm, addr, &word, sizeof(word), true, true) : 0;

	mm_put(mm);
	return n == sizeof(word) ? 0 : -EIO;
}

static int set_options(struct task *t, unsigned long options)
{
	int err = ptrace_options_check(options);
	unsigned long flags;

	if (err)
		return err;
	if (sighand_lock(t, &flags)) {
		t->ptrace_flags = (t->ptrace_flags & (PT_OPTION(1) - 1)) | PT_OPTION(options);
		sighand_unlock(t, flags);
	}
	return 0;
}

/* A seized tracee that is not frozen: it traps, or if it listens, traps again. */
static int interrupt(struct task *t)
{
	unsigned long flags;

	if (!(t->ptrace_flags & PT_SEIZED) || !sighand_lock(t, &flags))
		return -EIO;
	signal_trap_pending(t, STOP_TRAP);
	signal_trap_wake(t, t->stop_state & STOP_LISTENING);
	sighand_unlock(t, flags);
	return 0;
}

static int listen(struct task *t)
{
	unsigned long flags;
	int err = -EIO;

	if (!(t->ptrace_flags & PT_SEIZED) || !sighand_lock(t, &flags))
		return -EIO;
	if (t->ptrace_info && t->ptrace_info->si_code >> 8 == PTRACE_EVENT_STOP) {
		t->stop_state |= STOP_LISTENING;
		/* Something changed before it began to listen. */
		if (t->stop_state & STOP_NOTIFY)
			signal_trap_wake(t, true);
		err = 0;
	}
	sighand_unlock(t, flags);
	return err;
}

static int rseq_configuration(struct task *t, unsigned long size, unsigned long to)
{
	struct ptrace_rseq_configuration c = {
		.rseq_abi_pointer = (u64)(unsigned long)t->rseq,
		.rseq_abi_size = t->rseq ? t->rseq_len : 0,
		.signature = t->rseq_sig,
	};

	if (copy_to_user((void __user *)to, &c, min((size_t)size, sizeof(c))))
		return -EFAULT;
	return (int)sizeof(c);
}

static long request_registers(struct task *t, long request, unsigned long addr, unsigned long data)
{
	switch (request) {
	case PTRACE_GETREGS:
		return ptrace_regs(t, NT_PRSTATUS, data, false);
	case PTRACE_SETREGS:
		return ptrace_regs(t, NT_PRSTATUS, data, true);
	case PTRACE_GETFPREGS:
		return ptrace_regs(t, NT_PRFPREG, data, false);
	case PTRACE_SETFPREGS:
		return ptrace_regs(t, NT_PRFPREG, data, true);
	case PTRACE_GETREGSET:
		return ptrace_regset(t, (u32)addr, data, false);
	case PTRACE_SETREGSET:
		return ptrace_regset(t, (u32)addr, data, true);
	case PTRACE_GET_SYSCALL_INFO:
		return ptrace_syscall_info(t, addr, data);
	}
	return arch_ptrace(t, request, addr, data);
}

static long request_signals(struct task *t, long request, unsigned long addr, unsigned long data)
{
	switch (request) {
	case PTRACE_SETOPTIONS:
	case PTRACE_OLDSETOPTIONS:
		return set_options(t, data);
	case PTRACE_GETEVENTMSG:
		return put_user(t->ptrace_message, (u64 __user *)data);
	case PTRACE_GETSIGINFO:
		return ptrace_siginfo_get(t, (void __user *)data);
	case PTRACE_SETSIGINFO:
		return ptrace_siginfo_set(t, (const void __user *)data);
	case PTRACE_PEEKSIGINFO:
		return ptrace_siginfo_peek(t, addr, data);
	case PTRACE_GETSIGMASK:
		return ptrace_sigmask_get(t, addr, data);
	case PTRACE_SETSIGMASK:
		return ptrace_sigmask_set(t, addr, data);
	case PTRACE_SECCOMP_GET_FILTER:
		return seccomp_get_filter(t, addr, (void __user *)data);
	case PTRACE_SECCOMP_GET_METADATA:
		return seccomp_get_metadata(t, addr, (void __user *)data);
	case PTRACE_GET_RSEQ_CONFIGURATION:
		return rseq_configuration(t, addr, data);
	}
	return request_registers(t, request, addr, data);
}

static long request_stopped(struct task *t, long request, unsigned long addr, unsigned long data)
{
	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(t, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke(t, addr, data);
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_SINGLEBLOCK:
	case PTRACE_SYSEMU:
	case PTRACE_SYSEMU_SINGLESTEP:
		return ptrace_resume(t, request, data);
	case PTRACE_DETACH:
		return ptrace_detach(t, data);
	case PTRACE_LISTEN:
		return listen(t);
	}
	return request_signals(t, request, addr, data);
}

static bool is_mine(struct task *t)
{
	spin_lock_irq(&tasklist_lock);
	bool mine = t->tracer == current;

	spin_unlock_irq(&tasklist_lock);
	return mine;
}

static long request_any(struct task *t, long request, unsigned long addr, unsigned long data)
{
	long ret;

	switch (request) {
	case PTRACE_ATTACH:
		return ptrace_attach(t, false, 0, 0);
	case PTRACE_SEIZE:
		return ptrace_attach(t, true, addr, data);
	case PTRACE_KILL:
		if (!is_mine(t))
			return -ESRCH;
		(void)signal_send_task(t, SIGKILL, NULL); /* no error if it is dead already */
		return 0;
	case PTRACE_INTERRUPT:
		return is_mine(t) ? interrupt(t) : -ESRCH;
	}
	ret = ptrace_freeze(t);
	if (ret)
		return ret;
	ret = request_stopped(t, request, addr, data);
	ptrace_thaw(t);
	return ret;
}

long sys_ptrace(long request, long pid, unsigned long addr, unsigned long data)
{
	struct task *t;
	long ret;

	if (request == PTRACE_TRACEME)
		return ptrace_traceme();
	t = task_find((int)pid);
	if (!t)
		return -ESRCH;
	ret = request_any(t, request, addr, data);
	task_put(t);
	return ret;
}
