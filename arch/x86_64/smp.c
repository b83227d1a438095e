/*
 * Secondary CPUs, and talking to them.
 *
 * Start: a page of code below 1 MiB takes a CPU from real mode to boot_pgd and long mode; there it
 * looks its own APIC id up to find its number, stack and per-CPU area. Nothing of that is shared,
 * so all CPUs start at the same time.
 *
 * Cross calls: each CPU owns one node per target. A call fills the nodes and pushes each on its
 * target's list; the interrupt is sent when the list was empty. A node is free again when its
 * function has run.
 */
#include <asm/smp.h>

#include <asm/clock.h>
#include <asm/irqflags.h>
#include <asm/percpu.h>
#include <asm/power.h>
#include <asm/preempt.h>
#include <drivers/acpi/acpi.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/frame/frame.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <kernel/vmap/vmap.h>

#include "apic_impl.h"
#include "x86_impl.h"

#define TRAMPOLINE_PHYS 0x8000u
#define NO_CPU 0xff
#define AP_TIMEOUT_NS 2000000000ULL

struct cpumask cpu_possible_mask = {1};
struct cpumask cpu_online_mask = {1};

extern char ap_trampoline[], ap_trampoline_end[];
/* Read by the trampoline: CPU number by APIC id, and stack tops. */
u8 ap_cpu_of_apic[256];
void *ap_stack_top[NR_CPUS_MAX];

static u32 hw_ids[NR_CPUS_MAX];
static void *idle_stacks[NR_CPUS_MAX];
static unsigned int cpu_total = 1;

unsigned int smp_possible_count(void)
{
	return cpu_total;
}

u32 smp_hw_id(unsigned int cpu)
{
	return hw_ids[cpu];
}

void *smp_idle_stack(unsigned int cpu)
{
	return cpu ? idle_stacks[cpu] : boot_stack;
}

/* --- interrupts between CPUs --- */

void ipi_send(unsigned int cpu, enum ipi what)
{
	apic_icr(hw_ids[cpu], (VEC_IPI_FIRST + what) | APIC_LEVEL_ASSERT);
}

void ipi_send_mask(struct cpumask mask, enum ipi what)
{
	unsigned int cpu;

	for_each_cpu (cpu, mask)
		ipi_send(cpu, what);
}

struct call_node {
	struct call_node *next;
	void (*fn)(void *arg);
	void *arg;
	u32 busy; /* atomic: set by the owner, cleared by the target */
};

static DEFINE_PERCPU(struct call_node, call_nodes[NR_CPUS_MAX]);
static DEFINE_PERCPU(struct call_node *, call_list);

static void call_run(void)
{
	struct call_node *n = this_cpu_xchg(call_list, NULL), *ordered = NULL;

	while (n) {
		struct call_node *next = n->next;

		n->next = ordered;
		ordered = n;
		n = next;
	}
	while (ordered) {
		struct call_node *next = ordered->next;

		ordered->fn(ordered->arg);
		__atomic_store_n(&ordered->busy, 0, __ATOMIC_RELEASE);
		ordered = next;
	}
}

static void node_wait(struct call_node *n)
{
	while (__atomic_load_n(&n->busy, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void call_push(unsigned int cpu, struct call_node *n)
{
	struct call_node **list = per_cpu_ptr(call_list, cpu);
	struct call_node *head = __atomic_load_n(list, __ATOMIC_RELAXED);

	do {
		n->next = head;
	} while (!__atomic_compare_exchange_n(list, &head, n, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (!head)
		ipi_send(cpu, IPI_CALL);
}

void smp_call(struct cpumask mask, void (*fn)(void *arg), void *arg, bool wait)
{
	unsigned int cpu;

	preempt_disable();
	unsigned int self = cpu_id();
	struct cpumask others =
		cpumask_without(cpumask_and(mask, cpumask_read(&cpu_online_mask)), self);
	struct call_node *nodes = *this_cpu_ptr(call_nodes);

	WARN_ON(others.bits && (irqs_are_off() || in_irq()));
	for_each_cpu (cpu, others) {
		struct call_node *n = &nodes[cpu];

		node_wait(n);
		n->fn = fn;
		n->arg = arg;
		__atomic_store_n(&n->busy, 1, __ATOMIC_RELAXED);
		call_push(cpu, n);
	}
	if (cpumask_test(&mask, self)) {
		unsigned long flags = irqs_save();

		fn(arg);
		irqs_restore(flags);
	}
	if (wait) {
		for_each_cpu (cpu, others)
			node_wait(&nodes[cpu]);
	}
	preempt_enable();
}

void smp_ipi(enum ipi what)
{
	switch (what) {
	case IPI_RESCHED:
		apic_count(COUNT_RESCHED);
		need_resched_set();
		break;
	case IPI_CALL:
		apic_count(COUNT_CALL);
		call_run();
		break;
	case IPI_STOP:
		cpu_stop();
	default:
		break; /* IPI_WAKE: the interrupt itself ended the halt */
	}
}

/* --- stopping --- */

static bool stopping;
static struct cpumask tracing; /* atomic: CPUs that owe a back trace */

void smp_nmi(struct regs *regs)
{
	apic_count(COUNT_NMI);
	if (__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		cpu_stop();
	if (cpumask_test(&tracing, cpu_id())) {
		pr_warn("NMI backtrace for cpu %u\n", cpu_id());
		backtrace_print(regs);
		cpumask_clear(&tracing, cpu_id());
	}
}

void smp_backtrace(struct cpumask mask)
{
	unsigned int cpu;

	mask = cpumask_without(cpumask_and(mask, cpumask_read(&cpu_online_mask)), cpu_id());
	if (cpumask_empty(mask))
		return;
	pr_warn("Sending NMI from CPU %u to CPUs %llx:\n", cpu_id(), mask.bits);
	for_each_cpu (cpu, mask) {
		cpumask_set(&tracing, cpu);
		apic_icr(hw_ids[cpu], APIC_DM_NMI | APIC_LEVEL_ASSERT);
		/* One after the other, so that the texts do not mix. */
		for (int i = 0; i < 10000 && cpumask_test(&tracing, cpu); i++)
			arch_delay_us(100);
	}
}

void smp_stop_others(void)
{
	if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST) || cpu_total == 1)
		return;
	/* Reaches a CPU that has interrupts off as well. */
	apic_icr(0, APIC_DM_NMI | APIC_LEVEL_ASSERT | APIC_ALL_BUT_SELF);
	arch_delay_us(50);
}

/* --- starting --- */

void smp_init_boot_cpu(void)
{
	u32 self = apic_id();

	memset(ap_cpu_of_apic, NO_CPU, sizeof(ap_cpu_of_apic));
	hw_ids[0] = self;
	for (u32 i = 0; i < machine.cpu_count && cpu_total < NR_CPUS_MAX; i++) {
		u32 id = machine.cpu_apic_id[i];

		if (id == self || id >= ARRAY_SIZE(ap_cpu_of_apic))
			continue;
		hw_ids[cpu_total] = id;
		ap_cpu_of_apic[id] = (u8)cpu_total;
		cpu_possible_mask.bits |= 1ULL << cpu_total;
		cpu_total++;
	}
}

/* Per-CPU area, idle stack and exception stacks of one CPU. */
static int ap_prepare(unsigned int cpu, struct ist_stacks *ist)
{
	size_t size = (size_t)(percpu_template_end - percpu_template);
	char *area = frame_alloc_virt(frame_order(size), 0);

	if (!area)
		return -ENOMEM;
	memcpy(area, percpu_template, size);
	percpu_offset[cpu] = (unsigned long)area - (unsigned long)percpu_template;
	per_cpu(percpu_self_offset, cpu) = percpu_offset[cpu];
	per_cpu(cpu_number, cpu) = cpu;
	per_cpu(stack_canary, cpu) = this_cpu_read(stack_canary);
	idle_stacks[cpu] = vmap_stack_alloc();
	if (!idle_stacks[cpu])
		return -ENOMEM;
	/* vmalloc: an unmapped page before and behind each. */
	for (unsigned int i = 0; i < IST_COUNT; i++) {
		ist->stack[i] = vmalloc(IST_STACK_SIZE);
		if (!ist->stack[i])
			return -ENOMEM;
	}
	ap_stack_top[cpu] = (char *)idle_stacks[cpu] + THREAD_SIZE;
	return pti_prepare_cpu(cpu, ist);
}

static struct ist_stacks ap_ist[NR_CPUS_MAX];

/* Called by the trampoline on its own stack, with gs set. */
__noreturn void ap_start(unsigned int cpu);
void ap_start(unsigned int cpu)
{
	cpu_setup_control();
	desc_init_cpu(cpu, &ap_ist[cpu]);
	pti_start_cpu();
	apic_init_cpu();
	cpumask_set(&cpu_online_mask, cpu);
	kernel_main_secondary(cpu);
}

void smp_boot_all(void)
{
	struct cpumask started = CPUMASK_NONE;

	if (cpu_total == 1)
		return;
	memcpy(phys_to_virt(TRAMPOLINE_PHYS), ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	for (unsigned int cpu = 1; cpu < cpu_total; cpu++) {
		if (ap_prepare(cpu, &ap_ist[cpu])) {
			pr_err("smp: no memory for CPU %u\n", cpu);
			cpu_possible_mask.bits &= ~(1ULL << cpu);
			continue;
		}
		apic_icr(hw_ids[cpu], APIC_DM_INIT | APIC_LEVEL_ASSERT);
		started.bits |= 1ULL << cpu;
	}
	arch_delay_us(10);
	unsigned int cpu;

	for (int twice = 0; twice < 2; twice++) {
		for_each_cpu (cpu, started) {
			if (!cpumask_test(&cpu_online_mask, cpu))
				apic_icr(hw_ids[cpu],
					 APIC_DM_STARTUP | (TRAMPOLINE_PHYS >> PAGE_SHIFT));
		}
		arch_delay_us(10);
	}
	u64 deadline = clock_mono_ns() + AP_TIMEOUT_NS;

	while ((cpumask_read(&cpu_online_mask).bits & started.bits) != started.bits &&
	       clock_mono_ns() < deadline)
		cpu_relax();
	for_each_cpu (cpu, started) {
		if (!cpumask_test(&cpu_online_mask, cpu)) {
			pr_err("smp: CPU %u (APIC %u) does not start\n", cpu, hw_ids[cpu]);
			cpu_possible_mask.bits &= ~(1ULL << cpu);
		}
	}
}
