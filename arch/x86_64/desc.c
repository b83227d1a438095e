/*
 * Segment descriptors, task-state segment, interrupt gates.
 *
 * The order of the user segments is what SYSRET wants: stack at STAR+8, 64-bit code at STAR+16; the
 * slot at STAR itself, for 32-bit code, is absent, so there is no compatibility mode.
 */
#include <asm/percpu.h>
#include <kern/string.h>

#include "x86_impl.h"

struct x86_gdt {
	u64 entry[12];
};

DEFINE_PERCPU(struct x86_tss, cpu_tss) = {.iomap = sizeof(struct x86_tss)};
PERCPU_ENTRY u64 cpu_user_sp;
static PERCPU_ENTRY struct x86_gdt cpu_gdt = {
	.entry =
		{
			[2] = 0x00af9b000000ffffULL, /* kernel code */
			[3] = 0x00cf93000000ffffULL, /* kernel data */
			[5] = 0x00cff3000000ffffULL, /* user data */
			[6] = 0x00affb000000ffffULL, /* user code */
		},
};

/* Whole pages: user mode's tables have them too. */
struct x86_gate idt[256] __section(".bss.page_aligned") __aligned(4096);

#define GATE_INTERRUPT 0x8e

void idt_set_handler(unsigned int vector, void *entry, unsigned int ist, unsigned int dpl)
{
	u64 at = (u64)(unsigned long)entry;

	idt[vector] = (struct x86_gate){
		.offset_low = (u16)at,
		.selector = X86_KERNEL_CS,
		.ist = (u8)ist,
		.type = (u8)(GATE_INTERRUPT | dpl << 5),
		.offset_mid = (u16)(at >> 16),
		.offset_high = (u32)(at >> 32),
	};
}

static void idt_load(void)
{
	struct x86_desc_ptr p = {sizeof(idt) - 1, (u64)(unsigned long)idt};

	asm volatile("lidt %0" : : "m"(p));
}

void idt_init(void)
{
	for (unsigned int v = 0; v < 32; v++)
		idt_set_handler(v, exc_stubs + v * EXC_STUB_SIZE, 0, 0);
	for (unsigned int v = 32; v < 256; v++)
		idt_set_handler(v, irq_stubs + (v - 32) * IRQ_STUB_SIZE, 0, 0);
	idt_set_handler(VEC_DB, exc_stubs + VEC_DB * EXC_STUB_SIZE, IST_DEBUG, 0);
	idt_set_handler(VEC_NMI, exc_stubs + VEC_NMI * EXC_STUB_SIZE, IST_NMI, 0);
	idt_set_handler(VEC_DF, exc_stubs + VEC_DF * EXC_STUB_SIZE, IST_DOUBLE_FAULT, 0);
	idt_set_handler(VEC_MC, exc_stubs + VEC_MC * EXC_STUB_SIZE, IST_MACHINE_CHECK, 0);
	/* int3 and into are the user's to execute. */
	idt_set_handler(VEC_BP, exc_stubs + VEC_BP * EXC_STUB_SIZE, 0, 3);
	idt_set_handler(4, exc_stubs + 4 * EXC_STUB_SIZE, 0, 3);
	idt_load();
}

void desc_load_tss(struct x86_tss *tss, size_t size)
{
	struct x86_gdt *gdt = this_cpu_ptr(cpu_gdt);
	u64 base = (u64)(unsigned long)tss;

	/* Each time as one that is not in use: LTR marks it, and refuses a marked one. */
	gdt->entry[8] = ((size - 1) & 0xffff) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
			((base >> 24) & 0xff) << 56;
	gdt->entry[9] = base >> 32;
	asm volatile("ltr %w0" : : "r"(X86_TSS_SEL) : "memory");
}

void desc_init_cpu(unsigned int cpu, const struct ist_stacks *ist)
{
	struct x86_gdt *gdt = this_cpu_ptr(cpu_gdt);
	struct x86_tss *tss = this_cpu_ptr(cpu_tss);

	for (unsigned int i = 0; i < IST_COUNT; i++)
		tss->ist[i] = (u64)(unsigned long)ist->stack[i] + IST_STACK_SIZE;
	/* The limit of this segment is the CPU number: lsl and rdpid read it, also in user mode. */
	gdt->entry[10] = (cpu & 0xffff) | 0x0040f50000000000ULL;

	struct x86_desc_ptr p = {sizeof(*gdt) - 1, (u64)(unsigned long)gdt};

	asm volatile("lgdt %0" : : "m"(p));
	asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
		     :
		     : "i"(X86_KERNEL_CS)
		     : "rax", "memory");
	asm volatile("movl %0, %%ss; movl %1, %%ds; movl %1, %%es" : : "r"(X86_KERNEL_DS), "r"(0));
	desc_load_tss(tss, sizeof(*tss));
	asm volatile("lidt %0"
		     :
		     : "m"((struct x86_desc_ptr){sizeof(idt) - 1, (u64)(unsigned long)idt}));
	this_cpu_write(cpu_number, cpu);
	if (cpu_has(CPU_RDTSCP) || cpu_has(CPU_RDPID))
		msr_write(MSR_TSC_AUX, cpu);
}
