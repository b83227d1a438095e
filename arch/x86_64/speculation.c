/*
 * What the CPU does ahead that it should not, as programs are told: /sys/devices/system/cpu/
 * vulnerabilities, the bugs line of /proc/cpuinfo, prctl(PR_GET/SET_SPECULATION_CTRL). The kernel
 * isolates its page tables where the CPU has Meltdown (pti.c); it switches no speculation off, so
 * what is said of the rest is what the CPU does.
 */
#include <asm/context.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <linux/prctl.h>

#include "x86_impl.h"

#define MSR_ARCH_CAPABILITIES 0x10a
#define ARCH_CAPABILITIES_SSB_NO (1ull << 4)
#define LEAF7_EDX_ARCH_CAPABILITIES (1u << 29)
#define EXT8_EBX_SSB_NO (1u << 26)

/* Models of family 6 that do not load ahead of stores with unknown addresses. */
static const u8 intel_in_order[] = {0x1c, 0x26, 0x27, 0x35, 0x36, 0x37, 0x4a,
				    0x4c, 0x4d, 0x57, 0x5a, 0x5d, 0x85};

static bool amd_bypasses_stores(const struct cpu_ident *c)
{
	return c->family > 0x12 && !(cpuid(0x80000000, 0).eax >= 0x80000008 &&
				     (cpuid(0x80000008, 0).ebx & EXT8_EBX_SSB_NO));
}

static bool intel_bypasses_stores(const struct cpu_ident *c)
{
	if ((c->leaf7_edx & LEAF7_EDX_ARCH_CAPABILITIES) &&
	    (msr_read(MSR_ARCH_CAPABILITIES) & ARCH_CAPABILITIES_SSB_NO))
		return false;
	return c->family != 6 || !memchr(intel_in_order, (int)c->model, sizeof(intel_in_order));
}

/* May the CPU read memory before an older store to it is known? Whoever is not known does. */
static bool bypasses_stores(void)
{
	if (cpu_vendor_is("AuthenticAMD"))
		return amd_bypasses_stores(&cpu_ident);
	if (cpu_vendor_is("GenuineIntel"))
		return intel_bypasses_stores(&cpu_ident);
	return true;
}

int arch_speculation_get(unsigned long which)
{
	switch (which) {
	case PR_SPEC_STORE_BYPASS:
		return bypasses_stores() ? PR_SPEC_ENABLE : PR_SPEC_NOT_AFFECTED;
	case PR_SPEC_INDIRECT_BRANCH:
		return PR_SPEC_ENABLE;
	case PR_SPEC_L1D_FLUSH:
		return PR_SPEC_FORCE_DISABLE; /* the flush, that is: there is none to be had */
	}
	return -ENODEV;
}

int arch_speculation_set(unsigned long which, unsigned long control)
{
	switch (which) {
	case PR_SPEC_STORE_BYPASS:
		return -ENXIO; /* no control of single tasks */
	case PR_SPEC_INDIRECT_BRANCH:
		if (control == PR_SPEC_ENABLE)
			return 0; /* as it is */
		return control == PR_SPEC_DISABLE || control == PR_SPEC_FORCE_DISABLE ? -EPERM
										      : -ERANGE;
	case PR_SPEC_L1D_FLUSH:
		return -EPERM;
	}
	return -ENODEV;
}

static int show_meltdown(struct seq *s, void *ctx)
{
	(void)ctx;
	if (!cpu_has(CPU_MELTDOWN))
		seq_puts(s, "Not affected\n");
	else
		seq_puts(s, cpu_has(CPU_PTI) ? "Mitigation: PTI\n" : "Vulnerable\n");
	return 0;
}

static int show_store_bypass(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, bypasses_stores() ? "Vulnerable\n" : "Not affected\n");
	return 0;
}

SYSFS_FILE("devices/system/cpu/vulnerabilities/meltdown", 0444, show_meltdown, NULL, NULL);
SYSFS_FILE("devices/system/cpu/vulnerabilities/spec_store_bypass", 0444, show_store_bypass, NULL,
	   NULL);

void arch_cpu_bugs(struct seq *s)
{
	if (cpu_has(CPU_MELTDOWN))
		seq_puts(s, " cpu_meltdown");
	if (bypasses_stores())
		seq_puts(s, " spec_store_bypass");
}
