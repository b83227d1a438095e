/*
 * ACPI tables: what the kernel needs of them, read without an interpreter.
 *
 * Pure: memory is reached through a function of the caller's, nothing is kept. Firmware is input:
 * every length is checked, a table with a bad checksum is not there. ACPI 6.5 chapter 5; Intel
 * MultiProcessor Specification 1.4 for the fallback.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>

#define ACPI_CPUS_MAX 64
#define ACPI_IOAPICS_MAX 8
#define ACPI_OVERRIDES_MAX 32
#define ACPI_SSDTS_MAX 16

/* @len bytes at physical @phys, readable for as long as the parser runs; NULL: not there. */
struct acpi_memory {
	const void *(*map)(u64 phys, size_t len);
};

/* A register of the machine: ACPI 5.2.3.2. */
struct acpi_gas {
	u8 space; /* ACPI_SPACE_* */
	u8 bits;
	u64 addr; /* 0: none */
};
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1

struct acpi_ioapic {
	u32 id, addr, gsi_base;
};

/* ISA interrupt @isa is wired to @gsi with this polarity and trigger. */
struct acpi_override {
	u8 isa;
	bool active_low, level;
	u32 gsi;
};

struct acpi_info {
	bool from_mp_table;
	/* MADT */
	u64 lapic_addr;
	u32 cpu_apic_id[ACPI_CPUS_MAX]; /* usable CPUs in table order */
	u32 cpu_count;
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	u32 ioapic_count;
	struct acpi_override override[ACPI_OVERRIDES_MAX];
	u32 override_count;
	bool has_pic;
	/* FADT */
	bool has_fadt, hw_reduced, has_reset;
	u16 sci;
	struct acpi_gas pm1a_event, pm1b_event, gpe0, gpe1;
	u8 pm1_event_len, gpe0_len, gpe1_len, gpe1_base; /* of the blocks above, in bytes */
	bool power_button_fixed;			 /* pressed: a bit of the PM1 events */
	struct acpi_gas pm1a_control, pm1b_control, pm_timer, reset, sleep_control;
	u8 reset_value, century;
	u32 smi_command;
	u8 acpi_enable;
	u16 boot_arch;
	u64 dsdt;
	u64 ssdt[ACPI_SSDTS_MAX]; /* in table order, good checksums */
	u32 ssdt_count;
	bool has_s5;
	u8 s5_type_a, s5_type_b;
	/* others */
	u64 hpet_addr;
	u64 mcfg_base; /* PCI Express configuration space of segment 0 */
	u8 mcfg_bus_start, mcfg_bus_end;
};

/*
 * Fills *out from the tables under @rsdp (0: look for it in low memory); -ENOENT if there are
 * neither ACPI nor MP tables, and then *out has no CPU and no I/O APIC.
 */
int acpi_scan(const struct acpi_memory *mem, u64 rsdp, struct acpi_info *out) __must_check;
