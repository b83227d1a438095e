/* The ACPI half of the parser; the MP table is in mptable.c. */
#include <drivers/acpi/acpi.h>

#include <kern/errno.h>
#include <kern/string.h>

#include "acpi_impl.h"

#define SDT_HEADER 36u
#define TABLE_MAX (1u << 20)
#define ROOT_ENTRIES_MAX 256u

static u16 get16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static u32 get32(const u8 *p)
{
	return get16(p) | (u32)get16(p + 2) << 16;
}

static u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}

bool acpi_checksum_ok(const u8 *p, size_t len)
{
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (u8)(sum + p[i]);
	return !sum;
}

/* A whole table with a good checksum, or NULL. */
static const u8 *table_map(const struct acpi_memory *mem, u64 phys, u32 *len)
{
	const u8 *t = phys ? mem->map(phys, SDT_HEADER) : NULL;

	if (!t)
		return NULL;
	*len = get32(t + 4);
	if (*len < SDT_HEADER || *len > TABLE_MAX)
		return NULL;
	t = mem->map(phys, *len);
	return t && acpi_checksum_ok(t, *len) ? t : NULL;
}

static void cpu_add(struct acpi_info *out, u32 apic_id, u32 flags)
{
	/* Bit 0: enabled. "Online capable" CPUs (bit 1) come by hot-plug only. */
	if (!(flags & 1) || out->cpu_count == ACPI_CPUS_MAX)
		return;
	out->cpu_apic_id[out->cpu_count++] = apic_id;
}

static void override_add(struct acpi_info *out, const u8 *e)
{
	u16 flags = get16(e + 8);

	if (out->override_count == ACPI_OVERRIDES_MAX || e[2] != 0 || e[3] > 15)
		return;
	out->override[out->override_count++] = (struct acpi_override){
		.isa = e[3],
		.gsi = get32(e + 4),
		.active_low = (flags & 3) == 3,
		.level = ((flags >> 2) & 3) == 3,
	};
}

static void madt_entry(struct acpi_info *out, const u8 *e)
{
	switch (e[0]) {
	case 0: /* local APIC */
		if (e[1] >= 8)
			cpu_add(out, e[3], get32(e + 4));
		break;
	case 1: /* I/O APIC */
		if (e[1] >= 12 && out->ioapic_count < ACPI_IOAPICS_MAX)
			out->ioapic[out->ioapic_count++] =
				(struct acpi_ioapic){e[2], get32(e + 4), get32(e + 8)};
		break;
	case 2: /* interrupt source override */
		if (e[1] >= 10)
			override_add(out, e);
		break;
	case 5: /* local APIC address */
		if (e[1] >= 12)
			out->lapic_addr = get64(e + 4);
		break;
	case 9: /* local x2APIC */
		if (e[1] >= 16)
			cpu_add(out, get32(e + 4), get32(e + 8));
		break;
	default:
		break;
	}
}

static void parse_madt(struct acpi_info *out, const u8 *t, u32 len)
{
	if (len < 44)
		return;
	out->lapic_addr = get32(t + 36);
	out->has_pic = get32(t + 40) & 1;
	for (u32 at = 44; at + 2 <= len && t[at + 1] >= 2 && t[at + 1] <= len - at; at += t[at + 1])
		madt_entry(out, t + at);
}

static struct acpi_gas gas_read(const u8 *p)
{
	return (struct acpi_gas){p[0], p[1], get64(p + 4)};
}

/* The extended form if it is there, else the port of the first version. */
static struct acpi_gas gas_pick(const u8 *t, u32 len, u32 ext, u32 old)
{
	struct acpi_gas g = {0};

	if (len >= ext + 12)
		g = gas_read(t + ext);
	if (!g.addr && len >= old + 4)
		g = (struct acpi_gas){ACPI_SPACE_IO, 32, get32(t + old)};
	return g;
}

static void parse_fadt(struct acpi_info *out, const u8 *t, u32 len)
{
	if (len < 116)
		return;
	u32 flags = get32(t + 112);

	out->has_fadt = true;
	out->dsdt = get32(t + 40);
	out->sci = get16(t + 46);
	out->smi_command = get32(t + 48);
	out->acpi_enable = t[52];
	out->century = t[108];
	out->boot_arch = get16(t + 109);
	out->hw_reduced = flags & (1u << 20);
	if (len >= 148 && get64(t + 140))
		out->dsdt = get64(t + 140);
	if (!out->hw_reduced) {
		out->pm1a_event = gas_pick(t, len, 148, 56);
		out->pm1b_event = gas_pick(t, len, 160, 60);
		out->gpe0 = gas_pick(t, len, 220, 80);
		out->gpe1 = gas_pick(t, len, 232, 84);
		out->pm1_event_len = t[88];
		out->gpe0_len = t[92];
		out->gpe1_len = t[93];
		out->gpe1_base = t[94];
		out->power_button_fixed = !(flags & (1u << 4));
		out->pm1a_control = gas_pick(t, len, 172, 64);
		out->pm1b_control = gas_pick(t, len, 184, 68);
		out->pm_timer = gas_pick(t, len, 208, 76);
	}
	if ((flags & (1u << 10)) && len >= 129) {
		out->has_reset = true;
		out->reset = gas_read(t + 116);
		out->reset_value = t[128];
	}
	if (len >= 256)
		out->sleep_control = gas_read(t + 244);
}

/*
 * The sleep type of the name _S5 in the byte code: NameOp "_S5_" PackageOp length count elements,
 * each a byte constant or one of the short constants. ACPI 20.2.
 */
static bool aml_small_int(const u8 *aml, u32 len, u32 *at, u8 *out)
{
	if (*at >= len)
		return false;
	u8 op = aml[(*at)++];

	if (op == 0x00 || op == 0x01) {
		*out = op;
		return true;
	}
	if (op != 0x0a || *at >= len)
		return false;
	*out = aml[(*at)++];
	return true;
}

static void parse_s5(struct acpi_info *out, const u8 *aml, u32 len)
{
	for (u32 i = SDT_HEADER; i + 8 < len; i++) {
		if (aml[i] != '_' || memcmp(aml + i, "_S5_", 4) || aml[i + 4] != 0x12)
			continue;
		/* Package length: its first byte says how many bytes follow. */
		u32 at = i + 5 + 1 + (aml[i + 5] >> 6) + 1;

		if (aml_small_int(aml, len, &at, &out->s5_type_a) &&
		    aml_small_int(aml, len, &at, &out->s5_type_b)) {
			out->has_s5 = true;
			return;
		}
	}
}

static void parse_mcfg(struct acpi_info *out, const u8 *t, u32 len)
{
	for (u32 at = 44; at + 16 <= len; at += 16) {
		if (get16(t + at + 8))
			continue;
		out->mcfg_base = get64(t + at);
		out->mcfg_bus_start = t[at + 10];
		out->mcfg_bus_end = t[at + 11];
		return;
	}
}

static void parse_table(struct acpi_info *out, u64 phys, const u8 *t, u32 len)
{
	if (!memcmp(t, "SSDT", 4) && out->ssdt_count < ACPI_SSDTS_MAX)
		out->ssdt[out->ssdt_count++] = phys;
	else if (!memcmp(t, "APIC", 4))
		parse_madt(out, t, len);
	else if (!memcmp(t, "FACP", 4))
		parse_fadt(out, t, len);
	else if (!memcmp(t, "MCFG", 4))
		parse_mcfg(out, t, len);
	else if (!memcmp(t, "HPET", 4) && len >= 56 && t[40] == ACPI_SPACE_MEMORY)
		out->hpet_addr = get64(t + 44);
}

static bool parse_root(const struct acpi_memory *mem, struct acpi_info *out, u64 phys, u32 width)
{
	u32 len, table_len;
	const u8 *t = table_map(mem, phys, &len);

	if (!t)
		return false;
	u32 count = min((len - SDT_HEADER) / width, ROOT_ENTRIES_MAX);

	for (u32 i = 0; i < count; i++) {
		/* Mapped anew each time: mapping another table may move what was mapped. */
		t = mem->map(phys, len);
		if (!t)
			return false;
		const u8 *e = t + SDT_HEADER + i * width;
		u64 at = width == 8 ? get64(e) : get32(e);
		const u8 *table = table_map(mem, at, &table_len);

		if (table)
			parse_table(out, at, table, table_len);
	}
	return true;
}

static bool rsdp_ok(const u8 *p)
{
	return p && !memcmp(p, "RSD PTR ", 8) && acpi_checksum_ok(p, 20);
}

static u64 rsdp_search_range(const struct acpi_memory *mem, u64 from, u64 to)
{
	for (u64 at = from; at < to; at += 16) {
		const u8 *p = mem->map(at, 20);

		if (p && p[0] == 'R' && rsdp_ok(p))
			return at;
	}
	return 0;
}

u64 acpi_ebda(const struct acpi_memory *mem)
{
	const u8 *p = mem->map(0x40e, 2);
	u64 ebda = p ? (u64)get16(p) << 4 : 0;

	return ebda >= 0x80000 && ebda < 0xa0000 ? ebda : 0;
}

static u64 rsdp_search(const struct acpi_memory *mem)
{
	u64 ebda = acpi_ebda(mem), at = 0;

	if (ebda)
		at = rsdp_search_range(mem, ebda, ebda + 1024);
	return at ? at : rsdp_search_range(mem, 0xe0000, 0x100000);
}

static bool scan_acpi(const struct acpi_memory *mem, u64 rsdp, struct acpi_info *out)
{
	if (!rsdp)
		rsdp = rsdp_search(mem);
	const u8 *p = rsdp ? mem->map(rsdp, 20) : NULL;

	if (!rsdp_ok(p))
		return false;
	u8 revision = p[15];
	u64 rsdt = get32(p + 16), xsdt = 0;

	if (revision >= 2) {
		p = mem->map(rsdp, 36);
		if (p && acpi_checksum_ok(p, 36))
			xsdt = get64(p + 24);
	}
	if (!(xsdt && parse_root(mem, out, xsdt, 8)) && !parse_root(mem, out, rsdt, 4))
		return false;
	u32 len;
	const u8 *dsdt = table_map(mem, out->dsdt, &len);

	if (dsdt)
		parse_s5(out, dsdt, len);
	else
		out->dsdt = 0;
	return true;
}

int acpi_scan(const struct acpi_memory *mem, u64 rsdp, struct acpi_info *out)
{
	memset(out, 0, sizeof(*out));
	bool acpi = scan_acpi(mem, rsdp, out);

	if (acpi && out->cpu_count)
		return 0;
	if (mptable_scan(mem, out))
		return 0;
	return acpi ? 0 : -ENOENT;
}
