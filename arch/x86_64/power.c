/* Power-off and reset, by what the firmware's tables offer; then by what every PC does. */
#include <asm/power.h>

#include <asm/clock.h>
#include <asm/cpu.h>
#include <asm/firmware.h>
#include <asm/io.h>
#include <asm/irqflags.h>
#include <asm/smp.h>
#include <drivers/acpi/acpi.h>
#include <kernel/printk/printk.h>

#include "x86_impl.h"

#define SCI_EN 1u
#define ENABLE_WAIT_US 10000u
#define SLP_EN 0x2000u
#define SLP_TYP_SHIFT 10
#define HW_SLEEP_EN 0x20u
#define HW_SLEEP_TYP_SHIFT 2
#define REPORT_PORT 0xe9
#define DEBUG_EXIT_PORT 0xf4
#define WAIT_US 100000u

/* A byte register in memory lies in a page that firmware.c mapped at start-up. */
static void gas_write(const struct acpi_gas *g, u32 v)
{
	if (!g->addr)
		return;
	if (g->space == ACPI_SPACE_IO && g->addr < 0x10000) {
		if (g->bits <= 8)
			outb((u8)v, (u16)g->addr);
		else
			outw((u16)v, (u16)g->addr);
	} else if (g->space == ACPI_SPACE_MEMORY) {
		mmio_write8(phys_to_virt(g->addr), (u8)v);
	}
}

/* The sleep registers answer only once the firmware has handed them over. */
static void acpi_enable(void)
{
	const struct acpi_gas *a = &machine.pm1a_control;

	if (!machine.smi_command || !machine.acpi_enable || a->space != ACPI_SPACE_IO)
		return;
	for (unsigned int us = 0; us < ENABLE_WAIT_US && !(inw((u16)a->addr) & SCI_EN); us += 10) {
		if (us == 0)
			outb(machine.acpi_enable, (u16)machine.smi_command);
		else
			arch_delay_us(10);
	}
}

void arch_firmware_take_events(void)
{
	acpi_enable();
}

static void acpi_s5(void)
{
	if (machine.hw_reduced) {
		u8 type = machine.has_s5 ? machine.s5_type_a : 5;

		gas_write(&machine.sleep_control, HW_SLEEP_EN | (u32)type << HW_SLEEP_TYP_SHIFT);
		return;
	}
	if (!machine.has_s5)
		return;
	acpi_enable();
	struct acpi_gas a = machine.pm1a_control, b = machine.pm1b_control;

	a.bits = b.bits = 16;
	gas_write(&a, SLP_EN | (u32)(machine.s5_type_a & 7) << SLP_TYP_SHIFT);
	gas_write(&b, SLP_EN | (u32)(machine.s5_type_b & 7) << SLP_TYP_SHIFT);
}

/* With no interrupt table the first exception shuts the machine down. */
static __noreturn void triple_fault(void)
{
	struct x86_desc_ptr none = {0, 0};

	for (;;)
		asm volatile("lidt %0; int3" : : "m"(none));
}

void arch_poweroff(void)
{
	irqs_off();
	smp_stop_others();
	acpi_s5();
	arch_delay_us(WAIT_US);
	early_puts("corbel: the machine does not power off by ACPI\n");
	triple_fault();
}

void arch_reboot(void)
{
	irqs_off();
	smp_stop_others();
	if (machine.has_reset) {
		gas_write(&machine.reset, machine.reset_value);
		arch_delay_us(10000);
	}
	outb(6, 0xcf9);
	arch_delay_us(10000);
	outb(0xfe, 0x64); /* keyboard controller pulses the reset line */
	arch_delay_us(10000);
	triple_fault();
}

void arch_halt(void)
{
	irqs_off();
	smp_stop_others();
	cpu_stop();
}

void arch_debug_exit(u8 code)
{
	outb(code, DEBUG_EXIT_PORT);
}

void arch_report(const char *text)
{
	/* A read gives the port's own number where the device is there. */
	if (inb(REPORT_PORT) != REPORT_PORT)
		return;
	while (*text)
		outb((u8)*text++, REPORT_PORT);
}
