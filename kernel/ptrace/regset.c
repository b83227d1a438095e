/* Registers of a stopped tracee, and what it is doing in a system call. */
#include <kernel/ptrace/ptrace_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/regs.h>
#include <asm/regset.h>
#include <linux/uio.h>

static const struct regset *find(u32 note)
{
	unsigned int count;
	const struct regset *sets = arch_regsets(&count);

	for (unsigned int i = 0; i < count; i++) {
		if (sets[i].note == note)
			return &sets[i];
	}
	return NULL;
}

static int move(struct task *t, const struct regset *r, void __user *at, size_t len, bool set)
{
	void *buf = kzalloc(r->size());
	int err;

	if (!buf)
		return -ENOMEM;
	if (set) {
		err = copy_from_user(buf, at, len) ? -EFAULT : r->set(t, buf, len);
	} else {
		err = r->get(t, buf);
		if (!err && copy_to_user(at, buf, len))
			err = -EFAULT;
	}
	kfree(buf);
	return err;
}

int ptrace_regs(struct task *t, u32 note, unsigned long addr, bool set)
{
	const struct regset *r = find(note);

	return r ? move(t, r, (void __user *)addr, r->size(), set) : -EIO;
}

int ptrace_regset(struct task *t, u32 note, unsigned long uiov, bool set)
{
	struct iovec __user *user = (struct iovec __user *)uiov;
	const struct regset *r = find(note);
	struct iovec iov;

	if (copy_from_user(&iov, user, sizeof(iov)))
		return -EFAULT;
	if (!r || iov.iov_len % r->unit)
		return -EINVAL;
	if (set && !r->set)
		return -EOPNOTSUPP;
	iov.iov_len = min(iov.iov_len, r->size());
	int err = move(t, r, (void __user *)iov.iov_base, iov.iov_len, set);

	if (err)
		return err;
	return put_user(iov.iov_len, &user->iov_len);
}

/* ---- PTRACE_GET_SYSCALL_INFO ---- */

static void fill_entry(const struct regs *regs, struct ptrace_syscall_info *out)
{
	out->entry.nr = (u64)regs_syscall_nr(regs);
	for (unsigned int i = 0; i < 6; i++)
		out->entry.args[i] = regs_arg(regs, i);
}

static size_t fill_info(struct task *t, struct ptrace_syscall_info *out)
{
	const struct regs *regs = task_regs(t);
	int code = t->ptrace_info ? t->ptrace_info->si_code : 0;

	out->arch = arch_audit_arch();
	out->instruction_pointer = regs_ip(regs);
	out->stack_pointer = regs_sp(regs);
	if (code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
		out->op = PTRACE_SYSCALL_INFO_SECCOMP;
		fill_entry(regs, out);
		out->seccomp.ret_data = (u32)t->ptrace_message;
		return offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(u32);
	}
	if (code == (SIGTRAP | 0x80) && t->ptrace_message == PTRACE_EVENTMSG_SYSCALL_ENTRY) {
		out->op = PTRACE_SYSCALL_INFO_ENTRY;
		fill_entry(regs, out);
		return offsetof(struct ptrace_syscall_info, entry.args) + sizeof(out->entry.args);
	}
	if (code == (SIGTRAP | 0x80) && t->ptrace_message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
		long ret = regs_retval(regs);

		out->op = PTRACE_SYSCALL_INFO_EXIT;
		out->exit.is_error = ret < 0 && ret >= -4095;
		out->exit.rval = ret;
		return offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
	}
	out->op = PTRACE_SYSCALL_INFO_NONE;
	return offsetof(struct ptrace_syscall_info, entry);
}

long ptrace_syscall_info(struct task *t, unsigned long size, unsigned long to)
{
	struct ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	size_t actual = fill_info(t, &info);

	if (copy_to_user((void __user *)to, &info, min((size_t)size, actual)))
		return -EFAULT;
	return (long)actual;
}
