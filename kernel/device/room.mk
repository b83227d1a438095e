room := kernel/device
deps := kernel/lock kernel/printk kernel/seq kernel/vfs
objs := device.o
