/* A function that answers each read with the next bytes of the input. */
#include "pci_impl.h"

#include <linux/pci_regs.h>

static const u8 *bytes;
static size_t left;

static u32 read(const struct pci_config *c, u32 reg, u32 n)
{
	u32 v = 0;

	(void)c;
	if (reg % n || reg + n > PCI_CONFIG_SIZE)
		__builtin_trap();
	for (u32 i = 0; i < n && left; i++, left--)
		v |= (u32)*bytes++ << 8 * i;
	return v;
}

static void write(const struct pci_config *c, u32 reg, u32 n, u32 v)
{
	(void)c;
	(void)v;
	if (reg % n || reg + n > PCI_CONFIG_SIZE)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct pci_config c = {read, write};
	struct pci_device d = {0};
	struct pci_msix_place at;

	bytes = data;
	left = size;
	if (!pci_read_identity(&c, &d))
		return 0;
	pci_read_bars(&c, &d);
	for (unsigned int i = 0; i <= PCI_ROM; i++) {
		if (d.bar[i].size & (d.bar[i].size - 1))
			__builtin_trap();
	}
	if (pci_read_msix(&c, &d, &at) &&
	    (at.bar >= PCI_BARS ||
	     at.offset + (u64)at.count * PCI_MSIX_ENTRY_SIZE > d.bar[at.bar].size))
		__builtin_trap();
	return 0;
}
