/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of a bzImage: https://docs.kernel.org/arch/x86/boot.html
 *
 *	0x0000	boot sector with the setup header; real-mode code for loaders that start there
 *	SETUP	protected-mode part: 32-bit entry at 0, 64-bit entry at 0x200
 *	+0x1000	the kernel image as it lies in memory from LOAD_PHYS on (bss left out)
 *
 * Both entries move the image to LOAD_PHYS, clear its bss and go on in it with the zero page in esi/rsi.
 * tools/mk-bzimage defines IMAGE_BYTES, BSS_BYTES and appends the image, and zeros up to where it will end.
 */
#define LOAD_PHYS 0x200000
#define SETUP_SECTORS 7
#define SETUP_BYTES ((SETUP_SECTORS + 1) * 512)
#define PROTECTED_LOAD 0x100000
#define HEAD_BYTES 0x1000
#define HEAD_ENTRY64 0 /* offsets into the image: see boot.S */
#define HEAD_ENTRY32 16

	.text
	.code16
	.globl _start
_start:
sector:
	.org 0x1f1
hdr:
	.byte SETUP_SECTORS
	.word 0
	.long (LOAD_PHYS - PROTECTED_LOAD + IMAGE_BYTES + BSS_BYTES + 15) / 16
	.word 0
	.word 0xffff
	.word 0
	.word 0xaa55
	/* 0x200: entered here in real mode */
	.byte 0xeb, real_start - 1f
1:	.ascii "HdrS"
	.word 0x020f
	.long 0
	.word 0
	.word version_text - 0x200
	.byte 0 /* type_of_loader */
	.byte 1 /* LOADED_HIGH */
	.word 0
	.long PROTECTED_LOAD
	.long 0, 0 /* initrd */
	.long 0
	.word SETUP_BYTES + 0x4000 /* heap_end_ptr */
	.byte 0, 0
	.long 0 /* cmd_line_ptr */
	.long 0x7fffffff /* initrd_addr_max */
	.long 0x200000 /* alignment */
	.byte 0, 21 /* not relocatable */
	.word 1 /* XLF_KERNEL_64 */
	.long 4095 /* cmdline_size */
	.long 0
	.quad 0
	.long HEAD_BYTES, IMAGE_BYTES /* payload */
	.quad 0 /* setup_data */
	.quad PROTECTED_LOAD /* pref_address */
	.long LOAD_PHYS - PROTECTED_LOAD + IMAGE_BYTES + BSS_BYTES /* init_size */
	.long 0
	.long 0

/* Real mode, ds = es = ss: the segment we were loaded at. The header becomes part of the zero page. */
real_start:
	cli
	cld
	movw %ds, %ax
	movw %ax, %es
	movw %ax, %ss
	movw $SETUP_BYTES + 0x4000, %sp
	sti
	/* zero page at SETUP_BYTES */
	movw $SETUP_BYTES, %di
	xorl %eax, %eax
	movw $1024, %cx
	rep stosl
	movw $hdr, %si
	movw $SETUP_BYTES + 0x1f1, %di
	movw $hdr_end - hdr, %cx
	rep movsb
	/* memory map */
	xorl %ebx, %ebx
	movw $SETUP_BYTES + 0x2d0, %di
	xorw %bp, %bp
2:	movl $0xe820, %eax
	movl $0x534d4150, %edx
	movl $20, %ecx
	int $0x15
	jc 3f
	cmpl $0x534d4150, %eax
	jne 3f
	incw %bp
	addw $20, %di
	cmpw $128, %bp
	je 3f
	testl %ebx, %ebx
	jnz 2b
3:	movw %bp, %ax
	movb %al, SETUP_BYTES + 0x1e8
	/* line A20, by the BIOS and by the port every emulator has */
	movw $0x2401, %ax
	int $0x15
	inb $0x92, %al
	orb $2, %al
	andb $0xfe, %al
	outb %al, $0x92
	cli
	xorl %ebx, %ebx
	movw %ds, %bx
	shll $4, %ebx
	leal gdt(%ebx), %eax
	movl %eax, gdt_desc + 2
	lgdtl gdt_desc
	movl hdr + 0x214 - 0x1f1, %edi /* code32_start, which the loader may have changed */
	leal SETUP_BYTES(%ebx), %esi
	leal enter32(%ebx), %eax
	movl %eax, far_target
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	jmp 4f
4:	ljmpl *far_target
	.code32
enter32:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %ebx, %ebx
	jmp *%edi
	.balign 8
gdt:
	.quad 0, 0
	.quad 0x00cf9b000000ffff /* 0x10: as the 32-bit protocol wants */
	.quad 0x00cf93000000ffff
gdt_desc:
	.word 31
	.long 0
far_target:
	.long 0
	.word 0x10
version_text:
	.asciz "corbel"
	.set hdr_end, real_start
	.org SETUP_BYTES

/* --- protected-mode part --- */
prot:
	.code32
	cld
	cli
	call 1f
1:	popl %ebp
	subl $(1b - prot), %ebp /* where this part was loaded */
	movl %esi, %ebx
	leal HEAD_BYTES(%ebp), %esi
	movl $LOAD_PHYS, %edi
	movl $(IMAGE_BYTES + 3) / 4, %ecx
	cmpl %edi, %esi
	jae 2f
	/* upwards over itself: from the end */
	leal -4(%esi,%ecx,4), %esi
	leal -4(%edi,%ecx,4), %edi
	std
2:	rep movsl
	cld
	movl $LOAD_PHYS + IMAGE_BYTES, %edi
	movl $(BSS_BYTES + 3) / 4, %ecx
	xorl %eax, %eax
	rep stosl
	movl %ebx, %esi
	movl $LOAD_PHYS + HEAD_ENTRY32, %eax
	jmp *%eax

	.org SETUP_BYTES + 0x200
	.code64
	cld
	cli
	movq %rsi, %rbx
	leaq prot + HEAD_BYTES(%rip), %rsi
	movl $LOAD_PHYS, %edi
	movl $(IMAGE_BYTES + 7) / 8, %ecx
	cmpq %rdi, %rsi
	jae 2f
	leaq -8(%rsi,%rcx,8), %rsi
	leaq -8(%rdi,%rcx,8), %rdi
	std
2:	rep movsq
	cld
	movl $LOAD_PHYS + IMAGE_BYTES, %edi
	movl $(BSS_BYTES + 7) / 8, %ecx
	xorl %eax, %eax
	rep stosq
	movq %rbx, %rsi
	movl $LOAD_PHYS + HEAD_ENTRY64, %eax
	jmp *%rax
	.org SETUP_BYTES + HEAD_BYTES
