room := fs/devtmpfs
deps := kernel/device kernel/vfs kernel/printk kernel/lock kernel/slab fs/tmpfs
objs := devtmpfs.o
