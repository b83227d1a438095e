/* What the firmware's tables say, for drivers. */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

struct acpi_info;

/* [I] from before kernel_main(); without ACPI its fields are zero. */
const struct acpi_info *arch_firmware(void);
/* @len bytes of a table that arch_firmware() names; NULL: the firmware's memory is not mapped. */
const void *arch_firmware_table(u64 phys, size_t len);
/* The machine's events come by the SCI from now on, not to the firmware. */
void arch_firmware_take_events(void);
