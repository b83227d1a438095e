/*
 * Restartable sequences: rseq(2).
 *
 * A thread registers 32 bytes in which the kernel keeps its CPU number; when it was preempted,
 * moved or signalled inside a sequence that it announced in rseq_cs, it continues at the sequence's
 * abort address.  The scheduler sets WORK_RSEQ when it switches away from a registered thread.
 */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kernel/signal/signal.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/regs.h>
#include <linux/rseq.h>

#define RSEQ_SIZE 32u

long sys_rseq(struct rseq __user *rseq, unsigned int len, int flags, unsigned int sig)
{
	struct task *t = current;

	if (flags & RSEQ_FLAG_UNREGISTER) {
		if (flags & ~RSEQ_FLAG_UNREGISTER)
			return -EINVAL;
		if (!t->rseq || t->rseq != rseq || len != RSEQ_SIZE)
			return -EINVAL;
		if (t->rseq_sig != sig)
			return -EPERM;
		if (put_user(0u, &rseq->cpu_id_start) ||
		    put_user((u32)RSEQ_CPU_ID_UNINITIALIZED, &rseq->cpu_id))
			return -EFAULT;
		rseq_exec(t);
		return 0;
	}
	if (flags)
		return -EINVAL;
	if (t->rseq) {
		if (t->rseq != rseq || len != RSEQ_SIZE)
			return -EINVAL;
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (((unsigned long)rseq & (RSEQ_SIZE - 1)) || len != RSEQ_SIZE)
		return -EINVAL;
	if (!access_ok(rseq, len))
		return -EFAULT;
	t->rseq = rseq;
	t->rseq_len = len;
	t->rseq_sig = sig;
	task_work_set(t, WORK_RSEQ);
	return 0;
}

void rseq_exec(struct task *t)
{
	t->rseq = NULL;
	t->rseq_len = 0;
	t->rseq_sig = 0;
}

/* The announced sequence; 0 with cs->start_ip 0 when there is none. */
static int read_cs(struct task *t, struct rseq_cs *cs)
{
	u64 addr;
	u32 sig;

	cs->start_ip = 0;
	if (get_user(addr, (u64 __user *)&t->rseq->rseq_cs))
		return -EFAULT;
	if (!addr)
		return 0;
	if (addr >= USER_END)
		return -EINVAL;
	if (copy_from_user(cs, (const void __user *)(unsigned long)addr, sizeof(*cs)))
		return -EFAULT;
	if (cs->start_ip >= USER_END || cs->start_ip + cs->post_commit_offset >= USER_END ||
	    cs->abort_ip >= USER_END || cs->version > 0)
		return -EINVAL;
	if (cs->start_ip + cs->post_commit_offset < cs->start_ip)
		return -EINVAL;
	if (cs->abort_ip - cs->start_ip < cs->post_commit_offset)
		return -EINVAL;
	/* The word before the abort handler is the signature that was registered. */
	if (get_user(sig, (const u32 __user *)(unsigned long)(cs->abort_ip - sizeof(u32))))
		return -EFAULT;
	return sig == t->rseq_sig ? 0 : -EINVAL;
}

static int fix_ip(struct task *t, struct regs *regs)
{
	struct rseq_cs cs;
	u32 flags;
	int err = read_cs(t, &cs);

	if (err || !cs.start_ip)
		return err;
	if (regs_ip(regs) - cs.start_ip >= cs.post_commit_offset) {
		/* Left the sequence without clearing it. */
		return put_user(0ull, (u64 __user *)&t->rseq->rseq_cs);
	}
	/* The flags that once kept a sequence going are refused, as are unknown ones. */
	if (get_user(flags, &t->rseq->flags))
		return -EFAULT;
	if (cs.flags || flags)
		return -EINVAL;
	err = put_user(0ull, (u64 __user *)&t->rseq->rseq_cs);
	if (!err)
		regs_set_ip(regs, (unsigned long)cs.abort_ip);
	return err;
}

static void rseq_update(struct task *t, struct regs *regs)
{
	u32 cpu;

	if (t->flags & TF_EXITING)
		return;
	if (fix_ip(t, regs))
		goto fault;
	cpu = cpu_id();
	if (put_user(cpu, &t->rseq->cpu_id_start) || put_user(cpu, &t->rseq->cpu_id))
		goto fault;
	return;
fault:
	signal_force(SIGSEGV, SI_KERNEL, 0, 0);
}

void rseq_signal(struct regs *regs)
{
	if (current->rseq)
		rseq_update(current, regs);
}

void rseq_leave(struct regs *regs)
{
	struct task *t = current;

	/* Cleared first: a switch during the update sets it again, and the way out looks again. */
	task_work_clear(t, WORK_RSEQ);
	if (t->rseq)
		rseq_update(t, regs);
}
