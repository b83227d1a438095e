room := drivers/acpi/bus
deps := drivers/acpi drivers/acpi/aml kernel/boot kernel/cmdline kernel/irq kernel/lock \
	kernel/printk kernel/signal kernel/slab kernel/task kernel/work
objs := bus.o
objs-$(CONFIG_X86_64) += events.o
