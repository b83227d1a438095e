/* What a thread keeps beside its user registers: kernel stack pointer, bases, FPU state. */
#pragma once

#include <asm/regs.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct seq;
struct task;

struct debug_regs;
struct fpu_state;
struct port_tss;

/* arch_thread.special */
#define THREAD_DEBUG 1u	     /* has debug registers */
#define THREAD_NO_TSC 2u     /* may not read the time-stamp counter; inherited */
#define THREAD_BLOCK_STEP 4u /* single steps go from branch to branch */
#define THREAD_PORTS 8u	     /* has I/O ports of its own */

/* Embedded in struct task as `arch`. */
struct arch_thread {
	u64 sp;		       /* kernel stack pointer while not running */
	u64 fs_base, gs_base;  /* while not running, or when set by arch_prctl */
	struct fpu_state *fpu; /* NULL for a thread that never was in user mode */
	u32 fpu_cpu;	       /* CPU whose registers hold @fpu, if its fpu_owner is this thread */
	u32 trap_nr;	       /* of the last exception, for the signal frame */
	u64 trap_err;
	u64 trap_addr;		  /* cr2 */
	u64 debug_status;	  /* DR6 of the last #DB, set bits meaning yes */
	struct debug_regs *debug; /* NULL: no breakpoint was ever set */
	bool forced_tf;		  /* TF in the saved flags is a debugger's */
	u32 special;		  /* THREAD_*: a switch to or from it does more */
	struct port_tss *ports;	  /* NULL: may use no I/O port */
	u8 port_level;		  /* iopl(2) */
	bool port_warned;	  /* of CLI and STI */
};

/* Switches stacks; returns, on the new stack, the task that ran before. Interrupts off. */
struct task *arch_switch(struct task *prev, struct task *next);

/*
 * Prepares @task (stack and arch zeroed or copied) to run fn(arg) in the kernel. When fn returns
 * the thread goes to user mode with task_regs(), which exec has filled by then.
 */
int arch_thread_init_kernel(struct task *task, void (*fn)(void *arg), void *arg) __must_check;

/*
 * Prepares @child to return to user mode as the copy of the caller whose registers are @regs, with
 * 0 as return value. @newsp 0 keeps the stack; @tls is used with @set_tls.
 */
int arch_thread_fork_user(struct task *child, const struct regs *regs, unsigned long newsp,
			  bool set_tls, unsigned long tls) __must_check;

/* Frees what arch_thread_*() allocated. The task does not run any more. */
void arch_thread_free(struct task *task);

/* Bases of a stopped thread, for ptrace; -EPERM/-EIO for a non-canonical one. */
int arch_thread_set_base(struct task *task, bool gs, unsigned long base) __must_check;
unsigned long arch_thread_get_base(const struct task *task, bool gs);

/* --- prctl(2) --- */

/* PR_SET_TSC: may current read the time-stamp counter in user mode?  Else it is SIGSEGV. */
void arch_tsc_allow(bool allow);
bool arch_tsc_allowed(void);
/*
 * PR_GET/SET_SPECULATION_CTRL: what the CPU does, and what may be changed of it: PR_SPEC_*.
 * -ENODEV, -ENXIO, -EPERM, -ERANGE.
 */
int arch_speculation_get(unsigned long which) __must_check;
int arch_speculation_set(unsigned long which, unsigned long control) __must_check;
/* The value of the "bugs" line of /proc/cpuinfo: a blank before each word. */
void arch_cpu_bugs(struct seq *s);

/* --- floating point and vector state --- */

/* Bytes of the standard (non-compacted) XSAVE image of user space. */
unsigned int fpu_user_size(void);

/* The kernel may use vector registers between the two; preemption is off meanwhile. */
void fpu_begin(void);
void fpu_end(void);

/* Gives current the initial state if it has none yet: before exec makes it a user thread. */
int fpu_prepare_current(void) __must_check;

/* Forgets the registers: a new program starts with the initial state. */
void fpu_reset_current(void);
