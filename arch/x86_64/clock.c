/*
 * The cycle counter.
 *
 * Its rate comes from the CPU (leaves 0x15, 0x16), from the hypervisor (leaf 0x40000010, KVM's
 * clock page), or is measured for two milliseconds against the ACPI timer or the PIT: long enough
 * for 100 ppm, short enough not to be felt in the boot time.
 */
#include <asm/clock.h>
#include <asm/io.h>

#include "x86_impl.h"

struct arch_clock arch_clock __ro_after_init;

#define NSEC 1000000000ULL
#define PIT_HZ 1193182u
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu
#define MEASURE_SHORT_US 100u
#define MEASURE_US 10000u
#define PROBE_LIMIT 4000000u

static u64 hz_from_cpu(void)
{
	if (cpu_ident.max_leaf < 0x15)
		return 0;
	struct cpuid_regs r = cpuid(0x15, 0);

	if (!r.eax || !r.ebx)
		return 0;
	if (r.ecx)
		return (u64)r.ecx * r.ebx / r.eax;
	if (cpu_ident.max_leaf < 0x16)
		return 0;
	/* The crystal's rate follows from the base frequency. */
	return (u64)(cpuid(0x16, 0).eax & 0xffff) * 1000000;
}

#define HYPERVISOR_LEAF 0x40000000u
#define KVM_FEATURES 0x40000001u
#define KVM_FEATURE_CLOCKSOURCE2 (1u << 3)
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u

/* KVM's pvclock page, https://docs.kernel.org/virt/kvm/x86/msr.html */
struct pvclock {
	u32 version, pad0;
	u64 tsc_timestamp, system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags, pad[2];
};

static u64 hz_from_pvclock(void)
{
	static struct pvclock page __aligned(64);
	struct cpuid_regs r = cpuid(HYPERVISOR_LEAF, 0);

	/* "KVMKVMKVM\0\0\0" */
	if (r.ebx != 0x4b4d564b || r.ecx != 0x564b4d56 || r.edx != 0x4d || r.eax < KVM_FEATURES ||
	    !(cpuid(KVM_FEATURES, 0).eax & KVM_FEATURE_CLOCKSOURCE2))
		return 0;
	msr_write(MSR_KVM_SYSTEM_TIME, kernel_sym_to_phys(&page) | 1);
	u32 mul = READ_ONCE(page.tsc_to_system_mul);
	s8 shift = READ_ONCE(page.tsc_shift);

	msr_write(MSR_KVM_SYSTEM_TIME, 0);
	if (!mul)
		return 0;
	/* ns = (cycles << shift) * mul >> 32 */
	u64 hz = (NSEC << 32) / mul;

	return shift < 0 ? hz << -shift : hz >> shift;
}

static u64 hz_from_hypervisor(void)
{
	if (!cpu_has(CPU_HYPERVISOR))
		return 0;
	if (cpuid(HYPERVISOR_LEAF, 0).eax >= 0x40000010u) {
		u32 khz = cpuid(0x40000010u, 0).eax;

		if (khz)
			return (u64)khz * 1000;
	}
	return hz_from_pvclock();
}

/* A counter of known rate to measure against; counts up. */
struct reference {
	u32 (*read)(void);
	u32 hz, mask;
};

static u16 pm_timer_port;

static u32 pm_timer_read(void)
{
	return inl(pm_timer_port);
}

static u32 pit_read(void)
{
	outb(0x80, 0x43); /* latch channel 2 */
	u32 lo = inb(0x42);

	return 0xffffu - (lo | (u32)inb(0x42) << 8);
}

static void pit_start(void)
{
	outb((inb(0x61) & ~2u) | 1u, 0x61); /* gate on, speaker off */
	outb(0xb0, 0x43);		    /* channel 2, both bytes, one shot */
	outb(0xff, 0x42);
	outb(0xff, 0x42);
}

static bool counts(const struct reference *ref)
{
	u32 first = ref->read();

	for (u32 i = 0; i < 20000; i++) {
		if (ref->read() != first)
			return true;
	}
	return false;
}

/* Reads both counters as close together as possible: at a change of the slower one. */
static u32 read_edge(const struct reference *ref, u64 *tsc)
{
	u32 first = ref->read(), now = first;
	u64 before = 0, after = clock_cycles();

	for (u32 i = 0; i < PROBE_LIMIT && now == first; i++) {
		before = after;
		now = ref->read();
		after = clock_cycles();
	}
	*tsc = before + (after - before) / 2;
	return now;
}

static u64 measure_for(const struct reference *ref, u32 us)
{
	u64 tsc0, tsc1;
	u32 c0 = read_edge(ref, &tsc0), c1;
	u32 want = (u32)((u64)ref->hz * us / 1000000);

	for (u32 i = 0; i < PROBE_LIMIT * 4; i++) {
		if (((ref->read() - c0) & ref->mask) >= want)
			break;
	}
	c1 = read_edge(ref, &tsc1);
	u32 delta = (c1 - c0) & ref->mask;

	return delta ? (tsc1 - tsc0) * ref->hz / delta : 0;
}

static u64 measure(const struct reference *ref)
{
	u64 hz = measure_for(ref, MEASURE_SHORT_US);

	/* One instruction, one nanosecond. */
	if (hz > NSEC - NSEC / 200 && hz < NSEC + NSEC / 200)
		return NSEC;
	return measure_for(ref, MEASURE_US);
}

static u64 hz_measured(void)
{
	struct reference pm = {pm_timer_read, PM_TIMER_HZ, PM_TIMER_MASK};
	struct reference pit = {pit_read, PIT_HZ, 0xffff};
	u64 hz = 0;

	pm_timer_port = acpi_pm_timer_port();
	if (pm_timer_port && counts(&pm))
		hz = measure(&pm);
	if (!hz) {
		pit_start();
		if (counts(&pit))
			hz = measure(&pit);
	}
	return hz;
}

bool clock_rate_known;

void arch_clock_set_rate(u64 hz)
{
	arch_clock.hz = hz;
	arch_clock.mult = (u64)(((unsigned __int128)NSEC << 32) / hz);
}

void clock_calibrate(void)
{
	u64 hz = hz_from_cpu();

	arch_clock.base = clock_cycles();
	if (!hz)
		hz = hz_from_hypervisor();
	if (!hz)
		hz = hz_measured();
	clock_rate_known = hz != 0;
	arch_clock_set_rate(hz ? hz : NSEC);
	arch_clock.stable = cpu_has(CPU_TSC_INVARIANT) || cpu_has(CPU_HYPERVISOR);
}

void arch_delay_us(unsigned int us)
{
	u64 start = clock_cycles(), wait = arch_clock.hz / 1000000 * us;

	while (clock_cycles() - start < wait)
		cpu_relax();
}
