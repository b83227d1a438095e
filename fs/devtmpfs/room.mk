room := fs/devtmpfs
deps := fs/tmpfs kernel/boot kernel/device kernel/lock kernel/printk kernel/vfs
objs := devtmpfs.o
