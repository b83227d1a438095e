/*
 * The machine's tables, read once before memory is given to the allocator: firmware may keep
 * them in memory that nothing maps, so pages are mapped on the way.
 */
#include <drivers/acpi/acpi.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <asm/firmware.h>
#include <asm/init.h>

#include "x86_impl.h"

struct acpi_info machine;

static const void *map(u64 phys, size_t len)
{
	if (phys + len < phys || phys + len > DIRECT_MAP_SIZE)
		return NULL;
	for (u64 at = phys & PAGE_MASK; at < phys + len; at += PAGE_SIZE) {
		unsigned long va = (unsigned long)phys_to_virt(at);

		if (!paging_leaf(va).at &&
		    arch_map_kernel(va, at, PAGE_SIZE, PGPROT_KERNEL_RO.bits, early_page_alloc))
			return NULL;
	}
	return phys_to_virt(phys);
}

/* Registers in memory are written when the machine goes down: no time to build page tables. */
static void map_register(const struct acpi_gas *g)
{
	u64 page = g->addr & PAGE_MASK;
	unsigned long va = (unsigned long)phys_to_virt(page);

	if (!g->addr || g->space != ACPI_SPACE_MEMORY || g->addr >= DIRECT_MAP_SIZE ||
	    paging_leaf(va).at)
		return;
	if (arch_map_kernel(va, page, PAGE_SIZE, pgprot_uncached(PGPROT_KERNEL).bits,
			    early_page_alloc))
		early_puts("corbel: cannot map an ACPI register\n");
}

void firmware_scan(void)
{
	static const struct acpi_memory mem = {map};

	if (acpi_scan(&mem, boot_info.rsdp, &machine))
		early_puts("corbel: no ACPI and no MP tables: one CPU\n");
	map_register(&machine.sleep_control);
	map_register(&machine.reset);
}

u16 acpi_pm_timer_port(void)
{
	const struct acpi_gas *g = &machine.pm_timer;

	return g->space == ACPI_SPACE_IO && g->addr < 0x10000 ? (u16)g->addr : 0;
}

const struct acpi_info *arch_firmware(void)
{
	return &machine;
}

const void *arch_firmware_table(u64 phys, size_t len)
{
	if (!phys || phys + len < phys || phys + len > DIRECT_MAP_SIZE)
		return NULL;
	for (u64 at = phys & PAGE_MASK; at < phys + len; at += PAGE_SIZE) {
		if (!paging_leaf((unsigned long)phys_to_virt(at)).at)
			return NULL;
	}
	return phys_to_virt(phys);
}
