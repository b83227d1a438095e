# SPDX-License-Identifier: BSD-2-Clause
CROSS := aarch64-linux-gnu-
UAPI_ROOT := /usr/aarch64-linux-gnu/include
UAPI_ASM := /usr/aarch64-linux-gnu/include/asm
ARCH_FLAGS :=
ARCH_CFLAGS := -mgeneral-regs-only -mbranch-protection=none -mno-outline-atomics
ARCH_CANARY :=
ARCH_LDFLAGS := -m aarch64linux -z max-page-size=0x1000
