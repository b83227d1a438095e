# SPDX-License-Identifier: BSD-2-Clause
CROSS :=
UAPI_ROOT := /usr/include
UAPI_ASM := /usr/include/x86_64-linux-gnu/asm
ARCH_FLAGS := -m64 -fcf-protection=none
# No vector or x87 code: user state stays in the registers. With that, 8-byte stack alignment
# is enough and saves the padding instructions in most functions.
ARCH_CFLAGS := -mcmodel=kernel -mno-red-zone -mno-sse -mno-mmx -mno-sse2 -mno-avx -mno-80387 -mno-3dnow \
	-mpreferred-stack-boundary=3 -mskip-rax-setup
ARCH_CANARY := -mstack-protector-guard=tls -mstack-protector-guard-reg=gs -mstack-protector-guard-symbol=stack_canary
ARCH_LDFLAGS := -m elf_x86_64 -z max-page-size=0x1000
