/*
 * What this CPU can do, and switching it on.
 *
 * Features are found once, on the boot CPU; secondary CPUs are assumed equal, as in any virtual
 * machine.
 */
#include <asm/context.h>
#include <asm/elf_arch.h>
#include <asm/io.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>

#include "x86_impl.h"

u64 cpu_feature_bits __ro_after_init;
struct cpu_ident cpu_ident __ro_after_init;

static void feature_set(enum cpu_feature f, bool on)
{
	if (on)
		cpu_feature_bits |= 1ULL << f;
}

static bool bit(u32 word, unsigned int n)
{
	return (word >> n) & 1;
}

/* Nobody is to use it, nor to see it in /proc/cpuinfo. */
void cpu_drop_la57(void)
{
	cpu_feature_bits &= ~(1ULL << CPU_LA57);
	cpu_ident.leaf7_ecx &= ~(1u << 16);
}

bool cpu_vendor_is(const char *name)
{
	return !strcmp(cpu_ident.vendor, name);
}

static void detect_ident(void)
{
	struct cpu_ident *c = &cpu_ident;
	struct cpuid_regs r = cpuid(0, 0);
	u32 text[12] = {r.ebx, r.edx, r.ecx};

	c->max_leaf = r.eax;
	memcpy(c->vendor, text, 12);
	r = cpuid(1, 0);
	c->leaf1_edx = r.edx;
	c->leaf1_ecx = r.ecx;
	c->stepping = r.eax & 15;
	c->model = (r.eax >> 4) & 15;
	c->family = (r.eax >> 8) & 15;
	if (c->family == 6 || c->family == 15)
		c->model |= ((r.eax >> 16) & 15) << 4;
	if (c->family == 15)
		c->family += (r.eax >> 20) & 255;
	if (c->max_leaf >= 7) {
		r = cpuid(7, 0);
		c->leaf7_ebx = r.ebx;
		c->leaf7_ecx = r.ecx;
		c->leaf7_edx = r.edx;
	}
	u32 ext_max = cpuid(0x80000000, 0).eax;

	r = cpuid(0x80000001, 0);
	c->ext1_edx = r.edx;
	c->ext1_ecx = r.ecx;
	c->phys_bits = 36;
	c->virt_bits = 48;
	if (ext_max >= 0x80000008) {
		r = cpuid(0x80000008, 0);
		c->phys_bits = (u8)r.eax;
		c->virt_bits = (u8)(r.eax >> 8);
	}
	if (ext_max >= 0x80000006)
		c->cache_kb = cpuid(0x80000006, 0).ecx >> 16;
	if (ext_max < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++) {
		r = cpuid(0x80000002 + i, 0);
		text[i * 4] = r.eax;
		text[i * 4 + 1] = r.ebx;
		text[i * 4 + 2] = r.ecx;
		text[i * 4 + 3] = r.edx;
	}
	const char *name = (const char *)text;

	while (*name == ' ' && name < (const char *)text + 47)
		name++;
	memcpy(c->model_name, name, (size_t)((const char *)text + sizeof(text) - name));
}

void cpu_detect(void)
{
	const struct cpu_ident *c = &cpu_ident;

	detect_ident();
	feature_set(CPU_PGE, bit(c->leaf1_edx, 13));
	feature_set(CPU_PCID, bit(c->leaf1_ecx, 17));
	feature_set(CPU_CX16, bit(c->leaf1_ecx, 13));
	feature_set(CPU_X2APIC, bit(c->leaf1_ecx, 21));
	feature_set(CPU_TSC_DEADLINE, bit(c->leaf1_ecx, 24));
	feature_set(CPU_XSAVE, bit(c->leaf1_ecx, 26));
	feature_set(CPU_RDRAND, bit(c->leaf1_ecx, 30));
	feature_set(CPU_HYPERVISOR, bit(c->leaf1_ecx, 31));
	feature_set(CPU_FSGSBASE, bit(c->leaf7_ebx, 0));
	feature_set(CPU_SMEP, bit(c->leaf7_ebx, 7));
	feature_set(CPU_ERMS, bit(c->leaf7_ebx, 9));
	feature_set(CPU_INVPCID, bit(c->leaf7_ebx, 10));
	feature_set(CPU_RDSEED, bit(c->leaf7_ebx, 18));
	feature_set(CPU_SMAP, bit(c->leaf7_ebx, 20));
	feature_set(CPU_UMIP, bit(c->leaf7_ecx, 2));
	feature_set(CPU_LA57, bit(c->leaf7_ecx, 16));
	feature_set(CPU_RDPID, bit(c->leaf7_ecx, 22));
	feature_set(CPU_FSRM, bit(c->leaf7_edx, 4));
	feature_set(CPU_NX, bit(c->ext1_edx, 20));
	feature_set(CPU_GB_PAGES, bit(c->ext1_edx, 26));
	feature_set(CPU_RDTSCP, bit(c->ext1_edx, 27));
	if (cpuid(0x80000000, 0).eax >= 0x80000007)
		feature_set(CPU_TSC_INVARIANT, bit(cpuid(0x80000007, 0).edx, 8));
	if (cpu_has(CPU_XSAVE) && c->max_leaf >= 0xd) {
		cpu_ident.leafd1_eax = cpuid(0xd, 1).eax;
		feature_set(CPU_XSAVEOPT, bit(c->leafd1_eax, 0));
		feature_set(CPU_XSAVEC, bit(c->leafd1_eax, 1));
		feature_set(CPU_XSAVES, bit(c->leafd1_eax, 3));
		feature_set(CPU_AVX2, bit(c->leaf7_ebx, 5) && bit(cpuid(0xd, 0).eax, 2));
	}
}

#define CR4_OSFXSR (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP (1UL << 11)
#define CR4_FSGSBASE (1UL << 16)
#define CR4_PCIDE (1UL << 17)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)
#define CR4_MCE (1UL << 6)
#define CR4_PGE (1UL << 7)
#define CR0_KERNEL 0x80050033UL /* PG AM WP NE ET MP PE */

#define EFER_SCE 1ULL
#define PAT_WITH_WC 0x0007010600070106ULL
/* Cleared on SYSCALL: IF, TF, DF, IOPL, NT, AC. */
#define SYSCALL_CLEARED_FLAGS 0x47700ULL

void cpu_setup_control(void)
{
	unsigned long cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	/* Global translations of the kernel would outlive the way to user mode. */
	if (!cpu_has(CPU_PTI))
		cr4 |= CR4_PGE;
	if (cpu_has(CPU_UMIP))
		cr4 |= CR4_UMIP;
	if (cpu_has(CPU_FSGSBASE))
		cr4 |= CR4_FSGSBASE;
	if (cpu_has(CPU_PCID))
		cr4 |= CR4_PCIDE;
	if (cpu_has(CPU_XSAVE))
		cr4 |= CR4_OSXSAVE;
	if (cpu_has(CPU_SMEP))
		cr4 |= CR4_SMEP;
	if (cpu_has(CPU_SMAP))
		cr4 |= CR4_SMAP;
	if (cpu_has(CPU_LA57))
		cr4 |= CR4_LA57;
	asm volatile("mov %0, %%cr0" : : "r"(CR0_KERNEL));
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
	msr_write(MSR_PAT, PAT_WITH_WC);
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
	msr_write(MSR_STAR, (u64)X86_USER_CS32 << 48 | (u64)X86_KERNEL_CS << 32);
	msr_write(MSR_LSTAR,
		  (u64)(unsigned long)(cpu_has(CPU_PTI) ? entry_syscall64_pti : entry_syscall64));
	msr_write(MSR_CSTAR, (u64)(unsigned long)entry_syscall32);
	msr_write(MSR_SFMASK, SYSCALL_CLEARED_FLAGS);
	fpu_setup_cpu();
}

void cpu_stop(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

bool cpu_random_u64(u64 *out)
{
	u64 v = 0;
	u8 ok = 0;

	if (cpu_has(CPU_RDSEED))
		asm volatile("rdseed %0; setc %1" : "=r"(v), "=qm"(ok) : : "cc");
	if (!ok && cpu_has(CPU_RDRAND))
		asm volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(ok) : : "cc");
	if (ok)
		*out = v;
	return ok;
}

unsigned long elf_arch_hwcap2(void)
{
	return cpu_has(CPU_FSGSBASE) ? 2 : 0;
}
