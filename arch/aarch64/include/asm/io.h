/* Memory-mapped I/O. There are no ports. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define ASM_MMIO(width, type, insn, reg)                                         \
	static __always_inline type mmio_read##width(const volatile void *at)    \
	{                                                                        \
		type v;                                                          \
                                                                                 \
		asm volatile("ldr" insn " %" reg "0, %1"                         \
			     : "=r"(v)                                           \
			     : "Q"(*(const volatile type *)at)                   \
			     : "memory");                                        \
		return v;                                                        \
	}                                                                        \
	static __always_inline void mmio_write##width(volatile void *at, type v) \
	{                                                                        \
		asm volatile("str" insn " %" reg "0, %1"                         \
			     :                                                   \
			     : "r"(v), "Q"(*(volatile type *)at)                 \
			     : "memory");                                        \
	}

ASM_MMIO(8, u8, "b", "w")
ASM_MMIO(16, u16, "h", "w")
ASM_MMIO(32, u32, "", "w")
ASM_MMIO(64, u64, "", "x")
#undef ASM_MMIO

static __always_inline void io_wmb(void)
{
	asm volatile("dmb oshst" ::: "memory");
}

static __always_inline void io_rmb(void)
{
	asm volatile("dmb oshld" ::: "memory");
}

static __always_inline void io_mb(void)
{
	asm volatile("dmb osh" ::: "memory");
}
