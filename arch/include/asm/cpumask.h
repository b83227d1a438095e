/* Sets of CPUs. At most 64, so a set is a word and is passed by value. */
#pragma once

#include <asm/percpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct cpumask {
	u64 bits;
};

#define CPUMASK_NONE ((struct cpumask){0})
#define CPUMASK_ALL ((struct cpumask){~0ULL})
#define CPUMASK_OF(cpu) ((struct cpumask){1ULL << (cpu)})

extern struct cpumask cpu_possible_mask; /* [I] after the firmware tables are read */
extern struct cpumask cpu_online_mask;	 /* atomic; only grows until power-off */

static __always_inline bool cpumask_test(const struct cpumask *m, unsigned int cpu)
{
	return (__atomic_load_n(&m->bits, __ATOMIC_RELAXED) >> cpu) & 1;
}

static __always_inline void cpumask_set(struct cpumask *m, unsigned int cpu)
{
	__atomic_fetch_or(&m->bits, 1ULL << cpu, __ATOMIC_SEQ_CST);
}

static __always_inline void cpumask_clear(struct cpumask *m, unsigned int cpu)
{
	__atomic_fetch_and(&m->bits, ~(1ULL << cpu), __ATOMIC_SEQ_CST);
}

static __always_inline bool cpumask_test_set(struct cpumask *m, unsigned int cpu)
{
	return (__atomic_fetch_or(&m->bits, 1ULL << cpu, __ATOMIC_SEQ_CST) >> cpu) & 1;
}

static __always_inline bool cpumask_test_clear(struct cpumask *m, unsigned int cpu)
{
	return (__atomic_fetch_and(&m->bits, ~(1ULL << cpu), __ATOMIC_SEQ_CST) >> cpu) & 1;
}

static __always_inline struct cpumask cpumask_read(const struct cpumask *m)
{
	return (struct cpumask){__atomic_load_n(&m->bits, __ATOMIC_SEQ_CST)};
}

static __always_inline bool cpumask_empty(struct cpumask m)
{
	return !m.bits;
}

static __always_inline unsigned int cpumask_weight(struct cpumask m)
{
	unsigned int n = 0;

	for (u64 b = m.bits; b; b &= b - 1)
		n++;
	return n;
}

static __always_inline struct cpumask cpumask_and(struct cpumask a, struct cpumask b)
{
	return (struct cpumask){a.bits & b.bits};
}

static __always_inline struct cpumask cpumask_or(struct cpumask a, struct cpumask b)
{
	return (struct cpumask){a.bits | b.bits};
}

static __always_inline struct cpumask cpumask_without(struct cpumask m, unsigned int cpu)
{
	return (struct cpumask){m.bits & ~(1ULL << cpu)};
}

static __always_inline bool cpumask_equal(struct cpumask a, struct cpumask b)
{
	return a.bits == b.bits;
}

/* Lowest CPU of the set, NR_CPUS_MAX if empty. */
static __always_inline unsigned int cpumask_first(struct cpumask m)
{
	return m.bits ? (unsigned int)__builtin_ctzll(m.bits) : NR_CPUS_MAX;
}

#define for_each_cpu(cpu, mask)                                                           \
	for (u64 __cpus_##cpu = (mask).bits;                                              \
	     __cpus_##cpu && ((cpu) = (unsigned int)__builtin_ctzll(__cpus_##cpu), true); \
	     __cpus_##cpu &= __cpus_##cpu - 1)
#define for_each_online_cpu(cpu) for_each_cpu (cpu, cpumask_read(&cpu_online_mask))
#define for_each_possible_cpu(cpu) for_each_cpu (cpu, cpu_possible_mask)
