/*
 * Local APIC, I/O APIC and the one-shot timer. Intel SDM vol. 3, chapter 11 (10 in older editions);
 * Intel 82093AA datasheet.
 *
 * One vector space for all CPUs: 176 device vectors, each belonging to a line and delivered to one
 * CPU. The 8259 pair is masked for good.
 */
#include "apic_impl.h"

#include <asm/clock.h>
#include <asm/init.h>
#include <asm/io.h>
#include <asm/irqchip.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <asm/smp.h>
#include <drivers/acpi/acpi.h>
#include <kern/errno.h>
#include <kernel/arch_up.h>
#include <kernel/irq/irq.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/rcu/rcu.h>
#include <kernel/vmap/vmap.h>

#include "x86_impl.h"

#define NO_IRQ 0xffffu
#define IOAPIC_WINDOW 0x10
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECT(pin) (0x10 + 2 * (pin))
#define IOAPIC_MASKED 0x10000u
#define IOAPIC_LEVEL 0x8000u
#define IOAPIC_LOW 0x2000u
#define X2APIC_ENABLE (3u << 10)
#define MSI_ADDRESS 0xfee00000u

struct ioapic {
	void *base;
	u32 gsi_base, pins;
};

static void *lapic_base;
static bool x2apic;
static struct ioapic ioapics[ACPI_IOAPICS_MAX];
static unsigned int ioapic_count;
static unsigned int gsi_count;
/* LK_IRQ of kernel/irq for change; read by the dispatcher. */
static u16 vector_irq[256];

static DEFINE_PERCPU(u64, apic_counts[COUNT_KINDS]);

void apic_count(enum apic_count what)
{
	(*this_cpu_ptr(apic_counts))[what]++;
}

static u32 apic_read(u32 reg)
{
	if (x2apic)
		return (u32)msr_read(MSR_X2APIC + (reg >> 4));
	return mmio_read32((char *)lapic_base + reg);
}

static void apic_write(u32 reg, u32 v)
{
	if (x2apic)
		msr_write(MSR_X2APIC + (reg >> 4), v);
	else
		mmio_write32((char *)lapic_base + reg, v);
}

u32 apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_in_service(void)
{
	u32 any = 0;

	for (u32 i = 0; i < 8; i++)
		any |= apic_read(APIC_ISR + i * 0x10);
	return any;
}

void apic_icr(u32 dest, u32 command)
{
	if (x2apic) {
		asm volatile("mfence; lfence" ::: "memory");
		msr_write(MSR_X2APIC + (APIC_ICR >> 4), (u64)dest << 32 | command);
		return;
	}
	unsigned long flags = irqs_save();

	while (apic_read(APIC_ICR) & 0x1000)
		cpu_relax();
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, command);
	irqs_restore(flags);
}

/* --- timer --- */

static u64 timer_mult;	  /* timer ticks per ns, 32.32; 0: deadline mode */
static u64 deadline_mult; /* cycles per ns, 32.32 */
#define TIMER_MASKED 0x10000u
#define TIMER_DEADLINE 0x40000u
#define TIMER_DIVIDE_1 0xbu
#define TIMER_MEASURE_US 50u
#define TIMER_ONE (1ULL << 32) /* a tick is a nanosecond */
#define CLOCK_MEASURE_TICKS 2000000u
#define VIRTUAL_APIC_HZ 1000000000u

static void timer_init_cpu(void)
{
	if (cpu_has(CPU_TSC_DEADLINE)) {
		apic_write(APIC_LVT_TIMER, VEC_TIMER | TIMER_DEADLINE);
		asm volatile("mfence" ::: "memory");
		return;
	}
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
}

/*
 * Cycle counter and timer at one moment. The host may take the CPU away between the two reads, for
 * longer than the whole measurement: the pair that was read fastest counts.
 */
static void timer_sample(u64 *cycles, u32 *ticks)
{
	u64 best = ~0ull;

	for (int i = 0; i < 5; i++) {
		u64 before = clock_cycles();
		u32 now = apic_read(APIC_TIMER_NOW);
		u64 took = clock_cycles() - before;

		if (took < best) {
			best = took;
			*cycles = before + took / 2;
			*ticks = now;
		}
	}
}

/* The other way round: the cycle counter by the timer of a virtual machine's APIC. */
static void measure_clock(void)
{
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VEC_TIMER | TIMER_MASKED);
	apic_write(APIC_TIMER_INIT, ~0u);
	u64 t0, t1;
	u32 c0, c1;

	timer_sample(&t0, &c0);
	c1 = c0;
	for (u32 i = 0; i < CLOCK_MEASURE_TICKS && c0 - c1 < CLOCK_MEASURE_TICKS; i++)
		c1 = apic_read(APIC_TIMER_NOW);
	timer_sample(&t1, &c1);

	apic_write(APIC_TIMER_INIT, 0);
	if (c0 != c1)
		arch_clock_set_rate(
			(u64)((unsigned __int128)(t1 - t0) * VIRTUAL_APIC_HZ / (c0 - c1)));
}

static void timer_measure(void)
{
	if (!clock_rate_known)
		measure_clock();
	deadline_mult = (u64)(((unsigned __int128)arch_clock.hz << 32) / 1000000000u);
	if (cpu_has(CPU_TSC_DEADLINE))
		return;
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VEC_TIMER | TIMER_MASKED);
	apic_write(APIC_TIMER_INIT, ~0u);
	u64 t0, t1;
	u32 c0, c1;

	timer_sample(&t0, &c0);
	arch_delay_us(TIMER_MEASURE_US);
	timer_sample(&t1, &c1);
	u64 ns = clock_cycles_to_ns(t1 - t0);

	apic_write(APIC_TIMER_INIT, 0);
	timer_mult = ns ? ((u64)(c0 - c1) << 32) / ns : 1ULL << 32;
	/* Every virtual machine's counts nanoseconds; the rest is error of the short measurement.
	 */
	if (timer_mult > TIMER_ONE - TIMER_ONE / 20 && timer_mult < TIMER_ONE + TIMER_ONE / 20)
		timer_mult = TIMER_ONE;
}

u64 arch_timer_max_ns(void)
{
	if (!timer_mult)
		return 1ULL << 40;
	return (u64)(((unsigned __int128)~0u << 32) / timer_mult);
}

void arch_timer_program(u64 delta_ns)
{
	if (delta_ns > arch_timer_max_ns())
		delta_ns = arch_timer_max_ns();
	if (!timer_mult) {
		u64 cycles = (u64)(((unsigned __int128)delta_ns * deadline_mult) >> 32);

		msr_write(MSR_TSC_DEADLINE, clock_cycles() + cycles + 1);
		return;
	}
	u64 ticks = (u64)(((unsigned __int128)delta_ns * timer_mult) >> 32);

	apic_write(APIC_TIMER_INIT, ticks >= ~0u ? ~0u : (u32)ticks + 1);
}

void arch_timer_stop(void)
{
	if (timer_mult)
		apic_write(APIC_TIMER_INIT, 0);
	else
		msr_write(MSR_TSC_DEADLINE, 0);
}

/* --- I/O APIC --- */

static u32 ioapic_read(const struct ioapic *io, u32 reg)
{
	mmio_write32(io->base, reg);
	return mmio_read32((char *)io->base + IOAPIC_WINDOW);
}

static void ioapic_write(const struct ioapic *io, u32 reg, u32 v)
{
	mmio_write32(io->base, reg);
	mmio_write32((char *)io->base + IOAPIC_WINDOW, v);
}

static const struct ioapic *ioapic_of(unsigned int gsi, u32 *pin)
{
	for (unsigned int i = 0; i < ioapic_count; i++) {
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pins) {
			*pin = gsi - ioapics[i].gsi_base;
			return &ioapics[i];
		}
	}
	return NULL;
}

static int vector_alloc(unsigned int irq, u8 *out)
{
	for (unsigned int v = VEC_DEVICE_FIRST; v <= VEC_DEVICE_LAST; v++) {
		if (vector_irq[v] != NO_IRQ)
			continue;
		vector_irq[v] = (u16)irq;
		*out = (u8)v;
		return 0;
	}
	return -ENOSPC;
}

static void vector_free(unsigned int irq)
{
	for (unsigned int v = VEC_DEVICE_FIRST; v <= VEC_DEVICE_LAST; v++) {
		if (vector_irq[v] == irq)
			vector_irq[v] = NO_IRQ;
	}
}

unsigned int irqchip_gsi_count(void)
{
	return gsi_count;
}

unsigned int irqchip_isa_gsi(unsigned int isa_irq, u32 *flags)
{
	*flags = IRQ_EDGE;
	for (u32 i = 0; i < machine.override_count; i++) {
		const struct acpi_override *o = &machine.override[i];

		if (o->isa != isa_irq)
			continue;
		*flags = (o->level ? IRQ_LEVEL : 0) | (o->active_low ? IRQ_ACTIVE_LOW : 0);
		return o->gsi;
	}
	return isa_irq;
}

int irqchip_enable_gsi(unsigned int irq, u32 flags, unsigned int cpu)
{
	u32 pin;
	u8 vector;
	const struct ioapic *io = ioapic_of(irq, &pin);

	if (!io)
		return -EINVAL;
	int err = vector_alloc(irq, &vector);

	if (err)
		return err;
	ioapic_write(io, IOAPIC_REDIRECT(pin) + 1, smp_hw_id(cpu) << 24);
	ioapic_write(io, IOAPIC_REDIRECT(pin),
		     vector | ((flags & IRQ_LEVEL) ? IOAPIC_LEVEL : 0) |
			     ((flags & IRQ_ACTIVE_LOW) ? IOAPIC_LOW : 0));
	return 0;
}

/* Only the destination changes, in one write: no interrupt is lost. */
int irqchip_route_gsi(unsigned int irq, unsigned int cpu)
{
	u32 pin;
	const struct ioapic *io = ioapic_of(irq, &pin);

	if (!io)
		return -EINVAL;
	ioapic_write(io, IOAPIC_REDIRECT(pin) + 1, smp_hw_id(cpu) << 24);
	return 0;
}

void irqchip_disable_gsi(unsigned int irq)
{
	u32 pin;
	const struct ioapic *io = ioapic_of(irq, &pin);

	if (!io)
		return;
	ioapic_write(io, IOAPIC_REDIRECT(pin), IOAPIC_MASKED);
	vector_free(irq);
}

static void message(u8 vector, unsigned int cpu, struct irq_msi *out)
{
	out->addr = MSI_ADDRESS | (u64)smp_hw_id(cpu) << 12;
	out->data = vector;
}

int irqchip_enable_msi(unsigned int irq, unsigned int cpu, struct irq_msi *out)
{
	u8 vector;
	int err = vector_alloc(irq, &vector);

	if (err)
		return err;
	message(vector, cpu, out);
	return 0;
}

void irqchip_route_msi(unsigned int irq, unsigned int cpu, struct irq_msi *out)
{
	for (unsigned int v = VEC_DEVICE_FIRST; v <= VEC_DEVICE_LAST; v++) {
		if (vector_irq[v] == irq)
			message((u8)v, cpu, out);
	}
}

void irqchip_disable_msi(unsigned int irq)
{
	vector_free(irq);
}

const char *irqchip_arch_name(unsigned int index, const char **what)
{
	static const char *const names[COUNT_KINDS][2] = {
		[COUNT_NMI] = {"NMI", "Non-maskable interrupts"},
		[COUNT_TIMER] = {"LOC", "Local timer interrupts"},
		[COUNT_SPURIOUS] = {"SPU", "Spurious interrupts"},
		[COUNT_RESCHED] = {"RES", "Rescheduling interrupts"},
		[COUNT_CALL] = {"CAL", "Function call interrupts"},
		[COUNT_TLB] = {"TLB", "TLB shootdowns"},
		[COUNT_ERROR] = {"ERR", NULL},
	};

	if (index >= COUNT_KINDS)
		return NULL;
	*what = names[index][1];
	return names[index][0];
}

u64 irqchip_arch_count(unsigned int index, unsigned int cpu)
{
	return index < COUNT_KINDS ? READ_ONCE((*per_cpu_ptr(apic_counts, cpu))[index]) : 0;
}

void irqchip_count_from(u64 n)
{
	for (unsigned int i = 0; i < COUNT_KINDS; i++)
		(*this_cpu_ptr(apic_counts))[i] += n;
}

/* --- dispatch --- */

void irq_entry(struct regs *regs, unsigned int vector)
{
	irq_enter();
	rcu_irq_enter();
	if (regs_from_user(regs))
		rcu_note_user();
	if (vector == VEC_TIMER) {
		apic_count(COUNT_TIMER);
		apic_eoi();
		time_interrupt();
	} else if (vector >= VEC_IPI_FIRST && vector < VEC_IPI_FIRST + IPI_COUNT) {
		apic_eoi();
		smp_ipi((enum ipi)(vector - VEC_IPI_FIRST));
	} else if (vector < VEC_TIMER && vector_irq[vector] != NO_IRQ) {
		/* Level-triggered lines fire again after the acknowledgement if still raised. */
		irq_dispatch(vector_irq[vector]);
		apic_eoi();
	} else if (vector == VEC_SPURIOUS) {
		apic_count(COUNT_SPURIOUS);
	} else {
		apic_count(COUNT_ERROR);
		apic_eoi();
	}
	rcu_irq_exit();
	irq_exit();
}

/* --- start-up --- */

static void pic_mask(void)
{
	if (!machine.has_pic)
		return;
	/* To vectors 0x20-0x2f, so that a spurious one cannot look like an exception. */
	outb(0x11, 0x20);
	outb(0x11, 0xa0);
	outb(0x20, 0x21);
	outb(0x28, 0xa1);
	outb(4, 0x21);
	outb(2, 0xa1);
	outb(1, 0x21);
	outb(1, 0xa1);
	outb(0xff, 0x21);
	outb(0xff, 0xa1);
}

void apic_init_cpu(void)
{
	if (x2apic)
		msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | X2APIC_ENABLE);
	else
		msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | 1u << 11);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, TIMER_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_DM_NMI);
	apic_write(APIC_LVT_ERROR, TIMER_MASKED);
	apic_write(APIC_SVR, 0x100 | VEC_SPURIOUS);
	timer_init_cpu();
}

static int ioapic_add(const struct acpi_ioapic *from)
{
	struct ioapic *io = &ioapics[ioapic_count];

	io->base = ioremap(from->addr, PAGE_SIZE, VMAP_UC);
	if (!io->base)
		return -ENOMEM;
	if (ioapic_read(io, IOAPIC_VERSION) == ~0u)
		return 0; /* nothing answers */
	io->gsi_base = from->gsi_base;
	io->pins = ((ioapic_read(io, IOAPIC_VERSION) >> 16) & 0xff) + 1;
	for (u32 pin = 0; pin < io->pins; pin++)
		ioapic_write(io, IOAPIC_REDIRECT(pin), IOAPIC_MASKED);
	if (io->gsi_base + io->pins > gsi_count)
		gsi_count = io->gsi_base + io->pins;
	ioapic_count++;
	return 0;
}

int apic_init(void)
{
	for (unsigned int v = 0; v < 256; v++)
		vector_irq[v] = NO_IRQ;
	x2apic = cpu_has(CPU_X2APIC);
	if (!x2apic) {
		lapic_base = ioremap(machine.lapic_addr ? machine.lapic_addr : 0xfee00000,
				     PAGE_SIZE, VMAP_UC);
		if (!lapic_base)
			return -ENOMEM;
	}
	pic_mask();
	/* Without tables: where every PC has one. */
	static const struct acpi_ioapic usual = {0, 0xfec00000, 0};

	if (!machine.ioapic_count && ioapic_add(&usual))
		return -ENOMEM;
	for (u32 i = 0; i < machine.ioapic_count; i++) {
		int err = ioapic_add(&machine.ioapic[i]);

		if (err)
			return err;
	}
	apic_init_cpu();
	timer_measure();
	timer_init_cpu();
	return 0;
}

int arch_init_irq(void)
{
	int err = apic_init();

	if (err)
		return err;
	irq_init();
	smp_init_boot_cpu();
	err = pti_prepare_cpu(0, &boot_ist);
	if (err)
		return err;
	pti_start_cpu();
	return fpu_init();
}
