/* Intel MultiProcessor Specification 1.4, for machines without a MADT. */
#include <kern/string.h>

#include "acpi_impl.h"

#define MP_HEADER 44u
#define MP_ISA_BUS_NONE 0xffu

static u32 rd16(const u8 *p)
{
	return (u32)(p[0] | p[1] << 8);
}

static u32 rd32(const u8 *p)
{
	return rd16(p) | rd16(p + 2) << 16;
}

static u64 mp_search_range(const struct acpi_memory *mem, u64 from, u64 to)
{
	for (u64 at = from; at < to; at += 16) {
		const u8 *p = mem->map(at, 16);

		if (p && p[0] == '_' && !memcmp(p, "_MP_", 4) && p[8] == 1 &&
		    acpi_checksum_ok(p, 16))
			return at;
	}
	return 0;
}

static u64 mp_search(const struct acpi_memory *mem)
{
	u64 ebda = acpi_ebda(mem);
	u64 at = ebda ? mp_search_range(mem, ebda, ebda + 1024) : 0;

	if (!at)
		at = mp_search_range(mem, 639 * 1024, 640 * 1024);
	if (!at)
		at = mp_search_range(mem, 0, 1024);
	return at ? at : mp_search_range(mem, 0xf0000, 0x100000);
}

/* I/O interrupt of the ISA bus: the pin it is wired to. */
static void mp_interrupt(struct acpi_info *out, const u8 *e, u32 isa_bus)
{
	u32 flags = rd16(e + 2);

	if (e[1] || e[4] != isa_bus || e[5] > 15 || out->override_count == ACPI_OVERRIDES_MAX)
		return;
	u32 gsi = e[7];

	for (u32 i = 0; i < out->ioapic_count; i++) {
		if (out->ioapic[i].id == e[6])
			gsi += out->ioapic[i].gsi_base;
	}
	out->override[out->override_count++] = (struct acpi_override){
		.isa = e[5],
		.gsi = gsi,
		.active_low = (flags & 3) == 3,
		.level = ((flags >> 2) & 3) == 3,
	};
}

static void mp_entry(struct acpi_info *out, const u8 *e, u32 *isa_bus)
{
	switch (e[0]) {
	case 0: /* processor */
		if ((e[3] & 1) && out->cpu_count < ACPI_CPUS_MAX)
			out->cpu_apic_id[out->cpu_count++] = e[1];
		break;
	case 1: /* bus */
		if (!memcmp(e + 2, "ISA", 3))
			*isa_bus = e[1];
		break;
	case 2: /* I/O APIC */
		if ((e[3] & 1) && out->ioapic_count < ACPI_IOAPICS_MAX) {
			/* 24 pins each, as every implementation has. */
			out->ioapic[out->ioapic_count] =
				(struct acpi_ioapic){e[1], rd32(e + 4), out->ioapic_count * 24};
			out->ioapic_count++;
		}
		break;
	case 3:
		mp_interrupt(out, e, *isa_bus);
		break;
	default:
		break;
	}
}

bool mptable_scan(const struct acpi_memory *mem, struct acpi_info *out)
{
	u64 at = mp_search(mem);
	const u8 *p = at ? mem->map(at, 16) : NULL;
	u64 table = p ? rd32(p + 4) : 0;

	p = table ? mem->map(table, MP_HEADER) : NULL;
	if (!p || memcmp(p, "PCMP", 4))
		return false;
	u32 len = rd16(p + 4), count = rd16(p + 34);

	p = mem->map(table, len);
	if (!p || len < MP_HEADER || !acpi_checksum_ok(p, len))
		return false;
	out->from_mp_table = true;
	out->has_pic = true;
	out->lapic_addr = rd32(p + 36);
	u32 isa_bus = MP_ISA_BUS_NONE;

	for (u32 off = MP_HEADER; count && off < len; count--) {
		u32 size = p[off] == 0 ? 20 : 8;

		if (size > len - off)
			break;
		mp_entry(out, p + off, &isa_bus);
		off += size;
	}
	return out->cpu_count;
}
