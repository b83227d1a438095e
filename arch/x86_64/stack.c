/*
 * Walking kernel stacks.
 *
 * With frame pointers the chain of saved rbp is followed. Without them every word of the stack that
 * is an address right behind a call instruction counts: a superset of the truth, innermost first.
 */
#include <asm/stack.h>

#include <asm/current.h>
#include <kern/compiler.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/symbol/symbol.h>
#include <kernel/task/task.h>
#include <kernel/vmap/vmap.h>

#include "x86_impl.h"

struct bounds {
	unsigned long lo, hi;
};

/* This CPU's exception stack number @i, from 0. */
static struct bounds ist_bounds(unsigned int i)
{
	unsigned long top = this_cpu_ptr(cpu_tss)->ist[i];

	return (struct bounds){top - IST_STACK_SIZE, top};
}

/* The stack that @sp lies on; an empty range if it is none that is known. */
static struct bounds stack_bounds(unsigned long sp)
{
	unsigned long boot = (unsigned long)boot_stack;

	if (sp >= boot && sp < boot + THREAD_SIZE)
		return (struct bounds){boot, boot + THREAD_SIZE};
	for (unsigned int i = 0; i < IST_COUNT; i++) {
		struct bounds b = ist_bounds(i);

		if (sp >= b.lo && sp < b.hi)
			return b;
	}
	/* Kernel stacks are naturally placed in slots of twice their size. */
	unsigned long lo = ((sp - THREAD_SIZE / 2) & ~(2 * THREAD_SIZE - 1)) + THREAD_SIZE / 2;

	if (sp >= VMALLOC_BASE && sp < VMALLOC_BASE + VMALLOC_SIZE && sp >= lo &&
	    sp < lo + THREAD_SIZE && !vmap_is_guard(lo) && !vmap_is_guard(lo + THREAD_SIZE - 1))
		return (struct bounds){lo, lo + THREAD_SIZE};
	return (struct bounds){0, 0};
}

static bool is_text(unsigned long addr)
{
	return (addr > (unsigned long)text_start && addr < (unsigned long)text_end) ||
	       (addr > (unsigned long)init_start && addr < (unsigned long)init_data_start);
}

static __no_sanitize_address unsigned long word_at(unsigned long addr)
{
	return *(const volatile unsigned long *)addr;
}

/* A near call ends right before @ret: e8 rel32, or ff /2 in its short forms. */
static bool follows_call(unsigned long ret)
{
	const volatile u8 *p = (const volatile u8 *)ret;

	return p[-5] == 0xe8 || (p[-2] == 0xff && (p[-1] & 0x38) == 0x10) ||
	       (p[-3] == 0xff && (p[-2] & 0x38) == 0x10) ||
	       (p[-6] == 0xff && (p[-5] & 0x38) == 0x10) ||
	       (p[-7] == 0xff && (p[-6] & 0x38) == 0x10);
}

static unsigned int scan(unsigned long from, struct bounds b, unsigned long *out, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned long at = (from + 7) & ~7UL; n < max && at + 8 <= b.hi; at += 8) {
		/* What was found before must not be found again. */
		if (at >= (unsigned long)out && at < (unsigned long)(out + max))
			continue;
		unsigned long v = word_at(at);

		/* Our own output may lie on the same stack. */
		if (at >= (unsigned long)out && at < (unsigned long)(out + max))
			continue;
		if (is_text(v) && follows_call(v))
			out[n++] = v;
	}
	return n;
}

#ifdef CONFIG_FRAME_POINTER
static unsigned int walk(unsigned long fp, struct bounds b, unsigned long *out, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && fp >= b.lo && fp + 16 <= b.hi && !(fp & 7)) {
		unsigned long ret = word_at(fp + 8), next = word_at(fp);

		if (!is_text(ret))
			break;
		out[n++] = ret;
		if (next <= fp)
			break;
		fp = next;
	}
	return n;
}
#else
#define walk scan
#endif

static bool guards(const struct stack_place *s, unsigned long below, unsigned long addr)
{
	return (addr < s->lo && addr >= s->lo - below) ||
	       (addr >= s->hi && addr < s->hi + PAGE_SIZE);
}

bool stack_of_guard(unsigned long addr, struct stack_place *out)
{
	static const char *const names[IST_COUNT] = {
		[IST_DOUBLE_FAULT - 1] = "double fault",
		[IST_NMI - 1] = "NMI",
		[IST_MACHINE_CHECK - 1] = "machine check",
		[IST_DEBUG - 1] = "debug",
	};
	unsigned long own = current ? (unsigned long)current->stack : 0;

	*out = (struct stack_place){"TASK", own, own + THREAD_SIZE, true};
	if (own == (unsigned long)boot_stack)
		out->killable = false;
	if (own &&
	    guards(out, own == (unsigned long)boot_stack ? PAGE_SIZE : THREAD_SIZE / 2, addr))
		return true;
	for (unsigned int i = 0; i < IST_COUNT; i++) {
		struct bounds b = ist_bounds(i);

		*out = (struct stack_place){names[i], b.lo, b.hi, false};
		if (guards(out, PAGE_SIZE, addr))
			return true;
	}
	return false;
}

unsigned int stack_walk(unsigned long fp, unsigned long *out, unsigned int max)
{
	struct stack_place s;

	if (!fp)
		fp = (unsigned long)__builtin_frame_address(0);
	/* Of a stack that has overflowed: what is on it. */
	if (stack_of_guard(fp, &s))
		return scan(s.lo, (struct bounds){s.lo, s.hi}, out, max);
	return walk(fp, stack_bounds(fp), out, max);
}

unsigned int stack_scan(unsigned long from, unsigned long to, unsigned long *out, unsigned int max)
{
	return scan(from, (struct bounds){from, to}, out, max);
}

unsigned int stack_walk_task(const struct task *task, unsigned long *out, unsigned int max)
{
	unsigned long sp = task->arch.sp;
	struct bounds b = stack_bounds(sp);

	/* switch_stack() pushed six registers, rbp first, below the return address. */
	if (!max || sp < b.lo || sp + 56 > b.hi)
		return 0;
	out[0] = word_at(sp + 48);
#ifdef CONFIG_FRAME_POINTER
	return 1 + walk(word_at(sp + 40), b, out + 1, max - 1);
#else
	return 1 + walk(sp + 56, b, out + 1, max - 1);
#endif
}

void regs_print(const struct regs *r)
{
	unsigned long cr2, cr3;
	char where[SYMBOL_NAME_MAX + 32];

	asm volatile("mov %%cr2, %0; mov %%cr3, %1" : "=r"(cr2), "=r"(cr3));
	if (regs_from_user(r))
		where[0] = 0;
	else
		symbol_format(r->ip, where, sizeof(where));
	pr_emerg("ip: %04llx:%016llx %s\n", r->cs, r->ip, where);
	pr_emerg("sp: %04llx:%016llx flags: %08llx nr: %lld\n", r->ss, r->sp, r->flags,
		 (long long)r->orig_ax);
	pr_emerg("ax: %016llx bx: %016llx cx: %016llx\n", r->ax, r->bx, r->cx);
	pr_emerg("dx: %016llx si: %016llx di: %016llx\n", r->dx, r->si, r->di);
	pr_emerg("bp: %016llx r8: %016llx r9: %016llx\n", r->bp, r->r8, r->r9);
	pr_emerg("r10: %016llx r11: %016llx r12: %016llx\n", r->r10, r->r11, r->r12);
	pr_emerg("r13: %016llx r14: %016llx r15: %016llx\n", r->r13, r->r14, r->r15);
	pr_emerg("cr2: %016lx cr3: %016lx cpu: %u\n", cr2, cr3, cpu_id());
}
