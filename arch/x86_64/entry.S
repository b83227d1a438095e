/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways into the kernel and out of it.
 *
 * Every entry builds a full struct regs; for entries from user mode it lies at the very top of
 * the task's stack (stack_regs). gs holds the kernel's per-CPU base in kernel mode: an entry from
 * user mode swaps it, an entry from kernel mode does not. Four exceptions can come anywhere, also
 * between a swap and the return: they have stacks of their own (IST) and find the base by the
 * CPU number in the GDT (entry_paranoid).
 *
 * The fast way out of a system call restores only what the C ABI does not preserve. Whoever
 * changes saved registers of a running system call sets TASK_WORK_FULL_REGS.
 *
 * Where the kernel is isolated (pti.c) its tables are loaded here first of all and the user's last,
 * in code that lies at the end: the sites between PTI_BEGIN and PTI_END become jumps to it at boot.
 * Elsewhere it costs nothing.
 */
#include <arch/x86_64/alternative.S>
#include <generated/offsets.h>

#define USER_DS 0x2b
#define USER_CS 0x33
#define CPU_SEL 0x53
#define GS_BASE_MSR 0xc0000101
#define ENOSYS 38

	.macro PUSH_FIRST_AFTER_DI
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	.endm

	.macro PUSH_LAST
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro PUSH_REST_AFTER_DI
	PUSH_FIRST_AFTER_DI
	PUSH_LAST
	.endm

/*
 * What stands between the two, 5 bytes at least and no other alternative, is a jump to @target where
 * the kernel is isolated.
 */
	.macro PTI_BEGIN
771:
	.endm

	.macro PTI_END target
	ALTERNATIVE_SINCE_771 CPU_PTI_NUMBER, jmp \target
	.endm

/* The kernel's gs, where pti_enter has not taken it already. */
	.macro SWAPGS_UNLESS_PTI
771:	swapgs
	ALTERNATIVE_SINCE_771 CPU_PTI_NUMBER
	.endm

/* An exception may interrupt a user access: its handler must not inherit the open window. */
	.macro CLOSE_USER_WINDOW
771:	nopl (%rax)
	ALTERNATIVE_SINCE_771 CPU_SMAP_NUMBER, clac
	.endm

	.macro POP_ALL
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

	.section .text.entry, "ax"

/* --- system calls --- */

	.balign 64
	.globl entry_syscall64
	.type entry_syscall64, @function
entry_syscall64:
	swapgs
	movq %rsp, %gs:cpu_user_sp(%rip)
	movq %gs:cpu_tss+4(%rip), %rsp
entry_syscall64_stack:
	pushq $USER_DS
	pushq %gs:cpu_user_sp(%rip)
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-ENOSYS
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	sti
	movq %gs:current_task(%rip), %rbx
	testl $WORK_ENTER_MASK, TASK_WORK(%rbx)
	jnz syscall_slow
	cmpl syscall_table_size(%rip), %eax
	jae syscall_done
	movl %eax, %eax
	movq %r10, %rcx
	call *syscall_table(,%rax,8)
	movq %rax, REGS_AX(%rsp)
syscall_done:
	cli
	testl $WORK_LEAVE_MASK, TASK_WORK(%rbx)
	jnz syscall_leave_slow_path
	movq REGS_BX(%rsp), %rbx
	addq $REGS_BX + 8, %rsp
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	PTI_BEGIN
	movq 32(%rsp), %rsp
	PTI_END pti_sysret
	swapgs
	sysretq

syscall_slow:
	movq %rsp, %rdi
	call entry_syscall_traced
	jmp syscall_done

syscall_leave_slow_path:
	movq %rsp, %rdi
	call entry_leave_syscall
	/* al: rcx and r11 may be lost, so sysret will do */
	testb %al, %al
	jz return_iret
	POP_ALL
	PTI_BEGIN
	movq 32(%rsp), %rsp
	PTI_END pti_sysret
	swapgs
	sysretq

/* Compatibility-mode SYSCALL: there is no such mode here, but AMD has the register. */
	.globl entry_syscall32
entry_syscall32:
	movl $-ENOSYS, %eax
	sysretl

/* --- return to user mode with every register --- */

	.globl return_to_user
return_to_user:
	cli
	movq %gs:current_task(%rip), %rax
	testl $WORK_LEAVE_USER_MASK, TASK_WORK(%rax)
	jz return_iret
	movq %rsp, %rdi
	call entry_leave_user
return_iret:
	POP_ALL
	PTI_BEGIN
	addq $8, %rsp
	swapgs
	PTI_END pti_leave
	.globl entry_iret_user
entry_iret_user:
	iretq

/* iretq to user mode faulted: the frame is the user's doing. gs is the kernel's by now. */
	.globl entry_bad_iret
entry_bad_iret:
	pushq $-1
	pushq %rdi
	PUSH_FIRST_AFTER_DI
entry_bad_iret_pushed:
	PUSH_LAST
	movq %rsp, %rdi
	call trap_bad_iret
	jmp return_to_user

	.pushsection .tab.extable, "a"
	.balign 4
	.long entry_iret_user - ., entry_bad_iret - .
	.long 0
	.popsection

/* --- exceptions --- */

	.balign 16
	.globl exc_stubs
exc_stubs:
	vec = 0
	.rept 32
	.balign 16
	.if (vec == 8) || (vec == 10) || (vec == 11) || (vec == 12) || (vec == 13) || (vec == 14) || (vec == 17) || (vec == 21) || (vec == 29) || (vec == 30)
	.else
	pushq $0
	.endif
	pushq %rdi
	movl $vec, %edi
	.if (vec == 1) || (vec == 2) || (vec == 8) || (vec == 18)
	jmp exc_paranoid
	.elseif vec == 14
	jmp exc_page_fault
	.else
	jmp exc_common
	.endif
	vec = vec + 1
	.endr

	.balign 16
exc_page_fault:
	PTI_BEGIN
	PUSH_FIRST_AFTER_DI
	PTI_END pti_page_fault
exc_page_fault_pushed:
	PUSH_LAST
	cld
	CLOSE_USER_WINDOW
	movq REGS_ORIG_AX(%rsp), %rsi
	movq $-1, REGS_ORIG_AX(%rsp)
	testb $3, REGS_CS(%rsp)
	jz 1f
	SWAPGS_UNLESS_PTI
	movq %rsp, %rdi
	call trap_page_fault
	jmp return_to_user
1:	cmpq $entry_iret_user, REGS_IP(%rsp)
	jne 2f
	swapgs
2:	movq %rsp, %rdi
	call trap_page_fault
	jmp return_to_kernel

exc_common:
	PTI_BEGIN
	PUSH_FIRST_AFTER_DI
	PTI_END pti_exception
exc_common_pushed:
	PUSH_LAST
	cld
	CLOSE_USER_WINDOW
	movl %edi, %edx
	movq REGS_ORIG_AX(%rsp), %rsi
	movq $-1, REGS_ORIG_AX(%rsp)
	movq %rsp, %rdi
	testb $3, REGS_CS(%rsp)
	jz 1f
	SWAPGS_UNLESS_PTI
	call trap_exception
	jmp return_to_user
1:	cmpq $entry_iret_user, REGS_IP(%rsp)
	jne 2f
	swapgs
2:	call trap_exception
return_to_kernel:
	POP_ALL
	addq $8, %rsp
	iretq

/*
 * On an IST stack, gs unknown. The previous base is kept in r12 (callee-saved) over the C code. From
 * user mode a debug exception moves to the task's stack, where it may sleep.
 */
exc_paranoid:
	PUSH_REST_AFTER_DI
	cld
	CLOSE_USER_WINDOW
	PTI_BEGIN
	movl %edi, %ebx
	testb $3, REGS_CS(%rsp)
	PTI_END pti_paranoid
exc_paranoid_tested:
	jz 1f
	cmpl $1, %ebx
	je exc_debug_user
1:	movl $GS_BASE_MSR, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, %r12
	movl $CPU_SEL, %eax
	lsll %eax, %eax
	movq percpu_offset(,%rax,8), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movq %rsp, %rdi
	movq REGS_ORIG_AX(%rsp), %rsi
	movq $-1, REGS_ORIG_AX(%rsp)
	movl %ebx, %edx
	call trap_paranoid
	movq %r12, %rax
	movq %r12, %rdx
	shrq $32, %rdx
	PTI_BEGIN
	movl $GS_BASE_MSR, %ecx
	PTI_END pti_paranoid_leave
exc_paranoid_leave:
	wrmsr
	POP_ALL
	addq $8, %rsp
	iretq

exc_debug_user:
	swapgs
	movq %rsp, %rsi
	movq %gs:cpu_tss+4(%rip), %rdi
	subq $REGS_SIZE, %rdi
	movq %rdi, %rax
	movl $REGS_SIZE / 8, %ecx
	rep movsq
	movq %rax, %rsp
	movq %rsp, %rdi
	xorl %esi, %esi
	movq $-1, REGS_ORIG_AX(%rsp)
	movl $1, %edx
	call trap_exception
	jmp return_to_user

/* --- interrupts: vectors 32..255 --- */

	.balign 16
	.globl irq_stubs
irq_stubs:
	vec = 32
	.rept 224
	.balign 16
	pushq $-1
	pushq %rdi
	movl $vec, %edi
	jmp irq_common
	vec = vec + 1
	.endr

	.balign 16
irq_common:
	PTI_BEGIN
	PUSH_FIRST_AFTER_DI
	PTI_END pti_irq
irq_common_pushed:
	PUSH_LAST
	cld
	CLOSE_USER_WINDOW
	movl %edi, %esi
	movq %rsp, %rdi
	testb $3, REGS_CS(%rsp)
	jz 1f
	SWAPGS_UNLESS_PTI
	call irq_entry
	jmp return_to_user
1:	call irq_entry
	cmpl $0, %gs:preempt_word(%rip)
	jne return_to_kernel
	testb $2, REGS_CS+9(%rsp) /* the interrupted code had interrupts on */
	jz return_to_kernel
	call sched_preempt_irq
	jmp return_to_kernel

/* --- where the kernel is isolated: see pti.c --- */

#define CR3_USER_ROOT 0x1000
#define CR3_USER_BITS 0x1800 /* the root, and bit 11 of the context number */

/* Bit 63 of a root that is loaded: the context's translations stay. */
	.macro KEEP_CONTEXT_RAX
771:	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	ALTERNATIVE_SINCE_771 CPU_PCID_NUMBER, btsq $63, %rax
	.endm

/*
 * The user's tables. With contexts, what is flushed by this is flushed: the next time keeps. No
 * interrupt comes between, and NMIs flush nothing.
 */
	.macro LOAD_USER_TABLES reg
	movq %gs:pti_user_cr3(%rip), \reg
	movq \reg, %cr3
771:	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x0f, 0x1f, 0x40, 0x00
	ALTERNATIVE_SINCE_771 CPU_PCID_NUMBER, orb $0x80, %gs:pti_user_cr3 + 7
	.endm

	.balign 64
	.globl entry_syscall64_pti
entry_syscall64_pti:
	swapgs
	movq %rsp, %gs:cpu_user_sp(%rip)
	movq %gs:pti_kernel_cr3(%rip), %rsp
	movq %rsp, %cr3
	movq %gs:cpu_tss+4(%rip), %rsp
	jmp entry_syscall64_stack

pti_sysret:
	movq %rdi, %gs:pti_scratch(%rip)
	movq 32(%rsp), %rsp
	LOAD_USER_TABLES %rdi
	movq %gs:pti_scratch(%rip), %rdi
	swapgs
	sysretq

/* All registers are the user's, rsp is below the frame: over to the stack that both tables have. */
pti_leave:
	movq %rdi, %gs:pti_scratch(%rip)
	movq %rsp, %rdi
	movq %gs:pti_entry_sp(%rip), %rsp
	pushq 40(%rdi)
	pushq 32(%rdi)
	pushq 24(%rdi)
	pushq 16(%rdi)
	pushq 8(%rdi)
	LOAD_USER_TABLES %rdi
	movq %gs:pti_scratch(%rip), %rdi
	swapgs
pti_iret:
	iretq

/*
 * In place of PUSH_FIRST_AFTER_DI; edi is the vector. From user mode: from the entry stack, with rdi
 * and the error on it, to the kernel's tables, gs and the task's stack.
 */
	.macro PTI_ENTER to
	testb $3, 24(%rsp)
	jz 1f
	swapgs
	pushq %rsi
	movq %gs:pti_kernel_cr3(%rip), %rsi
	movq %rsi, %cr3
	movq %rsp, %rsi
	movq %gs:cpu_tss+4(%rip), %rsp
	pushq 56(%rsi)
	pushq 48(%rsi)
	pushq 40(%rsi)
	pushq 32(%rsi)
	pushq 24(%rsi)
	pushq 16(%rsi)
	pushq 8(%rsi)
	pushq (%rsi)
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	jmp \to
1:	cmpq $pti_iret, 16(%rsp)
	je pti_bad_iret
	PUSH_FIRST_AFTER_DI
	jmp \to
	.endm

	.balign 16
pti_page_fault:
	PTI_ENTER exc_page_fault_pushed
	.balign 16
pti_exception:
	PTI_ENTER exc_common_pushed
	.balign 16
pti_irq:
	PTI_ENTER irq_common_pushed

/* iretq refused the frame on the entry stack: the task's stack gets it and what a bad one becomes. */
pti_bad_iret:
	swapgs
	pushq %rsi
	movq %gs:pti_kernel_cr3(%rip), %rsi
	movq %rsi, %cr3
	movq %rsp, %rdi
	movq 48(%rdi), %rsi
	movq %gs:cpu_tss+4(%rip), %rsp
	pushq 32(%rsi)
	pushq 24(%rsi)
	pushq 16(%rsi)
	pushq 8(%rsi)
	pushq (%rsi)
	pushq $-1
	pushq 8(%rdi)
	pushq (%rdi)
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	jmp entry_bad_iret_pushed

/* An exception that comes anywhere leaves with the tables that it found, in r13 over the C code. */
pti_paranoid:
	movl %edi, %ebx
	movq %cr3, %r13
	testl $CR3_USER_ROOT, %r13d
	jz 1f
	movq %r13, %rax
	andq $~CR3_USER_BITS, %rax
	KEEP_CONTEXT_RAX
	movq %rax, %cr3
1:	testb $3, REGS_CS(%rsp)
	jmp exc_paranoid_tested

pti_paranoid_leave:
	testl $CR3_USER_ROOT, %r13d
	jz 1f
	movq %rax, %rcx
	movq %r13, %rax
	KEEP_CONTEXT_RAX
	movq %rax, %cr3
	movq %rcx, %rax
1:	movl $GS_BASE_MSR, %ecx
	jmp exc_paranoid_leave

/* --- switching --- */

/* struct task *switch_stack(struct task *prev, struct task *next) */
	.balign 16
	.globl switch_stack
	.type switch_stack, @function
switch_stack:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, TASK_SP(%rdi)
	movq TASK_SP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	movq %rdi, %rax
	ret

/*
 * Where a new thread's first switch returns to. rax = previous task, rbx = function or 0, r12 = its
 * argument; the frame of struct regs is at rsp.
 */
	.globl entry_thread_start
entry_thread_start:
	movq %rax, %rdi
	call task_start_up
	testq %rbx, %rbx
	jz return_to_user
	movq %r12, %rdi
	call *%rbx
	jmp return_to_user

/* Leaves the boot stack for good: void entry_call_on_stack(void *top, void (*fn)(void)) */
	.globl entry_call_on_stack
entry_call_on_stack:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	call *%rsi
	ud2

	.section .note.GNU-stack, "", @progbits
