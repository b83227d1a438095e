/* Private to drivers/acpi/bus. */
#pragma once

#include <drivers/acpi/bus/bus.h>

#define ACPI_GPES_MAX 256u

extern struct list_head acpi_devices; /* [I] after the probes */

/* Runs a method and tells the devices that it notifies. May sleep. */
void acpi_run_event(u16 method);
/* The method of general-purpose event @gpe, and whether it is of the edge kind; AML_NONE. */
u16 acpi_event_method(unsigned int gpe, bool *edge);
/* Does the method name a device that has a driver which wants to be notified? */
bool acpi_event_matters(u16 method);

#ifdef CONFIG_X86_64
void acpi_events_init(void);
#else
static inline void acpi_events_init(void)
{
}
#endif
