/* The slow ways in and out of user mode; the fast ones are in entry.S. */
#include <asm/context.h>
#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <kern/errno.h>
#include <kernel/arch_up.h>
#include <kernel/task/task.h>

#include "x86_impl.h"

void entry_syscall_traced(struct regs *regs)
{
	long nr = syscall_enter_slow(regs, (int)regs->orig_ax);

	if (nr < 0)
		return; /* skipped: the result is in place */
	regs->ax = (u64)-ENOSYS;
	if ((unsigned long)nr < syscall_table_size)
		regs->ax = (u64)syscall_table[nr](regs->di, regs->si, regs->dx, regs->r10, regs->r8,
						  regs->r9);
}

/* Interrupts off on entry and exit; they stay off from the last look at the word to user mode. */
void entry_leave_user(struct regs *regs)
{
	struct task *t = current;

	for (;;) {
		u32 work = READ_ONCE(t->work) & TASK_WORK_LEAVE;
		u32 up = work & ~(TASK_WORK_FPU_LOAD | TASK_WORK_FULL_REGS);

		if (!up) {
			if (work & TASK_WORK_FULL_REGS)
				__atomic_fetch_and(&t->work, ~TASK_WORK_FULL_REGS,
						   __ATOMIC_RELAXED);
			if (work & TASK_WORK_FPU_LOAD)
				fpu_load_current();
			return;
		}
		irqs_on();
		user_leave_work(regs, up);
		irqs_off();
	}
}

/* True if SYSRET restores everything: it cannot load rcx and r11 apart from ip and flags. */
bool entry_leave_syscall(struct regs *regs)
{
	if (READ_ONCE(current->work) & TASK_WORK_LEAVE_SYSCALL) {
		irqs_on();
		syscall_leave_slow(regs);
		irqs_off();
	}
	entry_leave_user(regs);
	return regs->cx == regs->ip && regs->r11 == regs->flags && regs->cs == X86_USER_CS &&
	       regs->ss == X86_USER_DS && regs->ip < USER_END &&
	       !(regs->flags & (X86_FLAGS_RF | X86_FLAGS_TF));
}

void need_resched_set(void)
{
	__atomic_fetch_or(&current->work, TASK_WORK_RESCHED, __ATOMIC_RELAXED);
	this_cpu_and(preempt_word, ~PREEMPT_NO_RESCHED);
}

void need_resched_clear(void)
{
	this_cpu_or(preempt_word, PREEMPT_NO_RESCHED);
	if (READ_ONCE(current->work) & TASK_WORK_RESCHED)
		__atomic_fetch_and(&current->work, ~TASK_WORK_RESCHED, __ATOMIC_RELAXED);
}

bool preempt_may_sleep(void)
{
	return !preempt_count() && !irqs_are_off();
}

DEFINE_PERCPU(u32, preempt_word) = PREEMPT_NO_RESCHED;
DEFINE_PERCPU(struct task *, current_task);
DEFINE_PERCPU(u32, cpu_number);
DEFINE_PERCPU(unsigned long, stack_canary) = 0xc0ffee5a5a5a00;
DEFINE_PERCPU(unsigned long, percpu_self_offset);
unsigned long percpu_offset[NR_CPUS_MAX];
