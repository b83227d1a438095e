/*
 * Per-CPU variables. The linker gathers them in .percpu, the template; each CPU owns a copy and
 * its gs base holds (copy - template), so gs:symbol is this CPU's instance. The boot CPU's copy
 * is part of the image and valid before the first C line.
 *
 * this_cpu_*() are single instructions: safe against preemption and interrupts, never
 * against other CPUs. this_cpu_ptr() needs preemption off for as long as the pointer is used.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define NR_CPUS_MAX 64

#define PERCPU_SECTION __attribute__((section(".percpu")))
#define DECLARE_PERCPU(type, name) extern PERCPU_SECTION __typeof__(type) name
#define DEFINE_PERCPU(type, name) PERCPU_SECTION __typeof__(type) name

/* (copy of CPU n) - template; [I] set before CPU n starts. */
extern unsigned long percpu_offset[NR_CPUS_MAX];

#define per_cpu_ptr(name, cpu)                                    \
	({                                                        \
		unsigned long __pcp;                              \
		asm("" : "=r"(__pcp) : "0"(&(name)));             \
		(__typeof__(name) *)(__pcp + percpu_offset[cpu]); \
	})
#define per_cpu(name, cpu) (*per_cpu_ptr(name, cpu))

DECLARE_PERCPU(unsigned long, percpu_self_offset);

#define this_cpu_ptr(name)                                                       \
	({                                                                       \
		unsigned long __tcp;                                             \
		asm("" : "=r"(__tcp) : "0"(&(name)));                            \
		(__typeof__(name) *)(__tcp + this_cpu_read(percpu_self_offset)); \
	})

#define PERCPU_ARG(n) "%%gs:%a" #n

#define PERCPU_OP_(insn, name, val)                               \
	do {                                                      \
		__typeof__(name) __pv = (__typeof__(name))(val);  \
		switch (sizeof(name)) {                           \
		case 1:                                           \
			asm volatile(insn "b %b0, " PERCPU_ARG(1) \
				     :                            \
				     : "qi"(__pv), "i"(&(name))   \
				     : "memory");                 \
			break;                                    \
		case 2:                                           \
			asm volatile(insn "w %w0, " PERCPU_ARG(1) \
				     :                            \
				     : "ri"(__pv), "i"(&(name))   \
				     : "memory");                 \
			break;                                    \
		case 4:                                           \
			asm volatile(insn "l %k0, " PERCPU_ARG(1) \
				     :                            \
				     : "ri"(__pv), "i"(&(name))   \
				     : "memory");                 \
			break;                                    \
		case 8:                                           \
			asm volatile(insn "q %q0, " PERCPU_ARG(1) \
				     :                            \
				     : "re"(__pv), "i"(&(name))   \
				     : "memory");                 \
			break;                                    \
		default:                                          \
			percpu_bad_size();                        \
		}                                                 \
	} while (0)

#define PERCPU_READ_(vol, name)                                                             \
	({                                                                                  \
		__typeof__(name) __pr;                                                      \
		switch (sizeof(name)) {                                                     \
		case 1:                                                                     \
			asm vol("movb " PERCPU_ARG(1) ", %b0" : "=q"(__pr) : "i"(&(name))); \
			break;                                                              \
		case 2:                                                                     \
			asm vol("movw " PERCPU_ARG(1) ", %w0" : "=r"(__pr) : "i"(&(name))); \
			break;                                                              \
		case 4:                                                                     \
			asm vol("movl " PERCPU_ARG(1) ", %k0" : "=r"(__pr) : "i"(&(name))); \
			break;                                                              \
		case 8:                                                                     \
			asm vol("movq " PERCPU_ARG(1) ", %q0" : "=r"(__pr) : "i"(&(name))); \
			break;                                                              \
		default:                                                                    \
			percpu_bad_size();                                                  \
		}                                                                           \
		__pr;                                                                       \
	})

/* Never defined: a per-CPU access of a size no instruction has fails to link. */
void percpu_bad_size(void);

#define this_cpu_read(name) PERCPU_READ_(volatile, name)
/* For values that do not change while a task runs: the compiler may merge reads. */
#define this_cpu_read_stable(name) PERCPU_READ_(, name)
#define this_cpu_write(name, val) PERCPU_OP_("mov", name, val)
#define this_cpu_add(name, val) PERCPU_OP_("add", name, val)
#define this_cpu_sub(name, val) PERCPU_OP_("sub", name, val)
#define this_cpu_or(name, val) PERCPU_OP_("or", name, val)
#define this_cpu_and(name, val) PERCPU_OP_("and", name, val)
#define this_cpu_inc(name) this_cpu_add(name, 1)
#define this_cpu_dec(name) this_cpu_sub(name, 1)

/* Exchanges a 4 or 8 byte variable; returns the old value. */
#define this_cpu_xchg(name, val)                                 \
	({                                                       \
		__typeof__(name) __px = (__typeof__(name))(val); \
		switch (sizeof(name)) {                          \
		case 4:                                          \
			asm volatile("xchgl %k0, " PERCPU_ARG(1) \
				     : "+r"(__px)                \
				     : "i"(&(name))              \
				     : "memory");                \
			break;                                   \
		case 8:                                          \
			asm volatile("xchgq %q0, " PERCPU_ARG(1) \
				     : "+r"(__px)                \
				     : "i"(&(name))              \
				     : "memory");                \
			break;                                   \
		default:                                         \
			percpu_bad_size();                       \
		}                                                \
		__px;                                            \
	})
