#pragma once

#include <drivers/acpi/acpi.h>

bool acpi_checksum_ok(const u8 *p, size_t len);
/* Physical address of the extended BIOS data area, 0: none. */
u64 acpi_ebda(const struct acpi_memory *mem);
/* Adds CPUs, I/O APICs and interrupt wiring from the MP table; false if there is none. */
bool mptable_scan(const struct acpi_memory *mem, struct acpi_info *out);
