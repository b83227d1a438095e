/*
 * The user's registers as saved on entry to the kernel, at the top of the kernel stack, in the
 * order of Linux's user_regs_struct, so that ptrace and core dumps copy it.
 */
#pragma once

#include <asm/page.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define X86_KERNEL_CS 0x10
#define X86_KERNEL_DS 0x18
#define X86_USER_CS32 0x23
#define X86_USER_DS 0x2b
#define X86_USER_CS 0x33
#define X86_TSS_SEL 0x40
#define X86_CPU_SEL 0x53

#define X86_FLAGS_CF 0x1UL
#define X86_FLAGS_FIXED 0x2UL
#define X86_FLAGS_TF 0x100UL
#define X86_FLAGS_DF 0x400UL
#define X86_FLAGS_RF 0x10000UL
#define X86_FLAGS_AC 0x40000UL
/* What a signal handler or a debugger may set. */
#define X86_FLAGS_USER 0x50dd5UL
#define X86_FLAGS_PTRACE 0x54dd5UL /* also the nested-task bit, which iretq ignores */

struct regs {
	u64 r15, r14, r13, r12, bp, bx;
	u64 r11, r10, r9, r8;
	u64 ax, cx, dx, si, di;
	u64 orig_ax; /* system-call number, or -1 */
	u64 ip, cs, flags, sp, ss;
};

static inline unsigned long regs_ip(const struct regs *r)
{
	return r->ip;
}

static inline unsigned long regs_sp(const struct regs *r)
{
	return r->sp;
}

static inline unsigned long regs_fp(const struct regs *r)
{
	return r->bp;
}

static inline unsigned long regs_flags(const struct regs *r)
{
	return r->flags;
}

static inline long regs_retval(const struct regs *r)
{
	return (long)r->ax;
}

static inline void regs_set_ip(struct regs *r, unsigned long ip)
{
	r->ip = ip;
}

static inline void regs_set_sp(struct regs *r, unsigned long sp)
{
	r->sp = sp;
}

static inline void regs_set_retval(struct regs *r, long v)
{
	r->ax = (u64)v;
}

/* System-call argument 0..5. */
static inline unsigned long regs_arg(const struct regs *r, unsigned int n)
{
	const u64 args[6] = {r->di, r->si, r->dx, r->r10, r->r8, r->r9};

	return n < 6 ? args[n] : 0;
}

static inline void regs_set_arg(struct regs *r, unsigned int n, unsigned long v)
{
	u64 *const args[6] = {&r->di, &r->si, &r->dx, &r->r10, &r->r8, &r->r9};

	if (n < 6)
		*args[n] = v;
}

/* -1 when the entry was no system call or the call must not be restarted any more. */
static inline long regs_syscall_nr(const struct regs *r)
{
	return (int)r->orig_ax;
}

static inline void regs_set_syscall_nr(struct regs *r, long nr)
{
	r->orig_ax = (u64)nr;
}

static inline bool regs_from_user(const struct regs *r)
{
	return r->cs & 3;
}

static inline bool regs_irqs_on(const struct regs *r)
{
	return r->flags & 0x200;
}

/* Rewinds a system call so that it is entered again with its own number. */
static inline void regs_syscall_restart(struct regs *r)
{
	r->ax = r->orig_ax;
	r->ip -= 2;
}

/* Rewinds to enter call @nr instead (restart_syscall). */
static inline void regs_syscall_restart_as(struct regs *r, long nr)
{
	r->ax = (u64)nr;
	r->ip -= 2;
}

/* @stack is the lowest address of the task's kernel stack. */
static inline struct regs *stack_regs(void *stack)
{
	return (struct regs *)((char *)stack + THREAD_SIZE) - 1;
}

/* A macro, so that this header does not need struct task. */
#define task_regs(task) stack_regs((task)->stack)
