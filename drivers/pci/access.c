/*
 * How configuration is reached: by the two ports where the machine has them, else by memory (ECAM);
 * registers from 256 upwards always by memory. A port access is the cheaper of the two in a virtual
 * machine, and needs no mapping. A bus of ECAM is mapped when it is first needed.
 */
#include "pci_impl.h"

#include <asm/firmware.h>
#include <asm/io.h>
#include <drivers/acpi/acpi.h>
#include <kernel/lock/lock.h>
#include <kernel/vmap/vmap.h>
#include <linux/pci_regs.h>

#define ECAM_BUS_SIZE (1u << 20)

static bool have_ports;
static void *ecam_bus[PCI_BUSES]; /* [I] once set; atomic */

static u8 *ecam_at(const struct pci_config *c, u32 reg)
{
	const struct pci_device *d = container_of(c, struct pci_device, config);
	u8 *base = smp_load_acquire(&ecam_bus[d->bus]);

	return base ? base + ((u32)d->devfn << 12) + reg : NULL;
}

static u32 ecam_read(const struct pci_config *c, u32 reg, u32 bytes)
{
	const u8 *at = reg < PCI_EXT_CONFIG_SIZE ? ecam_at(c, reg) : NULL;

	if (!at)
		return ~0u;
	return bytes == 1 ? mmio_read8(at) : bytes == 2 ? mmio_read16(at) : mmio_read32(at);
}

static void ecam_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	u8 *at = reg < PCI_EXT_CONFIG_SIZE ? ecam_at(c, reg) : NULL;

	if (!at)
		return;
	if (bytes == 1)
		mmio_write8(at, (u8)v);
	else if (bytes == 2)
		mmio_write16(at, (u16)v);
	else
		mmio_write32(at, v);
}

static u32 mixed_read(const struct pci_config *c, u32 reg, u32 bytes)
{
	return reg < PCI_CONFIG_SIZE ? pci_ports_read(c, reg, bytes) : ecam_read(c, reg, bytes);
}

static void mixed_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	if (reg < PCI_CONFIG_SIZE)
		pci_ports_write(c, reg, bytes, v);
	else
		ecam_write(c, reg, bytes, v);
}

static bool ecam_map(u8 bus)
{
	const struct acpi_info *fw = arch_firmware();
	void *was = NULL;

	if (smp_load_acquire(&ecam_bus[bus]))
		return true;
	if (!fw->mcfg_base || bus < fw->mcfg_bus_start || bus > fw->mcfg_bus_end)
		return false;
	void *p = ioremap(fw->mcfg_base + (u64)bus * ECAM_BUS_SIZE, ECAM_BUS_SIZE, VMAP_UC);

	if (!p)
		return false;
	if (!try_cmpxchg(&ecam_bus[bus], &was, p))
		iounmap(p);
	return true;
}

bool pci_access_init(void)
{
	have_ports = pci_ports_present();
	return have_ports || arch_firmware()->mcfg_base;
}

bool pci_access_bind(struct pci_device *d)
{
	if (have_ports) {
		d->config = (struct pci_config){mixed_read, mixed_write};
		return true;
	}
	d->config = (struct pci_config){ecam_read, ecam_write};
	return ecam_map(d->bus);
}

u32 pci_config_size(struct pci_device *d)
{
	/* Behind a bridge to plain PCI the extended registers may be aliases of the others. */
	if (!d->cap_express || !ecam_map(d->bus))
		return PCI_CONFIG_SIZE;
	u32 first = pci_read32(d, PCI_CONFIG_SIZE);

	return first == ~0u || first == pci_read32(d, 0) ? PCI_CONFIG_SIZE : PCI_EXT_CONFIG_SIZE;
}
