/*
 * The caches by CPUID: leaf 4, or 0x8000001d on CPUs of AMD, or 0x80000005 and 0x80000006 on those
 * of AMD that lack it.  The descriptors of leaf 2 tell nothing about ways and sharing, so a CPU
 * that has no more shows no caches.  CPUID comes from the hypervisor: zeros are judged.
 *
 * Which CPUs share a cache is in their APIC ids: they differ in the low bits only.
 */
#include <asm/cpu_cache.h>

#include <asm/cpu.h>
#include <asm/smp.h>
#include <kern/string.h>

#define LEAF_CACHES 4u
#define LEAF_CACHES_AMD 0x8000001du
#define LEAF_L1_AMD 0x80000005u
#define LEAF_L2_L3_AMD 0x80000006u
#define EXT1_ECX_TOPOEXT (1u << 22)
#define INDEX_MAX 16u	/* more than any CPU has: an end for a hypervisor that shows none */
#define AMD_LLC_INDEX 3 /* leaf 0x8000001d and the older ones: L1d, L1i, L2, L3 */

static bool has_topoext(void)
{
	return cpu_vendor_is("HygonGenuine") || (cpu_ident.ext1_ecx & EXT1_ECX_TOPOEXT);
}

/* The low bits of an APIC id that number @count threads. */
static u32 id_bits(u32 count)
{
	return count > 1 ? 32 - (u32)__builtin_clz(count - 1) : 0;
}

/* ---- leaf 4, 0x8000001d ---- */

static struct cpumask cpus_in_block(unsigned int cpu, u32 threads)
{
	struct cpumask online = cpumask_read(&cpu_online_mask), same = CPUMASK_OF(cpu);
	u32 block = smp_hw_id(cpu) / threads;
	unsigned int i;

	for_each_cpu (i, online)
		if (smp_hw_id(i) / threads == block)
			same.bits |= 1ULL << i;
	return same;
}

static bool read_leaf(u32 leaf, unsigned int cpu, unsigned int index, struct cpu_cache *out)
{
	static const enum cpu_cache_type types[] = {0, CPU_CACHE_DATA, CPU_CACHE_INSTRUCTION,
						    CPU_CACHE_UNIFIED};
	struct cpuid_regs r = cpuid(leaf, index);
	u32 type = r.eax & 31, threads = ((r.eax >> 14) & 0xfff) + 1;
	bool amd = leaf == LEAF_CACHES_AMD;

	if (!type || type >= ARRAY_SIZE(types))
		return false;
	out->type = types[type];
	out->level = (r.eax >> 5) & 7;
	out->line_size = (r.ebx & 0xfff) + 1;
	out->partitions = ((r.ebx >> 12) & 0x3ff) + 1;
	out->ways = (r.ebx >> 22) + 1;
	out->sets = r.ecx + 1;
	out->size_kb = (u32)(((u64)out->sets * out->line_size * out->partitions * out->ways) >> 10);
	out->id = smp_hw_id(cpu) >> id_bits(threads);
	/* AMD counts neighbours from a multiple of @threads, which need not be a power of two. */
	out->sharers = cpus_in_block(cpu, amd && index != AMD_LLC_INDEX ? threads
									: 1u << id_bits(threads));
	return true;
}

/* ---- 0x80000005, 0x80000006 ---- */

/* Ways of L2 and L3 as they are encoded. 0xffff: fully associative. */
static const u16 amd_ways[16] = {
	[1] = 1,    [2] = 2,	[4] = 4,    [6] = 8,	 [8] = 16,	 [0xa] = 32,
	[0xb] = 48, [0xc] = 64, [0xd] = 96, [0xe] = 128, [0xf] = 0xffff,
};

static void read_amd_l1(u32 word, struct cpu_cache *out)
{
	out->level = 1;
	out->line_size = word & 0xff;
	out->partitions = (word >> 8) & 0xff;
	out->ways = (word >> 16) & 0xff;
	if (out->ways == 0xff)
		out->ways = 0xffff;
	out->size_kb = word >> 24;
}

static void read_amd_outer(u32 word, u32 level, u32 size_kb, struct cpu_cache *out)
{
	out->level = level;
	out->line_size = word & 0xff;
	out->partitions = (word >> 8) & 0xf;
	out->ways = amd_ways[(word >> 12) & 0xf];
	out->size_kb = size_kb;
}

static bool read_amd_old(unsigned int cpu, unsigned int index, struct cpu_cache *out)
{
	struct cpuid_regs r = cpuid(index < 2 ? LEAF_L1_AMD : LEAF_L2_L3_AMD, 0);

	if (index < 2)
		read_amd_l1(index ? r.edx : r.ecx, out);
	else if (index == 2)
		read_amd_outer(r.ecx, 2, r.ecx >> 16, out);
	else
		read_amd_outer(r.edx, 3, (r.edx >> 18) * 512, out);
	if (!out->ways || !out->line_size || !out->size_kb)
		return false;
	out->type = index == 0	 ? CPU_CACHE_DATA
		    : index == 1 ? CPU_CACHE_INSTRUCTION
				 : CPU_CACHE_UNIFIED;
	out->sets = (u32)((u64)out->size_kb * 1024 / out->line_size / out->ways);
	/* L3 is the package's, and there is one; the others are the core's own. */
	out->sharers = index == AMD_LLC_INDEX ? cpumask_read(&cpu_online_mask) : CPUMASK_OF(cpu);
	out->id = smp_hw_id(cpu);
	return true;
}

bool cpu_cache_read(unsigned int cpu, unsigned int index, struct cpu_cache *out)
{
	if (index >= INDEX_MAX)
		return false;
	if (cpu_vendor_is("AuthenticAMD") || cpu_vendor_is("HygonGenuine")) {
		u32 ext_max = cpuid(0x80000000, 0).eax;

		if (has_topoext())
			return ext_max >= LEAF_CACHES_AMD &&
			       read_leaf(LEAF_CACHES_AMD, cpu, index, out);
		return index <= AMD_LLC_INDEX && ext_max >= LEAF_L2_L3_AMD &&
		       read_amd_old(cpu, index, out);
	}
	return cpu_ident.max_leaf >= LEAF_CACHES && read_leaf(LEAF_CACHES, cpu, index, out);
}
