room := kernel/irq
deps := kernel/boot kernel/cmdline kernel/lock kernel/printk kernel/procfs kernel/seq
objs := irq.o show.o
