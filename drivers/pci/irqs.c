/*
 * Interrupts of a function: MSI-X, or the wired line.
 *
 * An entry of the table is masked but between request and free.
 */
#include "pci_impl.h"

#include <asm/io.h>
#include <kern/errno.h>
#include <kernel/irq/irq.h>
#include <kernel/slab/slab.h>
#include <kernel/vmap/vmap.h>
#include <linux/pci_regs.h>

struct pci_msix {
	u8 *table; /* NULL: the wired line */
	unsigned int count;
	struct irq_action *action[]; /* requested, or NULL */
};

static void msix_flags(struct pci_device *d, u16 clear, u16 set)
{
	u32 reg = d->cap_msix + PCI_MSIX_FLAGS;

	pci_write16(d, reg, (u16)((pci_read16(d, reg) & ~clear) | set));
}

static u8 *entry_of(struct pci_msix *m, unsigned int i)
{
	return m->table + (size_t)i * PCI_MSIX_ENTRY_SIZE;
}

static int msix_begin(struct pci_device *d, struct pci_msix *m)
{
	struct pci_msix_place at;
	void *table;

	if (!pci_read_msix(&d->config, d, &at))
		return -EINVAL;
	int err = pci_map(d, at.bar, at.offset, (u64)at.count * PCI_MSIX_ENTRY_SIZE, &table);

	if (err)
		return err;
	m->table = table;
	m->count = min(m->count, at.count);
	msix_flags(d, 0, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned int i = 0; i < at.count; i++)
		mmio_write32(entry_of(m, i) + PCI_MSIX_ENTRY_VECTOR_CTRL,
			     PCI_MSIX_ENTRY_CTRL_MASKBIT);
	msix_flags(d, PCI_MSIX_FLAGS_MASKALL, 0);
	return 0;
}

static int wired_begin(struct pci_device *d, struct pci_msix *m)
{
	if (!pci_wired_line(d))
		return -EINVAL;
	m->count = 1;
	return 0;
}

int pci_irqs_begin(struct pci_device *d, unsigned int *count)
{
	struct pci_msix *m = kzalloc(sizeof(*m) + *count * sizeof(m->action[0]));

	if (!m)
		return -ENOMEM;
	m->count = *count;
	int err = msix_begin(d, m);

	if (err == -EINVAL)
		err = wired_begin(d, m);
	if (err) {
		kfree(m);
		return err;
	}
	d->msix = m;
	*count = m->count;
	return 0;
}

bool pci_irqs_are_messages(const struct pci_device *d)
{
	return d->msix && d->msix->table;
}

/* To another CPU: only the lower half of the address differs, so the device sees one or the other.
 */
static void msix_send(const struct irq_msi *msi, void *entry)
{
	mmio_write32((u8 *)entry + PCI_MSIX_ENTRY_LOWER_ADDR, (u32)msi->addr);
}

int pci_irq_request(struct pci_device *d, unsigned int index, struct irq_action *a)
{
	struct pci_msix *m = d->msix;
	struct irq_msi msi;
	int err;

	if (index >= m->count || m->action[index])
		return -EINVAL;
	if (!m->table) {
		/* The firmware's number is that of an input of the old controller, which is the
		 * same input of the new one. */
		err = irq_request_isa(a, pci_wired_line(d));
		if (!err)
			m->action[index] = a;
		return err;
	}
	u8 *e = entry_of(m, index);

	a->send = msix_send;
	a->sender = e;
	err = irq_request_msi(a, &msi);
	if (err)
		return err;
	mmio_write32(e + PCI_MSIX_ENTRY_LOWER_ADDR, (u32)msi.addr);
	mmio_write32(e + PCI_MSIX_ENTRY_UPPER_ADDR, (u32)(msi.addr >> 32));
	mmio_write32(e + PCI_MSIX_ENTRY_DATA, msi.data);
	mmio_write32(e + PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	m->action[index] = a;
	return 0;
}

void pci_irq_free(struct pci_device *d, unsigned int index)
{
	struct pci_msix *m = d->msix;

	if (index >= m->count || !m->action[index])
		return;
	if (m->table) {
		u8 *ctrl = entry_of(m, index) + PCI_MSIX_ENTRY_VECTOR_CTRL;

		mmio_write32(ctrl, PCI_MSIX_ENTRY_CTRL_MASKBIT);
		(void)mmio_read32(ctrl); /* the device has seen it */
	}
	irq_free(m->action[index]);
	m->action[index] = NULL;
}

unsigned int pci_irq_message(const struct pci_device *d, unsigned int index)
{
	const struct pci_msix *m = d->msix;

	return m && m->table && index < m->count && m->action[index] ? m->action[index]->irq : 0;
}

void pci_irqs_end(struct pci_device *d)
{
	struct pci_msix *m = d->msix;

	if (!m)
		return;
	for (unsigned int i = 0; i < m->count; i++)
		pci_irq_free(d, i);
	if (m->table) {
		msix_flags(d, PCI_MSIX_FLAGS_ENABLE, 0);
		iounmap(m->table);
	}
	d->msix = NULL;
	kfree(m);
}
