/* The user's registers in the order of the UAPI's user_pt_regs, then what the kernel adds. */
#pragma once

#include <asm/page.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct regs {
	u64 x[31];
	u64 sp, ip, pstate;
	u64 orig_x0;
	s64 syscall_nr;
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
	return r->x[29];
}

static inline unsigned long regs_flags(const struct regs *r)
{
	return r->pstate;
}

static inline long regs_retval(const struct regs *r)
{
	return (long)r->x[0];
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
	r->x[0] = (u64)v;
}

static inline unsigned long regs_arg(const struct regs *r, unsigned int n)
{
	return n == 0 ? r->orig_x0 : n < 6 ? r->x[n] : 0;
}

static inline void regs_set_arg(struct regs *r, unsigned int n, unsigned long v)
{
	if (n == 0)
		r->orig_x0 = v;
	if (n < 6)
		r->x[n] = v;
}

static inline long regs_syscall_nr(const struct regs *r)
{
	return (long)r->syscall_nr;
}

static inline void regs_set_syscall_nr(struct regs *r, long nr)
{
	r->syscall_nr = nr;
}

static inline bool regs_from_user(const struct regs *r)
{
	return !(r->pstate & 0xf);
}

static inline bool regs_irqs_on(const struct regs *r)
{
	return !(r->pstate & 0x80);
}

static inline void regs_syscall_restart(struct regs *r)
{
	r->x[0] = r->orig_x0;
	r->ip -= 4;
}

static inline void regs_syscall_restart_as(struct regs *r, long nr)
{
	r->x[8] = (u64)nr;
	r->x[0] = r->orig_x0;
	r->ip -= 4;
}

static inline struct regs *stack_regs(void *stack)
{
	return (struct regs *)((char *)stack + THREAD_SIZE) - 1;
}

#define task_regs(task) stack_regs((task)->stack)
