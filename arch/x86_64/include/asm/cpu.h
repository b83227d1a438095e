/* This CPU: identity, features, relax and halt, cycle counter, model-specific registers. */
#pragma once

#include <asm/percpu.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define CACHE_LINE_SIZE 64

/* Features the kernel itself decides on; detected on the boot CPU, the same on all. */
enum cpu_feature {
	CPU_NX,
	CPU_GB_PAGES,
	CPU_PCID,
	CPU_INVPCID,
	CPU_PGE,
	CPU_SMEP,
	CPU_SMAP,
	CPU_UMIP,
	CPU_LA57,
	CPU_FSGSBASE,
	CPU_XSAVE,
	CPU_XSAVEOPT,
	CPU_XSAVEC,
	CPU_XSAVES,
	CPU_X2APIC,
	CPU_TSC_DEADLINE,
	CPU_TSC_INVARIANT,
	CPU_RDTSCP,
	CPU_RDPID,
	CPU_RDRAND,
	CPU_RDSEED,
	CPU_ERMS,
	CPU_AVX2, /* and the registers are enabled */
	CPU_FSRM,
	CPU_CX16,
	CPU_HYPERVISOR,
	CPU_MELTDOWN, /* a defect: the kernel must not be mapped in user mode */
	CPU_PTI,      /* and it is not: page-table isolation, decided at boot */
	CPU_PTI_PCID, /* with contexts: user mode has translations of its own */
	CPU_NEVER,    /* always clear */
	CPU_FEATURE_COUNT,
};

extern u64 cpu_feature_bits; /* [I] after cpu detection */

static __always_inline bool cpu_has(enum cpu_feature f)
{
	return cpu_feature_bits & (1ULL << f);
}

DECLARE_PERCPU(u32, cpu_number);

/* Stable only while preemption is off. */
static __always_inline unsigned int cpu_id(void)
{
	return this_cpu_read(cpu_number);
}

static __always_inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

/* Enables interrupts and waits for one, without a window between the two. */
static __always_inline void cpu_halt_irqs_on(void)
{
	asm volatile("sti; hlt" ::: "memory");
}

/* Stops this CPU for good. */
__noreturn void cpu_stop(void);

static __always_inline u64 cpu_cycles(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return ((u64)hi << 32) | lo;
}

static __always_inline void cpu_prefetch(const void *p)
{
	asm volatile("prefetcht0 %0" : : "m"(*(const char *)p));
}

/* A number from the CPU's random source; false when there is none or it failed. */
bool cpu_random_u64(u64 *out);

/* Model name as in /proc/cpuinfo; flag words and stepping for the same file. */
struct cpu_ident {
	char vendor[16];
	char model_name[52];
	u32 family, model, stepping;
	u32 microcode;
	u32 leaf1_edx, leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_edx, ext1_edx, ext1_ecx, leafd1_eax;
	u32 cache_kb;
	u8 phys_bits, virt_bits;
	u32 max_leaf;
};
extern struct cpu_ident cpu_ident; /* [I] */
/* @name as CPUID spells it, e.g. "AuthenticAMD". */
bool cpu_vendor_is(const char *name);

/*
 * Writes the value of the "flags" line of /proc/cpuinfo, space separated, at most @size bytes with
 * the terminating zero; returns the length.
 */
size_t cpu_flags_text(char *buf, size_t size);

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 sub)
{
	struct cpuid_regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(sub));
	return r;
}

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103
#define MSR_XSS 0xda0

static __always_inline u64 msr_read(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return ((u64)hi << 32) | lo;
}

static __always_inline void msr_write(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
