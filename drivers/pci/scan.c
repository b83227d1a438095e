/*
 * The walk over the buses, and which driver takes which function.
 *
 * Buses are those that the firmware numbered: a bridge whose secondary number is not above its own
 * bus, or was seen before, leads nowhere. So the walk ends whatever the bridges say.
 */
#include "pci_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <linux/pci_regs.h>

#define SLOTS 32u
#define FUNCTIONS 8u
#define DEVICES_MAX 1024u
#define DEPTH_MAX 8u /* bridges above one another */

LIST_HEAD(pci_devices);
static unsigned int device_count;
static bool bus_seen[PCI_BUSES];

static void scan_bus(u8 bus, struct pci_device *bridge);

/* A port of PCI Express leads to one device. */
static bool leads_to_one(const struct pci_device *bridge)
{
	if (!bridge || !bridge->cap_express)
		return false;
	u32 type =
		(pci_read16(bridge, bridge->cap_express + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4;

	return type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM;
}

static unsigned int depth_of(const struct pci_device *d)
{
	unsigned int n = 0;

	for (; d; d = d->bridge)
		n++;
	return n;
}

static void scan_behind(struct pci_device *bridge)
{
	u8 secondary = pci_read8(bridge, PCI_SECONDARY_BUS);

	if (secondary <= bridge->bus || bus_seen[secondary] || depth_of(bridge) >= DEPTH_MAX)
		return;
	scan_bus(secondary, bridge);
}

/* Returns the function's header type, 0xffff when nothing is there. */
static u32 scan_function(u8 bus, u8 devfn, struct pci_device *bridge)
{
	struct pci_device *d, found = {.bus = bus, .devfn = devfn, .bridge = bridge};

	if (device_count == DEVICES_MAX || !pci_access_bind(&found) ||
	    !pci_read_identity(&found.config, &found))
		return 0xffff;
	pci_read_bars(&found.config, &found);
	d = kmemdup(&found, sizeof(found));
	if (!d)
		return 0xffff;
	snprintf(d->name, sizeof(d->name), "0000:%02x:%02x.%u", bus, devfn >> 3, devfn & 7);
	list_add_tail(&d->link, &pci_devices);
	device_count++;
	if (pci_header_kind(d) == PCI_HEADER_TYPE_BRIDGE)
		scan_behind(d);
	return d->header_type;
}

static void scan_bus(u8 bus, struct pci_device *bridge)
{
	unsigned int slots = leads_to_one(bridge) ? 1 : SLOTS;

	bus_seen[bus] = true;
	for (unsigned int slot = 0; slot < slots; slot++) {
		u32 type = scan_function(bus, (u8)(slot << 3), bridge);

		if (type == 0xffff || !(type & PCI_MULTI_FUNCTION))
			continue;
		for (unsigned int fn = 1; fn < FUNCTIONS; fn++)
			(void)scan_function(bus, (u8)(slot << 3 | fn), bridge);
	}
}

/* ---- drivers ---- */

extern const struct pci_driver *const __start_pci_driver[], *const __stop_pci_driver[];

static const struct pci_id *match(const struct pci_driver *drv, const struct pci_device *d)
{
	for (const struct pci_id *id = drv->ids; id->vendor; id++) {
		if ((id->vendor == PCI_DRIVER_ANY || id->vendor == d->vendor) &&
		    (id->device == PCI_DRIVER_ANY || id->device == d->device) &&
		    !((id->class ^ d->class) & id->class_mask))
			return id;
	}
	return NULL;
}

static void find_driver(struct pci_device *d)
{
	for (const struct pci_driver *const *drv = __start_pci_driver; drv < __stop_pci_driver;
	     drv++) {
		const struct pci_id *id = match(*drv, d);
		int err = id ? (*drv)->probe(d, id) : -ENODEV;

		if (!err) {
			d->driver = *drv;
			return;
		}
		if (err != -ENODEV)
			pr_err("%s: %s does not take it (error %d)\n", d->name, (*drv)->name, err);
	}
}

static void pci_init(void)
{
	struct pci_device *d;
	char word[8];

	if (cmdline_value("pci", word, sizeof(word)) && !strcmp(word, "off"))
		return;
	if (!pci_access_init())
		return;
	scan_bus(0, NULL);
	for_each_pci_device(d) find_driver(d);
}
INITCALL(pci_init);
