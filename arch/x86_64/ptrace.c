/* The requests of ptrace(2) that x86-64 has beside the generic ones. */
#include <asm/regset.h>

#include <kern/errno.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/ptrace-abi.h>
#include <linux/ptrace.h>

#include "x86_impl.h"

/* struct user: general registers, then much that nobody fills, then the debug registers. */
#define USER_SIZE 928u
#define USER_DEBUGREG 848u

static bool user_offset_ok(unsigned long addr)
{
	return !(addr & 7) && addr < USER_SIZE;
}

static long peek_user(struct task *t, unsigned long addr, unsigned long data)
{
	u64 v = 0;

	if (!user_offset_ok(addr))
		return -EIO;
	if (addr < USER_REGS * 8)
		v = user_reg_get(t, (unsigned int)addr / 8);
	else if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG + 64)
		v = debug_reg_get(t, (unsigned int)(addr - USER_DEBUGREG) / 8);
	return put_user(v, (u64 __user *)data);
}

static long poke_user(struct task *t, unsigned long addr, unsigned long data)
{
	if (!user_offset_ok(addr))
		return -EIO;
	if (addr < USER_REGS * 8)
		return user_reg_set(t, (unsigned int)addr / 8, data);
	if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG + 64)
		return debug_reg_set(t, (unsigned int)(addr - USER_DEBUGREG) / 8, data);
	return -EIO;
}

long arch_ptrace(struct task *t, long request, unsigned long addr, unsigned long data)
{
	switch (request) {
	case PTRACE_PEEKUSR:
		return peek_user(t, addr, data);
	case PTRACE_POKEUSR:
		return poke_user(t, addr, data);
	case PTRACE_ARCH_PRCTL:
		return thread_arch_prctl(t, (int)data, addr);
	}
	return -EIO;
}
