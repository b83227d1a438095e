room := kernel/device
deps := kernel/lock kernel/seq kernel/printk
objs := device.o
