/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From power-on to the first C line.
 *
 * Three ways in:
 *	boot_entry32	PVH (the ELF note below): 32-bit protected mode, paging off, ebx = start info
 *	boot_entry64	64-bit Linux boot protocol: long mode, identity mapped, rsi = boot_params
 *	ap_trampoline	a secondary CPU: real mode, copied below 1 MiB (see smp.c)
 *
 * All meet in long mode on boot_pgd, which maps the first 4 GiB with 2 MiB pages three times: at 0,
 * in the direct map, and (1 GiB of it) as the kernel image. arch_start() replaces it. With five levels
 * of page tables boot_pgd5 is the root, and boot_pgd is below its first and its last entry.
 */
#include <asm/page.h>

#define PHYS(sym) ((sym) - KERNEL_IMAGE_BASE)

#define CR0_PE 0x1
#define CR0_BOOT 0x80050033 /* PG AM WP NE ET MP PE */
#define CR4_PAE 0x20
#define CR4_LA57 0x1000
#define EFER_MSR 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define GS_BASE_MSR 0xc0000101

#define BOOT_STACK_SIZE 16384
#define SEL_CODE32 0x8
#define SEL_CODE64 0x10
#define SEL_DATA 0x18

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18 /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PHYS(boot_entry32)

	/* First bytes of the image, at fixed offsets for bzimage/setup.S. */
	.section .head.text, "ax"
	.code64
	jmp boot_entry64
	.balign 16
	.code32
	jmp boot_entry32_linux

	.section .init.text, "ax"
	.code32
/* The 32-bit Linux protocol: esi = boot_params. */
boot_entry32_linux:
	cld
	cli
	movl $PHYS(boot_stack_top), %esp
	movl %esi, %edi
	movl $2, %ebp
	jmp boot_common32

	.globl boot_entry32
boot_entry32:
	cld
	cli
	movl $PHYS(boot_stack_top), %esp
	movl %ebx, %edi
	movl $1, %ebp /* BOOT_PROTOCOL_PVH */
boot_common32:
	/* Long mode at all? NX? */
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode
	movl %edx, %esi

	call fill_boot_tables

	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pgd), %eax
	movl %eax, %cr3
	movl $EFER_MSR, %ecx
	rdmsr
	orl $EFER_LME, %eax
	btl $20, %esi
	jnc 1f
	orl $EFER_NXE, %eax
1:	wrmsr
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_desc)
	ljmp $SEL_CODE64, $PHYS(long_mode_low)

no_long_mode:
	movl $PHYS(no_long_mode_text), %esi
	movw $0x3f8, %dx
2:	lodsb
	testb %al, %al
	jz 3f
	outb %al, %dx
	jmp 2b
3:	hlt
	jmp 3b

	/* 4 GiB identity in 2 MiB pages: boot_pd0..3 are adjacent. Clobbers eax, ebx, ecx, edx. */
fill_boot_tables:
	movl $PHYS(boot_pd), %ebx
	movl $0x183, %eax /* present, write, huge, global */
	xorl %ecx, %ecx
1:	movl %eax, (%ebx,%ecx,8)
	movl $0, 4(%ebx,%ecx,8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	/* boot_pdpt: four times PD; boot_pdpt_image[510]: the first PD */
	movl $PHYS(boot_pd) + 3, %eax
	movl $PHYS(boot_pdpt), %ebx
	movl %eax, PHYS(boot_pdpt_image) + 510 * 8
	xorl %ecx, %ecx
2:	movl %eax, (%ebx,%ecx,8)
	addl $0x1000, %eax
	incl %ecx
	cmpl $4, %ecx
	jne 2b
	movl $PHYS(boot_pdpt) + 3, %eax
	movl %eax, PHYS(boot_pgd)
	movl %eax, PHYS(boot_pgd) + 273 * 8 /* DIRECT_MAP_BASE */
	movl $PHYS(boot_pdpt_image) + 3, %eax
	movl %eax, PHYS(boot_pgd) + 511 * 8
	movl $PHYS(boot_pgd) + 3, %eax
	movl %eax, PHYS(boot_pgd5)
	movl %eax, PHYS(boot_pgd5) + 511 * 8
	ret

	.code64
	/* rdi = parameter, rbp = protocol, still running at the physical address. */
long_mode_low:
	movabsq $long_mode_high, %rax
	jmp *%rax

	.globl boot_entry64
boot_entry64:
	cld
	cli
	movq %rsi, %rdi
	movl $2, %ebp /* BOOT_PROTOCOL_LINUX */
	/* The loader's tables may map little: ours, filled with 64-bit code from where we are. */
	leaq boot_pd(%rip), %rbx
	movl $0x183, %eax
	xorl %ecx, %ecx
1:	movq %rax, (%rbx,%rcx,8)
	addq $0x200000, %rax
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	leaq 3(%rbx), %rax
	leaq boot_pdpt_image(%rip), %rdx
	movq %rax, 510*8(%rdx)
	leaq boot_pdpt(%rip), %rsi
	xorl %ecx, %ecx
2:	movq %rax, (%rsi,%rcx,8)
	addq $0x1000, %rax
	incl %ecx
	cmpl $4, %ecx
	jne 2b
	leaq boot_pgd(%rip), %rbx
	leaq 3(%rsi), %rax
	movq %rax, (%rbx)
	movq %rax, 273*8(%rbx)
	leaq 3(%rdx), %rax
	movq %rax, 511*8(%rbx)
	leaq 3(%rbx), %rax
	leaq boot_pgd5(%rip), %rdx
	movq %rax, (%rdx)
	movq %rax, 511*8(%rdx)
	movq %rdi, %r12
	movl $0x80000001, %eax
	cpuid
	movl %edx, %r8d
	movq %rbx, %r9
	movl $EFER_MSR, %ecx
	rdmsr
	btl $20, %r8d
	jnc 3f
	orl $EFER_NXE, %eax
	wrmsr
3:	movq %r12, %rdi
	/* The number of levels cannot change here: paging_choose_levels(). */
	movq %cr4, %rax
	andl $CR4_LA57, %eax
	leaq boot_pgd(%rip), %rbx
	jz 4f
	leaq boot_pgd5(%rip), %rbx
4:	orl $CR4_PAE, %eax
	movq %rax, %cr4
	movq %rbx, %cr3
	movl $CR0_BOOT, %eax
	movq %rax, %cr0
	movabsq $long_mode_high, %rax
	jmp *%rax

long_mode_high:
	lgdt boot_gdt_desc_high(%rip)
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	leaq boot_stack_top(%rip), %rsp
	pushq $SEL_CODE64
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:
	/* The boot CPU's per-CPU area: a copy of the template; gs base = area - template. */
	movq %rdi, %r12
	leaq percpu_template(%rip), %rsi
	leaq percpu_boot_area(%rip), %rdi
	leaq percpu_template_end(%rip), %rcx
	subq %rsi, %rcx
	shrq $3, %rcx
	movq %rdi, %rax
	subq %rsi, %rax
	rep movsq
	movq %rax, percpu_offset(%rip)
	movq %rax, %rdx
	shrq $32, %rdx
	movl $GS_BASE_MSR, %ecx
	wrmsr
	movq percpu_offset(%rip), %rax
	movq %rax, %gs:percpu_self_offset(%rip)

	movl %ebp, %edi
	movq %r12, %rsi
	xorl %ebp, %ebp
	call arch_start
4:	cli
	hlt
	jmp 4b

/*
 * boot_set_paging(rdi = physical root below 4 GiB, rsi = CR4): by way of 32-bit code at its physical
 * address, which the low mapping of either root makes reachable.
 */
	.section .init.text, "ax"
	.globl boot_set_paging
boot_set_paging:
	pushq %rbx
	pushq %rbp
	movq %rsp, boot_saved_sp(%rip)
	lgdt boot_gdt_desc(%rip)
	pushq $SEL_CODE32
	leaq 5f(%rip), %rax
	movabsq $KERNEL_IMAGE_BASE, %rdx
	subq %rdx, %rax
	pushq %rax
	lretq
	.code32
5:	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %ss
	movl %cr0, %eax
	btrl $31, %eax
	movl %eax, %cr0
	movl %edi, %cr3
	movl %esi, %cr4
	btsl $31, %eax
	movl %eax, %cr0
	ljmp $SEL_CODE64, $PHYS(6f)
	.code64
6:	movabsq $7f, %rax
	jmp *%rax
7:	movq boot_saved_sp(%rip), %rsp
	lgdt boot_gdt_desc_high(%rip)
	popq %rbp
	popq %rbx
	ret

	.section .init.data, "aw"
	.balign 8
boot_saved_sp:
	.quad 0
no_long_mode_text:
	.asciz "corbel: this CPU has no 64-bit mode\n"

	.data
	.balign 16
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* 32-bit code */
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
boot_gdt_end:
	.globl boot_gdt_desc
boot_gdt_desc:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
	.balign 8
	.word 0, 0, 0
boot_gdt_desc_high:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	.section .bss.page_aligned, "aw", @nobits
	.balign 4096
	.globl boot_pgd, boot_pgd5
boot_pgd:
	.skip 4096
boot_pgd5:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096
	/* A page that paging.c leaves unmapped guards each of these stacks. */
	.globl boot_stack_guard, boot_stack, boot_stack_top, boot_ist_stacks
boot_stack_guard:
	.skip 4096
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_top:
	.skip 4096
boot_ist_stacks:
	.skip 4 * (8192 + 4096) /* IST_COUNT stacks of IST_STACK_SIZE, with a guard behind each */
