/*
 * What the machine handed over at power-on, in one portable shape.
 *
 * Filled by arch code before kernel_main(); constant afterwards.  Addresses are physical.
 */
#pragma once

#include <kern/types.h>

enum boot_mem_type {
	BOOT_MEM_RAM,
	BOOT_MEM_RESERVED,
	BOOT_MEM_ACPI, /* reclaimable tables: mapped, never freed */
	BOOT_MEM_NVS,
	BOOT_MEM_BAD,
};

struct boot_mem {
	u64 start, end; /* [start, end), page aligned by arch (RAM shrunk, others grown) */
	enum boot_mem_type type;
};

#define BOOT_MEM_MAX 128
#define BOOT_INITRD_MAX 8
#define BOOT_CMDLINE_MAX 4096

struct boot_info {
	struct boot_mem mem[BOOT_MEM_MAX]; /* sorted, not overlapping */
	unsigned int mem_count;
	struct {
		u64 start, end; /* any alignment */
	} initrd[BOOT_INITRD_MAX];
	unsigned int initrd_count;
	u64 kernel_start, kernel_end; /* image including .bss and early page tables */
	u64 rsdp;		      /* 0: unknown */
	u64 fdt;		      /* device tree, in memory that cma_reserve() may still read */
	u32 fdt_len;		      /* 0: none */
	const char *protocol;	      /* "pvh", "linux64", ... */
	u8 seed[64];		      /* entropy from the boot loader */
	unsigned int seed_len;
	char cmdline[BOOT_CMDLINE_MAX];
};

extern struct boot_info boot_info;

/* Is any of [@start, @start + @len) ordinary memory? What devices claim must not be. */
static inline bool boot_is_ram(u64 start, u64 len)
{
	for (unsigned int i = 0; i < boot_info.mem_count; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->type == BOOT_MEM_RAM && start < m->end && m->start < start + len)
			return true;
	}
	return false;
}

/* The portable entry, on the boot CPU, interrupts off, direct map up.  Never returns. */
void kernel_main(void) __attribute__((noreturn));

/*
 * Leaf rooms (drivers, file systems) that need one call at boot: after devices and the root of the
 * file system work, in the first user process's context to be, interrupts on; may sleep.  No order
 * among them.
 */
#define INITCALL(fn)                                                                               \
	static void (*const initcall_##fn)(void) __attribute__((section(".tab.initcall"), used)) = \
		fn
