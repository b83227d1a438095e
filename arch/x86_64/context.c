/*
 * Threads: switching stacks, the first frame of a new thread, segment bases.
 *
 * With FSGSBASE user mode may change its bases at any time, so they are read at each switch;
 * without it only arch_prctl changes them, and struct arch_thread always has the truth.
 */
#include <asm/context.h>
#include <asm/current.h>
#include <asm/elf_arch.h>
#include <asm/irqflags.h>
#include <asm/tlb.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/exec/exec.h>
#include <kernel/panic/panic.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/prctl.h>

#include "x86_impl.h"

struct task *switch_stack(struct task *prev, struct task *next);
void entry_thread_start(void);

#define CR4_TSD (1UL << 2)

/* What switch_stack() pops, lowest first. */
struct switch_frame {
	u64 r15, r14, r13, r12, bx, bp, ret;
};

static __always_inline u64 read_fs_base(void)
{
	u64 v;

	asm volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static __always_inline void write_fs_base(u64 v)
{
	asm volatile("wrfsbase %0" : : "r"(v));
}

/* The user's gs base is the inactive one while the kernel runs. */
static u64 read_user_gs_base(void)
{
	return msr_read(MSR_KERNEL_GS_BASE);
}

static void write_user_gs_base(u64 v)
{
	msr_write(MSR_KERNEL_GS_BASE, v);
}

static __always_inline void switch_bases(struct arch_thread *prev, struct arch_thread *next)
{
	if (likely(cpu_has(CPU_FSGSBASE))) {
		prev->fs_base = read_fs_base();
		prev->gs_base = read_user_gs_base();
		write_fs_base(next->fs_base);
		if (prev->gs_base != next->gs_base)
			write_user_gs_base(next->gs_base);
		return;
	}
	if (prev->fs_base != next->fs_base)
		msr_write(MSR_FS_BASE, next->fs_base);
	if (prev->gs_base != next->gs_base)
		write_user_gs_base(next->gs_base);
}

static void tsc_protect(bool on)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = on ? cr4 | CR4_TSD : cr4 & ~CR4_TSD;
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void special_switch(struct task *prev, struct task *next)
{
	u32 changed = prev->arch.special ^ next->arch.special;

	if ((prev->arch.special | next->arch.special) & THREAD_DEBUG)
		debug_switch(prev, next);
	if (changed & THREAD_NO_TSC)
		tsc_protect(next->arch.special & THREAD_NO_TSC);
	if (changed & THREAD_BLOCK_STEP)
		debug_block_step(next->arch.special & THREAD_BLOCK_STEP);
	if ((prev->arch.special | next->arch.special) & THREAD_PORTS)
		ports_switch(next);
}

void arch_tsc_allow(bool allow)
{
	unsigned long flags = irqs_save();

	if (allow)
		current->arch.special &= ~THREAD_NO_TSC;
	else
		current->arch.special |= THREAD_NO_TSC;
	tsc_protect(!allow);
	irqs_restore(flags);
}

bool arch_tsc_allowed(void)
{
	return !(current->arch.special & THREAD_NO_TSC);
}

struct task *arch_switch(struct task *prev, struct task *next)
{
	fpu_switch(prev, next);
	switch_bases(&prev->arch, &next->arch);
	if (unlikely(prev->arch.special | next->arch.special))
		special_switch(prev, next);
	this_cpu_write(current_task, next);
	this_cpu_ptr(cpu_tss)->rsp[0] = (u64)(unsigned long)next->stack + THREAD_SIZE;
	return switch_stack(prev, next);
}

static void first_frame(struct task *t, struct regs *regs, void (*fn)(void *), void *arg)
{
	struct switch_frame *f = (struct switch_frame *)regs - 1;

	*f = (struct switch_frame){
		.bx = (u64)(unsigned long)fn,
		.r12 = (u64)(unsigned long)arg,
		.ret = (u64)(unsigned long)entry_thread_start,
	};
	t->arch.sp = (u64)(unsigned long)f;
}

int arch_thread_init_kernel(struct task *task, void (*fn)(void *arg), void *arg)
{
	struct regs *regs = stack_regs(task->stack);

	memset(regs, 0, sizeof(*regs));
	memset(&task->arch, 0, sizeof(task->arch));
	regs->cs = X86_USER_CS;
	regs->ss = X86_USER_DS;
	regs->flags = X86_FLAGS_FIXED | X86_FLAGS_IF;
	regs->orig_ax = (u64)-1;
	task->arch.fpu_cpu = FPU_NO_CPU;
	first_frame(task, regs, fn, arg);
	return 0;
}

int arch_thread_fork_user(struct task *child, const struct regs *regs, unsigned long newsp,
			  bool set_tls, unsigned long tls)
{
	struct regs *cr = stack_regs(child->stack);
	struct arch_thread *a = &child->arch;

	memset(a, 0, sizeof(*a));
	a->fpu_cpu = FPU_NO_CPU;
	a->special = current->arch.special & THREAD_NO_TSC;
	int err = fpu_fork(child);

	if (err)
		return err;
	err = ports_fork(child);
	if (err) {
		arch_thread_free(child);
		return err;
	}
	*cr = *regs;
	cr->ax = 0;
	if (unlikely(current->arch.forced_tf))
		cr->flags &= ~X86_FLAGS_TF; /* it is the parent that is stepped */
	if (newsp)
		cr->sp = newsp;
	a->fs_base = arch_thread_get_base(current, false);
	a->gs_base = arch_thread_get_base(current, true);
	if (set_tls)
		a->fs_base = tls;
	first_frame(child, cr, NULL, NULL);
	return 0;
}

unsigned long arch_thread_get_base(const struct task *task, bool gs)
{
	if (task == current && cpu_has(CPU_FSGSBASE)) {
		unsigned long flags = irqs_save();
		u64 v = gs ? read_user_gs_base() : read_fs_base();

		irqs_restore(flags);
		return v;
	}
	return gs ? task->arch.gs_base : task->arch.fs_base;
}

int arch_thread_set_base(struct task *task, bool gs, unsigned long base)
{
	if (base >= USER_END)
		return -EPERM;
	unsigned long flags = irqs_save();

	if (gs)
		task->arch.gs_base = base;
	else
		task->arch.fs_base = base;
	if (task == current) {
		if (gs)
			write_user_gs_base(base);
		else if (cpu_has(CPU_FSGSBASE))
			write_fs_base(base);
		else
			msr_write(MSR_FS_BASE, base);
	}
	irqs_restore(flags);
	return 0;
}

long thread_arch_prctl(struct task *t, int option, unsigned long arg)
{
	u64 base;

	switch (option) {
	case ARCH_SET_FS:
		return arch_thread_set_base(t, false, arg);
	case ARCH_SET_GS:
		return arch_thread_set_base(t, true, arg);
	case ARCH_GET_FS:
		base = arch_thread_get_base(t, false);
		return put_user(base, (u64 __user *)arg);
	case ARCH_GET_GS:
		base = arch_thread_get_base(t, true);
		return put_user(base, (u64 __user *)arg);
	default:
		return -EINVAL;
	}
}

/* States that a program must ask for before it uses them: none of this kernel's. */
#define XSTATES 19u

static long xstate_request(unsigned long number)
{
	return number < XSTATES ? -EOPNOTSUPP : -EINVAL;
}

long sys_arch_prctl(int option, unsigned long arg)
{
	switch (option) {
	case ARCH_GET_CPUID:
		return 1; /* may be used */
	case ARCH_SET_CPUID:
		return -ENODEV; /* and cannot be made to fault */
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
	case ARCH_GET_XCOMP_GUEST_PERM:
		return put_user(fpu_user_features(), (u64 __user *)arg);
	case ARCH_REQ_XCOMP_PERM:
	case ARCH_REQ_XCOMP_GUEST_PERM:
		return xstate_request(arg);
	case ARCH_MAP_VDSO_64:
		return exec_map_vdso(arg);
	}
	return thread_arch_prctl(current, option, arg);
}

void elf_arch_start(struct regs *regs, unsigned long ip, unsigned long sp)
{
	memset(regs, 0, sizeof(*regs));
	regs->ip = ip;
	regs->sp = sp;
	regs->cs = X86_USER_CS;
	regs->ss = X86_USER_DS;
	regs->flags = X86_FLAGS_FIXED | X86_FLAGS_IF;
	regs->orig_ax = (u64)-1;
	if (arch_thread_set_base(current, false, 0) || arch_thread_set_base(current, true, 0))
		return; /* cannot fail: zero is an address of user space */
	/* Only the first program's thread began as a kernel thread. */
	if (!current->arch.fpu && fpu_prepare_current())
		panic("no memory for the registers of the first program");
	fpu_reset_current();
	debug_free(current);
	__atomic_fetch_or(&current->work, TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
}
