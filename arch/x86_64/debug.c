/*
 * Hardware breakpoints of debuggers and single steps.
 *
 * A thread that has breakpoints has them loaded while it runs, in user mode or not: they are only
 * on user addresses, and those that the kernel touches in its copies are not reported. Intel SDM
 * vol. 3, 18.2; struct user's u_debugreg in ptrace(2).
 */
#include <asm/context.h>
#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/page.h>
#include <asm/regset.h>
#include <kern/errno.h>
#include <kernel/arch_up.h>
#include <kernel/mm/mm.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <linux/signal.h>

#include "x86_impl.h"

#define DR6_RESERVED \
	0xffff0ff0UL /* bits that read as one; those that mean something are inverted */
#define DR6_STEP 0x4000UL
#define DR6_TASK 0x8000UL
#define DR6_HITS 0xfUL
#define DR7_FIXED 0x400UL
#define DR7_ENABLES 0xffUL
#define INSN_MAX 15u

struct debug_regs {
	u64 addr[4];
	u64 dr7;    /* as it was written */
	u64 loaded; /* of dr7, what the CPU gets; 0: nothing enabled */
};

static void dr7_write(u64 v)
{
	asm volatile("mov %0, %%dr7" : : "r"(v));
}

#define MSR_DEBUGCTL 0x1d9u
#define DEBUGCTL_BTF 2ull

/* All CPUs of 64 bits have the register; some machines without hardware ignore what it says. */
void debug_block_step(bool on)
{
	u64 v = msr_read(MSR_DEBUGCTL);

	msr_write(MSR_DEBUGCTL, on ? v | DEBUGCTL_BTF : v & ~DEBUGCTL_BTF);
}

void debug_switch(struct task *prev, struct task *next)
{
	const struct debug_regs *d = next->arch.debug;

	if (prev->arch.debug && prev->arch.debug->loaded)
		dr7_write(DR7_FIXED);
	if (!d || !d->loaded)
		return;
	asm volatile("mov %0, %%dr0" : : "r"(d->addr[0]));
	asm volatile("mov %0, %%dr1" : : "r"(d->addr[1]));
	asm volatile("mov %0, %%dr2" : : "r"(d->addr[2]));
	asm volatile("mov %0, %%dr3" : : "r"(d->addr[3]));
	dr7_write(d->loaded | DR7_FIXED);
}

void debug_free(struct task *t)
{
	struct debug_regs *d = t->arch.debug;

	if (!d)
		return;
	unsigned long flags = irqs_save();

	if (t == current && d->loaded)
		dr7_write(DR7_FIXED);
	t->arch.debug = NULL;
	t->arch.special &= ~THREAD_DEBUG;
	irqs_restore(flags);
	kfree(d);
}

/* ---- as struct user shows them ---- */

static unsigned int bp_kind(u64 dr7, unsigned int i)
{
	return dr7 >> (16 + 4 * i) & 3;
}

static unsigned int bp_length(u64 dr7, unsigned int i)
{
	static const u8 length[4] = {1, 2, 8, 4};

	return length[dr7 >> (18 + 4 * i) & 3];
}

static bool bp_enabled(u64 dr7, unsigned int i)
{
	return dr7 >> (2 * i) & 3;
}

static int bp_check(const struct debug_regs *d, u64 dr7, unsigned int i)
{
	unsigned int kind = bp_kind(dr7, i), len = bp_length(dr7, i);

	if (!bp_enabled(dr7, i))
		return 0;
	/* 2 would be ports; instructions have no length. */
	if (kind == 2 || (kind == 0 && len != 1) || d->addr[i] & (len - 1))
		return -EINVAL;
	return 0;
}

static u64 enabled_part(u64 dr7)
{
	u64 v = 0;

	for (unsigned int i = 0; i < 4; i++) {
		if (bp_enabled(dr7, i))
			v |= 1ULL << (2 * i) | (dr7 & 0xfULL << (16 + 4 * i));
	}
	return v;
}

static int dr7_set(struct debug_regs *d, u64 value)
{
	for (unsigned int i = 0; i < 4; i++) {
		int err = bp_check(d, value, i);

		if (err)
			return err;
	}
	d->dr7 = value;
	d->loaded = enabled_part(value);
	return 0;
}

static int addr_set(struct debug_regs *d, unsigned int i, u64 value)
{
	if (value >= USER_END)
		return -EINVAL;
	if (bp_enabled(d->dr7, i) && value & (bp_length(d->dr7, i) - 1))
		return -EINVAL;
	d->addr[i] = value;
	return 0;
}

u64 debug_reg_get(const struct task *t, unsigned int n)
{
	const struct debug_regs *d = t->arch.debug;

	if (n == 6)
		return t->arch.debug_status ^ DR6_RESERVED;
	if (!d)
		return 0;
	return n < 4 ? d->addr[n] : n == 7 ? d->dr7 : 0;
}

int debug_reg_set(struct task *t, unsigned int n, u64 value)
{
	if (n == 4 || n == 5)
		return -EIO;
	if (n == 6) {
		t->arch.debug_status = value ^ DR6_RESERVED;
		return 0;
	}
	if (!t->arch.debug) {
		if (!value)
			return 0;
		t->arch.debug = kzalloc(sizeof(struct debug_regs));
		if (!t->arch.debug)
			return -ENOMEM;
		t->arch.special |= THREAD_DEBUG;
	}
	return n == 7 ? dr7_set(t->arch.debug, value) : addr_set(t->arch.debug, n, value);
}

/* ---- traps ---- */

static u64 dr6_take(void)
{
	u64 dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	asm volatile("mov %0, %%dr6" : : "r"(DR6_RESERVED));
	return dr6 ^ DR6_RESERVED;
}

int debug_trap_user(struct regs *regs)
{
	struct task *t = current;
	const struct debug_regs *d = t->arch.debug;
	u64 dr6 = dr6_take(), hits = 0;

	/* The CPU has cleared the bit of its register. */
	t->arch.special &= ~THREAD_BLOCK_STEP;
	/* The CPU also reports addresses that match but are not enabled. */
	for (unsigned int i = 0; d && i < 4; i++) {
		if (!(dr6 & 1ULL << i) || !bp_enabled(d->loaded, i))
			continue;
		hits |= 1ULL << i;
		/* Before the instruction: it must run when the program goes on. */
		if (bp_kind(d->loaded, i) == 0)
			regs->flags |= X86_FLAGS_RF;
	}
	t->arch.debug_status = (dr6 & DR6_STEP) | hits;
	if (dr6 & (DR6_STEP | DR6_TASK))
		return TRAP_TRACE;
	if (hits)
		return TRAP_HWBKPT;
	return dr6 & DR6_HITS ? 0 : TRAP_BRKPT; /* the INT1 instruction leaves no trace */
}

void debug_trap_kernel(void)
{
	struct task *t = current;
	u64 dr6 = dr6_take();

	if (t && t->arch.debug)
		t->arch.debug_status |= dr6 & DR6_HITS;
}

/* ---- single steps ---- */

/* Will the instruction at ip load the flags itself? Then TF after it is the program's own. */
static bool loads_flags(struct task *t, const struct regs *regs)
{
	u8 insn[INSN_MAX];
	size_t n = t->mm ? mm_access(t->mm, regs->ip, insn, sizeof(insn), false, true) : 0;

	for (size_t i = 0; i < n; i++) {
		switch (insn[i]) {
		case 0x9d: /* popf */
		case 0xcf: /* iret */
			return true;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64 ... 0x67:
		case 0xf0:
		case 0xf2:
		case 0xf3:
		case 0x40 ... 0x4f:
			continue; /* prefixes */
		default:
			return false;
		}
	}
	return false;
}

static void step_enable(struct task *t)
{
	struct regs *regs = task_regs(t);
	bool had = regs->flags & X86_FLAGS_TF;

	/* A system call traps after itself, before the next instruction of the program. */
	__atomic_fetch_or(&t->work, TASK_WORK_SINGLESTEP | TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
	regs->flags |= X86_FLAGS_TF;
	if (loads_flags(t, regs))
		t->arch.forced_tf = false;
	else if (!had)
		t->arch.forced_tf = true;
}

void arch_step_enable(struct task *t)
{
	t->arch.special &= ~THREAD_BLOCK_STEP;
	step_enable(t);
}

void arch_block_step_enable(struct task *t)
{
	t->arch.special |= THREAD_BLOCK_STEP;
	step_enable(t);
}

void arch_step_disable(struct task *t)
{
	if (unlikely(t->arch.special & THREAD_BLOCK_STEP)) {
		unsigned long flags = irqs_save();

		t->arch.special &= ~THREAD_BLOCK_STEP;
		if (t == current)
			debug_block_step(false);
		irqs_restore(flags);
	}
	if (READ_ONCE(t->work) & TASK_WORK_SINGLESTEP)
		__atomic_fetch_and(&t->work, ~TASK_WORK_SINGLESTEP, __ATOMIC_RELAXED);
	if (!t->arch.forced_tf)
		return;
	t->arch.forced_tf = false;
	task_regs(t)->flags &= ~X86_FLAGS_TF;
	__atomic_fetch_or(&t->work, TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
}
