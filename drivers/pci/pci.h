/*
 * PCI and PCI Express: the devices of the machine, and their drivers.
 *
 * All buses are walked once at boot. A function that no driver takes stays as found, with bus
 * mastering off. A driver is a const struct in a linker section; probe() runs in process 1 at boot,
 * may sleep, and finds the function switched off: pci_enable() lets it decode and pci_set_master()
 * lets it reach memory, which a driver does once it has reset the device.
 *
 * What a device says of itself is input: sizes, offsets and lists are checked before they are used.
 * Source: PCI Local Bus 3.0 chapter 6, PCI Express Base 4.0 chapter 7; numbers in
 * <linux/pci_regs.h>.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/list.h>
#include <kern/types.h>

struct irq_action;
struct pci_msix;

/* How the 256 or 4096 bytes of configuration are reached. @bytes is 1, 2 or 4, @reg a multiple. */
struct pci_config {
	u32 (*read)(const struct pci_config *c, u32 reg, u32 bytes);
	void (*write)(const struct pci_config *c, u32 reg, u32 bytes, u32 v);
};

#define PCI_BARS 6
#define PCI_ROM PCI_BARS /* its place behind the base addresses */
#define PCI_DRIVER_ANY 0xffffu

struct pci_bar {
	u64 start; /* 0: the firmware gave it no address */
	u64 size;  /* power of two; 0: there is none */
	u32 flags; /* low bits of the register: PCI_BASE_ADDRESS_* */
};

/* One function of a device. [I] after the walk but for what its driver owns. */
struct pci_device {
	struct pci_config config;
	u8 bus, devfn;
	u16 vendor, device, subvendor, subdevice;
	u32 class; /* base, sub, interface: 0x020000 is Ethernet */
	u8 revision, header_type, irq_pin, irq_line;
	u8 cap_msix, cap_express; /* where; 0: not there */
	struct pci_bar bar[PCI_BARS + 1];
	char name[16];			 /* "0000:00:02.0" */
	struct pci_device *bridge;	 /* it is behind; NULL: on a root bus */
	const struct pci_driver *driver; /* NULL: none took it */
	void *driver_data;
	struct pci_msix *msix; /* pci_irqs_begin() */
	struct list_head link;
};

struct pci_id {
	u16 vendor, device;    /* PCI_DRIVER_ANY: all */
	u32 class, class_mask; /* equal in these bits */
};

struct pci_driver {
	const char *name;
	const struct pci_id *ids; /* up to the one with vendor 0 */
	/* 0: the device is the driver's now; -ENODEV: not mine; else said in the log. */
	int (*probe)(struct pci_device *d, const struct pci_id *id);
	void (*remove)(struct pci_device *d); /* the device is quiet when it returns; may be NULL */
};
#define PCI_DRIVER(sym)                                        \
	static const struct pci_driver *const pci_driver_##sym \
		__attribute__((section(".tab.pci_driver"), used)) = &sym

/* In the order of the walk, to the end of the list (pci_devices). [I] */
extern struct list_head pci_devices;
#define for_each_pci_device(d) list_for_each_entry (d, &pci_devices, link)

/* ---- configuration ---- */

static inline u8 pci_read8(const struct pci_device *d, u32 reg)
{
	return (u8)d->config.read(&d->config, reg, 1);
}
static inline u16 pci_read16(const struct pci_device *d, u32 reg)
{
	return (u16)d->config.read(&d->config, reg, 2);
}
static inline u32 pci_read32(const struct pci_device *d, u32 reg)
{
	return d->config.read(&d->config, reg, 4);
}
static inline void pci_write8(const struct pci_device *d, u32 reg, u8 v)
{
	d->config.write(&d->config, reg, 1, v);
}
static inline void pci_write16(const struct pci_device *d, u32 reg, u16 v)
{
	d->config.write(&d->config, reg, 2, v);
}
static inline void pci_write32(const struct pci_device *d, u32 reg, u32 v)
{
	d->config.write(&d->config, reg, 4, v);
}
/* Bytes of configuration that can be reached: 256 or 4096. May sleep. */
u32 pci_config_size(struct pci_device *d);

/* First capability @id behind that at @after (0: from the start); 0: none. */
u8 pci_find_capability(const struct pci_config *c, u8 id, u8 after);

/* Its directory below /sys. -ENAMETOOLONG. */
int pci_device_path(const struct pci_device *d, char *buf, size_t size) __must_check;

/* ---- for drivers: probe() and later, one at a time for a device; may sleep ---- */

void pci_enable(struct pci_device *d);	   /* decodes its addresses */
void pci_set_master(struct pci_device *d); /* and the bridges above it */
void pci_disable(struct pci_device *d);	   /* neither */
/*
 * Maps @len bytes at @offset of base address @bar, uncached; iounmap() ends it. -EINVAL: no memory
 * there, or the device's description of it makes no sense; -ENOMEM.
 */
int pci_map(struct pci_device *d, unsigned int bar, u64 offset, u64 len, void **out) __must_check;

/*
 * Interrupts: MSI-X where the device has it, each vector a line of its own whose CPU is chosen at
 * the request; else the one line that the firmware wired (INTx), which others may share. *@count
 * (in: wanted, out: there are, at least 1). -EINVAL: the device has no interrupt; -ENOMEM.
 */
int pci_irqs_begin(struct pci_device *d, unsigned int *count) __must_check;
bool pci_irqs_are_messages(const struct pci_device *d);
/* @a->handler, ctx and name are set. -ENOSPC: no vector left. */
int pci_irq_request(struct pci_device *d, unsigned int index, struct irq_action *a) __must_check;
void pci_irq_free(struct pci_device *d, unsigned int index);
/* The line of a vector that is a message and was requested; 0: it is none. */
unsigned int pci_irq_message(const struct pci_device *d, unsigned int index);
void pci_irqs_end(struct pci_device *d); /* frees those that are left */
