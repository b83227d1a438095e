#include <drivers/acpi/acpi.h>

#include <kern/errno.h>
#include <kern/ktest.h>

#define MEM_BASE 0xe0000u
#define MEM_SIZE 4096u

static u8 memory[MEM_SIZE];

static const void *map(u64 phys, size_t len)
{
	if (phys < MEM_BASE || phys - MEM_BASE > MEM_SIZE || len > MEM_SIZE - (phys - MEM_BASE))
		return NULL;
	return memory + (phys - MEM_BASE);
}

static const struct acpi_memory mem = {map};

static void put32(u32 at, u32 v)
{
	memcpy(memory + at, &v, sizeof(v));
}

static void seal(u32 at, u32 len, u32 sum_at)
{
	u8 sum = 0;

	memory[at + sum_at] = 0;
	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + memory[at + i]);
	memory[at + sum_at] = (u8)-sum;
}

/* RSDP at 0, RSDT at 0x100, MADT at 0x200 with two CPUs, an I/O APIC, an override. */
static void build(void)
{
	static const u8 entries[] = {
		0, 8,  0,  0, 1, 0, 0,	  0, /* CPU 0 */
		0, 8,  1,  4, 1, 0, 0,	  0, /* CPU with APIC id 4 */
		0, 8,  2,  5, 0, 0, 0,	  0, /* disabled */
		1, 12, 0,  0, 0, 0, 0xc0, 0xfe, 0,    0, 0,
		0, 2,  10, 0, 0, 2, 0,	  0,	0,    0, 0, /* ISA 0 -> GSI 2 */
		2, 10, 0,  9, 9, 0, 0,	  0,	0x0d, 0,    /* ISA 9 level, high */
	};

	memset(memory, 0, sizeof(memory));
	memcpy(memory, "RSD PTR ", 8);
	put32(16, MEM_BASE + 0x100);
	seal(0, 20, 8);
	memcpy(memory + 0x100, "RSDT", 4);
	put32(0x104, 40);
	put32(0x124, MEM_BASE + 0x200);
	seal(0x100, 40, 9);
	memcpy(memory + 0x200, "APIC", 4);
	put32(0x204, 44 + sizeof(entries));
	put32(0x224, 0xfee00000);
	put32(0x228, 1);
	memcpy(memory + 0x22c, entries, sizeof(entries));
	seal(0x200, 44 + sizeof(entries), 9);
}

KTEST(acpi, reads_a_madt)
{
	struct acpi_info info;

	build();
	EXPECT_EQ(acpi_scan(&mem, 0, &info), 0);
	EXPECT_EQ(info.cpu_count, 2);
	EXPECT_EQ(info.cpu_apic_id[1], 4);
	EXPECT_EQ(info.ioapic_count, 1);
	EXPECT_EQ(info.ioapic[0].addr, 0xfec00000);
	EXPECT_EQ(info.override_count, 2);
	EXPECT_EQ(info.override[0].gsi, 2);
	EXPECT_TRUE(info.override[1].level);
	EXPECT_FALSE(info.override[1].active_low);
	EXPECT_TRUE(info.has_pic);
}

KTEST(acpi, bad_checksum_is_no_table)
{
	struct acpi_info info;

	build();
	memory[0x240]++;
	EXPECT_EQ(acpi_scan(&mem, 0, &info), 0);
	EXPECT_EQ(info.cpu_count, 0);
	memory[0]++;
	EXPECT_EQ(acpi_scan(&mem, 0, &info), -ENOENT);
}

KTEST(acpi, entry_longer_than_the_table_ends_it)
{
	struct acpi_info info;

	build();
	memory[0x22c + 8 + 1] = 255;
	seal(0x200, 44 + 56, 9);
	EXPECT_EQ(acpi_scan(&mem, MEM_BASE, &info), 0);
	EXPECT_EQ(info.cpu_count, 1);
}
