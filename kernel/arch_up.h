/*
 * What architecture code may call in the portable kernel, and the words both agree on.
 * Nothing else of the kernel calls these.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct regs;
struct task;

/*
 * Bits of task->work, the one word that entry and exit of the kernel test. Set by anybody with an
 * atomic or (then sched_kick() if the task may be running), cleared by the handler.
 */
#define TASK_WORK_RESCHED 0x1u	     /* the CPU's reschedule bit, for the running task */
#define TASK_WORK_SIGNAL 0x2u	     /* look for signals to deliver */
#define TASK_WORK_NOTIFY 0x4u	     /* run queued work of this task (task_work) */
#define TASK_WORK_FPU_LOAD 0x8u	     /* arch: vector registers are not the user's */
#define TASK_WORK_SINGLESTEP 0x10u   /* report a trap after this system call */
#define TASK_WORK_RESTORE_MASK 0x20u /* put the saved signal mask back if no handler ran */
#define TASK_WORK_RSEQ 0x40u	     /* fix up a restartable sequence */
/* arch: registers of the running call were changed (exec, sigreturn, ptrace): restore all */
#define TASK_WORK_FULL_REGS 0x80u
#define TASK_WORK_TRACE 0x100u	 /* ptrace: stop at entry and exit */
#define TASK_WORK_SECCOMP 0x200u /* filter at entry */
#define TASK_WORK_AUDIT 0x400u
#define TASK_WORK_LOG 0x800u /* strace-like logging of this task */
#define TASK_WORK_EMULATE 0x1000u
#define TASK_WORK_ACCOUNT 0x2000u  /* precise user/system time at each crossing */
#define TASK_WORK_DISPATCH 0x4000u /* PR_SET_SYSCALL_USER_DISPATCH */
#define TASK_WORK_STACK 0x8000u	   /* look how deep the stack was used */

/* Any of these: the slow way in, respectively out. */
#define TASK_WORK_ENTER                                                          \
	(TASK_WORK_TRACE | TASK_WORK_SECCOMP | TASK_WORK_AUDIT | TASK_WORK_LOG | \
	 TASK_WORK_EMULATE | TASK_WORK_ACCOUNT | TASK_WORK_DISPATCH)
#define TASK_WORK_LEAVE_SYSCALL                                                     \
	(TASK_WORK_TRACE | TASK_WORK_AUDIT | TASK_WORK_LOG | TASK_WORK_SINGLESTEP | \
	 TASK_WORK_ACCOUNT | TASK_WORK_DISPATCH | TASK_WORK_STACK)
#define TASK_WORK_LEAVE                                                                 \
	(TASK_WORK_RESCHED | TASK_WORK_SIGNAL | TASK_WORK_NOTIFY | TASK_WORK_FPU_LOAD | \
	 TASK_WORK_RESTORE_MASK | TASK_WORK_RSEQ | TASK_WORK_FULL_REGS | TASK_WORK_ACCOUNT)

/*
 * The dispatch table, generated from abi/syscalls.tbl: every slot is filled (ENOSYS handler). The
 * entry code calls a slot with the six argument registers in the order of the C ABI (on x86-64: r10
 * moved to rcx), and no stub between; kernel/syscall/syscall.h says why handlers of fewer and
 * narrower arguments may be called so.
 */
typedef long (*syscall_fn)(unsigned long, unsigned long, unsigned long, unsigned long,
			   unsigned long, unsigned long);
extern const syscall_fn syscall_table[];
extern const unsigned int syscall_table_size;

/*
 * System call with a bit of TASK_WORK_ENTER set, interrupts on, before dispatch. Returns the number
 * to run, or -1 to skip it (the result is in the registers).
 */
long syscall_enter_slow(struct regs *regs, long nr);
/* After a call with a bit of TASK_WORK_LEAVE_SYSCALL set, interrupts on. */
void syscall_leave_slow(struct regs *regs);

/*
 * On the way to user mode with bits of TASK_WORK_LEAVE (but FPU_LOAD) set; interrupts on.
 * Reschedules, delivers signals. The caller repeats the test with interrupts off.
 */
void user_leave_work(struct regs *regs, u32 work);

/* First thing a new task runs, on its own stack: ends the switch that came from @prev. */
void task_start_up(struct task *prev);

/*
 * Page fault on a user address, from user or kernel mode; interrupts on. @flags: FAULT_* of mm.h. 0
 * when resolved; else negative, with the signal and its code.
 */
int page_fault_up(struct regs *regs, unsigned long addr, u32 flags, int *sig, int *code);

/* An exception of user code: becomes a signal. Interrupts on. */
void trap_user(struct regs *regs, int sig, int code, unsigned long addr);

/* An exception of kernel code that nothing fixes: does not return. */
__noreturn void die(struct regs *regs, const char *what, unsigned long error);

/* Device interrupt on line @irq of kernel/irq; interrupts off, between irq_enter and irq_exit. */
void irq_dispatch(unsigned int irq);

/* One-shot timer of this CPU; interrupts off, in interrupt context. */
void time_interrupt(void);

/* A secondary CPU, on its idle stack with per-CPU data and interrupts off. */
__noreturn void kernel_main_secondary(unsigned int cpu);
