/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User copies. rdi, rsi, rdx as the C ABI has them; each returns in rax the number of bytes that
 * were not copied. Below 64 bytes 8-byte moves, above rep movsq: either is one instruction or two for
 * 8 bytes.
 *
 * A fault in the 8-byte part is retried bytewise, so that everything before the bad page is
 * copied: rcx says how many bytes are left wherever a fault may happen.
 */
#include <arch/x86_64/alternative.S>
#include <generated/offsets.h>

	.macro EX from, to
	.pushsection .tab.extable, "a"
	.balign 4
	.long \from - ., \to - .
	.long 0
	.popsection
	.endm

	.macro SMAP_ALT insn
771:	nopl (%rax)
	ALTERNATIVE_SINCE_771 CPU_SMAP_NUMBER, \insn
	.endm

	.macro COPY_FUNCTION name
	.balign 16
	.globl \name
	.type \name, @function
\name:
	SMAP_ALT stac
	movq %rdx, %rcx
	cmpq $64, %rdx
	jae 3f
	subq $8, %rcx
	jb 2f
1:	movq (%rsi), %rax
11:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rcx
	jae 1b
2:	addq $8, %rcx
	jz 5f
4:	movb (%rsi), %al
41:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 4b
5:	SMAP_ALT clac
	xorl %eax, %eax
	ret

3:	shrq $3, %rcx
	andl $7, %edx
31:	rep movsq
	movq %rdx, %rcx
	testq %rcx, %rcx
	jnz 4b
	SMAP_ALT clac
	xorl %eax, %eax
	ret

6:	/* from 8-byte moves: rcx = left - 8 */
	addq $8, %rcx
	jmp 8f
7:	/* from rep movsq: rcx quadwords and edx bytes are left */
	leaq (%rdx,%rcx,8), %rcx
8:	/* bytes until the fault */
81:	movb (%rsi), %al
82:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 8b
9:	SMAP_ALT clac
	movq %rcx, %rax
	ret
	EX 1b, 6b
	EX 11b, 6b
	EX 31b, 7b
	EX 4b, 9b
	EX 41b, 9b
	EX 81b, 9b
	EX 82b, 9b
	.size \name, . - \name
	.endm

	.text
COPY_FUNCTION arch_copy_user_raw

/* size_t arch_clear_user(void *to, size_t n) */
	.balign 16
	.globl arch_clear_user
	.type arch_clear_user, @function
arch_clear_user:
	SMAP_ALT stac
	movq %rsi, %rcx
	shrq $3, %rcx
	andl $7, %esi
	xorl %eax, %eax
1:	rep stosq
	movl %esi, %ecx
2:	rep stosb
	SMAP_ALT clac
	xorl %eax, %eax
	ret
3:	leaq (%rsi,%rcx,8), %rcx
31:	rep stosb
4:	SMAP_ALT clac
	movq %rcx, %rax
	ret
	EX 1b, 3b
	EX 2b, 4b
	EX 31b, 4b
	.size arch_clear_user, . - arch_clear_user

	.section .note.GNU-stack, "", @progbits
