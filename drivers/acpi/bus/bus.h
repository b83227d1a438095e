/*
 * Devices that the firmware's tables describe, their drivers, and the machine's events.
 *
 * The names of all tables are read once at boot. A driver is a const struct in a linker section
 * with the ids that it takes (_HID, _CID). Events come by the SCI: a general-purpose event runs the
 * method that the tables name for it, which notifies devices; and the fixed power button sends
 * SIGINT to process 1, as ctrl-alt-del would. What tables say is input.
 */
#pragma once

#include <drivers/acpi/aml/aml.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kern/types.h>

struct acpi_device {
	u16 node;
	char path[40]; /* "\\_SB.VGEN" */
	const struct acpi_driver *driver;
	void *driver_data;
	struct list_head link;
};

struct acpi_driver {
	const char *name;
	const char *const *ids; /* up to a NULL */
	/* Process 1 at boot; may sleep. 0: taken; -ENODEV: not mine, silently. */
	int (*probe)(struct acpi_device *d);
	/* A kernel thread; may sleep. NULL: notifications do not matter. */
	void (*notify)(struct acpi_device *d, u64 value);
	/*
	 * Interrupt context, at every general-purpose event, before it is known whom it is for:
	 * for what must be done before anything else runs here. May be NULL.
	 */
	void (*event)(struct acpi_device *d);
};
#define ACPI_DRIVER(sym)                                         \
	static const struct acpi_driver *const acpi_driver_##sym \
		__attribute__((section(".tab.acpi_driver"), used)) = &sym

/*
 * The numbers behind the device's name @name: one, or those of a package. Returns how many, at most
 * @max; -EINVAL when it is anything else, and as aml_eval(). May sleep.
 */
int acpi_numbers(struct acpi_device *d, const char *name, u64 *out, unsigned int max) __must_check;
/* What _CRS says. The same errors. */
int acpi_resources(struct acpi_device *d, struct aml_resources *out) __must_check;
