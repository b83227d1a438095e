/* Port and memory-mapped I/O. ioremap() is in kernel/vmap. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

static __always_inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %w1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static __always_inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %w1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static __always_inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %w1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static __always_inline void outb(u8 v, u16 port)
{
	asm volatile("outb %0, %w1" : : "a"(v), "Nd"(port));
}

static __always_inline void outw(u16 v, u16 port)
{
	asm volatile("outw %0, %w1" : : "a"(v), "Nd"(port));
}

static __always_inline void outl(u32 v, u16 port)
{
	asm volatile("outl %0, %w1" : : "a"(v), "Nd"(port));
}

/* @n bytes one after another; under a hypervisor one exit instead of @n. */
static __always_inline void outsb(u16 port, const void *from, size_t n)
{
	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(port) : "memory");
}

/* One access of exactly this width, not reordered against other mmio accesses. */
#define ASM_MMIO(width, type)                                                                      \
	static __always_inline type mmio_read##width(const volatile void *at)                      \
	{                                                                                          \
		type v;                                                                            \
                                                                                                   \
		asm volatile("mov %1, %0" : "=r"(v) : "m"(*(const volatile type *)at) : "memory"); \
		return v;                                                                          \
	}                                                                                          \
	static __always_inline void mmio_write##width(volatile void *at, type v)                   \
	{                                                                                          \
		asm volatile("mov %0, %1" : : "r"(v), "m"(*(volatile type *)at) : "memory");       \
	}

ASM_MMIO(8, u8)
ASM_MMIO(16, u16)
ASM_MMIO(32, u32)
ASM_MMIO(64, u64)
#undef ASM_MMIO

/* Device-visible ordering between memory and mmio; x86 is strongly ordered for WB and UC. */
static __always_inline void io_wmb(void)
{
	asm volatile("" ::: "memory");
}

static __always_inline void io_rmb(void)
{
	asm volatile("" ::: "memory");
}

static __always_inline void io_mb(void)
{
	asm volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
}
