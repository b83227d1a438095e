/*
 * A host that restores a snapshot, maybe twice, writes another 128-bit identity into the guest's
 * memory and raises an event, before the CPUs run again. "Virtual Machine Generation ID",
 * Microsoft, 2018; docs/specs/vmgenid of QEMU.
 */
#include <drivers/vmgenid/vmgenid.h>

#include <drivers/acpi/bus/bus.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/rng/rng.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>

#define ID_SIZE 16u
#define NOTIFY_CHANGED 0x80u

struct vmgenid {
	const void *id;	      /* the host writes it */
	struct spinlock lock; /* LK_IRQ_LEAF */
	u8 last[ID_SIZE];     /* lock */
};

/* A new one: what was made before must not be given out again. */
static void look(struct vmgenid *g)
{
	u8 now[ID_SIZE];
	unsigned long flags = spin_lock_irqsave(&g->lock);

	barrier();
	memcpy(now, g->id, sizeof(now));
	bool changed = memcmp(now, g->last, sizeof(now)) != 0;

	memcpy(g->last, now, sizeof(now));
	spin_unlock_irqrestore(&g->lock, flags);
	if (!changed)
		return;
	rng_snapshot_restored(now, sizeof(now));
	pr_info("vmgenid: this machine is a copy, random numbers are new\n");
}

static void vmgenid_event(struct acpi_device *d)
{
	look(d->driver_data);
}

static void vmgenid_notify(struct acpi_device *d, u64 value)
{
	if (value == NOTIFY_CHANGED)
		look(d->driver_data);
}

static int vmgenid_probe(struct acpi_device *d)
{
	u64 half[2];
	struct vmgenid *g;
	int n = acpi_numbers(d, "ADDR", half, 2);

	if (n != 2)
		return n < 0 ? n : -EINVAL;
	u64 addr = (half[0] & 0xffffffffu) | half[1] << 32;

	if (!addr || addr % 8)
		return -EINVAL;
	g = kzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	spin_init(&g->lock, LK_IRQ_LEAF);
	g->id = ioremap(addr, ID_SIZE, VMAP_WB);
	if (!g->id) {
		kfree(g);
		return -ENOMEM;
	}
	memcpy(g->last, g->id, ID_SIZE);
	rng_add_source(RNG_VMGENID, g->last, ID_SIZE, 0);
	d->driver_data = g;
	return 0;
}

static const char *const ids[] = {"VM_Gen_Counter", "VMGENCTR", NULL};

static const struct acpi_driver vmgenid_driver = {
	.name = "vmgenid",
	.ids = ids,
	.probe = vmgenid_probe,
	.notify = vmgenid_notify,
	.event = vmgenid_event,
};
ACPI_DRIVER(vmgenid_driver);
