/* Configuration mechanism 1: an address to one port, data through another. PCI 3.0, 3.2.2.3.2. */
#include "pci_impl.h"

#include <asm/io.h>
#include <kernel/lock/lock.h>

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE 0x80000000u

static struct spinlock ports_lock =
	SPINLOCK_INIT(LK_IRQ_LEAF); /* address and data belong together */

bool pci_ports_present(void)
{
	outl(ADDRESS_ENABLE, ADDRESS_PORT);
	bool there = inl(ADDRESS_PORT) == ADDRESS_ENABLE;

	outl(0, ADDRESS_PORT);
	return there;
}

static u16 select(const struct pci_config *c, u32 reg)
{
	const struct pci_device *d = container_of(c, struct pci_device, config);

	outl(ADDRESS_ENABLE | (u32)d->bus << 16 | (u32)d->devfn << 8 | (reg & 0xfc), ADDRESS_PORT);
	return (u16)(DATA_PORT + (reg & 3));
}

u32 pci_ports_read(const struct pci_config *c, u32 reg, u32 bytes)
{
	if (reg >= PCI_CONFIG_SIZE)
		return ~0u;
	unsigned long flags = spin_lock_irqsave(&ports_lock);
	u16 port = select(c, reg);
	u32 v = bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);

	spin_unlock_irqrestore(&ports_lock, flags);
	return v;
}

void pci_ports_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	if (reg >= PCI_CONFIG_SIZE)
		return;
	unsigned long flags = spin_lock_irqsave(&ports_lock);
	u16 port = select(c, reg);

	if (bytes == 1)
		outb((u8)v, port);
	else if (bytes == 2)
		outw((u16)v, port);
	else
		outl(v, port);
	spin_unlock_irqrestore(&ports_lock, flags);
}
