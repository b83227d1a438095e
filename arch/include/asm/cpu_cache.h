/* The caches of a CPU, as sysfs shows them. */
#pragma once

#include <asm/cpumask.h>
#include <kern/compiler.h>
#include <kern/types.h>

enum cpu_cache_type {
	CPU_CACHE_DATA,
	CPU_CACHE_INSTRUCTION,
	CPU_CACHE_UNIFIED,
};

struct cpu_cache {
	enum cpu_cache_type type;
	u32 level; /* from 1 */
	u32 size_kb, line_size, partitions, ways, sets;
	u32 id;			/* one number for those that share it, as the firmware tells */
	struct cpumask sharers; /* online CPUs behind this cache, @cpu among them */
};

/*
 * Cache number @index of @cpu, from 0 on without holes, the nearest first; false when there are no
 * more (or the CPU tells of none).  Any context.  Source: the CPU's manuals.
 */
bool cpu_cache_read(unsigned int cpu, unsigned int index, struct cpu_cache *out) __must_check;
