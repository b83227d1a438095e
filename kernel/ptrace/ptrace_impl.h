/* Shared by the files of kernel/ptrace. */
#pragma once

#include <kernel/ptrace/ptrace.h>

/* attach.c */
int ptrace_attach(struct task *t, bool seize, unsigned long addr, unsigned long options)
	__must_check;
int ptrace_traceme(void) __must_check;
int ptrace_detach(struct task *t, unsigned long sig) __must_check;
int ptrace_options_check(unsigned long options) __must_check;

/*
 * A request on a stopped tracee has it frozen and off its CPU from freeze to thaw: nothing but its
 * tracer touches its registers then.  -ESRCH: not current's tracee, or not stopped.
 */
int ptrace_freeze(struct task *t) __must_check;
void ptrace_thaw(struct task *t);

/* resume.c: PTRACE_CONT and its kin. */
int ptrace_resume(struct task *t, long request, unsigned long sig) __must_check;

/* siginfo.c */
int ptrace_siginfo_get(struct task *t, void __user *to) __must_check;
int ptrace_siginfo_set(struct task *t, const void __user *from) __must_check;
long ptrace_siginfo_peek(struct task *t, unsigned long args, unsigned long data);
int ptrace_sigmask_get(struct task *t, unsigned long size, unsigned long to) __must_check;
int ptrace_sigmask_set(struct task *t, unsigned long size, unsigned long from) __must_check;

/* regset.c */
int ptrace_regset(struct task *t, u32 note, unsigned long iov, bool set) __must_check;
/* The whole set at once: PTRACE_GETREGS and its kin. */
int ptrace_regs(struct task *t, u32 note, unsigned long addr, bool set) __must_check;
long ptrace_syscall_info(struct task *t, unsigned long size, unsigned long to);
