/*
 * The system control interrupt: general-purpose events and the power button. ACPI 6.5, 4.8.
 *
 * Only events whose method names a device with a driver are switched on, so that no other part of
 * the tables ever runs.
 */
#include "bus_impl.h"

#include <asm/firmware.h>
#include <asm/io.h>
#include <drivers/acpi/acpi.h>
#include <kern/string.h>
#include <kernel/irq/irq.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/work/work.h>
#include <linux/signal.h>

#define POWER_BUTTON 0x100u /* of the PM1 registers */
#define GPE_BLOCKS 2u
#define GPE_BYTES_MAX (ACPI_GPES_MAX / 8)

struct gpe_block {
	u16 port;	    /* status bytes; as many enable bytes behind them */
	unsigned int bytes; /* 0: none */
	unsigned int first; /* number of its first event */
	u8 enabled[GPE_BYTES_MAX];
};

/* All [I] once the interrupt is requested but for the pending bits. */
static struct gpe_block blocks[GPE_BLOCKS];
static u16 method_of[ACPI_GPES_MAX];
static u8 is_edge[ACPI_GPES_MAX / 8];
static u8 pending[ACPI_GPES_MAX / 8]; /* atomic */
static u16 pm1_port;		      /* of the status half; 0: none */
static bool button_pressed;	      /* atomic */
/* The enable bytes: the interrupt and the worker, on another CPU, change bits of one. */
static struct spinlock enable_lock = SPINLOCK_INIT(LK_IRQ_LEAF);
static struct work event_work;
static struct irq_action sci_action;

static void button(void)
{
	struct process *init = process_next(1);

	pr_info("acpi: power button\n");
	if (init) {
		(void)signal_send_process(init, SIGINT, NULL);
		process_put(init);
	}
}

static struct gpe_block *block_of(unsigned int gpe)
{
	for (unsigned int i = 0; i < GPE_BLOCKS; i++) {
		if (gpe >= blocks[i].first && gpe - blocks[i].first < blocks[i].bytes * 8)
			return &blocks[i];
	}
	return NULL;
}

/* A level event was switched off by the interrupt: what raised it is served now. */
static void level_again(unsigned int gpe)
{
	struct gpe_block *b = block_of(gpe);
	unsigned int bit = gpe - b->first;
	u16 status = (u16)(b->port + bit / 8), enable = (u16)(status + b->bytes);
	unsigned long flags = spin_lock_irqsave(&enable_lock);

	outb((u8)(1u << bit % 8), status);
	outb((u8)(inb(enable) | 1u << bit % 8), enable);
	spin_unlock_irqrestore(&enable_lock, flags);
}

static void run_events(struct work *w)
{
	(void)w;
	for (unsigned int i = 0; i < sizeof(pending); i++) {
		u8 bits = __atomic_exchange_n(&pending[i], 0, __ATOMIC_ACQ_REL);

		for (unsigned int k = 0; k < 8; k++) {
			if (!(bits >> k & 1))
				continue;
			acpi_run_event(method_of[i * 8 + k]);
			if (!(is_edge[i] >> k & 1))
				level_again(i * 8 + k);
		}
	}
	if (__atomic_exchange_n(&button_pressed, false, __ATOMIC_ACQ_REL))
		button();
}

/* ---- the interrupt ---- */

static bool serve_byte(struct gpe_block *b, unsigned int i)
{
	u16 status = (u16)(b->port + i), enable = (u16)(status + b->bytes);
	u8 raised = inb(status) & b->enabled[i];
	unsigned int first = b->first + i * 8;

	if (!raised)
		return false;
	u8 level = raised & (u8)~is_edge[first / 8];

	if (level) {
		unsigned long flags = spin_lock_irqsave(&enable_lock);

		outb(inb(enable) & (u8)~level, enable);
		spin_unlock_irqrestore(&enable_lock, flags);
	}
	outb(raised & is_edge[first / 8], status);
	__atomic_fetch_or(&pending[first / 8], raised, __ATOMIC_ACQ_REL);
	return true;
}

static void tell_early(void)
{
	struct acpi_device *d;

	list_for_each_entry (d, &acpi_devices, link) {
		if (d->driver->event)
			d->driver->event(d);
	}
}

static bool serve_button(void)
{
	if (!pm1_port || !(inw(pm1_port) & POWER_BUTTON))
		return false;
	outw(POWER_BUTTON, pm1_port);
	__atomic_store_n(&button_pressed, true, __ATOMIC_RELEASE);
	return true;
}

static bool sci(void *ctx)
{
	bool any = false;

	(void)ctx;
	for (unsigned int n = 0; n < GPE_BLOCKS; n++) {
		for (unsigned int i = 0; i < blocks[n].bytes; i++)
			any |= serve_byte(&blocks[n], i);
	}
	if (any)
		tell_early();
	any |= serve_button();
	if (any)
		work_queue(&event_work);
	return any;
}

/* ---- start ---- */

static bool usable(const struct acpi_gas *g, unsigned int len)
{
	return g->addr && g->space == ACPI_SPACE_IO && len >= 2 && g->addr + len <= 0x10000;
}

/* Returns whether the block has an event that matters. */
static bool block_init(struct gpe_block *b, const struct acpi_gas *g, unsigned int len,
		       unsigned int first)
{
	bool any = false, edge;

	if (!usable(g, len) || first % 8 || first + len * 4 > ACPI_GPES_MAX)
		return false;
	b->port = (u16)g->addr;
	b->bytes = len / 2;
	b->first = first;
	for (unsigned int gpe = first; gpe < first + b->bytes * 8; gpe++) {
		u16 method = acpi_event_method(gpe, &edge);

		if (method == AML_NONE || !acpi_event_matters(method))
			continue;
		method_of[gpe] = method;
		b->enabled[(gpe - first) / 8] |= (u8)(1u << gpe % 8);
		is_edge[gpe / 8] |= (u8)(edge << gpe % 8);
		any = true;
	}
	return any;
}

/* Behind the request of the interrupt. */
static void block_start(const struct gpe_block *b)
{
	for (unsigned int i = 0; i < b->bytes; i++)
		outb(b->enabled[i], (u16)(b->port + b->bytes + i));
}

void acpi_events_init(void)
{
	const struct acpi_info *fw = arch_firmware();
	bool any = false;

	if (!fw->has_fadt || fw->hw_reduced || !fw->sci)
		return;
	if (!list_empty(&acpi_devices)) {
		any |= block_init(&blocks[0], &fw->gpe0, fw->gpe0_len, 0);
		any |= block_init(&blocks[1], &fw->gpe1, fw->gpe1_len, fw->gpe1_base);
	}
	if (fw->power_button_fixed && usable(&fw->pm1a_event, fw->pm1_event_len))
		pm1_port = (u16)fw->pm1a_event.addr;
	if (!any && !pm1_port)
		return;
	work_init(&event_work, run_events);
	sci_action = (struct irq_action){.handler = sci, .name = "acpi"};
	if (irq_request_isa(&sci_action, fw->sci)) {
		pr_err("acpi: no interrupt %u for events\n", fw->sci);
		return;
	}
	arch_firmware_take_events();
	if (pm1_port) {
		outw(POWER_BUTTON, pm1_port);
		outw(POWER_BUTTON, (u16)(pm1_port + fw->pm1_event_len / 2));
	}
	for (unsigned int n = 0; n < GPE_BLOCKS; n++)
		block_start(&blocks[n]);
}
