/* What drivers do with a function: switching it on and off, reaching its memory. */
#include "pci_impl.h"

#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/printk/printk.h>
#include <kernel/vmap/vmap.h>
#include <linux/pci_regs.h>

static void command_change(struct pci_device *d, u16 clear, u16 set)
{
	u16 old = pci_read16(d, PCI_COMMAND), v = (u16)((old & ~clear) | set);

	if (v != old)
		pci_write16(d, PCI_COMMAND, v);
}

void pci_enable(struct pci_device *d)
{
	u16 set = 0;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (d->bar[i].size && d->bar[i].start)
			set |= (d->bar[i].flags & PCI_BASE_ADDRESS_SPACE_IO) ? PCI_COMMAND_IO
									     : PCI_COMMAND_MEMORY;
	}
	command_change(d, 0, set);
	for (struct pci_device *b = d->bridge; b; b = b->bridge)
		command_change(b, 0, set);
}

void pci_set_master(struct pci_device *d)
{
	for (; d; d = d->bridge)
		command_change(d, 0, PCI_COMMAND_MASTER);
}

void pci_disable(struct pci_device *d)
{
	command_change(d, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

int pci_map(struct pci_device *d, unsigned int bar, u64 offset, u64 len, void **out)
{
	const struct pci_bar *b = &d->bar[bar < PCI_BARS ? bar : 0];

	if (bar >= PCI_BARS || !b->size || !b->start || (b->flags & PCI_BASE_ADDRESS_SPACE_IO))
		return -EINVAL;
	if (!len || offset > b->size || len > b->size - offset || b->start + b->size < b->start)
		return -EINVAL;
	/* A base address in RAM would make a driver's registers of somebody's memory. */
	if (boot_is_ram(b->start + offset, len)) {
		pr_err("%s: base address %u lies in RAM\n", d->name, bar);
		return -EINVAL;
	}
	*out = ioremap(b->start + offset, len, VMAP_UC);
	return *out ? 0 : -ENOMEM;
}
