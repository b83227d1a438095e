room := kernel/device
deps := kernel/lock kernel/seq kernel/file kernel/vfs
objs := device.o
