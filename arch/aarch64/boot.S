/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot stub: the Linux arm64 image header, a stack, and one line of C on the boot CPU with the MMU
 * off. x0 holds the device tree. https://docs.kernel.org/arch/arm64/booting.html
 */
	.section .head.text, "ax"
	.globl image_head
image_head:
	b boot_entry
	.long 0
	.quad 0x200000 /* text offset from a 2 MiB boundary */
	.quad image_size
	.quad 0xa /* little endian, 4 KiB pages, anywhere */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0

boot_entry:
	mrs x1, mpidr_el1
	and x1, x1, #0xff
	cbnz x1, 2f
	adrp x1, boot_stack_top
	add x1, x1, :lo12:boot_stack_top
	mov sp, x1
	adrp x2, bss_start
	add x2, x2, :lo12:bss_start
	adrp x3, bss_end
	add x3, x3, :lo12:bss_end
1:	cmp x2, x3
	b.hs 3f
	str xzr, [x2], #8
	b 1b
3:	bl stub_main
2:	wfe
	b 2b

	.section .bss.stack, "aw", @nobits
	.balign 16
	.skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
