room := kernel/provoke
deps := kernel/file kernel/mm kernel/panic kernel/pmalloc kernel/printk kernel/procfs kernel/seq \
	kernel/slab kernel/task kernel/uaccess kernel/uio kernel/vmap
objs-$(CONFIG_PROVOKE_CRASH) := provoke.o faults.o access.o
