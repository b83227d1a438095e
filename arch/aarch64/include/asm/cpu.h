/* This CPU: identity, features, relax and halt, cycle counter. */
#pragma once

#include <asm/percpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define CACHE_LINE_SIZE 64

enum cpu_feature {
	CPU_PAN, /* privileged access never: the counterpart of SMAP */
	CPU_LSE, /* single-instruction atomics */
	CPU_RNG,
	CPU_NEVER,
	CPU_FEATURE_COUNT,
};

extern u64 cpu_feature_bits;

static __always_inline bool cpu_has(enum cpu_feature f)
{
	return cpu_feature_bits & (1ULL << f);
}

DECLARE_PERCPU(u32, cpu_number);

static __always_inline unsigned int cpu_id(void)
{
	return this_cpu_read(cpu_number);
}

static __always_inline void cpu_relax(void)
{
	asm volatile("yield" ::: "memory");
}

/* wfi returns for a masked interrupt as well, which is then taken. */
static __always_inline void cpu_halt_irqs_on(void)
{
	asm volatile("dsb sy; wfi; msr daifclr, #2" ::: "memory");
}

__noreturn void cpu_stop(void);

static __always_inline u64 cpu_cycles(void)
{
	u64 v;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(v) : : "memory");
	return v;
}

static __always_inline void cpu_prefetch(const void *p)
{
	__builtin_prefetch(p);
}

bool cpu_random_u64(u64 *out);

struct cpu_ident {
	u64 midr;
	u64 hwcap, hwcap2;
};
extern struct cpu_ident cpu_ident;

size_t cpu_flags_text(char *buf, size_t size);
