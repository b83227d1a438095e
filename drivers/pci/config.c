/*
 * What a function tells in its configuration, read with distrust: every list is bounded, every size
 * is a power of two, every offset lies in what it is an offset of.
 */
#include "pci_impl.h"

#include <linux/pci_regs.h>

#define CAPABILITIES_MAX 48u /* as many as fit */
#define COMMAND_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define ROM_ADDRESS 0xfffff800u

static u32 get(const struct pci_config *c, u32 reg, u32 bytes)
{
	return c->read(c, reg, bytes);
}

static void put(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	c->write(c, reg, bytes, v);
}

u8 pci_find_capability(const struct pci_config *c, u8 id, u8 after)
{
	u32 at = after ? get(c, after + PCI_CAP_LIST_NEXT, 1) : 0;

	if (!after) {
		if (!(get(c, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
			return 0;
		at = get(c, PCI_CAPABILITY_LIST, 1);
	}
	for (unsigned int i = 0; i < CAPABILITIES_MAX; i++) {
		at &= ~3u & 0xff;
		if (at < PCI_STD_HEADER_SIZEOF)
			return 0;
		u32 head = get(c, at, 2);

		if ((head & 0xff) == 0xff)
			return 0;
		if ((head & 0xff) == id)
			return (u8)at;
		at = head >> 8;
	}
	return 0;
}

bool pci_read_identity(const struct pci_config *c, struct pci_device *out)
{
	u32 id = get(c, PCI_VENDOR_ID, 4);

	if ((id & 0xffff) == 0xffff || !(id & 0xffff))
		return false;
	u32 class = get(c, PCI_CLASS_REVISION, 4);

	out->vendor = (u16)id;
	out->device = (u16)(id >> 16);
	out->class = class >> 8;
	out->revision = (u8) class;
	out->header_type = (u8)get(c, PCI_HEADER_TYPE, 1);
	out->irq_line = (u8)get(c, PCI_INTERRUPT_LINE, 1);
	out->irq_pin = (u8)get(c, PCI_INTERRUPT_PIN, 1);
	if (pci_header_kind(out) == PCI_HEADER_TYPE_NORMAL) {
		u32 sub = get(c, PCI_SUBSYSTEM_VENDOR_ID, 4);

		out->subvendor = (u16)sub;
		out->subdevice = (u16)(sub >> 16);
	}
	out->cap_express = pci_find_capability(c, PCI_CAP_ID_EXP, 0);
	out->cap_msix = pci_find_capability(c, PCI_CAP_ID_MSIX, 0);
	return true;
}

/* What stays zero when all ones are written are the bits within the size. */
static u32 probe(const struct pci_config *c, u32 reg, u32 ones, u32 *old)
{
	*old = get(c, reg, 4);
	put(c, reg, 4, ones);
	u32 v = get(c, reg, 4);

	put(c, reg, 4, *old);
	return v;
}

/* A size from the bits that could be set; 0 if those are not one run up to the top. */
static u64 size_of(u64 set, u64 all)
{
	u64 size = set & -set;

	return set && (set | (size - 1)) == all ? size : 0;
}

/* Returns how many registers it takes: 1 or 2. */
static unsigned int read_bar(const struct pci_config *c, unsigned int i, unsigned int count,
			     struct pci_bar *out)
{
	u32 reg = PCI_BASE_ADDRESS_0 + 4 * i, low, high = 0;
	u32 low_set = probe(c, reg, ~0u, &low), high_set = 0;

	if (!low_set || low_set == ~0u)
		return 1;
	if (low & PCI_BASE_ADDRESS_SPACE_IO) {
		u32 set = low_set & 0xfffc;

		out->flags = low & 3;
		out->start = low & 0xfffc;
		out->size = size_of(set, 0xffff);
		return 1;
	}
	bool wide = (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;

	if (wide && i + 1 == count)
		return 1; /* its upper half would be no base address */
	if (wide)
		high_set = probe(c, reg + 4, ~0u, &high);
	out->flags = low & 0xf;
	out->start = (u64)high << 32 | (low & ~0xfu);
	out->size = wide ? size_of((u64)high_set << 32 | (low_set & ~0xfu), ~0ull)
			 : size_of(low_set & ~0xfu, 0xffffffffu);
	return wide ? 2 : 1;
}

static void read_rom(const struct pci_config *c, struct pci_bar *out)
{
	u32 old, set = probe(c, PCI_ROM_ADDRESS, ROM_ADDRESS, &old) & ROM_ADDRESS;

	out->flags = old & PCI_ROM_ADDRESS_ENABLE;
	out->start = old & ROM_ADDRESS;
	out->size = size_of(set, 0xffffffffu);
}

void pci_read_bars(const struct pci_config *c, struct pci_device *out)
{
	u32 kind = pci_header_kind(out), command = get(c, PCI_COMMAND, 2);
	unsigned int count = kind == PCI_HEADER_TYPE_NORMAL   ? PCI_BARS
			     : kind == PCI_HEADER_TYPE_BRIDGE ? 2
							      : 0;

	put(c, PCI_COMMAND, 2, command & ~(u32)(COMMAND_DECODE | PCI_COMMAND_MASTER));
	for (unsigned int i = 0; i < count;)
		i += read_bar(c, i, count, &out->bar[i]);
	if (kind == PCI_HEADER_TYPE_NORMAL) {
		read_rom(c, &out->bar[PCI_ROM]);
		command &= ~(u32)PCI_COMMAND_MASTER;
	}
	put(c, PCI_COMMAND, 2, command);
}

bool pci_read_msix(const struct pci_config *c, const struct pci_device *d,
		   struct pci_msix_place *out)
{
	if (!d->cap_msix || d->cap_msix > PCI_CONFIG_SIZE - PCI_CAP_MSIX_SIZEOF)
		return false;
	u32 count = (get(c, d->cap_msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	u32 table = get(c, d->cap_msix + PCI_MSIX_TABLE, 4), bar = table & PCI_MSIX_TABLE_BIR;
	u32 offset = table & PCI_MSIX_TABLE_OFFSET;

	if (bar >= PCI_BARS || !d->bar[bar].size ||
	    (d->bar[bar].flags & PCI_BASE_ADDRESS_SPACE_IO) || offset > d->bar[bar].size ||
	    (u64)count * PCI_MSIX_ENTRY_SIZE > d->bar[bar].size - offset)
		return false;
	*out = (struct pci_msix_place){(u8)bar, offset, count};
	return true;
}
