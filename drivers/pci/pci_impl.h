/* Private to drivers/pci. */
#pragma once

#include <drivers/pci/pci.h>

#define PCI_BUSES 256u
#define PCI_CONFIG_SIZE 256u
#define PCI_EXT_CONFIG_SIZE 4096u

/* config.c, pure: what a function tells of itself. False: nothing is there. */
bool pci_read_identity(const struct pci_config *c, struct pci_device *out);
/*
 * Base addresses and their sizes. The function decodes nothing meanwhile, and afterwards only if
 * it did before; its bus mastering is off when this returns, unless it is a bridge.
 */
void pci_read_bars(const struct pci_config *c, struct pci_device *out);
/* Where the MSI-X table is and how many entries it has; false: none, or it makes no sense. */
struct pci_msix_place {
	u8 bar;
	u32 offset, count;
};
bool pci_read_msix(const struct pci_config *c, const struct pci_device *d,
		   struct pci_msix_place *out);

/* access.c: how the machine's configuration is reached. False: it has no PCI. */
bool pci_access_init(void);
/* Fills d->config for d->bus and d->devfn; false: this bus cannot be reached. */
bool pci_access_bind(struct pci_device *d);

/* ports.c: the x86 way, with two ports; registers below 256. */
#ifdef CONFIG_X86_64
bool pci_ports_present(void);
u32 pci_ports_read(const struct pci_config *c, u32 reg, u32 bytes);
void pci_ports_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v);
#else
static inline bool pci_ports_present(void)
{
	return false;
}
static inline u32 pci_ports_read(const struct pci_config *c, u32 reg, u32 bytes)
{
	(void)c;
	(void)reg;
	(void)bytes;
	return ~0u;
}
static inline void pci_ports_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	(void)c;
	(void)reg;
	(void)bytes;
	(void)v;
}
#endif

#define PCI_MULTI_FUNCTION 0x80u /* of header_type; the rest is its kind */
static inline u32 pci_header_kind(const struct pci_device *d)
{
	return d->header_type & ~PCI_MULTI_FUNCTION;
}
/* The line that the firmware wired; 0: none. */
static inline unsigned int pci_wired_line(const struct pci_device *d)
{
	return d->irq_pin && d->irq_line != 0xff ? d->irq_line : 0;
}
