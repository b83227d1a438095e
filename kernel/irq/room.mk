room := kernel/irq
deps := kernel/lock kernel/printk
objs := irq.o
