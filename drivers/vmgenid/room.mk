room := drivers/vmgenid
deps := drivers/acpi/bus kernel/lock kernel/printk kernel/rng kernel/slab kernel/vmap
objs := vmgenid.o
