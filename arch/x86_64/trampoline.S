/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A secondary CPU's way from real mode to ap_start(). The first part is copied to physical 0x8000 and
 * refers to itself by segment-relative addresses; the second runs in the image.
 */
#include <asm/page.h>

#define PHYS(sym) ((sym) - KERNEL_IMAGE_BASE)
#define AT(sym) ((sym) - ap_trampoline + 0x8000)
#define EFER_MSR 0xc0000080
#define GS_BASE_MSR 0xc0000101

	.section .rodata.trampoline, "a"
	.balign 16
	.globl ap_trampoline, ap_trampoline_end
ap_trampoline:
	.code16
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl AT(tramp_gdt_desc)
	movl $0x11, %eax /* PE, ET */
	movl %eax, %cr0
	ljmpl $0x8, $AT(tramp32)
	.code32
tramp32:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl PHYS(ap_boot_cr4), %eax
	movl %eax, %cr4
	movl PHYS(ap_boot_root), %eax
	movl %eax, %cr3
	movl $0x80000001, %eax
	cpuid
	movl %edx, %esi
	movl $EFER_MSR, %ecx
	rdmsr
	orl $0x100, %eax
	btl $20, %esi
	jnc 1f
	orl $0x800, %eax
1:	wrmsr
	movl $0x80050033, %eax
	movl %eax, %cr0
	ljmpl $0x10, $AT(tramp64)
	.code64
tramp64:
	movabsq $ap_entry64, %rax
	jmp *%rax
	.balign 8
tramp_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
tramp_gdt_end:
tramp_gdt_desc:
	.word tramp_gdt_end - tramp_gdt - 1
	.long AT(tramp_gdt)
ap_trampoline_end:

	.text
ap_entry64:
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq kernel_pt_root(%rip), %rax
	movabsq $DIRECT_MAP_BASE, %rdx
	subq %rdx, %rax
	movq %rax, %cr3
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movzbl ap_cpu_of_apic(%rbx), %edi
	cmpl $0xff, %edi
	je 1f
	movq ap_stack_top(,%rdi,8), %rsp
	movq percpu_offset(,%rdi,8), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	movl $GS_BASE_MSR, %ecx
	wrmsr
	xorl %ebp, %ebp
	call ap_start
1:	cli
	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
