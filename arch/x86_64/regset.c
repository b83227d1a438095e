/*
 * Register sets as Linux lays them out: user_regs_struct, the FXSAVE image, the XSAVE image.
 * <sys/user.h>, ptrace(2), elf(5).
 */
#include <asm/regset.h>

#include <asm/context.h>
#include <asm/page.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/task/task.h>
#include <linux/audit.h>
#include <linux/elf.h>

#include "x86_impl.h"

#define SELECTOR_RPL 3u

static u64 flags_seen(const struct task *t, const struct regs *r)
{
	return t->arch.forced_tf ? r->flags & ~X86_FLAGS_TF : r->flags;
}

/* A TF of the debugger's own stays until it steps no more; one that it writes is the program's. */
static void flags_set(struct task *t, struct regs *r, u64 value)
{
	if (value & X86_FLAGS_TF)
		t->arch.forced_tf = false;
	else if (t->arch.forced_tf)
		value |= X86_FLAGS_TF;
	r->flags = (r->flags & ~X86_FLAGS_PTRACE) | (value & X86_FLAGS_PTRACE);
}

u64 user_reg_get(struct task *t, unsigned int n)
{
	const struct regs *r = task_regs(t);

	switch (n) {
	case USER_REG_FLAGS:
		return flags_seen(t, r);
	case USER_REG_FS_BASE:
		return arch_thread_get_base(t, false);
	case USER_REG_GS_BASE:
		return arch_thread_get_base(t, true);
	case USER_REG_DS:
	case USER_REG_ES:
	case USER_REG_FS:
	case USER_REG_GS:
		return 0;
	}
	return ((const u64 *)r)[n];
}

/* Only what a 64-bit program can run with; the data segments mean nothing to it. */
static int segment_check(unsigned int n, u64 value)
{
	u16 sel = (u16)value;

	if (sel && (sel & SELECTOR_RPL) != SELECTOR_RPL)
		return -EIO;
	if (n == USER_REG_CS)
		return sel == X86_USER_CS ? 0 : -EIO;
	if (n == USER_REG_SS)
		return sel == X86_USER_DS ? 0 : -EIO;
	return !sel || sel == X86_USER_DS ? 0 : -EIO;
}

static int user_reg_check(unsigned int n, u64 value)
{
	switch (n) {
	case USER_REG_CS:
	case USER_REG_SS:
	case USER_REG_DS:
	case USER_REG_ES:
	case USER_REG_FS:
	case USER_REG_GS:
		return segment_check(n, value);
	case USER_REG_FS_BASE:
	case USER_REG_GS_BASE:
		return value >= USER_END ? -EIO : 0;
	}
	return 0;
}

int user_reg_set(struct task *t, unsigned int n, u64 value)
{
	struct regs *r = task_regs(t);
	int err = user_reg_check(n, value);

	if (err)
		return err;
	switch (n) {
	case USER_REG_FLAGS:
		flags_set(t, r, value);
		break;
	case USER_REG_FS_BASE:
		return arch_thread_set_base(t, false, value);
	case USER_REG_GS_BASE:
		return arch_thread_set_base(t, true, value);
	case USER_REG_CS:
	case USER_REG_SS:
	case USER_REG_DS:
	case USER_REG_ES:
	case USER_REG_FS:
	case USER_REG_GS:
		break; /* judged to be what it is */
	default:
		((u64 *)r)[n] = value;
	}
	/* The fast way out of a system call would not restore all of them. */
	__atomic_fetch_or(&t->work, TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
	return 0;
}
static_assert(sizeof(struct regs) == USER_REG_FS_BASE * sizeof(u64), "struct user_regs_struct");

static size_t general_size(void)
{
	return USER_REGS * sizeof(u64);
}

static int general_get(struct task *t, void *buf)
{
	u64 *out = buf;

	for (unsigned int n = 0; n < USER_REGS; n++)
		out[n] = user_reg_get(t, n);
	return 0;
}

/* As Linux: registers before a refused one are changed. */
static int general_set(struct task *t, const void *buf, size_t len)
{
	const u64 *in = buf;
	int err = 0;

	for (unsigned int n = 0; n < len / sizeof(u64) && !err; n++)
		err = user_reg_set(t, n, in[n]);
	return err;
}

static size_t fp_size(void)
{
	return FPU_LEGACY_SIZE;
}

static int fp_get(struct task *t, void *buf)
{
	return fpu_get_legacy(t, buf);
}

static int fp_set(struct task *t, const void *buf, size_t len)
{
	return len == FPU_LEGACY_SIZE ? fpu_set_legacy(t, buf) : -EINVAL;
}

static size_t xstate_size(void)
{
	return fpu_user_size();
}

static int xstate_get(struct task *t, void *buf)
{
	return fpu_get_xstate(t, buf);
}

static int xstate_set(struct task *t, const void *buf, size_t len)
{
	return len == fpu_user_size() ? fpu_set_xstate(t, buf) : -EFAULT;
}

static size_t ports_size(void)
{
	return PORT_MAP_SIZE;
}

static const struct regset regsets[] = {
	{NT_PRSTATUS, sizeof(u64), general_size, general_get, general_set, true},
	{NT_PRFPREG, sizeof(u64), fp_size, fp_get, fp_set, true},
	{NT_386_IOPERM, sizeof(u64), ports_size, ports_get, NULL, true},
	{NT_X86_XSTATE, sizeof(u64), xstate_size, xstate_get, xstate_set, true},
};

const struct regset *arch_regsets(unsigned int *count)
{
	/* The last one is there if the CPU has XSAVE. */
	*count = ARRAY_SIZE(regsets) - (fpu_user_features() ? 0 : 1);
	return regsets;
}

u32 arch_audit_arch(void)
{
	return AUDIT_ARCH_X86_64;
}
