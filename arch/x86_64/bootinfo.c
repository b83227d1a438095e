/*
 * From what the loader passed to struct boot_info.
 *
 * The loader's structures are input: every count is bounded, every address must lie below
 * 4 GiB (what the boot tables map). They are copied here and never looked at again.
 *
 * The memory map may be unsorted and overlap. RAM goes in first, shrunk to whole pages; everything
 * else is then laid over it, grown to whole pages, so that a page with a doubt is never RAM.
 */
#include <kern/string.h>
#include <kernel/boot/boot.h>

#include "x86_impl.h"

struct boot_info boot_info __ro_after_init;

/* PVH: https://xenbits.xen.org/docs/unstable/misc/pvh.html */
struct pvh_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr;
	u64 memmap_paddr; /* version 1 */
	u32 memmap_entries, reserved;
};

struct pvh_module {
	u64 paddr, size, cmdline_paddr, reserved;
};

struct pvh_memmap {
	u64 addr, size;
	u32 type, reserved;
};

#define PVH_MAGIC 0x336ec578u
#define BOOT_MAPPED_END (4ULL << 30)
#define LOW_MEMORY_END 0x100000ULL

static bool range_mapped(u64 start, u64 len)
{
	return start && start < BOOT_MAPPED_END && len <= BOOT_MAPPED_END - start;
}

static void mem_remove_at(unsigned int i)
{
	struct boot_info *b = &boot_info;

	for (b->mem_count--; i < b->mem_count; i++)
		b->mem[i] = b->mem[i + 1];
}

/* False when the map is full; losing a range of RAM is harmless, losing another is fatal. */
static bool mem_insert(u64 start, u64 end, enum boot_mem_type type)
{
	struct boot_info *b = &boot_info;
	unsigned int i = b->mem_count;

	if (b->mem_count == BOOT_MEM_MAX)
		return false;
	for (; i > 0 && b->mem[i - 1].start > start; i--)
		b->mem[i] = b->mem[i - 1];
	b->mem[i] = (struct boot_mem){start, end, type};
	b->mem_count++;
	return true;
}

/* Makes [start, end) of @type whatever it was. */
static void mem_set(u64 start, u64 end, enum boot_mem_type type)
{
	struct boot_info *b = &boot_info;

	if (start >= end)
		return;
	for (unsigned int i = 0; i < b->mem_count;) {
		struct boot_mem m = b->mem[i];

		if (m.end <= start || m.start >= end) {
			i++;
			continue;
		}
		mem_remove_at(i);
		if (m.start < start && !mem_insert(m.start, start, m.type))
			early_fatal("memory map too long");
		if (m.end > end && !mem_insert(end, m.end, m.type))
			early_fatal("memory map too long");
		i = 0;
	}
	if (!mem_insert(start, end, type) && type != BOOT_MEM_RAM)
		early_fatal("memory map too long");
}

static enum boot_mem_type mem_type(u32 e820)
{
	switch (e820) {
	case 1:
		return BOOT_MEM_RAM;
	case 3:
		return BOOT_MEM_ACPI;
	case 4:
		return BOOT_MEM_NVS;
	case 5:
		return BOOT_MEM_BAD;
	default:
		return BOOT_MEM_RESERVED;
	}
}

static void mem_add(u64 start, u64 size, u32 e820, bool ram_pass)
{
	enum boot_mem_type type = mem_type(e820);
	u64 end = start + size;

	if (end < start || end > DIRECT_MAP_SIZE)
		end = DIRECT_MAP_SIZE;
	if ((type == BOOT_MEM_RAM) != ram_pass)
		return;
	if (type == BOOT_MEM_RAM)
		mem_set((start + PAGE_SIZE - 1) & PAGE_MASK, end & PAGE_MASK, type);
	else
		mem_set(start & PAGE_MASK, (end + PAGE_SIZE - 1) & PAGE_MASK, type);
}

static void mem_finish(void)
{
	struct boot_info *b = &boot_info;

	/* Firmware data, the trampoline of secondary CPUs, legacy holes. */
	mem_set(0, LOW_MEMORY_END, BOOT_MEM_RESERVED);
	for (unsigned int i = 1; i < b->mem_count;) {
		struct boot_mem *m = &b->mem[i - 1];

		if (m->end == b->mem[i].start && m->type == b->mem[i].type) {
			m->end = b->mem[i].end;
			mem_remove_at(i);
		} else {
			i++;
		}
	}
}

static void cmdline_copy(u64 phys)
{
	if (!range_mapped(phys, BOOT_CMDLINE_MAX))
		return;
	const char *from = phys_to_virt(phys);
	size_t n = 0;

	while (n < BOOT_CMDLINE_MAX - 1 && from[n]) {
		boot_info.cmdline[n] = from[n];
		n++;
	}
	boot_info.cmdline[n] = 0;
}

static void initrd_add(u64 start, u64 size)
{
	struct boot_info *b = &boot_info;

	if (!start || !size || start + size < start || start + size > DIRECT_MAP_SIZE ||
	    b->initrd_count == BOOT_INITRD_MAX)
		return;
	b->initrd[b->initrd_count].start = start;
	b->initrd[b->initrd_count].end = start + size;
	b->initrd_count++;
}

static void read_pvh(u64 phys)
{
	if (!range_mapped(phys, sizeof(struct pvh_start_info)))
		early_fatal("PVH start info out of reach");
	const struct pvh_start_info *si = phys_to_virt(phys);

	if (si->magic != PVH_MAGIC)
		early_fatal("PVH start info has a wrong magic number");
	boot_info.protocol = "pvh";
	boot_info.rsdp = si->rsdp_paddr;
	cmdline_copy(si->cmdline_paddr);
	u32 modules = min(si->nr_modules, (u32)BOOT_INITRD_MAX);

	if (range_mapped(si->modlist_paddr, modules * sizeof(struct pvh_module))) {
		const struct pvh_module *mod = phys_to_virt(si->modlist_paddr);

		for (u32 i = 0; i < modules; i++)
			initrd_add(mod[i].paddr, mod[i].size);
	}
	u32 entries = min(si->memmap_entries, (u32)BOOT_MEM_MAX);

	if (!si->version || !entries ||
	    !range_mapped(si->memmap_paddr, entries * sizeof(struct pvh_memmap)))
		early_fatal("the loader gave no memory map");
	const struct pvh_memmap *map = phys_to_virt(si->memmap_paddr);

	for (int ram = 1; ram >= 0; ram--) {
		for (u32 i = 0; i < entries; i++)
			mem_add(map[i].addr, map[i].size, map[i].type, ram);
	}
}

/*
 * The zero page by offset (https://docs.kernel.org/arch/x86/zero-page.html): its UAPI header
 * includes one that no package of ours has.
 */
#define ZP_ACPI_RSDP 0x070
#define ZP_EXT_INITRD 0x0c0
#define ZP_EXT_INITRD_SIZE 0x0c4
#define ZP_EXT_CMDLINE 0x0c8
#define ZP_E820_COUNT 0x1e8
#define ZP_INITRD 0x218
#define ZP_INITRD_SIZE 0x21c
#define ZP_CMDLINE 0x228
#define ZP_SETUP_DATA 0x250
#define ZP_E820 0x2d0
#define ZP_E820_MAX 128u
#define ZP_SIZE 4096u

struct zp_e820 {
	u64 addr, size;
	u32 type;
} __packed;

struct zp_setup_data {
	u64 next;
	u32 type, len;
	u8 data[];
};
#define ZP_SETUP_DTB 2
#define ZP_SETUP_SEED 9
#define FDT_NEAR (4u << 20)

static u32 zp32(const u8 *zp, u32 at)
{
	u32 v;

	memcpy(&v, zp + at, sizeof(v));
	return v;
}

static u64 zp64(const u8 *zp, u32 lo, u32 hi)
{
	return zp32(zp, lo) | (u64)zp32(zp, hi) << 32;
}

/* The seed and the device tree that a loader may pass in the chain of extra data. */
static void read_setup_data(u64 phys)
{
	for (int n = 0; n < 16 && range_mapped(phys, sizeof(struct zp_setup_data)); n++) {
		const struct zp_setup_data *d = phys_to_virt(phys);

		if (d->type == ZP_SETUP_SEED && range_mapped(phys, sizeof(*d) + d->len)) {
			boot_info.seed_len = min(d->len, (u32)sizeof(boot_info.seed));
			memcpy(boot_info.seed, d->data, boot_info.seed_len);
		}
		if (d->type == ZP_SETUP_DTB && range_mapped(phys, sizeof(*d) + d->len)) {
			boot_info.fdt = phys + sizeof(*d);
			boot_info.fdt_len = d->len;
		}
		phys = d->next;
	}
}

static void read_linux(u64 phys)
{
	if (!range_mapped(phys, ZP_SIZE))
		early_fatal("boot_params out of reach");
	const u8 *zp = phys_to_virt(phys);
	const struct zp_e820 *map = (const struct zp_e820 *)(zp + ZP_E820);
	u32 entries = min((u32)zp[ZP_E820_COUNT], ZP_E820_MAX);

	boot_info.protocol = "linux64";
	boot_info.rsdp = zp64(zp, ZP_ACPI_RSDP, ZP_ACPI_RSDP + 4);
	cmdline_copy(zp64(zp, ZP_CMDLINE, ZP_EXT_CMDLINE));
	initrd_add(zp64(zp, ZP_INITRD, ZP_EXT_INITRD),
		   zp64(zp, ZP_INITRD_SIZE, ZP_EXT_INITRD_SIZE));
	read_setup_data(zp64(zp, ZP_SETUP_DATA, ZP_SETUP_DATA + 4));
	if (!entries)
		early_fatal("the loader gave no memory map");
	for (int ram = 1; ram >= 0; ram--) {
		for (u32 i = 0; i < entries; i++)
			mem_add(map[i].addr, map[i].size, map[i].type, ram);
	}
}

/* Loaders put it right behind the image, where the first page tables would come. */
static void keep_device_tree(void)
{
	u64 end = boot_info.fdt + boot_info.fdt_len;

	if (boot_info.fdt_len && end > boot_info.kernel_end &&
	    boot_info.fdt < boot_info.kernel_end + FDT_NEAR)
		boot_info.kernel_end = (end + PAGE_SIZE - 1) & PAGE_MASK;
}

void bootinfo_read(enum boot_protocol protocol, u64 param_phys)
{
	if (protocol == BOOT_PROTOCOL_PVH)
		read_pvh(param_phys);
	else
		read_linux(param_phys);
	mem_finish();
	boot_info.kernel_start = kernel_sym_to_phys(image_start);
	boot_info.kernel_end = kernel_sym_to_phys(image_end);
	keep_device_tree();
}
