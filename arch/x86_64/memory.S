/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset: they replace the weak C functions of lib/string, except in the kernel
 * with KASAN, where the C ones are the checked ones.
 *
 * Up to 63 bytes are moved by overlapping loads that all come before the stores, so that any overlap of
 * the two ranges is right. From 64 bytes on rep movsq is one instruction for 8 bytes; the last 8 bytes
 * are loaded before it begins and stored after it has ended.
 */
#ifndef CONFIG_KASAN
	.text

	.macro FUNCTION name
	.balign 16
	.globl \name
	.type \name, @function
\name:
	.endm

	/* rax = rdi already; 64 bytes or more, upwards. */
	.macro COPY_UP
	movq -8(%rsi,%rdx), %r8
	leaq -8(%rdi,%rdx), %r9
	leaq -1(%rdx), %rcx
	shrq $3, %rcx
	rep movsq
	movq %r8, (%r9)
	ret
	.endm

FUNCTION memmove
	movq %rdi, %rax
	cmpq $64, %rdx
	jb .Lsmall
	movq %rdi, %rcx
	subq %rsi, %rcx
	cmpq %rdx, %rcx
	jb .Ldown
	COPY_UP

FUNCTION memcpy
	movq %rdi, %rax
	cmpq $64, %rdx
	jb .Lsmall
	COPY_UP

.Lsmall:
	cmpl $16, %edx
	jae .L16to63
	cmpl $8, %edx
	jae .L8to15
	cmpl $4, %edx
	jae .L4to7
	testl %edx, %edx
	jz .Ldone
	/* First, middle and last byte, which may be the same. */
	movl %edx, %ecx
	shrl $1, %ecx
	movzbl (%rsi), %r8d
	movzbl (%rsi,%rcx), %r9d
	movzbl -1(%rsi,%rdx), %r10d
	movb %r8b, (%rdi)
	movb %r9b, (%rdi,%rcx)
	movb %r10b, -1(%rdi,%rdx)
.Ldone:
	ret

.L4to7:
	movl (%rsi), %ecx
	movl -4(%rsi,%rdx), %r8d
	movl %ecx, (%rdi)
	movl %r8d, -4(%rdi,%rdx)
	ret

.L8to15:
	movq (%rsi), %rcx
	movq -8(%rsi,%rdx), %r8
	movq %rcx, (%rdi)
	movq %r8, -8(%rdi,%rdx)
	ret

.L16to63:
	cmpl $32, %edx
	jae .L32to63
	movq (%rsi), %rcx
	movq 8(%rsi), %r8
	movq -16(%rsi,%rdx), %r9
	movq -8(%rsi,%rdx), %r10
	movq %rcx, (%rdi)
	movq %r8, 8(%rdi)
	movq %r9, -16(%rdi,%rdx)
	movq %r10, -8(%rdi,%rdx)
	ret

.L32to63:
	pushq %rbx
	pushq %rbp
	movq (%rsi), %rcx
	movq 8(%rsi), %r8
	movq 16(%rsi), %r9
	movq 24(%rsi), %r10
	movq -32(%rsi,%rdx), %r11
	movq -24(%rsi,%rdx), %rbx
	movq -16(%rsi,%rdx), %rbp
	movq -8(%rsi,%rdx), %rsi
	movq %rcx, (%rdi)
	movq %r8, 8(%rdi)
	movq %r9, 16(%rdi)
	movq %r10, 24(%rdi)
	movq %r11, -32(%rdi,%rdx)
	movq %rbx, -24(%rdi,%rdx)
	movq %rbp, -16(%rdi,%rdx)
	movq %rsi, -8(%rdi,%rdx)
	popq %rbp
	popq %rbx
	ret

	/* The destination begins inside the source: from the end, 32 bytes at a time. */
.Ldown:
	movq -8(%rsi,%rdx), %rcx
	movq -16(%rsi,%rdx), %r8
	movq -24(%rsi,%rdx), %r9
	movq -32(%rsi,%rdx), %r10
	movq %rcx, -8(%rdi,%rdx)
	movq %r8, -16(%rdi,%rdx)
	movq %r9, -24(%rdi,%rdx)
	movq %r10, -32(%rdi,%rdx)
	subq $32, %rdx
	cmpq $64, %rdx
	jae .Ldown
	jmp .Lsmall

FUNCTION memset
	movzbl %sil, %esi
	movabsq $0x0101010101010101, %rax
	imulq %rsi, %rax
	movq %rdi, %r8
	cmpq $32, %rdx
	jae .Lset_many
	cmpl $8, %edx
	jae .Lset8to31
	cmpl $4, %edx
	jae .Lset4to7
	testl %edx, %edx
	jz .Lset_done
	movb %al, (%rdi)
	movb %al, -1(%rdi,%rdx)
	shrl $1, %edx
	movb %al, (%rdi,%rdx)
.Lset_done:
	movq %r8, %rax
	ret
.Lset4to7:
	movl %eax, (%rdi)
	movl %eax, -4(%rdi,%rdx)
	movq %r8, %rax
	ret
.Lset8to31:
	movq %rax, (%rdi)
	movq %rax, -8(%rdi,%rdx)
	cmpl $16, %edx
	jbe .Lset_done
	movq %rax, 8(%rdi)
	movq %rax, -16(%rdi,%rdx)
	movq %r8, %rax
	ret
.Lset_many:
	movq %rax, -8(%rdi,%rdx)
	leaq -1(%rdx), %rcx
	shrq $3, %rcx
	rep stosq
	movq %r8, %rax
	ret
#endif
