/* Signal frames on the user stack, laid out as Linux's rt_sigframe for x86-64. */
#pragma once

#include <asm/regs.h>
#include <kern/compiler.h>
#include <kern/types.h>

/* Everything the frame needs from the signal room; siginfo is the 128-byte UAPI object. */
struct sigframe_setup {
	int sig;
	unsigned long handler;
	unsigned long flags; /* SA_* */
	unsigned long restorer;
	u64 blocked;		   /* mask to restore on return */
	unsigned long altstack_sp; /* as sigaltstack(2): lowest address, size, SS_* flags */
	size_t altstack_size;
	int altstack_flags;
	const void *siginfo; /* siginfo_t in kernel memory */
};

/* What sigreturn took from the frame, for the signal room to put into force. */
struct sigframe_return {
	u64 blocked;
	unsigned long altstack_sp;
	size_t altstack_size;
	int altstack_flags;
	bool bad_segment; /* the program cannot go on there: SIGSEGV once all is restored */
};

/* Builds the frame and points @regs at the handler; -EFAULT if the stack cannot take it. */
int arch_signal_setup_frame(struct regs *regs, const struct sigframe_setup *setup) __must_check;

/*
 * rt_sigreturn: restores @regs and the FPU from the frame at the stack pointer; -EFAULT for a bad
 * frame (the caller sends SIGSEGV). On success the system call returns regs_retval(regs), and no
 * restart takes place.
 */
int arch_sigreturn(struct regs *regs, struct sigframe_return *out) __must_check;
