/* Offsets that assembly needs; printed into <generated/offsets.h>. */
#include <asm/cpu.h>
#include <asm/regs.h>
#include <kernel/task/task.h>

#define EMIT(name, value) asm volatile("\n\"->" #name " %0\"" : : "i"(value))

void offsets_emit(void);
void offsets_emit(void)
{
	EMIT(CPU_SMAP_NUMBER, CPU_SMAP);
	EMIT(CPU_PTI_NUMBER, CPU_PTI);
	EMIT(CPU_PCID_NUMBER, CPU_PCID);
	EMIT(TASK_WORK, offsetof(struct task, work));
	EMIT(TASK_STACK, offsetof(struct task, stack));
	EMIT(TASK_SP, offsetof(struct task, arch.sp));
	EMIT(REGS_R15, offsetof(struct regs, r15));
	EMIT(REGS_BX, offsetof(struct regs, bx));
	EMIT(REGS_AX, offsetof(struct regs, ax));
	EMIT(REGS_R10, offsetof(struct regs, r10));
	EMIT(REGS_DI, offsetof(struct regs, di));
	EMIT(REGS_ORIG_AX, offsetof(struct regs, orig_ax));
	EMIT(REGS_IP, offsetof(struct regs, ip));
	EMIT(REGS_CS, offsetof(struct regs, cs));
	EMIT(REGS_SP, offsetof(struct regs, sp));
	EMIT(REGS_SIZE, sizeof(struct regs));
	EMIT(WORK_ENTER_MASK, TASK_WORK_ENTER);
	EMIT(WORK_LEAVE_MASK, TASK_WORK_LEAVE | TASK_WORK_LEAVE_SYSCALL);
	EMIT(WORK_LEAVE_USER_MASK, TASK_WORK_LEAVE);
}
