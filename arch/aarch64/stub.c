/*
 * What runs on aarch64 today: one line through the PL011 of QEMU's virt machine, then power-off by
 * PSCI. Every header of the contract is included, so that the wall between the portable kernel and
 * the machine is checked by a second compiler.
 */
#include <asm/clock.h>
#include <asm/context.h>
#include <asm/cpu.h>
#include <asm/cpu_cache.h>
#include <asm/cpumask.h>
#include <asm/current.h>
#include <asm/elf_arch.h>
#include <asm/init.h>
#include <asm/io.h>
#include <asm/irqchip.h>
#include <asm/irqflags.h>
#include <asm/kasan.h>
#include <asm/mm_arch.h>
#include <asm/page.h>
#include <asm/pagemem.h>
#include <asm/patch.h>
#include <asm/patch_poke.h>
#include <asm/percpu.h>
#include <asm/pgtable.h>
#include <asm/power.h>
#include <asm/preempt.h>
#include <asm/regs.h>
#include <asm/sigframe.h>
#include <asm/smp.h>
#include <asm/stack.h>
#include <asm/tlb.h>
#include <asm/uaccess.h>
#include <asm/vdso.h>
#include <kernel/arch_up.h>

#define PL011_BASE 0x09000000UL
#define PL011_FLAGS 0x18
#define PL011_TX_FULL 0x20u
#define PSCI_SYSTEM_OFF 0x84000008UL

void stub_main(u64 device_tree);

void arch_early_putc(char c)
{
	void *uart = (void *)PL011_BASE;

	while (mmio_read32((char *)uart + PL011_FLAGS) & PL011_TX_FULL)
		cpu_relax();
	mmio_write32(uart, (u8)c);
}

void arch_halt(void)
{
	for (;;)
		asm volatile("wfe");
}

void arch_poweroff(void)
{
	register unsigned long x0 asm("x0") = PSCI_SYSTEM_OFF;

	asm volatile("hvc #0" : "+r"(x0) : : "memory");
	arch_halt();
}

void stub_main(u64 device_tree)
{
	for (const char *s = "corbel: aarch64 boot stub\r\n"; *s; s++)
		arch_early_putc(*s);
	(void)device_tree;
	arch_poweroff();
}
