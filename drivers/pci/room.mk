room := drivers/pci
deps := drivers/acpi kernel/boot kernel/cmdline kernel/cred kernel/file kernel/irq kernel/lock \
	kernel/printk kernel/procfs kernel/seq kernel/slab kernel/uio kernel/vfs kernel/vmap
objs := config.o access.o scan.o device.o irqs.o show.o
objs-$(CONFIG_X86_64) += ports.o
tests := config_test.o
pure-objs := config.o
pure-tests := config_test.o
fuzz := config_fuzz.o
