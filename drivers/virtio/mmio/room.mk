room := drivers/virtio/mmio
deps := drivers/acpi/bus drivers/virtio kernel/boot kernel/cmdline kernel/irq kernel/printk \
	kernel/slab kernel/vmap lib/parse
objs := mmio.o
