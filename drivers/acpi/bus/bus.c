/* Names, devices, drivers. */
#include "bus_impl.h"

#include <asm/firmware.h>
#include <drivers/acpi/acpi.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/lock/lock.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>

#define TABLE_MAX (1u << 20)
#define HEADER 36u
#define BYTES_PER_NAME 8u /* of a table; a shorter average is met by no compiler */
#define HEAP_SIZE 8192u
#define NOTIFIED_MAX 8u
#define PRESENT 1u /* of _STA */

struct notified {
	u16 node;
	u64 value;
};

LIST_HEAD(acpi_devices);
static struct mutex aml_lock; /* LK_SLEEP_LEAF: whoever evaluates */
static struct aml aml;
static struct notified notified[NOTIFIED_MAX]; /* aml_lock: of the method that runs */
static unsigned int notified_count;	       /* aml_lock */

static void note(void *ctx, u16 node, u64 value)
{
	(void)ctx;
	if (notified_count < NOTIFIED_MAX)
		notified[notified_count++] = (struct notified){node, value};
}

/* aml_lock held. Values live until heap_put(). */
static int heap_get(void)
{
	aml.heap = kmalloc(HEAP_SIZE);
	aml.heap_size = aml.heap ? HEAP_SIZE : 0;
	notified_count = 0;
	return aml.heap ? 0 : -ENOMEM;
}

static void heap_put(void)
{
	kfree(aml.heap);
	aml.heap = NULL;
	aml.heap_size = 0;
}

/* ---- values ---- */

static int numbers_of(const struct aml_value *v, u64 *out, unsigned int max)
{
	unsigned int n;

	if (v->type == AML_INTEGER && max) {
		out[0] = v->integer;
		return 1;
	}
	if (v->type != AML_PACKAGE)
		return -EINVAL;
	for (n = 0; n < v->len && n < max; n++) {
		if (v->element[n].type != AML_INTEGER)
			return -EINVAL;
		out[n] = v->element[n].integer;
	}
	return (int)n;
}

static int numbers(u16 node, const char *name, u64 *out, unsigned int max)
{
	struct aml_value v;

	guard(mutex)(&aml_lock);
	int err = heap_get();

	if (!err)
		err = aml_eval(&aml, aml_find(&aml, node, name), &v);
	if (!err)
		err = numbers_of(&v, out, max);
	heap_put();
	return err;
}

int acpi_numbers(struct acpi_device *d, const char *name, u64 *out, unsigned int max)
{
	return numbers(d->node, name, out, max);
}

int acpi_resources(struct acpi_device *d, struct aml_resources *out)
{
	struct aml_value v = {0};

	guard(mutex)(&aml_lock);
	int err = heap_get();

	if (!err)
		err = aml_eval(&aml, aml_find(&aml, d->node, "_CRS"), &v);
	if (!err && v.type != AML_BUFFER)
		err = -EINVAL;
	if (!err)
		aml_read_resources(v.bytes, v.len, out);
	heap_put();
	return err;
}

/* ---- events ---- */

static void tell(u16 node, u64 value)
{
	struct acpi_device *d;

	list_for_each_entry (d, &acpi_devices, link) {
		if (d->node == node && d->driver->notify)
			d->driver->notify(d, value);
	}
}

void acpi_run_event(u16 method)
{
	struct notified told[NOTIFIED_MAX];
	struct aml_value unused;
	unsigned int count = 0;
	char path[40];

	mutex_lock(&aml_lock);
	int err = heap_get();

	if (!err)
		err = aml_eval(&aml, method, &unused);
	count = notified_count;
	memcpy(told, notified, sizeof(told));
	heap_put();
	mutex_unlock(&aml_lock);
	if (err) {
		aml_path(&aml, method, path, sizeof(path));
		pr_err("acpi: %s: error %d\n", path, err);
	}
	for (unsigned int i = 0; i < count; i++)
		tell(told[i].node, told[i].value);
}

u16 acpi_event_method(unsigned int gpe, bool *edge)
{
	char path[16];

	snprintf(path, sizeof(path), "\\_GPE._E%02X", gpe);
	u16 method = aml_find(&aml, 0, path);

	*edge = method != AML_NONE;
	if (*edge)
		return method;
	snprintf(path, sizeof(path), "\\_GPE._L%02X", gpe);
	return aml_find(&aml, 0, path);
}

bool acpi_event_matters(u16 method)
{
	const struct aml_node *m = &aml.node[method];
	struct acpi_device *d;

	list_for_each_entry (d, &acpi_devices, link) {
		u32 name = aml.node[d->node].name;

		if (!d->driver->notify && !d->driver->event)
			continue;
		for (u32 i = 0; i + 4 <= m->len; i++) {
			if (!memcmp(m->body + i, &name, 4))
				return true;
		}
	}
	return false;
}

/* ---- devices ---- */

extern const struct acpi_driver *const __start_acpi_driver[], *const __stop_acpi_driver[];

/* @v: an id, or a package of ids. */
static const struct acpi_driver *driver_of(const struct aml_value *v)
{
	for (u32 i = 0; v->type == AML_PACKAGE && i < v->len; i++) {
		const struct aml_value *e = &v->element[i];
		const struct acpi_driver *found = e->type == AML_PACKAGE ? NULL : driver_of(e);

		if (found)
			return found;
	}
	for (const struct acpi_driver *const *drv = __start_acpi_driver; drv < __stop_acpi_driver;
	     drv++) {
		for (const char *const *id = (*drv)->ids; *id; id++) {
			if (aml_is_id(v, *id))
				return *drv;
		}
	}
	return NULL;
}

static const struct acpi_driver *find_driver(u16 node)
{
	static const char *const names[] = {"_HID", "_CID"};
	const struct acpi_driver *found = NULL;
	struct aml_value v;

	guard(mutex)(&aml_lock);
	if (heap_get())
		return NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(names) && !found; i++) {
		if (!aml_eval(&aml, aml_find(&aml, node, names[i]), &v))
			found = driver_of(&v);
	}
	heap_put();
	return found;
}

static void try_device(u16 node)
{
	const struct acpi_driver *drv = find_driver(node);
	struct acpi_device *d;
	u64 sta;
	int err;

	if (!drv || (numbers(node, "_STA", &sta, 1) == 1 && !(sta & PRESENT)))
		return;
	d = kzalloc(sizeof(*d));
	if (!d)
		return;
	d->node = node;
	d->driver = drv;
	aml_path(&aml, node, d->path, sizeof(d->path));
	err = drv->probe(d);
	if (!err) {
		list_add_tail(&d->link, &acpi_devices);
		return;
	}
	if (err != -ENODEV)
		pr_err("acpi: %s: %s does not take it (error %d)\n", d->path, drv->name, err);
	kfree(d);
}

/* ---- tables ---- */

/* The table as a whole, or NULL; it stays where it is. Its checksum was good at start-up. */
static const u8 *table_at(u64 phys, u32 *len)
{
	const u8 *t = phys ? arch_firmware_table(phys, HEADER) : NULL;

	if (!t)
		return NULL;
	memcpy(len, t + 4, sizeof(*len));
	if (*len < HEADER || *len > TABLE_MAX)
		return NULL;
	return arch_firmware_table(phys, *len);
}

static u64 table_phys(unsigned int i)
{
	const struct acpi_info *fw = arch_firmware();

	return i ? fw->ssdt[i - 1] : fw->dsdt;
}

static int load_tables(void)
{
	unsigned int count = arch_firmware()->ssdt_count + 1;
	struct aml_node *nodes;
	u32 len, total = 0;
	const u8 *t;

	for (unsigned int i = 0; i < count; i++)
		total += table_at(table_phys(i), &len) ? len : 0;
	if (!total)
		return -ENOENT;
	u32 max = total / BYTES_PER_NAME + 16;

	nodes = kvmalloc(max * sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		return -ENOMEM;
	aml_init(&aml, nodes, max, NULL, 0);
	aml.notify = note;
	for (unsigned int i = 0; i < count; i++) {
		t = table_at(table_phys(i), &len);
		int err = t ? aml_load(&aml, t, len) : 0;

		if (err)
			pr_debug("acpi: table %u is not understood as a whole (error %d)\n", i,
				 err);
	}
	return 0;
}

static void acpi_bus_init(void)
{
	char word[8];

	mutex_init(&aml_lock, LK_SLEEP_LEAF);
	if (cmdline_value("acpi", word, sizeof(word)) && !strcmp(word, "off"))
		return;
	if (!load_tables()) {
		for (u16 n = aml_next_device(&aml, AML_NONE); n != AML_NONE;
		     n = aml_next_device(&aml, n))
			try_device(n);
		if (list_empty(&acpi_devices)) {
			kvfree(aml.node);
			aml.node = NULL;
		}
	}
	acpi_events_init();
}
INITCALL(acpi_bus_init);
