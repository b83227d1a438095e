/*
 * Per-CPU variables: tpidr_el1 holds (copy - template). There is no instruction that adds to a word
 * at an offset of a system register, so this_cpu_*() mask interrupts for the two or three they
 * take.
 */
#pragma once

#include <asm/irqflags.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define NR_CPUS_MAX 64

#define PERCPU_SECTION __attribute__((section(".percpu")))
#define DECLARE_PERCPU(type, name) extern PERCPU_SECTION __typeof__(type) name
#define DEFINE_PERCPU(type, name) PERCPU_SECTION __typeof__(type) name

extern unsigned long percpu_offset[NR_CPUS_MAX];

static __always_inline unsigned long percpu_self(void)
{
	unsigned long v;

	asm volatile("mrs %0, tpidr_el1" : "=r"(v));
	return v;
}

#define PERCPU_AT_(name, offset)                       \
	({                                             \
		unsigned long __pa;                    \
		asm("" : "=r"(__pa) : "0"(&(name)));   \
		(__typeof__(name) *)(__pa + (offset)); \
	})
#define per_cpu_ptr(name, cpu) PERCPU_AT_(name, percpu_offset[cpu])
#define per_cpu(name, cpu) (*per_cpu_ptr(name, cpu))
#define this_cpu_ptr(name) PERCPU_AT_(name, percpu_self())

#define PERCPU_DO_(statement)                     \
	do {                                      \
		unsigned long __pf = irqs_save(); \
		statement;                        \
		irqs_restore(__pf);               \
	} while (0)

#define this_cpu_read(name)                                         \
	({                                                          \
		__typeof__(name) __prv;                             \
		PERCPU_DO_(__prv = READ_ONCE(*this_cpu_ptr(name))); \
		__prv;                                              \
	})
#define this_cpu_read_stable(name) this_cpu_read(name)
#define this_cpu_write(name, val) PERCPU_DO_(*this_cpu_ptr(name) = (val))
#define this_cpu_add(name, val) PERCPU_DO_(*this_cpu_ptr(name) += (val))
#define this_cpu_sub(name, val) PERCPU_DO_(*this_cpu_ptr(name) -= (val))
#define this_cpu_or(name, val) PERCPU_DO_(*this_cpu_ptr(name) |= (val))
#define this_cpu_and(name, val) PERCPU_DO_(*this_cpu_ptr(name) &= (val))
#define this_cpu_inc(name) this_cpu_add(name, 1)
#define this_cpu_dec(name) this_cpu_sub(name, 1)
#define this_cpu_xchg(name, val)                                                      \
	({                                                                            \
		__typeof__(name) __pxv;                                               \
		PERCPU_DO_(__pxv = *this_cpu_ptr(name); *this_cpu_ptr(name) = (val)); \
		__pxv;                                                                \
	})
