/*
 * Exceptions.
 *
 * From user mode they become signals. From kernel mode an entry of the exception table is looked
 * for; without one the kernel has a fault of its own and dies loudly. A page fault on a user
 * address goes to mm first, wherever it comes from.
 */
#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <asm/tlb.h>
#include <asm/uaccess.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/kasan/kasan.h>
#include <kernel/mm/mm.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>
#include <kernel/vmap/vmap.h>
#include <linux/signal.h>

#include "apic_impl.h"
#include "x86_impl.h"

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RESERVED 8u

struct extable_entry {
	s32 from, to;
	s32 kind;
};
extern struct extable_entry __start_extable[], __stop_extable[];

static unsigned long ex_from(const struct extable_entry *e)
{
	return (unsigned long)&e->from + (long)e->from;
}

/* The entries are relative to themselves, so a swap moves their values. */
static void ex_swap(struct extable_entry *a, struct extable_entry *b)
{
	s32 delta = (s32)((char *)b - (char *)a);
	struct extable_entry t = *a;

	a->from = b->from + delta;
	a->to = b->to + delta;
	a->kind = b->kind;
	b->from = t.from - delta;
	b->to = t.to - delta;
	b->kind = t.kind;
}

/* Nearly sorted by the linker: insertion is linear then. */
void extable_sort(void)
{
	for (struct extable_entry *e = __start_extable + 1; e < __stop_extable; e++) {
		for (struct extable_entry *p = e;
		     p > __start_extable && ex_from(p - 1) > ex_from(p); p--)
			ex_swap(p - 1, p);
	}
}

/* The entry for regs->ip, or NULL. */
static const struct extable_entry *ex_find(const struct regs *regs)
{
	const struct extable_entry *lo = __start_extable, *hi = __stop_extable;

	while (lo < hi) {
		const struct extable_entry *mid = lo + (hi - lo) / 2;
		unsigned long at = ex_from(mid);

		if (at == regs->ip)
			return mid;
		if (at < regs->ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool extable_fixup(struct regs *regs)
{
	const struct extable_entry *e = ex_find(regs);

	if (e)
		regs->ip = (unsigned long)&e->to + (long)e->to;
	return e;
}

struct trap_info {
	const char *name;
	u8 sig;
	s8 code;
	bool addr_is_ip;
};

#define CODE_KERNEL ((s8)0x7f) /* stands for SI_KERNEL, which does not fit */

static const struct trap_info trap_infos[32] = {
	[0] = {"divide error", SIGFPE, FPE_INTDIV, true},
	[1] = {"debug", SIGTRAP, TRAP_TRACE, true},
	[2] = {"NMI", 0, 0, false},
	[3] = {"int3", SIGTRAP, CODE_KERNEL, false},
	[4] = {"overflow", SIGSEGV, CODE_KERNEL, false},
	[5] = {"bounds", SIGSEGV, CODE_KERNEL, false},
	[6] = {"invalid opcode", SIGILL, ILL_ILLOPN, true},
	[7] = {"device not available", SIGSEGV, CODE_KERNEL, false},
	[8] = {"double fault", 0, 0, false},
	[10] = {"invalid TSS", SIGSEGV, CODE_KERNEL, false},
	[11] = {"segment not present", SIGBUS, CODE_KERNEL, false},
	[12] = {"stack segment", SIGBUS, CODE_KERNEL, false},
	[13] = {"general protection fault", SIGSEGV, CODE_KERNEL, false},
	[14] = {"page fault", SIGSEGV, SEGV_MAPERR, false},
	[16] = {"x87 error", SIGFPE, FPE_FLTINV, true},
	[17] = {"alignment check", SIGBUS, BUS_ADRALN, false},
	[18] = {"machine check", 0, 0, false},
	[19] = {"SIMD error", SIGFPE, FPE_FLTINV, true},
};

static const char *trap_name(unsigned int vector)
{
	return vector < 32 && trap_infos[vector].name ? trap_infos[vector].name : "exception";
}

/* The IEEE exception that is pending and not masked: invalid, denormal, zero, over, under, inexact.
 */
static int fpe_code(unsigned int pending)
{
	if (pending & 0x01)
		return FPE_FLTINV;
	if (pending & 0x04)
		return FPE_FLTDIV;
	if (pending & 0x08)
		return FPE_FLTOVF;
	if (pending & 0x12)
		return FPE_FLTUND;
	if (pending & 0x20)
		return FPE_FLTRES;
	return 0;
}

static int fpe_code_x87(void)
{
	u16 sw, cw;

	asm volatile("fnstsw %0; fnstcw %1" : "=m"(sw), "=m"(cw));
	return fpe_code(sw & ~cw & 0x3f);
}

static int fpe_code_simd(void)
{
	u32 mxcsr;

	asm volatile("stmxcsr %0" : "=m"(mxcsr));
	return fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

static void trap_from_user(struct regs *regs, unsigned long err, unsigned int vector)
{
	const struct trap_info *t = &trap_infos[vector];
	int code = t->code == CODE_KERNEL ? SI_KERNEL : t->code;

	if (vector == VEC_DB) {
		code = debug_trap_user(regs);
		if (!code)
			return;
	}
	if (vector == 16)
		code = fpe_code_x87();
	if (vector == 19)
		code = fpe_code_simd();
	irqs_on();
	if (vector == VEC_GP && ports_skip_insn(regs))
		return;
	current->arch.trap_nr = vector;
	current->arch.trap_err = err;
	trap_user(regs, t->sig ? t->sig : SIGSEGV, code, t->addr_is_ip ? regs->ip : 0);
}

void trap_exception(struct regs *regs, unsigned long err, unsigned int vector)
{
	if (regs_from_user(regs)) {
		trap_from_user(regs, err, vector);
		return;
	}
	if (vector == VEC_BP && patch_int3(regs))
		return;
	if (extable_fixup(regs))
		return;
	die(regs, trap_name(vector), err);
}

/* A fault of kernel code that mm cannot help with. */
static void fault_in_kernel(struct regs *regs, unsigned long addr, unsigned long err)
{
	/* Permission was added, and this CPU had the old entry cached. */
	if (addr >= USER_END && (err & PF_PRESENT) && !(err & (PF_INSN | PF_RESERVED)) &&
	    paging_allows(addr, err & PF_WRITE)) {
		tlb_flush_local_page(addr);
		return;
	}
	/* A user access that writes to protected memory is no bad address of the user's. */
	bool overwrite = addr >= USER_END && err & PF_WRITE && err & PF_PRESENT;

	if (!overwrite && extable_fixup(regs))
		return;
	const char *what = "page fault";
	struct stack_place s;

	if (addr < PAGE_SIZE)
		what = "NULL pointer access";
	else if (err & PF_INSN)
		what = addr < USER_END ? "kernel ran into user code (SMEP)"
				       : "kernel ran into data (NX)";
	else if (addr < USER_END)
		what = "kernel touched user memory without access functions (SMAP)";
	else if (stack_of_guard(addr, &s))
		what = "access to the guard page of a kernel stack";
	else if (vmap_is_guard(addr))
		what = "access to an unmapped page of kernel memory";
	else if (overwrite && ex_find(regs))
		what = "usercopy: kernel memory overwrite attempt detected to read-only memory";
	else if (overwrite)
		what = "write to read-only kernel memory";
	pr_emerg("fault at address %#lx\n", addr);
	die(regs, what, err);
}

void trap_page_fault(struct regs *regs, unsigned long err)
{
	unsigned long addr;
	int sig = SIGSEGV, code = SEGV_MAPERR;
	u32 flags = 0;

	asm volatile("mov %%cr2, %0" : "=r"(addr));
	if (unlikely(!regs_from_user(regs))) {
		/* A user access function: SMAP would have let nothing else through. */
		bool may = addr < USER_END && !preempt_count() && regs_irqs_on(regs) &&
			   !(err & (PF_INSN | PF_RESERVED)) && current && current->mm &&
			   (!cpu_has(CPU_SMAP) || (regs->flags & X86_FLAGS_AC));

		if (!may) {
			fault_in_kernel(regs, addr, err);
			return;
		}
	} else {
		flags = FAULT_USER;
	}
	irqs_on();
	if (err & PF_WRITE)
		flags |= FAULT_WRITE;
	if (err & PF_INSN)
		flags |= FAULT_EXEC;
	if (likely(addr < USER_END) && likely(!page_fault_up(regs, addr, flags, &sig, &code)))
		return;
	if (!regs_from_user(regs)) {
		fault_in_kernel(regs, addr, err);
		return;
	}
	if (addr >= USER_END && vsyscall_fault(regs, addr, err))
		return;
	/* Linux hides whether a kernel address is mapped. */
	current->arch.trap_nr = VEC_PF;
	current->arch.trap_err = err | (addr >= USER_END ? PF_PRESENT : 0);
	current->arch.trap_addr = addr;
	trap_user(regs, sig, code, addr);
}

void trap_bad_iret(struct regs *regs)
{
	irqs_on();
	current->arch.trap_nr = 13;
	current->arch.trap_err = 0;
	/* Something that can be returned to, should the signal be handled. */
	regs->cs = X86_USER_CS;
	regs->ss = X86_USER_DS;
	trap_user(regs, SIGSEGV, SI_KERNEL, 0);
}

/*
 * The stack that overflowed is of no use any more, but its task can end on it: from its top, with
 * nothing of what it was doing but whether interrupts are on.  What it held stays held, as after
 * every oops.  Below the user's registers, which the end of the task may show.
 */
static void stack_overflow(struct regs *regs, unsigned long addr, const struct stack_place *s)
{
	pr_emerg("BUG: %s stack guard page was hit at %#lx (stack is %#lx..%#lx)\n", s->name, addr,
		 s->lo, s->hi);
	oops_report(regs, "kernel stack overflow", 0);
	if (!s->killable)
		panic("%s stack guard page was hit", s->name);
	/* On the way into its handler: nobody would end it, and this CPU would get no other. */
	if (apic_in_service())
		panic("Fatal exception in interrupt");
	kasan_unpoison((void *)s->lo, THREAD_SIZE);
	u64 *top = (u64 *)stack_regs((void *)s->lo) - 1;

	*top = 0; /* nobody called it */
	regs->ip = (u64)(unsigned long)oops_exit;
	regs->sp = (u64)(unsigned long)top;
	regs->bp = 0;
	/* Also of a user access, whose window must not stay open. */
	regs->flags = X86_FLAGS_FIXED | (regs->flags & X86_FLAGS_IF);
}

static void double_fault(struct regs *regs)
{
	struct stack_place s;
	unsigned long addr;

	asm volatile("mov %%cr2, %0" : "=r"(addr));
	/* The push that failed; cr2 is of another fault if that was not one of pages. */
	if (stack_of_guard(addr, &s) || stack_of_guard(regs->sp - 8, &s)) {
		stack_overflow(regs, addr, &s);
		return;
	}
	/* Nothing is known of its task's stack, and the end of a task is not for this one. */
	oops_report(regs, "double fault", addr);
	panic("Machine halted.");
}

/* On a stack of its own and from anywhere: takes no lock, sees per-CPU data. */
void trap_paranoid(struct regs *regs, unsigned long err, unsigned int vector)
{
	switch (vector) {
	case VEC_NMI:
		smp_nmi(regs);
		return;
	case VEC_DB:
		/* The kernel touched watched user memory, or a stray step. */
		debug_trap_kernel();
		regs->flags &= ~X86_FLAGS_TF;
		return;
	case VEC_DF:
		double_fault(regs);
		return;
	default:
		panic("machine check, ip %#llx, error %#lx", regs->ip, err);
	}
}
